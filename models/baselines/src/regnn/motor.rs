//! Motor processor of REGNN: a reversible graph network from reactions to features, run backwards to react.
//!
//! A layer: y = x + f(x, edges) after a norm of its own (a scale and a shift a node). With s = sigmoid(ELU(x)), attention a of
//! s, M = a times edges, each row divided by its sum, the channels mixed by `w`: f = (M s) / L. L bounds the slope of f, so
//! that x + f can be inverted by iteration: x <- y - f(x).
//!
//! Not copied: the row sum of M is divided by without guard, so that a row of zeros gives NaN and spoils the batch. Here such a
//! row stays zeros. The log-determinants, which call a function that no longer exists, are off in the official run and not
//! here; `l`, `log_s`, `u`, `p`, `sign_s` of official state dicts are used by nothing.

use candle_core::{D, DType, Result, Tensor, Var};

use super::NODES;
use super::config::Config;
use super::spectral::norm as spectral_norm;
use crate::layers::linear::Linear;
use crate::layers::mixture::mixture;
use crate::layers::pointwise::sigmoid;
use crate::layers::rows::softmax;
use crate::parameters::{Scope, Start};
use crate::pass::Pass;

/// Steps of the inverse at most, and the largest change at which it stops.
const INVERSE: (usize, f64) = (5, 1e-3);
/// Added to the spectral norm.
const MARGIN: f64 = 5.0;
/// Added to variances when a norm takes its start from data.
const EPSILON: f64 = 1e-5;

#[derive(Debug, Clone)]
struct Layer {
    log_scale: Tensor,
    shift: Tensor,
    queries_and_keys: Linear,
    mix: Tensor,
    frames: usize,
    /// The same tensors as `log_scale` and `shift`, to be set from data.
    start: (Var, Var),
}

/// `Layers.0` and so on.
#[derive(Debug, Clone)]
pub struct Motor(Vec<Layer>);

impl Layer {
    fn new(scope: &Scope<'_, '_>, config: &Config) -> Result<Self> {
        let (norm, attention) = (scope.at("norm_layer"), scope.at("attn_1"));
        let zero = Start::Constant(0.0);
        Ok(Self {
            log_scale: norm.tensor("_log_scale", &[NODES], zero)?,
            shift: norm.tensor("_shift", &[NODES], zero)?,
            start: (norm.buffer("_log_scale", &[NODES], zero)?, norm.buffer("_shift", &[NODES], zero)?),
            queries_and_keys: Linear::new(&attention.at("qk"), config.frames, 2 * config.frames)?,
            mix: attention.tensor("w", &[1, config.channels], Start::Constant(1.0))?,
            frames: config.frames,
        })
    }

    /// L: ||I + 2 / sqrt(T) Wq Wk^T||_2 + 5, without gradient, from the weights as they are.
    fn bound(&self) -> Result<f64> {
        let weight = self.queries_and_keys.weight().detach().to_dtype(DType::F64)?;
        let (q, k) = (weight.narrow(0, 0, self.frames)?, weight.narrow(0, self.frames, self.frames)?);
        let scale = 2.0 * (self.frames as f64).powf(-0.5);
        let matrix =
            ((q.matmul(&k.t()?)? * scale)? + Tensor::eye(self.frames, DType::F64, weight.device())?)?;
        Ok(spectral_norm(&matrix.flatten_all()?.to_vec1::<f64>()?, self.frames) + MARGIN)
    }

    /// f(x, edges).
    fn residual(&self, x: &Tensor, edges: &Tensor, bound: f64) -> Result<Tensor> {
        let s = sigmoid(&x.elu(1.0)?)?;
        let both = self.queries_and_keys.forward(&s)?;
        let (q, k) = (both.narrow(2, 0, self.frames)?, both.narrow(2, self.frames, self.frames)?);
        let scores = (q.contiguous()?.matmul(&k.t()?.contiguous()?)? * (self.frames as f64).powf(-0.5))?;
        let m = edges.broadcast_mul(&softmax(&scores)?.unsqueeze(1)?)?;
        let sums = m.sum_keepdim(D::Minus1)?;
        // the guard: a row of zeros is divided by 1
        let fixed = sums.detach();
        let empty = fixed.eq(&fixed.zeros_like()?)?.to_dtype(sums.dtype())?;
        let m = m.broadcast_div(&(sums + empty)?)?;
        let share = self.mix.broadcast_div(&self.mix.sum_all()?)?;
        mixture(&m, &share.flatten_all()?)?.matmul(&s)? / bound
    }

    fn normed(&self, x: &Tensor) -> Result<Tensor> {
        x.broadcast_mul(&self.log_scale.exp()?.unsqueeze(1)?)?.broadcast_add(&self.shift.unsqueeze(1)?)
    }

