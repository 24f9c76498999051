//! Quick's data sources: output of `aws quicksight list-data-sources` or
//! `describe-data-source` (docs/cloudtrail-facts.md#data-sources), one answer or several, one
//! after the other.

use super::documents::each_document;
use crate::model::coverage::{Reject, RejectReason};
use crate::model::ids::{DataSourceArn, RoleArn, is_data_source_arn};
use crate::model::inventory::{DataSource, Inventory};
use crate::model::json::{for_each_of, is_list, is_object, member, text};
use crate::model::text::Text;
use serde_json::value::RawValue;

/// Reads a file into the inventory. What cannot be read becomes a reject.
pub fn read_data_sources(name: &str, text: &[u8], inventory: &mut Inventory) {
    let mut reader = DataSourcesReader {
        name: name.into(),
        record: 0,
        inventory,
    };
    if let Err(fault) = each_document(text, |document| reader.document(document)) {
        reader.reject(fault.offset, fault.reason, fault.detail);
    }
}

struct DataSourcesReader<'a> {
    name: Text,
    record: u32,
    inventory: &'a mut Inventory,
}

impl DataSourcesReader<'_> {
    fn reject(&mut self, offset: Option<u64>, reason: RejectReason, detail: String) {
        self.inventory.rejects.add(Reject {
            object: self.name.clone(),
            record: offset.is_none().then_some(self.record),
            offset,
            reason,
            detail,
        });
    }

    fn document(&mut self, document: &RawValue) {
        let list = member(document, "DataSources").filter(|list| is_list(list));
        let one = member(document, "DataSource").filter(|one| is_object(one));
        self.inventory.lists += u64::from(list.is_some() || one.is_some());
        if let Some(list) = list.or(Some(document).filter(|document| is_list(document))) {
            for_each_of(Some(list), &mut |item| self.data_source(item));
        } else {
            self.data_source(one.unwrap_or(document));
        }
    }

    fn data_source(&mut self, item: &RawValue) {
        let arn = text(member(item, "Arn")).filter(|arn| is_data_source_arn(arn));
        let Some(arn) = arn else {
            let detail = "no Arn of a Quick data source: not the output of list-data-sources";
            self.reject(None, RejectReason::BadMember, detail.to_owned());
            self.record += 1;
            return;
        };
        let of = |value: Option<&RawValue>, name: &str| {
            let told = value.and_then(|value| text(member(value, name)));
            told.map(Text::from)
        };
        let parameters = member(item, "DataSourceParameters");
        let athena = parameters.and_then(|all| member(all, "AthenaParameters"));
        let source = DataSource {
            arn: DataSourceArn::from(&*arn),
            name: of(Some(item), "Name"),
            kind: of(Some(item), "Type"),
            run_as_role_arn: of(athena, "RoleArn").map(RoleArn::from),
            consumer_role_arn: of(athena, "ConsumerAccountRoleArn").map(RoleArn::from),
            work_group: of(athena, "WorkGroup"),
        };
        self.inventory
            .data_sources
            .insert(source.arn.clone(), source);
        self.record += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:quicksight:us-east-1:111122223333:datasource/ds";

    fn read(text: &str) -> Inventory {
        let mut inventory = Inventory::default();
        read_data_sources("f", text.as_bytes(), &mut inventory);
        inventory
    }

    #[test]
    fn every_form_is_read() {
        let source = format!(
            r#"{{"Arn":"{ARN}","DataSourceParameters":{{"AthenaParameters":{{"WorkGroup":"w"}}}}}}"#
        );
        for text in [
            format!(r#"{{"DataSources":[{source}]}}"#),
            format!(r#"{{"DataSource":{source}}}"#),
            format!("[{source}]"),
            format!("{source}\n{source}"),
        ] {
            let inventory = read(&text);
            let known = inventory.find(ARN).unwrap();
            assert_eq!(known.work_group.as_deref(), Some("w"));
            assert_eq!(inventory.find("ds"), Some(known));
            assert_eq!(inventory.rejects.total(), 0);
        }
    }

    #[test]
    fn what_is_no_data_source_is_a_reject_and_costs_nothing_else() {
        let text = format!(r#"{{"DataSources":[{{"Arn":"x"}},7,{{"Arn":"{ARN}"}}]}} {{"#);
        let inventory = read(&text);
        assert_eq!(inventory.data_sources.len(), 1);
        assert_eq!(inventory.rejects.total(), 3);
        assert_eq!(read("").rejects.total(), 1);
    }
}
