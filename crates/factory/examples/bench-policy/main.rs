//! `cargo xtask bench policy`: what a decision costs, the first time and again, and whether requests notice a reload.
//!
//! The releases are made up and differ as real ones do; the facts are in memory, so that what is measured is deciding.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on says so by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trustmill_core::advisory::{Advisory, Affected, RangeEvent, RangeKind, Severity, VersionRange};
use trustmill_core::port::gate::Gate as _;
use trustmill_core::ruling::{Action, Listed, Principal, Question};
use trustmill_core::{Purl, Timestamp};
use trustmill_factory::firewall::{Cooldown, Firewall, FirewallSettings, Popular, Sources};
use trustmill_policy::{Facts, Mode, PolicySet, Settings, shipped};
use trustmill_testkit::{Dotted, MemRecords, ScriptedAdvisories};
use trustmill_trust::keys::TrustedKeys;

const RELEASES: usize = 1000;
const HOUR: i64 = 3600;

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    println!("{:44} {:>10} {:>10} {:>10}   goal", "", "median", "p95", "p99");
    one_decision();
    runtime.block_on(rulings());
    runtime.block_on(reload());
}

fn policies() -> PolicySet {
    PolicySet::parse(&shipped::sources(Mode::Enforce), &BTreeMap::new()).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_750_000_000).unwrap()
}

/// Facts that differ from one release to the next.
fn facts(number: usize) -> Facts {
    Facts {
        ecosystem: "npm".into(),
        name: "demo".into(),
        version: format!("1.{number}.0").into(),
        age_hours: i64::try_from(number).unwrap() * 3,
        age_known: true,
        verdict: if number.is_multiple_of(3) { "identical" } else { "unknown" }.into(),
        source: "git".into(),
        severity: if number.is_multiple_of(7) { "critical" } else { "none" }.into(),
        advisories: Arc::from([Arc::from(format!("GHSA-{number}"))]),
        malicious: number.is_multiple_of(50),
        malware: "unknown".into(),
        licence: "MIT".into(),
        ..Facts::default()
    }
}

fn one_decision() {
    let (set, principal) = (policies(), Principal::default());
    let settings = Settings { cooldown_hours: 72, hold_unknown_age: false };
    let mut times = Vec::new();
    for round in 0..20 {
        for number in 0..RELEASES {
            let facts = facts(number);
            let begun = Instant::now();
            std::hint::black_box(set.decide(&principal, Action::Install, &facts, &settings));
            if round > 0 {
                times.push(begun.elapsed());
            }
        }
    }
    report("a decision of the policies", times, "60 us");
}

struct World {
    firewall: Firewall,
    project: Purl,
    versions: Vec<String>,
}

async fn world() -> World {
    let project = Purl::project("npm", "demo");
    let advisories = Arc::new(ScriptedAdvisories::new());
    advisories.know((0..20).map(|number| advisory(number, &project)));
    let sources = Sources {
        advisories,
        records: Arc::new(MemRecords::new()),
        journal: None,
        trusted: TrustedKeys::default(),
        schemes: vec![&Dotted("npm")],
    };
    let settings = FirewallSettings {
        cooldown: Cooldown { hours: 72, ..Cooldown::default() },
        popular: Popular::default(),
        override_days: 90,
        scanned: true,
    };
    let firewall = Firewall::open(sources, settings, policies(), now()).await.unwrap();
    let versions = (0..=RELEASES).map(|number| format!("{}.{}.0", 1 + number / 100, number % 100)).collect();
    World { firewall, project, versions }
}

fn advisory(number: usize, project: &Purl) -> Advisory {
    let events = vec![
        RangeEvent::Introduced(format!("1.{number}.0")),
        RangeEvent::Fixed(format!("1.{}.0", number + 5)),
    ];
    let range = VersionRange { kind: RangeKind::Semver, events };
    Advisory {
        id: format!("GHSA-{number}"),
        modified: now(),
        published: None,
        withdrawn: None,
        aliases: vec![format!("CVE-{number}")],
        summary: String::new(),
        severity: if number.is_multiple_of(2) { Severity::Critical } else { Severity::Medium },
        score: Some(91),
        malicious: false,
        informational: false,
        affected: vec![Affected { project: project.clone(), ranges: vec![range], versions: Vec::new() }],
        references: Vec::new(),
    }
}

fn listed(versions: &[String]) -> Vec<Listed<'_>> {
    let count = i64::try_from(versions.len()).unwrap();
    let mut listed = Vec::with_capacity(versions.len());
    for (number, version) in (0..).zip(versions) {
        listed.push(Listed {
            version: version.as_str().into(),
            published: Timestamp::from_second(now().as_second() - (count - number) * 12 * HOUR).ok(),
            install_script: Some(false),
            licence: Some("MIT".into()),
            ..Listed::default()
        });
    }
    listed
}

/// Time per release of a project with a thousand.
async fn rulings() {
    let principal = Principal::default();
    let (mut first, mut again, mut grown) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..30 {
        let world = world().await;
        let releases = listed(&world.versions);
        let (most, all) = (releases.get(1..).unwrap(), releases.as_slice());
        for (times, releases) in [(&mut first, most), (&mut again, most), (&mut grown, all)] {
            let question = Question {
                principal: &principal,
                action: Action::Install,
                project: &world.project,
                releases,
            };
            let begun = Instant::now();
            world.firewall.rule(&question, now()).await.unwrap();
            times.push(begun.elapsed() / u32::try_from(RELEASES).unwrap());
        }
    }
    report("first ruling, per release of 1000", first, "60 us");
    report("nothing changed, per release of 1000", again, "2 us");
    report("one release more, per release of 1000", grown, "2 us");
}

/// Asks until it is told to stop; how long each answer took.
async fn ask(world: Arc<World>, stop: Arc<AtomicBool>, failed: Arc<AtomicU64>) -> Vec<Duration> {
    let principal = Principal::default();
    let releases = listed(world.versions.get(..10).unwrap());
    let question = Question {
        principal: &principal,
        action: Action::Install,
        project: &world.project,
        releases: &releases,
    };
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        match world.firewall.rule(&question, now()).await {
            Ok(ruling) if ruling.decisions.len() == releases.len() => times.push(begun.elapsed()),
            _ => drop(failed.fetch_add(1, Ordering::Relaxed)),
        }
        tokio::task::yield_now().await;
    }
    times
}

/// Requests while the policies are read again and again.
async fn reload() {
    let world = Arc::new(world().await);
    let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let calm = tokio::spawn(ask(world.clone(), stop.clone(), failed.clone()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    report("a request for 10 releases", calm.await.unwrap(), "");
    stop.store(false, Ordering::Relaxed);
    let busy = tokio::spawn(ask(world.clone(), stop.clone(), failed.clone()));
    let mut reloads = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        let set = tokio::task::spawn_blocking(policies).await.unwrap();
        world.firewall.replace(set);
        reloads.push(begun.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    report("the same while policies are read again", busy.await.unwrap(), "");
    report("reading, checking and taking over policies", reloads, "");
    println!("requests that failed during 50 reloads: {} (goal 0)", failed.load(Ordering::Relaxed));
}

fn report(what: &str, mut times: Vec<Duration>, goal: &str) {
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    let shown = [at(50), at(95), at(99)].map(|time| format!("{:.2} us", time.as_secs_f64() * 1e6));
    let [median, p95, p99] = shown;
    println!("{what:44} {median:>10} {p95:>10} {p99:>10}   {goal}");
}
