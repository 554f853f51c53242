//! `backchannel features`: the speech features of a sound as a tensor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clips::array::Array;
use clips::cache::{Cache, Key};
use clips::tensors;
use speech::{Extractor, Features, Kind};

use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sound: WAV, FLAC, Ogg Vorbis, MP3 or AAC in MP4
    #[arg(value_name = "IN")]
    sound: PathBuf,
    /// Kind of features: mfcc39, mfcc78 (both with -causal too), react78, psf78, vggish-logmel, vggish-patches,
    /// vggish or wav2vec2
    #[arg(long, default_value = "mfcc39")]
    kind: String,
    /// Weights of vggish and wav2vec2: the folder of the model
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// Refuse kinds that hear sound after their row, as an online track would
    #[arg(long)]
    causal: bool,
    /// Keep results here, by content of the sound and of the weights; a sound that was heard before costs nothing
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// File to write: tensor `features`, f32, [frames, width]
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let control = output.control();
    let kind: Kind = args.kind.parse()?;
    if args.causal {
        kind.require_causal()?;
    }
    let extractor = Extractor::open(kind, args.weights.as_deref())?;
    let decoded = speech::decode_with_warnings(&args.sound)?;
    for warning in &decoded.warnings {
        output.warn(warning);
    }
    let features = match &args.cache {
        None => extractor.features(&decoded.waveform, &control)?,
        Some(folder) => cached(folder, &extractor, &decoded.waveform, &control)?,
    };
    let facts = kind.facts();
    let metadata = BTreeMap::from(
        [
            ("kind", kind.to_string()),
            ("provider", features.provider.clone()),
            ("rows_per_second", facts.rows_per_second.to_string()),
            ("causal", kind.causal().to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    let shape = [features.rows(), features.width];
    tensors::write(&args.out, &[("features", &shape, &features.values)], &metadata)?;
    output.result(
        &serde_json::json!({
            "kind": kind.name(),
            "provider": features.provider,
            "frames": shape[0],
            "width": shape[1],
            "rows_per_second": facts.rows_per_second,
            "causal": kind.causal(),
            "out": args.out,
        }),
        format!(
            "{} rows x {} columns of {} ({} a second{}) -> {}",
            shape[0],
            shape[1],
            features.provider,
            facts.rows_per_second,
            if kind.causal() { "" } else { "; hears past its row" },
            args.out.display()
        ),
    )
}

/// Looks in the cache first. The key holds the kind, the provider (which names the weights by their hash) and every
/// sample, so that nothing old can be found under it.
fn cached(
    folder: &Path,
    extractor: &Extractor,
    sound: &clips::Waveform,
    control: &clips::Control,
) -> clips::Result<Features> {
    let samples: Vec<u8> = sound.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let key = Key::new("features/1")
        .part("kind", extractor.kind())
        .part("provider", extractor.provider())
        .part("rate", sound.rate)
        .bytes("samples", &samples);
    let array = Cache::at(folder)?.get_or_compute(&key, || {
        let features = extractor.features(sound, control)?;
        Ok(Array { shape: vec![features.rows(), features.width], values: features.values })
    })?;
    let width = array.shape.get(1).copied().unwrap_or(0);
    let (kind, provider) = (extractor.kind(), extractor.provider().to_owned());
    Ok(Features { kind, provider, width, values: array.values })
}
