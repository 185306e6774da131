//! The engine is tested through the languages that use it; here only what no language shows.

use super::*;

#[test]
fn a_table_says_what_is_wrong_with_it() {
    let table = Table::parse("a.b process\na.b network\nc nonsense\nd sink:nowhere # comment\n@globals g\n");
    assert_eq!(table.problems(), ["a.b: twice", "c: nonsense", "d: sink:nowhere"]);
    assert!(table.is_global_object("g") && table.get("a.b").is_some() && table.get("a.c").is_none());
}
