//! Any number of clients of one cold thing cause one request.

use super::world::{INDEX, JSON, World, entry, file_url};
use std::sync::Arc;
use tokio::task::JoinSet;
use trustmill_core::port::registry::Answer;

async fn at_once(world: &Arc<World>, path: &'static str) {
    let mut clients = JoinSet::new();
    for _ in 0..64 {
        let world = world.clone();
        clients.spawn(async move { world.ask(path, Some(JSON), None).await });
    }
    while let Some(answer) = clients.join_next().await {
        let answer = answer.unwrap();
        assert!(matches!(answer, Answer::Page(_) | Answer::File(_)), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_cause_one_request_for_a_page_and_one_for_a_file() {
    let world = Arc::new(World::new());
    let bytes = vec![7; 1 << 20];
    world.list(&[entry("a-1.0.tar.gz", &bytes, "01-02")]);
    world.fetch.file(&file_url("a-1.0.tar.gz"), bytes);
    at_once(&world, "simple/a/").await;
    assert_eq!(world.asked(&format!("{INDEX}a/")), 1);
    at_once(&world, "files/a/a-1.0.tar.gz").await;
    assert_eq!(world.asked(&file_url("a-1.0.tar.gz")), 1);
    assert_eq!(world.fetch.asked().len(), 2);
}
