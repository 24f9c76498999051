//! Names and texts in SQL of Trino and Athena.

use std::fmt::Write;

/// A text as a literal. Nothing in it ends the literal, whatever it is.
pub(super) fn text(value: &str) -> String {
    let is_plain = value.chars().all(|char| matches!(char, ' '..='~'));
    if is_plain {
        return format!("'{}'", value.replace('\'', "''"));
    }
    let mut literal = String::from("U&'");
    for char in value.chars() {
        match char {
            '\'' => literal.push_str("''"),
            '\\' => literal.push_str("\\\\"),
            ' '..='~' => literal.push(char),
            // Six digits hold any character.
            _ => {
                let _ = write!(literal, "\\+{:06X}", u32::from(char));
            }
        }
    }
    literal.push('\'');
    literal
}

/// Texts as a list of literals.
pub(super) fn texts<'v>(values: impl IntoIterator<Item = &'v str>) -> String {
    let literals: Vec<String> = values.into_iter().map(text).collect();
    literals.join(", ")
}

/// A name, such as that of a table.
pub(super) fn name(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_literal_or_a_name() {
        assert_eq!(text("it's"), "'it''s'");
        assert_eq!(text("a\\b"), "'a\\b'");
        assert_eq!(
            text("\n'\\\u{e9}\u{1f600}"),
            "U&'\\+00000A''\\\\\\+0000E9\\+01F600'"
        );
        assert_eq!(name("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(texts(["a", "b"]), "'a', 'b'");
    }
}
