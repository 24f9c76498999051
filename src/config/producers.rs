//! Producers, and sensitive tables.

use super::checker::{Checker, ConfigError};
use super::file::{RawProducer, RawSensitive};
use crate::model::ids::{AccountId, is_account_id};
use crate::model::text::Text;
use crate::model::topology::{Producer, SensitiveTables, Topology};
use std::collections::BTreeSet;
use toml::Spanned;

impl Checker<'_> {
    /// Adds the declared producers. Their readers may be consumers by name.
    pub(super) fn add_producers(
        &self,
        declared: Vec<RawProducer>,
        topology: &mut Topology,
    ) -> Result<(), ConfigError> {
        for raw in declared {
            let account_id = self.account_id(&raw.account_id, "producers.account_id")?;
            if topology.producer(&account_id).is_some() {
                let message = format!("account {account_id} is declared twice");
                return Err(self.wrong(raw.account_id.span(), "producers.account_id", message));
            }
            let name = raw.name.get_ref();
            if name.trim().is_empty() {
                let message = "a producer needs a name";
                return Err(self.wrong(raw.name.span(), "producers.name", message));
            }
            if topology.producers.iter().any(|other| *other.name == **name) {
                let message = format!("{name:?} is the name of two producers");
                return Err(self.wrong(raw.name.span(), "producers.name", message));
            }
            let readers = raw.readers.map(|readers| {
                let readers = readers.iter().map(|reader| self.reader(reader, topology));
                readers.collect::<Result<BTreeSet<AccountId>, ConfigError>>()
            });
            let producer = Producer {
                name: name.as_str().into(),
                account_id,
                readers: readers.transpose()?,
            };
            topology.producers.push(producer);
        }
        Ok(())
    }

    fn reader(&self, reader: &Spanned<String>, known: &Topology) -> Result<AccountId, ConfigError> {
        let text = reader.get_ref();
        if is_account_id(text) {
            return Ok(text.as_str().into());
        }
        let mut consumers = known.consumers.iter();
        let named = consumers.find(|consumer| *consumer.name == **text);
        named
            .map(|consumer| consumer.account_id.clone())
            .ok_or_else(|| {
                let message =
                    format!("{text:?} is neither an account id nor the name of a consumer");
                self.wrong(reader.span(), "producers.readers", message)
            })
    }

    /// Adds the sensitive tables.
    pub(super) fn add_sensitive(
        &self,
        declared: Vec<RawSensitive>,
        topology: &mut Topology,
    ) -> Result<(), ConfigError> {
        for raw in declared {
            let mut tables = Vec::new();
            for table in raw.tables.get_ref() {
                if table.get_ref().trim().is_empty() {
                    let message = "a table needs a name";
                    return Err(self.wrong(table.span(), "sensitive.tables", message));
                }
                tables.push(Text::from(table.get_ref().as_str()));
            }
            if tables.is_empty() {
                let message = "no table is named";
                return Err(self.wrong(raw.tables.span(), "sensitive.tables", message));
            }
            let reason = raw.reason.get_ref();
            if reason.trim().is_empty() {
                let message = "say why they are sensitive: it is told with each read";
                return Err(self.wrong(raw.reason.span(), "sensitive.reason", message));
            }
            topology.sensitive.push(SensitiveTables {
                tables,
                reason: reason.as_str().into(),
            });
        }
        Ok(())
    }
}
