//! Finite scalar quantisation of frames: a code is a cell of a small grid, which needs no frames of its own to stay alive.
//!
//! A network of two layers squeezes a frame into a few numbers between -1 and 1, each is cut into equal cells (8, 5, 5
//! and 5 of them make 1,000 codes), and a second network of two layers makes a frame of the middles of the cells. Both
//! learn together, the cut passed over in the gradient (Mentzer et al. 2023; the winner of the online track of REACT
//! 2024 tokenises faces so). What comes out is the table of the frames of all codes: from there on a code book like
//! that of k-means, where the code of a frame is the nearest row.
//!
//! Ours: cells of equal width, where the original rounds and its outermost cells are half as wide; and the nearest
//! row instead of the cell that the first network says, which cannot be the worse choice.

use clips::{Chance, Control, Fault, FaultKind, Result};
use rayon::prelude::*;

use crate::kmeans::MOST_CODES;

/// Width of the hidden layers.
const HIDDEN: usize = 64;
/// Frames of a batch.
const BATCH: usize = 128;
/// Batches.
const STEPS: usize = 2_500;
/// Peak of the learning rate; it falls on a cosine.
const RATE: f64 = 1e-2;
/// Parts of a batch whose gradients are added up in their order, so that threads change no bit.
const LANES: usize = 4;
/// Most numbers a code has.
const MOST_AXES: usize = 8;

/// Refuses grids that nothing can be learned on.
///
/// # Errors
/// [`FaultKind::BadRequest`] unless there are 1 to 8 axes of 2 to 64 cells and at most 8,192 codes.
pub fn check(levels: &[usize]) -> Result<()> {
    let codes = levels.iter().try_fold(1usize, |codes, level| codes.checked_mul(*level));
    if levels.is_empty()
        || levels.len() > MOST_AXES
        || levels.iter().any(|level| !(2..=64).contains(level))
        || codes.is_none_or(|codes| codes > MOST_CODES)
    {
        return Err(Fault::new(FaultKind::BadRequest, "", format!("{levels:?} are no levels of a quantiser"))
            .remedy(format!(
                "give 1 to {MOST_AXES} numbers from 2 to 64 whose product is at most {MOST_CODES}, such as [8, 5, 5, 5]"
            )));
    }
    Ok(())
}

/// Fits the two networks to `points` and returns the frame of every code, the first axis changing fastest; rows that come
/// out equal stand there once. The same points, seed and levels give the same bits, whatever the number of threads.
///
/// # Errors
/// As [`check`]; [`FaultKind::BadRequest`] without points; cancelled on request.
pub fn fit<const D: usize>(
    points: &[[f32; D]],
    levels: &[usize],
    seed: u64,
    purpose: &'static str,
    control: &Control,
) -> Result<Vec<[f32; D]>> {
    check(levels)?;
    if points.is_empty() {
        return Err(Fault::new(FaultKind::BadRequest, "", "no frames to learn codes from")
            .at(purpose)
            .remedy("give at least one frame"));
    }
    let net = Net::<D>::new(levels);
    let values = train(&net, points, seed, purpose, STEPS, control)?;
    let mut seen = std::collections::HashSet::new();
    Ok(net.table(&values).into_iter().filter(|row| seen.insert(row.map(f32::to_bits))).collect())
}

fn train<const D: usize>(
    net: &Net<D>,
    points: &[[f32; D]],
    seed: u64,
    purpose: &'static str,
    steps: usize,
    control: &Control,
) -> Result<Vec<f64>> {
    let mut values = net.start(seed, purpose);
    let (mut first, mut second) = (vec![0.0; values.len()], vec![0.0; values.len()]);
    let (keep_first, keep_second) = (0.9f64, 0.99f64);
    for step in 0..steps {
        control.step(purpose, step as u64, steps as u64, "codes")?;
        let mut chance = Chance::new(seed, purpose, &[1, step as u64]);
        let batch: Vec<[f64; D]> =
            (0..BATCH).map(|_| points[chance.below(points.len())].map(f64::from)).collect();
        let gradient = net.gradient(&values, &batch, Cut::Cells).1;
        let rate = RATE * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / steps as f64).cos());
        let done = step as i32 + 1;
        let unbias = ((1.0 - keep_second.powi(done)).sqrt()) / (1.0 - keep_first.powi(done));
        for (((value, slope), first), second) in
            values.iter_mut().zip(gradient).zip(&mut first).zip(&mut second)
        {
            *first += (1.0 - keep_first) * (slope - *first);
            *second += (1.0 - keep_second) * (slope * slope - *second);
            *value -= rate * unbias * *first / (second.sqrt() + 1e-8);
        }
    }
    Ok(values)
}

/// What the second network is given.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cut {
    /// The middles of the cells.
    Cells,
    /// The numbers themselves: only there the gradient is that of a smooth function, which tests look at.
    #[cfg(test)]
    Nothing,
}

/// Sizes and places of the parameters: `[in, out]` matrices and biases of four layers.
struct Net<'a, const D: usize> {
    levels: &'a [usize],
    layers: [Layer; 4],
}

