//! What the scanner finds is obeyed: holds and blocks with the finding as the reason, and what lifts them.

use super::world::{DAY, HOUR, Mill, at, brief, listed, settings, wish};
use std::collections::BTreeMap;
use trustmill_core::ruling::Listed;
use trustmill_core::scan::{Census, Conclusion, Family, Finding, Leads, Place, Report, When};
use trustmill_core::{Purl, Sha256};
use trustmill_factory::facts::{self, Scan, ScanResult};
use trustmill_factory::firewall::FirewallSettings;
use trustmill_factory::firewall::overrides::Wish;
use trustmill_policy::{Mode, PolicySet, Source, shipped};

fn report(filename: &str, conclusion: Conclusion) -> ScanResult {
    let found = conclusion > Conclusion::Clear;
    let finding = Finding {
        rule: "test".into(),
        family: Family::DownloadAndRun,
        weight: 90,
        what: "postinstall fetches a program and runs it".into(),
        when: When::Installed,
        place: Place { path: "package.json".into(), line: 5, column: 20 },
        excerpt: String::new(),
        layers: Vec::new(),
        look: "what it fetches".into(),
        new: true,
    };
    ScanResult::Report(Box::new(Report {
        format: Report::FORMAT,
        rules: "1".into(),
        filename: filename.into(),
        sha256: Sha256::of(filename.as_bytes()),
        against: None,
        conclusion,
        reason: String::new(),
        scores: Vec::new(),
        findings: found.then_some(finding).into_iter().collect(),
        census: Census::default(),
        licence: None,
        leads: Leads::default(),
    }))
}

async fn scanned(mill: &Mill, version: &str, filename: &str, result: ScanResult, now: i64) {
    let release = Purl::release("npm", "demo", version);
    let scan = Scan { rules: "1".into(), filename: filename.into(), at: at(now), result };
    let digest = Sha256::of(filename.as_bytes()).to_hex();
    let fact = facts::fact(&release, Some(&digest), at(now), &scan).unwrap();
    mill.records.append(&[fact]).await.unwrap();
}

#[tokio::test]
async fn the_worst_file_decides_and_its_finding_is_the_reason() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", -100 * DAY), listed("1.1", -100 * DAY), listed("1.2", -100 * DAY)];
    scanned(&mill, "1.0", "a.tgz", report("a.tgz", Conclusion::Note), 0).await;
    scanned(&mill, "1.1", "b.tgz", report("b.tgz", Conclusion::Clear), 0).await;
    scanned(&mill, "1.1", "c.tgz", report("c.tgz", Conclusion::Hold), 0).await;
    scanned(&mill, "1.2", "d.tgz", report("d.tgz", Conclusion::Block), 0).await;
    let decisions = mill.install(&releases, HOUR).await;
    assert_eq!(brief(&decisions), ["warn TM0905", "hold TM1004", "block TM1005"]);
    let reason = &decisions[1].reason;
    assert!(reason.contains("package.json:5:20: postinstall fetches a program"), "{reason}");
}

#[tokio::test]
async fn what_broke_the_scanner_is_held_and_a_newer_report_counts_instead() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", -100 * DAY)];
    let failed = ScanResult::Failed { code: "TM1001".into(), what: "it did not finish".into() };
    scanned(&mill, "1.0", "a.tgz", failed.clone(), 0).await;
    let decisions = mill.install(&releases, HOUR).await;
    assert_eq!(brief(&decisions), ["hold TM1006"]);
    assert!(decisions[0].reason.contains("it did not finish"), "{}", decisions[0].reason);
    scanned(&mill, "1.0", "a.tgz", report("a.tgz", Conclusion::Clear), 1).await;
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["warn TM0905"]);
    scanned(&mill, "1.0", "a.tgz", failed, 2).await;
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["hold TM1006"], "what comes back is new");
}

#[tokio::test]
async fn a_person_lifts_a_hold_and_a_block_only_by_saying_so() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", -100 * DAY), listed("1.1", -100 * DAY)];
    scanned(&mill, "1.0", "a.tgz", report("a.tgz", Conclusion::Hold), 0).await;
    scanned(&mill, "1.1", "b.tgz", report("b.tgz", Conclusion::Block), 0).await;
    mill.override_(wish("pkg:npm/demo"), 0).await;
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["allow", "block TM1005"]);
    mill.override_(Wish { even_malicious: true, ..wish("pkg:npm/demo@1.1") }, 0).await;
    assert_eq!(brief(&mill.install(&releases, HOUR).await), ["allow", "allow"]);
}

#[tokio::test]
async fn a_hold_raises_an_alarm_and_a_scanner_that_is_off_says_nothing() {
    let mill = Mill::new().await;
    let releases = [listed("1.0", -100 * DAY)];
    scanned(&mill, "1.0", "a.tgz", report("a.tgz", Conclusion::Hold), 0).await;
    mill.install(&releases, HOUR).await;
    let alarms = mill.records.facts(&Purl::project("npm", "demo"), Some("alarm")).await.unwrap();
    assert!(alarms.len() == 1 && alarms[0].body["code"] == "TM1004", "{alarms:?}");
    let off = Mill::over(mill.records.clone(), FirewallSettings { scanned: false, ..settings() }).await;
    assert_eq!(brief(&off.install(&releases, HOUR).await), ["warn TM0905"]);
}

#[tokio::test]
async fn a_policy_sees_the_licence_of_the_registry_else_that_of_a_scanned_file() {
    let mill = Mill::new().await;
    let own = "@id(\"licences\") @effect(\"hold\") @reason(\"{licence} is not for products\") \
               forbid (principal, action, resource) when { resource.licence like \"AGPL*\" };";
    let mut sources = shipped::sources(Mode::Enforce);
    let (file, set) = ("own.cedar".into(), "own".into());
    sources.push(Source { file, text: own.into(), set, mode: Mode::Enforce });
    mill.firewall.replace(PolicySet::parse(&sources, &BTreeMap::new()).unwrap());
    for version in ["1.0", "1.1"] {
        let filename = format!("{version}.tgz");
        let mut result = report(&filename, Conclusion::Clear);
        if let ScanResult::Report(report) = &mut result {
            report.licence = Some("AGPL-3.0-only".into());
        }
        scanned(&mill, version, &filename, result, 0).await;
    }
    let told = Listed { licence: Some("MIT".into()), ..listed("1.1", -100 * DAY) };
    let decisions = mill.install(&[listed("1.0", -100 * DAY), told, listed("1.2", -100 * DAY)], HOUR).await;
    assert_eq!(brief(&decisions), ["hold TM0905", "warn TM0905", "warn TM0905"]);
    assert_eq!(decisions[0].reason, "AGPL-3.0-only is not for products");
}
