//! What was seen of each table, bucket and function, gathered by query.

use super::executions::{CANDIDATES_MAX, Execution};
use crate::model::catalog_table::CatalogTable;
use crate::model::chain::{Chain, Confidence, QueryExecution};
use crate::model::data_catalogs::{DataCatalogs, ListedName};
use crate::model::data_read::{DataRead, EVENT_IDS_MAX, PREFIXES_MAX, ReadEvidence, ReadSubject};
use crate::model::event::S3ObjectCall;
use crate::model::execution::QueryState;
use crate::model::function_sessions::function_name;
use crate::model::ids::{AccountId, EventId, QueryExecutionId, RequestId, is_account_id};
use crate::model::text::Text;
use crate::model::time::UtcDay;
use hashbrown::{HashMap, HashSet};
use litemap::LiteMap;
use std::collections::{BTreeMap, BTreeSet};

/// Whose read it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Reader {
    /// A query of a chain, by their positions.
    Query { chain: usize, query: usize },
    /// A chain; of its queries none is known to have read it.
    Chain {
        chain: usize,
        /// A query that the call names, and that is not among those of the logs.
        named: Option<QueryExecutionId>,
    },
}

impl Reader {
    /// The reader that these executions leave, its candidates and the confidence: a single one is
    /// it, as far as the link to its session is known. Among several, or when none of the chain's
    /// ran, it is the chain's and ambiguous. `None` where a single one was submitted outside the
    /// window.
    pub(super) fn among(
        chain: usize,
        running: &[&Execution<'_>],
        link: Confidence,
    ) -> Option<(Self, Vec<QueryExecutionId>, Confidence)> {
        if let [one] = running {
            let chain = one.chain;
            return one.query.map(|query| {
                let reader = Self::Query { chain, query };
                (reader, Vec::new(), link.min(Confidence::Probable))
            });
        }
        let of_chain = Self::Chain { chain, named: None };
        let ids = running.iter().map(|execution| execution.id.clone());
        Some((of_chain, ids.collect(), Confidence::Ambiguous))
    }

    pub(super) fn chain(&self) -> usize {
        match self {
            Self::Query { chain, .. } | Self::Chain { chain, .. } => *chain,
        }
    }
}

/// One piece of evidence of a read.
#[derive(Debug, Clone)]
pub(super) struct Sighting<'a> {
    pub(super) reader: Reader,
    pub(super) candidates: Vec<QueryExecutionId>,
    pub(super) subject: ReadSubject,
    pub(super) owner: Option<AccountId>,
    pub(super) via: ReadEvidence,
    pub(super) confidence: Confidence,
    pub(super) permissions: &'a [Text],
    /// The event; none where SQL tells.
    pub(super) event: Option<&'a EventId>,
    /// The object, where one was read.
    pub(super) object: Option<&'a S3ObjectCall>,
}

/// An entry in the making.
#[derive(Debug)]
struct Draft {
    owner: Option<AccountId>,
    /// The best confidence, and the strongest evidence of it.
    best: (Confidence, ReadEvidence),
    /// True if the SQL names it.
    is_in_sql: bool,
    candidates: BTreeSet<QueryExecutionId>,
    permissions: BTreeSet<Text>,
    objects: ObjectTally,
    events: HashSet<EventId>,
}

/// Objects that were read, each call once.
#[derive(Debug, Default)]
struct ObjectTally {
    calls: HashSet<RequestId>,
    keys: HashSet<Text>,
    bytes: Option<u64>,
    folders: HashSet<Text>,
}

/// Most readers have one or two: a tree would have room for eleven.
type Entries = LiteMap<ReadSubject, Box<Draft>>;

/// All entries in the making.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    by_reader: HashMap<Reader, Entries>,
}

impl Drafts {
    pub(super) fn add(&mut self, sighting: Sighting<'_>) {
        let entries = self.by_reader.entry(sighting.reader).or_default();
        let best = (sighting.confidence, sighting.via);
        let draft = entries.entry(sighting.subject).or_insert_with(|| {
            Box::new(Draft {
                owner: None,
                best,
                is_in_sql: false,
                candidates: BTreeSet::new(),
                permissions: BTreeSet::new(),
                objects: ObjectTally::default(),
                events: HashSet::new(),
            })
        });
        draft.best = draft.best.max(best);
        draft.is_in_sql |= sighting.via == ReadEvidence::Sql;
        draft.owner = draft.owner.take().or(sighting.owner);
        draft.candidates.extend(sighting.candidates);
        draft
            .permissions
            .extend(sighting.permissions.iter().cloned());
        if let Some(object) = sighting.object {
            draft.objects.add(object, sighting.event);
        }
        draft.events.extend(sighting.event.cloned());
    }

