//! A firewall over facts in memory, with one project of made-up releases.

use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::advisory::{Advisory, Affected, RangeEvent, RangeKind, Severity, VersionRange};
use trustmill_core::port::gate::Gate as _;
use trustmill_core::port::records::Records;
use trustmill_core::ruling::{Action, Decision, Effect, Listed, Principal, Question, Ruling};
use trustmill_core::{Purl, Timestamp};
use trustmill_factory::firewall::overrides::{Desk, Wish};
use trustmill_factory::firewall::{Cooldown, Firewall, FirewallSettings, Popular, Sources};
use trustmill_policy::{Mode, PolicySet, shipped};
use trustmill_testkit::{Dotted, MemRecords, ScriptedAdvisories};
use trustmill_trust::keys::{SigningKey, TrustedKeys};

pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Seconds after the day on which every story here begins.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + seconds).unwrap()
}

pub(crate) struct Mill {
    pub(crate) firewall: Firewall,
    pub(crate) advisories: Arc<ScriptedAdvisories>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) signer: SigningKey,
}

pub(crate) fn settings() -> FirewallSettings {
    FirewallSettings {
        cooldown: Cooldown { hours: 72, ..Cooldown::default() },
        popular: Popular::default(),
        override_days: 90,
        scanned: true,
    }
}

pub(crate) fn policies() -> PolicySet {
    PolicySet::parse(&shipped::sources(Mode::Enforce), &BTreeMap::new()).unwrap()
}

impl Mill {
    pub(crate) async fn new() -> Self {
        Self::with(settings()).await
    }

    pub(crate) async fn with(settings: FirewallSettings) -> Self {
        let records: Arc<dyn Records> = Arc::new(MemRecords::new());
        Self::over(records, settings).await
    }

    pub(crate) async fn over(records: Arc<dyn Records>, settings: FirewallSettings) -> Self {
        let advisories = Arc::new(ScriptedAdvisories::new());
        let signer = SigningKey::from_secret([7; 32]);
        let sources = Sources {
            advisories: advisories.clone(),
            records: records.clone(),
            journal: None,
            trusted: TrustedKeys::new([signer.public()]),
            schemes: vec![&Dotted("npm"), &Dotted("pypi"), &Dotted("cargo")],
        };
        let firewall = Firewall::open(sources, settings, policies(), at(0)).await.unwrap();
        Self { firewall, advisories, records, signer }
    }

    pub(crate) async fn ask(&self, question: &Question<'_>, now: i64) -> Ruling {
        self.firewall.rule(question, at(now)).await.unwrap()
    }

    /// The decisions about releases of `npm` `demo`, for somebody without a token who installs.
    pub(crate) async fn install(&self, releases: &[Listed<'_>], now: i64) -> Vec<Decision> {
        let project = Purl::project("npm", "demo");
        let principal = Principal::default();
        let question =
            Question { principal: &principal, action: Action::Install, project: &project, releases };
        self.ask(&question, now).await.decisions
    }

    pub(crate) fn desk(&self) -> (Arc<dyn Records>, TrustedKeys) {
        (self.records.clone(), TrustedKeys::new([self.signer.public()]))
    }

    pub(crate) async fn override_(&self, wish: Wish, now: i64) -> String {
        let (records, trusted) = self.desk();
        let desk = Desk { records: &*records, signer: &self.signer, trusted: &trusted, most_days: 90 };
        let entry = desk.add(wish, at(now)).await.unwrap();
        self.firewall.refresh(at(now)).await.unwrap();
        entry.id.as_str().to_owned()
    }
}

pub(crate) fn wish(purl: &str) -> Wish {
    Wish {
        purl: purl.parse().unwrap(),
        versions: None,
        team: None,
        by: "ada".into(),
        why: "looked at it".into(),
        until: at(30 * DAY),
        even_malicious: false,
    }
}

/// A release that was published at an instant.
pub(crate) fn listed(version: &str, published: i64) -> Listed<'_> {
    Listed { version: version.into(), published: Some(at(published)), ..Listed::default() }
}

/// A record about versions of `demo` by name; none means all of them.
pub(crate) fn malware(id: &str, project: &Purl, versions: &[&str]) -> Advisory {
    let every = VersionRange { kind: RangeKind::Semver, events: vec![RangeEvent::Introduced("0".into())] };
    let affected = Affected {
        project: project.clone(),
        ranges: if versions.is_empty() { vec![every] } else { Vec::new() },
        versions: versions.iter().map(|version| (*version).to_owned()).collect(),
    };
    Advisory { malicious: true, severity: Severity::Critical, ..record(id, affected) }
}

/// A record about what lies below a fix.
pub(crate) fn vulnerability(id: &str, project: &Purl, severity: Severity, fixed: Option<&str>) -> Advisory {
    let mut events = vec![RangeEvent::Introduced("0".into())];
    events.extend(fixed.map(|version| RangeEvent::Fixed(version.to_owned())));
    let range = VersionRange { kind: RangeKind::Ecosystem, events };
    let affected = Affected { project: project.clone(), ranges: vec![range], versions: Vec::new() };
    Advisory { severity, ..record(id, affected) }
}

fn record(id: &str, affected: Affected) -> Advisory {
    Advisory {
        id: id.into(),
        modified: at(0),
        published: None,
        withdrawn: None,
        aliases: Vec::new(),
        summary: String::new(),
        severity: Severity::Unknown,
        score: None,
        malicious: false,
        informational: false,
        affected: vec![affected],
        references: Vec::new(),
    }
}

/// Effect and code of each decision, short enough for one line of a test.
pub(crate) fn brief(decisions: &[Decision]) -> Vec<String> {
    let one = |decision: &Decision| match decision.effect {
        Effect::Allow => "allow".to_owned(),
        effect => format!("{} {}", effect.as_str(), decision.code),
    };
    decisions.iter().map(one).collect()
}
