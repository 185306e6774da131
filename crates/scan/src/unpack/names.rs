//! Names of members: where they lead, and what of them a person does not see.

use super::oddity::Odd;

/// A run of spaces that pushes the rest of a name out of sight.
const LONG_RUN: &str = "        ";

/// The path that a tolerant installer writes to: relative, without `.` and `..`, with forward slashes.
pub(super) fn normal(raw: &str, limit: usize) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in raw.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut path = parts.join("/");
    let end = path.floor_char_boundary(limit);
    path.truncate(end);
    path
}

/// What is odd about a name as the archive has it.
pub(super) fn oddities(raw: &str, limit: usize) -> Vec<Odd> {
    let mut found = Vec::new();
    let mut say = |is: bool, odd: Odd| {
        if is {
            found.push(odd);
        }
    };
    let mut letters = raw.bytes();
    let drive = letters.next().is_some_and(|b| b.is_ascii_alphabetic()) && letters.next() == Some(b':');
    let parts = || raw.split(['/', '\\']);
    say(drive || raw.starts_with(['/', '\\']) || parts().any(|part| part == ".."), Odd::EscapingName);
    say(raw.contains('\\'), Odd::BackslashName);
    say(raw.len() > limit, Odd::LongName);
    say(raw.chars().any(char::is_control), Odd::ControlName);
    say(parts().any(|part| part.starts_with('-')), Odd::OptionName);
    let padded = |part: &str| part != part.trim();
    say(raw.contains(LONG_RUN) || parts().any(padded), Odd::SpacedName);
    say(raw.chars().any(is_bidi), Odd::BidiName);
    say(has_invisible(raw), Odd::InvisibleName);
    found
}

/// Whether a character changes the direction of those around it (Unicode UAX #9, explicit formatting).
pub(crate) const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character takes no room and is no mark of a script: zero-width ones, fillers, tags.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}'
        | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E01EF}')
}

/// Whether a text has an invisible character where none belongs: joiners and variation selectors after an emoji or a
/// letter of a script that needs them are part of how it is written.
fn has_invisible(text: &str) -> bool {
    let mut before = ' ';
    text.chars().any(|c| {
        let belongs = !before.is_ascii() && matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}');
        before = c;
        is_invisible(c) && !belongs
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_hide_are_told_from_names_that_are_foreign() {
        for (name, want) in [
            ("a/b.py", vec![]),
            ("docs/naïve file (1).md", vec![]),
            ("emoji/👩\u{200D}💻.svg", vec![]),
            ("heart/❤\u{FE0F}.png", vec![]),
            ("a/../../setup.py", vec![Odd::EscapingName]),
            ("/etc/passwd", vec![Odd::EscapingName]),
            ("C:evil", vec![Odd::EscapingName]),
            ("a\\b.py", vec![Odd::BackslashName]),
            ("a/-rf", vec![Odd::OptionName]),
            ("a/exe.\u{202E}yp", vec![Odd::BidiName]),
            ("a/b\u{200B}.py", vec![Odd::InvisibleName]),
            ("a/b\u{200D}.py", vec![Odd::InvisibleName]),
            ("a/b\x1b[2K.py", vec![Odd::ControlName]),
            ("a/b.py ", vec![Odd::SpacedName]),
            ("a/b.txt                  .py", vec![Odd::SpacedName]),
        ] {
            assert_eq!(oddities(name, 100), want, "{name:?}");
        }
        assert_eq!(oddities(&"a".repeat(101), 100), [Odd::LongName]);
        assert_eq!(normal("./a//b/../../../c\\d", 100), "c/d");
        assert_eq!(normal("aé", 2), "a");
    }
}
