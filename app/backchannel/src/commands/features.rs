//! `backchannel features`: the speech features of a sound as a tensor.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clips::tensors;
use speech::{Extractor, Kind};

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
    let features = extractor.features(&decoded.waveform, &control)?;
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
