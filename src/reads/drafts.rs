//! What was seen of each table, bucket and function, gathered by query.

use super::executions::{CANDIDATES_MAX, Execution};
use crate::model::catalog_table::CatalogTable;
use crate::model::chain::{Chain, Confidence, QueryExecution};
use crate::model::data_catalogs::{DataCatalogs, ListedName};
use crate::model::data_read::{DataRead, EVENT_IDS_MAX, PREFIXES_MAX, ReadEvidence, ReadSubject};
use crate::model::event::S3ObjectRead;
use crate::model::execution::QueryState;
use crate::model::ids::{AccountId, EventId, QueryExecutionId, RequestId, is_account_id};
use crate::model::text::Text;
use hashbrown::{HashMap, HashSet};
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
    /// The reader that these executions of one chain leave, and its candidates: a single one is
    /// it. `None` where that was submitted outside the window.
    pub(super) fn among(
        chain: usize,
        running: &[&Execution<'_>],
    ) -> Option<(Self, Vec<QueryExecutionId>)> {
        let of_chain = Self::Chain { chain, named: None };
        match running {
            [] => Some((of_chain, Vec::new())),
            [one] => one.query.map(|query| {
                let chain = one.chain;
                (Self::Query { chain, query }, Vec::new())
            }),
            several => {
                let ids = several.iter().map(|execution| execution.id.clone());
                Some((of_chain, ids.collect()))
            }
        }
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
    pub(super) object: Option<&'a S3ObjectRead>,
}

/// An entry in the making.
#[derive(Debug)]
struct Draft {
    owner: Option<AccountId>,
    /// The best confidence, and the strongest evidence of it.
    best: (Confidence, ReadEvidence),
    candidates: BTreeSet<QueryExecutionId>,
    permissions: BTreeSet<Text>,
    objects: ObjectTally,
    events: BTreeSet<EventId>,
}

/// Objects that were read, each call once.
#[derive(Debug, Default)]
struct ObjectTally {
    calls: HashSet<RequestId>,
    keys: HashSet<Text>,
    bytes: Option<u64>,
    folders: BTreeSet<Text>,
}

type Entries = BTreeMap<ReadSubject, Draft>;

/// All entries in the making.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    by_reader: HashMap<Reader, Entries>,
}

