//! A patch says exactly what it does, and a ruling follows from every check.

use super::*;

fn tree(files: &[(&str, &str)]) -> Contents {
    let mut tree = Contents::default();
    for (path, text) in files {
        tree.set(path, Some(Bytes::copy_from_slice(text.as_bytes())));
    }
    tree
}

#[test]
fn what_lies_between_two_trees_leads_from_one_to_the_other() {
    let before = tree(&[("a.py", "1\n"), ("gone.py", "x"), ("same.py", "s")]);
    let after = tree(&[("a.py", "2\n"), ("new/b.py", "n"), ("same.py", "s")]);
    let patch = Patch::between(&before, &after);
    assert_eq!(patch.edits.keys().collect::<Vec<_>>(), ["a.py", "gone.py", "new/b.py"]);
    assert_eq!(patch.apply(&before).unwrap().members, after.members);
    assert_eq!(patch.apply(&after).unwrap_err().path, "a.py");
    assert_ne!(patch.digest(), Patch::default().digest());
}

fn judgement(checks: &[(Check, CheckOutcome)], fixed: &[&str]) -> Judgement {
    Judgement {
        checks: checks
            .iter()
            .map(|(check, outcome)| Checked { check: *check, outcome: *outcome, detail: String::new() })
            .collect(),
        passed: 3,
        failing_before: Vec::new(),
        flaky: Vec::new(),
        fixed: fixed.iter().map(|&name| name.to_owned()).collect(),
    }
}

#[test]
fn a_check_that_is_missing_or_was_not_tried_refuses() {
    use Check as C;
    use CheckOutcome::{Broken, Held, Untried};
    let needed = [C::Applies, C::Paths, C::Builds, C::Metadata, C::NoNewFailures, C::Capability];
    let all: Vec<_> = needed.iter().map(|check| (*check, Held)).collect();
    let complete = |checks: &[(Check, CheckOutcome)]| -> Vec<_> {
        checks.iter().copied().chain([(C::Complete, Held)]).collect()
    };
    assert_eq!(judgement(&all, &[]).ruling(), Ruling::Refused, "neither whole nor shown");
    assert_eq!(judgement(&complete(&all), &[]).ruling(), Ruling::Unproven);
    for left_out in 0..all.len() {
        let mut fewer = all.clone();
        fewer[left_out].1 = Untried;
        assert_eq!(judgement(&fewer, &["t"]).ruling(), Ruling::Refused);
        fewer.remove(left_out);
        assert_eq!(judgement(&fewer, &["t"]).ruling(), Ruling::Refused);
    }
    let tested: Vec<_> = all.iter().copied().chain([(C::Regression, Held)]).collect();
    assert_eq!(judgement(&tested, &["t"]).ruling(), Ruling::Unproven, "half a fix may pass its test");
    let proven: Vec<_> = tested.iter().copied().chain([(C::Complete, Held)]).collect();
    assert_eq!(judgement(&proven, &["t"]).ruling(), Ruling::Proven);
    assert_eq!(
        judgement(&proven, &[]).ruling(),
        Ruling::Unproven,
        "a regression test without a name proves nothing"
    );
    let broken: Vec<_> = tested.iter().copied().chain([(C::Complete, Broken)]).collect();
    assert_eq!(judgement(&broken, &["t"]).ruling(), Ruling::Refused);
}

#[test]
fn a_patch_on_top_of_another_leads_from_the_first_to_the_last() {
    let patch = |edits: &[(&str, Option<&str>, Option<&str>)]| Patch {
        edits: edits
            .iter()
            .map(|(path, before, after)| {
                let side = |text: &Option<&str>| text.map(|text| Bytes::copy_from_slice(text.as_bytes()));
                ((*path).to_owned(), Edit { before: side(before), after: side(after) })
            })
            .collect(),
    };
    let first = patch(&[("a", Some("1"), Some("2")), ("b", Some("x"), Some("y")), ("new", None, Some("n"))]);
    let next =
        patch(&[("a", Some("2"), Some("3")), ("b", Some("y"), Some("x")), ("c", Some("p"), Some("q"))]);
    let all = patch(&[("a", Some("1"), Some("3")), ("c", Some("p"), Some("q")), ("new", None, Some("n"))]);
    assert_eq!(first.then(&next), all);
    assert_eq!(Patch::default().then(&next), next);
}

#[test]
fn a_stack_is_as_good_as_its_worst_layer() {
    use Check as C;
    use CheckOutcome::{Held, Untried};
    let good = [C::Applies, C::Paths, C::Builds, C::Metadata, C::NoNewFailures, C::Capability, C::Complete];
    let checks = |regression| -> Vec<(C, CheckOutcome)> {
        good.iter().map(|check| (*check, Held)).chain([(C::Regression, regression)]).collect()
    };
    let proven = judgement(&checks(Held), &["t"]);
    let unproven = judgement(&checks(Untried), &[]);
    assert_eq!(ruling([&proven, &proven]), Ruling::Proven);
    assert_eq!(ruling([&proven, &unproven]), Ruling::Unproven);
    assert_eq!(ruling([]), Ruling::Refused);
}
