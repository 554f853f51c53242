//! Goldens of BeLFusion: window VAE, denoiser, tables, sampling, training; small with stored weights, official by formula.

use std::path::Path;

use candle_core::{DType, Tensor};
use clips::golden::{Sheet, Tolerance};
use clips::tensors::Tensors;
use clips::{Control, Fault, FaultKind, Result};

use super::{FLOAT, Fill, Form, Golden, all_inputs, gradients, put, put_as};
use crate::belfusion::denoiser::{Denoiser, STEP_WIDTH, embedding};
use crate::belfusion::schedule::Schedule;
use crate::belfusion::vae::Vae;
use crate::belfusion::{BelFusion, Config, DenoiserConfig, VaeConfig, is_junk};
use crate::parameters::{Parameters, Scope, Source, Start, Stored, build, internal};
use crate::pass::Pass;

/// Every form of file.
pub(super) const FORMS: [Form; 9] =
    [tables, vae_weights, denoiser_weights, statistics, vae, vae_gradients, denoiser, sampling, train];
/// A tensor of the VAE's weights and gradients.
const VAE: &str = "d_rnn.rnn_f.weight_ih";
/// A tensor of the denoiser's.
const DENOISER: &str = "layers.0.linear_emb.weight";
/// The official network has more steps in its results.
const LONG: Tolerance = Tolerance::absolute(2e-4);

/// The diffusion's tables.
fn tables(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["betas", "alphas_cumprod", "posterior_mean_coef1"]) {
        return Ok(None);
    }
    let steps = golden.file.shape("betas").map_or(0, |shape| shape[0]).min(10_000);
    let schedule = Schedule::cosine(steps);
    let variance = schedule.posterior_variance();
    // the first is 0, whose logarithm is taken to be that of the second
    let clipped: Vec<f64> = (0..steps).map(|t| variance[t.max(1).min(steps - 1)].ln()).collect();
    let of = |f: &dyn Fn(f64) -> f64| schedule.alphas.iter().map(|a| f(*a)).collect::<Vec<f64>>();
    let mut sheet = Sheet::default();
    for (name, values) in [
        ("betas", schedule.betas.clone()),
        ("alphas_cumprod", schedule.alphas.clone()),
        ("alphas_cumprod_prev", schedule.alphas_before.clone()),
        ("posterior_variance", variance.clone()),
        ("posterior_log_variance_clipped", clipped),
        ("posterior_mean_coef1", schedule.posterior_of_clean()),
        ("posterior_mean_coef2", schedule.posterior_of_noisy()),
        ("sqrt_alphas_cumprod", of(&f64::sqrt)),
        ("sqrt_one_minus_alphas_cumprod", of(&|a| (1.0 - a).sqrt())),
        ("sqrt_recip_alphas_cumprod", of(&|a| (1.0 / a).sqrt())),
        ("sqrt_recipm1_alphas_cumprod", of(&|a| (1.0 / a - 1.0).sqrt())),
    ] {
        sheet.put(name, &[steps], &values, Tolerance::both(1e-12, 1e-10));
    }
    Ok(Some(sheet))
}

fn vae_weights(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    Ok((golden.has(&[VAE]) && golden.partner("_weights", "_io").is_some()).then(|| all_inputs(golden)))
}

fn denoiser_weights(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    Ok((golden.has(&[DENOISER]) && golden.partner("_weights", "_io").is_some()).then(|| all_inputs(golden)))
}

/// Statistics of latents of a training set that is not in the folder: used, not recomputed.
fn statistics(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    let names = ["min", "max", "mean", "std", "var"];
    Ok((golden.has(&names) && golden.file.names().count() == names.len()).then(|| all_inputs(golden)))
}

/// The sizes that the goldens use for a window VAE of this width.
fn vae_config(golden: &Golden) -> Result<VaeConfig> {
    let (width, window) = (golden.number("hidden")? as usize, golden.number("window")? as usize);
    let mlp = match golden.partner("_io", "_weights") {
        Some(path) => {
            let file = Tensors::open(&path)?;
            let rows = |name: &str| file.shape(name).and_then(|shape| shape.first().copied()).unwrap_or(0);
            [rows("d_mlp.affine_layers.0.weight"), rows("d_mlp.affine_layers.1.weight")]
        }
        None => [64, 64],
    };
    let config = VaeConfig { width, mlp, window };
    Config { vae: config.clone(), ..Config::official() }.check()?;
    Ok(config)
}

