//! AdamW with its state in the open, clipping by the global norm, and a cosine schedule with warm-up.

use std::ops::Range;

use listener::latent_intent::parameters::{Layout, Start};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Decay rates of the two moments.
const BETAS: (f64, f64) = (0.9, 0.95);
const EPSILON: f64 = 1e-8;
/// Values that a thread works on at a time. Tens of millions of parameters are slow on one.
const PIECE: usize = 1 << 15;

/// The optimiser's state, in the layout of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    /// First moments.
    pub first: Vec<f32>,
    /// Second moments.
    pub second: Vec<f32>,
    /// Steps taken.
    pub steps: u64,
}

impl AdamW {
    /// Before the first step.
    pub fn new(parameters: usize) -> Self {
        Self { first: vec![0.0; parameters], second: vec![0.0; parameters], steps: 0 }
    }

    /// One step; only matrices decay.
    pub fn step(&mut self, layout: &Layout, values: &mut [f32], gradient: &[f32], rate: f64, decay: f64) {
        self.steps += 1;
        let (matrices, rest) = (Rule::new(rate, decay), Rule::new(rate, 0.0));
        for entry in layout.entries() {
            let rule = if matches!(entry.start, Start::Matrix(_)) { &matrices } else { &rest };
            let (first, second) = (entry.slot.of_mut(&mut self.first), entry.slot.of_mut(&mut self.second));
            rule.apply(self.steps, entry.slot.of_mut(values), entry.slot.of(gradient), first, second);
        }
    }

    /// One step of the values in these places, all of which decay; the others stay, as parameters without a gradient
    /// do in PyTorch.
    pub fn step_in(&mut self, rule: &Rule, places: &[Range<usize>], values: &mut [f32], gradient: &[f32]) {
        self.steps += 1;
        for place in places {
            let (first, second) = (&mut self.first[place.clone()], &mut self.second[place.clone()]);
            rule.apply(self.steps, &mut values[place.clone()], &gradient[place.clone()], first, second);
        }
    }
}

/// How weights are drawn towards 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Of the weights themselves, by rate times decay: PyTorch's `AdamW`.
    Decoupled,
    /// By a term in the gradient, which the moments then see: PyTorch's `Adam` with `weight_decay`.
    L2,
}

/// What one step does.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Learning rate.
    pub rate: f64,
    /// Weight decay.
    pub decay: f64,
    /// How it acts.
    pub kind: Decay,
    /// Decay rates of the two moments.
    pub betas: (f64, f64),
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Rule {
    /// The rule of the paper's own model.
    pub fn new(rate: f64, decay: f64) -> Self {
        Self { rate, decay, kind: Decay::Decoupled, betas: BETAS, epsilon: EPSILON }
    }

    /// Step number `steps`, from 1, of one piece.
    fn apply(&self, steps: u64, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let count = steps.min(1 << 20) as i32;
        let (corrected1, corrected2) = (1.0 - self.betas.0.powi(count), 1.0 - self.betas.1.powi(count));
        let step = (self.rate / corrected1) as f32;
        let root = (1.0 / corrected2) as f32;
        let (b1, b2, epsilon) = (self.betas.0 as f32, self.betas.1 as f32, self.epsilon as f32);
        let (keep, pull) = match self.kind {
            Decay::Decoupled => ((1.0 - self.rate * self.decay) as f32, 0.0),
            Decay::L2 => (1.0, self.decay as f32),
        };
        let values = values.par_chunks_mut(PIECE).zip(gradient.par_chunks(PIECE));
        let moments = first.par_chunks_mut(PIECE).zip(second.par_chunks_mut(PIECE));
        values.zip(moments).for_each(|((values, gradient), (first, second))| {
            for i in 0..values.len() {
                let slope = gradient[i] + pull * values[i];
                first[i] = b1 * first[i] + (1.0 - b1) * slope;
                second[i] = b2 * second[i] + (1.0 - b2) * slope * slope;
                values[i] = values[i] * keep - step * first[i] / ((second[i] * root).sqrt() + epsilon);
            }
        });
    }
}

