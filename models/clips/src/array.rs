//! Arrays on disk: `.npy` in and out, little-endian, with the header checked against the file before any memory is
//! taken.
//!
//! Written: NPY 1.0, `<f4` or `<f8`, C order, by `npyz`. Read: `<f4` and `<f8`, C order. Everything else is refused
//! with the file's name, the place and the remedy.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use npyz::WriterBuilder;

use crate::fault::{Fault, FaultKind, Result};

/// No array we read is larger: 5,924 clips x 10 samples x 750 frames x 58 columns fits.
const MOST_ELEMENTS: u64 = 1 << 33;

/// A dense array of 32-bit floats in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length of each dimension, outermost first.
    pub shape: Vec<usize>,
    /// Row-major values; their number is the product of `shape`.
    pub values: Vec<f32>,
}

impl Array {
    /// An array of the given shape.
    ///
    /// # Errors
    /// [`FaultKind::WrongShape`] when the number of values is not the product of `shape`.
    pub fn new(shape: Vec<usize>, values: Vec<f32>) -> Result<Self> {
        if shape.iter().product::<usize>() == values.len() {
            Ok(Self { shape, values })
        } else {
            Err(Fault::new(
                FaultKind::WrongShape,
                "",
                format!("{} values do not fill {shape:?}", values.len()),
            ))
        }
    }

    /// The shape as text: `4 x 10 x 750 x 25`.
    pub fn shape_text(&self) -> String {
        self.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
    }

    /// The values as rows of `N`; the last dimension must be `N`.
    ///
    /// # Errors
    /// [`FaultKind::WrongShape`] otherwise.
    pub fn rows<const N: usize>(&self, path: &Path) -> Result<Vec<[f32; N]>> {
        if self.shape.last() != Some(&N) {
            return Err(Fault::new(
                FaultKind::WrongShape,
                path,
                format!("the shape is {}", self.shape_text()),
            )
            .at("last dimension")
            .remedy(format!("it must be {N}")));
        }
        let (rows, _) = self.values.as_chunks::<N>();
        Ok(rows.to_vec())
    }

    /// Refuses NaN and infinity, naming the first place.
    ///
    /// # Errors
    /// [`FaultKind::NotFinite`].
    pub fn require_finite(&self, path: &Path) -> Result<()> {
        match self.values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(flat) => {
                let mut rest = flat;
                let mut place = vec![0; self.shape.len()];
                for (index, length) in self.shape.iter().enumerate().rev() {
                    place[index] = rest % length;
                    rest /= length;
                }
                Err(Fault::new(FaultKind::NotFinite, path, format!("the value is {}", self.values[flat]))
                    .at(format!("element {place:?} of {}", self.shape_text()))
                    .remedy("replace or drop the frames without a value before opening the file"))
            }
        }
    }
}

/// Shape and element type of an `.npy` file, from its header alone.
///
/// # Errors
/// As [`read_npy`].
pub fn read_npy_shape(path: &Path) -> Result<Vec<usize>> {
    open(path).map(|(_, shape, _)| shape)
}

/// Where the values of an `.npy` file lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub shape: Vec<usize>,
    /// First byte of the values.
    pub begin: u64,
    /// Elements are 64-bit floats.
    pub wide: bool,
}

/// The layout of a file that holds what its header promises.
pub(crate) fn read_npy_layout(path: &Path) -> Result<Layout> {
    let (_, shape, wide) = open(path)?;
    let mut file = File::open(path).map_err(|error| Fault::io(path, &error))?;
    let header = header_bytes(&mut file).map_err(|error| Fault::io(path, &error).at("header"))?;
    Ok(Layout { shape, begin: header.len() as u64, wide })
}

/// Reads an `.npy` file of 32- or 64-bit floats.
///
/// # Errors
/// A fault naming the file when it is missing, empty, truncated, not an `.npy`, not C-ordered floats, or promises
/// more than it holds.
pub fn read_npy(path: &Path) -> Result<Array> {
    values(path, open(path)?)
}

/// As [`read_npy`] from memory; `name` stands for the path in faults.
///
/// # Errors
/// As [`read_npy`].
pub fn parse_npy(name: &Path, bytes: &[u8]) -> Result<Array> {
    values(name, header(name, bytes, bytes.len() as u64)?)
}

