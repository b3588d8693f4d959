//! Bayesian online change-point detection: how long the present run of equal mean and variance has lasted (Adams & MacKay 2007).

use super::error::EngineError;
use super::fitted::{Learned, Model};
use super::math::{exp, ln};
use super::tape::Tape;
use super::vector::{Work, widest};

const MAX_ROWS: usize = 5000;
/// Less probability than this is none: it keeps products clear of numbers that the processor computes slowly and inexactly.
const NOTHING: f64 = 1e-280;

/// Outputs of the model.
const EXPECTED: usize = 0;
const CHANGED: usize = 1;

/// Columns of a posterior by the number of rows of the run, `h`: degrees `alpha0 + h/2`, weight `kappa = kappa0 + h`.
#[derive(Default)]
struct Degrees {
    /// `alpha + 1/2`.
    power: Vec<f64>,
    /// `2 (kappa + 1) / kappa`: times beta it is the squared width of the predictive Student t.
    widen: Vec<f64>,
    /// `gamma(alpha + 1/2) / gamma(alpha)`; what all runs share is left out of a density.
    peak: Vec<f64>,
    /// `1 / (kappa + 1)` and `kappa / (2 (kappa + 1))`: how far a row moves the mean, and beta.
    gain: Vec<f64>,
    spread: Vec<f64>,
    /// Rows after one more.
    rows: Vec<f64>,
}

/// Runs by their number of rows: place 0 is a run that has none yet, the prior; place `l` is a run of the last `l` rows.
#[derive(Default)]
struct Runs {
    probability: Vec<f64>,
    mean: Vec<f64>,
    beta: Vec<f64>,
}

impl Runs {
    fn new(places: usize, beta: f64) -> Self {
        let mut made = Self {
            probability: vec![0.0; places],
            mean: vec![0.0; places],
            beta: vec![0.0; places],
        };
        made.clear(beta);
        made
    }

    fn clear(&mut self, beta: f64) {
        self.probability.fill(0.0);
        self.probability[0] = 1.0;
        self.mean.fill(0.0);
        self.beta.fill(beta);
    }
}

/// The probability of every length of the present run. Place 0 holds that the next row begins a run: 1 at the start, then the hazard.
///
/// The last place stands for all longer runs as well and looks back on `longest` rows, so nothing older than that is remembered.
pub(super) struct RunLength {
    hazard: f64,
    prior: f64,
    degrees: Degrees,
    runs: Runs,
    next: Runs,
    weight: Vec<f64>,
    expected: f64,
    seen: u64,
}

impl RunLength {
    pub fn new(learned: &mut Learned<'_>) -> Result<Self, EngineError> {
        let longest = learned.size(MAX_ROWS)?;
        let (hazard, mut kappa, mut alpha) = (learned.positive()?, learned.positive()?, learned.positive()?);
        let (prior, mut ratio) = (learned.positive()?, learned.positive()?);
        if hazard >= 1.0 {
            return Err(learned.refuse("has a hazard of 1 or more"));
        }
        let mut degrees = Degrees::default();
        for h in 1..=longest + 1 {
            degrees.rows.push(h as f64);
            degrees.power.push(alpha + 0.5);
            degrees.widen.push(2.0 * (kappa + 1.0) / kappa);
            degrees.peak.push(ratio);
            degrees.gain.push(1.0 / (kappa + 1.0));
            degrees.spread.push(kappa / (2.0 * (kappa + 1.0)));
            // gamma(a + 1) = a gamma(a), so the ratio at a + 1/2 follows from the one at a
            ratio = alpha / ratio;
            alpha += 0.5;
            kappa += 1.0;
        }
        Ok(Self {
            hazard,
            prior,
            degrees,
            runs: Runs::new(longest + 1, prior),
            next: Runs::new(longest + 1, prior),
            weight: vec![0.0; longest + 1],
            expected: f64::NAN,
            seen: 0,
        })
    }

    fn longest(&self) -> usize {
        self.weight.len() - 1
    }

