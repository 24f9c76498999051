//! Relevance of records, decided from their header alone.

use crate::event_list::entry::When;
use crate::event_list::list as event_list;
use crate::model::relevance::{RelevantSessions, SessionFingerprint};

/// The decision on a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Keep it, no matter who made it.
    Keep,
    /// Keep it only if its role session is relevant, and it is so far.
    Candidate,
    /// The same, and it is not so far; the fingerprints stand for session and role. Of a session
    /// that was passed over before in the object, this may be [`Decision::Pass`].
    Unresolved([SessionFingerprint; 2]),
    /// No one will ask for it.
    Pass,
}

/// The header as bytes, from either reading.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HeaderBytes<'a> {
    pub(super) source: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) source_ip: Option<&'a [u8]>,
    pub(super) principal_id: Option<&'a [u8]>,
    pub(super) invoked_by: Option<&'a [u8]>,
    /// The record itself.
    pub(super) record: &'a [u8],
}

/// Role sessions of one object that were passed over: most records are of a few.
pub(super) struct PassedSessions(Box<[PassedSession; PASSED_SESSIONS]>);

/// Places in [`PassedSessions`]. Of two sessions of one place, the last one is there.
const PASSED_SESSIONS: usize = 64;
/// Bytes of an assumed role id that is taken note of: 20 of the role id, 64 of the session name.
const PASSED_BYTES_MAX: usize = 95;

/// An assumed role id: its length and its bytes.
type PassedSession = (u8, [u8; PASSED_BYTES_MAX]);

impl PassedSessions {
    pub(super) fn new() -> Self {
        Self(Box::new([(0, [0; PASSED_BYTES_MAX]); PASSED_SESSIONS]))
    }

    /// Begins another object.
    pub(super) fn clear(&mut self) {
        self.0.iter_mut().for_each(|(length, _)| *length = 0);
    }

    fn hold(&self, principal: &[u8]) -> bool {
        let (length, bytes) = &self.0[place_of(principal)];
        usize::from(*length) == principal.len() && bytes[..usize::from(*length)] == *principal
    }

    fn add(&mut self, principal: &[u8]) {
        if let Ok(length) = u8::try_from(principal.len())
            && principal.len() <= PASSED_BYTES_MAX
        {
            let (of, bytes) = &mut self.0[place_of(principal)];
            *of = length;
            bytes[..principal.len()].copy_from_slice(principal);
        }
    }
}

/// The place of an assumed role id in [`PassedSessions`].
fn place_of(principal: &[u8]) -> usize {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let role = word(principal.get(8..).and_then(<[u8]>::first_chunk));
    let name = word(principal.last_chunk());
    let hash = (role.rotate_left(17) ^ name).wrapping_mul(FACTOR);
    usize::try_from(hash >> 58).unwrap_or(0)
}

const ATHENA: &[u8] = b"athena.amazonaws.com";
const CLOUDTRAIL: &[u8] = b"cloudtrail.amazonaws.com";

/// Decides on a record (docs/cloudtrail-facts.md#assumerole).
pub(super) fn decide(
    facts: &HeaderBytes<'_>,
    relevant: &RelevantSessions,
    passed: &mut PassedSessions,
) -> Decision {
    let listed = event_list::entry(facts.source, facts.name).and_then(|entry| entry.kept);
    let always = match listed.map(|kept| kept.when) {
        Some(When::Always) => true,
        Some(When::OnLogs) => touches_logs(facts),
        Some(When::OnLogsOrSpill) => touches_logs(facts) || names_spill(facts),
        Some(When::OfReads) => is_by_lake_formation(facts) || names_spill(facts),
        Some(When::OfSession) | None => false,
    };
    if always || facts.invoked_by == Some(ATHENA) || facts.source_ip == Some(ATHENA) {
        return Decision::Keep;
    }
    match facts.principal_id {
        Some(principal) if is_role_session(principal) => {
            if relevant.all_sessions {
                Decision::Keep
            } else if passed.hold(principal) {
                Decision::Pass
            } else if relevant.holds_bytes(principal) {
                Decision::Candidate
            } else {
                passed.add(principal);
                Decision::Unresolved(SessionFingerprint::of_session_and_role(principal))
            }
        }
        _ => Decision::Pass,
    }
}

/// Someone else than CloudTrail writes or deletes what lies where logs lie.
fn touches_logs(facts: &HeaderBytes<'_>) -> bool {
    facts.invoked_by != Some(CLOUDTRAIL) && memchr::memmem::find(facts.record, b"AWSLogs").is_some()
}

/// A session that Lake Formation made reads an object: by its name (`AWSLF-00-AT-ACCOUNT-...`), or
/// by a source identity that names the role it was made for (`V2.ACCOUNT.AROA...`;
/// docs/cloudtrail-facts.md#other-paths).
fn is_by_lake_formation(facts: &HeaderBytes<'_>) -> bool {
    let of_session = facts
        .principal_id
        .is_some_and(|principal| memchr::memmem::find(principal, b":AWSLF-").is_some());
    of_session || memchr::memmem::find(facts.record, b"\"V2.").is_some()
}

