//! Elementary functions and error-free transformations.
//!
//! One implementation made of `+ - * /` and bit moves only, free of branches: the compiler may turn a loop of it into vector code of any
//! width and the bits stay those of the scalar call. That is what makes batch and stream equal. Accuracy about one unit in the last place.
//! Coefficients: FreeBSD msun (e_log.c, e_exp.c, k_sin.c, k_cos.c), Sun Microsystems 1993.
#![allow(clippy::excessive_precision, reason = "coefficients are written as published")]

/// Numbers at or beyond this size are no market numbers: they become NaN, so that squares and sums of many stay finite.
pub(super) const LIMIT: f64 = 1e150;

/// `x`, or NaN where it is infinite, absurd or NaN.
#[inline(always)]
pub(super) fn tame(x: f64) -> f64 {
    if x.abs() < LIMIT { x } else { f64::NAN }
}

/// Natural logarithm; NaN for zero, negative numbers and NaN.
#[inline(always)]
pub(super) fn ln(x: f64) -> f64 {
    const LN2_HI: f64 = 6.931_471_803_691_238_164_90e-01;
    const LN2_LO: f64 = 1.908_214_929_270_587_700_02e-10;
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const TWO52: u64 = 0x4330_0000_0000_0000;
    let tiny = x < f64::MIN_POSITIVE;
    let y = if tiny { x * 18_014_398_509_481_984.0 } else { x };
    let shifted = y.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - SQRT_HALF);
    let exponent = f64::from_bits((shifted >> 52) | TWO52) - (4_503_599_627_370_496.0 + 1023.0);
    let k = if tiny { exponent - 54.0 } else { exponent };
    let m = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff).wrapping_add(SQRT_HALF));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let odd = w * (3.999_999_999_940_941_908e-01 + w * (2.222_219_843_214_978_396e-01 + w * 1.531_383_769_920_937_332e-01));
    let even = z
        * (6.666_666_666_666_735_130e-01
            + w * (2.857_142_874_366_239_149e-01 + w * (1.818_357_216_161_805_012e-01 + w * 1.479_819_860_511_658_591e-01)));
    let half = 0.5 * f * f;
    let value = s * (half + (odd + even)) + k * LN2_LO - half + f + k * LN2_HI;
    if x > 0.0 && x <= f64::MAX { value } else { f64::NAN }
}

/// Exponential; 0 below -708, NaN above what `LIMIT` allows.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    const LN2_HI: f64 = 6.931_471_803_691_238_164_90e-01;
    const LN2_LO: f64 = 1.908_214_929_270_587_700_02e-10;
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let shifted = x * std::f64::consts::LOG2_E + MAGIC;
    let k = shifted - MAGIC;
    let high = x - k * LN2_HI;
    let low = k * LN2_LO;
    let r = high - low;
    let t = r * r;
    let c = r - t
        * (1.666_666_666_666_660_190e-01
            + t * (-2.777_777_777_701_559_338e-03
                + t * (6.613_756_321_437_934_361e-05 + t * (-1.653_390_220_546_525_153e-06 + t * 4.138_136_797_057_238_460e-08))));
    let y = 1.0 + (r * c / (2.0 - c) - low + high);
    let scale = f64::from_bits((shifted.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000));
    let value = if x < -708.0 { 0.0 } else { y * scale };
    if x < 345.0 { value } else { f64::NAN }
}

/// Hyperbolic tangent, odd to the bit; absolute error about one unit in the last place of 1.
#[inline(always)]
pub(super) fn tanh(x: f64) -> f64 {
    let t = exp(-2.0 * x.abs());
    let size = (1.0 - t) / (1.0 + t);
    if x < 0.0 { -size } else { size }
}

/// Sine and cosine share this: the angle modulo a quarter turn, and the quarter. NaN beyond a million radians, which is no angle.
#[inline(always)]
fn quarter(x: f64) -> (f64, u64) {
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    const PIO2_1: f64 = 1.570_796_326_734_125_614_17;
    const PIO2_2: f64 = 6.077_100_506_303_965_976_6e-11;
    const PIO2_3: f64 = 2.022_266_248_795_950_631_5e-21;
    let shifted = x * std::f64::consts::FRAC_2_PI + MAGIC;
    let n = shifted - MAGIC;
    let r = ((x - n * PIO2_1) - n * PIO2_2) - n * PIO2_3;
    (if x.abs() < 1e6 { r } else { f64::NAN }, shifted.to_bits())
}

