//! What people see. Whatever an agent wrote is text, and what would move or hide it is shown as a mark.

use super::people::SignedIn;
use crate::engine::Waiting;
use axum::response::Html;
use maud::{DOCTYPE, Markup, html};
use trustmill_core::Sha256;
use trustmill_guard::lease::{Amount, PlannedCall};
use trustmill_guard::value::visible;

/// The style, small enough for a phone.
pub(super) const STYLE: &str = include_str!("style.css");

fn page(title: &str, body: &Markup) -> Html<String> {
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="/style.css";
            }
            body { main { (body) } }
        }
    };
    Html(whole.into_string())
}

/// For whoever is not signed in.
pub(super) fn closed() -> Html<String> {
    page(
        "Guard",
        &html! {
            h1 { "Guard" }
            p { "Open your own sign-in link: " code { "trustmill guard up --listen ADDRESS --person NAME" } " prints it." }
        },
    )
}

/// For whoever followed a sign-in link.
pub(super) fn door(name: &str, key: &str) -> Html<String> {
    page(
        "Guard",
        &html! {
            h1 { "Guard" }
            form method="post" action="/enter" {
                input type="hidden" name="key" value=(key);
                button.yes { "Sign in as " (name) }
            }
        },
    )
}

/// A sentence, and the way back.
pub(super) fn told(text: &str) -> Html<String> {
    page("Guard", &html! { h1 { "Guard" } p { (text) } p { a href="/" { "Back" } } })
}

/// What waits.
pub(super) fn plans(
    person: &SignedIn,
    waiting: &[Waiting],
    stopped: bool,
    agreed: impl Fn(&str, &Sha256) -> Vec<String>,
) -> Html<String> {
    page(
        "Guard",
        &html! {
            header {
                h1 { "Guard" }
                form method="post" action="/stop" {
                    input type="hidden" name="form" value=(person.form);
                    button.stop disabled[stopped] { @if stopped { "Stopped" } @else { "STOP" } }
                }
            }
            p.who { "Signed in as " (person.name) }
            @if waiting.is_empty() { p { "Nothing waits." } }
            @for waiting in waiting { (card(person, waiting, &agreed)) }
        },
    )
}

fn card(person: &SignedIn, waiting: &Waiting, agreed: &impl Fn(&str, &Sha256) -> Vec<String>) -> Markup {
    let plan = &waiting.plan;
    let digest = plan.digest();
    let forever = plan.calls().iter().filter(|call| !call.reversible).count();
    let money = plan
        .calls()
        .iter()
        .filter_map(|call| call.amount)
        .fold(0_i64, |sum, amount| sum.saturating_add(amount.0));
    let by = agreed(&waiting.session, &digest);
    html! {
        section {
            h2 { (visible(&waiting.agent)) " for " (visible(&waiting.owner)) }
            p.facts {
                (plan.calls().len()) @if plan.calls().len() == 1 { " call" } @else { " calls" }
                @if forever > 0 { ", " strong { (forever) " cannot be undone" } }
                @if money > 0 { ", " strong { (Amount(money)) " in all" } }
                @if plan.approvers() > 1 { ", takes " (plan.approvers()) " people" }
                @if !by.is_empty() { ", approved by " (by.join(", ")) }
            }
            form method="post" action="/approve" {
                input type="hidden" name="form" value=(person.form);
                input type="hidden" name="session" value=(waiting.session);
                input type="hidden" name="plan" value=(digest);
                ul { @for call in plan.calls() { (line(call)) } }
                button.yes { "Approve what is ticked" }
            }
            form method="post" action="/deny" {
                input type="hidden" name="form" value=(person.form);
                input type="hidden" name="session" value=(waiting.session);
                button.no { "Refuse all" }
            }
            p.plan { "plan " code { (digest.short()) } " of " code { (visible(&waiting.session)) } }
        }
    }
}

fn line(call: &PlannedCall) -> Markup {
    html! {
        li {
            label {
                input type="checkbox" name="call" value=(call.digest) checked;
                span { strong { (call.effect) } " " (visible(call.summary.trim_start_matches(call.effect.as_str()))) }
            }
            small { (visible(&call.why)) }
        }
    }
}
