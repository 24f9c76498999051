//! Windows in JSON.

use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use serde::Serialize;

/// A half-open window.
#[derive(Serialize)]
pub(super) struct WindowV1 {
    from: Option<UtcSecond>,
    to: Option<UtcSecond>,
}

impl WindowV1 {
    pub(super) fn of(window: TimeWindow) -> Self {
        Self {
            from: window.from,
            to: window.to,
        }
    }
}