    /// Returns true if a chain or a query of it is known to have read a table.
    pub(super) fn has(&self, reader: &Reader, table: &ReadSubject) -> bool {
        let entries = self.by_reader.get(reader);
        entries.is_some_and(|entries| entries.contains_key(table))
    }

    /// The function that a query read by, if it is one.
    pub(super) fn only_function(&self, reader: &Reader) -> Option<Text> {
        let entries = self.by_reader.get(reader)?;
        let mut functions = entries
            .keys()
            .filter_map(|subject| subject.function_arn.as_ref());
        functions
            .next()
            .filter(|_| functions.next().is_none())
            .cloned()
    }

    /// Returns true if a query read through a connector or a catalog of a known owner.
    pub(super) fn has_owner(&self, reader: &Reader) -> bool {
        let entries = self.by_reader.get(reader);
        let mut drafts = entries.into_iter().flat_map(LiteMap::values);
        drafts.any(|draft| draft.owner.is_some())
    }

    /// The function of this account and name by which a query read, whatever its Region.
    pub(super) fn function_named(&self, reader: &Reader, function: &Text) -> Option<Text> {
        let entries = self.by_reader.get(reader)?;
        if entries
            .keys()
            .any(|subject| subject.function_arn.as_ref() == Some(function))
        {
            return Some(function.clone());
        }
        let name = function_name(function)?;
        let known = entries
            .keys()
            .filter_map(|subject| subject.function_arn.as_ref());
        let mut alike = known.filter(|known| function_name(known) == Some(name));
        alike.next().cloned()
    }

    /// Takes out catalogs of other accounts of which the tables are known.
    pub(super) fn drop_covered_catalogs(&mut self) {
        for entries in self.by_reader.values_mut() {
            let covered: BTreeSet<Text> = entries
                .keys()
                .filter(|subject| subject.table.is_some())
                .filter_map(|subject| subject.catalog_id.clone())
                .collect();
            entries.retain(|subject, draft| {
                // A connector is known by its catalog, whatever its tables are.
                if draft.best.1 == ReadEvidence::Connector {
                    return true;
                }
                let is_whole = subject.table.is_none();
                let catalog = subject.catalog_id.as_ref();
                !(is_whole && catalog.is_some_and(|catalog| covered.contains(catalog)))
            });
        }
    }

    /// A table of the reader's own catalog that has the names of a table of another account, which
    /// the same query read, is the resource link to it: both are one entry, the other account's
    /// (docs/cloudtrail-facts.md#what-a-query-read). Where only SQL names a link, other queries of
    /// chains that began on the same day tell its target.
    pub(super) fn resolve_links(&mut self, chains: &[Chain]) {
        let mut targets: LinkTargets = HashMap::new();
        for reader in self.readers() {
            let links = self.links_of(&reader, chains);
            let Some(entries) = self.by_reader.get_mut(&reader) else {
                continue;
            };
            let day = day_of(chains, &reader);
            for (link, target) in &links {
                let known = targets.entry((day, link.clone()));
                known
                    // Of two tables it is not known which.
                    .and_modify(|known| known.retain(|known| known == target))
                    .or_insert_with(|| vec![target.clone()]);
            }
            replace(entries, links);
        }
        for (reader, entries) in &mut self.by_reader {
            let day = day_of(chains, reader);
            let links = entries.iter().filter_map(|(subject, draft)| {
                let only_named = draft.events.is_empty();
                let known = only_named.then(|| targets.get(&(day, subject.clone())));
                let target = known.flatten()?.first()?;
                Some((subject.clone(), target.clone()))
            });
            let links: Vec<(ReadSubject, Target)> = links.collect();
            replace(entries, links);
        }
    }

    fn readers(&self) -> Vec<Reader> {
        let mut readers: Vec<Reader> = self.by_reader.keys().cloned().collect();
        readers.sort_unstable();
        readers
    }

