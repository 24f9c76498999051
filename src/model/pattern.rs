//! Text patterns: `*` stands for any text.

/// Returns true if the value is the asked one; `*` stands for any text. Case counts.
#[must_use]
pub fn matches(pattern: &str, value: &str) -> bool {
    matches_with(pattern, value, None)
}

/// Returns whether the whole value is in the pattern's language, where `any_one` stands for
/// any one character. Takes time in the product of both lengths at worst: a star only ever
/// moves on.
#[must_use]
pub fn matches_with(pattern: &str, value: &str, any_one: Option<char>) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let value: Vec<char> = value.chars().collect();
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < value.len() {
        let here = pattern.get(at).copied();
        if here == Some('*') {
            star = Some((at, seen));
            at += 1;
        } else if here.is_some_and(|letter| {
            // What is itself a pattern is only taken by what surely holds all of it.
            letter == value[seen] || (Some(letter) == any_one && value[seen] != '*')
        }) {
            at += 1;
            seen += 1;
        } else if let Some((star_at, star_seen)) = star {
            // The star takes one more.
            at = star_at + 1;
            seen = star_seen + 1;
            star = Some((star_at, seen));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, value) in [
            ("retail", "retail"),
            ("*", ""),
            ("quick-*", "quick-retail"),
            ("*retail", "quick-retail"),
            ("q*k*l", "quick-retail"),
            ("a*a", "abaa"),
            ("**", "x"),
        ] {
            assert!(matches(pattern, value), "{pattern} {value}");
        }
        for (pattern, value) in [
            ("retail", "retail-2"),
            ("quick-*", "slow"),
            ("a*b", "abc"),
            ("", "x"),
            ("a?c", "abc"),
            ("Retail", "retail"),
        ] {
            assert!(!matches(pattern, value), "{pattern} {value}");
        }
    }

    #[test]
    fn many_stars_do_not_take_forever() {
        let pattern = "*a".repeat(200);
        assert!(!matches(
            &pattern,
            &"a".repeat(199).repeat(20).replace('a', "b")
        ));
    }
}
