//! What is odd about a container: what two readers may read in two ways, or what hides from a person.

/// A kind of oddity. How much each weighs, and which ones honest packages have, is said in
/// [`odd_archive`](crate::rules).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Odd {
    /// The strict reader refuses it; what is wrong is said by others where it is known.
    Refused,
    /// A limit of bytes, members or ratio ended the reading: there is more that nobody looked at.
    Bomb,
    /// A member is larger than what is looked at, and was cut.
    CutShort,
    /// An archive within itself.
    Quine,
    /// An archive that is nested too deep to be opened.
    TooDeep,
    /// It ends before it should.
    Truncated,
    /// A compressed stream or a checksum is wrong.
    Corrupt,
    /// There is something after its end.
    Trailing,
    /// There is something before its beginning.
    Prefixed,
    /// There are bytes between members that belong to none.
    Gap,
    /// It is an archive of two formats at once.
    Polyglot,
    /// Its directory and its members' own headers say different things.
    Disagreement,
    /// Two members have one name and different contents.
    DuplicateName,
    /// A member is encrypted.
    Encrypted,
    /// A member is compressed in a way that is not read.
    Method,
    /// A link to another member.
    Link,
    /// A link to outside.
    LinkLeaves,
    /// A device, pipe or socket.
    Device,
    /// A setuid, setgid or sticky bit.
    SpecialMode,
    /// Members lie beside the top folder, or there is none.
    NoTopFolder,
    /// A name that leads out of the folder that it is unpacked to.
    EscapingName,
    /// A name with a backslash.
    BackslashName,
    /// A name that reorders its characters for whoever looks at it.
    BidiName,
    /// A name with characters that nobody sees.
    InvisibleName,
    /// A name with control characters.
    ControlName,
    /// A name that begins or ends with a space, or has a long run of them.
    SpacedName,
    /// A name that a program may take for an option.
    OptionName,
    /// A name that is longer than any system takes.
    LongName,
    /// A key that stands twice in one object of a manifest.
    DuplicateKey,
}

impl Odd {
    /// Every kind.
    pub const ALL: [Self; 29] = [
        Self::Refused,
        Self::Bomb,
        Self::CutShort,
        Self::Quine,
        Self::TooDeep,
        Self::Truncated,
        Self::Corrupt,
        Self::Trailing,
        Self::Prefixed,
        Self::Gap,
        Self::Polyglot,
        Self::Disagreement,
        Self::DuplicateName,
        Self::Encrypted,
        Self::Method,
        Self::Link,
        Self::LinkLeaves,
        Self::Device,
        Self::SpecialMode,
        Self::NoTopFolder,
        Self::EscapingName,
        Self::BackslashName,
        Self::BidiName,
        Self::InvisibleName,
        Self::ControlName,
        Self::SpacedName,
        Self::OptionName,
        Self::LongName,
        Self::DuplicateKey,
    ];

    /// A stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Bomb => "bomb",
            Self::CutShort => "cut-short",
            Self::Quine => "quine",
            Self::TooDeep => "too-deep",
            Self::Truncated => "truncated",
            Self::Corrupt => "corrupt",
            Self::Trailing => "trailing",
            Self::Prefixed => "prefixed",
            Self::Gap => "gap",
            Self::Polyglot => "polyglot",
            Self::Disagreement => "disagreement",
            Self::DuplicateName => "duplicate-name",
            Self::Encrypted => "encrypted",
            Self::Method => "method",
            Self::Link => "link",
            Self::LinkLeaves => "link-leaves",
            Self::Device => "device",
            Self::SpecialMode => "special-mode",
            Self::NoTopFolder => "no-top-folder",
            Self::EscapingName => "escaping-name",
            Self::BackslashName => "backslash-name",
            Self::BidiName => "bidi-name",
            Self::InvisibleName => "invisible-name",
            Self::ControlName => "control-name",
            Self::SpacedName => "spaced-name",
            Self::OptionName => "option-name",
            Self::LongName => "long-name",
            Self::DuplicateKey => "duplicate-key",
        }
    }
}

/// Something about the container that two readers may read in two ways, or that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oddity {
    /// What kind.
    pub kind: Odd,
    /// What, in one line.
    pub what: String,
    /// The archive or member.
    pub path: String,
    /// How many archives are around it: 0 for the published file itself.
    pub depth: u8,
}
