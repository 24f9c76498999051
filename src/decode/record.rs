//! A record's JSON to a slim event. Unknown members are ignored, secrets are
//! dropped here and exist nowhere else.

use super::change;
use super::intern::Interner;
use super::lenient::{self, LenientObject, LenientText, LenientTexts};
use super::object_text::ObjectText;
use super::read_calls::{self, RawCall};
use super::redact::scrubbed_message;
use super::road_calls;
use crate::event_list::entry::When;
use crate::event_list::list as event_list;
use crate::event_list::members::{Members, MembersRead, OF_S3, OF_SHARE_ANSWER};
use crate::model::coverage::{RejectReason, Sibling};
use crate::model::event::{
    Call, Content, CredentialIssuance, Detail, Event, EventOrigin, QueryDatabase, RareFields,
    StartQuery,
};
use crate::model::identity::{Identity, RareIdentity, RoleName, session_name_in_arn};
use crate::model::ids::{AccountId, EventId, QueryExecutionId};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::Arc;

/// A record that was read.
#[derive(Debug)]
pub(super) struct DecodedRecord {
    pub(super) event: Event,
    /// Its event version is one this program was written for.
    pub(super) known_version: bool,
}

/// The reason why a record gives no event.
#[derive(Debug)]
pub(super) enum NoEvent {
    /// It belongs to a sibling of the logs.
    Sibling(Sibling),
    /// It cannot be read.
    Reject(RejectReason, String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRecord<'a> {
    #[serde(borrow)]
    event_version: Option<&'a RawValue>,
    #[serde(rename = "eventID", borrow)]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_category: Option<Cow<'a, str>>,
    #[serde(borrow)]
    aws_region: Option<Cow<'a, str>>,
    #[serde(borrow)]
    recipient_account_id: Option<Cow<'a, str>>,
    #[serde(rename = "sourceIPAddress", borrow)]
    source_ip: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_agent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_message: Option<Cow<'a, str>>,
    #[serde(rename = "requestID", borrow)]
    request_id: Option<Cow<'a, str>>,
    #[serde(rename = "sharedEventID", borrow)]
    shared_event_id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    session_credential_from_console: LenientText<'a>,
    #[serde(borrow)]
    user_identity: Option<&'a RawValue>,
    #[serde(borrow)]
    request_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    response_elements: Option<&'a RawValue>,
    #[serde(borrow)]
    service_event_details: Option<&'a RawValue>,
    #[serde(borrow)]
    resources: Option<&'a RawValue>,
    #[serde(borrow)]
    additional_event_data: Option<&'a RawValue>,
    #[serde(borrow)]
    addendum: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct RawIdentity<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    principal_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arn: Option<Cow<'a, str>>,
    #[serde(borrow)]
    account_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    access_key_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    invoked_by: Option<Cow<'a, str>>,
    #[serde(borrow)]
    session_context: Option<&'a RawValue>,
    #[serde(borrow)]
    on_behalf_of: Option<&'a RawValue>,
    #[serde(borrow)]
    invoked_by_delegate: Option<&'a RawValue>,
    #[serde(borrow)]
    in_scope_of: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawSessionContext<'a> {
    attributes: LenientObject<RawAttributes<'a>>,
    session_issuer: LenientObject<RawIssuer<'a>>,
    #[serde(borrow)]
    source_identity: LenientText<'a>,
    ec2_role_delivery: lenient::Present,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawAttributes<'a> {
    #[serde(borrow)]
    creation_date: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawIssuer<'a> {
    #[serde(borrow)]
    arn: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawOnBehalfOf<'a> {
    #[serde(borrow)]
    user_id: LenientText<'a>,
    #[serde(borrow)]
    identity_store_arn: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawScope<'a> {
    #[serde(borrow)]
    source_arn: LenientText<'a>,
    #[serde(borrow)]
    issuer_type: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawDelegate<'a> {
    #[serde(borrow)]
    account_id: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawAddendum<'a> {
    #[serde(borrow)]
    reason: LenientText<'a>,
    #[serde(rename = "originalEventID", borrow)]
    original_event_id: LenientText<'a>,
}

/// `requestParameters` of a call that issues credentials.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawIssuanceRequest<'a> {
    #[serde(borrow)]
    role_arn: LenientText<'a>,
    #[serde(borrow)]
    role_session_name: LenientText<'a>,
    #[serde(borrow)]
    external_id: LenientText<'a>,
    duration_seconds: lenient::Number,
    #[serde(borrow)]
    policy: LenientText<'a>,
    policy_arns: lenient::Arns,
    provided_contexts: lenient::Arns,
    #[serde(borrow)]
    source_identity: LenientText<'a>,
    /// Left out for size (docs/cloudtrail-facts.md#size-limits): unknown, not empty.
    omitted: lenient::Present,
}

