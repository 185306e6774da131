//! Facts in, decisions out; and what makes a decision be made again.

use super::world::{DAY, HOUR, Mill, at, brief, listed, malware, policies, settings, vulnerability};
use std::collections::BTreeMap;
use trustmill_core::advisory::Severity;
use trustmill_core::attempt::Usage;
use trustmill_core::port::gate::Gate as _;
use trustmill_core::recipe::{Recipe, SourceKind};
use trustmill_core::ruling::{Action, Effect, Listed, Principal, Question};
use trustmill_core::{Purl, Verdict};
use trustmill_factory::facts::{self, Judgement, Serves};
use trustmill_factory::firewall::{Cooldown, FirewallSettings};
use trustmill_policy::{Mode, PolicySet, Source, shipped};

fn demo() -> Purl {
    Purl::project("npm", "demo")
}

fn from_git() -> Recipe {
    Recipe { source: SourceKind::Git, ..crate::world::recipe(0, at(0)) }
}

fn judgement(verdict: Verdict) -> Judgement {
    Judgement {
        pipeline: 1,
        decided_at: at(0),
        verdict,
        detail: String::new(),
        serves: Serves::UpstreamProven,
        published: None,
        rebuilt: None,
        attempts: 1,
        bundle: None,
        native: false,
        provisional: false,
        environment_usage: Usage::default(),
        build_usage: Usage::default(),
    }
}

#[tokio::test]
async fn a_new_release_waits_and_the_instant_is_told() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", -100 * DAY), listed("1.1", 0)];
    let decisions = mill.install(&releases, 5 * HOUR).await;
    assert_eq!(brief(&decisions), ["warn TM0905", "hold TM0902"]);
    assert_eq!(decisions[1].until, Some(at(72 * HOUR)));
    assert!(decisions[1].reason.contains("is 5 h old; npm releases wait 72 h"), "{}", decisions[1].reason);
    assert_eq!(brief(&mill.install(&releases, 72 * HOUR - 1).await)[1], "hold TM0902");
    assert_eq!(brief(&mill.install(&releases, 72 * HOUR).await)[1], "warn TM0905");
}

#[tokio::test]
async fn a_ruling_says_when_time_alone_changes_it() {
    let mill = Mill::new().await;
    let (project, principal) = (demo(), Principal::default());
    let releases = [listed("1.0", -100 * DAY), listed("1.1", 0), listed("1.2", 2 * HOUR)];
    let question =
        Question { principal: &principal, action: Action::Install, project: &project, releases: &releases };
    assert_eq!(mill.ask(&question, 5 * HOUR).await.until, Some(at(72 * HOUR)));
    assert_eq!(mill.ask(&question, 73 * HOUR).await.until, Some(at(74 * HOUR)));
    assert_eq!(mill.ask(&question, 74 * HOUR).await.until, None);
}

#[tokio::test]
async fn each_ecosystem_waits_as_long_as_it_is_told_to() {
    let cooldown = Cooldown {
        hours: 24,
        by_ecosystem: BTreeMap::from([("npm".to_owned(), 0)]),
        exclude: vec!["pypi:acme-*".parse().unwrap()],
        hold_unknown: false,
    };
    let mill = Mill::with(FirewallSettings { cooldown, ..settings() }).await;
    let principal = Principal::default();
    for (project, expected) in
        [("npm/demo", "warn TM0905"), ("pypi/demo", "hold TM0902"), ("pypi/acme-ui", "warn TM0905")]
    {
        let project: Purl = format!("pkg:{project}").parse().unwrap();
        let releases = [listed("1.0", 0)];
        let question = Question {
            principal: &principal,
            action: Action::Install,
            project: &project,
            releases: &releases,
        };
        assert_eq!(brief(&mill.ask(&question, HOUR).await.decisions), [expected], "{project}");
    }
}

#[tokio::test]
async fn what_has_no_time_is_as_old_as_the_mills_knowledge_of_it() {
    let mill = Mill::new().await;
    let timeless = |version: &'static str| Listed { version: version.into(), ..Listed::default() };
    assert_eq!(
        brief(&mill.install(&[timeless("1.0")], 0).await),
        ["warn TM0905"],
        "it was there at the first look"
    );
    let releases = [timeless("1.0"), timeless("1.1")];
    let decisions = mill.install(&releases, DAY).await;
    assert_eq!(brief(&decisions), ["warn TM0905", "hold TM0902"]);
    assert_eq!(decisions[1].until, Some(at(DAY + 72 * HOUR)));
    assert_eq!(brief(&mill.install(&releases, DAY + 72 * HOUR).await)[1], "warn TM0905");
    let strict = Cooldown { hold_unknown: true, ..settings().cooldown };
    let mill = Mill::with(FirewallSettings { cooldown: strict, ..settings() }).await;
    let decisions = mill.install(&[timeless("1.0")], 0).await;
    assert_eq!((brief(&decisions)[0].as_str(), decisions[0].until), ("hold TM0902", None));
}

