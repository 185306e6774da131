//! YARA rules beside the scanner's own: a few that ship with the mill, and those of folders that an operator names.
//!
//! The language is that of [YARA-X](https://virustotal.github.io/yara-x/). [`Sources`] are what was read from folders:
//! the mill compiles them once to say what is wrong with them, and tells them to the scanner's workers, which compile
//! them once they are locked in. There conditions are interpreted: a worker has no memory that can be executed.
//!
//! What a rule says of itself in its `meta` is heard:
//!
//! | key | is | otherwise |
//! |---|---|---|
//! | `description` | what was found, in one line | "matches the YARA rule NAME" |
//! | `look` | what a person looks at | the rule |
//! | `score` or `weight` | how much it says, from 1 to 100 | 70, which holds |
//! | `family` | the family of its evidence; it is weighed as the scanner's own rules are | `custom`: weighed as it says |

mod sources;
#[cfg(test)]
mod tests;

pub use sources::{Source, Sources};

use std::fmt;
use std::path::PathBuf;
use trustmill_core::port::Coded;
use trustmill_core::scan::{Family, Finding};
use trustmill_scan::package::Package;
use trustmill_scan::rules::added::{Added, Hit};
use yara_x::{Compiler, MetaValue, Rule, Scanner, SourceCode};

/// What a rule without a score weighs: enough to hold.
const WEIGHT: u8 = 70;
/// Matches of one pattern in one file that are kept: more say the same.
const MATCHES: usize = 64;
/// Findings of one file: a rule set that says more of it says nothing.
const FINDINGS: usize = 32;
/// What rules of others ask for by these names: where the file is. What is not known is empty.
const GLOBALS: [&str; 5] = ["filename", "filepath", "extension", "filetype", "owner"];

/// Rules that are compiled.
pub struct Rules {
    rules: yara_x::Rules,
    version: String,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Rules {
    /// Compiles them. Each file is a namespace of its own, so that two may use the same names.
    ///
    /// # Errors
    /// One of them is not YARA, or uses what is not there.
    pub fn compile(sources: &Sources) -> Result<Self, YaraError> {
        let mut compiler = Compiler::new();
        compiler.relaxed_re_syntax(true).enable_includes(false).colorize_errors(false);
        for global in GLOBALS {
            compiler
                .define_global(global, "")
                .map_err(|error| YaraError::Rule { file: global.to_owned(), why: error.to_string() })?;
        }
        for source in sources.all() {
            compiler.new_namespace(&source.name);
            compiler
                .add_source(SourceCode::from(source.text.as_str()).with_origin(source.name.as_str()))
                .map_err(|error| YaraError::Rule { file: source.name.clone(), why: error.to_string() })?;
        }
        Ok(Self { rules: compiler.build(), version: sources.version() })
    }

    /// What those that report say of themselves.
    pub fn all(&self) -> impl Iterator<Item = Hit> {
        self.rules.iter().filter(|rule| !rule.is_private()).map(|rule| said(&rule))
    }
}

impl Added for Rules {
    fn version(&self) -> &str {
        &self.version
    }

    fn judge(&self, package: &Package) -> Result<Vec<Finding>, String> {
        let mut scanner = Scanner::new(&self.rules);
        // No limit of time: a clock would let two machines say different things. Whoever waits for the worker has one.
        scanner.max_matches_per_pattern(MATCHES);
        let mut findings = Vec::new();
        for file in &package.files {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
            for (global, value) in [("filename", name), ("filepath", &file.path), ("extension", extension)] {
                scanner.set_global(global, value).map_err(|error| error.to_string())?;
            }
            let results = scanner.scan(&file.bytes).map_err(|error| error.to_string())?;
            let hits = results
                .matching_rules()
                .take(FINDINGS)
                .map(|rule| Hit { at: first_match(&rule), ..said(&rule) }.in_file(file));
            findings.extend(hits);
        }
        Ok(findings)
    }
}

/// What a rule says of itself. Its id is that of no rule of the scanner.
fn said(rule: &Rule<'_, '_>) -> Hit {
    let name = rule.identifier();
    let mut hit = Hit {
        rule: format!("yara:{name}"),
        family: Family::Custom,
        weight: WEIGHT,
        what: format!("matches the YARA rule {name}"),
        look: format!("the rule {name} ({})", rule.namespace()),
        at: None,
    };
    for (key, value) in rule.metadata() {
        // A text with an escape in it comes as bytes.
        let text = match &value {
            MetaValue::String(text) => one_line(text),
            MetaValue::Bytes(bytes) => one_line(&bytes.to_string()),
            _ => String::new(),
        };
        match (key, value) {
            ("description", _) if !text.is_empty() => hit.what = text,
            ("look", _) if !text.is_empty() => hit.look = text,
            ("score" | "weight", MetaValue::Integer(weight)) => {
                hit.weight = u8::try_from(weight.clamp(1, 100)).unwrap_or(WEIGHT);
            }
            ("family", _) => {
                hit.family = Family::ALL.into_iter().find(|it| it.as_str() == text).unwrap_or(Family::Custom);
            }
            _ => {}
        }
    }
    hit
}

fn first_match(rule: &Rule<'_, '_>) -> Option<u32> {
    let starts = rule.patterns().filter_map(|pattern| pattern.matches().next().map(|it| it.range().start));
    starts.min().and_then(|start| u32::try_from(start).ok())
}

/// The most characters of a line that a rule says of itself.
const LINE: usize = 200;

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LINE).collect()
}

/// What is wrong with rules.
#[derive(Debug, thiserror::Error)]
pub enum YaraError {
    /// A folder or a file cannot be read.
    #[error("YARA rules: {path}: {why}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Not YARA.
    #[error("YARA rules: {file} does not compile:\n{why}")]
    Rule {
        /// The file.
        file: String,
        /// What the compiler says.
        why: String,
    },
}

impl Coded for YaraError {
    fn code(&self) -> &'static str {
        "TM1012"
    }

    fn help(&self) -> String {
        match self {
            Self::Read { .. } => {
                "`[scanner] yara` names folders of .yar and .yara files, or such files".into()
            }
            Self::Rule { .. } => {
                "mend the rule or take its file out of the folder: with rules missing nothing is scanned"
                    .into()
            }
        }
    }
}
