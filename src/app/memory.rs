//! The memory of findings: where it is, what it says before a window, and what is kept of a run.

use super::context::{RunContext, lock};
use super::failure::Failure;
use super::options::CONFIG_FILE;
use crate::memory::{EvaluatedWindow, Memory, MemoryError, NewAck};
use crate::model::ack_record::AckRecord;
use crate::model::finding::{Acknowledgement, Findings, Previous, PreviousFinding, Severity};
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file in a store.
const IN_STORE: &str = "memory.sqlite";
/// The file next to a configuration.
const BY_CONFIG: &str = "qs-audit-memory.sqlite";

impl From<MemoryError> for Failure {
    fn from(error: MemoryError) -> Self {
        let hint = match &error {
            MemoryError::Newer { .. } => "use the version that wrote it, or a later one",
            MemoryError::Foreign { .. } => {
                "move it away: the next report or `findings --remember` makes a new one"
            }
            MemoryError::Database { .. } | MemoryError::Io { .. } => {
                "if it is damaged, move it away: all findings are then new once more"
            }
        };
        match error {
            MemoryError::Newer { .. } | MemoryError::Foreign { .. } => {
                Self::usage(error.to_string()).hint(hint)
            }
            _ => Self::internal(error.to_string()).hint(hint),
        }
    }
}

/// The knowledge of earlier runs about a window.
#[derive(Debug, Default)]
pub(super) struct EarlierRuns {
    /// Their findings before it; `None` if nothing was evaluated before it.
    pub(super) previous: Option<Previous>,
    /// Acknowledgements, by finding id.
    pub(super) acknowledged: BTreeMap<String, Acknowledgement>,
}

/// Asks the memory about a window.
///
/// # Errors
///
/// When there is one that cannot be read.
pub(super) fn recall(context: &RunContext, window: &TimeWindow) -> Result<EarlierRuns, Failure> {
    let Some(memory) = Memory::open(&path(context)?)? else {
        return Ok(EarlierRuns::default());
    };
    Ok(EarlierRuns {
        previous: memory.known_before(window.to.unwrap_or(context.now))?,
        acknowledged: memory.acknowledged()?,
    })
}

/// Keeps what was found in a window. `before` is what it was compared with, if that did not come from the
/// memory.
///
/// # Errors
///
/// When the memory cannot be written.
pub fn remember(
    context: &RunContext,
    findings: &Findings,
    before: Option<&Previous>,
) -> Result<(), Failure> {
    let window = EvaluatedWindow {
        from: findings.window.from,
        to: findings.window.to.unwrap_or(context.now),
    };
    let mut memory = Memory::open_or_create(&path(context)?)?;
    Ok(memory.remember(window, findings, before, context.now)?)
}

/// The location of the memory: in the store that is read, else next to the configuration.
pub(super) fn path(context: &RunContext) -> Result<PathBuf, Failure> {
    if let Some(store) = context.store()? {
        return Ok(lock(store).root().join(IN_STORE));
    }
    Ok(by_config(context))
}

/// The same where the store cannot be opened: what is wrong with it is what has to be told.
pub(super) fn path_whatever(context: &RunContext) -> PathBuf {
    path(context).unwrap_or_else(|_| by_config(context))
}

fn by_config(context: &RunContext) -> PathBuf {
    let config = context.options.config.as_deref();
    config
        .unwrap_or(Path::new(CONFIG_FILE))
        .with_file_name(BY_CONFIG)
}

/// The memories that a finding may be in: the one of the store, and the one next to the configuration.
fn candidates(context: &RunContext) -> Result<Vec<PathBuf>, Failure> {
    let mut all = vec![path(context)?, by_config(context)];
    all.dedup();
    all.retain(|path| path.exists());
    Ok(all)
}

/// The words of someone about findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckRequest {
    /// A finding, or an incident with all findings that it has now.
    pub id: String,
    /// The person who looks after it.
    pub owner: String,
    /// Their words about it.
    pub note: Option<String>,
    /// The first day on which it does not count any more.
    pub until: Date,
}

