//! Row hashes against the golden vectors, lattices against every float there is.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use tickcast_engine::rows::{Cells, float_lattice, floats_of, int_lattice, ints_of, key, packed, row_hashes, text, unpacked};

#[derive(Deserialize)]
struct Case {
    types: HashMap<String, String>,
    columns: HashMap<String, Vec<Value>>,
    hashes: Vec<String>,
}

#[test]
fn golden_vectors() {
    let cases: Vec<Case> = serde_json::from_str(&std::fs::read_to_string("../../golden/row_hash.json").unwrap()).unwrap();
    for case in &cases {
        let mut kept = Vec::new();
        for (name, values) in &case.columns {
            let valid: Vec<bool> = values.iter().map(|value| !value.is_null()).collect();
            let bits: Vec<u64> = values
                .iter()
                .map(|value| match case.types[name].as_str() {
                    "String" => text(value.as_str().unwrap_or_default().as_bytes()),
                    "Float64" => value.as_f64().map_or(0, |value| (value + 0.0).to_bits()),
                    _ => value.as_i64().map_or(0, |value| value as u64),
                })
                .collect();
            kept.push((key(name), bits, valid));
        }
        let columns: Vec<_> = kept
            .iter()
            .map(|(key, bits, valid)| (*key, Cells::Text(bits), Some(valid.as_slice())))
            .collect();
        let mut out = vec![0; case.hashes.len()];
        row_hashes(&columns, &mut out);
        let found: Vec<String> = out.iter().map(|hash| format!("{hash:016x}")).collect();
        assert_eq!(found, case.hashes);
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What `unpacked` gives of bytes.
fn again(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    let mut out = vec![0; count];
    unpacked(bytes, count, |at, numbers| out[at..at + numbers.len()].copy_from_slice(numbers)).map(|()| out)
}

proptest! {
    #[test]
    fn packed_numbers_come_back(bits in 0_u32..64, seeds in prop::collection::vec(any::<i64>(), 0..40), repeats in 1_usize..200) {
        let numbers: Vec<i64> = (0..repeats).flat_map(|_| seeds.iter().map(|seed| seed >> bits)).collect();
        let bytes = packed(&numbers);
        prop_assert_eq!(again(&bytes, numbers.len()), Some(numbers.clone()));
        prop_assert!(bytes.len() <= 64 + numbers.len() * 9 + 1200, "{} bytes for {} numbers", bytes.len(), numbers.len());
        prop_assert_eq!(again(&bytes, numbers.len() + 1), None);
        if numbers.len() > 1 {
            prop_assert_eq!(again(&bytes[..bytes.len() / 2], numbers.len()), None);
        }
    }

    #[test]
    fn other_bytes_are_refused_or_give_numbers(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0_usize..300) {
        prop_assert!(again(&bytes, count).is_none_or(|found| found.len() == count));
        let headed = [&[128, 1, 4, count.min(127) as u8][..], &bytes].concat();
        prop_assert!(again(&headed, count.min(127)).is_none_or(|found| found.len() == count.min(127)));
    }

    #[test]
    fn floats_on_a_lattice_come_back_to_the_bit(places in prop::collection::vec(-1_000_000_000_i64..1_000_000_000, 1..600), step in 1_i64..100, digits in 0..9) {
        let divisor = 10_f64.powi(digits);
        let values: Vec<f64> = places.iter().map(|place| (place * step) as f64 / divisor).collect();
        let found = float_lattice(&values).unwrap();
        let mut out = vec![0.0; values.len()];
        floats_of(&found.places, found.step, found.divisor, &mut out);
        prop_assert_eq!(bits(&out), bits(&values));
        let narrow = |places: &[i64]| places.iter().map(|place| place.unsigned_abs()).max().unwrap();
        prop_assert!(narrow(&found.places) <= narrow(&places), "the lattice found is as coarse as the one given");
    }

    #[test]
    fn any_floats_come_back_or_are_left(mut values in prop::collection::vec(prop_oneof![any::<f64>(), -1e18..1e18, Just(-0.0), Just(1e22)], 1..400), whole in any::<bool>()) {
        if whole {
            values.iter_mut().for_each(|value| *value = value.trunc());
        }
        if let Some(found) = float_lattice(&values) {
            let mut out = vec![0.0; values.len()];
            floats_of(&found.places, found.step, found.divisor, &mut out);
            prop_assert_eq!(bits(&out), bits(&values));
        }
    }

    #[test]
    fn whole_numbers_come_back(start in any::<i64>(), places in prop::collection::vec(-1_000_000_i64..1_000_000, 1..600), step in 1_i64..1_000_000_000) {
        let values: Vec<i64> = places.iter().map(|place| start.wrapping_add(place * step)).collect();
        if let Some(found) = int_lattice(&values) {
            prop_assert!(found.step % step == 0 || found.places.iter().all(|place| *place == 0), "the lattice is as coarse as the one given");
            let mut out = vec![0; values.len()];
            ints_of(&found.places, found.step, found.start, &mut out);
            prop_assert_eq!(out, values);
        } else {
            prop_assert!(values.iter().max().unwrap().checked_sub(*values.iter().min().unwrap()).is_none_or(|span| span >= 1 << 51));
        }
    }
}

#[test]
fn nothing_and_what_is_no_number_has_no_lattice() {
    assert!(int_lattice(&[]).is_none() && int_lattice(&[i64::MIN, i64::MAX]).is_none());
    for value in [f64::NAN, f64::INFINITY, 1.0 / 3.0, -0.0, 1e300] {
        assert!(float_lattice(&[1.0, value]).is_none(), "{value}");
    }
    let mut late = vec![10.0; 1000];
    late[900] = 7.0;
    assert_eq!(float_lattice(&late).unwrap().step, 1);
    late[950] = 0.125;
    assert_eq!(float_lattice(&late).unwrap().divisor, 1000.0);
}
