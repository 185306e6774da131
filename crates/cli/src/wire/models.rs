//! Models, joined to the verbs and to repairs.

use super::Mill;
use crate::config;
use crate::error::Failure;
use crate::exit::Exit;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use trustmill_core::port::Coded;
use trustmill_core::port::registry::Secret;
use trustmill_factory::cases::contest::Promotion;
use trustmill_factory::facts::{self, Kind as _};
use trustmill_factory::models::{Ledger, ModelRef, Prices, Provider, Router, Settings, Team};
use trustmill_infra::HttpModel;
use trustmill_infra::model::Endpoint;

/// The file of prices cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the prices in {} cannot be used: {why}", path.display())]
struct BadPrices {
    path: PathBuf,
    why: String,
}

impl Coded for BadPrices {
    fn code(&self) -> &'static str {
        "TM1409"
    }

    fn help(&self) -> String {
        "docs/models.md shows the file of prices; [models] prices names it".into()
    }
}

impl Mill {
    /// What asks models, and the log of it.
    pub(crate) async fn models(&self) -> Result<Router, Failure> {
        let models = &self.config.models;
        let mut settings = Settings {
            routes: models.routes.clone(),
            task: models.budget.task.allowance(),
            daily: models.budget.day.allowance(),
            regions: models.regions.clone(),
            self_hosted_only: models.self_hosted_only,
            prices: prices(models.prices.clone())?,
            unpriced: models.unpriced,
            keep_contents: models.keep_contents,
            turn: models.limits(),
            ..Settings::default()
        };
        for provider in &models.providers {
            settings.providers.insert(provider.name.clone(), self::provider(provider)?);
        }
        for (name, team) in &models.teams {
            let rules = Team { models: team.models.clone(), daily: team.day.allowance() };
            settings.teams.insert(name.clone(), rules);
        }
        self.promote(&mut settings).await?;
        let world = &self.world;
        let (records, blobs) = (Arc::clone(&world.records), Arc::clone(&world.blobs));
        let ledger = Ledger::new(records, blobs, Arc::clone(&world.clock));
        Ok(Router::new(settings, Arc::new(ledger)))
    }

    /// Whoever won a contest is asked first, where the configuration has it in the route.
    async fn promote(&self, settings: &mut Settings) -> Result<(), Failure> {
        for (_, fact) in self.world.records.of_kind(Promotion::NAME, 0).await? {
            let promotion: Promotion = facts::read(&fact)?;
            let winner =
                promotion.contest.candidate.strip_prefix("model:").and_then(|name| name.parse().ok());
            let route = settings.routes.get_mut(&promotion.class);
            if let (Some(winner), Some(route)) = (winner, route) {
                // Stable: the others keep their order.
                route.sort_by_key(|model: &ModelRef| *model != winner);
            }
        }
        Ok(())
    }
}

fn prices(path: Option<PathBuf>) -> Result<Prices, Failure> {
    let Some(path) = path else { return Ok(Prices::default()) };
    let bad = |why: String| Failure::new(Exit::Usage, BadPrices { path: path.clone(), why });
    let text = std::fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
    let prices: Prices = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
    prices.check().map_err(bad)?;
    Ok(prices)
}

fn provider(provider: &config::Provider) -> Result<Provider, Failure> {
    let headers = provider.headers.iter();
    let endpoint = Endpoint {
        name: provider.name.clone(),
        url: provider.url.clone(),
        wire: provider.wire,
        key: provider.key(),
        key_header: provider.key_header,
        headers: headers.map(|(name, value)| (name.clone(), Secret::new(value.as_str()))).collect(),
        encrypted_thoughts: provider.encrypted_thoughts,
        roots: provider.roots.clone(),
    };
    let model = HttpModel::new(endpoint).map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(Provider {
        name: provider.name.clone(),
        host: provider.url.host_str().unwrap_or_default().to_owned(),
        region: provider.region.clone(),
        self_hosted: provider.self_hosted,
        families: provider.families.clone(),
        model: Arc::new(model),
    })
}

/// Whether somebody asked the process to end; looked at between two steps.
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for SIGTERM and SIGINT from now on.
    pub(crate) fn on_signal() -> Self {
        let asked = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&asked);
        tokio::spawn(async move {
            super::terminated().await;
            told.store(true, Ordering::SeqCst);
        });
        Self(asked)
    }

    /// Whether it was asked.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