    /// Places that have a probability: the prior's, and as many as rows seen.
    fn alive(&self) -> usize {
        usize::try_from(self.seen).unwrap_or(usize::MAX).min(self.longest()) + 1
    }

    #[inline(always)]
    fn advance(&mut self, z: f64) {
        let (alive, longest) = (self.alive(), self.longest());
        densities(&mut self.weight[..alive], &self.runs, &self.degrees, z);
        // a run grows by the row; the longest stay where they are
        let kept = if alive > longest {
            self.weight[longest] * self.runs.probability[longest]
        } else {
            0.0
        };
        let grown = alive.min(longest);
        let (p, w, mean, beta) = (
            &self.runs.probability[..grown],
            &self.weight[..grown],
            &self.runs.mean[..grown],
            &self.runs.beta[..grown],
        );
        let (gain, spread) = (&self.degrees.gain[..grown], &self.degrees.spread[..grown]);
        let next = &mut self.next;
        let (next_p, next_mean, next_beta) = (
            &mut next.probability[1..=grown],
            &mut next.mean[1..=grown],
            &mut next.beta[1..=grown],
        );
        for i in 0..grown {
            let d = z - mean[i];
            next_p[i] = p[i] * w[i];
            next_mean[i] = mean[i] + gain[i] * d;
            next_beta[i] = beta[i] + spread[i] * (d * d);
        }
        next_p[grown - 1] += kept;
        let share = (1.0 - self.hazard) / total(&next.probability[1..=grown]);
        let rows = &self.degrees.rows[..grown];
        let (p, product) = (&mut next.probability[1..=grown], &mut self.weight[..grown]);
        for i in 0..grown {
            let scaled = p[i] * share;
            p[i] = if scaled < NOTHING { 0.0 } else { scaled };
            product[i] = p[i] * rows[i];
        }
        self.expected = total(product) / (1.0 - self.hazard);
        next.probability[0] = self.hazard;
        std::mem::swap(&mut self.runs, &mut self.next);
        self.seen = self.seen.saturating_add(1);
    }
}

/// Relative densities of `z` after each run, of a scale at which the likeliest are about 1.
///
/// A density is `peak / sqrt(width) * (1 + d^2 / width)^-(alpha + 1/2)`. A run without probability has no say in the scale.
#[inline(always)]
fn densities(weight: &mut [f64], runs: &Runs, degrees: &Degrees, z: f64) {
    let n = weight.len();
    let (mean, beta, p) = (&runs.mean[..n], &runs.beta[..n], &runs.probability[..n]);
    let (power, widen, peak) = (&degrees.power[..n], &degrees.widen[..n], &degrees.peak[..n]);
    for i in 0..n {
        let d = z - mean[i];
        let value = -power[i] * ln(1.0 + d * d / (widen[i] * beta[i]));
        weight[i] = if p[i] > 0.0 { value } else { f64::NEG_INFINITY };
    }
    let best = strands(weight, f64::NEG_INFINITY, |best, w| if w > best { w } else { best });
    for i in 0..n {
        weight[i] = exp(weight[i] - best) * peak[i] / (widen[i] * beta[i]).sqrt();
    }
}

/// A fold in eight strands: their order is fixed, and a step of one need not wait for the others.
#[inline(always)]
fn strands(x: &[f64], start: f64, step: impl Fn(f64, f64) -> f64) -> f64 {
    let (eights, rest) = x.as_chunks::<8>();
    let mut made = [start; 8];
    for eight in eights {
        for (strand, x) in made.iter_mut().zip(eight) {
            *strand = step(*strand, *x);
        }
    }
    rest.iter().chain(&made).fold(start, |all, x| step(all, *x))
}

#[inline(always)]
fn total(x: &[f64]) -> f64 {
    strands(x, 0.0, |sum, x| sum + x)
}

/// A row for a model.
struct Next<'a>(&'a mut RunLength, f64);

