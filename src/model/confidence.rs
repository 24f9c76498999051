//! The confidence of a link.

/// The confidence of a link; a chain has that of its weakest link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Confidence {
    /// Several candidates remain; they are listed, none is chosen.
    Ambiguous,
    /// Principal and creation time agree; the key is absent or another one.
    Probable,
    /// Key, assumed role id and creation time agree.
    Proven,
}

impl Confidence {
    /// All of them, the surest first.
    pub const ALL: [Self; 3] = [Self::Proven, Self::Probable, Self::Ambiguous];

    /// The confidence as the outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
