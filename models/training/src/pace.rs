//! Time spent training, and how fast it goes. Told to people, never to the weights.

use std::collections::VecDeque;
use std::time::Instant;

/// Steps over which reported losses and the pace are averaged.
pub(crate) const AVERAGED: usize = 20;

/// A watch that runs while steps are taken.
pub(crate) struct Pace {
    spent: f64,
    begun: Instant,
    last: VecDeque<Instant>,
}

impl Pace {
    /// Goes on from so many seconds.
    pub(crate) fn new(spent: f64) -> Self {
        Self { spent, begun: Instant::now(), last: VecDeque::new() }
    }

    /// Seconds in all.
    pub(crate) fn seconds(&self) -> f64 {
        self.spent + self.begun.elapsed().as_secs_f64()
    }

    /// A step is done.
    pub(crate) fn step(&mut self) {
        self.last.push_back(Instant::now());
        if self.last.len() > AVERAGED + 1 {
            self.last.pop_front();
        }
    }

    /// Seconds a step took lately, with all that is done between steps.
    pub(crate) fn of_step(&self) -> Option<f64> {
        let (first, last) = (self.last.front()?, self.last.back()?);
        (self.last.len() > 2).then(|| (*last - *first).as_secs_f64() / (self.last.len() - 1) as f64)
    }
}