impl Work for Next<'_> {
    #[inline(always)]
    fn run(self) {
        self.0.advance(self.1);
    }
}

impl Model for RunLength {
    fn outputs(&self) -> usize {
        2
    }

    fn take(&mut self, z: &[f64]) {
        widest(Next(self, z[0]));
    }

    fn read(&self, part: usize, within: usize) -> f64 {
        let p = &self.runs.probability[1..self.alive()];
        match part {
            EXPECTED => self.expected,
            CHANGED if self.seen > within as u64 => total(&p[..within.min(p.len())]) / (1.0 - self.hazard),
            _ => f64::NAN,
        }
    }

    fn reset(&mut self) {
        self.seen = 0;
        self.runs.clear(self.prior);
        self.next.clear(self.prior);
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.u64(&mut self.seen)?;
        tape.values(&mut self.runs.probability)?;
        tape.values(&mut self.runs.mean)?;
        tape.values(&mut self.runs.beta)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{CHANGED, EXPECTED, RunLength};
    use crate::features::fitted::{Learned, Model};
    use crate::features::tape::Tape;

    const LEARNED: [f64; 6] = [20.0, 0.02, 0.5, 3.0, 2.0, 1.661_675_562_4];

    fn made() -> RunLength {
        RunLength::new(&mut Learned::new(&LEARNED)).unwrap()
    }

    /// A stream that jumps at row 40, with prints from another world.
    fn rows() -> impl Iterator<Item = f64> {
        (0..100).map(|i: i32| match i {
            33 => 1000.0,
            34 => -1000.0,
            _ => f64::from((i * 7919) % 13) / 13.0 + if i < 40 { 0.0 } else { 4.0 },
        })
    }

    #[test]
    fn probabilities_add_up_to_one_and_a_jump_begins_a_run() {
        let mut model = made();
        for (i, z) in rows().enumerate() {
            model.take(&[z]);
            assert!(
                (model.runs.probability.iter().sum::<f64>() - 1.0).abs() < 1e-12 || i == 0,
                "row {i}"
            );
            let expected = model.read(EXPECTED, 0);
            assert!((1.0 - 1e-12..=20.0 + 1e-12).contains(&expected), "row {i}: {expected}");
            assert_eq!(model.read(CHANGED, 3).is_nan(), i < 3, "row {i}");
        }
        assert!(model.read(EXPECTED, 0) > 15.0);
        model.take(&[-4.0]);
        model.take(&[-4.1]);
        assert!(model.read(CHANGED, 3) > 0.99 && model.read(EXPECTED, 0) < 3.0);
    }

    #[test]
    fn a_restart_continues_and_a_reset_is_new() {
        let (mut whole, mut first, mut second) = (made(), made(), made());
        for (i, z) in rows().enumerate() {
            whole.take(&[z]);
            let model = if i < 50 { &mut first } else { &mut second };
            if i == 50 {
                let mut tape = Tape::Write(Vec::new());
                first.tape(&mut tape).unwrap();
                let Tape::Write(words) = tape else { unreachable!() };
                second.tape(&mut Tape::Read { words, at: 0 }).unwrap();
                second.take(&[z]);
            } else {
                model.take(&[z]);
            }
        }
        assert_eq!(whole.runs.probability, second.runs.probability);
        second.reset();
        for z in rows() {
            second.take(&[z]);
        }
        assert_eq!(whole.read(EXPECTED, 0).to_bits(), second.read(EXPECTED, 0).to_bits());
        assert_eq!(whole.runs.beta, second.runs.beta);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for i in 0..LEARNED.len() {
            let mut wrong = LEARNED;
            wrong[i] = -1.0;
            assert!(RunLength::new(&mut Learned::new(&wrong)).is_err(), "number {i}");
            assert!(RunLength::new(&mut Learned::new(&LEARNED[..i])).is_err(), "cut at {i}");
        }
        assert!(RunLength::new(&mut Learned::new(&[1e300, 0.02, 0.5, 3.0, 2.0, 1.6])).is_err());
    }
}
