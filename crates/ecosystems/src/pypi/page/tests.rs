//! What the two readers make of good, bad and hostile pages.

use super::*;
use proptest::prelude::*;

const JSON: &str = "application/vnd.pypi.simple.v1+json";

fn read(kind: &str, body: &str) -> Result<ProjectPage, PageError> {
    let url = Url::parse("http://index.invalid/simple/a/").unwrap();
    parse("a", &url, kind, body.as_bytes())
}

fn hex(digit: &str) -> String {
    digit.repeat(64)
}

#[test]
fn a_json_page_is_read_with_every_field() {
    let body = serde_json::json!({
        "meta": {"api-version": "1.4", "_last-serial": 1}, "name": "A", "versions": ["1.0", "1.1-RC1"],
        "files": [{
            "filename": "a-1.0-py3-none-any.whl", "url": "../../files/a-1.0-py3-none-any.whl#x",
            "hashes": {"sha256": hex("a"), "md5": "m"}, "requires-python": ">=3.8",
            "core-metadata": {"sha256": hex("b")}, "dist-info-metadata": false, "yanked": "broken",
            "size": 7, "upload-time": "2024-05-01T10:00:00.5Z", "gpg-sig": false,
            "provenance": "http://index.invalid/p",
        }],
    });
    let page = read(&format!("{JSON}; charset=utf-8"), &body.to_string()).unwrap();
    assert_eq!(page.versions, ["1.0", "1.1rc1"]);
    let file = page.file("a-1.0-py3-none-any.whl").unwrap();
    let artifact = &file.artifact;
    assert_eq!(artifact.url, "http://index.invalid/files/a-1.0-py3-none-any.whl");
    assert_eq!(artifact.sha256, hex("a").parse().ok());
    assert_eq!(artifact.metadata_sha256, hex("b").parse().ok());
    assert_eq!(artifact.yanked.as_deref(), Some("broken"));
    assert_eq!((artifact.size, artifact.kind), (Some(7), ArtifactKind::Portable));
    assert_eq!(artifact.upload_time, "2024-05-01T10:00:00.5Z".parse().ok());
    assert_eq!(artifact.requires_runtime.as_deref(), Some(">=3.8"));
    assert_eq!(file.other_hashes.get("md5").map(String::as_str), Some("m"));
    assert!(file.has_metadata && file.gpg_sig == Some(false) && file.provenance.is_some());
}

#[test]
fn an_html_page_is_read_with_every_attribute() {
    let body = format!(
        r##"<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.3">
        <base href="/other/"></head><body><!-- <a href="a-9.tar.gz">a-9.tar.gz</a> -->
        <a href="a-1.0%2Blocal-py3-none-any.whl#sha256={}" data-requires-python="&gt;=3.8,&lt;4"
           data-yanked='it said &quot;no&quot;' data-dist-info-metadata="sha256={}"
           data-core-metadata="true" data-gpg-sig="true">text</a>
        <A HREF=a-2.tar.gz data-yanked>a-2.tar.gz</A></body></html>"##,
        hex("a"),
        hex("b")
    );
    let page = read("text/html", &body).unwrap();
    let file = page.file("a-1.0+local-py3-none-any.whl").unwrap();
    assert_eq!(file.artifact.url, "http://index.invalid/other/a-1.0%2Blocal-py3-none-any.whl");
    assert_eq!(file.artifact.sha256, hex("a").parse().ok());
    assert_eq!(file.artifact.requires_runtime.as_deref(), Some(">=3.8,<4"));
    assert_eq!(file.artifact.yanked.as_deref(), Some("it said \"no\""));
    assert!(file.has_metadata && file.artifact.metadata_sha256.is_none(), "the newer attribute wins");
    assert_eq!(page.file("a-2.tar.gz").unwrap().artifact.yanked.as_deref(), Some(""));
    assert_eq!(page.files.len(), 2);
}

