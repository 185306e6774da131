//! The screen: every published file is scanned before its bytes go out.
//!
//! A registry says what it is about to hand out ([`Screened`]); a file that was never looked at is looked at then, and
//! what is found is a fact, from which policies decide ([`firewall`](crate::firewall)). A file is scanned once: the
//! fact is kept by the file's digest, and made anew in the background when the rules have changed (`again.rs`). What
//! cannot be scanned is never taken for clean.

mod again;
mod before;
mod examine;
mod learn;
mod originals;
mod registry;
mod run;

pub use examine::Examined;
pub use registry::Screened;

use crate::StepError;
use crate::facts::{self, Scan};
use crate::firewall::Popular;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::ecosystem::Ecosystem;
use trustmill_core::port::fetch::Fetch;
use trustmill_core::port::records::Records;
use trustmill_core::port::scanner::{Scanner, ScannerError};
use trustmill_core::version::VersionScheme;
use trustmill_core::{Purl, Sha256};

/// Files of which it is remembered that they were looked at.
const KNOWN: usize = 100_000;

/// What screening takes.
pub struct ScreenPorts {
    /// The scanner.
    pub scanner: Arc<dyn Scanner>,
    /// Where reports go.
    pub records: Arc<dyn Records>,
    /// Where files are.
    pub blobs: Arc<dyn Blobs>,
    /// Brings the file of the release before. It MUST store into `blobs`.
    pub fetch: Arc<dyn Fetch>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The order of versions of every ecosystem.
    pub schemes: Vec<&'static dyn VersionScheme>,
}

/// How files are screened.
#[derive(Debug, Clone)]
pub struct ScreenSettings {
    /// Whether a file waits for its report. Otherwise it is handed out, and scanned meanwhile.
    pub waits: bool,
    /// How long a client is let wait before it is told to come again.
    pub patience: Duration,
    /// The largest file that is scanned, in bytes.
    pub most_bytes: u64,
    /// What counts as popular.
    pub popular: Popular,
}

/// Whether a file may go out, as far as scanning it is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// It was looked at before: whoever decided knows of it.
    Before,
    /// It was looked at just now: whoever decided must decide again.
    Now,
}

/// Why a file was not looked at: then it does not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unscanned {
    /// The scanner is not done with it.
    #[error("{file} is being scanned: come again in {seconds} s")]
    UnderWay {
        /// The file.
        file: String,
        /// When to come again.
        seconds: u64,
    },
    /// The scanner, or what it reads and writes through, does not work here.
    #[error("{file} cannot be scanned now: [{code}] {why}")]
    NotNow {
        /// The file.
        file: String,
        /// The code of the cause.
        code: &'static str,
        /// The cause.
        why: String,
    },
}

impl Coded for Unscanned {
    fn code(&self) -> &'static str {
        "TM1007"
    }

    fn help(&self) -> String {
        match self {
            Self::UnderWay { .. } => "ask again: the scan goes on meanwhile".into(),
            Self::NotNow { .. } => "run `trustmill doctor`; nothing is handed out unscanned".into(),
        }
    }
}

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    release: Purl,
    digest: Sha256,
}

/// What became of a scan; `None` as long as it goes on.
type Told = watch::Receiver<Option<Result<(), Unscanned>>>;

/// The screen of one mill.
pub struct Screen {
    ports: ScreenPorts,
    settings: ScreenSettings,
    /// Set once they are open. They hold registries, which hold this: were they held from here, nobody would ever be
    /// let go, and what is written at the end would not be.
    ecosystems: OnceLock<Vec<Weak<dyn Ecosystem>>>,
    /// By digest, the release and the file name under which it was looked at.
    known: Cache<Sha256, Arc<(Purl, String)>>,
    under_way: Mutex<HashMap<Key, Told>>,
    /// Popular releases by the prints of their files.
    originals: tokio::sync::Mutex<originals::Originals>,
    /// How many clients wait: what runs in the background stands back.
    waiting: AtomicUsize,
}

impl Screen {
    /// What scans files, for whoever compares two that are not published.
    pub fn scanner(&self) -> &dyn Scanner {
        self.ports.scanner.as_ref()
    }

