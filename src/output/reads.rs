//! What queries read, as text.

use super::TextLayout;
use super::human::{bytes, line, plural, safe};
use super::page_text::prose;
use crate::model::chain::Chain;
use crate::model::data_read::DataRead;
use crate::model::ids::AccountId;
use crate::model::topology::{ReadDeclaration, Topology};
use std::io::{self, Write};

/// Queries that may have read something and that a line names.
const CANDIDATES_NAMED_MAX: usize = 4;

/// Writes the reads of a chain, by query.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    chain: &Chain,
    topology: &Topology,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    if chain.queries.is_empty() && chain.reads.is_empty() {
        return Ok(());
    }
    let consumer = chain.consumer_account_id.as_ref();
    line!(writer)?;
    line!(writer, "Reads")?;
    prose(page, writer, |writer| {
        for query in &chain.queries {
            let id = query.query_execution_id.as_ref();
            let id = id.map_or_else(|| "refused query".to_owned(), ToString::to_string);
            let reads = query.reads.as_deref();
            let nothing = match reads {
                None => ": unknown",
                Some([]) => ": no table",
                Some(_) => "",
            };
            line!(writer, "  {}{nothing}", safe(&id))?;
            for read in reads.unwrap_or_default() {
                line!(writer, "    {}", safe(&described(read, consumer, topology)))?;
            }
        }
        if !chain.reads.is_empty() {
            line!(
                writer,
                "  By one of several queries, or one that is not in the logs"
            )?;
        }
        for read in &chain.reads {
            let text = described(read, consumer, topology);
            line!(writer, "    {}{}", safe(&text), safe(&candidates(read)))?;
        }
        Ok(())
    })
}

/// A read in one line: what, whose, how it is known, how much.
fn described(read: &DataRead, consumer: Option<&AccountId>, topology: &Topology) -> String {
    let owner = read.owner_account_id.as_deref();
    let owner = owner.map_or_else(
        || "owner unknown".to_owned(),
        |owner| format!("of {}", topology.account_label(owner)),
    );
    let mut parts = vec![
        format!("{}, {owner}", read.name()),
        format!("{} ({})", read.confidence.as_str(), read.via.as_str()),
    ];
    if !read.permissions.is_empty() {
        let permissions: Vec<&str> = read.permissions.iter().map(|text| &**text).collect();
        parts.push(permissions.join(", "));
    }
    if let Some(objects) = read.objects {
        let sent = read.bytes.map(|sent| format!(", {}", bytes(sent)));
        let sent = sent.unwrap_or_default();
        parts.push(format!("{}{sent}", plural(objects, "object")));
    }
    let is_others = read.owner_account_id.as_ref().zip(consumer);
    let is_others = is_others.is_some_and(|(owner, consumer)| owner != consumer);
    if !read.shared_by.is_empty() {
        parts.push(format!("shared by {}", read.shared_by.join(", ")));
    } else if is_others {
        // A share that was made before the window is in none of its logs.
        parts.push("no share in these logs or lists".to_owned());
    }
    parts.extend(permission(read, consumer, topology).map(str::to_owned));
    parts.join("; ")
}

/// Whether the configuration allows a consumer to read a producer's table; `None` for its own.
fn permission(
    read: &DataRead,
    consumer: Option<&AccountId>,
    topology: &Topology,
) -> Option<&'static str> {
    let owner = read.owner_account_id.as_ref()?;
    Some(match topology.read_declaration(owner, consumer?)? {
        ReadDeclaration::UndeclaredProducer => "not a declared producer",
        ReadDeclaration::UndeclaredReader => "not a declared reader",
        ReadDeclaration::AnyReader => "declared producer, any reader",
        ReadDeclaration::DeclaredReader => "declared reader",
    })
}

fn candidates(read: &DataRead) -> String {
    let ids = &read.candidate_query_ids;
    if ids.is_empty() {
        let named = read.query_execution_id.as_ref();
        return named.map_or_else(String::new, |id| format!("; query {id}"));
    }
    let named = ids.iter().take(CANDIDATES_NAMED_MAX);
    let named: Vec<String> = named.map(ToString::to_string).collect();
    let more = ids.len().saturating_sub(CANDIDATES_NAMED_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("; one of {}{more}", named.join(", "))
}
