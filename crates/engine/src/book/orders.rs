//! The orders that stand, each linked to its neighbours in the queue of its level.

use super::ids::Ids;

/// No order: the end of a queue.
pub(super) const NONE: u32 = u32::MAX;

/// One resting order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub id: u64,
    pub price: i64,
    pub size: i64,
    /// When it was submitted; for a standing one when the stream told of it.
    pub ts: i64,
    /// Filled by report, while the event that takes it out of the book has not come.
    pub pending: i64,
    pub before: u32,
    pub after: u32,
    pub side: i8,
    /// It stood before the stream began.
    pub standing: bool,
}

/// All orders by place and by number; places that became free are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    places: Vec<Order>,
    free: Vec<u32>,
    ids: Ids,
}

impl Orders {
    pub fn find(&self, id: u64) -> Option<u32> {
        self.ids.get(id)
    }

    pub fn at(&self, place: u32) -> &Order {
        &self.places[place as usize]
    }

    pub fn at_mut(&mut self, place: u32) -> &mut Order {
        &mut self.places[place as usize]
    }

    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub fn put(&mut self, order: Order) -> u32 {
        let place = match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = order;
                place
            }
            None => {
                self.places.push(order);
                self.free.reserve(self.places.capacity()); // all of them may become free: no event that ends an order allocates
                (self.places.len() - 1) as u32
            }
        };
        self.ids.insert(order.id, place);
        place
    }

    pub fn drop(&mut self, place: u32) {
        self.ids.remove(self.at(place).id);
        self.free.push(place);
    }
}