    /// The links of a reader and their targets: of a query, also tables that calls of its session
    /// name, and that it may have made. What only text tells is no target.
    fn links_of(&self, reader: &Reader, chains: &[Chain]) -> Vec<(ReadSubject, Target)> {
        let (Some(own), Some(entries)) = (account_of(chains, reader), self.by_reader.get(reader))
        else {
            return Vec::new();
        };
        let of_query = match reader {
            Reader::Query { chain, query } => {
                let chain_reader = Reader::Chain {
                    chain: *chain,
                    named: None,
                };
                let id = chains[*chain].queries[*query].query_execution_id.as_ref();
                id.zip(self.by_reader.get(&chain_reader))
            }
            Reader::Chain { .. } => None,
        };
        let of_session = of_query.into_iter().flat_map(|(id, of_chain)| {
            let made = of_chain.iter();
            made.filter(move |(_, draft)| draft.candidates.contains(id))
        });
        let by_calls = |(_, draft): &(&ReadSubject, &Draft)| {
            let is_text = draft.best.0 == Confidence::Ambiguous && draft.candidates.is_empty();
            !draft.events.is_empty() && !draft.is_in_sql && !is_text
        };
        let mut others: BTreeMap<(Text, Text), BTreeSet<Target>> = BTreeMap::new();
        let of_both = entries.iter().chain(of_session);
        let of_both = of_both.map(|(subject, draft)| (subject, &**draft));
        for (subject, draft) in of_both.filter(by_calls) {
            let is_other = draft.owner.as_ref().is_some_and(|owner| owner != own);
            if let Some(names) = names(subject)
                && is_other
                && subject.table_arn.is_some()
            {
                let target = (subject.clone(), draft.owner.clone());
                others.entry(names).or_default().insert(target);
            }
        }
        let links = entries.iter().filter_map(|(subject, draft)| {
            let is_own = subject.catalog_id.as_ref() == Some(own.text());
            let is_granted = draft.best.1 == ReadEvidence::LakeFormation;
            let targets = others
                .get(&names(subject)?)
                .filter(|_| is_own && !is_granted)?;
            let only = targets.first().filter(|_| targets.len() == 1)?;
            Some((subject.clone(), only.clone()))
        });
        links.collect()
    }

    /// A table that SQL names in a catalog that no list tells of is the one table of its names that
    /// calls of the same query name, and that the SQL does not name otherwise.
    pub(super) fn resolve_catalogs(&mut self) {
        for entries in self.by_reader.values_mut() {
            let is_open =
                |subject: &ReadSubject| subject.table_arn.is_none() && subject.catalog_id.is_some();
            let open = entries
                .iter()
                .filter(|(subject, draft)| is_open(subject) && draft.events.is_empty())
                .filter_map(|(subject, _)| Some((subject.clone(), names(subject)?)));
            let open: Vec<(ReadSubject, (Text, Text))> = open.collect();
            for (subject, own) in open {
                let mut named = entries.iter().filter(|(other, draft)| {
                    names(other).as_ref() == Some(&own)
                        && !draft.events.is_empty()
                        && !draft.is_in_sql
                        && draft.best.0 > Confidence::Ambiguous
                });
                let only = named.next().filter(|_| named.next().is_none());
                let only = only.map(|(other, draft)| (other.clone(), draft.owner.clone()));
                replace(entries, only.map(|target| (subject, target)));
            }
        }
    }

    /// Takes out tables that a statement writes and does not read: calls name both.
    pub(super) fn drop_written(&mut self, reader: &Reader, written: &ReadSubject) {
        let Some(entries) = self.by_reader.get_mut(reader) else {
            return;
        };
        entries.retain(|subject, draft| {
            let is_it = names(subject) == names(written)
                && subject.catalog_id == written.catalog_id
                && draft.best.1 <= ReadEvidence::Glue
                && !draft.is_in_sql;
            !is_it
        });
    }

    /// Puts the target in the place of a resource link, as lists tell it.
    pub(super) fn resolve_listed_links(&mut self, catalogs: &DataCatalogs) {
        for entries in self.by_reader.values_mut() {
            let links = entries.keys().filter_map(|subject| {
                let own = listed_name(subject)?;
                let target = catalogs.resolved(&own)?;
                let region = subject
                    .table_arn
                    .as_deref()
                    .and_then(|arn| arn.split(':').nth(3));
                (target != own).then(|| {
                    let target = CatalogTable {
                        account_id: target.account_id,
                        region: region.map(Text::from),
                        catalog: None,
                        database: target.database,
                        table: target.table,
                    };
                    (subject.clone(), (target.subject(), Some(target.account_id)))
                })
            });
            let links: Vec<(ReadSubject, Target)> = links.collect();
            replace(entries, links);
        }
    }

