//! Chat logs of Quick: `CHAT_LOGS` as they are delivered to S3 and CloudWatch Logs
//! (docs/cloudtrail-facts.md#agents-and-identities). What was said is not read.

use super::documents::{DocumentFault, DocumentReader, read_documents};
use crate::model::chat_log::{ChatLogs, ChatMessage, ConversationKey};
use crate::model::coverage::{Reject, RejectReason};
use crate::model::json::{for_each_item, is_list, members};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Levels of wrappers around an entry: an answer, its events, their messages.
const WRAPPERS_MAX: u32 = 4;

/// Reads a file into the chat logs: JSON lines, an array, or entries in the events of CloudWatch Logs.
/// What cannot be read becomes a reject, and reading goes on behind it.
pub fn read_chat_logs(name: &str, text: &[u8], into: &mut ChatLogs) {
    let mut reader = ChatLogsReader {
        name: name.into(),
        record: 0,
        into,
    };
    read_documents(text, &mut reader);
}

struct ChatLogsReader<'a> {
    name: Text,
    record: u32,
    into: &'a mut ChatLogs,
}

impl DocumentReader for ChatLogsReader<'_> {
    fn document(&mut self, document: &RawValue) {
        self.value(document, WRAPPERS_MAX);
    }

    fn fault(&mut self, fault: DocumentFault) {
        // On a quiet day no one talks.
        if fault.reason == RejectReason::Empty {
            return;
        }
        self.reject(fault.offset, fault.reason, fault.detail);
    }
}

impl ChatLogsReader<'_> {
    fn reject(&mut self, offset: Option<u64>, reason: RejectReason, detail: String) {
        self.into.rejects.add(Reject {
            object: self.name.clone(),
            record: offset.is_none().then_some(self.record),
            offset,
            reason,
            detail,
        });
    }

    /// An entry, a list of them, or what CloudWatch Logs wraps around them.
    fn value(&mut self, value: &RawValue, wrappers: u32) {
        if is_list(value) && wrappers > 0 {
            let mut items = Vec::new();
            if for_each_item(value, &mut |item| items.push(item)).is_ok() {
                for item in items {
                    self.value(item, wrappers - 1);
                }
            }
            return;
        }
        let wrapped = members(value, ["events", "logEvents", "message"]);
        let [events, log_events, message] = wrapped;
        if let Some(events) = events.or(log_events).filter(|_| wrappers > 0) {
            return self.value(events, wrappers - 1);
        }
        if let Some(message) = message.and_then(text_of)
            && message.trim_start().starts_with('{')
            && wrappers > 0
        {
            match serde_json::from_str::<&RawValue>(&message) {
                Ok(entry) => return self.entry(entry),
                Err(error) => {
                    let detail = format!("a message is not JSON: {error}");
                    self.reject(None, RejectReason::InvalidJson, detail);
                    self.record += 1;
                    return;
                }
            }
        }
        self.entry(value);
    }

    fn entry(&mut self, entry: &RawValue) {
        let [user_arn, conversation_id, agent_id, flow_id, at] = members(
            entry,
            [
                "user_arn",
                "conversation_id",
                "agent_id",
                "flow_id",
                "event_timestamp",
            ],
        );
        let known = |value: Option<&RawValue>| {
            let text = value.and_then(text_of)?;
            (!text.is_empty()).then(|| Text::from(&*text))
        };
        let key = ConversationKey {
            user_arn: known(user_arn),
            conversation_id: known(conversation_id),
        };
        if key == ConversationKey::default() {
            let detail = "neither user_arn nor conversation_id: no entry of a chat log";
            self.reject(None, RejectReason::NotARecord, detail.to_owned());
        } else if let Some(at) = at.and_then(moment) {
            let message = ChatMessage {
                at,
                agent_id: known(agent_id),
                flow_id: known(flow_id),
            };
            self.into.add(key, message);
        } else {
            let detail = "event_timestamp is missing, or no time";
            self.reject(None, RejectReason::BadMember, detail.to_owned());
        }
        self.record += 1;
    }
}

fn text_of(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = serde_json::from_str::<crate::model::json::Borrowed<'_>>(value.get());
    text.ok().map(|text| text.0)
}

/// Milliseconds since 1970 as a number or as text, or a time as AWS writes them.
fn moment(value: &RawValue) -> Option<UtcSecond> {
    /// Before 1973 in milliseconds, after the year 5000 in seconds.
    const MILLISECONDS_MIN: i64 = 100_000_000_000;
    let text = text_of(value).unwrap_or(Cow::Borrowed(value.get()));
    match text.trim().parse::<i64>() {
        Ok(number) if number >= MILLISECONDS_MIN => {
            let seconds = number / 1000;
            (seconds < MILLISECONDS_MIN).then(|| UtcSecond::from_unix(seconds))
        }
        Ok(number) if number > 0 => Some(UtcSecond::from_unix(number)),
        Ok(_) => None,
        Err(_) => UtcSecond::parse(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ChatLogs {
        let mut logs = ChatLogs::default();
        read_chat_logs("chat.json", text.as_bytes(), &mut logs);
        logs
    }

    const ENTRY: &str = r#"{"user_arn":"arn:aws:quicksight:us-east-1:111122223333:user/default/ana","agent_id":"a-1",
        "flow_id":"","conversation_id":"c-1","event_timestamp":1793530800123,"user_message":"the numbers of May"}"#;

    #[test]
    fn entries_are_read_in_all_forms_of_delivery() {
        let message = serde_json::to_string(ENTRY).unwrap();
        for text in [
            ENTRY.to_owned(),
            format!("{ENTRY}\n{ENTRY}"),
            format!("[{ENTRY}]"),
            format!(r#"{{"events":[{{"timestamp":1,"message":{message}}}]}}"#),
            format!(r#"{{"logGroup":"g","logEvents":[{{"id":"1","message":{message}}}]}}"#),
        ] {
            let logs = read(&text);
            assert_eq!(logs.rejects.total(), 0, "{text}");
            assert_eq!(logs.conversations.len(), 1, "{text}");
            let messages = logs.conversations.values().next().unwrap();
            let message = messages.first().unwrap();
            assert_eq!(messages.len(), 1);
            assert_eq!(message.at.unix(), 1_793_530_800);
            assert_eq!(message.agent_id.as_deref(), Some("a-1"));
            assert_eq!(message.flow_id, None);
        }
    }

    #[test]
    fn what_is_no_entry_is_told_and_costs_nothing_else() {
        let compact = ENTRY.replace('\n', " ");
        let text = format!(
            "{{\"log_type\":\"AGENT_HOURS_LOGS\"}}\n{compact}\n{{\"user_arn\":\"u\"}}\n{{\"broken\n{compact}\n7\n"
        );
        let logs = read(&text);
        assert_eq!(logs.entries, 2);
        assert_eq!(logs.rejects.total(), 4);
        assert_eq!(read(""), ChatLogs::default());
    }

    #[test]
    fn times_are_milliseconds_seconds_or_text() {
        let of = |text: &str| {
            let value: Box<RawValue> = serde_json::from_str(text).unwrap();
            moment(&value).map(UtcSecond::unix)
        };
        assert_eq!(of("1793530800123"), Some(1_793_530_800));
        assert_eq!(of("\"1793530800123\""), Some(1_793_530_800));
        assert_eq!(of("1793530800"), Some(1_793_530_800));
        assert_eq!(of("\"2026-11-01T11:00:00Z\""), Some(1_793_530_800));
        for odd in ["null", "-1", "\"\"", "{}", "9223372036854775807"] {
            assert_eq!(of(odd), None, "{odd}");
        }
    }
}
