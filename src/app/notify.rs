//! Telling people what is new. Messages are kept in the outbox of the memory first, and sent until they
//! are taken: at least once, with a key that tells a message from all others.

use super::context::{RunContext, lock};
use super::failure::Failure;
use super::memory;
use super::notify_channels::{QueuedReport, Senders};
use crate::config::{NotifyChannel, NotifyTarget, WebhookFormat};
use crate::memory::{Memory, OutboxMessage};
use crate::model::finding::{Finding, Findings, PreviousFinding, Severity};
use crate::model::message::{Message, MessageFinding, MessageIncident, NightAlarm};
use crate::model::text::digest_id;
use crate::model::time::UtcSecond;
use crate::output::asff::{self, SecurityHub};
use crate::output::messages::{document, plain, slack, teams};
use crate::output::not_read::NotRead;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// The news of a run.
#[derive(Debug, Clone, Copy)]
pub struct News<'a> {
    /// The run, in words: `night of 2026-11-02`.
    pub about: &'a str,
    /// Its findings; `None` if there is only something wrong with the night itself.
    pub findings: Option<&'a Findings>,
    /// The Security Hub that findings are for, where it is known.
    pub hub: Option<&'a SecurityHub>,
    /// The folder of its report, if it wrote one.
    pub report: Option<&'a Path>,
    /// Faults of the night itself.
    pub alarms: &'a [NightAlarm],
}

/// The fate of messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Messages that were taken.
    pub sent: u64,
    /// Targets that did not take one, with the reasons.
    pub failed: Vec<String>,
}

impl Delivery {
    /// # Errors
    ///
    /// When a message was not taken.
    pub fn checked(self) -> Result<u64, Failure> {
        if self.failed.is_empty() {
            return Ok(self.sent);
        }
        Err(Failure::internal(self.failed.join("\n"))
            .hint("the messages are kept: the next run, or `qs-audit notify`, sends them again"))
    }
}

/// Keeps what is to be told, and sends what was not taken yet.
///
/// # Errors
///
/// When the memory cannot be written.
pub fn tell(context: &RunContext, news: News<'_>) -> Result<Delivery, Failure> {
    if context.settings.notify.is_empty() {
        return Ok(Delivery::default());
    }
    let mut memory = Memory::open_or_create(&memory::path_whatever(context))?;
    for target in &context.settings.notify {
        let known = memory.told_to(&target.name)?;
        let (messages, told) = messages(target, &news, &known, context.now);
        memory.queue(&target.name, &messages, &told, context.now)?;
    }
    send(context, &mut memory)
}

/// Sends what was not taken yet.
fn send(context: &RunContext, memory: &mut Memory) -> Result<Delivery, Failure> {
    let mut senders = Senders::new(context);
    let mut delivery = Delivery::default();
    for queued in memory.queued()? {
        let message = queued.message;
        let targets = &context.settings.notify;
        let Some(target) = targets.iter().find(|target| target.name == message.target) else {
            continue;
        };
        match senders.send(target, &message) {
            Ok(()) => {
                memory.sent(&message, context.now)?;
                delivery.sent += 1;
            }
            Err(why) => {
                memory.failed(&message, &why)?;
                let kind = target.channel.kind();
                let line = format!("notify {} ({kind}): {why}", target.name);
                // One line for each target is enough.
                if !delivery.failed.contains(&line) {
                    delivery.failed.push(line);
                }
            }
        }
    }
    Ok(delivery)
}

/// Messages that would be sent: the name of the target, and the text.
///
/// # Errors
///
/// When the memory cannot be read.
pub fn preview(context: &RunContext, news: News<'_>) -> Result<Vec<(String, String)>, Failure> {
    let memory = Memory::open(&memory::path_whatever(context))?;
    let mut all = Vec::new();
    if let Some(memory) = &memory {
        for queued in memory.queued()? {
            let tries = match (queued.tries, &queued.last_error) {
                (0, _) => String::new(),
                (tries, why) => format!(
                    ", tried {tries} times: {}",
                    why.as_deref().unwrap_or_default()
                ),
            };
            let about = format!("kept since {}{tries}", queued.made_at);
            let text = format!("{about}\n{}", queued.message.body);
            all.push((queued.message.target, text));
        }
    }
    for target in &context.settings.notify {
        let known = memory.as_ref().map(|memory| memory.told_to(&target.name));
        let known = known.transpose()?.unwrap_or_default();
        let (messages, _) = messages(target, &news, &known, context.now);
        let bodies = messages.into_iter().map(|message| message.body);
        all.extend(bodies.map(|body| (target.name.clone(), body)));
    }
    Ok(all)
}

