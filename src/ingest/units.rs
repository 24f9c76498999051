//! Business units of accounts: from CSV, or from the accounts and tags of AWS Organizations.

use super::account::{self, account_id};
use super::bill_values::list;
use super::rows::{Rows, RowsError, bare, find};
use super::text::{TextError, plain};
use crate::model::coverage::{Reject, RejectReason, Rejects};
use crate::model::ids::{AccountId, is_account_id};
use crate::model::json::{for_each_of, is_list, member, text as text_of};
use crate::model::text::Text;
use crate::model::topology::BusinessUnit;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

const EXPECTED: &str = "expected CSV with the columns account_id, business_unit and, if wanted, \
                        cost_center, or JSON of aws organizations list-accounts, \
                        list-tags-for-resource (in a file named by the account id) or \
                        aws resourcegroupstaggingapi get-resources";

/// The reason why a file is refused as business units.
#[derive(Debug, thiserror::Error)]
pub enum UnitsError {
    /// It is something else.
    #[error("{EXPECTED}; found {found}")]
    NotUnits {
        /// The form that it looks like.
        found: String,
    },
    /// It cannot be inflated.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Its header cannot be read.
    #[error(transparent)]
    Rows(#[from] RowsError),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[serde(expecting = "a JSON object")]
struct RawAccountAnswer<'a> {
    #[serde(borrow)]
    accounts: Option<&'a RawValue>,
    #[serde(borrow)]
    resource_tag_mapping_list: Option<&'a RawValue>,
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
}

/// A line of a CSV file.
#[derive(Debug)]
struct UnitLine {
    file: Text,
    number: u32,
    unit: BusinessUnit,
}

/// Business units as they were read.
#[derive(Debug, Default)]
pub struct ReadUnits {
    /// Units by account.
    pub units: BTreeMap<AccountId, BusinessUnit>,
    /// Lines that could not be read, or that disagree with another one.
    pub rejects: Rejects,
    /// Notes for readers.
    pub notes: BTreeSet<String>,
}

/// Reads files of business units, one after the other. A CSV file says more than
/// tags do. Lines that disagree about an account are rejected, all of them; of two tags, the
/// first given counts.
#[derive(Debug, Default)]
pub struct UnitsReader {
    business_unit_tag: Option<String>,
    cost_center_tag: Option<String>,
    lines: BTreeMap<AccountId, Vec<UnitLine>>,
    notes: BTreeSet<String>,
    from_tags: BTreeMap<AccountId, BusinessUnit>,
    rejects: Rejects,
}

fn put(slot: &mut Option<Text>, value: &str) {
    let value = value.trim();
    if slot.is_none() && !value.is_empty() {
        *slot = Some(value.into());
    }
}

impl UnitsReader {
    /// A reader that takes business units and cost centers from tags of these
    /// names, compared without case and punctuation; without any, `business-unit`
    /// and `cost-center`.
    #[must_use]
    pub fn new(business_unit_tag: Option<&str>, cost_center_tag: Option<&str>) -> Self {
        Self {
            business_unit_tag: business_unit_tag.map(bare),
            cost_center_tag: cost_center_tag.map(bare),
            ..Self::default()
        }
    }

    /// Takes in one file.
    ///
    /// # Errors
    ///
    /// When it tells no business units at all.
    pub fn read(&mut self, name: &str, bytes: &[u8]) -> Result<(), UnitsError> {
        let text = plain(bytes)?;
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        match first {
            Some(b'{' | b'[') => self.json(name, &text),
            _ => self.csv(name, &text),
        }
    }

