//! `external-id-spoof`: Role B is assumed with a data source's external id by a session that
//! Quick did not make (docs/cloudtrail-facts.md#scope-down-policy-and-external-id).

use super::context::{Certainty, RuleContext};
use super::occurrences::{Occurrences, plural, sample, times};
use super::rule::{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed};
use super::unread::note_unread_consumer_sessions;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::ids::{AccountId, is_data_source_arn};
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "external-id-spoof",
    title: "A session that Quick did not create assumes Role B with the ExternalId of a Quick data source",
    severity: Severity::Critical,
    kind: RuleKind::Event,
    needs: RuleNeed::ConsumerRole,
    since: "0.1.0",
    page: include_str!("external_id_spoof.md"),
    options: &[],
    next_step: "find out who it was and what was read; then trust only Role A in Role B's trust policy",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {
    meta: &META,
    build: |_| Ok(Box::new(ExternalIdSpoof)),
};

struct ExternalIdSpoof;

impl Rule for ExternalIdSpoof {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        note_unread_consumer_sessions(context, sink);
        let mut by_subject: BTreeMap<(AccountId, Text, Text), (Occurrences, u64)> = BTreeMap::new();
        let mut undecided = 0;
        for hop in context.consumer_hops() {
            let Some(external_id) = &hop.session.external_id else {
                continue;
            };
            if !is_data_source_arn(external_id) && !context.is_data_source(external_id) {
                continue;
            }
            match context.is_from_quick(hop) {
                Certainty::Yes => continue,
                Certainty::Open => {
                    undecided += 1;
                    continue;
                }
                Certainty::No => {}
            }
            let account = hop.role.account_id.clone();
            let key = (account, hop.role_text(), hop.source_account());
            let (occurrences, queries) = by_subject.entry(key).or_default();
            *queries += hop.query_count();
            occurrences
                .with_hop(hop)
                .with_word("external_ids", Some(external_id))
                .with_word("session_names", hop.session.role_session_name.as_ref())
                .with_word("callers", hop.caller().as_ref())
                .with_word("source_ips", hop.session.source_ip.as_ref());
        }
        if undecided > 0 {
            sink.note(format!(
                "{} of Role B with a data source's ExternalId: the AssumeRole record of the calling session was not read",
                plural(undecided, "session")
            ));
        }
        for ((account, role, source), (occurrences, queries)) in &by_subject {
            let name = context.account(account);
            let callers = occurrences.words("callers");
            let caller = sample(&callers);
            sink.add(FindingDraft {
                title: format!("{caller} used a Quick ExternalId to reach {name}"),
                detail: format!(
                    "{role} was assumed {} with the ExternalId of {} by {caller} of account {source} from {}, in a session \
                     that Quick did not create (session name {}). An ExternalId is not a secret. These sessions submitted \
                     {}.",
                    times(occurrences.count()),
                    sample(&occurrences.words("external_ids")),
                    sample(&occurrences.words("source_ips")),
                    sample(&occurrences.words("session_names")),
                    plural(*queries, "query")
                ),
                subject: Subject(vec![
                    ("consumer_account_id", account.clone().into()),
                    ("role", role.clone()),
                    ("source_account_id", source.clone()),
                ]),
                consumer_account_id: Some(account.clone()),
                evidence: vec![
                    ("external_ids", Evidence::texts(occurrences.words("external_ids"))),
                    ("callers", Evidence::texts(callers)),
                    ("session_names", Evidence::texts(occurrences.words("session_names"))),
                    ("source_ips", Evidence::texts(occurrences.words("source_ips"))),
                    ("queries", Evidence::Integer(*queries)),
                ],
                next_step: None,
                occurrences,
            });
        }
    }
}