impl Drafts {
    pub(super) fn add(&mut self, sighting: Sighting<'_>) {
        let entries = self.by_reader.entry(sighting.reader).or_default();
        let best = (sighting.confidence, sighting.via);
        let draft = entries.entry(sighting.subject).or_insert_with(|| Draft {
            owner: None,
            best,
            candidates: BTreeSet::new(),
            permissions: BTreeSet::new(),
            objects: ObjectTally::default(),
            events: BTreeSet::new(),
        });
        draft.best = draft.best.max(best);
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

    /// The tables that a chain or a query of it read.
    pub(super) fn tables_of(&self, reader: &Reader) -> impl Iterator<Item = &ReadSubject> {
        let entries = self.by_reader.get(reader).into_iter().flatten();
        let subjects = entries.map(|(subject, _)| subject);
        subjects.filter(|subject| subject.table.is_some())
    }

    /// A table of the reader's own catalog that has the names of a table of another account that the
    /// same account read is the resource link to it: both are one entry, the other account's
    /// (docs/cloudtrail-facts.md#what-a-query-read).
    pub(super) fn resolve_links(&mut self, chains: &[Chain]) {
        let targets = self.link_targets(chains);
        let mut readers: Vec<&Reader> = self.by_reader.keys().collect();
        readers.sort_unstable();
        let readers: Vec<Reader> = readers.into_iter().cloned().collect();
        for reader in readers {
            let Some(own) = account_of(chains, &reader) else {
                continue;
            };
            let Some(entries) = self.by_reader.get_mut(&reader) else {
                continue;
            };
            let is_link = |subject: &ReadSubject| {
                let target = targets.get(&(own.clone(), names(subject)?))?;
                let is_own = subject.catalog_id.as_ref() == Some(own.text());
                let target = target.as_ref().filter(|_| is_own)?;
                Some((subject.clone(), target.clone()))
            };
            let links: Vec<_> = entries.keys().filter_map(is_link).collect();
            for (link, (target, owner)) in links {
                if let Some(draft) = entries.remove(&link) {
                    merge(entries, target, owner, draft);
                }
            }
        }
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
                    (subject.clone(), target)
                })
            });
            let links: Vec<(ReadSubject, CatalogTable)> = links.collect();
            for (link, target) in links {
                if let Some(draft) = entries.remove(&link) {
                    merge(entries, target.subject(), Some(target.account_id), draft);
                }
            }
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

    /// Gives a table that only SQL names the owner that other evidence of the same table tells.
    pub(super) fn complete_owners(&mut self) {
        let mut owners: HashMap<Text, AccountId> = HashMap::new();
        for (subject, draft) in self.by_reader.values().flatten() {
            if let Some((arn, owner)) = subject.table_arn.as_ref().zip(draft.owner.as_ref()) {
                owners.insert(arn.clone(), owner.clone());
            }
        }
        for (subject, draft) in self.by_reader.values_mut().flatten() {
            if let Some(arn) = subject.table_arn.as_ref().filter(|_| draft.owner.is_none()) {
                draft.owner = owners.get(arn).cloned();
            }
        }
    }

    /// By account and names: the table of another account that has them, where there is one.
    fn link_targets(&self, chains: &[Chain]) -> LinkTargets {
        let mut targets: LinkTargets = HashMap::new();
        for (reader, entries) in &self.by_reader {
            let Some(own) = account_of(chains, reader) else {
                continue;
            };
            for (subject, draft) in entries {
                let Some(names) = names(subject) else {
                    continue;
                };
                let is_other = draft.owner.as_ref().is_some_and(|owner| owner != own);
                if !is_other || subject.table_arn.is_none() {
                    continue;
                }
                let target = (subject.clone(), draft.owner.clone());
                targets
                    .entry((own.clone(), names))
                    .and_modify(|known| {
                        // Of two accounts it is not known which.
                        if known.as_ref() != Some(&target) {
                            *known = None;
                        }
                    })
                    .or_insert(Some(target));
            }
        }
        targets
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

/// By account and names of a table: the other account's table; `None` where there are several.
type LinkTargets = HashMap<(AccountId, (Text, Text)), Option<(ReadSubject, Option<AccountId>)>>;

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

/// The account in whose catalog names without one are.
fn account_of<'c>(chains: &'c [Chain], reader: &Reader) -> Option<&'c AccountId> {
    chains[reader.chain()].consumer_account_id.as_ref()
}

/// Adds a draft to what is known of a subject.
fn merge(entries: &mut Entries, subject: ReadSubject, owner: Option<AccountId>, draft: Draft) {
    let Some(known) = entries.get_mut(&subject) else {
        entries.insert(subject, Draft { owner, ..draft });
        return;
    };
    known.best = known.best.max(draft.best);
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
            prefixes: shortened(self.objects.folders),
            event_ids: self.events.into_iter().take(EVENT_IDS_MAX).collect(),
            event_count,
            shared_by: Vec::new(),
        }
    }
}

impl ObjectTally {
    fn add(&mut self, object: &S3ObjectRead, event: Option<&EventId>) {
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

/// Folders, replaced by those that they are in until they are few enough.
fn shortened(mut folders: BTreeSet<Text>) -> Vec<Text> {
    while folders.len() > PREFIXES_MAX {
        let depth = |folder: &Text| folder.matches('/').count();
        let deepest = folders.iter().map(depth).max().unwrap_or(0);
        if deepest == 0 {
            break;
        }
        let outer = folders.iter().map(|folder| match folder.rsplit_once('/') {
            Some((outer, _)) if depth(folder) == deepest => outer.into(),
            _ => folder.clone(),
        });
        folders = outer.collect();
    }
    let kept = folders.into_iter().take(PREFIXES_MAX);
    kept.map(|folder| format!("{folder}/").into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_shortened_until_they_are_few() {
        let days =
            |count: usize| (0..count).map(|day| Text::from(format!("claims/sales/day={day:02}")));
        assert_eq!(shortened(days(10).collect()).len(), 10);
        let many: Vec<Text> = shortened(days(11).collect());
        assert_eq!(many, ["claims/sales/".into()]);
        let flat = (0..12).map(|number| Text::from(format!("{number:02}")));
        assert_eq!(shortened(flat.collect()).len(), 10);
    }
}
