//! The accounts that findings are about.

use super::account_scope::AccountPart;
use crate::model::chain::Chain;
use crate::model::finding::{Evidence, Finding, Findings};
use crate::model::ids::{AccountId, is_account_id};
use std::collections::{BTreeMap, BTreeSet};

/// The account ids in a text: what is spelled like one and stands by itself.
pub(super) fn accounts_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| is_account_id(word))
}

/// Findings by the accounts that they are about.
#[derive(Debug)]
pub(super) struct Mentions<'a> {
    /// The accounts of each finding, in the order of findings.
    accounts: Vec<BTreeSet<&'a str>>,
    /// The accounts of the subject of each finding.
    subjects: Vec<BTreeSet<&'a str>>,
    /// Positions of findings by the accounts that they name anywhere, or whose chains they name.
    anywhere: BTreeMap<&'a str, Vec<usize>>,
    /// Positions of findings by the accounts that are their subject.
    as_subject: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Mentions<'a> {
    /// Reads all findings once.
    pub(super) fn of(findings: &'a Findings, chains: &'a [Chain]) -> Self {
        let consumers = chains.iter().filter_map(|chain| {
            let consumer = chain.consumer_account_id.as_ref()?;
            Some((&*chain.chain_id, &**consumer))
        });
        let consumers: BTreeMap<&str, &str> = consumers.collect();
        let mut mentions = Self {
            accounts: Vec::with_capacity(findings.findings.len()),
            subjects: Vec::with_capacity(findings.findings.len()),
            anywhere: BTreeMap::new(),
            as_subject: BTreeMap::new(),
        };
        for (at, finding) in findings.findings.iter().enumerate() {
            let subject = subject(finding);
            for account in &subject {
                mentions.as_subject.entry(account).or_default().push(at);
            }
            let mut accounts = subject.clone();
            mentions.subjects.push(subject);
            let prose = [&finding.title, &finding.detail, &finding.next_step];
            accounts.extend(prose.into_iter().flat_map(|text| accounts_in(text)));
            accounts.extend(accounts_in(&finding.command));
            for (_, value) in &finding.evidence {
                add(value, &mut accounts);
            }
            let chains = finding.chain_ids.iter();
            accounts.extend(chains.filter_map(|id| consumers.get(&**id)));
            for account in &accounts {
                mentions.anywhere.entry(account).or_default().push(at);
            }
            mentions.accounts.push(accounts);
        }
        mentions
    }

    /// Positions of the findings that are about an account. Of a consumer, any that names it or one of its
    /// chains; of a producer, those whose subject it is: what else names it is about one who reads from it.
    pub(super) fn about(&self, account: &AccountId, part: AccountPart) -> &[usize] {
        let by = match part {
            AccountPart::Consumer => &self.anywhere,
            AccountPart::Producer => &self.as_subject,
        };
        by.get(&**account).map_or(&[], Vec::as_slice)
    }

    /// The accounts of the subject of the finding at a position.
    pub(super) fn subject(&self, at: usize) -> &BTreeSet<&'a str> {
        &self.subjects[at]
    }

    /// The accounts of the finding at a position.
    pub(super) fn accounts(&self, at: usize) -> &BTreeSet<&'a str> {
        &self.accounts[at]
    }
}

/// The accounts of a finding's subject.
fn subject(finding: &Finding) -> BTreeSet<&str> {
    let subject = finding.subject.0.iter();
    let subject = subject.flat_map(|(_, value)| accounts_in(value));
    let roles = finding.role_arns.iter().flat_map(|role| accounts_in(role));
    let consumer = finding.consumer_account_id.iter();
    let consumer = consumer.map(|account| &**account);
    subject.chain(roles).chain(consumer).collect()
}

fn add<'a>(evidence: &'a Evidence, accounts: &mut BTreeSet<&'a str>) {
    match evidence {
        Evidence::Text(text) => accounts.extend(accounts_in(text)),
        Evidence::List(items) => items.iter().for_each(|item| add(item, accounts)),
        Evidence::Record(items) => items.iter().for_each(|(_, item)| add(item, accounts)),
        Evidence::Integer(_)
        | Evidence::Decimal(_)
        | Evidence::Day(_)
        | Evidence::Boolean(_)
        | Evidence::Unknown => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_where_they_stand_by_themselves() {
        let found = |text: &'static str| -> Vec<&str> { accounts_in(text).collect() };
        assert_eq!(
            found("arn:aws:iam::111122223333:role/a of retail (444455556666)"),
            ["111122223333", "444455556666"]
        );
        assert_eq!(
            found("s3://logs-111122223333-eu/a_444455556666"),
            ["111122223333", "444455556666"]
        );
        assert!(found("1111222233334 f-111122223333a 11112222333").is_empty());
    }
}
