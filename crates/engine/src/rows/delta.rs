//! Parquet's `DELTA_BINARY_PACKED`: whole numbers as differences from row to row, packed in as few bits as a stretch of them needs.

/// Numbers in one packed group.
const GROUP: usize = 32;
/// Stretches in a block; each has its own width.
const STRETCHES: usize = 4;
/// Numbers in the blocks of long and of short columns.
const LONG: usize = 1024;
const SHORT: usize = 128;

/// The numbers, packed.
#[must_use]
pub fn packed(numbers: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(numbers.len() + 64);
    let size = if numbers.len() > LONG * STRETCHES { LONG } else { SHORT };
    varint(&mut out, size as u64);
    varint(&mut out, STRETCHES as u64);
    varint(&mut out, numbers.len() as u64);
    varint(&mut out, zigzag(numbers.first().copied().unwrap_or(0)));
    let mut steps = [0_u64; LONG];
    for start in (1..numbers.len()).step_by(size) {
        let held = size.min(numbers.len() - start);
        block(&numbers[start - 1..start + held], &mut steps[..size], &mut out);
    }
    out
}

/// One block: the numbers before and in it.
fn block(numbers: &[i64], steps: &mut [u64], out: &mut Vec<u8>) {
    let held = numbers.len() - 1;
    let mut least = i64::MAX;
    for ((step, after), before) in steps.iter_mut().zip(&numbers[1..]).zip(numbers) {
        let moved = after.wrapping_sub(*before);
        least = least.min(moved);
        *step = moved as u64;
    }
    steps[..held].iter_mut().for_each(|step| *step = step.wrapping_sub(least as u64));
    steps[held..].fill(0);
    varint(out, zigzag(least));
    let stretch = steps.len() / STRETCHES;
    let mut widths = [0_u8; STRETCHES];
    for (width, part) in widths.iter_mut().zip(steps.chunks(stretch)) {
        *width = (u64::BITS - part.iter().fold(0, |all, step| all | step).leading_zeros()) as u8;
    }
    out.extend(widths);
    for (width, part) in widths.iter().zip(steps.chunks(stretch)) {
        pack(part, usize::from(*width), out);
    }
}

/// Gives the numbers of what `packed` made, some at a time and with the place of the first; None where it is not that.
pub fn unpacked(mut bytes: &[u8], count: usize, mut each: impl FnMut(usize, &[i64])) -> Option<()> {
    let (size, stretches, total) = (whole(&mut bytes)?, whole(&mut bytes)?, whole(&mut bytes)?);
    let mut last = unzigzag(read_varint(&mut bytes)?);
    if total != count || stretches != STRETCHES || !matches!(size, LONG | SHORT) {
        return None;
    }
    if count > 0 {
        each(0, &[last]);
    }
    let mut numbers = [0_i64; LONG / STRETCHES];
    let stretch = size / STRETCHES;
    let mut at = 1;
    while at < count {
        let least = unzigzag(read_varint(&mut bytes)?);
        let (widths, rest) = bytes.split_at_checked(STRETCHES)?;
        bytes = rest;
        for width in widths {
            let width = usize::from(*width);
            let (source, rest) = bytes.split_at_checked(stretch / 8 * width)?;
            bytes = rest;
            let held = stretch.min(count - at.min(count));
            if width > u64::BITS as usize || held == 0 {
                continue;
            }
            last = unpack(source, width, (last, least), &mut numbers[..stretch]);
            each(at, &numbers[..held]);
            at += held;
        }
    }
    Some(())
}

macro_rules! by_width {
    ($width:expr, $narrow:ident, $wide:ident, $arguments:tt, [$($known:literal)*]) => {
        match $width {
            0 => by_width!(@call $narrow, 0, $arguments),
            $($known => by_width!(@call $narrow, $known, $arguments),)*
            _ => by_width!(@plain $wide, $arguments, $width),
        }
    };
    (@call $narrow:ident, $known:literal, ($($argument:expr),*)) => { $narrow::<$known>($($argument),*) };
    (@plain $wide:ident, ($($argument:expr),*), $width:expr) => { $wide($($argument),*, $width) };
}

