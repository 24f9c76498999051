//! The origin of a chain, those for whom it acted, and its related chains, as text.

use super::TextLayout;
use super::human::{line, safe};
use super::page_text::prose;
use crate::model::chain::{Chain, Confidence};
use crate::model::road::{ActingFor, ActingKind, Origin};
use std::io::{self, Write};

/// The origin of a chain, for a heading: `states.amazonaws.com (probable)`.
#[must_use]
pub fn origin_text(origin: &Origin) -> String {
    let doubt = match origin.confidence {
        Some(Confidence::Proven) | None => String::new(),
        Some(confidence) => format!(" ({})", confidence.as_str()),
    };
    format!("{}{doubt}", origin.label())
}

/// A kind as people read it.
#[must_use]
pub fn kind_name(kind: ActingKind) -> &'static str {
    match kind {
        ActingKind::QuickUser => "Quick user",
        ActingKind::IdentityCenterUser => "Identity Center user",
        ActingKind::SourceIdentity => "source identity",
        ActingKind::Delegate => "delegate",
        ActingKind::Agent => "agent",
        ActingKind::Flow => "flow",
    }
}

/// Writes for whom a chain acted, and the chains that belong with it.
///
/// # Errors
///
/// When the writer fails.
pub fn write(chain: &Chain, page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
    if !chain.acting_for.is_empty() {
        line!(writer)?;
        line!(writer, "Acting for")?;
        prose(page, writer, |writer| {
            for acting in &chain.acting_for {
                line!(writer, "  {}", safe(&acting_text(acting)))?;
            }
            Ok(())
        })?;
    }
    if chain.related_chains.is_empty() {
        return Ok(());
    }
    line!(writer)?;
    line!(writer, "Related")?;
    prose(page, writer, |writer| {
        for related in &chain.related_chains {
            line!(
                writer,
                "  {}  {} ({})",
                related.chain_id,
                safe(&related.why),
                related.confidence.as_str()
            )?;
        }
        Ok(())
    })
}

fn acting_text(acting: &ActingFor) -> String {
    let mut details = vec![acting.confidence.as_str().to_owned()];
    details.extend(
        acting
            .conversation_id
            .as_ref()
            .map(|id| format!("conversation {id}")),
    );
    details.extend(acting.identity_store_arn.as_deref().map(str::to_owned));
    if let [only] = acting.event_ids.as_slice() {
        details.push(format!("event {only}"));
    } else if !acting.event_ids.is_empty() {
        details.push(format!("{} events", acting.event_ids.len()));
    }
    let kind = kind_name(acting.kind);
    format!("{kind} {} ({})", acting.id, details.join(", "))
}
