//! The screen: nothing goes out unscanned, nothing is scanned twice, and what cannot be scanned is not clean.

use crate::world::Stage;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::port::blobs::Blobs as _;
use trustmill_core::port::ecosystem::Ecosystem;
use trustmill_core::port::registry::{Answer, FileAnswer, Registry, Request};
use trustmill_core::port::scanner::{Scanner, ScannerError};
use trustmill_core::scan::{Conclusion, Leads};
use trustmill_core::{Purl, Sha256, Timestamp};
use trustmill_factory::facts::{Scan, all};
use trustmill_factory::firewall::Popular;
use trustmill_factory::screen::{Looked, Screen, ScreenPorts, ScreenSettings, Screened, Unscanned};
use trustmill_testkit::{Dotted, ManualClock, MemBlobs, MemRecords, ScriptedFetch, ScriptedScanner};

struct World {
    scanner: Arc<ScriptedScanner>,
    records: Arc<MemRecords>,
    blobs: Arc<MemBlobs>,
    screen: Arc<Screen>,
}

impl World {
    fn new(rules: &str) -> Self {
        Self::over(rules, Arc::new(MemRecords::new()), Arc::new(MemBlobs::new()), |_| ())
    }

    fn over(
        rules: &str,
        records: Arc<MemRecords>,
        blobs: Arc<MemBlobs>,
        change: impl FnOnce(&mut ScreenSettings),
    ) -> Self {
        let scanner = Arc::new(ScriptedScanner::new(rules));
        let ports = ScreenPorts {
            scanner: scanner.clone(),
            records: records.clone(),
            blobs: blobs.clone(),
            fetch: Arc::new(ScriptedFetch::new(blobs.clone())),
            clock: Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)),
            schemes: vec![&Dotted("npm")],
        };
        let mut settings = ScreenSettings {
            waits: true,
            patience: Duration::from_millis(200),
            most_bytes: 1000,
            popular: Popular::default(),
        };
        change(&mut settings);
        Self { scanner, records, blobs, screen: Screen::new(ports, settings) }
    }

    async fn put(&self, version: &str, bytes: &str) -> (Arc<(Purl, String)>, Sha256) {
        let digest = self.blobs.put(bytes.to_owned().into()).await.unwrap();
        (Arc::new((Purl::release("npm", "demo", version), format!("demo-{version}.tgz"))), digest)
    }

    async fn facts(&self) -> Vec<Scan> {
        let facts = all::<Scan>(&*self.records, &Purl::project("npm", "demo")).await.unwrap();
        facts.into_iter().map(|(_, scan)| scan).collect()
    }
}

#[tokio::test]
async fn a_file_is_scanned_once_and_the_report_is_a_fact() {
    let world = World::new("1");
    let (of, digest) = world.put("1.0", "bytes").await;
    world.scanner.conclude("demo-1.0.tgz", Conclusion::Hold, "it phones home");
    assert_eq!(world.screen.look(&of, digest).await, Ok(Looked::Now));
    assert_eq!(world.screen.look(&of, digest).await, Ok(Looked::Before));
    let jobs = world.scanner.jobs();
    assert_eq!((jobs.len(), jobs[0].name.as_str(), jobs[0].version.as_str()), (1, "demo", "1.0"));
    let facts = world.facts().await;
    assert_eq!((facts.len(), facts[0].word()), (1, "hold"));
    assert_eq!(facts[0].reason(), "package.json:3:5: it phones home");
    let again = World::over("1", world.records.clone(), world.blobs.clone(), |_| ());
    assert_eq!(again.screen.look(&of, digest).await, Ok(Looked::Before), "another process knows it too");
}

#[tokio::test]
async fn the_same_bytes_in_another_release_are_a_report_of_their_own() {
    let world = World::new("1");
    let (of, digest) = world.put("1.0", "bytes").await;
    let (other, same) = world.put("2.0", "bytes").await;
    assert_eq!(digest, same);
    for release in [&of, &other] {
        assert_eq!(world.screen.look(release, digest).await, Ok(Looked::Now));
    }
    assert_eq!(world.facts().await.len(), 2);
}

