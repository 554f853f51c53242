//! Named parameters: where a network's tensors come from, and what it is left holding.
//!
//! A network is written once, as constructors that ask a [`Scope`] for tensors by name, shape and start. Whether they
//! are drawn afresh, read from a checkpoint or made by formula is the business of a [`Source`]. Every fault of a
//! checkpoint (missing, of another shape, left over) is collected and told in one message.
//!
//! Names are those of the official state dicts. Parameters live in a sorted map, so that writing, optimising and
//! counting have one order.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use candle_core::{DType, Device, Result, Tensor, Var};
use clips::tensors::{self, Tensors};
use clips::{Chance, Fault, FaultKind};

/// How a tensor begins when it is trained from nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// The same everywhere.
    Constant(f64),
    /// Uniform in -x..x.
    Uniform(f64),
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
}

impl Start {
    /// PyTorch's default for a linear layer or a convolution whose outputs see `inputs` numbers.
    pub fn fan_in(inputs: usize) -> Self {
        Self::Uniform(1.0 / (inputs.max(1) as f64).sqrt())
    }

    /// Xavier's uniform start of a matrix `[outputs, inputs]`.
    pub fn xavier(inputs: usize, outputs: usize) -> Self {
        Self::Uniform((6.0 / (inputs + outputs).max(1) as f64).sqrt())
    }
}

/// Gives a network its numbers.
pub trait Source {
    /// Row-major values of the tensor `name`; an `Err` says what is wrong with it, without its name.
    ///
    /// # Errors
    /// When it is missing or has another shape.
    fn values(&mut self, name: &str, shape: &[usize], start: Start) -> std::result::Result<Vec<f32>, String>;

    /// Tensors that nobody asked for.
    fn left_over(&self) -> Vec<String> {
        Vec::new()
    }

    /// The file, for faults.
    fn path(&self) -> &Path {
        Path::new("")
    }
}

/// Fresh parameters of a seed. A tensor's draws depend on the seed and its name alone.
#[derive(Debug, Clone, Copy)]
pub struct Fresh {
    /// Seed of every draw.
    pub seed: u64,
}

impl Source for Fresh {
    fn values(&mut self, name: &str, shape: &[usize], start: Start) -> std::result::Result<Vec<f32>, String> {
        let mut chance = Chance::new(self.seed, &format!("parameter {name}"), &[]);
        let count = shape.iter().product();
        Ok((0..count)
            .map(|_| match start {
                Start::Constant(value) => value as f32,
                Start::Uniform(bound) => chance.between(-bound, bound) as f32,
                Start::Normal(deviation) => (deviation * chance.normal()) as f32,
            })
            .collect())
    }
}

/// Parameters of a file: a checkpoint of ours or an official one.
#[derive(Debug)]
pub struct Stored<'a> {
    file: &'a mut Tensors,
    /// Name within the network to name within the file.
    names: BTreeMap<String, String>,
}

impl<'a> Stored<'a> {
    /// The tensors of a file; `rename` gives the name within the network, or `None` for what is no parameter.
    pub fn new(file: &'a mut Tensors, rename: impl Fn(&str) -> Option<String>) -> Self {
        let names = file.names().filter_map(|name| Some((rename(name)?, name.to_owned()))).collect();
        Self { file, names }
    }

    /// Whether there is a tensor of this name that was not asked for yet.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }
}

impl Source for Stored<'_> {
    fn values(&mut self, name: &str, shape: &[usize], _: Start) -> std::result::Result<Vec<f32>, String> {
        let stored = self.names.remove(name).ok_or("it is missing")?;
        match self.file.shape(&stored) {
            Some(found) if found == shape => {
                let values = self.file.floats(&stored).map_err(|fault| fault.to_string())?;
                match values.iter().position(|value| !value.is_finite()) {
                    Some(at) => Err(format!("entry {at} is {}", values[at])),
                    None => Ok(values),
                }
            }
            found => Err(format!("its shape is {:?}, it must be {shape:?}", found.unwrap_or_default())),
        }
    }

    fn left_over(&self) -> Vec<String> {
        self.names.values().cloned().collect()
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}

/// One tensor of a network.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its value; blocks hold the same storage, so that setting it is seen by them.
    pub value: Var,
    /// Whether an optimiser may touch it; running statistics and constants are stored but not trained.
    pub trained: bool,
}

