//! Goldens of Trans-VAE: small networks with stored weights, official sizes by formula, gradients, constants.

use candle_core::Tensor;
use clips::golden::{Sheet, Tolerance};
use clips::{Control, Result};

use super::{Fill, Form, Golden, all_inputs, check, gradients, put, put_as};
use crate::layers::positions::interleaved;
use crate::layers::transformer::causal_mask;
use crate::parameters::{Parameters, Stored, build, internal};
use crate::pass::Pass;
use crate::trans_vae::loss::{divergence, diversity, reconstruction};
use crate::trans_vae::{Config, Reaction, Seen, Speaker, Target, TransVae, Weights, is_junk};

/// Every form of file.
pub(super) const FORMS: [Form; 4] = [constants, weights, io, grads];
/// A tensor that only this system has.
const MARK: &str = "reaction_decoder.vae_model.mu_token";

/// The table of positions and the decoder's mask.
fn constants(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["decoder_mask_4x12x12", "pe_d16_rows0_32"]) {
        return Ok(None);
    }
    let mut sheet = Sheet::default();
    for (name, rows) in [("pe_d16_rows0_32", 0..32), ("pe_d16_rows740_751", 740..751)] {
        let table = interleaved(rows.clone(), 16);
        sheet.put(name, &[rows.len(), 16], &table, Tolerance::absolute(1e-4));
    }
    let mask = causal_mask(12, candle_core::DType::F32, &candle_core::Device::Cpu).map_err(internal)?;
    let mask: Vec<f32> = mask.flatten_all().and_then(|mask| mask.to_vec1()).map_err(internal)?;
    let of_heads = mask.repeat(4);
    sheet.put("decoder_mask_4x12x12", &[4, 12, 12], &of_heads, Tolerance::EXACT);
    let closed: Vec<f32> = of_heads.iter().map(|value| f32::from(*value < 0.0)).collect();
    sheet.put("decoder_mask_is_neg_inf", &[4, 12, 12], &closed, Tolerance::EXACT);
    Ok(Some(sheet))
}

/// Weights of another file.
fn weights(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    Ok((golden.has(&[MARK]) && golden.partner("_weights", "_io").is_some()).then(|| all_inputs(golden)))
}

/// The network of a golden file, and what it is fed.
struct Case {
    network: TransVae,
    parameters: Parameters,
    speaker: Speaker,
    video: Tensor,
    /// Noise, `[windows, B, d]`.
    eps: Tensor,
}

fn case(golden: &mut Golden) -> Result<Option<Case>> {
    let online = golden.has(&["in.eps_per_window"]);
    if !(online || golden.has(&["in.eps"])) || !golden.has(&["out.3dmm", "out.emotion"]) {
        return Ok(None);
    }
    let eps = match online {
        true => golden.tensor("in.eps_per_window")?,
        false => golden.tensor("in.eps")?.unsqueeze(0).map_err(internal)?,
    };
    let width = eps.dims().last().copied().unwrap_or(0);
    let window = if online { Some(golden.number("window")? as usize) } else { None };
    let config = Config { width, window, ..Config::official() };
    config.check()?;
    let (network, parameters) = match golden.partner("_io", "_weights") {
        Some(path) => {
            let mut file = clips::tensors::Tensors::open(&path)?;
            let mut stored = Stored::new(&mut file, |name| (!is_junk(name)).then(|| name.to_owned()));
            build(&mut stored, |scope| TransVae::new(&config, scope))?
        }
        None => {
            let mut filled = Fill { seed: golden.number("weight_seed")?, gain: &|_| 1.0 };
            build(&mut filled, |scope| TransVae::new(&config, scope))?
        }
    };
    let (video, audio) = match golden.has(&["in.video"]) {
        true => (golden.tensor("in.video")?, golden.tensor("in.audio")?),
        false => (golden.by_formula("video")?, golden.by_formula("audio")?),
    };
    let speaker = Speaker { seen: Seen::Rows(video.clone()), heard: audio };
    Ok(Some(Case { network, parameters, speaker, video, eps }))
}

