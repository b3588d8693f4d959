//! The messages of orders: what of a stream of events belongs into the table `orders`.

use super::event::{Event, Kind};
use super::feed::Feed;
use super::shots::Sink;

/// One message of an order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Life {
    /// Number of its event, from 1.
    pub row: u64,
    /// What it says.
    pub kind: Kind,
    /// Quantity of the message.
    pub size: i64,
    /// Left of the order; None where not known.
    pub remaining: Option<i64>,
    /// Since the order was submitted, ns; None where not known.
    pub age: Option<i64>,
}

/// Take events in and hand their messages on. What keeps the books of a fill that was told before is none: an order that is executed
/// leaves the book once, by its execution.
pub fn lives(feed: &mut Feed, events: impl Iterator<Item = Event>, mut take: impl FnMut(Life)) {
    let mut sink = Sink {
        ts: &mut [],
        row: &mut [],
        cells: &mut [],
        stride: 0,
        written: 0,
    };
    for event in events {
        feed.begin(&event, &mut sink);
        let (effect, trouble) = feed.book.apply(&event);
        if let Some(trouble) = trouble {
            feed.note(trouble);
        }
        if event.is_last() {
            feed.visible(&mut sink);
        }
        if let Some(kind) = effect.kind {
            take(Life {
                row: feed.events,
                kind,
                size: effect.size,
                remaining: effect.remaining,
                age: effect.age,
            });
        }
    }
}
