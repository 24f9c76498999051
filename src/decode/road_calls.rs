//! The members of calls that tell by which road, and for whom, data was reached: of KMS, workloads and
//! Quick (docs/cloudtrail-facts.md#origins).

use super::intern::Interner;
use super::lenient::{LenientObject, LenientText};
use super::object_text::ObjectText;
use super::read_calls::{RawCall, resources_of};
use crate::model::event::{Detail, KeyUse, QuickCall, WorkloadCall};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawKeyUse<'a> {
    #[serde(borrow)]
    key_id: LenientText<'a>,
    #[serde(borrow)]
    encryption_context: LenientObject<RawEncryptionContext<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawEncryptionContext<'a> {
    #[serde(rename = "aws:s3:arn", borrow)]
    object_arn: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawWorkload<'a> {
    #[serde(borrow)]
    state_machine_arn: LenientText<'a>,
    #[serde(borrow)]
    function_name: LenientText<'a>,
    #[serde(borrow)]
    job_name: LenientText<'a>,
    #[serde(borrow)]
    name: LenientText<'a>,
    #[serde(borrow)]
    role_arn: LenientText<'a>,
    #[serde(borrow)]
    role: LenientText<'a>,
    #[serde(borrow)]
    job_update: LenientObject<RawJobUpdate<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawJobUpdate<'a> {
    #[serde(borrow)]
    role: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawQuickDetails<'a> {
    #[serde(borrow)]
    event_request_details: LenientObject<RawQuickCall<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawQuickCall<'a> {
    #[serde(borrow)]
    agent_id: LenientText<'a>,
    #[serde(borrow)]
    flow_id: LenientText<'a>,
    #[serde(borrow)]
    action_connector_id: LenientText<'a>,
    #[serde(borrow)]
    end_user_arn: LenientText<'a>,
    #[serde(borrow)]
    user_identifier: LenientObject<RawUserIdentifier<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawUserIdentifier<'a> {
    #[serde(borrow)]
    user_arn: LenientText<'a>,
    #[serde(borrow)]
    user_name: LenientText<'a>,
    #[serde(borrow)]
    email: LenientText<'a>,
}

/// The key, and the object of S3 that it was used for.
pub(super) fn key_use(call: RawCall<'_>, interner: &mut Interner) -> Detail {
    let request = ObjectText::of(call.parameters);
    let request: RawKeyUse<'_> = request.read();
    let Some(object_arn) = request.encryption_context.0.object_arn.get() else {
        return Detail::None;
    };
    let resources = resources_of(call);
    let key = resources
        .iter()
        .find(|resource| resource.kind.get() == Some("AWS::KMS::Key"));
    let key_arn = key.and_then(|key| key.arn.get());
    Detail::KeyUse(Box::new(KeyUse {
        key_arn: interner.maybe(key_arn.or(request.key_id.get())),
        object_arn: interner.maybe(Some(object_arn)),
    }))
}

/// The state machine, function or job that is started or gets a role. Executions have names, too.
pub(super) fn workload(call: RawCall<'_>, interner: &mut Interner) -> Detail {
    let request = ObjectText::of(call.parameters);
    let request: RawWorkload<'_> = request.read();
    let resource = [
        &request.state_machine_arn,
        &request.function_name,
        &request.job_name,
        &request.name,
    ];
    let resource = resource.into_iter().find_map(LenientText::get);
    let role = [&request.role_arn, &request.role, &request.job_update.0.role];
    let role = role.into_iter().find_map(LenientText::get);
    if resource.is_none() {
        return Detail::None;
    }
    Detail::Workload(Box::new(WorkloadCall {
        resource: interner.maybe(resource),
        role: interner.maybe(role),
    }))
}

/// The agent, the flow, the action and the user of a call of Quick.
pub(super) fn quick_call(
    call: RawCall<'_>,
    service_details: Option<&RawValue>,
    interner: &mut Interner,
) -> Detail {
    let request = ObjectText::of(call.parameters);
    let request: RawQuickCall<'_> = request.read();
    let details = ObjectText::of(service_details);
    let details: RawQuickDetails<'_> = details.read();
    let details = details.event_request_details.0;
    let member = |of: for<'r> fn(&'r RawQuickCall<'_>) -> Option<&'r str>| {
        of(&request).or_else(|| of(&details))
    };
    let user = member(|call| {
        let user = &call.user_identifier.0;
        let named = [
            &call.end_user_arn,
            &user.user_arn,
            &user.user_name,
            &user.email,
        ];
        named.into_iter().find_map(LenientText::get)
    });
    let call = QuickCall {
        agent_id: interner.maybe(member(|call| call.agent_id.get())),
        flow_id: interner.maybe(member(|call| call.flow_id.get())),
        action_connector_id: interner.maybe(member(|call| call.action_connector_id.get())),
        user: interner.maybe(user),
    };
    if call == QuickCall::default() {
        Detail::None
    } else {
        Detail::QuickCall(Box::new(call))
    }
}