/// Its `responseElements`. The token is not even looked at.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawIssueGot<'a> {
    credentials: LenientObject<RawCredentials<'a>>,
    #[serde(borrow)]
    source_identity: LenientText<'a>,
    #[serde(borrow)]
    assumed_role_user: LenientObject<RawAssumedRoleUser<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawCredentials<'a> {
    #[serde(borrow)]
    access_key_id: LenientText<'a>,
    #[serde(borrow)]
    expiration: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawAssumedRoleUser<'a> {
    #[serde(borrow)]
    assumed_role_id: LenientText<'a>,
    #[serde(borrow)]
    arn: LenientText<'a>,
}

/// `requestParameters` of Athena's calls.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawQueryRequest<'a> {
    #[serde(borrow)]
    query_string: LenientText<'a>,
    #[serde(borrow)]
    work_group: LenientText<'a>,
    #[serde(borrow)]
    query_execution_context: LenientObject<RawQueryContext<'a>>,
    #[serde(borrow)]
    result_configuration: LenientObject<RawResultConfiguration<'a>>,
    #[serde(borrow)]
    query_execution_id: LenientText<'a>,
    query_execution_ids: LenientTexts,
    omitted: lenient::Present,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawQueryContext<'a> {
    #[serde(borrow)]
    catalog: LenientText<'a>,
    #[serde(borrow)]
    database: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawResultConfiguration<'a> {
    #[serde(borrow)]
    output_location: LenientText<'a>,
}

/// `responseElements` of `StartQueryExecution`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawQueryGot<'a> {
    #[serde(borrow)]
    query_execution_id: LenientText<'a>,
}

/// `serviceEventDetails` of Quick's own events.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawServiceDetails<'a> {
    #[serde(borrow)]
    event_request_details: LenientObject<RawQueryDatabase<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawQueryDatabase<'a> {
    #[serde(borrow)]
    data_source_id: LenientText<'a>,
    #[serde(borrow)]
    query_id: LenientText<'a>,
    #[serde(borrow)]
    resource_id: LenientText<'a>,
    #[serde(borrow)]
    data_set_id: LenientText<'a>,
    #[serde(borrow)]
    data_set_mode: LenientText<'a>,
}

/// Reads one record, which is valid UTF-8 and not nested too deep.
pub(super) fn read(
    text: &str,
    place: EventOrigin,
    interner: &mut Interner,
) -> Result<DecodedRecord, NoEvent> {
    let read = read_unbounded(text, place, interner);
    // What was too long in a record that cannot be read is not held against the next one.
    match (read, interner.take_excess()) {
        (Ok(_), Some(excess)) => Err(NoEvent::Reject(RejectReason::RecordTooLarge, excess)),
        (read, _) => read,
    }
}

