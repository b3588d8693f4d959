//! What the engine gives: rows of features, one by one or as a table.

use super::turn::{Picked, turn};

/// A table of more numbers than this outlives the cache.
const LARGE: usize = 1 << 19;

/// One row of features, as it was known at `ts`. The values live until the callback returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    pub ts: i64,
    pub session: i64,
    pub segment: i64,
    pub price: f64,
    /// One value per feature of the graph; NaN where it is not known.
    pub values: &'a [f64],
}

/// Rows of features: `values` is row-major, `width` numbers per row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    pub width: usize,
    pub ts: Vec<i64>,
    pub session: Vec<i64>,
    pub segment: Vec<i64>,
    pub price: Vec<f64>,
    pub values: Vec<f64>,
}

impl Table {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }
}

/// Some answered rows, still column by column in the engine's buffer.
pub struct Answer<'a> {
    pub(super) ts: &'a [i64],
    pub(super) session: i64,
    pub(super) segment: i64,
    pub(super) buffer: &'a [f64],
    pub(super) stride: usize,
    pub(super) price: u32,
    pub(super) features: &'a [u32],
    /// Under the policy `mask`: the warm-up of each feature, and how many rows the session had before these.
    pub(super) mask: Option<(&'a [u64], u64)>,
}

impl Answer<'_> {
    fn price(&self) -> &[f64] {
        let start = self.price as usize * self.stride;
        &self.buffer[start..start + self.ts.len()]
    }

    /// Write the rows' features into `out`, row-major; `past` the cache where nobody reads them soon.
    fn write(&self, out: &mut [f64], past: bool) {
        if self.features.is_empty() {
            return;
        }
        let picked = Picked {
            buffer: self.buffer,
            stride: self.stride,
            ids: self.features,
            rows: self.ts.len(),
        };
        turn(picked, out, past);
        for (r, row) in out.chunks_mut(self.features.len()).enumerate() {
            if !self.hide(r, row) {
                break;
            }
        }
    }

    /// Put NaN where the mask hides a feature of the `r`-th row; whether it may hide one.
    fn hide(&self, r: usize, row: &mut [f64]) -> bool {
        let Some((warmup, before)) = self.mask else { return false };
        let seen = before + r as u64;
        let mut hidden = false;
        for (value, warmup) in row.iter_mut().zip(warmup) {
            if seen < *warmup {
                *value = f64::NAN;
                hidden = true;
            }
        }
        hidden
    }
}

/// Where answered rows go.
pub trait Sink {
    fn take(&mut self, answer: &Answer<'_>);
}

impl Sink for Table {
    fn take(&mut self, answer: &Answer<'_>) {
        let n = answer.ts.len();
        self.ts.extend_from_slice(answer.ts);
        self.session.resize(self.ts.len(), answer.session);
        self.segment.resize(self.ts.len(), answer.segment);
        self.price.extend_from_slice(answer.price());
        let start = self.values.len();
        self.values.resize(start + n * answer.features.len(), f64::NAN);
        answer.write(&mut self.values[start..], false);
    }
}

/// Memory of the caller, one place per row; what does not fit is dropped and shows in `written`.
pub struct Columns<'a> {
    pub ts: &'a mut [i64],
    pub session: &'a mut [i64],
    pub segment: &'a mut [i64],
    pub price: &'a mut [f64],
    pub values: &'a mut [f64],
    pub written: usize,
}

impl Sink for Columns<'_> {
    fn take(&mut self, answer: &Answer<'_>) {
        let (from, to, width) = (self.written, self.written + answer.ts.len(), answer.features.len());
        self.written = to;
        if to > self.ts.len() || to * width > self.values.len() {
            return;
        }
        self.ts[from..to].copy_from_slice(answer.ts);
        self.session[from..to].fill(answer.session);
        self.segment[from..to].fill(answer.segment);
        self.price[from..to].copy_from_slice(answer.price());
        let past = self.values.len() > LARGE;
        answer.write(&mut self.values[from * width..to * width], past);
    }
}

/// Hands each row to a function.
pub(super) struct Each<'a> {
    pub row: &'a mut [f64],
    pub call: &'a mut dyn FnMut(Row<'_>),
}

impl Sink for Each<'_> {
    fn take(&mut self, answer: &Answer<'_>) {
        for (r, ts) in answer.ts.iter().enumerate() {
            for (value, node) in self.row.iter_mut().zip(answer.features) {
                *value = answer.buffer[*node as usize * answer.stride + r];
            }
            answer.hide(r, self.row);
            let price = answer.price()[r];
            (self.call)(Row {
                ts: *ts,
                session: answer.session,
                segment: answer.segment,
                price,
                values: self.row,
            });
        }
    }
}
