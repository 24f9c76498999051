//! The occurrences of one subject, grouped: a burst is one finding.

use super::hop::RoleAssumption;
use crate::model::ids::EventId;
use crate::model::integrity::Integrity;
use crate::model::text::{Text, digest_id};
use crate::model::time::{UtcDay, UtcSecond};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that happened to one subject.
#[derive(Debug, Clone, Default)]
pub(super) struct Occurrences {
    span: Option<(UtcSecond, UtcSecond)>,
    /// The days on which it happened.
    days: BTreeSet<UtcDay>,
    count: u64,
    events: BTreeSet<EventId>,
    chains: BTreeSet<Text>,
    /// The chain to look at first, where one tells more than the others.
    lead: Option<Text>,
    /// Words that differ among what happened, such as callers.
    words: BTreeMap<&'static str, BTreeSet<Text>>,
    /// The integrity status of its evidence, where that is not events and chains.
    integrity: Option<Integrity>,
}

impl Occurrences {
    /// Counts one occurrence at a moment.
    pub(super) fn happened(&mut self, at: UtcSecond) -> &mut Self {
        self.count += 1;
        self.days.insert(at.utc_day());
        self.seen(at)
    }

    /// Counts a hop, with its events and chains.
    pub(super) fn with_hop(&mut self, hop: &RoleAssumption<'_>) -> &mut Self {
        self.happened(hop.at)
            .with_events(&hop.session.event_ids)
            .with_chains(hop.chain_ids())
    }

    /// Widens the time without counting.
    pub(super) fn seen(&mut self, at: UtcSecond) -> &mut Self {
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        self
    }

    pub(super) fn with_events<'e>(
        &mut self,
        events: impl IntoIterator<Item = &'e EventId>,
    ) -> &mut Self {
        self.events.extend(events.into_iter().cloned());
        self
    }

    pub(super) fn with_chain(&mut self, chain_id: &str) -> &mut Self {
        if !self.chains.contains(chain_id) {
            self.chains.insert(chain_id.into());
        }
        self
    }

    pub(super) fn with_chains<'c>(
        &mut self,
        chain_ids: impl IntoIterator<Item = &'c str>,
    ) -> &mut Self {
        for chain_id in chain_ids {
            self.with_chain(chain_id);
        }
        self
    }

    /// Says which chain to look at first.
    pub(super) fn led_by(&mut self, chain_id: &str) -> &mut Self {
        self.lead = Some(chain_id.into());
        self
    }

    /// Sets the integrity status of evidence that is not events and chains.
    pub(super) fn with_integrity(&mut self, integrity: Option<Integrity>) -> &mut Self {
        self.integrity = integrity.map(|own| self.integrity.map_or(own, |known| known.min(own)));
        self
    }

    /// Returns the integrity status of its evidence, where the rule set one.
    pub(super) fn told_integrity(&self) -> Option<Integrity> {
        self.integrity
    }

    /// The chain to look at first.
    pub(super) fn lead(&self) -> Option<&str> {
        self.lead
            .as_deref()
            .or(self.chains.first().map(|chain| &**chain))
    }

    /// Notes a word of a kind, once.
    pub(super) fn with_word<W: Clone + Into<Text>>(
        &mut self,
        kind: &'static str,
        word: Option<&W>,
    ) -> &mut Self {
        if let Some(word) = word {
            let word = word.clone().into();
            self.words.entry(kind).or_default().insert(word);
        }
        self
    }

    pub(super) fn span(&self) -> Option<(UtcSecond, UtcSecond)> {
        self.span
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn events(&self) -> &BTreeSet<EventId> {
        &self.events
    }

    pub(super) fn chains(&self) -> &BTreeSet<Text> {
        &self.chains
    }

    pub(super) fn words(&self, kind: &str) -> Vec<Text> {
        let words = self.words.get(kind);
        words.into_iter().flatten().cloned().collect()
    }
}

/// Keys of one finding at most: what differs in more ways than these is told again anyhow, by its days.
const KEYS_MAX: usize = 1000;

impl Occurrences {
    /// What tells these occurrences from others: their days, and the words that differ among them, as
    /// digests.
    pub(super) fn keys(&self) -> BTreeSet<Text> {
        let days = self
            .days
            .iter()
            .map(|day| day.start().day().to_string().into());
        let kinds = self.words.iter();
        let words = kinds.flat_map(|(kind, words)| {
            words
                .iter()
                .map(|word| digest_id('e', [*kind, &**word]).into())
        });
        days.chain(words).take(KEYS_MAX).collect()
    }
}

/// `once`, `twice`, `7 times`.
pub(super) fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        many => format!("{many} times"),
    }
}

/// `1 session`, `2 sessions`.
pub(super) fn plural(count: u64, one: &str) -> String {
    match one.strip_suffix("ry") {
        _ if count == 1 => format!("{count} {one}"),
        Some(stem) => format!("{count} {stem}ries"),
        None => format!("{count} {one}s"),
    }
}

/// Words that a sentence names at most.
const NAMED_MAX: usize = 5;

/// The first few, and how many more there are.
pub(super) fn sample<T: AsRef<str>>(words: &[T]) -> String {
    let named: Vec<&str> = words.iter().take(NAMED_MAX).map(AsRef::as_ref).collect();
    let more = words.len() - named.len();
    let named = named.join(", ");
    if more == 0 {
        named
    } else {
        format!("{named} and {more} more")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_span_and_counts() {
        let mut occurrences = Occurrences::default();
        assert_eq!(occurrences.span(), None);
        let at = UtcSecond::from_unix;
        occurrences
            .happened(at(20))
            .with_chain("c-1")
            .with_chain("c-1");
        occurrences.happened(at(10)).seen(at(30));
        assert_eq!(occurrences.span(), Some((at(10), at(30))));
        assert_eq!(occurrences.count(), 2);
        assert_eq!(occurrences.chains().len(), 1);
    }

    #[test]
    fn sentences_name_only_a_few() {
        assert_eq!(sample(&["a", "b"]), "a, b");
        assert_eq!(
            sample(&["a", "b", "c", "d", "e", "f", "g"]),
            "a, b, c, d, e and 2 more"
        );
        assert_eq!(plural(1, "query"), "1 query");
        assert_eq!(plural(2, "query"), "2 queries");
        assert_eq!(plural(2, "day"), "2 days");
        assert_eq!(times(2), "twice");
    }
}
