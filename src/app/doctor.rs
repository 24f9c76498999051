//! `doctor`: what can be seen, what cannot, and what to do about it.

use super::check_line::CheckLine;
use super::context::RunContext;
use super::engine_checks;
use super::failure::Failure;
use super::notify::MAX_AGE_HOURS;
use super::places;
use super::sources;
use super::store_selection;
use crate::config::{LogLocation, Settings};
use crate::model::audit::Audit;
use crate::model::coverage::Sibling;
use crate::model::ids::AccountId;
use crate::model::key::KeyFacts;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::output::human::{duration, plural};
use crate::pipeline::{self, Plan, Unwatched};
use crate::ports::{LogSource, Sources};
use std::collections::BTreeMap;

/// The look-back where no window is given, in seconds.
pub const LOOK_BACK_SECONDS: i64 = 2 * 86_400;
/// Trails deliver within minutes, and hardly any account is still for a whole day.
const SILENCE_SECONDS: u64 = 86_400;

/// Looks at everything that the configuration names.
///
/// # Errors
///
/// When nothing can be looked at: no credentials, or a store that cannot be opened.
pub fn look(context: &RunContext, window: &TimeWindow) -> Result<Vec<CheckLine>, Failure> {
    let mut lines = Vec::new();
    configuration(&context.settings, &mut lines);
    engine_checks::look(context, window, &mut lines)?;
    let seen = logs(context, window, &mut lines)?;
    let mut accounts = accounts(&context.settings, &seen);
    for (account, label) in &accounts {
        lines.push(of_account(account, label, &seen, context.now));
    }
    // No query runs in an account that only has tables: its logs may be silent.
    for producer in &context.settings.topology.producers {
        if accounts.iter().all(|(id, _)| *id != producer.account_id) {
            let label = format!("{} ({})", producer.account_id, producer.name);
            accounts.push((producer.account_id.clone(), label));
        }
    }
    remote::look(context, &accounts, &mut lines)?;
    store(context, &mut lines)?;
    Ok(lines)
}

fn configuration(settings: &Settings, lines: &mut Vec<CheckLine>) {
    let topology = &settings.topology;
    if topology.hub_account_id.is_none() {
        let next_step = "run `qs-audit init`, which writes it from the logs";
        let detail = "no [hub] and no [[consumers]] are declared";
        lines.push(CheckLine::failed(
            "configuration",
            "topology",
            detail,
            next_step,
        ));
        return;
    }
    let roles = topology.run_as_roles.len() as u64;
    let consumers = topology.consumers.len() as u64;
    let detail = format!(
        "{} of the hub, {}",
        plural(roles, "role"),
        plural(consumers, "consumer")
    );
    lines.push(CheckLine::good("configuration", "topology", detail));
}

/// Activity of an account in the logs of the last days.
#[derive(Debug, Default)]
struct RecentActivity {
    objects: u64,
    last_event_at: Option<UtcSecond>,
    is_looked_up: bool,
}

/// Lists every location, and reads the last object of each account.
fn logs(
    context: &RunContext,
    window: &TimeWindow,
    lines: &mut Vec<CheckLine>,
) -> Result<BTreeMap<String, RecentActivity>, Failure> {
    let mut seen: BTreeMap<String, RecentActivity> = BTreeMap::new();
    let locations = match sources::locations(context) {
        Ok(locations) => locations,
        Err(failure) => {
            let next_step = "add [[logs]] to qs-audit.toml, or use --logs";
            lines.push(CheckLine::failed(
                "logs",
                "list",
                &*failure.message,
                next_step,
            ));
            return Ok(seen);
        }
    };
    for location in &locations {
        let name = places::roots(location).join(", ");
        if let LogLocation::LookupEvents { account_id, .. } = location {
            let detail = "read with LookupEvents";
            lines.push(CheckLine::skipped(&name, "list", detail));
            seen.entry(account_id.to_string()).or_default().is_looked_up = true;
            continue;
        }
        let listed = match sources::list_of(context, std::slice::from_ref(location), window) {
            Ok(listed) => listed,
            Err(failure) => {
                lines.push(CheckLine::failed(
                    &name,
                    "list",
                    &*failure.message,
                    failure.hint.as_deref().unwrap_or_default(),
                ));
                continue;
            }
        };
        for (place, why) in &listed.listing().failed {
            lines.push(CheckLine::failed(
                place,
                "list",
                why,
                "grant the permission that the message names",
            ));
        }
        of_location(context, &name, location, &listed, &mut seen, lines)?;
    }
    Ok(seen)
}

