//! Standard input and output of this process for async code: a thread each, since both may be files, pipes or terminals.

use std::io::{Read as _, Write as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::Handle;

/// Bytes that wait between a thread and the runtime.
const BETWEEN: usize = 256 << 10;

/// What comes in. Must be called on a runtime; the thread ends with its process.
pub fn input() -> DuplexStream {
    let (ours, mut theirs) = tokio::io::duplex(BETWEEN);
    let handle = Handle::current();
    std::thread::spawn(move || {
        let (mut from, mut chunk) = (std::io::stdin().lock(), vec![0; 64 << 10]);
        while let Ok(took @ 1..) = from.read(&mut chunk) {
            let bytes = chunk.get(..took).unwrap_or_default();
            if handle.block_on(theirs.write_all(bytes)).is_err() {
                return;
            }
        }
    });
    ours
}

/// What goes out, with the thread that writes it: joined, everything is written.
pub fn output() -> (DuplexStream, std::thread::JoinHandle<()>) {
    let (ours, mut theirs) = tokio::io::duplex(BETWEEN);
    let handle = Handle::current();
    let writer = std::thread::spawn(move || {
        let (mut to, mut chunk) = (std::io::stdout().lock(), vec![0; 64 << 10]);
        while let Ok(took @ 1..) = handle.block_on(theirs.read(&mut chunk)) {
            let bytes = chunk.get(..took).unwrap_or_default();
            if to.write_all(bytes).and_then(|()| to.flush()).is_err() {
                return;
            }
        }
    });
    (ours, writer)
}
