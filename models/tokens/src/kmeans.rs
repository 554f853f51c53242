//! K-means on frames: the same centres for the same frames and seed, whatever the number of threads.
//!
//! k-means++ seeds on a sample of all frames (never clip by clip: neighbouring frames are near-copies), mini-batches
//! with a learning rate of 1/count per centre, then full Lloyd passes accumulated in double precision. A centre that
//! loses all its frames moves to the frame with the largest error. Centres come out sorted by descending frequency,
//! then lexicographically, so that ids are reproducible; duplicates are dropped, so fewer centres than asked for may
//! come out (never more).
//!
//! Distances: the form `|c|^2 / 2 - x.c` proposes in single precision over all centres, the direct squared distance
//! in double precision decides among those that rounding cannot tell apart; ties go to the lower id. Work is split
//! over threads by frame and summed in frame order, never in order of arrival.

use clips::{Chance, Control, Fault, FaultKind, Result};
use rayon::prelude::*;

/// Most codes of a book that is fitted.
pub const MOST_CODES: usize = 8_192;
/// Frames looked at for seeding.
const SEED_FRAMES: usize = 262_144;
/// Frames of a mini-batch.
const BATCH: usize = 4096;
/// Mini-batches.
const BATCHES: usize = 200;
/// Full passes at the end.
const LLOYD_PASSES: usize = 3;
/// Frames one task works on.
const CHUNK: usize = 2048;

/// Centres with a fast exact search for the nearest.
#[derive(Debug, Clone)]
pub struct Centers<const D: usize> {
    rows: Vec<[f32; D]>,
    /// Column after column, so that the inner loop runs over centres.
    columns: Vec<f32>,
    half_norms: Vec<f32>,
    largest_norm: f32,
}

impl<const D: usize> Centers<D> {
    /// Prepares the search among `rows` (at least one).
    pub fn new(rows: Vec<[f32; D]>) -> Self {
        let columns = (0..D).flat_map(|column| rows.iter().map(move |row| row[column])).collect();
        let half_norms: Vec<f32> =
            rows.iter().map(|row| 0.5 * row.iter().map(|x| x * x).sum::<f32>()).collect();
        let largest_norm = half_norms.iter().fold(0.0f32, |most, half| most.max(2.0 * half));
        Self { rows, columns, half_norms, largest_norm }
    }

    /// The centres.
    pub fn rows(&self) -> &[[f32; D]] {
        &self.rows
    }

    /// Id of the nearest centre and the squared distance to it; `scores` is scratch space.
    pub fn nearest(&self, point: &[f32; D], scores: &mut Vec<f32>) -> (u32, f64) {
        let count = self.rows.len();
        scores.clear();
        scores.extend_from_slice(&self.half_norms);
        for (value, column) in point.iter().zip(self.columns.chunks_exact(count)) {
            for (score, center) in scores.iter_mut().zip(column) {
                *score -= value * center;
            }
        }
        let least = scores.iter().fold(f32::INFINITY, |least, score| least.min(*score));
        // Twice the worst rounding error of a score of up to 64 terms.
        let doubt = 1e-5 * (point.iter().map(|x| x * x).sum::<f32>() + self.largest_norm);
        let limit = least + doubt;
        let limit = if limit.is_finite() { limit } else { f32::INFINITY };
        let mut best = (0, f64::INFINITY);
        for (id, score) in scores.iter().enumerate() {
            // NaN comes from overflow; then the direct distance decides
            if *score <= limit || score.is_nan() {
                let distance = squared_distance(point, &self.rows[id]);
                if distance < best.1 {
                    best = (id as u32, distance);
                }
            }
        }
        best
    }

    /// [`Centers::nearest`] for many points.
    pub fn assign(&self, points: &[[f32; D]]) -> Vec<(u32, f64)> {
        points
            .par_chunks(CHUNK)
            .flat_map_iter(|chunk| {
                let mut scores = Vec::with_capacity(self.rows.len());
                chunk.iter().map(|point| self.nearest(point, &mut scores)).collect::<Vec<_>>()
            })
            .collect()
    }
}

