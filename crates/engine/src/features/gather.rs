//! Windows for training: the last `length` rows before and at each end, copied side by side.

use std::fmt;

/// A window that does not lie inside the table, or memory of the wrong size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatherError {
    /// Window number `window` ends at row `end`, but the table has `rows` rows and the window needs `length`.
    Outside {
        window: usize,
        end: i64,
        length: usize,
        rows: usize,
    },
    /// The output does not hold what the windows need.
    Size { expected: usize, found: usize },
}

impl fmt::Display for GatherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside { window, end, length, rows } => {
                write!(
                    f,
                    "window {window} of {length} rows ending at row {end} does not lie inside a table of {rows} rows"
                )
            }
            Self::Size { expected, found } => write!(f, "the windows need {expected} places where the output has {found}"),
        }
    }
}

impl std::error::Error for GatherError {}

/// Copy `values[end - length + 1 ..= end]` (rows of `width`) for each end into `out`, one window after the other.
///
/// # Errors
/// `GatherError` before anything is written.
pub fn gather(values: &[f32], width: usize, ends: &[i64], length: usize, out: &mut [f32]) -> Result<(), GatherError> {
    let rows = values.len().checked_div(width).unwrap_or(0);
    let size = length * width;
    if out.len() != ends.len() * size {
        return Err(GatherError::Size {
            expected: ends.len() * size,
            found: out.len(),
        });
    }
    let start = |end: i64| usize::try_from(end).ok().filter(|end| *end < rows)?.checked_sub(length - 1);
    for (window, end) in ends.iter().enumerate() {
        if length == 0 || start(*end).is_none() {
            return Err(GatherError::Outside {
                window,
                end: *end,
                length,
                rows,
            });
        }
    }
    if size == 0 {
        return Ok(());
    }
    for (end, out) in ends.iter().zip(out.chunks_exact_mut(size)) {
        if let Some(first) = start(*end) {
            out.copy_from_slice(&values[first * width..first * width + size]);
        }
    }
    Ok(())
}
