//! One copy of each string that many events share.

use crate::model::identity::Identity;
use crate::model::text::Text;
use hashbrown::HashSet;
use std::sync::Arc;

/// Strings longer than this are rarely shared and not worth looking up.
const SHARED_BYTES_MAX: usize = 256;

/// Shares equal strings and identities among the events of one worker.
#[derive(Default)]
pub(super) struct Interner {
    texts: HashSet<Text>,
    identities: HashSet<Arc<Identity>>,
}

impl Interner {
    pub(super) fn text(&mut self, text: &str) -> Text {
        if text.len() > SHARED_BYTES_MAX {
            return text.into();
        }
        self.texts
            .get_or_insert_with(text, |text: &str| Text::from(text))
            .clone()
    }

    /// The text, unless there is none or it is empty.
    pub(super) fn maybe(&mut self, text: Option<&str>) -> Option<Text> {
        text.filter(|text| !text.is_empty())
            .map(|text| self.text(text))
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
