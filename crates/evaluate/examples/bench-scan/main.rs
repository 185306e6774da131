//! `cargo xtask bench scan SET [--git] [--label malicious] [--below FOLDER] [--since DAY] [--until DAY]
//! [--part work|held-out] [--distinct] [--alone] [--threads N] [--list] [--json] [--beside GUARDDOG [--every N]]`: what
//! the scanner costs, and how often it is right, without the process around it; and another scanner beside it.

mod beside;

use std::path::PathBuf;
use std::process::ExitCode;
use trustmill_evaluate::label::{Label, Part};
use trustmill_evaluate::measure::{Options, measure};
use trustmill_evaluate::set::{folder, git};
use trustmill_evaluate::{render, summary};

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut set, mut in_git, mut list, mut json) = (None, false, false, false);
    let (mut other, mut every) = (None::<PathBuf>, 1);
    let (mut wanted, mut options) = (git::Wanted::default(), Options::default());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value"));
        match argument.as_str() {
            "--git" => in_git = true,
            "--list" => list = true,
            "--json" => json = true,
            "--distinct" => options.distinct = true,
            "--alone" => options.alone = true,
            "--threads" => options.threads = value()?.parse().map_err(|_| "--threads wants a number")?,
            "--label" => wanted.label = Some(Label::from_word(&value()?).ok_or("no such label")?),
            "--beside" => other = Some(PathBuf::from(value()?)),
            "--every" => every = value()?.parse().map_err(|_| "--every wants a number")?,
            "--below" => wanted.below = value()?,
            "--since" => wanted.since = Some(value()?),
            "--until" => wanted.until = Some(value()?),
            "--part" => options.part = if value()? == "work" { Part::Work } else { Part::HeldOut },
            other => set = Some(PathBuf::from(other)),
        }
    }
    if list && options.part == Part::HeldOut {
        return Err("what is held out is only counted: --list would show it".into());
    }
    let set = set.ok_or("which set?")?;
    let items = if in_git { git::items(&set, &wanted) } else { folder::items(&set) };
    let items = items.map_err(|error| error.to_string())?;
    let measured = measure(&items, options);
    let summary = summary::summary(&measured);
    if json {
        println!("{}", serde_json::to_string_pretty(&summary).map_err(|error| error.to_string())?);
    } else {
        print!("{}", render::text(&summary, &measured, list));
    }
    if let Some(other) = other {
        print!("{}", beside::compare(&other, &items, &measured, every)?);
    }
    Ok(())
}
