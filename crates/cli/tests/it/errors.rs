//! Bad input gets a clear error: stable code, what, where, what to do, and the right exit code.

use crate::support::Mill;

#[test]
fn an_unpinned_requirement_names_its_line_and_the_fix() {
    let mill = Mill::new();
    let file = mill.file("requirements.txt", "six==1.17.0\nrequests>=2\n");
    let run = mill.run(&["secure", file.to_str().unwrap()]);
    assert_eq!(run.code(), 2);
    let text = run.stderr();
    assert!(
        text.contains("error[TM02") && text.contains("requirements.txt:2") && text.contains("=="),
        "{text}"
    );
}

#[test]
fn a_file_that_is_no_lockfile_says_what_would_be() {
    let mill = Mill::new();
    let file = mill.file("Pipfile", "[packages]\n");
    let run = mill.run(&["secure", file.to_str().unwrap()]);
    assert_eq!(run.code(), 2);
    assert!(run.stderr().contains("error[TM0299]"), "{}", run.stderr());
}

#[test]
fn an_unknown_version_is_set_aside_and_names_the_nearest() {
    let mill = Mill::new();
    let file = mill.file("requirements.txt", "six==1.16.99\n");
    let run = mill.run(&["secure", file.to_str().unwrap()]);
    assert_eq!(run.code(), 3, "{}", run.stderr());
    assert!(run.stdout().contains("TM0108") && run.stdout().contains("1.1"), "{}", run.stdout());
}

#[test]
fn a_second_process_on_the_folder_is_told_who_has_it() {
    let mill = Mill::new();
    let server = mill.up(&["--serve-only"]);
    let run = mill.run(&["up", "--listen", "127.0.0.1:0"]);
    assert_eq!(run.code(), 4, "{}", run.stderr());
    assert!(run.stderr().contains(&server.pid().to_string()), "{}", run.stderr());
    assert_eq!(mill.run(&["add", "pkg:pypi/six"]).code(), 0, "the watch set can be changed beside `up`");
    assert_eq!(mill.run(&["list", "--json"]).json(0)["watched"][0]["purl"], "pkg:pypi/six");
    assert_eq!(server.terminate(), 0);
}

#[test]
fn a_data_folder_may_be_named_from_where_one_stands() {
    let mill = Mill::new();
    let mut doctor = std::process::Command::new(env!("CARGO_BIN_EXE_trustmill"));
    doctor.current_dir(mill.path()).args(["--data-dir", "data", "doctor", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&doctor.output().unwrap().stdout).unwrap();
    assert_eq!(found["data"]["path"].as_str(), mill.data().to_str(), "{found:#}");
}

#[test]
fn a_taken_port_is_named() {
    let first = Mill::new();
    let server = first.up(&["--serve-only"]);
    let address = server.url("").replace("http://", "");
    let run = Mill::new().run(&["up", "--serve-only", "--listen", &address]);
    assert_eq!(run.code(), 4, "{}", run.stderr());
    assert!(run.stderr().contains("error[TM0701]") && run.stderr().contains(&address), "{}", run.stderr());
}

#[test]
fn an_upstream_that_does_not_answer_is_infrastructure() {
    let mill = Mill::new();
    let file = mill.file("requirements.txt", "six==1.17.0\n");
    // Port 9 of loopback: nobody listens.
    let run = mill.run(&["--pypi-index", "http://127.0.0.1:9/simple/", "secure", file.to_str().unwrap()]);
    assert_eq!(run.code(), 3, "{}{}", run.stdout(), run.stderr());
    assert!(run.stdout().contains("TM0103"), "{}", run.stdout());
}

#[test]
fn an_unknown_configuration_key_is_named_with_its_line() {
    let mill = Mill::new();
    let file = mill.file("trustmill.toml", "[build]\njobs = 1\nspeed = 9\n");
    let run = mill.run(&["--config", file.to_str().unwrap(), "list"]);
    assert_eq!(run.code(), 2);
    assert!(run.stderr().contains("TM0802") && run.stderr().contains("speed"), "{}", run.stderr());
}

#[test]
fn a_hash_that_upstream_does_not_have_breaks_the_gate() {
    let mill = Mill::new();
    let zeros = "0".repeat(64);
    let file = mill.file("requirements.txt", &format!("iniconfig==2.3.0 --hash=sha256:{zeros}\n"));
    let run = mill.run(&["secure", file.to_str().unwrap()]);
    assert_eq!(run.code(), 1, "{}{}", run.stdout(), run.stderr());
    assert!(run.stdout().contains("hash"), "{}", run.stdout());
}

#[test]
fn every_verb_has_help_that_starts_with_what_it_does() {
    let mill = Mill::new();
    for verb in
        ["secure", "check", "scan", "sbom", "vex", "add", "remove", "list", "up", "show", "verify", "doctor"]
    {
        let run = mill.run(&[verb, "--help"]);
        assert_eq!(run.code(), 0);
        assert!(
            run.stdout().contains("Usage: trustmill") && run.stdout().lines().count() > 8,
            "{}",
            run.stdout()
        );
    }
}
