//! Answers that cost money or time, kept as the text that `exports` reads.

use super::error::StoreError;
use super::number::count;
use super::reader::Store;
use super::writer::Writer;
use crate::model::time::{UtcDay, UtcSecond};
use rusqlite::params;

/// Cost Explorer has new figures up to three times a day
/// (docs/cloudtrail-facts.md#apis-and-bills).
const FRESH_SECONDS: i64 = 6 * 3600;

/// Pages of Cost Explorer for some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostPages {
    /// The request.
    pub question: String,
    /// The first day, by its number since 1970-01-01.
    pub first_day: UtcDay,
    /// The day after the last one.
    pub end_day: UtcDay,
    /// The answers, in order, and whether any day in them is still an estimate.
    pub pages: Vec<(String, bool)>,
}

/// A list, as a service gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Of what: its account and Region.
    pub name: String,
    /// The answer.
    pub text: String,
    /// The time of the request.
    pub asked_at: UtcSecond,
}

impl Writer {
    /// Days of a question that need not be asked again: none of them was an estimate,
    /// or the answer is younger than the figures behind it.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn settled_costs(&mut self, question: &str) -> Result<Vec<(UtcDay, UtcDay)>, StoreError> {
        let sql = "SELECT first_day, end_day FROM cost_pages WHERE question = ?1
                   GROUP BY first_day, end_day
                   HAVING max(is_estimated) = 0 OR max(asked_at) > ?2
                   ORDER BY first_day";
        let fresh = self.now.unix() - FRESH_SECONDS;
        self.ledger.rows(sql, &[&question, &fresh], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// The first day whose answer is still an estimate, or the first that no one asked
    /// about since.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn first_estimate(&mut self, question: &str) -> Result<Option<UtcDay>, StoreError> {
        let sql = "SELECT min(coalesce(min(first_day) FILTER (WHERE is_estimated = 1),
                       max(end_day)), max(end_day))
                   FROM cost_pages WHERE question = ?1";
        let found = self
            .ledger
            .rows(sql, &[&question], |row| row.get::<_, Option<UtcDay>>(0))?;
        Ok(found.into_iter().flatten().next())
    }

    /// Keeps the pages of an answer, in place of earlier answers that they cover.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub fn keep_costs(&mut self, costs: &CostPages) -> Result<(), StoreError> {
        let now = self.now.unix();
        self.ledger.try_to(|ledger| {
            let transaction = ledger.transaction()?;
            let sql = "DELETE FROM cost_pages
                       WHERE question = ?1 AND first_day >= ?2 AND end_day <= ?3";
            let days = (costs.first_day, costs.end_day);
            transaction.execute(sql, params![costs.question, days.0, days.1])?;
            for (page, (text, is_estimated)) in costs.pages.iter().enumerate() {
                let sql = "INSERT INTO cost_pages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
                let question = &costs.question;
                let row = params![
                    question,
                    days.0,
                    days.1,
                    count(page),
                    text,
                    is_estimated,
                    now
                ];
                transaction.execute(sql, row)?;
            }
            transaction.commit()
        })
    }

    /// Keeps a list, in place of the one before.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub fn keep_document(&mut self, kind: &str, name: &str, text: &str) -> Result<(), StoreError> {
        let now = self.now.unix();
        self.ledger.try_to(|ledger| {
            let sql = "INSERT OR REPLACE INTO documents VALUES (?1, ?2, ?3, ?4)";
            ledger
                .execute(sql, params![kind, name, text, now])
                .map(|_| ())
        })
    }
}

impl Store {
    /// All pages of Cost Explorer, each with a name for messages.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn cost_pages(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT question, date(first_day * 86400, 'unixepoch'), page, text
                   FROM cost_pages AS own
                   -- Answers of earlier versions were net of credits: of the same days, an
                   -- answer that is not says more.
                   WHERE NOT EXISTS (
                       SELECT 1 FROM cost_pages AS better
                       WHERE better.question = CASE own.question
                               WHEN 'athena-by-usage-type' THEN 'athena-usage-by-usage-type'
                               WHEN 'by-service' THEN 'usage-by-service' END
                           AND better.first_day <= own.first_day AND own.end_day <= better.end_day)
                   ORDER BY asked_at, question, first_day, end_day, page";
        self.ledger.rows(sql, &[], |row| {
            let (question, day): (String, String) = (row.get(0)?, row.get(1)?);
            let page: i64 = row.get(2)?;
            Ok((
                format!("cost-explorer/{question}/{day}/{page}"),
                row.get(3)?,
            ))
        })
    }

    /// The lists of a kind.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn documents(&mut self, kind: &str) -> Result<Vec<StoredDocument>, StoreError> {
        let sql = "SELECT name, text, asked_at FROM documents WHERE kind = ?1 ORDER BY name";
        self.ledger.rows(sql, &[&kind], |row| {
            Ok(StoredDocument {
                name: row.get(0)?,
                text: row.get(1)?,
                asked_at: UtcSecond::from_unix(row.get(2)?),
            })
        })
    }
}