/// Reads one record; the interner notes what is longer than is kept.
fn read_unbounded(
    text: &str,
    place: EventOrigin,
    interner: &mut Interner,
) -> Result<DecodedRecord, NoEvent> {
    let raw: RawRecord<'_> = serde_json::from_str(text).map_err(|error| reject_of(&error))?;
    if let Some(sibling) = sibling_of(&raw) {
        return Err(NoEvent::Sibling(sibling));
    }
    let known_version = is_known_version(raw.event_version);
    let (Some(source), Some(name)) = (&raw.event_source, &raw.event_name) else {
        return Err(bad("eventSource or eventName is missing"));
    };
    let time = raw.event_time.as_deref();
    let time = time.ok_or_else(|| bad("eventTime is missing"))?;
    let time = UtcSecond::parse_logged(time).ok_or_else(|| bad("eventTime is not a time"))?;
    let id = match raw.event_id.as_deref() {
        Some(id) if !id.is_empty() => interner.id(id),
        _ => digest_id(text),
    };
    let detail = detail_of(&raw, source, name, interner);
    let is_from_console = raw.session_credential_from_console.get() == Some("true");
    let identity = shared_identity(text, raw.user_identity, is_from_console, interner)?;
    let recipient: Option<AccountId> = interner
        .maybe(raw.recipient_account_id.as_deref())
        .or_else(|| interner.maybe(recipient_of(&identity, &detail).as_deref()));
    let call = Call {
        recipient_account_id: recipient,
        region: interner.maybe(raw.aws_region.as_deref()),
        source: interner.text(source),
        name: interner.text(name),
        source_ip: interner.maybe(raw.source_ip.as_deref()),
        user_agent: interner.maybe(raw.user_agent.as_deref()),
        error_code: interner.maybe(raw.error_code.as_deref()),
    };
    let rare = RareFields {
        error_message: raw
            .error_message
            .as_deref()
            .and_then(|message| interner.maybe(Some(&scrubbed_message(source, message)))),
        replaces: replaced_by(raw.addendum, interner),
    };
    let content = Content {
        id,
        time,
        call: interner.call(call),
        identity,
        detail,
        rare: rare.boxed(),
    };
    Ok(DecodedRecord {
        event: Event { place, content },
        known_version,
    })
}

/// The account that got a record without `recipientAccountId`, which exporters leave out: the
/// caller's, and of the copy that describes the caller by its account, that of the role.
fn recipient_of(identity: &Identity, detail: &Detail) -> Option<AccountId> {
    match detail {
        Detail::CredentialIssuance(issue) if identity.kind.as_deref() == Some("AWSAccount") => {
            let role = issue.role_arn.as_deref().and_then(RoleName::from_arn);
            role.map(|role| role.account_id)
        }
        _ => identity.account_id.clone(),
    }
}

fn bad(detail: &str) -> NoEvent {
    NoEvent::Reject(RejectReason::BadMember, detail.to_owned())
}

/// The reject for a JSON error. Its message has no text from the log but
/// position and expectation.
pub(super) fn reject_of(error: &serde_json::Error) -> NoEvent {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => {
            // serde quotes the offending value: leave that out.
            let place = format!("at byte {} of the record", error.column());
            NoEvent::Reject(
                RejectReason::WrongType,
                format!("a member has a type that CloudTrail never uses, or occurs twice, {place}"),
            )
        }
        Category::Eof => NoEvent::Reject(
            RejectReason::InvalidJson,
            "the record ends before its JSON does".to_owned(),
        ),
        Category::Syntax | Category::Io => {
            NoEvent::Reject(RejectReason::InvalidJson, error.to_string())
        }
    }
}

/// Records that are CloudTrail's but not of calls, told by their content.
fn sibling_of(raw: &RawRecord<'_>) -> Option<Sibling> {
    match (raw.event_category.as_deref(), raw.event_type.as_deref()) {
        (Some("Insight"), _) | (_, Some("AwsCloudTrailInsight")) => Some(Sibling::Insight),
        (Some("NetworkActivity"), _) | (_, Some("AwsVpceEvents")) => Some(Sibling::NetworkActivity),
        (Some("Aggregated"), _) | (_, Some("AwsAggregatedEvent")) => Some(Sibling::Aggregated),
        _ => None,
    }
}

/// Returns true if the version is 1.x, or absent (docs/cloudtrail-facts.md#record-fields). Others
/// are read too, but said.
fn is_known_version(version: Option<&RawValue>) -> bool {
    version.is_none_or(|version| {
        let version = version.get().trim_matches('"');
        let major = version.split('.').next().unwrap_or_default();
        version == "null" || major.parse() == Ok(1u32)
    })
}

