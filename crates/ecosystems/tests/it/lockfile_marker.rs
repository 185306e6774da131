//! Markers mean what `packaging`, pip's own library, takes them to mean: `markers.tsv` holds its answers,
//! for CPython 3.11 on Linux and CPython 3.9 on Windows.

use super::lockfile_requirements::{fixture, windows};
use proptest::prelude::*;
use std::collections::BTreeSet;
use trustmill_ecosystems::pypi::lockfile::Target;
use trustmill_ecosystems::pypi::lockfile::marker::{Context, Marker};

fn answer(marker: &str, target: &Target) -> &'static str {
    let none = BTreeSet::new();
    let marker: Marker = marker.parse().unwrap();
    match marker.evaluate(&Context { target, extras: &none, groups: &none }) {
        Ok(true) => "true",
        Ok(false) => "false",
        Err(_) => "error",
    }
}

#[test]
fn markers_mean_what_packaging_takes_them_to_mean() {
    let linux = Target {
        platform_release: "6.8.0-31-generic".into(),
        platform_version: "#31-Ubuntu SMP".into(),
        ..Target::default()
    };
    let table = std::fs::read_to_string(fixture("markers.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert!(rows.len() > 800, "{}", rows.len());
    let wrong: Vec<_> = rows
        .iter()
        .filter(|row| [row[0], row[1]] != [answer(row[2], &linux), answer(row[2], &windows())])
        .map(|row| (row, answer(row[2], &linux), answer(row[2], &windows())))
        .collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), rows.len());
}

#[test]
fn sets_of_names_are_asked_with_in() {
    let (target, groups) = (Target::default(), BTreeSet::new());
    let extras = BTreeSet::from(["Fancy_One".to_owned(), "b".to_owned()]);
    let context = Context { target: &target, extras: &extras, groups: &groups };
    for (marker, wanted) in [
        ("'fancy-one' in extras", Some(true)),
        ("'c' not in extras and 'dev' not in dependency_groups", Some(true)),
        ("extra == 'b' and extra == 'fancy.one'", Some(true)),
        ("extra != 'b'", Some(false)),
        ("'b' == extras", None),
        ("extras in 'b'", None),
    ] {
        assert_eq!(marker.parse::<Marker>().unwrap().evaluate(&context).ok(), wanted, "{marker}");
    }
}

#[test]
fn hostile_markers_are_refused_or_quick() {
    let deep = format!("{}os_name == 'a'{}", "(".repeat(2000), ")".repeat(2000));
    assert!(deep.parse::<Marker>().unwrap_err().contains("parentheses"));
    // A decision diagram of this one has 2^60 nodes.
    let wide: Vec<String> = (0..60).map(|n| format!("(extra == 'a{n}' and extra == 'b{n}')")).collect();
    assert_eq!(answer(&wide.join(" or "), &Target::default()), "false");
    assert!(format!("os_name == '{}'", "x".repeat(1 << 20)).parse::<Marker>().is_err());
    assert!("'a' == 'a'".parse::<Marker>().is_err());
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in r#"(\(|\)|and |or |not |in |os_name|extra|python_version|==|~=|<|'3.8'|"|'|é| ){0,24}"#) {
        if let Ok(marker) = text.parse::<Marker>() {
            let none = BTreeSet::new();
            let target = Target::default();
            let _ = marker.evaluate(&Context { target: &target, extras: &none, groups: &none });
        }
    }
}
