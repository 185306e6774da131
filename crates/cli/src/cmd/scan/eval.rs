//! `trustmill scan --eval`: how often the scanner is right, on a set that somebody labelled.

use crate::cmd::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::to_json;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use trustmill_core::port::Coded;
use trustmill_evaluate::label::{Label, Part};
use trustmill_evaluate::measure::{Options, measure};
use trustmill_evaluate::set::{SetError, folder, git};
use trustmill_evaluate::{render, summary};

/// Which set is measured, and how.
#[derive(Args)]
#[command(next_help_heading = "Measuring")]
pub(super) struct Eval {
    /// Measure a folder of labelled packages, and scan nothing else (docs/scanner-evaluation.md has the layout)
    #[arg(long, value_name = "FOLDER", conflicts_with = "target")]
    eval: Option<PathBuf>,
    /// Measure the newest commit of a bare git repository, without writing anything of it
    #[arg(long, value_name = "REPOSITORY", conflicts_with_all = ["target", "eval"])]
    eval_git: Option<PathBuf>,
    /// The label of what has none by its path, in a repository
    #[arg(long, value_enum, requires = "eval_git")]
    label: Option<Word>,
    /// Only files below this folder of a repository
    #[arg(long, value_name = "FOLDER", requires = "eval_git", default_value = "")]
    below: String,
    /// Only what was added to a repository on this day or later
    #[arg(long, value_name = "YYYY-MM-DD", requires = "eval_git")]
    since: Option<String>,
    /// Only what was added to a repository before this day
    #[arg(long, value_name = "YYYY-MM-DD", requires = "eval_git")]
    until: Option<String>,
    /// Only one half of the projects: the one that may be looked at, or the one that is only counted
    #[arg(long, value_enum, value_name = "PART")]
    part: Option<Half>,
    /// Count packages once whose code is the same but for names, versions and blanks
    #[arg(long)]
    distinct: bool,
    /// Compare nothing with the release before
    #[arg(long)]
    alone: bool,
    /// Threads [default: one per core]
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Name every package that was judged wrongly, and why
    #[arg(long)]
    list: bool,
}

/// A label on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Word {
    /// It does harm
    Malicious,
    /// It does not
    Benign,
}

/// A part of a set on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    /// May be looked at
    Work,
    /// Is only counted
    HeldOut,
}

/// Why a set cannot be measured.
#[derive(Debug, thiserror::Error)]
enum EvalError {
    /// The set.
    #[error("the set cannot be measured")]
    Set(#[from] SetError),
    /// What is held out would be shown.
    #[error("--list would show what is held out")]
    Shown,
}

impl Coded for EvalError {
    fn code(&self) -> &'static str {
        "TM1011"
    }

    fn help(&self) -> String {
        match self {
            Self::Set(_) => "lay the packages out as docs/scanner-evaluation.md says".into(),
            Self::Shown => "leave --list away, or take --part work".into(),
        }
    }
}

impl Eval {
    /// Measures the set that was named; `None` where none was.
    pub(super) fn run(&self, global: &Global) -> Option<Result<Exit, Failure>> {
        let items = match (&self.eval, &self.eval_git) {
            (Some(set), _) => folder::items(set),
            (None, Some(repository)) => git::items(repository, &self.wanted()),
            (None, None) => return None,
        };
        let usage = |error| Failure::new(Exit::Usage, error);
        if self.list && self.part == Some(Half::HeldOut) {
            return Some(Err(usage(EvalError::Shown)));
        }
        Some(items.map_err(|error| usage(EvalError::Set(error))).map(|items| {
            let measured = measure(&items, self.options());
            let summary = summary::summary(&measured);
            if global.json {
                to_json(&summary);
            } else {
                crate::out::write(&render::text(&summary, &measured, self.list));
            }
            Exit::Success
        }))
    }

    fn wanted(&self) -> git::Wanted {
        git::Wanted {
            label: self.label.map(|word| match word {
                Word::Malicious => Label::Malicious,
                Word::Benign => Label::Benign,
            }),
            below: self.below.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
        }
    }

    fn options(&self) -> Options {
        let part = match self.part {
            None => Part::All,
            Some(Half::Work) => Part::Work,
            Some(Half::HeldOut) => Part::HeldOut,
        };
        Options { part, distinct: self.distinct, alone: self.alone, threads: self.threads }
    }
}
