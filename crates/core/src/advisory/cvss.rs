//! Base scores of CVSS vectors (<https://www.first.org/cvss/>).

use super::Severity;
use ::cvss::Cvss;

/// A base score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    /// The score times ten: 0 to 100.
    pub tenths: u8,
    /// The word for it.
    pub severity: Severity,
}

/// The longest vector: all metrics of version 4 take less.
const VECTOR_BYTES: usize = 512;

/// The base score of a vector; `ty` is the record's word for the version (`CVSS_V2`, `CVSS_V3`, `CVSS_V4`). What
/// changes with time or place is left out: it is not about the package.
pub fn base_score(ty: &str, vector: &str) -> Option<Scored> {
    let base: &[&str] = match ty {
        "CVSS_V2" => &["AV", "AC", "Au", "C", "I", "A"],
        "CVSS_V3" => &["CVSS", "AV", "AC", "PR", "UI", "S", "C", "I", "A"],
        "CVSS_V4" => &["CVSS", "AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"],
        _ => return None,
    };
    if vector.len() > VECTOR_BYTES {
        return None;
    }
    let kept = vector.split('/').filter(|part| base.contains(&part.split(':').next().unwrap_or_default()));
    let kept: Vec<_> = kept.collect();
    // The library takes what is missing for harmless.
    if kept.len() != base.len() {
        return None;
    }
    let vector: Cvss = kept.join("/").parse().ok()?;
    let tenths = tenths(vector.score())?;
    let severity = match (tenths, &vector) {
        (0..40, _) => Severity::Low,
        (40..70, _) => Severity::Medium,
        // The second version knows no word above it.
        (70..90, _) | (90.., Cvss::CvssV20(_)) => Severity::High,
        (90.., _) => Severity::Critical,
    };
    Some(Scored { tenths, severity })
}

/// A score is a number of tenths by its specification.
fn tenths(score: f64) -> Option<u8> {
    (0..=100_u8).find(|tenths| (f64::from(*tenths) / 10.0 - score).abs() < 0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(ty: &str, vector: &str) -> Option<(u8, Severity)> {
        base_score(ty, vector).map(|scored| (scored.tenths, scored.severity))
    }

    #[test]
    fn the_examples_of_the_specifications() {
        // CVSS 2.0, section 3.3: CVE-2002-0392, CVE-2003-0818, CVE-2003-0062.
        assert_eq!(score("CVSS_V2", "AV:N/AC:L/Au:N/C:N/I:N/A:C"), Some((78, Severity::High)));
        assert_eq!(score("CVSS_V2", "AV:N/AC:L/Au:N/C:C/I:C/A:C"), Some((100, Severity::High)));
        assert_eq!(score("CVSS_V2", "AV:L/AC:H/Au:N/C:C/I:C/A:C"), Some((62, Severity::Medium)));
        // CVSS 3.1, examples: CVE-2013-1937, CVE-2013-0375, CVE-2014-3566, CVE-2014-6271, CVE-2019-0884.
        for (vector, expected) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", (61, Severity::Medium)),
            ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", (64, Severity::Medium)),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", (31, Severity::Low)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", (98, Severity::Critical)),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:L/A:L", (50, Severity::Medium)),
        ] {
            assert_eq!(score("CVSS_V3", vector), Some(expected), "{vector}");
        }
        assert_eq!(
            score("CVSS_V3", "CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H"),
            Some((99, Severity::Critical))
        );
        // CVSS 4.0, examples: CVE-2022-41741, CVE-2020-3549, CVE-2014-0160 (Heartbleed).
        for (vector, expected) in [
            ("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", (73, Severity::High)),
            ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", (77, Severity::High)),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", (87, Severity::High)),
        ] {
            assert_eq!(score("CVSS_V4", vector), Some(expected), "{vector}");
        }
    }

    #[test]
    fn only_the_base_counts() {
        let base = score("CVSS_V4", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N");
        let threat = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N/E:U";
        assert_eq!(score("CVSS_V4", threat), base);
        let temporal = "AV:N/AC:L/Au:N/C:N/I:N/A:C/E:U/RL:OF/RC:UC";
        assert_eq!(score("CVSS_V2", temporal), Some((78, Severity::High)));
    }

    #[test]
    fn what_is_no_vector_has_no_score() {
        for (ty, vector) in [
            ("CVSS_V3", ""),
            ("CVSS_V3", "9.8"),
            ("CVSS_V3", "CVSS:3.1/AV:N"),
            ("CVSS_V3", "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
            ("CVSS_V4", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
            ("CVSS_V9", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
            ("Ubuntu", "medium"),
        ] {
            assert_eq!(score(ty, vector), None, "{ty} {vector}");
        }
        assert_eq!(score("CVSS_V3", &format!("CVSS:3.1{}", "/AV:N".repeat(200))), None);
    }
}
