//! A slow and simple stitcher over the records themselves: every rule is a loop
//! over everything. It shares no code with the real one.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the oracle says of one consumer session that queried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OracleChain {
    /// Event ids of the AssumeRole copies.
    pub(crate) hop: Vec<String>,
    /// Event ids of the AssumeRole copies of the session before.
    pub(crate) run_as: Vec<String>,
    /// Query executions that are surely or probably this session's.
    pub(crate) queries: Vec<String>,
    /// Whether key, role id and second agree everywhere.
    pub(crate) proven: bool,
}

fn text<'a>(record: &'a Value, path: &str) -> Option<&'a str> {
    record
        .pointer(path)?
        .as_str()
        .filter(|text| !text.is_empty())
}

fn parameters(record: &Value) -> Value {
    match &record["requestParameters"] {
        Value::String(inner) => serde_json::from_str(inner).unwrap_or_default(),
        other => other.clone(),
    }
}

fn seconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().unwrap().as_second()
}

struct Session<'a> {
    copies: Vec<&'a Value>,
}

impl<'a> Session<'a> {
    fn any(&self, path: &str) -> Option<&'a str> {
        self.copies.iter().find_map(|copy| text(copy, path))
    }

    fn key(&self) -> Option<&'a str> {
        self.any("/responseElements/credentials/accessKeyId")
    }

    fn made(&self) -> Option<i64> {
        let time: jiff::Timestamp = self.any("/eventTime")?.parse().ok()?;
        Some(time.as_second())
    }

    fn role(&self) -> String {
        let asked = self.copies.iter().find_map(|copy| {
            let parameters = parameters(copy);
            parameters["roleArn"].as_str().map(str::to_owned)
        });
        let arn = asked
            .or_else(|| self.any("/resources/0/ARN").map(str::to_owned))
            .unwrap();
        let account = arn.split(':').nth(4).unwrap().to_owned();
        format!("{account}/{}", arn.rsplit('/').next().unwrap())
    }

    fn name(&self) -> Option<String> {
        let asked = self.copies.iter().find_map(|copy| {
            let parameters = parameters(copy);
            parameters["roleSessionName"].as_str().map(str::to_owned)
        });
        let arn = self.any("/responseElements/assumedRoleUser/arn");
        asked.or_else(|| arn.map(|arn| arn.rsplit('/').next().unwrap().to_owned()))
    }

    fn is_principal(&self, identity: &Value) -> bool {
        let principal = text(identity, "/principalId");
        match self.any("/responseElements/assumedRoleUser/assumedRoleId") {
            Some(id) => principal == Some(id),
            None => text(identity, "/arn").is_some_and(|arn| {
                let account = arn.split(':').nth(4).unwrap_or_default();
                let mut rest = arn.split('/').skip(1);
                let role = format!("{account}/{}", rest.next().unwrap_or_default());
                role == self.role() && rest.next() == self.name().as_deref()
            }),
        }
    }

    fn ids(&self) -> Vec<String> {
        let ids = self
            .copies
            .iter()
            .map(|copy| text(copy, "/eventID").unwrap().to_owned());
        ids.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Sessions that fit an identity, and whether key and second prove it.
fn fitting(sessions: &[Session<'_>], record: &Value) -> (Vec<usize>, bool) {
    let identity = &record["userIdentity"];
    let principal: Vec<usize> = (0..sessions.len())
        .filter(|&at| sessions[at].is_principal(identity))
        .collect();
    let Some(created) = text(identity, "/sessionContext/attributes/creationDate") else {
        let now = seconds(text(record, "/eventTime").unwrap());
        let valid = |at: &usize| (0..=3602).contains(&(now - sessions[*at].made().unwrap() + 2));
        let wanted = parameters(record)["roleArn"].as_str().map(str::to_owned);
        let allowed = |at: &usize| {
            let policy = sessions[*at].copies.iter().find_map(|copy| {
                let policy = parameters(copy)["policy"].as_str().map(str::to_owned)?;
                let policy: Value = serde_json::from_str(&policy).ok()?;
                policy
                    .pointer("/Statement/0/Resource")?
                    .as_str()
                    .map(str::to_owned)
            });
            policy.is_none() || wanted.is_none() || policy == wanted
        };
        return (
            principal
                .into_iter()
                .filter(valid)
                .filter(allowed)
                .collect(),
            false,
        );
    };
    let Ok(created) = created.parse::<jiff::Timestamp>() else {
        return (Vec::new(), false);
    };
    let created = created.as_second();
    let near: Vec<usize> = principal
        .into_iter()
        .filter(|&at| {
            sessions[at]
                .made()
                .is_some_and(|made| (made - created).abs() <= 2)
        })
        .collect();
    let key = text(identity, "/accessKeyId");
    if let Some(key) = key {
        let same: Vec<usize> = near
            .iter()
            .copied()
            .filter(|&at| sessions[at].key() == Some(key))
            .collect();
        if !same.is_empty() {
            return (same, true);
        }
        // The console signs with keys of its own.
        if record["sessionCredentialFromConsole"] != "true" {
            return (Vec::new(), false);
        }
    }
    let least = near
        .iter()
        .map(|&at| (sessions[at].made().unwrap() - created).abs())
        .min();
    let nearest = near
        .into_iter()
        .filter(|&at| Some((sessions[at].made().unwrap() - created).abs()) == least);
    (nearest.collect(), false)
}

/// Chains whose two hops and queries are in the records, the obvious way.
#[expect(clippy::too_many_lines, reason = "one plain story, from top to bottom")]
pub(crate) fn chains(records: &[Value]) -> BTreeMap<Vec<String>, OracleChain> {
    let mut unique: BTreeMap<(String, String), &Value> = BTreeMap::new();
    let mut replaced: BTreeSet<(String, String)> = BTreeSet::new();
    for record in records {
        let account = text(record, "/recipientAccountId")
            .unwrap_or_default()
            .to_owned();
        let id = text(record, "/eventID").unwrap().to_owned();
        if text(record, "/addendum/reason") == Some("UPDATED_DATA") {
            let original = text(record, "/addendum/originalEventID")
                .unwrap()
                .to_owned();
            replaced.insert((account.clone(), original));
        }
        unique.insert((account, id), record);
    }
    let events: Vec<&Value> = unique
        .iter()
        .filter(|(key, _)| !replaced.contains(key))
        .map(|(_, record)| *record)
        .collect();
    let named = |name: &'static str| {
        events
            .iter()
            .copied()
            .filter(move |event| event["eventName"] == name)
    };
    let mut sessions: Vec<Session<'_>> = Vec::new();
    let assumed = [
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
    ];
    let assumed = assumed.into_iter().flat_map(named);
    for event in assumed.filter(|event| text(event, "/errorCode").is_none()) {
        let shared = text(event, "/sharedEventID");
        let twin = sessions.iter_mut().find(|session| {
            shared.is_some()
                && session
                    .copies
                    .iter()
                    .any(|copy| text(copy, "/sharedEventID") == shared)
        });
        match twin {
            Some(session) => session.copies.push(event),
            None => sessions.push(Session {
                copies: vec![event],
            }),
        }
    }
    let mut found: BTreeMap<Vec<String>, OracleChain> = BTreeMap::new();
    let submitted = |event: &Value| {
        let id = text(event, "/responseElements/queryExecutionId")?;
        Some((id.to_owned(), seconds(text(event, "/eventTime").unwrap())))
    };
    let all: Vec<_> = named("StartQueryExecution").filter_map(submitted).collect();
    let is_repeated = |event: &Value| {
        let this = submitted(event);
        let (id, time) = this.unwrap_or_default();
        all.iter().any(|(other, at)| *other == id && *at < time)
    };
    for event in named("StartQueryExecution").filter(|event| !is_repeated(event)) {
        let (candidates, proven) = fitting(&sessions, event);
        let [session] = candidates[..] else {
            continue;
        };
        let session = &sessions[session];
        let mut parents = BTreeSet::new();
        let mut parent_proven = false;
        for copy in &session.copies {
            let (candidates, proven) = fitting(&sessions, copy);
            if let [one] = candidates[..] {
                parents.insert(one);
                parent_proven |= proven;
            }
        }
        let run_as = match parents.len() {
            1 => sessions[*parents.first().unwrap()].ids(),
            _ => Vec::new(),
        };
        let chain = found.entry(session.ids()).or_insert_with(|| OracleChain {
            hop: session.ids(),
            run_as,
            queries: Vec::new(),
            proven: parent_proven || parents.is_empty(),
        });
        let id = text(event, "/responseElements/queryExecutionId").unwrap_or("refused");
        chain.queries.push(id.to_owned());
        chain.queries.sort();
        chain.proven &= proven;
    }
    found
}

/// Calls of real records that a session's key, assumed role id and creation
/// second prove, by the event id of the AssumeRole.
pub(crate) fn proven_calls(records: &[Value]) -> BTreeMap<String, usize> {
    let mut unique: BTreeMap<(&str, &str), &Value> = BTreeMap::new();
    for record in records {
        if let Some(id) = text(record, "/eventID") {
            let account = text(record, "/recipientAccountId").unwrap_or_default();
            unique.insert((account, id), record);
        }
    }
    let made = |event: &&&Value| {
        event["eventName"] == "AssumeRole"
            && text(event, "/errorCode").is_none()
            && (text(event, "/resources/0/ARN").is_some()
                || parameters(event)["roleArn"].is_string())
    };
    let sessions = unique.values().filter(made);
    let sessions: Vec<Session<'_>> = sessions
        .map(|event| Session {
            copies: vec![event],
        })
        .collect();
    let mut calls = BTreeMap::new();
    for event in unique.values() {
        let created = text(
            event,
            "/userIdentity/sessionContext/attributes/creationDate",
        );
        if event["userIdentity"]["type"] != "AssumedRole" || created.is_none() {
            continue;
        }
        if let (candidates, true) = fitting(&sessions, event)
            && let [session] = candidates[..]
        {
            *calls.entry(sessions[session].ids()[0].clone()).or_default() += 1;
        }
    }
    calls
}
