//! The kinds of speech features, one table of facts about them, and the one function that computes any of them.
//!
//! | kind | rows a second | columns | at | hears past its row | needs weights |
//! |---|---|---|---|---|---|
//! | `mfcc39`, `mfcc78` | 25 | 39, 78 | 16 kHz | four rows | |
//! | `mfcc39-causal`, `mfcc78-causal` | 25 | 39, 78 | 16 kHz | nothing | |
//! | `react78` | 25 | 78 | as it comes | nothing | |
//! | `psf78` | 25 | 78 | as it comes | four rows | |
//! | `vggish-logmel` | 100 | 64 | 16 kHz | 15 ms | |
//! | `vggish-patches` | 25 | 6144 | 24 kHz | 24.6 ms | |
//! | `vggish` | 25 | 128 | 24 kHz | 24.6 ms | yes |
//! | `wav2vec2` | 25 | `hidden_size` | 16 kHz | the whole clip | yes |
//!
//! "Hears past its row" is why an online track refuses a kind ([`Kind::require_causal`]): a number that depends on sound
//! which has not been made yet cannot be had in time, and a system trained on it would be cheating. Where sound has to
//! be resampled first, the filter adds less than 1 ms to this, in the causal kinds too.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use clips::{Control, Fault, FaultKind, Result, Waveform};
use sha2::{Digest, Sha256};

use crate::vggish::front::{PATCH, REACT, STANDARD};
use crate::{FEATURE_RATE, kaldi, mfcc, mono_at_feature_rate, psf, resampy, vggish, wav2vec2};

/// A kind of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 13 log cepstra with centred deltas ([`mfcc`]).
    Mfcc39,
    /// 13 log cepstra with prefix deltas.
    Mfcc39Causal,
    /// 26 log cepstra with centred deltas.
    Mfcc78,
    /// 26 log cepstra with prefix deltas: what the shipped model hears, in both tracks.
    Mfcc78Causal,
    /// The official baseline's Kaldi cepstra of every video frame alone ([`kaldi`]).
    React78,
    /// The cepstra of python_speech_features ([`psf`]).
    Psf78,
    /// VGGish's log-mel rows every 10 ms ([`vggish::STANDARD`]).
    VggishLogmel,
    /// Log-mel patches as the REACT baseline cuts them, one a video frame ([`vggish::REACT`]).
    VggishPatches,
    /// The VGGish network on those patches, whitened and quantised.
    Vggish,
    /// A wav2vec2 encoder, two rows averaged to one a video frame ([`wav2vec2`]).
    Wav2vec2,
}

/// How far past the end of its row a kind hears.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LookAhead {
    /// Not at all.
    Nothing,
    /// This many seconds.
    Seconds(f64),
    /// Up to the end of the clip.
    WholeClip,
}