    fn unnormed(&self, x: &Tensor) -> Result<Tensor> {
        let scale = self.log_scale.neg()?.exp()?.unsqueeze(1)?;
        x.broadcast_sub(&self.shift.unsqueeze(1)?)?.broadcast_mul(&scale)
    }
}

impl Motor {
    /// Names as in the official state dict. A network trained from nothing calls [`Motor::initialise`] first.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(config: &Config, scope: &Scope<'_, '_>) -> Result<Self> {
        let layer = |index: usize| Layer::new(&scope.at("Layers").at(index), config);
        (0..config.motor_layers).map(layer).collect::<Result<_>>().map(Self)
    }

    /// Reactions `[B, 25, T]` under edges `[B, channels, 25, 25]` to features `[B, 25, T]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, edges: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.0.iter().try_fold(x.clone(), |x, layer| {
            let x = layer.normed(&x)?;
            pass.note("actnorm", &x);
            let moved = layer.residual(&x, edges, layer.bound()?)?;
            pass.note("motor_attn", &moved);
            let y = (x + moved)?;
            pass.note("motor_layer", &y);
            Ok(y)
        })
    }

    /// Features back to reactions: for each layer from the last at most five steps x <- y - f(x), stopping when no entry of
    /// the batch moves by more than 1e-3. f contracts by about 1/6, so the round trip is right to 1e-5.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn inverse(&self, y: &Tensor, edges: &Tensor) -> Result<Tensor> {
        self.0.iter().rev().try_fold(y.clone(), |y, layer| {
            let bound = layer.bound()?;
            let mut x = y.clone();
            for _ in 0..INVERSE.0 {
                let next = (&y - layer.residual(&x, edges, bound)?)?;
                let moved = (&next - &x)?.abs()?.max_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
                x = next;
                if moved <= INVERSE.1 {
                    break;
                }
            }
            layer.unnormed(&x)
        })
    }

    /// Sets the norms from the first batch, layer after layer, so that each node leaves them with mean 0 and variance 1:
    /// log_scale = -ln(v + 1e-5) / 2, shift = -m exp(log_scale), m and (biased) v over batch and time.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn initialise(&self, x: &Tensor, edges: &Tensor) -> Result<()> {
        let (mut x, edges) = (x.detach(), edges.detach());
        for layer in &self.0 {
            let mean = x.mean_keepdim((0, 2))?;
            let variance = x.broadcast_sub(&mean)?.sqr()?.mean((0, 2))?;
            let log_scale = ((variance + EPSILON)?.log()? * -0.5)?;
            layer.start.1.set(&(mean.flatten_all()?.neg()? * log_scale.exp()?)?)?;
            layer.start.0.set(&log_scale)?;
            let normed = layer.normed(&x)?.detach();
            x = (&normed + layer.residual(&normed, &edges, layer.bound()?)?)?.detach();
        }
        Ok(())
    }

    /// L of every layer.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn bounds(&self) -> Result<Vec<f64>> {
        self.0.iter().map(Layer::bound).collect()
    }
}

#[cfg(test)]
mod tests {
    use clips::Chance;

    use super::*;
    use crate::parameters::{Fresh, build};
    use crate::pass::normal;

    fn motor() -> Motor {
        let config = Config::preset("small").unwrap();
        build(&mut Fresh { seed: 3 }, |scope| Motor::new(&config, scope)).unwrap().0
    }

    #[test]
    fn backwards_undoes_forwards() {
        let motor = motor();
        let mut chance = Chance::new(1, "motor", &[]);
        let x = normal(&mut chance, &[2, 25, 50], DType::F32).unwrap();
        let edges = normal(&mut chance, &[2, 8, 25, 25], DType::F32).unwrap().abs().unwrap();
        motor.initialise(&x, &edges).unwrap();
        let there = motor.forward(&x, &edges, &Pass::evaluation()).unwrap();
        let back = motor.inverse(&there, &edges).unwrap();
        let off = (back - x).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(off < 1e-3, "{off}");
    }

    #[test]
    fn a_node_without_edges_spoils_nothing() {
        let motor = motor();
        let x = normal(&mut Chance::new(1, "motor", &[]), &[1, 25, 50], DType::F32).unwrap();
        let x = Var::from_tensor(&x).unwrap();
        let edges = Tensor::zeros((1, 8, 25, 25), DType::F32, &candle_core::Device::Cpu).unwrap();
        let y = motor.forward(x.as_tensor(), &edges, &Pass::evaluation()).unwrap();
        let gradient = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        for tensor in [&y, gradient.get(&x).unwrap()] {
            assert!(tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|v| v.is_finite()));
        }
    }
}
