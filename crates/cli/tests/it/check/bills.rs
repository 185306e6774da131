//! Bills of materials and VEX, as they are printed.

use super::validate::valid;
use super::world::{advised, lockfiles, run_in};
use crate::support::Mill;
use serde_json::Value;

#[test]
fn cyclonedx_is_strictly_valid_and_always_the_same() {
    let mill = advised();
    let files = lockfiles(&mill);
    let args = [&["sbom", "--name", "shop"], files.as_slice()].concat();
    let bom = run_in(&mill, &args).json(0);
    valid("cyclonedx", &bom);
    assert_eq!(run_in(&mill, &args).json(0), bom);
    assert_eq!(bom["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    insta::assert_snapshot!(serde_json::to_string_pretty(&bom).unwrap());
}

#[test]
fn spdx_is_valid_and_written_where_it_is_asked_for() {
    let mill = advised();
    let files = lockfiles(&mill);
    let output = ["sbom", "--name", "shop", "--format", "spdx", "--output", "bill.spdx.json"];
    let run = run_in(&mill, &[output.as_slice(), &files].concat());
    assert_eq!((run.code(), run.stdout().as_str()), (0, ""), "{}", run.stderr());
    let bill: Value =
        serde_json::from_slice(&std::fs::read(mill.path().join("bill.spdx.json")).unwrap()).unwrap();
    valid("spdx", &bill);
    insta::assert_snapshot!(serde_json::to_string_pretty(&bill).unwrap());
}

#[test]
fn vex_says_what_the_advisories_say_and_no_more() {
    let mill = advised();
    let vex = run_in(&mill, &["vex", "pkg:pypi/requests@2.19.0", "pkg:pypi/idna@3.11"]).json(0);
    valid("openvex", &vex);
    insta::assert_snapshot!(serde_json::to_string_pretty(&vex).unwrap());
    let affected = run_in(&mill, &["vex", "--only", "affected", "pkg:pypi/requests@2.19.0"]).json(0);
    assert_eq!(affected["statements"].as_array().unwrap().len(), 2);
}

/// That somebody takes a risk is said, with the reason; it does not take the risk away.
#[test]
fn vex_says_who_accepts_a_problem_and_why() {
    let mill = advised();
    let add =
        ["override", "add", "pkg:pypi/requests", "--versions", "<2.20", "--until", "20d", "--by", "Ada"];
    let added = mill.run(&[add.as_slice(), &["--why", "the host is pinned"]].concat());
    assert_eq!(added.code(), 0, "{}", added.stderr());
    let entry = "[[ignore]]\nid = \"CVE-2018-18074\"\nreason = \"no redirects\"\nuntil = 2099-01-01\n";
    mill.file("ignores.toml", entry);
    let vex = |purl: &str| {
        let run = mill.run(&[
            "vex",
            "--only",
            "affected",
            "--ignores",
            mill.path().join("ignores.toml").to_str().unwrap(),
            purl,
        ]);
        let vex = run.json(0);
        valid("openvex", &vex);
        let statements = vex["statements"].as_array().unwrap().clone();
        statements.iter().map(|one| one["status_notes"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let notes = vex("pkg:pypi/requests@2.19.0");
    assert!(
        notes
            .iter()
            .all(|note| note.contains(" by Ada hands it out until ") && note.contains("the host is pinned")),
        "{notes:?}"
    );
    let accepted: Vec<_> = notes
        .iter()
        .filter(|note| note.contains("ignored until 2099-01-01T00:00:00Z: no redirects"))
        .collect();
    assert_eq!(accepted.len(), 1, "{notes:?}");
    let notes = vex("pkg:pypi/requests@2.30.0");
    assert!(
        !notes.is_empty() && notes.iter().all(|note| !note.contains("Ada")),
        "not its version: {notes:?}"
    );
}

#[test]
fn the_watch_set_has_a_bill_too() {
    let mill = Mill::new();
    assert_eq!(mill.run(&["add", "pkg:pypi/six@1.17.0", "pkg:pypi/idna"]).code(), 0);
    let bom = run_in(&mill, &["sbom", "--watched"]).json(0);
    valid("cyclonedx", &bom);
    assert_eq!(
        bom["components"].as_array().unwrap().len(),
        1,
        "a project of which nothing was judged has no version"
    );
    assert_eq!(bom["components"][0]["purl"], "pkg:pypi/six@1.17.0");
}

#[test]
fn an_epoch_that_is_none_and_a_file_that_cannot_be_written_are_named() {
    let mill = advised();
    mill.file("requirements.txt", "idna==3.11\n");
    let mut command = mill.command();
    command.current_dir(mill.path()).env("SOURCE_DATE_EPOCH", "yesterday").args(["sbom", "requirements.txt"]);
    let run = crate::support::Run::of(&mut command);
    assert_eq!(run.code(), 2);
    assert!(run.stderr().contains("error[TM0933]"), "{}", run.stderr());
    let run = run_in(&mill, &["sbom", "--output", "no/such/folder.json", "requirements.txt"]);
    assert_eq!(run.code(), 3);
    assert!(run.stderr().contains("error[TM0934]"), "{}", run.stderr());
}
