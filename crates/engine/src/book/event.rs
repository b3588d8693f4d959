//! One event of an order book, of whichever vendor.

/// A price that says that there is none.
pub const UNDEFINED: i64 = i64::MAX;
/// Bytes of a Databento `MboMsg`.
pub const MBO_RECORD: usize = 56;

const LAST: u8 = 128;
const TOP: u8 = 64;
const SNAPSHOT: u8 = 32;
const AGGREGATED: u8 = 16;
const MAYBE_BAD: u8 = 4;

/// What an event says. 1 to 10 are the kinds of the table `orders`; the rest changes a book or is a print, and is no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A new order at the end of its queue.
    Add = 1,
    /// `size` of an order is withdrawn; nothing is left of it once that is all.
    Cancel = 2,
    /// An order is withdrawn, all of it.
    Delete = 3,
    /// `size` of an order is executed and leaves the book.
    Execute = 4,
    /// An order that was never visible is executed: no book changes.
    Hidden = 5,
    /// An auction's print: no book changes.
    Cross = 6,
    /// Trading halts or resumes: no book changes.
    Halt = 7,
    /// An order gets this price and this size; it goes to the end of the queue if the price is another or the size grows.
    Modify = 8,
    /// The book is empty.
    Clear = 9,
    /// An order that stood before the stream began.
    Standing = 10,
    /// A resting order was hit: reported, while the event that takes the quantity out of the book comes later.
    Fill = 11,
    /// An aggressor's print: no book changes.
    Trade = 12,
    /// The quantity at a price is `size`, of orders that have no number.
    Level = 13,
    /// The side is this one level and nothing else.
    Top = 14,
}

impl Kind {
    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        const ALL: [Kind; 14] = [
            Kind::Add,
            Kind::Cancel,
            Kind::Delete,
            Kind::Execute,
            Kind::Hidden,
            Kind::Cross,
            Kind::Halt,
            Kind::Modify,
            Kind::Clear,
            Kind::Standing,
            Kind::Fill,
            Kind::Trade,
            Kind::Level,
            Kind::Top,
        ];
        ALL.get(usize::from(number).wrapping_sub(1)).copied()
    }
}

/// One event. `kind` is None where the vendor wrote one that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it could be known, ns UTC.
    pub ts: i64,
    /// The exchange's number of the order; 0 where it tells none.
    pub id: u64,
    /// Billionths of the quote currency.
    pub price: i64,
    /// Contracts or shares.
    pub size: i64,
    /// What it says.
    pub kind: Option<Kind>,
    /// +1 bid, -1 ask, 0 neither.
    pub side: i8,
    /// The vendor's bits, as Databento numbers them.
    pub flags: u8,
}

impl Event {
    /// The bit of an event that ends its packet.
    pub const LAST: u8 = LAST;
    /// The bit of an event that belongs to a snapshot.
    pub const SNAPSHOT: u8 = SNAPSHOT;

    /// True for the last event of a packet: the book is visible after it.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.flags & LAST != 0
    }

    /// True for a part of a snapshot.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.flags & SNAPSHOT != 0
    }

    /// True where the vendor says that the book may be wrong.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.flags & MAYBE_BAD != 0
    }

    /// A Databento order-by-order record, little-endian as in the file. Its `ts` is the moment of receipt.
    #[must_use]
    pub fn from_mbo(record: &[u8; MBO_RECORD]) -> Self {
        let flags = record[36];
        let kind = match record[38] {
            b'A' if flags & TOP != 0 => Some(Kind::Top),
            b'A' if flags & AGGREGATED != 0 => Some(Kind::Level),
            b'A' if flags & SNAPSHOT != 0 => Some(Kind::Standing),
            b'A' => Some(Kind::Add),
            b'C' => Some(Kind::Cancel),
            b'M' => Some(Kind::Modify),
            b'R' => Some(Kind::Clear),
            b'T' => Some(Kind::Trade),
            b'F' => Some(Kind::Fill),
            b'N' => Some(Kind::Halt),
            _ => None,
        };
        let side = match record[39] {
            b'B' => 1,
            b'A' => -1,
            _ => 0,
        };
        let received = u64::from_le_bytes(at(record, 40));
        Self {
            ts: i64::try_from(received).unwrap_or(0),
            id: u64::from_le_bytes(at(record, 16)),
            price: i64::from_le_bytes(at(record, 24)),
            size: i64::from(u32::from_le_bytes(at(record, 32))),
            kind,
            side,
            flags,
        }
    }
}

fn at<const N: usize>(record: &[u8; MBO_RECORD], start: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&record[start..start + N]);
    out
}
