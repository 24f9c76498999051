//! Options that a suggested command has to repeat to see the same data.

/// Options of a run, each as a shell takes it, with a space in front.
#[derive(Debug, Clone, Default)]
pub struct RepeatedOptions {
    /// The configuration and the logs.
    pub logs: String,
    /// The store.
    pub store: String,
    /// Query statistics.
    pub statistics: String,
    /// Business units.
    pub units: String,
    /// The bill.
    pub bill: String,
}

impl RepeatedOptions {
    /// Returns a command of this program with the options that it takes; any other as it
    /// is.
    #[must_use]
    pub fn with(&self, command: &str) -> String {
        let Self {
            logs,
            store,
            statistics,
            units,
            bill,
        } = self;
        let mut words = command.split(' ');
        let is_own = words.next() == Some("qs-audit");
        match words.next().filter(|_| is_own) {
            Some("show" | "chains") => format!("{command}{logs}{store}{statistics}{units}"),
            Some("findings" | "chargeback" | "query" | "report") => {
                format!("{command}{logs}{store}{statistics}{bill}{units}")
            }
            Some("doctor") => format!("{command}{logs}{store}"),
            Some("verify") => format!("{command}{logs}"),
            _ => command.to_owned(),
        }
    }
}
