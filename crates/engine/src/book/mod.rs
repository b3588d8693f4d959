//! Order books rebuilt from order-by-order events: price levels with first-in-first-out queues.
//!
//! Prices are whole billionths of the quote currency, sizes whole contracts or shares, stamps nanoseconds UTC. A book is visible after the
//! last event of a packet only. Once its memory has grown to the size of the market, no event allocates.

mod event;
mod feed;
mod half;
mod ids;
mod lives;
mod orders;
mod price_book;
mod reach;
mod saved;
mod shots;
#[cfg(test)]
mod tests;
mod trouble;

pub use event::{Event, Kind, MBO_RECORD, UNDEFINED};
pub use feed::{Feed, Refused};
pub use lives::{Life, lives};
pub use price_book::{BookLevel, Effect, PriceBook, QueuePosition};
pub use saved::SavedBook;
pub use shots::{Every, Shots, Sink};
pub use trouble::{Tally, Trouble};
