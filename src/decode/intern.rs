//! One copy of each string that many events share.

use crate::model::coverage::Limits;
use crate::model::event::Call;
use crate::model::identity::Identity;
use crate::model::ids::{AccountId, Region};
use crate::model::text::{OpaqueId, Text};
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

/// Identities that are known by their JSON: the calls of a session stand near each other.
const IDENTITIES_BY_JSON_MAX: usize = 4096;
/// Bytes of the JSON of such an identity.
const IDENTITY_BYTES_MAX: usize = 2048;

/// Shares equal strings and identities among the events of one worker, and holds what is
/// kept of a record to its limits.
pub(super) struct Interner {
    texts: HashSet<Text>,
    identities: HashSet<Arc<Identity>>,
    /// Calls by the addresses of their texts, each of which there is once.
    calls: HashMap<[usize; 7], Arc<Call>>,
    /// Identities by their JSON.
    by_json: HashMap<Box<str>, Arc<Identity>>,
    text_bytes_max: usize,
    policy_bytes_max: usize,
    /// The first limit that the current record exceeds.
    excess: Option<String>,
}

impl Default for Interner {
    fn default() -> Self {
        Self::new(&Limits::DEFAULT)
    }
}

impl Interner {
    /// An interner with these limits.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            texts: HashSet::new(),
            identities: HashSet::new(),
            calls: HashMap::new(),
            by_json: HashMap::new(),
            text_bytes_max: limits.kept_text_bytes_max,
            policy_bytes_max: limits.policy_bytes_max,
            excess: None,
        }
    }

    /// Returns the first limit that the current record exceeds, in words, and forgets it.
    pub(super) fn take_excess(&mut self) -> Option<String> {
        self.excess.take()
    }

    /// Notes that something of the record at hand is longer than is kept.
    pub(super) fn note_excess(&mut self, what: String) {
        self.excess.get_or_insert(what);
    }

    pub(super) fn text(&mut self, text: &str) -> Text {
        self.bounded(text, self.text_bytes_max)
    }

    /// A policy document, which may be longer than other text.
    pub(super) fn policy(&mut self, text: Option<&str>) -> Option<Text> {
        text.filter(|text| !text.is_empty())
            .map(|text| self.bounded(text, self.policy_bytes_max))
    }

    /// An id, as it was logged.
    pub(super) fn id<I: From<OpaqueId>>(&mut self, id: &str) -> I {
        I::from(match OpaqueId::new(id) {
            OpaqueId::Uuid(bytes) => OpaqueId::Uuid(bytes),
            OpaqueId::Other(_) => OpaqueId::Other(self.text(id)),
        })
    }

    fn bounded(&mut self, text: &str, bytes_max: usize) -> Text {
        if text.len() > bytes_max {
            let length = text.len();
            self.note_excess(format!(
                "a string of {length} bytes; the limit is {bytes_max}"
            ));
            return Text::default();
        }
        self.texts
            .get_or_insert_with(text, |text: &str| Text::from(text))
            .clone()
    }

    /// The text, unless there is none or it is empty.
    pub(super) fn maybe<T: From<Text>>(&mut self, text: Option<&str>) -> Option<T> {
        text.filter(|text| !text.is_empty())
            .map(|text| self.text(text).into())
    }

    /// The identity that was read of this JSON.
    pub(super) fn identity_of_text(&self, json: &str) -> Option<Arc<Identity>> {
        self.by_json.get(json).cloned()
    }

    /// Takes note of what was read of this JSON, unless something of the record is longer than is kept.
    pub(super) fn remember_identity(&mut self, json: &str, identity: &Arc<Identity>) {
        if self.excess.is_some() || json.len() > IDENTITY_BYTES_MAX {
            return;
        }
        if self.by_json.len() >= IDENTITIES_BY_JSON_MAX {
            self.by_json.clear();
        }
        self.by_json.insert(json.into(), Arc::clone(identity));
    }

    /// The shared copy of a call, whose texts are those of this interner.
    pub(super) fn call(&mut self, call: Call) -> Arc<Call> {
        let of = |text: Option<&Text>| text.map_or(0, |text| text.as_ptr().addr());
        let addresses = [
            of(call.recipient_account_id.as_ref().map(AccountId::text)),
            of(call.region.as_ref().map(Region::text)),
            of(Some(&call.source)),
            of(Some(&call.name)),
            of(call.source_ip.as_ref()),
            of(call.user_agent.as_ref()),
            of(call.error_code.as_ref()),
        ];
        let known = self.calls.entry(addresses);
        Arc::clone(known.or_insert_with(|| Arc::new(call)))
    }

    pub(super) fn identity(&mut self, identity: Identity) -> Arc<Identity> {
        if let Some(known) = self.identities.get(&identity) {
            return Arc::clone(known);
        }
        let shared = Arc::new(identity);
        self.identities.insert(Arc::clone(&shared));
        shared
    }
}
