//! Lines that say which versions of something else are taken, in setup.py, pyproject.toml, package.json and the like:
//! where a fix only asks for a later release of a dependency, they are all of it.

use trustmill_patch::hunk::hunks;
use trustmill_patch::lines::{Lines, Splice};

/// What begins such a line and asks for no package.
const OTHERS: [&str; 15] = [
    "version",
    "release",
    "python_requires",
    "requires-python",
    "python",
    "node",
    "npm",
    "yarn",
    "rust-version",
    "edition",
    "minversion",
    "target-version",
    "metadata_version",
    "if",
    "elif",
];

/// A line that bounds a requirement, without its bounds: the same for every version of it. `None` where it bounds none.
pub(in crate::repair) fn requirement(line: &str) -> Option<String> {
    let code = line.split(" #").next().unwrap_or_default().trim().trim_end_matches(',');
    let name = code.trim_start_matches(['"', '\'', '[', '(', '{', ' ']);
    let end = name.find(|c: char| !(c.is_alphanumeric() || "-_./@".contains(c))).unwrap_or(name.len());
    let (name, rest) = name.split_at_checked(end)?;
    let bound = rest.trim_start_matches(['"', '\'', ':', ' ', '{', '[', ']']);
    let is_bound = bound.starts_with(['<', '>', '=', '~', '^', '!']) || is_list(rest, bound);
    let is_name = name.len() > 1 && name.starts_with(|c: char| c.is_alphabetic() || c == '@');
    let lower = name.to_ascii_lowercase();
    if !is_name
        || !is_bound
        || OTHERS.contains(&lower.as_str())
        || !bound.contains(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    // What is given a value in a program is one of it, if it is written like one.
    let given = bound.starts_with('=') && !bound.starts_with("==");
    if given {
        let value = bound.trim_start_matches(['=', ' ']);
        let text = value.strip_prefix(['"', '\'']).unwrap_or_default();
        let is_version = text.starts_with(|c: char| c.is_ascii_digit() || "^~<>=*".contains(c));
        if !is_version && !value.starts_with('{') {
            return None;
        }
    }
    let mut bare = String::new();
    let (mut in_version, mut last) = (false, ' ');
    for c in code.chars() {
        let in_word = last.is_alphanumeric() || "-_".contains(last);
        last = c;
        in_version = match in_version {
            true => c.is_alphanumeric() || ".*+-".contains(c),
            false => c.is_ascii_digit() && !in_word,
        };
        if !in_version && !c.is_whitespace() && !"<>=~^!,|".contains(c) {
            bare.push(c);
        }
    }
    Some(bare)
}

/// `"name": "1.2"` of JSON: a bound without a sign.
fn is_list(rest: &str, bound: &str) -> bool {
    let (Some(colon), true) = (rest.find(':'), bound.starts_with(|c: char| c.is_ascii_digit())) else {
        return false;
    };
    rest.get(..colon).is_some_and(|between| between.trim() == "\"")
}

/// Which lines are about what only developers of the package get.
fn for_developers(lines: &Lines<'_>) -> Vec<bool> {
    let (mut inside, mut of_json) = (false, false);
    let each = lines.text.iter().map(|line| {
        let code = line.trim();
        if code.starts_with('[') && code.ends_with(']') {
            inside = ["dev", "test", "group"].iter().any(|word| code.contains(word));
            of_json = false;
        } else if code.starts_with("\"devDependencies\"") {
            (inside, of_json) = (true, true);
        } else if of_json && code.starts_with('}') {
            (inside, of_json) = (false, false);
        }
        inside
    });
    each.collect()
}

/// `old` with those lines of `new` that only bound the same requirements otherwise; `None` where there is none.
pub(super) fn only(old: &str, new: &str) -> Option<String> {
    let (before, after) = (Lines::of(old), Lines::of(new));
    let hidden = for_developers(&before);
    let mut splices: Vec<Splice> = Vec::new();
    for hunk in hunks(&before.text, &after.text) {
        let (gone, come) = (before.range(hunk.before.clone()), after.range(hunk.after));
        if gone.len() != come.len() {
            continue;
        }
        for (at, (was, is)) in (hunk.before.start..).zip(gone.iter().zip(come)) {
            let counts = was != is && hidden.get(at) == Some(&false);
            if counts && requirement(was).is_some_and(|bare| requirement(is) == Some(bare)) {
                splices.push(Splice { at: at..at + 1, with: vec![(*is).to_owned()] });
            }
        }
    }
    (!splices.is_empty()).then(|| before.splice(&splices))
}

/// `target` with its requirements bound as they are in `after` where `before` has them otherwise; `None` where one of them
/// is not there, or more than once.
pub(in crate::repair) fn carried(before: &str, after: &str, target: &str) -> Option<String> {
    let (old, new, there) = (Lines::of(before), Lines::of(after), Lines::of(target));
    let hidden = for_developers(&there);
    let mut splices: Vec<Splice> = Vec::new();
    for (_, is) in old.text.iter().zip(&new.text).filter(|(was, is)| was != is) {
        let bare = requirement(is)?;
        let mut places = (0..there.len())
            .filter(|at| hidden.get(*at) == Some(&false))
            .filter(|at| there.text.get(*at).and_then(|line| requirement(line)).as_ref() == Some(&bare));
        let (Some(at), None) = (places.next(), places.next()) else { return None };
        let line = there.text.get(at)?;
        let indent = line.len() - line.trim_start().len();
        let with = format!("{}{}", line.get(..indent).unwrap_or_default(), is.trim_start());
        splices.push(Splice { at: at..at + 1, with: vec![with] });
    }
    splices.sort_by_key(|splice| splice.at.start);
    Some(there.splice(&splices))
}

#[cfg(test)]
mod unit {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requirements_are_told_from_what_else_has_a_number() {
        for (line, bare) in [
            ("        'Jinja2>=2.4,<3.0',", "'Jinja2'"),
            ("    \"h2 >= 3; python_version > '3.6'\",", "\"h2;python_version''\""),
            ("    Werkzeug>=0.14", "Werkzeug"),
            ("    \"lodash\": \"^4.17.15\",", "\"lodash\":\"\""),
            ("    \"@babel/core\": \"7.1.0\"", "\"@babel/core\":\"\""),
            ("requests = \"^2.19\"", "requests\"\""),
            ("requests = { version = \"^2.19\", optional = true }", "requests{version\"\"optionaltrue}"),
        ] {
            assert_eq!(requirement(line).as_deref(), Some(bare), "{line}");
        }
        for line in [
            "    version='1.2.0',",
            "  \"version\": \"1.2.0\",",
            "if sys.version_info >= (2, 7):",
            "    python_requires='>=3.6',",
            "LIMIT = 10",
            "    \"node\": \">= 6\"",
            "# jinja2>=2.4 is too old",
            "    'jinja2',",
            "",
        ] {
            assert_eq!(requirement(line), None, "{line}");
        }
    }

    #[test]
    fn bounds_are_moved_and_nothing_else() {
        let old = "name='kit', version='1.0',\nx = [\n  'jinja2>=2.4',\n  'six>=1.9',\n]\n";
        let new = "name='kit', version='1.1',\nx = [\n  'jinja2>=2.11.3',\n  'six>=1.9',\n  'more>=1',\n]\n";
        let bounds = only(old, new).unwrap();
        assert_eq!(bounds, old.replace("2.4", "2.11.3"));
        assert_eq!(only(old, &old.replace("1.0", "1.1")), None);
        let target = "version='0.9',\nx = [\n      'jinja2 >= 2.2',\n]\n";
        let done = carried(old, &bounds, target).unwrap();
        assert_eq!(done, "version='0.9',\nx = [\n      'jinja2>=2.11.3',\n]\n");
        assert_eq!(carried(old, &bounds, "x = []\n"), None);
        let twice = target.replace("]", "      'jinja2>=1.0',\n]");
        assert_eq!(carried(old, &bounds, &twice), None);
    }

    #[test]
    fn what_developers_get_is_no_matter() {
        let old = "{\n  \"dependencies\": {\n    \"a\": \"1\",\n    \"bb\": \"1\"\n  },\n  \"devDependencies\": {\n    \"tap\": \"1\"\n  }\n}\n";
        let new =
            old.replace("\"bb\": \"1\"", "\"bb\": \"^2.1\"").replace("\"tap\": \"1\"", "\"tap\": \"5\"");
        assert_eq!(only(old, &new).unwrap(), old.replace("\"bb\": \"1\"", "\"bb\": \"^2.1\""));
        assert_eq!(only(old, &old.replace("\"tap\": \"1\"", "\"tap\": \"5\"")), None);
        let toml = "[project]\nrequests = \"1.0\"\n[tool.poetry.dev-dependencies]\nblack = \"1.0\"\n";
        assert_eq!(only(toml, &toml.replace("1.0", "2.0")).unwrap(), toml.replacen("1.0", "2.0", 1));
    }

    proptest! {
        #[test]
        fn any_line_can_be_asked(line in "\\PC{0,60}") {
            let _ = requirement(&line);
        }
    }
}
