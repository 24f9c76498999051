//! Bodies brought ahead of being asked for: many requests in flight, as many as the
//! service takes, in bounded memory.
//!
//! Readers on their own threads ask for objects about in the order that was
//! announced. Requests run ahead of them until the bodies on their way and those not yet
//! taken reach a budget. Several sources share one budget, and one [`Pace`]. A request
//! that is to be made again gives its place to others while it waits.

use super::concurrency::Pace;
use super::error::{AwsError, AwsErrorKind};
use super::retry_policy::RetryPolicy;
use crate::ports::SourceError;
use hashbrown::{HashMap, HashSet};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};

/// Bytes on their way or waiting to be taken. One larger object may be alone.
const AHEAD_BYTES_MAX: u64 = 96 << 20;
/// Objects on their way or waiting to be taken: small ones cost more than their bytes.
const AHEAD_OBJECTS_MAX: usize = 16_384;

/// Time of one try: this, and what a slow line takes for the bytes.
const TRY_SECONDS: u64 = 60;
const BYTES_PER_SECOND_MIN: u64 = 256 << 10;

/// Asks for one object's body.
pub(super) trait Fetch: Send + Sync + 'static {
    /// Bytes of an object, as the listing says.
    fn bytes(&self, object: u32) -> u64;

    /// Returns the timeout of one try, in seconds.
    fn seconds_max(&self, object: u32) -> u64 {
        TRY_SECONDS + self.bytes(object) / BYTES_PER_SECOND_MIN
    }

    /// One try.
    fn fetch(&self, object: u32) -> Fetching<'_>;
}

/// A body on its way.
pub(super) type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, AwsError>> + Send + 'a>>;

/// Bodies on their way, waiting, and still to come, of several sources.
pub(super) struct Ahead {
    shared: Arc<PrefetchState>,
    /// The threads that requests run on: as long as anyone reads.
    runtime: Arc<Runtime>,
}

/// One source's bodies. When it is dropped, nothing more is asked for.
pub(super) struct Feed {
    shared: Arc<PrefetchState>,
    source: usize,
    _runtime: Arc<Runtime>,
}

struct PrefetchState {
    threads: Handle,
    patience: RetryPolicy,
    started: Instant,
    state: Mutex<State>,
    arrived: Condvar,
}

/// A source, and an object of it.
type Id = (usize, u32);

struct State {
    sources: Vec<PrefetchSource>,
    /// Sources that are still being listed.
    listing: usize,
    announced: VecDeque<Id>,
    /// Objects whose wait is over, and that are asked for again as soon as one may.
    due: VecDeque<Id>,
    /// Objects in flight, waiting or due, with the tries that they had.
    under_way: HashMap<Id, u32>,
    ready: HashMap<Id, Result<Vec<u8>, AwsError>>,
    /// Objects that readers wait for: no one is woken for any other.
    awaited: HashSet<Id>,
    /// Bytes under way or ready.
    bytes: u64,
    in_flight: usize,
    pace: Pace,
}

/// The state of a source.
struct PrefetchSource {
    /// `None` when no one reads it any more.
    fetch: Option<Arc<dyn Fetch>>,
    /// Objects that came, or will not.
    fetched: u64,
    /// Credentials that no one takes any more: nothing else need be asked.
    broken: Option<AwsError>,
}

impl Ahead {
    /// At most so many requests run at once.
    pub(super) fn new(runtime: Arc<Runtime>, patience: RetryPolicy, at_once_max: usize) -> Self {
        let state = State {
            sources: Vec::new(),
            listing: 0,
            announced: VecDeque::new(),
            due: VecDeque::new(),
            under_way: HashMap::new(),
            ready: HashMap::new(),
            awaited: HashSet::new(),
            bytes: 0,
            in_flight: 0,
            pace: Pace::new(at_once_max),
        };
        Self {
            shared: Arc::new(PrefetchState {
                threads: runtime.handle().clone(),
                patience,
                started: Instant::now(),
                state: Mutex::new(state),
                arrived: Condvar::new(),
            }),
            runtime,
        }
    }

    /// Takes in a source.
    pub(super) fn feed(&self, fetch: Arc<dyn Fetch>) -> Feed {
        let mut state = self.shared.state();
        state.sources.push(PrefetchSource {
            fetch: Some(fetch),
            fetched: 0,
            broken: None,
        });
        Feed {
            shared: Arc::clone(&self.shared),
            source: state.sources.len() - 1,
            _runtime: Arc::clone(&self.runtime),
        }
    }
}