/// An id for a record without one: the digest of its text as compact JSON.
fn digest_id(text: &str) -> EventId {
    let canonical = serde_json::from_str::<Value>(text).map(|mut value| {
        value.sort_all_objects();
        value.to_string()
    });
    let digest = Sha256::digest(canonical.as_deref().unwrap_or(text).as_bytes());
    EventId::new(&format!("sha256:{}", hex::encode(digest)))
}

/// The identity of a record. The calls of one session spell it alike: it is read once.
fn shared_identity(
    record: &str,
    raw: Option<&RawValue>,
    is_from_console: bool,
    interner: &mut Interner,
) -> Result<Arc<Identity>, NoEvent> {
    let text = raw.map_or("", RawValue::get);
    if !is_from_console && let Some(known) = interner.identity_of_text(text) {
        return Ok(known);
    }
    let raw: RawIdentity<'_> = match raw {
        Some(raw) => serde_json::from_str(raw.get()).map_err(|_| wrong_identity(record))?,
        None => RawIdentity::default(),
    };
    let identity = identity_of(&raw, is_from_console, interner);
    if !is_from_console {
        interner.remember_identity(text, &identity);
    }
    Ok(identity)
}

/// The reject for an identity that cannot be read, with its place in the record.
#[cold]
fn wrong_identity(record: &str) -> NoEvent {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct OnlyIdentity<'a> {
        #[serde(borrow, rename = "userIdentity")]
        _user_identity: Option<RawIdentity<'a>>,
    }
    match serde_json::from_str::<OnlyIdentity<'_>>(record) {
        Err(error) => reject_of(&error),
        Ok(_) => bad("userIdentity cannot be read"),
    }
}

fn identity_of(
    raw: &RawIdentity<'_>,
    is_from_console: bool,
    interner: &mut Interner,
) -> Arc<Identity> {
    let context = ObjectText::of(raw.session_context);
    let context: RawSessionContext<'_> = context.read();
    let on_behalf_of = ObjectText::of(raw.on_behalf_of);
    let on_behalf_of: RawOnBehalfOf<'_> = on_behalf_of.read();
    let delegate = ObjectText::of(raw.invoked_by_delegate);
    let delegate: RawDelegate<'_> = delegate.read();
    let scope = ObjectText::of(raw.in_scope_of);
    let scope: RawScope<'_> = scope.read();
    let created = context.attributes.0.creation_date.get();
    let rare = RareIdentity {
        user_name: interner.maybe(raw.user_name.as_deref()),
        source_identity: interner.maybe(context.source_identity.get()),
        on_behalf_of: interner.maybe(on_behalf_of.user_id.get()),
        delegate_account_id: interner.maybe(delegate.account_id.get()),
        identity_store_arn: interner.maybe(on_behalf_of.identity_store_arn.get()),
        scope_source_arn: interner.maybe(scope.source_arn.get()),
        scope_issuer_type: interner.maybe(scope.issuer_type.get()),
    };
    let identity = Identity {
        kind: interner.maybe(raw.kind.as_deref()),
        principal_id: interner.maybe(raw.principal_id.as_deref()),
        arn: interner.maybe(raw.arn.as_deref()),
        account_id: interner.maybe(raw.account_id.as_deref()),
        access_key_id: interner.maybe(raw.access_key_id.as_deref()),
        invoked_by: interner.maybe(raw.invoked_by.as_deref()),
        session_created_at: created.and_then(UtcSecond::parse_logged),
        issuer_arn: interner.maybe(context.session_issuer.0.arn.get()),
        is_from_console,
        is_from_instance: context.ec2_role_delivery.0,
        rare: rare.boxed(),
    };
    interner.identity(identity)
}

/// The event that an `UPDATED_DATA` addendum replaces.
fn replaced_by(addendum: Option<&RawValue>, interner: &mut Interner) -> Option<EventId> {
    let addendum = ObjectText::of(Some(addendum?));
    let addendum: RawAddendum<'_> = addendum.read();
    let is_update = addendum.reason.get() == Some("UPDATED_DATA");
    let original = addendum.original_event_id.get()?;
    is_update.then(|| interner.id(original))
}

