//! Columns turned over into rows: the answers of a block, written row after row.

/// Rows of a band: 8 rows of any width are whole cache lines.
const BAND: usize = 8;
const SIDE: usize = 4;
/// Doubles in a cache line.
const LINE: usize = 8;

/// Some columns of a block buffer: column `i` starts at `ids[i] * stride`.
#[derive(Clone, Copy)]
pub(super) struct Picked<'a> {
    pub buffer: &'a [f64],
    pub stride: usize,
    pub ids: &'a [u32],
    pub rows: usize,
}

impl<'a> Picked<'a> {
    #[inline(always)]
    fn column(&self, i: usize) -> &'a [f64] {
        &self.buffer[self.ids[i] as usize * self.stride..][..self.rows]
    }

    /// Write rows `from..` into `out`, row-major, as many as it holds.
    fn plain(&self, from: usize, out: &mut [f64]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just said that it knows AVX2.
            return unsafe { self.squares_avx2(from, out) };
        }
        self.squares(from, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn squares_avx2(&self, from: usize, out: &mut [f64]) {
        self.squares(from, out);
    }

    /// Squares of 4 x 4, which the compiler turns over in registers.
    #[inline(always)]
    fn squares(&self, from: usize, out: &mut [f64]) {
        let width = self.ids.len();
        let whole = width - width % SIDE;
        for (band, out) in out.chunks_mut(SIDE * width).enumerate() {
            let row = from + band * SIDE;
            let mut f = 0;
            if out.len() == SIDE * width {
                while f < whole {
                    let x = |i: usize| square(self.column(f + i), row);
                    let x = [x(0), x(1), x(2), x(3)];
                    for r in 0..SIDE {
                        for i in 0..SIDE {
                            out[r * width + f + i] = x[i][r];
                        }
                    }
                    f += SIDE;
                }
            }
            for f in f..width {
                for (out, x) in out.chunks_exact_mut(width).zip(&self.column(f)[row..]) {
                    out[f] = *x;
                }
            }
        }
    }
}

#[inline(always)]
fn square(column: &[f64], at: usize) -> [f64; SIDE] {
    let mut x = [0.0; SIDE];
    x.copy_from_slice(&column[at..at + SIDE]);
    x
}

/// Write all rows into `out`, row-major. `past` says that nobody reads `out` soon: its lines then go around the cache, and the memory
/// is not read before it is written.
pub(super) fn turn(picked: Picked<'_>, out: &mut [f64], past: bool) {
    let width = picked.ids.len();
    if width == 0 {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if past && std::arch::is_x86_feature_detected!("avx2") {
        let aligned = |row: &usize| out[row * width..].as_ptr().align_offset(LINE * size_of::<f64>()) == 0;
        if let Some(head) = (0..BAND.min(picked.rows)).find(aligned) {
            let (head_out, rest) = out.split_at_mut(head * width);
            let (bands, tail) = rest.split_at_mut((picked.rows - head) / BAND * BAND * width);
            picked.plain(0, head_out);
            // SAFETY: the processor has just said that it knows AVX2.
            unsafe { around(picked, head, bands) };
            picked.plain(picked.rows - tail.len() / width, tail);
            return;
        }
    }
    picked.plain(0, out);
}

/// Bands of rows from `from` on, each turned over in a small stage and written around the cache one band later: by then the stage's own
/// writes are done. `out` starts at a cache line and holds whole bands.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn around(picked: Picked<'_>, from: usize, out: &mut [f64]) {
    use std::arch::x86_64::{_mm_sfence, _mm256_loadu_pd, _mm256_stream_pd};
    let size = BAND * picked.ids.len();
    let mut stage = vec![0.0; 2 * size];
    let (mut filling, mut waiting) = stage.split_at_mut(size);
    let mut row = from;
    let mut bands = out.chunks_exact_mut(size);
    let last = from + bands.len() * BAND;
    while row <= last {
        if row < last {
            picked.squares(row, filling);
        }
        if row > from
            && let Some(out) = bands.next()
        {
            for (out, x) in out.as_chunks_mut::<SIDE>().0.iter_mut().zip(waiting.as_chunks::<SIDE>().0) {
                // SAFETY: both are four doubles, and `out` lies a multiple of four doubles behind the start of a cache line.
                unsafe { _mm256_stream_pd(out.as_mut_ptr(), _mm256_loadu_pd(x.as_ptr())) };
            }
        }
        std::mem::swap(&mut filling, &mut waiting);
        row += BAND;
    }
    // What was written around the cache is seen by other threads from here on.
    _mm_sfence();
}

#[cfg(test)]
mod tests {
    use super::{Picked, turn};

    #[test]
    fn rows_are_the_columns_turned_over_wherever_they_are_written() {
        for width in [0_usize, 1, 3, 4, 7, 8, 12, 24, 29] {
            for rows in [1_usize, 3, 4, 7, 8, 9, 31, 64] {
                let stride = rows + 3;
                let buffer: Vec<f64> = (0..2 * width * stride).map(|i| i as f64).collect();
                let ids: Vec<u32> = (0..width as u32).map(|i| (i * 7 + 1) % (2 * width as u32)).collect();
                let picked = Picked {
                    buffer: &buffer,
                    stride,
                    ids: &ids,
                    rows,
                };
                for past in [false, true] {
                    for from in 0..9 {
                        let mut out = vec![-1.0; rows * width + 9];
                        turn(picked, &mut out[from..from + rows * width], past);
                        for (i, x) in out.iter().enumerate() {
                            let inside = i.checked_sub(from).filter(|at| *at < rows * width);
                            let expected = inside.map_or(-1.0, |at| buffer[ids[at % width] as usize * stride + at / width]);
                            assert_eq!(*x, expected, "{rows} rows of {width} from {from}");
                        }
                    }
                }
            }
        }
    }
}