#[derive(Clone, Copy)]
struct Layer {
    first: usize,
    inputs: usize,
    outputs: usize,
}

impl Layer {
    fn end(self) -> usize {
        self.first + (self.inputs + 1) * self.outputs
    }

    fn forward(self, values: &[f64], x: &[f64]) -> Vec<f64> {
        let (matrix, bias) = values[self.first..self.end()].split_at(self.inputs * self.outputs);
        let mut y = bias.to_vec();
        for (x, row) in x.iter().zip(matrix.chunks_exact(self.outputs)) {
            y.iter_mut().zip(row).for_each(|(y, weight)| *y += x * weight);
        }
        y
    }

    /// Adds to the gradient and returns that of the input.
    fn backward(self, values: &[f64], x: &[f64], dy: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        let matrix = &values[self.first..self.first + self.inputs * self.outputs];
        let (dmatrix, dbias) = gradient[self.first..self.end()].split_at_mut(self.inputs * self.outputs);
        dbias.iter_mut().zip(dy).for_each(|(bias, dy)| *bias += dy);
        matrix
            .chunks_exact(self.outputs)
            .zip(dmatrix.chunks_exact_mut(self.outputs))
            .zip(x)
            .map(|((row, drow), x)| {
                drow.iter_mut().zip(dy).for_each(|(slope, dy)| *slope += x * dy);
                row.iter().zip(dy).map(|(weight, dy)| weight * dy).sum()
            })
            .collect()
    }
}

/// x times the logistic function of x, and its slope.
fn silu(x: f64) -> (f64, f64) {
    let gate = 1.0 / (1.0 + (-x).exp());
    (x * gate, gate * (1.0 + x * (1.0 - gate)))
}

impl<'a, const D: usize> Net<'a, D> {
    fn new(levels: &'a [usize]) -> Self {
        let mut first = 0;
        let layers = [(D, HIDDEN), (HIDDEN, levels.len()), (levels.len(), HIDDEN), (HIDDEN, D)].map(
            |(inputs, outputs)| {
                let layer = Layer { first, inputs, outputs };
                first = layer.end();
                layer
            },
        );
        Self { levels, layers }
    }

    fn start(&self, seed: u64, purpose: &str) -> Vec<f64> {
        let mut chance = Chance::new(seed, purpose, &[0]);
        let mut values = Vec::with_capacity(self.layers[3].end());
        for layer in self.layers {
            let deviation = 1.0 / (layer.inputs as f64).sqrt();
            values.extend((0..layer.inputs * layer.outputs).map(|_| deviation * chance.normal()));
            values.resize(layer.end(), 0.0);
        }
        values
    }

    /// The middle of the cell that `x` in -1..1 lies in.
    fn middle(cells: usize, x: f64) -> f64 {
        let cell = ((x + 1.0) * 0.5 * cells as f64).floor().clamp(0.0, cells as f64 - 1.0);
        (cell + 0.5) / cells as f64 * 2.0 - 1.0
    }

    /// The frame of a code.
    fn decode(&self, values: &[f64], code: &[f64]) -> Vec<f64> {
        let hidden: Vec<f64> = self.layers[2].forward(values, code).into_iter().map(|x| silu(x).0).collect();
        self.layers[3].forward(values, &hidden)
    }

    /// The frames of all codes, the first axis changing fastest.
    fn table(&self, values: &[f64]) -> Vec<[f32; D]> {
        let codes: usize = self.levels.iter().product();
        (0..codes)
            .map(|id| {
                let mut rest = id;
                let code: Vec<f64> = self
                    .levels
                    .iter()
                    .map(|cells| {
                        let cell = rest % cells;
                        rest /= cells;
                        (cell as f64 + 0.5) / *cells as f64 * 2.0 - 1.0
                    })
                    .collect();
                let frame = self.decode(values, &code);
                std::array::from_fn(|column| frame[column] as f32)
            })
            .collect()
    }

    /// Mean over `batch` of half the squared error of a frame, and its gradient.
    fn gradient(&self, values: &[f64], batch: &[[f64; D]], cut: Cut) -> (f64, Vec<f64>) {
        let share = 1.0 / batch.len() as f64;
        let lanes: Vec<(f64, Vec<f64>)> = (0..LANES)
            .into_par_iter()
            .map(|lane| {
                let mut gradient = vec![0.0; values.len()];
                let loss = batch
                    .iter()
                    .skip(lane)
                    .step_by(LANES)
                    .map(|point| self.add(values, point, cut, share, &mut gradient))
                    .sum();
                (loss, gradient)
            })
            .collect();
        lanes
            .into_iter()
            .reduce(|(loss, mut sum), (other, gradient)| {
                sum.iter_mut().zip(gradient).for_each(|(sum, slope)| *sum += slope);
                (loss + other, sum)
            })
            .unwrap_or_default()
    }