/// Counts the objects of a location by account, and reads the last one of each account
/// and Region.
fn of_location(
    context: &RunContext,
    name: &str,
    location: &LogLocation,
    listed: &dyn LogSource,
    seen: &mut BTreeMap<String, RecentActivity>,
    lines: &mut Vec<CheckLine>,
) -> Result<(), Failure> {
    let objects = u64::from(listed.object_count());
    let kind = if is_in_s3(location) { "object" } else { "file" };
    let mut detail = format!("{} of the last 2 days", plural(objects, kind));
    let others = listed.listing().passed_over.get(&Sibling::OtherService);
    if let Some(others) = others {
        let others = plural(*others, kind);
        detail = format!("{detail}; {others} of other services passed over");
    }
    lines.push(CheckLine::good(name, "list", detail));
    let keys = last_of_each(listed, seen);
    if keys.is_empty() {
        return Ok(());
    }
    let mut some = Sources::default();
    for source in sources::of_keys(std::slice::from_ref(location), &keys)? {
        some.add(source);
    }
    let audit = {
        let plan = Plan {
            topology: context.settings.topology.clone(),
            ..Plan::default()
        };
        pipeline::run(&plan, &some, &Unwatched)?
    };
    for ((account, ..), sighting) in &audit.coverage.seen {
        let known = seen.entry(account.to_string()).or_default();
        known.last_event_at = known.last_event_at.max(Some(sighting.last));
    }
    if let Some(hub) = audit.unconfirmed_hub(&context.settings.topology) {
        let next_step = "correct [hub] account_id, or add the logs of the declared hub";
        lines.push(CheckLine::failed(
            "configuration",
            "hub",
            hub.to_string(),
            next_step,
        ));
    }
    lines.push(of_reading(name, is_in_s3(location), keys.len(), &audit));
    Ok(())
}

/// Counts the objects of each account, and returns the keys of the last one of each account and
/// Region.
fn last_of_each(
    listed: &dyn LogSource,
    seen: &mut BTreeMap<String, RecentActivity>,
) -> Vec<String> {
    // By account and Region: the name of the last file, and which object it is.
    let mut last: BTreeMap<(String, String), (String, u32)> = BTreeMap::new();
    for object in 0..listed.object_count() {
        let key = listed.key(object);
        let account = KeyFacts::account_of(&key).unwrap_or("unknown").to_owned();
        seen.entry(account.clone()).or_default().objects += 1;
        // Names of files begin with account, Region and the time of delivery.
        let file = key.rsplit('/').next().unwrap_or_default();
        let mut parts = file.split('_').skip(2).map(str::to_owned);
        let region = parts.next().unwrap_or_default();
        let delivered = parts.next().unwrap_or_default();
        let newest = last.entry((account, region)).or_default();
        *newest = newest.clone().max((delivered, object));
    }
    let last = last.values();
    last.map(|(_, object)| listed.key(*object).to_string())
        .collect()
}

/// Says whether the objects that were tried could be read.
fn of_reading(name: &str, is_in_s3: bool, objects: usize, audit: &Audit) -> CheckLine {
    let kind = if is_in_s3 { "object" } else { "file" };
    let Some((_, _, examples)) = audit.coverage.rejects.iter().next() else {
        return CheckLine::good(name, "read", plural(objects as u64, kind));
    };
    let detail = examples
        .first()
        .map(|one| format!("{}: {}", one.object, one.detail));
    let next_step = if is_in_s3 {
        "allow s3:GetObject, and kms:Decrypt on the key if the objects are encrypted"
    } else {
        "check the file: copy it again if it is damaged, move it away if it is no log, or give read permission"
    };
    CheckLine::failed(name, "read", detail.unwrap_or_default(), next_step)
}

fn is_in_s3(location: &LogLocation) -> bool {
    matches!(location, LogLocation::S3(_))
}

