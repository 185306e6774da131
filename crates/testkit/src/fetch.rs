//! An upstream made of answers that a test wrote down.

use async_trait::async_trait;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use trustmill_core::Sha256;
use trustmill_core::digest::{Checksum, ChecksumHasher};
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::fetch::{Fetch, FetchError, Page, Validators};

/// Answers from a script; what is not in it does not exist upstream.
pub struct ScriptedFetch {
    blobs: Arc<dyn Blobs>,
    script: Mutex<HashMap<String, VecDeque<Result<Thing, FetchError>>>>,
    asked: Mutex<Vec<String>>,
}

#[derive(Clone)]
enum Thing {
    Page { body: Bytes, content_type: String, validators: Validators },
    File(Bytes),
}

impl ScriptedFetch {
    /// An empty upstream whose files are downloaded into `blobs`.
    pub fn new(blobs: Arc<dyn Blobs>) -> Self {
        Self { blobs, script: Mutex::default(), asked: Mutex::default() }
    }

    /// Answers `url` with a page. Further answers to one URL are given one after the other, the last one
    /// for ever. Its `ETag` is its digest, so a request with it is answered "not modified".
    pub fn page(&self, url: &str, content_type: &str, body: impl Into<Bytes>) -> &Self {
        let body = body.into();
        let etag = Some(format!("\"{}\"", Sha256::of(&body)));
        let validators = Validators { etag, last_modified: None };
        self.add(url, Ok(Thing::Page { body, content_type: content_type.to_owned(), validators }))
    }

    /// Answers `url` with a file.
    pub fn file(&self, url: &str, bytes: impl Into<Bytes>) -> &Self {
        self.add(url, Ok(Thing::File(bytes.into())))
    }

    /// Answers `url` with a failure.
    pub fn fail(&self, url: &str, error: FetchError) -> &Self {
        self.add(url, Err(error))
    }

    /// Forgets every answer to `url`.
    pub fn clear(&self, url: &str) -> &Self {
        self.script.lock().unwrap().remove(url);
        self
    }

    /// Every URL that was asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn add(&self, url: &str, answer: Result<Thing, FetchError>) -> &Self {
        self.script.lock().unwrap().entry(url.to_owned()).or_default().push_back(answer);
        self
    }

    fn answer(&self, url: &str) -> Result<Thing, FetchError> {
        self.asked.lock().unwrap().push(url.to_owned());
        let mut script = self.script.lock().unwrap();
        let missing = || FetchError::NotFound { url: url.to_owned() };
        let answers = script.get_mut(url).ok_or_else(missing)?;
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        next.ok_or_else(missing)?
    }
}

#[async_trait]
impl Fetch for ScriptedFetch {
    async fn page(&self, url: &str, _accept: &str, known: Option<&Validators>) -> Result<Page, FetchError> {
        match self.answer(url)? {
            Thing::Page { validators, .. } if known == Some(&validators) => {
                Ok(Page::NotModified { max_age: None })
            }
            Thing::Page { body, content_type, validators } => {
                Ok(Page::Fresh { body, content_type, validators, max_age: None })
            }
            Thing::File(body) => Ok(Page::Fresh {
                body,
                content_type: "application/octet-stream".into(),
                validators: Validators::default(),
                max_age: None,
            }),
        }
    }

    async fn file(
        &self,
        url: &str,
        expected: Option<&Checksum>,
        limit: u64,
    ) -> Result<(Sha256, u64), FetchError> {
        let (Thing::File(bytes) | Thing::Page { body: bytes, .. }) = self.answer(url)?;
        let (url, len) = (url.to_owned(), bytes.len() as u64);
        if len > limit {
            return Err(FetchError::TooLarge { url, limit });
        }
        let mut hasher = ChecksumHasher::like(expected);
        hasher.update(&bytes);
        let (_, got) = hasher.finish();
        if let Some(expected) = expected.filter(|expected| **expected != got) {
            return Err(FetchError::Digest { url, expected: expected.clone(), got });
        }
        let stored = self.blobs.put(bytes).await;
        stored.map(|digest| (digest, len)).map_err(|error| FetchError::Store { url, why: error.to_string() })
    }
}
