//! Trading sessions: which one an instant lies in.

use serde::Deserialize;

/// A stretch of open market: open and close in UTC nanoseconds, trading day in days since 1970, and the close of the session that it is
/// part of, where that is another.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Row")]
struct Stretch {
    open: i64,
    close: i64,
    session: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "the trading day is for people and Python")]
enum Row {
    Whole(i64, i64, i32),
    Part(i64, i64, i32, i64),
}

impl From<Row> for Stretch {
    fn from(row: Row) -> Self {
        match row {
            Row::Whole(open, close, _) => Self {
                open,
                close,
                session: close,
            },
            Row::Part(open, close, _, session) => Self { open, close, session },
        }
    }
}

/// `[open, close, trading day]` or `[open, close, trading day, session's close]` rows, in time order.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Sessions(Vec<Stretch>);

impl Sessions {
    /// Err when sessions overlap, are empty or out of order, or end before a stretch of theirs.
    pub fn check(&self) -> Result<(), String> {
        if self.0.is_empty() {
            return Err("there is no session".into());
        }
        if let Some(row) = self.0.iter().position(|each| each.open >= each.close) {
            return Err(format!("session {} does not end after it begins", row + 1));
        }
        if let Some(row) = self.0.iter().position(|each| each.session < each.close) {
            return Err(format!("stretch {} ends after its session", row + 1));
        }
        match self.0.windows(2).position(|w| w[1].open < w[0].close) {
            Some(row) => Err(format!("session {} begins before the one before it ends", row + 2)),
            None => Ok(()),
        }
    }

    /// Close of the session that holds `ts` in one of its stretches: open <= ts <= close, and a stamp on a common border belongs to the
    /// stretch that ends there, since a bar is stamped at its close.
    pub fn close_of(&self, ts: i64) -> Option<i64> {
        let at = self.0.partition_point(|each| each.close < ts);
        self.0.get(at).filter(|each| each.open <= ts).map(|each| each.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<Sessions, serde_json::Error> {
        serde_json::from_str(rows)
    }

    #[test]
    fn borders_belong_to_the_session_that_ends_and_breaks_to_none() -> Result<(), serde_json::Error> {
        let sessions = read("[[0, 10, 0], [10, 20, 1], [30, 35, 2, 40], [36, 40, 2, 40]]")?;
        assert!(sessions.check().is_ok());
        let close = [
            (0, Some(10)),
            (10, Some(10)),
            (11, Some(20)),
            (20, Some(20)),
            (25, None),
            (30, Some(40)),
            (36, Some(40)),
            (40, Some(40)),
            (41, None),
            (-1, None),
        ];
        for (ts, expected) in close {
            assert_eq!(sessions.close_of(ts), expected, "{ts}");
        }
        assert_eq!(read("[[30, 33, 2, 40], [36, 40, 2, 40]]")?.close_of(35), None);
        for wrong in ["[[0, 10, 0], [9, 20, 1]]", "[[0, 10, 0, 9]]", "[[5, 5, 0]]", "[]"] {
            assert!(read(wrong)?.check().is_err(), "{wrong}");
        }
        Ok(())
    }
}
