//! The normal law to the last digits: erfc, its scaled form, and Mills' ratio.
//!
//! Rational approximations: W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23 (1969).

use std::f64::consts::FRAC_1_SQRT_2;

const SMALL: [f64; 5] = [
    3.161_123_743_870_565_6,
    113.864_154_151_050_16,
    377.485_237_685_302,
    3_209.377_589_138_469_4,
    0.185_777_706_184_603_15,
];
const SMALL_BELOW: [f64; 4] = [
    23.601_290_952_344_122,
    244.024_637_934_444_17,
    1_282.616_526_077_372_3,
    2_844.236_833_439_171,
];
const MIDDLE: [f64; 9] = [
    0.564_188_496_988_670_1,
    8.883_149_794_388_377,
    66.119_190_637_141_63,
    298.635_138_197_400_1,
    881.952_221_241_769,
    1_712.047_612_634_070_7,
    2_051.078_377_826_071_6,
    1_230.339_354_797_997_2,
    2.153_115_354_744_038_3e-8,
];
const MIDDLE_BELOW: [f64; 8] = [
    15.744_926_110_709_835,
    117.693_950_891_312_5,
    537.181_101_862_009_9,
    1_621.389_574_566_690_3,
    3_290.799_235_733_459_7,
    4_362.619_090_143_247,
    3_439.367_674_143_721_6,
    1_230.339_354_803_749_5,
];
const FAR: [f64; 6] = [
    0.305_326_634_961_232_36,
    0.360_344_899_949_804_45,
    0.125_781_726_111_229_26,
    0.016_083_785_148_742_275,
    6.587_491_615_298_378e-4,
    0.016_315_387_137_302_097,
];
const FAR_BELOW: [f64; 5] = [
    2.568_520_192_289_822,
    1.872_952_849_923_467_3,
    0.527_905_102_951_428_5,
    0.060_518_341_312_441_32,
    0.002_335_204_976_268_691_8,
];
const INVERSE_SQRT_PI: f64 = 0.564_189_583_547_756_3;
/// sqrt(pi / 2)
const ROOT_HALF_PI: f64 = 1.253_314_137_315_500_3;
/// ln sqrt(2 pi)
pub(crate) const LOG_ROOT_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// erf(x) for |x| <= 0.46875.
fn erf_small(x: f64) -> f64 {
    let y = x * x;
    let (mut above, mut below) = (SMALL[4] * y, y);
    for i in 0..3 {
        above = (above + SMALL[i]) * y;
        below = (below + SMALL_BELOW[i]) * y;
    }
    x * (above + SMALL[3]) / (below + SMALL_BELOW[3])
}

/// exp(x²) erfc(x) for x >= 0.46875.
fn scaled_tail(x: f64) -> f64 {
    if x <= 4.0 {
        let (mut above, mut below) = (MIDDLE[8] * x, x);
        for i in 0..7 {
            above = (above + MIDDLE[i]) * x;
            below = (below + MIDDLE_BELOW[i]) * x;
        }
        return (above + MIDDLE[7]) / (below + MIDDLE_BELOW[7]);
    }
    let y = 1.0 / (x * x);
    let (mut above, mut below) = (FAR[5] * y, y);
    for i in 0..4 {
        above = (above + FAR[i]) * y;
        below = (below + FAR_BELOW[i]) * y;
    }
    let rest = y * (above + FAR[4]) / (below + FAR_BELOW[4]);
    (INVERSE_SQRT_PI - rest) / x
}

/// exp(-x²) with the square split, so that the rounding of x² is not blown up by the exponential.
fn exp_minus_square(x: f64) -> f64 {
    let head = (x * 16.0).trunc() / 16.0;
    (-head * head).exp() * (-(x - head) * (x + head)).exp()
}

/// The complementary error function.
pub(crate) fn erfc(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let y = x.abs();
    if y <= 0.46875 {
        return 1.0 - erf_small(x);
    }
    let tail = if y > 27.3 { 0.0 } else { scaled_tail(y) * exp_minus_square(y) };
    if x < 0.0 { 2.0 - tail } else { tail }
}

/// exp(x²) erfc(x); infinite below about -26.
pub(crate) fn erfcx(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x >= 0.46875 {
        return scaled_tail(x);
    }
    if x >= -0.46875 {
        return (x * x).exp() * (1.0 - erf_small(x));
    }
    2.0 / exp_minus_square(x) - scaled_tail(-x)
}

/// P(Z <= z) for a standard normal Z.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z * FRAC_1_SQRT_2)
}

/// The standard normal density.
pub fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z - LOG_ROOT_TWO_PI).exp()
}

/// Mills' ratio of the lower tail, cdf(z) / density(z); finite for z below about 37.
pub(crate) fn mills(z: f64) -> f64 {
    ROOT_HALF_PI * erfcx(-z * FRAC_1_SQRT_2)
}

/// The slope of `mills`, 1 + z mills(z), without the cancellation where z is far below 0: there 1/z² - 3/z⁴ + 15/z⁶ - …
pub(crate) fn mills_slope(z: f64) -> f64 {
    if z > -12.0 {
        return 1.0 + z * mills(z);
    }
    let y = 1.0 / (z * z);
    let (mut term, mut total) = (y, y);
    for n in 1..24 {
        let next = -term * y * f64::from(2 * n + 1);
        if next.abs() < 1e-18 * total {
            break;
        }
        term = next;
        total += term;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within * expected.abs(), "{found} is not {expected}");
    }

    #[test]
    fn agrees_with_published_values() {
        // Abramowitz & Stegun and mpmath, 17 digits
        for (x, expected) in [
            (0.0, 1.0),
            (0.3, 0.671_373_240_540_872_6),
            (0.5, 0.479_500_122_186_953_5),
            (1.0, 0.157_299_207_050_285_13),
            (-1.0, 1.842_700_792_949_715),
            (3.0, 2.209_049_699_858_544e-5),
            (5.0, 1.537_459_794_428_034_8e-12),
            (20.0, 5.395_865_611_607_901e-176),
        ] {
            close(erfc(x), expected, 1e-15);
        }
        close(erfcx(10.0), 0.056_140_992_743_822_59, 4e-16);
        close(erfcx(-1.0), 5.008_980_080_762_283, 4e-16);
        close(normal_cdf(-8.0), 6.220_960_574_271_785e-16, 1e-14);
        assert!((normal_cdf(1.3) + normal_cdf(-1.3) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_slope_of_mills_ratio_is_smooth_where_its_formula_changes() {
        close(mills_slope(-12.000_000_1), mills_slope(-11.999_999_9), 1e-7);
        // against differences of the ratio itself
        for z in [-30.0, -12.5, -5.0, -1.0, 0.0, 2.0] {
            let slope = (mills(z + 1e-5) - mills(z - 1e-5)) / 2e-5;
            close(mills_slope(z), slope, 1e-5);
        }
    }
}