    /// Gives tables that only SQL names the owner that lists tell.
    pub(super) fn complete_listed_owners(&mut self, catalogs: &DataCatalogs) {
        for (subject, draft) in self.by_reader.values_mut().flatten() {
            let own = listed_name(subject).filter(|_| draft.owner.is_none());
            if let Some(own) = own.filter(|own| catalogs.tables.contains_key(own)) {
                draft.owner = Some(own.account_id);
            }
        }
    }

    /// Gives a table that only SQL names the owner that other evidence of the same table tells, of
    /// chains that began on the same day.
    pub(super) fn complete_owners(&mut self, chains: &[Chain]) {
        let mut owners: HashMap<(UtcDay, Text), AccountId> = HashMap::new();
        for reader in self.readers() {
            let day = day_of(chains, &reader);
            for (subject, draft) in self.by_reader.get(&reader).into_iter().flatten() {
                if let Some((arn, owner)) = subject.table_arn.as_ref().zip(draft.owner.as_ref()) {
                    owners.insert((day, arn.clone()), owner.clone());
                }
            }
        }
        for (reader, entries) in &mut self.by_reader {
            let day = day_of(chains, reader);
            for (subject, draft) in entries
                .iter_mut()
                .filter(|(_, draft)| draft.owner.is_none())
            {
                if let Some(arn) = &subject.table_arn {
                    draft.owner = owners.get(&(day, arn.clone())).cloned();
                }
            }
        }
    }

    /// Writes the entries into the chains.
    pub(super) fn write(self, chains: &mut [Chain]) {
        for query in chains.iter_mut().flat_map(|chain| &mut chain.queries) {
            query.reads = None;
        }
        let mut all: Vec<(Reader, Entries)> = self.by_reader.into_iter().collect();
        all.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        for (reader, entries) in all {
            let chain = &mut chains[reader.chain()];
            let query = match &reader {
                Reader::Query { query, .. } => chain.queries[*query].query_execution_id.clone(),
                Reader::Chain { named, .. } => named.clone(),
            };
            let written = entries
                .into_iter()
                .map(|(subject, draft)| draft.read(subject, query.clone()));
            match reader {
                Reader::Query { query, .. } => {
                    chain.queries[query].reads = Some(written.collect());
                }
                Reader::Chain { .. } => chain.reads.extend(written),
            }
        }
        for query in chains.iter_mut().flat_map(|chain| &mut chain.queries) {
            if query.reads.is_none() && read_nothing(query) {
                query.reads = Some(Vec::new());
            }
        }
    }

    /// Notes that a query is known to have read no table.
    pub(super) fn add_nothing(&mut self, chain: usize, query: usize) {
        let reader = Reader::Query { chain, query };
        self.by_reader.entry(reader).or_default();
    }
}

/// A table, and its owner.
type Target = (ReadSubject, Option<AccountId>);

/// By day and resource link: its target; empty where queries disagree.
type LinkTargets = HashMap<(UtcDay, ReadSubject), Vec<Target>>;

/// The name under which lists have a table of an account's default catalog.
fn listed_name(subject: &ReadSubject) -> Option<ListedName> {
    let account = subject
        .catalog_id
        .as_deref()
        .filter(|id| is_account_id(id))?;
    Some(ListedName {
        account_id: account.into(),
        database: subject.database.clone()?,
        table: subject.table.clone()?,
    })
}

fn names(subject: &ReadSubject) -> Option<(Text, Text)> {
    subject.database.clone().zip(subject.table.clone())
}

/// The day on which a reader's chain began.
fn day_of(chains: &[Chain], reader: &Reader) -> UtcDay {
    chains[reader.chain()].started_at.utc_day()
}

/// The account in whose catalog names without one are.
fn account_of<'c>(chains: &'c [Chain], reader: &Reader) -> Option<&'c AccountId> {
    chains[reader.chain()].consumer_account_id.as_ref()
}

/// Puts tables in the place of others that stand for them.
fn replace(entries: &mut Entries, links: impl IntoIterator<Item = (ReadSubject, Target)>) {
    for (link, (subject, owner)) in links {
        if let Some(draft) = entries.remove(&link) {
            merge(entries, subject, owner, draft);
        }
    }
}

