//! The surface on which people decide: a page without scripts and without anything from elsewhere, small enough for a phone.
//!
//! Whoever has a person's sign-in link is that person. Signing in gives a cookie that scripts and other sites cannot use;
//! every form carries a secret of its session, and names the plan as it was shown. Requests for another host than the one
//! that is listened on are refused, so that no name that was made to point here reaches it.

mod card;
mod form;
mod people;
mod view;

pub use people::People;

use crate::engine::{Engine, EngineError, Waiting};
use crate::mcp::endpoint::Fence;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use form::{Picked, field};
use people::SignedIn;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use trustmill_core::Sha256;

/// The longest form, in bytes: a plan of ten thousand picked calls.
const LONGEST_FORM: usize = 2 << 20;

/// A session and its plan as it was shown, since the record with which that began: who agreed to a plan that was refused did
/// not agree to the next one of the same calls.
type Shown = (String, u64, Sha256);

fn shown(waiting: &Waiting) -> Shown {
    (waiting.session.clone(), waiting.plan.begun(), waiting.plan.digest())
}

/// What the page's handlers share.
struct Page {
    engine: Arc<Engine>,
    people: People,
    fence: Fence,
    /// People who approved a plan that takes more of them, with what each picked.
    agreed: Mutex<BTreeMap<Shown, BTreeMap<String, Picked>>>,
}

/// The page for an engine, as listened on at `address`; `hosts` are further names that lead there.
pub fn router(engine: Arc<Engine>, people: People, address: SocketAddr, hosts: &[String]) -> Router {
    let fence = Fence::new(address, hosts);
    let page = Arc::new(Page { engine, people, fence, agreed: Mutex::default() });
    Router::new()
        .route("/", get(list))
        .route("/enter", get(door).post(enter))
        .route("/approve", post(approve))
        .route("/deny", post(deny))
        .route("/stop", post(stop))
        .route("/style.css", get(style))
        .layer(middleware::from_fn_with_state(Arc::clone(&page), careful))
        .with_state(page)
}

/// What holds for every request and every answer.
async fn careful(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    let mut response = match page.fence.lets(request.headers()) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "this page answers to its own address alone\n").into_response(),
    };
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` browsers send `Origin: null` with the page's own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], view::STYLE).into_response()
}

/// What waits, or the door for who did not sign in.
async fn list(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    match page.people.whose(&headers) {
        None => (StatusCode::UNAUTHORIZED, view::closed()).into_response(),
        Some(person) => {
            let waiting = page.engine.waiting();
            let agreed = page.agreed.lock().unwrap_or_else(PoisonError::into_inner);
            let by = |waiting: &Waiting| -> Vec<String> {
                let named = agreed.get(&shown(waiting));
                named.map(|people| people.keys().cloned().collect()).unwrap_or_default()
            };
            view::plans(&person, &waiting, page.engine.look(|state| state.stopped), by).into_response()
        }
    }
}

/// A link that is opened signs nobody in: programs open links to look at them.
async fn door(State(page): State<Arc<Page>>, request: Request) -> Response {
    let key = field(request.uri().query().unwrap_or_default().as_bytes(), "key");
    match page.people.named_by(&key) {
        Some(name) => view::door(&name, &key).into_response(),
        None => (StatusCode::FORBIDDEN, view::closed()).into_response(),
    }
}

async fn enter(State(page): State<Arc<Page>>, body: Bytes) -> Response {
    match page.people.enter(&field(&body, "key")) {
        Ok(Some(cookie)) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Ok(None) => (StatusCode::FORBIDDEN, view::closed()).into_response(),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("nobody can sign in: {error}\n")).into_response()
        }
    }
}

/// Who sent a form, if it is one of their session's.
fn sender(page: &Page, headers: &HeaderMap, body: &Bytes) -> Result<SignedIn, Box<Response>> {
    if body.len() > LONGEST_FORM {
        return Err(Box::new(StatusCode::PAYLOAD_TOO_LARGE.into_response()));
    }
    let person = page.people.whose(headers).filter(|person| person.sent(&field(body, "form")));
    person.ok_or_else(|| Box::new((StatusCode::FORBIDDEN, view::closed()).into_response()))
}

async fn approve(State(page): State<Arc<Page>>, headers: HeaderMap, body: Bytes) -> Response {
    let person = match sender(&page, &headers, &body) {
        Ok(person) => person,
        Err(refused) => return *refused,
    };
    let session = field(&body, "session");
    let Ok(digest) = field(&body, "plan").parse::<Sha256>() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let waiting = page.engine.waiting();
    let found = waiting.iter().find(|one| one.session == session && one.plan.digest() == digest);
    let Some(found) = found else { return (StatusCode::CONFLICT, view::gone()).into_response() };
    let picked = match Picked::read(&body, &found.plan) {
        Ok(picked) => picked,
        Err(why) => return (StatusCode::BAD_REQUEST, view::told(why)).into_response(),
    };
    let key = shown(found);
    let approved = {
        let mut agreed = page.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        agreed.retain(|known, _| waiting.iter().any(|one| shown(one) == *known));
        let people = agreed.entry(key.clone()).or_default();
        people.insert(person.name, picked);
        Picked::of_all(people)
    };
    let result = page.engine.approve(&session, &digest, &approved);
    if let Err(EngineError::MorePeople { needed, given }) = result {
        return view::told(&format!("Noted. {needed} people must approve this, {given} did so far."))
            .into_response();
    }
    page.agreed.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    done(result.map(|_| ()))
}

async fn deny(State(page): State<Arc<Page>>, headers: HeaderMap, body: Bytes) -> Response {
    let person = match sender(&page, &headers, &body) {
        Ok(person) => person,
        Err(refused) => return *refused,
    };
    let Ok(plan) = field(&body, "plan").parse::<Sha256>() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    done(page.engine.dismiss(&field(&body, "session"), Some(&plan), &person.name))
}

async fn stop(State(page): State<Arc<Page>>, headers: HeaderMap, body: Bytes) -> Response {
    match sender(&page, &headers, &body) {
        Ok(person) => done(page.engine.stop(None, &person.name)),
        Err(refused) => *refused,
    }
}

fn done(result: Result<(), EngineError>) -> Response {
    match result {
        Ok(()) => Redirect::to("/").into_response(),
        Err(error) => (StatusCode::CONFLICT, view::told(&error.to_string())).into_response(),
    }
}