/// The declared accounts, else those seen: id, and how people know it.
fn accounts(
    settings: &Settings,
    seen: &BTreeMap<String, RecentActivity>,
) -> Vec<(AccountId, String)> {
    let topology = &settings.topology;
    let mut accounts: Vec<(AccountId, String)> = Vec::new();
    if let Some(hub) = &topology.hub_account_id {
        accounts.push((hub.clone(), format!("{hub} (hub)")));
    }
    for consumer in &topology.consumers {
        let label = format!("{} ({})", consumer.account_id, consumer.name);
        accounts.push((consumer.account_id.clone(), label));
    }
    if accounts.is_empty() {
        let found = seen.keys().filter(|account| *account != "unknown");
        accounts.extend(found.map(|account| (account.as_str().into(), account.clone())));
    }
    accounts
}

fn of_account(
    account: &str,
    label: &str,
    seen: &BTreeMap<String, RecentActivity>,
    now: UtcSecond,
) -> CheckLine {
    let next_step = "check that its trail is on and writes to a location listed in [[logs]]";
    let Some(seen) = seen.get(account) else {
        return CheckLine::failed(label, "events", "no logs in the last 2 days", next_step);
    };
    if seen.is_looked_up && seen.objects == 0 {
        return CheckLine::skipped(label, "events", "read with LookupEvents");
    }
    let Some(last) = seen.last_event_at else {
        let detail = format!(
            "{}, but no event in the last day",
            plural(seen.objects, "file")
        );
        return CheckLine::failed(label, "events", detail, next_step);
    };
    let ago = last.distance(now);
    let detail = format!("last event {last}, {} ago", duration(ago));
    if last < now && SILENCE_SECONDS < ago {
        return CheckLine::failed(label, "events", detail, next_step);
    }
    CheckLine::good(label, "events", detail)
}

fn store(context: &RunContext, lines: &mut Vec<CheckLine>) -> Result<(), Failure> {
    let now = context.now;
    let Some(root) = store_selection::root(&context.options, &context.settings) else {
        lines.push(CheckLine::skipped("store", "store", "it has no folder"));
        return Ok(());
    };
    let place = root.display().to_string();
    let opened = match crate::store::Store::open(&root) {
        Ok(opened) => opened,
        Err(error) => {
            let failure = Failure::from(error);
            let next_step = failure.hint.unwrap_or_default();
            lines.push(CheckLine::failed(
                "store",
                "store",
                failure.message,
                next_step,
            ));
            return Ok(());
        }
    };
    let Some(mut store) = opened else {
        lines.push(CheckLine::skipped(
            "store",
            "store",
            format!("does not exist yet in {place}"),
        ));
        return Ok(());
    };
    lines.push(match store.last_run()? {
        Some(last) => {
            let ago = duration(last.distance(now));
            let detail = format!("{place}, collected {ago} ago");
            if last.plus(MAX_AGE_HOURS * 3600) < now {
                let detail = format!("{detail}: what happened since is not in it");
                CheckLine::failed("store", "store", detail, "qs-audit collect")
            } else {
                CheckLine::good("store", "store", detail)
            }
        }
        None => CheckLine::failed(
            "store",
            "store",
            format!("{place}: no run has finished yet"),
            "qs-audit collect",
        ),
    });
    Ok(())
}

#[cfg(not(feature = "aws"))]
mod remote {
    use super::{AccountId, CheckLine, Failure, RunContext};

    #[expect(clippy::unnecessary_wraps, reason = "the other build can fail")]
    pub(super) fn look(
        _context: &RunContext,
        _accounts: &[(AccountId, String)],
        lines: &mut Vec<CheckLine>,
    ) -> Result<(), Failure> {
        lines.push(CheckLine::skipped(
            "AWS",
            "access",
            "not included in this build",
        ));
        Ok(())
    }
}

#[cfg(feature = "aws")]
mod remote {
    use super::{
        AccountId, CheckLine, Failure, RunContext, SILENCE_SECONDS, UtcSecond, duration, plural,
    };
    use crate::app::aws_access::access;
    use crate::aws::{Aws, AwsError, AwsErrorKind, CatalogLists, CostQuestion, Trail};
    use crate::config::LogLocation;
    use std::collections::BTreeSet;

    /// An id that no query execution has: asking for it costs nothing.
    const NO_EXECUTION: &str = "00000000-0000-4000-8000-000000000000";

