//! The book of one instrument.

use super::event::{Event, Kind, UNDEFINED};
use super::half::{Half, Level};
use super::orders::{NONE, Order, Orders};
use super::trouble::Trouble;

/// What an event did to its order: a row of the table `orders`, or nothing that is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The kind of the row; None where the event is no message of an order, or only keeps the books of a fill told before.
    pub kind: Option<Kind>,
    /// Quantity of the message.
    pub size: i64,
    /// Left of the order; None where the order was never seen whole.
    pub remaining: Option<i64>,
    /// Since the order was submitted, ns; None where that was not seen.
    pub age: Option<i64>,
}

/// One level as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookLevel {
    /// Quote currency.
    pub price: f64,
    /// Quantity; None where a feed of the top levels has not told all of it.
    pub size: Option<i64>,
    /// Orders with a number.
    pub orders: u32,
}

/// Where an order waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueuePosition {
    /// +1 bid, -1 ask.
    pub side: i8,
    /// Quote currency.
    pub price: f64,
    /// Left of the order.
    pub size: i64,
    /// Quantity that is served before it at its price.
    pub ahead: i64,
    /// Orders of it that have a number.
    pub orders_ahead: u32,
    /// Quantity at its price, its own included.
    pub level: i64,
    /// When it was submitted, ns UTC; None where it stood before the stream began.
    pub since: Option<i64>,
}

/// Price levels with their queues, by price and then by time.
#[derive(Clone, Debug)]
pub struct PriceBook {
    pub(super) bid: Half,
    pub(super) ask: Half,
    pub(super) orders: Orders,
    /// Levels a side that the feed reports; 0 where it reports all.
    pub(super) depth: usize,
    pub(super) in_snapshot: bool,
    /// Whose order hits the book in this packet; 0 where it is not told.
    pub(super) aggressor: u64,
}

/// Sizes beyond this are sentinels; their sums stay far from overflow.
pub(super) const MOST: i64 = 1 << 40;
/// Prices beyond this are sentinels; their differences do not overflow.
pub(super) const FARTHEST: i64 = 1 << 61;

type Answer = (Effect, Option<Trouble>);

fn refused(trouble: Trouble) -> Answer {
    (Effect::default(), Some(trouble))
}

impl PriceBook {
    /// An empty book. `depth`: levels a side that the feed reports, 0 where it reports every order.
    #[must_use]
    pub fn new(depth: usize) -> Self {
        Self {
            bid: Half::new(1),
            ask: Half::new(-1),
            orders: Orders::default(),
            depth,
            in_snapshot: false,
            aggressor: 0,
        }
    }

    /// Take one event in. What cannot be so leaves the book as it is, unless its `Trouble` says otherwise.
    pub fn apply(&mut self, event: &Event) -> Answer {
        if event.is_snapshot() != self.in_snapshot {
            self.in_snapshot = event.is_snapshot();
            if self.in_snapshot {
                self.clear(); // a snapshot is the whole book; some vendors do not say so with an event of its own
            }
        }
        let answer = self.change(event);
        if event.is_last() {
            self.aggressor = 0;
        }
        answer
    }

    /// Level `rank` of the bids, 0 the highest.
    #[must_use]
    pub fn bid(&self, rank: usize) -> Option<BookLevel> {
        self.bid.ranked().nth(rank).map(shown)
    }

    /// Level `rank` of the asks, 0 the lowest.
    #[must_use]
    pub fn ask(&self, rank: usize) -> Option<BookLevel> {
        self.ask.ranked().nth(rank).map(shown)
    }

    /// Orders that stand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// True where no order stands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where order `id` waits; None where it does not stand. Walks the queue before it.
    #[must_use]
    pub fn queue(&self, id: u64) -> Option<QueuePosition> {
        let place = self.orders.find(id)?;
        let order = *self.orders.at(place);
        let half = if order.side > 0 { &self.bid } else { &self.ask };
        let level = half.levels.get(half.find(order.price * half.sign).ok()?)?;
        let (mut ahead, mut orders_ahead, mut before) = (level.unseen, 0, order.before);
        while before != NONE {
            let other = self.orders.at(before);
            (ahead, orders_ahead, before) = (ahead + other.size, orders_ahead + 1, other.before);
        }
        Some(QueuePosition {
            side: order.side,
            price: level.price,
            size: order.size,
            ahead,
            orders_ahead,
            level: level.size,
            since: (!order.standing).then_some(order.ts),
        })
    }

    pub(super) fn clear(&mut self) {
        self.bid.clear(&mut self.orders);
        self.ask.clear(&mut self.orders);
    }

    pub(super) fn half(&mut self, side: i8) -> (&mut Half, &mut Orders) {
        (if side > 0 { &mut self.bid } else { &mut self.ask }, &mut self.orders)
    }

    fn change(&mut self, event: &Event) -> Answer {
        let Some(kind) = event.kind else {
            return refused(Trouble::UnknownKind);
        };
        if event.size > MOST {
            return refused(Trouble::NoSize);
        }
        match kind {
            Kind::Hidden | Kind::Cross | Kind::Halt => (Effect::default(), None),
            Kind::Trade => {
                self.aggressor = event.id;
                (Effect::default(), None)
            }
            Kind::Clear => {
                self.clear();
                let row = Effect {
                    kind: Some(Kind::Clear),
                    ..Effect::default()
                };
                (row, None)
            }
            Kind::Add | Kind::Standing | Kind::Level | Kind::Top => self.place(event, kind),
            Kind::Modify => self.modify(event),
            Kind::Cancel | Kind::Delete | Kind::Execute | Kind::Fill => match self.orders.find(event.id) {
                Some(place) if kind == Kind::Fill => self.fill(event, place),
                Some(place) => self.take(event, kind, place),
                None => self.take_unseen(event, kind),
            },
        }
    }

