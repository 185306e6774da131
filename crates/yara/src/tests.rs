//! What rules find in packages that are read as the scanner reads them.

use crate::{Rules, Source, Sources, YaraError};
use std::io::Write as _;
use trustmill_core::port::scanner::{File, Job, Previous};
use trustmill_core::scan::{Conclusion, Family, Report};

fn sources(text: &str) -> Sources {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.yar");
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    Sources::heard(b"").unwrap().with(&[path]).unwrap()
}

fn file(name: &str, bytes: impl Into<Vec<u8>>) -> File {
    File { name: name.into(), bytes: bytes.into().into() }
}

fn scan(sources: &Sources, file: File) -> Report {
    let rules = Rules::compile(sources).unwrap();
    trustmill_scan::scan_with(&Job { file, ..Job::default() }, &rules).unwrap()
}

const MARKED: &str = r#"
    rule marked {
        meta:
            description = "has the\n mark"
            score = 80
        strings: $a = "the mark"
        condition: $a
    }"#;

#[test]
fn a_match_is_a_finding_at_its_place() {
    let report = scan(&sources(MARKED), file("a.py", "x = 1\ny = 'the mark'\n"));
    let finding = report.findings.iter().find(|finding| finding.rule == "yara:marked").unwrap();
    assert_eq!((finding.family, finding.weight), (Family::Custom, 80));
    assert_eq!(finding.what, "has the mark");
    assert_eq!((finding.place.line, finding.place.column), (2, 6));
    assert_eq!(report.conclusion, Conclusion::Hold);
    assert!(report.rules.contains("+yara."), "{}", report.rules);
}

#[test]
fn what_the_operator_asked_for_counts_in_tests_and_when_it_is_old() {
    let text = "y = 'the mark'\n";
    let rules = Rules::compile(&sources(MARKED)).unwrap();
    let previous = Some(Previous { version: "1".into(), file: file("a.py", text) });
    let job = Job { file: file("a.py", text), previous, ..Job::default() };
    let report = trustmill_scan::scan_with(&job, &rules).unwrap();
    assert_eq!((report.findings[0].weight, report.findings[0].new), (80, false));
    assert_eq!(report.conclusion, Conclusion::Hold);
}

#[test]
fn a_rule_may_say_less_than_a_reason_to_hold() {
    let report = scan(&sources(&MARKED.replace("80", "20")), file("a.py", "y = 'the mark'\n"));
    assert_eq!(report.conclusion, Conclusion::Note);
}

#[test]
fn private_rules_report_nothing_and_globals_say_where_a_file_is() {
    let text = r#"
        private rule python { condition: extension == "py" }
        rule named { condition: python and filename == "a.py" and filepath == "a.py" and owner == "" }"#;
    let report = scan(&sources(text), file("a.py", "x = 1\n"));
    let ids: Vec<&str> = report.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(ids, ["yara:named"]);
    assert_eq!(scan(&sources(text), file("b.py", "x = 1\n")).findings, []);
}

#[test]
fn what_does_not_compile_is_named_with_its_place() {
    for text in
        ["rule broken { condition: $a }", "include \"/etc/passwd\"", "import \"nothing\"", "rule", "{]"]
    {
        let error = Rules::compile(&sources(text)).unwrap_err();
        let YaraError::Rule { file, why } = error else { panic!("{error}") };
        assert!(file.ends_with("own.yar") && why.contains("own.yar:1"), "{text}: {file}: {why}");
    }
}

#[test]
fn two_files_may_use_one_name() {
    let both = vec![
        Source { name: "a".into(), text: "rule same { condition: filesize > 0 }".into() },
        Source { name: "b".into(), text: "rule same { condition: filesize > 0 }".into() },
    ];
    let sources = Sources::heard(&serde_json::to_vec(&both).unwrap()).unwrap();
    assert_eq!(scan(&sources, file("a.py", "x = 1\n")).findings.len(), 2);
}

/// A program of the kind of a processor that says these things, as far as rules look at it.
fn program(says: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(64, 0);
    for said in says {
        bytes.extend_from_slice(said);
        bytes.push(0);
    }
    bytes
}

#[test]
fn the_rules_that_ship_know_programs_and_leave_text_alone() {
    let cases: [(&str, &[&[u8]]); 6] = [
        ("yara:packed_program", &[b"UPX!", b"UPX0", b"UPX1"]),
        ("yara:frozen_script", &[b"MEI\x0c\x0b\x0a\x0b\x0e"]),
        ("yara:miner_program", &[b"stratum+tcp://a.example:3333", b"XMRig/6", b"randomx"]),
        ("yara:stealer_program", &[b"Login Data", b"key4.db", b"api.telegram.org/bot"]),
        ("yara:wallet_program", &[b"Exodus\\exodus.wallet", b"Electrum\\wallets", b"Coinomi\\wallets"]),
        ("yara:injected_stage", &[b"ReflectiveLoader", b"metsrv.dll"]),
    ];
    let shipped = Sources::shipped();
    for (rule, says) in cases {
        let has = |bytes: Vec<u8>| {
            let report = scan(&shipped, file("tool.bin", bytes));
            report.findings.iter().any(|finding| finding.rule == rule)
        };
        assert!(has(program(says)), "{rule}");
        // All but one of what it says, and the same in what is no program.
        assert!(!has(program(&says[..says.len() - 1])), "{rule} with less");
        assert!(!has(says.concat()), "{rule} in text");
    }
    let named: Vec<String> = Rules::compile(&shipped).unwrap().all().map(|hit| hit.rule).collect();
    assert_eq!(named.len(), cases.len(), "each has a case: {named:?}");
}
