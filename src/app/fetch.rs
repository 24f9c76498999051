//! Data that `collect` stores other than logs: query statistics, the bill, lists.

use super::collected::CollectReport;
use super::context::RunContext;
use super::exports;
use super::failure::Failure;
use crate::config::S3Settings;
use crate::model::execution::Statistics;
use crate::model::window::TimeWindow;
use crate::output::human::plural;
use crate::store::{QuestionState, Writer};

/// Asks for all that is configured, and keeps it.
pub(super) fn gather(
    context: &RunContext,
    writer: &mut Writer,
    window: &TimeWindow,
    done: &mut CollectReport,
) -> Result<(), Failure> {
    for given in exports::inputs(context) {
        for bucket in given.buckets() {
            remote::take(context, &bucket, writer, done)?;
        }
    }
    if let Some(statistics) = exports::statistics(context)? {
        done.rejected += statistics.rejects.total();
        let kept = keep(writer, statistics, Vec::new())?;
        done.lines.push(format!(
            "statistics of {} stored from files",
            plural(kept, "query")
        ));
    }
    remote::gather(context, writer, window, done)
}

/// Keeps the statistics that will not change any more.
fn keep(
    writer: &mut Writer,
    statistics: Statistics,
    unavailable: Vec<String>,
) -> Result<u64, Failure> {
    let known = statistics.by_id.into_iter();
    let known: Vec<_> = known.filter(|(_, told)| told.state.is_final()).collect();
    let count = known.len() as u64;
    writer.keep_statistics(QuestionState { known, unavailable })?;
    Ok(count)
}

#[cfg(not(feature = "aws"))]
mod remote {
    use super::{CollectReport, Failure, RunContext, S3Settings, TimeWindow, Writer};
    use crate::app::export_files::in_s3;

    /// Without AWS access nothing can be taken.
    pub(super) fn take(
        _context: &RunContext,
        bucket: &S3Settings,
        _writer: &mut Writer,
        _done: &mut CollectReport,
    ) -> Result<(), Failure> {
        Err(in_s3(bucket))
    }

    /// Without AWS access there is no one to ask.
    #[expect(clippy::unnecessary_wraps, reason = "the other build can fail")]
    pub(super) fn gather(
        _context: &RunContext,
        _writer: &mut Writer,
        _window: &TimeWindow,
        _done: &mut CollectReport,
    ) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(feature = "aws")]
mod remote {
    use super::{CollectReport, Failure, RunContext, S3Settings, TimeWindow, Writer, keep, plural};
    use crate::app::aws_access::access;
    use crate::app::export_files::may_have;
    use crate::app::sources::s3;
    use crate::aws::{
        Access, Aws, AwsError, AwsErrorKind, BATCH_MAX, CatalogLists, CostQuestion,
        ExecutionAnswer, S3Exports,
    };
    use crate::config::{AuditRoles, LogLocation, Role, Settings};
    use crate::decode::quick_query_id;
    use crate::ingest::read_executions;
    use crate::model::execution::Statistics;
    use crate::model::ids::AccountId;
    use crate::model::key::is_in_s3;
    use crate::model::time::{UtcDay, UtcSecond};
    use crate::output::human::bytes;
    use crate::store::{CostPages, ListedExport, Pending};
    use std::collections::BTreeSet;
    use std::fmt::Write as _;
    use std::io::Read;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Accounts and Regions that are asked at the same time.
    const PLACES_AT_ONCE: usize = 8;
    /// Days of one question to Cost Explorer.
    const COST_DAYS_MAX: i64 = 92;
    /// The price of a Cost Explorer page, in cents.
    const CENTS_PER_PAGE: u64 = 1;

