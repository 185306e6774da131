//! `kill -9` at any instant: everything acknowledged is there, and nothing half-written is seen.

use bytes::Bytes;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use trustmill_core::fact::Fact;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::queue::{Enqueue, KeyState, Queue, Release};
use trustmill_core::port::records::{FirstSeen, Records};
use trustmill_core::{Purl, Sha256};
use trustmill_infra::DataDir;

const FOLDER: &str = "TRUSTMILL_TEST_CRASH_FOLDER";
const ROUND: &str = "TRUSTMILL_TEST_CRASH_ROUND";
const ROUNDS: u32 = 50;
const TASKS: u32 = 6;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn name(round: u32, task: u32, n: u32) -> String {
    format!("{round}-{task}-{n}")
}

fn about(name: &str) -> Purl {
    Purl::release("pypi", "crash", name)
}

fn fact(name: &str, half: u32) -> Fact {
    let body = serde_json::json!({ "name": name, "half": half });
    Fact { format: Fact::FORMAT, about: about(name), kind: "half".into(), subject: None, at: now(), body }
}

fn blob(name: &str) -> Bytes {
    Bytes::from(name.repeat(2000))
}

/// The child: does one chain of operations after the other and says what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child process of `kill_9_loses_nothing`"]
async fn hammer() {
    let folder = std::env::var(FOLDER).unwrap();
    let round: u32 = std::env::var(ROUND).unwrap().parse().unwrap();
    let data = std::sync::Arc::new(DataDir::open(Path::new(&folder)).unwrap());
    say("open", "");
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let data = std::sync::Arc::clone(&data);
            tokio::spawn(async move {
                for n in 0.. {
                    chain(&data, &name(round, task, n)).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// One line in one write: a torn line would be an acknowledgement that nobody gave.
fn say(what: &str, name: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("#{what} {name}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

async fn chain(data: &DataDir, name: &str) {
    let (queue, records, blobs) = (data.queue(), data.records(), data.blobs());
    let digest = blobs.put(blob(name)).await.unwrap();
    say("blob", name);
    records.append(&[fact(name, 1), fact(name, 2)]).await.unwrap();
    say("facts", name);
    records.lock("pypi", name, &digest, now()).await.unwrap();
    say("lock", name);
    // A priority of its own makes the next lease this chain's: what came before is done or waits.
    queue.enqueue(&[Enqueue::now(name, 1)]).await.unwrap();
    say("enqueue", name);
    let leases = queue.lease("hammer", 1, now(), Duration::from_secs(60)).await.unwrap();
    for lease in leases {
        say("lease", &format!("{} {}", lease.key, lease.token));
        let late = now() + Duration::from_secs(3600);
        let child = Enqueue { not_before: Some(late), ..Enqueue::now(format!("child-{}", lease.key), 0) };
        queue.release(&lease, Release::Complete, &[child], now()).await.unwrap();
        say("done", &lease.key);
    }
}

/// What the child said before it was killed.
#[derive(Default)]
struct Said(BTreeMap<String, BTreeSet<String>>);

impl Said {
    fn all(&self, what: &str) -> impl Iterator<Item = &String> {
        self.0.get(what).into_iter().flatten()
    }
}

/// Kills the child some moment after its `lines`-th acknowledgement; what it said until it died counts.
fn run_and_kill(folder: &Path, round: u32, lines: usize, moment: Duration) -> Said {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::hammer", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(heard.by_ref().any(|line| line.contains("#open")), "the child opened the folder");
    let mut all: Vec<String> = heard.by_ref().take(lines).collect();
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();
    all.extend(heard);
    let mut said = Said::default();
    for line in all {
        let (what, name) = line.trim_start_matches('#').split_once(' ').unwrap_or_default();
        said.0.entry(what.to_owned()).or_default().insert(name.to_owned());
    }
    said
}

#[tokio::test]
async fn kill_9_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut greatest_token = 0;
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let (lines, moment) = (fastrand::usize(0..300), Duration::from_micros(fastrand::u64(0..10_000)));
        let said = run_and_kill(folder.path(), round, lines, moment);
        let data = DataDir::open(folder.path()).unwrap();
        check_blobs(&data, &said).await;
        check_records(&data, &said).await;
        greatest_token = check_queue(&data, &said, greatest_token).await;
        acknowledged += said.0.values().map(BTreeSet::len).sum::<usize>();
    }
    assert!(acknowledged > 0, "the child got to work");
    println!("{ROUNDS} rounds, {acknowledged} acknowledged operations");
}

async fn check_blobs(data: &DataDir, said: &Said) {
    let blobs = data.blobs();
    for name in said.all("blob") {
        let found = blobs.get(&Sha256::of(&blob(name))).await.unwrap();
        assert_eq!(found, Some(blob(name)), "the blob of {name}");
    }
    let root = data.path().join("blobs");
    assert_eq!(std::fs::read_dir(root.join("incoming")).unwrap().count(), 0, "strays are swept");
    for shard in std::fs::read_dir(root.join("sha256")).unwrap() {
        for file in std::fs::read_dir(shard.unwrap().path()).unwrap() {
            let digest: Sha256 = file.unwrap().file_name().to_str().unwrap().parse().unwrap();
            assert!(blobs.get(&digest).await.unwrap().is_some(), "every visible blob is whole");
        }
    }
}

async fn check_records(data: &DataDir, said: &Said) {
    let records = data.records();
    let mut halves: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    for fact in records.facts(&Purl::project("pypi", "crash"), None).await.unwrap() {
        halves.entry(fact.about.version().unwrap().to_owned()).or_default().push(fact);
    }
    for (name, found) in &halves {
        assert_eq!(*found, [fact(name, 1), fact(name, 2)], "both facts of {name} or none");
    }
    for name in said.all("facts") {
        assert!(halves.contains_key(name), "the facts of {name}");
    }
    for name in said.all("lock") {
        let digest = Sha256::of(&blob(name));
        assert_eq!(records.lock("pypi", name, &digest, now()).await.unwrap(), FirstSeen::Same);
    }
}

/// Returns the greatest token, and leaves the queue as the next round needs it: with nothing to run.
async fn check_queue(data: &DataDir, said: &Said, mut greatest: u64) -> u64 {
    let queue = data.queue();
    let states: BTreeMap<_, _> =
        queue.enumerate().await.unwrap().into_iter().map(|info| (info.key.clone(), info)).collect();
    let done: BTreeSet<_> = said.all("done").collect();
    for name in said.all("enqueue") {
        let child = states.contains_key(&format!("child-{name}"));
        assert_ne!(states.contains_key(name), child, "{name} is there, or its child is, never both or none");
        assert!(child || !done.contains(name), "{name} is done");
    }
    let mut leased = BTreeSet::new();
    for lease in said.all("lease") {
        let (key, token) = lease.split_once(' ').unwrap();
        assert!(leased.insert(token.parse::<u64>().unwrap()), "each token once");
        let running = states.get(key).is_some_and(|info| info.state == KeyState::Running);
        assert!(running || states.contains_key(&format!("child-{key}")), "{key} runs or is done");
    }
    assert!(leased.first().is_none_or(|first| *first > greatest), "tokens never come again");
    greatest = greatest.max(leased.last().copied().unwrap_or(0));
    let later = now() + Duration::from_secs(120);
    for lease in queue.lease("checker", 10_000, later, Duration::from_secs(60)).await.unwrap() {
        let orphan = states[&lease.key].state == KeyState::Running;
        assert_eq!(lease.attempts, u32::from(orphan), "an orphan burnt one attempt, a waiting key none");
        assert!(lease.token > greatest);
        greatest = lease.token;
        queue.release(&lease, Release::Complete, &[], later).await.unwrap();
    }
    let left = queue.enumerate().await.unwrap();
    assert!(left.iter().all(|info| info.key.starts_with("child-")), "nothing else is left: {left:?}");
    greatest
}
