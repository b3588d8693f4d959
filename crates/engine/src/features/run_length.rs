//! Bayesian online change-point detection: how long the present run of equal mean and variance has lasted (Adams & MacKay 2007).

use super::error::EngineError;
use super::fitted::{Learned, Model};
use super::math::{exp, ln};
use super::tape::Tape;

const MAX_ROWS: usize = 5000;
/// Less probability than this is none: it keeps products clear of numbers that the processor computes slowly and inexactly.
const NOTHING: f64 = 1e-280;

/// Outputs of the model.
const EXPECTED: usize = 0;
const CHANGED: usize = 1;

/// Constants of a run of `h` rows: degrees `alpha = alpha0 + h/2`, weight `kappa = kappa0 + h` of a normal-inverse-gamma posterior.
#[derive(Clone, Copy)]
struct Degrees {
    alpha: f64,
    /// `2 (kappa + 1) / kappa`: times beta it is the squared width of the predictive Student t.
    widen: f64,
    /// `ln(gamma(alpha + 1/2) / gamma(alpha))`; what all runs share is left out.
    peak: f64,
    /// `1 / (kappa + 1)` and `kappa / (2 (kappa + 1))`: how far a row moves the mean, and beta.
    gain: f64,
    spread: f64,
}

/// A run's mean and beta.
#[derive(Clone, Copy, Default)]
struct Run {
    mean: f64,
    beta: f64,
}

/// Slot `l` holds the probability that the present run has `l + 1` rows, and the posterior of a run of the last `l + 1` rows.
///
/// The last slot stands for all longer runs as well and looks back on `longest` rows, so nothing older than that is remembered.
pub(super) struct RunLength {
    prior: Run,
    hazard: f64,
    degrees: Vec<Degrees>,
    probability: Vec<f64>,
    run: Vec<Run>,
    weight: Vec<f64>,
    seen: u64,
}

impl RunLength {
    pub fn new(learned: &mut Learned<'_>) -> Result<Self, EngineError> {
        let longest = learned.size(MAX_ROWS)?;
        let (hazard, kappa, alpha, beta, ratio) = (
            learned.positive()?,
            learned.positive()?,
            learned.positive()?,
            learned.positive()?,
            learned.positive()?,
        );
        if hazard >= 1.0 {
            return Err(learned.refuse("has a hazard of 1 or more"));
        }
        let mut degrees = Vec::with_capacity(longest + 1);
        let (mut kappa, mut alpha, mut ratio) = (kappa, alpha, ratio);
        for _ in 0..=longest {
            degrees.push(Degrees {
                alpha,
                widen: 2.0 * (kappa + 1.0) / kappa,
                peak: ln(ratio),
                gain: 1.0 / (kappa + 1.0),
                spread: kappa / (2.0 * (kappa + 1.0)),
            });
            // gamma(a + 1) = a gamma(a), so the ratio at a + 1/2 follows from the one at a
            ratio = alpha / ratio;
            alpha += 0.5;
            kappa += 1.0;
        }
        Ok(Self {
            prior: Run { mean: 0.0, beta },
            hazard,
            degrees,
            probability: vec![0.0; longest],
            run: vec![Run::default(); longest],
            weight: vec![0.0; longest + 1],
            seen: 0,
        })
    }

    /// Runs that have a probability: as many as rows seen.
    fn alive(&self) -> usize {
        usize::try_from(self.seen).unwrap_or(usize::MAX).min(self.run.len())
    }
}

/// Logarithm of the predictive density of `z` after a run, up to what all runs share.
#[inline(always)]
fn predictive(run: Run, own: Degrees, z: f64) -> f64 {
    let d = z - run.mean;
    let width = own.widen * run.beta;
    own.peak + own.alpha * ln(width) - (own.alpha + 0.5) * ln(width + d * d)
}

#[inline(always)]
fn after(run: Run, own: Degrees, z: f64) -> Run {
    let d = z - run.mean;
    Run {
        mean: run.mean + own.gain * d,
        beta: run.beta + own.spread * (d * d),
    }
}

