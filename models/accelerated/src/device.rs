//! Devices by name: which ones this build knows, which ones this machine has, and what to do when one is missing.

use std::fmt;

use candle_core::Device;
use clips::{Fault, FaultKind, Result};

/// A device that a name stands for.
#[derive(Debug, Clone)]
pub struct Chosen {
    name: String,
    what: String,
    device: Device,
}

impl Chosen {
    /// As it is asked for: `cuda:0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// candle's handle.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, candle)", self.name, self.what)
    }
}

/// Names of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// The processor, on plain slices: the reference.
    Cpu,
    /// The processor through candle; there to test and compare the accelerated code anywhere, slower than `cpu`.
    CandleCpu,
    /// An NVIDIA card by its number.
    Cuda(usize),
    /// Apple's card.
    Metal,
}

impl Name {
    /// Reads `cpu`, `candle-cpu`, `cuda`, `cuda:1`, `metal`.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] for another name, with what there is.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "candle-cpu" => Ok(Self::CandleCpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .filter(|number| *number < 256)
                .map(Self::Cuda)
                .ok_or_else(|| missing(text, "is the name of no device".to_owned(), "")),
        }
    }

    /// The device of this name; `None` for `cpu`, which needs no candle.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] when this build or this machine has no such device, with what there is and how to build
    /// for it.
    pub fn open(self) -> Result<Option<Chosen>> {
        let text = self.to_string();
        let (device, what) = match self {
            Self::Cpu => return Ok(None),
            Self::CandleCpu => (Device::Cpu, "the processor".to_owned()),
            Self::Cuda(_) if !cfg!(feature = "cuda") => {
                let remedy = "build with `cargo build --release --features cuda` (docs/devices.md), and ";
                return Err(missing(
                    &text,
                    "needs a build for NVIDIA cards; this one is not".to_owned(),
                    remedy,
                ));
            }
            Self::Metal if !cfg!(feature = "metal") => {
                let remedy =
                    "build on macOS with `cargo build --release --features metal` (docs/devices.md), and ";
                return Err(missing(
                    &text,
                    "needs a build for Apple's cards; this one is not".to_owned(),
                    remedy,
                ));
            }
            Self::Cuda(number) => opened(&text, cuda(number))?,
            Self::Metal => opened(&text, Device::new_metal(0))?,
        };
        Ok(Some(Chosen { name: text, what, device }))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "cpu"),
            Self::CandleCpu => write!(f, "candle-cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => write!(f, "metal"),
        }
    }
}

/// With a stream of its own: the usual one is a different one on every thread, and a step may be on any.
fn cuda(number: usize) -> candle_core::Result<Device> {
    Device::new_cuda_with_stream(number)
}

fn opened(text: &str, device: candle_core::Result<Device>) -> Result<(Device, String)> {
    let device = device.map_err(|error| {
        let words = error.to_string();
        let first = words.lines().next().unwrap_or_default().to_owned();
        missing(text, format!("is not there: {first}"), "")
    })?;
    let what = describe(&device);
    Ok((device, what))
}

fn missing(text: &str, why: String, remedy: &str) -> Fault {
    let there: Vec<String> = names().iter().map(ToString::to_string).collect();
    Fault::new(FaultKind::BadRequest, "", format!("--device {text} {why}"))
        .remedy(format!("{remedy}choose one of: {}", there.join(", ")))
}

fn describe(device: &Device) -> String {
    match device {
        Device::Cpu => "the processor".to_owned(),
        #[cfg(feature = "cuda")]
        Device::Cuda(card) => {
            let context = card.cuda_stream().context().clone();
            context.name().unwrap_or_else(|_| "an NVIDIA card".to_owned())
        }
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) => "an NVIDIA card".to_owned(),
        Device::Metal(_) => "Apple's card".to_owned(),
    }
}

/// Devices that this build on this machine can train on. Asks the drivers, which may take a second.
pub fn names() -> Vec<Name> {
    let mut names = vec![Name::Cpu, Name::CandleCpu];
    if cfg!(feature = "cuda") {
        names.extend((0..256).take_while(|number| cuda(*number).is_ok()).map(Name::Cuda));
    }
    if cfg!(feature = "metal") && Device::new_metal(0).is_ok() {
        names.push(Name::Metal);
    }
    names
}

/// The same for people, a line each.
pub fn listed() -> Vec<String> {
    let line = |name: &Name| match name {
        Name::Cpu => format!("cpu ({} threads, gemm and plain loops)", training_threads()),
        Name::CandleCpu => "candle-cpu (the processor through candle, to compare with)".to_owned(),
        name => match name.open() {
            Ok(Some(chosen)) => chosen.to_string(),
            _ => name.to_string(),
        },
    };
    names().iter().map(line).collect()
}

fn training_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Kinds of accelerator that this build leaves out.
pub fn left_out() -> Vec<&'static str> {
    [("cuda", cfg!(feature = "cuda")), ("metal", cfg!(feature = "metal"))]
        .into_iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_the_same_way() {
        for text in ["cpu", "candle-cpu", "cuda:0", "cuda:7", "metal"] {
            assert_eq!(Name::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Name::parse("cuda").unwrap(), Name::Cuda(0));
        for wrong in ["gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:99999", ""] {
            let fault = Name::parse(wrong).unwrap_err().to_string();
            assert!(fault.contains("candle-cpu"), "{wrong}: {fault}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_is_not_built_in_is_refused_with_what_there_is() {
        let fault = Name::Cuda(0).open().unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadRequest);
        let words = fault.to_string();
        assert!(words.contains("--device cuda:0") && words.contains("--features cuda"), "{words}");
        assert!(words.contains("cpu, candle-cpu"), "{words}");
        assert!(left_out().contains(&"cuda"));
    }
}
