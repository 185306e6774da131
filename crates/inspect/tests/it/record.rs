//! `RECORD`: every kind of problem is found.

use crate::mutants::fix_record;
use bytes::Bytes;
use trustmill_core::content::{Contents, Member};
use trustmill_inspect::wheel::RecordProblem;
use trustmill_inspect::wheel::record::{check, parse};

pub(crate) fn contents(files: &[(&str, &[u8])]) -> Contents {
    let mut contents = Contents::default();
    for (path, bytes) in files {
        let member = Member { bytes: Bytes::copy_from_slice(bytes), mode: Some(0o644), mtime: None };
        contents.members.insert((*path).to_owned(), member);
        contents.order.push((*path).to_owned());
    }
    contents
}

const RECORD: &str = "a-1.dist-info/RECORD";

fn problems(change: impl Fn(&str) -> String) -> Vec<RecordProblem> {
    let mut wheel =
        contents(&[("a,b.py", b"x"), ("c.py", b"yy"), (RECORD, b""), ("a-1.dist-info/RECORD.jws", b"s")]);
    wheel.order.pop();
    fix_record(&mut wheel);
    let text = change(wheel.text(RECORD).unwrap());
    wheel.members.get_mut(RECORD).unwrap().bytes = text.into();
    check(&wheel)
}

#[test]
fn a_right_record_has_no_problems() {
    assert_eq!(problems(str::to_owned), []);
    assert_eq!(problems(|text| text.replace('\n', "\r\n")), []);
    assert_eq!(problems(|text| text.replace(",2\n", ",\n")), []);
}

#[test]
fn each_problem_is_found() {
    let c = || "\"c.py\"".to_owned();
    let line = |text: &str| text.lines().find(|line| line.starts_with("c.py")).unwrap().to_owned();
    assert_eq!(
        problems(|text| text.replace(&format!("{}\n", line(text)), "")),
        [RecordProblem::Missing { name: c() }]
    );
    let extra = "d.py,sha256=x,1\n";
    assert_eq!(problems(|text| format!("{text}{extra}")), [RecordProblem::Extra { name: "\"d.py\"".into() }]);
    assert_eq!(problems(|text| format!("{text}{}\n", line(text))), [RecordProblem::Twice { name: c() }]);
    assert_eq!(problems(|text| text.replace(",2\n", ",3\n")), [RecordProblem::Size { name: c() }]);
    let other = |text: &str| text.replace(&line(text), "c.py,sha256=AAAA,2");
    assert_eq!(problems(other), [RecordProblem::Digest { name: c() }]);
    for weak in ["c.py,,2", "c.py,md5=AAAA,2"] {
        assert_eq!(problems(|text| text.replace(&line(text), weak)), [RecordProblem::NoDigest { name: c() }]);
    }
    for text in ["a,b\n", "a,b,c,d\n", "\u{fffd}"] {
        assert!(matches!(problems(|_| text.into())[..], [RecordProblem::Malformed { .. }]), "{text}");
    }
    assert!(matches!(parse(b"\xff,,\n"), Err(RecordProblem::Malformed { .. })));
    assert_eq!(check(&contents(&[("a.py", b"x")])), [RecordProblem::Absent]);
}
