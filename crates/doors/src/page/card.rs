//! One card: calls of one task that do alike, and one answer to all of them.

use super::form::{item, most};
use super::people::SignedIn;
use crate::engine::Waiting;
use maud::{Markup, html};
use trustmill_guard::lease::{Amount, PlannedCall};
use trustmill_guard::narrow::Part;
use trustmill_guard::value::visible;

/// Calls that are shown at once; more are behind a line that opens.
const AT_ONCE: usize = 12;

/// Characters of a text that are shown at once.
const SHORT: usize = 120;

/// A text for people, with its lines.
fn lines_of(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

/// How long a lease may last, in seconds.
const TIMES: [(u64, &str); 5] =
    [(600, "10 minutes"), (3600, "1 hour"), (8 * 3600, "8 hours"), (86_400, "1 day"), (7 * 86_400, "7 days")];

/// What waits with one effect in a task; `by` approved it already.
pub(super) fn card(person: &SignedIn, waiting: &Waiting, by: &[String]) -> Markup {
    let (plan, digest) = (&waiting.plan, waiting.plan.digest());
    let calls = plan.calls();
    let forever = calls.iter().filter(|call| !call.reversible).count();
    let money = calls.iter().filter_map(|call| call.amount);
    let money = money.fold(0_i64, |sum, amount| sum.saturating_add(amount.0));
    let (shown, rest) = calls.split_at(calls.len().min(AT_ONCE));
    html! {
        section id=(digest.short()) {
            h2 { span.effect { (waiting.effect) } " " (visible(&waiting.agent)) " for " (visible(&waiting.owner)) }
            p.facts {
                (calls.len()) @if calls.len() == 1 { " call" } @else { " calls" }
                @if forever > 0 { ", " strong { (forever) " cannot be undone" } }
                @if money > 0 { ", " strong { (Amount(money)) " in all" } }
                @if plan.approvers() > 1 { ", takes " (plan.approvers()) " people" }
                @if !by.is_empty() { ", approved by " (by.join(", ")) }
            }
            form method="post" action="/approve" {
                (named(person, waiting))
                (lines(shown))
                @if !rest.is_empty() {
                    details { summary { "and " (rest.len()) " more" } (lines(rest)) }
                }
                div.terms {
                    label { "for" select name="lasts" {
                        @for (seconds, text) in TIMES { option value=(seconds) selected[seconds == super::form::LASTS] { (text) } }
                    } }
                    @if calls.len() > 1 {
                        label { "only the first" input type="text" inputmode="numeric" pattern="[0-9]*" name="first" placeholder=(calls.len()) size="4"; }
                    }
                }
                button.yes { "Approve what is ticked" }
            }
            form method="post" action="/deny" {
                (named(person, waiting))
                button.no { "Refuse" @if calls.len() > 1 { " all" } }
            }
            p.plan { "plan " code { (digest.short()) } " of " code { (visible(&waiting.session)) } }
        }
    }
}

/// What every form says of whose it is, and of what was shown.
fn named(person: &SignedIn, waiting: &Waiting) -> Markup {
    html! {
        input type="hidden" name="form" value=(person.form);
        input type="hidden" name="session" value=(waiting.session);
        input type="hidden" name="plan" value=(waiting.plan.digest());
    }
}

/// Calls, each with why it waits, where that is not why the one above it does.
fn lines(calls: &[PlannedCall]) -> Markup {
    let before = std::iter::once(None).chain(calls.iter().map(|call| Some(&call.why)));
    html! { ul { @for (call, before) in calls.iter().zip(before) { (line(call, before != Some(&call.why))) } } }
}

fn line(call: &PlannedCall, why: bool) -> Markup {
    let summary = call.summary.strip_prefix(call.effect.as_str()).unwrap_or(&call.summary);
    html! {
        li {
            label {
                input type="checkbox" name="call" value=(call.digest) checked;
                span { (visible(summary.trim_start())) }
            }
            @for (name, text) in &call.texts {
                @let text = lines_of(text);
                div.part {
                    @if text.chars().count() <= SHORT { (visible(name)) ": " (text) }
                    @else { details { summary { (visible(name)) ": " (text.chars().take(SHORT).collect::<String>()) " …" } pre { (text) } } }
                }
            }
            @for (place, (name, whole)) in call.cut.iter().flat_map(|cut| &cut.parts).enumerate() {
                (part(call, place, name, whole))
            }
            @if why { small { (visible(&call.why)) } }
        }
    }
}

/// A part of a call that can be less.
fn part(call: &PlannedCall, place: usize, name: &str, whole: &Part) -> Markup {
    html! {
        div.part {
            @match whole {
                Part::Items(items) => {
                    details open[items.len() <= AT_ONCE] {
                        summary { (visible(name)) ": " (items.len()) }
                        @for (number, text) in items.iter().enumerate() {
                            label {
                                input type="checkbox" name="item" value=(item(&call.digest, place, number)) checked;
                                span { (visible(text)) }
                            }
                        }
                    }
                }
                Part::AtMost(amount) => {
                    label { (visible(name)) " at most"
                        input type="text" inputmode="decimal" name=(most(&call.digest, place)) value=(amount.exact()) size="10";
                    }
                }
            }
        }
    }
}
