//! Search for the possible end of a JSON string, 64 bytes at a time.
//!
//! The scanner ([`super::scan`]) spends its time in strings. This finds the bytes
//! in them that matter with the baseline vectors of the platform. (AVX2 and
//! AVX-512 were tried and gave nothing: the scanner waits for positions, not for
//! comparisons; see `benches/runs`.)

use wide::u8x16;

/// Bytes in one step: one bit of a `u64` for each.
pub(super) const BLOCK: usize = 64;

/// Marks the bytes of a block that a JSON string cannot just contain: `"`, `\`,
/// control bytes (below 0x20), and bytes from 0x80 up, whose UTF-8 is unchecked.
#[inline]
pub(super) fn special(block: &[u8; BLOCK]) -> u64 {
    let mut fingerprints = 0;
    let (quarters, _) = block.as_chunks::<16>();
    for (index, quarter) in quarters.iter().enumerate() {
        let bytes = u8x16::new(*quarter);
        let hit = bytes.simd_eq(u8x16::splat(b'"'))
            | bytes.simd_eq(u8x16::splat(b'\\'))
            | bytes.min(u8x16::splat(0x1f)).simd_eq(bytes)
            | bytes;
        fingerprints |= u64::from(hit.to_bitmask()) << (index * 16);
    }
    fingerprints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_marked_as_it_should_be_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK {
                let mut block = [b'a'; BLOCK];
                block[at] = byte;
                let matters = matches!(byte, b'"' | b'\\' | ..0x20 | 0x80..);
                let wanted = u64::from(matters) << at;
                assert_eq!(special(&block), wanted, "{byte:#x} at {at}");
            }
        }
    }
}
