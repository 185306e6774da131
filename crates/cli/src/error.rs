//! How a failure reaches the person: code, what, where, cause, what to do; the chain is printed once, here.

use crate::exit::Exit;
use crate::out::{complain, say};
use std::error::Error;
use trustmill_core::port::Coded;

/// A failure that ends the process.
pub(crate) struct Failure {
    exit: Exit,
    code: &'static str,
    help: String,
    error: Box<dyn Error>,
    json: bool,
}

impl Failure {
    /// A failure with an exit code of its own.
    pub(crate) fn new(exit: Exit, error: impl Coded + 'static) -> Self {
        Self { exit, code: error.code(), help: error.help(), error: Box::new(error), json: false }
    }

    /// The same failure, reported as JSON.
    pub(crate) fn in_json(mut self, json: bool) -> Self {
        self.json = json;
        self
    }

    /// Prints it to standard error (or as JSON to standard output) and says how to exit.
    pub(crate) fn report(self) -> Exit {
        let mut causes = Vec::new();
        let mut source = self.error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        if self.json {
            let body = serde_json::json!({ "error": {
                "code": self.code, "message": self.error.to_string(), "causes": causes, "help": self.help,
            }});
            say!("{body}");
        } else {
            complain!("error[{}]: {}", self.code, self.error);
            for cause in &causes {
                complain!("  because: {cause}");
            }
            complain!("  help: {}", self.help);
        }
        self.exit
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}] {}: {}", self.code, self.error, self.help)
    }
}

/// Errors of the world around: the usual exit code.
impl<E: Coded + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(Exit::Infrastructure, error)
    }
}
