//! The provider table and the log of models, as the guard's door for models asks them.

use super::Mill;
use crate::cmd::Global;
use crate::error::Failure;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use trustmill_core::port::Coded as _;
use trustmill_core::port::registry::Secret;
use trustmill_doors::models::{Admitted, Ended, Models, Refusal, Shape};
use trustmill_factory::cases::redact_secrets;
use trustmill_factory::models::{Admitted as Entry, ModelRef, Passed, RouteError, Router};
use trustmill_factory::progress::Unobserved;
use trustmill_infra::model::{KeyHeader, KeySource, Wire};

/// How a provider is spoken to.
struct Line {
    url: String,
    wire: Wire,
    key: KeySource,
    header: KeyHeader,
    headers: Vec<(String, Secret)>,
}

/// The mill's models, for agents behind the guard.
struct Behind {
    router: Router,
    lines: BTreeMap<String, Line>,
    /// Requests that are out, by their keys in the log.
    out: Mutex<BTreeMap<String, Entry>>,
    /// Keeps the folder open.
    _mill: Mill,
}

/// What the guard's door for models asks; `None` where no provider is configured.
pub(crate) async fn models_for_agents(global: &Global) -> Result<Option<Arc<dyn Models>>, Failure> {
    let mill = Mill::open(global, super::Purpose::Look, Arc::new(Unobserved)).await?;
    if mill.config.models.providers.is_empty() {
        return Ok(None);
    }
    let router = mill.models().await?;
    let line = |provider: &crate::config::Provider| {
        let headers =
            provider.headers.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str())));
        Line {
            url: provider.url.to_string(),
            wire: provider.wire,
            key: provider.key(),
            header: provider.key_header.unwrap_or(provider.wire.key_header()),
            headers: headers.collect(),
        }
    };
    let lines =
        mill.config.models.providers.iter().map(|provider| (provider.name.clone(), line(provider))).collect();
    Ok(Some(Arc::new(Behind { router, lines, out: Mutex::default(), _mill: mill })))
}

/// Whether a provider understands a shape.
fn speaks(wire: Wire, shape: Shape) -> bool {
    match shape {
        Shape::Chat => matches!(wire, Wire::OpenaiChat | Wire::OpenaiCompatible),
        Shape::Responses => wire == Wire::OpenaiResponses,
        Shape::Messages => wire == Wire::Anthropic,
    }
}

impl Behind {
    /// The model that is meant: `PROVIDER/MODEL`, or a name that one provider's model of some route has.
    fn meant(&self, name: &str, shape: Shape) -> Option<ModelRef> {
        let fits =
            |model: &ModelRef| self.lines.get(&model.provider).is_some_and(|line| speaks(line.wire, shape));
        if let Some(model) = name.parse::<ModelRef>().ok().filter(fits) {
            return Some(model);
        }
        let mut named: Vec<&ModelRef> = self
            .router
            .settings()
            .routes
            .values()
            .flatten()
            .filter(|model| model.model == name && fits(model))
            .collect();
        named.sort();
        named.dedup();
        match named.as_slice() {
            [only] => Some((*only).clone()),
            _ => None,
        }
    }

    fn entry(&self, key: &str) -> Option<Entry> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

#[async_trait]
impl Models for Behind {
    async fn admit(
        &self,
        session: &str,
        model: &str,
        shape: Shape,
        bytes: usize,
        output: u64,
    ) -> Result<Admitted, Refusal> {
        let unknown = || Refusal {
            status: 404,
            why: format!(
                "{model:?} is no model that this endpoint has: write PROVIDER/MODEL as `trustmill models list` shows it"
            ),
        };
        let meant = self.meant(model, shape).ok_or_else(unknown)?;
        let line = self.lines.get(&meant.provider).ok_or_else(unknown)?;
        let key = line.key.read().await.map_err(|why| Refusal { status: 502, why })?;
        let entry =
            self.router.admit(&format!("guard:{session}"), &meant, bytes, output).await.map_err(|error| {
                let status = match error {
                    RouteError::Nobody { .. } => 403,
                    RouteError::Spent { .. } => 429,
                    _ => 503,
                };
                Refusal { status, why: format!("{error} ({})", error.code()) }
            })?;
        let mut headers = line.headers.clone();
        if let Some(key) = key {
            let (name, value) = match line.header {
                KeyHeader::Bearer => ("authorization", format!("Bearer {}", key.expose())),
                KeyHeader::XApiKey => ("x-api-key", key.expose().to_owned()),
                KeyHeader::XGoogApiKey => ("x-goog-api-key", key.expose().to_owned()),
                KeyHeader::ApiKey => ("api-key", key.expose().to_owned()),
            };
            headers.push((name.to_owned(), Secret::new(value)));
        }
        let admitted =
            Admitted { key: entry.key.clone(), url: line.url.clone(), headers, model: meant.model };
        self.out.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.key.clone(), entry);
        Ok(admitted)
    }

    fn is_same(&self, admitted: &Admitted, reported: &str) -> Result<(), String> {
        match self.entry(&admitted.key) {
            Some(entry) => self.router.is_same(&entry, reported),
            None => Err("nobody asked for this".into()),
        }
    }

    async fn until_banned(&self, admitted: &Admitted) -> String {
        match self.entry(&admitted.key) {
            Some(entry) => self.router.until_banned(&entry).await,
            None => "nobody asked for this".into(),
        }
    }

    async fn ended(&self, admitted: &Admitted, ended: Ended) {
        let entry = self.out.lock().unwrap_or_else(PoisonError::into_inner).remove(&admitted.key);
        let Some(entry) = entry else { return };
        let passed = ended.failed.map_or(Passed::Answered, Passed::Failed);
        if let Err(error) = self.router.settle(&entry, passed, &ended.reported, ended.tokens).await {
            // It stands as asked, and counts with the most that it may have cost.
            tracing::warn!("how a model's reply ended is not in the log: {error}");
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.router.settings().routes.values().flatten().map(ToString::to_string).collect();
        names.sort();
        names.dedup();
        names
    }

    fn redacted(&self, text: &str) -> String {
        redact_secrets(text)
    }
}
