//! One side of a book: its levels in one piece of memory, the best one last.

use super::orders::{NONE, Order, Orders};

/// The orders at one price, the oldest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// The price in the quote currency.
    pub price: f64,
    /// All quantity, that of orders without a number included.
    pub size: i64,
    /// Of it, what belongs to orders never seen; they are older than all seen ones.
    pub unseen: i64,
    pub count: u32,
    pub head: u32,
    pub tail: u32,
    /// False where orders may stand here that were never told: `size` is then the least there is.
    pub whole: bool,
}

/// Levels of one side. `keys` rise towards the best price: the price of a bid, minus the price of an ask.
#[derive(Clone, Debug)]
pub(super) struct Half {
    pub sign: i64,
    pub keys: Vec<i64>,
    pub levels: Vec<Level>,
    /// All levels with a key of at least this are known. Only a feed of the top levels knows less than everything.
    pub reach: i64,
    /// Levels worse than `reach` that are known to stand, though not at which rank: the first so many of `levels`.
    pub dim: usize,
    /// At most so many more stand between `reach` and the worst of the dim ones.
    pub hidden: usize,
}

/// Prices are counted in billionths.
const UNIT: f64 = 1e9;
/// Levels nearest to the touch that are looked through one by one.
const NEAR: usize = 8;

impl Half {
    pub fn new(sign: i64) -> Self {
        Self {
            sign,
            keys: Vec::new(),
            levels: Vec::new(),
            reach: i64::MIN,
            dim: 0,
            hidden: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Levels whose rank is known, the best one first.
    pub fn ranked(&self) -> impl Iterator<Item = &Level> {
        self.levels[self.dim..].iter().rev()
    }

    /// The key of the best level, where its rank is known.
    pub fn best(&self) -> Option<i64> {
        self.keys[self.dim..].last().copied()
    }

    /// Where the level of `key` is, or where it would be put.
    pub fn find(&self, key: i64) -> Result<usize, usize> {
        let near = self.len().saturating_sub(NEAR);
        for at in (near..self.len()).rev() {
            if self.keys[at] <= key {
                return if self.keys[at] == key { Ok(at) } else { Err(at + 1) };
            }
        }
        self.keys[..near].binary_search(&key)
    }

    /// The level of `key`, made where there is none.
    pub fn level(&mut self, key: i64, whole: bool) -> &mut Level {
        let at = match self.find(key) {
            Ok(at) => at,
            Err(at) => {
                let level = Level {
                    price: (key * self.sign) as f64 / UNIT,
                    size: 0,
                    unseen: 0,
                    count: 0,
                    head: NONE,
                    tail: NONE,
                    whole,
                };
                self.keys.insert(at, key);
                self.levels.insert(at, level);
                at
            }
        };
        &mut self.levels[at]
    }

    /// Put an order at the end of its queue.
    pub fn push(&mut self, orders: &mut Orders, order: Order, whole: bool) {
        let key = order.price * self.sign;
        let level = self.level(key, whole);
        let before = level.tail;
        level.size += order.size;
        level.count += 1;
        let place = orders.put(Order {
            before,
            after: NONE,
            ..order
        });
        level.tail = place;
        if before == NONE {
            level.head = place;
        } else {
            orders.at_mut(before).after = place;
        }
    }

    /// `size` leaves the order at `place`, and the order its queue where nothing is left.
    pub fn take(&mut self, orders: &mut Orders, place: u32, size: i64) {
        let order = *orders.at(place);
        let Ok(at) = self.find(order.price * self.sign) else {
            return;
        };
        let level = &mut self.levels[at];
        level.size -= size;
        if size < order.size {
            orders.at_mut(place).size -= size;
            return;
        }
        level.count -= 1;
        match order.before {
            NONE => level.head = order.after,
            before => orders.at_mut(before).after = order.after,
        }
        match order.after {
            NONE => level.tail = order.before,
            after => orders.at_mut(after).before = order.before,
        }
        orders.drop(place);
        self.settle(orders, at);
    }

    /// `size` leaves orders at level `at` that have no number.
    pub fn take_unseen(&mut self, orders: &mut Orders, at: usize, size: i64) {
        self.levels[at].size -= size;
        self.levels[at].unseen -= size;
        self.settle(orders, at);
    }

    /// Forget the level at `at` and its orders.
    pub fn drop_level(&mut self, orders: &mut Orders, at: usize) {
        let mut place = self.levels[at].head;
        while place != NONE {
            let after = orders.at(place).after;
            orders.drop(place);
            place = after;
        }
        self.keys.remove(at);
        self.levels.remove(at);
        if at < self.dim {
            self.dim -= 1;
        }
    }

    pub fn clear(&mut self, orders: &mut Orders) {
        while self.len() > 0 {
            self.drop_level(orders, self.len() - 1);
        }
        (self.reach, self.dim, self.hidden) = (i64::MIN, 0, 0);
    }

    /// A level of which nothing is left goes. Where orders may stand that were never told, it may be there still: those behind it are dim.
    fn settle(&mut self, orders: &mut Orders, at: usize) {
        let Level { size, whole, .. } = self.levels[at];
        if size > 0 {
            return;
        }
        let (key, dim) = (self.keys[at], self.dim);
        self.drop_level(orders, at);
        if whole {
            return;
        }
        if at >= dim {
            (self.reach, self.dim) = (key + 1, at);
        }
        if at > 0 {
            self.hidden = if dim > 0 { self.hidden + 1 } else { 1 };
        }
    }
}
