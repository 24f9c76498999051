//! State machines, functions and jobs: which roles they run as, and when they were started
//! (docs/cloudtrail-facts.md#origins).

use super::context::CLOCK_SKEW_SECONDS;
use crate::model::event::{Detail, Event, WorkloadCall};
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, Region, is_account_id};
use crate::model::region::partition;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
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

/// What the logs tell of workloads, by the service that runs them.
#[derive(Debug, Default)]
struct OfService {
    /// By ARN: since when it runs as which role, by time.
    roles: BTreeMap<Text, Vec<(UtcSecond, RoleName)>>,
    /// By role: workloads that ran as it at some time.
    by_role: BTreeMap<RoleName, BTreeSet<Text>>,
    /// By time.
    starts: Vec<Start>,
}

/// All workloads that the logs name.
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
        let role = call.role.as_deref();
        if let Some(role) = role.and_then(|role| role_of(role, account)) {
            let of_role = service.by_role.entry(role.clone()).or_default();
            of_role.insert(arn.clone());
            let roles = service.roles.entry(arn.clone()).or_default();
            roles.push((event.time, role));
            roles.sort();
        }
        if event.name.starts_with("Start") {
            service.starts.push(Start {
                at: event.time,
                account_id: account.clone(),
                arn,
            });
        }
    }

    /// The workload whose session of a role began at a moment: the only one that runs as the role,
    /// else the only one of the account that was started just before.
    pub(super) fn behind(&self, service: &str, role: &RoleName, at: UtcSecond) -> Option<Text> {
        let service = self.0.get(service)?;
        let runs_as = |arn: &&Text| service.role_at(arn, at) == Some(role);
        let of_role = service.by_role.get(role).into_iter().flatten();
        let of_role: BTreeSet<&Text> = of_role.filter(runs_as).collect();
        if let Some(only) = only(&of_role) {
            return Some(only.clone());
        }
        let started = service.started(&role.account_id, at);
        let possible: BTreeSet<&Text> = if of_role.is_empty() {
            let is_open = |arn: &&Text| service.role_at(arn, at).is_none();
            started.filter(is_open).collect()
        } else {
            started.filter(|arn| of_role.contains(arn)).collect()
        };
        only(&possible).cloned()
    }

    /// A function of an account by its name, where the logs name it in one Region.
    pub(super) fn function(&self, account: &AccountId, name: &str) -> Option<Text> {
        let service = self.0.get(LAMBDA)?;
        let end = format!(":{account}:function:{name}");
        let named = service.roles.keys().filter(|arn| arn.ends_with(&end));
        let named: BTreeSet<&Text> = named.collect();
        only(&named).cloned()
    }
}

impl OfService {
    /// The role that a workload ran as, as far as it was set before.
    fn role_at(&self, arn: &Text, at: UtcSecond) -> Option<&RoleName> {
        let roles = self.roles.get(arn)?;
        let before = roles.iter().rfind(|(since, _)| *since <= at);
        before.map(|(_, role)| role)
    }

    fn started(&self, account: &AccountId, at: UtcSecond) -> impl Iterator<Item = &Text> {
        let skew = i64::try_from(CLOCK_SKEW_SECONDS).unwrap_or(0);
        let (from, to) = (at.plus(-START_SECONDS_MAX), at.plus(skew));
        let first = self.starts.partition_point(|start| start.at < from);
        let last = self.starts.partition_point(|start| start.at <= to);
        let of_time = self.starts[first..last.max(first)].iter();
        of_time
            .filter(move |start| start.account_id == *account)
            .map(|start| &start.arn)
    }
}

fn only<T: Ord + Copy>(all: &BTreeSet<T>) -> Option<T> {
    all.first().copied().filter(|_| all.len() == 1)
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
        return Some(unqualified(named));
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

/// `arn:P:S:R:A:KIND:NAME` of an ARN with a version or alias behind it.
pub(super) fn unqualified(arn: &str) -> Text {
    let mut parts: Vec<&str> = arn.split(':').collect();
    if parts.len() > 7 && matches!(parts[5], "function" | "stateMachine") {
        parts.truncate(7);
    }
    parts.join(":").into()
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
                "arn:aws:states:us-east-1:1:stateMachine:m:7",
                "arn:aws:states:us-east-1:1:stateMachine:m",
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
