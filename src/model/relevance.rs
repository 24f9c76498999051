//! The role sessions whose every call is kept.
//!
//! Which sessions matter may be known only after their events went by. So a
//! first pass keeps what matters in itself and, for each object, fingerprints of the
//! role sessions it passed over; when the relevant sessions are known, only objects with a
//! mark of it are read again (ARCHITECTURE.md, "Events known to matter too late").

use super::text::Text;
use hashbrown::HashSet;

/// A role session's assumed role id, hashed: enough to find candidates again,
/// which are then compared in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionFingerprint(u64);

impl SessionFingerprint {
    /// The mark of an assumed role id (`AROA...:session-name`).
    #[must_use]
    pub fn new(assumed_role_id: &[u8]) -> Self {
        // Eight bytes a step: every call of a role session passes here.
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let (words, rest) = assumed_role_id.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let step = |hash: u64, word: &[u8; 8]| {
            (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR)
        };
        let wide = words.iter().fold(assumed_role_id.len() as u64, step);
        let wide = step(wide, &last);
        Self(wide ^ (wide >> 32))
    }

    /// The mark as a number, to be kept.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// A mark that was kept.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The fingerprints of a session and of its role.
    #[must_use]
    pub fn of_session_and_role(assumed_role_id: &[u8]) -> [Self; 2] {
        let role = assumed_role_id.split(|&byte| byte == b':').next();
        [
            Self::new(assumed_role_id),
            Self::new(role.unwrap_or_default()),
        ]
    }
}

/// The role sessions whose every call is kept.
#[derive(Debug, Clone, Default)]
pub struct RelevantSessions {
    /// Keep the calls of all role sessions.
    pub all_sessions: bool,
    /// Relevant assumed role ids.
    pub sessions: HashSet<Text>,
    /// Role ids (`AROA...`) all of whose sessions are relevant.
    pub roles: HashSet<Text>,
}

impl RelevantSessions {
    /// Returns true if the calls of this role session are kept.
    #[must_use]
    pub fn holds(&self, assumed_role_id: &str) -> bool {
        self.all_sessions
            || self.sessions.contains(assumed_role_id)
            || assumed_role_id
                .split_once(':')
                .is_some_and(|(role, _)| self.roles.contains(role))
    }

    /// The same for an id that may not be UTF-8.
    #[must_use]
    pub fn holds_bytes(&self, assumed_role_id: &[u8]) -> bool {
        if self.all_sessions {
            return true;
        }
        if self.sessions.is_empty() && self.roles.is_empty() {
            return false;
        }
        std::str::from_utf8(assumed_role_id).is_ok_and(|id| self.holds(id))
    }
}

impl RelevantSessions {
    /// The fingerprints by which objects that hold calls of these sessions are found.
    #[must_use]
    pub fn fingerprints(&self) -> HashSet<SessionFingerprint> {
        let ids = self.sessions.iter().chain(&self.roles);
        ids.map(|id| SessionFingerprint::new(id.as_bytes()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interest_in_a_role_is_interest_in_its_sessions() {
        let relevant = RelevantSessions {
            roles: [Text::from("AROAX")].into_iter().collect(),
            ..RelevantSessions::default()
        };
        assert!(relevant.holds("AROAX:any"));
        assert!(!relevant.holds("AROAY:any"));
        assert!(!relevant.holds("AROAX"));
        let [_, role] = SessionFingerprint::of_session_and_role(b"AROAX:any");
        assert!(relevant.fingerprints().contains(&role));
    }
}
