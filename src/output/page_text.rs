//! A page of Markdown for a terminal: paragraphs and list items broken where the
//! terminal ends; code and tables as they are.

use super::TextLayout;
use super::ink::Ink;
use std::io::{self, Write};

/// Writes the page.
///
/// # Errors
///
/// When the writer fails.
pub fn write(markdown: &str, page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
    let mut text = String::new();
    let mut is_code = false;
    for line in markdown.lines() {
        let is_fence = line.starts_with("```");
        let is_as_it_is = is_code || is_fence || line.starts_with(['#', '|']) || line.is_empty();
        let starts_item = line.starts_with("- ") || item_number(line).is_some();
        if is_as_it_is || starts_item {
            flush(&mut text, page, writer)?;
        }
        is_code ^= is_fence;
        if is_as_it_is {
            heading(line, page, writer)?;
        } else {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(line.trim());
        }
    }
    flush(&mut text, page, writer)
}

/// Writes a paragraph that starts so far in.
///
/// # Errors
///
/// When the writer fails.
pub fn indented(
    text: &str,
    indent: usize,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let indent = " ".repeat(indent);
    let options = options(page)
        .initial_indent(&indent)
        .subsequent_indent(&indent);
    writeln!(writer, "{}", textwrap::fill(text, options))
}

/// Writes lines of prose: what is longer than the page goes on in the next line, two blanks
/// further in. Styles take no room. Words are never broken: paths, ARNs and ids stay what they are.
///
/// # Errors
///
/// When the writer fails.
pub fn prose(
    page: TextLayout,
    writer: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut text = Vec::new();
    write(&mut text)?;
    for line in String::from_utf8_lossy(&text).lines() {
        if textwrap::core::display_width(line) <= usize::from(page.width) {
            writeln!(writer, "{line}")?;
            continue;
        }
        let (indent, words) = line.split_at(line.len() - line.trim_start().len());
        let further = format!("{indent}  ");
        let options = options(page)
            .initial_indent(indent)
            .subsequent_indent(&further);
        writeln!(writer, "{}", textwrap::fill(words, options))?;
    }
    Ok(())
}

fn options<'a>(page: TextLayout) -> textwrap::Options<'a> {
    textwrap::Options::new(usize::from(page.width))
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// `1. ` and the like: how long it is.
fn item_number(line: &str) -> Option<usize> {
    let (number, _) = line.split_once(". ")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(number.len() + 2)
}

fn heading(line: &str, page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
    if line.starts_with('#') {
        writeln!(writer, "{}", Ink::Bold.paint(line, page))
    } else {
        writeln!(writer, "{line}")
    }
}

/// Writes what was gathered of a paragraph or an item.
fn flush(text: &mut String, page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
    let indent = if text.starts_with("- ") {
        2
    } else {
        item_number(text).unwrap_or(0)
    };
    let indent = " ".repeat(indent);
    let options = options(page).subsequent_indent(&indent);
    if !text.is_empty() {
        writeln!(writer, "{}", textwrap::fill(text, options))?;
        text.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_and_items_are_broken_and_code_is_not() {
        let page = TextLayout {
            width: 20,
            color: false,
        };
        let mut out = Vec::new();
        let text = "# a heading that is long\n\none two three four five six\n\n1. item with a few words\n   more\n\n```\ncode that is longer than that\n```\n";
        write(text, page, &mut out).unwrap();
        let wanted = "# a heading that is long\n\none two three four\nfive six\n\n1. item with a few\n   words more\n\n```\ncode that is longer than that\n```\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
