//! Bytes on their way to a terminal: whatever would control it is spelled out.

use super::human::{STYLE_BYTES_MAX, is_deceptive, style_length};
use std::io::{self, Write};

/// The escaping of characters that control a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// `\u{1b}`, in text for people. Styles that this program sets may stay.
    Text {
        /// True if they stay.
        styles: bool,
    },
    /// `\u001b`, inside the strings of JSON, which still mean the same.
    Json,
}

/// A writer in front of a terminal, or of a file of text that a terminal will show.
/// Lines and tabs pass. [`Self::finish`] writes what is held back.
pub struct TerminalWriter<'w> {
    inner: &'w mut dyn Write,
    spelling: Spelling,
    /// The start of a character or a style whose end has not come yet.
    pending: Vec<u8>,
}

impl<'w> TerminalWriter<'w> {
    /// Returns a writer in front of another.
    pub fn new(inner: &'w mut dyn Write, spelling: Spelling) -> Self {
        Self {
            inner,
            spelling,
            pending: Vec::new(),
        }
    }

    /// Writes what is held back, and flushes.
    ///
    /// # Errors
    ///
    /// When the inner writer fails.
    pub fn finish(mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.pass(&pending, true)?;
        self.inner.flush()
    }

    /// Writes text, and returns how many bytes of it were used up.
    fn pass(&mut self, bytes: &[u8], is_end: bool) -> io::Result<usize> {
        let mut used = 0;
        while used < bytes.len() {
            let rest = &bytes[used..];
            let text = match str::from_utf8(rest) {
                Ok(text) => text,
                Err(error) if error.valid_up_to() > 0 => {
                    str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default()
                }
                Err(error) if error.error_len().is_none() && !is_end => return Ok(used),
                Err(_) => {
                    self.spell(char::from(rest[0]))?;
                    used += 1;
                    continue;
                }
            };
            let controls = |letter: char| !matches!(letter, '\n' | '\t') && is_deceptive(letter);
            let Some(at) = text.find(controls) else {
                self.inner.write_all(text.as_bytes())?;
                used += text.len();
                continue;
            };
            self.inner.write_all(&rest[..at])?;
            used += at;
            let rest = &bytes[used..];
            if self.spelling == (Spelling::Text { styles: true }) && rest[0] == b'\x1b' {
                if let Some(style) = style_length(rest) {
                    self.inner.write_all(&rest[..style])?;
                    used += style;
                    continue;
                }
                if rest.len() < STYLE_BYTES_MAX && !is_end {
                    return Ok(used);
                }
            }
            if let Some(letter) = text[at..].chars().next() {
                self.spell(letter)?;
                used += letter.len_utf8();
            }
        }
        Ok(used)
    }

    fn spell(&mut self, letter: char) -> io::Result<()> {
        match self.spelling {
            Spelling::Text { .. } => write!(self.inner, "{}", letter.escape_unicode()),
            Spelling::Json => {
                let mut units = [0; 2];
                let units = letter.encode_utf16(&mut units);
                units
                    .iter()
                    .try_for_each(|unit| write!(self.inner, "\\u{unit:04x}"))
            }
        }
    }
}

impl Write for TerminalWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pending.is_empty() {
            let used = self.pass(bytes, false)?;
            self.pending.extend_from_slice(&bytes[used..]);
        } else {
            let mut all = std::mem::take(&mut self.pending);
            all.extend_from_slice(bytes);
            let used = self.pass(&all, false)?;
            all.drain(..used);
            self.pending = all;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &[u8], spelling: Spelling, piece: usize) -> String {
        let mut out = Vec::new();
        let mut writer = TerminalWriter::new(&mut out, spelling);
        for piece in text.chunks(piece) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_that_controls_a_terminal_passes_in_pieces_of_any_size() {
        let hostile = "a\u{1b}[31mé\u{1b}[0m\n\u{1b}[2J\u{9b}名\u{202e}\u{e0041}\t\u{1b}";
        let plain = Spelling::Text { styles: false };
        let styled = Spelling::Text { styles: true };
        for piece in 1..=hostile.len() {
            assert_eq!(
                written(hostile.as_bytes(), plain, piece),
                "a\\u{1b}[31mé\\u{1b}[0m\n\\u{1b}[2J\\u{9b}名\\u{202e}\\u{e0041}\t\\u{1b}"
            );
            assert_eq!(
                written(hostile.as_bytes(), styled, piece),
                "a\u{1b}[31mé\u{1b}[0m\n\\u{1b}[2J\\u{9b}名\\u{202e}\\u{e0041}\t\\u{1b}"
            );
        }
    }

    #[test]
    fn json_means_the_same() {
        let text = serde_json::json!({"a": "\u{7f}\u{9b}é\u{202e}\u{e0041}\u{1b}"}).to_string();
        for piece in 1..=text.len() {
            let shown = written(text.as_bytes(), Spelling::Json, piece);
            assert!(!shown.chars().any(is_deceptive), "{shown:?}");
            let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
            assert_eq!(
                read,
                serde_json::from_str::<serde_json::Value>(&text).unwrap()
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_spelled_out() {
        assert_eq!(
            written(b"a\xff\xe2\x80", Spelling::Text { styles: false }, 1),
            "a\\u{ff}\\u{e2}\\u{80}"
        );
    }
}
