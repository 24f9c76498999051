//! Ids and choices from a seed.

use fastrand::Rng;
use uuid::Uuid;

/// A seeded source of ids and choices.
pub(super) struct Chance(Rng);

const KEY_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// A number from 0 to one less than `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end.max(1))
    }

    /// A number of seconds from `low` to `high`, both included.
    pub(super) fn seconds(&mut self, low: i64, high: i64) -> i64 {
        self.0.i64(low..=high)
    }

    /// True once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }

    /// A random UUID in the spelling of CloudTrail.
    pub(super) fn uuid(&mut self) -> String {
        let bytes = self.0.u128(..).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .hyphenated()
            .to_string()
    }

    /// A name-based stand-in where the id must not depend on what came before.
    pub(super) fn stable_uuid(number: u128) -> String {
        Uuid::from_u128(number).hyphenated().to_string()
    }

    fn letters(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(*self.pick(KEY_LETTERS)))
            .collect()
    }

    /// A temporary access key id.
    pub(super) fn temporary_key(&mut self) -> String {
        format!("ASIA{}", self.letters(16))
    }

    /// So many characters of a request's opaque id.
    pub(super) fn opaque(&mut self, count: usize) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..count)
            .map(|_| char::from(*self.pick(LETTERS)))
            .collect()
    }

    /// The part of a file name that tells files apart.
    pub(super) fn file_mark(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..16).map(|_| char::from(*self.pick(LETTERS))).collect()
    }

    /// A session token: long, random, and never to be seen again.
    pub(super) fn token(&mut self) -> String {
        format!("IQoJb3JpZ2luX2VjEXAMPLETOKEN{}", self.letters(120))
    }

    /// A documentation address (RFC 5737).
    pub(super) fn address(&mut self) -> String {
        let net = *self.pick(&["192.0.2", "198.51.100", "203.0.113"]);
        format!("{net}.{}", 1 + self.below(254))
    }
}
