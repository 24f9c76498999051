//! Names and texts in SQL of Trino and Athena.

use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
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

/// True if a time, as CloudTrail writes it, is inside a window: times of one spelling compare like text.
pub(super) fn is_in_window(time: &str, window: &TimeWindow) -> String {
    let bound = |operator: &str, moment: UtcSecond| {
        format!("{time} {operator} {}", text(&moment.to_string()))
    };
    let from = window.from.map(|from| bound(">=", from));
    let to = window.to.map(|to| bound("<", to));
    let bounds: Vec<String> = from.into_iter().chain(to).collect();
    if bounds.is_empty() {
        "TRUE".to_owned()
    } else {
        bounds.join(" AND ")
    }
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
