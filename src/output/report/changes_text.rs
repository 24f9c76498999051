//! What changed since an earlier day, in lines.

use super::ReportContent;
use super::cells::Shown;
use super::changes::{ChangedFigure, Changes};
use crate::model::trend::Measure;
use crate::output::human::{bytes, money, plural};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Consumers that lines name.
const CONSUMERS_MAX: usize = 10;
/// Findings that lines name.
const FINDINGS_MAX: usize = 10;

/// The changes in lines.
pub(super) fn lines(content: &ReportContent<'_>) -> Vec<String> {
    let Some(changes) = &content.changes else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    let findings = content.findings();
    let news = findings.findings.iter().filter(|one| one.rings());
    let news: Vec<_> = news.collect();
    if findings.has_previous {
        for finding in news.iter().take(FINDINGS_MAX) {
            let title = Shown::sentence(&finding.title);
            lines.push(format!(
                "{}, {}: {title}",
                finding.severity.as_str(),
                finding.status.as_str()
            ));
        }
        let more = news.len().saturating_sub(FINDINGS_MAX) as u64;
        if more > 0 {
            lines.push(format!("and {} with news", plural(more, "more finding")));
        }
        for known in findings.resolved.iter().take(FINDINGS_MAX) {
            lines.push(format!("resolved: {}", Shown::sentence(&known.title)));
        }
    }
    for measure in measures(changes) {
        let own = changes.figures.iter().filter(|one| one.measure == measure);
        lines.extend(
            own.clone()
                .take(CONSUMERS_MAX)
                .map(|one| figure_line(content, one)),
        );
        let more = own.count().saturating_sub(CONSUMERS_MAX) as u64;
        if more > 0 {
            lines.push(format!("and {}", plural(more, "more consumer")));
        }
    }
    lines
}

fn measures(changes: &Changes) -> Vec<Measure> {
    let mut measures: Vec<Measure> = changes
        .figures
        .iter()
        .map(|one| one.measure.clone())
        .collect();
    measures.dedup();
    measures
}

fn figure_line(content: &ReportContent<'_>, figure: &ChangedFigure) -> String {
    let name = content.inputs.topology.account_label(&figure.account_id);
    let shown = |value: Decimal| match &figure.measure {
        Measure::BytesScanned => format!("{} scanned", bytes(value.to_u64().unwrap_or(0))),
        Measure::BilledCost(currency) => {
            format!("{} {} billed", money(value, 2), Shown::name(currency))
        }
    };
    let name = Shown::name(&name);
    match (figure.before.is_zero(), figure.now.is_zero()) {
        (true, _) => format!("{name}: {}, none before", shown(figure.now)),
        (_, true) => format!("{name}: none, {} before", shown(figure.before)),
        _ => format!(
            "{name}: {}, {} before",
            shown(figure.now),
            shown(figure.before)
        ),
    }
}
