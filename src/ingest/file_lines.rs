//! The lines of one file, before it is known whether the file counts.

use super::scope::RowFate;
use super::shape::LineEnd;
use crate::model::bill::{BillKind, LineAmounts, LineKey, Uncounted};
use crate::model::coverage::{Reject, RejectReason, Rejects};
use crate::model::exact::ExactAmount;
use crate::model::ids::AccountId;
use crate::model::text::Text;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

struct ShapeSlot {
    fate: RowFate,
    amounts: LineAmounts,
}

/// Shapes that are told apart at once. A file with more has its lines folded together by their keys.
const SLOTS_MAX: usize = 100_000;

/// The lines of one file, rows of one shape together.
#[derive(Default)]
pub(super) struct FileLines {
    slots: Vec<ShapeSlot>,
    by_sign: HashMap<Box<[u8]>, usize>,
    pub(super) kinds: BTreeSet<BillKind>,
    pub(super) rejects: Rejects,
    pub(super) uncounted: Uncounted,
    pub(super) notes: BTreeSet<String>,
    pub(super) names: Vec<(AccountId, Text)>,
    pub(super) payers: BTreeMap<AccountId, AccountId>,
    pub(super) unknown_prefixes: BTreeSet<Text>,
    /// Currencies that rows name, whether they count or not.
    pub(super) currencies: BTreeSet<Text>,
    /// Lines of slots that were emptied.
    folded: HashMap<(LineKey, LineEnd), LineAmounts>,
}

/// A line of a file that counts, if the file does.
pub(super) struct FileLine {
    pub(super) key: LineKey,
    pub(super) end: LineEnd,
    pub(super) amounts: LineAmounts,
}

impl FileLines {
    pub(super) fn reject(&mut self, name: &str, record: u32, detail: impl Into<String>) {
        self.rejects.add(Reject {
            object: name.into(),
            record: Some(record),
            offset: None,
            reason: RejectReason::BadMember,
            detail: detail.into(),
        });
    }

    /// The place of rows that are alike in all but amounts.
    pub(super) fn slot(&self, sign: &[u8]) -> Option<usize> {
        self.by_sign.get(sign).copied()
    }

    pub(super) fn add_slot(&mut self, sign: &[u8], mut fate: RowFate) -> usize {
        if self.slots.len() >= SLOTS_MAX {
            self.fold();
        }
        if let RowFate::Counted(shape) = &mut fate {
            self.kinds.insert(shape.key.kind);
            if let Some(name) = shape.account_name.take() {
                self.names
                    .push((shape.key.account_id.clone(), name.as_str().into()));
            }
            if let Some((payer, name)) = shape.payer.take() {
                if let Some(name) = name {
                    self.names.push((payer.clone(), name.as_str().into()));
                }
                self.payers.insert(shape.key.account_id.clone(), payer);
            }
            let prefix = shape.unknown_prefix.take();
            self.unknown_prefixes
                .extend(prefix.map(|prefix| Text::from(prefix.as_str())));
        }
        let slot = self.slots.len();
        self.slots.push(ShapeSlot {
            fate,
            amounts: LineAmounts::default(),
        });
        self.by_sign.insert(sign.into(), slot);
        slot
    }

    pub(super) fn fate(&self, slot: usize) -> &RowFate {
        &self.slots[slot].fate
    }

    /// Counts a line without its amounts.
    pub(super) fn count(&mut self, slot: usize) {
        self.slots[slot].amounts.lines += 1;
    }

    /// Adds the amounts of a row.
    pub(super) fn add(&mut self, slot: usize, cost: &ExactAmount, terabytes: Option<&ExactAmount>) {
        let amounts = &mut self.slots[slot].amounts;
        amounts.cost += cost;
        amounts.lines += 1;
        if let Some(terabytes) = terabytes {
            *amounts.terabytes.get_or_insert_default() += terabytes;
        }
    }

    /// The lines that count; the others are counted by their reasons.
    pub(super) fn take_lines(&mut self) -> Vec<FileLine> {
        self.fold();
        let folded = std::mem::take(&mut self.folded).into_iter();
        let lines = folded.map(|((key, end), amounts)| FileLine { key, end, amounts });
        lines.collect()
    }

    fn fold(&mut self) {
        self.by_sign.clear();
        for ShapeSlot { fate, mut amounts } in std::mem::take(&mut self.slots) {
            match fate {
                RowFate::Counted(shape) if amounts.lines > 0 => {
                    amounts.is_estimated = shape.is_estimated;
                    amounts.sku = shape.sku;
                    let key = (shape.key, shape.end);
                    self.folded.entry(key).or_default().merge(&amounts);
                }
                RowFate::Uncounted(why) => why.count(amounts.lines, &mut self.uncounted),
                RowFate::Counted(_) => {}
            }
        }
    }
}