#[tokio::test]
async fn many_who_ask_cause_one_scan() {
    let world = World::new("1");
    let (of, digest) = world.put("1.0", "bytes").await;
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (screen, of) = (world.screen.clone(), of.clone());
            tokio::spawn(async move { screen.look(&of, digest).await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().is_ok());
    }
    assert_eq!(world.scanner.jobs().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_told_to_come_again_and_the_scan_goes_on() {
    let world = World::new("1");
    let (of, digest) = world.put("1.0", "bytes").await;
    world.scanner.hold_back();
    let waited = world.screen.look(&of, digest).await;
    assert!(matches!(waited, Err(Unscanned::UnderWay { .. })), "{waited:?}");
    world.scanner.release();
    assert!(world.screen.look(&of, digest).await.is_ok());
    assert_eq!(world.scanner.jobs().len(), 1, "the one that was under way");
}

#[tokio::test]
async fn what_breaks_the_scanner_is_written_down_and_a_scanner_that_does_not_start_is_not() {
    let world = World::new("1");
    let (of, digest) = world.put("1.0", "bytes").await;
    world.scanner.fail("demo-1.0.tgz", ScannerError::Start { why: "no memory".into() });
    let refused = world.screen.look(&of, digest).await;
    assert!(matches!(&refused, Err(Unscanned::NotNow { code: "TM1003", .. })), "{refused:?}");
    assert!(world.facts().await.is_empty());
    let ended = ScannerError::Ended { file: "demo-1.0.tgz".into(), how: "signal 11".into() };
    world.scanner.fail("demo-1.0.tgz", ended);
    assert_eq!(world.screen.look(&of, digest).await, Ok(Looked::Now));
    let facts = world.facts().await;
    assert!(facts[0].word() == "failed" && facts[0].reason().contains("signal 11"), "{facts:?}");
}

#[tokio::test]
async fn what_is_too_large_is_failed_and_what_is_gone_is_not_looked_at() {
    let world = World::new("1");
    let (of, digest) = world.put("1.0", &"x".repeat(1001)).await;
    assert_eq!(world.screen.look(&of, digest).await, Ok(Looked::Now));
    assert!(world.scanner.jobs().is_empty() && world.facts().await[0].word() == "failed");
    let gone = world.screen.look(&of, Sha256::of(b"nowhere")).await;
    assert!(matches!(gone, Err(Unscanned::NotNow { .. })), "{gone:?}");
}

#[tokio::test]
async fn new_rules_scan_again_what_is_here_newest_first() {
    let old = World::new("1");
    let (first, a) = old.put("1.0", "a").await;
    let (second, b) = old.put("2.0", "b").await;
    old.screen.look(&first, a).await.unwrap();
    old.screen.look(&second, b).await.unwrap();
    let new = World::over("2", old.records.clone(), old.blobs.clone(), |_| ());
    new.scanner.conclude("demo-1.0.tgz", Conclusion::Block, "seen now");
    let (_stop, stopped) = watch::channel(false);
    assert_eq!(new.screen.again(stopped.clone()).await.unwrap(), 2);
    assert_eq!(new.screen.again(stopped).await.unwrap(), 0, "now they are of these rules");
    let words: Vec<_> = new.facts().await.iter().map(|scan| (scan.rules.clone(), scan.word())).collect();
    assert!(words.contains(&("2".into(), "block")) && words.len() == 4, "{words:?}");
}

#[tokio::test]
async fn in_preview_nobody_waits_and_the_report_comes() {
    let preview = |settings: &mut ScreenSettings| settings.waits = false;
    let world = World::over("1", Arc::new(MemRecords::new()), Arc::new(MemBlobs::new()), preview);
    let (of, digest) = world.put("1.0", "bytes").await;
    world.scanner.hold_back();
    assert_eq!(world.screen.look(&of, digest).await, Ok(Looked::Before));
    world.scanner.release();
    while world.facts().await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.scanner.rules(), world.facts().await[0].rules);
}

/// Hands out one file, and counts how often it was asked.
struct OneFile(FileAnswer, std::sync::atomic::AtomicUsize);

#[async_trait]
impl Registry for OneFile {
    fn ty(&self) -> &'static str {
        "npm"
    }

    async fn answer(&self, _: &Request) -> Answer {
        // The second time its gate knows what was found.
        match self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Answer::File(self.0.clone()),
            _ => Answer::NotFound("as the gate says now".into()),
        }
    }
}

