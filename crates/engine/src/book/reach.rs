//! What a feed that reports the top levels only lets one know.
//!
//! Such a feed (LOBSTER's files) tells the messages of the best `depth` levels a side. A level that a better one pushes out is not reported
//! any more, so it is forgotten; one that comes into view because a better one went is not told, so it is unknown. From `reach` on all levels
//! are known. A message worse than that says that its level stands among the first `depth`, but not how much is there (`whole` is false) nor
//! at which rank: it is dim. At most `hidden` unknown levels stand among the dim ones. None is left once as many levels as the feed reports
//! are counted; their ranks are known then and `reach` grows.

use super::event::{Event, Kind};
use super::half::{Half, Level};
use super::orders::{Order, Orders};
use super::price_book::{Effect, PriceBook};
use super::trouble::Trouble;

impl PriceBook {
    /// Put an order where it belongs, as far as that is known.
    pub(super) fn enter(&mut self, order: Order) {
        let depth = self.depth;
        let (half, orders) = self.half(order.side);
        let key = order.price * half.sign;
        let found = half.find(key);
        if key >= half.reach {
            half.push(orders, order, true);
        } else if found.is_ok() {
            half.push(orders, order, false);
            half.seen(key, depth);
        } else if found == Err(0) && half.len() >= depth {
            return; // behind everything that such a feed reports
        } else {
            half.push(orders, order, false);
            half.came(key, found, depth);
        }
        if found.is_err() {
            half.trim(orders, depth);
        }
    }

    /// The quantity at a price is what the event says, of orders without a number.
    pub(super) fn set_level(&mut self, event: &Event) {
        let depth = self.depth;
        let (half, orders) = self.half(event.side);
        let key = event.price * half.sign;
        if let Ok(at) = half.find(key) {
            half.drop_level(orders, at);
        }
        let found = half.find(key);
        if event.size == 0 || (key < half.reach && found == Err(0) && half.len() >= depth) {
            return;
        }
        let level = half.level(key, true);
        (level.size, level.unseen) = (event.size, event.size);
        half.came(key, found, depth);
        half.trim(orders, depth);
    }

    /// Quantity leaves an order that was never seen: it stood before the stream began, or was submitted out of the feed's sight.
    pub(super) fn take_unseen(&mut self, event: &Event, kind: Kind) -> (Effect, Option<Trouble>) {
        let row = Effect {
            kind: Some(if kind == Kind::Fill { Kind::Execute } else { kind }),
            size: event.size,
            remaining: (kind == Kind::Delete).then_some(0),
            age: None,
        };
        if event.size <= 0 {
            return (Effect::default(), Some(Trouble::NoSize));
        }
        let trouble = if kind == Kind::Fill {
            Trouble::FillUnseen
        } else {
            Trouble::UnknownOrder
        };
        let unknown = (Effect::default(), Some(trouble));
        if event.side == 0 {
            return unknown;
        }
        let depth = self.depth;
        let (half, orders) = self.half(event.side);
        let key = event.price.saturating_mul(half.sign);
        half.seen(key, depth);
        match half.find(key) {
            Ok(at) => {
                let Level { unseen, whole, .. } = half.levels[at];
                if unseen >= event.size {
                    if kind != Kind::Fill {
                        half.take_unseen(orders, at, event.size);
                    }
                } else if whole {
                    return unknown;
                }
            }
            Err(_) if key >= half.reach => return unknown,
            Err(_) => {}
        }
        (row, None)
    }
}

impl Half {
    /// A message at `key` was reported, so its level is one of the first `depth`.
    pub(super) fn seen(&mut self, key: i64, depth: usize) {
        if self.dim > 0 && key <= self.keys[0] {
            let better = self.len() + usize::from(key < self.keys[0]);
            self.hidden = self.hidden.min(depth.saturating_sub(better));
            self.light();
        }
    }

    /// A level was made at `key`, where `found` says.
    fn came(&mut self, key: i64, found: Result<usize, usize>, depth: usize) {
        if key < self.reach {
            self.dim += 1;
            if found == Err(0) {
                self.hidden = depth - self.len();
            }
        }
    }

    /// A feed of `depth` levels says nothing of those that may be behind them.
    fn trim(&mut self, orders: &mut Orders, depth: usize) {
        if depth == 0 {
            return;
        }
        while self.len() + if self.dim > 0 { self.hidden } else { 0 } > depth {
            self.drop_level(orders, 0);
        }
        self.light();
        if self.dim == 0 && self.len() == depth {
            self.reach = self.keys[0];
        }
    }

    /// Dim levels with nothing hidden among them have a rank.
    fn light(&mut self) {
        if self.dim > 0 && self.hidden == 0 {
            (self.reach, self.dim) = (self.keys[0], 0);
        }
    }
}
