//! The report in ten lines, for a terminal.

use super::ReportContent;
use super::cells::amount;
use super::markdown::{gaps_by_kind, of_hub, verdict};
use crate::output::TextLayout;
use crate::output::human::{bytes, line, plural, safe, window_text};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Findings that are named.
const FINDINGS_NAMED: usize = 4;

/// Writes the report in at most eight lines; where it was written to is for the
/// caller to add.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    content: &ReportContent<'_>,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let mut lines = vec![format!(
        "Report, {}: {}{}",
        content.title,
        window_text(&content.inputs.slice.window),
        of_hub(content, |hub| safe(hub).into_owned())
    )];
    lines.push(verdict(content));
    let findings = &content.findings().findings;
    for finding in findings.iter().take(FINDINGS_NAMED) {
        let is_news = content.findings().has_previous && finding.status.is_news();
        let status = finding.status.as_str();
        let new = if is_news {
            format!("{status}: ")
        } else {
            String::new()
        };
        let severity = finding.severity.as_str();
        lines.push(format!("  {severity:<8}  {new}{}", safe(&finding.title)));
    }
    let more = findings.len().saturating_sub(FINDINGS_NAMED);
    if more > 0 {
        lines.push(format!("  … and {}", plural(more as u64, "more finding")));
    }
    lines.push(format!("Coverage gaps: {}", gaps_by_kind(content)));
    lines.push(did(content));
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
fn did(content: &ReportContent<'_>) -> String {
    let totals = &content.totals;
    let mut text = format!(
        "Quick: {} of {}, {}",
        plural(totals.chain_count, "chain"),
        plural(totals.consumer_count, "consumer"),
        plural(totals.query_count, "query")
    );
    if let Some(scanned) = totals.bytes_scanned {
        let _ = write!(text, ", {} scanned", bytes(scanned));
    }
    if let Some(cost) = totals.estimated_cost_usd {
        let _ = write!(text, ", {} USD estimated", amount(Some(cost)));
    }
    for total in &content.inputs.chargeback.totals {
        if let Some(billed) = total.billed {
            let currency = safe(&total.currency);
            let total = amount(Some(billed.total()));
            let own = amount(Some(billed.quick));
            let _ = write!(text, "; bill {total} {currency}, Quick's part {own}");
        }
    }
    text
}
