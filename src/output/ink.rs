//! Styles of text for people.

use super::TextLayout;
use comfy_table::{Cell, Color};

/// What text is written with on a terminal.
///
/// Colors are of the fixed part of the palette of 256 and legible on light and on dark. The sixteen that have names are whatever
/// the terminal's theme makes of them: yellow on white, or dark blue on black.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Bold,
    Faint,
    BoldRed,
    Red,
    Orange,
    Green,
    Teal,
    Blue,
    Purple,
}

impl Ink {
    /// Returns the number of the color in the palette of 256; none if the text keeps its own.
    const fn color(self) -> Option<u8> {
        match self {
            Self::Bold | Self::Faint => None,
            Self::BoldRed | Self::Red => Some(196),
            Self::Orange => Some(166),
            Self::Green => Some(28),
            Self::Teal => Some(30),
            Self::Blue => Some(32),
            Self::Purple => Some(133),
        }
    }

    /// Returns the text in this style, or as it is where no colors may be written.
    pub(super) fn paint(self, text: &str, page: TextLayout) -> String {
        if !page.color {
            return text.to_owned();
        }
        let weight = match self {
            Self::Bold | Self::BoldRed => "\u{1b}[1m",
            Self::Faint => "\u{1b}[2m",
            _ => "",
        };
        let color = self
            .color()
            .map_or_else(String::new, |color| format!("\u{1b}[38;5;{color}m"));
        format!("{weight}{color}{text}\u{1b}[0m")
    }

    /// Returns the cell of a table in this color, or as it is where no colors may be written.
    pub(super) fn paint_cell(self, cell: Cell, page: TextLayout) -> Cell {
        match self.color() {
            Some(color) if page.color => cell.fg(Color::AnsiValue(color)),
            _ => cell,
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_arithmetic, reason = "contrast is a ratio")]
mod tests {
    use super::*;
    use crate::output::human::style_length;

    const ALL: [Ink; 9] = [
        Ink::Bold,
        Ink::Faint,
        Ink::BoldRed,
        Ink::Red,
        Ink::Orange,
        Ink::Green,
        Ink::Teal,
        Ink::Blue,
        Ink::Purple,
    ];
    const COLORED: TextLayout = TextLayout {
        width: 80,
        color: true,
    };

    /// Relative luminance (WCAG 2.2) of a color of red, green and blue.
    fn luminance(levels: [u8; 3]) -> f64 {
        let linear = levels.map(|level| {
            let part = f64::from(level) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    fn contrast(one: f64, other: f64) -> f64 {
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_color_is_legible_on_white_on_black_and_on_dark_gray() {
        for color in ALL.into_iter().filter_map(Ink::color) {
            let place = color.checked_sub(16).unwrap();
            let level = |step: u8| [0, 95, 135, 175, 215, 255][usize::from(step % 6)];
            let ink = luminance([level(place / 36), level(place / 6), level(place)]);
            for paper in [[255; 3], [0; 3], [0x1e; 3]] {
                let contrast = contrast(ink, luminance(paper));
                assert!(
                    contrast >= 3.5,
                    "color {color} on {paper:?}: {contrast:.2} to 1"
                );
            }
        }
    }

    #[test]
    fn every_style_is_one_that_a_terminal_is_given() {
        for ink in ALL {
            let painted = ink.paint("x", COLORED);
            let mut rest = painted.as_bytes();
            let mut styles = 0;
            while let Some(length) = style_length(rest) {
                rest = &rest[length..];
                styles += 1;
            }
            assert_eq!(rest, b"x\x1b[0m", "{ink:?}");
            assert!(styles > 0, "{ink:?}");
        }
    }

    #[test]
    fn text_without_colors_is_as_it_is() {
        let plain = TextLayout {
            color: false,
            ..COLORED
        };
        assert_eq!(Ink::BoldRed.paint("x", plain), "x");
    }
}
