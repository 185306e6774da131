//! The store keeps the port's contract, filled as feeds fill it.

use super::{World, feed, name, now, quick, world};
use async_trait::async_trait;
use serde_json::Value;
use std::sync::Arc;
use trustmill_core::port::advisories::Advisories;
use trustmill_infra::HttpFetch;
use trustmill_infra::advisories::{Feeds, Options, Progress};
use trustmill_testkit::conformance::{self, Holding};

#[async_trait]
impl Holding for World {
    fn advisories(&self) -> &dyn Advisories {
        &*self.store
    }

    async fn hold(&self, records: &[Value]) {
        let folder = self.folder.path().join("records");
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        for record in records {
            std::fs::write(folder.join(name(record)), record.to_string()).unwrap();
        }
        let fetch = HttpFetch::new(quick(), self._data.blobs()).unwrap();
        let feed = feed("f", folder.to_str().unwrap());
        let feeds = Feeds::new(Arc::clone(&self.store), fetch, vec![feed.clone()]);
        let progress = Arc::new(Progress::default());
        feeds.update(&feed, Options::default(), &progress, now()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    conformance::advisories(|| world("/nowhere/all.zip")).await;
}
