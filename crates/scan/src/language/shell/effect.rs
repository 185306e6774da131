//! What commands do: which fetch, send, read, write and run.

use super::Shell;
use super::command::{Command, assignment};
use super::known::FETCHERS;
use crate::facts::{Capability, Labels, Sink};
use crate::flow::{Outside, secret};

/// Programs that run what they are given, and the option after which that is a text.
const INTERPRETERS: &[(&str, &str)] = &[
    ("sh", "-c"),
    ("bash", "-c"),
    ("zsh", "-c"),
    ("dash", "-c"),
    ("ksh", "-c"),
    ("ash", "-c"),
    ("python", "-c"),
    ("python2", "-c"),
    ("python3", "-c"),
    ("node", "-e"),
    ("bun", "-e"),
    ("deno", "eval"),
    ("perl", "-e"),
    ("ruby", "-e"),
    ("php", "-r"),
    ("osascript", "-e"),
    ("powershell", "-c"),
    ("pwsh", "-c"),
    ("cmd", "/c"),
    ("iex", ""),
    ("invoke-expression", ""),
    ("eval", ""),
    ("source", ""),
    (".", ""),
];

/// Options of [`FETCHERS`] whose value is sent, those whose value names a file that is sent, and those that name where the
/// answer is written.
const DATA: &[&str] = &[
    "-d",
    "--data",
    "--data-binary",
    "--data-raw",
    "--data-urlencode",
    "--json",
    "-F",
    "--form",
    "--post-data",
    "--body-data",
    "-Body",
    "-H",
    "--header",
    "-u",
    "--user",
];
const FILES: &[&str] = &["-T", "--upload-file", "--post-file", "--body-file", "-InFile"];
const OUTPUTS: &[&str] = &["-o", "--output", "--output-document", "-OutFile", "-Destination"];

/// Programs whose words say nothing of what a script does.
const PLAIN: &[&str] = &[
    "",
    "echo",
    "printf",
    "cd",
    "export",
    "set",
    "unset",
    "local",
    "return",
    "exit",
    "test",
    "[",
    "[[",
    "mkdir",
    "true",
    "false",
    "fi",
    "done",
    "esac",
    "case",
    "for",
    "function",
    "shift",
    "read",
    "break",
    "continue",
    "}",
    "rem",
    "::",
    "goto",
    "title",
    "pushd",
    "popd",
    "write-host",
    "write-output",
    "declare",
    "typeset",
    "readonly",
    "trap",
    "umask",
    "sleep",
    "wait",
    "ls",
    "pwd",
    "which",
    "dirname",
    "basename",
    "sed",
    "awk",
    "grep",
    "cut",
    "sort",
    "uniq",
    "head",
    "tail",
    "wc",
    "tr",
    "touch",
    "ln",
    "diff",
    "expr",
    "seq",
    "tee",
    "type",
    "param",
    "return",
    "in",
    "pause",
    "setlocal",
    "endlocal",
    "foreach",
    "throw",
    "try",
    "catch",
    "else",
    "elseif",
    "cls",
];