/// Acknowledges a finding, or all findings of an incident; returns these.
///
/// # Errors
///
/// When no memory has it, or the memory cannot be written.
pub fn acknowledge(
    context: &RunContext,
    asked: &AckRequest,
) -> Result<Vec<PreviousFinding>, Failure> {
    let (path, found) = known_findings(context, &asked.id)?;
    let acks: Vec<NewAck> = found
        .iter()
        .map(|finding| NewAck {
            finding_id: finding.finding_id.clone(),
            incident_id: (finding.finding_id != asked.id).then(|| asked.id.clone()),
            acknowledgement: Acknowledgement {
                owner: asked.owner.clone(),
                note: asked.note.clone(),
                until: asked.until,
                severity: finding.severity.unwrap_or(Severity::Info),
                occurrence: finding.occurrence,
            },
        })
        .collect();
    Memory::open_or_create(&path)?.acknowledge(&acks, context.now)?;
    Ok(found)
}

/// Undoes what was acknowledged of a finding, or of all findings of an incident; returns these.
///
/// # Errors
///
/// When nothing of it is acknowledged, or the memory cannot be written.
pub fn undo(context: &RunContext, id: &str) -> Result<Vec<PreviousFinding>, Failure> {
    let (path, found) = known_findings(context, id)?;
    let mut memory = Memory::open_or_create(&path)?;
    let mut undone = Vec::new();
    for finding in found {
        if memory.undo(&finding.finding_id, context.now)? > 0 {
            undone.push(finding);
        }
    }
    if undone.is_empty() {
        return Err(Failure::usage(format!("{id} is not acknowledged"))
            .hint("`qs-audit ack` lists what is"));
    }
    Ok(undone)
}

/// All acknowledgements, the oldest first.
///
/// # Errors
///
/// When the memory cannot be read.
pub fn acknowledgements(context: &RunContext) -> Result<Vec<AckRecord>, Failure> {
    let mut all = Vec::new();
    for path in candidates(context)? {
        if let Some(memory) = Memory::open(&path)? {
            all.extend(memory.acknowledgements()?);
        }
    }
    Ok(all)
}

/// All findings that are remembered.
///
/// # Errors
///
/// When the memory cannot be read.
pub fn known(context: &RunContext) -> Result<Previous, Failure> {
    let memory = Memory::open(&path(context)?)?;
    let known = memory.map(|memory| memory.known()).transpose()?;
    Ok(known.flatten().unwrap_or_default())
}

/// The findings that an id names, and the memory that has them.
fn known_findings(
    context: &RunContext,
    id: &str,
) -> Result<(PathBuf, Vec<PreviousFinding>), Failure> {
    let mut near = Vec::new();
    let candidates = candidates(context)?;
    for path in &candidates {
        let known = Memory::open(path)?
            .map(|memory| memory.known())
            .transpose()?;
        let known = known.flatten().unwrap_or_default();
        let all = known.findings.into_values();
        let all = all.filter(|known| !known.is_resolved);
        let (own, others): (Vec<_>, Vec<_>) =
            all.partition(|known| known.finding_id == id || known.incident_id == id);
        if !own.is_empty() {
            return Ok((path.clone(), own));
        }
        near.extend(
            others
                .into_iter()
                .flat_map(|one| [one.finding_id, one.incident_id]),
        );
    }
    let failure = Failure::usage(format!("no open finding or incident {id:?} is remembered"));
    Err(match super::nearest::nearest(id, near.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None if candidates.is_empty() => failure.hint(
            "there is no memory of findings yet: the nightly report and `findings --remember` write it",
        ),
        None => failure.hint(
            "it takes the id of a finding (f-...) or an incident (i-...) of a nightly report or of `findings --remember`",
        ),
    })
}

/// The time of the last evaluated window's end, if any was evaluated.
///
/// # Errors
///
/// When the memory cannot be read.
pub(super) fn last_evaluated(context: &RunContext) -> Result<Option<UtcSecond>, Failure> {
    let memory = Memory::open(&path(context)?)?;
    let last = memory.map(|memory| memory.last_evaluated()).transpose()?;
    Ok(last.flatten().map(|window| window.to))
}
