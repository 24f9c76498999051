//! Bodies brought ahead of being asked for: many requests in flight, as many as the
//! service takes, in bounded memory.
//!
//! Readers on their own threads ask for objects about in the order that was
//! announced. Requests run ahead of them until the bodies in flight and those not yet
//! taken reach a budget. How many run at once grows while answers come, and is halved
//! when the service says that it is too much.

use super::trouble::{AwsError, Trouble};
use crate::ports::SourceError;
use hashbrown::{HashMap, HashSet};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};

/// Requests at once: where it starts, and between which bounds it moves.
const AT_ONCE_FIRST: usize = 32;
const AT_ONCE_MIN: usize = 4;
const AT_ONCE_MAX: usize = 192;
/// Bytes in flight or waiting to be taken. One larger object may be alone.
const AHEAD_BYTES_MAX: u64 = 96 << 20;
/// Objects waiting to be taken: small ones cost more than their bytes.
const AHEAD_OBJECTS_MAX: usize = 2048;

/// Time of one try: this, and what a slow line takes for the bytes.
const TRY_SECONDS: u64 = 60;
const BYTES_PER_SECOND_MIN: u64 = 256 << 10;
/// How often a wait is doubled: further ones are as long.
const DOUBLINGS_MAX: u32 = 6;

/// Asks for one object's body.
pub(super) trait Fetch: Send + Sync + 'static {
    /// Bytes of an object, as the listing says.
    fn bytes(&self, object: u32) -> u64;

    /// How long one try may take.
    fn seconds_max(&self, object: u32) -> u64 {
        TRY_SECONDS + self.bytes(object) / BYTES_PER_SECOND_MIN
    }

    /// One try.
    fn fetch(&self, object: u32) -> Fetching<'_>;
}

/// A body on its way.
pub(super) type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, AwsError>> + Send + 'a>>;

/// Bodies on their way, waiting, and still to come.
pub(super) struct Ahead {
    shared: Arc<Shared>,
    runtime: Arc<Runtime>,
}

struct Shared {
    fetch: Box<dyn Fetch>,
    /// How long the first retry waits, and how many tries there are.
    patience: (Duration, u32),
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    announced: VecDeque<u32>,
    in_flight: HashSet<u32>,
    ready: HashMap<u32, Result<Vec<u8>, AwsError>>,
    /// Objects that readers wait for: nobody is woken for any other.
    awaited: HashSet<u32>,
    /// Bytes in flight or ready.
    bytes: u64,
    at_once: usize,
    /// Answers since `at_once` last changed.
    answers: usize,
    /// Objects that came, or will not.
    fetched: u64,
    /// Credentials that nobody takes any more: nothing else need be asked.
    broken: Option<AwsError>,
}

impl Ahead {
    pub(super) fn new(
        fetch: Box<dyn Fetch>,
        runtime: Arc<Runtime>,
        patience: (Duration, u32),
    ) -> Self {
        let state = State {
            at_once: AT_ONCE_FIRST,
            ..State::default()
        };
        Self {
            shared: Arc::new(Shared {
                fetch,
                patience,
                state: Mutex::new(state),
                arrived: Condvar::new(),
            }),
            runtime,
        }
    }

    /// Starts to bring these objects, in this order. What was announced before and
    /// has not been asked for is forgotten.
    pub(super) fn announce(&self, objects: &[u32]) {
        let mut state = self.shared.state();
        state.announced = objects.iter().copied().collect();
        self.shared.pump(&mut state, self.runtime.handle());
    }

    /// How many objects came so far.
    pub(super) fn fetched(&self) -> u64 {
        self.shared.state().fetched
    }

