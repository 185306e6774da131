//! A vulnerable release of the real registry gets its fix: found between two releases, carried, built and tested in the
//! sandbox, served to the real client, verified, and taken back.

use crate::support::{Mill, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const RELEASE: &str = "pkg:npm/minimist@1.2.0";
const REPAIRED: &str = "pkg:npm/minimist@1.2.0-tm.1";
const ID: &str = "CVE-2020-7598";

/// A mill that knows the one advisory.
fn mill() -> Mill {
    let mill = Mill::new();
    learns(&mill, ID, "1.2.3");
    mill
}

/// The mill reads an advisory of minimist that a release fixes.
fn learns(mill: &Mill, id: &str, fixed: &str) {
    let range = json!({ "type": "SEMVER", "events": [{ "introduced": "1.0.0" }, { "fixed": fixed }] });
    let record = json!({
        "schema_version": "1.6.0",
        "id": id,
        "modified": "2026-01-01T00:00:00Z",
        "summary": "prototype pollution by the keys constructor and __proto__",
        "affected": [{ "package": { "ecosystem": "npm", "name": "minimist" }, "ranges": [range] }],
    });
    let file = mill.file(&format!("{id}.json"), &record.to_string());
    mill.run(&["advisories", "update", "--json", "--from", file.to_str().unwrap(), id]).json(0);
}

/// The statuses that the mill's VEX document gives the repaired release.
fn statuses(mill: &Mill) -> Vec<String> {
    let document: Value = serde_json::from_str(&mill.run(&["vex", REPAIRED]).stdout()).unwrap();
    let statements = document["statements"].as_array().unwrap().iter();
    statements.map(|statement| statement["status"].as_str().unwrap().to_owned()).collect()
}

/// Has the real npm fetch the repaired release from a view.
fn fetched(up: &Server, view: &str, into: &Path) -> Output {
    std::fs::create_dir_all(into).unwrap();
    let mut npm = Command::new("npm");
    npm.current_dir(into).env("npm_config_cache", into.join("cache"));
    npm.args(["pack", "minimist@1.2.0-tm.1", "--fetch-retries=0", "--registry", &up.url(view)]);
    npm.output().unwrap()
}

/// The difference without its last run of lines, which is in the code: half the fix.
fn half(difference: &str) -> String {
    format!("{}\n", difference.rsplit_once("\n@@ ").unwrap().0)
}

#[test]
fn a_vulnerable_release_is_repaired_proven_served_and_taken_back() {
    let mill = mill();
    let rows = mill.run(&["repair", RELEASE, "--json"]).json(0);
    let repaired = &rows[0]["repaired"];
    assert_eq!(
        (&repaired["ruling"], &repaired["repaired"]),
        (&json!("proven"), &json!(REPAIRED)),
        "{rows:#}"
    );
    assert_eq!(mill.run(&["repair", RELEASE, "--json"]).json(0)[0]["repaired"]["at"], repaired["at"], "once");
    assert_eq!(statuses(&mill), ["fixed"]);

    // A part of it, and the whole with a program in it, in a person's name.
    let shown = mill.run(&["repair", "show", REPAIRED]).stdout();
    let (_, difference) = shown.split_once("diff --git ").unwrap();
    let fix = format!("diff --git {}", difference.split("diff --git a/test").next().unwrap());
    let armed = fix.replacen("\n+", "\n+require('child_process').execSync('id');\n+", 1);
    for (name, spoiled) in [("half", half(&fix)), ("armed", armed)] {
        let file = mill.file("spoiled.diff", &spoiled);
        let patch = ["--patch", file.to_str().unwrap(), "--by", "eve", "--json"];
        let rows = mill.run(&[&["repair", RELEASE, "--advisory", ID][..], &patch].concat()).json(1);
        assert!(rows[0]["missed"]["class"].is_string() && rows[0]["repaired"].is_null(), "{name}: {rows:#}");
    }

    let up = mill.up(&[]);
    let folder = mill.path().join("fetched");
    assert!(!fetched(&up, "/npm/", &folder).status.success(), "nobody gets it who does not ask");
    let output = fetched(&up, "/npm/remediated/", &folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    up.terminate();
    let file = folder.join("minimist-1.2.0-tm.1.tgz");
    mill.run(&["verify", "--json", file.to_str().unwrap()]).json(0);

    let none = mill.run(&["repair", "withdraw", "--superseded", "--json"]).json(0);
    assert_eq!(none, json!([]), "the fix was there before the repair");
    mill.run(&["repair", "withdraw", REPAIRED, "--why", "1.2.9 is out", "--json"]).json(0);
    assert_eq!(statuses(&mill), ["affected"]);
    let up = mill.up(&[]);
    let output = fetched(&up, "/npm/remediated/", &mill.path().join("again"));
    assert!(!output.status.success(), "it is taken back");
    up.terminate();
}

#[test]
fn a_second_repair_goes_on_top_of_the_first() {
    const SECOND: &str = "CVE-2021-44906";
    let mill = mill();
    learns(&mill, SECOND, "1.2.6");
    let rows = mill.run(&["repair", RELEASE, "--json"]).json(0);
    let row = |id: &str| rows.as_array().unwrap().iter().find(|row| row["advisory"] == id).unwrap();
    assert_eq!(row(ID)["repaired"]["repaired"], REPAIRED, "{rows:#}");
    let both = &row(SECOND)["repaired"];
    assert_eq!(both["repaired"], "pkg:npm/minimist@1.2.0-tm.2", "{rows:#}");
    assert_eq!((&both["advisories"], &both["layers"][0]["advisories"]), (&json!([SECOND, ID]), &json!([ID])));
    // No better than its worst layer, and what is seen of it is the way from what was published.
    assert_eq!(both["ruling"], "unproven");
    let shown = mill.run(&["repair", "show", "pkg:npm/minimist@1.2.0-tm.2"]).stdout();
    assert!(shown.contains("on top of the repair of CVE-2020-7598 (proven"), "{shown}");
    assert!(shown.contains("__proto__") && shown.contains("isConstructorOrProto"), "{shown}");

    let up = mill.up(&[]);
    let folder = mill.path().join("fetched");
    std::fs::create_dir_all(&folder).unwrap();
    let mut npm = Command::new("npm");
    npm.current_dir(&folder).env("npm_config_cache", folder.join("cache"));
    npm.args(["pack", "minimist@1.2.0-tm.2", "--registry", &up.url("/npm/remediated/")]);
    assert!(npm.output().unwrap().status.success());
    up.terminate();
    let file = folder.join("minimist-1.2.0-tm.2.tgz");
    mill.run(&["verify", "--json", file.to_str().unwrap()]).json(0);
}

/// Looks until something is so, for as long as a repair may take.
pub(crate) fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    for _ in 0..1_200 {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    panic!("it never happened: {what}");
}

#[test]
fn a_watched_release_is_repaired_by_itself_also_by_a_mill_that_was_killed_at_it() {
    let mill = mill();
    let text = "[repair]\nbackports = true\n[watch]\ninterval_seconds = 1\n";
    std::fs::write(mill.data().join("trustmill.toml"), text).unwrap();
    let up = mill.up(&[]);
    mill.run(&["add", RELEASE, "--json"]).json(0);
    let key = |state: &str| {
        let listed = mill.run(&["list", "--json"]).json(0);
        let key = listed["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["key"] == format!("backport:{RELEASE}"))?;
        (key["state"] == state).then(|| key.clone())
    };
    until("the repair begins", || key("running"));
    drop(up);
    let none = mill.run(&["repair", "list", "--json"]).json(0);
    assert_eq!(none, json!({ "repaired": [], "missed": [], "recipes": [] }));

    let up = mill.up(&[]);
    let repaired = until("the repair ends", || {
        mill.run(&["repair", "list", "--json"]).json(0)["repaired"].as_array().unwrap().first().cloned()
    });
    assert_eq!((&repaired["ruling"], &repaired["repaired"]), (&json!("proven"), &json!(REPAIRED)));
    let output = fetched(&up, "/npm/remediated/", &mill.path().join("fetched"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let explained = mill.run(&["policy", "explain", REPAIRED, "--json"]).json(0);
    assert_eq!(explained["facts"]["repaired"], "proven", "{explained:#}");
    up.terminate();
    assert_eq!(
        mill.run(&["show", RELEASE, "--json"]).json(0)["repairs"].as_array().unwrap().len(),
        1,
        "once"
    );
}
