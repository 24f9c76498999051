//! The number of concurrent requests: it rises while that raises throughput and falls when the
//! service throttles.
//!
//! Answers are counted in rounds: about as many as run at once, and for long enough to
//! measure a rate. A round changes the number once, whatever came in it. What the
//! service refuses here and there changes nothing: those requests are made again. A
//! round with many refusals leaves as many at once as were answered well, and the first
//! good answers after it bring them back. Otherwise the number grows, and goes back where
//! more at once did not bring more.

use std::time::Duration;

/// The initial and lowest concurrency.
const AT_ONCE_FIRST: usize = 32;
const AT_ONCE_MIN: usize = 8;
/// Answers and time that a round takes at least.
const ROUND_ANSWERS_MIN: usize = 32;
const ROUND_MIN: Duration = Duration::from_millis(50);
/// One of so many answers may be a refusal.
const REFUSED_PART: usize = 8;
/// Of what would be in proportion, more at once has to bring one part of so many.
const PAYS_PART: u64 = 4;
/// Rounds until more is tried again that did not pay.
const REST_ROUNDS: u32 = 4;
/// The part by which less than what was refused is stood.
const STOOD_PART: usize = 3;
/// The part by which it grows where the service refused before.
const CAREFUL_PART: usize = 4;

/// A concurrency limit that adapts to the outcomes of requests.
#[derive(Debug)]
pub(super) struct Pace {
    at_once: usize,
    at_once_max: usize,
    /// The concurrency before the service began to throttle: each success leads back toward it.
    /// Beyond, it grows with care.
    stood: Option<usize>,
    /// True if the round before this one was refused.
    is_refused: bool,
    round: Round,
    /// The round before the number grew, until it is known whether that paid.
    before: Option<ConcurrencyLevel>,
    rest: u32,
}

#[derive(Debug, Default)]
struct Round {
    /// The time since which all allowed requests have been running; `None` while fewer run.
    full_since: Option<Duration>,
    good: usize,
    refused: usize,
}

/// The throughput at one level of concurrency.
#[derive(Debug)]
struct ConcurrencyLevel {
    at_once: usize,
    good_per_hour: u64,
}

impl Pace {
    pub(super) fn new(at_once_max: usize) -> Self {
        Self {
            at_once: AT_ONCE_FIRST.min(at_once_max),
            at_once_max,
            stood: None,
            is_refused: false,
            round: Round::default(),
            before: None,
            rest: 0,
        }
    }

    /// Returns the number of requests that may run now.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// All of them run: from here on a round can tell what they bring.
    pub(super) fn full(&mut self, now: Duration) {
        if self.round.full_since.is_none() {
            self.round = Round {
                full_since: Some(now),
                ..Round::default()
            };
        }
    }

    /// An answer came; `is_refused` where the service said that it is too much, or was
    /// not there.
    pub(super) fn answered(&mut self, now: Duration, is_refused: bool) {
        let round = &mut self.round;
        if is_refused {
            round.refused += 1;
        } else {
            round.good += 1;
            let is_heard = round.refused * REFUSED_PART <= round.good;
            if is_heard && self.stood.is_some_and(|stood| self.at_once < stood) {
                self.at_once += 1;
            }
        }
        let answers = round.good + round.refused;
        let elapsed = round.full_since.map(|since| now.saturating_sub(since));
        let is_long = elapsed.is_none_or(|elapsed| elapsed >= ROUND_MIN);
        if answers < self.at_once.max(ROUND_ANSWERS_MIN) || !is_long {
            return;
        }
        let round = std::mem::take(&mut self.round);
        if round.refused * REFUSED_PART > answers {
            self.shrink(round.good, answers);
            return;
        }
        self.is_refused = false;
        if let Some(elapsed) = elapsed {
            self.grow(per_hour(round.good, elapsed));
        }
    }

    fn shrink(&mut self, good: usize, answers: usize) {
        let before = self.at_once;
        let answered_well = self.at_once * good / answers;
        let fewer = answered_well.max(self.at_once / 2);
        self.at_once = fewer.clamp(AT_ONCE_MIN.min(self.at_once_max), self.at_once_max);
        if !self.is_refused {
            self.stood = Some(self.at_once.max(before - before / STOOD_PART));
        } else if good * REFUSED_PART > answers {
            self.stood = Some(self.at_once);
        }
        self.is_refused = true;
        self.before = None;
        self.rest = 0;
    }

