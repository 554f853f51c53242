//! The compared systems as [`listener::System`]s: a checkpoint answers speakers as the paper's own model does.
//!
//! [`load`] reads any checkpoint of the program. [`Answering`] checks the request, asks the network (one file a system: what it
//! reads of the speaker, its windows, its noise) and brings what comes out into the ranges of the columns. A sixth system is
//! one file here and one line in `answers`.
//!
//! Every sample is computed by itself from noise that [`Chance`] draws for (system, clip, seed, sample), in the order of windows:
//! a sample is the same alone and among others, and the first windows of a clip are the same however long it is.
//!
//! The official evaluation does not clamp, and its networks end in linear layers. Here action units and expressions are held to
//! 0..1, valence and arousal to -1..1: everything that reads a take counts on that.

mod belfusion;
mod features;
mod learning2listen;
mod regnn;
mod trans_vae;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{DType, Tensor};
use clips::channels::{ATTRIBUTE_COUNT, AU, COEFFICIENT_COUNT, EXPRESSIONS};
use clips::tensors::Tensors;
use clips::{
    Attributes, Chance, Coefficients, Control, Fault, FaultKind, Result, Sampling, Streams, Take, TakeHeader,
    Track,
};
use listener::latent_intent::features::require_frames;
use listener::{LatentChoice, Request, System};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use features::{CEPSTRA, cepstra, held};

use crate::systems::{self, Network, Settings};

/// Most samples of one request; memory stays under a gigabyte for clips of usual length.
const MOST_SAMPLES: usize = 1000;

/// Makes [`listener::load`] read checkpoints of the compared systems, too. The program calls it when it starts; studies and the
/// window then take them as equals without knowing this crate (they are kept free of candle).
pub fn register() {
    listener::register(systems::FORMAT, |path| Ok(Arc::new(Answering::load(path)?)));
    listener::ship("demo-trans-vae", || demo("trans-vae-demo.safetensors", TRANS_VAE));
    listener::ship("demo-trans-vae-online", || demo("trans-vae-online-demo.safetensors", TRANS_VAE_ONLINE));
    listener::ship("demo-belfusion", || demo("belfusion-demo.safetensors", BELFUSION));
    listener::ship("demo-belfusion-online", || demo("belfusion-online-demo.safetensors", BELFUSION_ONLINE));
    listener::ship("demo-regnn", || demo("regnn-demo.safetensors", REGNN));
    listener::ship("demo-learning2listen", || demo("learning2listen-demo.safetensors", LEARNING2LISTEN));
}

static TRANS_VAE: &[u8] = include_bytes!("../../../checkpoints/trans-vae-demo.safetensors");
static TRANS_VAE_ONLINE: &[u8] = include_bytes!("../../../checkpoints/trans-vae-online-demo.safetensors");
static BELFUSION: &[u8] = include_bytes!("../../../checkpoints/belfusion-demo.safetensors");
static BELFUSION_ONLINE: &[u8] = include_bytes!("../../../checkpoints/belfusion-online-demo.safetensors");
static REGNN: &[u8] = include_bytes!("../../../checkpoints/regnn-demo.safetensors");
static LEARNING2LISTEN: &[u8] = include_bytes!("../../../checkpoints/learning2listen-demo.safetensors");

/// A checkpoint that ships with the program.
fn demo(name: &str, bytes: &'static [u8]) -> Result<Arc<dyn System>> {
    let (settings, network) = systems::read_to_answer(Tensors::of_bytes(name, bytes)?)?;
    let hash = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Arc::new(Answering::of(&settings, network, hash, Path::new(name))?))
}

/// Loads any checkpoint of the program as a system: of a compared system or of the paper's model.
///
/// # Errors
/// A fault that says what is wrong with the file and what to do; for a system that cannot answer, that it cannot.
pub fn load(path: &Path) -> Result<Arc<dyn System>> {
    register();
    listener::load(path)
}

/// A checkpoint of a compared system, ready to answer.
pub struct Answering {
    name: &'static str,
    checkpoint: String,
    network: Box<dyn Answers>,
}

impl std::fmt::Debug for Answering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answering")
            .field("name", &self.name)
            .field("checkpoint", &self.checkpoint)
            .finish_non_exhaustive()
    }
}

/// How a network answers.
trait Answers: Send + Sync {
    /// What it needs of a speaker, and when it may be asked; refusals come from here.
    fn needs(&self) -> Needs;

    /// The reactions of all samples, `frames` frames each.
    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<Made>>;
}