/// What is known of a kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts {
    /// Name on the command line and in files.
    pub name: &'static str,
    /// Columns; `None` when the weights decide.
    pub width: Option<usize>,
    /// Sampling rate the sound is brought to; `None` when it stays as it is.
    pub rate: Option<u32>,
    /// Rows a second.
    pub rows_per_second: u32,
    /// How far it hears past its row.
    pub look_ahead: LookAhead,
    /// Whether it needs weights that the user has.
    pub needs_weights: bool,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Mfcc39,
        Self::Mfcc39Causal,
        Self::Mfcc78,
        Self::Mfcc78Causal,
        Self::React78,
        Self::Psf78,
        Self::VggishLogmel,
        Self::VggishPatches,
        Self::Vggish,
        Self::Wav2vec2,
    ];

    /// The table.
    pub fn facts(self) -> Facts {
        /// Four rows of 40 ms: a delta of a delta over +-2 rows.
        const FOUR_ROWS: LookAhead = LookAhead::Seconds(0.16);
        /// A patch's last row begins 10 samples before its frame ends and is 600 long, at 24 kHz.
        const PATCH_TAIL: LookAhead = LookAhead::Seconds(590.0 / 24_000.0);
        let facts = |name, width, rate, look_ahead| Facts {
            name,
            width: Some(width),
            rate,
            rows_per_second: 25,
            look_ahead,
            needs_weights: false,
        };
        match self {
            Self::Mfcc39 => facts("mfcc39", 39, Some(16_000), FOUR_ROWS),
            Self::Mfcc39Causal => facts("mfcc39-causal", 39, Some(16_000), LookAhead::Nothing),
            Self::Mfcc78 => facts("mfcc78", 78, Some(16_000), FOUR_ROWS),
            Self::Mfcc78Causal => facts("mfcc78-causal", 78, Some(16_000), LookAhead::Nothing),
            Self::React78 => facts("react78", 78, None, LookAhead::Nothing),
            Self::Psf78 => facts("psf78", 78, None, FOUR_ROWS),
            Self::VggishLogmel => Facts {
                rows_per_second: 100,
                // 400 samples are heard where a row lasts 160
                ..facts("vggish-logmel", 64, Some(16_000), LookAhead::Seconds(0.015))
            },
            Self::VggishPatches => facts("vggish-patches", PATCH, Some(24_000), PATCH_TAIL),
            Self::Vggish => {
                Facts { needs_weights: true, ..facts("vggish", vggish::net::WIDTH, Some(24_000), PATCH_TAIL) }
            }
            Self::Wav2vec2 => Facts {
                name: "wav2vec2",
                width: None,
                rate: Some(FEATURE_RATE),
                rows_per_second: 25,
                look_ahead: LookAhead::WholeClip,
                needs_weights: true,
            },
        }
    }

    /// Name on the command line and in files.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// Whether no row depends on sound after its end.
    pub fn causal(self) -> bool {
        self.facts().look_ahead == LookAhead::Nothing
    }

    /// Refuses a kind that hears past its row; what an online track asks first.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] saying how far it looks ahead and which kinds do not.
    pub fn require_causal(self) -> Result<()> {
        let ahead = match self.facts().look_ahead {
            LookAhead::Nothing => return Ok(()),
            LookAhead::Seconds(seconds) => format!("{:.0} ms into the future", seconds * 1e3),
            LookAhead::WholeClip => "to the end of the clip".to_owned(),
        };
        let causal: Vec<_> = Self::ALL.iter().filter(|kind| kind.causal()).map(|kind| kind.name()).collect();
        Err(Fault::new(
            FaultKind::BadRequest,
            "",
            format!("{self} features hear {ahead}, which an online track does not have"),
        )
        .remedy(format!("use {} or the offline track", causal.join(", "))))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            Fault::new(FaultKind::BadRequest, "", format!("there is no feature kind {text:?}"))
                .remedy(format!("choose one of {}", names.join(", ")))
        })
    }
}

/// Features of a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// What they are.
    pub kind: Kind,
    /// What made them: the name, and for kinds with weights the start of their SHA-256. Streams of different
    /// providers must not be mixed.
    pub provider: String,
    /// Columns.
    pub width: usize,
    /// Row-major `[rows, width]`.
    pub values: Vec<f32>,
}

impl Features {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.width.max(1)
    }
}

/// A kind with its weights loaded, ready for many clips.
#[derive(Debug)]
pub struct Extractor {
    kind: Kind,
    provider: String,
    network: Option<Network>,
}

#[derive(Debug)]
enum Network {
    Vggish(Box<vggish::Network>),
    Wav2vec2(Box<wav2vec2::Encoder>),
}

impl Extractor {
    /// Loads what a kind needs; `weights` is a folder (see [`vggish::Network::open`], [`wav2vec2::Encoder::open`]).
    ///
    /// # Errors
    /// When weights are needed and not given, given and not needed, or cannot be read.
    pub fn open(kind: Kind, weights: Option<&Path>) -> Result<Self> {
        let bad = |detail: String, remedy: &str| Fault::new(FaultKind::BadRequest, "", detail).remedy(remedy);
        let Some(folder) = weights else {
            return match kind.facts().needs_weights {
                true => Err(bad(
                    format!("{kind} features need weights, and none come with the program"),
                    "give --weights DIR: for wav2vec2 the folder of a Hugging Face model, for vggish one with its state dict and PCA parameters",
                )),
                false => Ok(Self { kind, provider: kind.name().to_owned(), network: None }),
            };
        };
        let network = match kind {
            Kind::Wav2vec2 => Network::Wav2vec2(Box::new(wav2vec2::Encoder::open(folder)?)),
            Kind::Vggish => Network::Vggish(Box::new(vggish::Network::open(folder)?)),
            _ => return Err(bad(format!("{kind} features have no weights"), "leave --weights away")),
        };
        let provider = format!("{kind} {}", fingerprint(folder)?);
        Ok(Self { kind, provider, network: Some(network) })
    }