#[test]
fn hostile_files_are_left_out_and_the_rest_stays() {
    let file = |name: &str, url: &str| serde_json::json!({"filename": name, "url": url, "hashes": {}});
    let body = serde_json::json!({"meta": {"api-version": "1.0"}, "name": "a", "files": [
        file("../../a-1.tar.gz", "x"), file("b-1.tar.gz", "x"), file("a-1.tar.gz", "file:///etc/passwd"),
        file("a-1.tar.gz", "javascript:0"), file("a-2.tar.gz", "a-2.tar.gz"),
        {"filename": "a-3.tar.gz", "url": "x", "hashes": {"sha256": "zz"}},
    ]});
    let page = read(JSON, &body.to_string()).unwrap();
    let names: Vec<_> = page.files.iter().map(|file| file.artifact.filename.as_str()).collect();
    assert_eq!(names, ["a-2.tar.gz"]);
}

#[test]
fn a_page_that_is_not_understood_is_an_error() {
    assert!(matches!(read("text/plain", ""), Err(PageError::ContentType(_))));
    assert!(matches!(read(JSON, "{"), Err(PageError::Json(_))));
    assert!(matches!(
        read(JSON, r#"{"meta":{"api-version":"2.0"},"files":[]}"#),
        Err(PageError::ApiVersion(_))
    ));
    let html = r#"<meta name="pypi:repository-version" content="2.0">"#;
    assert!(matches!(read("text/html", html), Err(PageError::ApiVersion(_))));
    let yanked =
        r#"{"meta":{"api-version":"1.0"},"files":[{"filename":"a-1.zip","url":"x","hashes":{},"yanked":3}]}"#;
    assert!(matches!(read(JSON, yanked), Err(PageError::Json(_))));
    assert!(matches!(read(JSON, &"[".repeat(100_000)), Err(PageError::Json(_))), "depth is bounded");
}

#[test]
fn limits_hold_while_reading() {
    let many = "<a href=a-1.zip>".repeat(MAX_FILES + 1);
    assert_eq!(read("text/html", &many), Err(PageError::TooMuch { what: "files", limit: MAX_FILES }));
    let entry = r#"{"filename":"a-1.zip","url":"x","hashes":{}},"#;
    let many = format!(r#"{{"meta":{{"api-version":"1.0"}},"files":[{}"#, entry.repeat(MAX_FILES + 1));
    let error = read(JSON, &many).unwrap_err().to_string();
    assert!(error.contains("more than 200000 entries"), "{error}");
    let long = format!("<a href=\"{}\">", "x".repeat(MAX_FIELD + 1));
    assert!(matches!(read("text/html", &long), Err(PageError::TooMuch { .. })));
}

#[test]
fn one_release_has_one_spelling() {
    let file = |name: &str| serde_json::json!({"filename": name, "url": "x", "hashes": {}});
    let body = serde_json::json!({"meta": {"api-version": "1.1"}, "name": "a", "versions": ["1.10", "1.2.0"],
        "files": [file("a-1.10.tar.gz"), file("a-1.2-py3-none-any.whl"), file("a-1.2.0.tar.gz")]});
    let project = read(JSON, &body.to_string()).unwrap().project();
    assert_eq!(project.versions, ["1.2.0", "1.10"]);
    assert_eq!(project.files_of("1.2.0").count(), 2);
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Some(page) = fuzz(&bytes) {
            prop_assert_eq!(page.project().files.len(), page.files.len());
        }
    }

    #[test]
    fn nearly_a_page_never_panics(
        href in "[ -~]{0,40}", name in "[ -~]{0,40}", data in "[ -~é]{0,40}", cut in 0usize..300,
    ) {
        let html = format!("<base href='{href}'><a href=\"{name}#{data}\" data-yanked='{data}' data-core-metadata={name}>");
        let json = format!(
            r#"{{"meta":{{"api-version":"1.{cut}"}},"files":[{{"filename":{name:?},"url":{href:?},"hashes":{{"sha256":{data:?}}},"yanked":{data:?}}}]}}"#
        );
        for (kind, text) in [("text/html", html), (JSON, json)] {
            let cut: String = text.chars().take(cut).collect();
            for body in [text.as_str(), cut.as_str()] {
                if let Ok(page) = read(kind, body) {
                    for file in &page.files {
                        prop_assert!(names::is_safe_filename(&file.artifact.filename));
                        prop_assert!(file.artifact.url.starts_with("http"));
                    }
                }
            }
        }
    }
}
