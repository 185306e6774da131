//! A gate that does what a test says.

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use trustmill_core::advisory::Finding;
use trustmill_core::port::gate::{Gate, GateError};
use trustmill_core::ruling::{Action, Decision, Effect, Listed, Principal, Question, Ruling};
use trustmill_core::{Purl, Timestamp};

/// Allows everything that no test told it otherwise about.
#[derive(Debug, Default)]
pub struct ScriptedGate(Mutex<Script>);

#[derive(Debug, Default)]
struct Script {
    revision: u64,
    /// By team and release.
    decisions: HashMap<(Option<String>, Purl), Decision>,
    findings: Vec<Finding>,
    advisories: bool,
    broken: bool,
    questions: Vec<Questioned>,
}

/// A question that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Questioned {
    /// By whom.
    pub principal: Principal,
    /// For what.
    pub action: Action,
    /// About which releases.
    pub releases: Vec<Listed<'static>>,
}

/// A decision with a reason.
pub fn decision(effect: Effect, code: &'static str, reason: &str) -> Decision {
    Decision { effect, code: code.into(), reason: reason.to_owned(), ..Decision::allow() }
}

impl ScriptedGate {
    /// A gate that allows everything.
    pub fn new() -> Self {
        Self::default()
    }

    fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on, this is the decision about a release for everybody who shows no token.
    pub fn decide(&self, release: Purl, decision: Decision) {
        self.decide_for(None, release, decision);
    }

    /// From now on, this is the decision about a release for a team.
    pub fn decide_for(&self, team: Option<&str>, release: Purl, decision: Decision) {
        self.script(|script| {
            script.revision += 1;
            script.decisions.insert((team.map(str::to_owned), release), decision);
        });
    }

    /// From now on, advisories are here, and these are all.
    pub fn know(&self, findings: Vec<Finding>) {
        self.script(|script| {
            script.revision += 1;
            script.advisories = true;
            script.findings = findings;
        });
    }

    /// From now on, nothing can be decided; or it can again.
    pub fn break_down(&self, broken: bool) {
        self.script(|script| {
            script.revision += 1;
            script.broken = broken;
        });
    }

    /// How many rulings were asked for.
    pub fn asked(&self) -> usize {
        self.script(|script| script.questions.len())
    }

    /// The last question.
    ///
    /// # Panics
    /// Nothing was asked yet.
    pub fn last(&self) -> Questioned {
        self.script(|script| script.questions.last().cloned()).unwrap()
    }
}

impl Questioned {
    fn of(question: &Question<'_>) -> Self {
        let owned = |listed: &Listed<'_>| Listed {
            version: listed.version.clone().into_owned().into(),
            published: listed.published,
            yanked: listed.yanked,
            install_script: listed.install_script,
            licence: listed.licence.clone().map(|licence| licence.into_owned().into()),
        };
        Self {
            principal: question.principal.clone(),
            action: question.action,
            releases: question.releases.iter().map(owned).collect(),
        }
    }
}

#[async_trait]
impl Gate for ScriptedGate {
    fn revision(&self) -> u64 {
        self.script(|script| script.revision)
    }

    async fn rule(&self, question: &Question<'_>, now: Timestamp) -> Result<Ruling, GateError> {
        self.script(|script| {
            script.questions.push(Questioned::of(question));
            if script.broken {
                let source = Box::new(std::io::Error::other("the test says so"));
                return Err(GateError {
                    project: Box::new(question.project.clone()),
                    what: "policies",
                    source,
                });
            }
            let decide = |version: &str| {
                let key = (question.principal.team.clone(), question.project.at(version));
                script.decisions.get(&key).cloned().unwrap_or_else(Decision::allow)
            };
            let decisions: Vec<_> = question.releases.iter().map(|listed| decide(&listed.version)).collect();
            let until = decisions.iter().filter_map(|decision| decision.until).filter(|at| *at > now).min();
            Ok(Ruling { decisions, until })
        })
    }

    async fn findings(&self, release: &Purl) -> Result<Vec<Finding>, GateError> {
        Ok(self.script(|script| {
            script.findings.iter().filter(|finding| finding.release == *release).cloned().collect()
        }))
    }

    fn has_advisories(&self) -> bool {
        self.script(|script| script.advisories)
    }
}
