//! Incidents of the last years, hour by hour: what the default policies would have refused, when, and by which policy.
//!
//! The packages are made up; how long each release was live, and how long it took until an advisory named it, follows
//! what was told of the real ones. `docs/policy.md` shows the table, and is held by this test. `TRUSTMILL_WRITE=1`
//! writes it.

use super::world::{HOUR, Mill, malware};
use std::fmt::Write as _;
use std::path::PathBuf;
use trustmill_core::Purl;
use trustmill_core::advisory::Advisory;
use trustmill_core::ruling::{Action, Effect, Listed, Principal, Question};

/// One incident. Hours count from the upload of the bad release.
struct Incident {
    /// What it looks like.
    shape: &'static str,
    project: &'static str,
    /// Good releases, and how many days before they were published.
    good: &'static [(&'static str, i64)],
    /// Bad ones, with the hour of their upload.
    bad: &'static [(&'static str, i64)],
    /// When the registry took them down; an exact pin may still find them in a cache or a mirror until then.
    live: i64,
    /// When an advisory named them.
    advised: i64,
    /// When it was taken back, where it was wrong.
    withdrawn: Option<i64>,
    /// Whether it names every version of the project.
    every: bool,
}

const PLAIN: Incident = Incident {
    shape: "",
    project: "",
    good: &[],
    bad: &[],
    live: 0,
    advised: 0,
    withdrawn: None,
    every: false,
};

const INCIDENTS: &[Incident] = &[
    Incident {
        shape: "a phished maintainer, a wallet drainer in 18 small libraries (chalk and debug, September 2025)",
        project: "npm/paintbox",
        good: &[("5.6.0", 20)],
        bad: &[("5.6.1", 0)],
        live: 2,
        advised: 3,
        ..PLAIN
    },
    Incident {
        shape: "a postinstall that reads secrets with AI tools (nx, August 2025)",
        project: "npm/monotool",
        good: &[("21.4.0", 9)],
        bad: &[("21.5.0", 0), ("20.9.0", 1), ("21.6.0", 2)],
        live: 5,
        advised: 7,
        ..PLAIN
    },
    Incident {
        shape: "a stolen upload token, code in a .pth file (LiteLLM, March 2026)",
        project: "pypi/llm-relay",
        good: &[("1.82.6", 3)],
        bad: &[("1.82.7", 0), ("1.82.8", 1)],
        live: 3,
        advised: 6,
        ..PLAIN
    },
    Incident {
        shape: "a new dependency of a popular client, with an install hook (axios, March 2026)",
        project: "npm/fetchly",
        good: &[("1.14.0", 14)],
        bad: &[("1.14.1", 0)],
        live: 3,
        advised: 4,
        ..PLAIN
    },
    Incident {
        shape: "a poisoned build cache, valid provenance, a miner (ultralytics, December 2024)",
        project: "pypi/visiontrain",
        good: &[("8.3.40", 4)],
        bad: &[("8.3.41", 0), ("8.3.42", 12)],
        live: 24,
        advised: 30,
        ..PLAIN
    },
    Incident {
        shape: "a worm that publishes itself, in waves (Shai-Hulud, September and November 2025)",
        project: "npm/tinyworm",
        good: &[("4.1.0", 60)],
        bad: &[("4.1.1", 0), ("4.1.2", 20)],
        live: 48,
        advised: 36,
        ..PLAIN
    },
    Incident {
        shape: "a back door of years, found after five weeks (xz, February 2024)",
        project: "pypi/squeezer",
        good: &[("5.4.6", 30)],
        bad: &[("5.6.0", 0)],
        live: 24 * 35,
        advised: 24 * 35,
        ..PLAIN
    },
    Incident {
        shape: "no attack: a feed calls all of a popular library malware, and takes it back (June 2026)",
        project: "npm/react",
        good: &[("18.0.0", 700), ("19.0.0", 200)],
        bad: &[],
        live: 48,
        advised: 0,
        withdrawn: Some(20),
        every: true,
    },
];

impl Incident {
    fn purl(&self) -> Purl {
        format!("pkg:{}", self.project).parse().unwrap()
    }

