//! A package with a hole that strategies cannot close: by the release that closes it, the code stands in another file. Its
//! scope has a registry of its own on loopback; Node comes from the real one.

use serde_json::{Value, json};
use trustmill_testkit::server::{Reply, Server};

pub(super) const RELEASE: &str = "pkg:npm/%40tm-fixture/hole@1.0.0";
pub(super) const REPAIRED: &str = "pkg:npm/%40tm-fixture/hole@1.0.0-tm.1";
pub(super) const ID: &str = "TMSA-1";
/// The variable by which npm, and the mill, are told where packages of the scope are.
pub(super) const REGISTRY: &str = "npm_config_@tm-fixture:registry";

/// The line with the hole, and what the model makes of it.
pub(super) const BROKEN: &str = "  return eval('(' + text + ')');\n";
pub(super) const MENDED: &str = "  return JSON.parse(text);\n";

const OLD: &str = "exports.get = function get(text) {\n  return eval('(' + text + ')');\n};\n";
const NEW: &str = "exports.get = require('./lib/read').read;\n";
const GOOD: &str = "var assert = require('assert');\nassert.equal(require('..').get('1'), 1);\n";

/// A test of the hole, as the model writes it.
pub(super) const EVIL: &str = "var assert = require('assert');\n\
    assert.throws(function () { require('..').get('[].map(String)'); });\n";

/// The files of a release.
fn files(version: &str) -> Vec<(&'static str, String)> {
    let manifest = json!({ "name": "@tm-fixture/hole", "version": version, "main": "index.js",
        "scripts": { "test": "node test/*.js" } });
    let read = |line: &str| format!("function read(text) {{\n{line}}}\nexports.read = read;\n");
    let mut files = vec![("package.json", manifest.to_string()), ("test/get.js", GOOD.to_owned())];
    match version {
        "1.0.0" => files.push(("index.js", OLD.to_owned())),
        "1.1.0" => files.extend([("index.js", NEW.to_owned()), ("lib/read.js", read(BROKEN))]),
        _ => files.extend([("index.js", NEW.to_owned()), ("lib/read.js", read(MENDED))]),
    }
    files
}

fn tarball(version: &str) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    for (path, text) in files(version) {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_704_067_200);
        archive.append_data(&mut header, format!("package/{path}"), text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// The registry of the scope.
pub(super) async fn registry() -> Server {
    let server = Server::start().await;
    let mut page =
        json!({ "name": "@tm-fixture/hole", "dist-tags": { "latest": "1.1.1" }, "versions": {}, "time": {} });
    for (month, version) in ["1.0.0", "1.1.0", "1.1.1"].into_iter().enumerate() {
        let path = format!("/@tm-fixture/hole/-/hole-{version}.tgz");
        let (_, manifest) = &files(version)[0];
        let mut described: Value = serde_json::from_str(manifest).unwrap();
        described["dist"] = json!({ "tarball": server.url(&path) });
        page["versions"][version] = described;
        page["time"][version] = format!("2024-0{}-01T00:00:00.000Z", month + 1).into();
        server.script(&path, [Reply::body(tarball(version))]);
    }
    let json = Reply::body(page.to_string()).header("content-type", "application/json");
    for path in ["/@tm-fixture%2Fhole", "/@tm-fixture%2fhole", "/@tm-fixture/hole"] {
        server.script(path, [json.clone()]);
    }
    server
}

/// The advisory that every release below 1.1.1 is hit by.
pub(super) fn advisory() -> Value {
    let range = json!({ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "1.1.1" }] });
    json!({ "schema_version": "1.6.0", "id": ID, "modified": "2026-01-01T00:00:00Z",
        "summary": "get runs what it is given",
        "affected": [{ "package": { "ecosystem": "npm", "name": "@tm-fixture/hole" }, "ranges": [range] }] })
}