/// What a network needs.
struct Needs {
    /// The speaker's video: the preset of the system that does without.
    video: Option<&'static str>,
    /// The speaker's attributes.
    attributes: bool,
    /// The speaker's sound.
    sound: bool,
    /// Frames of the speaker that it takes.
    frames: std::ops::RangeInclusive<usize>,
    /// It answers a window from nothing after that window.
    online: bool,
    /// It draws tokens, as the request's sampling says.
    tokens: bool,
}

/// One request.
struct Asked<'a> {
    system: &'static str,
    clip: &'a str,
    speaker: &'a Streams,
    frames: usize,
    request: &'a Request,
    control: &'a Control,
}

impl Asked<'_> {
    /// The draws of one sample.
    fn chance(&self, sample: usize) -> Chance {
        Chance::new(self.request.seed, &format!("{} {}", self.system, self.clip), &[sample as u64])
    }

    /// Reactions of all samples, each from its own draws, on all threads.
    fn each(&self, make: impl Fn(&mut Chance) -> candle_core::Result<Made> + Sync) -> Result<Vec<Made>> {
        let (samples, done) = (self.request.samples, AtomicU64::new(0));
        self.control.step("samples", 0, samples as u64, self.clip)?;
        (0..samples)
            .into_par_iter()
            .map(|sample| {
                self.control.check()?;
                let made = make(&mut self.chance(sample)).map_err(|error| self.failed(&error))?;
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                self.control.step("samples", done, samples as u64, self.clip)?;
                Ok(made)
            })
            .collect()
    }

    fn failed(&self, error: &candle_core::Error) -> Fault {
        Fault::new(FaultKind::Internal, self.clip, format!("{}: {error}", self.system))
    }
}

/// A reaction as the network made it: attributes `[1, T, 25]` and, where it makes them, coefficients `[1, T, 58]`, at least as many
/// frames as were asked for.
struct Made {
    attributes: Tensor,
    coefficients: Option<Tensor>,
}

impl Answering {
    /// Reads a checkpoint of a compared system.
    ///
    /// # Errors
    /// As [`systems::load`]; and for a system that cannot answer.
    pub fn load(path: &Path) -> Result<Self> {
        let (settings, network) = systems::load_to_answer(path)?;
        Self::of(&settings, network, hash(path)?, path)
    }

    /// A network that is there already, under the hash of its checkpoint; `path` is named in faults.
    ///
    /// # Errors
    /// For a system that cannot answer.
    pub(crate) fn of(settings: &Settings, network: Network, checkpoint: String, path: &Path) -> Result<Self> {
        Ok(Self { name: settings.system(), checkpoint, network: answers(network, path)? })
    }

    fn check(&self, clip: &str, speaker: &Streams, request: &Request) -> Result<usize> {
        let (name, needs) = (self.name, self.network.needs());
        let refuse =
            |kind, detail: String, remedy: String| Err(Fault::new(kind, clip, detail).remedy(remedy));
        if !request.turns.is_empty() || matches!(request.latents, LatentChoice::One(_)) {
            return refuse(
                FaultKind::BadRequest,
                format!("{name} has no latent to choose or to change"),
                "choose a latent-intent checkpoint, or ask without a latent".to_owned(),
            );
        }
        if request.sampling.has_style() {
            return refuse(
                FaultKind::BadRequest,
                format!("{name} knows no styles"),
                "choose a latent-intent checkpoint that does, or ask without a style".to_owned(),
            );
        }
        if !(1..=MOST_SAMPLES).contains(&request.samples) {
            return refuse(
                FaultKind::BadRequest,
                format!("{} samples", request.samples),
                format!("ask for 1 to {MOST_SAMPLES}"),
            );
        }
        if request.track == Track::Online && !needs.online {
            return refuse(
                FaultKind::BadRequest,
                format!(
                    "this {name} checkpoint sees the whole clip of the speaker, which an online track does not have"
                ),
                "ask offline, or choose a checkpoint of an online preset".to_owned(),
            );
        }
        if let Some(preset) = needs.video.filter(|_| speaker.video.is_none()) {
            return refuse(
                FaultKind::MissingModality,
                format!("the speaker has no video, and this {name} checkpoint reads pictures"),
                format!(
                    "add the video of the clip (Video_files), or choose a checkpoint of the preset {preset}, which reads \
                     attributes instead"
                ),
            );
        }
        let frames = require_frames(clip, speaker)?;
        if needs.attributes && speaker.attributes.is_none() {
            return refuse(
                FaultKind::MissingModality,
                format!("the speaker has no attributes, and {name} needs them"),
                "add the Emotion file of the clip, or answer with a system that sound is enough for (demo)"
                    .to_owned(),
            );
        }
        if needs.sound && speaker.sound.is_none() {
            return refuse(
                FaultKind::MissingModality,
                format!("the speaker has no sound, and {name} needs it"),
                "add the sound file of the clip, or choose belfusion, which needs attributes only".to_owned(),
            );
        }
        if frames < *needs.frames.start() {
            return refuse(
                FaultKind::WrongLength,
                format!("{frames} frames are less than one window of {}", needs.frames.start()),
                "choose a longer clip".to_owned(),
            );
        }
        if frames > *needs.frames.end() {
            return refuse(
                FaultKind::TooLarge,
                format!("{name} answers at most {} frames, and the clip has {frames}", needs.frames.end()),
                "cut the clip (generate: --frames 750)".to_owned(),
            );
        }
        Ok(frames)
    }
}