/// Hours after which a store is stale, or a night is missing, unless another number is asked for: nights are a day
/// apart, and may be late.
pub const MAX_AGE_HOURS: i64 = 36;

/// Alarms about a night itself, as of now: nothing was evaluated, or collected, for so long.
///
/// # Errors
///
/// When the memory or the store cannot be read.
pub fn night_alarms(context: &RunContext, seconds_max: i64) -> Result<Vec<NightAlarm>, Failure> {
    let mut alarms = Vec::new();
    let limit = context.now.plus(-seconds_max);
    let last = memory::last_evaluated(context)?;
    if last.is_none_or(|last| last < limit) {
        let last = last.map_or_else(
            || "no night is remembered".to_owned(),
            |last| format!("the last one ends at {last}"),
        );
        alarms.push(NightAlarm {
            code: "no-run",
            text: format!("No night was evaluated for too long: {last}. Run `qs-audit report`, and look at why its scheduler did not."),
        });
    }
    alarms.extend(stale_store(context, limit)?);
    Ok(alarms)
}

/// Alarms about the night of a run: it had no logs, or the store was collected before it ended.
///
/// # Errors
///
/// When the store cannot be read.
pub fn alarms_of(context: &RunContext, findings: &Findings) -> Result<Vec<NightAlarm>, Failure> {
    let mut alarms = Vec::new();
    let end = findings.window.to.unwrap_or(context.now);
    if !findings.has_logs {
        alarms.push(NightAlarm {
            code: "no-logs",
            text: format!("There are no logs of the time before {end}. Run `qs-audit doctor`."),
        });
    }
    alarms.extend(stale_store(context, end)?);
    Ok(alarms)
}

fn stale_store(context: &RunContext, limit: UtcSecond) -> Result<Option<NightAlarm>, Failure> {
    let Some(store) = context.store()? else {
        return Ok(None);
    };
    let mut store = lock(store);
    let last = store.last_run()?;
    let text = match last {
        Some(last) if last >= limit => return Ok(None),
        Some(last) => format!("was last collected at {last}"),
        None => "was never collected to the end".to_owned(),
    };
    Ok(Some(NightAlarm {
        code: "store-stale",
        text: format!(
            "The store {} {text}: what happened since is not in it. Run `qs-audit collect`.",
            store.root().display()
        ),
    }))
}

/// Tells that collecting failed.
///
/// # Errors
///
/// When the memory cannot be written.
pub fn tell_collect_failed(context: &RunContext, why: &str) -> Result<Delivery, Failure> {
    let alarms = [NightAlarm {
        code: "collect-failed",
        text: format!("Collecting logs failed: {why}"),
    }];
    tell(context, News::of_alarms(&alarms))
}

impl<'a> News<'a> {
    /// Only what is wrong with the night itself.
    #[must_use]
    pub fn of_alarms(alarms: &'a [NightAlarm]) -> Self {
        Self {
            about: "the night itself",
            findings: None,
            hub: None,
            report: None,
            alarms,
        }
    }
}

/// The messages for a target, and what it is told by them.
fn messages(
    target: &NotifyTarget,
    news: &News<'_>,
    known: &BTreeSet<String>,
    now: UtcSecond,
) -> (Vec<OutboxMessage>, BTreeSet<String>) {
    if let NotifyChannel::S3 { .. } = &target.channel {
        // A bucket takes the files of a report, whatever is news in it.
        let report = news.report;
        let queued = report.map(|folder| report_message(target, news.about, folder));
        return (queued.into_iter().collect(), BTreeSet::new());
    }
    let mut told = BTreeSet::new();
    let mut is_untold = |what: String| {
        let is_new = !known.contains(&what);
        if is_new {
            told.insert(what);
        }
        is_new
    };
    let day = now.day();
    let alarms = news.alarms.iter();
    let alarms = alarms.filter(|alarm| is_untold(format!("alarm/{}/{day}", alarm.code)));
    let alarms: Vec<NightAlarm> = alarms.cloned().collect();
    let all = news.findings.map(|findings| findings.findings.as_slice());
    let fresh = all.unwrap_or_default().iter();
    let fresh = fresh.filter(|finding| finding.rings() && target.min_severity <= finding.severity);
    let fresh: Vec<&Finding> = fresh
        .filter(|finding| is_untold(format!("{}/{}", finding.finding_id, finding.occurrence)))
        .collect();
    let gone = news.findings.map(|findings| findings.resolved.as_slice());
    let gone: Vec<&PreviousFinding> = match &target.channel {
        NotifyChannel::SecurityHub(_) => gone
            .unwrap_or_default()
            .iter()
            .filter(|known| known.severity >= Some(target.min_severity))
            .filter(|known| {
                is_untold(format!(
                    "{}/{}/resolved",
                    known.finding_id, known.occurrence
                ))
            })
            .collect(),
        _ => Vec::new(),
    };
    if alarms.is_empty() && fresh.is_empty() && gone.is_empty() {
        return (Vec::new(), told);
    }
    let message = message(news, &fresh, alarms, &day.to_string());
    let bodies = match &target.channel {
        NotifyChannel::Webhook(settings) => vec![match settings.format {
            WebhookFormat::Slack => slack::body(&message).to_string(),
            WebhookFormat::Teams => teams::body(&message).to_string(),
            WebhookFormat::Json => document::body(&message).to_string(),
        }],
        NotifyChannel::Sns { .. } => {
            let text = json!({"subject": plain::subject(&message), "text": plain::body(&message)});
            vec![text.to_string()]
        }
        NotifyChannel::SecurityHub(_) => batches(news, &fresh, &gone, &message, now),
        NotifyChannel::S3 { .. } => Vec::new(),
    };
    let queued = (1..).zip(bodies).map(|(number, body)| OutboxMessage {
        key: match number {
            1 => message.key.clone(),
            number => format!("{}-{number}", message.key),
        },
        target: target.name.clone(),
        body,
    });
    (queued.collect(), told)
}

