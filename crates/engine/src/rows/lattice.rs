//! Numbers that lie on a lattice, as prices do on ticks, become small whole numbers, and come back to the bit.

/// Sums of whole numbers up to here are exact in a float.
const EXACT: f64 = 4_503_599_627_370_496.0; // 2^52
/// Added and taken away again it rounds a float to a whole number.
const ROUNDING: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
/// The step of a lattice is guessed from so many values, then proved on all.
const SAMPLE: usize = 256;
const DIVISORS: [f64; 9] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/// Floats that are `places * step / divisor`, to the bit.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatLattice {
    pub places: Vec<i64>,
    pub step: i64,
    pub divisor: f64,
}

/// Whole numbers that are `start + places * step`.
#[derive(Clone, Debug, PartialEq)]
pub struct IntLattice {
    pub places: Vec<i64>,
    pub step: i64,
    pub start: i64,
}

/// The coarsest decimal lattice on which all values lie; None where there is none. What stands at a null counts too.
#[must_use]
pub fn float_lattice(values: &[f64]) -> Option<FloatLattice> {
    let sample = &values[..values.len().min(SAMPLE)];
    let guessed = divisor_of(sample)?;
    if let Some(found) = float_places(values, step_of(sample, 0, guessed), guessed) {
        return Some(found);
    }
    let divisor = divisor_of(values)?;
    let near = step_of(sample, 0, divisor).max(1);
    float_places(values, near, divisor)
        .or_else(|| float_places(values, step_of(values, near, divisor), divisor))
        .or_else(|| float_places(values, 1, divisor))
}

/// The least divisor for which all values are whole.
fn divisor_of(values: &[f64]) -> Option<f64> {
    let mut digits = 0;
    for value in values {
        while !on(*value, DIVISORS[digits]) {
            digits += 1;
            if digits == DIVISORS.len() {
                return None;
            }
        }
    }
    Some(DIVISORS[digits])
}

/// Greatest common divisor of all values, times the divisor, and of `near`; at least 1.
fn step_of(values: &[f64], near: i64, divisor: f64) -> i64 {
    let whole = |value: &f64| (value * divisor + ROUNDING - ROUNDING) as i64;
    values.iter().fold(near, |step, value| gcd(step, whole(value))).max(1)
}

/// The places of all values on one lattice; None where one is not on it.
fn float_places(values: &[f64], step: i64, divisor: f64) -> Option<FloatLattice> {
    let (places, off) = if divisor == 1.0 {
        places_of::<true>(values, step, divisor)
    } else {
        places_of::<false>(values, step, divisor)
    };
    (off == 0).then_some(FloatLattice { places, step, divisor })
}

/// Places of values, and 0 where all of them are on the lattice. `UNIT`: the divisor is 1, and a division would only cost time.
fn places_of<const UNIT: bool>(values: &[f64], step: i64, divisor: f64) -> (Vec<i64>, u64) {
    let (scale, wide) = (divisor / step as f64, step as f64);
    let mut off = 0;
    let places = values
        .iter()
        .map(|value| {
            let rounded = value * scale + ROUNDING;
            let whole = rounded - ROUNDING;
            let back = if UNIT { whole * wide } else { whole * wide / divisor };
            off |= (back.to_bits() ^ value.to_bits()) | u64::from((whole * wide).abs() >= EXACT / 2.0);
            rounded.to_bits().wrapping_sub(ROUNDING.to_bits()) as i64
        })
        .collect();
    (places, off)
}

/// A place as it is kept.
pub trait Place: Copy {
    fn float(self) -> f64;
    fn whole(self) -> i64;
}

impl Place for i32 {
    #[inline]
    fn float(self) -> f64 {
        f64::from(self)
    }
    #[inline]
    fn whole(self) -> i64 {
        i64::from(self)
    }
}

impl Place for i64 {
    /// Places are less than 2^51, and adding them to the bits of 1.5 * 2^52 is faster than the conversion.
    #[inline]
    fn float(self) -> f64 {
        f64::from_bits(ROUNDING.to_bits().wrapping_add(self as u64)) - ROUNDING
    }
    #[inline]
    fn whole(self) -> i64 {
        self
    }
}

/// The floats of a lattice's places.
pub fn floats_of<T: Place>(places: &[T], step: i64, divisor: f64, out: &mut [f64]) {
    let step = step as f64;
    if divisor == 1.0 {
        out.iter_mut().zip(places).for_each(|(value, place)| *value = place.float() * step);
    } else {
        out.iter_mut()
            .zip(places)
            .for_each(|(value, place)| *value = place.float() * step / divisor);
    }
}

/// The coarsest lattice of whole numbers that span less than 2^52; None where they span more.
#[must_use]
pub fn int_lattice(values: &[i64]) -> Option<IntLattice> {
    let start = *values.first()?;
    let (low, high) = values
        .iter()
        .fold((start, start), |(low, high), value| (low.min(*value), high.max(*value)));
    if high.checked_sub(low).is_none_or(|span| span as f64 >= EXACT / 2.0) {
        return None;
    }
    let near = values.iter().take(SAMPLE).fold(0, |step, value| gcd(step, value - start)).max(1);
    int_places(values, near, start).or_else(|| int_places(values, values.iter().fold(near, |step, value| gcd(step, value - start)), start))
}

fn int_places(values: &[i64], step: i64, start: i64) -> Option<IntLattice> {
    let inverse = 1.0 / step as f64;
    let mut off = false;
    let places = values
        .iter()
        .map(|value| {
            let place = ((value - start) as f64 * inverse + ROUNDING - ROUNDING) as i64;
            off |= place * step != value - start;
            place
        })
        .collect();
    (!off).then_some(IntLattice { places, step, start })
}

/// The whole numbers of a lattice's places.
pub fn ints_of<T: Place>(places: &[T], step: i64, start: i64, out: &mut [i64]) {
    out.iter_mut()
        .zip(places)
        .for_each(|(value, place)| *value = start.wrapping_add(place.whole().wrapping_mul(step)));
}

/// Whether a value is a whole number of `1 / divisor`, and small enough to be counted.
#[inline]
fn on(value: f64, divisor: f64) -> bool {
    let whole = value * divisor + ROUNDING - ROUNDING;
    whole.abs() < EXACT / 2.0 && (whole / divisor).to_bits() == value.to_bits()
}

fn gcd(one: i64, other: i64) -> i64 {
    let (mut one, mut other) = (one.unsigned_abs(), other.unsigned_abs());
    while other != 0 {
        (one, other) = (other, one % other);
    }
    i64::try_from(one).unwrap_or(1)
}
