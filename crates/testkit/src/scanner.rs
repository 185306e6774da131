//! A scanner that says what a test says.

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Semaphore;
use trustmill_core::Sha256;
use trustmill_core::port::scanner::{Job, Scanner, ScannerError};
use trustmill_core::scan::{Census, Conclusion, Family, Finding, Leads, Place, Report, When};

/// Finds nothing in any file that no test told it otherwise about.
#[derive(Debug)]
pub struct ScriptedScanner {
    rules: String,
    script: Mutex<Script>,
    open: Semaphore,
}

#[derive(Debug, Default)]
struct Script {
    said: HashMap<String, Result<(Conclusion, String), ScannerError>>,
    leads: HashMap<String, Leads>,
    jobs: Vec<Job>,
}

/// More than any test scans.
const ENOUGH: usize = 1 << 20;

impl ScriptedScanner {
    /// A scanner with this version of rules.
    pub fn new(rules: &str) -> Self {
        Self { rules: rules.to_owned(), script: Mutex::default(), open: Semaphore::new(ENOUGH) }
    }

    fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on, this is concluded of files of that name, and why.
    pub fn conclude(&self, filename: &str, conclusion: Conclusion, why: &str) {
        self.script(|script| script.said.insert(filename.to_owned(), Ok((conclusion, why.to_owned()))));
    }

    /// From now on, a report on a file of that name has these leads.
    pub fn lead(&self, filename: &str, leads: Leads) {
        self.script(|script| script.leads.insert(filename.to_owned(), leads));
    }

    /// From now on, files of that name break it.
    pub fn fail(&self, filename: &str, error: ScannerError) {
        self.script(|script| script.said.insert(filename.to_owned(), Err(error)));
    }

    /// From now on nothing is answered until [`release`](Self::release).
    pub fn hold_back(&self) {
        self.open.forget_permits(ENOUGH);
    }

    /// Answers again.
    pub fn release(&self) {
        self.open.add_permits(ENOUGH - self.open.available_permits());
    }

    /// Every job that came, in order.
    pub fn jobs(&self) -> Vec<Job> {
        self.script(|script| script.jobs.clone())
    }
}

#[async_trait]
impl Scanner for ScriptedScanner {
    fn rules(&self) -> &str {
        &self.rules
    }

    async fn scan(&self, job: &Job) -> Result<Report, ScannerError> {
        let (said, leads) = self.script(|script| {
            script.jobs.push(job.clone());
            let leads = script.leads.get(&job.file.name).cloned().unwrap_or_default();
            (script.said.get(&job.file.name).cloned(), leads)
        });
        drop(self.open.acquire().await.unwrap());
        let (conclusion, reason) = said.unwrap_or(Ok((Conclusion::Clear, String::new())))?;
        let finding = Finding {
            rule: "scripted".into(),
            family: Family::Custom,
            weight: 80,
            what: reason.clone(),
            when: When::Installed,
            place: Place { path: "package.json".into(), line: 3, column: 5 },
            excerpt: "\"postinstall\": \"node x.js\"".into(),
            layers: Vec::new(),
            look: "what the test says".into(),
            new: false,
        };
        Ok(Report {
            format: Report::FORMAT,
            rules: self.rules.clone(),
            filename: job.file.name.clone(),
            sha256: Sha256::of(&job.file.bytes),
            against: job.previous.as_ref().map(|previous| previous.version.clone()),
            conclusion,
            scores: Vec::new(),
            findings: if reason.is_empty() { Vec::new() } else { vec![finding] },
            reason,
            licence: None,
            census: Census { files: 1, bytes: job.file.bytes.len() as u64, parsed: 1, ..Census::default() },
            leads,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn it_keeps_the_contract() {
        crate::conformance::scanner(|| Arc::new(ScriptedScanner::new("1"))).await;
    }
}
