//! Makes hijacked releases out of good ones, to measure how many of them are seen: `hijack SET OUT --part work|held-out
//! [--fresh] [--each N] [--seed N]`.
//!
//! A pair of the set (`NAME/previous.EXT`, `NAME/current.EXT`) becomes N pairs in `OUT/malicious`, whose newer release
//! has one behaviour of a real hijack put in, in a form drawn by the seed: names, encodings, libraries, places. Hosts
//! are reserved names and addresses (RFC 2606, RFC 5737), so that nothing that comes out could reach anybody. The forms
//! of one part are other texts than those of the other: rules are mended while looking at `work` and judged by
//! `held-out`.

mod archive;
mod cargo;
mod draw;
mod fresh;
mod npm;
mod pypi;
mod quiet;
mod script;

use archive::Release;
use draw::Draw;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use trustmill_core::port::scanner::Context;
use trustmill_evaluate::label::Part;
use trustmill_evaluate::set::{Item, Source, folder};

/// A behaviour in one form: changes a release, or says that this release has no place for it.
pub(crate) struct Form {
    /// Its name, in the name of what comes out.
    pub(crate) name: &'static str,
    /// Whether it is kept from those who write rules.
    pub(crate) held_out: bool,
    /// Puts it in.
    pub(crate) put: fn(&mut Release, &mut Draw, &mut Context) -> Option<()>,
}

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(made) => {
            println!("{made} hijacked releases");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<usize, String> {
    let (mut paths, mut part, mut only_fresh, mut each, mut seed) = (Vec::new(), Part::Work, false, 3, 1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|n| n.parse().ok()).ok_or("a number is wanted");
        match argument.as_str() {
            "--each" => each = number()?,
            "--fresh" => only_fresh = true,
            "--seed" => seed = number()?,
            "--part" => {
                part = if arguments.next().as_deref() == Some("work") { Part::Work } else { Part::HeldOut };
            }
            _ => paths.push(PathBuf::from(argument)),
        }
    }
    let [set, out] = <[PathBuf; 2]>::try_from(paths).map_err(|_| "a set and a folder for what is made")?;
    let items = folder::items(&set).map_err(|error| error.to_string())?;
    let mut made = 0;
    for item in items.iter().filter(|item| item.previous.is_some()) {
        made += hijack(item, &out, part, only_fresh, each, seed)
            .map_err(|error| format!("{}: {error}", item.path))?;
    }
    Ok(made)
}

fn hijack(
    item: &Item,
    out: &Path,
    part: Part,
    only_fresh: bool,
    each: u64,
    seed: u64,
) -> std::io::Result<usize> {
    let groups = match item.ecosystem.as_str() {
        "npm" => [npm::FORMS, quiet::NPM, fresh::NPM],
        "pypi" => [pypi::FORMS, quiet::PYPI, fresh::PYPI],
        _ => [cargo::FORMS, quiet::CARGO, fresh::CARGO],
    };
    let groups = groups.into_iter().skip(if only_fresh { 2 } else { 0 });
    let forms: Vec<&Form> =
        groups.flatten().filter(|form| form.held_out == (part == Part::HeldOut)).collect();
    let (Source::File(current), Some((_, Source::File(previous)))) = (&item.current, &item.previous) else {
        return Ok(0);
    };
    let Some(good) = Release::read(current) else { return Ok(0) };
    let mut draw = Draw::new(&item.path, seed);
    let (mut made, mut tries) = (0, 0);
    while made < each && tries < each * 4 {
        tries += 1;
        let form = draw.of(&forms);
        let (mut release, mut context) = (good.clone(), Context::default());
        let folder = out
            .join("malicious")
            .join(&item.ecosystem)
            .join(format!("{}+{}@{}", item.name, form.name, item.version));
        if folder.exists() || (form.put)(&mut release, &mut draw, &mut context).is_none() {
            continue;
        }
        std::fs::create_dir_all(&folder)?;
        let file = |path: &Path| folder.join(path.file_name().unwrap_or_default());
        std::fs::write(file(current), release.write()?)?;
        std::fs::copy(previous, file(previous))?;
        if context != Context::default() {
            std::fs::write(folder.join("context.json"), serde_json::to_vec(&context)?)?;
        }
        made += 1;
    }
    Ok(usize::try_from(made).unwrap_or(0))
}