/// The tensors of a network, sorted by name.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    by_name: BTreeMap<String, Parameter>,
}

impl Parameters {
    /// All of them, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.by_name.iter().map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// Those that an optimiser may touch, in the order of names.
    pub fn trained(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.iter().filter(|(_, one)| one.trained).map(|(name, one)| (name, &one.value))
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.by_name.get(name).map(|one| &one.value)
    }

    /// Those whose names begin with `prefix`, without it; the tensors are the same ones.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Self {
        let within = self.by_name.iter().filter_map(|(name, one)| Some((name.strip_prefix(prefix)?, one)));
        Self { by_name: within.map(|(name, one)| (name.to_owned(), one.clone())).collect() }
    }

    /// Adds others under a prefix; the tensors are the same ones.
    pub fn extend(&mut self, prefix: &str, others: &Self) {
        let renamed = others.by_name.iter().map(|(name, one)| (format!("{prefix}{name}"), one.clone()));
        self.by_name.extend(renamed);
    }

    /// Numbers in the trained tensors.
    pub fn count(&self) -> usize {
        self.trained().map(|(_, value)| value.elem_count()).sum()
    }

    /// Writes a safetensors file of all tensors.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path, metadata: &BTreeMap<String, String>) -> clips::Result<()> {
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>();
        let all: Vec<(&str, &[usize], Vec<f32>)> = self
            .iter()
            .map(|(name, one)| Ok((name, one.value.dims(), values(&one.value).map_err(internal)?)))
            .collect::<clips::Result<_>>()?;
        let named: Vec<tensors::Named<'_>> =
            all.iter().map(|(name, shape, values)| (*name, *shape, values.as_slice())).collect();
        tensors::write(path, &named, metadata)
    }
}

/// A failure inside the tensor library, which a correct program does not meet after its inputs were checked.
pub fn internal(error: candle_core::Error) -> Fault {
    Fault::new(FaultKind::Internal, "", error.to_string())
        .remedy("report this, with the configuration and the shapes of the inputs")
}

struct Making<'a> {
    source: &'a mut dyn Source,
    device: Device,
    element: DType,
    parameters: Parameters,
    wrong: Vec<String>,
    numbers: usize,
}

/// Most numbers of a network, ten times the largest here: a configuration from a file is not believed beyond it.
const MOST_NUMBERS: usize = 1 << 28;

/// A place in the tree of names from which a block takes its tensors.
#[derive(Clone)]
pub struct Scope<'a, 'b> {
    making: &'a RefCell<Making<'b>>,
    prefix: String,
    frozen: bool,
}

impl Scope<'_, '_> {
    /// The place `name` below this one.
    #[must_use]
    pub fn at(&self, name: impl Display) -> Self {
        Self { making: self.making, prefix: format!("{}{name}.", self.prefix), frozen: self.frozen }
    }

    /// This place with tensors that are stored, not trained, and leave no trace on the tape.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Self { frozen: true, ..self.clone() }
    }

    /// A trained tensor.
    ///
    /// # Errors
    /// Only of the tensor library; what is wrong with the source is told by [`build`].
    pub fn tensor(&self, name: &str, shape: &[usize], start: Start) -> Result<Tensor> {
        let value = self.take(name, shape, start, !self.frozen)?;
        Ok(if self.frozen { value.as_detached_tensor() } else { value.as_tensor().clone() })
    }

    /// A tensor that is stored and not trained, such as running statistics.
    ///
    /// # Errors
    /// As [`Scope::tensor`].
    pub fn buffer(&self, name: &str, shape: &[usize], start: Start) -> Result<Var> {
        self.take(name, shape, start, false)
    }

    fn take(&self, name: &str, shape: &[usize], start: Start, trained: bool) -> Result<Var> {
        let name = format!("{}{name}", self.prefix);
        let mut making = self.making.borrow_mut();
        if let Some(known) = making.parameters.by_name.get(&name) {
            return Ok(known.value.clone());
        }
        let count = shape.iter().try_fold(1usize, |count, length| count.checked_mul(*length));
        making.numbers = making.numbers.saturating_add(count.unwrap_or(usize::MAX));
        if making.numbers > MOST_NUMBERS {
            candle_core::bail!("the network has more than {MOST_NUMBERS} numbers");
        }
        let values = making.source.values(&name, shape, start).unwrap_or_else(|what| {
            making.wrong.push(format!("{name}: {what}"));
            vec![0.0; shape.iter().product()]
        });
        let value =
            Var::from_tensor(&Tensor::from_vec(values, shape, &making.device)?.to_dtype(making.element)?)?;
        making.parameters.by_name.insert(name, Parameter { value: value.clone(), trained });
        Ok(value)
    }
}