    pub(super) fn gather(
        context: &RunContext,
        writer: &mut Writer,
        window: &TimeWindow,
        done: &mut CollectReport,
    ) -> Result<(), Failure> {
        let asks = &context.settings.aws;
        // Logs from local folders alone say nothing of any AWS account being at hand.
        let is_remote = context.options.logs.iter().any(|logs| is_in_s3(logs))
            || (context.options.logs.is_empty()
                && context
                    .settings
                    .places()
                    .any(|logs| !matches!(logs, LogLocation::Path(_))));
        let has_role = asks.audit_role_arn.is_some() || asks.payer_role_arn.is_some();
        if !is_remote && !has_role && !asks.costs && !asks.organizations {
            return Ok(());
        }
        let aws = Aws::new()?;
        let hub = context.settings.topology.hub_account_id.is_some();
        let pending = if asks.statistics {
            writer.pending()?
        } else {
            Vec::new()
        };
        let asks_accounts = !pending.is_empty() || (asks.data_sources && hub) || asks.catalogs;
        // Whose credentials they are tells which accounts they may ask about.
        let own = match asks_accounts.then(|| aws.own_account()) {
            Some(Ok(own)) => own,
            None => String::new(),
            Some(Err(error)) => {
                gap(done, "AWS STS", error)?;
                String::new()
            }
        };
        // Anyone who AWS Organizations lists now may be asked; the store may say anything.
        let of_organization = if asks.organizations {
            organizations(&aws, &context.settings, writer, done)?
        } else {
            BTreeSet::new()
        };
        let asking = Asking {
            aws: &aws,
            own_account_id: &own,
            roles: context.settings.audit_roles(of_organization),
            settings: &context.settings,
        };
        asking.statistics(pending, writer, done)?;
        if asks.data_sources {
            asking.data_sources(writer, done)?;
        }
        if asks.catalogs {
            asking.catalogs(writer, done)?;
            asking.quick_users(writer, done)?;
        }
        if asks.costs {
            costs(context, &aws, writer, window, done)?;
        }
        Ok(())
    }

    /// Takes the objects of a place that are new or were replaced. Bills of months that the store
    /// has forgotten are left.
    pub(super) fn take(
        context: &RunContext,
        bucket: &S3Settings,
        writer: &mut Writer,
        done: &mut CollectReport,
    ) -> Result<(), Failure> {
        let listed = match S3Exports::list(&Aws::new()?, s3(bucket)?) {
            Ok(listed) => listed,
            Err(error) => return gap(done, &bucket.url, error),
        };
        let retention = i64::from(context.settings.store.retention_days);
        let window = TimeWindow {
            from: (writer.today() - retention)
                .date()
                .and_then(UtcSecond::midnight),
            to: None,
        };
        let objects = listed.objects().iter();
        let objects = objects.filter(|object| {
            let below = object.url.strip_prefix(&bucket.url);
            object.is_named || may_have(below.unwrap_or(&object.url), &window)
        });
        let objects: Vec<_> = objects.collect();
        let exports: Vec<ListedExport> = objects
            .iter()
            .map(|object| ListedExport {
                url: object.url.clone(),
                version: object.version.clone(),
            })
            .collect();
        let mut open = |export: &ListedExport| -> Box<dyn Read> {
            match objects.iter().find(|object| object.url == export.url) {
                Some(object) => listed.open(object),
                None => Box::new(std::io::empty()),
            }
        };
        let kept = writer.keep_exports(&bucket.url, &exports, &mut open)?;
        for (url, why) in kept.failed {
            let why = why
                .strip_prefix(&format!("{url}: "))
                .unwrap_or(&why)
                .to_owned();
            done.gaps.push((url.as_str().into(), why));
        }
        done.lines.push(format!(
            "{} of {} stored ({})",
            plural(kept.taken, "new object"),
            bucket.url,
            bytes(kept.bytes)
        ));
        Ok(())
    }

    /// A refusal is a gap; credentials that no one takes end the run.
    fn gap(done: &mut CollectReport, place: &str, error: AwsError) -> Result<(), Failure> {
        if error.kind == AwsErrorKind::Credentials {
            return Err(error.into());
        }
        let own = format!("{place}: ");
        let why = error.message.strip_prefix(&own).unwrap_or(&error.message);
        done.gaps.push((place.into(), why.to_owned()));
        Ok(())
    }

    /// A gap at the place that the error names, or else at this one.
    fn gap_of(done: &mut CollectReport, place: &str, error: AwsError) -> Result<(), Failure> {
        let named = error.message.split_once(": ");
        let place = named.map_or_else(|| place.to_owned(), |(place, _)| place.to_owned());
        gap(done, &place, error)
    }

