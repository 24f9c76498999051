//! State machines, functions and jobs: which roles they run as, and when they were started
//! (docs/cloudtrail-facts.md#origins).

use super::context::CLOCK_SKEW_SECONDS;
use crate::model::event::{Detail, Event, WorkloadCall};
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, Region, is_account_id};
use crate::model::region::partition;
use crate::model::road::unqualified;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// The longest time from the start of a job to its session that is looked at, in seconds: jobs of Glue
/// wait for their workers.
const START_SECONDS_MAX: i64 = 300;

pub(super) const LAMBDA: &str = "lambda.amazonaws.com";
pub(super) const STEP_FUNCTIONS: &str = "states.amazonaws.com";
pub(super) const GLUE: &str = "glue.amazonaws.com";

/// A start of a workload.
#[derive(Debug)]
struct Start {
    at: UtcSecond,
    account_id: AccountId,
    arn: Text,
}

/// Workloads of one role, and starts of one time, that are looked at.
const CANDIDATES_MAX: usize = 256;

/// The workloads of one service.
#[derive(Debug, Default)]
struct OfService {
    /// By ARN: its roles with their first moments, in the order of events.
    roles: BTreeMap<Text, Vec<(UtcSecond, RoleName)>>,
    /// By role: workloads that ran as it at some time.
    by_role: BTreeMap<RoleName, BTreeSet<Text>>,
    /// By time.
    starts: Vec<Start>,
    /// ARNs by account and name: a name may be used in several Regions.
    by_name: HashMap<(AccountId, Text), BTreeSet<Text>>,
}

/// All workloads that the logs name, by service.
#[derive(Debug, Default)]
pub(super) struct Workloads(BTreeMap<Text, OfService>);

impl Workloads {
    /// Reads events in their order, which is by time.
    pub(super) fn of(events: &[Event]) -> Self {
        let mut workloads = Self::default();
        for event in events.iter().filter(|event| event.error_code.is_none()) {
            if let Detail::Workload(call) = &event.detail {
                workloads.add(event, call);
            }
        }
        for service in workloads.0.values_mut() {
            service.starts.sort_by_key(|start| start.at);
        }
        workloads
    }

    fn add(&mut self, event: &Event, call: &WorkloadCall) {
        let (Some(account), Some(region)) = (&event.recipient_account_id, &event.region) else {
            return;
        };
        let named = call.resource.as_deref();
        let Some(arn) = named.and_then(|name| workload_arn(&event.source, name, account, region))
        else {
            return;
        };
        let service = self.0.entry(event.source.clone()).or_default();
        if let Some((_, name)) = arn.split_once(":function:") {
            let key = (account.clone(), name.into());
            service.by_name.entry(key).or_default().insert(arn.clone());
        }
        let role = call.role.as_deref();
        if let Some(role) = role.and_then(|role| role_of(role, account)) {
            let of_role = service.by_role.entry(role.clone()).or_default();
            of_role.insert(arn.clone());
            let roles = service.roles.entry(arn.clone()).or_default();
            roles.push((event.time, role));
        }
        if event.name.starts_with("Start") {
            service.starts.push(Start {
                at: event.time,
                account_id: account.clone(),
                arn,
            });
        }
    }

    /// Returns the workload for which a session of a role was made in a Region. If workloads that run as
    /// the role were started shortly before, returns the only one of them. Otherwise returns the only
    /// workload that runs as the role, unless a workload with an unknown role was started. If none is
    /// known to run as the role, returns the only started workload with an unknown role.
    pub(super) fn behind(
        &self,
        service: &str,
        role: &RoleName,
        region: &Region,
        at: UtcSecond,
    ) -> Option<Text> {
        let service = self.0.get(service)?;
        let in_region = format!(":{region}:");
        let is_known = |arn: &&Text| arn.contains(&in_region) && service.runs_as(arn, role, at);
        let of_role = service.by_role.get(role);
        let are_many = of_role.is_some_and(|all| all.len() > CANDIDATES_MAX);
        let of_role = of_role.into_iter().flatten().take(CANDIDATES_MAX);
        let of_role: BTreeSet<&Text> = of_role.filter(is_known).collect();
        let started = service.started(&role.account_id, at)?;
        let started: BTreeSet<&Text> = started.filter(|arn| arn.contains(&in_region)).collect();
        let known: BTreeSet<&Text> = started.iter().copied().filter(is_known).collect();
        let open = started.into_iter();
        let open: BTreeSet<&Text> = open.filter(|arn| service.is_open(arn, at)).collect();
        let found = if !known.is_empty() {
            only(&known)
        } else if are_many {
            None
        } else if of_role.is_empty() {
            only(&open)
        } else {
            only(&of_role).filter(|_| open.is_empty())
        };
        found.cloned()
    }

    /// A function of an account by its name: that of a Region, else the only one that the logs name.
    pub(super) fn function(
        &self,
        account: &AccountId,
        name: &str,
        region: &Region,
    ) -> Option<Text> {
        let service = self.0.get(LAMBDA)?;
        let named = service.by_name.get(&(account.clone(), name.into()))?;
        let in_region = format!(":{region}:");
        let of_region = named.iter().find(|arn| arn.contains(&in_region));
        of_region.or_else(|| only_of(named)).cloned()
    }
}

