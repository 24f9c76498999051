//! What the owner of one account sees of a night: its own part, and nothing of the accounts of others.
//!
//! A view is a night of its own, which the formats show like any other. What is about several accounts is
//! left out, or told without the others: findings keep their rule, severity, times and id.

use super::account_scope::{AccountPart, AccountScope, WholeRun};
use super::content::{ReportContent, ReportInputs};
use super::mentions::{Mentions, accounts_in};
use crate::model::audit::{Audit, AuditSlice, NamedInChains};
use crate::model::bill::BillCoverage;
use crate::model::chain::{Chain, ChainPart, ScopeDown};
use crate::model::charge::Attribution;
use crate::model::coverage::Coverage;
use crate::model::event::Event;
use crate::model::execution::StatisticsCoverage;
use crate::model::finding::{
    Evidence, Finding, Findings, NotObserved, PreviousFinding, RuleReport, RuleState, Subject,
};
use crate::model::ids::{AccountId, EventId};
use crate::model::incident::Incident;
use crate::model::topology::{BusinessUnit, KnownRoles, Topology};
use crate::output::human::plural;
use std::collections::{BTreeMap, BTreeSet};

/// The part of a night that is one account's.
#[derive(Debug)]
pub struct AccountView {
    /// The account.
    pub scope: AccountScope,
    /// The run, as far as it is about the account, without events: chains point into those of the whole run.
    pub audit: Audit,
    /// The window, as far as it is about the account.
    pub slice: AuditSlice,
    /// Findings about it.
    pub findings: Findings,
    /// The account, the hub, and those that it reads from or that read from it.
    pub topology: Topology,
}

/// The detail of a finding that is about other accounts, too.
const IN_SHORT: &str = "This finding may be about other accounts, too. The report of the whole organization has it in full.";

/// A night by account.
#[derive(Debug)]
pub struct AccountViews<'a> {
    content: &'a ReportContent<'a>,
    /// The window's chains by consumer.
    by_consumer: BTreeMap<&'a AccountId, Vec<&'a Chain>>,
    /// Chains by the other account whose tables they read.
    by_producer: BTreeMap<&'a AccountId, Vec<&'a Chain>>,
    /// Accounts of the organization: those that are declared, log, or are reached.
    known: BTreeSet<&'a str>,
    /// Accounts that findings are about.
    mentions: Mentions<'a>,
    run: WholeRun,
}

impl<'a> AccountViews<'a> {
    /// Sorts a night by account, once for all views.
    #[must_use]
    pub fn of(content: &'a ReportContent<'a>) -> Self {
        let inputs = &content.inputs;
        let mut by_consumer: BTreeMap<&AccountId, Vec<&Chain>> = BTreeMap::new();
        let mut by_producer: BTreeMap<&AccountId, Vec<&Chain>> = BTreeMap::new();
        for chain in &inputs.slice.chains {
            if let Some(consumer) = &chain.consumer_account_id {
                by_consumer.entry(consumer).or_default().push(chain);
            }
        }
        for chain in content.readers() {
            let owners: BTreeSet<&AccountId> = owners(chain).collect();
            for owner in owners {
                if chain.consumer_account_id.as_ref() != Some(owner) {
                    by_producer.entry(owner).or_default().push(chain);
                }
            }
        }
        let topology = inputs.topology;
        let mut known: BTreeSet<&str> = by_consumer.keys().map(|account| &***account).collect();
        known.extend(by_producer.keys().map(|account| &***account));
        known.extend(topology.consumers.iter().map(|one| &*one.account_id));
        known.extend(topology.producers.iter().map(|one| &*one.account_id));
        known.extend(topology.units.keys().map(|account| &**account));
        let seen = inputs.audit.coverage.seen.keys();
        known.extend(seen.map(|(account, ..)| &**account));
        Self {
            content,
            by_consumer,
            by_producer,
            known,
            mentions: Mentions::of(content.findings(), &inputs.slice.chains),
            run: whole_run(content),
        }
    }

