//! The state of an engine as a row of 64-bit words, written and read by the same walk over the operators.

use std::collections::VecDeque;

use super::error::EngineError;

/// Walks over an engine's state in a fixed order; the same walk writes and reads.
pub(super) enum Tape {
    Write(Vec<u64>),
    Read { words: Vec<u64>, at: usize },
}

impl Tape {
    fn word(&mut self, value: &mut u64) -> Result<(), EngineError> {
        match self {
            Self::Write(words) => words.push(*value),
            Self::Read { words, at } => {
                *value = *words.get(*at).ok_or_else(|| EngineError::state("it is cut short"))?;
                *at += 1;
            }
        }
        Ok(())
    }

    pub fn f64(&mut self, value: &mut f64) -> Result<(), EngineError> {
        let mut bits = value.to_bits();
        self.word(&mut bits)?;
        *value = f64::from_bits(bits);
        Ok(())
    }

    pub fn i64(&mut self, value: &mut i64) -> Result<(), EngineError> {
        let mut bits = value.cast_unsigned();
        self.word(&mut bits)?;
        *value = bits.cast_signed();
        Ok(())
    }

    pub fn u64(&mut self, value: &mut u64) -> Result<(), EngineError> {
        self.word(value)
    }

    pub fn values(&mut self, values: &mut [f64]) -> Result<(), EngineError> {
        values.iter_mut().try_for_each(|value| self.f64(value))
    }

    /// The number of things that follow, each of `size` words; more than the state holds are refused.
    fn length(&mut self, length: usize, size: usize) -> Result<usize, EngineError> {
        let mut length = length as u64;
        self.word(&mut length)?;
        if let Self::Read { words, at } = self {
            let left = (words.len() - *at) / size;
            return usize::try_from(length)
                .ok()
                .filter(|length| *length <= left)
                .ok_or_else(|| EngineError::state("a queue is longer than the state"));
        }
        Ok(usize::try_from(length).unwrap_or(0))
    }

    /// Values of any number.
    pub fn list(&mut self, values: &mut Vec<f64>) -> Result<(), EngineError> {
        let length = self.length(values.len(), 1)?;
        values.resize(length, 0.0);
        self.values(values)
    }

    /// A queue of stamped rows of any length.
    pub fn rows<const N: usize>(&mut self, queue: &mut VecDeque<(i64, [f64; N])>) -> Result<(), EngineError> {
        let length = self.length(queue.len(), 1 + N)?;
        queue.resize(length, (0, [0.0; N]));
        for (ts, values) in queue.iter_mut() {
            self.i64(ts)?;
            self.values(values)?;
        }
        Ok(())
    }

    /// A queue of stamped values of any length.
    pub fn queue(&mut self, queue: &mut VecDeque<(i64, f64)>) -> Result<(), EngineError> {
        let length = self.length(queue.len(), 2)?;
        queue.resize(length, (0, 0.0));
        for (ts, value) in queue.iter_mut() {
            self.i64(ts)?;
            self.f64(value)?;
        }
        Ok(())
    }

    /// A queue of values.
    pub fn numbers(&mut self, queue: &mut VecDeque<f64>) -> Result<(), EngineError> {
        let length = self.length(queue.len(), 1)?;
        queue.resize(length, 0.0);
        queue.iter_mut().try_for_each(|value| self.f64(value))
    }

    /// A queue of stamps.
    pub fn stamps(&mut self, queue: &mut VecDeque<i64>) -> Result<(), EngineError> {
        let length = self.length(queue.len(), 1)?;
        queue.resize(length, 0);
        queue.iter_mut().try_for_each(|value| self.i64(value))
    }
}
