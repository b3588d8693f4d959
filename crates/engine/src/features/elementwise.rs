//! Operators without memory.

use super::kernel::{Args, Kernel, Rows};
use super::math::{cos, exp, ln, sin, tame};

/// An operator that looks at one row at a time. NaN in, NaN out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elementwise {
    Neg,
    Log,
    Exp,
    Sqrt,
    Abs,
    Sign,
    Sin,
    Cos,
    Floor,
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Minimum,
    Maximum,
    Lt,
    Le,
    Eq,
    Ne,
    Where,
}

impl Elementwise {
    /// Operator and number of arguments of a name in the graph.
    pub fn named(name: &str) -> Option<(Self, usize)> {
        Some(match name {
            "neg" => (Self::Neg, 1),
            "log" => (Self::Log, 1),
            "exp" => (Self::Exp, 1),
            "sqrt" => (Self::Sqrt, 1),
            "abs" => (Self::Abs, 1),
            "sign" => (Self::Sign, 1),
            "sin" => (Self::Sin, 1),
            "cos" => (Self::Cos, 1),
            "floor" => (Self::Floor, 1),
            "add" => (Self::Add, 2),
            "sub" => (Self::Sub, 2),
            "mul" => (Self::Mul, 2),
            "div" => (Self::Div, 2),
            "pow" => (Self::Pow, 2),
            "minimum" => (Self::Minimum, 2),
            "maximum" => (Self::Maximum, 2),
            "lt" => (Self::Lt, 2),
            "le" => (Self::Le, 2),
            "eq" => (Self::Eq, 2),
            "ne" => (Self::Ne, 2),
            "where" => (Self::Where, 3),
            _ => return None,
        })
    }
}

#[inline(always)]
fn map1(x: &[f64], out: &mut [f64], f: impl Fn(f64) -> f64) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = f(*x);
    }
}

#[inline(always)]
fn map2(x: &[f64], y: &[f64], out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
        *out = f(*x, *y);
    }
}

#[inline(always)]
fn truth(x: f64, y: f64, holds: bool) -> f64 {
    let value = if holds { 1.0 } else { 0.0 };
    if x.is_nan() || y.is_nan() { f64::NAN } else { value }
}

#[inline(always)]
fn sign(x: f64) -> f64 {
    let side = if x < 0.0 { -1.0 } else { 0.0 };
    let side = if x > 0.0 { 1.0 } else { side };
    if x.is_nan() { f64::NAN } else { side }
}

#[inline(always)]
fn choose(c: &[f64], x: &[f64], y: &[f64], out: &mut [f64]) {
    for (((out, c), x), y) in out.iter_mut().zip(c).zip(x).zip(y) {
        let value = if *c == 0.0 { *y } else { *x };
        *out = if c.is_nan() { f64::NAN } else { value };
    }
}

#[inline(always)]
fn apply(op: Elementwise, args: Args<'_>, out: &mut [f64]) {
    use Elementwise as E;
    let x = args.get(0);
    let y = || args.get(1);
    let nan = f64::NAN;
    match op {
        E::Neg => map1(x, out, |x| -x),
        E::Log => map1(x, out, ln),
        E::Exp => map1(x, out, |x| tame(exp(x))),
        E::Sqrt => map1(x, out, |x| if x >= 0.0 { x.sqrt() } else { nan }),
        E::Abs => map1(x, out, f64::abs),
        E::Sign => map1(x, out, sign),
        E::Sin => map1(x, out, sin),
        E::Cos => map1(x, out, cos),
        E::Floor => map1(x, out, f64::floor),
        E::Add => map2(x, y(), out, |x, y| tame(x + y)),
        E::Sub => map2(x, y(), out, |x, y| tame(x - y)),
        E::Mul => map2(x, y(), out, |x, y| tame(x * y)),
        E::Div => map2(x, y(), out, |x, y| tame(x / y)),
        E::Pow => map2(x, y(), out, |x, y| tame(if x.is_nan() || y.is_nan() { nan } else { x.powf(y) })),
        E::Minimum => map2(x, y(), out, |x, y| if x < y || x.is_nan() { x } else { y }),
        E::Maximum => map2(x, y(), out, |x, y| if x > y || x.is_nan() { x } else { y }),
        E::Lt => map2(x, y(), out, |x, y| truth(x, y, x < y)),
        E::Le => map2(x, y(), out, |x, y| truth(x, y, x <= y)),
        E::Eq => map2(x, y(), out, |x, y| truth(x, y, x == y)),
        E::Ne => map2(x, y(), out, |x, y| truth(x, y, x != y)),
        E::Where => choose(x, y(), args.get(2), out),
    }
}

/// The same code compiled for 256-bit vectors. No multiplication is fused with an addition, so no bit changes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn apply_avx2(op: Elementwise, args: Args<'_>, out: &mut [f64]) {
    apply(op, args, out);
}

impl Kernel for Elementwise {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        // a live row: one place, known to the compiler
        if let Ok(one) = <&mut [f64; 1]>::try_from(&mut *out) {
            return apply(*self, Args { rows: 1, ..args }, one);
        }
        #[cfg(target_arch = "x86_64")]
        if out.len() >= 8 && std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just said that it knows AVX2.
            unsafe { apply_avx2(*self, args, out) };
            return;
        }
        apply(*self, args, out);
    }
}