impl Feed {
    /// The source is being listed, until what is given back is dropped: meanwhile half
    /// of the budget is kept for what will turn out to come first.
    pub(super) fn while_listing(&self) -> WhileListing {
        self.shared.state().listing += 1;
        WhileListing(Arc::clone(&self.shared))
    }

    /// Starts to bring one more object, behind those announced before.
    pub(super) fn announce_too(&self, object: u32) {
        let mut state = self.shared.state();
        state.announced.push_back((self.source, object));
        self.shared.pump(&mut state);
    }

    /// Starts to bring these objects, in this order. What was announced of the source
    /// before and has not been asked for is forgotten; what is on its way or there is not brought again.
    pub(super) fn announce(&self, objects: &[u32]) {
        let mut state = self.shared.state();
        state.announced.retain(|(source, _)| *source != self.source);
        let own = objects.iter().map(|&object| (self.source, object));
        let own: Vec<Id> = own.filter(|id| !state.is_known(*id)).collect();
        state.announced.extend(own);
        self.shared.pump(&mut state);
    }

    /// Returns the number of objects fetched so far.
    pub(super) fn fetched(&self) -> u64 {
        self.shared.state().sources[self.source].fetched
    }

    /// The body of an object: when it is there.
    pub(super) fn take(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError> {
        let id = (self.source, object);
        let mut state = self.shared.state();
        if !state.is_known(id) {
            if let Some(broken) = &state.sources[self.source].broken {
                return Err(SourceError {
                    message: broken.message.clone(),
                    is_absent: false,
                });
            }
            // Anyone who asks does not wait for the budget.
            if let Some(at) = state.announced.iter().position(|&next| next == id) {
                state.announced.remove(at);
            }
            self.shared.start(&mut state, id);
        }
        loop {
            if let Some(outcome) = state.ready.remove(&id) {
                state.bytes -= state.bytes_of(id);
                self.shared.pump(&mut state);
                drop(state);
                body.clear();
                return match outcome {
                    Ok(bytes) => {
                        *body = bytes;
                        Ok(())
                    }
                    Err(error) => Err(SourceError {
                        is_absent: error.kind == AwsErrorKind::Absent,
                        message: error.message,
                    }),
                };
            }
            state.awaited.insert(id);
            state = self
                .shared
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.awaited.remove(&id);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let State {
            announced,
            due,
            under_way,
            ready,
            ..
        } = &mut *state;
        let is_own = |(source, _): &Id| *source == self.source;
        announced.retain(|id| !is_own(id));
        due.retain(|id| !is_own(id));
        let mut dropped: Vec<Id> = ready
            .extract_if(|id, _| is_own(id))
            .map(|(id, _)| id)
            .collect();
        dropped.extend(under_way.extract_if(|id, _| is_own(id)).map(|(id, _)| id));
        for id in dropped {
            state.bytes -= state.bytes_of(id);
        }
        state.sources[self.source].fetch = None;
    }
}

/// A source is being listed as long as this lives.
pub(super) struct WhileListing(Arc<PrefetchState>);

impl Drop for WhileListing {
    fn drop(&mut self) {
        self.0.state().listing -= 1;
    }
}

impl State {
    fn is_known(&self, id: Id) -> bool {
        self.under_way.contains_key(&id) || self.ready.contains_key(&id)
    }

    fn bytes_of(&self, (source, object): Id) -> u64 {
        let fetch = self.sources[source].fetch.as_ref();
        fetch.map_or(0, |fetch| fetch.bytes(object))
    }

    /// Returns true if one more object is within the budget.
    fn has_room(&self, id: Id) -> bool {
        let part = if self.listing > 0 { 2 } else { 1 };
        let objects = self.under_way.len() + self.ready.len();
        let bytes = self.bytes + self.bytes_of(id);
        self.bytes == 0
            || (objects < AHEAD_OBJECTS_MAX / part && bytes <= AHEAD_BYTES_MAX / part as u64)
    }
}

impl PrefetchState {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Starts as many requests as bounds allow.
    fn pump(self: &Arc<Self>, state: &mut State) {
        loop {
            if state.in_flight >= state.pace.at_once() {
                state.pace.full(self.now());
                return;
            }
            if let Some(id) = state.due.pop_front() {
                self.ask(state, id);
                continue;
            }
            match state.announced.front() {
                Some(&next) if state.is_known(next) => {
                    state.announced.pop_front();
                }
                Some(&next) if state.has_room(next) => {
                    state.announced.pop_front();
                    self.start(state, next);
                }
                _ => return,
            }
        }
    }

    fn start(self: &Arc<Self>, state: &mut State, id: Id) {
        state.under_way.insert(id, 0);
        state.bytes += state.bytes_of(id);
        self.ask(state, id);
    }

    /// Makes one request.
    fn ask(self: &Arc<Self>, state: &mut State, id: Id) {
        let (source, object) = id;
        let Some(fetch) = state.sources[source].fetch.clone() else {
            return;
        };
        *state.under_way.entry(id).or_default() += 1;
        state.in_flight += 1;
        let arrival = Arrival {
            shared: Arc::clone(self),
            id,
            is_settled: false,
        };
        self.threads.spawn(async move {
            let time = fetch.seconds_max(object);
            let asked = fetch.fetch(object);
            let came = tokio::time::timeout(Duration::from_secs(time), asked).await;
            let late = || {
                AwsError::new(
                    AwsErrorKind::Unreachable,
                    format!("no answer after {time} s"),
                )
            };
            arrival.settle(came.unwrap_or_else(|_| Err(late())));
        });
    }

    /// Asks again after a wait.
    fn ask_later(self: &Arc<Self>, id: Id, wait: Duration) {
        let shared = Arc::clone(self);
        self.threads.spawn(async move {
            tokio::time::sleep(wait).await;
            let mut state = shared.state();
            state.due.push_back(id);
            shared.pump(&mut state);
        });
    }
}

/// A request on its way. Whatever becomes of it, its reader is woken.
struct Arrival {
    shared: Arc<PrefetchState>,
    id: Id,
    is_settled: bool,
}

impl Arrival {
    fn settle(mut self, outcome: Result<Vec<u8>, AwsError>) {
        self.note(outcome);
    }

    fn note(&mut self, outcome: Result<Vec<u8>, AwsError>) {
        self.is_settled = true;
        let (id, shared) = (self.id, &self.shared);
        let mut state = shared.state();
        state.in_flight -= 1;
        let is_refused = outcome.as_ref().is_err_and(AwsError::may_pass);
        state.pace.answered(shared.now(), is_refused);
        let (source, object) = id;
        if state.sources[source].fetch.is_none() {
            shared.pump(&mut state);
            return;
        }
        let tries = state.under_way.get(&id).copied().unwrap_or(1);
        if let Err(error) = &outcome
            && let Some(wait) = shared.patience.wait(error, tries, object.into())
        {
            shared.ask_later(id, wait);
            shared.pump(&mut state);
            return;
        }
        state.under_way.remove(&id);
        let of_source = &mut state.sources[source];
        of_source.fetched += 1;
        if let Err(error) = &outcome
            && error.kind == AwsErrorKind::Credentials
        {
            of_source.broken = Some(error.clone());
            state
                .announced
                .retain(|(announced, _)| *announced != source);
        }
        state.ready.insert(id, outcome);
        let is_awaited = state.awaited.contains(&id);
        shared.pump(&mut state);
        drop(state);
        if is_awaited {
            shared.arrived.notify_all();
        }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if !self.is_settled {
            self.note(Err(AwsError::other("the request broke off".to_owned())));
        }
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
                    return Err(AwsError::new(
                        AwsErrorKind::Throttled,
                        "slow down".to_owned(),
                    ));
                }
                if object == 11 {
                    return Err(AwsError::new(AwsErrorKind::Absent, "gone".to_owned()));
                }
                Ok(object.to_be_bytes().to_vec())
            })
        }
    }

    fn runtime(threads: usize) -> Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_time()
            .build()
            .unwrap()
    }

    fn ahead(bytes: u64) -> (Feed, Arc<AtomicUsize>) {
        let runtime = runtime(2);
        let running_max = Arc::new(AtomicUsize::new(0));
        let numbers = Numbers {
            bytes,
            running: AtomicUsize::new(0),
            running_max: Arc::clone(&running_max),
            tries: Mutex::default(),
        };
        let patience = RetryPolicy {
            first: Duration::from_micros(50),
            tries_max: 5,
        };
        let ahead = Ahead::new(Arc::new(runtime), patience, 192);
        (ahead.feed(Arc::new(numbers)), running_max)
    }

    fn expect(ahead: &Feed, object: u32) {
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
        // No one announced these.
        expect(&ahead, 9000);
        ahead.announce(&[3, 2, 1]);
        expect(&ahead, 1);
        expect(&ahead, 3);
        assert!(ahead.shared.state().bytes <= 10);
    }

    /// Answers for each object once it may.
    struct Held([Arc<Mutex<()>>; 2]);

    impl Fetch for Held {
        fn bytes(&self, _object: u32) -> u64 {
            1
        }

        fn fetch(&self, object: u32) -> Fetching<'_> {
            Box::pin(async move {
                drop(self.0[object as usize].lock().unwrap());
                Ok(object.to_be_bytes().to_vec())
            })
        }
    }

    #[test]
    fn what_is_on_its_way_when_the_order_is_known_is_brought_once() {
        let runtime = runtime(1);
        let patience = RetryPolicy {
            first: Duration::from_micros(50),
            tries_max: 1,
        };
        let gates: [Arc<Mutex<()>>; 2] = Default::default();
        let ahead = Ahead::new(Arc::new(runtime), patience, 1);
        let feed = ahead.feed(Arc::new(Held(gates.clone())));
        let [first, second] = gates.each_ref().map(|gate| gate.lock().unwrap());
        feed.announce_too(0);
        feed.announce_too(1);
        feed.announce(&[1, 0]);
        drop(first);
        // Taken while the only request that may run is another one's.
        expect(&feed, 0);
        drop(second);
        expect(&feed, 1);
        let state = feed.shared.state();
        assert!(!state.is_known((0, 0)) && state.announced.is_empty());
        assert_eq!((state.bytes, state.sources[0].fetched), (0, 2));
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

    /// Refuses one object as long as it is told to, and answers all others.
    struct Refuses(Mutex<bool>);

    impl Fetch for Refuses {
        fn bytes(&self, _object: u32) -> u64 {
            1
        }

        fn fetch(&self, object: u32) -> Fetching<'_> {
            Box::pin(async move {
                let refuses = *self.0.lock().unwrap();
                if refuses && object == 0 {
                    return Err(AwsError::new(
                        AwsErrorKind::Throttled,
                        "slow down".to_owned(),
                    ));
                }
                Ok(object.to_be_bytes().to_vec())
            })
        }
    }

    #[test]
    fn a_request_that_waits_gives_its_place_to_others() {
        let runtime = runtime(1);
        let refuses = Arc::new(Refuses(Mutex::new(true)));
        let patience = RetryPolicy {
            first: Duration::from_millis(1),
            tries_max: 1_000_000,
        };
        // One at a time: if the wait kept its place, no other would ever come.
        let ahead = Ahead::new(Arc::new(runtime), patience, 1);
        let feed = ahead.feed(Arc::clone(&refuses) as Arc<dyn Fetch>);
        feed.announce(&(0..11).collect::<Vec<u32>>());
        (1..11).for_each(|object| expect(&feed, object));
        *refuses.0.lock().unwrap() = false;
        expect(&feed, 0);
    }

    #[test]
    fn what_nobody_reads_any_more_takes_no_room() {
        let runtime = runtime(2);
        let patience = RetryPolicy {
            first: Duration::from_micros(50),
            tries_max: 5,
        };
        let ahead = Ahead::new(Arc::new(runtime), patience, 192);
        let one = ahead.feed(Arc::new(Refuses(Mutex::new(true))));
        let other = ahead.feed(Arc::new(Refuses(Mutex::new(false))));
        one.announce(&(0..1000).collect::<Vec<u32>>());
        expect(&one, 500);
        drop(one);
        other.announce(&[1, 2]);
        expect(&other, 1);
        expect(&other, 2);
        assert_eq!(other.fetched(), 2);
        assert_eq!(ahead.shared.state().bytes, 0);
    }

    #[test]
    fn half_of_the_budget_is_kept_while_sources_are_listed() {
        let (ahead, _) = ahead(AHEAD_BYTES_MAX / 4);
        let listing = ahead.while_listing();
        (0..4).for_each(|object| ahead.announce_too(object));
        assert_eq!(ahead.shared.state().announced.len(), 2);
        drop(listing);
        ahead.announce(&[2, 3]);
        assert_eq!(ahead.shared.state().announced.len(), 0);
        (0..4).for_each(|object| expect(&ahead, object));
    }
}