    fn listed(&self, hour: i64) -> Vec<Listed<'static>> {
        let good = self.good.iter().map(|(version, days)| (version, -24 * days));
        let bad = self.bad.iter().map(|(version, at)| (version, *at));
        let there = good.chain(bad).filter(|(_, published)| *published <= hour);
        there.map(|(version, hours)| super::world::listed(version, hours * HOUR)).collect()
    }

    fn advisories(&self, hour: i64) -> Vec<Advisory> {
        if hour < self.advised || self.withdrawn.is_some_and(|withdrawn| hour >= withdrawn) {
            return Vec::new();
        }
        let bad: Vec<&str> = self.bad.iter().map(|(version, _)| *version).collect();
        vec![malware("MAL-1", &self.purl(), if self.every { &[] } else { &bad })]
    }

    /// The releases that the story is about.
    fn subjects(&self) -> Vec<&'static str> {
        let named = if self.every { self.good } else { self.bad };
        named.iter().map(|(version, _)| *version).collect()
    }
}

/// Hours that an answer lasted, with the policy that gave it.
type Spell = (Effect, String, i64, i64);

/// What became of a release, hour by hour, while it was live and a day beyond.
async fn story(incident: &Incident, subject: &str) -> Vec<Spell> {
    let mill = Mill::new().await;
    let (project, principal) = (incident.purl(), Principal::default());
    let mut spells: Vec<Spell> = Vec::new();
    for hour in 0..incident.live.max(incident.advised + 24) {
        mill.advisories.know(incident.advisories(hour));
        let releases = incident.listed(hour);
        let question = Question {
            principal: &principal,
            action: Action::Install,
            project: &project,
            releases: &releases,
        };
        let decisions = mill.ask(&question, hour * HOUR).await.decisions;
        let Some(place) = releases.iter().position(|listed| listed.version == subject) else { continue };
        let decision = &decisions[place];
        let policy = decision.policies.first().cloned().unwrap_or_default();
        match spells.last_mut() {
            Some((effect, by, _, end)) if *effect == decision.effect && *by == policy => *end = hour + 1,
            _ => spells.push((decision.effect, policy, hour, hour + 1)),
        }
    }
    spells
}

fn told(spells: &[Spell]) -> String {
    let one = |(effect, policy, begin, end): &Spell| {
        let what = match effect {
            Effect::Allow => "handed out".to_owned(),
            Effect::Warn => "handed out, with a warning".to_owned(),
            effect => format!("**{}** by `{policy}`", effect.as_str()),
        };
        format!("{begin} to {end} h: {what}")
    };
    spells.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// How many hours the release was live and handed out.
fn exposed(spells: &[Spell], live: i64) -> i64 {
    let open = spells.iter().filter(|(effect, ..)| !effect.refuses());
    open.map(|(_, _, begin, end)| (end.min(&live) - begin.min(&live)).max(0)).sum()
}

async fn table() -> String {
    let mut text = String::from(
        "| shape | release | live | advised after | what the mill does | handed out while live |\n|---|---|---|---|---|---|\n",
    );
    for incident in INCIDENTS {
        for subject in incident.subjects() {
            let spells = story(incident, subject).await;
            let _ = writeln!(
                text,
                "| {} | `{}@{subject}` | {} h | {} h | {} | {} h |",
                incident.shape,
                incident.project,
                incident.live,
                incident.advised,
                told(&spells),
                exposed(&spells, incident.live),
            );
        }
    }
    text
}

#[tokio::test]
async fn the_page_tells_what_would_have_been_refused() {
    const BEGIN: &str = "<!-- incidents: generated -->\n";
    const END: &str = "<!-- incidents: end -->";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (committed, after) = rest.split_once(END).unwrap();
    let table = table().await;
    if std::env::var_os("TRUSTMILL_WRITE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(committed, table, "stale: run this test with TRUSTMILL_WRITE=1, and read the difference");
}

#[tokio::test]
async fn what_was_found_within_three_days_reached_nobody() {
    let quick = INCIDENTS.iter().filter(|incident| incident.live <= 72 && !incident.every);
    for incident in quick {
        for subject in incident.subjects() {
            let spells = story(incident, subject).await;
            assert_eq!(exposed(&spells, incident.live), 0, "{} {subject}: {spells:?}", incident.project);
            assert!(spells.iter().all(|(effect, ..)| effect.refuses()), "{} {subject}", incident.project);
        }
    }
}

#[tokio::test]
async fn the_release_before_stays_there_to_be_installed() {
    for incident in INCIDENTS.iter().filter(|incident| !incident.every && incident.good[0].1 >= 3) {
        let (version, _) = incident.good[0];
        let spells = story(incident, version).await;
        assert!(
            spells.iter().all(|(effect, ..)| !effect.refuses()),
            "{} {version}: {spells:?}",
            incident.project
        );
    }
}
