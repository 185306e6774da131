//! What the log says to those who ask: which models were used, and that a family was not.

use super::family::Route;
use super::log::{Asked, Chain, Entry, Link, LogError};
use serde::Serialize;
use std::collections::BTreeMap;
use trustmill_core::Timestamp;
use trustmill_core::conversation::Tokens;
use trustmill_core::port::Coded;
use trustmill_trust::attest::models::{Absence, sign_absence};
use trustmill_trust::attest::{AttestError, dsse::Envelope};
use trustmill_trust::keys::SigningKey;

/// By how much the clock of the mill may go back between two entries, in seconds: small corrections are no lie.
const DRIFT: i64 = 5;

/// What was asked of one model over one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    /// Whose it is.
    pub family: String,
    /// The configured provider.
    pub provider: String,
    /// How it was reached.
    pub route: Route,
    /// Its name there.
    pub model: String,
    /// Where it computes, as the configuration said.
    pub region: Option<String>,
    /// Requests.
    pub asked: u64,
    /// Those with a reply that counts.
    pub answered: u64,
    /// What was used.
    pub tokens: Tokens,
    /// What it cost, in millionths, as far as prices are known.
    pub micros: u64,
    /// Replies without a price.
    pub unpriced: u64,
    /// The first request.
    pub first: Timestamp,
    /// The last request.
    pub last: Timestamp,
    /// Ids that the provider reported.
    pub reported: Vec<String>,
}

/// The models that were used, the most asked first.
pub fn inventory(links: &[Link]) -> Vec<Use> {
    let mut uses: BTreeMap<(String, String, Route, String), Use> = BTreeMap::new();
    let mut open: BTreeMap<&str, (String, String, Route, String)> = BTreeMap::new();
    for link in links {
        match &link.entry {
            Entry::Asked(asked) => {
                let place = (family(asked), asked.provider.clone(), asked.route, asked.model.clone());
                let used = uses.entry(place.clone()).or_insert_with(|| first(asked, link.at));
                used.asked += 1;
                used.last = link.at;
                open.insert(&asked.key, place);
            }
            Entry::Answered { key, reported, tokens, cost_micros, .. } => {
                if let Some(used) = open.get(key.as_str()).and_then(|place| uses.get_mut(place)) {
                    used.answered += 1;
                    used.tokens = used.tokens.plus(tokens);
                    used.micros = used.micros.saturating_add(cost_micros.unwrap_or(0));
                    used.unpriced += u64::from(cost_micros.is_none());
                    if !used.reported.contains(reported) {
                        used.reported.push(reported.clone());
                    }
                }
            }
            _ => {}
        }
    }
    let mut uses: Vec<Use> = uses.into_values().collect();
    uses.sort_by(|a, b| b.asked.cmp(&a.asked).then_with(|| a.model.cmp(&b.model)));
    uses
}

fn family(asked: &Asked) -> String {
    asked.families.iter().map(String::as_str).collect::<Vec<_>>().join("+")
}

fn first(asked: &Asked, at: Timestamp) -> Use {
    Use {
        family: family(asked),
        provider: asked.provider.clone(),
        route: asked.route,
        model: asked.model.clone(),
        region: asked.region.clone(),
        asked: 0,
        answered: 0,
        tokens: Tokens::default(),
        micros: 0,
        unpriced: 0,
        first: at,
        last: at,
        reported: Vec::new(),
    }
}

/// Why nothing is stated.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// It would not be so.
    #[error("{family} was used {times} times between {from} and {until}, first at {at}: {model}")]
    Used {
        /// The family.
        family: String,
        /// How often.
        times: u64,
        /// The beginning.
        from: Timestamp,
        /// The end.
        until: Timestamp,
        /// The first time.
        at: Timestamp,
        /// `PROVIDER/MODEL`.
        model: String,
    },
    /// The span is none, or is not over.
    #[error("from {from} until {until} is no span that is over")]
    Span {
        /// The beginning.
        from: Timestamp,
        /// The end.
        until: Timestamp,
    },
    /// The clock went back.
    #[error("the clock of the mill went back at entry {n} of the log, so that nothing can be said by time")]
    Clock {
        /// The entry.
        n: u64,
    },
    /// The log does not hold together.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It cannot be signed.
    #[error("it cannot be signed")]
    Sign(#[from] AttestError),
}

impl Coded for StatementError {
    fn code(&self) -> &'static str {
        match self {
            Self::Used { .. } => "TM1422",
            Self::Span { .. } => "TM1423",
            Self::Clock { .. } => "TM1424",
            Self::Log(error) => error.code(),
            Self::Sign(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Used { .. } => "`trustmill models inventory` shows every use; nothing was stated".into(),
            Self::Span { .. } => "give --from before --until, and an end that lies in the past".into(),
            Self::Clock { .. } => {
                "state a span before that entry, or let the clock be corrected by small steps".into()
            }
            Self::Log(error) => error.help(),
            Self::Sign(error) => error.help(),
        }
    }
}

/// States that a family was asked for nothing from `from` until `until`, if that is so.
///
/// # Errors
/// [`StatementError`]; then nothing is signed.
pub fn absence(
    links: &[Link],
    family: &str,
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
    key: &SigningKey,
) -> Result<(Absence, Envelope), StatementError> {
    if from >= until || until > now {
        return Err(StatementError::Span { from, until });
    }
    let mut chain = Chain::default();
    let mut asked: BTreeMap<String, u64> = BTreeMap::new();
    let mut first: Option<(&Asked, Timestamp)> = None;
    let mut newest = i64::MIN;
    for link in links {
        chain.take(link)?;
        let second = link.at.as_second();
        if second.saturating_add(DRIFT) < newest {
            return Err(StatementError::Clock { n: link.n });
        }
        newest = newest.max(second);
        let Entry::Asked(one) = &link.entry else { continue };
        // The drift that is borne must not carry a use out of the span.
        let within = second + DRIFT >= from.as_second() && second - DRIFT < until.as_second();
        if within && one.families.contains(family) {
            first.get_or_insert((one, link.at));
        }
        if within {
            for name in &one.families {
                *asked.entry(name.clone()).or_default() += 1;
            }
        }
    }
    if let Some((one, at)) = first {
        let times = asked.get(family).copied().unwrap_or(1);
        let model = format!("{}/{}", one.provider, one.model);
        return Err(StatementError::Used { family: family.to_owned(), times, from, until, at, model });
    }
    let head = chain.head();
    let said = Absence {
        family: family.to_owned(),
        from,
        until,
        log_entries: head.n,
        log_head: head.digest,
        asked,
        at: now,
    };
    let envelope = sign_absence(&said, key)?;
    Ok((said, envelope))
}
