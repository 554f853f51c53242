//! Means and deviations by which our networks standardise what they read, and bring back what they make. They belong to the
//! checkpoint.
//!
//! A column is (x - mean) / deviation over all frames of the training rows; one that does not move is only shifted. Officially
//! the divisor is the deviation *over clips* of the clips' deviations, kept in files of its own, and inputs are smoothed by a
//! bilateral filter before; neither is copied here.

use candle_core::{Result, Tensor, Var};

use super::Config;
use crate::parameters::{Scope, Start};

/// Columns with a smaller deviation do not move.
const STILL: f64 = 1e-5;

/// Statistics of a stream.
#[derive(Debug, Clone)]
pub struct Columns {
    mean: Var,
    deviation: Var,
}

/// Statistics of all streams.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// The listener's attributes and coefficients.
    pub motion: Columns,
    /// The speaker's attributes.
    pub seen: Columns,
    /// The speaker's sound features.
    pub heard: Columns,
}

impl Statistics {
    /// `motion`, `seen`, `heard`, each with `mean` 0 and `deviation` 1 until they are set.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(config: &Config, scope: &Scope<'_, '_>) -> Result<Self> {
        Ok(Self {
            motion: Columns::new(&scope.at("motion"), config.vq.motion())?,
            seen: Columns::new(&scope.at("seen"), config.predictor.motion)?,
            heard: Columns::new(&scope.at("heard"), config.predictor.audio)?,
        })
    }
}

impl Columns {
    fn new(scope: &Scope<'_, '_>, columns: usize) -> Result<Self> {
        Ok(Self {
            mean: scope.buffer("mean", &[columns], Start::Constant(0.0))?,
            deviation: scope.buffer("deviation", &[columns], Start::Constant(1.0))?,
        })
    }

    /// Takes the statistics of rows.
    ///
    /// # Errors
    /// When they have other columns, or there are none.
    pub fn set(&self, moments: &Moments) -> Result<()> {
        let (mean, deviation) = moments.finish()?;
        let tensor = |values: Vec<f64>| {
            Tensor::from_vec(values, self.mean.dims(), self.mean.device())?.to_dtype(self.mean.dtype())
        };
        self.mean.set(&tensor(mean)?)?;
        self.deviation.set(&tensor(deviation)?)
    }

    /// `[..., columns]` with mean 0 and deviation 1.
    ///
    /// # Errors
    /// When the last dimension is another one.
    pub fn standardise(&self, x: &Tensor) -> Result<Tensor> {
        x.broadcast_sub(&self.mean.as_detached_tensor())?.broadcast_div(&self.deviation.as_detached_tensor())
    }

    /// The inverse of [`Columns::standardise`].
    ///
    /// # Errors
    /// When the last dimension is another one.
    pub fn restore(&self, x: &Tensor) -> Result<Tensor> {
        x.broadcast_mul(&self.deviation.as_detached_tensor())?.broadcast_add(&self.mean.as_detached_tensor())
    }
}

/// Sums over rows, added up in `f64` so that no order of magnitude is lost.
#[derive(Debug, Clone, Default)]
pub struct Moments {
    rows: usize,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Adds rows `[..., columns]`.
    ///
    /// # Errors
    /// When they have other columns than those before.
    pub fn add(&mut self, x: &Tensor) -> Result<()> {
        let x = x.flatten_to(x.rank().saturating_sub(2))?;
        let columns = x.dim(1)?;
        if self.rows == 0 {
            (self.sum, self.squares) = (vec![0.0; columns], vec![0.0; columns]);
        }
        if columns != self.sum.len() {
            candle_core::bail!("{columns} columns after {}", self.sum.len());
        }
        for row in x.to_dtype(candle_core::DType::F64)?.to_vec2::<f64>()? {
            for ((value, sum), squares) in row.iter().zip(&mut self.sum).zip(&mut self.squares) {
                *sum += value;
                *squares += value * value;
            }
            self.rows += 1;
        }
        Ok(())
    }

    /// Mean and deviation of each column; deviation 1 where it does not move.
    fn finish(&self) -> Result<(Vec<f64>, Vec<f64>)> {
        if self.rows == 0 {
            candle_core::bail!("statistics need at least one frame");
        }
        let count = self.rows as f64;
        let mean: Vec<f64> = self.sum.iter().map(|sum| sum / count).collect();
        let deviation = |(squares, mean): (&f64, &f64)| {
            let deviation = (squares / count - mean * mean).max(0.0).sqrt();
            if deviation < STILL { 1.0 } else { deviation }
        };
        let deviations = self.squares.iter().zip(&mean).map(deviation).collect();
        Ok((mean, deviations))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::parameters::{Fresh, build};

    #[test]
    fn columns_come_to_mean_0_and_deviation_1_and_back() {
        let (columns, parameters) = build(&mut Fresh { seed: 1 }, |scope| Columns::new(scope, 2)).unwrap();
        let tensor = |rows: [[f32; 2]; 2]| Tensor::new(&rows, &Device::Cpu).unwrap();
        let mut moments = Moments::default();
        assert!(columns.set(&moments).is_err());
        // by hand: mean 3, deviation 2; the other column stands still
        moments.add(&tensor([[1.0, 7.0], [1.0, 7.0]])).unwrap();
        moments.add(&tensor([[5.0, 7.0], [5.0, 7.0]]).unsqueeze(0).unwrap()).unwrap();
        columns.set(&moments).unwrap();
        let x = tensor([[1.0, 7.0], [4.0, 8.0]]);
        let standard = columns.standardise(&x).unwrap();
        assert_eq!(standard.to_vec2::<f32>().unwrap(), [[-1.0, 0.0], [0.5, 1.0]]);
        assert_eq!(
            columns.restore(&standard).unwrap().to_vec2::<f32>().unwrap(),
            x.to_vec2::<f32>().unwrap()
        );
        assert!(moments.add(&x.narrow(1, 0, 1).unwrap()).is_err());
        assert_eq!(parameters.count(), 0, "statistics are not trained");
    }
}
