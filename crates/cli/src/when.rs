//! Instants as people type them: `14d`, `36h`, `2026-12-01`, `2026-12-01T08:00:00Z`.

use std::str::FromStr;
use trustmill_core::Timestamp;

/// An instant, or a distance from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// So many seconds from now, forward or back as the option says.
    Seconds(i64),
    /// An instant; of a day its beginning, in UTC.
    At(Timestamp),
}

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time: write 14d, 36h, 2w, 2026-12-01 or 2026-12-01T08:00:00Z")]
pub(crate) struct NoTime(String);

impl FromStr for When {
    type Err = NoTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no = || NoTime(text.chars().take(60).collect());
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        if let Ok(begin) = format!("{text}T00:00:00Z").parse::<Timestamp>() {
            return Ok(Self::At(begin));
        }
        let unit = match text.chars().last() {
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            Some('w') => 7 * 86_400,
            _ => return Err(no()),
        };
        let number =
            text.get(..text.len() - 1).and_then(|number| number.parse::<u32>().ok()).ok_or_else(no)?;
        Ok(Self::Seconds(i64::from(number) * unit))
    }
}

impl When {
    /// The instant that lies so far ahead of `now`.
    pub(crate) fn after(self, now: Timestamp) -> Timestamp {
        self.from(now, 1)
    }

    /// The instant that lies so far before `now`.
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        self.from(now, -1)
    }

    fn from(self, now: Timestamp, sign: i64) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Seconds(seconds) => {
                Timestamp::from_second(now.as_second().saturating_add(sign * seconds)).unwrap_or(now)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_days_and_instants_are_read() {
        let now: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        for (text, after) in [
            ("14d", "2026-11-15T12:00:00Z"),
            ("36h", "2026-11-03T00:00:00Z"),
            ("2w", "2026-11-15T12:00:00Z"),
            ("2026-12-01", "2026-12-01T00:00:00Z"),
            ("2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z"),
        ] {
            assert_eq!(text.parse::<When>().unwrap().after(now).to_string(), after, "{text}");
        }
        assert_eq!("1d".parse::<When>().unwrap().before(now).to_string(), "2026-10-31T12:00:00Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "d", "14", "14y", "-3d", "tomorrow", "2026-13-01", "99999999999d", "ä"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }
}