    /// `share` times the loss of a frame; its gradient is added.
    fn add(&self, values: &[f64], point: &[f64; D], cut: Cut, share: f64, gradient: &mut [f64]) -> f64 {
        let before = self.layers[0].forward(values, point);
        let hidden: Vec<f64> = before.iter().map(|x| silu(*x).0).collect();
        let squeezed: Vec<f64> = self.layers[1].forward(values, &hidden).into_iter().map(f64::tanh).collect();
        let code: Vec<f64> = match cut {
            Cut::Cells => {
                self.levels.iter().zip(&squeezed).map(|(cells, x)| Self::middle(*cells, *x)).collect()
            }
            #[cfg(test)]
            Cut::Nothing => squeezed.clone(),
        };
        let after = self.layers[2].forward(values, &code);
        let opened: Vec<f64> = after.iter().map(|x| silu(*x).0).collect();
        let mut slope = self.layers[3].forward(values, &opened);
        slope.iter_mut().zip(point).for_each(|(made, wanted)| *made -= wanted);
        let loss = 0.5 * share * slope.iter().map(|error| error * error).sum::<f64>();
        slope.iter_mut().for_each(|error| *error *= share);

        let through = |slope: Vec<f64>, before: &[f64]| -> Vec<f64> {
            slope.into_iter().zip(before).map(|(slope, x)| slope * silu(*x).1).collect()
        };
        let slope = through(self.layers[3].backward(values, &opened, &slope, gradient), &after);
        let slope = self.layers[2].backward(values, &code, &slope, gradient);
        // the cut is passed over, the squeezing is not
        let slope: Vec<f64> =
            slope.into_iter().zip(&squeezed).map(|(slope, x)| slope * (1.0 - x * x)).collect();
        let slope = through(self.layers[1].backward(values, &hidden, &slope, gradient), &before);
        self.layers[0].backward(values, point, &slope, gradient);
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kmeans::Centers;

    /// A sheet of two bent axes in six dimensions.
    fn sheet(frames: usize) -> Vec<[f32; 6]> {
        let mut chance = Chance::new(9, "sheet", &[]);
        (0..frames)
            .map(|_| {
                let (a, b) = (chance.between(-2.0, 2.0), chance.between(-1.0, 1.0));
                [a, b, a * b, a.sin(), b * b, a - b].map(|x| x as f32)
            })
            .collect()
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let levels = [3, 4];
        let net = Net::<6>::new(&levels);
        let values = net.start(2, "test");
        let batch: Vec<[f64; 6]> = sheet(7).iter().map(|point| point.map(f64::from)).collect();
        for cut in [Cut::Nothing, Cut::Cells] {
            // behind the cut the loss is a step function of the first network: nothing to compare there
            let first = if cut == Cut::Cells { net.layers[2].first } else { 0 };
            let (_, gradient) = net.gradient(&values, &batch, cut);
            for place in first..values.len() {
                let loss = |by: f64| {
                    let mut moved = values.clone();
                    moved[place] += by;
                    net.gradient(&moved, &batch, cut).0
                };
                let slope = (loss(1e-5) - loss(-1e-5)) / 2e-5;
                assert!(
                    (slope - gradient[place]).abs() < 1e-7,
                    "{cut:?} {place}: {slope} {}",
                    gradient[place]
                );
            }
        }
    }

    #[test]
    fn codes_explain_a_bent_sheet_and_all_of_them_are_used() {
        let (points, held_out) = (sheet(4_000), &sheet(5_000)[4_000..]);
        let table = fit(&points, &[8, 6], 4, "test", &Control::default()).unwrap();
        assert_eq!(table.len(), 48);
        let assigned = Centers::new(table).assign(held_out);
        let mean: [f64; 6] = std::array::from_fn(|column| {
            held_out.iter().map(|point| f64::from(point[column])).sum::<f64>() / held_out.len() as f64
        });
        let spread: f64 = held_out
            .iter()
            .flat_map(|point| point.iter().zip(mean).map(|(x, mean)| (f64::from(*x) - mean).powi(2)))
            .sum();
        let error: f64 = assigned.iter().map(|(_, distance)| distance).sum();
        let used: std::collections::BTreeSet<u32> = assigned.iter().map(|(id, _)| *id).collect();
        assert!(error < 0.1 * spread && used.len() > 40, "{} {}", error / spread, used.len());
    }

    #[test]
    fn threads_change_no_bit_and_a_stop_is_obeyed() {
        let points = sheet(500);
        let with = |threads| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let net = Net::<6>::new(&[4, 4]);
                net.table(&train(&net, &points, 3, "test", 40, &Control::default()).unwrap())
            })
        };
        assert_eq!(with(1), with(3));
        let control = Control::default();
        control.stop();
        assert!(fit(&points, &[4, 4], 3, "test", &control).unwrap_err().is_cancelled());
    }

    #[test]
    fn grids_that_cannot_be_are_refused() {
        for wrong in [&[][..], &[1, 5], &[65], &[64, 64, 64], &[2; 9]] {
            assert!(check(wrong).unwrap_err().to_string().contains("no levels"), "{wrong:?}");
        }
        check(&[8, 5, 5, 5]).unwrap();
        assert!(fit::<6>(&[], &[4], 0, "test", &Control::default()).is_err());
    }
}
