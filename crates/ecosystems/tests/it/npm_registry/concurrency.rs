//! One request to upstream for any number of clients.

use super::world::{REGISTRY, SHORT, World, file_url, version};
use std::sync::Arc;
use trustmill_core::port::registry::Answer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_page_and_a_cold_file_are_asked_for_once() {
    let world = Arc::new(World::new());
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    world.fetch.file(&file_url("1.0.0"), "one");
    let ask = |path: &'static str| {
        let world = world.clone();
        tokio::spawn(async move { world.ask(path, Some(SHORT), None).await })
    };
    let tasks: Vec<_> = (0..64).map(|n| ask(if n % 2 == 0 { "a" } else { "a/-/a-1.0.0.tgz" })).collect();
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Answer::Page(_) | Answer::File(_)));
    }
    assert_eq!(world.asked(&format!("{REGISTRY}a")), 1);
    assert_eq!(world.asked(&file_url("1.0.0")), 1);
}
