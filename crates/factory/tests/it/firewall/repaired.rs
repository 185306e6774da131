//! Repaired releases: known by the oracle's ruling, and refused where an operator's policy asks for more.

use super::world::{DAY, HOUR, Mill, at, brief, listed, malware, vulnerability};
use std::collections::BTreeMap;
use trustmill_core::advisory::Severity;
use trustmill_core::repair::{Judgement, Proposer, Ruling};
use trustmill_core::ruling::Listed;
use trustmill_core::{Purl, Sha256};
use trustmill_factory::facts;
use trustmill_factory::repair::Repaired;
use trustmill_policy::{Mode, PolicySet, Source, shipped};

fn demo() -> Purl {
    Purl::project("npm", "demo")
}

/// A policy of an operator who takes no repair that is not proven.
const PROVEN_ONLY: &str = "@id(\"repairs-are-proven\")\n@effect(\"hold\")\n@code(\"ACME13\")\n\
    @reason(\"{name} {version} is {repaired}\")\n\
    forbid (principal, action == Action::\"install\", resource)\nwhen { resource.repaired == \"unproven\" };\n";

fn repaired(version: &str, number: u32, ruling: Ruling) -> Repaired {
    Repaired {
        version: 1,
        release: demo().at(version),
        repaired: demo().at(&format!("{version}-tm.{number}")),
        advisories: vec!["GHSA-1".into()],
        proposer: Proposer::Strategy { name: "exact".into(), version: 1 },
        derived_from: Vec::new(),
        judgement: Judgement::default(),
        ruling,
        layers: Vec::new(),
        changes: Vec::new(),
        patch: Sha256::of(b""),
        difference: Sha256::of(b""),
        files: Vec::new(),
        bundle: Sha256::of(b""),
        millis: 7,
        at: at(0),
        withdrawn: None,
    }
}

#[tokio::test]
async fn a_repaired_release_is_known_by_its_ruling_and_a_policy_may_refuse_it() {
    let mill = Mill::new().await;
    mill.advisories.know([vulnerability("GHSA-1", &demo(), Severity::Critical, None)]);
    let releases = [
        listed("1.0", -100 * DAY),
        Listed { version: "1.0-tm.1".into(), ..Listed::default() },
        Listed { version: "1.0-tm.2".into(), ..Listed::default() },
        Listed { version: "1.0-tm.3".into(), ..Listed::default() },
        listed("1.1", -99 * DAY),
    ];
    for (number, ruling) in [(1, Ruling::Proven), (2, Ruling::Unproven)] {
        let one = repaired("1.0", number, ruling);
        let fact = facts::fact(&one.release, one.repaired.version(), at(0), &one).unwrap();
        mill.records.append(&[fact]).await.unwrap();
    }
    // What has no fact behind it is no repair, whatever its number.
    let told = brief(&mill.install(&releases, HOUR).await);
    assert_eq!(told, ["warn TM0903", "allow", "allow", "warn TM0903", "warn TM0903"]);

    let mut sources = shipped::sources(Mode::Enforce);
    sources.push(Source {
        file: "own.cedar".into(),
        text: PROVEN_ONLY.into(),
        set: "own".into(),
        mode: Mode::Enforce,
    });
    mill.firewall.replace(PolicySet::parse(&sources, &BTreeMap::new()).unwrap());
    let decisions = mill.install(&releases, HOUR).await;
    assert_eq!(brief(&decisions)[..3], ["warn TM0903", "allow", "hold ACME13"]);
    assert!(decisions[2].reason.contains("demo 1.0-tm.2 is unproven"), "{}", decisions[2].reason);

    mill.advisories.know([malware("MAL-1", &demo(), &["1.0-tm.1"])]);
    assert_eq!(brief(&mill.install(&releases, HOUR).await)[1], "block TM0901", "malware stays malware");
}
