//! The schema and the table of attributes are what the description says. `TRUSTMILL_WRITE=1` writes them.

use std::path::PathBuf;
use trustmill_policy::schema;

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn writes() -> bool {
    std::env::var_os("TRUSTMILL_WRITE").is_some()
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = root("schemas/policy.cedarschema");
    if writes() {
        std::fs::write(&path, schema::cedar()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(committed, schema::cedar(), "stale: run this test with TRUSTMILL_WRITE=1");
}

#[test]
fn the_pages_have_the_generated_tables() {
    page("docs/policy.md", &schema::table());
    page("docs/guard-policy.md", &trustmill_policy::calls::schema::table());
}

fn page(path: &str, generated: &str) {
    const BEGIN: &str = "<!-- attributes: generated -->\n";
    const END: &str = "<!-- attributes: end -->";
    let path = root(path);
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    if writes() {
        std::fs::write(&path, format!("{before}{BEGIN}{generated}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(table, generated, "stale: run this test with TRUSTMILL_WRITE=1");
}
