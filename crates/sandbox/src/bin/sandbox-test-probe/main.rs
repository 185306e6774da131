//! What a hostile build might do, one attempt per word. It runs inside the sandbox and prints how each
//! attempt went, `name=ok` or `name=ERRNO`; the tests judge.
#![expect(unsafe_code, reason = "system calls that no library offers, since nobody should make them")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's program: a panic is its way to fail")]

mod calls;
mod harm;

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list", path, ..] => say(
            "list",
            fs::read_dir(path).map(|entries| {
                let mut names: Vec<_> =
                    entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
                names.sort();
                println!("{}", names.join(" "));
            }),
        ),
        ["read", paths @ ..] => paths.iter().for_each(|path| say(path, fs::read(path).map(drop))),
        ["write", paths @ ..] => paths.iter().for_each(|path| say(path, fs::write(path, "x"))),
        ["show", path, ..] => print!("{}", fs::read_to_string(path).unwrap_or_else(|e| e.to_string())),
        ["env"] => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
        ["fds"] => fds(),
        ["ids"] => calls::ids(),
        ["calls"] => calls::all(),
        ["kill", pids @ ..] => pids.iter().for_each(|pid| calls::kill(pid)),
        ["tcp", addresses @ ..] => addresses.iter().for_each(|to| say(to, tcp(to))),
        ["udp", to] => say(to, udp(to)),
        ["abstract", name] => say(name, abstract_socket(name)),
        ["get", to, path] => get(to, path),
        ["plant"] => harm::plant(),
        ["fork-bomb", ..] => harm::fork_bomb(),
        ["memory", bytes, ..] => harm::memory(bytes.parse().unwrap()),
        ["memory-tree", ..] => harm::memory_tree(),
        ["fill", path, ..] => harm::fill(path),
        ["inodes", path, ..] => harm::inodes(path),
        ["flood", ..] => harm::flood(),
        ["sleep", ..] => std::thread::sleep(Duration::from_secs(3600)),
        ["spin", ..] => loop {
            std::hint::spin_loop();
        },
        ["daemon", ..] => harm::daemon(),
        ["exit", code] => std::process::exit(code.parse().unwrap()),
        ["umask"] => fs::write("/build/out/made", "").unwrap(),
        _ => panic!("what is {words:?}?"),
    }
}

fn say<T>(name: &str, result: io::Result<T>) {
    match result {
        Ok(_) => println!("{name}=ok"),
        Err(error) => {
            let errno = error.raw_os_error().map_or_else(|| error.to_string(), calls::name);
            println!("{name}={errno}");
        }
    }
}

fn fds() {
    for entry in fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        println!("{} {}", entry.file_name().to_string_lossy(), target.display());
    }
}

fn tcp(to: &str) -> io::Result<()> {
    let to: SocketAddr = to.parse().map_err(io::Error::other)?;
    TcpStream::connect_timeout(&to, Duration::from_secs(5)).map(drop)
}

fn udp(to: &str) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.send_to(b"x", to).map(drop)
}

fn abstract_socket(name: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    UnixStream::connect_addr(&address).map(drop)
}

fn get(to: &str, path: &str) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    print!("{answer}");
}