    /// The accounts that have a view: those that are declared, and those that chains reached, or whose
    /// tables others read. An id that is masked is none.
    #[must_use]
    pub fn accounts(&self, part: AccountPart) -> BTreeSet<&'a AccountId> {
        let topology = self.content.inputs.topology;
        let mut accounts: BTreeSet<&AccountId> = BTreeSet::new();
        match part {
            AccountPart::Consumer => {
                accounts.extend(topology.consumers.iter().map(|one| &one.account_id));
                let listed = self.content.chains.iter();
                accounts.extend(listed.filter_map(|chain| chain.consumer_account_id.as_ref()));
            }
            AccountPart::Producer => {
                accounts.extend(topology.producers.iter().map(|one| &one.account_id));
                accounts.extend(self.by_producer.keys());
            }
        }
        accounts.retain(|account| account.is_well_formed());
        accounts
    }

    /// What one account's owner sees.
    #[must_use]
    pub fn view(&self, account: &AccountId, part: AccountPart) -> AccountView {
        let inputs = &self.content.inputs;
        let chains = match part {
            AccountPart::Consumer => &self.by_consumer,
            AccountPart::Producer => &self.by_producer,
        };
        let chains = chains.get(account).map_or(&[][..], Vec::as_slice);
        // Chains that read a producer's tables are those of their consumers.
        let own_chains = match part {
            AccountPart::Consumer => chains.iter().map(|chain| &*chain.chain_id).collect(),
            AccountPart::Producer => BTreeSet::new(),
        };
        let owner = AccountOwner {
            account,
            part,
            events: inputs.events,
            near: self.near(account, part, chains),
            known: &self.known,
            own_chains,
        };
        let slice = owner.slice(inputs.slice, chains);
        let scope = AccountScope {
            account_id: account.clone(),
            part,
            run: self.run,
        };
        AccountView {
            scope,
            findings: owner.findings(self.content.findings(), &self.mentions),
            topology: owner.topology(inputs.topology),
            audit: owner.audit(inputs, &self.content.hub_account_ids),
            slice,
        }
    }

    /// Accounts that are no strangers to this one: the hub, and those that its own records name.
    fn near(
        &self,
        account: &'a AccountId,
        part: AccountPart,
        chains: &[&'a Chain],
    ) -> BTreeSet<&'a str> {
        let mut near: BTreeSet<&AccountId> = self.content.hub_account_ids.clone();
        near.insert(account);
        match part {
            AccountPart::Consumer => {
                for chain in chains {
                    near.extend(owners(chain));
                    for session in chain.hops() {
                        near.extend(&session.source_account_id);
                        near.extend(&session.account_id);
                    }
                }
            }
            AccountPart::Producer => {
                near.extend(
                    chains
                        .iter()
                        .filter_map(|one| one.consumer_account_id.as_ref()),
                );
            }
        }
        near.into_iter().map(|account| &**account).collect()
    }
}

/// Owners of what a chain read, or may have read.
fn owners(chain: &Chain) -> impl Iterator<Item = &AccountId> {
    chain
        .all_reads()
        .filter_map(|read| read.owner_account_id.as_ref())
}

