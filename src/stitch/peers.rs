//! Sessions of one principal: a handful, or as many as the one who writes the logs likes.
//!
//! Nearly every principal has one session, because session names are unique. Where they
//! are not, sessions are found by the second they were made in and by their key, so that
//! linking takes no longer than sorting.

use crate::model::text::Text;
use crate::model::time::{CLOCK_SKEW_SECONDS, UtcSecond};
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

pub(super) type SessionId = u32;

/// Sessions that a question names. Where more fit, they are a crowd: some are named, the
/// others counted.
pub(super) const CANDIDATES_MAX: usize = 32;
/// Sessions of a second that are looked at one by one.
const LOOKED_AT_MAX: usize = 512;
/// Sessions of a second from which on they are found by their key.
const BY_KEY_MIN: usize = 16;

/// A number that is equal for interchangeable sessions: the same role, external id, policy and
/// caller. `None` where the AssumeRole was not read.
pub(super) type Likeness = Option<u32>;

/// Sessions among which a call was made.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Candidates {
    /// Some of them: all where there are at most [`CANDIDATES_MAX`].
    pub(super) named: Vec<SessionId>,
    /// The number of further sessions.
    pub(super) more: usize,
}

impl Candidates {
    /// Names as many of these as may be.
    pub(super) fn of(mut ids: Vec<SessionId>) -> Self {
        let more = ids.len().saturating_sub(CANDIDATES_MAX);
        ids.truncate(CANDIDATES_MAX);
        Self { named: ids, more }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.named.len() + self.more
    }

    /// Returns true if there are too many to name them all.
    pub(super) fn is_crowd(&self) -> bool {
        self.more > 0
    }
}

/// The sessions of a second that a query asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum PeerQuery<'a> {
    /// All of them.
    All,
    /// Those that were issued this key; `None` stands for those whose key was not logged.
    Key(Option<&'a Text>),
}

/// Sessions, and whether they are alike.
#[derive(Debug, Default)]
pub(super) struct Bunch {
    ids: BTreeSet<SessionId>,
    likeness: BunchLikeness,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum BunchLikeness {
    #[default]
    Empty,
    Alike(u32),
    Mixed,
}

impl BunchLikeness {
    fn with(self, one: Likeness) -> Self {
        match (self, one) {
            (Self::Empty, Some(one)) => Self::Alike(one),
            (Self::Alike(known), Some(one)) if known == one => self,
            _ => Self::Mixed,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Empty, one) | (one, Self::Empty) => one,
            (one, other) if one == other => one,
            _ => Self::Mixed,
        }
    }
}

impl Bunch {
    fn add(&mut self, id: SessionId, likeness: Likeness) {
        self.ids.insert(id);
        self.likeness = self.likeness.with(likeness);
    }
}

/// Sessions that were made in one second.
#[derive(Debug, Default)]
struct Second {
    all: Bunch,
    /// By issued key, once there are many.
    by_key: HashMap<Option<Text>, Bunch>,
}

/// A session, as an entry among its peers.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) id: SessionId,
    pub(super) created_at: UtcSecond,
    pub(super) key: Option<Text>,
    pub(super) likeness: Likeness,
}

/// Sessions of one principal.
#[derive(Debug)]
pub(super) enum Peers {
    /// Nearly always.
    One(Peer),
    /// By the second they were made in.
    Many(Box<BySecond>),
}

#[derive(Debug, Default)]
pub(super) struct BySecond {
    seconds: BTreeMap<UtcSecond, Second>,
    peers: HashMap<SessionId, Peer>,
}

impl BySecond {
    fn add(&mut self, peer: Peer) {
        let second = self.seconds.entry(peer.created_at).or_default();
        second.all.add(peer.id, peer.likeness);
        if !second.by_key.is_empty() {
            let same_key = second.by_key.entry(peer.key.clone()).or_default();
            same_key.add(peer.id, peer.likeness);
        } else if second.all.ids.len() >= BY_KEY_MIN {
            let earlier = second.all.ids.iter().filter_map(|id| self.peers.get(id));
            for known in earlier.chain([&peer]) {
                let same_key = second.by_key.entry(known.key.clone()).or_default();
                same_key.add(known.id, known.likeness);
            }
        }
        self.peers.insert(peer.id, peer);
    }

    fn remove(&mut self, id: SessionId) {
        let Some(peer) = self.peers.remove(&id) else {
            return;
        };
        if let Some(second) = self.seconds.get_mut(&peer.created_at) {
            second.all.ids.remove(&id);
            if let Some(same_key) = second.by_key.get_mut(&peer.key) {
                same_key.ids.remove(&id);
            }
        }
    }
}

impl Peers {
    pub(super) fn add(&mut self, peer: Peer) {
        match self {
            Self::Many(many) => many.add(peer),
            Self::One(one) => {
                let mut many = BySecond::default();
                many.add(one.clone());
                many.add(peer);
                *self = Self::Many(Box::new(many));
            }
        }
    }