fn squared_distance<const D: usize>(a: &[f32; D], b: &[f32; D]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

/// What a fit found.
#[derive(Debug, Clone)]
pub struct Fitted<const D: usize> {
    /// Sorted by descending count, then lexicographically; all different.
    pub centers: Vec<[f32; D]>,
    /// Frames nearest to each centre.
    pub counts: Vec<u64>,
    /// Sum of squared distances before each Lloyd pass and after the last one; it never rises.
    pub inertia: Vec<f64>,
}

/// Fits at most `count` centres to `points`. `purpose` names the code book in the seeded draws.
///
/// # Errors
/// [`FaultKind::BadRequest`] without points or centres; cancelled on request.
pub fn fit<const D: usize>(
    points: &[[f32; D]],
    count: usize,
    seed: u64,
    purpose: &'static str,
    control: &Control,
) -> Result<Fitted<D>> {
    if points.is_empty() || count == 0 {
        return Err(Fault::new(
            FaultKind::BadRequest,
            "",
            format!("{} frames for {count} centres", points.len()),
        )
        .at(purpose)
        .remedy("give at least one frame and one centre"));
    }
    let seeds = seed_centers(points, count, seed, purpose, control)?;
    let mut centers = mini_batches(points, seeds, seed, purpose, control)?;
    let mut inertia = Vec::with_capacity(LLOYD_PASSES + 1);
    for pass in 0..LLOYD_PASSES {
        control.step(purpose, (BATCHES + pass) as u64, (BATCHES + LLOYD_PASSES) as u64, "full pass")?;
        let assigned = Centers::new(centers.clone()).assign(points);
        inertia.push(assigned.iter().map(|(_, distance)| distance).sum());
        centers = means(points, &assigned, centers);
    }
    // Duplicates would share one id after tokenising; the lower one keeps it.
    centers.sort_by(lexicographic);
    centers.dedup();
    let assigned = Centers::new(centers.clone()).assign(points);
    inertia.push(assigned.iter().map(|(_, distance)| distance).sum());
    let mut counts = vec![0u64; centers.len()];
    for (id, _) in &assigned {
        counts[*id as usize] += 1;
    }
    let mut order: Vec<usize> = (0..centers.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(counts[*index])); // stable: lexicographic among equals
    Ok(Fitted {
        centers: order.iter().map(|index| centers[*index]).collect(),
        counts: order.iter().map(|index| counts[*index]).collect(),
        inertia,
    })
}

fn lexicographic<const D: usize>(a: &[f32; D], b: &[f32; D]) -> std::cmp::Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.total_cmp(b))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

/// k-means++ on at most [`SEED_FRAMES`] frames drawn without replacement.
fn seed_centers<const D: usize>(
    points: &[[f32; D]],
    count: usize,
    seed: u64,
    purpose: &str,
    control: &Control,
) -> Result<Vec<[f32; D]>> {
    let mut chance = Chance::new(seed, purpose, &[0]);
    let sample: Vec<[f32; D]> = if points.len() <= SEED_FRAMES {
        points.to_vec()
    } else {
        let mut indices: Vec<u32> = (0..points.len() as u32).collect();
        for place in 0..SEED_FRAMES {
            let other = place + chance.below(points.len() - place);
            indices.swap(place, other);
        }
        indices[..SEED_FRAMES].iter().map(|index| points[*index as usize]).collect()
    };
    let mut centers = vec![sample[chance.below(sample.len())]];
    let mut distances = vec![f64::INFINITY; sample.len()];
    while centers.len() < count {
        control.check()?;
        let newest = centers[centers.len() - 1];
        let sums: Vec<f64> = distances
            .par_chunks_mut(CHUNK)
            .zip(sample.par_chunks(CHUNK))
            .map(|(distances, points)| {
                for (distance, point) in distances.iter_mut().zip(points) {
                    *distance = distance.min(squared_distance_fast(point, &newest));
                }
                distances.iter().sum()
            })
            .collect();
        let total: f64 = sums.iter().sum();
        if total <= 0.0 || total.is_nan() {
            break; // every frame is a centre already
        }
        let chunk = chance_index(&sums, total * chance.uniform());
        let rest = &distances[chunk.0 * CHUNK..((chunk.0 + 1) * CHUNK).min(distances.len())];
        centers.push(sample[chunk.0 * CHUNK + chance_index(rest, chunk.1).0]);
    }
    Ok(centers)
}

/// Squared distance in eight single-precision lanes; good enough to draw seeds with.
fn squared_distance_fast<const D: usize>(a: &[f32; D], b: &[f32; D]) -> f64 {
    let mut lanes = [0.0f32; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += (a - b) * (a - b);
        }
    }
    f64::from(lanes.iter().sum::<f32>())
}

/// The first index at which the running sum of `weights` passes `target`, and what is left of the target there;
/// the last index with weight when rounding leaves none.
fn chance_index(weights: &[f64], mut target: f64) -> (usize, f64) {
    let mut last = (0, 0.0);
    for (index, weight) in weights.iter().enumerate() {
        if *weight > 0.0 {
            if target < *weight {
                return (index, target);
            }
            last = (index, *weight);
        }
        target -= weight;
    }
    last
}

