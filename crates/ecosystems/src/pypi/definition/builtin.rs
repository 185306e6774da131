//! The definitions that the program carries: one line per file, so that a changed file is a changed program.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../../definitions/", $path)))),*]
    };
}

/// Path below `definitions/`, and text.
pub(super) const FILES: &[(&str, &str)] = files![
    "pypi/boto3/old-wheel.toml",
    "pypi/s3transfer/old-wheel.toml",
    "pypi/sqlalchemy/without-cython.toml",
];
