//! Gates, the watch set at work, and what the doctor says.

use crate::support::{Mill, Run};
use std::time::{Duration, Instant};

#[test]
fn a_weaker_claim_breaks_the_gate_and_a_platform_build_may_be_let_through() {
    let mill = Mill::new();
    let file = mill.file("requirements.txt", "iniconfig==2.3.0\nmarkupsafe==3.0.3\n");
    let file = file.to_str().unwrap();
    let broken = mill.run(&["secure", "--json", "--require", "replayed", file]).json(1);
    assert_eq!(broken["passed"], false);
    let row = broken["rows"].as_array().unwrap().iter().find(|row| row["gate"].is_string()).unwrap();
    assert!(row["purl"].as_str().unwrap().contains("markupsafe"), "{row:#}");
    let passed = mill.run(&["secure", "--json", "--require", "replayed", "--allow-native", file]).json(0);
    assert_eq!(passed["passed"], true);
}

#[test]
fn what_is_watched_is_rebuilt_while_up_runs() {
    let mill = Mill::new();
    mill.run(&["add", "pkg:pypi/iniconfig", "pkg:pypi/six@1.16.0"]);
    let server = mill.up(&[]);
    let deadline = Instant::now() + Duration::from_secs(150);
    let shown = || mill.run(&["show", "--json", "pkg:pypi/six@1.16.0"]);
    // A release that is known and not judged yet is shown too, with what policy decides of it meanwhile.
    let judged =
        |shown: &Run| shown.code() == 0 && shown.json(0)["files"][0]["judgement"]["bundle"].is_string();
    while !judged(&shown()) {
        assert!(Instant::now() < deadline, "{}", mill.run(&["list"]).stdout());
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(server.terminate(), 0, "SIGTERM drains");
    assert!(judged(&shown()), "what was judged is there after the end");
    assert_eq!(mill.run(&["remove", "--json", "pkg:pypi/iniconfig"]).json(0)[0]["removed"], true);
    assert_eq!(mill.run(&["list", "--json"]).json(0)["watched"].as_array().unwrap().len(), 1);
}

#[test]
fn the_doctor_names_every_layer_and_the_upstream_without_credentials() {
    let mill = Mill::new();
    let run = mill.run(&["--pypi-index", "http://user:secret@127.0.0.1:9/simple/", "doctor", "--json"]);
    let findings = run.json(1);
    assert_eq!(findings["sandboxes"][0]["layers"].as_array().unwrap().len(), 16);
    assert!(
        findings["problems"].as_array().unwrap().iter().any(|p| p.as_str().unwrap().contains("127.0.0.1:9"))
    );
    assert!(!run.stdout().contains("secret"), "{}", run.stdout());
}
