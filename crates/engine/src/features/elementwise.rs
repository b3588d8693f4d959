//! Operators without memory.

use super::kernel::{Args, Kernel, Rows};
use super::math::{cos, exp, ln, sin, tame};
use super::vector::{Work, widest};

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
fn column<'a>(args: Args<'a>, id: u32) -> &'a [f64] {
    &args.buffer[id as usize * args.stride..][..args.rows]
}

/// A bank of one operator: each column of `out` reads the next `N` arguments. A live row is one place per column, side by side.
/// Written out for each `N`: the compiler must see the loops as they are, or it does not make vectors of them.
#[inline(always)]
fn map1(args: Args<'_>, out: &mut [f64], f: impl Fn(f64) -> f64) {
    if args.stride == 1 {
        for (out, id) in out.iter_mut().zip(args.ids) {
            *out = f(args.buffer[*id as usize]);
        }
        return;
    }
    for (out, id) in out.chunks_mut(args.stride).zip(args.ids) {
        for (out, x) in out[..args.rows].iter_mut().zip(column(args, *id)) {
            *out = f(*x);
        }
    }
}

#[inline(always)]
fn map2(args: Args<'_>, out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    let ids = args.ids.as_chunks::<2>().0;
    if args.stride == 1 {
        for (out, [x, y]) in out.iter_mut().zip(ids) {
            *out = f(args.buffer[*x as usize], args.buffer[*y as usize]);
        }
        return;
    }
    for (out, [x, y]) in out.chunks_mut(args.stride).zip(ids) {
        for ((out, x), y) in out[..args.rows].iter_mut().zip(column(args, *x)).zip(column(args, *y)) {
            *out = f(*x, *y);
        }
    }
}

#[inline(always)]
fn map3(args: Args<'_>, out: &mut [f64], f: impl Fn(f64, f64, f64) -> f64) {
    let ids = args.ids.as_chunks::<3>().0;
    if args.stride == 1 {
        for (out, [x, y, z]) in out.iter_mut().zip(ids) {
            *out = f(args.buffer[*x as usize], args.buffer[*y as usize], args.buffer[*z as usize]);
        }
        return;
    }
    for (out, [x, y, z]) in out.chunks_mut(args.stride).zip(ids) {
        let (x, y, z) = (column(args, *x), column(args, *y), column(args, *z));
        for (((out, x), y), z) in out[..args.rows].iter_mut().zip(x).zip(y).zip(z) {
            *out = f(*x, *y, *z);
        }
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
fn choose(c: f64, x: f64, y: f64) -> f64 {
    let value = if c == 0.0 { y } else { x };
    if c.is_nan() { f64::NAN } else { value }
}

#[inline(always)]
fn apply(op: Elementwise, args: Args<'_>, out: &mut [f64]) {
    use Elementwise as E;
    let nan = f64::NAN;
    match op {
        E::Neg => map1(args, out, |x| -x),
        E::Log => map1(args, out, ln),
        E::Exp => map1(args, out, |x| tame(exp(x))),
        E::Sqrt => map1(args, out, |x| if x >= 0.0 { x.sqrt() } else { nan }),
        E::Abs => map1(args, out, f64::abs),
        E::Sign => map1(args, out, sign),
        E::Sin => map1(args, out, sin),
        E::Cos => map1(args, out, cos),
        E::Floor => map1(args, out, f64::floor),
        E::Add => map2(args, out, |x, y| tame(x + y)),
        E::Sub => map2(args, out, |x, y| tame(x - y)),
        E::Mul => map2(args, out, |x, y| tame(x * y)),
        E::Div => map2(args, out, |x, y| tame(x / y)),
        E::Pow => map2(args, out, |x, y| tame(if x.is_nan() || y.is_nan() { nan } else { x.powf(y) })),
        E::Minimum => map2(args, out, |x, y| if x < y || x.is_nan() { x } else { y }),
        E::Maximum => map2(args, out, |x, y| if x > y || x.is_nan() { x } else { y }),
        E::Lt => map2(args, out, |x, y| truth(x, y, x < y)),
        E::Le => map2(args, out, |x, y| truth(x, y, x <= y)),
        E::Eq => map2(args, out, |x, y| truth(x, y, x == y)),
        E::Ne => map2(args, out, |x, y| truth(x, y, x != y)),
        E::Where => map3(args, out, choose),
    }
}

/// An operator and the rows before it.
struct Map<'a> {
    op: Elementwise,
    args: Args<'a>,
    out: &'a mut [f64],
}

impl Work for Map<'_> {
    #[inline(always)]
    fn run(self) {
        apply(self.op, self.args, self.out);
    }
}

impl Kernel for Elementwise {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        if args.rows < 8 {
            apply(*self, args, out);
        } else {
            widest(Map { op: *self, args, out });
        }
    }
}
