//! Tables without frames: columns apart by two spaces, as wide as the terminal, colour where it helps.

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use std::io::IsTerminal as _;
use trustmill_core::Verdict;

/// A table with these headings.
pub(crate) fn new(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.force_no_tty();
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.set_header(headings.to_vec());
    table
}

/// A verdict, coloured by what it means.
pub(crate) fn verdict(verdict: Option<Verdict>) -> Cell {
    let (text, color) = match verdict {
        None => ("failed", Color::Red),
        Some(verdict) => (verdict.as_str(), color(verdict)),
    };
    Cell::new(text).fg(color)
}

const fn color(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Identical | Verdict::Replayed => Color::Green,
        Verdict::Normalised | Verdict::Built => Color::Cyan,
        Verdict::Explained | Verdict::NotAttempted | Verdict::NoSource => Color::Yellow,
        Verdict::Unexplained | Verdict::BuildFailed => Color::Red,
    }
}