#[tokio::test]
async fn a_build_sees_the_registry_of_then_but_no_malware() {
    let mill = Mill::new().await;
    mill.advisories.know([malware("MAL-1", &demo(), &["1.1"])]);
    let (project, principal) = (demo(), Principal::default());
    let releases = [listed("1.0", 0), listed("1.1", 0)];
    let question =
        Question { principal: &principal, action: Action::Serve, project: &project, releases: &releases };
    assert_eq!(brief(&mill.ask(&question, HOUR).await.decisions), ["allow", "block TM0901"]);
}

#[tokio::test]
async fn a_critical_release_is_held_where_there_is_somewhere_to_go() {
    let mill = Mill::new().await;
    let old = -100 * DAY;
    mill.advisories.know([vulnerability("GHSA-1", &demo(), Severity::Critical, Some("1.2"))]);
    let nowhere = [listed("1.0", old), listed("1.1", old)];
    assert_eq!(brief(&mill.install(&nowhere, 0).await), ["warn TM0903", "warn TM0903"]);
    let releases = [listed("1.0", old), listed("1.2", old), listed("2.0", old)];
    let decisions = mill.install(&releases, 0).await;
    assert_eq!(brief(&decisions), ["hold TM0903", "warn TM0905", "warn TM0905"]);
    assert!(decisions[0].reason.ends_with("GHSA-1; 1.2 does not: take that"), "{}", decisions[0].reason);
    let other_major = [listed("1.0", old), listed("2.0", old)];
    assert_eq!(brief(&mill.install(&other_major, 0).await)[0], "warn TM0903", "not by a compatible update");
    let withdrawn = [listed("1.0", old), Listed { yanked: true, ..listed("1.2", old) }, listed("1.3-a", old)];
    assert_eq!(
        brief(&mill.install(&withdrawn, 0).await)[0],
        "warn TM0903",
        "neither yanked nor a prerelease"
    );
}

#[tokio::test]
async fn nobody_is_sent_to_what_is_refused_too() {
    let mill = Mill::new().await;
    let old = -100 * DAY;
    let releases = [listed("1.0", old), listed("1.2", old), listed("1.3", old)];
    mill.advisories.know([
        vulnerability("GHSA-1", &demo(), Severity::Critical, Some("1.2")),
        malware("MAL-1", &demo(), &["1.2"]),
    ]);
    let decisions = mill.install(&releases, 0).await;
    assert_eq!(brief(&decisions), ["hold TM0903", "block TM0901", "warn TM0905"]);
    assert!(decisions[0].reason.contains("1.3 does not"), "{}", decisions[0].reason);
    assert_eq!(brief(&mill.install(&releases[..2], 0).await), ["warn TM0903", "block TM0901"]);
}

#[tokio::test]
async fn a_fix_that_an_advisory_names_does_not_wait() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", -100 * DAY), listed("1.2", 0), listed("1.3", 0)];
    mill.advisories.know([vulnerability("GHSA-1", &demo(), Severity::Critical, Some("1.2.0"))]);
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["hold TM0903", "warn TM0905", "hold TM0902"]);
}

#[tokio::test]
async fn something_popular_is_not_blocked_by_one_word_about_all_of_it() {
    let mill = Mill::new().await;
    let (project, principal) = (Purl::project("npm", "react"), Principal::default());
    mill.advisories.know([malware("MAL-1", &project, &[]), malware("MAL-2", &demo(), &[])]);
    let releases = [listed("19.0", -100 * DAY)];
    let question =
        Question { principal: &principal, action: Action::Install, project: &project, releases: &releases };
    let decisions = mill.ask(&question, 0).await.decisions;
    assert_eq!(brief(&decisions), ["hold TM0904"]);
    mill.ask(&question, HOUR).await;
    let alarms = mill.records.facts(&project, Some("alarm")).await.unwrap();
    assert_eq!(alarms.len(), 1, "a person is told, once");
    assert_eq!(alarms[0].body["code"], "TM0904");
    assert_eq!(brief(&mill.install(&releases, 0).await), ["block TM0901"], "something that few know");
    mill.records.watch(&demo(), at(0)).await.unwrap();
    mill.firewall.refresh(at(0)).await.unwrap();
    assert_eq!(
        brief(&mill.install(&releases, 0).await),
        ["hold TM0904"],
        "what is watched counts as popular"
    );
}

