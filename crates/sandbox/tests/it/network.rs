//! A job without a gateway reaches nothing.

use crate::harness::everywhere;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;

everywhere! {
    fn no_address_answers(world) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap().to_string();
        for (to, result) in world.attempts(&["tcp", &local, "192.0.2.1:80", "[::1]:80", "127.0.0.1:8080"]) {
            assert_ne!(result, "ok", "{to}");
        }
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "the host was reached");
    }

    fn no_datagram_and_no_name_leaves(world) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        world.probe(&["udp", &socket.local_addr().unwrap().to_string()]);
        assert!(socket.recv(&mut [0; 8]).is_err(), "a datagram arrived");
        assert_ne!(world.attempts(&["udp", "192.0.2.1:53"])["192.0.2.1:53"], "ok");
    }

    fn abstract_sockets_of_the_host_are_elsewhere(world) {
        let name = crate::harness::token();
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
        let result = &world.attempts(&["abstract", &name])[&name];
        assert!(["ECONNREFUSED", "EPERM"].contains(&result.as_str()), "{result}");
    }
}
