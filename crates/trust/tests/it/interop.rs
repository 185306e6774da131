//! Other people's verifiers read what we sign: `securesystemslib` the envelopes, `in-toto-attestation` the
//! statements and the SLSA predicate, `cryptography` (OpenSSL) the keys.

use crate::support::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use trustmill_core::Verdict;
use trustmill_testkit::once::made_once;
use trustmill_trust::attest::{self, provenance};
use trustmill_trust::keys::SigningKey;

const REQUIREMENTS: [&str; 4] =
    ["securesystemslib==1.6.0", "cryptography==50.0.2", "in-toto-attestation==0.9.3", "protobuf==7.36.2"];

/// How often an install that failed is tried again: the network is not what is tested here.
const TRIES: u32 = 4;

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A virtual environment with the verifiers, made once per target folder and set of requirements.
fn python() -> PathBuf {
    let name = format!("interop-{}", trustmill_core::Sha256::of(REQUIREMENTS.join(" ").as_bytes()).short());
    let home = made_once(Path::new(env!("CARGO_TARGET_TMPDIR")), &name, |home| {
        let made = run(Command::new("python3").args(["-m", "venv"]).arg(home));
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "python3 with venv is needed: {said}");
        let mut install = Command::new(home.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(REQUIREMENTS);
        let mut last = run(&mut install);
        for _ in 1..TRIES {
            if last.status.success() {
                break;
            }
            last = run(&mut install);
        }
        assert!(last.status.success(), "pip: {}", String::from_utf8_lossy(&last.stderr));
    });
    home.join("bin/python")
}

/// What the other verifiers say of `bundle` under `key`: the predicate types, or their complaint.
fn ask(python: &Path, bundle: &str, key: &SigningKey) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let (lines, pem) = (folder.path().join("bundle.jsonl"), folder.path().join("key.pem"));
    std::fs::write(&lines, bundle).unwrap();
    std::fs::write(&pem, key.public().to_pem()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/interop.py");
    let output = run(Command::new(python).arg(script).arg(&lines).arg(&pem));
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn strangers_verify_what_we_sign_and_refuse_what_is_forged() {
    let python = python();
    let types = [provenance::PREDICATE_TYPE, attest::comparison::PREDICATE_TYPE].map(str::to_owned);
    for verdict in [Verdict::Identical, Verdict::Explained] {
        assert_eq!(ask(&python, &bundle(verdict), &key()), Ok(types.to_vec()));
    }

    let refused = |bundle: &str, key: &SigningKey| {
        let complaint = ask(&python, bundle, key).unwrap_err();
        assert!(complaint.contains("VerificationError"), "{complaint}");
    };
    let good = bundle(Verdict::Explained);
    refused(&good, &SigningKey::from_secret([1; 32]));
    let retyped = good.replace("application/vnd.in-toto+json", "application/vnd.in-toto+jsoN");
    refused(&retyped, &key());
    let swapped = swap_payloads(&good);
    refused(&swapped, &key());
}

/// Each line keeps its signature and takes the other's payload.
fn swap_payloads(bundle: &str) -> String {
    let mut lines: Vec<serde_json::Value> =
        bundle.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = lines[0]["payload"].take();
    lines[0]["payload"] = lines[1]["payload"].take();
    lines[1]["payload"] = first;
    lines.iter().map(|line| format!("{line}\n")).collect()
}
