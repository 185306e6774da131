//! Packuments and version documents, rendered once and kept as long as nothing changes.

use super::answers::{failed, json, not_found};
use super::judged::Judged;
use super::state::State;
use super::{Current, Inner, RENDERING};
use crate::npm::packument::{Form, Rendering};
use crate::rendered;
use crate::rulings::Asker;
use std::sync::Arc;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::registry::{Answer, RenderedPage, Request};
use trustmill_core::{Sha256, Timestamp};

/// Longest `Accept` that is read.
const MAX_ACCEPT: usize = 2048;

/// What tells pages apart. Files are named by whole addresses, so the client's own words for the server are part
/// of what it gets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct PageKey {
    name: String,
    base: String,
    as_of: Option<Timestamp>,
    form: Form,
    /// What the page shows of a ruling.
    shown: Sha256,
}

/// A rendered page, and what makes it still right.
#[derive(Clone)]
pub(super) struct Rendered {
    page: Arc<RenderedPage>,
    current: Current,
}

#[derive(Clone)]
pub(super) struct PageWeight;

impl quick_cache::Weighter<PageKey, Rendered> for PageWeight {
    fn weight(&self, key: &PageKey, rendered: &Rendered) -> u64 {
        let gzip = rendered.page.gzip.as_ref().map_or(0, bytes::Bytes::len);
        (key.name.len() + key.base.len() + rendered.page.body.len() + gzip + 256) as u64
    }
}

impl PageKey {
    fn new(name: &str, form: Form, shown: Sha256, request: &Request) -> Self {
        let origin = request.origin.as_deref().unwrap_or_default();
        let base = format!("{origin}{}", request.mount);
        Self { name: name.to_owned(), base, as_of: request.as_of, form, shown }
    }
}

/// Who names the short form gets it, whatever its weight: nobody names it who does not want it.
fn form(accept: Option<&str>) -> Form {
    let short = |accept: &&str| accept.len() <= MAX_ACCEPT && accept.contains(Form::Short.content_type());
    if accept.filter(short).is_some() { Form::Short } else { Form::Full }
}

impl Inner {
    /// `{name}`. A hot page costs two look-ups.
    pub(super) async fn packument(&self, name: &str, request: &Request) -> Answer {
        let (asker, form) = (Asker::new(name, request), form(request.accept.as_deref()));
        let key = |shown| PageKey::new(name, form, shown, request);
        if let Some(given) = self.rulings.standing(&asker)
            && let Some(hot) = self.pages.get(&key(given.ruled.shown()))
            && hot.current.state.id == given.state
            && self.is_current(&hot.current)
        {
            return Answer::Page(hot.page);
        }
        let (current, judged) = match self.judged(&asker).await {
            Ok(judged) => judged,
            Err(answer) => return answer,
        };
        let key = key(judged.ruled.shown());
        let _turn = self.flights.enter(&format!("render {name}")).await;
        let known = self.pages.get(&key).filter(|known| known.current.state.id == current.state.id);
        let page = match known {
            Some(known) => known.page,
            None => match self.rendered(judged, &key).await {
                Ok(page) => page,
                Err(error) => return failed(error),
            },
        };
        self.pages.insert(key, Rendered { page: page.clone(), current });
        Answer::Page(page)
    }

    /// Tens of megabytes and their compression take a while: off the threads that answer, and few at once, for
    /// memory's sake.
    async fn rendered(&self, judged: Judged, key: &PageKey) -> Result<Arc<RenderedPage>, FetchError> {
        let (state, key, max_age) = (judged.state.clone(), key.clone(), self.options.page_max_age);
        self.with_body(&state, move |body| {
            let PageKey { base, as_of, form, .. } = &key;
            let rendering = Rendering { packument: &judged.state.packument, body, base, form: *form };
            let page = rendering.page(&judged.shown(*as_of), &judged.tags(*as_of), as_of.is_some())?;
            Some(Arc::new(rendered::page(form.content_type(), page, max_age)))
        })
        .await
    }

    /// Renders something from the body that the state was read from.
    async fn with_body<T: Send + 'static>(
        &self,
        state: &State,
        render: impl FnOnce(&str) -> Option<T> + Send + 'static,
    ) -> Result<T, FetchError> {
        let cut_short = || FetchError::Unavailable {
            url: self.upstream.shown_url(),
            why: "the page was cut short".to_owned(),
            retry_after: None,
        };
        let mebibytes = u32::try_from(state.packument.size() >> 20).unwrap_or(RENDERING).clamp(1, RENDERING);
        let _turn = self.rendering.acquire_many(mebibytes).await.map_err(|_| cut_short())?;
        let body = self.upstream.body(&state.packument).await?;
        let rendering = move || render(std::str::from_utf8(&body).ok()?);
        tokio::task::spawn_blocking(rendering).await.ok().flatten().ok_or_else(cut_short)
    }

    /// `{name}/{version or tag}`.
    pub(super) async fn version(&self, name: &str, version: &str, request: &Request) -> Answer {
        let judged = match self.judged(&Asker::new(name, request)).await {
            Ok((_, judged)) => judged,
            Err(answer) => return answer,
        };
        if judged.named(version, request.as_of).is_none() {
            return not_found();
        }
        let key = PageKey::new(name, Form::Full, judged.ruled.shown(), request);
        let (state, version, max_age) = (judged.state.clone(), version.to_owned(), self.options.page_max_age);
        let page = self.with_body(&state, move |body| {
            let PageKey { base, as_of, form, .. } = &key;
            let rendering = Rendering { packument: &judged.state.packument, body, base, form: *form };
            let document = rendering.version(&judged.named(&version, *as_of)?.shown())?;
            Some(rendered::page(form.content_type(), document, max_age))
        });
        page.await.map_or_else(failed, |page| Answer::Page(Arc::new(page)))
    }

    /// `-/package/{name}/dist-tags`.
    pub(super) async fn tags(&self, asker: &Asker, as_of: Option<Timestamp>) -> Answer {
        match self.judged(asker).await {
            Ok((_, judged)) => json(&serde_json::json!(judged.tags(as_of))),
            Err(answer) => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_the_form_they_ask_for() {
        let npm = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
        assert_eq!(form(Some(npm)), Form::Short);
        for full in [None, Some("*/*"), Some("application/json"), Some("")] {
            assert_eq!(form(full), Form::Full, "{full:?}");
        }
    }
}
