//! wav2vec2 and VGGish.

use clips::golden::{Sheet, Tolerance, fill};
use clips::tensors::Tensors;
use clips::{Control, Fault, FaultKind, Result};

use super::has;
use crate::vggish::front::{BANDS, PATCH, PATCH_ROWS, REACT};
use crate::vggish::net::WIDTH;
use crate::wav2vec2::{Config, Encoder, pair_means};
use crate::{resampy, vggish};

/// Values are of order 1 to 10, computed in `f64` by the reference.
const ENCODER: Tolerance = Tolerance::absolute(2e-4);
const NETWORK: Tolerance = Tolerance::absolute(1e-4);

/// `NAME.io.safetensors` with `NAME.weights.safetensors` and `NAME.config.json`.
pub fn wav2vec2(file: &mut Tensors, control: &Control) -> Result<Option<Sheet>> {
    let path = file.path().to_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(stem) = name.strip_suffix(".io.safetensors") else { return Ok(None) };
    let weights = path.with_file_name(format!("{stem}.weights.safetensors"));
    let config = path.with_file_name(format!("{stem}.config.json"));
    if !has(file, &["input_raw", "last_hidden_state"]) || !weights.exists() || !config.exists() {
        return Ok(None);
    }
    let encoder = Encoder::from_tensors(Config::read(&config)?, &mut Tensors::open(&weights)?)?;
    let (last, trace) = encoder.trace(&file.floats("input_raw")?, control)?;
    let config = encoder.config();
    let (width, channels) = (config.hidden_size, config.conv_dim.last().copied().unwrap_or(1));
    let rows = last.len() / width;
    let mut sheet = Sheet::default();
    sheet.input("input_raw");
    let mut put = |name: &str, width: usize, values: &[f32]| {
        sheet.put(name, &[values.len() / width, width], values, ENCODER);
    };
    put("conv_features", channels, &trace.conv_features);
    put("norm_features", channels, &trace.norm_features);
    put("projected", width, &trace.projected);
    put("pos_conv", width, &trace.pos_conv);
    for (layer, hidden) in trace.hidden.iter().enumerate() {
        put(&format!("hidden_{layer}"), width, hidden);
    }
    put("last_hidden_state", width, &last);
    put("pooled_25fps_pairmean", width, &pair_means(&last, width, rows / 2));
    sheet.put("input_values", &[trace.input_values.len()], &trace.input_values, ENCODER);
    sheet.put("attn0", &[config.num_attention_heads, rows, rows], &trace.attention, ENCODER);
    Ok(Some(sheet))
}

/// Whole-number samples at 24 and 44.1 kHz to log-mel patches as the REACT baseline cuts them.
pub fn vggish_front(file: &mut Tensors, _: &Control) -> Result<Option<Sheet>> {
    const RATES: [(&str, u32); 2] = [("24k", 24_000), ("44k1", 44_100)];
    let name = |rate: &str| format!("in.pcm{rate}_i32");
    if !RATES.iter().any(|(rate, _)| file.shape(&name(rate)).is_some()) {
        return Ok(None);
    }
    let mut sheet = Sheet::default();
    for (label, rate) in RATES {
        let input = name(label);
        if file.shape(&input).is_none() {
            continue;
        }
        sheet.input(&input);
        let samples: Vec<f32> = file.floats(&input)?.iter().map(|sample| sample / 32_768.0).collect();
        let samples = resampy::kaiser_best(&samples, rate, REACT.rate);
        // what a resampler leaves open shows in the logarithm of quiet bands
        let tolerance = if rate == REACT.rate { NETWORK } else { Tolerance::absolute(5e-3) };
        sheet.put(&format!("mid.resampled_{label}_to_24k"), &[samples.len()], &samples, NETWORK);
        sheet.put_rows(&format!("mid.log_mel_{label}"), &REACT.log_mel(&samples), tolerance);
        let patches = REACT.patches(&samples);
        let shape = [patches.len() / PATCH, 1, PATCH_ROWS, BANDS];
        sheet.put(&format!("out.examples_{label}"), &shape, &patches, tolerance);
    }
    let bank = REACT.triangles();
    let bins = bank.first().map_or(0, Vec::len);
    let matrix: Vec<f64> = (0..bins).flat_map(|bin| bank.iter().map(move |row| row[bin])).collect();
    sheet.put("mid.mel_matrix", &[bins, BANDS], &matrix, NETWORK);
    Ok(Some(sheet))
}

/// Patches through the network with weights by formula.
pub fn vggish_network(file: &mut Tensors, control: &Control) -> Result<Option<Sheet>> {
    const INPUT: &str = "in.examples";
    const PROBE: &str = "in.pca_probe";
    if !has(file, &[INPUT, PROBE, "out.postprocessed"]) {
        return Ok(None);
    }
    let seed = file.metadata().get("weight_seed").and_then(|text| text.parse().ok()).ok_or_else(|| {
        Fault::new(FaultKind::Malformed, file.path(), "the seed of the weights is missing")
            .at("metadata, weight_seed")
            .remedy("write the golden file again")
    })?;
    let network = vggish::Network::from_tensors(|name, shape| Ok(fill(seed, name, shape, 1.0)), true)?;
    let (examples, probe) = (file.floats(INPUT)?, file.floats(PROBE)?);
    let mut sheet = Sheet::default();
    sheet.input(INPUT);
    sheet.input(PROBE);
    // ours keeps channels last, the reference first
    let (patches, maps) = (examples.len() / PATCH, network.features(&examples));
    let channels_first: Vec<f32> = maps
        .chunks_exact(512 * 24)
        .flat_map(|map| (0..512).flat_map(move |channel| map.iter().skip(channel).step_by(512).copied()))
        .collect();
    sheet.put("mid.features", &[patches, 512, 6, 4], &channels_first, NETWORK);
    let embeddings = network.embeddings(&examples, control)?;
    sheet.put("out.embedding", &[patches, WIDTH], &embeddings, NETWORK);
    // whole numbers; a value at the edge of a step may fall on either side
    let whole = Tolerance { rounded_share: 0.01, ..Tolerance::EXACT };
    sheet.put("out.postprocessed", &[patches, WIDTH], &network.quantised(&embeddings), whole);
    sheet.put("out.pca_probe", &[probe.len() / WIDTH, WIDTH], &network.quantised(&probe), whole);
    Ok(Some(sheet))
}
