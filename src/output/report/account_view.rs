//! What the owner of one account sees of a night: its own part, and nothing of the accounts of others.
//!
//! A view is a night of its own, which the formats show like any other. What is about several accounts is
//! left out, or told without the others: findings keep their rule, severity and id.

use super::account_scope::{AccountPart, AccountScope};
use super::content::ReportContent;
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
    /// The run, as far as it is about the account. Its events are those of the whole run.
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
        let consumers = &inputs.slice.chains;
        let mentions = Mentions::of(content.findings(), consumers);
        Self {
            content,
            by_consumer,
            by_producer,
            known,
            mentions,
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
        let near = self.near(account, part, chains);
        let owner = AccountOwner {
            account,
            part,
            near_ids: near.iter().map(|account| &***account).collect(),
            events: inputs.events,
            near,
            known: &self.known,
        };
        let coverage = owner.coverage(&inputs.audit.coverage, &self.content.hub_account_ids);
        let has_bill = inputs.audit.bill.as_ref();
        let audit = Audit {
            window: inputs.audit.window,
            coverage,
            statistics: inputs.audit.statistics.as_ref().map(statistics),
            bill: has_bill.map(bill),
            roles: KnownRoles {
                run_as: inputs.audit.roles.run_as.clone(),
                ..KnownRoles::default()
            },
            named: NamedInChains {
                source_accounts: inputs.topology.hub_account_id.iter().cloned().collect(),
                ..NamedInChains::default()
            },
            trends: match part {
                AccountPart::Consumer => {
                    let trends = inputs.audit.trends.iter();
                    let own = trends.filter(|trend| trend.account_id == *account);
                    own.cloned().collect()
                }
                AccountPart::Producer => Vec::new(),
            },
            ..Audit::default()
        };
        let slice = AuditSlice {
            window: inputs.slice.window,
            chains: owner.chains(chains),
            statistics: inputs.slice.statistics.as_ref().map(statistics),
            bill: inputs.slice.bill.as_ref().map(bill),
            attribution: match part {
                AccountPart::Consumer => {
                    let whole = inputs.slice.attribution.as_ref();
                    whole.map(|whole| owner.attribution(whole))
                }
                AccountPart::Producer => None,
            },
        };
        let scope = AccountScope {
            account_id: account.clone(),
            part,
            unread: unread(inputs.audit),
            unverified: unverified(inputs.audit),
            is_billed: is_billed(inputs.slice),
            unknown_query_count: self.content.tables_read.unknown_query_count,
        };
        AccountView {
            scope,
            findings: owner.findings(self.content.findings(), &self.mentions, &slice.chains),
            topology: owner.topology(inputs.topology),
            audit,
            slice,
        }
    }

    /// Accounts that are no strangers to this one: the hub, and those that its own records name.
    fn near(
        &self,
        account: &'a AccountId,
        part: AccountPart,
        chains: &[&'a Chain],
    ) -> BTreeSet<&'a AccountId> {
        let mut near = self.content.hub_account_ids.clone();
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
        near
    }
}

/// Owners of what a chain read, or may have read.
fn owners(chain: &Chain) -> impl Iterator<Item = &AccountId> {
    chain
        .all_reads()
        .filter_map(|read| read.owner_account_id.as_ref())
}

/// Returns true if a letter may be of an id.
fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-'
}

/// Returns true if a word of a command is the id of a chain.
fn is_chain_id(word: &str) -> bool {
    let digits = word.strip_prefix("c-").unwrap_or_default();
    digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
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

/// That there were statistics, without what is known of all queries.
fn statistics(_: &StatisticsCoverage) -> StatisticsCoverage {
    StatisticsCoverage::default()
}

/// That there was a bill, and whether it is whole.
fn bill(whole: &BillCoverage) -> BillCoverage {
    BillCoverage {
        kinds: whole.kinds.clone(),
        metric: whole.metric,
        files: whole.files,
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
    near: BTreeSet<&'a AccountId>,
    /// The same, as text.
    near_ids: BTreeSet<&'a str>,
    known: &'a BTreeSet<&'a str>,
}

impl AccountOwner<'_> {
    /// Returns true if an account is another one of the organization.
    fn is_foreign(&self, account: &str) -> bool {
        self.known.contains(account) && !self.near_ids.contains(account)
    }

    /// Returns true if a text names no account of others.
    fn may_read(&self, text: &str) -> bool {
        !accounts_in(text).any(|account| self.is_foreign(account))
    }

    fn names_own(&self, text: &str) -> bool {
        accounts_in(text).any(|account| *account == **self.account)
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
        let own: BTreeSet<&str> = chains.iter().map(|chain| &*chain.chain_id).collect();
        let told = chains.iter().map(|chain| {
            let mut chain = (*chain).clone();
            chain
                .related_chains
                .retain(|related| own.contains(&*related.chain_id));
            let is_told = |text: &str| {
                let mut words = text.split(|letter: char| !is_of_word(letter));
                self.may_read(text) && !words.any(|word| is_chain_id(word) && !own.contains(word))
            };
            chain.notes.retain(|note| is_told(note));
            for query in &mut chain.repeated_queries {
                query.chain_id.take_if(|id| !own.contains(&**id));
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
        let is_near = |account: &AccountId| self.near.contains(account);
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
            Some((account.clone(), unit))
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

    fn findings(&self, whole: &Findings, mentions: &Mentions<'_>, chains: &[Chain]) -> Findings {
        // Chains that read a producer's tables are those of their consumers.
        let chains = match self.part {
            AccountPart::Consumer => chains,
            AccountPart::Producer => &[],
        };
        let own: BTreeSet<&str> = chains.iter().map(|chain| &*chain.chain_id).collect();
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
                findings.push(self.own_part(finding, &own));
            } else {
                findings.push(self.in_short(finding, others, &own));
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
    fn own_part(&self, finding: &Finding, own: &BTreeSet<&str>) -> Finding {
        let mut told = finding.clone();
        told.chain_ids.retain(|id| own.contains(&**id));
        if self.part == AccountPart::Producer {
            told.event_ids.clear();
        }
        for (_, value) in &mut told.evidence {
            leave_out_chains(value, own);
        }
        if told.chain_ids.len() < finding.chain_ids.len() {
            told.chain_count = told.chain_ids.len() as u64;
        }
        let mut words = told.command.split(' ');
        if words.any(|word| is_chain_id(word) && !own.contains(word)) {
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
    fn in_short(&self, finding: &Finding, others: usize, own: &BTreeSet<&str>) -> Finding {
        let consumer = finding.consumer_account_id.as_ref();
        let told = self.own_part(finding, own);
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