    fn grow(&mut self, good_per_hour: u64) {
        if let Some(before) = self.before.take()
            && !before.is_outdone_by(self.at_once, good_per_hour)
        {
            self.at_once = before.at_once;
            self.rest = REST_ROUNDS;
            return;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        let more = match self.stood {
            None => self.at_once * 2,
            Some(_) => self.at_once + self.at_once / CAREFUL_PART + 1,
        };
        let more = more.min(self.at_once_max);
        if more > self.at_once {
            self.before = Some(ConcurrencyLevel {
                at_once: self.at_once,
                good_per_hour,
            });
            self.at_once = more;
        }
    }
}

impl ConcurrencyLevel {
    fn is_outdone_by(&self, at_once: usize, good_per_hour: u64) -> bool {
        let (before, now) = (self.at_once as u64, at_once as u64);
        good_per_hour * PAYS_PART * before
            >= self.good_per_hour * (PAYS_PART * before + now - before)
    }
}

fn per_hour(count: usize, elapsed: Duration) -> u64 {
    let micros = elapsed.as_micros().max(1);
    let hour = Duration::from_hours(1).as_micros();
    u64::try_from(count as u128 * hour / micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;
    use std::collections::{BinaryHeap, VecDeque};

    /// A service, as far as pace goes.
    #[derive(Clone, Copy)]
    struct Service {
        latency: Duration,
        /// One of so many requests is refused, whatever else runs.
        refused_part: Option<u64>,
        limit: Limit,
    }

    /// The resource that limits the simulated service.
    #[derive(Debug, Clone, Copy)]
    enum Limit {
        None,
        /// So many in each second of the clock.
        EachSecond(u64),
        /// So many a second, evenly, and a few at once.
        Evenly(u64),
    }

    const USUAL: Service = Service {
        latency: Duration::from_millis(20),
        refused_part: None,
        limit: Limit::None,
    };
    const OBJECTS: u64 = 20_058;
    const AT_ONCE_MAX: usize = 512;
    /// The answers that the simulated reader processes per second.
    const MACHINE_PER_SECOND: u64 = 6_000;
    const WAIT_MILLIS: u64 = 200;
    const SECOND: Duration = Duration::from_secs(1);

    /// Says which requests a limit refuses.
    struct Gate {
        limit: Limit,
        second: u64,
        taken: u64,
        /// For [`Limit::Evenly`]: when all that was taken is made good.
        made_good: Duration,
    }

    impl Gate {
        fn refuses(&mut self, now: Duration) -> bool {
            match self.limit {
                Limit::None => false,
                Limit::EachSecond(most) => {
                    if self.second != now.as_secs() {
                        (self.second, self.taken) = (now.as_secs(), 0);
                    }
                    self.taken += 1;
                    self.taken > most
                }
                Limit::Evenly(most) => {
                    let is_over = self.made_good > now + SECOND / 10;
                    if !is_over {
                        self.made_good = self.made_good.max(now) + per(most);
                    }
                    is_over
                }
            }
        }
    }

    fn per(second: u64) -> Duration {
        SECOND / u32::try_from(second).unwrap()
    }

    /// The result of a simulated read, on a simulated clock.
    struct Read {
        elapsed: Duration,
        requests: u64,
        at_once: usize,
    }

    fn read(service: Service) -> Read {
        let mut pace = Pace::new(AT_ONCE_MAX);
        let mut chance = fastrand::Rng::with_seed(7);
        let mut gate = Gate {
            limit: service.limit,
            second: 0,
            taken: 0,
            made_good: Duration::ZERO,
        };
        // Answers on their way, and when requests are made again.
        let mut answers: BinaryHeap<Reverse<(Duration, bool)>> = BinaryHeap::new();
        let mut again: VecDeque<Duration> = VecDeque::new();
        let (mut new, mut requests) = (OBJECTS, 0);
        let (mut now, mut machine_free) = (Duration::ZERO, Duration::ZERO);
        loop {
            while answers.len() < pace.at_once() {
                if again.front().is_some_and(|due| *due <= now) {
                    again.pop_front();
                } else if new > 0 {
                    new -= 1;
                } else {
                    break;
                }
                requests += 1;
                let unlucky = service.refused_part.map(|part| chance.u64(..part) == 0);
                let is_refused = gate.refuses(now) || unlucky == Some(true);
                answers.push(Reverse((now + service.latency, is_refused)));
            }
            let is_full = answers.len() >= pace.at_once();
            if is_full {
                pace.full(now);
            }
            let due = again.front().copied().filter(|_| !is_full);
            let next = answers.peek().map(|Reverse((at, _))| *at);
            if let Some(due) = due.filter(|due| next.is_none_or(|next| *due < next)) {
                now = now.max(due);
            } else if let Some(Reverse((at, is_refused))) = answers.pop() {
                now = now.max(at).max(machine_free);
                machine_free = now + per(MACHINE_PER_SECOND);
                if is_refused {
                    let wait = chance.u64(WAIT_MILLIS / 2..WAIT_MILLIS);
                    again.push_back(now + Duration::from_millis(wait));
                }
                pace.answered(now, is_refused);
            } else {
                break;
            }
        }
        Read {
            elapsed: now,
            requests,
            at_once: pace.at_once(),
        }
    }

    /// The time that reading took, in hundredths of what it takes at least: what the
    /// machine gets through, what the service gives, or as many at once as may run.
    fn hundredths(service: Service, read: &Read) -> u128 {
        let objects = u32::try_from(OBJECTS).unwrap();
        let of_service = match service.limit {
            Limit::None => Duration::ZERO,
            Limit::EachSecond(most) | Limit::Evenly(most) => per(most) * objects,
        };
        let in_flight = service.latency * objects / u32::try_from(AT_ONCE_MAX).unwrap();
        let least = (per(MACHINE_PER_SECOND) * objects)
            .max(of_service)
            .max(in_flight);
        read.elapsed.as_micros() * 100 / least.as_micros()
    }

    #[test]
    fn latency_is_outgrown_with_and_without_refusals() {
        for millis in [1, 5, 20, 80, 200] {
            for refused_part in [None, Some(100), Some(20)] {
                let service = Service {
                    latency: Duration::from_millis(millis),
                    refused_part,
                    ..USUAL
                };
                let took = hundredths(service, &read(service));
                assert!(took <= 140, "{millis} ms, {refused_part:?}: {took} %");
            }
        }
    }

    #[test]
    fn a_service_gives_what_it_has_and_is_not_asked_for_much_more() {
        for millis in [5, 20, 80] {
            for limit in [Limit::EachSecond(2_000), Limit::Evenly(2_000)] {
                let service = Service {
                    latency: Duration::from_millis(millis),
                    limit,
                    ..USUAL
                };
                let read = read(service);
                let took = hundredths(service, &read);
                assert!(took <= 150, "{millis} ms, {limit:?}: {took} %");
                assert!(
                    read.requests < OBJECTS * 8 / 5,
                    "{millis} ms, {limit:?}: {} requests",
                    read.requests
                );
            }
        }
    }

    #[test]
    fn more_at_once_than_the_machine_gets_through_is_given_back() {
        let near = Service {
            latency: Duration::from_millis(1),
            ..USUAL
        };
        assert!(read(near).at_once <= 64);
    }

    #[test]
    fn a_round_shrinks_once_and_never_to_nothing() {
        let mut pace = Pace::new(256);
        let all_refused = |pace: &mut Pace, count: usize| {
            (0..count).for_each(|_| pace.answered(Duration::ZERO, true));
        };
        all_refused(&mut pace, 31);
        assert_eq!(pace.at_once(), 32);
        all_refused(&mut pace, 1);
        assert_eq!(pace.at_once(), 16);
        all_refused(&mut pace, 320);
        assert_eq!(pace.at_once(), AT_ONCE_MIN);
        // Good answers bring back most of what it was.
        (0..16).for_each(|_| pace.answered(Duration::ZERO, false));
        assert_eq!(pace.at_once(), 22);
        assert_eq!(Pace::new(2).at_once(), 2);
    }
}
