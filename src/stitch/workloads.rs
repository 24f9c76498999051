//! State machines, functions and jobs: which roles they run as, and when they were started
//! (docs/cloudtrail-facts.md#origins).

use crate::model::event::{Content, Detail, Event, WorkloadCall};
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, Region, is_account_id};
use crate::model::region::partition;
use crate::model::road::{LAMBDA_SERVICE, unqualified};
use crate::model::text::Text;
use crate::model::time::{CLOCK_SKEW_SECONDS, UtcSecond};
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// The longest time from the start of a job to its session that is looked at, in seconds: jobs of Glue
/// wait for their workers.
const START_SECONDS_MAX: i64 = 300;

pub(super) const STEP_FUNCTIONS: &str = "states.amazonaws.com";
pub(super) const GLUE: &str = "glue.amazonaws.com";

/// A start of a workload.
#[derive(Debug)]
struct Start {
    at: UtcSecond,
    arn: Text,
}

/// Workloads of one role that are looked at.
const CANDIDATES_MAX: usize = 256;

/// Starts of one time in one account that are looked at.
const STARTS_MAX: usize = 4096;

/// The roles of a workload with their first moments, by time; `None` where several were set in one
/// second.
type RoleChanges = Vec<(UtcSecond, Option<RoleName>)>;

/// The workloads of one service.
#[derive(Debug, Default)]
struct OfService {
    /// By ARN.
    roles: BTreeMap<Text, RoleChanges>,
    /// By role: workloads that ran as it at some time.
    by_role: BTreeMap<RoleName, BTreeSet<Text>>,
    /// By account and time.
    starts: HashMap<AccountId, Vec<Start>>,
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
        let of_services = workloads.0.values_mut();
        for starts in of_services.flat_map(|service| service.starts.values_mut()) {
            starts.sort_by_key(|start| start.at);
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
            match roles.last_mut() {
                Some((since, last)) if *since == event.time => {
                    if last.as_ref() != Some(&role) {
                        *last = None;
                    }
                }
                _ => roles.push((event.time, Some(role))),
            }
        }
        if event.name.starts_with("Start") {
            let starts = service.starts.entry(account.clone()).or_default();
            starts.push(Start {
                at: event.time,
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
        let of_role = service.by_role.get(role);
        let are_many = of_role.is_some_and(|all| all.len() > CANDIDATES_MAX);
        let of_role = of_role.into_iter().flatten().take(CANDIDATES_MAX);
        let of_role = of_role.filter(|arn| service.runs_as(arn, role, at));
        // Calls to the global endpoint of STS are logged in another Region.
        let of_role = preferred(of_role.collect(), &in_region);
        let Some(started) = service.started(&role.account_id, at) else {
            // Too many to tell one by its start.
            return only(&of_role).filter(|_| !are_many).cloned();
        };
        let known = started
            .iter()
            .filter(|start| service.runs_as(&start.arn, role, start.at));
        let known = preferred(known.map(|start| &start.arn).collect(), &in_region);
        let open = started.iter().map(|start| &start.arn);
        let open: BTreeSet<&Text> = open
            .filter(|arn| arn.contains(&in_region) && service.is_open(arn, at))
            .collect();
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

    /// Functions of an account by their name: that of a Region, else all that the logs name.
    pub(super) fn functions(&self, account: &AccountId, name: &str, region: &Region) -> Vec<&Text> {
        let service = self.0.get(LAMBDA_SERVICE);
        let named =
            service.and_then(|service| service.by_name.get(&(account.clone(), name.into())));
        let named: BTreeSet<&Text> = named.into_iter().flatten().collect();
        preferred(named, &format!(":{region}:"))
            .into_iter()
            .collect()
    }
}

/// Returns true if a call tells the role of a workload, or that a function of its name exists.
pub(super) fn is_setting(event: &Content) -> bool {
    match &event.detail {
        Detail::Workload(call) => call.role.is_some() || &*event.source == LAMBDA_SERVICE,
        _ => false,
    }
}

impl OfService {
    /// The last change of a workload's role before a moment.
    fn role_at(&self, arn: &Text, at: UtcSecond) -> Option<&Option<RoleName>> {
        let roles = self.roles.get(arn)?;
        let end = roles.partition_point(|(since, _)| *since <= at);
        roles[..end].last().map(|(_, role)| role)
    }

    fn runs_as(&self, arn: &Text, role: &RoleName, at: UtcSecond) -> bool {
        self.role_at(arn, at)
            .is_some_and(|one| one.as_ref() == Some(role))
    }

    /// Returns true if the role of a workload is not known.
    fn is_open(&self, arn: &Text, at: UtcSecond) -> bool {
        self.role_at(arn, at).is_none_or(Option::is_none)
    }

    /// Starts in an account just before a moment; `None` if they are too many.
    fn started(&self, account: &AccountId, at: UtcSecond) -> Option<&[Start]> {
        let starts = self.starts.get(account).map_or(&[][..], Vec::as_slice);
        let (from, to) = (at.plus(-START_SECONDS_MAX), at.plus(CLOCK_SKEW_SECONDS));
        let first = starts.partition_point(|start| start.at < from);
        let last = starts.partition_point(|start| start.at <= to);
        let of_time = &starts[first..last.max(first)];
        (of_time.len() <= STARTS_MAX).then_some(of_time)
    }
}

/// Those of a Region, if there are any; else all.
fn preferred<'a>(all: BTreeSet<&'a Text>, in_region: &str) -> BTreeSet<&'a Text> {
    let of_region = all.iter().copied().filter(|arn| arn.contains(in_region));
    let of_region: BTreeSet<&Text> = of_region.collect();
    if of_region.is_empty() { all } else { of_region }
}

fn only<T: Ord + Copy>(all: &BTreeSet<T>) -> Option<T> {
    all.first().copied().filter(|_| all.len() == 1)
}

/// The ARN of a function or of a state machine without its version or alias, and of what is named
/// without an ARN, that of the account and Region.
fn workload_arn(source: &str, named: &str, account: &AccountId, region: &Region) -> Option<Text> {
    let kind = match source {
        STEP_FUNCTIONS => "stateMachine:",
        LAMBDA_SERVICE => "function:",
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
                LAMBDA_SERVICE,
                "f",
                "arn:aws-cn:lambda:cn-north-1:444455556666:function:f",
            ),
            (
                LAMBDA_SERVICE,
                "f:live",
                "arn:aws-cn:lambda:cn-north-1:444455556666:function:f",
            ),
            (
                LAMBDA_SERVICE,
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
