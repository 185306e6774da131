//! The table that ends `trustmill secure`.

use super::{clean, table};
use crate::cmd::{Row, Summary};
use crate::config::Config;
use std::path::PathBuf;
use trustmill_core::Verdict;

/// Prints rows, what needs a look, the counts, and the lines to paste.
pub(crate) fn print(summary: &Summary, config: &Config, files: &[PathBuf]) {
    println!("{}", rows(&summary.rows));
    let weak: Vec<_> = summary.rows.iter().filter(|row| needs_a_look(row)).collect();
    if !weak.is_empty() {
        println!("\nworth a look:");
        for row in weak {
            let gate = row.gate.as_ref().map(|why| format!(" [gate: {why}]")).unwrap_or_default();
            println!("  {}  {}{gate}", row.purl, clean(&row.detail));
        }
    }
    for skipped in &summary.skipped {
        println!("  not secured: {} ({}): {}", clean(&skipped.entry), skipped.origin, skipped.why);
    }
    println!("\n{}", totals(summary));
    println!("\nto install from the mill, run `trustmill up` and then:");
    let index = format!("http://{}/pypi/simple/", config.serve.listen);
    for file in files {
        println!("  {}", install_line(&index, file));
    }
}

fn rows(rows: &[Row]) -> String {
    let mut table = table::new(&["package", "version", "verdict", "served by", "time"]);
    for row in rows {
        table.add_row(vec![
            row.purl.name().into(),
            row.purl.version().unwrap_or_default().into(),
            table::verdict(row.verdict),
            row.serves.as_str().into(),
            format!("{}.{} s", row.millis / 1000, row.millis % 1000 / 100).into(),
        ]);
    }
    table.trim_fmt()
}

/// Whether a row's sentence is shown: everything but proven bytes and platform builds left alone.
fn needs_a_look(row: &Row) -> bool {
    row.gate.is_some()
        || match row.verdict {
            None => true,
            Some(Verdict::Identical | Verdict::Replayed | Verdict::NotAttempted) => false,
            Some(_) => true,
        }
}

fn totals(summary: &Summary) -> String {
    let counts: Vec<_> = Verdict::LADDER
        .iter()
        .map(|verdict| verdict.as_str())
        .chain(["failed"])
        .filter_map(|name| summary.counts.get(name).map(|count| format!("{count} {name}")))
        .collect();
    let proven = summary.rows.iter().filter(|row| row.verdict.is_some_and(Verdict::same_bytes)).count();
    let gate = if summary.passed { "" } else { " The gate does not hold." };
    format!(
        "{} packages in {} s: {}. {proven} are proven to hold nothing but what their source builds.{gate}",
        summary.rows.len(),
        summary.millis / 1000,
        counts.join(", "),
    )
}

/// The line that installs a lockfile through the mill.
fn install_line(index: &str, file: &std::path::Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let path = file.display();
    if name == "uv.lock" {
        format!("uv sync --frozen --default-index {index}")
    } else if name.starts_with("pylock") {
        format!("uv pip sync --default-index {index} {path}")
    } else {
        format!("pip install --index-url {index} -r {path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lockfile_has_its_line() {
        let line = |file: &str| install_line("http://127.0.0.1:8447/pypi/simple/", file.as_ref());
        assert!(line("a/requirements.txt").ends_with("/pypi/simple/ -r a/requirements.txt"));
        assert!(line("uv.lock").starts_with("uv sync --frozen"));
        assert!(line("pylock.dev.toml").starts_with("uv pip sync"));
    }
}
