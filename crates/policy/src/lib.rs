//! Policies: what may be handed out to whom, and what agents may do, decided by Cedar behind types of our own.
//!
//! This is the only crate that names Cedar. A policy sees the attributes that [`attribute`] describes, and nothing
//! else; [`schema`] writes the same description for Cedar's type checker and for readers. [`PolicySet`] differs from
//! plain Cedar in two ways: a policy says what becomes of a release that it forbids (`@effect`), and a policy that
//! cannot be evaluated refuses, where Cedar would skip it. [`calls`] is the same for tool calls of agents.

mod ages;
pub mod attribute;
pub mod calls;
pub mod cases;
mod engine;
mod entity;
mod load;
mod problem;
pub mod schema;
pub mod shipped;
mod template;

pub use attribute::{Facts, Settings};
pub use engine::{Fired, Outcome, PolicySet};
pub use load::{Rule, Source};
pub use problem::{PolicyProblem, PolicyProblems};

use serde::{Deserialize, Serialize};

/// Whether policies refuse, or only tell what they would have refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It is as if it were not there.
    Off,
    /// It decides, and what it refuses is handed out with a warning.
    Preview,
    /// It decides.
    #[default]
    Enforce,
}

impl Mode {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Preview => "preview",
            Self::Enforce => "enforce",
        }
    }
}
