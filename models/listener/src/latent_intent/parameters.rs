//! Where every parameter lies: one flat slice of numbers, names and shapes beside it.
//!
//! The network itself holds no numbers. A forward pass borrows a slice of values, a backward pass adds into a slice
//! of gradients of the same layout, and the optimiser walks both; so weights, gradients and moments are
//! saved, compared and summed as plain slices in a fixed order.

use clips::Chance;

/// A parameter's place in the flat slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    start: usize,
    length: usize,
}

impl Slot {
    /// The parameter's values.
    pub fn of<T>(self, all: &[T]) -> &[T] {
        &all[self.start..self.start + self.length]
    }

    /// The parameter's values, to change.
    pub fn of_mut<T>(self, all: &mut [T]) -> &mut [T] {
        &mut all[self.start..self.start + self.length]
    }
}

/// How a parameter starts, and whether it decays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// A matrix, normal with this standard deviation; the only kind that decays.
    Matrix(f64),
    /// An embedding or learned vector, normal with this standard deviation.
    Vector(f64),
    /// All equal.
    Constant(f64),
}

/// Name, shape and place of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Key in the checkpoint.
    pub name: String,
    /// Shape; matrices are `[out, in]`.
    pub shape: Vec<usize>,
    /// Place.
    pub slot: Slot,
    /// First values.
    pub start: Start,
}

/// All parameters of a network, in the order in which it was built.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    entries: Vec<Entry>,
    total: usize,
}

impl Layout {
    /// Adds a parameter.
    pub fn add(&mut self, name: impl Into<String>, shape: &[usize], start: Start) -> Slot {
        let slot = Slot { start: self.total, length: shape.iter().product() };
        self.total += slot.length;
        self.entries.push(Entry { name: name.into(), shape: shape.to_vec(), slot, start });
        slot
    }

    /// All parameters.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Number of values in all.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The first values of every parameter, drawn from the seed and the parameter's name.
    pub fn first_values(&self, seed: u64) -> Vec<f32> {
        let mut values = vec![0.0; self.total];
        for entry in &self.entries {
            entry.draw(seed, entry.slot.of_mut(&mut values));
        }
        values
    }
}

impl Entry {
    /// Fills `values` with the first values of this parameter.
    pub fn draw(&self, seed: u64, values: &mut [f32]) {
        match self.start {
            Start::Constant(value) => values.fill(value as f32),
            Start::Matrix(deviation) | Start::Vector(deviation) => {
                let mut chance = Chance::new(seed, &format!("parameter {}", self.name), &[]);
                values.iter_mut().for_each(|value| *value = (chance.normal() * deviation) as f32);
            }
        }
    }
}
