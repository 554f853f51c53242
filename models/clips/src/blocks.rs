//! Arrays that stay on the disk: an `.npy` of many clips of which one is read at a time.
//!
//! The header is checked as [`crate::array::read_npy`] checks it; the values of a block are read from their place, so
//! memory is that of one block. Blocks may be read from several threads.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::array::{Layout, read_npy_layout};
use crate::fault::{Fault, FaultKind, Result};

/// An `.npy` file, open.
#[derive(Debug)]
pub struct Blocks {
    path: PathBuf,
    file: Mutex<File>,
    layout: Layout,
}

impl Blocks {
    /// Opens a file of at least two dimensions.
    ///
    /// # Errors
    /// As [`crate::array::read_npy`].
    pub fn open(path: &Path) -> Result<Self> {
        let layout = read_npy_layout(path)?;
        if layout.shape.len() < 2 || layout.shape.contains(&0) {
            return Err(Fault::new(FaultKind::WrongShape, path, format!("the shape is {:?}", layout.shape))
                .at("header")
                .remedy("it must be clips x samples x frames x columns, none of them 0"));
        }
        let file = File::open(path).map_err(|error| Fault::io(path, &error))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), layout })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of each dimension, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// Values of block `index` of the outermost dimension, row-major.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] beyond the last one; a file that has become shorter.
    pub fn read(&self, index: usize) -> Result<Vec<f32>> {
        let shape = &self.layout.shape;
        if index >= shape[0] {
            return Err(Fault::new(
                FaultKind::BadRequest,
                &self.path,
                format!("there is no block {index} of {}", shape[0]),
            ));
        }
        let count: usize = shape[1..].iter().product();
        let size = if self.layout.wide { 8 } else { 4 };
        let mut bytes = vec![0u8; count * size];
        let place = self.layout.begin + index as u64 * bytes.len() as u64;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| Fault::io(&self.path, &error).at(format!("block {index}")))?;
        drop(file);
        Ok(if self.layout.wide {
            bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect()
        } else {
            bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{read_npy, write_npy, write_npy_f64};

    #[test]
    fn blocks_are_parts_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let values: Vec<f32> = (0..3 * 4 * 5).map(|at| at as f32 * 0.25 - 3.0).collect();
        let (narrow, wide) = (folder.path().join("narrow.npy"), folder.path().join("wide.npy"));
        write_npy(&narrow, &[3, 4, 5], &values).unwrap();
        write_npy_f64(&wide, &[3, 4, 5], &values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>())
            .unwrap();
        for path in [narrow, wide] {
            let blocks = Blocks::open(&path).unwrap();
            assert_eq!(blocks.shape(), [3, 4, 5]);
            let joined: Vec<f32> = (0..3).flat_map(|index| blocks.read(index).unwrap()).collect();
            assert_eq!(joined, read_npy(&path).unwrap().values);
            assert_eq!(blocks.read(3).unwrap_err().kind, FaultKind::BadRequest);
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(200).unwrap();
            assert!(blocks.read(2).is_err(), "a file cut behind our back is a fault");
            assert_eq!(Blocks::open(&path).unwrap_err().kind, FaultKind::Truncated);
        }
    }
}
