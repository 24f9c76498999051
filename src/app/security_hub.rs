//! The Security Hub that findings are for.

use super::failure::Failure;
use crate::config::Settings;
use crate::model::audit::Audit;
use crate::output::asff::SecurityHub;
use std::collections::BTreeSet;

/// Returns the Security Hub account and Region of findings: as configured, else the hub's account,
/// in its data sources' Region where they have only one. Another Region tonight would be another
/// product, whose findings no one closes.
///
/// # Errors
///
/// When the account or the Region is not known.
pub fn security_hub(settings: &Settings, audit: &Audit) -> Result<SecurityHub, Failure> {
    let topology = &settings.topology;
    let declared = settings
        .security_hub_account_id
        .as_ref()
        .or(topology.hub_account_id.as_ref());
    let found: BTreeSet<&str> = audit
        .roles
        .run_as
        .iter()
        .map(|role| &*role.account_id)
        .collect();
    let found = found.first().copied().filter(|_| found.len() == 1);
    let account = declared.map(|id| &**id).or(found);
    let used = audit
        .chains
        .iter()
        .filter_map(|chain| chain.data_source_arn.as_deref())
        .chain(audit.named.data_sources.iter().map(|arn| &**arn));
    let regions: BTreeSet<&str> = used.filter_map(|arn| arn.split(':').nth(3)).collect();
    let only = regions.first().copied().filter(|_| regions.len() == 1);
    let region = settings.security_hub_region.as_deref().or(only);
    match (account, region) {
        (Some(account), Some(region)) => Ok(SecurityHub {
            account_id: account.to_owned(),
            region: region.to_owned(),
        }),
        _ => Err(
            Failure::usage("the account and the Region of Security Hub are not known").hint(
                "write [security_hub] account_id = \"...\" and region = \"...\" in qs-audit.toml",
            ),
        ),
    }
}
