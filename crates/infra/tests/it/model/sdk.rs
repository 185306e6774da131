//! The requests against the types of the makers' own clients in Python, where those are installed: others' validators.
//!
//! `TRUSTMILL_SDK_PYTHON` names an interpreter that can import `anthropic`, `openai` and `google.genai`.

use super::server::Pieces;
use super::stages::{Script, Staged, anthropic, chat, compatible, google, responses};
use std::io::Write as _;
use std::process::{Command, Stdio};
use trustmill_core::port::model::Unheard;
use trustmill_testkit::conformance::provider::{Scene, Stage, request};

const CHECK: &str = r#"
import json, sys, typing
from pydantic import TypeAdapter, ConfigDict
# The clients take anything that can be walked; what is walked later is not checked now.
typing.Iterable = typing.List
kind, body = sys.argv[1], json.load(sys.stdin)
if kind == "anthropic":
    from anthropic.types.message_create_params import MessageCreateParamsStreaming as T
elif kind == "openai-responses":
    from openai.types.responses.response_create_params import ResponseCreateParamsStreaming as T
elif kind in ("openai-chat", "openai-compatible"):
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming as T
elif kind == "google":
    from google.genai import types as g
    assert set(body) <= {"contents", "systemInstruction", "tools", "generationConfig"}, set(body)
    for content in body["contents"] + [body["systemInstruction"]]:
        g.Content.model_validate(content)
    for tool in body["tools"]:
        g.Tool.model_validate(tool)
    g.GenerationConfig.model_validate(body["generationConfig"])
    print("fits")
    sys.exit()
T.__pydantic_config__ = ConfigDict(extra="forbid")
TypeAdapter(T).validate_python(body)
print("fits")
"#;

async fn body(script: Script) -> (String, String) {
    let staged = Staged::start(script, Pieces::Whole).await;
    staged.play(Scene::Says);
    staged.model().turn(&request(staged.asked()), &mut Unheard).await.unwrap();
    (staged.wire().as_str().to_owned(), staged.came()[0].body.to_string())
}

#[tokio::test]
async fn the_makers_own_types_take_our_requests() {
    let Some(python) = std::env::var_os("TRUSTMILL_SDK_PYTHON") else {
        eprintln!("skipped: TRUSTMILL_SDK_PYTHON is not set");
        return;
    };
    for script in [anthropic(), responses(), chat(), compatible(), google()] {
        let (wire, body) = body(script).await;
        let says = |body: &str| {
            let mut child = Command::new(&python)
                .args(["-c", CHECK, &wire])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let text = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&text).into_owned()
        };
        let fits = says(&body);
        assert!(fits.trim().ends_with("fits"), "{wire}: {fits}\n{body}");
        // The validator can say no.
        let broken = body.replacen("\"role\":\"user\"", "\"role\":7", 1);
        assert!(!says(&broken).trim().ends_with("fits"), "{wire}: {broken}");
    }
}
