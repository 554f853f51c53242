//! What the passes compute with: products in the asked precision, parameters and gradients by their checkpoint keys,
//! arrays to the device and back.
//!
//! Nothing here uses candle's automatic gradients: every backward pass is written by hand, as in the plain-slice
//! network, so no fused operation can cut a gradient silently and nothing is computed for what has none.

use candle_core::{D, DType, Device, Result, Tensor};
use listener::latent_intent::parameters::Layout;

/// The device, and in what precision it computes.
#[derive(Debug, Clone)]
pub struct Math {
    /// Where tensors lie.
    pub device: Device,
    /// Everything but products.
    pub float: DType,
    /// Operands of products; sums are in f32 (or wider) all the same.
    pub product: DType,
}

impl Math {
    /// `a b`, over the last two dimensions.
    pub fn times(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.operand(a)?.matmul(&self.operand(b)?)?.to_dtype(self.float)
    }

    /// `a b^T`.
    pub fn times_transposed(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.operand(a)?.matmul(&self.operand(b)?.t()?)?.to_dtype(self.float)
    }

    /// `a^T b`.
    pub fn transposed_times(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.operand(a)?.t()?.matmul(&self.operand(b)?)?.to_dtype(self.float)
    }

    fn operand(&self, x: &Tensor) -> Result<Tensor> {
        // Whole before it is turned: matrix libraries take a turned matrix, not a part of one.
        x.contiguous()?.to_dtype(self.product)
    }

    /// Sum over rows of `[rows, columns]`, as a product: reductions over the first dimension are slow everywhere.
    pub fn column_sums(&self, x: &Tensor) -> Result<Tensor> {
        let ones = Tensor::ones((1, x.dim(0)?), self.float, &self.device)?;
        ones.matmul(&x.contiguous()?)?.squeeze(0)
    }

    /// Numbers of the host as a tensor.
    pub fn tensor(&self, values: &[f32], shape: &[usize]) -> Result<Tensor> {
        Tensor::from_slice(values, shape, &self.device)?.to_dtype(self.float)
    }

    /// Wide numbers of the host as a tensor.
    pub fn wide(&self, values: &[f64], shape: &[usize]) -> Result<Tensor> {
        if self.float == DType::F64 {
            return Tensor::from_slice(values, shape, &self.device);
        }
        let narrow: Vec<f32> = values.iter().map(|x| *x as f32).collect();
        Tensor::from_slice(&narrow, shape, &self.device)
    }

    /// Token ids as a column.
    pub fn ids(&self, ids: Vec<u32>) -> Result<Tensor> {
        let count = ids.len();
        Tensor::from_vec(ids, (count, 1), &self.device)
    }

    /// All zeros.
    pub fn zeros(&self, shape: &[usize]) -> Result<Tensor> {
        Tensor::zeros(shape, self.float, &self.device)
    }
}

/// All numbers of a tensor on the host, widened.
pub fn down(x: &Tensor) -> Result<Vec<f64>> {
    x.flatten_all()?.to_dtype(DType::F64)?.to_device(&Device::Cpu)?.to_vec1()
}

/// `[.., columns]` to `[rows, columns]`.
pub fn rows(x: &Tensor) -> Result<Tensor> {
    let columns = x.dim(D::Minus1)?;
    x.contiguous()?.reshape(((), columns))
}

/// Place of a parameter in the layout.
pub type Key = usize;

/// Finds parameters by their keys in the checkpoint.
#[derive(Debug)]
pub struct Names<'a>(pub &'a Layout);

impl Names<'_> {
    /// The place of a key.
    pub fn find(&self, name: &str) -> Result<Key> {
        let found = self.0.entries().iter().position(|entry| entry.name == name);
        found.ok_or_else(|| candle_core::Error::msg(format!("the network has no parameter {name}")))
    }
}

/// Values of all parameters on the device.
#[derive(Debug)]
pub struct Values(Vec<Tensor>);

impl Values {
    /// Sends a flat slice to the device, once, and cuts it there.
    pub fn send(math: &Math, layout: &Layout, values: &[f32]) -> Result<Self> {
        let all = math.tensor(values, &[values.len()])?;
        let mut start = 0;
        let tensors = layout.entries().iter().map(|entry| {
            let length = entry.shape.iter().product();
            let tensor = all.narrow(0, start, length)?.reshape(entry.shape.as_slice());
            start += length;
            tensor
        });
        Ok(Self(tensors.collect::<Result<_>>()?))
    }

    /// One parameter.
    pub fn get(&self, key: Key) -> &Tensor {
        &self.0[key]
    }
}

/// Gradients of the parameters, as far as any reached them.
#[derive(Debug)]
pub struct Gradients(Vec<Option<Tensor>>);

impl Gradients {
    /// None yet.
    pub fn new(layout: &Layout) -> Self {
        Self(vec![None; layout.entries().len()])
    }

    /// Adds to the gradient of a parameter.
    pub fn add(&mut self, key: Key, gradient: &Tensor) -> Result<()> {
        let sum = match self.0[key].take() {
            Some(sum) => (sum + gradient)?,
            None => gradient.clone(),
        };
        self.0[key] = Some(sum);
        Ok(())
    }

    /// Names of the parameters that nothing reached.
    pub fn untouched<'a>(&self, layout: &'a Layout) -> Vec<&'a str> {
        let entries = layout.entries().iter().zip(&self.0);
        entries.filter(|(_, gradient)| gradient.is_none()).map(|(entry, _)| entry.name.as_str()).collect()
    }

    /// One flat tensor in the order of the layout; what nothing reached is zero.
    pub fn flat(self, math: &Math, layout: &Layout) -> Result<Tensor> {
        let parts = layout.entries().iter().zip(self.0).map(|(entry, gradient)| {
            let length: usize = entry.shape.iter().product();
            match gradient {
                Some(gradient) if gradient.elem_count() == length => gradient.contiguous()?.flatten_all(),
                Some(gradient) => Err(candle_core::Error::msg(format!(
                    "the gradient of {} has the shape {:?}",
                    entry.name,
                    gradient.shape()
                ))),
                None => math.zeros(&[length]),
            }
        });
        Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)
    }
}
