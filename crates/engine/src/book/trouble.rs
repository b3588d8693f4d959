//! What may be wrong with an event.

/// Why an event cannot be what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Trouble {
    /// A kind that is not known; ignored.
    UnknownKind,
    /// A side that this kind cannot have; ignored.
    NoSide,
    /// A price that is undefined; ignored.
    NoPrice,
    /// A size that is zero or negative; ignored.
    NoSize,
    /// A number of an order that does not stand; a modification is taken as a new order, anything else is ignored.
    UnknownOrder,
    /// A new order with the number of one that stands; ignored.
    DuplicateOrder,
    /// More is taken than is left, or a deletion names another size than is left; all that is left goes.
    SizeMismatch,
    /// A fill that its resting order could not have: other side, or worse than its limit. Changes nothing.
    FillMismatch,
    /// A fill of an order that never stood: a market or stop order of an auction. Changes nothing; nothing is wrong.
    FillUnseen,
    /// A fill of more than was shown: an iceberg. What it shows next goes to the end of the queue; nothing is wrong.
    FillHidden,
    /// A stamp before one already seen; applied, and known no earlier than what came before.
    TimeBack,
    /// Best bid above best ask in a visible book, from the opening on.
    Crossed,
    /// Best bid equal to best ask in a visible book, from the opening on.
    Locked,
    /// The vendor marks the book as possibly wrong; applied.
    Doubtful,
}

impl Trouble {
    /// All of them, by number.
    pub const ALL: [Self; 14] = [
        Self::UnknownKind,
        Self::NoSide,
        Self::NoPrice,
        Self::NoSize,
        Self::UnknownOrder,
        Self::DuplicateOrder,
        Self::SizeMismatch,
        Self::FillMismatch,
        Self::FillUnseen,
        Self::FillHidden,
        Self::TimeBack,
        Self::Crossed,
        Self::Locked,
        Self::Doubtful,
    ];

    /// False for what is counted because it is worth knowing, not because it is wrong.
    #[must_use]
    pub fn is_wrong(self) -> bool {
        !matches!(self, Self::FillUnseen | Self::FillHidden)
    }

    /// True where the event was refused, or taken for another than it says; the rest is taken as it is.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        self.is_wrong() && !matches!(self, Self::TimeBack | Self::Crossed | Self::Locked | Self::Doubtful)
    }

    /// The name that counters and errors carry.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownKind => "unknown_kind",
            Self::NoSide => "no_side",
            Self::NoPrice => "no_price",
            Self::NoSize => "no_size",
            Self::UnknownOrder => "unknown_order",
            Self::DuplicateOrder => "duplicate_order",
            Self::SizeMismatch => "size_mismatch",
            Self::FillMismatch => "fill_mismatch",
            Self::FillUnseen => "fill_unseen",
            Self::FillHidden => "fill_hidden",
            Self::TimeBack => "time_back",
            Self::Crossed => "crossed",
            Self::Locked => "locked",
            Self::Doubtful => "doubtful",
        }
    }
}

/// How often each trouble was met, and at which event first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By number of the trouble.
    pub counts: [u64; Trouble::ALL.len()],
    /// Number of the first event that had it, from 1; 0 where none had.
    pub first: [u64; Trouble::ALL.len()],
}

impl Tally {
    pub(super) fn note(&mut self, trouble: Trouble, event: u64) {
        let at = trouble as usize;
        self.counts[at] += 1;
        if self.first[at] == 0 {
            self.first[at] = event;
        }
    }
}
