//! Code books as named tensors of a checkpoint, and back; twins, with a round-trip test.
//!
//! Names and shapes: `codebook.m3d.centers` [k, 58] (in the scaled space), `codebook.m3d.scale` [58],
//! `codebook.m3d.mean` [58], `codebook.ex.centers` [k, 8] as f32; `codebook.au.codes` [n], `codebook.au.counts` [n],
//! `codebook.va.cells` [n] as u32. A checkpoint is a foreign file: everything is checked before it is used.

use std::collections::BTreeMap;
use std::path::Path;

use clips::channels::COEFFICIENT_COUNT;
use clips::{Fault, FaultKind, Result};

use crate::au::{AuBook, COMBINATIONS};
use crate::books::{CodeBooks, EX_COUNT, ExBook, M3dBook};
use crate::kmeans::Centers;
use crate::va::{CELLS, VaBook};

/// Values of a tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorData {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 32-bit unsigned integers.
    U32(Vec<u32>),
}

/// Tensors by name: shape and values.
pub type Tensors = BTreeMap<String, (Vec<usize>, TensorData)>;

/// No book is larger; checked before tables are made.
const MOST_CENTERS: usize = 1 << 16;

impl CodeBooks {
    /// The tensors a checkpoint stores, sorted by name.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>, TensorData)> {
        let rows = |name: &str, width: usize, values: Vec<f32>| {
            (name.to_owned(), vec![values.len() / width, width], TensorData::F32(values))
        };
        let row = |name: &str, values: &[f32]| {
            (name.to_owned(), vec![values.len()], TensorData::F32(values.to_vec()))
        };
        let ids =
            |name: &str, values: Vec<u32>| (name.to_owned(), vec![values.len()], TensorData::U32(values));
        vec![
            ids("codebook.au.codes", self.au.codes().iter().map(|code| u32::from(*code)).collect()),
            ids("codebook.au.counts", self.au.counts().to_vec()),
            rows("codebook.ex.centers", EX_COUNT, self.ex.values().concat()),
            rows("codebook.m3d.centers", COEFFICIENT_COUNT, self.m3d.centers.rows().concat()),
            row("codebook.m3d.mean", &self.m3d.mean),
            row("codebook.m3d.scale", &self.m3d.scale),
            ids("codebook.va.cells", self.va.cells().iter().map(|cell| u32::from(*cell)).collect()),
        ]
    }

    /// Reads the books from the tensors of the checkpoint at `path` (other tensors are ignored).
    ///
    /// # Errors
    /// A fault naming file and tensor: missing, wrong shape or type, NaN, an impossible code, cell or probability.
    pub fn from_tensors(path: &Path, tensors: &Tensors) -> Result<Self> {
        let reader = Reader { path, tensors };
        let centers = reader.rows::<COEFFICIENT_COUNT>("codebook.m3d.centers")?;
        let mean = reader.row::<COEFFICIENT_COUNT>("codebook.m3d.mean")?;
        let scale = reader.row::<COEFFICIENT_COUNT>("codebook.m3d.scale")?;
        if let Some(column) = scale.iter().position(|scale| *scale < 1e-12) {
            return Err(reader.fault(
                FaultKind::OutOfRange,
                "codebook.m3d.scale",
                format!("the scale of column {column} is {}", scale[column]),
            ));
        }
        let probabilities = reader.rows::<EX_COUNT>("codebook.ex.centers")?;
        for (id, row) in probabilities.iter().enumerate() {
            let sum: f64 = row.iter().map(|x| f64::from(*x)).sum();
            if row.iter().any(|x| *x < 0.0) || (sum - 1.0).abs() > 1e-5 {
                return Err(reader.fault(
                    FaultKind::OutOfRange,
                    "codebook.ex.centers",
                    format!("row {id} is no distribution (sum {sum})"),
                ));
            }
        }
        let codes = reader.ids("codebook.au.codes", COMBINATIONS, false)?;
        let counts = reader.integers("codebook.au.counts")?;
        if codes.len() != counts.len() {
            return Err(reader.fault(
                FaultKind::WrongShape,
                "codebook.au.counts",
                format!("{} counts for {} codes", counts.len(), codes.len()),
            ));
        }
        let cells = reader.ids("codebook.va.cells", CELLS, true)?;
        Ok(Self {
            m3d: M3dBook::new(centers, mean, scale),
            au: AuBook::new(codes.into_iter().zip(counts.iter().copied()).collect()),
            va: VaBook::new(cells),
            ex: ExBook { centers: Centers::new(probabilities) },
        })
    }
}