/// An object is named as what a connector spilled: the folder that the connectors of Athena use is
/// named so unless it is set otherwise (docs/cloudtrail-facts.md#connectors).
fn names_spill(facts: &HeaderBytes<'_>) -> bool {
    memchr::memmem::find(facts.record, b"spill").is_some()
}

/// `AROA...:name`; not `123456789012:name`, which is a federated user.
fn is_role_session(principal: &[u8]) -> bool {
    !principal.first().is_some_and(u8::is_ascii_digit)
        && memchr::memchr(b':', principal).is_some_and(|at| at + 1 < principal.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(source: &str, name: &str, principal: Option<&str>) -> Decision {
        let facts = HeaderBytes {
            source: source.as_bytes(),
            name: name.as_bytes(),
            principal_id: principal.map(str::as_bytes),
            ..HeaderBytes::default()
        };
        decide(
            &facts,
            &RelevantSessions::default(),
            &mut PassedSessions::new(),
        )
    }

    #[test]
    fn what_makes_or_changes_a_chain_is_always_kept() {
        for (source, name) in [
            ("sts.amazonaws.com", "AssumeRole"),
            ("sts.amazonaws.com", "AssumeRoleWithSAML"),
            ("sts.amazonaws.com", "AssumeRoot"),
            ("sts.amazonaws.com", "GetSessionToken"),
            ("athena.amazonaws.com", "ListWorkGroups"),
            ("quicksight.amazonaws.com", "QueryDatabase"),
            ("iam.amazonaws.com", "UpdateAssumeRolePolicy"),
            ("iam.amazonaws.com", "CreatePolicyVersion"),
            ("cloudtrail.amazonaws.com", "StopLogging"),
        ] {
            assert_eq!(
                decision(source, name, None),
                Decision::Keep,
                "{source} {name}"
            );
        }
    }

    #[test]
    fn what_is_done_to_stored_logs_is_kept() {
        let of = |name: &str, record: &str, invoked_by: Option<&str>| {
            let facts = HeaderBytes {
                source: b"s3.amazonaws.com",
                name: name.as_bytes(),
                invoked_by: invoked_by.map(str::as_bytes),
                record: record.as_bytes(),
                ..HeaderBytes::default()
            };
            decide(
                &facts,
                &RelevantSessions::default(),
                &mut PassedSessions::new(),
            )
        };
        let log = r#"{"key":"AWSLogs/111122223333/CloudTrail/f"}"#;
        assert_eq!(of("DeleteObject", log, None), Decision::Keep);
        assert_eq!(of("DeleteObject", "{}", None), Decision::Pass);
        assert_eq!(of("GetObject", log, None), Decision::Pass);
        let by_cloudtrail = Some("cloudtrail.amazonaws.com");
        assert_eq!(of("PutObject", log, by_cloudtrail), Decision::Pass);
        assert_eq!(of("DeleteBucket", "{}", None), Decision::Keep);
    }

    #[test]
    fn what_lake_formation_reads_for_others_is_kept() {
        let of = |principal: &str, record: &str| {
            let facts = HeaderBytes {
                source: b"s3.amazonaws.com",
                name: b"GetObject",
                principal_id: Some(principal.as_bytes()),
                record: record.as_bytes(),
                ..HeaderBytes::default()
            };
            decide(
                &facts,
                &RelevantSessions::default(),
                &mut PassedSessions::new(),
            )
        };
        let by_name = of("AROAX:AWSLF-00-AT-111122223333-a", "{}");
        assert_eq!(by_name, Decision::Keep);
        let by_source_identity = of("AROAX:x", r#"{"sourceIdentity":"V2.111122223333.AROAY"}"#);
        assert_eq!(by_source_identity, Decision::Keep);
        let spilled = of("AIDAX", r#"{"key":"athena-federation-spill/q/s"}"#);
        assert_eq!(spilled, Decision::Keep);
        assert_eq!(of("AIDAX", "{}"), Decision::Pass);
    }

    #[test]
    fn what_only_looks_is_passed() {
        for (source, name) in [
            ("sts.amazonaws.com", "GetCallerIdentity"),
            ("iam.amazonaws.com", "ListRoles"),
            ("iam.amazonaws.com", "GetPolicyVersion"),
            ("cloudtrail.amazonaws.com", "LookupEvents"),
            ("ec2.amazonaws.com", "RunInstances"),
        ] {
            assert_eq!(
                decision(source, name, None),
                Decision::Pass,
                "{source} {name}"
            );
        }
    }

    #[test]
    fn a_role_session_waits_until_its_interest_is_known() {
        let id = "AROAX:session";
        let fingerprints = SessionFingerprint::of_session_and_role(id.as_bytes());
        let waiting = Decision::Unresolved(fingerprints);
        assert_eq!(decision("s3.amazonaws.com", "GetObject", Some(id)), waiting);
        let user = decision("s3.amazonaws.com", "GetObject", Some("AIDAX"));
        assert_eq!(user, Decision::Pass);
        let federated = decision("s3.amazonaws.com", "GetObject", Some("111122223333:bob"));
        assert_eq!(federated, Decision::Pass);
    }
}
