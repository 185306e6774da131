//! Cases as training data, in the shapes that trainers take, one JSON object a line. Secrets and personal data are taken
//! out, and what is held out is not exported.

use super::Case;
use super::redact::{redact, redact_json};
use crate::agent::{Step, prompt_of};
use serde_json::{Map, Value, json};
use trustmill_core::conversation::{Answer, Call, ToolSpec};

/// A shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// OpenAI's fine-tuning of chat models: `messages` with calls whose arguments are text, and `tools`.
    Openai,
    /// Google's: `systemInstruction` and `contents`.
    Google,
    /// ShareGPT's `conversations`, with function calls as several open trainers have them.
    Sharegpt,
    /// `messages` with calls whose arguments are objects, as open trainers' chat templates take them.
    Messages,
}

impl std::str::FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "openai" => Ok(Self::Openai),
            "google" => Ok(Self::Google),
            "sharegpt" => Ok(Self::Sharegpt),
            "messages" => Ok(Self::Messages),
            _ => Err(format!("{text:?} is no shape: openai, google, sharegpt, messages")),
        }
    }
}

/// One thing that was said in a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// By the mill.
    Mill(String),
    /// By whoever tried.
    Tried {
        /// In words.
        text: String,
        /// The tools that were called.
        calls: Vec<Call>,
    },
    /// By the tools.
    Tools(Vec<Answer>),
}

/// A case as a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// What holds for all of it.
    pub instructions: String,
    /// The tools that there were.
    pub tools: Vec<ToolSpec>,
    /// What was said.
    pub said: Vec<Said>,
}

impl Conversation {
    /// The conversation of a session; `None` if it has no beginning.
    pub fn of_steps(steps: &[Step]) -> Option<Self> {
        let Some(Step::Begun(begun)) = steps.first() else { return None };
        let (instructions, tools, opening) = prompt_of(begun);
        let mut said = vec![Said::Mill(opening)];
        for step in steps {
            match step {
                Step::Replied { reply, .. } => {
                    said.push(Said::Tried { text: reply.text.clone(), calls: reply.calls.clone() });
                }
                Step::Did { answer, .. } => match said.last_mut() {
                    Some(Said::Tools(answers)) => answers.push(answer.clone()),
                    _ => said.push(Said::Tools(vec![answer.clone()])),
                },
                Step::Answered { text, .. } => said.push(Said::Mill(text.clone())),
                Step::Begun(_) | Step::Parked { .. } | Step::Ended { .. } => {}
            }
        }
        // A conversation that ends with a question teaches nothing.
        while matches!(said.last(), Some(Said::Mill(_))) && said.len() > 1 {
            said.pop();
        }
        Some(Self { instructions, tools, said })
    }

    /// The conversation that a strategy's or a person's repair amounts to: the task, and the difference.
    pub fn of_patch(case: &Case, known: &str, patch: &str) -> Self {
        let task = json!({ "release": case.release, "class": case.class, "goal": case.goal, "known": known });
        let said = vec![
            Said::Mill(format!("The task:\n{task}\n")),
            Said::Tried { text: patch.to_owned(), calls: Vec::new() },
        ];
        let instructions =
            "You repair one release of an open-source package. Answer with a unified difference.";
        Self { instructions: instructions.into(), tools: Vec::new(), said }
    }

    /// The line, redacted.
    pub fn line(&self, shape: Shape) -> String {
        let line = match shape {
            Shape::Openai => self.messages(true),
            Shape::Messages => self.messages(false),
            Shape::Google => self.google(),
            Shape::Sharegpt => self.sharegpt(),
        };
        redact_json(&line).to_string()
    }

