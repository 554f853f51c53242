//! Activations and losses of single elements.
//!
//! The tensor library's ReLU has slope 1 at 0 and its absolute value too; PyTorch has 0. That matters where values are
//! exactly 0 (padding, thresholds), so [`relu`] and [`absolute`] are built to have slope 0 there.

use candle_core::{DType, Result, Tensor};

/// max(x, 0), slope 0 at 0.
///
/// # Errors
/// Of the tensor library.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    let fixed = x.detach();
    x.mul(&fixed.gt(&fixed.zeros_like()?)?.to_dtype(x.dtype())?)
}

/// |x|, slope 0 at 0.
///
/// # Errors
/// Of the tensor library.
pub fn absolute(x: &Tensor) -> Result<Tensor> {
    x.mul(&x.detach().sign()?)
}

/// x where it is positive, `slope` times x elsewhere.
///
/// # Errors
/// Of the tensor library.
pub fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    let fixed = x.detach();
    let positive = fixed.gt(&fixed.zeros_like()?)?.to_dtype(x.dtype())?;
    x.mul(&positive.affine(1.0 - slope, slope)?)
}

/// 1 / (1 + e^-x).
///
/// # Errors
/// Of the tensor library.
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    // by the hyperbolic tangent, which does not overflow
    (x * 0.5)?.tanh()?.affine(0.5, 0.5)
}

/// Mean of squared differences over all elements.
///
/// # Errors
/// When shapes differ.
pub fn mean_square(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    (a - b)?.sqr()?.mean_all()
}

/// Mean of absolute differences over all elements.
///
/// # Errors
/// When shapes differ.
pub fn mean_absolute(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    absolute(&(a - b)?)?.mean_all()
}

/// KL divergence of N(mu, exp(logvar)) from N(0, 1) for every element: 0.5 (mu^2 + e^logvar - 1 - logvar).
///
/// # Errors
/// When shapes differ.
pub fn kl_from_standard(mu: &Tensor, logvar: &Tensor) -> Result<Tensor> {
    (((mu.sqr()? + logvar.exp()?)? - logvar)? - 1.0)? * 0.5
}

/// A scalar as `f64`.
///
/// # Errors
/// When it is none.
pub fn scalar(x: &Tensor) -> Result<f64> {
    x.to_dtype(DType::F64)?.to_scalar::<f64>()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn slopes_at_zero_are_those_of_pytorch() {
        let x = Var::new(&[-2f32, 0.0, 3.0], &Device::Cpu).unwrap();
        let slopes = |of: &dyn Fn(&Tensor) -> Result<Tensor>| {
            let gradient = of(x.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
            gradient.get(&x).unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(slopes(&relu), [0.0, 0.0, 1.0]);
        assert_eq!(slopes(&absolute), [-1.0, 0.0, 1.0]);
        assert_eq!(slopes(&|x| leaky_relu(x, 0.25)), [0.25, 0.25, 1.0]);
        assert_eq!(absolute(x.as_tensor()).unwrap().to_vec1::<f32>().unwrap(), [2.0, 0.0, 3.0]);
        let far = Tensor::new(&[-200f32, 0.0, 200.0], &Device::Cpu).unwrap();
        assert_eq!(sigmoid(&far).unwrap().to_vec1::<f32>().unwrap(), [0.0, 0.5, 1.0]);
    }
}
