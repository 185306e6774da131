//! A decision point in a throw-away folder, with a mailbox as its task.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use trustmill_core::Timestamp;
use trustmill_doors::engine::{Answer, Approved, Engine};
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::catalogue::Catalogue;
use trustmill_guard::decide::{Decision, Rulebook, Settings};
use trustmill_guard::record::Outcome;

/// What the user of the second incident said.
pub(crate) const SUGGEST: &str =
    "Check this inbox too and suggest what you would archive or delete, don't action until I tell you to";

pub(crate) fn engine(folder: &Path) -> Engine {
    engine_at(folder, Timestamp::now)
}

pub(crate) fn engine_at(folder: &Path, clock: fn() -> Timestamp) -> Engine {
    let mut mail = Catalogue::shipped("mail").unwrap().unwrap();
    let more = "about = 'x'\n[tools.purge]\neffect = 'destroy'\narguments.email_id = { role = 'item', kind = 'mail' }\n\
                [tools.grant]\neffect = 'access'\nreversible = true\narguments.who = { role = 'grantee', kind = 'email' }\n\
                arguments.what = { role = 'item' }";
    mail.extend(Catalogue::parse("test", more).unwrap());
    let settings = Settings { access_approvers: 2, ..Settings::default() };
    let catalogues = BTreeMap::from([("mail".to_owned(), mail)]);
    Engine::open(folder, Rulebook::new(catalogues, settings, &[]).unwrap(), clock).unwrap()
}

pub(crate) fn call(tool: &str, arguments: Value) -> Call {
    Call::new("mail", tool, arguments, Limits::default()).unwrap()
}

pub(crate) fn trash(id: usize) -> Call {
    call("delete_email", json!({ "email_id": id.to_string(), "confirm": true }))
}

/// Lists the inbox, so that its ids are known to the record.
pub(crate) fn read_inbox(engine: &Engine, session: &str, mails: usize) {
    let list = call("get_received_emails", json!({}));
    let answer = engine.decide(session, &list);
    assert_eq!(answer.decision, Decision::Allow, "{answer:?}");
    let inbox: Vec<Value> =
        (0..mails).map(|id| json!({ "id": id.to_string(), "subject": format!("Mail {id}") })).collect();
    engine.ended(session, answer.number, &list, Outcome::Done, Some(&json!(inbox))).unwrap();
}

/// Makes a call and, where it is allowed, says that it was done.
pub(crate) fn make(engine: &Engine, session: &str, call: &Call) -> Answer {
    let answer = engine.decide(session, call);
    if answer.decision == Decision::Allow {
        engine.ended(session, answer.number, call, Outcome::Done, Some(&json!("done"))).unwrap();
    }
    answer
}

/// What these people approve: all that was shown, for an hour.
pub(crate) fn by(names: &[&str]) -> Approved {
    let by = names.iter().map(|&name| name.to_owned()).collect();
    Approved { by, seconds: 3600, ..Approved::default() }
}