/// Scales the gradient to at most `limit`; returns its norm before.
pub fn clip(gradient: &mut [f32], limit: f64) -> f64 {
    let square = |piece: &[f32]| piece.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    // Added piece by piece in their order, whatever the number of threads.
    let sums: Vec<f64> = gradient.par_chunks(PIECE).map(square).collect();
    let norm = sums.iter().sum::<f64>().sqrt();
    if norm > limit {
        let scale = (limit / norm) as f32;
        gradient.par_iter_mut().with_min_len(PIECE).for_each(|x| *x *= scale);
    }
    norm
}

/// One step of the moving average of the weights after `steps` steps: early on it forgets faster, `min(decay,
/// (1 + steps) / (10 + steps))`, so that it does not keep the first values for thousands of steps.
pub fn follow(average: &mut [f32], values: &[f32], decay: f64, steps: u64) {
    let steps = steps as f64;
    let share = (1.0 - decay.min((1.0 + steps) / (10.0 + steps))) as f32;
    average.par_iter_mut().zip(values).with_min_len(PIECE).for_each(|(average, value)| {
        *average += share * (value - *average);
    });
}

/// Learning rate of step `step` (from 0) of `steps`: linear warm-up, then a cosine from `peak` to `last * peak`.
pub fn rate(step: usize, steps: usize, warmup: usize, peak: f64, last: f64) -> f64 {
    if step < warmup {
        return peak * (step + 1) as f64 / warmup as f64;
    }
    let done = (step - warmup) as f64 / steps.saturating_sub(warmup).max(1) as f64;
    peak * (last + (1.0 - last) * 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: (f64, f64) = (0.854_466_298_687_884_6, 0.854_441_367_461_762_5);

    #[test]
    fn a_step_is_the_published_one_and_only_matrices_decay() {
        let mut layout = Layout::default();
        layout.add("w", &[1, 1], Start::Matrix(1.0));
        layout.add("b", &[1], Start::Constant(0.0));
        let mut values = vec![1.0, 1.0];
        let mut adam = AdamW::new(2);
        adam.step(&layout, &mut values, &[0.5, -0.5], 0.1, 0.01);
        // the first step moves by the rate in the gradient's direction
        assert!(
            (values[0] - (1.0 - 0.001 - 0.1)).abs() < 1e-5 && (values[1] - 1.1).abs() < 1e-5,
            "{values:?}"
        );
    }

    #[test]
    fn both_kinds_of_decay_are_those_of_pytorch() {
        // second source: torch.optim.AdamW and Adam(weight_decay) in f64, w = 1, gradients 0.5 then -0.25, rate 0.1,
        // decay 0.1, betas 0.9 and 0.999
        for (kind, wanted) in [(Decay::Decoupled, WANTED.0), (Decay::L2, WANTED.1)] {
            let rule = Rule { rate: 0.1, decay: 0.1, kind, betas: (0.9, 0.999), epsilon: 1e-8 };
            let (mut values, mut adam) = (vec![7.0, 1.0], AdamW::new(2));
            let learned = std::slice::from_ref(&(1..2));
            for gradient in [0.5, -0.25] {
                adam.step_in(&rule, learned, &mut values, &[9.0, gradient]);
            }
            assert!((f64::from(values[1]) - wanted).abs() < 1e-6, "{kind:?}: {values:?}");
            assert_eq!(values[0], 7.0, "what is not named stays");
        }
    }

    #[test]
    fn the_average_follows_quickly_at_first_and_slowly_later() {
        let mut average = vec![0.0];
        follow(&mut average, &[1.0], 0.999, 1);
        assert!((average[0] - 9.0 / 11.0).abs() < 1e-6, "{average:?}");
        let mut late = vec![0.0];
        follow(&mut late, &[1.0], 0.999, 1_000_000);
        assert!((late[0] - 0.001).abs() < 1e-6, "{late:?}");
        // a value that stays is reached, and kept exactly
        (0..200).for_each(|step| follow(&mut average, &[1.0], 0.9, step));
        assert!((average[0] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_rate_rises_then_falls_to_its_last_share() {
        assert!(rate(0, 100, 10, 1.0, 0.05) < 0.11 && (rate(9, 100, 10, 1.0, 0.05) - 1.0).abs() < 1e-12);
        assert!((rate(100, 100, 10, 1.0, 0.05) - 0.05).abs() < 1e-9);
        let mut gradient = vec![3.0, 4.0];
        assert_eq!(clip(&mut gradient, 1.0), 5.0);
        assert!((gradient[0] - 0.6).abs() < 1e-6);
    }
}
