//! The table that ends `trustmill secure`.

use super::{clean, table};
use crate::cmd::{Row, Summary};
use crate::out::say;
use trustmill_core::Verdict;

/// Prints rows, what needs a look, the counts, and the lines to paste.
pub(crate) fn print(summary: &Summary, install: &[String]) {
    say!("{}", rows(&summary.rows));
    let weak: Vec<_> = summary.rows.iter().filter(|row| needs_a_look(row)).collect();
    if !weak.is_empty() {
        say!("\nworth a look:");
        for row in weak {
            let gate = row.gate.as_ref().map(|why| format!(" [gate: {why}]")).unwrap_or_default();
            say!("  {}  {}{gate}", row.purl, clean(&row.detail));
        }
    }
    for skipped in &summary.skipped {
        say!("  not secured: {} ({}): {}", clean(&skipped.entry), skipped.origin, skipped.why);
    }
    say!("\n{}", totals(summary));
    say!("\nto install from the mill, run `trustmill up` and then:");
    for line in install {
        say!("  {line}");
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
