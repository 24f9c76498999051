//! Parameters put into SQL as literals of their kind.

use super::header::{Parameter, ParameterKind, QueryHeader};
use crate::model::time::UtcSecond;
use jiff::civil::Date;
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer};
use std::collections::BTreeMap;

/// The reason why parameters cannot be bound.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BindError {
    /// The text is not SQL, even word by word.
    #[error("{message}")]
    NotSql {
        /// The tokenizer's message.
        message: String,
    },
    /// A parameter has no value.
    #[error("the parameter {name} ({kind}) needs a value")]
    Missing {
        /// Which.
        name: String,
        /// The expected kind of value.
        kind: &'static str,
    },
    /// A value is not of the parameter's kind.
    #[error("{name}={value:?} is not {kind}")]
    WrongKind {
        /// Which.
        name: String,
        /// Its value.
        value: String,
        /// The expected kind of value.
        kind: &'static str,
    },
    /// A value is for a parameter that the query does not have.
    #[error("unknown parameter {name}; the parameters are: {known}")]
    Unknown {
        /// Which.
        name: String,
        /// Those there are.
        known: String,
    },
}

/// A value as a literal; `None` where it is not of the kind.
fn literal(kind: ParameterKind, value: &str) -> Option<String> {
    Some(match kind {
        ParameterKind::Text => format!("'{}'", value.replace('\'', "''")),
        ParameterKind::Integer => value.parse::<i64>().ok()?.to_string(),
        ParameterKind::Date => format!("DATE '{}'", value.parse::<Date>().ok()?),
        ParameterKind::Timestamp => {
            let moment = UtcSecond::parse(value)?.to_string();
            format!(
                "TIMESTAMP '{}'",
                moment.trim_end_matches('Z').replace('T', " ")
            )
        }
    })
}

/// The byte offset of a place that the tokenizer tells.
fn offset(sql: &str, place: Location) -> usize {
    let line = usize::try_from(place.line.saturating_sub(1)).unwrap_or(0);
    let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or(0);
    let before: usize = sql.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = sql.get(before..).unwrap_or_default();
    before + rest.chars().take(column).map(char::len_utf8).sum::<usize>()
}

/// Returns the name and byte range of each `:name`, outside strings and comments.
fn placeholders(sql: &str) -> Result<Vec<(String, std::ops::Range<usize>)>, BindError> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| BindError::NotSql {
            message: error.to_string(),
        })?;
    let mut found = Vec::new();
    for pair in tokens.windows(2) {
        let (Token::Colon, Token::Word(word)) = (&pair[0].token, &pair[1].token) else {
            continue;
        };
        if pair[0].span.end == pair[1].span.start && word.quote_style.is_none() {
            let start = offset(sql, pair[0].span.start);
            found.push((word.value.clone(), start..offset(sql, pair[1].span.end)));
        }
    }
    Ok(found)
}

/// The text with its parameters filled in. Those that no header declares are text.
///
/// # Errors
///
/// When a value is missing, of the wrong kind, or for no parameter.
pub fn bind(
    sql: &str,
    header: &QueryHeader,
    values: &BTreeMap<String, String>,
) -> Result<String, BindError> {
    let places = placeholders(sql)?;
    let declared = |name: &str| {
        let mut parameters = header.parameters.iter();
        let known = parameters.find(|parameter| parameter.name == name);
        known.cloned().unwrap_or_else(|| Parameter {
            name: name.to_owned(),
            kind: ParameterKind::Text,
            default: None,
        })
    };
    if let Some(name) = values
        .keys()
        .find(|name| !places.iter().any(|place| place.0 == **name))
    {
        let known: Vec<&str> = places.iter().map(|(name, _)| name.as_str()).collect();
        return Err(BindError::Unknown {
            name: name.clone(),
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            },
        });
    }
    let mut bound = String::with_capacity(sql.len());
    let mut behind = 0;
    for (name, place) in places {
        let parameter = declared(&name);
        let kind = parameter.kind;
        let value = values.get(&name).or(parameter.default.as_ref());
        let value = value.ok_or_else(|| BindError::Missing {
            name: name.clone(),
            kind: kind.as_str(),
        })?;
        let literal = literal(kind, value).ok_or_else(|| BindError::WrongKind {
            name: name.clone(),
            value: value.clone(),
            kind: kind.as_str(),
        })?;
        bound.push_str(&sql[behind..place.start]);
        bound.push_str(&literal);
        behind = place.end;
    }
    bound.push_str(&sql[behind..]);
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(sql: &str, values: &[(&str, &str)]) -> Result<String, BindError> {
        let pairs = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        bind(sql, &QueryHeader::parse(sql).unwrap(), &pairs.collect())
    }

    #[test]
    fn values_are_literals_of_their_kind() {
        let sql = "-- param: top integer = 5\n-- param: on date\n-- param: at timestamp\n\
                   SELECT 'é', ':x', a::int -- :y\nFROM t WHERE a = :name AND d = :on AND m < :at LIMIT :top";
        let text = bound(
            sql,
            &[
                ("name", "O'Brien; DROP"),
                ("on", "2026-11-01"),
                ("at", "2026-11-01T10:00:00Z"),
            ],
        );
        let text = text.unwrap();
        assert!(text.contains("a = 'O''Brien; DROP' AND"), "{text}");
        assert!(text.contains("d = DATE '2026-11-01'"), "{text}");
        assert!(
            text.contains("m < TIMESTAMP '2026-11-01 10:00:00'"),
            "{text}"
        );
        assert!(text.ends_with("LIMIT 5"), "{text}");
        assert!(text.contains("'é', ':x', a::int -- :y"), "{text}");
    }

    #[test]
    fn wrong_missing_and_unknown_values_are_told() {
        let sql = "-- param: top integer\nSELECT 1 LIMIT :top";
        assert!(matches!(bound(sql, &[]), Err(BindError::Missing { .. })));
        let wrong = bound(sql, &[("top", "1; SELECT 2")]);
        assert!(matches!(wrong, Err(BindError::WrongKind { .. })));
        let unknown = bound(sql, &[("tpo", "1")]);
        assert!(matches!(unknown, Err(BindError::Unknown { .. })));
    }
}
