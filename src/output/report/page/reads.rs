//! Tables that were read, and who read those of producers.

use super::super::ReportContent;
use super::super::tables_read::{ProducerReader, ProducerUse, TableUse, declared};
use super::table::{PageCell, PageTable};
use crate::model::text::Text;
use crate::output::human::{count, plural, tail};
use crate::output::reads_not_logged::reads_not_logged;
use rust_decimal::Decimal;

/// The section on reads, in words.
pub(super) struct ReadsSection {
    pub(super) tables: PageTable,
    pub(super) readers: PageTable,
}

impl ReadsSection {
    pub(super) fn of(content: &ReportContent<'_>) -> Self {
        Self {
            tables: tables(content),
            readers: readers(content),
        }
    }
}

fn objects(number: Option<u64>) -> PageCell {
    let text = number.map_or_else(|| "–".to_owned(), count);
    PageCell::figure(text, number.map(Decimal::from))
}

fn tables(content: &ReportContent<'_>) -> PageTable {
    let topology = content.inputs.topology;
    let read = &content.tables_read;
    let row = |table: &TableUse<'_>| {
        let owner = table.owner_account_id;
        let owner = owner.map(|owner| topology.account_label(owner));
        let consumers = table.consumers.iter();
        let consumers: Vec<String> = consumers
            .map(|account| {
                topology
                    .account_name(account)
                    .map_or(&***account, |name| name)
                    .to_owned()
            })
            .collect();
        vec![
            PageCell::text(&table.name),
            PageCell::or_unknown(owner.as_deref()),
            PageCell::text(&consumers.join(", ")),
            PageCell::count(table.query_count),
            PageCell::count(table.ambiguous_count),
            objects(table.objects),
            PageCell::bytes(table.bytes),
        ]
    };
    let titles = [
        "Table",
        "Owner",
        "Read by",
        "Queries",
        "Ambiguous",
        "Objects",
        "Bytes read",
    ];
    let mut table = PageTable::new("tables-read", "By table", &titles)
        .with(read.tables.iter().map(row).collect());
    if read.table_count > read.tables.len() {
        let more = (read.table_count - read.tables.len()) as u64;
        table = table.noting(&format!("{} more tables are not listed.", count(more)));
    }
    if read.unknown_query_count > 0 {
        let queries = plural(read.unknown_query_count, "query");
        let whose = content
            .inputs
            .producer()
            .map_or("", |_| " of all consumers");
        table = table.noting(&format!("What {queries}{whose} read is not known."));
    }
    let gaps = reads_not_logged(&content.inputs.audit.coverage, topology);
    gaps.into_iter()
        .fold(table, |table, gap| table.noting(&format!("{}.", gap.text)))
}

fn readers(content: &ReportContent<'_>) -> PageTable {
    let topology = content.inputs.topology;
    let row = |(reader, of): &(ProducerReader<'_>, ProducerUse)| {
        let tables: Vec<&str> = of.tables.iter().map(String::as_str).collect();
        let text = |text: Option<&Text>| text.map(|text| tail(text).to_owned());
        vec![
            PageCell::text(&topology.account_label(reader.producer)),
            PageCell::text(&tables.join(", ")),
            PageCell::text(&topology.account_label(reader.consumer)),
            PageCell::or_unknown(text(reader.work_group).as_deref()),
            PageCell::or_unknown(reader.user.map(|user| &**user)),
            PageCell::or_unknown(text(reader.dashboard).as_deref()),
            PageCell::text(declared(topology, reader)),
            PageCell::count(of.query_count),
            PageCell::bytes(of.bytes),
        ]
    };
    let titles = [
        "Producer",
        "Tables",
        "Consumer",
        "Work group",
        "Quick user",
        "Dashboard",
        "Declared",
        "Queries",
        "Bytes read",
    ];
    let rows = content.tables_read.readers.iter().map(row).collect();
    let caption = "Who reads the tables of producers";
    PageTable::new("readers", caption, &titles).with(rows)
}