#[tokio::test]
async fn a_registry_is_asked_again_once_there_is_a_report() {
    let world = World::new("1");
    let (of, digest) = world.put("1.0", "bytes").await;
    let file = FileAnswer { of: Some(of), ..FileAnswer::new(digest, 5, "text/plain") };
    let screened = Screened::new(Arc::new(OneFile(file, Default::default())), world.screen.clone());
    let answer = screened.answer(&Request::default()).await;
    assert!(matches!(&answer, Answer::NotFound(why) if why.contains("gate")), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_being_scanned_is_answered_with_when_to_come_again() {
    let world = World::new("1");
    let (of, digest) = world.put("1.0", "bytes").await;
    world.scanner.hold_back();
    let file = FileAnswer { of: Some(of), ..FileAnswer::new(digest, 5, "text/plain") };
    let screened = Screened::new(Arc::new(OneFile(file, Default::default())), world.screen.clone());
    let answer = screened.answer(&Request::default()).await;
    let Answer::Unavailable { why, retry_after } = answer else { panic!("{answer:?}") };
    assert!(why.starts_with("TM1007: demo-1.0.tgz is being scanned") && retry_after.is_some(), "{why}");
}

fn prints(numbers: std::ops::Range<u64>) -> Leads {
    Leads { prints: numbers.collect(), ..Leads::default() }
}

impl World {
    /// Looks at a release of a project.
    async fn look(&self, ty: &str, name: &str, leads: Leads) {
        let file = format!("{name}-1.0.tgz");
        self.scanner.lead(&file, leads);
        let digest = self.blobs.put(format!("the bytes of {name}").into()).await.unwrap();
        let of = Arc::new((Purl::release(ty, name, "1.0"), file));
        self.screen.look(&of, digest).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_shares_most_with_a_popular_one_is_scanned_again_beside_it() {
    let world = World::new("1");
    world.look("npm", "lodash", prints(0..10)).await;
    world.look("npm", "other", prints(8..18)).await;
    world.look("npm", "lowdash-pro", prints(3..13)).await;
    let jobs = world.scanner.jobs();
    let names: Vec<_> = jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["lodash", "other", "lowdash-pro", "lowdash-pro"]);
    let originals = &jobs[3].context.originals;
    assert_eq!((originals.len(), originals[0].name.as_str()), (1, "lodash"));
    assert_eq!(originals[0].files, prints(0..10).prints);
    let again = World::over("1", world.records.clone(), world.blobs.clone(), |_| ());
    again.look("npm", "lowdash-max", prints(0..10)).await;
    assert_eq!(again.scanner.jobs().len(), 2, "another process reads the same records");
    let facts = all::<Scan>(&*world.records, &Purl::project("npm", "lowdash-pro")).await.unwrap();
    assert_eq!(facts.len(), 1, "the second report counts");
}

#[tokio::test]
async fn a_dependency_that_is_days_old_is_told_to_the_scanner_and_an_old_one_is_not() {
    let stage = Stage::new(&bytes::Bytes::from_static(b"wheel"), &[]);
    let ecosystem: Arc<dyn Ecosystem> = stage.demo.clone();
    for (days, young) in [(6, vec!["demo".to_owned()]), (8, Vec::new())] {
        let uploaded = Timestamp::UNIX_EPOCH - jiff::SignedDuration::from_hours(24 * days);
        stage
            .demo
            .project
            .lock()
            .unwrap()
            .files
            .iter_mut()
            .for_each(|file| file.upload_time = Some(uploaded));
        let world = World::new("1");
        world.screen.join(std::slice::from_ref(&ecosystem));
        let added = Leads { added: vec!["demo".into(), "nowhere".into()], ..Leads::default() };
        world.look("pypi", "user", added).await;
        let jobs = world.scanner.jobs();
        assert_eq!(jobs.last().unwrap().context.young_dependencies, young);
        assert_eq!(jobs.len(), if young.is_empty() { 1 } else { 2 }, "nothing learnt, nothing scanned again");
    }
}