/// Turn log densities into weights of the same scale, the best one being 1. A run without probability has no say in the scale.
#[inline(always)]
fn weigh(weight: &mut [f64], run: &[Run], degrees: &[Degrees], probability: &[f64], z: f64) {
    for (((weight, run), own), p) in weight.iter_mut().zip(run).zip(degrees).zip(probability) {
        let value = predictive(*run, *own, z);
        *weight = if *p > 0.0 { value } else { f64::NEG_INFINITY };
    }
}

#[inline(always)]
fn raise(weight: &mut [f64], best: f64) {
    for weight in weight {
        *weight = exp(*weight - best);
    }
}

/// The same code for 256-bit vectors: the bits do not change.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn weigh_avx2(weight: &mut [f64], run: &[Run], degrees: &[Degrees], probability: &[f64], z: f64) {
    weigh(weight, run, degrees, probability, z);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn raise_avx2(weight: &mut [f64], best: f64) {
    raise(weight, best);
}

impl RunLength {
    /// `weight[h]`: relative density of `z` after a run of `h` rows.
    fn densities(&mut self, alive: usize, z: f64) {
        let (first, rest) = self.weight.split_at_mut(1);
        first[0] = predictive(self.prior, self.degrees[0], z);
        let (rest, run, degrees, p) = (
            &mut rest[..alive],
            &self.run[..alive],
            &self.degrees[1..=alive],
            &self.probability[..alive],
        );
        #[cfg(target_arch = "x86_64")]
        let wide = std::arch::is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        let wide = false;
        #[cfg(target_arch = "x86_64")]
        if wide {
            // SAFETY: the processor has just said that it knows AVX2.
            unsafe { weigh_avx2(rest, run, degrees, p, z) };
        }
        if !wide {
            weigh(rest, run, degrees, p, z);
        }
        let all = &mut self.weight[..=alive];
        let best = all.iter().fold(f64::NEG_INFINITY, |best, w| if *w > best { *w } else { best });
        #[cfg(target_arch = "x86_64")]
        if wide {
            // SAFETY: as above.
            unsafe { raise_avx2(all, best) };
        }
        if !wide {
            raise(all, best);
        }
    }
}

impl Model for RunLength {
    fn outputs(&self) -> usize {
        2
    }

    fn take(&mut self, z: &[f64]) {
        let (z, alive, longest) = (z[0], self.alive(), self.run.len());
        self.densities(alive, z);
        let mut total = 0.0;
        let mut kept = 0.0;
        let grown = (alive + 1).min(longest);
        if alive == longest {
            kept = (1.0 - self.hazard) * self.probability[longest - 1] * self.weight[longest];
        }
        for l in (1..grown).rev() {
            let p = (1.0 - self.hazard) * self.probability[l - 1] * self.weight[l] + kept;
            kept = 0.0;
            self.probability[l] = p;
            self.run[l] = after(self.run[l - 1], self.degrees[l], z);
            total += p;
        }
        // the first row of all begins a run for certain
        let begins = if alive == 0 { 1.0 } else { self.hazard };
        self.probability[0] = begins * self.weight[0] + kept;
        self.run[0] = after(self.prior, self.degrees[0], z);
        total += self.probability[0];
        for p in &mut self.probability[..grown] {
            *p /= total;
            *p = if *p < NOTHING { 0.0 } else { *p };
        }
        self.seen = self.seen.saturating_add(1);
    }

    fn read(&self, part: usize, within: usize) -> f64 {
        let p = &self.probability[..self.alive()];
        match part {
            EXPECTED => p.iter().zip(1..).fold(0.0, |sum, (p, l)| sum + p * f64::from(l)),
            CHANGED if self.seen > within as u64 => p.iter().take(within).sum(),
            _ => f64::NAN,
        }
    }

    fn reset(&mut self) {
        self.seen = 0;
        self.probability.fill(0.0);
        self.run.fill(Run::default());
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.u64(&mut self.seen)?;
        tape.values(&mut self.probability)?;
        self.run.iter_mut().try_for_each(|run| {
            tape.f64(&mut run.mean)?;
            tape.f64(&mut run.beta)
        })
    }
}
