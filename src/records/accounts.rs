//! Fields about accounts that chains and their queries share.

use super::field::Fields;
use crate::model::chain::Chain;

/// The accounts of a chain and its data source.
pub(super) fn account_fields<'a>() -> Fields<'a, Chain> {
    Fields::new()
        .text("hub_account_id", "the hub", |chain: &Chain| {
            chain.hub_account_id.clone()
        })
        .text(
            "consumer_account_id",
            "the consumer: the account of the consumer session, which pays",
            |chain: &Chain| chain.consumer_account_id.clone(),
        )
        .text(
            "consumer_name",
            "the declared name of the consumer",
            |chain: &Chain| chain.consumer_name.clone(),
        )
        .text(
            "business_unit",
            "the declared business unit of the consumer",
            |chain: &Chain| chain.business_unit.clone(),
        )
        .text(
            "data_source_arn",
            "the external id, if it is the ARN of a Quick data source",
            |chain: &Chain| chain.data_source_arn.clone(),
        )
}
