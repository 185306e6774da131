//! A thread that writes down what was noted: every so often, when there is much of it, and when it is told to end.
//!
//! What is noted for every request must not wait for the disk, and must not be forgotten by a process that nobody asks
//! anything more.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The handle of the thread; dropping it writes what is left and waits for that.
#[derive(Debug)]
pub(crate) struct Flusher {
    signal: Arc<(Mutex<Signal>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Signal {
    #[default]
    Wait,
    Now,
    End,
}

impl Flusher {
    /// Starts a thread that calls `write` every `interval`.
    pub(crate) fn start(
        name: &str,
        interval: Duration,
        write: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let signal = Arc::new((Mutex::default(), Condvar::new()));
        let told = Arc::clone(&signal);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while wait(&told, interval) != Signal::End {
                write();
            }
            write();
        })?;
        Ok(Self { signal, thread: Some(thread) })
    }

    /// Does not wait for the interval to end, nor for the writing.
    pub(crate) fn hurry(&self) {
        self.tell(Signal::Now);
    }

    fn tell(&self, what: Signal) {
        let mut told = self.signal.0.lock().unwrap_or_else(PoisonError::into_inner);
        *told = (*told).max(what);
        self.signal.1.notify_one();
    }
}

/// Waits for a signal, at most `interval`; takes it.
fn wait(signal: &(Mutex<Signal>, Condvar), interval: Duration) -> Signal {
    let told = signal.0.lock().unwrap_or_else(PoisonError::into_inner);
    let quiet = |told: &mut Signal| *told == Signal::Wait;
    let waited = signal.1.wait_timeout_while(told, interval, quiet).unwrap_or_else(PoisonError::into_inner);
    let (mut told, _) = waited;
    std::mem::take(&mut *told)
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.tell(Signal::End);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a thread that writes down what was noted ended by a panic");
        }
    }
}