/// The one line that a system adds.
fn answers(network: Network, path: &Path) -> Result<Box<dyn Answers>> {
    Ok(match network {
        Network::TransVae(network) => Box::new(network),
        Network::BelFusion(network) => Box::new(network),
        Network::Regnn(network) => Box::new(network),
        Network::Learning2Listen(network) if network.statistics.is_some() => Box::new(network),
        Network::Learning2Listen(_) => {
            return Err(Fault::new(
                FaultKind::Unsupported,
                path,
                "this learning2listen checkpoint cannot answer: it reads the speaker's coefficients and 128 mel bands, which \
                 clips are not given as, it makes no attributes, and the statistics by which it standardises are not in it",
            )
            .remedy("choose a checkpoint of the preset small or attributes, which reads what a clip has"));
        }
    })
}

impl System for Answering {
    fn name(&self) -> &str {
        self.name
    }

    fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    fn latents(&self) -> usize {
        0
    }

    fn signature(&self, _: usize) -> Option<&str> {
        None
    }

    fn hears(&self) -> bool {
        self.network.needs().sound
    }

    fn answers_online(&self) -> bool {
        self.network.needs().online
    }

    fn generate(
        &self,
        clip: &str,
        speaker: &Streams,
        request: &Request,
        control: &Control,
    ) -> Result<Vec<Take>> {
        control.check()?;
        let frames = self.check(clip, speaker, request)?;
        let asked = Asked { system: self.name, clip, speaker, frames, request, control };
        // what was not used is not claimed
        let Sampling { temperature, top_k, top_p, .. } = request.sampling;
        let sampling = match self.network.needs().tokens {
            true => Sampling { temperature, top_k, top_p, ..Sampling::default() },
            false => Sampling::default(),
        };
        let take = |(sample, made): (usize, Made)| {
            let mut attributes: Attributes = rows::<ATTRIBUTE_COUNT>(&asked, &made.attributes)?;
            attributes.iter_mut().for_each(within_ranges);
            let coefficients: Option<Coefficients> =
                made.coefficients.as_ref().map(|made| rows::<COEFFICIENT_COUNT>(&asked, made)).transpose()?;
            Ok(Take {
                header: TakeHeader {
                    system: self.name.to_owned(),
                    checkpoint: self.checkpoint.clone(),
                    clip: clip.to_owned(),
                    latent: None,
                    sample,
                    seed: request.seed,
                    sampling,
                    track: request.track,
                    turns: Vec::new(),
                    rm_score: None,
                    rank: None,
                },
                attributes: Arc::new(attributes),
                coefficients: coefficients.map(Arc::new),
            })
        };
        self.network.answer(&asked)?.into_iter().enumerate().map(take).collect()
    }
}

/// The first frames of `[1, T, N]`.
fn rows<const N: usize>(asked: &Asked<'_>, made: &Tensor) -> Result<Vec<[f32; N]>> {
    let values = || made.to_dtype(DType::F32)?.narrow(1, 0, asked.frames)?.flatten_all()?.to_vec1::<f32>();
    let values = values().map_err(|error| asked.failed(&error))?;
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Fault::new(
            FaultKind::NotFinite,
            asked.clip,
            format!("{} answers with numbers that are not finite", asked.system),
        )
        .remedy("its training broke: choose an earlier checkpoint"));
    }
    Ok(values.as_chunks::<N>().0.to_vec())
}

/// Action units and expressions to 0..1, valence and arousal to -1..1.
fn within_ranges(row: &mut [f32; ATTRIBUTE_COUNT]) {
    for (column, value) in row.iter_mut().enumerate() {
        let least = if AU.contains(&column) || EXPRESSIONS.contains(&column) { 0.0 } else { -1.0 };
        *value = value.clamp(least, 1.0);
    }
}

/// SHA-256 of a file, hex, a piece at a time.
fn hash(path: &Path) -> Result<String> {
    let fault = |error: std::io::Error| Fault::io(path, &error);
    let mut file = std::fs::File::open(path).map_err(fault)?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece).map_err(fault)? {
            0 => break,
            count => hasher.update(&piece[..count]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
