//! Patterns in policies: `*` stands for any text, `?` for any one character (IAM User
//! Guide, "IAM JSON policy elements: Resource").

use crate::model::pattern::matches_with;

/// Returns whether a value is in a pattern's language. Case counts.
#[must_use]
pub fn matches(pattern: &str, value: &str) -> bool {
    matches_with(pattern, value, Some('?'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_mark_is_one_character() {
        let arn = "arn:aws:iam::12345:role/a/b";
        assert!(matches("arn:aws:iam::?2345:role/*", arn));
        assert!(!matches("a?", "a"));
        assert!(!matches("a?", "abc"));
    }
}
