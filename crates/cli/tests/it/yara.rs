//! Rules in YARA: applied by the locked-in worker of a binary that has them, and refused by one that has not.

use crate::support::Mill;

const RULE: &str =
    "rule marked { meta: description = \"has the mark\" strings: $a = \"the mark\" condition: $a }";

fn configure(mill: &Mill, text: &str) {
    std::fs::create_dir_all(mill.data()).unwrap();
    std::fs::write(mill.data().join("trustmill.toml"), text).unwrap();
}

/// A mill with these rules, and a file that has the mark.
fn mill(rules: &str) -> (Mill, tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    std::fs::write(folder.path().join("rules/own.yar"), rules).unwrap();
    let file = folder.path().join("a.py");
    std::fs::write(&file, "x = 1\ny = 'the mark'\n").unwrap();
    let mill = Mill::new();
    configure(&mill, &format!("[scanner]\nyara = [{:?}]\n", folder.path().join("rules")));
    (mill, folder, file.display().to_string())
}

#[cfg(feature = "yara")]
#[test]
fn a_rule_of_the_operator_holds_a_file_and_is_listed() {
    let (mill, _folder, file) = mill(RULE);
    let scanned = mill.run(&["--json", "scan", &file]).json(1);
    assert_eq!(scanned["conclusion"], "hold");
    let report = &scanned["reports"][0];
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["family"]),
        (&"yara:marked".into(), &"custom".into()),
        "{scanned:#}"
    );
    assert_eq!((&finding["what"], &finding["place"]["line"]), (&"has the mark".into(), &2.into()));
    assert!(report["rules"].as_str().unwrap().contains("+yara."), "{scanned:#}");
    let sarif = mill.run(&["scan", "--sarif", &file]).json(1);
    let result = &sarif["runs"][0]["results"][0];
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][index]["id"], "yara:marked");
    let rules = mill.run(&["--json", "scan", "--rules"]).json(0);
    let ids: Vec<&str> = rules.as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"yara:marked") && ids.contains(&"yara:miner_program"), "{ids:?}");
}

#[cfg(feature = "yara")]
#[test]
fn a_rule_that_does_not_compile_stops_the_scan_and_is_shown() {
    let (mill, _folder, file) = mill("rule broken { condition: $nothing }");
    let run = mill.run(&["scan", &file]);
    assert_eq!(run.code(), 2, "{}", run.stderr());
    assert!(run.stderr().contains("TM1012") && run.stderr().contains("own.yar:1:"), "{}", run.stderr());
    let doctor = mill.run(&["doctor", "--json"]);
    assert!(doctor.stdout().contains("own.yar"), "{}", doctor.stdout());
}

/// Rules that would take for ever are ended by the clock of whoever waits, and the file is held.
#[cfg(feature = "yara")]
#[test]
fn a_rule_that_never_ends_is_no_pass() {
    let endless = "rule endless { condition: for all i in (0..9000000000000): (i >= 0) }";
    let (mill, folder, file) = mill(endless);
    configure(&mill, &format!("[scanner]\nseconds = 2\nyara = [{:?}]\n", folder.path().join("rules")));
    let run = mill.run(&["scan", &file]);
    assert_eq!(run.code(), 3, "{}", run.stdout());
    assert!(run.stderr().contains("TM1001"), "{}", run.stderr());
}

#[cfg(not(feature = "yara"))]
#[test]
fn rules_are_not_left_out_by_a_binary_that_cannot_read_them() {
    let (mill, _folder, file) = mill(RULE);
    let run = mill.run(&["scan", &file]);
    assert_eq!(run.code(), 2, "{}", run.stdout());
    assert!(run.stderr().contains("TM1013"), "{}", run.stderr());
}