fn detail_of(raw: &RawRecord<'_>, source: &str, name: &str, interner: &mut Interner) -> Detail {
    let Some(entry) = event_list::entry(source.as_bytes(), name.as_bytes()) else {
        return Detail::None;
    };
    match entry.reading {
        MembersRead::Nothing => Detail::None,
        MembersRead::Credentials => Detail::CredentialIssuance(Box::new(issue_of(raw, interner))),
        MembersRead::StartQuery => Detail::StartQuery(Box::new(query_of(raw, interner))),
        MembersRead::QueryIds => query_reference(raw, interner),
        MembersRead::QueryDatabase => {
            Detail::QueryDatabase(Box::new(query_database(raw, interner)))
        }
        MembersRead::DataAccess => read_calls::data_access(call_of(raw), interner),
        MembersRead::TableCall => read_calls::table_call(call_of(raw), interner),
        MembersRead::ObjectRead => read_calls::object_read(call_of(raw), interner),
        MembersRead::ObjectWrite if touches_logs(raw) => change_of(raw, &OF_S3, interner),
        MembersRead::ObjectWrite => read_calls::object_write(call_of(raw), interner),
        MembersRead::KeyUse => road_calls::key_use(call_of(raw), interner),
        MembersRead::Workload => road_calls::workload(call_of(raw), interner),
        MembersRead::QuickCall => {
            road_calls::quick_call(call_of(raw), raw.service_event_details, interner)
        }
        MembersRead::Invocation => read_calls::invocation(call_of(raw), interner),
        MembersRead::Change(members) => {
            let is_on_logs = entry.kept.is_some_and(|kept| kept.when == When::OnLogs);
            if is_on_logs && !touches_logs(raw) {
                Detail::None
            } else {
                change_of(raw, members, interner)
            }
        }
    }
}

fn call_of<'a>(raw: &'a RawRecord<'_>) -> RawCall<'a> {
    RawCall {
        parameters: raw.request_parameters,
        additional: raw.additional_event_data,
        resources: raw.resources,
        request_id: raw.request_id.as_deref(),
    }
}

/// The call that creates a share of RAM.
const CREATE_SHARE: &str = "CreateResourceShare";

/// A change, with what of its parameters anything is read of.
fn change_of(raw: &RawRecord<'_>, members: &'static Members, interner: &mut Interner) -> Detail {
    let parameters = ObjectText::of(raw.request_parameters);
    let kept = change::kept(members, parameters.text(), interner);
    let kept = if raw.event_name.as_deref() == Some(CREATE_SHARE) {
        kept.map(|kept| with_share_arn(kept, raw, interner))
    } else {
        kept
    };
    match kept {
        Some(kept) => Detail::Change(kept.into()),
        None => Detail::None,
    }
}

/// Later calls name a share by the ARN that the answer to its creation gives it
/// (<https://docs.aws.amazon.com/ram/latest/APIReference/API_CreateResourceShare.html>).
fn with_share_arn(kept: String, raw: &RawRecord<'_>, interner: &mut Interner) -> String {
    let answer = ObjectText::of(raw.response_elements);
    let answer = change::kept(&OF_SHARE_ANSWER, answer.text(), interner);
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    let Some((mut parameters, answer)) = parse(&kept).zip(answer.as_deref().and_then(parse)) else {
        return kept;
    };
    parameters["resourceShareArn"] = answer["resourceShare"]["resourceShareArn"].clone();
    parameters.to_string()
}

/// Returns true if the call is about an object where logs lie.
fn touches_logs(raw: &RawRecord<'_>) -> bool {
    let parameters = raw.request_parameters;
    parameters.is_some_and(|parameters| parameters.get().contains("AWSLogs"))
}