/// Outputs, what is between, and losses.
fn io(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    let Some(case) = case(golden)? else { return Ok(None) };
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    let pass = Pass::evaluation().noting();
    let (made, latents) = case.network.forward(&case.speaker, &case.eps, &pass).map_err(internal)?;
    put(&mut sheet, "out.3dmm", &made.coefficients)?;
    put(&mut sheet, "out.emotion", &made.emotion)?;
    if case.network.config().window.is_some() {
        for name in ["fused", "decoder2", "lstm"] {
            // the first window has no past, so the first LSTM output is that of window 1
            let first = usize::from(name == "lstm");
            for (index, tensor) in pass.noted(name).iter().enumerate() {
                put(&mut sheet, &format!("mid.{name}_window{}", index + first), tensor)?;
            }
        }
        for name in ["mu", "std"] {
            let all = Tensor::stack(&pass.noted(name), 0).map_err(internal)?;
            put(&mut sheet, &format!("mid.{name}_per_window"), &all)?;
        }
    } else {
        for name in NOTED {
            for tensor in pass.noted(name) {
                put(&mut sheet, &format!("mid.{name}"), &tensor)?;
            }
        }
        turned(&mut sheet, &pass, case.speaker.heard.dims()).map_err(internal)??;
    }
    if golden.has(&["loss.rec"]) {
        let other = |factor: f64| -> Result<Reaction> {
            let eps = case.eps.affine(factor, 0.0).map_err(internal)?;
            Ok(case.network.forward(&case.speaker, &eps, &Pass::evaluation()).map_err(internal)?.0)
        };
        for (factor, name) in [(0.0, "eps0"), (-1.0, "minus_eps")] {
            let other = other(factor)?;
            put(&mut sheet, &format!("out.3dmm_{name}"), &other.coefficients)?;
            put(&mut sheet, &format!("out.emotion_{name}"), &other.emotion)?;
        }
        let target = target(golden)?;
        let (rec, kld) = (reconstruction(&made, &target), divergence(&latents));
        let (rec, kld) = (rec.map_err(internal)?, kld.map_err(internal)?);
        put(&mut sheet, "loss.rec", &rec)?;
        put(&mut sheet, "loss.kld", &kld)?;
        let alike = diversity(&made, &other(-1.0)?).map_err(internal)?;
        put(&mut sheet, "loss.div_eps_vs_minus_eps", &alike)?;
        put(&mut sheet, "loss.vae", &(kld * 1e-5).and_then(|kld| rec + kld).map_err(internal)?)?;
        put(&mut sheet, "loss.total_kl1e-5_div10", &total(&case, &target)?)?;
    }
    if golden.text("weight_seed").is_some() {
        check(&mut sheet, "check.video_first16", &case.video)?;
        check(&mut sheet, "check.audio_first16", &case.speaker.heard)?;
        let conv1 = "speaker_behaviour_encoder.video_encoder.Conv3D.conv1.weight";
        if let Some(weight) = case.parameters.get(conv1) {
            check(&mut sheet, "check.conv1_weight_first16", weight)?;
        }
    }
    Ok(Some(sheet))
}

const NOTED: [&str; 9] = [
    "audio_feature",
    "video_feature",
    "speaker_feature",
    "vae_linear",
    "mu",
    "std",
    "time_queries",
    "decoder1",
    "decoder2",
];

/// Tensors that the golden file has in another order of dimensions than ours, or in part.
fn turned(sheet: &mut Sheet, pass: &Pass, heard: &[usize]) -> candle_core::Result<Result<()>> {
    let (batch, frames) = (heard[0], heard[1]);
    let mut all = Vec::new();
    for tokens in pass.noted("conv_tokens") {
        all.push(("mid.conv_tokens", tokens.transpose(1, 2)?));
    }
    for read in pass.noted("vae_encoder_out") {
        all.push(("mid.vae_encoder_out", read.transpose(0, 1)?));
    }
    let maps = [
        ("conv1", "mid.conv1_first4"),
        ("in2", "mid.in2_first4_before_relu"),
        ("in5", "mid.in5_before_relu"),
    ];
    for (noted, name) in maps {
        for map in pass.noted(noted) {
            let (_, channels, height, width) = map.dims4()?;
            let map = map.reshape((batch, frames, channels, height, width))?.transpose(1, 2)?;
            let kept = if name.contains("first4") { 4.min(channels) } else { channels };
            all.push((name, map.narrow(1, 0, kept)?));
        }
    }
    Ok(all.iter().try_for_each(|(name, tensor)| put_as(sheet, name, tensor, super::FLOAT)))
}

fn target(golden: &mut Golden) -> Result<Target> {
    Ok(Reaction { emotion: golden.tensor("in.gt_emotion")?, coefficients: golden.tensor("in.gt_3dmm")? })
}

/// The loss that the gradients are of; the second draw is the negated first.
fn total(case: &Case, target: &Target) -> Result<Tensor> {
    let other = case.eps.neg().map_err(internal)?;
    let losses = case.network.loss(
        &case.speaker,
        target,
        (&case.eps, &other),
        &Weights::default(),
        &Pass::evaluation(),
    );
    Ok(losses.map_err(internal)?.total)
}

/// Gradients of the total loss.
fn grads(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    let Some(path) = golden.partner("_grads", "_io").filter(|_| golden.has(&[MARK])) else { return Ok(None) };
    let mut io = Golden::open(&path)?;
    let Some(case) = case(&mut io)? else { return Ok(None) };
    let total = total(&case, &target(&mut io)?)?;
    let mut sheet = Sheet::default();
    gradients(golden, &mut sheet, &case.parameters, &total.backward().map_err(internal)?)?;
    Ok(Some(sheet))
}
