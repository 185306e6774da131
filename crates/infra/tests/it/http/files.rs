//! Downloads: digests, broken connections, many callers at once.

use super::*;

#[tokio::test]
async fn a_wrong_digest_leaves_nothing() {
    let world = world().await;
    world.server.script("/f", [Reply::body("evil")]);
    let error = world.file("/f", Some(&Sha256::of(b"good"))).await.unwrap_err();
    let (good, evil) = (Sha256::of(b"good"), Sha256::of(b"evil"));
    assert!(
        matches!(&error, FetchError::Digest { expected, got, .. } if (expected, got) == (&good.into(), &evil.into()))
    );
    assert_eq!(world.blobs.get(&evil).await.unwrap(), None);
    assert_eq!((world.asked(), world.strays()), (1, 0), "lies are not asked for twice");
}

#[tokio::test]
async fn a_broken_download_is_continued() {
    let whole = content(3_000_000);
    let good = Reply::body(whole.clone()).ranges().header("ETag", "\"v1\"");
    let world = world().await;
    world.server.script("/f", [good.clone().cut(1_000_000), good.clone().cut(1_200_000), good]);
    assert_eq!(world.file("/f", None).await.unwrap(), (Sha256::of(&whole), 3_000_000));
    let asked = world.server.received();
    let ranges: Vec<_> = asked.iter().map(|request| request.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=1000000-"), Some("bytes=2200000-")]);
    assert_eq!(asked[1].header("if-range"), Some("\"v1\""));
}

#[tokio::test]
async fn a_server_without_ranges_sends_all_again() {
    let whole = content(300_000);
    let good = Reply::body(whole.clone()).header("ETag", "\"v1\"");
    let world = world().await;
    world.server.script("/f", [good.clone().cut(200_000), good]);
    assert_eq!(world.file("/f", None).await.unwrap(), (Sha256::of(&whole), 300_000));
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_begun_anew() {
    let (old, new) = (content(300_000), Bytes::from(vec![1; 300_000]));
    let world = world().await;
    let first = Reply::body(old.clone()).ranges().header("ETag", "\"v1\"").cut(200_000);
    world.server.script("/f", [first.clone(), Reply::body(new.clone()).ranges().header("ETag", "\"v2\"")]);
    assert_eq!(world.file("/f", None).await.unwrap().0, Sha256::of(&new), "If-Range tells");

    let careless = Reply::body(old).ranges().cut(200_000);
    world.server.script("/g", [careless, Reply::body(new.clone()).ranges()]);
    let digest = Sha256::of(b"neither");
    let error = world.file("/g", Some(&digest)).await.unwrap_err();
    let got = Sha256::of(&new);
    assert!(
        matches!(error, FetchError::Digest { got: ref g, .. } if *g == got.into()),
        "a whole answer decides: {error:?}"
    );
}

#[tokio::test]
async fn a_range_that_lies_about_its_start_is_not_spliced_in() {
    let whole = content(100_000);
    let world = world().await;
    let lie = Reply::body("x").header("Content-Range", "bytes 5-5/100000");
    let replies = [
        Reply::body(whole.clone()).header("ETag", "\"v1\"").cut(50_000),
        lie.with_status(206),
        Reply::body(whole.clone()),
    ];
    world.server.script("/f", replies);
    assert_eq!(world.file("/f", None).await.unwrap().0, Sha256::of(&whole));
    assert_eq!(world.server.received()[2].header("range"), None);
}

#[tokio::test]
async fn any_number_of_callers_cause_one_request() {
    let world = world().await;
    let whole = content(500_000);
    let slow = Reply::body(whole.clone()).cut(100_000);
    world.server.script("/f", [slow, Reply::body(whole.clone())]);
    let url: Arc<str> = world.server.url("/f").into();
    let callers: Vec<_> = (0..200)
        .map(|n| {
            let (fetch, url) = (world.fetch.clone(), Arc::clone(&url));
            let expected = (n % 2 == 0).then(|| Sha256::of(&whole));
            tokio::spawn(async move { fetch.file(&url, expected.map(Checksum::from).as_ref(), LIMIT).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), (Sha256::of(&whole), 500_000));
    }
    assert_eq!(world.asked(), 2, "the one that broke, and one more");
    world.file("/f", Some(&Sha256::of(&whole))).await.unwrap();
    assert_eq!(world.asked(), 2, "what is here is not asked for");
}

#[tokio::test]
async fn callers_who_ask_for_other_things_get_their_own_answer() {
    let world = world().await;
    let whole = content(50);
    let (good, bad) = (Sha256::of(&whole), Sha256::of(b"bad"));
    world.server.script("/f", [Reply::body(whole).drip(Duration::from_millis(1))]);
    let url = world.server.url("/f");
    let promised_bad = Checksum::from(bad);
    let promised_good = Checksum::from(good);
    let (wrong, small, right) = tokio::join!(
        world.fetch.file(&url, Some(&promised_bad), LIMIT),
        world.fetch.file(&url, None, 10),
        world.fetch.file(&url, Some(&promised_good), LIMIT)
    );
    assert!(
        matches!(wrong, Err(FetchError::Digest { ref expected, .. }) if *expected == bad.into()),
        "{wrong:?}"
    );
    assert!(matches!(small, Err(FetchError::TooLarge { limit: 10, .. })), "{small:?}");
    assert_eq!(right.unwrap(), (good, 50));
}

#[tokio::test]
async fn whoever_joins_a_download_has_its_own_promise_checked() {
    let world = world().await;
    let whole = content(50);
    let bad = Sha256::of(b"bad");
    world.server.script("/f", [Reply::body(whole.clone()).drip(Duration::from_millis(1))]);
    let url = world.server.url("/f");
    let promised_bad = Checksum::from(bad);
    let (any, wrong, small) = tokio::join!(
        world.fetch.file(&url, None, LIMIT),
        world.fetch.file(&url, Some(&promised_bad), LIMIT),
        world.fetch.file(&url, None, 49)
    );
    let digest = Sha256::of(&whole);
    assert_eq!(any.unwrap(), (digest, 50));
    assert!(matches!(wrong, Err(FetchError::Digest { ref got, .. }) if *got == digest.into()), "{wrong:?}");
    assert!(matches!(small, Err(FetchError::TooLarge { limit: 49, .. })), "{small:?}");
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn when_the_one_who_downloads_goes_another_takes_over() {
    let world = world().await;
    world.server.script("/f", [Reply::hang(), Reply::body("ok")]);
    let (fetch, url) = (world.fetch.clone(), world.server.url("/f"));
    let leader = tokio::spawn({
        let (fetch, url) = (fetch.clone(), url.clone());
        async move { fetch.file(&url, None, LIMIT).await }
    });
    while world.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let follower = tokio::spawn(async move { fetch.file(&url, None, LIMIT).await });
    tokio::task::yield_now().await;
    leader.abort();
    assert_eq!(follower.await.unwrap().unwrap(), (Sha256::of(b"ok"), 2));
    assert_eq!((world.asked(), world.strays()), (2, 0));
}

#[tokio::test]
async fn a_full_store_is_no_fault_of_upstream() {
    let world = world().await;
    world.server.script("/f", [Reply::body("ok")]);
    std::fs::remove_dir(world.root.path().join("incoming")).unwrap();
    let error = world.file("/f", None).await.unwrap_err();
    assert!(matches!(error, FetchError::Store { .. }), "{error:?}");
    assert!(error.is_infrastructure());
}