/// The message about findings that are news, and alarms of a day.
fn message(news: &News<'_>, fresh: &[&Finding], alarms: Vec<NightAlarm>, day: &str) -> Message {
    let incidents = news.findings.map(|findings| findings.incidents.as_slice());
    let mut told = Vec::new();
    for incident in incidents.unwrap_or_default() {
        let own = fresh
            .iter()
            .filter(|one| one.incident_id == incident.incident_id);
        let own: Vec<MessageFinding> = own.map(|finding| message_finding(finding)).collect();
        if own.is_empty() {
            continue;
        }
        told.push(MessageIncident {
            incident_id: incident.incident_id.clone(),
            status: incident.status,
            severity: own
                .iter()
                .map(|one| one.severity)
                .max()
                .unwrap_or(Severity::Info),
            title: incident.title.clone(),
            next_step: incident.next_step.clone(),
            command: incident.command.clone(),
            other_findings: (incident.finding_ids.len() - own.len()) as u64,
            findings: own,
        });
    }
    told.sort_by_key(|incident| std::cmp::Reverse(incident.severity));
    let of_incidents = told.iter().flat_map(|incident| {
        let findings = incident.findings.iter();
        let findings = findings.map(|one| format!("{}/{}", one.finding_id, one.occurrence));
        std::iter::once(incident.incident_id.clone()).chain(findings)
    });
    let of_alarms = alarms.iter().map(|alarm| format!("{}/{day}", alarm.code));
    let parts: Vec<String> = of_incidents.chain(of_alarms).collect();
    Message {
        key: digest_id('m', parts.iter().map(String::as_str)),
        about: news.about.to_owned(),
        incidents: told,
        alarms,
    }
}

fn message_finding(finding: &Finding) -> MessageFinding {
    MessageFinding {
        finding_id: finding.finding_id.clone(),
        occurrence: finding.occurrence,
        rule: finding.rule.to_owned(),
        severity: finding.severity,
        status: finding.status,
        title: finding.title.clone(),
    }
}

/// Batches of findings for Security Hub: those that are news, resolved ones, and alarms.
fn batches(
    news: &News<'_>,
    fresh: &[&Finding],
    gone: &[&PreviousFinding],
    message: &Message,
    now: UtcSecond,
) -> Vec<String> {
    let Some(hub) = news.hub else {
        return Vec::new();
    };
    let settled = Findings {
        resolved: gone.iter().map(|known| (*known).clone()).collect(),
        incidents: news
            .findings
            .map(|one| one.incidents.clone())
            .unwrap_or_default(),
        ..Findings::default()
    };
    let window = news.findings.map(|findings| findings.window);
    let end = window.and_then(|window| window.to).unwrap_or(now);
    let mut lines = Vec::new();
    // Writing into memory does not fail.
    let _ = asff::write(fresh, &settled, hub, NotRead::default(), end, &mut lines);
    let text = String::from_utf8_lossy(&lines);
    let mut batches: Vec<String> = text.lines().map(str::to_owned).collect();
    if !message.alarms.is_empty() {
        batches.push(asff::alarms(&message.alarms, hub, now).to_string());
    }
    batches
}

/// The message by which a report is put into a bucket.
fn report_message(target: &NotifyTarget, about: &str, folder: &Path) -> OutboxMessage {
    let report = QueuedReport::of(folder);
    let body = report.text();
    OutboxMessage {
        key: digest_id('m', [about, &body]),
        target: target.name.clone(),
        body,
    }
}
