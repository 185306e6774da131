//! Real pip and real uv install from the mill, unchanged.

use crate::support::{Mill, retry, succeed, tools, venv};
use std::process::Command;

/// Hashes as `uv pip compile --generate-hashes` writes them, taken from upstream through the mill.
fn compiled(mill: &Mill, index: &str) -> std::path::PathBuf {
    let input = mill.file("app.in", "flask==3.1.2\nsix==1.17.0\n");
    let output = mill.path().join("app.txt");
    retry(
        Command::new(tools().join("bin/uv"))
            .args(["pip", "compile", "--quiet", "--generate-hashes", "--no-config", "--default-index", index])
            .args(["--exclude-newer", "2025-11-23", "--cache-dir"])
            .arg(mill.path().join("uv-cache"))
            .arg("-o")
            .arg(&output)
            .arg(&input),
    );
    output
}

#[test]
fn pip_and_uv_install_through_the_mill_with_hashes() {
    let mill = Mill::new();
    let server = mill.up(&["--serve-only"]);
    let index = server.index();
    let lock = compiled(&mill, &index);
    assert!(std::fs::read_to_string(&lock).unwrap().contains("--hash=sha256:"));

    let by_pip = venv(&mill, "by-pip");
    retry(
        Command::new(by_pip.join("bin/pip"))
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env_remove("PIP_FIND_LINKS")
            .args(["install", "--quiet", "--require-hashes", "--no-cache-dir", "--index-url", &index, "-r"])
            .arg(&lock),
    );
    succeed(Command::new(by_pip.join("bin/python")).args(["-c", "import flask, six, jinja2, markupsafe"]));

    let by_uv = venv(&mill, "by-uv");
    retry(
        Command::new(tools().join("bin/uv"))
            .args(["pip", "sync", "--quiet", "--no-config", "--require-hashes", "--default-index", &index])
            .arg("--python")
            .arg(by_uv.join("bin/python"))
            .arg("--cache-dir")
            .arg(mill.path().join("uv-cache-2"))
            .arg(&lock),
    );
    succeed(Command::new(by_uv.join("bin/python")).args(["-c", "import flask, six"]));
    assert_eq!(server.terminate(), 0);
}

#[test]
fn uv_locks_and_syncs_a_project_through_the_mill() {
    let mill = Mill::new();
    let server = mill.up(&["--serve-only"]);
    let project = mill.path().join("project");
    std::fs::create_dir(&project).unwrap();
    let pyproject = "[project]\nname = \"demo\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"click==8.1.7\"]\n";
    std::fs::write(project.join("pyproject.toml"), pyproject).unwrap();
    let uv = |args: &[&str]| {
        let index = server.index();
        retry(
            Command::new(tools().join("bin/uv"))
                .current_dir(&project)
                .env_remove("VIRTUAL_ENV")
                .args(args)
                .args(["--quiet", "--default-index", &index, "--cache-dir"])
                .arg(mill.path().join("uv-cache")),
        )
    };
    uv(&["lock"]);
    let lock = std::fs::read_to_string(project.join("uv.lock")).unwrap();
    assert!(lock.contains("name = \"click\"") && lock.contains("hash = \"sha256:"), "{lock}");
    uv(&["sync", "--no-install-project"]);
    succeed(Command::new(project.join(".venv/bin/python")).args(["-c", "import click"]));
    assert_eq!(server.terminate(), 0);
    let lock = project.join("uv.lock");
    let summary = mill.run(&["secure", "--json", lock.to_str().unwrap()]).json(0);
    assert_eq!(summary["rows"][0]["purl"], "pkg:pypi/click@8.1.7");
    assert!(!summary["skipped"].as_array().unwrap().is_empty(), "the project itself is named as not secured");
}

#[test]
fn the_time_travel_view_shows_the_index_as_of_a_date() {
    let mill = Mill::new();
    let server = mill.up(&["--serve-only"]);
    let index = server.url("/pypi/@2023-01-01/simple/");
    let target = mill.path().join("old");
    retry(
        Command::new(tools().join("bin/pip"))
            .env_remove("PIP_FIND_LINKS")
            .args([
                "download",
                "--quiet",
                "--no-deps",
                "--no-cache-dir",
                "--index-url",
                &index,
                "click",
                "-d",
            ])
            .arg(&target),
    );
    let names: Vec<_> = std::fs::read_dir(&target).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["click-8.1.3-py3-none-any.whl"]);
}

#[test]
fn what_is_judged_too_weak_is_refused_with_its_reason() {
    let mill = Mill::new();
    let config = mill.file("trustmill.toml", "[serve]\nrequire = \"identical\"\nnative = false\n");
    let config = config.to_str().unwrap();
    let file = mill.file("requirements.txt", "markupsafe==3.0.3\n");
    mill.run(&["--config", config, "secure", "--json", file.to_str().unwrap()]).json(0);
    let server = mill.up(&["--serve-only", "--config", config]);
    let output = Command::new(tools().join("bin/pip"))
        .env_remove("PIP_FIND_LINKS")
        .args(["download", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "markupsafe==3.0.3"])
        .args(["--index-url", &server.index(), "-d"])
        .arg(mill.path().join("refused"))
        .output()
        .unwrap();
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && text.contains("not-attempted") && text.contains("403"), "{text}");
}
