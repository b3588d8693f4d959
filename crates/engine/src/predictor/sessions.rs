//! Trading sessions: which one an instant lies in.

use serde::Deserialize;

/// `[open, close, trading day]` rows in UTC nanoseconds and days since 1970, in time order.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Sessions(Vec<(i64, i64, i32)>);

impl Sessions {
    /// Err when sessions overlap, are empty or out of order.
    pub fn check(&self) -> Result<(), String> {
        if self.0.is_empty() {
            return Err("there is no session".into());
        }
        if let Some(row) = self.0.iter().position(|(open, close, _)| open >= close) {
            return Err(format!("session {} does not end after it begins", row + 1));
        }
        match self.0.windows(2).position(|w| w[1].0 < w[0].1) {
            Some(row) => Err(format!("session {} begins before the one before it ends", row + 2)),
            None => Ok(()),
        }
    }

    /// Close of the session that holds `ts`: open <= ts <= close, and a stamp on a common border belongs to the session that ends there,
    /// since a bar is stamped at its close.
    pub fn close_of(&self, ts: i64) -> Option<i64> {
        let at = self.0.partition_point(|(_, close, _)| *close < ts);
        self.0.get(at).filter(|(open, _, _)| *open <= ts).map(|(_, close, _)| *close)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_belong_to_the_session_that_ends() {
        let sessions = Sessions(vec![(0, 10, 0), (10, 20, 1), (30, 40, 2)]);
        assert!(sessions.check().is_ok());
        let close = [
            (0, Some(10)),
            (10, Some(10)),
            (11, Some(20)),
            (20, Some(20)),
            (25, None),
            (30, Some(40)),
            (41, None),
            (-1, None),
        ];
        for (ts, expected) in close {
            assert_eq!(sessions.close_of(ts), expected, "{ts}");
        }
        assert!(Sessions(vec![(0, 10, 0), (9, 20, 1)]).check().is_err());
        assert!(Sessions(vec![]).check().is_err());
    }
}
