//! What the tests share: sources in memory, runs, and truth.

use qs_audit::decode::SplitMode;
use qs_audit::demo::{GeneratedFile, TrueActing, TrueChain, TrueRead};
use qs_audit::ingest::read_chat_logs;
use qs_audit::model::audit::Audit;
use qs_audit::model::chain::Chain;
use qs_audit::model::chat_log::ChatLogs;
use qs_audit::model::identity::RoleName;
use qs_audit::model::text::Text;
use qs_audit::pipeline::{self, Plan, Unwatched};
use qs_audit::ports::{Listing, LogSource, SourceError};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Objects in memory.
#[derive(Default)]
pub(crate) struct Memory {
    objects: Vec<(Text, Vec<u8>)>,
    listing: Listing,
}

impl Memory {
    pub(crate) fn new<K: Into<Text>>(objects: impl IntoIterator<Item = (K, Vec<u8>)>) -> Self {
        let objects = objects.into_iter().map(|(key, body)| (key.into(), body));
        Self {
            objects: objects.collect(),
            listing: Listing::default(),
        }
    }

    pub(crate) fn of(files: &[GeneratedFile]) -> Self {
        Self::new(
            files
                .iter()
                .map(|file| (file.key.as_str(), file.body.clone())),
        )
    }
}

impl LogSource for Memory {
    fn object_count(&self) -> u32 {
        u32::try_from(self.objects.len()).unwrap()
    }

    fn key(&self, object: u32) -> Text {
        self.objects[object as usize].0.clone()
    }

    fn read(&self, object: u32, body: &mut Vec<u8>) -> Result<(), SourceError> {
        body.clear();
        body.extend_from_slice(&self.objects[object as usize].1);
        Ok(())
    }

    fn listing(&self) -> &Listing {
        &self.listing
    }
}

pub(crate) fn run(plan: &Plan, source: &Memory) -> Audit {
    pipeline::run(plan, source, &Unwatched).unwrap()
}

pub(crate) fn plan(reading: SplitMode, threads: usize) -> Plan {
    Plan {
        reading,
        threads,
        ..Plan::default()
    }
}

/// A chain in the words of the ground truth, without its story.
pub(crate) fn as_truth(chain: &Chain) -> TrueChain {
    fn text(text: Option<&impl ToString>) -> Option<String> {
        text.map(ToString::to_string)
    }
    let session = chain.consumer_session.as_ref();
    let role = session.and_then(|session| RoleName::from_arn(session.role_arn.as_deref()?));
    let run_as = chain.run_as_session();
    let ids = chain
        .queries
        .iter()
        .map(|query| match &query.query_execution_id {
            Some(id) => id.to_string(),
            None => "refused".to_owned(),
        });
    let mut query_execution_ids: Vec<String> = ids.collect();
    query_execution_ids.sort();
    let missing = chain
        .missing
        .iter()
        .map(|missing| missing.part.as_str().to_owned());
    let mut missing: Vec<String> = missing.collect();
    missing.sort();
    TrueChain {
        consumer_account_id: text(chain.consumer_account_id.as_ref()),
        consumer_role: role.map(|role| role.name.to_string()),
        consumer_session_name: text(session.and_then(|session| session.role_session_name.as_ref())),
        started_at: chain.started_at.to_string(),
        consumer_access_key_id: text(session.and_then(|session| session.access_key_id.as_ref())),
        path: chain.path.as_str().into(),
        status: chain.status.as_str().into(),
        missing,
        confidence: chain.confidence.as_str().into(),
        run_as_access_key_id: text(run_as.and_then(|session| session.access_key_id.as_ref())),
        data_source_arn: text(chain.data_source_arn.as_ref()),
        quick_user: chain.quick_user.as_ref().map(|user| user.name.to_string()),
        origin: chain.origin.label().to_owned(),
        origin_resource_arn: text(chain.origin.resource_arn.as_ref()),
        acting_for: acting_as_truth(chain),
        related: Vec::new(),
        query_execution_ids,
        call_count: chain.call_count(),
        reads: reads_as_truth(chain),
        story: String::new(),
    }
}

/// The chat logs of an organization.
pub(crate) fn chat_logs(extras: &[GeneratedFile]) -> ChatLogs {
    let file = extras.iter().find(|file| file.key == "chat-logs.jsonl");
    let mut logs = ChatLogs::default();
    let body = &file.unwrap().body;
    if !body.is_empty() {
        read_chat_logs("chat-logs.jsonl", body, &mut logs);
    }
    assert_eq!(logs.rejects.total(), 0);
    logs
}

/// Chains in the words of the ground truth, without their stories.
pub(crate) fn as_truths(chains: &[Chain]) -> Vec<TrueChain> {
    let key = |id: &String| {
        let other = chains.iter().find(|other| other.chain_id == *id)?;
        let session = other.consumer_session.as_ref()?;
        Some(session.access_key_id.as_ref()?.to_string())
    };
    let of = |chain: &Chain| {
        let ids = chain.related_chains.iter().map(|related| &related.chain_id);
        let mut related: Vec<String> = ids.map(|id| key(id).unwrap_or_default()).collect();
        related.sort();
        TrueChain {
            related,
            ..as_truth(chain)
        }
    };
    chains.iter().map(of).collect()
}

/// For whom it acted, apart from its Quick user.
fn acting_as_truth(chain: &Chain) -> Vec<TrueActing> {
    let quick_user = chain.quick_user.as_ref().map(|user| &user.name);
    let others = chain.acting_for.iter();
    let others = others.filter(|acting| Some(&acting.id) != quick_user);
    let mut others: Vec<TrueActing> = others
        .map(|acting| TrueActing {
            kind: acting.kind.as_str().into(),
            id: acting.id.to_string(),
            confidence: acting.confidence.as_str().into(),
        })
        .collect();
    others.sort();
    others
}

fn reads_as_truth(chain: &Chain) -> Vec<TrueRead> {
    let of_queries = chain.queries.iter().flat_map(|query| &query.reads);
    let reads = of_queries.flatten().chain(&chain.reads);
    let mut reads: Vec<TrueRead> = reads
        .map(|read| TrueRead {
            name: read.name(),
            owner_account_id: read.owner_account_id.as_ref().map(ToString::to_string),
            via: read.via.as_str().into(),
            confidence: read.confidence.as_str().into(),
            query_execution_id: read.query_execution_id.as_ref().map(ToString::to_string),
            candidate_query_ids: read
                .candidate_query_ids
                .iter()
                .map(ToString::to_string)
                .collect(),
            objects: read.objects,
            bytes: read.bytes,
        })
        .collect();
    reads.sort();
    reads
}

/// The truth without its stories, sorted.
pub(crate) fn without_stories(chains: &[TrueChain]) -> Vec<TrueChain> {
    let mut plain: Vec<TrueChain> = chains
        .iter()
        .map(|chain| TrueChain {
            story: String::new(),
            ..chain.clone()
        })
        .collect();
    plain.sort();
    plain
}

/// The files of a folder and the folders in it, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    files.sort();
    files
}

/// The files of a folder and the folders in it whose names have this ending, with their texts.
pub(crate) fn texts_below(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let files = files_below(Path::new(folder)).into_iter();
    files
        .filter(|path| path.extension().is_some_and(|known| known == ending))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

/// The output of a program that has to succeed.
pub(crate) fn stdout_of(command: &mut Command) -> String {
    let ran = command.output().unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout).unwrap()
}
