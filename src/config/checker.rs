//! What every check of a configuration needs: where a value stands, and what is said of it.

use crate::model::ids::{AccountId, is_account_id};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Why a configuration is not used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not TOML, has an unknown key, or a value of the wrong type.
    #[error("{}: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What, with line, column and the place itself.
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
        /// What is wrong with it.
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
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }
}
