//! A change finds its place in another version of the file, or says that it has none.

use super::*;
use proptest::prelude::*;

const BASE: &str = "\
import os


def first(path):
    check(path)
    return open(path)


def second(path):
    name = clean(path)
    value = load(name)
    return value


def third():
    return 3
";

fn fixed() -> String {
    BASE.replace("    value = load(name)\n", "    refuse_links(name)\n    value = load(name)\n")
}

fn carried(target: &str, most: Means) -> Carried {
    carry("kit/core.py", BASE, &fixed(), target, most)
}

#[test]
fn the_same_surroundings_are_found_wherever_they_moved() {
    let target = format!("# an older head\n\n{BASE}");
    let done = carried(&target, Means::Exact);
    assert!(done.is_whole());
    assert!(done.text.contains("    name = clean(path)\n    refuse_links(name)\n    value = load(name)\n"));
}

#[test]
fn a_merge_takes_what_changed_around_the_hunk() {
    let target = BASE
        .replace("def second(path)", "def second(path, mode=None)")
        .replace("return value\n", "return [value]\n");
    assert!(!carried(&target, Means::Exact).is_whole());
    let done = carried(&target, Means::Merge);
    assert!(done.is_whole());
    assert!(done.text.contains("refuse_links(name)") && done.text.contains("return [value]"));
}

#[test]
fn context_is_looked_for_within_the_function_of_the_change() {
    let target = BASE.replace("    name = clean(path)\n", "    name = path.strip()\n    log(name)\n");
    let done = carried(&target, Means::Context);
    assert_eq!(done.placed.first().unwrap().means, Means::Context);
    assert!(done.text.contains("    log(name)\n    refuse_links(name)\n    value = load(name)\n"));
}

#[test]
fn two_equal_places_are_refused() {
    let block = "    a = 1\n    b = 2\n    c = 3\n";
    let before = format!("{block}\n\n");
    let after = before.replace("b = 2", "b = 4");
    let target = format!("top\n{block}mid\n{block}");
    let done = carry("x.txt", &before, &after, &target, Means::Context);
    assert_eq!(done.left.first().map(|(_, why)| *why), Some(Left::Ambiguous));
    assert_eq!(done.text, target);
}

#[test]
fn a_hunk_whose_function_is_not_there_has_no_place() {
    let target = BASE.replace("def second", "def other");
    let done = carried(&target.replace("name = clean", "title = wash"), Means::Symbol);
    assert!(!done.is_whole());
}

#[test]
fn what_is_there_already_is_not_put_there_twice() {
    let done = carried(&fixed(), Means::Merge);
    assert!(done.is_whole());
    assert_eq!(done.text, fixed());
    assert_eq!(done.placed.first().unwrap().at, None);
}

#[test]
fn a_function_that_only_moved_is_replaced_as_a_whole() {
    let body = "    name = clean(path)\n    # why\n\n    value = load(name)\n    return value\n";
    let target = format!("class Kit:\n    pass\n\n\ndef second(path):\n{body}");
    let done = carried(&target, Means::Symbol);
    assert!(done.is_whole(), "{done:?}");
    assert!(done.text.contains("refuse_links(name)\n"));
}

#[test]
fn a_new_function_and_its_import_find_their_neighbours() {
    let after = BASE
        .replace("import os\n", "import os\nfrom kit.guard import refuse, allow\n")
        .replace("def third()", "def guard(x):\n    return refuse(x)\n\n\ndef third()");
    let target =
        "import os\nfrom kit.guard import allow\nimport sys\n\n\ndef second(q):\n    return q\n\n\nX = 1\n";
    let done = carry("kit/core.py", BASE, &after, target, Means::Symbol);
    assert!(done.is_whole(), "{done:?}");
    assert!(done.text.contains("import sys\nfrom kit.guard import refuse\n"), "{}", done.text);
    assert!(done.text.contains("    return q\n\n\ndef guard(x):\n    return refuse(x)\n"), "{}", done.text);
}

#[test]
fn line_ends_of_the_target_are_kept() {
    let target = BASE.replace('\n', "\r\n");
    let done = carried(&target, Means::Exact);
    assert_eq!(done.text, fixed().replace('\n', "\r\n"));
}

#[test]
fn what_moved_into_a_block_is_indented_as_the_block_is() {
    let before = "a = 1\nvalue = load(name, mode)\nb = 2\n";
    let after = "a = 1\nvalue = load_safely(name, mode)\nb = 2\n";
    let target = "if True:\n    a = 1\n    value = load(name, mode)\n    b = 2\n";
    let done = carry("x.py", before, after, target, Means::Context);
    assert_eq!(done.text, target.replace("load(", "load_safely("));
}

fn text() -> impl Strategy<Value = String> {
    let line = "(def [fg]\\(\\):|    (a|b|c|return x)|import [ab]|class K:|)";
    proptest::collection::vec(line, 0..24)
        .prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect())
}

proptest! {
    #[test]
    fn carried_to_where_it_was_made_a_change_is_itself(before in text(), after in text()) {
        for most in [Means::Merge, Means::Context, Means::Symbol] {
            let done = carry("a.py", &before, &after, &before, most);
            prop_assert!(done.left.iter().all(|(_, why)| *why == Left::Disagreement), "{:?}", done.left);
            if done.is_whole() {
                prop_assert_eq!(&done.text, &after);
            }
        }
    }

    #[test]
    fn any_three_texts_are_borne(before in text(), after in text(), target in text()) {
        let done = carry("a.py", &before, &after, &target, Means::Symbol);
        prop_assert_eq!(done.placed.len() + done.left.len(), hunks(&Lines::of(&before).text, &Lines::of(&after).text).len());
    }

    #[test]
    fn nothing_changed_changes_nothing(before in text(), target in text()) {
        prop_assert_eq!(carry("a.py", &before, &before, &target, Means::Symbol).text, target);
    }
}

#[test]
fn a_conflict_is_settled_as_the_fix_has_it_and_within_its_function() {
    let target = BASE.replace(
        "    name = clean(path)\n    value = load(name)\n",
        "    value = load(clean(path), False)\n",
    );
    let fixed = BASE.replace("    value = load(name)\n", "    value = load(name, links=False)\n");
    let carry = |most| carry("kit/core.py", BASE, &fixed, &target, most);
    assert!(!carry(Means::Context).is_whole());
    let done = carry(Means::Theirs);
    assert!(done.is_whole(), "{done:?}");
    assert!(done.text.contains(
        "def second(path):\n    name = clean(path)\n    value = load(name, links=False)\n    return value\n"
    ));
    assert!(done.text.contains("def third():\n    return 3\n"));
    // What stood in one function and stands in two is left.
    let split = target.replace(
        "    value = load(clean(path), False)\n",
        "    return more(path)\n\n\ndef more(path):\n    value = load(path)\n",
    );
    let done = super::carry("kit/core.py", BASE, &fixed, &split, Means::Theirs);
    assert!(!done.is_whole() && done.text == split, "{done:?}");
}
