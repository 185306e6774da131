//! Binding, bounds and the orderly end.

use crate::client::get;
use crate::fake::{start, start_with};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trustmill_core::port::Coded;
use trustmill_serve::{Options, Server, ServerLimits};

#[tokio::test]
async fn a_taken_port_is_a_clear_error() {
    let server = start().await;
    let error = Server::bind(server.addr, ServerLimits::default()).await.unwrap_err();
    assert_eq!(error.code(), "TM0701");
    assert_eq!(error.to_string(), format!("the address {} is in use by another program", server.addr));
    assert!(error.help().contains("--listen"));
    let foreign = Server::bind("192.0.2.1:0".parse().unwrap(), ServerLimits::default()).await.unwrap_err();
    assert_eq!(foreign.code(), "TM0702");
}

#[tokio::test]
async fn an_open_request_ends_before_the_server_does() {
    let server = start().await;
    let addr = server.addr;
    let open = tokio::spawn(async move { get(addr, "/pypi/slow", &[]).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let drained = server.stop().await;
    assert_eq!(drained.cut, 0);
    assert_eq!(open.await.unwrap().text(), "slow");
    assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn what_outlives_the_deadline_is_cut() {
    let limits = ServerLimits { drain_time: Duration::from_millis(50), ..ServerLimits::default() };
    let server = start_with(Options::default(), limits).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET /pypi/never HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.stop().await.cut, 1);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_head_that_never_ends_is_not_waited_for() {
    let limits = ServerLimits { head_time: Duration::from_millis(80), ..ServerLimits::default() };
    let server = start_with(Options::default(), limits).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET /pypi/page HTTP/1.1\r\nHo").await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("200"), "{rest:?}");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_their_turn() {
    let limits = ServerLimits { connections: 1, ..ServerLimits::default() };
    let server = start_with(Options::default(), limits).await;
    let first = TcpStream::connect(server.addr).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let addr = server.addr;
    let second = tokio::spawn(async move { get(addr, "/pypi/page", &[]).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!second.is_finished());
    drop(first);
    assert_eq!(second.await.unwrap().status, 200);
}
