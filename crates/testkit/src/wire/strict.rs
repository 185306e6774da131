//! What each wire format takes, member by member, after the types of the makers' own clients. Whatever is not named here
//! is refused, whatever is needed and missing is too.

use super::Came;
use serde_json::Value;

/// Nothing, or what is wrong.
type Checked = Result<(), String>;

/// A member's name, and what it has to be.
type Member<'a> = (&'a str, &'a dyn Fn(&Value, &str) -> Checked);

/// An object with these members; those that begin with `!` must be there.
fn object(value: &Value, place: &str, members: &[Member<'_>]) -> Checked {
    let object = value.as_object().ok_or_else(|| format!("{place}: no object"))?;
    for name in object.keys() {
        if !members.iter().any(|(known, _)| known.trim_start_matches('!') == name) {
            return Err(format!("{place}.{name}: unknown field"));
        }
    }
    for (name, check) in members {
        let plain = name.trim_start_matches('!');
        match object.get(plain) {
            Some(value) => check(value, &format!("{place}.{plain}"))?,
            None if name.starts_with('!') => return Err(format!("{place}.{plain}: missing")),
            None => {}
        }
    }
    Ok(())
}

fn each(value: &Value, place: &str, check: &dyn Fn(&Value, &str) -> Checked) -> Checked {
    let list = value.as_array().ok_or_else(|| format!("{place}: no list"))?;
    list.iter().enumerate().try_for_each(|(at, one)| check(one, &format!("{place}[{at}]")))
}

fn text(value: &Value, place: &str) -> Checked {
    value.as_str().filter(|text| !text.is_empty()).map(|_| ()).ok_or_else(|| format!("{place}: no text"))
}

fn maybe_empty(value: &Value, place: &str) -> Checked {
    value.as_str().map(|_| ()).ok_or_else(|| format!("{place}: no text"))
}

fn number(value: &Value, place: &str) -> Checked {
    value.as_u64().filter(|number| *number > 0).map(|_| ()).ok_or_else(|| format!("{place}: no number"))
}

fn yes(value: &Value, place: &str) -> Checked {
    (value == true).then_some(()).ok_or_else(|| format!("{place}: not true"))
}

fn flag(value: &Value, place: &str) -> Checked {
    value.as_bool().map(|_| ()).ok_or_else(|| format!("{place}: no boolean"))
}

fn map(value: &Value, place: &str) -> Checked {
    value.as_object().map(|_| ()).ok_or_else(|| format!("{place}: no object"))
}

fn word(words: &'static [&'static str]) -> impl Fn(&Value, &str) -> Checked {
    move |value, place| match value.as_str() {
        Some(word) if words.contains(&word) => Ok(()),
        _ => Err(format!("{place}: expected one of {words:?}")),
    }
}

fn schema(value: &Value, place: &str) -> Checked {
    map(value, place)?;
    if value["type"] != "object" { Err(format!("{place}: no schema of an object")) } else { Ok(()) }
}

fn kind(value: &Value) -> &str {
    value["type"].as_str().unwrap_or_default()
}

fn header(came: &Came, name: &str, begins: &str) -> Checked {
    match came.header(name) {
        Some(value) if value.starts_with(begins) && value.len() > begins.len() => Ok(()),
        other => Err(format!("header {name}: {other:?}")),
    }
}

fn path(came: &Came, expected: &str) -> Checked {
    if came.path == expected { Ok(()) } else { Err(format!("no such path {}", came.path)) }
}

