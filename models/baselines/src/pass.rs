//! What one forward pass is for: evaluation or training, and what is noted on the way.
//!
//! Randomness of training (dropout) comes from a [`Chance`] that the caller seeds for the step, so a step gives the
//! same numbers whoever runs it. Noise that belongs to a model (latent draws, diffusion noise) is an argument of
//! the model, not part of a pass.

use std::cell::RefCell;

use candle_core::{DType, Result, Tensor};
use clips::Chance;

use crate::layers::pointwise::times_constant;

/// Context of a forward pass.
#[derive(Debug, Default)]
pub struct Pass {
    dropout: Option<RefCell<Chance>>,
    notes: Option<RefCell<Vec<(String, Tensor)>>>,
}

impl Pass {
    /// No dropout, stored statistics.
    pub fn evaluation() -> Self {
        Self::default()
    }

    /// Dropout drawn from `chance`, statistics of the batch.
    pub fn training(chance: Chance) -> Self {
        Self { dropout: Some(RefCell::new(chance)), notes: None }
    }

    /// Keeps what blocks note, for goldens and for looking inside.
    #[must_use]
    pub fn noting(mut self) -> Self {
        self.notes = Some(RefCell::default());
        self
    }

    /// Whether the network is being trained.
    pub fn is_training(&self) -> bool {
        self.dropout.is_some()
    }

    /// Whether what blocks note is kept.
    pub fn is_noting(&self) -> bool {
        self.notes.is_some()
    }

    /// Notes a tensor under a name; does nothing unless the pass is noting.
    pub fn note(&self, name: &str, tensor: &Tensor) {
        if let Some(notes) = &self.notes {
            notes.borrow_mut().push((name.to_owned(), tensor.clone()));
        }
    }

    /// Everything noted under a name, in order.
    pub fn noted(&self, name: &str) -> Vec<Tensor> {
        let notes = self.notes.iter().flat_map(|notes| notes.borrow().clone());
        notes.filter(|(noted, _)| noted == name).map(|(_, tensor)| tensor).collect()
    }

    /// Dropout with this probability: zeros, and the rest scaled so that the mean stays.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn drop(&self, x: &Tensor, probability: f64) -> Result<Tensor> {
        let Some(chance) = self.dropout.as_ref().filter(|_| probability > 0.0) else { return Ok(x.clone()) };
        let kept = (1.0 / (1.0 - probability)) as f32;
        let mut dropped = vec![false; x.elem_count()];
        chance.borrow_mut().happen(probability, &mut dropped);
        let mask: Vec<f32> = dropped.iter().map(|dropped| if *dropped { 0.0 } else { kept }).collect();
        times_constant(x, &Tensor::from_vec(mask, x.dims(), x.device())?.to_dtype(x.dtype())?)
    }
}

/// Standard normal noise of a shape, the way every model here takes it.
///
/// # Errors
/// Of the tensor library.
pub fn normal(chance: &mut Chance, shape: &[usize], element: DType) -> Result<Tensor> {
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| chance.normal()).collect();
    Tensor::from_vec(values, shape, &candle_core::Device::Cpu)?.to_dtype(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_keeps_the_mean_and_is_repeatable() {
        let x = Tensor::ones((100, 100), DType::F32, &candle_core::Device::Cpu).unwrap();
        let of = |seed| Pass::training(Chance::new(seed, "dropout", &[])).drop(&x, 0.25).unwrap();
        let values = of(1).flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values, of(1).flatten_all().unwrap().to_vec1::<f32>().unwrap());
        assert!(values.iter().all(|v| *v == 0.0 || (*v - 4.0 / 3.0).abs() < 1e-6));
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        let same = Pass::evaluation().drop(&x, 0.25).unwrap();
        assert_eq!(same.to_vec2::<f32>().unwrap(), x.to_vec2::<f32>().unwrap());
    }
}