    pub(super) fn look(
        context: &RunContext,
        accounts: &[(AccountId, String)],
        lines: &mut Vec<CheckLine>,
    ) -> Result<(), Failure> {
        let (settings, now) = (&context.settings, context.now);
        let has_remote = settings
            .places()
            .any(|one| !matches!(one, LogLocation::Path(_)));
        let asks = &settings.aws;
        let has_role = asks.audit_role_arn.is_some() || asks.payer_role_arn.is_some();
        if !has_remote && !has_role && !asks.costs {
            let detail = "not configured: no s3 logs, no [aws] audit_role_arn";
            lines.push(CheckLine::skipped("AWS", "access", detail));
            return Ok(());
        }
        let aws = Aws::new()?;
        let region = aws.region().map(str::to_owned);
        let own = aws.own_account()?;
        let roles = settings.audit_roles(BTreeSet::new());
        for (account, label) in accounts {
            let Some(role) = roles.of(account) else {
                let next_step = "declare it under [[consumers]]; `qs-audit init` writes the accounts that the logs show";
                let detail = "not declared, so doctor assumes no role in it (collect does if AWS Organizations lists the \
                              account)";
                lines.push(CheckLine::failed(label, "access", detail, next_step));
                continue;
            };
            if !role.is_of(account, &own) {
                let next_step = "set [aws] audit_role_arn, or audit_role_arn of the consumer";
                let detail = format!(
                    "not checked: the credentials belong to account {own}, and no audit role is configured \
                                      for this account"
                );
                lines.push(CheckLine::failed(label, "access", detail, next_step));
                continue;
            }
            let access = access(&role, region.as_deref());
            match aws.trails(&access, label) {
                Ok(trails) => of_trails(label, &trails, now, lines),
                Err(error) if error.kind == AwsErrorKind::Credentials => return Err(error.into()),
                Err(error) => lines.push(refused(label, "trail", error)),
            }
            let ids = [NO_EXECUTION.to_owned()];
            lines.push(match aws.executions(&access, label, &ids) {
                Ok(_) => CheckLine::good(label, "statistics", "Athena answers"),
                Err(error) => refused(label, "statistics", error),
            });
            if settings.aws.catalogs {
                of_catalogs(label, aws.catalog_lists(&access, account), lines);
            }
        }
        let hub = settings.topology.hub_account_id.as_ref();
        let role = hub.and_then(|hub| roles.of(hub).filter(|role| role.is_of(hub, &own)));
        if let (Some(hub), Some(role)) = (hub, role) {
            let access = access(&role, region.as_deref());
            let label = format!("{hub} (hub)");
            lines.push(match aws.data_sources(&access, hub) {
                Ok(_) => CheckLine::good(&label, "data sources", "listed by Quick"),
                Err(error) => refused(&label, "data sources", error),
            });
            if settings.aws.catalogs {
                lines.push(match aws.quick_users(&access, hub) {
                    Ok(_) => CheckLine::good(&label, "users", "listed by Quick"),
                    Err(error) => refused(&label, "users", error),
                });
            }
        }
        costs(context, &aws, lines);
        Ok(())
    }

    fn refused(label: &str, check: &'static str, error: AwsError) -> CheckLine {
        let next_step = match (error.kind, error.message.rsplit_once("; allow ")) {
            (AwsErrorKind::Denied, Some((_, action))) => {
                format!("allow {action} for the audit role")
            }
            (AwsErrorKind::Absent, _) => {
                "check that the name is correct and that it exists".to_owned()
            }
            _ => "check that the role can be assumed and that AWS can be reached".to_owned(),
        };
        CheckLine::failed(label, check, error.message, next_step)
    }

    fn of_catalogs(
        label: &str,
        listed: Result<Vec<CatalogLists>, AwsError>,
        lines: &mut Vec<CheckLine>,
    ) {
        let refusals = match listed {
            Ok(lists) => lists.into_iter().flat_map(|list| list.refused).collect(),
            Err(error) => vec![error],
        };
        if refusals.is_empty() {
            let detail = "listed by Glue, Athena, Lake Formation and RAM";
            lines.push(CheckLine::good(label, "data catalogs", detail));
        }
        for refusal in refusals {
            lines.push(refused(label, "data catalogs", refusal));
        }
    }

    /// The commands that create a trail and start its logging.
    const CREATE_TRAIL: &str = "aws cloudtrail create-trail --name qs-audit \
        --s3-bucket-name BUCKET --is-multi-region-trail --enable-log-file-validation && \
        aws cloudtrail start-logging --name qs-audit";

