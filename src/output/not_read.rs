//! Places and objects of which nothing could be read, for outputs that have no coverage.

use super::TextLayout;
use super::human::{first_of, line, plural, safe};
use super::page_text::prose;
use crate::model::coverage::{Reject, RejectReason, Rejects};
use crate::model::table::{Table, Values};
use crate::model::text::Text;
use serde_json::{Value, json};
use std::io::{self, Write};

/// The name of the sheet and of the member that has them.
pub const NOT_READ: &str = "not_read";

/// Places and objects of which nothing could be read: how many, and the first by name.
#[derive(Debug, Clone, Copy, Default)]
pub struct NotRead<'a> {
    count: u64,
    named: &'a [Reject],
}

impl<'a> NotRead<'a> {
    /// Those among rejects.
    #[must_use]
    pub fn of(rejects: &'a Rejects) -> Self {
        let mut reasons = rejects.iter();
        reasons
            .find(|(reason, ..)| *reason == RejectReason::Unreadable)
            .map_or_else(Self::default, |(_, count, named)| Self { count, named })
    }

    /// Returns true if everything could be read.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.count == 0
    }

    /// One line for standard error; `None` where everything could be read.
    #[must_use]
    pub fn line(self) -> Option<String> {
        let first = self.named.first()?;
        let (place, why) = (safe(&first.object), safe(&first.detail));
        let line = format!("not read: {place}: {why}");
        Some(first_of(&line, self.count - 1))
    }

    /// Writes a line for each, below a table.
    ///
    /// # Errors
    ///
    /// When the writer fails.
    pub fn write(self, page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
        prose(page, writer, |writer| {
            let mut lines = self.lines();
            lines.try_for_each(|line| line!(writer, "{line}"))
        })
    }

    /// One line for each.
    pub fn lines(self) -> impl Iterator<Item = String> + 'a {
        let named = self.named.iter().map(|one| {
            let (place, why) = (safe(&one.object), safe(&one.detail));
            format!("not read: {place}: {why}")
        });
        let more = self.count - self.named.len() as u64;
        let more = (more > 0).then(|| format!("not read: and {}", plural(more, "more place")));
        named.chain(more)
    }

    /// The same as a table, for a workbook's sheet; `None` where everything could be read.
    #[must_use]
    pub fn table(self) -> Option<Table> {
        let texts = |of: &dyn Fn(&Reject) -> Text| {
            Values::Text(self.named.iter().map(|one| Some(of(one))).collect())
        };
        let table = Table::new(NOT_READ)
            .with("place", texts(&|one| one.object.clone()))
            .with("why", texts(&|one| one.detail.as_str().into()));
        (!self.is_empty()).then_some(table)
    }

    /// The same as JSON: `count`, and `places` with `place` and `why`.
    #[must_use]
    pub fn json(self) -> Value {
        let places = self
            .named
            .iter()
            .map(|one| json!({"place": one.object, "why": one.detail}));
        json!({"count": self.count, "places": places.collect::<Vec<Value>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(object: &str, reason: RejectReason) -> Reject {
        Reject {
            object: object.into(),
            record: None,
            offset: None,
            reason,
            detail: "access denied".to_owned(),
        }
    }

    #[test]
    fn places_are_named_and_other_rejects_are_not() {
        let mut rejects = Rejects::default();
        rejects.add(reject("s3://b/x", RejectReason::NotJson));
        assert!(NotRead::of(&rejects).is_empty());
        assert_eq!(NotRead::of(&rejects).line(), None);
        assert!(NotRead::of(&rejects).table().is_none());
        for account in 100..120 {
            rejects.add(reject(
                &format!("s3://b/{account}/"),
                RejectReason::Unreadable,
            ));
        }
        let not_read = NotRead::of(&rejects);
        let wanted = "not read: s3://b/100/: access denied; and 19 more";
        assert_eq!(not_read.line().unwrap(), wanted);
        assert_eq!(not_read.table().unwrap().row_count(), 20);
        assert_eq!(not_read.json()["places"][19]["place"], "s3://b/119/");
        let mut text = Vec::new();
        let page = TextLayout {
            width: 80,
            color: false,
        };
        not_read.write(page, &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap().lines().count(), 20);
    }
}
