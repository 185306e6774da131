//! Overrides: what they lift, for whom, until when, and which do not count.

use super::world::{DAY, HOUR, Mill, at, brief, listed, malware, wish};
use trustmill_core::Purl;
use trustmill_core::port::Coded as _;
use trustmill_core::port::gate::Gate as _;
use trustmill_core::ruling::{Action, Principal, Question};
use trustmill_factory::firewall::overrides::{Desk, KIND, OverrideError, Wish};
use trustmill_trust::keys::SigningKey;

fn demo() -> Purl {
    Purl::project("npm", "demo")
}

#[tokio::test]
async fn a_hold_is_lifted_until_the_override_ends() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", 0), listed("1.1", 0)];
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["hold TM0902", "hold TM0902"]);
    let before = mill.firewall.revision();
    let id = mill.override_(Wish { until: at(10 * HOUR), ..wish("pkg:npm/demo@1.0") }, HOUR).await;
    assert_ne!(mill.firewall.revision(), before);
    let decisions = mill.install(&releases, 2 * HOUR).await;
    assert_eq!(brief(&decisions), ["allow", "hold TM0902"]);
    assert_eq!(decisions[0].overridden_by.as_deref(), Some(id.as_str()));
    assert_eq!(decisions[0].until, Some(at(10 * HOUR)));
    assert_eq!(decisions[0].policies, ["cooldown", "unjudged"], "what was lifted is still told");
    let (project, principal) = (demo(), Principal::default());
    let question =
        Question { principal: &principal, action: Action::Install, project: &project, releases: &releases };
    assert_eq!(
        mill.ask(&question, 2 * HOUR).await.until,
        Some(at(10 * HOUR)),
        "the page is rendered again then"
    );
    assert_eq!(
        brief(&mill.install(&releases, 10 * HOUR).await),
        ["hold TM0902", "hold TM0902"],
        "it ends by itself"
    );
}

#[tokio::test]
async fn a_block_is_lifted_only_by_an_override_that_says_so() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", -100 * DAY)];
    mill.advisories.know([malware("MAL-1", &demo(), &["1.0"])]);
    mill.override_(wish("pkg:npm/demo@1.0"), 0).await;
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["block TM0901"]);
    mill.override_(Wish { even_malicious: true, ..wish("pkg:npm/demo@1.0") }, 0).await;
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["allow"]);
}

#[tokio::test]
async fn an_override_is_for_its_team_and_its_versions() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", 0), listed("1.5", 0), listed("2.0", 0)];
    let versions = Some(">=1.5,<2".parse().unwrap());
    mill.override_(Wish { team: Some("web".into()), versions, ..wish("pkg:npm/demo") }, 0).await;
    let project = demo();
    for (team, expected) in [(Some("web"), "allow"), (Some("payments"), "hold TM0902"), (None, "hold TM0902")]
    {
        let principal = Principal { team: team.map(str::to_owned), ..Principal::default() };
        let question = Question {
            principal: &principal,
            action: Action::Install,
            project: &project,
            releases: &releases,
        };
        let decisions = mill.ask(&question, HOUR).await.decisions;
        assert_eq!(brief(&decisions), ["hold TM0902", expected, "hold TM0902"], "{team:?}");
    }
}

#[tokio::test]
async fn what_is_taken_back_lifts_nothing() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", 0)];
    let id = mill.override_(wish("pkg:npm/demo@1.0"), 0).await;
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["allow"]);
    let (records, trusted) = mill.desk();
    let desk = Desk { records: &*records, signer: &mill.signer, trusted: &trusted, most_days: 90 };
    let entry = desk.revoke(id.get(..6).unwrap(), "bob", "it was a mistake", at(HOUR)).await.unwrap();
    assert_eq!(entry.revoked.unwrap().by, "bob");
    mill.firewall.refresh(at(HOUR)).await.unwrap();
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["hold TM0902"]);
    assert!(matches!(desk.revoke(&id, "bob", "again", at(HOUR)).await, Err(OverrideError::Revoked { .. })));
    let listed = desk.list(at(HOUR)).await.unwrap();
    assert_eq!((listed.len(), listed[0].standing(at(HOUR))), (1, "revoked"));
    let reopened = Mill::over(mill.records.clone(), super::world::settings()).await;
    assert_eq!(brief(&reopened.install(&releases, HOUR).await), ["hold TM0902"], "also for the next process");
}

#[tokio::test]
async fn what_is_not_signed_by_the_mill_is_ignored_and_an_alarm_says_so() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", 0)];
    let stranger = SigningKey::from_secret([9; 32]);
    let (records, trusted) = mill.desk();
    let desk = Desk { records: &*records, signer: &stranger, trusted: &trusted, most_days: 90 };
    desk.add(wish("pkg:npm/demo@1.0"), at(0)).await.unwrap();
    mill.firewall.refresh(at(0)).await.unwrap();
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["hold TM0902"]);
    let alarms = records.facts(&demo(), Some("alarm")).await.unwrap();
    assert!(alarms.len() == 1 && alarms[0].body["code"] == "TM0908", "{alarms:?}");
    assert_eq!(desk.list(at(0)).await.unwrap(), []);
}

#[tokio::test]
async fn a_signed_override_means_one_project_and_no_other() {
    let mill = Mill::new().await;
    mill.override_(wish("pkg:npm/demo"), 0).await;
    let mut moved = mill.records.facts(&demo(), Some(KIND)).await.unwrap().remove(0);
    moved.about = Purl::project("npm", "other");
    mill.records.append(&[moved.clone()]).await.unwrap();
    let mut cut = moved.clone();
    cut.about = demo();
    cut.body["signatures"] = serde_json::json!([]);
    let mut shapeless = cut.clone();
    shapeless.body = serde_json::json!(["no envelope"]);
    mill.records.append(&[cut, shapeless]).await.unwrap();
    mill.firewall.refresh(at(0)).await.unwrap();
    let principal = Principal::default();
    let releases = [listed("1.0", 0)];
    let question = Question {
        principal: &principal,
        action: Action::Install,
        project: &moved.about,
        releases: &releases,
    };
    assert_eq!(brief(&mill.ask(&question, HOUR).await.decisions), ["hold TM0902"]);
    assert_eq!(
        brief(&mill.install(&releases, HOUR).await),
        ["allow"],
        "the one that was signed still counts"
    );
    let alarms = mill.records.of_kind("alarm", 0).await.unwrap();
    assert_eq!(alarms.len(), 3, "{alarms:?}");
}

#[tokio::test]
async fn an_override_says_why_and_ends_within_its_bound() {
    let mill = Mill::new().await;
    let (records, trusted) = mill.desk();
    let desk = Desk { records: &*records, signer: &mill.signer, trusted: &trusted, most_days: 90 };
    let good = || wish("pkg:npm/demo@1.0");
    for bad in [
        Wish { why: "  ".into(), ..good() },
        Wish { why: "two\nlines".into(), ..good() },
        Wish { by: String::new(), ..good() },
        Wish { until: at(0), ..good() },
        Wish { until: at(91 * DAY), ..good() },
        Wish { versions: Some("*".parse().unwrap()), ..good() },
    ] {
        let error = desk.add(bad.clone(), at(0)).await.unwrap_err();
        assert_eq!(error.code(), "TM0908", "{bad:?}");
    }
    assert_eq!(records.of_kind(KIND, 0).await.unwrap(), [], "nothing was written");
}
