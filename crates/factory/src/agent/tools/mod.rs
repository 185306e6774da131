//! The tools of the loop: what the model may ask for, held against strict schemas, sizes and the rules of paths.

mod edit;
mod look;
mod run;

pub use edit::unified;

use super::workbench::{BenchError, Similar, Workbench};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use trustmill_core::content::Contents;
use trustmill_core::conversation::ToolSpec;
use trustmill_core::repair::{Judgement, Patch};

/// Asks a person; the loop itself answers.
pub(super) const ASK: &str = "ask";
/// Ends the work without a repair; the loop itself answers.
pub(super) const GIVE_UP: &str = "give_up";

/// The longest path.
const LONGEST_PATH: usize = 512;

/// What the tools see.
pub(super) struct View<'a> {
    pub(super) bench: &'a dyn Workbench,
    pub(super) similar: &'a dyn Similar,
    /// The tree with the edits so far.
    pub(super) tree: &'a Contents,
    /// Whether build settings may be changed.
    pub(super) metadata: bool,
    /// Makes a candidate of the edits so far.
    pub(super) candidate: &'a (dyn Fn(Patch) -> trustmill_core::repair::Candidate + Sync),
}

/// What a tool did.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// What the model reads.
    pub(super) text: String,
    /// Whether it refused or failed.
    pub(super) failed: bool,
    /// The tree afterwards, where it changed.
    pub(super) tree: Option<Contents>,
    /// What the oracle said.
    pub(super) judgement: Option<Box<Judgement>>,
    /// Whether it took the time of builds and tests.
    pub(super) worked: bool,
}

impl Done {
    fn said(value: &Value) -> Self {
        Self { text: value.to_string(), ..Self::default() }
    }

    fn data(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// A refusal, with what to do instead.
    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self { text: json!({ "refused": why.into() }).to_string(), failed: true, ..Self::default() }
    }
}

/// Does what a call asks for. `Err` is the world around failing, not the model.
pub(super) async fn run(
    name: &str,
    arguments: Map<String, Value>,
    view: &View<'_>,
) -> Result<Done, BenchError> {
    let done = match name {
        "list" => with(arguments, |asked| look::list(&asked, view)),
        "read" => with(arguments, |asked| look::read(&asked, view)),
        "search" => with(arguments, |asked| look::search(&asked, view)),
        "log" => with(arguments, |asked| look::log(&asked, view)),
        "edit" => with(arguments, |asked| edit::edit(&asked, view)),
        "diff" => with(arguments, |asked: Nothing| {
            let Nothing {} = asked;
            edit::diff(view)
        }),
        "build" => return run::build(arguments, view).await,
        "test" => return run::test(arguments, view).await,
        "similar_cases" => return run::similar(arguments, view).await,
        "submit" => return run::submit(arguments, view).await,
        _ => {
            let known: Vec<String> = specs().into_iter().map(|spec| spec.name).collect();
            Done::refused(format!("there is no such tool; there are {}", known.join(", ")))
        }
    };
    Ok(done)
}

/// No arguments.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

fn with<T: DeserializeOwned>(arguments: Map<String, Value>, act: impl FnOnce(T) -> Done) -> Done {
    match read(arguments) {
        Ok(asked) => act(asked),
        Err(refused) => refused,
    }
}

/// Arguments against their schema: unknown and missing members are refused by name.
pub(super) fn read<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Done> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        let why: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
        Done::refused(format!("the arguments do not fit the tool's schema: {why}"))
    })
}

/// A path inside of the tree, or why it is none.
fn path(text: &str) -> Result<&str, Done> {
    let bad = |part: &str| part.is_empty() || part == "." || part == "..";
    if text.len() > LONGEST_PATH
        || text.chars().any(|c| c.is_control() || c == '\\')
        || text.split('/').any(bad)
    {
        return Err(Done::refused(
            "that is no path inside of the tree: write it relative to the top folder, with `/`, without `.` and `..`",
        ));
    }
    Ok(text)
}

/// The tools, in their order. What a model is told of them is part of its prompt.
pub(super) fn specs() -> Vec<ToolSpec> {
    let text = |what: &str| json!({ "type": "string", "description": what });
    let number = |what: &str| json!({ "type": "integer", "minimum": 0, "description": what });
    vec![
        spec(
            "list",
            "Lists files of the tree with their size in bytes and what they are to a repair.",
            &[
                ("under", text("Only files whose path begins with this."), false),
                ("from", number("How many files to leave out, for long lists."), false),
            ],
        ),
        spec(
            "read",
            "Reads lines of a text file.",
            &[
                ("path", text("The file."), true),
                ("from", number("First line, from 1."), false),
                ("lines", number("How many lines, at most 400."), false),
            ],
        ),
        spec(
            "search",
            "Finds lines that contain a text, not a pattern.",
            &[
                ("text", text("What to find."), true),
                ("under", text("Only in files whose path begins with this."), false),
                ("ignore_case", json!({ "type": "boolean", "description": "Whether A is a." }), false),
            ],
        ),
        spec(
            "edit",
            "Replaces one piece of text of a file. `old` must stand in it exactly once, character for character. \
             With an empty `old` a new file is made, which must not exist.",
            &[
                ("path", text("The file."), true),
                ("old", text("What is replaced."), true),
                ("new", text("What stands there afterwards."), true),
            ],
        ),
        spec("build", "Builds the package from the tree as it is now.", &[]),
        spec(
            "test",
            "Runs the package's tests on the tree as it is now.",
            &[(
                "only",
                json!({ "type": "array", "items": { "type": "string" }, "maxItems": 20,
                    "description": "Only tests of these files; all tests without it." }),
                false,
            )],
        ),
        spec(
            "log",
            "Reads a log: of a failed build, or of what was tried before. Without a name it lists them.",
            &[("name", text("Which log."), false), ("from", number("First byte."), false)],
        ),
        spec("diff", "Shows what was changed so far.", &[]),
        spec(
            "similar_cases",
            "Finds repairs that were taken, of cases that are like this one.",
            &[("words", text("What to look for, in place of the task itself."), false)],
        ),
        spec(
            ASK,
            "Asks a person, and waits for days if need be. Only for what no tool can tell.",
            &[("question", text("What you need to know, and what it is for."), true)],
        ),
        spec(
            "submit",
            "Gives the change to the oracle. The work ends if it is taken.",
            &[("summary", text("What was wrong and what was changed, in a few sentences."), true)],
        ),
        spec(GIVE_UP, "Ends the work without a repair.", &[("why", text("Why it cannot be made."), true)]),
    ]
}

fn spec(name: &str, description: &str, members: &[(&str, Value, bool)]) -> ToolSpec {
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema, _)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<&str> =
        members.iter().filter(|(_, _, needed)| *needed).map(|(name, ..)| *name).collect();
    ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        schema: json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside_of_the_tree() {
        for bad in
            ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a\0b", "a/", &"x".repeat(513)]
        {
            assert!(path(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "src/pkg/__init__.py", ".github/x", "a..b"] {
            assert!(path(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn every_provider_takes_the_tools() {
        for tool in specs() {
            assert!(tool.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && tool.name.len() <= 64);
            assert_eq!(tool.schema["additionalProperties"], false, "{}", tool.name);
            assert!(tool.description.len() < 1024);
        }
    }
}
