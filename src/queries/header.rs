//! The commented header of a query file.

/// The kind of value that a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum ParameterKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A day: `2026-11-01`.
    Date,
    /// A moment in UTC: RFC 3339.
    Timestamp,
}

impl ParameterKind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "text" => Self::Text,
            "integer" => Self::Integer,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            _ => return None,
        })
    }

    /// The kind as headers spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A parameter of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, without the colon.
    pub name: String,
    /// The kind of value.
    pub kind: ParameterKind,
    /// The default value.
    pub default: Option<String>,
}

/// The header of a saved query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryHeader {
    /// The question.
    pub title: String,
    /// The tables it reads.
    pub tables: Vec<String>,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// A command line that runs it.
    pub example: String,
}

/// A line of a header that says nothing known.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {message}")]
pub struct HeaderError {
    /// The line, from 1.
    pub line: usize,
    /// The error's message.
    pub message: String,
}

impl QueryHeader {
    /// Reads the comment lines that a text starts with. Text without any has an
    /// empty header; comments without a known key in front are comments.
    ///
    /// # Errors
    ///
    /// When a `param` line is not `name kind` or `name kind = default`.
    pub fn parse(sql: &str) -> Result<Self, HeaderError> {
        let mut header = Self::default();
        for (number, line) in (1..).zip(sql.lines()) {
            let Some(comment) = line.trim().strip_prefix("--") else {
                break;
            };
            let Some((key, value)) = comment.split_once(':') else {
                continue;
            };
            let value = value.trim();
            match key.trim() {
                "title" => value.clone_into(&mut header.title),
                "tables" => {
                    let names = value.split(',').map(|name| name.trim().to_owned());
                    header.tables = names.collect();
                }
                "example" => value.clone_into(&mut header.example),
                "param" => {
                    let parameter = parameter(value).ok_or_else(|| HeaderError {
                        line: number,
                        message: format!(
                            "{value:?} is not a parameter: write name, then text, integer, date \
                             or timestamp, then = and a default if there is one"
                        ),
                    })?;
                    header.parameters.push(parameter);
                }
                _ => {}
            }
        }
        Ok(header)
    }
}

fn parameter(text: &str) -> Option<Parameter> {
    let (declared, default) = match text.split_once('=') {
        Some((declared, default)) => (declared.trim(), Some(default.trim().to_owned())),
        None => (text, None),
    };
    let (name, kind) = declared.split_once(' ')?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_named = !name.is_empty() && name.chars().all(is_name);
    Some(Parameter {
        name: is_named.then(|| name.to_owned())?,
        kind: ParameterKind::parse(kind.trim())?,
        default,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_with_the_first_line_that_is_no_comment() {
        let sql = "-- title: A\n-- tables: a, b\n-- just said\n-- param: top integer = 5\nSELECT 1\n-- title: B";
        let header = QueryHeader::parse(sql).unwrap();
        assert_eq!(header.title, "A");
        assert_eq!(header.tables, ["a", "b"]);
        assert_eq!(header.parameters[0].default.as_deref(), Some("5"));
        assert_eq!(QueryHeader::parse("SELECT 1"), Ok(QueryHeader::default()));
        let error = QueryHeader::parse("-- title: A\n-- param: x money").unwrap_err();
        assert_eq!(error.line, 2);
    }
}