/// Reads a matrix row by row and hands every row, as 64-bit floats, to `each`; memory for one row is all it takes.
/// Returns height and width.
///
/// # Errors
/// As [`read_npy`]; [`FaultKind::WrongShape`] when it has not two dimensions or a row is empty; what `each` returns.
pub fn read_npy_rows(
    path: &Path,
    mut each: impl FnMut(usize, &[f64]) -> Result<()>,
) -> Result<(usize, usize)> {
    let (npy, shape, wide) = open(path)?;
    let [height, width] = shape[..] else {
        let text = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        return Err(Fault::new(FaultKind::WrongShape, path, format!("the shape is {text}"))
            .at("header")
            .remedy("a matrix has two dimensions"));
    };
    if width == 0 || height == 0 {
        return Err(Fault::new(FaultKind::Empty, path, format!("the shape is {height} x {width}"))
            .at("header")
            .remedy("write the matrix again"));
    }
    let mut row = Vec::with_capacity(width);
    let mut index = 0;
    let mut take = |value: std::io::Result<f64>| -> Result<()> {
        row.push(value.map_err(|error| Fault::io(path, &error).at("data"))?);
        if row.len() == width {
            each(index, &row)?;
            row.clear();
            index += 1;
        }
        Ok(())
    };
    if wide {
        npy.data::<f64>().map_err(|error| unsupported(path, &error.to_string()))?.try_for_each(&mut take)?;
    } else {
        let mut data = npy.data::<f32>().map_err(|error| unsupported(path, &error.to_string()))?;
        data.try_for_each(|value| take(value.map(f64::from)))?;
    }
    Ok((height, width))
}

fn values<R: std::io::Read>(path: &Path, (npy, shape, wide): Opened<R>) -> Result<Array> {
    let short = |error: std::io::Error| Fault::io(path, &error).at("data");
    let values = if wide {
        let data = npy.data::<f64>().map_err(|error| unsupported(path, &error.to_string()))?;
        data.map(|value| value.map(|value| value as f32))
            .collect::<std::io::Result<Vec<f32>>>()
            .map_err(short)?
    } else {
        let data = npy.data::<f32>().map_err(|error| unsupported(path, &error.to_string()))?;
        data.collect::<std::io::Result<Vec<f32>>>().map_err(short)?
    };
    Array::new(shape, values)
}

fn unsupported(path: &Path, what: &str) -> Fault {
    Fault::new(FaultKind::WrongType, path, what)
        .at("header")
        .remedy("save it as little-endian float32 in C order: numpy.save(path, numpy.ascontiguousarray(x, dtype='<f4'))")
}

type Opened<R> = (npyz::NpyFile<R>, Vec<usize>, bool);

fn open(path: &Path) -> Result<Opened<BufReader<File>>> {
    let file = File::open(path).map_err(|error| Fault::io(path, &error))?;
    let meta = file.metadata().map_err(|error| Fault::io(path, &error))?;
    if meta.is_dir() {
        return Err(Fault::new(FaultKind::Malformed, path, "this is a folder").remedy("name an .npy file"));
    }
    header(path, BufReader::new(file), meta.len())
}

/// Reads the header and holds it against the `length` of the file in bytes.
fn header<R: std::io::Read>(path: &Path, mut reader: R, length: u64) -> Result<Opened<R>> {
    if length == 0 {
        return Err(Fault::new(FaultKind::Empty, path, "the file is empty").remedy("write it again"));
    }
    let malformed = |what: &str| {
        Fault::new(FaultKind::Malformed, path, format!("not an .npy file: {what}"))
            .at("header")
            .remedy("write it with numpy.save")
    };
    let bytes = header_bytes(&mut reader).map_err(|error| malformed(&error.to_string()))?;
    tame(&bytes).map_err(&malformed)?;
    let header = npyz::NpyHeader::from_reader(&bytes[..]).map_err(|error| malformed(&error.to_string()))?;
    let npy = npyz::NpyFile::with_header(header, reader);
    let type_text = npy.dtype().descr();
    let wide = match type_text.trim_matches('\'') {
        "<f4" => false,
        "<f8" => true,
        other => return Err(unsupported(path, &format!("elements are {other}"))),
    };
    if npy.order() != npyz::Order::C {
        return Err(unsupported(path, "the array is in Fortran order"));
    }
    let total = npy.shape().iter().try_fold(1u64, |product, length| product.checked_mul(*length));
    let size = if wide { 8 } else { 4 };
    match total {
        Some(total) if total <= MOST_ELEMENTS => {
            if total * size > length {
                return Err(Fault::new(
                    FaultKind::Truncated,
                    path,
                    format!(
                        "the header promises {} bytes of data, the file has {} in all",
                        total * size,
                        length
                    ),
                )
                .at("header")
                .remedy("copy the file again; it was cut or its header is wrong"));
            }
        }
        _ => {
            return Err(Fault::new(FaultKind::TooLarge, path, format!("the shape is {:?}", npy.shape()))
                .at("header")
                .remedy("split the array by clips"));
        }
    }
    let shape = npy.shape().iter().map(|length| *length as usize).collect();
    Ok((npy, shape, wide))
}

/// A header of numpy is about a hundred bytes; one longer than this is somebody's joke.
const MOST_HEADER: usize = 1 << 14;