/// A network with the weights beside the golden file, or those of its formula.
fn network<N>(
    golden: &Golden,
    make: impl FnOnce(&Scope<'_, '_>) -> candle_core::Result<N>,
) -> Result<(N, Parameters)> {
    match golden.partner("_io", "_weights") {
        Some(path) => {
            let mut file = Tensors::open(&path)?;
            build(&mut Stored::new(&mut file, |name| (!is_junk(name)).then(|| name.to_owned())), make)
        }
        None => build(&mut Fill { seed: golden.number("weight_seed")?, gain: &|_| 1.0 }, make),
    }
}

/// The window VAE.
fn vae(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.emotion", "in.eps", "out.decode_of_h"]) {
        return Ok(None);
    }
    let config = vae_config(golden)?;
    let (network, _) = network(golden, |scope| Vae::new(&config, scope))?;
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    let (emotion, faces, eps) =
        (golden.tensor("in.emotion")?, golden.tensor("in.3dmm")?, golden.tensor("in.eps")?);
    let encoded = network.windows(&emotion).and_then(|windows| network.encode(&windows)).map_err(internal)?;
    put(&mut sheet, "mid.h_x", &encoded.state)?;
    put(&mut sheet, "out.mu", &encoded.mu)?;
    put(&mut sheet, "out.logvar", &encoded.logvar)?;
    put(&mut sheet, "out.decode_of_h", &network.decode(&encoded.state).map_err(internal)?)?;
    for (mode, eps) in [("eval", None), ("train", Some(&eps))] {
        let (losses, made) = network.loss(&emotion, &faces, eps).map_err(internal)?;
        put(&mut sheet, &format!("out.recon_{mode}"), &made)?;
        let heads = network.coefficients(&made).map_err(internal)?;
        put(&mut sheet, &format!("out.coeff_3dmm_{mode}"), &heads)?;
        put(&mut sheet, &format!("loss_{mode}.mse"), &losses.reconstruction)?;
        // a sum over windows and dimensions
        put_as(&mut sheet, &format!("loss_{mode}.kld"), &losses.divergence, Tolerance::both(1e-4, 1e-5))?;
        put(&mut sheet, &format!("loss_{mode}.coeff"), &losses.coefficients)?;
        put(&mut sheet, &format!("loss_{mode}.total"), &losses.total)?;
    }
    Ok(Some(sheet))
}

/// Gradients of the VAE's training loss.
fn vae_gradients(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    let Some(path) = golden.partner("_grads", "_io").filter(|_| golden.has(&[VAE])) else { return Ok(None) };
    let mut io = Golden::open(&path)?;
    let config = vae_config(&io)?;
    let (network, parameters) = network(&io, |scope| Vae::new(&config, scope))?;
    let (emotion, faces, eps) = (io.tensor("in.emotion")?, io.tensor("in.3dmm")?, io.tensor("in.eps")?);
    let (losses, _) = network.loss(&emotion, &faces, Some(&eps)).map_err(internal)?;
    let mut sheet = Sheet::default();
    gradients(golden, &mut sheet, &parameters, &losses.total.backward().map_err(internal)?)?;
    Ok(Some(sheet))
}

fn denoiser_config(golden: &Golden) -> Result<(DenoiserConfig, usize)> {
    let size = |key: &str| golden.number(key).map(|number| number as usize);
    let config = DenoiserConfig { width: size("hidden")?, layers: size("layers")? };
    let vae = VaeConfig { width: size("latent")?, ..Config::official().vae };
    Config { vae: vae.clone(), denoiser: config.clone(), ..Config::official() }.check()?;
    Ok((config, vae.width))
}

/// Steps of a golden file, whole numbers.
fn steps(golden: &mut Golden) -> Result<Vec<usize>> {
    Ok(golden.file.doubles("in.t")?.iter().map(|step| *step as usize).collect())
}

/// One pass of the denoiser.
fn denoiser(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.cond", "in.t", "in.x", "out.y"]) {
        return Ok(None);
    }
    let (config, latent) = denoiser_config(golden)?;
    let (network, _) = network(golden, |scope| Denoiser::new(&config, latent, scope))?;
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    let (x, condition) = (golden.tensor("in.x")?, golden.tensor("in.cond")?);
    let pass = Pass::evaluation().noting();
    let y = network.forward(&x, &steps(golden)?, &condition, &pass).map_err(internal)?;
    put(&mut sheet, "out.y", &y)?;
    for (index, layer) in pass.noted("layer").iter().enumerate() {
        put(&mut sheet, &format!("mid.layer{index}"), layer)?;
    }
    let rows: Vec<f32> = (0..10).flat_map(embedding).collect();
    sheet.put("mid.timestep_embedding_t0_9", &[10, STEP_WIDTH], &rows, FLOAT);
    Ok(Some(sheet))
}