fn mini_batches<const D: usize>(
    points: &[[f32; D]],
    centers: Vec<[f32; D]>,
    seed: u64,
    purpose: &'static str,
    control: &Control,
) -> Result<Vec<[f32; D]>> {
    let mut exact: Vec<[f64; D]> = centers.iter().map(|row| row.map(f64::from)).collect();
    let mut counts = vec![0u64; centers.len()];
    for step in 0..BATCHES {
        control.step(purpose, step as u64, (BATCHES + LLOYD_PASSES) as u64, "mini-batches")?;
        let mut chance = Chance::new(seed, purpose, &[1, step as u64]);
        let batch: Vec<[f32; D]> = (0..BATCH).map(|_| points[chance.below(points.len())]).collect();
        let current = Centers::new(exact.iter().map(|row| row.map(|x| x as f32)).collect());
        for (point, (id, _)) in batch.iter().zip(current.assign(&batch)) {
            let id = id as usize;
            counts[id] += 1;
            let rate = 1.0 / counts[id] as f64;
            for (center, value) in exact[id].iter_mut().zip(point) {
                *center += rate * (f64::from(*value) - *center);
            }
        }
    }
    Ok(exact.iter().map(|row| row.map(|x| x as f32)).collect())
}

/// The mean of the frames of each centre; centres without frames move to the frames with the largest errors.
fn means<const D: usize>(
    points: &[[f32; D]],
    assigned: &[(u32, f64)],
    mut centers: Vec<[f32; D]>,
) -> Vec<[f32; D]> {
    let mut sums = vec![[0.0f64; D]; centers.len()];
    let mut counts = vec![0u64; centers.len()];
    for (point, (id, _)) in points.iter().zip(assigned) {
        counts[*id as usize] += 1;
        for (sum, value) in sums[*id as usize].iter_mut().zip(point) {
            *sum += f64::from(*value);
        }
    }
    let empty = counts.iter().filter(|count| **count == 0).count();
    let mut farthest: Vec<usize> = Vec::new();
    if empty > 0 {
        let mut order: Vec<usize> = (0..points.len()).filter(|index| assigned[*index].1 > 0.0).collect();
        order.sort_by(|a, b| assigned[*b].1.total_cmp(&assigned[*a].1).then(a.cmp(b)));
        farthest.extend(order.into_iter().take(empty));
    }
    let mut farthest = farthest.into_iter();
    for ((center, sum), count) in centers.iter_mut().zip(&sums).zip(&counts) {
        if *count > 0 {
            *center = sum.map(|sum| (sum / *count as f64) as f32);
        } else if let Some(index) = farthest.next() {
            *center = points[index];
        }
    }
    centers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(frames: usize) -> Vec<[f32; 3]> {
        let mut chance = Chance::new(5, "cloud", &[]);
        (0..frames)
            .map(|index| {
                let blob = (index % 7) as f32;
                [0, 1, 2].map(|axis| blob * (axis as f32 - 1.0) + 0.1 * chance.normal() as f32)
            })
            .collect()
    }

    #[test]
    fn inertia_never_rises_in_the_full_passes() {
        let points = cloud(5000);
        for count in [1, 5, 7, 40] {
            let fitted = fit(&points, count, 3, "test", &Control::default()).unwrap();
            assert_eq!(fitted.inertia.len(), LLOYD_PASSES + 1);
            for pair in fitted.inertia.windows(2) {
                assert!(pair[1] <= pair[0] * (1.0 + 1e-6), "{:?}", fitted.inertia);
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let points = cloud(20_000);
        let with = |threads| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let fitted = fit(&points, 30, 11, "test", &Control::default()).unwrap();
                (fitted.centers, fitted.counts)
            })
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn fewer_different_frames_than_centres_give_fewer_centres() {
        let points = [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]];
        let fitted = fit(&points, 8, 0, "test", &Control::default()).unwrap();
        assert_eq!(fitted.centers, [[0.0, 1.0], [1.0, 0.0]]);
        assert_eq!(fitted.counts, [3, 1]);
        assert_eq!(*fitted.inertia.last().unwrap(), 0.0);
    }

    #[test]
    fn the_nearest_is_the_nearest_and_ties_go_to_the_lower_id() {
        let mut chance = Chance::new(8, "rows", &[]);
        let rows: Vec<[f32; 58]> =
            (0..300).map(|_| std::array::from_fn(|_| chance.normal() as f32)).collect();
        let centers = Centers::new(rows.clone());
        let mut scratch = Vec::new();
        for _ in 0..200 {
            let point = std::array::from_fn(|_| chance.normal() as f32);
            let plain = rows
                .iter()
                .map(|row| squared_distance(&point, row))
                .enumerate()
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .unwrap();
            assert_eq!(centers.nearest(&point, &mut scratch), (plain.0 as u32, plain.1));
        }
        let tie = Centers::new(vec![[1.0f32], [-1.0], [1.0]]);
        assert_eq!(tie.nearest(&[0.0], &mut scratch).0, 0);
        assert_eq!(tie.nearest(&[1e30], &mut scratch).0, 0, "overflow is survived");
    }

    #[test]
    fn a_stop_is_obeyed() {
        let control = Control::default();
        control.stop();
        assert!(fit(&cloud(100), 3, 0, "test", &control).unwrap_err().is_cancelled());
    }
}
