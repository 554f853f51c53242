//! For tests: single operations against what they stand for, and against differences.

use candle_core::{DType, Device, Result, Tensor, Var};
use clips::Chance;

use crate::pass::normal;

/// A drawn variable.
pub fn draw(name: &str, shape: &[usize], element: DType) -> Var {
    Var::from_tensor(&normal(&mut Chance::new(1, name, &[]), shape, element).unwrap()).unwrap()
}

/// A function of tensors.
pub type Of<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Value and gradients, the result weighted so that no symmetry hides a fault.
fn all(inputs: &[Var], of: Of<'_>) -> Vec<Vec<f64>> {
    let tensors: Vec<Tensor> = inputs.iter().map(|x| x.as_tensor().clone()).collect();
    let y = of(&tensors).unwrap();
    let weights = normal(&mut Chance::new(2, "weights", &[]), y.dims(), y.dtype()).unwrap();
    let store = (&y * weights).unwrap().sum_all().unwrap().backward().unwrap();
    let gradients = inputs.iter().map(|x| numbers(store.get(x).unwrap()));
    std::iter::once(numbers(&y)).chain(gradients).collect()
}

/// Values and gradients of two functions are equal, but for rounding.
pub fn assert_same(inputs: &[Var], ours: Of<'_>, theirs: Of<'_>) {
    let tolerance = if inputs[0].dtype() == DType::F64 { 1e-11 } else { 2e-5 };
    for (index, (ours, theirs)) in all(inputs, ours).iter().zip(all(inputs, theirs)).enumerate() {
        assert_eq!(ours.len(), theirs.len());
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{index}: {a} {b}");
        }
    }
}

/// Gradients equal differences (inputs in `f64`).
pub fn assert_slopes(inputs: &[Var], of: Of<'_>) {
    let made = all(inputs, of);
    for (at, input) in inputs.iter().enumerate() {
        let values = numbers(input);
        for (index, slope) in made[at + 1].iter().enumerate() {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[index] += by;
                let mut tensors: Vec<Tensor> = inputs.iter().map(|x| x.as_tensor().detach()).collect();
                tensors[at] = Tensor::from_vec(values, input.dims(), &Device::Cpu).unwrap();
                let y = of(&tensors).unwrap();
                let weights = normal(&mut Chance::new(2, "weights", &[]), y.dims(), y.dtype()).unwrap();
                (y * weights).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap()
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!(
                (slope - difference).abs() < 1e-7 * (1.0 + slope.abs()),
                "{at} {index}: {slope} {difference}"
            );
        }
    }
}
