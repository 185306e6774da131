//! Which representation of a page a client gets: PEP 691 through `Accept` (RFC 9110, section 12.5.1).

/// Longest `Accept` that is read; beyond it a client gets what one without gets.
const MAX_ACCEPT: usize = 2048;

/// A representation of an index page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Representation {
    /// PEP 691.
    Json,
    /// PEP 503 under its PEP 691 name.
    VersionedHtml,
    /// PEP 503.
    Html,
}

impl Representation {
    /// In the order of the server's own liking.
    const ALL: [Self; 3] = [Self::Json, Self::VersionedHtml, Self::Html];

    /// `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/vnd.pypi.simple.v1+json",
            Self::VersionedHtml => "application/vnd.pypi.simple.v1+html",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// How precisely a media range means this representation; `None` if it does not.
    fn matched_by(self, range: &str) -> Option<u8> {
        let (names, family): (&[&str], &str) = match self {
            Self::Json => (
                &["application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json"],
                "application/*",
            ),
            Self::VersionedHtml => (
                &["application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html"],
                "application/*",
            ),
            Self::Html => (&["text/html"], "text/*"),
        };
        let is = |name: &&str| range.eq_ignore_ascii_case(name);
        if names.iter().any(is) {
            Some(2)
        } else if is(&family) {
            Some(1)
        } else {
            (range == "*/*").then_some(0)
        }
    }
}

/// Chooses. Who accepts anything gets HTML, as before PEP 691; who names several equally gets JSON; who
/// accepts none of them gets HTML rather than an error that no installer explains.
pub fn negotiate(accept: Option<&str>) -> Representation {
    let Some(accept) = accept.filter(|accept| accept.len() <= MAX_ACCEPT) else {
        return Representation::Html;
    };
    let rank = |candidate: Representation, liking: u8| {
        // The most precise range decides about a representation, whatever its weight.
        let (precision, quality) = accept
            .split(',')
            .filter_map(|part| {
                let mut pieces = part.split(';').map(str::trim);
                let precision = candidate.matched_by(pieces.next()?)?;
                Some((precision, quality(pieces)))
            })
            .max()?;
        let liking = if precision == 0 { u8::MAX - liking } else { liking };
        (quality > 0).then_some((quality, precision, liking))
    };
    let ranked = Representation::ALL
        .into_iter()
        .zip([3, 2, 1])
        .filter_map(|(candidate, liking)| rank(candidate, liking).map(|rank| (rank, candidate)));
    ranked.max_by_key(|(rank, _)| *rank).map_or(Representation::Html, |(_, candidate)| candidate)
}

/// The weight in thousandths; one that cannot be read is none at all.
fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let text = parameters.find_map(|text| text.strip_prefix("q=").or_else(|| text.strip_prefix("Q=")));
    let Some(text) = text else { return 1000 };
    match text.parse::<f32>() {
        // In range by the guard, so nothing is cut.
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Representation::{Html, Json, VersionedHtml};

    #[test]
    fn clients_get_what_they_ask_for() {
        let pip = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
        let uv = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";
        for (accept, expected) in [
            (None, Html),
            (Some(""), Html),
            (Some("*/*"), Html),
            (Some("text/html"), Html),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Html),
            (Some(pip), Json),
            (Some(uv), Json),
            (Some("application/vnd.pypi.simple.latest+json"), Json),
            (Some("application/vnd.pypi.simple.v1+html"), VersionedHtml),
            (Some("application/vnd.pypi.simple.v1+json;q=0.1, text/html;q=0.9"), Html),
            (Some("application/vnd.pypi.simple.v1+json;q=0, */*"), Html),
            (Some("text/html;q=0.5, application/vnd.pypi.simple.v1+json;q=0.5"), Json),
            (Some("application/vnd.pypi.simple.v1+json;q=x, text/html;q=0.1"), Html),
            (Some("application/*"), Json),
            (Some("image/png"), Html),
            (Some(";;,,;q=,q=1"), Html),
        ] {
            assert_eq!(negotiate(accept), expected, "{accept:?}");
        }
        assert_eq!(negotiate(Some(&"a,".repeat(5000))), Html);
    }
}
