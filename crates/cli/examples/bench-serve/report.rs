//! The figures as tables (Markdown, so that they can be kept) and as JSON.

use crate::load::{Figures, Herd, Install};
use serde::Serialize;
use std::fmt;

/// All that was measured, and on what.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) load_after: String,
    /// uv with nothing between it and the upstream.
    pub(crate) straight: Install,
    pub(crate) figures: Vec<Figures>,
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}, after {}", self.machine, self.load_after)?;
        writeln!(
            out,
            "straight to the upstream: {} requests, {:.1} s\n",
            self.straight.upstream_requests, self.straight.seconds
        )?;
        self.installs(out)?;
        writeln!(out)?;
        self.pages(out)?;
        writeln!(out)?;
        for peer in &self.figures {
            writeln!(
                out,
                "{}: {}; CPU of each warm run {:?} ms",
                peer.name, peer.version, peer.warm_cpu_ms_each
            )?;
        }
        Ok(())
    }
}

impl Report {
    fn installs(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = self.least(|peer| peer.warm_cpu_ms);
        let warm = self.least(|peer| peer.warm_peak_rss_kib);
        let cold = self.least(|peer| peer.cold_peak_rss_kib);
        writeln!(
            out,
            "| peer | warm server CPU | warm peak memory | cold peak memory | cold server CPU | upstream requests, cold | warm | cold install | warm |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
        for peer in &self.figures {
            writeln!(
                out,
                "| {} | {:.2} s ({}) | {} MiB ({}) | {} MiB ({}) | {:.2} s | {} | {} | {:.1} s | {:.1} s |",
                peer.name,
                float(peer.warm_cpu_ms) / 1000.0,
                times(peer.warm_cpu_ms, cpu),
                peer.warm_peak_rss_kib >> 10,
                times(peer.warm_peak_rss_kib, warm),
                peer.cold_peak_rss_kib >> 10,
                times(peer.cold_peak_rss_kib, cold),
                float(peer.cold_cpu_ms) / 1000.0,
                peer.cold.upstream_requests,
                peer.warm_upstream_requests,
                peer.cold.seconds,
                peer.warm_seconds,
            )?;
        }
        Ok(())
    }

    fn pages(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = |of: fn(&Figures) -> f64| self.figures.iter().map(of).fold(0.0, f64::max);
        let (gzip, plain) = (most(|peer| peer.hot_gzip), most(|peer| peer.hot_plain));
        writeln!(
            out,
            "| peer | hot page, gzip | hot page, plain | upstream requests of 64 clients for a cold page | for a cold file |"
        )?;
        writeln!(out, "|---|---|---|---|---|")?;
        for peer in &self.figures {
            writeln!(
                out,
                "| {} | {:.0}/s ({:.3} ×) | {:.0}/s ({:.3} ×) | {} | {} |",
                peer.name,
                peer.hot_gzip,
                peer.hot_gzip / gzip,
                peer.hot_plain,
                peer.hot_plain / plain,
                herd(&peer.herd_page),
                herd(&peer.herd_file),
            )?;
        }
        Ok(())
    }

    fn least(&self, of: fn(&Figures) -> u64) -> u64 {
        self.figures.iter().map(of).min().unwrap_or(0)
    }
}

fn herd(herd: &Herd) -> String {
    match herd.answered {
        64 => herd.upstream_requests.to_string(),
        answered => format!("{} ({answered} of 64 answered)", herd.upstream_requests),
    }
}

fn times(value: u64, best: u64) -> String {
    format!("{:.1} ×", float(value) / float(best.max(1)))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and KiB are far below 2^52")]
fn float(value: u64) -> f64 {
    value as f64
}