    /// Takes a session out, and returns whether none is left.
    pub(super) fn remove(&mut self, id: SessionId) -> bool {
        match self {
            Self::One(one) => one.id == id,
            Self::Many(many) => {
                many.remove(id);
                many.peers.is_empty()
            }
        }
    }

    /// All sessions, in no order.
    pub(super) fn all(&self) -> Vec<SessionId> {
        match self {
            Self::One(one) => vec![one.id],
            Self::Many(many) => many.peers.keys().copied().collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(many) => many.peers.len(),
        }
    }
}

/// Sessions that were made as close to a moment as any that are wanted.
#[derive(Debug, Default)]
pub(super) struct Closest<'a> {
    lone: Vec<SessionId>,
    bunches: Vec<&'a Bunch>,
    likeness: BunchLikeness,
}

impl<'a> Closest<'a> {
    /// Finds them among the sessions of a principal: within the clock skew of the moment.
    pub(super) fn of(all: &[&'a Peers], created_at: UtcSecond, wanted: PeerQuery<'_>) -> Self {
        (0..=CLOCK_SKEW_SECONDS.unsigned_abs())
            .map(|distance| Self::at(all, created_at, distance, wanted))
            .find(|closest| closest.count() > 0)
            .unwrap_or_default()
    }

    /// Those that were made so many seconds before or after a moment.
    pub(super) fn at(
        all: &[&'a Peers],
        created_at: UtcSecond,
        distance: u64,
        wanted: PeerQuery<'_>,
    ) -> Self {
        let mut closest = Self::default();
        for peers in all {
            closest.add(peers, created_at, distance, wanted);
        }
        closest
    }

    fn add(&mut self, peers: &'a Peers, at: UtcSecond, distance: u64, wanted: PeerQuery<'_>) {
        match peers {
            Peers::One(one) => {
                let is_wanted = match wanted {
                    PeerQuery::All => true,
                    PeerQuery::Key(key) => one.key.as_ref() == key,
                };
                if is_wanted && one.created_at.distance(at) == distance {
                    self.lone.push(one.id);
                    self.likeness = self.likeness.with(one.likeness);
                }
            }
            Peers::Many(many) => {
                let skew = i64::try_from(distance).unwrap_or(0);
                let mut seconds = vec![at.plus(-skew), at.plus(skew)];
                seconds.dedup();
                for second in seconds {
                    if let Some(second) = many.seconds.get(&second) {
                        self.add_second(many, second, wanted);
                    }
                }
            }
        }
    }

    fn add_second(&mut self, many: &BySecond, second: &'a Second, wanted: PeerQuery<'_>) {
        let bunch = match wanted {
            PeerQuery::All => Some(&second.all),
            PeerQuery::Key(key) if !second.by_key.is_empty() => second.by_key.get(&key.cloned()),
            PeerQuery::Key(key) => {
                let peers = second.all.ids.iter().filter_map(|id| many.peers.get(id));
                for peer in peers.filter(|peer| peer.key.as_ref() == key) {
                    self.lone.push(peer.id);
                    self.likeness = self.likeness.with(peer.likeness);
                }
                None
            }
        };
        if let Some(bunch) = bunch.filter(|bunch| !bunch.ids.is_empty()) {
            self.likeness = self.likeness.and(bunch.likeness);
            self.bunches.push(bunch);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.lone.len()
            + self
                .bunches
                .iter()
                .map(|bunch| bunch.ids.len())
                .sum::<usize>()
    }

    /// Returns true if there are so few that each can be looked at.
    pub(super) fn is_few(&self) -> bool {
        self.count() <= LOOKED_AT_MAX
    }

    /// Each of them, in their order.
    pub(super) fn ids(&self) -> Vec<SessionId> {
        let in_bunches = self
            .bunches
            .iter()
            .flat_map(|bunch| bunch.ids.iter().copied());
        let mut ids: Vec<SessionId> = self.lone.iter().copied().chain(in_bunches).collect();
        ids.sort_unstable();
        ids
    }

    /// Some of them named, the others counted.
    pub(super) fn candidates(&self) -> Candidates {
        let some = self
            .bunches
            .iter()
            .flat_map(|bunch| bunch.ids.iter().take(CANDIDATES_MAX));
        let mut named: Vec<SessionId> = self.lone.iter().chain(some).copied().collect();
        named.sort_unstable();
        named.truncate(CANDIDATES_MAX);
        Candidates {
            more: self.count() - named.len(),
            named,
        }
    }

    /// Returns true if it makes no difference which of them it was.
    pub(super) fn are_alike(&self) -> bool {
        matches!(self.likeness, BunchLikeness::Alike(_))
    }
}
