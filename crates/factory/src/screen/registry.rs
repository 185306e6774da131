//! A registry whose files are looked at before they go out. One place for every ecosystem, and for what the mill's own
//! builds are given.

use super::{Looked, Screen, Unscanned};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::Purl;
use trustmill_core::port::Coded;
use trustmill_core::port::registry::{Answer, Method, NoReleases, Registry, Releases, Request, Takes};

/// A registry behind the screen.
pub struct Screened {
    registry: Arc<dyn Registry>,
    screen: Arc<Screen>,
}

impl Screened {
    /// Puts the screen before a registry.
    pub fn new(registry: Arc<dyn Registry>, screen: Arc<Screen>) -> Self {
        Self { registry, screen }
    }
}

#[async_trait]
impl Registry for Screened {
    fn ty(&self) -> &'static str {
        self.registry.ty()
    }

    fn takes(&self, method: Method, path: &str) -> Takes {
        self.registry.takes(method, path)
    }

    fn usage(&self) -> &'static [&'static str] {
        self.registry.usage()
    }

    fn challenge(&self, origin: Option<&str>) -> String {
        self.registry.challenge(origin)
    }

    async fn answer(&self, request: &Request) -> Answer {
        let answer = self.registry.answer(request).await;
        let Answer::File(file) = &answer else { return answer };
        // Statements and pages carry no release; what is installed does.
        let Some(of) = &file.of else { return answer };
        match self.screen.look(of, file.digest).await {
            Ok(Looked::Before) => answer,
            // What was found is a fact by now, and the registry's gate knows it.
            Ok(Looked::Now) => self.registry.answer(request).await,
            Err(error) => refused(&error),
        }
    }

    async fn releases(&self, project: &Purl) -> Result<Releases, NoReleases> {
        self.registry.releases(project).await
    }
}

fn refused(error: &Unscanned) -> Answer {
    let seconds = match error {
        Unscanned::UnderWay { seconds, .. } => *seconds,
        Unscanned::NotNow { .. } => {
            tracing::error!(code = error.code(), %error, "a file cannot be handed out");
            30
        }
    };
    let retry_after = Some(Duration::from_secs(seconds));
    Answer::Unavailable { why: format!("{}: {error}", error.code()), retry_after }
}
