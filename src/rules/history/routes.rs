//! The routes of chains: data source, Role B and work group.

use crate::model::chain::Chain;
use crate::model::identity::RoleName;
use crate::model::ids::DataSourceArn;
use crate::model::text::Text;
use crate::model::time::UtcSecond;

/// Role B, data source, work group.
pub(in crate::rules) type ChainRoute = (RoleName, DataSourceArn, Text);

/// The routes of a chain's queries, with the times of these.
pub(in crate::rules) fn routes_of(chain: &Chain) -> Vec<(ChainRoute, UtcSecond)> {
    let role = chain.consumer_session.as_ref();
    let role = role.and_then(|session| RoleName::from_arn(session.role_arn.as_deref()?));
    let (Some(role), Some(source)) = (role, &chain.data_source_arn) else {
        return Vec::new();
    };
    let of = |work_group: &Text| (role.clone(), source.clone(), work_group.clone());
    let queries = chain.queries.iter();
    let routes =
        queries.filter_map(|query| Some((of(query.work_group.as_ref()?), query.started_at)));
    routes.collect()
}
