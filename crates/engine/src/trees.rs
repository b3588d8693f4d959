//! Flattened regression trees, walked as `tickcast.scales.forest` does.

use serde::Deserialize;

/// The sum of trees, added in order from 0. Children are numbered above their node, so every walk ends; -1 - i names leaf i.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trees {
    roots: Vec<i64>,
    feature: Vec<usize>,
    threshold: Vec<f64>,
    left: Vec<i64>,
    right: Vec<i64>,
    default_left: Vec<bool>,
    value: Vec<f64>,
}

impl Trees {
    /// Err when an index points nowhere or back, or a value is not finite.
    pub fn check(&self, columns: usize) -> Result<(), String> {
        let (nodes, leaves) = (self.feature.len(), self.value.len());
        let lengths = [self.threshold.len(), self.left.len(), self.right.len(), self.default_left.len()];
        if lengths.iter().any(|length| *length != nodes) {
            return Err("the arrays of a forest differ in length".into());
        }
        let inside = |to: i64, above: i64| to > above && to < nodes as i64 || to < 0 && to >= -(leaves as i64);
        let children = self.left.iter().zip(&self.right).enumerate();
        let sound = self.roots.iter().all(|root| inside(*root, -1))
            && children.into_iter().all(|(i, (l, r))| inside(*l, i as i64) && inside(*r, i as i64))
            && self.feature.iter().all(|k| *k < columns)
            && self.threshold.iter().all(|x| !x.is_nan())
            && self.value.iter().all(|x| x.is_finite());
        if sound {
            Ok(())
        } else {
            Err("a tree points nowhere or back, or holds a value that is not finite".into())
        }
    }

    /// The sum for one row of features.
    pub fn evaluate(&self, row: &[f64]) -> f64 {
        self.roots.iter().fold(0.0, |sum, root| {
            let mut at = *root;
            while at >= 0 {
                let node = at as usize;
                let x = row[self.feature[node]];
                let left = if x.is_nan() {
                    self.default_left[node]
                } else {
                    x <= self.threshold[node]
                };
                at = if left { self.left[node] } else { self.right[node] };
            }
            sum + self.value[(-1 - at) as usize]
        })
    }
}