/// Three files as the parts of one system.
struct Parts<'a> {
    vae: Box<dyn Source + 'a>,
    statistics: Stored<'a>,
    denoiser: Box<dyn Source + 'a>,
}

impl Source for Parts<'_> {
    fn values(&mut self, name: &str, shape: &[usize], start: Start) -> std::result::Result<Vec<f32>, String> {
        match name.split_once('.') {
            Some(("vae", name)) => self.vae.values(name, shape, start),
            Some(("statistics", name)) => self.statistics.values(name, shape, start),
            Some(("denoiser", name)) => self.denoiser.values(name, shape, start),
            _ => Err("it belongs to no part".to_owned()),
        }
    }
}

/// The system that a file of the size `size` ("small", "full") is of; the other parts lie beside it.
fn system(path: &Path, size: &str, online: bool) -> Result<(BelFusion, Parameters)> {
    let beside = |name: &str| path.with_file_name(format!("{name}.safetensors"));
    let vae_io = Golden::open(&beside(&format!("vae_{size}_io")))?;
    let denoiser_io = Golden::open(&beside(&format!("ldm_{size}_denoiser_io")))?;
    let (denoiser, _) = denoiser_config(&denoiser_io)?;
    let config = Config { vae: vae_config(&vae_io)?, denoiser, online, ..Config::official() };
    let open = |golden: &Golden| -> Result<Option<Tensors>> {
        golden.partner("_io", "_weights").map(|path| Tensors::open(&path)).transpose()
    };
    let (mut vae_file, mut denoiser_file) = (open(&vae_io)?, open(&denoiser_io)?);
    let mut statistics = Tensors::open(&beside(&format!("ldm_{size}_stats")))?;
    fn source<'a>(file: Option<&'a mut Tensors>, golden: &Golden) -> Result<Box<dyn Source + 'a>> {
        Ok(match file {
            Some(file) => Box::new(Stored::new(file, |name| (!is_junk(name)).then(|| name.to_owned()))),
            None => Box::new(Fill { seed: golden.number("weight_seed")?, gain: &|_| 1.0 }),
        })
    }
    let mut parts = Parts {
        vae: source(vae_file.as_mut(), &vae_io)?,
        statistics: Stored::new(&mut statistics, |name| Some(name.to_owned())),
        denoiser: source(denoiser_file.as_mut(), &denoiser_io)?,
    };
    build(&mut parts, |scope| BelFusion::new(&config, scope))
}

/// "small" or "full" of a file called `ldm_SIZE_KIND_io` or `ldm_SIZE_KIND_grads`.
fn size_of(golden: &Golden, kind: &str) -> Result<String> {
    let name = golden.file.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let size = name.strip_prefix("ldm_").and_then(|rest| Some(rest.split_once(&format!("_{kind}_"))?.0));
    size.map(str::to_owned).ok_or_else(|| {
        Fault::new(FaultKind::Malformed, golden.file.path(), "the name does not say whose weights are meant")
            .remedy(format!(
                "call it ldm_SIZE_{kind}_io.safetensors, beside vae_SIZE_io and ldm_SIZE_denoiser_io"
            ))
    })
}