fn issue_of(raw: &RawRecord<'_>, interner: &mut Interner) -> CredentialIssuance {
    let request = ObjectText::of(raw.request_parameters);
    let request: RawIssuanceRequest<'_> = request.read();
    let got = ObjectText::of(raw.response_elements);
    let got: RawIssueGot<'_> = got.read();
    let credentials = &got.credentials.0;
    let assumed = &got.assumed_role_user.0;
    let refused = raw.error_message.as_deref().and_then(refused_role);
    let role_arn = request.role_arn.get().map(Cow::Borrowed);
    let role_arn = role_arn
        .or_else(|| role_in_resources(raw.resources).map(Cow::Owned))
        .or_else(|| assumed.arn.get().or(refused).map(Cow::Borrowed));
    let session_name = request
        .role_session_name
        .get()
        .or_else(|| assumed.arn.get().and_then(session_name_in_arn));
    CredentialIssuance {
        role_arn: interner.maybe(role_arn.as_deref()),
        session_name: interner.maybe(session_name),
        external_id: interner.maybe(request.external_id.get()),
        duration_seconds: request.duration_seconds.0,
        policy: interner.policy(request.policy.get()),
        policy_arns: arns("policyArns", &request.policy_arns, interner),
        source_identity: interner
            .maybe(request.source_identity.get().or(got.source_identity.get())),
        context_providers: arns("providedContexts", &request.provided_contexts, interner),
        issued_key_id: interner.maybe(credentials.access_key_id.get()),
        assumed_role_id: interner.maybe(assumed.assumed_role_id.get()),
        expires_at: credentials
            .expiration
            .get()
            .and_then(UtcSecond::parse_expiration),
        // Null, `{}` and text of no object say nothing of what was asked for.
        parameters_omitted: request.omitted.0
            || (request.role_arn.get().is_none() && request.role_session_name.get().is_none()),
        shared_event_id: raw.shared_event_id.as_deref().map(|id| interner.id(id)),
        request_id: raw.request_id.as_deref().map(|id| interner.id(id)),
    }
}

fn arns(name: &str, arns: &lenient::Arns, interner: &mut Interner) -> Box<[Text]> {
    note_list(name, arns.count, arns.kept.len(), interner);
    arns.kept.iter().map(|arn| interner.text(arn)).collect()
}

/// Notes a list that is longer than is read.
fn note_list(name: &str, count: usize, kept: usize, interner: &mut Interner) {
    if count > kept && kept == lenient::ENTRIES_MAX {
        let max = lenient::ENTRIES_MAX;
        interner.note_excess(format!("{name} of {count} entries; the limit is {max}"));
    }
}

/// The role among `resources[].ARN`.
fn role_in_resources(raw: Option<&RawValue>) -> Option<String> {
    let arns: lenient::Arns = serde_json::from_str(raw?.get()).ok()?;
    arns.kept.into_iter().find(|arn| arn.contains(":role/"))
}

/// The role in `... on resource: arn:aws:iam::...:role/...`, which is all that a refused
/// AssumeRole says of it (docs/cloudtrail-facts.md#refused-calls).
fn refused_role(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("on resource: ")?;
    let arn = rest.split_whitespace().next()?;
    arn.starts_with("arn:")
        .then(|| arn.trim_end_matches(['.', ',']))
}

fn query_of(raw: &RawRecord<'_>, interner: &mut Interner) -> StartQuery {
    let request = ObjectText::of(raw.request_parameters);
    let is_nothing = !request.text().starts_with('{') || request.text() == "{}";
    let request: RawQueryRequest<'_> = request.read();
    let got = ObjectText::of(raw.response_elements);
    let got: RawQueryGot<'_> = got.read();
    let context = &request.query_execution_context.0;
    StartQuery {
        query_execution_id: got.query_execution_id.get().map(|id| interner.id(id)),
        work_group: interner.maybe(request.work_group.get()),
        catalog: interner.maybe(context.catalog.get()),
        database: interner.maybe(context.database.get()),
        output_location: interner.maybe(request.result_configuration.0.output_location.get()),
        quick_query_id: request
            .query_string
            .get()
            .and_then(quick_query_id)
            .map(|id| interner.id(id)),
        parameters_omitted: request.omitted.0 || is_nothing,
    }
}

