//! Golden files: what an independent implementation computed, and how ours is held against it.
//!
//! A golden file is a set of named tensors. What recomputes one returns a [`Sheet`]: which tensors it took as inputs
//! and which it computed, each with its tolerance. [`Sheet::compare`] then says of *every* tensor of the file how far we
//! are off, or that it is an input, or that nothing of ours computes it, so none is skipped in silence. Tests
//! and the command `parity` use the same sheets.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fault::Result;
use crate::tensors::Tensors;

/// How far a value may be off: |ours - theirs| <= absolute + relative * |theirs|.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tolerance {
    /// Whatever the value.
    pub absolute: f64,
    /// In proportion to the golden value.
    pub relative: f64,
    /// Share of the elements that may be off by up to 1 instead (rounded results at the edge of a step).
    pub rounded_share: f64,
}

impl Tolerance {
    /// Equal.
    pub const EXACT: Self = Self::absolute(0.0);

    /// An absolute bound.
    pub const fn absolute(absolute: f64) -> Self {
        Self { absolute, relative: 0.0, rounded_share: 0.0 }
    }

    /// An absolute bound and a relative one, added.
    pub const fn both(absolute: f64, relative: f64) -> Self {
        Self { absolute, relative, rounded_share: 0.0 }
    }
}

/// A tensor that we computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// Row-major lengths; empty for a scalar.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: Vec<f64>,
    /// How far they may be off.
    pub tolerance: Tolerance,
}

/// What was recomputed of one golden file.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    computed: BTreeMap<String, Computed>,
    inputs: Vec<String>,
    /// Why a tensor that one would expect was not computed.
    remarks: BTreeMap<String, String>,
}

/// What is said of one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Equal within the tolerance.
    Within,
    /// Further off than that, or of another shape.
    Beyond,
    /// It was fed in.
    Input,
    /// Nothing of ours computes it.
    NotComputed,
}

/// One tensor of a golden file against ours.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The tensor.
    pub tensor: String,
    /// Its shape in the golden file.
    pub shape: Vec<usize>,
    /// What is said of it.
    pub verdict: Verdict,
    /// Largest |ours - theirs|; `None` where nothing was compared. JSON has no infinity: a value that is not a number
    /// on one side only makes it the largest float.
    pub largest_difference: Option<f64>,
    /// How far it may be off.
    pub tolerance: Option<Tolerance>,
    /// Another shape, or why it was not computed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remark: String,
}

impl Sheet {
    /// Adds a computed tensor.
    pub fn put<T: Into<f64> + Copy>(
        &mut self,
        name: &str,
        shape: &[usize],
        values: &[T],
        tolerance: Tolerance,
    ) {
        let values = values.iter().map(|value| (*value).into()).collect();
        self.computed.insert(name.to_owned(), Computed { shape: shape.to_vec(), values, tolerance });
    }

    /// Adds computed rows of one width.
    pub fn put_rows<const N: usize>(&mut self, name: &str, rows: &[[f32; N]], tolerance: Tolerance) {
        self.put(name, &[rows.len(), N], rows.as_flattened(), tolerance);
    }

    /// Says that a tensor of the file was fed in. One that is computed as well counts as computed.
    pub fn input(&mut self, name: &str) {
        self.inputs.push(name.to_owned());
    }

    /// Says why a tensor was not computed.
    pub fn left_out(&mut self, name: &str, why: &str) {
        self.remarks.insert(name.to_owned(), why.to_owned());
    }

    /// Everything computed, by name.
    pub fn computed(&self) -> &BTreeMap<String, Computed> {
        &self.computed
    }

    /// Every tensor of the golden file against this sheet, in the order of names.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn compare(&self, golden: &mut Tensors) -> Result<Vec<Line>> {
        let names: Vec<String> = golden.names().map(str::to_owned).collect();
        names
            .into_iter()
            .map(|tensor| {
                let shape = golden.shape(&tensor).unwrap_or_default().to_vec();
                let line = |verdict| Line {
                    tensor: tensor.clone(),
                    shape: shape.clone(),
                    verdict,
                    largest_difference: None,
                    tolerance: None,
                    remark: self.remarks.get(&tensor).cloned().unwrap_or_default(),
                };
                match self.computed.get(&tensor) {
                    Some(ours) => Ok(ours.held_against(&tensor, &shape, &golden.doubles(&tensor)?)),
                    None if self.inputs.contains(&tensor) => Ok(line(Verdict::Input)),
                    None => Ok(line(Verdict::NotComputed)),
                }
            })
            .collect()
    }
}

