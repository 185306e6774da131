//! The files of a wheel that mean something, by PyPA's "Binary distribution format" and "Core metadata".

pub mod entry_points;
pub mod filename;
pub mod headers;
pub mod metadata;
pub mod record;
pub mod requirement;
pub mod wheel_file;

pub use filename::WheelName;
pub use headers::Headers;
pub use metadata::Metadata;
pub use record::{RecordProblem, check as check_record};
pub use wheel_file::WheelFile;

/// Whether `path` is the file `name` at the root of a `*.dist-info` folder.
pub fn is_dist_info(path: &str, name: &str) -> bool {
    path.split_once('/').is_some_and(|(top, file)| top.ends_with(".dist-info") && file == name)
}