/// Returns true if a word is the id of a chain.
fn is_chain_id(word: &str) -> bool {
    let digits = word.strip_prefix("c-").unwrap_or_default();
    digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn whole_run(content: &ReportContent<'_>) -> WholeRun {
    let inputs = &content.inputs;
    WholeRun {
        unread: unread(inputs.audit),
        unverified: unverified(inputs.audit),
        is_billed: is_billed(inputs.slice),
        unknown_query_count: content.tables_read.unknown_query_count,
    }
}

/// Files and records of a run that were not read, whatever they are of.
fn unread(audit: &Audit) -> u64 {
    let of_statistics = audit.statistics.as_ref();
    let of_bill = audit.bill.as_ref();
    audit.coverage.rejects.total()
        + audit.coverage.conflicts
        + of_statistics.map_or(0, |known| known.rejects.total() + known.unprocessed)
        + of_bill.map_or(0, |bill| bill.rejects.total() + bill.uncounted.outdated)
        + audit.inventory_rejects.total()
}

/// Files of a run that are not as they were delivered, or could not be verified.
fn unverified(audit: &Audit) -> u64 {
    audit.verification.as_ref().map_or(0, |known| {
        let unchecked: u64 = known.unchecked.iter().map(|one| one.count).sum();
        (known.faults.len() + known.uncovered.len()) as u64 + unchecked
    })
}

/// Returns true if the bill has anything of these days, of whatever account.
fn is_billed(slice: &AuditSlice) -> bool {
    let mut charges = slice.attribution.iter().flat_map(|of| &of.charges);
    charges.any(|charge| charge.billed_cost.is_some())
}

/// Takes ids of chains out of evidence, apart from those of the account's own.
fn leave_out_chains(evidence: &mut Evidence, own: &BTreeSet<&str>) {
    let is_foreign = |value: &Evidence| matches!(value, Evidence::Text(text) if is_chain_id(text) && !own.contains(&**text));
    if is_foreign(evidence) {
        *evidence = Evidence::Unknown;
    }
    match evidence {
        Evidence::List(items) => {
            items.retain(|item| !is_foreign(item));
            for item in items {
                leave_out_chains(item, own);
            }
        }
        Evidence::Record(items) => {
            for (_, item) in items {
                leave_out_chains(item, own);
            }
        }
        _ => {}
    }
}

/// That there was a bill, and whether it is whole.
fn bill(whole: &BillCoverage) -> BillCoverage {
    BillCoverage {
        pages_missing: whole.pages_missing,
        ..BillCoverage::default()
    }
}

/// The owner of an account, and what may be told them.
struct AccountOwner<'a> {
    account: &'a AccountId,
    part: AccountPart,
    /// The events that chains point into.
    events: &'a [Event],
    /// Accounts that they may read of.
    near: BTreeSet<&'a str>,
    /// Accounts of the organization.
    known: &'a BTreeSet<&'a str>,
    /// Ids of the chains that are theirs.
    own_chains: BTreeSet<&'a str>,
}

