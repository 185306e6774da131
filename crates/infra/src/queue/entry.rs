//! What enqueue, lease and release do to one key: pure, so that every medium gives the same answers.

use jiff::Timestamp;
use trustmill_core::port::queue::{Enqueue, KeyInfo, KeyState, Lease, QueueError, Release};

/// An instant as nanoseconds since 1970, cut to the years 1677 to 2262 that 64 bits hold.
pub(super) type Nanos = i64;

/// Earlier than every instant: the key may run at once.
pub(super) const AT_ONCE: Nanos = Nanos::MIN;

/// Later than every instant: the key never runs by itself.
pub(super) const NEVER: Nanos = Nanos::MAX;

/// The instant as a number strictly between [`AT_ONCE`] and [`NEVER`].
pub(super) fn nanos(at: Timestamp) -> Nanos {
    let cut = at.as_nanosecond().clamp(i128::from(AT_ONCE) + 1, i128::from(NEVER) - 1);
    Nanos::try_from(cut).unwrap_or(NEVER - 1)
}

/// The number as an instant.
pub(super) fn timestamp(at: Nanos) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(at)).unwrap_or(Timestamp::MIN)
}

/// What requests ask of a key, merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) priority: i32,
    /// `None` is at once, and so earlier than every instant: `Option`'s own order.
    pub(super) not_before: Option<Nanos>,
    pub(super) floor: Option<Nanos>,
}

impl Wish {
    pub(super) fn of(request: &Enqueue) -> Self {
        Self {
            priority: request.priority,
            not_before: request.not_before.map(nanos),
            floor: request.floor.map(nanos),
        }
    }

    /// The highest priority, the earliest not-before, the latest floor.
    fn merge(self, other: Self) -> Self {
        Self {
            priority: self.priority.max(other.priority),
            not_before: self.not_before.min(other.not_before),
            floor: self.floor.max(other.floor),
        }
    }

    fn merge_if(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| self.merge(other))
    }

    /// The floor bounds the not-before from below.
    fn due(self) -> Option<Nanos> {
        self.not_before.max(self.floor)
    }
}

/// Who holds a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) token: u64,
    pub(super) owner: String,
    pub(super) until: Nanos,
    /// What was asked since the lease was given.
    pub(super) again: Option<Wish>,
}

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Queued,
    Running(Holder),
    Parked,
}

/// One key of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) state: State,
    pub(super) wish: Wish,
    /// The number of the operation that queued it. An order that no clock can turn around.
    pub(super) age: i64,
    pub(super) attempts: u32,
    pub(super) why: Option<String>,
}

/// Changes a value; `false` if it stays the same.
fn replace<T: Copy + PartialEq>(value: &mut T, change: impl Fn(T) -> T) -> bool {
    let before = std::mem::replace(value, change(*value));
    before != *value
}

impl Entry {
    /// A key that was asked for and has no past.
    pub(super) fn fresh(key: String, wish: Wish, age: i64) -> Self {
        Self { key, state: State::Queued, wish, age, attempts: 0, why: None }
    }

    /// Another request for a key that waits or runs; a parked one begins anew with [`Self::fresh`].
    /// `false` if it asks for nothing new.
    pub(super) fn merge(&mut self, wish: Wish) -> bool {
        match &mut self.state {
            State::Queued | State::Parked => replace(&mut self.wish, |known| known.merge(wish)),
            State::Running(holder) => replace(&mut holder.again, |known| Some(wish.merge_if(known))),
        }
    }

    /// From when the key may be leased: a waiting one when it is due, a running one when its lease ends.
    pub(super) fn due(&self) -> Nanos {
        match &self.state {
            State::Queued => self.wish.due().unwrap_or(AT_ONCE),
            State::Running(holder) => holder
                .again
                .and_then(|again| again.floor)
                .map_or(holder.until, |floor| floor.max(holder.until)),
            State::Parked => NEVER,
        }
    }

    /// The priority by which it is chosen.
    pub(super) fn rank(&self) -> i32 {
        match &self.state {
            State::Running(holder) => self.wish.merge_if(holder.again).priority,
            State::Queued | State::Parked => self.wish.priority,
        }
    }

    /// Gives the key to `owner`. One that still runs is an orphan: the lost try counts, and the run that
    /// begins now is also the one that was asked for meanwhile.
    pub(super) fn lease(&mut self, owner: &str, token: u64, until: Nanos) -> Lease {
        if let State::Running(orphan) = &self.state {
            self.attempts = self.attempts.saturating_add(1);
            self.why = Some(format!("{} held the lease until it ended", orphan.owner));
            self.wish = self.wish.merge_if(orphan.again);
        }
        self.state = State::Running(Holder { token, owner: owner.to_owned(), until, again: None });
        Lease {
            key: self.key.clone(),
            priority: self.wish.priority,
            attempts: self.attempts,
            token,
            until: timestamp(until),
        }
    }

    /// Extends the lease, never shortens it: the caller's clock may have gone backwards.
    pub(super) fn heartbeat(&mut self, token: u64, until: Nanos) -> Result<(), QueueError> {
        let holder = self.holder(token)?;
        holder.until = holder.until.max(until);
        Ok(())
    }

    /// Ends the lease; `false` if nothing is left to remember of the key.
    pub(super) fn release(&mut self, token: u64, how: &Release, age: i64) -> Result<bool, QueueError> {
        let again = self.holder(token)?.again;
        let priority = self.wish.priority;
        let waits = |not_before, floor| Wish { priority, not_before, floor }.merge_if(again);
        if let (Some(wish), Release::Complete | Release::Park { .. }) = (again, how) {
            *self = Self::fresh(std::mem::take(&mut self.key), wish, age);
            return Ok(true);
        }
        match how {
            Release::Complete => return Ok(false),
            Release::Park { why } => {
                self.state = State::Parked;
                self.why = Some(why.clone());
            }
            Release::Requeue { at, floor } => {
                let at = nanos(*at);
                let wish = waits(Some(at), floor.then_some(at));
                *self = Self::fresh(std::mem::take(&mut self.key), wish, age);
            }
            Release::Failed { at, why } => {
                self.wish = waits(Some(nanos(*at)), None);
                self.attempts = self.attempts.saturating_add(1);
                self.why = Some(why.clone());
                self.age = age;
                self.state = State::Queued;
            }
            Release::GiveBack { at } => {
                let not_before = at.map(nanos).or(self.wish.not_before);
                self.wish = waits(not_before, self.wish.floor);
                self.state = State::Queued;
            }
        }
        Ok(true)
    }

    /// The holder, if `token` is still the one that counts.
    fn holder(&mut self, token: u64) -> Result<&mut Holder, QueueError> {
        match &mut self.state {
            State::Running(holder) if holder.token == token => Ok(holder),
            _ => Err(QueueError::LeaseLost { key: self.key.clone() }),
        }
    }

    /// The key as people see it.
    pub(super) fn info(self) -> KeyInfo {
        let (state, owner, not_before) = match self.state {
            State::Queued => (KeyState::Queued, None, self.wish.due().map(timestamp)),
            State::Running(holder) => (KeyState::Running, Some(holder.owner), None),
            State::Parked => (KeyState::Parked, None, None),
        };
        KeyInfo {
            key: self.key,
            state,
            priority: self.wish.priority,
            attempts: self.attempts,
            not_before,
            owner,
            why: self.why,
        }
    }
}