    /// The body of an object: when it is there.
    pub(super) fn take(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError> {
        let mut state = self.shared.state();
        if let Some(broken) = &state.broken
            && !state.ready.contains_key(&object)
            && !state.in_flight.contains(&object)
        {
            return Err(SourceError {
                message: broken.message.clone(),
                is_absent: false,
            });
        }
        if !state.ready.contains_key(&object) && !state.in_flight.contains(&object) {
            // Whoever asks does not wait for the budget.
            if let Some(at) = state.announced.iter().position(|&next| next == object) {
                state.announced.remove(at);
            }
            self.shared.start(&mut state, object, self.runtime.handle());
        }
        loop {
            if let Some(outcome) = state.ready.remove(&object) {
                state.bytes -= self.shared.fetch.bytes(object);
                self.shared.pump(&mut state, self.runtime.handle());
                drop(state);
                body.clear();
                return match outcome {
                    Ok(bytes) => {
                        *body = bytes;
                        Ok(())
                    }
                    Err(error) => Err(SourceError {
                        is_absent: error.kind == Trouble::Absent,
                        message: error.message,
                    }),
                };
            }
            state.awaited.insert(object);
            state = self
                .shared
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.awaited.remove(&object);
        }
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts as many requests as bounds allow.
    fn pump(self: &Arc<Self>, state: &mut State, handle: &Handle) {
        while state.in_flight.len() < state.at_once
            && state.ready.len() + state.in_flight.len() < AHEAD_OBJECTS_MAX
            && let Some(&next) = state.announced.front()
            && (state.bytes == 0 || state.bytes + self.fetch.bytes(next) <= AHEAD_BYTES_MAX)
        {
            state.announced.pop_front();
            let is_known = state.in_flight.contains(&next) || state.ready.contains_key(&next);
            if !is_known {
                self.start(state, next, handle);
            }
        }
    }

    fn start(self: &Arc<Self>, state: &mut State, object: u32, handle: &Handle) {
        state.in_flight.insert(object);
        state.bytes += self.fetch.bytes(object);
        let shared = Arc::clone(self);
        let own = handle.clone();
        handle.spawn(async move {
            let arrival = Arrival {
                shared,
                object,
                own,
            };
            let outcome = arrival.shared.fetch_patiently(object).await;
            arrival.settle(outcome);
        });
    }

    /// Tries again what may pass, each time after twice the wait.
    async fn fetch_patiently(&self, object: u32) -> Result<Vec<u8>, AwsError> {
        let mut tries = 1;
        let (backoff, tries_max) = self.patience;
        loop {
            let time = self.fetch.seconds_max(object);
            let asked = self.fetch.fetch(object);
            let came = tokio::time::timeout(Duration::from_secs(time), asked).await;
            let late = || AwsError::new(Trouble::Unreachable, format!("not there after {time} s"));
            match came.unwrap_or_else(|_| Err(late())) {
                Err(error) if error.may_pass() && tries < tries_max => {
                    if error.kind == Trouble::Throttled {
                        self.state().slow_down();
                    }
                    // Not all at the same moment again.
                    let spread = backoff / 8 * (object % 8);
                    let wait = backoff * 2_u32.pow((tries - 1).min(DOUBLINGS_MAX)) + spread;
                    tokio::time::sleep(wait).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }
}

impl State {
    fn slow_down(&mut self) {
        self.at_once = (self.at_once / 2).max(AT_ONCE_MIN);
        self.answers = 0;
    }

    /// After as many answers as run at once, a quarter more may.
    fn answered(&mut self) {
        self.answers += 1;
        if self.answers >= self.at_once {
            self.at_once = (self.at_once + self.at_once.div_ceil(4)).min(AT_ONCE_MAX);
            self.answers = 0;
        }
    }
}

/// A request on its way. Whatever becomes of it, its reader is woken.
struct Arrival {
    shared: Arc<Shared>,
    object: u32,
    own: Handle,
}

impl Arrival {
    fn settle(&self, outcome: Result<Vec<u8>, AwsError>) {
        let mut state = self.shared.state();
        if state.in_flight.remove(&self.object) {
            state.answered();
            state.fetched += 1;
            if let Err(error) = &outcome
                && error.kind == Trouble::Credentials
            {
                state.announced.clear();
                state.broken = Some(error.clone());
            }
            state.ready.insert(self.object, outcome);
            let is_awaited = state.awaited.contains(&self.object);
            self.shared.pump(&mut state, &self.own);
            drop(state);
            if is_awaited {
                self.shared.arrived.notify_all();
            }
        }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.settle(Err(AwsError::other("the request broke off".to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers with the object's number; objects that divide by seven fail twice.
    struct Numbers {
        bytes: u64,
        running: AtomicUsize,
        running_max: Arc<AtomicUsize>,
        tries: Mutex<HashMap<u32, u32>>,
    }

    impl Fetch for Numbers {
        fn bytes(&self, _object: u32) -> u64 {
            self.bytes
        }

        fn fetch(&self, object: u32) -> Fetching<'_> {
            Box::pin(async move {
                let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
                self.running_max.fetch_max(running, Ordering::SeqCst);
                tokio::task::yield_now().await;
                self.running.fetch_sub(1, Ordering::SeqCst);
                let tries = {
                    let mut tries = self.tries.lock().unwrap();
                    let tries = tries.entry(object).or_default();
                    *tries += 1;
                    *tries
                };
                if object.is_multiple_of(7) && tries < 3 {
                    return Err(AwsError::new(Trouble::Throttled, "slow down".to_owned()));
                }
                if object == 11 {
                    return Err(AwsError::new(Trouble::Absent, "gone".to_owned()));
                }
                Ok(object.to_be_bytes().to_vec())
            })
        }
    }

    fn ahead(bytes: u64) -> (Ahead, Arc<AtomicUsize>) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        let running_max = Arc::new(AtomicUsize::new(0));
        let numbers = Numbers {
            bytes,
            running: AtomicUsize::new(0),
            running_max: Arc::clone(&running_max),
            tries: Mutex::default(),
        };
        let ahead = Ahead::new(
            Box::new(numbers),
            Arc::new(runtime),
            (Duration::from_micros(50), 5),
        );
        (ahead, running_max)
    }

    fn expect(ahead: &Ahead, object: u32) {
        let mut body = vec![9; 9];
        let outcome = ahead.take(object, &mut body);
        if object == 11 {
            assert_eq!(outcome.unwrap_err().message, "gone");
        } else {
            outcome.unwrap();
            assert_eq!(body, object.to_be_bytes());
        }
    }

    #[test]
    fn every_body_comes_to_whoever_asks_in_any_order() {
        let (ahead, _) = ahead(10);
        let all: Vec<u32> = (0..5000).collect();
        ahead.announce(&all);
        std::thread::scope(|scope| {
            for part in 0..4 {
                let ahead = &ahead;
                scope.spawn(move || (0..1250).for_each(|at| expect(ahead, at * 4 + part)));
            }
        });
        // Nobody announced these.
        expect(&ahead, 9000);
        ahead.announce(&[3, 2, 1]);
        expect(&ahead, 1);
        expect(&ahead, 3);
        assert!(ahead.shared.state().bytes <= 10);
    }

    #[test]
    fn large_bodies_wait_for_room_but_not_for_ever() {
        let (ahead, running_max) = ahead(AHEAD_BYTES_MAX);
        let all: Vec<u32> = (0..50).collect();
        ahead.announce(&all);
        for object in all {
            expect(&ahead, object);
        }
        // One in flight; another only if a reader asked for it by name.
        assert!(running_max.load(Ordering::SeqCst) <= 2);
    }

    #[test]
    fn being_told_to_slow_down_halves_what_runs_at_once() {
        let mut state = State {
            at_once: 64,
            ..State::default()
        };
        state.slow_down();
        assert_eq!(state.at_once, 32);
        (0..32).for_each(|_| state.answered());
        assert_eq!(state.at_once, 40);
        (0..10).for_each(|_| state.slow_down());
        assert_eq!(state.at_once, AT_ONCE_MIN);
        (0..100_000).for_each(|_| state.answered());
        assert_eq!(state.at_once, AT_ONCE_MAX);
    }
}