impl Computed {
    /// A golden tensor of this name, shape and values against ours.
    pub fn held_against(&self, tensor: &str, shape: &[usize], theirs: &[f64]) -> Line {
        let mut line = Line {
            tensor: tensor.to_owned(),
            shape: shape.to_vec(),
            verdict: Verdict::Beyond,
            largest_difference: None,
            tolerance: Some(self.tolerance),
            remark: String::new(),
        };
        if self.shape != shape || self.values.len() != theirs.len() {
            line.remark = format!("ours has the shape {:?}", self.shape);
            return line;
        }
        let (mut largest, mut rounded, mut beyond) = (0.0f64, 0usize, false);
        for (ours, theirs) in self.values.iter().zip(theirs) {
            let same = ours == theirs || (ours.is_nan() && theirs.is_nan());
            let difference = if same { 0.0 } else { (ours - theirs).abs() };
            let difference = if difference.is_finite() { difference } else { f64::MAX };
            largest = largest.max(difference);
            // a tolerance that is no number lets nothing pass
            let within = difference <= self.tolerance.absolute + self.tolerance.relative * theirs.abs();
            if !same && !within {
                rounded += 1;
                beyond |= difference > 1.0;
            }
        }
        let share = rounded as f64 / theirs.len().max(1) as f64;
        line.largest_difference = Some(largest);
        if rounded == 0 || (!beyond && share <= self.tolerance.rounded_share) {
            line.verdict = Verdict::Within;
        }
        line
    }
}

/// Weights by formula, as golden files of large models have them instead of stored ones: the values of a tensor called
/// `name`, in row-major order. A generator (splitmix64 over the FNV-1a hash of the name) gives u in -1..1; the value is
/// `offset + scale * gain * u` with offset and scale by the kind of tensor (see `kind` inside).
pub fn fill(seed: u64, name: &str, shape: &[usize], gain: f64) -> Vec<f32> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let kind = |last: &str| match (last, shape.len()) {
        ("w" | "running_var", _) => (1.0, 0.25),
        ("running_mean", _) => (0.0, 0.1),
        (_, 2..) => (0.0, (3.0 / shape.iter().skip(1).product::<usize>().max(1) as f64).sqrt()),
        ("weight", _) => (1.0, 0.25),
        _ => (0.0, 0.1),
    };
    let (offset, scale) = kind(last);
    uniform(seed, name, shape.iter().product()).map(|u| (offset + scale * gain * u) as f32).collect()
}

/// The numbers in -1..1 behind [`fill`]; inputs by formula use them with a key of their own.
pub fn uniform(seed: u64, key: &str, count: usize) -> impl Iterator<Item = f64> {
    fn mix(z: u64) -> u64 {
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let start = mix(seed ^ hash);
    (1..=count as u64).map(move |i| {
        let bits = mix(start.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))) >> 40;
        bits as f64 / f64::from(1u32 << 24) * 2.0 - 1.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64], tolerance: Tolerance) -> Computed {
        Computed { shape: vec![values.len()], values: values.to_vec(), tolerance }
    }

    #[test]
    fn what_is_off_is_told() {
        let ours = of(&[1.0, 2.0], Tolerance::both(0.1, 0.1));
        assert_eq!(ours.held_against("t", &[2], &[1.15, 2.25]).verdict, Verdict::Within);
        let line = ours.held_against("t", &[2], &[1.0, 2.5]);
        assert_eq!((line.verdict, line.largest_difference), (Verdict::Beyond, Some(0.5)));
        assert_eq!(ours.held_against("t", &[1, 2], &[1.0, 2.0]).verdict, Verdict::Beyond);
        assert_eq!(ours.held_against("t", &[2], &[1.0, f64::NAN]).verdict, Verdict::Beyond);
        assert_eq!(
            of(&[f64::NAN], Tolerance::EXACT).held_against("t", &[1], &[f64::NAN]).verdict,
            Verdict::Within
        );
    }

    #[test]
    fn rounded_results_may_be_one_off_now_and_then() {
        let tolerance = Tolerance { rounded_share: 0.1, ..Tolerance::EXACT };
        let theirs = [5.0; 20];
        let with = |off: &[(usize, f64)]| {
            let mut ours = theirs;
            off.iter().for_each(|(at, by)| ours[*at] += by);
            of(&ours, tolerance).held_against("t", &[20], &theirs).verdict
        };
        assert_eq!(with(&[(0, 1.0), (7, -1.0)]), Verdict::Within);
        assert_eq!(with(&[(0, 1.0), (7, -1.0), (8, 1.0)]), Verdict::Beyond);
        assert_eq!(with(&[(0, 2.0)]), Verdict::Beyond);
    }

    #[test]
    fn the_fill_knows_its_kinds() {
        let matrix = fill(1, "a.weight", &[4, 3], 1.0);
        assert!(matrix.iter().all(|x| x.abs() <= 1.0) && matrix.iter().any(|x| *x < 0.0));
        assert!(fill(1, "a.weight", &[64], 1.0).iter().all(|x| (0.75..=1.25).contains(x)));
        assert!(fill(1, "a.bias", &[64], 1.0).iter().all(|x| x.abs() <= 0.1));
        assert_ne!(fill(1, "a.bias", &[4], 1.0), fill(2, "a.bias", &[4], 1.0));
    }
}
