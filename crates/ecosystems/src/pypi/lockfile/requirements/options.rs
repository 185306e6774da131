//! The options of a requirements file: those of a line of its own, and those behind a requirement.

/// One option of a line, its value with quotes taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// `-r FILE`.
    Requirements(String),
    /// `-c FILE`.
    Constraints(String),
    /// `-e PATH`.
    Editable(String),
    /// `--require-hashes`.
    RequireHashes,
    /// `--hash=ALGORITHM:HEX`.
    Hash(String),
    /// Known, and not obeyed: the reason.
    Noted(&'static str),
}

type Make = fn(String) -> Item;

struct Known {
    long: &'static str,
    short: Option<char>,
    /// Whether a value follows.
    valued: bool,
    make: Make,
}

const fn valued(long: &'static str, short: Option<char>, make: Make) -> Known {
    Known { long, short, valued: true, make }
}

const fn flag(long: &'static str, make: Make) -> Known {
    Known { long, short: None, valued: false, make }
}

const INDEX: Make = |_| Item::Noted("not obeyed: packages come from the upstream that is configured");
const FORMATS: Make = |_| Item::Noted("not obeyed: every published file of a pinned release is looked at");
const CHOICE: Make = |_| Item::Noted("not needed: a pinned version leaves nothing to choose");
const BUILD: Make = |_| Item::Noted("not obeyed: a rebuild takes its options from its recipe");

const KNOWN: &[Known] = &[
    valued("requirement", Some('r'), Item::Requirements),
    valued("constraint", Some('c'), Item::Constraints),
    valued("editable", Some('e'), Item::Editable),
    valued("hash", None, Item::Hash),
    flag("require-hashes", |_| Item::RequireHashes),
    valued("index-url", Some('i'), INDEX),
    valued("pypi-url", None, INDEX),
    valued("extra-index-url", None, INDEX),
    valued("find-links", Some('f'), INDEX),
    valued("trusted-host", None, INDEX),
    flag("no-index", INDEX),
    valued("no-binary", None, FORMATS),
    valued("only-binary", None, FORMATS),
    flag("prefer-binary", FORMATS),
    flag("pre", CHOICE),
    valued("all-releases", None, CHOICE),
    valued("only-final", None, CHOICE),
    valued("use-feature", None, |_| Item::Noted("not obeyed: a switch of another installer")),
    valued("global-option", None, BUILD),
    valued("install-option", None, BUILD),
    valued("config-settings", Some('C'), BUILD),
    valued("config-setting", None, BUILD),
    flag("no-build-isolation", BUILD),
];

/// Splits a line into what stands before its first option and the options, as pip does: at the first word
/// that begins with `-`, words being divided by single spaces.
pub(super) fn split(line: &str) -> (&str, &str) {
    let mut at = 0;
    for word in line.split(' ') {
        if word.starts_with('-') {
            let (entry, options) = line.split_at_checked(at).unwrap_or((line, ""));
            return (entry.trim(), options);
        }
        at += word.len() + 1;
    }
    (line.trim(), "")
}

/// Parses options.
pub(super) fn parse(text: &str) -> Result<Vec<Item>, String> {
    let words = shlex::split(text).ok_or("a quote is not closed")?;
    let mut words = words.into_iter();
    let mut items = Vec::new();
    while let Some(word) = words.next() {
        let (known, attached) = find(&word)?;
        let value = match (known.valued, attached) {
            (true, Some(value)) => value,
            (true, None) => words.next().ok_or_else(|| format!("{word} needs a value"))?,
            (false, None) => String::new(),
            (false, Some(_)) => return Err(format!("--{} takes no value", known.long)),
        };
        items.push((known.make)(value));
    }
    Ok(items)
}

/// The option that `word` names, and the value written onto it.
fn find(word: &str) -> Result<(&'static Known, Option<String>), String> {
    let unknown = || {
        let shown: String = word.chars().take(60).collect();
        format!("{shown:?} is not an option of requirements files")
    };
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, v)| (name, Some(v.to_owned())));
        let known = KNOWN.iter().find(|known| known.long == name).ok_or_else(unknown)?;
        return Ok((known, value));
    }
    let mut chars = word.strip_prefix('-').ok_or_else(unknown)?.chars();
    let short = chars.next();
    let known = KNOWN.iter().find(|known| short.is_some() && known.short == short).ok_or_else(unknown)?;
    let value = chars.as_str();
    Ok((known, (!value.is_empty()).then(|| value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_value_is_read() {
        let wanted = Item::Requirements("a b.txt".into());
        for text in ["-r 'a b.txt'", "--requirement=\"a b.txt\"", "--requirement a\\ b.txt", "'-ra b.txt'"] {
            assert_eq!(parse(text).unwrap(), std::slice::from_ref(&wanted), "{text}");
        }
    }

    #[test]
    fn the_entry_ends_at_the_first_option() {
        assert_eq!(split("a==1 ; os_name == 'nt' --hash=x"), ("a==1 ; os_name == 'nt'", "--hash=x"));
        assert_eq!(split("a-b==1"), ("a-b==1", ""));
        assert_eq!(split("-r x"), ("", "-r x"));
    }

    #[test]
    fn unknown_options_are_errors() {
        for text in ["--evil", "-Z", "-r", "--pre=x", "-", "--", "-r 'x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
