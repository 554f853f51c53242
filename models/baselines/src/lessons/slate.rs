//! A network's tensors as one slice: what the run folder saves and the optimiser moves.

use std::ops::Range;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor};

use crate::parameters::{Parameters, Source, Start};

/// All tensors of a network, in the order of their names; learned ones and carried ones.
#[derive(Debug, Clone, Default)]
pub struct Slate {
    parameters: Parameters,
}

impl Slate {
    /// The tensors of a network on the processor.
    pub fn new(parameters: Parameters) -> Self {
        Self { parameters }
    }

    /// The tensors.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Numbers in all.
    pub fn len(&self) -> usize {
        self.parameters.iter().map(|(_, one)| one.value.elem_count()).sum()
    }

    /// Whether there is nothing on it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn read(&self) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(self.len());
        for (_, one) in self.parameters.iter() {
            all.extend(one.value.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?);
        }
        Ok(all)
    }

    /// Sets the values.
    ///
    /// # Errors
    /// When there are not as many.
    pub fn write(&self, values: &[f32]) -> Result<()> {
        if values.len() != self.len() {
            candle_core::bail!("{} values for {} numbers", values.len(), self.len());
        }
        let mut rest = values;
        for (_, one) in self.parameters.iter() {
            let (own, others) = rest.split_at(one.value.elem_count());
            one.value.set(&Tensor::from_slice(own, one.value.dims(), &Device::Cpu)?)?;
            rest = others;
        }
        Ok(())
    }

    /// The gradient as long as the values, and the places of the tensors that have one.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn gradient(&self, store: &GradStore) -> Result<(Vec<f32>, Vec<Range<usize>>)> {
        let (mut all, mut places) = (vec![0.0; self.len()], Vec::new());
        let mut first = 0;
        for (_, one) in self.parameters.iter() {
            let place = first..first + one.value.elem_count();
            first = place.end;
            let found = if one.trained { store.get(&one.value) } else { None };
            if let Some(gradient) = found {
                all[place.clone()].copy_from_slice(&gradient.flatten_all()?.to_vec1::<f32>()?);
                places.push(place);
            }
        }
        Ok((all, places))
    }

    /// The place of the first number of a tensor.
    pub fn place(&self, name: &str) -> Option<usize> {
        let mut first = 0;
        for (known, one) in self.parameters.iter() {
            if known == name {
                return Some(first);
            }
            first += one.value.elem_count();
        }
        None
    }

    /// The values of tensors that are carried along, by first place.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn carried(&self) -> Result<Vec<(usize, Vec<f32>)>> {
        let (mut all, mut first) = (Vec::new(), 0);
        for (_, one) in self.parameters.iter() {
            if !one.trained {
                all.push((first, one.value.flatten_all()?.to_vec1::<f32>()?));
            }
            first += one.value.elem_count();
        }
        Ok(all)
    }
}

/// The tensors as a source, to make another network of them.
pub struct Copied<'a>(pub &'a Parameters);

impl Source for Copied<'_> {
    fn values(&mut self, name: &str, shape: &[usize], _: Start) -> std::result::Result<Vec<f32>, String> {
        let found = self.0.get(name).ok_or("it is missing")?;
        if found.dims() != shape {
            return Err(format!("its shape is {:?}, it must be {shape:?}", found.dims()));
        }
        let values = || found.flatten_all()?.to_vec1::<f32>();
        values().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{Fresh, build};

    #[test]
    fn values_come_back_and_only_what_is_in_the_loss_is_touched() {
        let ((b, _), parameters) = build(&mut Fresh { seed: 1 }, |scope| {
            scope.buffer("a", &[2], Start::Constant(3.0))?;
            let b = scope.tensor("b", &[2], Start::Constant(1.0))?;
            Ok((b, scope.tensor("c", &[1], Start::Constant(5.0))?))
        })
        .unwrap();
        let slate = Slate::new(parameters);
        assert_eq!(slate.read().unwrap(), [3.0, 3.0, 1.0, 1.0, 5.0]);
        slate.write(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert!(slate.write(&[1.0]).is_err());
        let store = b.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let (gradient, touched) = slate.gradient(&store).unwrap();
        assert_eq!(gradient, [0.0, 0.0, 6.0, 8.0, 0.0]);
        assert_eq!((touched.len(), touched[0].clone()), (1, 2..4));
        assert_eq!(slate.carried().unwrap(), [(0, vec![1.0, 2.0])]);
        assert_eq!((slate.place("b"), slate.place("c"), slate.place("d")), (Some(2), Some(4), None));
    }
}