impl Shell<'_> {
    /// What the commands of a pipeline do, and what comes out at its end.
    pub(super) fn pipeline(&mut self, commands: &[Command]) -> Labels {
        let text: Vec<String> = commands.iter().map(Command::text).collect();
        let text = text.join(" | ");
        let mut carried = Labels::NONE;
        let mut literal: Option<String> = None;
        for command in commands {
            let mut input = carried;
            for redirect in command.redirects.iter().filter(|redirect| !redirect.writes) {
                input = input
                    .and(secret::of_path(&redirect.target.text))
                    .and(redirect.target.labels)
                    .and(Labels::FILE);
            }
            let (out, said) = self.command(command, input, literal.take(), &text);
            for redirect in command.redirects.iter().filter(|redirect| redirect.writes) {
                self.flow(Sink::Write, out, command, &redirect.target.text);
            }
            carried = out;
            literal = said;
        }
        let first = commands.first().filter(|first| {
            let plain = PLAIN.contains(&first.program.as_str()) || assignment(&first.path).is_some();
            !plain || commands.len() > 1
        });
        if let Some(first) = first {
            self.flow(Sink::Run, Labels::NONE, first, &text);
        }
        carried
    }

    /// What one command does, given what it reads; what it writes, and that text where it is known.
    fn command(
        &mut self,
        command: &Command,
        input: Labels,
        literal: Option<String>,
        text: &str,
    ) -> (Labels, Option<String>) {
        let program = command.program.as_str();
        if let Some((_, option)) = INTERPRETERS.iter().find(|(name, _)| *name == program) {
            return (self.interpreter(command, option, input, literal, text), None);
        }
        if FETCHERS.contains(&program) {
            return (self.fetcher(command, input), None);
        }
        match program {
            "echo" | "printf" | "write-output" => {
                let said: Vec<&str> = command.operands().map(|word| word.text.as_str()).collect();
                return (command.labels(), Some(said.join(" ")));
            }
            "base64" | "openssl" | "xxd" | "uudecode" | "certutil" => {
                return self.decoder(command, input, literal);
            }
            "gunzip" | "zcat" | "unzip" | "funzip" | "xz" | "gzip" => return (input, None),
            "rev" => return (input.and(Labels::DECODED), literal.map(|text| text.chars().rev().collect())),
            "cat" | "type" | "get-content" | "gc" | "head" | "tail" | "more" | "dd" | "cp" | "copy"
            | "tar" | "zip" | "scp" | "rsync" | "grep" | "find" | "security" | "strings" | "less" => {
                return (self.reader(command, input), literal);
            }
            "tee" => {
                for target in command.operands() {
                    self.flow(Sink::Write, input, command, &target.text);
                }
                return (input, literal);
            }
            "rm" | "del" | "rd" | "rmdir" | "remove-item" | "shred" => {
                let texts = command.operands().map(|word| word.text.as_str()).collect();
                self.used(Capability::FileDelete, command, texts, Labels::NONE);
            }
            "nc" | "ncat" | "netcat" | "socat" | "telnet" => return (self.connection(command, input), None),
            _ => {}
        }
        (self.output(command, input), None)
    }

    /// What other programs write.
    fn output(&mut self, command: &Command, input: Labels) -> Labels {
        match command.program.as_str() {
            "env" | "printenv" | "set" if command.args.is_empty() => Labels::ENVIRONMENT,
            "printenv" => {
                command.args.iter().fold(Labels::NONE, |all, arg| all.and(secret::of_variable(&arg.text)))
            }
            "whoami" | "hostname" | "id" | "uname" | "ifconfig" | "ip" | "ipconfig" | "systeminfo"
            | "hostnamectl" | "lsb_release" | "sw_vers" => Labels::HOST.and(Labels::OUTPUT),
            "pbpaste" | "xclip" | "xsel" | "get-clipboard" | "screencapture" | "scrot" => Labels::SPIED,
            "sed" | "awk" | "tr" | "cut" | "sort" | "uniq" | "jq" | "wc" => input,
            _ if secret::gives(&command.text()) => input.and(Labels::OUTPUT).and(Labels::SECRET),
            _ => input.and(Labels::OUTPUT),
        }
    }

    /// An interpreter: a text of its arguments is run, or what it reads.
    fn interpreter(
        &mut self,
        command: &Command,
        option: &str,
        input: Labels,
        literal: Option<String>,
        text: &str,
    ) -> Labels {
        // Flags of shells may be joined: `-lc`, `-ec`.
        let joined = |arg: &str| {
            option == "-c" && arg.starts_with('-') && !arg.starts_with("--") && arg.ends_with('c')
        };
        let given =
            command.args.iter().position(|arg| arg.text.eq_ignore_ascii_case(option) || joined(&arg.text));
        let encoded =
            command.args.iter().position(|arg| super::powershell::is_encoded(&command.program, &arg.text));
        let code: Vec<_> = match (option, given, encoded) {
            (_, _, Some(at)) => {
                if let Some(code) =
                    command.args.get(at + 1).and_then(|arg| super::powershell::decode(&arg.text))
                {
                    self.nested(command, "base64 of PowerShell", |shell| {
                        shell.script(&code, 0);
                    });
                    self.flow(Sink::Run, Labels::DECODED, command, &code);
                }
                return Labels::OUTPUT;
            }
            ("", _, _) => command.args.iter().collect(),
            ("/c", Some(at), _) | ("-c", Some(at), _)
                if command.program.starts_with("po") || option == "/c" =>
            {
                command.args.iter().skip(at + 1).collect()
            }
            (_, Some(at), _) => command.args.iter().skip(at + 1).take(1).collect(),
            _ => Vec::new(),
        };
        let labels = code.iter().fold(Labels::NONE, |all, word| all.and(word.labels));
        let ran: Vec<&str> = code.iter().map(|word| word.text.as_str()).collect();
        let ran = ran.join(" ");
        if !code.is_empty() && !matches!(command.program.as_str(), "source" | ".") {
            self.code(command, &ran);
        }
        let reads = given.is_none()
            && command.operands().all(|word| matches!(word.text.as_str(), "-" | "/dev/stdin"));
        if reads && let Some(script) = literal.as_deref().or(command.input.as_deref()) {
            self.code(command, script);
        }
        let run = if reads { labels.and(input) } else { labels.and(command.labels()) };
        if run.has(Labels::NETWORK.and(Labels::DECODED).and(Labels::SOCKET)) {
            self.flow(Sink::Run, run, command, text);
        }
        Labels::OUTPUT
    }

    /// A text that an interpreter is given.
    fn code(&mut self, command: &Command, text: &str) {
        match command.program.as_str() {
            "python" | "python2" | "python3" => {
                let facts = crate::language::python::facts("", text.as_bytes(), &Outside::default());
                self.adopt(facts, command);
            }
            "node" | "bun" | "deno" => {
                let facts = crate::language::javascript::facts("", text.as_bytes(), &Outside::default());
                self.adopt(facts, command);
            }
            "perl" | "ruby" | "php" | "osascript" => self.text(text, command),
            _ => {
                self.inner(text, command.at);
            }
        }
    }

    /// A program that talks to an address: what it sends, and where it writes the answer.
    fn fetcher(&mut self, command: &Command, input: Labels) -> Labels {
        let address = command.address().map(|word| word.text.clone());
        // `certutil` mostly has to do with certificates.
        if address.is_none()
            && matches!(command.program.as_str(), "certutil" | "http" | "https" | "fetch" | "mshta")
        {
            return self.output(command, input);
        }
        let mut sent = command.labels();
        for value in command.values(DATA) {
            let file =
                value.text.rsplit_once('@').map(|(_, file)| file).filter(|_| !value.text.contains("://"));
            match file {
                Some("-") => sent = sent.and(input),
                Some(file) if file.contains(['/', '.', '~']) && !value.text.contains(' ') => {
                    sent = sent.and(Labels::FILE).and(secret::of_path(file));
                }
                _ => {}
            }
        }
        for value in command.values(FILES) {
            sent = sent.and(if value.text == "-" {
                input
            } else {
                Labels::FILE.and(secret::of_path(&value.text))
            });
        }
        let to = address.unwrap_or_default();
        self.used(Capability::Network, command, vec![to.as_str()], sent);
        self.flow(Sink::Send, sent, command, &to);
        let mut target: Option<String> = command.values(OUTPUTS).map(|value| value.text).next();
        if target.is_none() && (command.has("-O") || command.program == "wget" && !command.has("-qO-")) {
            let named = command.program == "wget" && command.has("-O");
            let after = command.args.iter().skip_while(|arg| arg.text != "-O").nth(1).filter(|_| named);
            target = after
                .map_or_else(|| to.rsplit('/').next().map(str::to_owned), |word| Some(word.text.clone()));
        }
        if let Some(target) = target.filter(|target| !matches!(target.as_str(), "-" | "" | "/dev/null")) {
            self.flow(Sink::Write, Labels::NETWORK, command, &target);
        }
        Labels::NETWORK
    }

    /// A decoder in a pipeline; what it gives is looked at where its input is known.
    fn decoder(
        &mut self,
        command: &Command,
        input: Labels,
        literal: Option<String>,
    ) -> (Labels, Option<String>) {
        let decodes =
            ["-d", "-D", "--decode", "-decode", "-r", "-di"].iter().any(|option| command.has(option));
        if !decodes && command.program != "uudecode" {
            return (input, None);
        }
        let given = literal.or_else(|| command.input.clone());
        let decoder = if command.program == "xxd" {
            crate::decode::Decoder::Hex
        } else {
            crate::decode::Decoder::Base64
        };
        let decoded = given.and_then(|text| decoder.decode(text.trim()));
        if let Some(text) = &decoded {
            self.nested(command, decoder.as_str(), |shell| shell.text(text, command));
        }
        (input.and(Labels::DECODED), decoded)
    }

    /// A program that reads files.
    fn reader(&mut self, command: &Command, input: Labels) -> Labels {
        let mut out = input.and(command.labels());
        let mut secrets = Vec::new();
        for word in &command.args {
            let labels = secret::of_path(&word.text);
            if !labels.is_empty() {
                secrets.push(word.text.as_str());
                out = out.and(labels);
            }
        }
        if command.program == "security" && command.args.iter().any(|arg| arg.text.starts_with("find-")) {
            out = out.and(Labels::SECRET);
        }
        if !secrets.is_empty() {
            self.used(Capability::FileRead, command, secrets, out);
        }
        out.and(Labels::FILE)
    }

    /// A program that joins its streams to a connection.
    fn connection(&mut self, command: &Command, input: Labels) -> Labels {
        let text = command.text();
        let runs = command.args.iter().any(|arg| {
            let lower = arg.text.to_ascii_lowercase();
            matches!(lower.as_str(), "-e" | "-c" | "--exec" | "--sh-exec")
                || lower.starts_with('-')
                    && !lower.starts_with("--")
                    && lower.ends_with('e')
                    && command.program != "socat"
                || lower.starts_with("exec:")
                || lower.starts_with("system:")
        });
        self.used(Capability::Network, command, vec![text.as_str()], input);
        if runs {
            self.flow(Sink::Run, Labels::SOCKET, command, &text);
        } else {
            self.flow(Sink::Send, input, command, &text);
        }
        Labels::NETWORK.and(Labels::SOCKET)
    }
}