    /// A screen that knows of no ecosystem yet.
    pub fn new(ports: ScreenPorts, settings: ScreenSettings) -> Arc<Self> {
        Arc::new(Self {
            ports,
            settings,
            ecosystems: OnceLock::new(),
            known: Cache::new(KNOWN),
            under_way: Mutex::default(),
            originals: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::new(0),
        })
    }

    /// From now on the release before is found through these.
    pub fn join(&self, ecosystems: &[Arc<dyn Ecosystem>]) {
        // Said twice, the first counts.
        self.ecosystems.set(ecosystems.iter().map(Arc::downgrade).collect()).ok();
    }

    /// Makes sure that a file was looked at, which MUST be in the blob store.
    ///
    /// # Errors
    /// It was not, and must not go out.
    pub async fn look(
        self: &Arc<Self>,
        of: &Arc<(Purl, String)>,
        digest: Sha256,
    ) -> Result<Looked, Unscanned> {
        if self.known.get(&digest).is_some_and(|known| Arc::ptr_eq(&known, of) || known == *of) {
            return Ok(Looked::Before);
        }
        let (release, file) = (&of.0, &of.1);
        let scanned = self.newest(release, digest).await.map_err(|error| not_now(file, &error))?;
        if scanned.is_some() {
            self.known.insert(digest, Arc::clone(of));
            return Ok(Looked::Before);
        }
        let told = self.start(of, digest);
        if !self.settings.waits {
            return Ok(Looked::Before);
        }
        let _waits = Waits::new(&self.waiting);
        self.wait(told, file).await.map(|()| Looked::Now)
    }

    /// The newest report on a file of a release.
    async fn newest(&self, release: &Purl, digest: Sha256) -> Result<Option<Scan>, StepError> {
        let all = facts::all::<Scan>(&*self.ports.records, release).await?;
        let hex = digest.to_hex();
        let of_it = all.into_iter().rev().find(|(fact, _)| fact.subject.as_deref() == Some(&hex));
        Ok(of_it.map(|(_, scan)| scan))
    }

    /// Starts a scan, or finds the one that is under way. It goes on though nobody waits any more.
    fn start(self: &Arc<Self>, of: &Arc<(Purl, String)>, digest: Sha256) -> Told {
        let key = Key { release: of.0.clone(), digest };
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = under_way.get(&key) {
            return told.clone();
        }
        let (tell, told) = watch::channel(None);
        under_way.insert(key.clone(), told.clone());
        let (screen, of) = (Arc::clone(self), Arc::clone(of));
        tokio::spawn(async move {
            // Whatever happens to the scan, the file is not under way for ever.
            let _ended = Ended { screen: &screen, key };
            let done = screen.run(&of, digest).await;
            tell.send(Some(done)).ok();
        });
        told
    }

    async fn wait(&self, mut told: Told, file: &str) -> Result<(), Unscanned> {
        let heard = tokio::time::timeout(self.settings.patience, told.wait_for(Option::is_some)).await;
        match heard {
            Ok(Ok(done)) => done.clone().unwrap_or_else(|| Err(gone(file))),
            Ok(Err(_)) => Err(gone(file)),
            Err(_) => Err(Unscanned::UnderWay { file: file.to_owned(), seconds: AGAIN }),
        }
    }

    fn ecosystem(&self, ty: &str) -> Option<Arc<dyn Ecosystem>> {
        self.ecosystems.get()?.iter().filter_map(Weak::upgrade).find(|ecosystem| ecosystem.ty() == ty)
    }

    fn scheme(&self, ty: &str) -> Option<&'static dyn VersionScheme> {
        self.ports.schemes.iter().copied().find(|scheme| scheme.ty() == ty)
    }
}

/// Seconds after which a client is told to come again.
const AGAIN: u64 = 5;

fn not_now(file: &str, error: &(impl Coded + ?Sized)) -> Unscanned {
    Unscanned::NotNow { file: file.to_owned(), code: error.code(), why: error.to_string() }
}

fn gone(file: &str) -> Unscanned {
    not_now(file, &ScannerError::Start { why: "the task that scans it ended".to_owned() })
}

/// Counts one who waits, as long as it lives.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Takes a scan from what is under way when it is dropped.
struct Ended<'a> {
    screen: &'a Screen,
    key: Key,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.screen.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