/// Anthropic Messages.
///
/// # Errors
/// What is wrong with a request.
pub fn anthropic(came: &Came) -> Checked {
    path(came, "/v1/messages")?;
    header(came, "x-api-key", "sk-")?;
    header(came, "anthropic-version", "2023-06-0")?;
    header(came, "content-type", "application/jso")?;
    let cache = |value: &Value, place: &str| object(value, place, &[("!type", &word(&["ephemeral"]))]);
    let block = |value: &Value, place: &str| match kind(value) {
        "text" => object(value, place, &[("!type", &text), ("!text", &text), ("cache_control", &cache)]),
        "tool_use" => object(
            value,
            place,
            &[
                ("!type", &text),
                ("!id", &text),
                ("!name", &text),
                ("!input", &map),
                ("cache_control", &cache),
            ],
        ),
        "tool_result" => object(
            value,
            place,
            &[
                ("!type", &text),
                ("!tool_use_id", &text),
                ("content", &maybe_empty),
                ("is_error", &flag),
                ("cache_control", &cache),
            ],
        ),
        "thinking" => {
            object(value, place, &[("!type", &text), ("!thinking", &maybe_empty), ("!signature", &text)])
        }
        other => Err(format!("{place}: unknown block {other}")),
    };
    let message = |value: &Value, place: &str| {
        object(
            value,
            place,
            &[
                ("!role", &word(&["user", "assistant"])),
                ("!content", &|value, place| each(value, place, &block)),
            ],
        )
    };
    let tool = |value: &Value, place: &str| {
        object(value, place, &[("!name", &text), ("description", &text), ("!input_schema", &schema)])
    };
    object(
        &came.body,
        "body",
        &[
            ("!model", &text),
            ("!max_tokens", &number),
            ("!messages", &|value, place| each(value, place, &message)),
            ("!stream", &yes),
            ("system", &|value, place| each(value, place, &block)),
            ("tools", &|value, place| each(value, place, &tool)),
        ],
    )?;
    answered(&came.body["messages"], "tool_use", "tool_result", "tool_use_id")
}

/// Roles alternate, begin with the user, and each call is answered in the message after it.
fn answered(messages: &Value, call: &str, result: &str, id: &str) -> Checked {
    let messages = messages.as_array().unwrap();
    let ids = |at: usize, wanted: &str, id: &str| -> Vec<String> {
        let content = messages.get(at).and_then(|message| message["content"].as_array());
        let blocks = content.into_iter().flatten().filter(|block| kind(block) == wanted);
        blocks.map(|block| block[id].as_str().unwrap_or_default().to_owned()).collect()
    };
    for (at, message) in messages.iter().enumerate() {
        let role = if at % 2 == 0 { "user" } else { "assistant" };
        if message["role"] != role {
            return Err(format!("messages[{at}]: expected the {role}"));
        }
        let (calls, results) = (ids(at, call, "id"), ids(at + 1, result, id));
        if role == "assistant" && calls != results {
            return Err(format!("messages[{at}]: calls {calls:?} are answered by {results:?}"));
        }
    }
    Ok(())
}

/// OpenAI Responses.
///
/// # Errors
/// What is wrong with a request.
pub fn responses(came: &Came) -> Checked {
    path(came, "/v1/responses")?;
    header(came, "authorization", "Bearer sk-")?;
    let item = |value: &Value, place: &str| match (kind(value), value["role"].as_str()) {
        ("", Some(_)) => {
            object(value, place, &[("!role", &word(&["user", "assistant"])), ("!content", &text)])
        }
        ("function_call", _) => object(
            value,
            place,
            &[
                ("!type", &text),
                ("!call_id", &text),
                ("!name", &text),
                ("!arguments", &json_text),
                ("id", &text),
                ("status", &text),
            ],
        ),
        ("function_call_output", _) => {
            object(value, place, &[("!type", &text), ("!call_id", &text), ("!output", &maybe_empty)])
        }
        ("reasoning", _) => object(
            value,
            place,
            &[("!type", &text), ("!id", &text), ("!summary", &|_, _| Ok(())), ("!encrypted_content", &text)],
        ),
        ("message", _) => object(
            value,
            place,
            &[
                ("!type", &text),
                ("!id", &text),
                ("!role", &word(&["assistant"])),
                ("!status", &text),
                ("!content", &|_, _| Ok(())),
            ],
        ),
        (other, _) => Err(format!("{place}: unknown item {other}")),
    };
    let tool = |value: &Value, place: &str| {
        object(
            value,
            place,
            &[
                ("!type", &word(&["function"])),
                ("!name", &text),
                ("description", &text),
                ("!parameters", &schema),
                ("!strict", &flag),
            ],
        )
    };
    object(
        &came.body,
        "body",
        &[
            ("!model", &text),
            ("instructions", &text),
            ("!input", &|value, place| each(value, place, &item)),
            ("max_output_tokens", &number),
            ("!stream", &yes),
            ("store", &flag),
            ("tools", &|value, place| each(value, place, &tool)),
            ("prompt_cache_key", &text),
            ("include", &|value, place| each(value, place, &word(&["reasoning.encrypted_content"]))),
        ],
    )
}