    /// Access to the accounts of a run.
    struct Asking<'a> {
        aws: &'a Aws,
        /// The account of the caller's own credentials; empty where no one knows.
        own_account_id: &'a str,
        roles: AuditRoles<'a>,
        settings: &'a Settings,
    }

    impl Asking<'_> {
        /// Returns the role by which a service in an account is asked; where it is not
        /// asked, says so in the gaps.
        fn role(&self, service: &str, account_id: &str, done: &mut CollectReport) -> Option<Role> {
            let role = self.roles.of(account_id);
            let why = match &role {
                None => {
                    "this account appears only in the logs, so no role was assumed in it: declare it under [[consumers]] \
                     or [[producers]], or set [aws] organizations = true"
                }
                // Another account would only say that it knows nothing of it.
                Some(role) if !role.is_of(account_id, self.own_account_id) => {
                    "no role is configured for this account: set [aws] audit_role_arn"
                }
                Some(_) => return role,
            };
            let place = format!("{service} in account {account_id}");
            let gap = (place.as_str().into(), why.to_owned());
            // Regions of one account follow one another.
            if done.gaps.last() != Some(&gap) {
                done.gaps.push(gap);
            }
            None
        }

        /// The role for an account and Region that logs name.
        fn role_of(&self, place: &Pending, done: &mut CollectReport) -> Option<Role> {
            let role = self.role("Athena", &place.account_id, done)?;
            if self.settings.is_region(&place.region) {
                return Some(role);
            }
            let why = "unknown AWS Region, named only in the logs; statistics were not requested: if \
                       it is valid, add it to [[logs]] regions";
            done.gaps
                .push((name(place).as_str().into(), why.to_owned()));
            None
        }

        fn statistics(
            &self,
            pending: Vec<Pending>,
            writer: &mut Writer,
            done: &mut CollectReport,
        ) -> Result<(), Failure> {
            let asked: Vec<(Pending, Access)> = pending
                .into_iter()
                .filter_map(|place| {
                    let role = self.role_of(&place, done)?;
                    let access = access(&role, Some(&place.region));
                    Some((place, access))
                })
                .collect();
            let batches: Vec<Batch<'_>> = asked
                .iter()
                .flat_map(|(place, access)| {
                    let batches = place.ids.chunks(BATCH_MAX);
                    batches.map(move |ids| Batch { place, access, ids })
                })
                .collect();
            let answers = of_all(&batches, |batch| {
                self.aws
                    .executions(batch.access, &name(batch.place), batch.ids)
            });
            let mut told = Statistics::default();
            let mut unavailable = Vec::new();
            let mut unprocessed = 0;
            let mut refused = None;
            for (batch, answer) in batches.iter().zip(answers) {
                match answer.unwrap_or_else(|| Ok(ExecutionAnswer::default())) {
                    Ok(answer) => {
                        let text = answer.text.as_bytes();
                        read_executions(&name(batch.place), text, quick_query_id, &mut told);
                        unavailable.extend(answer.unavailable);
                        unprocessed += answer.unprocessed.len();
                    }
                    Err(error) => {
                        refused = gap(done, &name(batch.place), error).err().or(refused);
                    }
                }
            }
            // What was answered is kept, whatever else was refused.
            let gone = unavailable.len();
            let kept = keep(writer, told, unavailable)?;
            if let Some(refused) = refused {
                return Err(refused);
            }
            done.gaps.dedup();
            if !batches.is_empty() {
                let mut line = format!("statistics of {} stored", plural(kept, "query"));
                if gone > 0 {
                    let _ = write!(line, ", {gone} no longer available from Athena");
                }
                if unprocessed > 0 {
                    let _ = write!(line, ", {unprocessed} to be requested again");
                }
                done.lines.push(line);
            }
            Ok(())
        }

        fn data_sources(
            &self,
            writer: &mut Writer,
            done: &mut CollectReport,
        ) -> Result<(), Failure> {
            let Some(hub) = &self.settings.topology.hub_account_id else {
                return Ok(());
            };
            let Some(role) = self.role("Quick", hub, done) else {
                return Ok(());
            };
            for region in self.quick_regions() {
                let access = access(&role, Some(region));
                let place = format!("Quick in account {hub}, {region}");
                match self.aws.data_sources(&access, hub) {
                    Ok(text) => {
                        writer.keep_document("data-sources", &format!("{hub}/{region}"), &text)?;
                        done.lines
                            .push(format!("data sources of {hub} in {region} listed"));
                    }
                    Err(error) => gap(done, &place, error)?,
                }
            }
            Ok(())
        }

        /// Regions of Quick: those that are declared, or the one of the environment.
        fn quick_regions(&self) -> Vec<&str> {
            let declared = &self.settings.aws.quick_regions;
            if declared.is_empty() {
                return self.aws.region().into_iter().collect();
            }
            declared.iter().map(String::as_str).collect()
        }

        /// Keeps the catalogs, grants and shares of all declared accounts. A list that is refused
        /// leaves the one of an earlier run.
        fn catalogs(&self, writer: &mut Writer, done: &mut CollectReport) -> Result<(), Failure> {
            let topology = &self.settings.topology;
            let accounts: BTreeSet<&AccountId> = topology
                .hub_account_id
                .iter()
                .chain(topology.consumers.iter().map(|one| &one.account_id))
                .chain(topology.producers.iter().map(|one| &one.account_id))
                .collect();
            let declared = &self.settings.aws.catalog_regions;
            let regions = if declared.is_empty() {
                self.quick_regions()
            } else {
                declared.iter().map(String::as_str).collect()
            };
            let mut places = Vec::new();
            for account_id in accounts {
                let Some(role) = self.role("Glue", account_id, done) else {
                    continue;
                };
                let places_of_account = regions.iter().map(|&region| CatalogPlace {
                    account_id,
                    region,
                    access: access(&role, Some(region)),
                });
                places.extend(places_of_account);
            }
            let answers = of_all(&places, |place| {
                self.aws.catalog_lists(&place.access, place.account_id)
            });
            let mut refused = None;
            for (place, answer) in places.iter().zip(answers) {
                let (account, region) = (place.account_id, place.region);
                let mut kept = false;
                match answer {
                    None => {}
                    Some(Ok(lists)) => {
                        for lists in lists {
                            let name = format!("{account}/{region}/{}", lists.name);
                            kept |= keep_lists(writer, done, &name, lists, &mut refused)?;
                        }
                    }
                    Some(Err(error)) => {
                        let place = format!("catalogs of account {account}, {region}");
                        refused = gap(done, &place, error).err().or(refused);
                    }
                }
                if kept {
                    done.lines
                        .push(format!("data catalogs of {account} in {region} listed"));
                }
            }
            // What was answered is kept, whatever else was refused.
            refused.map_or(Ok(()), Err)
        }

        /// Keeps the users of Quick, from the first Region that knows them.
        fn quick_users(
            &self,
            writer: &mut Writer,
            done: &mut CollectReport,
        ) -> Result<(), Failure> {
            let Some(hub) = &self.settings.topology.hub_account_id else {
                return Ok(());
            };
            let Some(role) = self.role("Quick", hub, done) else {
                return Ok(());
            };
            let mut last = None;
            for region in self.quick_regions() {
                match self.aws.quick_users(&access(&role, Some(region)), hub) {
                    Ok(lists) => {
                        let mut refused = None;
                        let name = format!("{hub}/{}", lists.name);
                        keep_lists(writer, done, &name, lists, &mut refused)?;
                        done.lines.push(format!("users of Quick in {hub} listed"));
                        return refused.map_or(Ok(()), Err);
                    }
                    Err(error) => last = Some(error),
                }
            }
            let place = format!("Quick in account {hub}");
            last.map_or(Ok(()), |error| gap_of(done, &place, error))
        }
    }

    /// An account and Region whose catalogs are listed.
    struct CatalogPlace<'a> {
        account_id: &'a AccountId,
        region: &'a str,
        access: Access,
    }

    /// Keeps lists under a name; false where nothing was answered.
    fn keep_lists(
        writer: &mut Writer,
        done: &mut CollectReport,
        name: &str,
        lists: CatalogLists,
        refused: &mut Option<Failure>,
    ) -> Result<bool, Failure> {
        for error in lists.refused {
            *refused = gap_of(done, name, error).err().or(refused.take());
        }
        if lists.text.is_empty() {
            return Ok(false);
        }
        writer.keep_document("catalogs", name, &lists.text)?;
        Ok(true)
    }

    /// Ids of one request, and where and how they are asked for.
    struct Batch<'a> {
        place: &'a Pending,
        access: &'a Access,
        ids: &'a [String],
    }

    fn name(place: &Pending) -> String {
        format!("Athena in account {}, {}", place.account_id, place.region)
    }

    /// Asks for all, some at a time; answers in their order.
    fn of_all<P: Sync, A: Send>(places: &[P], ask: impl Fn(&P) -> A + Sync) -> Vec<Option<A>> {
        let next = AtomicUsize::new(0);
        let answers: Vec<Mutex<Option<A>>> = places.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..PLACES_AT_ONCE.min(places.len()) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(place) = places.get(at) else {
                            return;
                        };
                        let answer = ask(place);
                        if let Ok(mut slot) = answers[at].lock() {
                            *slot = Some(answer);
                        }
                    }
                });
            }
        });
        let answers = answers.into_iter();
        answers
            .map(|slot| slot.into_inner().ok().flatten())
            .collect()
    }

    /// Keeps the accounts that AWS Organizations lists, and returns their ids.
    fn organizations(
        aws: &Aws,
        settings: &Settings,
        writer: &mut Writer,
        done: &mut CollectReport,
    ) -> Result<BTreeSet<AccountId>, Failure> {
        match aws.accounts(&access(&settings.aws.payer_role(), None)) {
            Ok(listed) => {
                writer.keep_document("accounts", "organization", &listed.text)?;
                done.lines.push("accounts and their tags listed".to_owned());
                Ok(listed.ids.into_iter().map(AccountId::from).collect())
            }
            Err(error) => gap(done, "AWS Organizations", error).map(|()| BTreeSet::new()),
        }
    }

    /// Stretches of days that no answer covers for good.
    fn unsettled(
        settled: &[(UtcDay, UtcDay)],
        first: UtcDay,
        end: UtcDay,
    ) -> Vec<(UtcDay, UtcDay)> {
        let is_settled = |day: UtcDay| settled.iter().any(|(from, to)| *from <= day && day < *to);
        let mut stretches: Vec<(UtcDay, UtcDay)> = Vec::new();
        for day in first.until(end).filter(|day| !is_settled(*day)) {
            match stretches.last_mut() {
                Some((from, to)) if *to == day && day - *from < COST_DAYS_MAX => *to = day + 1,
                _ => stretches.push((day, day + 1)),
            }
        }
        stretches
    }

    fn costs(
        context: &RunContext,
        aws: &Aws,
        writer: &mut Writer,
        window: &TimeWindow,
        done: &mut CollectReport,
    ) -> Result<(), Failure> {
        let today = writer.today();
        let first = window
            .from
            .map_or(today - COST_DAYS_MAX, UtcSecond::utc_day);
        let end = window
            .to
            .map_or(today, |to| to.plus(86_399).utc_day().min(today));
        let mut asked: Vec<(CostQuestion, (UtcDay, UtcDay))> = Vec::new();
        for &question in CostQuestion::ALL {
            let settled = writer.settled_costs(question.as_str())?;
            // Estimates are made good until the month is closed.
            let estimate = writer.first_estimate(question.as_str())?;
            let first = first.min(estimate.unwrap_or(first));
            let stretches = unsettled(&settled, first, end).into_iter();
            asked.extend(stretches.map(|days| (question, days)));
        }
        if asked.is_empty() {
            return Ok(());
        }
        let requests = asked.len() as u64;
        context.notices.note(&format!(
            "requesting costs from Cost Explorer: {} (${}), and one more for each further page",
            plural(requests, "paid request"),
            dollars(requests),
        ));
        let mut paid = 0;
        for (question, days) in asked {
            let (Some(from), Some(to)) = (days.0.date(), days.1.date()) else {
                continue;
            };
            let mut pages = Vec::new();
            let access = access(&context.settings.aws.payer_role(), None);
            let answer = aws.costs(&access, question, from, to, &mut |_, page| {
                pages.push((page.text, page.is_estimated));
            });
            paid += pages.len() as u64;
            match answer {
                Ok(_) => writer.keep_costs(&CostPages {
                    question: question.as_str().to_owned(),
                    first_day: days.0,
                    end_day: days.1,
                    pages,
                })?,
                Err(error) => gap(done, "Cost Explorer", error)?,
            }
        }
        let requests = plural(paid, "paid request");
        done.lines.push(format!(
            "bill stored; {requests} to Cost Explorer (${})",
            dollars(paid)
        ));
        Ok(())
    }

    fn dollars(requests: u64) -> String {
        let cents = requests * CENTS_PER_PAGE;
        format!("{}.{:02}", cents / 100, cents % 100)
    }

    #[cfg(test)]
    mod tests {
        use super::{UtcDay, unsettled};

        #[test]
        fn only_days_that_nobody_answered_for_are_asked_about() {
            let day = UtcDay::numbered;
            assert_eq!(unsettled(&[], day(10), day(13)), [(day(10), day(13))]);
            assert_eq!(
                unsettled(&[(day(10), day(12))], day(10), day(13)),
                [(day(12), day(13))]
            );
            assert_eq!(
                unsettled(&[(day(11), day(12))], day(10), day(13)),
                [(day(10), day(11)), (day(12), day(13))]
            );
            assert_eq!(unsettled(&[(day(0), day(99))], day(10), day(13)), []);
            assert_eq!(
                unsettled(&[], day(0), day(100)),
                [(day(0), day(92)), (day(92), day(100))]
            );
        }
    }
}