impl AccountOwner<'_> {
    /// Returns true if an account is another one of the organization.
    fn is_foreign(&self, account: &str) -> bool {
        self.known.contains(account) && !self.near.contains(account)
    }

    /// Returns true if a text names no account of others.
    fn may_read(&self, text: &str) -> bool {
        !accounts_in(text).any(|account| self.is_foreign(account))
    }

    /// Returns true if a text names a chain of others.
    fn names_foreign_chain(&self, text: &str) -> bool {
        let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        words.any(|word| is_chain_id(word) && !self.own_chains.contains(word))
    }

    fn names_own(&self, text: &str) -> bool {
        accounts_in(text).any(|account| *account == **self.account)
    }

    /// The run, as far as the account's owner may see it.
    fn audit(&self, inputs: &ReportInputs<'_>, hubs: &BTreeSet<&AccountId>) -> Audit {
        let whole = inputs.audit;
        let trends = whole.trends.iter();
        let is_own =
            |account: &AccountId| self.part == AccountPart::Consumer && account == self.account;
        let trends = trends.filter(|trend| is_own(&trend.account_id));
        Audit {
            window: whole.window,
            coverage: self.coverage(&whole.coverage, hubs),
            // That there were any, without what is known of all queries.
            statistics: whole
                .statistics
                .as_ref()
                .map(|_| StatisticsCoverage::default()),
            bill: whole.bill.as_ref().map(bill),
            roles: KnownRoles {
                run_as: whole.roles.run_as.clone(),
                ..KnownRoles::default()
            },
            named: NamedInChains {
                source_accounts: inputs.topology.hub_account_id.iter().cloned().collect(),
                ..NamedInChains::default()
            },
            trends: trends.cloned().collect(),
            ..Audit::default()
        }
    }

    /// The window, as far as the account's owner may see it.
    fn slice(&self, whole: &AuditSlice, chains: &[&Chain]) -> AuditSlice {
        let attribution = match self.part {
            AccountPart::Consumer => whole.attribution.as_ref(),
            AccountPart::Producer => None,
        };
        AuditSlice {
            window: whole.window,
            chains: self.chains(chains),
            statistics: whole
                .statistics
                .as_ref()
                .map(|_| StatisticsCoverage::default()),
            attribution: attribution.map(|whole| self.attribution(whole)),
            ..AuditSlice::default()
        }
    }

    fn coverage(&self, whole: &Coverage, hubs: &BTreeSet<&AccountId>) -> Coverage {
        let is_told = |account: &AccountId| account == self.account || hubs.contains(account);
        let seen = whole.seen.iter();
        let seen = seen.filter(|((account, ..), _)| is_told(account));
        let missing = whole.reads_not_logged.iter();
        let missing = missing.filter(|(_, accounts)| accounts.contains(self.account));
        Coverage {
            seen: seen.map(|(key, day)| (key.clone(), *day)).collect(),
            reads_not_logged: missing
                .map(|(&events, _)| (events, BTreeSet::from([self.account.clone()])))
                .collect(),
            ..Coverage::default()
        }
    }

    fn chains(&self, chains: &[&Chain]) -> Vec<Chain> {
        let is_told = |text: &str| self.may_read(text) && !self.names_foreign_chain(text);
        let told = chains.iter().map(|chain| {
            let mut chain = (*chain).clone();
            chain
                .related_chains
                .retain(|related| self.own_chains.contains(&*related.chain_id));
            chain.notes.retain(|note| is_told(note));
            for query in &mut chain.repeated_queries {
                query
                    .chain_id
                    .take_if(|id| !self.own_chains.contains(&**id));
            }
            for missing in &mut chain.missing {
                missing.why.take_if(|why| !is_told(why));
            }
            let earlier = chain.earlier_sessions.iter_mut();
            for session in earlier.chain(&mut chain.consumer_session) {
                self.narrow(&mut session.scope_down);
            }
            // A session in the hub may have gone on to other consumers: of it, only how it was made.
            let made = chain.earlier_sessions.iter();
            let made: BTreeSet<&EventId> = made.flat_map(|session| &session.event_ids).collect();
            chain.events.retain(|entry| {
                let event = self.events.get(entry.event as usize);
                entry.session != ChainPart::RunAs
                    || event.is_some_and(|event| made.contains(&event.id))
            });
            chain
        });
        told.collect()
    }

    /// What a session policy says of others is theirs. That there was one is not.
    fn narrow(&self, scope_down: &mut ScopeDown) {
        let resources = scope_down.resources.iter();
        let told = resources.filter(|resource| self.may_read(resource));
        scope_down.resources = told.cloned().collect();
        scope_down.policy.take_if(|policy| !self.may_read(policy));
        let arns = scope_down.policy_arns.iter();
        let told = arns.filter(|arn| self.may_read(arn));
        scope_down.policy_arns = told.cloned().collect();
    }

    fn attribution(&self, whole: &Attribution) -> Attribution {
        let charges = whole.charges.iter();
        let charges = charges.filter(|charge| charge.account_id.as_ref() == Some(self.account));
        let others = whole.other_services.iter();
        let others = others.filter(|charge| charge.account_id == *self.account);
        Attribution {
            charges: charges.cloned().collect(),
            other_services: others.cloned().collect(),
            terabyte: whole.terabyte,
            prices: whole.prices.clone(),
            ..Attribution::default()
        }
    }

    fn topology(&self, whole: &Topology) -> Topology {
        let is_near = |account: &AccountId| self.near.contains(&**account);
        let own = whole.consumers.iter();
        let own = own.filter(|consumer| consumer.account_id == *self.account);
        let producers = whole.producers.iter();
        let producers = producers.filter(|producer| is_near(&producer.account_id));
        let producers = producers.cloned().map(|mut producer| {
            if let Some(readers) = &mut producer.readers {
                readers.retain(|reader| is_near(reader));
            }
            producer
        });
        // Of others, the name alone.
        let named = self.near.iter().filter_map(|&account| {
            let unit = BusinessUnit {
                account_name: Some(whole.account_name(account)?.clone()),
                ..BusinessUnit::default()
            };
            Some((AccountId::from(account), unit))
        });
        let mut units: BTreeMap<AccountId, BusinessUnit> = named.collect();
        if let Some((account, unit)) = whole.units.get_key_value(self.account) {
            units.insert(account.clone(), unit.clone());
        }
        Topology {
            hub_account_id: whole.hub_account_id.clone(),
            run_as_roles: whole.run_as_roles.clone(),
            consumers: own.cloned().collect(),
            producers: producers.collect(),
            sensitive: whole.sensitive.clone(),
            services: whole.services.clone(),
            agents: whole.agents.clone(),
            payer_account_id: None,
            units,
        }
    }

    fn findings(&self, whole: &Findings, mentions: &Mentions<'_>) -> Findings {
        let about = mentions.about(self.account, self.part);
        let (mut findings, mut in_full) = (Vec::new(), BTreeSet::new());
        for &at in about {
            let finding = &whole.findings[at];
            let accounts = mentions.accounts(at).iter();
            // Who was at a producer's tables is its owner's to know.
            let subject = match self.part {
                AccountPart::Consumer => None,
                AccountPart::Producer => Some(mentions.subject(at)),
            };
            let others = accounts.filter(|account| {
                self.is_foreign(account)
                    && !subject.is_some_and(|subject| subject.contains(*account))
            });
            let others = others.count();
            // What names no one but is about no account of its own may be about others all the same.
            let is_own = mentions.subject(at).contains(&**self.account);
            if others == 0 && is_own {
                in_full.insert(&*finding.finding_id);
                findings.push(self.own_part(finding));
            } else {
                findings.push(self.in_short(finding, others));
            }
        }
        let incidents = incidents(whole, &findings, &in_full);
        let resolved = whole.resolved.iter().filter_map(|one| self.known(one));
        let open = whole.not_observed.iter().filter_map(|one| {
            let why = if self.may_read(&one.why) {
                one.why.clone()
            } else {
                "other accounts lack what it needs".to_owned()
            };
            let finding = self.known(&one.finding)?;
            Some(NotObserved { finding, why })
        });
        Findings {
            window: whole.window,
            baseline: whole.baseline,
            incidents,
            resolved: resolved.collect(),
            not_observed: open.collect(),
            has_logs: whole.has_logs,
            has_previous: whole.has_previous,
            rules: whole.rules.iter().map(|rule| self.rule(rule)).collect(),
            findings,
            ..Findings::default()
        }
    }

    /// A finding of an earlier run, as the owner may read it; `None` if it is not about the account.
    fn known(&self, finding: &PreviousFinding) -> Option<PreviousFinding> {
        let subject = finding.subject.iter().map(|(_, value)| &**value);
        let roles = finding.role_arns.iter().map(|role| &**role);
        let prose = [&*finding.title, &*finding.detail];
        let texts: Vec<&str> = prose.into_iter().chain(subject).chain(roles).collect();
        let is_own = finding.consumer_account_id.as_ref() == Some(self.account);
        if !is_own && !texts.iter().any(|text| self.names_own(text)) {
            return None;
        }
        let others = texts.iter().flat_map(|text| accounts_in(text));
        let others: BTreeSet<&str> = others.filter(|account| self.is_foreign(account)).collect();
        let mut told = finding.clone();
        told.chain_ids.clear();
        told.evidence_keys.clear();
        if !others.is_empty() {
            told.title = self.title_in_short(&finding.rule, others.len());
            IN_SHORT.clone_into(&mut told.detail);
            told.consumer_account_id.take_if(|id| id != self.account);
            told.subject.clear();
            told.role_arns.clear();
        }
        Some(told)
    }

    /// A finding that is about no one else, with those of its chains that are the account's.
    fn own_part(&self, finding: &Finding) -> Finding {
        let mut told = finding.clone();
        told.chain_ids.retain(|id| self.own_chains.contains(&**id));
        if self.part == AccountPart::Producer {
            told.event_ids.clear();
        }
        for (_, value) in &mut told.evidence {
            leave_out_chains(value, &self.own_chains);
        }
        if told.chain_ids.len() < finding.chain_ids.len() {
            told.chain_count = told.chain_ids.len() as u64;
        }
        if self.names_foreign_chain(&told.command) {
            told.command = format!("qs-audit show {}", finding.finding_id);
        }
        if let Some(acknowledged) = &mut told.acknowledged {
            // One note may be about all findings of an incident.
            acknowledged.note = None;
        }
        told
    }

    fn title_in_short(&self, rule: &str, others: usize) -> String {
        let account = self.account;
        match others {
            0 => format!("{rule}: {account}"),
            1 => format!("{rule}: {account} and 1 other account"),
            more => format!("{rule}: {account} and {more} other accounts"),
        }
    }

    /// A finding that is about others, too: that there is one, how bad it is, and how to ask for it.
    fn in_short(&self, finding: &Finding, others: usize) -> Finding {
        let consumer = finding.consumer_account_id.as_ref();
        let told = self.own_part(finding);
        Finding {
            title: self.title_in_short(finding.rule, others),
            detail: IN_SHORT.to_owned(),
            next_step:
                "Ask those who run qs-audit for the organization about the finding with this id."
                    .to_owned(),
            command: format!("qs-audit show {}", finding.finding_id),
            consumer_account_id: consumer.filter(|id| *id == self.account).cloned(),
            subject: Subject::default(),
            role_arns: Vec::new(),
            evidence: Vec::new(),
            event_ids: Vec::new(),
            evidence_keys: BTreeSet::new(),
            event_count: 0,
            count: told.chain_ids.len() as u64,
            ..told
        }
    }

    /// The state of a rule, with those of its notes that are about this account.
    fn rule(&self, report: &RuleReport) -> RuleReport {
        let state = match &report.state {
            RuleState::Skipped(why) if !self.may_read(why) => RuleState::Skipped(
                "something that it needs is missing, of this account or of others".to_owned(),
            ),
            state => state.clone(),
        };
        let (own, others): (Vec<&String>, Vec<&String>) =
            report.notes.iter().partition(|note| self.may_read(note));
        let mut notes: Vec<String> = own.into_iter().cloned().collect();
        if !others.is_empty() {
            notes.push(
                "not everything could be evaluated; this account may be concerned".to_owned(),
            );
        }
        RuleReport {
            rule: report.rule,
            severity: report.severity,
            state,
            notes,
        }
    }
}

/// The incidents of these findings, in their order.
fn incidents(whole: &Findings, findings: &[Finding], in_full: &BTreeSet<&str>) -> Vec<Incident> {
    let mut own: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        own.entry(&finding.incident_id).or_default().push(finding);
    }
    let told = whole.incidents.iter().filter_map(|incident| {
        let findings = own.get(&*incident.incident_id)?;
        let mut all = incident.finding_ids.iter();
        let is_whole = all.all(|id| in_full.contains(&**id));
        let id = incident.incident_id.clone();
        Incident::of(id, incident.cause, findings, |worst| {
            if is_whole {
                return incident.title.clone();
            }
            match findings.len() as u64 {
                1 => worst.title.clone(),
                count => format!(
                    "{} (and {})",
                    worst.title,
                    plural(count - 1, "more finding")
                ),
            }
        })
    });
    told.collect()
}