    fn of_trails(label: &str, trails: &[Trail], now: UtcSecond, lines: &mut Vec<CheckLine>) {
        let best = trails.iter().max_by_key(|trail| {
            (
                trail.is_logging,
                trail.is_multi_region,
                trail.has_management_events,
            )
        });
        let Some(trail) = best else {
            let none = "no trail logs this account";
            lines.push(CheckLine::failed(label, "trail", none, CREATE_TRAIL));
            return;
        };
        let name = &trail.name;
        for refusal in &trail.refused {
            let action = refusal
                .rsplit_once("; allow ")
                .map_or("", |(_, action)| action);
            let next_step = format!("allow {action} for the audit role");
            lines.push(CheckLine::failed(label, "trail", refusal, next_step));
        }
        let mut check = |is_well: bool, good: &str, bad: &str, next_step: &str| {
            lines.push(if is_well {
                CheckLine::good(label, "trail", format!("{name} {good}"))
            } else {
                let next_step = format!("aws cloudtrail {next_step}");
                CheckLine::failed(label, "trail", format!("{name} {bad}"), next_step)
            });
        };
        if let Some(is_on) = trail.is_logging {
            check(
                is_on,
                "is on",
                "is off",
                &format!("start-logging --name {name}"),
            );
        }
        check(
            trail.is_multi_region,
            "logs all Regions",
            "logs one Region only",
            &format!("update-trail --name {name} --is-multi-region-trail"),
        );
        check(
            trail.has_global_events,
            "logs events of global services",
            "does not log events of global services, such as STS",
            &format!("update-trail --name {name} --include-global-service-events"),
        );
        check(
            trail.has_digests,
            "writes digests",
            "log file validation is off: changes to log files cannot be detected",
            &format!("update-trail --name {name} --enable-log-file-validation"),
        );
        if let Some(has_all) = trail.has_management_events {
            check(
                has_all,
                "logs all management events",
                "does not log all management events",
                &format!(
                    "get-event-selectors --trail-name {name} prints the current selectors: keep them, and add one with \
                     ReadWriteType All and IncludeManagementEvents true"
                ),
            );
        }
        delivery(label, trail, now, lines);
    }

    /// Adds the check of a trail's last delivery.
    fn delivery(label: &str, trail: &Trail, now: UtcSecond, lines: &mut Vec<CheckLine>) {
        let name = &trail.name;
        if let Some(said) = &trail.delivery_error {
            let next_step = format!("let CloudTrail write to {}", trail.bucket);
            lines.push(CheckLine::failed(
                label,
                "trail",
                format!("{name} cannot deliver: {said}"),
                next_step,
            ));
        }
        if let Some(last) = trail.last_delivery_at
            && last < now
            && SILENCE_SECONDS < last.distance(now)
        {
            let detail = format!("{name} last delivered {} ago", duration(last.distance(now)));
            let next_step =
                format!("check the output of `aws cloudtrail get-trail-status --name {name}`");
            lines.push(CheckLine::failed(label, "trail", detail, next_step));
        }
    }

    /// One paid request, where the configuration says that Cost Explorer may be asked.
    fn costs(context: &RunContext, aws: &Aws, lines: &mut Vec<CheckLine>) {
        let (settings, now) = (&context.settings, context.now);
        let asks = &settings.aws;
        let yesterday = (now.utc_day() - 1).date();
        let (true, Some(yesterday)) = (asks.costs, yesterday) else {
            let detail = "Cost Explorer is off: set [aws] costs = true; each request costs $0.01";
            lines.push(CheckLine::skipped("AWS", "costs", detail));
            return;
        };
        let access = access(&asks.payer_role(), None);
        let question = CostQuestion::AthenaUsageByUsageType;
        context
            .notices
            .announce("requesting costs from Cost Explorer: 1 paid request ($0.01)");
        lines.push(
            match aws.costs(&access, question, yesterday, now.day(), &mut |_, _| {}) {
                Ok(pages) => {
                    let detail = format!(
                        "Cost Explorer answers ({})",
                        plural(pages as u64, "paid request")
                    );
                    CheckLine::good("AWS", "costs", detail)
                }
                Err(error) => refused("AWS", "costs", error),
            },
        );
    }
}
