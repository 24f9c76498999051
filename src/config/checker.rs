//! Helpers of every check of a configuration: the position of a value, and errors about it.

use crate::model::ids::{AccountId, is_account_id};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The reason why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: std::io::Error,
    },
    /// The file is not TOML, has an unknown key, or a value of the wrong type.
    #[error("{}: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's error, with line, column and the line itself.
        source: Box<toml::de::Error>,
    },
    /// A value makes no sense.
    #[error("{}:{line}: {key}: {message}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The error's message.
        message: String,
    },
}

/// Checks the values of one file.
pub(super) struct Checker<'a> {
    pub(super) text: &'a str,
    pub(super) path: &'a Path,
}

impl Checker<'_> {
    /// The line of a place, from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    }

    pub(super) fn wrong(
        &self,
        span: Range<usize>,
        key: &str,
        message: impl Into<String>,
    ) -> ConfigError {
        ConfigError::Value {
            path: self.path.to_owned(),
            line: self.line(&span),
            key: key.to_owned(),
            message: message.into(),
        }
    }

    pub(super) fn account_id(
        &self,
        id: &Spanned<String>,
        key: &str,
    ) -> Result<AccountId, ConfigError> {
        let text = id.get_ref();
        if is_account_id(text) {
            return Ok(text.as_str().into());
        }
        let message = format!("{text:?} is not an account id: 12 digits are");
        Err(self.wrong(id.span(), key, message))
    }

    /// Relative paths start in the folder of the configuration.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }
}