    fn json(&mut self, name: &str, text: &[u8]) -> Result<(), UnitsError> {
        let not_units = |found: String| UnitsError::NotUnits { found };
        let answers =
            serde_json::Deserializer::from_slice(text).into_iter::<RawAccountAnswer<'_>>();
        for answer in answers {
            let answer = answer.map_err(|error| not_units(format!("invalid JSON: {error}")))?;
            let lists = [
                answer.accounts,
                answer.resource_tag_mapping_list,
                answer.tags,
            ];
            let is_empty = lists.iter().all(Option::is_none);
            if is_empty || lists.iter().flatten().any(|list| !is_list(list)) {
                let found = "JSON without Accounts, ResourceTagMappingList or Tags";
                return Err(not_units(found.to_owned()));
            }
            for_each_of(answer.accounts, &mut |account| {
                let Some(id) = text_of(member(account, "Id")) else {
                    return;
                };
                let Ok(told) = account_id(&id) else {
                    return;
                };
                let id = AccountId::from(told.id);
                if let Some(name) = text_of(member(account, "Name")) {
                    put(
                        &mut self.from_tags.entry(id.clone()).or_default().account_name,
                        &name,
                    );
                }
                self.tags(&id, member(account, "Tags"));
            });
            for_each_of(answer.resource_tag_mapping_list, &mut |mapping| {
                let arn = text_of(member(mapping, "ResourceARN")).unwrap_or_default();
                let id = arn.rsplit('/').next().unwrap_or_default();
                self.tags(&AccountId::from(id), member(mapping, "Tags"));
            });
            if let Some(tags) = answer.tags {
                let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
                let id = file.split('.').next().unwrap_or(file);
                if !is_account_id(id) {
                    let found =
                        "tags of a resource, in a file that is not named after an account id";
                    return Err(not_units(found.to_owned()));
                }
                self.tags(&AccountId::from(id), Some(tags));
            }
        }
        Ok(())
    }

    fn tags(&mut self, account_id: &AccountId, tags: Option<&RawValue>) {
        let business_unit = self.business_unit_tag.as_deref().unwrap_or("businessunit");
        let cost_center = self.cost_center_tag.as_deref().unwrap_or("costcenter");
        let unit = self.from_tags.entry(account_id.clone()).or_default();
        for_each_of(tags, &mut |tag| {
            let told = text_of(member(tag, "Key")).zip(text_of(member(tag, "Value")));
            let Some((key, value)) = told else {
                return;
            };
            let key = bare(&key);
            if key == business_unit {
                put(&mut unit.business_unit, &value);
            } else if key == cost_center {
                put(&mut unit.cost_center, &value);
            }
        });
    }

    fn csv(&mut self, name: &str, text: &[u8]) -> Result<(), UnitsError> {
        let rows = Rows::csv(text)?;
        let wanted = find(
            rows.names(),
            &[
                &["account_id", "account", "accountid"],
                &["business_unit", "business-unit", "businessunit"],
                &["cost_center", "cost-center", "costcenter"],
                &["account_name", "name"],
            ],
        );
        if wanted.iter().take(2).any(Option::is_none) {
            return Err(UnitsError::NotUnits {
                found: format!("columns {}", super::bill_values::list(rows.names())),
            });
        }
        rows.for_each(&wanted, |number, row| {
            let read = row.and_then(|row| {
                let told = account_id(row.get(0).unwrap_or_default())?;
                if told.is_repaired {
                    self.notes.insert(account::REPAIRED.to_owned());
                }
                let text = |wanted| row.get(wanted).map(Text::from);
                let line = UnitLine {
                    file: name.into(),
                    number,
                    unit: BusinessUnit {
                        business_unit: text(1),
                        cost_center: text(2),
                        account_name: text(3),
                    },
                };
                self.lines.entry(told.id.into()).or_default().push(line);
                Ok(())
            });
            if let Err(detail) = read {
                reject(&mut self.rejects, name, number, detail);
            }
        })?;
        Ok(())
    }