/// Magic, version, length and dictionary, as they stand in the file.
fn header_bytes(reader: &mut impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0u8; 8];
    reader.read_exact(&mut bytes)?;
    if &bytes[..6] != b"\x93NUMPY" {
        return Err(std::io::Error::other("it does not begin with the magic bytes"));
    }
    let width = if bytes[6] == 1 { 2 } else { 4 };
    let mut field = [0u8; 4];
    reader.read_exact(&mut field[..width])?;
    let length = u32::from_le_bytes(field) as usize;
    if length > MOST_HEADER {
        return Err(std::io::Error::other(format!("its header claims {length} bytes")));
    }
    bytes.extend_from_slice(&field[..width]);
    let begin = bytes.len();
    bytes.resize(begin + length, 0);
    reader.read_exact(&mut bytes[begin..])?;
    Ok(bytes)
}

/// Refuses what the parser of `npyz` would stumble over: brackets nested deeper than any array needs (it recurses), and
/// a shape whose product does not fit (it multiplies unchecked).
fn tame(header: &[u8]) -> std::result::Result<(), &'static str> {
    let (mut depth, mut product, mut number) = (0usize, 1u64, None::<u64>);
    for byte in header.iter().skip(8) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 4 {
            return Err("brackets are nested too deeply");
        }
        // Every number of the header is taken for a dimension: the element size among them only makes this stricter.
        number = match (byte, number) {
            (b'0'..=b'9', before) => {
                let digit = u64::from(byte - b'0');
                let grown = before.unwrap_or(0).checked_mul(10).and_then(|value| value.checked_add(digit));
                Some(grown.ok_or("a dimension is too large")?)
            }
            (b'_' | b'x' | b'X' | b'o' | b'b', Some(_)) => {
                return Err("a number is written in an unusual way");
            }
            (_, Some(done)) => {
                product = product.checked_mul(done.max(1)).ok_or("the dimensions are too large")?;
                None
            }
            (_, None) => None,
        };
    }
    Ok(())
}

/// Writes an `.npy` file atomically (a temporary file beside it, then a rename).
///
/// # Errors
/// [`FaultKind::NotWritable`] naming the file.
pub fn write_npy(path: &Path, shape: &[usize], values: &[f32]) -> Result<()> {
    write_any(path, shape, values)
}

/// As [`write_npy`] for 64-bit floats (neighbour matrices).
///
/// # Errors
/// As [`write_npy`].
pub fn write_npy_f64(path: &Path, shape: &[usize], values: &[f64]) -> Result<()> {
    write_any(path, shape, values)
}

/// Writes a matrix of 64-bit floats row by row: `fill` gets the number of a row and its values, all 0. Memory for one
/// row is all it takes.
///
/// # Errors
/// As [`write_npy`].
pub fn write_npy_rows_f64(
    path: &Path,
    [height, width]: [usize; 2],
    mut fill: impl FnMut(usize, &mut [f64]),
) -> Result<()> {
    write_atomically(path, |writer| {
        let dims = [height as u64, width as u64];
        let mut npy = npyz::WriteOptions::new().default_dtype().shape(&dims).writer(writer).begin_nd()?;
        let mut row = vec![0.0f64; width];
        for index in 0..height {
            row.fill(0.0);
            fill(index, &mut row);
            npy.extend(row.iter().copied())?;
        }
        npy.finish()
    })
}

fn write_any<T: npyz::AutoSerialize + Copy>(path: &Path, shape: &[usize], values: &[T]) -> Result<()> {
    write_atomically(path, |writer| {
        let dims: Vec<u64> = shape.iter().map(|length| *length as u64).collect();
        let mut npy = npyz::WriteOptions::new().default_dtype().shape(&dims).writer(writer).begin_nd()?;
        npy.extend(values.iter().copied())?;
        npy.finish()
    })
}

/// An `.npy` file of 32-bit floats that is written piece by piece and appears under its name when it is complete.
pub struct NpyWriter {
    npy: npyz::NpyWriter<f32, BufWriter<File>>,
    partial: std::path::PathBuf,
    path: std::path::PathBuf,
}

impl NpyWriter {
    /// Starts a file of the given shape.
    ///
    /// # Errors
    /// [`FaultKind::NotWritable`] naming the file.
    pub fn create(path: &Path, shape: &[usize]) -> Result<Self> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = std::path::PathBuf::from(partial);
        let dims: Vec<u64> = shape.iter().map(|length| *length as u64).collect();
        let npy = File::create(&partial)
            .and_then(|file| {
                npyz::WriteOptions::new().default_dtype().shape(&dims).writer(BufWriter::new(file)).begin_nd()
            })
            .map_err(|error| Fault::write(path, &error))?;
        Ok(Self { npy, partial, path: path.to_owned() })
    }

    /// Appends values in C order.
    ///
    /// # Errors
    /// [`FaultKind::NotWritable`] naming the file.
    pub fn extend(&mut self, values: &[f32]) -> Result<()> {
        self.npy.extend(values.iter().copied()).map_err(|error| Fault::write(&self.path, &error))
    }

    /// Completes the file; fails when fewer or more values came than the shape says.
    ///
    /// # Errors
    /// [`FaultKind::NotWritable`] naming the file.
    pub fn finish(self) -> Result<()> {
        self.npy
            .finish()
            .and_then(|()| std::fs::rename(&self.partial, &self.path))
            .map_err(|error| Fault::write(&self.path, &error))
    }
}

