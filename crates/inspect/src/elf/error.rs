//! Why an ELF file is refused.

/// Why an ELF file is refused. It is a finding of the comparison, not an error of an operation: so it has no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// Not what the mill's machines load.
    #[error("it is no linked 64-bit little-endian ELF file")]
    Unsupported,
    /// It has no section table.
    #[error("its section table was removed")]
    NoSections,
    /// More of something than any linker writes.
    #[error("it has more {0} than are read")]
    TooMany(&'static str),
    /// A table or string that cannot be read.
    #[error("its {0} cannot be read")]
    Malformed(&'static str),
    /// The two views of the file disagree.
    #[error("its section table does not describe what a loader maps: {0}")]
    Disagrees(&'static str),
}
