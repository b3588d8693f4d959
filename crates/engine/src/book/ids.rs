//! Where the order with a number stands: open addressing, linear probes, no tombstones.

const EMPTY: u32 = u32::MAX;

/// Number of an order → its place. Grows by doubling at half full; never shrinks, so a market of steady size allocates nothing.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    slots: Vec<(u64, u32)>,
    held: usize,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            slots: vec![(0, EMPTY); 64],
            held: 0,
        }
    }
}

impl Ids {
    /// The place of `id`.
    pub fn get(&self, id: u64) -> Option<u32> {
        let (number, place) = self.slots[self.find(id)];
        (place != EMPTY && number == id).then_some(place)
    }

    /// Note that `id`, which is not here, stands at `place`.
    pub fn insert(&mut self, id: u64, place: u32) {
        if (self.held + 1) * 2 > self.slots.len() {
            let wider = vec![(0, EMPTY); self.slots.len() * 2];
            for (number, place) in std::mem::replace(&mut self.slots, wider) {
                if place != EMPTY {
                    let at = self.find(number);
                    self.slots[at] = (number, place);
                }
            }
        }
        let at = self.find(id);
        self.slots[at] = (id, place);
        self.held += 1;
    }

    /// Forget `id`; those that were pushed behind it by collisions move up.
    pub fn remove(&mut self, id: u64) {
        let mask = self.slots.len() - 1;
        let mut hole = self.find(id);
        if self.slots[hole].1 == EMPTY {
            return;
        }
        self.held -= 1;
        let mut next = hole;
        loop {
            next = (next + 1) & mask;
            let (number, place) = self.slots[next];
            if place == EMPTY {
                break;
            }
            let home = self.home(number);
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.slots[hole] = (number, place);
                hole = next;
            }
        }
        self.slots[hole].1 = EMPTY;
    }

    fn home(&self, id: u64) -> usize {
        let mixed = (id ^ (id >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> (64 - self.slots.len().trailing_zeros())) as usize
    }

    /// Where `id` is, or would be put.
    fn find(&self, id: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(id);
        while self.slots[at].1 != EMPTY && self.slots[at].0 != id {
            at = (at + 1) & mask;
        }
        at
    }
}