/// Makes a network of `f32` on the processor.
///
/// # Errors
/// One fault that names *every* tensor of the source that is missing, has another shape, or was not asked for.
pub fn build<N>(
    source: &mut dyn Source,
    make: impl FnOnce(&Scope<'_, '_>) -> Result<N>,
) -> clips::Result<(N, Parameters)> {
    build_as(source, DType::F32, &Device::Cpu, make)
}

/// As [`build`], of an element type (`f64` for checks of gradients) and on a device.
///
/// # Errors
/// As [`build`].
pub fn build_as<N>(
    source: &mut dyn Source,
    element: DType,
    device: &Device,
    make: impl FnOnce(&Scope<'_, '_>) -> Result<N>,
) -> clips::Result<(N, Parameters)> {
    let making = RefCell::new(Making {
        source,
        device: device.clone(),
        element,
        parameters: Parameters::default(),
        wrong: Vec::new(),
        numbers: 0,
    });
    let made = make(&Scope { making: &making, prefix: String::new(), frozen: false });
    let Making { source, parameters, mut wrong, numbers, .. } = making.into_inner();
    if numbers > MOST_NUMBERS {
        return Err(Fault::new(
            FaultKind::TooLarge,
            source.path(),
            format!("the configuration asks for a network of more than {MOST_NUMBERS} numbers"),
        )
        .remedy("start from a preset"));
    }
    let network = made.map_err(internal)?;
    wrong.extend(source.left_over().into_iter().map(|name| format!("{name}: nothing asks for it")));
    if wrong.is_empty() {
        return Ok((network, parameters));
    }
    wrong.sort();
    Err(Fault::new(
        FaultKind::Mismatch,
        source.path(),
        format!("{} tensors do not fit the network:\n  {}", wrong.len(), wrong.join("\n  ")),
    )
    .remedy("choose the configuration the checkpoint was trained with, or another checkpoint"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(scope: &Scope<'_, '_>) -> Result<(Tensor, Tensor)> {
        let inner = scope.at("inner");
        Ok((inner.tensor("a", &[2], Start::Normal(1.0))?, inner.tensor("b", &[2, 3], Start::Uniform(0.5))?))
    }

    #[test]
    fn a_fresh_start_depends_on_seed_and_name_alone() {
        let of = |seed| build(&mut Fresh { seed }, pair).unwrap().0.1.to_vec2::<f32>().unwrap();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert!(of(3).concat().iter().all(|x| x.abs() <= 0.5));
    }

    #[test]
    fn a_network_beyond_belief_is_refused_before_memory_is_taken() {
        for shape in [[1 << 20, 1 << 20], [usize::MAX, 2]] {
            let fault =
                build(&mut Fresh { seed: 1 }, |scope| scope.tensor("a", &shape, Start::Constant(0.0)));
            assert_eq!(fault.unwrap_err().kind, FaultKind::TooLarge);
        }
    }

    #[test]
    fn what_is_written_is_read_and_every_misfit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.safetensors");
        let (_, parameters) = build(&mut Fresh { seed: 1 }, pair).unwrap();
        parameters.write(&path, &BTreeMap::new()).unwrap();
        let mut file = Tensors::open(&path).unwrap();
        let ((_, b), read) = build(&mut Stored::new(&mut file, |name| Some(name.into())), pair).unwrap();
        assert_eq!(b.to_vec2::<f32>().unwrap(), parameters.get("inner.b").unwrap().to_vec2::<f32>().unwrap());
        assert_eq!(read.count(), 8);
        let other = |scope: &Scope<'_, '_>| {
            scope.tensor("c", &[1], Start::Constant(0.0))?;
            scope.at("inner").tensor("b", &[3, 2], Start::Constant(0.0))
        };
        let fault = build(&mut Stored::new(&mut file, |name| Some(name.into())), other).err().unwrap();
        let text = fault.to_string();
        for part in [
            "3 tensors",
            "c: it is missing",
            "inner.b: its shape is [2, 3], it must be [3, 2]",
            "inner.a: nothing asks",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
