//! What people see. Whatever an agent wrote is text, and what would move or hide it is shown as a mark.

use super::card::card;
use super::people::SignedIn;
use crate::engine::Waiting;
use axum::response::Html;
use maud::{DOCTYPE, Markup, html};

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

/// For whoever answered what does not wait any more.
pub(super) fn gone() -> Html<String> {
    told("What waits is not what was shown: look again.")
}

/// What waits.
pub(super) fn plans(
    person: &SignedIn,
    waiting: &[Waiting],
    stopped: bool,
    agreed: impl Fn(&Waiting) -> Vec<String>,
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
            @for waiting in waiting { (card(person, waiting, &agreed(waiting))) }
        },
    )
}