    /// Units by account, and the lines that could not be read.
    #[must_use]
    pub fn finish(mut self) -> ReadUnits {
        let mut units: BTreeMap<AccountId, BusinessUnit> = BTreeMap::new();
        for (account, lines) in self.lines {
            let told = |of: fn(&BusinessUnit) -> Option<&Text>| -> BTreeSet<Text> {
                let told = lines.iter().filter_map(|line| of(&line.unit));
                told.cloned().collect()
            };
            let business_units = told(|unit| unit.business_unit.as_ref());
            let cost_centers = told(|unit| unit.cost_center.as_ref());
            if business_units.len() > 1 || cost_centers.len() > 1 {
                let told: Vec<String> = business_units
                    .iter()
                    .chain(&cost_centers)
                    .map(ToString::to_string)
                    .collect();
                for line in &lines {
                    let detail = format!("lines disagree about account {account}: {}", list(&told));
                    reject(&mut self.rejects, &line.file, line.number, detail);
                }
                continue;
            }
            let names = told(|unit| unit.account_name.as_ref());
            let unit = BusinessUnit {
                business_unit: business_units.into_iter().next(),
                cost_center: cost_centers.into_iter().next(),
                account_name: names.into_iter().next(),
            };
            units.insert(account, unit);
        }
        for (account, tagged) in self.from_tags {
            let unit = units.entry(account).or_default();
            unit.account_name = unit.account_name.take().or(tagged.account_name);
            unit.business_unit = unit.business_unit.take().or(tagged.business_unit);
            unit.cost_center = unit.cost_center.take().or(tagged.cost_center);
        }
        ReadUnits {
            units,
            rejects: self.rejects,
            notes: self.notes,
        }
    }
}

fn reject(rejects: &mut Rejects, name: &str, number: u32, detail: String) {
    rejects.add(Reject {
        object: name.into(),
        record: Some(number),
        offset: None,
        reason: RejectReason::BadMember,
        detail,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<BTreeMap<AccountId, BusinessUnit>, String> {
        let mut reader = UnitsReader::new(None, None);
        for (name, text) in files {
            let read = reader.read(name, text.as_bytes());
            read.map_err(|error| error.to_string())?;
        }
        Ok(reader.finish().units)
    }

    #[test]
    fn csv_says_more_than_tags() {
        let accounts = r#"{"Accounts":[{"Id":"444455556666","Name":"retail","Status":"ACTIVE"},{"Id":"777788889999","Name":"risk"}]}"#;
        let tags = r#"{"ResourceTagMappingList":[{"ResourceARN":"arn:aws:organizations::111122223333:account/o-1/444455556666","Tags":[{"Key":"BusinessUnit","Value":"Tagged"},{"Key":"cost_center","Value":"CC-7"}]}]}"#;
        let own_tags = r#"{"Tags":[{"Key":"business-unit","Value":"Risk"}]}"#;
        let csv = "account_id,business_unit\n444455556666,Retail Banking\n000000000012,Small\nx,y\n,Ghost\n";
        let files = [
            ("a.json", accounts),
            ("b.json", tags),
            ("dir/777788889999.json", own_tags),
            ("units.csv", csv),
        ];
        let units = read(&files).unwrap();
        let of = |account: &str| units[account].business_unit.as_deref().unwrap().to_owned();
        assert_eq!(of("444455556666"), "Retail Banking");
        assert_eq!(of("777788889999"), "Risk");
        assert_eq!(of("000000000012"), "Small");
        let retail = &units["444455556666"];
        assert_eq!(retail.cost_center.as_deref(), Some("CC-7"));
        assert_eq!(retail.account_name.as_deref(), Some("retail"));
    }

    #[test]
    fn lines_without_an_account_are_rejected() {
        let mut reader = UnitsReader::new(None, None);
        let csv = b"account_id,business_unit\n,Ghost\n12,Short\n444455556666,Retail\n";
        reader.read("units.csv", csv).unwrap();
        let read = reader.finish();
        assert_eq!((read.units.len(), read.rejects.total()), (1, 2));
    }

    #[test]
    fn lines_that_disagree_about_an_account_are_rejected() {
        let mut reader = UnitsReader::new(None, None);
        let csv = "account_id,business_unit,cost_center\n444455556666,Retail,\n444455556666,Risk,\n\
                   777788889999,Risk,\n777788889999,Risk,CC-1\n";
        reader.read("units.csv", csv.as_bytes()).unwrap();
        let read = reader.finish();
        assert_eq!(read.rejects.total(), 2);
        let first = read
            .rejects
            .iter()
            .flat_map(|(.., kept)| kept)
            .next()
            .unwrap();
        assert!(first.detail.ends_with("444455556666: Retail, Risk"));
        assert_eq!(read.units.len(), 1);
        let risk = &read.units["777788889999"];
        assert_eq!(risk.cost_center.as_deref(), Some("CC-1"));
    }

    #[test]
    fn spreadsheets_may_have_taken_commas_and_zeros() {
        let csv = "Account_ID;Business_Unit\n44455556666;Small\n";
        let units = read(&[("units.csv", csv)]).unwrap();
        assert_eq!(
            units["044455556666"].business_unit.as_deref(),
            Some("Small")
        );
    }

    #[test]
    fn a_wrong_file_is_told_what_was_expected_and_found() {
        for (name, text, wanted) in [
            ("a.json", "{}", "JSON without Accounts"),
            ("a.csv", "a,b\n", "columns a, b"),
            (
                "tags.json",
                r#"{"Tags":[]}"#,
                "not named after an account id",
            ),
        ] {
            let error = read(&[(name, text)]).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
