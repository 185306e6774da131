//! What reading repositories costs: for each bare repository of a folder (`FOLDER/NAME/repo`, or the paths given),
//! every tag up to a number is fetched into a fresh cache, listed and read.
//!
//! `cargo run --release -p trustmill-infra --example git_bench -- 3 /path/to/repo.git …`

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on says so by panicking")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use trustmill_core::Timestamp;
use trustmill_core::port::repositories::{Repositories as _, RepositoryError};
use trustmill_infra::{GitConfig, GitRepositories};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let tags: usize = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(3);
    println!(
        "repository                    tags  refs ms  tree ms  read ms  files      KiB  reach ms  search ms"
    );
    for path in arguments {
        let path = std::path::absolute(path).unwrap();
        let name: String = path.parent().unwrap_or(&path).file_name().unwrap().to_string_lossy().into_owned();
        match measure(&path.display().to_string(), tags).await {
            Ok(line) => println!("{name:28} {line}"),
            Err(error) => println!("{name:28} {:?} {}", error.class, error.why),
        }
    }
    // CPU of this process and of every git that it waited for.
    let used = cpu();
    println!("CPU: {:.2} s here and in git", used.as_secs_f64());
}

async fn measure(path: &str, tags: usize) -> Result<String, RepositoryError> {
    let cache = std::env::temp_dir().join(format!("trustmill-git-bench-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&cache);
    let address = "https://bench.example/repository";
    let mirrors = BTreeMap::from([(address.to_owned(), format!("file://{path}"))]);
    let git = GitRepositories::new(GitConfig { mirrors, ..GitConfig::new(cache.clone()) });
    let (refs, listing) = timed(git.refs(address)).await;
    let refs = refs?;
    let chosen: Vec<_> =
        refs.iter().filter(|one| one.name.starts_with("refs/tags/")).rev().take(tags).collect();
    let (mut trees, mut reads, mut files, mut bytes) = (Duration::ZERO, Duration::ZERO, 0, 0);
    for one in &chosen {
        let (tree, took) = timed(git.tree(address, &one.commit)).await;
        trees += took;
        let tree = tree?;
        let (contents, took) = timed(git.read(address, &tree, &|_| true)).await;
        reads += took;
        let contents = contents?;
        files += contents.members.len();
        bytes += contents.members.values().map(|member| member.bytes.len()).sum::<usize>();
    }
    // A commit that is no tag's: the parent of none that is listed is cheap to find.
    let nowhere = "1".repeat(40).parse().unwrap();
    let (reached, reach) = timed(git.reaches(address, &nowhere)).await;
    assert!(!reached?);
    let (found, search) = timed(git.commits(address, Timestamp::now(), 24)).await;
    found?;
    let _ = std::fs::remove_dir_all(&cache);
    let ms = |time: Duration| time.as_millis();
    Ok(format!(
        "{:5} {:8} {:8} {:8} {files:6} {:8} {:9} {:10}",
        chosen.len(),
        ms(listing),
        ms(trees),
        ms(reads),
        bytes >> 10,
        ms(reach),
        ms(search)
    ))
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    (work.await, began.elapsed())
}

/// User and system time of this process and its children, from `/proc/self/stat`, in hundredths of a second.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap().split(' ').filter_map(|word| word.parse().ok()).collect();
    // After the name and the state: utime is the 11th number, then stime, cutime, cstime.
    Duration::from_millis(fields.iter().skip(10).take(4).sum::<u64>() * 10)
}
