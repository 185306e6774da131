//! `secure`, `show`, `verify` on a dozen real packages.

use crate::support::{Mill, retry, tools};
use serde_json::Value;
use std::process::Command;

/// Pinned real packages of every common back end, one platform-only among them, one that has source alone.
pub(crate) const DOZEN: &str = "\
attrs==25.4.0
certifi==2025.11.12
click==8.3.1
docopt==0.6.2
flask==3.1.2
idna==3.11
iniconfig==2.3.0
itsdangerous==2.2.0
jinja2==3.1.6
markupsafe==3.0.3
packaging==25.0
rich==14.2.0
six==1.17.0
";

fn row<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let purl = format!("pkg:pypi/{name}@");
    let rows = summary["rows"].as_array().unwrap();
    rows.iter().find(|row| row["purl"].as_str().unwrap().starts_with(&purl)).unwrap()
}

#[test]
fn a_dozen_real_packages_are_rebuilt_judged_shown_and_verified() {
    let mill = Mill::new();
    let file = mill.file("requirements.txt", DOZEN);
    let summary = mill.run(&["secure", "--json", file.to_str().unwrap()]).json(0);
    assert_eq!(summary["rows"].as_array().unwrap().len(), 13);
    let same: Vec<_> = [
        "attrs",
        "certifi",
        "click",
        "flask",
        "idna",
        "iniconfig",
        "itsdangerous",
        "jinja2",
        "packaging",
        "rich",
        "six",
    ]
    .into_iter()
    .filter(|name| matches!(row(&summary, name)["verdict"].as_str(), Some("identical" | "replayed")))
    .collect();
    assert!(same.len() >= 10, "only {same:?} came out with the published bytes: {summary:#}");
    assert_eq!(row(&summary, "markupsafe")["verdict"], "not-attempted");
    assert_eq!(row(&summary, "docopt")["verdict"], "built");
    assert_eq!(row(&summary, "docopt")["serves"], "mill");

    again_is_quick_and_the_same(&mill, &file, &summary);
    shown(&mill);
    verified(&mill);
}

/// The second run finds every key settled, and judges nothing again.
fn again_is_quick_and_the_same(mill: &Mill, file: &std::path::Path, first: &Value) {
    let second = mill.run(&["secure", "--json", file.to_str().unwrap()]).json(0);
    for (a, b) in first["rows"].as_array().unwrap().iter().zip(second["rows"].as_array().unwrap()) {
        assert_eq!((&a["purl"], &a["verdict"], &a["attempts"]), (&b["purl"], &b["verdict"], &b["attempts"]));
    }
}

fn shown(mill: &Mill) {
    let report = mill.run(&["show", "--json", "pkg:pypi/click@8.3.1"]).json(0);
    let attempt = &report["files"][0]["attempts"][0];
    assert!(attempt["materials"].as_array().unwrap().len() >= 3, "{report:#}");
    assert!(attempt["layers"].as_array().unwrap().iter().any(|layer| layer == "network-namespace"));
    let text = mill.run(&["show", "pkg:pypi/click@8.3.1"]).stdout();
    assert!(text.contains("verdict") && text.contains("because"), "{text}");
}

fn verified(mill: &Mill) {
    let folder = mill.path().join("wheels");
    let mut pip = Command::new(tools().join("bin/pip"));
    retry(pip.args(["download", "--quiet", "--no-deps", "click==8.3.1", "six==1.17.0", "-d"]).arg(&folder));
    let click = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let click = click.into_iter().find(|path| path.to_str().unwrap().contains("click")).unwrap();
    let good = mill.run(&["verify", "--json", click.to_str().unwrap()]).json(0);
    assert_eq!(good[0]["error"], Value::Null, "{good:#}");

    let mut bytes = std::fs::read(&click).unwrap();
    let last = bytes.len() - 1;
    bytes[last / 2] ^= 1;
    std::fs::write(&click, bytes).unwrap();
    let bad = mill.run(&["verify", "--json", click.to_str().unwrap()]).json(1);
    assert!(bad[0]["error"]["code"].as_str().unwrap().starts_with("TM05"), "{bad:#}");
}