impl OfService {
    /// The roles that a workload may have run as, as far as they were set before: one, unless several
    /// were set in one second.
    fn roles_at(&self, arn: &Text, at: UtcSecond) -> &[(UtcSecond, RoleName)] {
        let roles = self.roles.get(arn).map_or(&[][..], Vec::as_slice);
        let end = roles.partition_point(|(since, _)| *since <= at);
        let Some((last, _)) = roles[..end].last() else {
            return &[];
        };
        let first = roles[..end].partition_point(|(since, _)| since < last);
        &roles[first..end]
    }

    fn runs_as(&self, arn: &Text, role: &RoleName, at: UtcSecond) -> bool {
        let roles = self.roles_at(arn, at);
        !roles.is_empty() && roles.iter().all(|(_, one)| one == role)
    }

    fn is_open(&self, arn: &Text, at: UtcSecond) -> bool {
        let roles = self.roles_at(arn, at);
        roles.is_empty() || roles.iter().any(|(_, one)| *one != roles[0].1)
    }

    /// Workloads of an account that were started just before; `None` if they are too many to tell one.
    fn started(&self, account: &AccountId, at: UtcSecond) -> Option<impl Iterator<Item = &Text>> {
        let skew = i64::try_from(CLOCK_SKEW_SECONDS).unwrap_or(0);
        let (from, to) = (at.plus(-START_SECONDS_MAX), at.plus(skew));
        let first = self.starts.partition_point(|start| start.at < from);
        let last = self.starts.partition_point(|start| start.at <= to);
        let of_time = &self.starts[first..last.max(first)];
        (of_time.len() <= CANDIDATES_MAX).then(|| {
            of_time
                .iter()
                .filter(move |start| start.account_id == *account)
                .map(|start| &start.arn)
        })
    }
}

fn only<T: Ord + Copy>(all: &BTreeSet<T>) -> Option<T> {
    all.first().copied().filter(|_| all.len() == 1)
}

fn only_of(all: &BTreeSet<Text>) -> Option<&Text> {
    all.first().filter(|_| all.len() == 1)
}

/// The ARN of a function or of a state machine without its version or alias, and of what is named
/// without an ARN, that of the account and Region.
fn workload_arn(source: &str, named: &str, account: &AccountId, region: &Region) -> Option<Text> {
    let kind = match source {
        STEP_FUNCTIONS => "stateMachine:",
        LAMBDA => "function:",
        GLUE => "job/",
        _ => return None,
    };
    if named.starts_with("arn:") {
        let mut parts = named.split(':').skip(2);
        let is_own = Some(parts.next()?) == source.strip_suffix(".amazonaws.com")
            && parts.nth(1) == Some(account);
        return is_own.then(|| unqualified(named));
    }
    // `ACCOUNT:function:NAME` is a name, too.
    let name = match named.split_once(":function:") {
        Some((of, name)) if is_account_id(of) => name,
        _ => named,
    };
    let service = source.strip_suffix(".amazonaws.com")?;
    let partition = partition(region);
    let arn = format!("arn:{partition}:{service}:{region}:{account}:{kind}{name}");
    Some(unqualified(&arn))
}

/// A role by its ARN, or by its name in the account.
fn role_of(role: &str, account: &AccountId) -> Option<RoleName> {
    if role.contains(':') {
        return RoleName::from_arn(role);
    }
    let name = role.rsplit('/').next().filter(|name| !name.is_empty())?;
    Some(RoleName {
        account_id: account.clone(),
        name: name.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_aliases_are_of_one_workload() {
        let account = AccountId::from("444455556666");
        let region = Region::from("cn-north-1");
        for (source, named, arn) in [
            (
                LAMBDA,
                "f",
                "arn:aws-cn:lambda:cn-north-1:444455556666:function:f",
            ),
            (
                LAMBDA,
                "f:live",
                "arn:aws-cn:lambda:cn-north-1:444455556666:function:f",
            ),
            (
                LAMBDA,
                "444455556666:function:f",
                "arn:aws-cn:lambda:cn-north-1:444455556666:function:f",
            ),
            (
                STEP_FUNCTIONS,
                "arn:aws:states:us-east-1:444455556666:stateMachine:m:7",
                "arn:aws:states:us-east-1:444455556666:stateMachine:m",
            ),
            (GLUE, "j", "arn:aws-cn:glue:cn-north-1:444455556666:job/j"),
        ] {
            let found = workload_arn(source, named, &account, &region);
            assert_eq!(found.as_deref(), Some(arn));
        }
        assert_eq!(
            workload_arn("sts.amazonaws.com", "x", &account, &region),
            None
        );
    }

    #[test]
    fn roles_of_jobs_are_names_or_arns() {
        let account = AccountId::from("444455556666");
        let of = |role: &str| role_of(role, &account).map(|role| role.name.to_string());
        assert_eq!(of("service-role/etl").as_deref(), Some("etl"));
        assert_eq!(of("arn:aws:iam::1:role/p/etl").as_deref(), Some("etl"));
        assert_eq!(of("arn:aws:iam::1:user/etl"), None);
        assert_eq!(of(""), None);
    }
}
