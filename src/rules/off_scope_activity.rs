//! `off-scope-activity`: a session of Role B does anything but the Athena, Glue and S3 calls
//! that its policy is for (docs/cloudtrail-facts.md#startqueryexecution,
//! docs/cloudtrail-facts.md#other-paths).

use super::context::RuleContext;
use super::hop::role_text;
use super::occurrences::{Occurrences, plural, sample};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use crate::model::chain::{ChainPart, Confidence};
use crate::model::event::Event;
use crate::model::finding::{Evidence, Severity, Subject};
use crate::model::identity::RoleName;
use crate::model::pattern::matches;
use crate::model::text::Text;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {
    id: "off-scope-activity",
    title: "A Role B session makes calls that queries for Quick do not need",
    severity: Severity::High,
    kind: RuleKind::Event,
    needs: RuleNeed::ConsumerRole,
    since: "0.1.0",
    page: include_str!("off_scope_activity.md"),
    options: &[OptionMeta {
        name: "allow",
        default: "[]",
        meaning: "further calls that are in scope, as service:EventName; * matches any text",
    }],
    next_step: "look at every call of the session; remove what is not needed from Role B's policy",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

/// The calls that queries for Quick need: by the session itself, and by Athena for it
/// (docs/cloudtrail-facts.md#startqueryexecution, docs/cloudtrail-facts.md#other-paths). Calls that
/// change the catalog are not among them.
const IN_SCOPE: [&str; 20] = [
    "athena:Get*",
    "athena:List*",
    "athena:BatchGet*",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
    "glue:Get*",
    "glue:BatchGet*",
    "glue:SearchTables",
    "lakeformation:GetDataAccess",
    "lakeformation:GetTemporary*",
    "s3:GetObject*",
    "s3:HeadObject",
    "s3:HeadBucket",
    "s3:List*",
    "s3:GetBucketLocation",
    "s3:PutObject",
    "s3:*MultipartUpload",
    "s3:UploadPart",
    "kms:Decrypt",
    "kms:GenerateDataKey*",
];

/// Calls for federated sources that only Athena makes for the session.
const IN_SCOPE_BY_ATHENA: [&str; 1] = ["lambda:Invoke*"];

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let allow = options.texts("allow")?;
    if let Some(odd) = allow.iter().find(|pattern| !pattern.contains([':', '*'])) {
        let message =
            format!("{odd:?} is not a call: write service:EventName, such as glue:CreateTable");
        return Err(options.wrong("allow", message));
    }
    Ok(Box::new(OffScopeActivity { allow }))
}

struct OffScopeActivity {
    allow: Vec<Text>,
}

impl OffScopeActivity {
    fn is_in_scope(&self, event: &Event, action: &str) -> bool {
        let by_athena = event.identity.invoked_by.as_deref() == Some("athena.amazonaws.com");
        let is_among = |patterns: &[&str]| patterns.iter().any(|pattern| matches(pattern, action));
        is_among(&IN_SCOPE)
            || (by_athena && is_among(&IN_SCOPE_BY_ATHENA))
            || self.allow.iter().any(|pattern| matches(pattern, action))
    }
}

impl Rule for OffScopeActivity {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let mut by_subject: BTreeMap<RoleName, (Occurrences, u64)> = BTreeMap::new();
        let mut doubtful = 0;
        for active in context.reaching() {
            let chain = active.chain;
            let Some(session) = &chain.consumer_session else {
                continue;
            };
            let role = session.role_arn.as_deref().and_then(RoleName::from_arn);
            let Some(role) = role.filter(|role| context.input.roles.consumer.contains(role)) else {
                continue;
            };
            for entry in &chain.events {
                let event = &context.input.events[entry.event as usize];
                let is_its_making = session.event_ids.contains(&event.id);
                let is_judged =
                    entry.session == ChainPart::Consumer && context.in_window(event.time);
                if !is_judged || is_its_making {
                    continue;
                }
                let action = event.action();
                if self.is_in_scope(event, &action) {
                    continue;
                }
                doubtful += u64::from(entry.confidence == Confidence::Ambiguous);
                let (occurrences, denied) = by_subject.entry(role.clone()).or_default();
                *denied += u64::from(event.error_code.is_some());
                occurrences
                    .happened(event.time)
                    .with_events([&event.id])
                    .with_chain(&chain.chain_id)
                    .with_word("calls", Some(&Text::from(action)))
                    .with_word("source_ips", event.source_ip.as_ref());
            }
        }
        if doubtful > 0 {
            sink.note(format!(
                "{} may belong to another session of the role",
                plural(doubtful, "call")
            ));
        }
        for (role, (occurrences, denied)) in &by_subject {
            sink.add(draft(context, role, occurrences, *denied));
        }
    }
}

/// The finding of one role's calls, of which `denied` were denied.
fn draft<'a>(
    context: &RuleContext<'_>,
    role: &RoleName,
    occurrences: &'a Occurrences,
    denied: u64,
) -> FindingDraft<'a> {
    let calls = occurrences.words("calls");
    let denied_text = match denied {
        0 => String::new(),
        some => format!(" {some} of them were denied."),
    };
    FindingDraft {
        title: format!(
            "A Role B session of {} called {}",
            context.account(&role.account_id),
            sample(&calls)
        ),
        detail: format!(
            "Sessions of {} made {} that queries for Quick do not need: {}.{denied_text}",
            role_text(role),
            plural(occurrences.count(), "call"),
            sample(&calls)
        ),
        subject: Subject(vec![
            ("consumer_account_id", role.account_id.clone().into()),
            ("role", role_text(role)),
        ]),
        consumer_account_id: Some(role.account_id.clone()),
        evidence: vec![
            ("calls", Evidence::texts(calls)),
            (
                "source_ips",
                Evidence::texts(occurrences.words("source_ips")),
            ),
            ("denied", Evidence::Integer(denied)),
        ],
        next_step: None,
        occurrences,
    }
}
