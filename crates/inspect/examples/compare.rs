//! Compares two files under the name of the first, and prints what differs: the verdict of files that one already has.
//!
//! `cargo run -p trustmill-inspect --example compare PUBLISHED REBUILT [NAME]`

use std::error::Error;
use trustmill_inspect::archive::Limits;
use trustmill_inspect::compare::compare;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(published), Some(rebuilt)) = (args.next(), args.next()) else {
        return Err("usage: compare PUBLISHED REBUILT [NAME]".into());
    };
    let name = args.next().unwrap_or_else(|| published.rsplit('/').next().unwrap_or_default().to_owned());
    let (published, rebuilt) = (std::fs::read(published)?.into(), std::fs::read(rebuilt)?.into());
    let found = compare(&name, &published, &rebuilt, &Limits::default())?;
    println!("{name}: {}", found.verdict);
    for difference in &found.differences {
        let mark = if difference.alarming { "!" } else { " " };
        println!("{mark} {} {}: {}", difference.class.as_str(), difference.member, difference.detail);
    }
    Ok(())
}
