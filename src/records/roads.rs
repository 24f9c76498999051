//! Fields about roads: the origin of a chain, for whom it acted, which chains belong with it.

use super::field::{Fields, Value};
use crate::model::chain::Confidence;
use crate::model::road::{ActingFor, ActingKind, Origin, RelatedChain};

/// The origin of a chain.
pub(super) fn origin_fields<'a>() -> Fields<'a, Origin> {
    Fields::new()
        .text(
            "service",
            "the service that made the first session, such as `states.amazonaws.com`; null for people, and if unknown",
            |origin: &Origin| origin.service.clone(),
        )
        .text(
            "resource_arn",
            "the state machine, function, job or instance, where the logs name it",
            |origin: &Origin| origin.resource_arn.clone(),
        )
        .word(
            "confidence",
            "the confidence of the service or of the resource, whichever is lower; null if the origin is unknown",
            Confidence::ALL.iter().copied().map(Confidence::as_str),
            |origin: &Origin| origin.confidence.map(Confidence::as_str),
        )
}

/// Someone for whom a chain acted.
pub(super) fn acting_fields<'a>() -> Fields<'a, ActingFor> {
    Fields::new()
        .word(
            "kind",
            "the kind",
            ActingKind::ALL.iter().copied().map(ActingKind::as_str),
            |acting: &ActingFor| Some(acting.kind.as_str()),
        )
        .text(
            "id",
            "the user's name or id, the text of the source identity, the account of the delegate, the id of the agent or flow",
            |acting: &ActingFor| Some(acting.id.clone()),
        )
        .text(
            "identity_store_arn",
            "the identity store of a user of Identity Center",
            |acting: &ActingFor| acting.identity_store_arn.clone(),
        )
        .text(
            "conversation_id",
            "the conversation with an agent, from chat logs",
            |acting: &ActingFor| acting.conversation_id.clone(),
        )
        .word(
            "confidence",
            "the confidence that the chain acted for this entry; several `ambiguous` entries of one kind are candidates, between which the logs do not decide",
            Confidence::ALL.iter().copied().map(Confidence::as_str),
            |acting: &ActingFor| Some(acting.confidence.as_str()),
        )
        .texts(
            "event_ids",
            "the events that tell, at most 100; none if chat logs tell",
            |acting: &ActingFor| Value::strings(&acting.event_ids),
        )
        .always_known(&["kind", "id", "confidence"])
}

/// A chain that belongs together with another one.
pub(super) fn related_fields<'a>() -> Fields<'a, RelatedChain> {
    Fields::new()
        .string("chain_id", "the other chain", |related: &RelatedChain| {
            Some(related.chain_id.clone())
        })
        .text("why", "the reason", |related: &RelatedChain| {
            Some(related.why.clone())
        })
        .word(
            "confidence",
            "the confidence",
            Confidence::ALL.iter().copied().map(Confidence::as_str),
            |related: &RelatedChain| Some(related.confidence.as_str()),
        )
        .always_known(&["chain_id", "why", "confidence"])
}
