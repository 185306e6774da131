//! Saying, listing and taking back overrides: what the command line and the API both do.

use super::book::{Book, Entry};
use trustmill_core::fact::Fact;
use trustmill_core::overrides::{Override, Revocation, Versions};
use trustmill_core::port::Coded;
use trustmill_core::port::records::{Records, RecordsError};
use trustmill_core::{Purl, Timestamp};
use trustmill_trust::attest::overrides::{sign, sign_revocation};
use trustmill_trust::attest::{AttestError, dsse::Envelope};
use trustmill_trust::keys::{SigningKey, TrustedKeys};

/// The kind of the facts, overrides and revocations alike.
pub const KIND: &str = "override";

/// The code of everything that is wrong with an override.
pub(super) const CODE: &str = "TM0908";

/// The longest reason and the longest name, in characters.
const LONGEST: usize = 1000;

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// A release, or a project.
    pub purl: Purl,
    /// Which versions of a project; `None` for the release that `purl` names, or for all.
    pub versions: Option<Versions>,
    /// The only team it is for.
    pub team: Option<String>,
    /// Who asks.
    pub by: String,
    /// Why.
    pub why: String,
    /// The end.
    pub until: Timestamp,
    /// Whether it lifts a block too.
    pub even_malicious: bool,
}

/// Why an override is not made, or not taken back.
#[derive(Debug, thiserror::Error)]
pub enum OverrideError {
    /// Something is missing, or too long.
    #[error("{what} is missing, or longer than {LONGEST} characters")]
    Text {
        /// `the reason`, …
        what: &'static str,
    },
    /// It would have ended already.
    #[error("it would have ended already, at {until}")]
    Past {
        /// The end.
        until: Timestamp,
    },
    /// It would last too long.
    #[error("an override lasts at most {most} days, this one {days}")]
    Long {
        /// What is asked for.
        days: i64,
        /// What is allowed.
        most: u32,
    },
    /// A release and a range are two answers to one question.
    #[error("{purl} names one version, and --versions others")]
    Twice {
        /// The release.
        purl: Box<Purl>,
    },
    /// No override has the id, or more than one begins with it.
    #[error("no override, or more than one, has an id that begins with {id:?}")]
    Unknown {
        /// The id.
        id: String,
    },
    /// It is taken back already.
    #[error("override {id} is taken back already")]
    Revoked {
        /// The id.
        id: String,
    },
    /// It cannot be signed.
    #[error("it cannot be signed")]
    Sign(#[from] AttestError),
    /// It cannot be read or written.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl Coded for OverrideError {
    fn code(&self) -> &'static str {
        match self {
            Self::Sign(error) => error.code(),
            Self::Records(error) => error.code(),
            _ => CODE,
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Text { .. } => "give --why: it is what everybody reads who wonders about the override".into(),
            Self::Past { .. } => "give an end that lies ahead: --until 14d, --until 2026-12-01".into(),
            Self::Long { .. } => "give a nearer end, and renew it when you have looked again; [policy.overrides] max_days is the bound".into(),
            Self::Twice { .. } => "give the project without a version, or leave --versions out".into(),
            Self::Unknown { .. } | Self::Revoked { .. } => "`trustmill override list` shows the ids".into(),
            Self::Sign(error) => error.help(),
            Self::Records(error) => error.help(),
        }
    }
}

/// What an override is made with.
pub struct Desk<'a> {
    /// Where it is written down.
    pub records: &'a dyn Records,
    /// The mill's key.
    pub signer: &'a SigningKey,
    /// The keys whose overrides count.
    pub trusted: &'a TrustedKeys,
    /// The longest that one may last, in days.
    pub most_days: u32,
}

impl Desk<'_> {
    /// Makes, signs and writes down an override.
    ///
    /// # Errors
    /// [`OverrideError`]; then nothing was written.
    pub async fn add(&self, wish: Wish, now: Timestamp) -> Result<Entry, OverrideError> {
        let said = self.check(wish, now)?;
        let (id, envelope) = sign(&said, self.signer)?;
        self.write(&said.project, &envelope, now).await?;
        Ok(Entry { id, said, revoked: None })
    }

    fn check(&self, wish: Wish, now: Timestamp) -> Result<Override, OverrideError> {
        let versions = match (wish.purl.version(), wish.versions) {
            (Some(_), Some(_)) => return Err(OverrideError::Twice { purl: Box::new(wish.purl) }),
            (Some(version), None) => Versions::one(version),
            (None, versions) => versions.unwrap_or(Versions::Every),
        };
        if wish.until <= now {
            return Err(OverrideError::Past { until: wish.until });
        }
        let days = (wish.until.as_second() - now.as_second()).div_euclid(86_400);
        let over = wish.until.as_second() - now.as_second() > i64::from(self.most_days) * 86_400;
        if over {
            return Err(OverrideError::Long { days, most: self.most_days });
        }
        Ok(Override {
            project: wish.purl.without_version(),
            versions,
            team: wish.team.map(|team| text("the team", &team)).transpose()?,
            by: text("who asks", &wish.by)?,
            why: text("the reason", &wish.why)?,
            since: now,
            until: wish.until,
            even_malicious: wish.even_malicious,
        })
    }

    /// Every override that is signed, the newest first.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<Entry>, OverrideError> {
        let book = Book::default().follow(self.records, self.trusted, now).await?;
        Ok(book.unwrap_or_default().entries())
    }

    /// The one whose id is `id`, or begins with it and is the only one.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub async fn find(&self, id: &str, now: Timestamp) -> Result<Entry, OverrideError> {
        let all = self.list(now).await?;
        let mut fit = all.into_iter().filter(|entry| entry.id.as_str().starts_with(id) && id.len() >= 4);
        match (fit.next(), fit.next()) {
            (Some(entry), None) => Ok(entry),
            _ => Err(OverrideError::Unknown { id: id.chars().take(64).collect() }),
        }
    }

    /// Takes one back; `id` may be its beginning, as long as it is the only one.
    ///
    /// # Errors
    /// [`OverrideError`]; then nothing was written.
    pub async fn revoke(
        &self,
        id: &str,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<Entry, OverrideError> {
        let entry = self.find(id, now).await?;
        if entry.revoked.is_some() {
            return Err(OverrideError::Revoked { id: entry.id.as_str().to_owned() });
        }
        let revocation = Revocation {
            id: entry.id.as_str().to_owned(),
            by: text("who asks", by)?,
            why: text("the reason", why)?,
            at: now,
        };
        let envelope = sign_revocation(&revocation, self.signer)?;
        self.write(&entry.said.project, &envelope, now).await?;
        Ok(Entry { revoked: Some(revocation), ..entry })
    }

    async fn write(&self, project: &Purl, envelope: &Envelope, at: Timestamp) -> Result<(), OverrideError> {
        // An envelope writes itself as an object.
        let body = serde_json::from_str(&envelope.to_json()).unwrap_or_default();
        let fact = Fact {
            format: Fact::FORMAT,
            about: project.clone(),
            kind: KIND.to_owned(),
            subject: None,
            at,
            body,
        };
        Ok(self.records.append(&[fact]).await?)
    }
}

/// A text that people will read: there, not endless, and of one line.
fn text(what: &'static str, given: &str) -> Result<String, OverrideError> {
    let given = given.trim();
    let fits = !given.is_empty() && given.chars().count() <= LONGEST && !given.chars().any(char::is_control);
    if fits { Ok(given.to_owned()) } else { Err(OverrideError::Text { what }) }
}
