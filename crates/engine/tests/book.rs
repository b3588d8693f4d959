//! A book in its steady state asks for no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use tickcast_engine::book::{Event, Every, Feed, Kind, Sink};

struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Orders that come and go, at most 400 of them at once, near a price that wanders; the same stream from the same seed.
fn stream(n: usize, mut seed: u64) -> Vec<Event> {
    let mut standing: Vec<(u64, i8, i64, i64)> = Vec::new();
    let mut events = Vec::new();
    let mut middle = 10_000_i64;
    for number in 1..=n as u64 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chance = (seed >> 33) as i64;
        middle += (chance % 7 == 0) as i64 - (chance % 11 == 0) as i64;
        let (kind, order) = if standing.len() < 400 && chance % 2 == 0 {
            let side = if chance % 4 == 0 { 1 } else { -1 };
            let order = (
                number,
                side,
                (middle - i64::from(side) * (1 + chance % 30)) * 1_000_000,
                1 + chance % 9,
            );
            standing.push(order);
            (Kind::Add, order)
        } else if let Some(i) = standing.len().checked_sub(1).map(|last| chance as usize % (last + 1)) {
            (Kind::Delete, standing.swap_remove(i))
        } else {
            continue;
        };
        let (id, side, price, size) = order;
        let (ts, flags) = (number as i64, Event::LAST);
        events.push(Event {
            ts,
            id,
            price,
            size,
            kind: Some(kind),
            side,
            flags,
        });
    }
    events
}

#[test]
fn no_event_allocates_once_the_memory_has_grown() {
    let (events, levels) = (stream(60_000, 7), 10);
    let stride = events.len();
    let (mut ts, mut row, mut cells) = (vec![0; stride], vec![0; stride], vec![0.0; 4 * levels * stride]);
    for every in [Every::Packet, Every::Change, Every::Grid(50)] {
        let mut feed = Feed::new(levels, every, 0, i64::MAX);
        let mut sink = Sink {
            ts: &mut ts,
            row: &mut row,
            cells: &mut cells,
            stride,
            written: 0,
        };
        let (grow, steady) = events.split_at(30_000);
        assert_eq!(feed.run(grow.iter().copied(), &mut sink, true), Ok(()));
        let before = ASKED.load(Ordering::Relaxed);
        assert_eq!(feed.run(steady.iter().copied(), &mut sink, true), Ok(()));
        assert_eq!(ASKED.load(Ordering::Relaxed), before, "{every:?}");
        assert!(sink.written > 1_000);
    }
}