/// Writes a file through a temporary one beside it, so that a crash never leaves half a file under its name.
///
/// # Errors
/// [`FaultKind::NotWritable`] naming the file.
pub fn write_atomically(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<()> {
    let failed = |error: std::io::Error| Fault::write(path, &error);
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let attempt = || -> std::io::Result<()> {
        let mut writer = BufWriter::new(File::create(partial)?);
        fill(&mut writer)?;
        writer.flush()?;
        std::fs::rename(partial, path)
    };
    attempt().map_err(|error| {
        let _ = std::fs::remove_file(partial); // it may never have been made
        failed(error)
    })
}

/// Makes a folder and its parents.
///
/// # Errors
/// [`FaultKind::NotWritable`] naming the folder.
pub fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|error| Fault::write(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        let values: Vec<f32> = (0..24).map(|value| value as f32 * 0.5).collect();
        write_npy(&path, &[2, 3, 4], &values).unwrap();
        let array = read_npy(&path).unwrap();
        assert_eq!((array.shape.as_slice(), array.values), ([2, 3, 4].as_slice(), values));
        write_npy_f64(&path, &[2], &[1.0, 0.5]).unwrap();
        assert_eq!(read_npy(&path).unwrap().values, [1.0, 0.5]);
    }

    #[test]
    fn a_header_that_promises_ten_gigabytes_is_refused_before_memory_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("huge.npy");
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2500000000,), }";
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        let padded = format!("{header:<117}\n");
        bytes.extend((padded.len() as u16).to_le_bytes());
        bytes.extend(padded.as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let fault = read_npy(&path).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Truncated);
        assert!(fault.to_string().contains("huge.npy") && !fault.remedy.is_empty());
    }

    #[test]
    fn empty_foreign_and_missing_files_are_explained() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        assert_eq!(read_npy(&path).unwrap_err().kind, FaultKind::NotFound);
        std::fs::write(&path, b"").unwrap();
        assert_eq!(read_npy(&path).unwrap_err().kind, FaultKind::Empty);
        std::fs::write(&path, b"not an array at all").unwrap();
        assert_eq!(read_npy(&path).unwrap_err().kind, FaultKind::Malformed);
    }

    #[test]
    fn nan_is_named_by_its_place() {
        let array = Array::new(vec![2, 3], vec![0.0, 1.0, 2.0, 3.0, f32::NAN, 5.0]).unwrap();
        let fault = array.require_finite(Path::new("p.npy")).unwrap_err();
        assert!(fault.place.contains("[1, 1]"), "{fault}");
    }

    #[test]
    fn headers_that_would_overflow_recurse_or_fill_the_memory_are_refused() {
        let file = |version: u8, text: &str| {
            let mut bytes = b"\x93NUMPY".to_vec();
            bytes.extend([version, 0]);
            match version {
                1 => bytes.extend((text.len() as u16).to_le_bytes()),
                _ => bytes.extend((text.len() as u32).to_le_bytes()),
            }
            bytes.extend(text.as_bytes());
            bytes
        };
        let shaped =
            |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let refused = |bytes: &[u8]| parse_npy(Path::new("x.npy"), bytes).unwrap_err();
        for shape in [
            "(4294967296, 4294967296)",
            "(0, 4294967296, 4294967296)",
            "(18446744073709551616,)",
            "(0xffffffffffff, 0xffffffffffff)",
            "(1_000, 1)",
        ] {
            assert_eq!(refused(&file(1, &shaped(shape))).kind, FaultKind::Malformed, "{shape}");
        }
        let deep = "(".repeat(10_000);
        assert_eq!(refused(&file(2, &shaped(&deep))).kind, FaultKind::Malformed);
        let mut claims = file(2, &shaped("(1,)"));
        claims[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(refused(&claims).detail.contains("claims"));
        // and what numpy writes is still read, in both versions
        for version in [1, 2] {
            let mut bytes = file(version, &shaped("(2, 3)"));
            bytes.extend([0u8; 24]);
            assert_eq!(parse_npy(Path::new("x.npy"), &bytes).unwrap().shape, [2, 3]);
        }
    }
}
