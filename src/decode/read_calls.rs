//! The members of calls that tell what a query read: of Lake Formation, Glue, S3 and Lambda
//! (docs/cloudtrail-facts.md#other-paths).

use super::intern::Interner;
use super::lenient::{LenientObject, LenientText, LenientTexts, Number};
use super::object_text::ObjectText;
use crate::model::event::{DataAccess, Detail, S3ObjectCall, TableCall};
use crate::model::ids::{QueryExecutionId, RequestId, is_account_id};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The members of a record that these calls are read from.
#[derive(Clone, Copy)]
pub(super) struct RawCall<'a> {
    pub(super) parameters: Option<&'a RawValue>,
    pub(super) additional: Option<&'a RawValue>,
    pub(super) resources: Option<&'a RawValue>,
    pub(super) request_id: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawDataAccess<'a> {
    #[serde(borrow)]
    table_arn: LenientText<'a>,
    permissions: LenientTexts,
    #[serde(borrow)]
    audit_context: LenientObject<RawAuditContext<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawAuditContext<'a> {
    #[serde(borrow)]
    additional_audit_context: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawGrantedAccess<'a> {
    #[serde(borrow)]
    lake_formation_principal: LenientText<'a>,
    #[serde(borrow)]
    lake_formation_role_session_name: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawTableCall<'a> {
    #[serde(borrow)]
    catalog_id: LenientText<'a>,
    #[serde(borrow)]
    database_name: LenientText<'a>,
    #[serde(borrow)]
    name: LenientText<'a>,
    #[serde(borrow)]
    table_name: LenientText<'a>,
    #[serde(borrow)]
    table_input: LenientObject<RawTableInput<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawTableInput<'a> {
    #[serde(borrow)]
    name: LenientText<'a>,
    #[serde(borrow)]
    storage_descriptor: LenientObject<RawStorage<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawStorage<'a> {
    #[serde(borrow)]
    location: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawObjectRead<'a> {
    #[serde(borrow)]
    bucket_name: LenientText<'a>,
    #[serde(borrow)]
    key: LenientText<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawTransfer {
    bytes_transferred_out: Number,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawResource<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: LenientText<'a>,
    #[serde(borrow)]
    account_id: LenientText<'a>,
    #[serde(rename = "ARN", borrow)]
    pub(super) arn: LenientText<'a>,
}

/// The resources that a call names.
pub(super) fn resources_of(call: RawCall<'_>) -> Vec<RawResource<'_>> {
    let resources = call.resources;
    let resources: Option<Vec<LenientObject<RawResource<'_>>>> =
        resources.and_then(|resources| serde_json::from_str(resources.get()).ok());
    let resources = resources.into_iter().flatten();
    resources.map(|resource| resource.0).collect()
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawInvocation<'a> {
    #[serde(borrow)]
    function_name: LenientText<'a>,
}

/// The table that Lake Formation gave access to, and the query it was for.
pub(super) fn data_access(call: RawCall<'_>, interner: &mut Interner) -> Detail {
    let request = ObjectText::of(call.parameters);
    let request: RawDataAccess<'_> = request.read();
    let additional = ObjectText::of(call.additional);
    let additional: RawGrantedAccess<'_> = additional.read();
    let context = request.audit_context.0.additional_audit_context.get();
    let access = DataAccess {
        query_execution_id: context.and_then(query_id_in),
        table_arn: interner.maybe(request.table_arn.get()),
        permissions: request
            .permissions
            .kept
            .iter()
            .map(|permission| interner.text(permission))
            .collect(),
        principal_arn: interner.maybe(additional.lake_formation_principal.get()),
        session_name: interner.maybe(additional.lake_formation_role_session_name.get()),
    };
    if access == DataAccess::default() {
        Detail::None
    } else {
        Detail::DataAccess(Box::new(access))
    }
}

/// The query id in an audit context: loose text, not JSON.
fn query_id_in(context: &str) -> Option<QueryExecutionId> {
    let named = context.split_once("queryId").map(|(_, rest)| rest);
    let mut words = named
        .unwrap_or(context)
        .split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-');
    let id = words.find(|word| word.len() == 36 && uuid::Uuid::try_parse(word).is_ok())?;
    Some(QueryExecutionId::new(id))
}

/// The table that a call of Glue is about.
pub(super) fn table_call(call: RawCall<'_>, interner: &mut Interner) -> Detail {
    let request = ObjectText::of(call.parameters);
    let request: RawTableCall<'_> = request.read();
    let input = request.table_input.0;
    let table = request.table_name.get().or(input.name.get());
    let call = TableCall {
        catalog_id: interner.maybe(request.catalog_id.get()),
        database: interner.maybe(request.database_name.get()),
        table: interner.maybe(table.or(request.name.get())),
        location: interner.maybe(input.storage_descriptor.0.location.get()),
    };
    if call.table.is_none() {
        Detail::None
    } else {
        Detail::TableCall(Box::new(call))
    }
}

/// The object of S3 that was read.
pub(super) fn object_read(call: RawCall<'_>, interner: &mut Interner) -> Detail {
    object(call, interner).map_or(Detail::None, Detail::ObjectRead)
}

/// The object of S3 that was written.
pub(super) fn object_write(call: RawCall<'_>, interner: &mut Interner) -> Detail {
    let written = object(call, interner).map(|object| {
        let bytes = None;
        Box::new(S3ObjectCall { bytes, ..*object })
    });
    written.map_or(Detail::None, Detail::ObjectWrite)
}

fn object(call: RawCall<'_>, interner: &mut Interner) -> Option<Box<S3ObjectCall>> {
    let request = ObjectText::of(call.parameters);
    let request: RawObjectRead<'_> = request.read();
    let transfer = ObjectText::of(call.additional);
    let transfer: RawTransfer = transfer.read();
    let bytes = transfer.bytes_transferred_out.0;
    let resources = resources_of(call);
    let bucket = resources
        .iter()
        .find(|resource| resource.kind.get() == Some("AWS::S3::Bucket"));
    let account = bucket.and_then(|bucket| bucket.account_id.get());
    let account = account.filter(|account| is_account_id(account));
    let object = S3ObjectCall {
        bucket: interner.maybe(request.bucket_name.get()),
        key: interner.maybe(request.key.get()),
        bytes: bytes.and_then(|bytes| bytes.try_into().ok()),
        bucket_account_id: interner.maybe(account),
        request_id: call.request_id.map(RequestId::new),
    };
    object.bucket.is_some().then(|| Box::new(object))
}

/// The function that was invoked.
pub(super) fn invocation(call: RawCall<'_>, interner: &mut Interner) -> Detail {
    let request = ObjectText::of(call.parameters);
    let request: RawInvocation<'_> = request.read();
    let function = request.function_name.get();
    function.map_or(Detail::None, |function| {
        Detail::Invocation(interner.text(function))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_id_is_found_in_loose_text() {
        let id = "44444444-0000-4000-8000-0000000000ee";
        for text in [
            format!("{{queryId: {id}}}"),
            format!(r#"{{"queryId":"{id}"}}"#),
            id.to_owned(),
            format!("{{job: 55555555-0000-4000-8000-0000000000ee, queryId: {id}}}"),
        ] {
            assert_eq!(
                query_id_in(&text),
                Some(QueryExecutionId::new(id)),
                "{text}"
            );
        }
        for text in ["", "queryId: NULL", "{queryId: 4444}"] {
            assert_eq!(query_id_in(text), None, "{text}");
        }
    }
}