/// Adds a draft to what is known of a subject.
fn merge(
    entries: &mut Entries,
    subject: ReadSubject,
    owner: Option<AccountId>,
    mut draft: Box<Draft>,
) {
    let Some(known) = entries.get_mut(&subject) else {
        draft.owner = owner;
        entries.insert(subject, draft);
        return;
    };
    known.best = known.best.max(draft.best);
    known.is_in_sql |= draft.is_in_sql;
    known.owner = known.owner.take().or(owner);
    known.candidates.extend(draft.candidates);
    known.permissions.extend(draft.permissions);
    known.events.extend(draft.events);
}

/// Returns true if it is known that a query read nothing: Athena refused it, or it failed before it
/// scanned anything.
fn read_nothing(query: &QueryExecution) -> bool {
    let failed = query.figures.as_ref().is_some_and(|figures| {
        figures.state == QueryState::Failed && figures.bytes_scanned == Some(0)
    });
    failed || (query.query_execution_id.is_none() && query.error_code.is_some())
}

impl Draft {
    fn read(self, subject: ReadSubject, query: Option<QueryExecutionId>) -> DataRead {
        let (confidence, via) = self.best;
        let has_objects = !self.objects.keys.is_empty();
        let event_count = self.events.len() as u64;
        let mut event_ids: Vec<EventId> = self.events.into_iter().collect();
        event_ids.sort_unstable();
        event_ids.truncate(EVENT_IDS_MAX);
        event_ids.shrink_to_fit();
        DataRead {
            subject,
            owner_account_id: self.owner,
            via,
            permissions: self.permissions.into_iter().collect(),
            confidence,
            query_execution_id: query,
            candidate_query_ids: self.candidates.into_iter().take(CANDIDATES_MAX).collect(),
            objects: has_objects.then_some(self.objects.keys.len() as u64),
            bytes: self.objects.bytes,
            prefixes: shortened(&self.objects.folders),
            event_ids,
            event_count,
            shared_by: Vec::new(),
        }
    }
}

impl ObjectTally {
    fn add(&mut self, object: &S3ObjectCall, event: Option<&EventId>) {
        let own = || event.map(|id| RequestId::new(&id.to_string()));
        let call = object.request_id.clone().or_else(own);
        // The copy of another account.
        let is_copy = call.is_some_and(|call| !self.calls.insert(call));
        if is_copy {
            return;
        }
        if let Some(bytes) = object.bytes {
            self.bytes = Some(self.bytes.unwrap_or(0).saturating_add(bytes));
        }
        let Some(key) = &object.key else {
            return;
        };
        let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !self.folders.contains(folder) {
            self.folders.insert(folder.into());
        }
        self.keys.insert(key.clone());
    }
}

/// Folders, cut to the depth at which they are few enough.
fn shortened(folders: &HashSet<Text>) -> Vec<Text> {
    let cut = |levels: usize| -> BTreeSet<&str> {
        let folders = folders.iter();
        folders.map(|folder| first_levels(folder, levels)).collect()
    };
    let depth = folders.iter().map(|folder| folder.matches('/').count() + 1);
    // The more levels, the more folders.
    let (mut fits, mut exceeds) = (1, depth.max().unwrap_or(0) + 1);
    if cut(exceeds - 1).len() <= PREFIXES_MAX {
        fits = exceeds - 1;
        exceeds = fits;
    }
    while fits + 1 < exceeds {
        let middle = usize::midpoint(fits, exceeds);
        if cut(middle).len() <= PREFIXES_MAX {
            fits = middle;
        } else {
            exceeds = middle;
        }
    }
    let kept = cut(fits).into_iter().take(PREFIXES_MAX);
    kept.map(|folder| format!("{folder}/").into()).collect()
}

/// The first levels of a folder.
fn first_levels(folder: &str, levels: usize) -> &str {
    let end = folder.match_indices('/').nth(levels.saturating_sub(1));
    end.map_or(folder, |(at, _)| &folder[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_shortened_until_they_are_few() {
        let days =
            |count: usize| (0..count).map(|day| Text::from(format!("claims/sales/day={day:02}")));
        assert_eq!(shortened(&days(10).collect()).len(), 10);
        let many: Vec<Text> = shortened(&days(11).collect());
        assert_eq!(many, ["claims/sales/".into()]);
        let flat = (0..12).map(|number| Text::from(format!("{number:02}")));
        assert_eq!(shortened(&flat.collect()).len(), 10);
        let deep = (0..40).map(|number| Text::from(format!("{}x{number}", "a/".repeat(200))));
        let deep: Vec<Text> = shortened(&deep.collect());
        assert_eq!(deep, ["a/".repeat(200).into()]);
    }
}
