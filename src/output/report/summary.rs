//! The night in ten lines, for a terminal.

use super::Night;
use super::cells::amount;
use super::markdown::{gaps_by_kind, of_hub, verdict};
use crate::model::finding::FindingStatus;
use crate::output::TextLayout;
use crate::output::human::{bytes, line, plural, safe, window_text};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Findings that are named.
const FINDINGS_NAMED: usize = 4;

/// Writes the night in at most eight lines; where it was written to is for the
/// caller to add.
///
/// # Errors
///
/// When the writer fails.
pub fn write(night: &Night<'_>, page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
    let mut lines = vec![format!(
        "Report, {}: {}{}",
        night.title,
        window_text(&night.material.part.window),
        of_hub(night, |hub| safe(hub).into_owned())
    )];
    lines.push(verdict(night));
    let findings = &night.findings().findings;
    for finding in findings.iter().take(FINDINGS_NAMED) {
        let is_new = night.findings().has_previous && finding.status == FindingStatus::New;
        let new = if is_new { "new: " } else { "" };
        let severity = finding.severity.as_str();
        lines.push(format!("  {severity:<8}  {new}{}", safe(&finding.title)));
    }
    let more = findings.len().saturating_sub(FINDINGS_NAMED);
    if more > 0 {
        lines.push(format!("  … and {}", plural(more as u64, "more finding")));
    }
    lines.push(format!("Coverage gaps: {}", gaps_by_kind(night)));
    lines.push(did(night));
    for line in lines {
        line!(writer, "{}", cut(&line, usize::from(page.width)))?;
    }
    Ok(())
}

/// A line that fits the page: its end is what matters least.
fn cut(line: &str, width: usize) -> Cow<'_, str> {
    if line.chars().count() <= width {
        return Cow::Borrowed(line);
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    Cow::Owned(format!("{kept}…"))
}

/// Returns the numbers of chains and queries, and their cost.
fn did(night: &Night<'_>) -> String {
    let sums = &night.sums;
    let mut text = format!(
        "Quick: {} of {}, {}",
        plural(sums.chain_count, "chain"),
        plural(sums.consumer_count, "consumer"),
        plural(sums.query_count, "query")
    );
    if let Some(scanned) = sums.bytes_scanned {
        let _ = write!(text, ", {} scanned", bytes(scanned));
    }
    if let Some(cost) = sums.estimated_cost_usd {
        let _ = write!(text, ", {} USD estimated", amount(Some(cost)));
    }
    for total in &night.material.chargeback.totals {
        if let Some(billed) = total.billed {
            let currency = safe(&total.currency);
            let total = amount(Some(billed.total()));
            let own = amount(Some(billed.quick));
            let _ = write!(text, "; bill {total} {currency}, Quick's part {own}");
        }
    }
    text
}
