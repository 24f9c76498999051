//! How an account or a bucket is reached.

use crate::aws::Access;
use crate::config::Role;

/// Returns the access to an account or a bucket: by a role, in a Region.
pub(super) fn access(role: &Role, region: Option<&str>) -> Access {
    Access {
        role_arn: role.arn.clone(),
        external_id: role.external_id.clone(),
        region: region.map(str::to_owned),
    }
}
