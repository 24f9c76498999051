//! What matters to JSON in 64 bytes of text at a time, with the widest vectors of the processor at hand.
//!
//! The scanner ([`super::scan`]) passes over strings and containers with these masks: one bit of a `u64` for each
//! byte.

#![expect(
    clippy::inline_always,
    reason = "only what is inlined is compiled for the processor at hand"
)]

use fearless_simd::prelude::*;
use fearless_simd::u8x64;

/// Bytes in one step.
pub(super) const BLOCK: usize = 64;

/// The bytes of a block.
#[inline(always)]
fn vector<S: Simd>(simd: S, block: &[u8; BLOCK]) -> u8x64<S> {
    u8x64::load_array_ref(simd, block)
}

/// Marks the bytes of a block that are this one.
#[inline(always)]
pub(super) fn equal<S: Simd>(simd: S, block: &[u8; BLOCK], byte: u8) -> u64 {
    marks_of(vector(simd, block), byte)
}

#[inline(always)]
fn marks_of<S: Simd>(bytes: u8x64<S>, byte: u8) -> u64 {
    bytes.simd_eq(byte).to_bitmask()
}

/// Marks the bytes of a block that a JSON string cannot just contain: `"`, `\`,
/// control bytes (below 0x20), and bytes from 0x80 up, whose UTF-8 is unchecked.
#[inline(always)]
pub(super) fn special<S: Simd>(simd: S, block: &[u8; BLOCK]) -> u64 {
    let bytes = vector(simd, block);
    // One comparison for both ends of 0x20..0x80.
    let outside = (bytes - 0x20).simd_ge(0x60);
    (bytes.simd_eq(b'"') | bytes.simd_eq(b'\\') | outside).to_bitmask()
}

/// The bytes of a block by which strings and containers begin and end, wherever they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Structure {
    pub(super) quotes: u64,
    pub(super) backslashes: u64,
    /// `{` and `[`.
    pub(super) opens: u64,
    /// `}` and `]`.
    pub(super) closes: u64,
    /// Bytes from 0x80 up.
    pub(super) non_ascii: u64,
}

#[inline(always)]
pub(super) fn structure<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Structure {
    let bytes = vector(simd, block);
    // `[` and `{`, and `]` and `}`, differ in this bit alone.
    let folded = bytes | 0x20;
    Structure {
        quotes: marks_of(bytes, b'"'),
        backslashes: marks_of(bytes, b'\\'),
        opens: marks_of(folded, b'{'),
        closes: marks_of(folded, b'}'),
        non_ascii: bytes.simd_ge(0x80).to_bitmask(),
    }
}

/// For every bit, whether an odd number of bits up to it are set: from each first of two bits up to, and without,
/// the second.
#[inline(always)]
pub(super) const fn between_pairs(bits: u64) -> u64 {
    let mut bits = bits;
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ bits << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use fearless_simd::{Level, dispatch};

    #[test]
    fn every_byte_is_marked_as_it_should_be_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK {
                let mut block = [b'a'; BLOCK];
                block[at] = byte;
                let bit = |is: bool| u64::from(is) << at;
                let found = dispatch!(Level::new(), simd => special(simd, &block));
                let matters = matches!(byte, b'"' | b'\\' | ..0x20 | 0x80..);
                assert_eq!(found, bit(matters), "{byte:#x} at {at}");
                let found = dispatch!(Level::new(), simd => structure(simd, &block));
                let wanted = Structure {
                    quotes: bit(byte == b'"'),
                    backslashes: bit(byte == b'\\'),
                    opens: bit(matches!(byte, b'{' | b'[')),
                    closes: bit(matches!(byte, b'}' | b']')),
                    non_ascii: bit(byte >= 0x80),
                };
                assert_eq!(found, wanted, "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn pairs_are_filled_up_to_the_second() {
        assert_eq!(between_pairs(0b0100_0100), 0b0011_1100);
        assert_eq!(between_pairs(1 << 63), 1 << 63);
        assert_eq!(between_pairs(1), u64::MAX);
        assert_eq!(between_pairs(0), 0);
    }
}