#[inline(always)]
fn wave(r: f64, cosine: bool, negative: bool) -> f64 {
    let z = r * r;
    let s = r + r
        * z
        * (-1.666_666_666_666_663_243_5e-01
            + z * (8.333_333_333_322_489_5e-03
                + z * (-1.984_126_982_985_795e-04
                    + z * (2.755_731_370_707_006_8e-06 + z * (-2.505_076_025_340_686_3e-08 + z * 1.589_690_995_211_55e-10)))));
    let half = 0.5 * z;
    let c = (1.0 - half)
        + z * z
            * (4.166_666_666_666_660_2e-02
                + z * (-1.388_888_888_887_411e-03
                    + z * (2.480_158_728_947_673e-05
                        + z * (-2.755_731_435_139_066_3e-07 + z * (2.087_572_321_298_175e-09 + z * -1.135_964_755_778_819_5e-11)))));
    let value = if cosine { c } else { s };
    if negative { -value } else { value }
}

/// Sine of an angle in radians.
#[inline(always)]
pub(super) fn sin(x: f64) -> f64 {
    let (r, n) = quarter(x);
    wave(r, n & 1 == 1, n & 2 == 2)
}

/// Cosine of an angle in radians.
#[inline(always)]
pub(super) fn cos(x: f64) -> f64 {
    let (r, n) = quarter(x);
    wave(r, n & 1 == 0, n.wrapping_add(1) & 2 == 2)
}

/// The rounding error of `s = a + b` (Knuth).
#[inline(always)]
pub(super) fn sum_error(a: f64, b: f64, s: f64) -> f64 {
    let t = s - a;
    (a - (s - t)) + (b - t)
}

/// `x * x` and its rounding error (Dekker).
#[inline(always)]
pub(super) fn square(x: f64) -> (f64, f64) {
    let t = 134_217_729.0 * x;
    let high = t - (t - x);
    let low = x - high;
    let p = x * x;
    (p, ((high * high - p) + 2.0 * high * low) + low * low)
}

/// A sum kept in two doubles: `high` is the running sum, `low` the errors it has made.
///
/// The chain from one addition to the next is a single floating-point add; the error is computed beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pair {
    pub high: f64,
    pub low: f64,
}

impl Pair {
    /// Add `x` and a correction to it.
    #[inline(always)]
    pub fn add(&mut self, x: f64, correction: f64) {
        let s = self.high + x;
        self.low += sum_error(self.high, x, s) + correction;
        self.high = s;
    }

    /// Let `new` in and `old` out.
    #[inline(always)]
    pub fn slide(&mut self, new: f64, old: f64) {
        let d = new - old;
        self.add(d, sum_error(new, -old, d));
    }

    /// The sum.
    #[inline(always)]
    pub fn value(self) -> f64 {
        total(self.high, self.low)
    }
}

/// `high + low`. Of `low` only what reaches 41 places below the last of `high` counts: what lies deeper is left over from numbers that have
/// gone, and would decide which way a sum is rounded that lies midway between two doubles. Then a long history and a fresh start agree.
#[inline(always)]
pub(super) fn total(high: f64, low: f64) -> f64 {
    const DEPTH: f64 = 4.547_473_508_864_641e-13; // 2^-41
    let grain = high * DEPTH;
    high + ((low + grain) - grain)
}

/// Unbiased variance of `n` numbers with sum `first` and sum of squares `second`, in about 100 bits. Never negative.
#[inline(always)]
pub(super) fn variance(first: Pair, second: Pair, n: f64) -> f64 {
    let (s, s_low) = renormalise(first);
    let (q, q_low) = renormalise(second);
    let (p, p_error) = square(s);
    let p_low = p_error + 2.0 * s * s_low;
    // n * q, exactly up to the last bits
    let scaled = q * n;
    let split = 134_217_729.0 * q;
    let high = split - (split - q);
    let low = q - high;
    let scaled_low = ((high * n - scaled) + low * n) + q_low * n;
    let spread = (scaled - p) + (sum_error(scaled, -p, scaled - p) + (scaled_low - p_low));
    let value = spread / (n * (n - 1.0));
    if value > 1e-29 * (q / n) {
        value
    } else if value.is_nan() {
        f64::NAN
    } else {
        0.0
    }
}

#[inline(always)]
fn renormalise(pair: Pair) -> (f64, f64) {
    let s = pair.high + pair.low;
    (s, sum_error(pair.high, pair.low, s))
}

#[cfg(test)]
mod tests {
    use super::tanh;

    #[test]
    fn tanh_is_that_of_the_platform_and_odd() {
        for i in -40_000..=40_000 {
            let x = f64::from(i) / 1000.0;
            assert!((tanh(x) - x.tanh()).abs() <= 3e-16, "{x}");
            assert_eq!(tanh(x).to_bits() ^ tanh(-x).to_bits(), if i == 0 { 0 } else { 1 << 63 }, "{x}");
        }
        assert!(tanh(1e149) == 1.0 && tanh(-1e149) == -1.0 && tanh(f64::NAN).is_nan());
    }
}