    /// An order, or a level of orders without a number, that was not here.
    fn place(&mut self, event: &Event, kind: Kind) -> Answer {
        let named = matches!(kind, Kind::Add | Kind::Standing);
        if event.side == 0 {
            return refused(Trouble::NoSide);
        }
        if kind == Kind::Top {
            let (half, orders) = self.half(event.side);
            half.clear(orders);
            if event.price == UNDEFINED || event.size == 0 {
                return (Effect::default(), None); // the side is empty
            }
        }
        if !(-FARTHEST..=FARTHEST).contains(&event.price) {
            return refused(Trouble::NoPrice);
        }
        if event.size < 0 || (event.size == 0 && named) {
            return refused(Trouble::NoSize);
        }
        if !named {
            self.set_level(event);
            return (Effect::default(), None);
        }
        if self.orders.find(event.id).is_some() {
            return refused(Trouble::DuplicateOrder);
        }
        let standing = kind == Kind::Standing;
        self.enter(Order {
            id: event.id,
            price: event.price,
            size: event.size,
            ts: event.ts,
            pending: 0,
            before: NONE,
            after: NONE,
            side: event.side,
            standing,
        });
        let row = Effect {
            kind: Some(kind),
            size: event.size,
            remaining: Some(event.size),
            age: (!standing).then_some(0),
        };
        (row, None)
    }

    /// Another price, or more quantity than was left, goes to the end of the queue; less keeps its place.
    fn modify(&mut self, event: &Event) -> Answer {
        if !(-FARTHEST..=FARTHEST).contains(&event.price) {
            return refused(Trouble::NoPrice);
        }
        if event.size <= 0 {
            return refused(Trouble::NoSize);
        }
        let Some(place) = self.orders.find(event.id) else {
            let (row, trouble) = self.place(event, Kind::Add);
            return (row, trouble.or(Some(Trouble::UnknownOrder)));
        };
        let order = *self.orders.at(place);
        if event.side != 0 && event.side != order.side {
            return refused(Trouble::NoSide);
        }
        let left = order.size - order.pending;
        let settles = event.price == order.price && event.size == left && order.pending > 0;
        let (half, orders) = self.half(order.side);
        if event.price == order.price && event.size <= left {
            orders.at_mut(place).pending = 0;
            if event.size < order.size {
                half.take(orders, place, order.size - event.size);
            }
        } else {
            half.take(orders, place, order.size);
            self.enter(Order {
                price: event.price,
                size: event.size,
                pending: 0,
                ..order
            });
        }
        let row = Effect {
            kind: (!settles).then_some(Kind::Modify),
            size: event.size,
            remaining: Some(event.size),
            age: age(&order, event),
        };
        (row, None)
    }

    /// An order that stands was hit, says a report; the quantity leaves the book by an event of its own.
    fn fill(&mut self, event: &Event, place: u32) -> Answer {
        let order = *self.orders.at(place);
        if event.size <= 0 {
            return refused(Trouble::NoSize);
        }
        if event.id == self.aggressor {
            return (Effect::default(), None); // it was moved across the spread and hits others; its old place is cancelled next
        }
        let past = event.price.saturating_sub(order.price).saturating_mul(i64::from(order.side)) > 0;
        if (past && event.price != UNDEFINED) || (event.side != 0 && event.side != order.side) {
            return refused(Trouble::FillMismatch);
        }
        let left = order.size - order.pending;
        self.orders.at_mut(place).pending += event.size.min(left);
        let row = Effect {
            kind: Some(Kind::Execute),
            size: event.size,
            remaining: (event.size <= left).then_some(left - event.size),
            age: age(&order, event),
        };
        (row, (event.size > left).then_some(Trouble::FillHidden))
    }

    /// Quantity leaves an order that stands.
    fn take(&mut self, event: &Event, kind: Kind, place: u32) -> Answer {
        let order = *self.orders.at(place);
        if event.size < 0 || (event.size == 0 && kind != Kind::Delete) {
            return refused(Trouble::NoSize);
        }
        let wrong = event.size > order.size || (kind == Kind::Delete && event.size > 0 && event.size != order.size);
        let size = if wrong || kind == Kind::Delete { order.size } else { event.size };
        let (told, still) = match kind {
            Kind::Execute => (0, order.pending.min(order.size - size)),
            _ => (size.min(order.pending), order.pending - size.min(order.pending)),
        };
        self.orders.at_mut(place).pending = still;
        let depth = self.depth;
        let (half, orders) = self.half(order.side);
        half.seen(order.price * half.sign, depth);
        half.take(orders, place, size);
        let remaining = order.size - size - still;
        let kind = match kind {
            Kind::Execute => Kind::Execute,
            _ if remaining == 0 => Kind::Delete,
            _ => Kind::Cancel,
        };
        let row = Effect {
            kind: (size > told).then_some(kind),
            size: size - told,
            remaining: Some(remaining),
            age: age(&order, event),
        };
        (row, wrong.then_some(Trouble::SizeMismatch))
    }
}

fn age(order: &Order, event: &Event) -> Option<i64> {
    (!order.standing).then_some(event.ts.saturating_sub(order.ts))
}

fn shown(level: &Level) -> BookLevel {
    BookLevel {
        price: level.price,
        size: level.whole.then_some(level.size),
        orders: level.count,
    }
}