/// Complete sampling runs, offline and online.
fn sampling(golden: &mut Golden, control: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.x_T", "offline.prediction", "online.prediction"]) {
        return Ok(None);
    }
    let size = size_of(golden, "sampling")?;
    let float = if size == "full" { LONG } else { FLOAT };
    let path = golden.file.path().to_owned();
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    let (speaker, listener, noise) = (
        golden.tensor("in.speaker_emotion")?,
        golden.tensor("in.listener_emotion")?,
        golden.tensor("in.x_T")?,
    );
    for (mode, online) in [("offline", false), ("online", true)] {
        control.check()?;
        let (system, _) = system(&path, &size, online)?;
        let pass = Pass::evaluation().noting();
        let made = system.forward(&speaker, &noise, &pass).map_err(internal)?;
        put_as(&mut sheet, &format!("{mode}.prediction"), &made.emotion, float)?;
        put_as(&mut sheet, &format!("{mode}.3dmm_coeff"), &made.coefficients, float)?;
        put_as(&mut sheet, &format!("{mode}.encoded_prediction"), &made.latents, float)?;
        if online {
            continue;
        }
        put_as(&mut sheet, "mid.cond_speaker", &pass.noted("cond_speaker")[0], float)?;
        for name in ["x_t", "pred_xstart", "sample"] {
            let all = Tensor::stack(&pass.noted(name), 0).map_err(internal)?;
            put_as(&mut sheet, &format!("mid.{name}_per_step"), &all, float)?;
        }
        let rounded = crate::belfusion::binarised(&made.emotion).map_err(internal)?;
        // only where a value is within 1e-4 of a half may it be rounded the other way
        let near = near_half(&made.emotion).map_err(internal)?;
        let tolerance = Tolerance { rounded_share: near, ..float };
        put_as(&mut sheet, "offline.prediction_binarised", &rounded, tolerance)?;
        let wanted = system.vae().windows(&listener).and_then(|windows| system.encode(&windows));
        let wanted = wanted.map_err(internal)?;
        let frames = system.decode(&wanted).and_then(|frames| frames.reshape(listener.dims()));
        put_as(&mut sheet, "offline.target_decoded_from_h", &frames.map_err(internal)?, float)?;
        let batch = listener.dims()[0];
        let by_clip = wanted.reshape((batch, ())).map_err(internal)?;
        put_as(&mut sheet, "offline.encoded_target", &by_clip, float)?;
        let clamped = clamped_share(&pass.noted("pred_xstart")).map_err(internal)?;
        sheet.put("offline.clamped_fraction", &[], &[clamped], FLOAT);
    }
    Ok(Some(sheet))
}

/// Share of all values that lie within 1e-4 of a half.
fn near_half(values: &Tensor) -> candle_core::Result<f64> {
    let values = values.flatten_all()?.to_vec1::<f32>()?;
    let near = values.iter().filter(|value| ((*value - 0.5).fract().abs() - 0.5).abs() > 0.4999).count();
    Ok(near as f64 / values.len().max(1) as f64)
}

/// Share of the estimates that the clamp holds.
fn clamped_share(steps: &[Tensor]) -> candle_core::Result<f64> {
    let all = Tensor::stack(steps, 0)?.abs()?.ge(1.0)?.to_dtype(DType::F64)?.mean_all()?;
    all.to_scalar::<f64>()
}

/// The training objective and its gradients.
fn train(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    let of_gradients = golden.has(&[DENOISER]);
    let io_path = match of_gradients {
        true => golden.partner("_grads", "_io"),
        false => golden.has(&["in.window_start", "in.noise"]).then(|| golden.file.path().to_owned()),
    };
    let Some(io_path) = io_path else { return Ok(None) };
    let size = size_of(golden, "train")?;
    let (system, parameters) = system(&io_path, &size, false)?;
    let mut io = Golden::open(&io_path)?;
    // speaker and listener are those of the sampling file
    let mut clips = Golden::open(&io_path.with_file_name(format!("ldm_{size}_sampling_io.safetensors")))?;
    let start = io.file.doubles("in.window_start")?.first().map_or(0, |start| *start as usize);
    let window = system.config().vae.window;
    let cut = |clip: Tensor| clip.narrow(1, start, window).map_err(internal);
    let (speaker, listener) =
        (cut(clips.tensor("in.speaker_emotion")?)?, cut(clips.tensor("in.listener_emotion")?)?);
    let (steps, noise) = (steps(&mut io)?, io.tensor("in.noise")?);
    let losses = system.loss(&speaker, &listener, &steps, &noise, &Pass::evaluation()).map_err(internal)?;
    let mut sheet = Sheet::default();
    if of_gradients {
        let store = losses.total.backward().map_err(internal)?;
        // named within the denoiser
        gradients(golden, &mut sheet, &parameters.below("denoiser."), &store)?;
        return Ok(Some(sheet));
    }
    golden.inputs(&mut sheet, "in.");
    put(&mut sheet, "loss.total", &losses.total)?;
    put(&mut sheet, "loss.L1_encoded", &losses.latent)?;
    put(&mut sheet, "loss.MSE_decoded", &losses.decoded)?;
    put(&mut sheet, "out.encoded_prediction", &losses.made)?;
    put(&mut sheet, "out.encoded_target", &losses.wanted)?;
    put(&mut sheet, "out.prediction", &losses.made_frames)?;
    put(&mut sheet, "out.target", &losses.wanted_frames)?;
    Ok(Some(sheet))
}
