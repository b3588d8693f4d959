use std::collections::HashMap;

use proptest::prelude::*;

use super::ids::Ids;
use super::{Event, Every, Feed, Kind, Sink};

fn event(ts: i64, kind: Kind, side: i8, price: i64, size: i64, id: u64) -> Event {
    Event {
        ts,
        id,
        price,
        size,
        kind: Some(kind),
        side,
        flags: Event::LAST,
    }
}

fn quiet() -> Sink<'static> {
    Sink {
        ts: &mut [],
        row: &mut [],
        cells: &mut [],
        stride: 0,
        written: 0,
    }
}

proptest! {
    #[test]
    fn places_of_numbers_are_those_of_a_map(steps in prop::collection::vec((any::<bool>(), 0_u64..90, any::<bool>()), 1..600)) {
        let (mut ids, mut map) = (Ids::default(), HashMap::new());
        for (place, (insert, number, far)) in steps.into_iter().enumerate() {
            let id = if far { number << 58 } else { number };
            if insert && !map.contains_key(&id) {
                ids.insert(id, place as u32);
                map.insert(id, place as u32);
            } else if !insert {
                ids.remove(id);
                map.remove(&id);
            }
            for id in (0..90).chain((0..90).map(|n: u64| n << 58)) {
                prop_assert_eq!(ids.get(id), map.get(&id).copied());
            }
        }
    }

    #[test]
    fn any_records_are_taken_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 56 * 20), depth in 0_usize..3) {
        let mut feed = Feed::new(3, Every::Change, depth, i64::MIN);
        let (records, _) = bytes.as_chunks();
        // the bytes that say what an event is would hardly ever fall on a known one
        let events = records.iter().map(|record| {
            let mut event = Event::from_mbo(record);
            event.kind = Kind::from_number(record[38] % 16);
            event.side = (record[39] % 3) as i8 - 1;
            event.id %= 8;
            if record[0] % 4 > 0 {
                event.price %= 6;
                event.size %= 10;
            }
            event
        });
        let _ = feed.run(events, &mut quiet(), false);
        let mut again = Feed::new(3, Every::Change, depth, i64::MIN);
        prop_assert_eq!(again.restore(&feed.save()), Ok(()));
        prop_assert_eq!(again.save(), feed.save());
    }

    #[test]
    fn any_words_are_refused_or_make_a_book(words in prop::collection::vec(0_u64..4, 0..90)) {
        let mut feed = Feed::new(1, Every::Packet, 2, i64::MIN);
        if feed.restore(&words).is_ok() {
            let events = [event(9, Kind::Delete, 1, 1, 0, 1), event(9, Kind::Add, 1, 2, 1, 7)];
            prop_assert!(feed.run(events.into_iter(), &mut quiet(), false).is_ok());
        }
    }
}

#[test]
fn a_record_says_what_the_vendor_wrote() {
    let mut record = [0_u8; 56];
    record[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    record[24..32].copy_from_slice(&(-5_i64).to_le_bytes());
    record[32..36].copy_from_slice(&7_u32.to_le_bytes());
    record[36..40].copy_from_slice(&[160, 0, b'A', b'B']);
    record[40..48].copy_from_slice(&11_u64.to_le_bytes());
    let found = Event::from_mbo(&record);
    let told = Event {
        ts: 11,
        id: u64::MAX,
        price: -5,
        size: 7,
        kind: Some(Kind::Standing),
        side: 1,
        flags: 160,
    };
    assert_eq!(found, told);
    assert!(found.is_last() && found.is_snapshot() && !found.is_doubtful());
    record[36..40].copy_from_slice(&[64, 0, b'A', b'A']);
    assert_eq!(
        (Event::from_mbo(&record).kind, Event::from_mbo(&record).side),
        (Some(Kind::Top), -1)
    );
    record[38] = b'Z';
    assert_eq!(Event::from_mbo(&record).kind, None);
}
