//! A 64-bit hash of each row, of the values that are there; docs/store.md gives the definition, golden/row_hash.json its vectors.

use sha2::{Digest, Sha256};

/// Rows whose sums are in the fastest memory at once.
const BLOCK: usize = 2048;
const ONE_NAN: u64 = 0x7ff8_0000_0000_0000;

/// One column's values; what stands at a null does not matter.
#[derive(Clone, Copy, Debug)]
pub enum Cells<'a> {
    I8(&'a [i8]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    F64(&'a [f64]),
    /// Hashes of texts, see `text`.
    Text(&'a [u64]),
    /// The hash of one text that every row has.
    SameText(u64),
}

/// Key of the column called `name`: the first 8 bytes, little-endian, of the SHA-256 of its name.
#[must_use]
pub fn key(name: &str) -> u64 {
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(8).rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Hash of a text: its length, then its bytes, 8 at a time and little-endian, each time mixed.
#[must_use]
pub fn text(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(bytes.len() as u64, |state, part| {
        mix(state ^ part.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    })
}

/// Hashes of `out.len()` rows: each column with its key and, where it has nulls, which values are there.
///
/// Every slice has the length of `out`, but for `SameText`.
pub fn row_hashes(columns: &[(u64, Cells<'_>, Option<&[bool]>)], out: &mut [u64]) {
    for (block, sums) in out.chunks_mut(BLOCK).enumerate() {
        let at = block * BLOCK..block * BLOCK + sums.len();
        sums.fill(0);
        for (key, cells, valid) in columns {
            let valid = valid.map(|valid| &valid[at.clone()]);
            match cells {
                Cells::I8(values) => add(sums, &values[at.clone()], valid, *key, |value| i64::from(value) as u64),
                Cells::I32(values) => add(sums, &values[at.clone()], valid, *key, |value| i64::from(value) as u64),
                Cells::I64(values) => add(sums, &values[at.clone()], valid, *key, |value| value as u64),
                Cells::F64(values) => add(sums, &values[at.clone()], valid, *key, float),
                Cells::Text(values) => add(sums, &values[at.clone()], valid, *key, |value| value),
                Cells::SameText(value) => {
                    let cell = mix(value.wrapping_add(*key));
                    sums.iter_mut().for_each(|sum| *sum = sum.wrapping_add(cell));
                }
            }
        }
        sums.iter_mut().for_each(|sum| *sum = mix(*sum));
    }
}

/// Adds a column's cells to the rows' sums.
#[inline]
fn add<T: Copy>(sums: &mut [u64], values: &[T], valid: Option<&[bool]>, key: u64, bits: impl Fn(T) -> u64) {
    let cell = |value| mix(bits(value).wrapping_add(key));
    match valid {
        None => sums
            .iter_mut()
            .zip(values)
            .for_each(|(sum, value)| *sum = sum.wrapping_add(cell(*value))),
        Some(valid) => {
            for ((sum, value), there) in sums.iter_mut().zip(values).zip(valid) {
                *sum = sum.wrapping_add(if *there { cell(*value) } else { 0 });
            }
        }
    }
}

/// Bits of a float, with one zero and one NaN.
#[inline]
fn float(value: f64) -> u64 {
    if value.is_nan() { ONE_NAN } else { (value + 0.0).to_bits() }
}

/// SplitMix64's last step: every input bit moves half of the output bits (Steele, Lea, Flood 2014).
#[inline]
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
