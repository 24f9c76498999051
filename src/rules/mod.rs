//! Anomalies, each a rule with a page (ARCHITECTURE.md#how-rules-are-evaluated).
//!
//! A rule is one file and one page: a pure function of [`RuleContext`], listed in
//! [`RULES`]. What several rules need:
//!
//! | file | what it does |
//! |---|---|
//! | [`rule`] | what a rule is, what it may be told, what it hands back |
//! | [`context`] | the result of a run, arranged for the questions of rules |
//! | [`occurrences`] | what happened to one subject: a burst is one finding |
//! | [`baseline`], [`series`], [`spike`] | what is expected of a day; the days that stand out |
//! | [`trend`] | the same, for a picture |
//! | [`history`] | the days before the window, as tallies |
//! | [`table_reads`], [`share_changes`] | who read which table; who may since when |
//! | [`connectors`] | connectors of federated queries, and what they spill |
//! | [`registry`] | all rules; a set of them with its options |
//! | [`mod@lifecycle`] | suppressions, and what an earlier run knew |

mod agent_acts_for_unknown_user;
mod audit_trail_tampering;
mod baseline;
mod bucket_opening;
mod bytes_scanned_spike;
mod catalog_created;
mod connector_shared;
mod connectors;
mod context;
mod cost_spike;
mod cross_account_read_denied;
mod data_share_changed;
mod delegated_access_used;
mod external_id_mismatch;
mod external_id_missing;
mod external_id_spoof;
mod first_seen_path;
mod first_seen_table;
mod history;
mod hop;
mod incidents;
mod integrity_index;
mod lifecycle;
mod log_gap;
mod long_idle_data_source;
mod occurrences;
mod off_scope_activity;
mod query_failure_surge;
mod query_rate_spike;
mod registry;
mod result_location_changed;
mod role_assumption_denied;
mod role_permissions_changed;
mod role_trust_changed;
mod rule;
mod run_as_role_assumed_by_other;
mod scope_down_mismatch;
mod scope_down_missing;
mod scope_down_too_wide;
mod sensitive_table_read;
mod series;
mod service_chain_undeclared;
mod session_from_several_origins;
mod share_changes;
mod spike;
mod spill_bucket_exposed;
mod table_reads;
mod trail_state;
mod trend;
mod undeclared_consumer;
mod undeclared_data_source;
mod undeclared_producer;
mod undeclared_role;
mod undeclared_work_group;
mod unexpected_connector_account;
mod unexpected_source_account;
mod unread;
mod unusual_read_volume;

pub use context::{RuleContext, RuleInput, is_change, is_of_rules};
pub use history::{History, HistoryInput, HistoryOptions, QuickAgents};
pub use lifecycle::{StatusInputs, reconcile};
pub use registry::{RULES, RuleSet, check, find, history_options, pages, remedied, trends};
pub use rule::{
    Checked, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind, RuleMeta,
    RuleNeed,
};