    /// What it computes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What makes them: the kind, and the hash of the weights where there are any.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Columns of its rows.
    pub fn width(&self) -> usize {
        match &self.network {
            Some(Network::Wav2vec2(encoder)) => encoder.config().hidden_size,
            _ => self.kind.facts().width.unwrap_or(0),
        }
    }

    /// Features of a sound, one row for every whole video frame; `psf78` has one more when the last frame is begun,
    /// `vggish-logmel` has 100 a second.
    ///
    /// # Errors
    /// When stopped, or the sound is too long for the kind.
    pub fn features(&self, sound: &Waveform, control: &Control) -> Result<Features> {
        let frames = sound.frames();
        let own = || mono_at_feature_rate(sound);
        let width = self.width();
        control.check()?;
        let values = match self.kind {
            Kind::Mfcc39 => flat(mfcc::mfcc39_centred(&own()), frames),
            Kind::Mfcc39Causal => flat(mfcc::mfcc39(&own()), frames),
            Kind::Mfcc78 => flat(mfcc::mfcc78_centred(&own()), frames),
            Kind::Mfcc78Causal => flat(mfcc::mfcc78(&own()), frames),
            Kind::React78 => flat(kaldi::react78(&sound.mono(), sound.rate), frames),
            Kind::Psf78 => flat(psf::psf78(&sound.mono(), sound.rate), usize::MAX),
            Kind::VggishLogmel => flat(STANDARD.log_mel(&own()), usize::MAX),
            Kind::VggishPatches => last_repeated(patches(sound), PATCH, frames),
            Kind::Vggish => match &self.network {
                Some(Network::Vggish(network)) => {
                    let embeddings = network.embeddings(&patches(sound), control)?;
                    last_repeated(network.quantised(&embeddings), width, frames)
                }
                _ => Vec::new(),
            },
            Kind::Wav2vec2 => match &self.network {
                Some(Network::Wav2vec2(encoder)) => {
                    let hidden = encoder.encode(&own(), control)?;
                    wav2vec2::pair_means(&hidden, width, frames)
                }
                _ => Vec::new(),
            },
        };
        Ok(Features { kind: self.kind, provider: self.provider.clone(), width, values })
    }
}

/// Features of one sound; for many, keep an [`Extractor`].
///
/// # Errors
/// As [`Extractor::open`] and [`Extractor::features`].
pub fn features(kind: Kind, sound: &Waveform, weights: Option<&Path>, control: &Control) -> Result<Features> {
    Extractor::open(kind, weights)?.features(sound, control)
}

fn flat<const N: usize>(mut rows: Vec<[f32; N]>, most: usize) -> Vec<f32> {
    rows.truncate(most);
    rows.into_flattened()
}

/// The baseline's patches, resampled as the baseline does.
fn patches(sound: &Waveform) -> Vec<f32> {
    REACT.patches(&resampy::kaiser_best(&sound.mono(), sound.rate, REACT.rate))
}

/// `rows` rows: cut, or with the last one repeated as the official loader does. Nothing stays nothing.
fn last_repeated(mut values: Vec<f32>, width: usize, rows: usize) -> Vec<f32> {
    if values.is_empty() {
        return values;
    }
    while values.len() < rows * width {
        values.extend_from_within(values.len() - width..);
    }
    values.truncate(rows * width);
    values
}

/// The first 16 hex digits of the SHA-256 over the weight files of a folder.
fn fingerprint(folder: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for path in crate::weights::files(folder)? {
        let mut file = std::fs::File::open(&path).map_err(|error| Fault::io(&path, &error))?;
        let mut part = vec![0; 1 << 20];
        loop {
            let length = file.read(&mut part).map_err(|error| Fault::io(&path, &error))?;
            if length == 0 {
                break;
            }
            hash.update(&part[..length]);
        }
    }
    Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
