//! Curves as a plot: one file of SVG, without scripts, fonts or anything else from elsewhere.

use std::fmt::Write as _;
use trustmill_factory::cases::curve::{Curve, Point};

/// The plot's size.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 480.0;
/// The room around the curves.
const LEFT: f64 = 88.0;
const RIGHT: f64 = 300.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 56.0;
/// Between the ends of the axis and the first and last point, for the bars beside these.
const INSET: f64 = 36.0;
/// The most curves that can be told apart.
const MOST: usize = 6;
/// Colours that people with any kind of colour vision tell apart (Okabe and Ito 2008).
const COLOURS: [&str; MOST] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];

/// The shares of the largest groups over time, with their intervals.
pub(crate) fn svg(curves: &[Curve], days: u32) -> String {
    let shown: Vec<&Curve> = curves.iter().take(MOST).collect();
    let instants = shown.iter().flat_map(|curve| &curve.points).map(|point| point.from.as_second());
    let (first, last) = (instants.clone().min().unwrap_or(0), instants.max().unwrap_or(0));
    let span = (last - first).max(1) as f64;
    let x = |point: &Point| {
        // A single point stands in the middle.
        let at = if first == last { 0.5 } else { (point.from.as_second() - first) as f64 / span };
        LEFT + INSET + at * (WIDTH - LEFT - RIGHT - 2.0 * INSET)
    };
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"16\">Repairs that the oracle took, in percent</text>\n"
    );
    axes(&mut out, &shown, &x, days);
    for (row, (curve, colour)) in shown.iter().zip(COLOURS).enumerate() {
        // Side by side, so that intervals do not hide each other.
        let aside = (row as f64 - (shown.len() as f64 - 1.0) / 2.0) * 9.0;
        draw(&mut out, curve, colour, &|point| x(point) + aside);
    }
    for (row, (curve, colour)) in shown.iter().zip(COLOURS).enumerate() {
        legend(&mut out, curve, colour, row);
    }
    if curves.len() > MOST {
        let y = TOP + 44.0 * MOST as f64 + 8.0;
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{y}\" fill=\"#666\">and {} more</text>",
            WIDTH - RIGHT + 24.0,
            curves.len() - MOST
        );
    }
    out.push_str("</svg>\n");
    out
}

fn y(share: f64) -> f64 {
    HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
}

fn axes(out: &mut String, shown: &[&Curve], x: &dyn Fn(&Point) -> f64, days: u32) {
    for percent in [0, 25, 50, 75, 100] {
        let y = y(f64::from(percent) / 100.0);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#666\">{percent}</text>",
            WIDTH - RIGHT,
            LEFT - 36.0,
            y + 4.5
        );
    }
    let mut points: Vec<&Point> = shown.iter().flat_map(|curve| &curve.points).collect();
    points.sort_by_key(|point| point.from);
    points.dedup_by_key(|point| point.from);
    // As many dates as have room.
    let step = points.len().div_ceil(5).max(1);
    for point in points.iter().step_by(step) {
        let day: String = point.from.to_string().chars().take(10).collect();
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#666\">{day}</text>",
            x(point),
            HEIGHT - BOTTOM + 22.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{:.1}\" fill=\"#666\" font-size=\"12\">one point for {days} days; bars are 95 % intervals</text>",
        HEIGHT - 12.0
    );
}

fn draw(out: &mut String, curve: &Curve, colour: &str, x: &dyn Fn(&Point) -> f64) {
    let line: Vec<String> =
        curve.points.iter().map(|point| format!("{:.1},{:.1}", x(point), y(point.share))).collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
        line.join(" ")
    );
    for point in &curve.points {
        let (x, low, high) = (x(point), y(point.interval.0), y(point.interval.1));
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{low:.1}\" x2=\"{x:.1}\" y2=\"{high:.1}\" stroke=\"{colour}\" stroke-opacity=\"0.35\" stroke-width=\"6\"/>\
             <circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"/>",
            y(point.share)
        );
    }
}

fn legend(out: &mut String, curve: &Curve, colour: &str, row: usize) {
    let (x, y) = (WIDTH - RIGHT + 24.0, TOP + 44.0 * row as f64 + 8.0);
    let tried: u32 = curve.points.iter().map(|point| point.tried).sum();
    let accepted: u32 = curve.points.iter().map(|point| point.accepted).sum();
    let name: String = curve.name.chars().take(36).collect();
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{:.1}\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y:.1}\">{}</text>\
         <text x=\"{}\" y=\"{:.1}\" fill=\"#666\" font-size=\"12\">{accepted} of {tried}</text>",
        y - 11.0,
        x + 20.0,
        escaped(&name),
        x + 20.0,
        y + 17.0
    );
}

/// Foreign text within the plot.
fn escaped(text: &str) -> String {
    let clean = super::clean(text);
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::Timestamp;

    fn curve(name: &str, shares: &[(u32, u32)]) -> Curve {
        let points = shares.iter().enumerate().map(|(week, (accepted, tried))| Point {
            from: Timestamp::from_second(1_790_000_000 + week as i64 * 604_800).unwrap(),
            tried: *tried,
            accepted: *accepted,
            share: f64::from(*accepted) / f64::from(*tried),
            interval: trustmill_factory::cases::contest::interval(*accepted, *tried),
            micros_per_accepted: None,
            median_millis: 1,
        });
        Curve { name: name.into(), points: points.collect() }
    }

    #[test]
    fn a_plot_is_whole_and_takes_no_foreign_markup() {
        let curves = [
            curve("strategies", &[(10, 20), (12, 20), (15, 20), (30, 40)]),
            curve("model:house/<script>&\"x\"", &[(2, 8), (5, 9), (7, 10), (19, 22)]),
            curve("model:anthropic/claude-sonnet-5", &[(4, 8), (5, 8), (8, 10), (20, 22)]),
        ];
        let drawn = svg(&curves, 7);
        if let Some(path) = std::env::var_os("TRUSTMILL_PLOT") {
            std::fs::write(path, &drawn).unwrap();
        }
        assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n") && !drawn.contains("<script"));
        assert_eq!(drawn.matches("<polyline").count(), 3);
        assert_eq!(drawn.matches("<circle").count(), 12);
        assert!(drawn.contains("83 of 100") || drawn.contains("67 of 100"), "{drawn}");
        assert!(!svg(&[], 7).contains("NaN"));
    }
}
