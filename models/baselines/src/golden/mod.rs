//! Recomputes golden files of the compared systems: what their official code computed, with the same weights.
//!
//! A golden file is `NAME_io.safetensors` with its weights in `NAME_weights.safetensors`, in itself (`w.*`) or by formula
//! from a seed in its metadata; `NAME_grads.safetensors` are gradients of what the first computes. Each system has a
//! file here. Used by the tests of this crate and by `backchannel parity`.

mod belfusion;
mod learning2listen;
mod regnn;
mod trans_vae;

use std::path::{Path, PathBuf};

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor};
use clips::golden::{Sheet, Tolerance, fill, uniform};
use clips::tensors::Tensors;
use clips::{Control, Fault, FaultKind, Result};

use crate::parameters::{Parameters, Source, Start, Stored, internal};

/// What the goldens' own README asks of every float.
const FLOAT: Tolerance = Tolerance::absolute(1e-4);
/// Share of a gradient's largest entry by which any of its entries may be off.
const GRADIENT: f64 = 1e-4;
/// Most numbers of an input by formula.
const MOST_NUMBERS: usize = 1 << 28;

/// Looks at a golden file; `None` when it is of another form.
type Form = fn(&mut Golden, &Control) -> Result<Option<Sheet>>;

/// Recomputes one golden file of any system of this crate.
///
/// # Errors
/// When the file or one that belongs to it cannot be read or contradicts itself.
pub fn recompute(path: &Path, control: &Control) -> Result<Option<Sheet>> {
    let mut file = Golden::open(path)?;
    let forms = trans_vae::FORMS.iter().chain(&learning2listen::FORMS);
    for form in forms.chain(&belfusion::FORMS).chain(&regnn::FORMS) {
        control.check()?;
        if let Some(sheet) = form(&mut file, control)? {
            return Ok(Some(sheet));
        }
    }
    Ok(None)
}

/// An open golden file.
struct Golden {
    file: Tensors,
}

impl Golden {
    fn open(path: &Path) -> Result<Self> {
        Ok(Self { file: Tensors::open(path)? })
    }

    /// Whether it has all of these tensors.
    fn has(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.file.shape(name).is_some())
    }

    /// The path of the file that belongs to `NAME{own}.safetensors` and is called `NAME{other}.safetensors`; `None`
    /// when this file's name ends otherwise or there is no such file.
    fn partner(&self, own: &str, other: &str) -> Option<PathBuf> {
        let path = self.file.path();
        let stem = path.file_name()?.to_str()?.strip_suffix(&format!("{own}.safetensors"))?;
        Some(path.with_file_name(format!("{stem}{other}.safetensors"))).filter(|path| path.exists())
    }

    /// A tensor as `f32`.
    fn tensor(&mut self, name: &str) -> Result<Tensor> {
        let shape = self.file.shape(name).unwrap_or_default().to_vec();
        let values = self.file.floats(name)?;
        Tensor::from_vec(values, shape, &Device::Cpu).map_err(internal)
    }

    fn fault(&self, key: &str, detail: impl Into<String>) -> Fault {
        Fault::new(FaultKind::Malformed, self.file.path(), detail)
            .at(format!("metadata, {key}"))
            .remedy("write the golden file again")
    }

    /// An entry of the metadata.
    fn text(&self, key: &str) -> Option<&str> {
        self.file.metadata().get(key).map(String::as_str)
    }

    /// A number of the metadata.
    fn number(&self, key: &str) -> Result<u64> {
        self.text(key)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.fault(key, "the number is missing"))
    }

    /// An input by formula, as the metadata describes it: `input:NAME [2,3] in [-1,1)`.
    fn by_formula(&self, key: &str) -> Result<Tensor> {
        let parse = || -> Option<(String, Vec<usize>, f64, f64)> {
            let (name, rest) = self.text(key)?.split_once(" [")?;
            let (shape, rest) = rest.split_once("] in [")?;
            let (low, high) = rest.strip_suffix(')')?.split_once(',')?;
            let shape = shape.split(',').map(|part| part.trim().parse().ok()).collect::<Option<Vec<_>>>()?;
            Some((name.to_owned(), shape, low.trim().parse().ok()?, high.trim().parse().ok()?))
        };
        let (name, shape, low, high) =
            parse().ok_or_else(|| self.fault(key, "it is not of the form `input:NAME [2,3] in [-1,1)`"))?;
        let count = shape.iter().try_fold(1usize, |count, length| count.checked_mul(*length));
        let count = count
            .filter(|count| *count <= MOST_NUMBERS)
            .ok_or_else(|| self.fault(key, format!("{shape:?} is too large")))?;
        let (middle, half) = ((low + high) / 2.0, (high - low) / 2.0);
        let values: Vec<f32> =
            uniform(self.number("input_seed")?, &name, count).map(|u| (middle + half * u) as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).map_err(internal)
    }

    /// Says that tensors whose names begin so were fed in.
    fn inputs(&self, sheet: &mut Sheet, prefix: &str) {
        self.file.names().filter(|name| name.starts_with(prefix)).for_each(|name| sheet.input(name));
    }
}

/// The weights inside a golden file, `w.NAME`.
fn within(golden: &mut Golden) -> Stored<'_> {
    Stored::new(&mut golden.file, |name| name.strip_prefix("w.").map(str::to_owned))
}

/// A sheet whose every tensor is an input: the weights beside other files.
fn all_inputs(golden: &Golden) -> Sheet {
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "");
    sheet
}

/// Adds a computed tensor.
fn put_as(sheet: &mut Sheet, name: &str, tensor: &Tensor, tolerance: Tolerance) -> Result<()> {
    let values = || tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    sheet.put(name, tensor.dims(), &values().map_err(internal)?, tolerance);
    Ok(())
}

/// [`put_as`] with the usual tolerance.
fn put(sheet: &mut Sheet, name: &str, tensor: &Tensor) -> Result<()> {
    put_as(sheet, name, tensor, FLOAT)
}

/// The first 16 values of what was made by formula, which the file has as a check of the formula.
fn check(sheet: &mut Sheet, name: &str, tensor: &Tensor) -> Result<()> {
    let flat = tensor.flatten_all().map_err(internal)?;
    put_as(sheet, name, &flat.narrow(0, 0, 16.min(flat.elem_count())).map_err(internal)?, Tolerance::EXACT)
}

/// Gradients: every tensor of the file is the gradient of the parameter of its name, zeros for one that took no part.
fn gradients(
    golden: &mut Golden,
    sheet: &mut Sheet,
    parameters: &Parameters,
    store: &GradStore,
) -> Result<()> {
    let names: Vec<String> = golden.file.names().map(str::to_owned).collect();
    for name in names {
        let Some(parameter) = parameters.get(&name) else { continue };
        let largest = golden.file.doubles(&name)?.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        let gradient = match store.get(parameter) {
            Some(gradient) => gradient.clone(),
            None => parameter.zeros_like().map_err(internal)?,
        };
        put_as(sheet, &name, &gradient, Tolerance::absolute(GRADIENT * largest))?;
    }
    Ok(())
}

/// Weights by formula.
struct Fill<'a> {
    seed: u64,
    /// Factor of a tensor's scale, by its name.
    gain: &'a dyn Fn(&str) -> f64,
}

impl Source for Fill<'_> {
    fn values(&mut self, name: &str, shape: &[usize], _: Start) -> std::result::Result<Vec<f32>, String> {
        Ok(fill(self.seed, name, shape, (self.gain)(name)))
    }
}