fn pack(steps: &[u64], width: usize, out: &mut Vec<u8>) {
    by_width!(width, pack_narrow, pack_wide, (steps, out), [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32]);
}

/// The numbers behind `last`, each `least` and its packed step above the one before; returns the last of them.
fn unpack(source: &[u8], width: usize, (last, least): (i64, i64), numbers: &mut [i64]) -> i64 {
    by_width!(width, unpack_narrow, unpack_wide, (source, (last, least), numbers), [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32])
}

/// Up to 32 bits: a width known to the compiler makes every shift a constant.
fn pack_narrow<const WIDTH: usize>(steps: &[u64], out: &mut Vec<u8>) {
    for group in steps.chunks_exact(GROUP) {
        let mut words = [0_u8; 4 * GROUP];
        let (mut held, mut bits, mut at) = (0_u64, 0, 0);
        for step in group {
            held |= step << bits;
            bits += WIDTH;
            if bits >= 32 {
                words[at..at + 4].copy_from_slice(&(held as u32).to_le_bytes());
                (held, bits, at) = (held >> 32, bits - 32, at + 4);
            }
        }
        out.extend_from_slice(&words[..4 * WIDTH]);
    }
}

fn unpack_narrow<const WIDTH: usize>(source: &[u8], (mut last, least): (i64, i64), numbers: &mut [i64]) -> i64 {
    let mut words = [0_u8; 4 * GROUP + 8];
    for (at, group) in numbers.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
        if let Some(from) = source.get(4 * WIDTH * at..4 * WIDTH * (at + 1)) {
            words[..4 * WIDTH].copy_from_slice(from);
        }
        last = one_group::<WIDTH>(&words, (last, least), group);
    }
    last
}

/// Written out step by step: then every place and shift is a constant; a loop takes three times as long.
#[inline(always)]
fn one_group<const WIDTH: usize>(words: &[u8; 4 * GROUP + 8], (mut last, least): (i64, i64), numbers: &mut [i64; GROUP]) -> i64 {
    let mask = (1_u64 << WIDTH) - 1;
    macro_rules! each {
        ($($k:literal)*) => {
            $({
                const AT: usize = $k;
                let at = AT * WIDTH / 8;
                let eight = [words[at], words[at + 1], words[at + 2], words[at + 3], words[at + 4], words[at + 5], words[at + 6], words[at + 7]];
                let step = (u64::from_le_bytes(eight) >> (AT * WIDTH % 8) & mask) as i64;
                last = last.wrapping_add(least.wrapping_add(step));
                numbers[AT] = last;
            })*
        };
    }
    each!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    last
}

fn pack_wide(steps: &[u64], out: &mut Vec<u8>, width: usize) {
    let (mut held, mut bits) = (0_u128, 0);
    for step in steps {
        held |= u128::from(*step) << bits;
        bits += width;
        while bits >= 8 {
            out.push(held as u8);
            (held, bits) = (held >> 8, bits - 8);
        }
    }
}

fn unpack_wide(source: &[u8], (mut last, least): (i64, i64), numbers: &mut [i64], width: usize) -> i64 {
    let (mut held, mut bits) = (0_u128, 0);
    let mut bytes = source.iter();
    for number in numbers {
        while bits < width {
            held |= u128::from(bytes.next().copied().unwrap_or(0)) << bits;
            bits += 8;
        }
        last = last.wrapping_add(least.wrapping_add((held & ((1 << width) - 1)) as i64));
        *number = last;
        (held, bits) = (held >> width, bits - width);
    }
    last
}

#[inline]
pub(crate) fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 128 {
        out.push(number as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

#[inline]
pub(crate) fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 127).checked_shl(shift).unwrap_or(0);
        if *first < 128 {
            return Some(number);
        }
    }
    None
}

#[inline]
pub(crate) fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

#[inline]
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn whole(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(read_varint(bytes)?).ok()
}
