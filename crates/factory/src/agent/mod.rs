//! One loop in which a model works on a repair with narrow tools, until the oracle takes what it submits.
//!
//! The model decides nothing: tools refuse what a repair may not touch, the oracle judges, budgets end it. What it said
//! is written down before anything follows from it, so that a loop that was killed goes on where it was and asks for no
//! turn twice.

mod budget;
mod prompt;
mod session;
mod shorten;
mod tools;
mod transcript;
mod workbench;

pub use prompt::{Datum, Task, prompt_of};
pub use session::{Ended, Overhead, Session, SessionError};
pub use tools::unified;
pub use transcript::{Begun, Outline, SessionId, Step, StepFact, StoredPatch, Transcript, TranscriptError};
pub use workbench::{BenchError, Built, Similar, SolvedCase, Workbench};
