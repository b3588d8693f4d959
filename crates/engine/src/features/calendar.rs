//! What the clock on the wall says at a row's stamp, in a named zone.

use serde::{Deserialize, Serialize};

use super::error::EngineError;
use super::kernel::{Args, Kernel, Rows};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A time zone as data: from `at[i]` (UTC ns) on, local time is UTC plus `offset[i]` seconds; `first` before that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub name: String,
    pub first: i64,
    pub at: Vec<i64>,
    pub offset: Vec<i64>,
}

impl Zone {
    pub(super) fn check(&self) -> Result<(), EngineError> {
        let sane = |offset: &i64| offset.abs() <= 86_400;
        if self.at.len() != self.offset.len() || !self.at.is_sorted() || !self.offset.iter().chain([&self.first]).all(sane) {
            return Err(EngineError::Graph {
                node: None,
                reason: format!("zone {} is not a table of offsets", self.name),
            });
        }
        Ok(())
    }

    /// Local time minus UTC at a stamp, in ns.
    pub(super) fn offset(&self, ts: i64) -> i64 {
        let next = self.at.partition_point(|at| *at <= ts);
        next.checked_sub(1).map_or(self.first, |i| self.offset[i]) * SECOND
    }
}

/// What is read off the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    TimeOfDay,
    DayOfWeek,
    DayOfMonth,
    DayOfYear,
}

/// Seconds since local midnight, weekday (Monday 0), day of the month or of the year (from 1).
pub(super) struct Calendar {
    reading: Reading,
    zone: Zone,
    /// The offset in force in `[from, until)`: found once, kept until a stamp leaves it. No state: it never changes an answer.
    from: i64,
    until: i64,
    offset: i64,
}

impl Calendar {
    pub fn new(reading: Reading, zone: Zone) -> Self {
        Self {
            reading,
            zone,
            from: 0,
            until: 0,
            offset: 0,
        }
    }

    fn local(&mut self, ts: i64) -> i64 {
        if ts < self.from || ts >= self.until {
            let next = self.zone.at.partition_point(|at| *at <= ts);
            self.until = self.zone.at.get(next).copied().unwrap_or(i64::MAX);
            (self.from, self.offset) = match next.checked_sub(1) {
                Some(i) => (self.zone.at[i], self.zone.offset[i] * SECOND),
                None => (i64::MIN, self.zone.first * SECOND),
            };
        }
        ts.saturating_add(self.offset)
    }
}

/// Day of the month and of the year of a day counted from 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms").
fn date(days: i64) -> (i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * from_march + 2) / 153;
    let day = from_march - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + i64::from(month >= 10);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let of_year = if month >= 10 {
        from_march - 305
    } else {
        from_march + 60 + i64::from(leap)
    };
    (day, of_year)
}

impl Kernel for Calendar {
    fn update(&mut self, rows: Rows<'_>, _args: Args<'_>, out: &mut [f64]) {
        for (out, ts) in out.iter_mut().zip(rows.ts) {
            let local = self.local(*ts);
            let days = local.div_euclid(DAY);
            *out = match self.reading {
                Reading::TimeOfDay => local.rem_euclid(DAY) as f64 / 1e9,
                Reading::DayOfWeek => (days + 3).rem_euclid(7) as f64,
                Reading::DayOfMonth => date(days).0 as f64,
                Reading::DayOfYear => date(days).1 as f64,
            };
        }
    }
}

/// A frozen table read at the row number `floor(x)`; NaN outside it.
pub(super) struct Lookup(pub Vec<f64>);

impl Kernel for Lookup {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(args.get(0)) {
            *out = if *x >= 0.0 {
                self.0.get(*x as usize).copied().unwrap_or(f64::NAN)
            } else {
                f64::NAN
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_agree_with_the_calendar() {
        assert_eq!(date(0), (1, 1)); // 1970-01-01
        assert_eq!(date(58), (28, 59)); // 1970-02-28
        assert_eq!(date(364), (31, 365)); // 1970-12-31
        assert_eq!(date(11_016), (29, 60)); // 2000-02-29
        assert_eq!(date(11_322), (31, 366)); // 2000-12-31
        assert_eq!(date(-1), (31, 365)); // 1969-12-31
    }
}