    fn messages(&self, as_text: bool) -> Value {
        let mut messages = vec![json!({ "role": "system", "content": self.instructions })];
        for said in &self.said {
            match said {
                Said::Mill(text) => messages.push(json!({ "role": "user", "content": text })),
                Said::Tools(answers) => messages.extend(answers.iter().map(
                    |answer| json!({ "role": "tool", "tool_call_id": answer.id, "content": answer.text }),
                )),
                Said::Tried { text, calls } => {
                    let call = |call: &Call| {
                        let object = Value::Object(call.arguments.object());
                        let arguments = if as_text { Value::String(object.to_string()) } else { object };
                        json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": arguments } })
                    };
                    let mut message = Map::new();
                    message.insert("role".into(), "assistant".into());
                    message.insert("content".into(), text.as_str().into());
                    if !calls.is_empty() {
                        message.insert("tool_calls".into(), calls.iter().map(call).collect());
                    }
                    messages.push(message.into());
                }
            }
        }
        let tool = |tool: &ToolSpec| {
            json!({ "type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.schema } })
        };
        let mut line = json!({ "messages": messages });
        if let Some(line) = line.as_object_mut().filter(|_| !self.tools.is_empty()) {
            line.insert("tools".into(), self.tools.iter().map(tool).collect());
            if as_text {
                line.insert("parallel_tool_calls".into(), true.into());
            }
        }
        line
    }

    fn google(&self) -> Value {
        let mut contents = Vec::new();
        for said in &self.said {
            let (role, parts): (&str, Vec<Value>) = match said {
                Said::Mill(text) => ("user", vec![json!({ "text": text })]),
                Said::Tools(answers) => {
                    let part = |answer: &Answer| json!({ "functionResponse": { "name": answer.name, "response": { "output": answer.text } } });
                    ("user", answers.iter().map(part).collect())
                }
                Said::Tried { text, calls } => {
                    let text = Some(text).filter(|text| !text.is_empty()).map(|text| json!({ "text": text }));
                    let call = |call: &Call| json!({ "functionCall": { "name": call.name, "args": call.arguments.object() } });
                    ("model", text.into_iter().chain(calls.iter().map(call)).collect())
                }
            };
            if !parts.is_empty() {
                contents.push(json!({ "role": role, "parts": parts }));
            }
        }
        let mut line = json!({
            "systemInstruction": { "role": "system", "parts": [{ "text": self.instructions }] },
            "contents": contents,
        });
        if let Some(line) = line.as_object_mut().filter(|_| !self.tools.is_empty()) {
            let declared = self.tools.iter().map(|tool| {
                json!({ "name": tool.name, "description": tool.description, "parameters": tool.schema })
            });
            line.insert("tools".into(), json!([{ "functionDeclarations": declared.collect::<Vec<_>>() }]));
        }
        line
    }

    fn sharegpt(&self) -> Value {
        let mut turns = Vec::new();
        for said in &self.said {
            match said {
                Said::Mill(text) => turns.push(json!({ "from": "human", "value": text })),
                Said::Tools(answers) => {
                    let all: Vec<Value> = answers.iter().map(|answer| answer.text.as_str().into()).collect();
                    turns.push(json!({ "from": "observation", "value": Value::Array(all).to_string() }));
                }
                Said::Tried { text, calls } if calls.is_empty() => {
                    turns.push(json!({ "from": "gpt", "value": text }));
                }
                Said::Tried { calls, .. } => {
                    let call =
                        |call: &Call| json!({ "name": call.name, "arguments": call.arguments.object() });
                    let all: Vec<Value> = calls.iter().map(call).collect();
                    turns.push(json!({ "from": "function_call", "value": Value::Array(all).to_string() }));
                }
            }
        }
        let tool = |tool: &ToolSpec| json!({ "name": tool.name, "description": tool.description, "parameters": tool.schema });
        let tools: Vec<Value> = self.tools.iter().map(tool).collect();
        json!({
            "system": self.instructions, "conversations": turns,
            "tools": if tools.is_empty() { String::new() } else { Value::Array(tools).to_string() },
        })
    }
}

/// What a line is of, for whoever keeps them apart: no member of a shape, so that trainers that refuse what they do not
/// know take the lines.
pub fn about(case: &Case) -> Value {
    json!({
        "id": case.id, "release": case.release, "kind": case.kind, "class": case.class, "by": case.contender(),
        "outcome": case.outcome.as_str(), "why": redact(&case.why),
    })
}
