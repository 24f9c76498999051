//! Where a JSON string may end, found 64 bytes at a time.
//!
//! The scanner ([`super::scan`]) spends its time in strings. This file finds the
//! next byte in one that matters with the widest instructions the processor has,
//! chosen at run time and without unsafe code of our own: AVX-512 or AVX2
//! through `pulp`, else the baseline vectors of the platform through `wide`.

use wide::u8x16;

/// Bytes in one step: one bit of a `u64` for each.
pub(super) const BLOCK: usize = 64;

/// Marks the bytes of a block that a JSON string cannot just contain: `"`, `\`,
/// control bytes (below 0x20), and bytes from 0x80 up, whose UTF-8 is unchecked.
pub(super) trait Lanes: Copy {
    fn special(self, block: &[u8; BLOCK]) -> u64;
}

/// The baseline of the platform (SSE2, NEON, or plain words).
#[derive(Clone, Copy)]
pub(super) struct Baseline;

impl Lanes for Baseline {
    #[inline(always)]
    fn special(self, block: &[u8; BLOCK]) -> u64 {
        let mut marks = 0;
        let (quarters, _) = block.as_chunks::<16>();
        for (index, quarter) in quarters.iter().enumerate() {
            let bytes = u8x16::new(*quarter);
            let hit = bytes.simd_eq(u8x16::splat(b'"'))
                | bytes.simd_eq(u8x16::splat(b'\\'))
                | bytes.min(u8x16::splat(0x1f)).simd_eq(bytes)
                | bytes;
            marks |= u64::from(hit.to_bitmask()) << (index * 16);
        }
        marks
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, Lanes};
    use core::arch::x86_64::{__m256i, __m512i};
    use pulp::x86::{V3, V4};

    impl Lanes for V4 {
        #[inline(always)]
        fn special(self, block: &[u8; BLOCK]) -> u64 {
            let bytes: __m512i = pulp::cast(*block);
            let quote = self.avx512f._mm512_set1_epi8(b'"'.cast_signed());
            let backslash = self.avx512f._mm512_set1_epi8(b'\\'.cast_signed());
            let space = self.avx512f._mm512_set1_epi8(b' '.cast_signed());
            // As signed bytes, control bytes and those from 0x80 up are all
            // less than a space.
            self.avx512bw._mm512_cmpeq_epi8_mask(bytes, quote)
                | self.avx512bw._mm512_cmpeq_epi8_mask(bytes, backslash)
                | self.avx512bw._mm512_cmplt_epi8_mask(bytes, space)
        }
    }

    impl Lanes for V3 {
        #[inline(always)]
        fn special(self, block: &[u8; BLOCK]) -> u64 {
            let [low, high]: [__m256i; 2] = pulp::cast(*block);
            u64::from(half(self, low)) | u64::from(half(self, high)) << 32
        }
    }

    #[inline(always)]
    fn half(v3: V3, bytes: __m256i) -> u32 {
        let splat = |byte: u8| v3.avx._mm256_set1_epi8(byte.cast_signed());
        let quote = v3.avx2._mm256_cmpeq_epi8(bytes, splat(b'"'));
        let backslash = v3.avx2._mm256_cmpeq_epi8(bytes, splat(b'\\'));
        let below_space = v3.avx2._mm256_cmpgt_epi8(splat(b' '), bytes);
        let hit = v3.avx2._mm256_or_si256(quote, backslash);
        let hit = v3.avx2._mm256_or_si256(hit, below_space);
        v3.avx2._mm256_movemask_epi8(hit).cast_unsigned()
    }
}
