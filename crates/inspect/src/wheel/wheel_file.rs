//! `WHEEL` (PyPA "Binary distribution format", "File contents").

use super::headers::{Headers, HeadersError};
use std::collections::BTreeSet;
use trustmill_core::port::Coded;

/// Why `WHEEL` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WheelFileError {
    /// It is no header file.
    #[error("WHEEL is no block of header fields")]
    Headers(#[source] HeadersError),
    /// A field that has to be there once is not, or has an unknown value.
    #[error("WHEEL has not just one valid {field} field")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// A major version of the format that is not known; the specification tells installers to abort.
    #[error("WHEEL states the format {version:?}; 1.x is read")]
    Version {
        /// The version, cut.
        version: String,
    },
}

impl Coded for WheelFileError {
    fn code(&self) -> &'static str {
        "TM0355"
    }

    fn help(&self) -> String {
        "an installer refuses this wheel too; report it to its publisher".into()
    }
}

/// A parsed `WHEEL` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelFile {
    /// What wrote it: `setuptools (80.9.0)`.
    pub generator: Option<String>,
    /// Whether the root goes to `purelib`.
    pub root_is_purelib: bool,
    /// The expanded tags.
    pub tags: BTreeSet<String>,
    /// The build tag.
    pub build: Option<String>,
}

impl WheelFile {
    /// Parses `WHEEL`.
    ///
    /// # Errors
    /// [`WheelFileError`]: malformed, without the required fields, or of an unknown major version.
    pub fn parse(bytes: &[u8]) -> Result<Self, WheelFileError> {
        let headers = Headers::parse(bytes).map_err(WheelFileError::Headers)?;
        let once = |field: &'static str| {
            let mut values = headers.all(field);
            let value = values.next().ok_or(WheelFileError::Field { field })?;
            if values.next().is_some() { Err(WheelFileError::Field { field }) } else { Ok(value) }
        };
        let version = once("Wheel-Version")?;
        if version.split_once('.').is_none_or(|(major, minor)| major != "1" || minor.parse::<u32>().is_err())
        {
            return Err(WheelFileError::Version { version: version.chars().take(20).collect() });
        }
        let root_is_purelib = match once("Root-Is-Purelib")?.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(WheelFileError::Field { field: "Root-Is-Purelib" }),
        };
        let tags: BTreeSet<String> = headers.all("Tag").map(str::to_owned).collect();
        if tags.is_empty() {
            return Err(WheelFileError::Field { field: "Tag" });
        }
        Ok(Self {
            generator: headers.first("Generator").map(str::to_owned),
            root_is_purelib,
            tags,
            build: headers.first("Build").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_read() {
        let text = "Wheel-Version: 1.0\nGenerator: x (1)\nRoot-Is-Purelib: true\nTag: py3-none-any\nTag: py2-none-any\n";
        let wheel = WheelFile::parse(text.as_bytes()).unwrap();
        assert!(wheel.root_is_purelib && wheel.tags.len() == 2 && wheel.build.is_none());
        assert_eq!(wheel.generator.as_deref(), Some("x (1)"));
    }

    #[test]
    fn what_an_installer_refuses_is_refused() {
        let good = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
        assert!(WheelFile::parse(good.as_bytes()).is_ok());
        for (from, to) in [
            ("1.0", "2.0"),
            ("1.0", "1"),
            ("true", "yes"),
            ("Tag", "Tug"),
            ("Root-Is-Purelib: true", "Wheel-Version: 1.0"),
            ("Wheel-Version: 1.0\n", ""),
            ("Tag: ", "Tag "),
        ] {
            let error = WheelFile::parse(good.replace(from, to).as_bytes()).unwrap_err();
            assert_eq!(error.code(), "TM0355", "{from} -> {to}");
        }
    }
}