struct Reader<'a> {
    path: &'a Path,
    tensors: &'a Tensors,
}

impl<'a> Reader<'a> {
    fn fault(&self, kind: FaultKind, name: &str, detail: String) -> Fault {
        Fault::new(kind, self.path, detail)
            .at(format!("tensor {name}"))
            .remedy("take the checkpoint from its source again, or train a new one")
    }

    fn tensor(&self, name: &str) -> Result<(&'a [usize], &'a TensorData)> {
        match self.tensors.get(name) {
            Some((shape, data)) => Ok((shape, data)),
            None => {
                Err(self.fault(FaultKind::Malformed, name, "the checkpoint has no such tensor".to_owned()))
            }
        }
    }

    fn floats(&self, name: &str) -> Result<(&'a [usize], &'a [f32])> {
        let (shape, data) = self.tensor(name)?;
        let TensorData::F32(values) = data else {
            return Err(self.fault(FaultKind::WrongType, name, "its elements are not f32".to_owned()));
        };
        match values.iter().position(|x| !x.is_finite()) {
            Some(index) => {
                Err(self.fault(FaultKind::NotFinite, name, format!("element {index} is {}", values[index])))
            }
            None => Ok((shape, values)),
        }
    }

    fn integers(&self, name: &str) -> Result<&'a [u32]> {
        let (shape, data) = self.tensor(name)?;
        let TensorData::U32(values) = data else {
            return Err(self.fault(FaultKind::WrongType, name, "its elements are not u32".to_owned()));
        };
        if shape != [values.len()] || values.is_empty() {
            return Err(self.fault(FaultKind::WrongShape, name, format!("the shape is {shape:?}")));
        }
        Ok(values)
    }

    fn rows<const N: usize>(&self, name: &str) -> Result<Vec<[f32; N]>> {
        let (shape, values) = self.floats(name)?;
        let (rows, rest) = values.as_chunks::<N>();
        if shape != [rows.len(), N] || !rest.is_empty() || rows.is_empty() || rows.len() > MOST_CENTERS {
            return Err(self.fault(
                FaultKind::WrongShape,
                name,
                format!("the shape is {shape:?}, not [ids, {N}]"),
            ));
        }
        Ok(rows.to_vec())
    }

    fn row<const N: usize>(&self, name: &str) -> Result<[f32; N]> {
        let (shape, values) = self.floats(name)?;
        match values.try_into() {
            Ok(row) if shape == [N] => Ok(row),
            _ => Err(self.fault(FaultKind::WrongShape, name, format!("the shape is {shape:?}, not [{N}]"))),
        }
    }

    /// Different integers below `limit`, ascending if asked.
    fn ids(&self, name: &str, limit: usize, ascending: bool) -> Result<Vec<u16>> {
        let values = self.integers(name)?;
        let mut seen = vec![false; limit];
        for (index, value) in values.iter().enumerate() {
            let value = *value as usize;
            if value >= limit
                || seen[value]
                || (ascending && index > 0 && values[index - 1] as usize >= value)
            {
                return Err(self.fault(
                    FaultKind::OutOfRange,
                    name,
                    format!("element {index} is {value}: beyond {limit}, twice, or out of order"),
                ));
            }
            seen[value] = true;
        }
        Ok(values.iter().map(|value| *value as u16).collect())
    }
}
