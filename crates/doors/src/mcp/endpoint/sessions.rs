//! Connections of agents: by names that cannot be guessed, and not for ever.

use super::Endpoint;
use crate::keys::secret;
use crate::mcp::hub::Hub;
use crate::mcp::stream::Stream;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// The most connections in all, and of one task.
const MOST: usize = 4096;
const MOST_OF_A_TASK: usize = 64;

/// A connection that says nothing for so long is over.
const IDLE: Duration = Duration::from_secs(3600);

/// Streams that ended and can still be fetched.
const KEPT: usize = 16;

/// One agent's connection.
pub(super) struct Connection {
    pub(super) session: String,
    pub(super) server: Option<String>,
    pub(super) hub: Arc<Hub>,
    pub(super) revision: String,
    begun: Instant,
    /// Seconds after `begun`.
    touched: AtomicU64,
    streams: Mutex<Streams>,
}

struct Streams {
    next: u64,
    known: HashMap<u64, Arc<Stream>>,
    ended: VecDeque<u64>,
}

impl Connection {
    pub(super) fn new(session: String, server: Option<String>, hub: Arc<Hub>, revision: String) -> Arc<Self> {
        let known = HashMap::from([(0, Arc::clone(&hub.general))]);
        let streams = Mutex::new(Streams { next: 1, known, ended: VecDeque::new() });
        Arc::new(Self {
            session,
            server,
            hub,
            revision,
            begun: Instant::now(),
            touched: AtomicU64::new(0),
            streams,
        })
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was heard of it.
    pub(super) fn touch(&self) {
        self.touched.store(self.begun.elapsed().as_secs(), Ordering::Relaxed);
    }

    fn idle(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_secs(self.touched.load(Ordering::Relaxed)))
    }

    /// A stream for a request.
    pub(super) fn new_stream(&self) -> Arc<Stream> {
        let mut streams = self.streams();
        let number = streams.next;
        streams.next += 1;
        let stream = Stream::new(number);
        streams.known.insert(number, Arc::clone(&stream));
        stream
    }

    /// One that is there.
    pub(super) fn stream(&self, number: u64) -> Option<Arc<Stream>> {
        self.streams().known.get(&number).cloned()
    }

    /// Its answer is in it; it is kept for a while for whoever lost it.
    pub(super) fn finished(&self, number: u64) {
        let mut streams = self.streams();
        if streams.known.contains_key(&number) {
            streams.ended.push_back(number);
        }
        while streams.ended.len() > KEPT {
            if let Some(oldest) = streams.ended.pop_front() {
                streams.known.remove(&oldest);
            }
        }
    }

    /// Its answer arrived.
    pub(super) fn forget(&self, number: u64) {
        let mut streams = self.streams();
        streams.known.remove(&number);
        streams.ended.retain(|ended| *ended != number);
    }
}

/// All of them. `None` is a place that is taken by a connection that is being opened.
#[derive(Default)]
pub(super) struct Sessions {
    known: Arc<Mutex<HashMap<String, Arc<Connection>>>>,
    opening: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place for a connection that is being opened.
pub(super) struct Place<'a> {
    sessions: &'a Sessions,
    session: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut opening = self.sessions.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = opening.get_mut(&self.session) {
            *count -= 1;
        }
        opening.retain(|_, count| *count > 0);
    }
}

impl Place<'_> {
    /// Puts the connection there; gives its name.
    pub(super) fn fill(self, connection: Arc<Connection>) -> Result<String, getrandom::Error> {
        let name = secret()?;
        self.sessions.lock().insert(name.clone(), connection);
        Ok(name)
    }
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Connection>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Connection>> {
        self.lock().get(name).cloned()
    }

    /// A place for one more of a task; `None` if there is none.
    pub(super) fn reserve(&self, session: &str) -> Option<Place<'_>> {
        let known = self.lock();
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let of_task = known.values().filter(|connection| connection.session == session).count();
        let all = known.len() + opening.values().sum::<usize>();
        if all >= MOST || of_task + opening.get(session).copied().unwrap_or(0) >= MOST_OF_A_TASK {
            return None;
        }
        *opening.entry(session.to_owned()).or_default() += 1;
        Some(Place { sessions: self, session: session.to_owned() })
    }

    pub(super) fn remove(&self, connection: &Arc<Connection>) {
        self.lock().retain(|_, known| !Arc::ptr_eq(known, connection));
    }

    pub(super) async fn close(&self) {
        let all: Vec<_> = self.lock().drain().map(|(_, connection)| connection).collect();
        futures_util::future::join_all(all.iter().map(|connection| connection.hub.close())).await;
    }

    fn take_idle(&self) -> Vec<Arc<Connection>> {
        self.lock()
            .extract_if(|_, connection| connection.idle() >= IDLE)
            .map(|(_, connection)| connection)
            .collect()
    }
}

/// Ends connections that nobody uses, for as long as the endpoint is there.
pub(super) async fn sweep(endpoint: Weak<Endpoint>) {
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let Some(endpoint) = endpoint.upgrade() else { return };
        for connection in endpoint.sessions.take_idle() {
            connection.hub.close().await;
        }
    }
}
