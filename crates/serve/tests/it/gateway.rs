//! A build's gateway: the past alone, and a record of every request.

use crate::client::{get, send};
use crate::fake::{Fake, big, blobs};
use std::net::TcpListener;
use std::sync::Arc;
use tokio::net::TcpStream;
use trustmill_core::Sha256;
use trustmill_core::port::sandbox::Gateways;
use trustmill_serve::RegistryGateways;

#[tokio::test]
async fn a_build_sees_the_past_alone_and_everything_it_asks_is_recorded() {
    let gateways = RegistryGateways::new(vec![Arc::new(Fake::default())], blobs().await);
    let (gateway, other) = (gateways.open(), gateways.open());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = {
        let gateway = gateway.clone();
        tokio::spawn(async move { gateway.serve(listener).await })
    };
    assert_eq!(get(addr, "/pypi/@2024-05-01/page?x=1", &[]).await.status, 200);
    assert_eq!(get(addr, "/pypi/@2024-05-01/big", &[]).await.body, big());
    assert_eq!(get(addr, "/pypi/page", &[]).await.status, 404, "the present does not exist");
    assert_eq!(get(addr, "/api/v1/packages/pkg:pypi/a", &[]).await.status, 404);
    assert_eq!(get(addr, "/", &[]).await.status, 404);
    assert_eq!(send(addr, "DELETE", "/pypi/@2024-05-01/page", &[]).await.status, 405);
    assert_eq!(get(addr, "/pypi/@2024-05-01/refused", &[]).await.status, 403);
    let record: Vec<_> = gateway
        .requests()
        .into_iter()
        .map(|request| (request.method, request.path, request.status, request.sha256))
        .collect();
    let request = |method: &str, path: &str, status, sha256| (method.into(), path.into(), status, sha256);
    assert_eq!(
        record,
        [
            request("GET", "/pypi/@2024-05-01/page?x=1", 200, None),
            request("GET", "/pypi/@2024-05-01/big", 200, Some(Sha256::of(&big()))),
            request("GET", "/pypi/page", 404, None),
            request("GET", "/api/v1/packages/pkg:pypi/a", 404, None),
            request("GET", "/", 404, None),
            request("DELETE", "/pypi/@2024-05-01/page", 405, None),
            request("GET", "/pypi/@2024-05-01/refused", 403, None),
        ]
    );
    assert!(other.requests().is_empty(), "each build has a record of its own");
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    assert!(TcpStream::connect(addr).await.is_err(), "with the build, its gateway is gone");
}
