//! Other people's validators, from their registries: what ours writes is read by theirs.

use crate::support::{retry, succeed};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use trustmill_testkit::once::made_once;

/// What is asked of each: the strict schema of CycloneDX, the rules of SPDX, the model of OpenVEX, the schema of SARIF,
/// the rules of OpenAPI, and of an answer what the description of the API says.
const SCRIPT: &str = r##"
import json, sys
kind, path, schema = sys.argv[1:4]
text = open(path, encoding="utf-8").read()
if kind == "cyclonedx":
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    problems = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
elif kind == "spdx":
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
    problems = validate_full_spdx_document(parse_file(path), "SPDX-2.3")
elif kind == "openvex":
    from vexipy import Document
    document = Document.from_json(text)
    problems = None if len(document.statements) == len(json.loads(text)["statements"]) else "statements are lost"
elif kind == "openapi":
    from openapi_spec_validator import OpenAPIV31SpecValidator
    problems = [error.message for error in OpenAPIV31SpecValidator(json.loads(text)).iter_errors()]
elif kind == "answer":
    from jsonschema import Draft202012Validator, FormatChecker
    given = json.loads(text)
    def close(node):
        # What the description does not name is a mistake of the description.
        if isinstance(node, dict):
            if "properties" in node:
                node.setdefault("additionalProperties", False)
            node = list(node.values())
        for below in node if isinstance(node, list) else []:
            close(below)
    schemas = given["description"]["components"]["schemas"]
    close(schemas)
    schema = {"$ref": "#/components/schemas/" + given["schema"], "components": {"schemas": schemas}}
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    problems = [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(given["answer"])]
elif kind == "sarif":
    import jsonschema
    validator = jsonschema.validators.validator_for(json.load(open(schema)))(json.load(open(schema)))
    problems = [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(json.loads(text))]
if problems:
    sys.exit(f"{kind}: {problems}")
"##;

/// Fails if the validator of `kind` has anything to say.
pub(crate) fn valid(kind: &str, document: &Value) {
    if let Err(why) = validated(kind, document) {
        panic!("{why}\n{document:#}");
    }
}

fn validated(kind: &str, document: &Value) -> Result<(), String> {
    let tools = tools();
    let folder = tempfile::tempdir().unwrap();
    let suffix = if kind == "spdx" { "spdx.json" } else { "json" };
    let path = folder.path().join(format!("document.{suffix}"));
    std::fs::write(&path, document.to_string()).unwrap();
    let mut python = Command::new(tools.join("venv/bin/python"));
    python
        .args(["-c", SCRIPT, kind])
        .arg(&path)
        .arg(tools.join("package/lib/schemas/sarif-2.1.0-rtm.5.json"));
    let output = python.output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn tools() -> PathBuf {
    made_once(Path::new(env!("CARGO_TARGET_TMPDIR")), "document-validators-2", |folder| {
        std::fs::create_dir_all(folder).unwrap();
        succeed(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")));
        let mut pip = Command::new(folder.join("venv/bin/pip"));
        retry(pip.args(["install", "--quiet", "--retries", "10"]).args([
            "cyclonedx-python-lib[json-validation]==11.12.0",
            "spdx-tools==0.8.5",
            "vexipy==0.3.0",
            "openapi-spec-validator==0.9.0",
        ]));
        // The package holds the schema that the committee published.
        retry(
            Command::new("npm")
                .args(["pack", "--silent", "@microsoft/jest-sarif@1.0.0-beta.0"])
                .current_dir(folder),
        );
        succeed(
            Command::new("tar").args(["-xzf", "microsoft-jest-sarif-1.0.0-beta.0.tgz"]).current_dir(folder),
        );
    })
}

#[test]
fn the_validators_do_refuse() {
    for (kind, document) in [
        ("cyclonedx", serde_json::json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "extra": 1 })),
        ("sarif", serde_json::json!({ "version": "2.1.0", "runs": [{ "tool": {} }] })),
        ("openvex", serde_json::json!({ "@context": "https://openvex.dev/ns/v0.2.0", "statements": [] })),
        ("openapi", serde_json::json!({ "openapi": "3.1.0", "info": { "title": "x" }, "paths": {} })),
        ("spdx", serde_json::json!({ "spdxVersion": "SPDX-2.3" })),
    ] {
        assert!(validated(kind, &document).is_err(), "{kind}");
    }
}
