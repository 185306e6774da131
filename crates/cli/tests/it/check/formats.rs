//! The four formats of `check`, as they are printed.

use super::validate::valid;
use super::world::{advised, lockfiles, run_in, settled};
use serde_json::Value;

#[test]
fn the_table_names_problem_place_way_and_fix() {
    let mill = advised();
    let files = lockfiles(&mill);
    let run = run_in(&mill, &[&["check"], files.as_slice()].concat());
    assert_eq!(run.code(), 1, "{}", run.stderr());
    insta::assert_snapshot!(settled(&run.stdout()));
}

#[test]
fn workflow_commands_point_at_the_lines() {
    let mill = advised();
    let files = lockfiles(&mill);
    let run = run_in(&mill, &[&["check", "--format", "github"], files.as_slice()].concat());
    assert_eq!(run.code(), 1, "{}", run.stderr());
    insta::assert_snapshot!(run.stdout());
}

#[test]
fn sarif_is_what_the_schema_says_and_keeps_its_fingerprints() {
    let mill = advised();
    let files = lockfiles(&mill);
    let args = [&["check", "--format", "sarif"], files.as_slice()].concat();
    let mut log = run_in(&mill, &args).json(1);
    valid("sarif", &log);
    let prints = |log: &Value| {
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        results.into_iter().map(|result| result["partialFingerprints"].clone()).collect::<Vec<_>>()
    };
    let before = prints(&log);
    mill.file("requirements.txt", "\n\nidna==3.11\n\nrequests==2.19.1\n");
    assert_eq!(prints(&run_in(&mill, &args).json(1)), before, "neither lines nor versions are part of them");
    log["runs"][0]["invocations"][0]["endTimeUtc"] = "…".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&log).unwrap());
}

#[test]
fn json_is_the_data_itself() {
    let mill = advised();
    let files = lockfiles(&mill);
    let checked = run_in(&mill, &[&["check", "--json"], files.as_slice()].concat()).json(1);
    let evil = &checked["findings"][0];
    assert_eq!(evil["release"], "pkg:npm/evil@1.0.0");
    assert_eq!(evil["malicious"], true);
    assert_eq!(evil["remedy"]["kind"], "remove");
    assert_eq!(
        evil["places"][0]["way"],
        serde_json::json!(["shop", "top 1.0.0", "deep 1.2.3", "evil 1.0.0"])
    );
    assert_eq!(checked["releases"], 6);
    assert_eq!(checked["upgrades"][0]["to"], "2.32.0");
    let ids = checked["findings"].to_string();
    assert!(!ids.contains("GHSA-7777-8888-9999"), "what was withdrawn is never matched");
}
