//! The rules, in order: the first that says something decides.

use super::{Decision, Facts, Settings};
use crate::catalogue::Confidentiality;
use crate::effect::Effect;
use crate::lease::Amount;

type Said = Option<(Decision, String)>;
type Rule = (&'static str, fn(&Facts, &Settings) -> Said);

/// Every rule by its name in records and documentation.
const RULES: [Rule; 13] = [
    ("no-session", |f, _| {
        deny(!f.session, || "no such session: a task begins with `trustmill guard open`".into())
    }),
    ("stopped", |f, _| {
        deny(f.stopped && f.effect != Effect::Read, || "somebody said stop; only reading goes on".into())
    }),
    ("drifted", |f, _| {
        deny(f.drifted, || {
            "the server describes this tool otherwise than when a person saw it; it waits for a review".into()
        })
    }),
    ("irreversible", irreversible),
    ("approvers", |f, _| {
        let few = f.lease.is_some() && f.approvers < f.approvers_needed;
        ask(few, || format!("{} people must approve this, {} did", f.approvers_needed, f.approvers))
    }),
    ("leased", |f, _| f.lease.map(|_| (Decision::Allow, "a person leased exactly this".into()))),
    ("read", |f, _| (f.effect == Effect::Read && f.known).then(|| (Decision::Allow, "reading".into()))),
    ("unasked", unasked),
    ("ungrounded", ungrounded),
    ("confidential", confidential),
    ("stray-address", |f, _| {
        let stray = f.stray_address.as_deref().unwrap_or_default();
        ask(f.stray_address.is_some(), || {
            format!("the text leads to {stray}, which neither the user nor a system gave")
        })
    }),
    ("ceiling", ceiling),
    ("asked", |f, _| Some((Decision::Allow, format!("the user's words ask for it: {}", f.effect)))),
];

/// The decision, the rule's name, the reason.
pub(super) fn judge(facts: &Facts, settings: &Settings) -> (Decision, &'static str, String) {
    for (name, rule) in RULES {
        if let Some((decision, reason)) = rule(facts, settings) {
            return (decision, name, reason);
        }
    }
    (Decision::Deny, "nothing-said", "no rule says anything".into())
}

fn deny(when: bool, why: impl FnOnce() -> String) -> Said {
    when.then(|| (Decision::Deny, why()))
}

fn ask(when: bool, why: impl FnOnce() -> String) -> Said {
    when.then(|| (Decision::Ask, why()))
}

/// What cannot be restored is not destroyed, whoever leased it, unless the operator named the tool.
fn irreversible(f: &Facts, _: &Settings) -> Said {
    let refused = f.effect == Effect::Destroy && !f.reversible && !f.irreversible_allowed;
    deny(refused, || "it cannot be undone, and no policy names this tool".into())
}

/// The user did not ask for it. Where everything it touches is what the user means, a person may have meant it.
fn unasked(f: &Facts, _: &Settings) -> Said {
    if f.mandated {
        return None;
    }
    let what = if f.withheld { "the user said to wait" } else { "the user's words do not ask for it" };
    let decision = if f.all_referred || f.withheld || !f.known { Decision::Ask } else { Decision::Deny };
    Some((decision, format!("{what}: {}", f.effect)))
}

/// A value that decides something comes from nowhere that counts.
fn ungrounded(f: &Facts, _: &Settings) -> Said {
    let weak = f.weakest.as_ref()?;
    let where_from = "neither in the user's words nor in a system's record that they mean";
    Some((Decision::Ask, format!("{} {:?} is {where_from}", weak.argument, weak.text)))
}

/// Who can see it afterwards may not see all that was read before.
fn confidential(f: &Facts, _: &Settings) -> Said {
    let leaves = matches!(f.effect, Effect::Send | Effect::Publish | Effect::Egress | Effect::Access);
    let chosen = f.audience_named && (!f.public || f.label <= Confidentiality::Internal);
    let fine = match f.label {
        Confidentiality::Public => true,
        Confidentiality::Internal => chosen || !f.public,
        Confidentiality::Confidential => chosen,
        Confidentiality::Secret => false,
    };
    ask(leaves && !fine, || {
        format!("the session read what is {:?}, and this shows it to others", f.label).to_lowercase()
    })
}

/// Too many, or too much, for nobody to look.
fn ceiling(f: &Facts, settings: &Settings) -> Said {
    if f.amount_unreadable {
        return Some((Decision::Ask, "its amount cannot be read".into()));
    }
    if let (Some(most), Some(amount)) = (settings.pay, f.amount) {
        let rest = Amount(most.0);
        if amount > rest {
            return Some((
                Decision::Ask,
                format!("{amount} is more than the {rest} that a task may pay unasked"),
            ));
        }
    }
    ask(f.done >= f.ceiling, || {
        format!("{} calls that {} were made without a person already", f.done, f.effect)
    })
}
