//! A stream of events to an agent that outlives the connection it goes over: whoever lost it takes it up again by the last
//! event that arrived (`Last-Event-ID`).

use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The most events that are kept, and the most bytes of them; the oldest go first.
const MOST_EVENTS: usize = 256;
const MOST_BYTES: usize = 16 << 20;

/// A stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Its name within a session.
    pub(super) number: u64,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<Event>,
    bytes: usize,
    next: u64,
    ended: bool,
    /// Who reads it now: one at a time, the newest.
    reader: u64,
}

/// An event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) number: u64,
    pub(super) text: Arc<str>,
    /// Whether it is the answer to the request that the stream is for.
    pub(super) last: bool,
}

impl Stream {
    pub(super) fn new(number: u64) -> Arc<Self> {
        Arc::new(Self { number, ..Self::default() })
    }

    /// A change is complete before the lock is given back.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message.
    pub(super) fn push(&self, message: &Value) {
        self.add(message, false);
    }

    /// Adds the answer, after which nothing comes.
    pub(super) fn finish(&self, message: &Value) {
        self.add(message, true);
    }

    fn add(&self, message: &Value, last: bool) {
        let text: Arc<str> = message.to_string().into();
        let mut inner = self.lock();
        if inner.ended {
            return;
        }
        inner.bytes += text.len();
        let number = inner.next;
        inner.next += 1;
        inner.ended = last;
        inner.events.push_back(Event { number, text, last });
        while inner.events.len() > MOST_EVENTS || (inner.bytes > MOST_BYTES && inner.events.len() > 1) {
            let gone = inner.events.pop_front().map_or(0, |event| event.text.len());
            inner.bytes -= gone;
        }
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Ends it without an answer.
    pub(super) fn close(&self) {
        self.lock().ended = true;
        self.changed.notify_waiters();
    }

    /// Begins to read; whoever read before is at an end.
    pub(super) fn attach(&self) -> u64 {
        let mut inner = self.lock();
        inner.reader += 1;
        let reader = inner.reader;
        drop(inner);
        self.changed.notify_waiters();
        reader
    }

    /// The first event from a number on; `None` when there will be none for this reader.
    pub(super) async fn from(&self, number: u64, reader: u64) -> Option<Event> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listened to before the look, so that nothing between the two is missed.
            changed.as_mut().enable();
            {
                let inner = self.lock();
                if inner.reader != reader {
                    return None;
                }
                if let Some(event) = inner.events.iter().find(|event| event.number >= number) {
                    return Some(event.clone());
                }
                if inner.ended {
                    return None;
                }
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn what_was_missed_comes_again_and_nothing_comes_twice() {
        let stream = Stream::new(1);
        let reader = stream.attach();
        stream.push(&json!(0));
        stream.push(&json!(1));
        stream.finish(&json!(2));
        stream.push(&json!(3));
        let mut from = 1;
        let mut came = Vec::new();
        while let Some(event) = stream.from(from, reader).await {
            from = event.number + 1;
            came.push((event.text.to_string(), event.last));
        }
        assert_eq!(came, [("1".into(), false), ("2".into(), true)]);
    }

    #[tokio::test]
    async fn a_new_reader_ends_the_old_one_and_a_long_stream_forgets_its_beginning() {
        let stream = Stream::new(0);
        let old = stream.attach();
        let waiting = tokio::spawn({
            let stream = Arc::clone(&stream);
            async move { stream.from(0, old).await.is_none() }
        });
        tokio::task::yield_now().await;
        let new = stream.attach();
        assert!(waiting.await.unwrap());
        (0..1000).for_each(|number| stream.push(&json!(number)));
        assert_eq!(stream.from(0, new).await.unwrap().number, 1000 - MOST_EVENTS as u64);
    }
}