#[tokio::test]
async fn what_came_out_of_git_does_not_wait() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", 0), listed("1.1", 0)];
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["hold TM0902", "hold TM0902"]);
    let judged =
        facts::fact(&demo().at("1.0"), Some("demo.tgz"), at(0), &judgement(Verdict::Identical)).unwrap();
    mill.records.append(&[judged]).await.unwrap();
    assert_eq!(
        brief(&mill.install(&releases, HOUR).await)[0],
        "hold TM0902",
        "proven, and nobody says from what"
    );
    let winner = trustmill_core::fact::Fact {
        format: 1,
        about: demo().at("1.0"),
        kind: "winner".into(),
        subject: Some("demo.tgz".into()),
        at: at(0),
        body: serde_json::json!({ "recipe": from_git() }),
    };
    mill.records.append(&[winner]).await.unwrap();
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["allow", "hold TM0902"]);
    let worse =
        facts::fact(&demo().at("1.0"), Some("other.tgz"), at(0), &judgement(Verdict::Explained)).unwrap();
    mill.records.append(&[worse]).await.unwrap();
    assert_eq!(
        brief(&mill.install(&releases, HOUR).await)[0],
        "hold TM0902",
        "one file that did not is enough"
    );
}

#[tokio::test]
async fn an_install_hook_that_was_not_there_before_is_seen() {
    let mill = Mill::new().await;
    let own = "@id(\"hooks\") @effect(\"hold\") @reason(\"new hook\") forbid (principal, action, resource) when { resource.new_install_hook };";
    let mut sources = shipped::sources(Mode::Enforce);
    sources.push(Source {
        file: "own.cedar".into(),
        text: own.into(),
        set: "own".into(),
        mode: Mode::Enforce,
    });
    mill.firewall.replace(PolicySet::parse(&sources, &BTreeMap::new()).unwrap());
    let hook =
        |version: &'static str, script| Listed { install_script: script, ..listed(version, -100 * DAY) };
    let releases = [
        hook("1.2", Some(true)),
        hook("1.0", Some(false)),
        hook("1.1-a", Some(true)),
        hook("1.3", Some(true)),
        hook("2.0", None),
        hook("2.1", Some(true)),
    ];
    let effects = brief(&mill.install(&releases, 0).await);
    assert_eq!(
        effects,
        ["hold TM0905", "warn TM0905", "hold TM0905", "warn TM0905", "warn TM0905", "warn TM0905"]
    );
}

#[tokio::test]
async fn what_nobody_changed_is_not_decided_again() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", -100 * DAY)];
    for _ in 0..3 {
        mill.install(&releases, 0).await;
    }
    assert_eq!(mill.advisories.asked(), 1);
    let before = mill.firewall.revision();
    mill.advisories.know([malware("MAL-1", &demo(), &["1.0"])]);
    assert_ne!(mill.firewall.revision(), before);
    assert_eq!(brief(&mill.install(&releases, 0).await), ["block TM0901"]);
    mill.advisories.know([]);
    assert_eq!(brief(&mill.install(&releases, 0).await), ["warn TM0905"], "a feed that takes its word back");
}

#[tokio::test]
async fn other_policies_decide_at_once_and_the_number_moves() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", 0)];
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["hold TM0902"]);
    let before = mill.firewall.revision();
    let preview = PolicySet::parse(&shipped::sources(Mode::Preview), &BTreeMap::new()).unwrap();
    mill.firewall.replace(preview);
    assert_ne!(mill.firewall.revision(), before);
    let decisions = mill.install(&releases, HOUR).await;
    assert_eq!(brief(&decisions), ["warn TM0902"]);
    assert!(decisions[0].reason.starts_with("preview of cooldown: would hold"), "{}", decisions[0].reason);
    mill.firewall.replace(policies());
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["hold TM0902"]);
}

#[tokio::test]
async fn what_cannot_be_read_permits_nothing() {
    let mill = Mill::new().await;
    let (project, principal) = (demo(), Principal::default());
    let releases = [listed("1.0", -100 * DAY)];
    let question =
        Question { principal: &principal, action: Action::Install, project: &project, releases: &releases };
    assert_eq!(mill.ask(&question, 0).await.decisions[0].effect, Effect::Warn);
    mill.advisories.break_down(true);
    assert!(mill.firewall.rule(&question, at(0)).await.is_err());
    mill.advisories.break_down(false);
    assert!(mill.firewall.rule(&question, at(0)).await.is_ok());
}

#[tokio::test]
async fn a_list_that_grows_is_answered_as_if_it_were_new() {
    let old = -100 * DAY;
    let all: Vec<String> = (0..30).map(|minor| format!("1.{minor}")).collect();
    let advisories = || {
        [
            vulnerability("GHSA-1", &demo(), Severity::Critical, Some("1.20")),
            malware("MAL-1", &demo(), &["1.25", "1.3"]),
        ]
    };
    let grown = Mill::new().await;
    grown.advisories.know(advisories());
    for count in 1..=all.len() {
        let releases: Vec<_> = all[..count].iter().map(|version| listed(version, old)).collect();
        let fresh = Mill::new().await;
        fresh.advisories.know(advisories());
        assert_eq!(grown.install(&releases, 0).await, fresh.install(&releases, 0).await, "{count} releases");
    }
}
