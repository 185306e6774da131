//! What the commands of hooks start: files of the package, and code that stands in the command itself.

use crate::language::shell;
use crate::package::Kind;
use serde_json::Value;

/// What a command starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// A file, as it is named.
    File(String),
    /// Code in the command.
    Code(Kind, String),
}

/// Scripts that run scripts, and shells in shells.
const DEPTH: u8 = 4;

/// What a command starts; `scripts` are those of the manifest, which `npm run` names.
pub(super) fn starts(command: &str, scripts: &Value) -> Vec<Start> {
    let mut out = Vec::new();
    read(command, scripts, DEPTH, &mut out);
    out
}

fn read(text: &str, scripts: &Value, depth: u8, out: &mut Vec<Start>) {
    for command in shell::commands(text) {
        let args: Vec<&str> = command.args.iter().map(|arg| arg.text.as_str()).collect();
        // What only sets the scene for another program: `cross-env A=1 node x`.
        let (program, args) = match (command.program.as_str(), args.as_slice()) {
            ("cross-env" | "cross-env-shell" | "dotenv" | "npx" | "bunx" | "exec", rest) => {
                let skip = rest.iter().take_while(|arg| arg.starts_with('-') || arg.contains('=')).count();
                match rest.get(skip..) {
                    Some([program, rest @ ..]) => (*program, rest),
                    _ => continue,
                }
            }
            (program, args) => (program, args),
        };
        match program {
            "node" | "nodejs" | "bun" | "deno" | "tsx" | "ts-node" | "esno" | "electron" | "babel-node" => {
                interpreter(args, Kind::JavaScript, out);
                if program == "bun" {
                    script(args, scripts, depth, out);
                }
            }
            "python" | "python3" | "python2" | "py" => interpreter(args, Kind::Python, out),
            "npm" | "yarn" | "pnpm" => script(args, scripts, depth, out),
            "sh" | "bash" | "zsh" | "dash" | "ash" | "powershell" | "pwsh" | "cmd" => {
                let inline = args.iter().position(|arg| matches!(*arg, "-c" | "/c" | "-Command"));
                if let Some(inner) = inline.and_then(|at| args.get(at + 1)).filter(|_| depth > 0) {
                    read(inner, scripts, depth - 1, out);
                }
                out.extend(
                    args.iter().find(|arg| !arg.starts_with('-')).map(|arg| Start::File((*arg).into())),
                );
            }
            _ => {
                // A program of the package itself, and whatever is handed to one that we do not know.
                out.push(Start::File(command.path.clone()));
                let named = args.iter().filter(|arg| !arg.starts_with('-') && arg.contains(['/', '.']));
                out.extend(named.map(|arg| Start::File((*arg).into())));
            }
        }
    }
}

/// `node [options] file`, `node -e code`, `python -c code`.
fn interpreter(args: &[&str], kind: Kind, out: &mut Vec<Start>) {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "-e" | "--eval" | "-p" | "--print" | "-pe" | "-c" | "eval" => {
                out.extend(args.next().map(|code| Start::Code(kind, (*code).into())));
                return;
            }
            "-r" | "--require" | "--import" | "--loader" | "--experimental-loader" => {
                out.extend(args.next().map(|file| Start::File((*file).into())));
            }
            "run" => {}
            option if option.starts_with('-') => {
                if let Some((_, code)) = option.strip_prefix("--eval=").map(|code| ((), code)) {
                    out.push(Start::Code(kind, code.into()));
                }
            }
            file => {
                out.push(Start::File(file.into()));
                return;
            }
        }
    }
}

/// `npm run name` and its kin, with `prename` and `postname`.
fn script(args: &[&str], scripts: &Value, depth: u8, out: &mut Vec<Start>) {
    let mut words = args.iter().filter(|arg| !arg.starts_with('-'));
    let name = match words.next() {
        Some(&"run" | &"run-script") => words.next(),
        Some(name) => Some(name),
        None => None,
    };
    let Some(name) = name.filter(|_| depth > 0) else { return };
    for name in [format!("pre{name}"), (*name).to_owned(), format!("post{name}")] {
        if let Some(command) = scripts.get(&name).and_then(Value::as_str) {
            read(command, scripts, depth - 1, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn file(name: &str) -> Start {
        Start::File(name.into())
    }

    #[test]
    fn the_files_and_the_code_of_commands_are_found() {
        let none = Value::Null;
        assert_eq!(starts("node ./scripts/x.js --quiet", &none), [file("./scripts/x.js")]);
        assert_eq!(starts("cross-env A=1 node -r ./hook x", &none), [file("./hook"), file("x")]);
        assert_eq!(
            starts("node -e \"require('./y')\"", &none),
            [Start::Code(Kind::JavaScript, "require('./y')".into())]
        );
        assert_eq!(starts("python3 -c 'import x'", &none), [Start::Code(Kind::Python, "import x".into())]);
        assert!(starts("sh -c 'node a.js'", &none).contains(&file("a.js")));
        assert!(starts("./run.cmd || true", &none).contains(&file("./run.cmd")));
    }

    #[test]
    fn scripts_that_run_scripts_are_followed() {
        let scripts = json!({"build": "npm run deep", "deep": "node deep.js", "prebuild": "node first.js", "loop": "npm run loop"});
        let found = starts("npm run build", &scripts);
        assert_eq!(found, [file("first.js"), file("deep.js")]);
        assert!(starts("npm run loop", &scripts).is_empty());
    }
}
