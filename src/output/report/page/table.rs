//! Tables in the words of the page.

use super::super::cells::{Shown, UNKNOWN, size};
use crate::model::money::exact;
use crate::output::human::count;
use rust_decimal::Decimal;

/// A cell: what is read, and what it is sorted by where that differs.
#[derive(Debug, Clone)]
pub(super) struct PageCell {
    pub(super) text: Shown,
    pub(super) order: Option<String>,
    pub(super) is_number: bool,
    /// A place on this page that it points at.
    pub(super) target: Option<Shown>,
}

impl PageCell {
    pub(super) fn text(text: &str) -> Self {
        Self {
            text: Shown::name(text),
            order: None,
            is_number: false,
            target: None,
        }
    }

    pub(super) fn or_unknown(text: Option<&str>) -> Self {
        Self::text(text.unwrap_or(UNKNOWN))
    }

    pub(super) fn link(text: &str, target: &str) -> Self {
        Self {
            target: Some(Shown::name(target)),
            ..Self::text(text)
        }
    }

    /// A figure as it is read, sorted by its exact value; unknown ones come first.
    pub(super) fn figure(text: impl Into<String>, order: Option<Decimal>) -> Self {
        Self {
            order: Some(order.map_or_else(|| "-1".to_owned(), exact)),
            is_number: true,
            ..Self::text(&text.into())
        }
    }

    pub(super) fn count(number: u64) -> Self {
        Self::figure(count(number), Some(number.into()))
    }

    pub(super) fn bytes(number: Option<u64>) -> Self {
        Self::figure(size(number), number.map(Decimal::from))
    }
}

/// A table with its caption.
#[derive(Debug, Clone, Default)]
pub(super) struct PageTable {
    /// Its name on the page.
    pub(super) id: String,
    /// The caption.
    pub(super) caption: String,
    /// Column titles, and whether figures stand in them.
    pub(super) titles: Vec<(&'static str, bool)>,
    pub(super) rows: Vec<Vec<PageCell>>,
    /// Rows at the end that are sums.
    pub(super) totals: Vec<Vec<PageCell>>,
    /// The notes below the table.
    pub(super) notes: Vec<Shown>,
    /// True if it can be filtered and paged.
    pub(super) is_long: bool,
    /// True if it can be sorted: the order of its rows says nothing else.
    pub(super) is_sorted: bool,
}

/// Longer ones are paged.
const ROWS_AT_ONCE: usize = 15;

impl PageTable {
    pub(super) fn new(id: &str, caption: impl Into<String>, titles: &[&'static str]) -> Self {
        Self {
            id: id.to_owned(),
            caption: caption.into(),
            titles: titles.iter().map(|title| (*title, false)).collect(),
            is_sorted: true,
            ..Self::default()
        }
    }

    /// The same with these rows.
    pub(super) fn with(mut self, rows: Vec<Vec<PageCell>>) -> Self {
        for row in rows.iter().take(1) {
            for (title, cell) in self.titles.iter_mut().zip(row) {
                title.1 = cell.is_number;
            }
        }
        self.is_long = rows.len() > ROWS_AT_ONCE;
        self.rows = rows;
        self
    }

    /// The same in the order it has: its rows belong together.
    pub(super) fn in_its_order(mut self) -> Self {
        self.is_long = false;
        self.is_sorted = false;
        self
    }

    /// The same with a note.
    pub(super) fn noting(mut self, note: &str) -> Self {
        self.notes.push(Shown::sentence(note));
        self
    }
}
