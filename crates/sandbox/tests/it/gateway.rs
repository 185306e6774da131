//! A job with a gateway reaches the gateway, and nothing else.

use crate::harness::everywhere;
use async_trait::async_trait;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use trustmill_core::port::sandbox::{Exit, Gateway, Network};

#[derive(Default)]
struct Echo {
    asked: AtomicUsize,
}

#[async_trait]
impl Gateway for Echo {
    async fn serve(&self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = stream.into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            let mut request = [0; 512];
            let got = stream.read(&mut request).unwrap();
            self.asked.fetch_add(1, Ordering::SeqCst);
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
            stream.write_all(&request[..got]).unwrap();
        }
    }
}

everywhere! {
    fn the_gateway_answers(world) {
        let echo = Arc::new(Echo::default());
        let mut job = world.job(&["get", "127.0.0.1:8080", "/simple/click/"]);
        job.network = Network::Gateway(echo.clone());
        let report = world.run(job);
        let log = String::from_utf8_lossy(&report.log).into_owned();
        assert_eq!(report.exit, Exit::Code(0), "{log}");
        assert!(log.contains("200 OK") && log.contains("GET /simple/click/"), "{log}");
        assert_eq!(echo.asked.load(Ordering::SeqCst), 1);
    }

    fn nothing_else_answers(world) {
        let host = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = host.local_addr().unwrap().to_string();
        let mut job = world.job(&["tcp", "192.0.2.1:80", "127.0.0.1:8081", &local]);
        job.network = Network::Gateway(Arc::new(Echo::default()));
        let report = world.run(job);
        for (to, result) in crate::harness::pairs(&String::from_utf8_lossy(&report.log)) {
            assert_eq!(result, "EACCES", "{to}: Landlock allows one port");
        }
    }
}
