//! The contract of [`Blobs`].

use bytes::Bytes;
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::port::blobs::Blobs;

/// Checks every clause that can be checked from outside the medium.
pub async fn blobs(open: impl Fn() -> Arc<dyn Blobs>) {
    round_trip(&*open()).await;
    what_is_not_there(&*open()).await;
    parts(&*open()).await;
    many_at_once(open()).await;
}

async fn round_trip(blobs: &dyn Blobs) {
    for bytes in [Bytes::new(), Bytes::from_static(b"a"), Bytes::from(vec![7; 3 << 20])] {
        let digest = blobs.put(bytes.clone()).await.unwrap();
        assert_eq!(digest, Sha256::of(&bytes), "the address is the SHA-256");
        assert_eq!(blobs.put(bytes.clone()).await.unwrap(), digest, "putting again succeeds");
        assert_eq!(blobs.size(&digest).await.unwrap(), Some(bytes.len() as u64));
        assert_eq!(blobs.get(&digest).await.unwrap(), Some(bytes));
    }
}

async fn what_is_not_there(blobs: &dyn Blobs) {
    let absent = Sha256::of(b"never stored");
    assert_eq!(blobs.get(&absent).await.unwrap(), None);
    assert_eq!(blobs.size(&absent).await.unwrap(), None);
    assert_eq!(blobs.read(&absent, 0..1).await.unwrap(), None);
}

async fn parts(blobs: &dyn Blobs) {
    let digest = blobs.put(Bytes::from_static(b"0123456789")).await.unwrap();
    #[expect(clippy::reversed_empty_ranges, reason = "a reversed range is one of the inputs")]
    let cases = [
        (0..10, "0123456789"),
        (0..u64::MAX, "0123456789"),
        (3..5, "34"),
        (9..100, "9"),
        (10..11, ""),
        (u64::MAX - 1..u64::MAX, ""),
        (4..4, ""),
        (5..3, ""),
    ];
    for (range, expected) in cases {
        let part = blobs.read(&digest, range.clone()).await.unwrap();
        assert_eq!(part, Some(Bytes::from_static(expected.as_bytes())), "{range:?}");
    }
}

async fn many_at_once(blobs: Arc<dyn Blobs>) {
    let content = |n: u8| Bytes::from(vec![n % 8; 100_000]);
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let blobs = Arc::clone(&blobs);
            tokio::spawn(async move {
                let digest = blobs.put(content(n)).await.unwrap();
                assert_eq!(blobs.get(&digest).await.unwrap(), Some(content(n)), "what was put can be read");
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