fn json_text(value: &Value, place: &str) -> Checked {
    let parsed = value.as_str().map(serde_json::from_str::<Value>);
    match parsed {
        Some(Ok(Value::Object(_))) => Ok(()),
        _ => Err(format!("{place}: no JSON object as text")),
    }
}

/// OpenAI Chat Completions.
///
/// # Errors
/// What is wrong with a request.
pub fn chat(came: &Came) -> Checked {
    chat_with(came, "max_completion_tokens", &[("prompt_cache_key", &text)])
}

/// The same as servers of others have it, who know the older name of the limit only.
///
/// # Errors
/// What is wrong with a request.
pub fn compatible(came: &Came) -> Checked {
    chat_with(came, "max_tokens", &[])
}

fn chat_with(came: &Came, limit: &str, more: &[Member<'_>]) -> Checked {
    path(came, "/v1/chat/completions")?;
    header(came, "authorization", "Bearer sk-")?;
    let function =
        |value: &Value, place: &str| object(value, place, &[("!name", &text), ("!arguments", &json_text)]);
    let call = |value: &Value, place: &str| {
        object(value, place, &[("!id", &text), ("!type", &word(&["function"])), ("!function", &function)])
    };
    let nullable = |value: &Value, place: &str| if value.is_null() { Ok(()) } else { text(value, place) };
    let message = |value: &Value, place: &str| match value["role"].as_str() {
        Some("system" | "user") => object(value, place, &[("!role", &text), ("!content", &text)]),
        Some("assistant") => object(
            value,
            place,
            &[
                ("!role", &text),
                ("!content", &nullable),
                ("tool_calls", &|value, place| each(value, place, &call)),
            ],
        ),
        Some("tool") => {
            object(value, place, &[("!role", &text), ("!tool_call_id", &text), ("!content", &maybe_empty)])
        }
        other => Err(format!("{place}: role {other:?}")),
    };
    let declared = |value: &Value, place: &str| {
        object(value, place, &[("!name", &text), ("description", &text), ("!parameters", &schema)])
    };
    let tool = |value: &Value, place: &str| {
        object(value, place, &[("!type", &word(&["function"])), ("!function", &declared)])
    };
    let needed = format!("!{limit}");
    let options = |value: &Value, place: &str| object(value, place, &[("!include_usage", &yes)]);
    let all_messages = |value: &Value, place: &str| each(value, place, &message);
    let all_tools = |value: &Value, place: &str| each(value, place, &tool);
    let mut members: Vec<Member<'_>> = vec![
        ("!model", &text),
        ("!messages", &all_messages),
        ("!stream", &yes),
        ("stream_options", &options),
        ("tools", &all_tools),
        (&needed, &number),
    ];
    members.extend_from_slice(more);
    object(&came.body, "body", &members)
}

/// Google Gemini.
///
/// # Errors
/// What is wrong with a request.
pub fn google(came: &Came) -> Checked {
    path(came, "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse")?;
    header(came, "x-goog-api-key", "sk-")?;
    let function_call =
        |value: &Value, place: &str| object(value, place, &[("!name", &text), ("args", &map), ("id", &text)]);
    let response = |value: &Value, place: &str| {
        object(value, place, &[("!name", &text), ("!response", &map), ("id", &text)])
    };
    let part = |value: &Value, place: &str| {
        object(
            value,
            place,
            &[
                ("text", &text),
                ("functionCall", &function_call),
                ("functionResponse", &response),
                ("thoughtSignature", &text),
                ("thought", &flag),
            ],
        )
    };
    let content = |value: &Value, place: &str| {
        object(
            value,
            place,
            &[("!role", &word(&["user", "model"])), ("!parts", &|value, place| each(value, place, &part))],
        )
    };
    let declared = |value: &Value, place: &str| {
        object(value, place, &[("!name", &text), ("description", &text), ("parametersJsonSchema", &schema)])
    };
    let tool = |value: &Value, place: &str| {
        object(value, place, &[("functionDeclarations", &|value, place| each(value, place, &declared))])
    };
    let system = |value: &Value, place: &str| {
        object(value, place, &[("!parts", &|value, place| each(value, place, &part))])
    };
    object(
        &came.body,
        "body",
        &[
            ("!contents", &|value, place| each(value, place, &content)),
            ("systemInstruction", &system),
            ("tools", &|value, place| each(value, place, &tool)),
            ("generationConfig", &|value, place| object(value, place, &[("maxOutputTokens", &number)])),
        ],
    )
}