/// The id in a leading `/* QuickSight <uuid> */` (docs/cloudtrail-facts.md#the-sql-comment).
#[must_use]
pub fn quick_query_id(sql: &str) -> Option<&str> {
    let (comment, _) = sql.strip_prefix("/*")?.split_once("*/")?;
    let id = comment.trim().strip_prefix("QuickSight")?.trim();
    uuid::Uuid::try_parse(id).is_ok().then_some(id)
}

fn query_reference(raw: &RawRecord<'_>, interner: &mut Interner) -> Detail {
    let request = ObjectText::of(raw.request_parameters);
    let request: RawQueryRequest<'_> = request.read();
    let many = request.query_execution_ids;
    note_list("queryExecutionIds", many.count, many.kept.len(), interner);
    let one = request.query_execution_id.get().into_iter();
    let ids: Box<[QueryExecutionId]> = one
        .chain(many.kept.iter().map(String::as_str))
        .map(|id| interner.id(id))
        .collect();
    if ids.is_empty() {
        Detail::None
    } else {
        Detail::QueryReference(ids)
    }
}

fn query_database(raw: &RawRecord<'_>, interner: &mut Interner) -> QueryDatabase {
    let details = ObjectText::of(raw.service_event_details);
    let details: RawServiceDetails<'_> = details.read();
    let details = details.event_request_details.0;
    QueryDatabase {
        data_source: interner.maybe(details.data_source_id.get()),
        query_id: details
            .query_id
            .get()
            .map(|id| interner.id(last_segment(id))),
        resource: interner.maybe(details.resource_id.get()),
        data_set: interner.maybe(details.data_set_id.get()),
        mode: interner.maybe(details.data_set_mode.get()),
    }
}

fn last_segment(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refused_role_is_found_in_the_message() {
        let message = "User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform: \
            sts:AssumeRole on resource: arn:aws:iam::2:role/p/c because no identity-based policy";
        assert_eq!(refused_role(message), Some("arn:aws:iam::2:role/p/c"));
        assert_eq!(refused_role("Access denied"), None);
        assert_eq!(refused_role("on resource: everything"), None);
    }

    #[test]
    fn the_quick_query_id_is_only_taken_from_a_leading_comment() {
        let id = "0a0a0a0a-0000-4000-8000-000000000001";
        assert_eq!(
            quick_query_id(&format!("/* QuickSight {id} */ SELECT 1")),
            Some(id)
        );
        assert_eq!(quick_query_id("/* QuickSight */ SELECT 1"), None);
        assert_eq!(quick_query_id("***OMITTED***"), None);
        assert_eq!(
            quick_query_id(&format!("SELECT '/* QuickSight {id} */'")),
            None
        );
    }

    #[test]
    fn an_omitted_parameter_object_is_unknown_not_empty() {
        let text = r#"{"eventVersion":"1.08","eventID":"e","eventTime":"2026-07-01T10:00:00Z",
            "eventSource":"sts.amazonaws.com","eventName":"AssumeRole","userIdentity":{"type":"AWSService","invokedBy":"x"},
            "requestParameters":{"reason":"requestParameters too large","omitted":"true","originalSize":"149893"}}"#;
        let place = EventOrigin {
            object: 0,
            record: 0,
        };
        let event = read(text, place, &mut Interner::default()).unwrap().event;
        let Detail::CredentialIssuance(issue) = &event.detail else {
            panic!("not an issue");
        };
        assert!(issue.parameters_omitted);
        assert_eq!(issue.role_arn, None);
    }

    #[test]
    fn a_record_without_an_id_gets_the_same_one_in_any_spelling() {
        let compact = r#"{"eventTime":"2026-07-01T10:00:00Z","eventSource":"athena.amazonaws.com","eventName":"X"}"#;
        let spaced = compact.replace(',', " , \n");
        let place = EventOrigin {
            object: 0,
            record: 0,
        };
        let mut interner = Interner::default();
        let one = read(compact, place, &mut interner).unwrap().event;
        let other = read(&spaced, place, &mut interner).unwrap().event;
        assert_eq!(one.id, other.id);
        assert!(one.id.to_string().starts_with("sha256:"));
    }
}
