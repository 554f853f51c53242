//! Goldens of REGNN: the fusion transformer, perceptual, cognitive and motor processors, the whole model with its losses and
//! gradients, Swin, joined windows. Weights are stored, in part beside the file, or by formula.

use candle_core::{DType, Tensor};
use clips::golden::{Sheet, Tolerance};
use clips::tensors::Tensors;
use clips::{Control, Fault, FaultKind, Result};

use super::{FLOAT, Fill, Form, GRADIENT, Golden, all_inputs, check, gradients, put, put_as, within};
use crate::parameters::{Parameters, Scope, Source, Start, Stored, build, internal};
use crate::pass::Pass;
use crate::regnn::cognitive::{Mixture, most_attended};
use crate::regnn::fusion::{Transformer, positions_of};
use crate::regnn::{Cognitive, Config, Losses, Motor, Perceptual, Regnn, Weights, is_junk, swin, windows};

/// Every form of file.
pub(super) const FORMS: [Form; 10] = [
    weights,
    transformer,
    perceptual,
    cognitive,
    motor,
    whole,
    whole_gradients,
    joined,
    swin_small,
    swin_full,
];
/// Where the weights of cognitive and motor processor lie.
const WEIGHTS: &str = "cognitive_motor_weights.safetensors";
/// Where the inputs of the whole model lie.
const INPUTS: &str = "perceptual_full_io.safetensors";
/// What the reversible part is held to.
const ROUND_TRIP: Tolerance = Tolerance::absolute(2e-5);

fn weights(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    let mark = ["motor_processor.log_s", "cognitive_processor.EdgeLayer.qk.1.weight"];
    Ok(golden.has(&mark).then(|| all_inputs(golden)))
}

/// The transformer alone; `[time, batch, channel]`.
fn transformer(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.q", "in.kv", "out.cross", "w.layers.0.fc1.weight"]) {
        return Ok(None);
    }
    let width = golden.file.shape("in.q").and_then(|shape| shape.last().copied()).unwrap_or(0);
    let (heads, layers) = (golden.number("heads")? as usize, golden.number("layers")? as usize);
    if heads == 0 || !width.is_multiple_of(heads) || !width.is_multiple_of(2) || layers > 100 {
        return Err(golden
            .fault("heads", format!("{heads} heads, {layers} layers and a width of {width} do not fit")));
    }
    let (network, _) =
        build(&mut within(golden), |scope| Transformer::new(scope, width, heads, layers, [0.0; 3]))?;
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    golden.inputs(&mut sheet, "w.");
    let (q, kv) = (golden.tensor("in.q")?, golden.tensor("in.kv")?);
    let pass = Pass::evaluation();
    let run = || {
        let (q, kv) = (q.transpose(0, 1)?.contiguous()?, kv.transpose(0, 1)?.contiguous()?);
        Ok([
            ("out.cross", network.forward(&q, Some(&kv), &pass)?.transpose(0, 1)?),
            ("out.self", network.forward(&q, None, &pass)?.transpose(0, 1)?),
            ("mid.layer0_on_raw_q", network.layers()[0].forward(&q, None, &pass)?.transpose(0, 1)?),
            ("mid.positions_of_kv", positions_of(&kv)?),
        ])
    };
    put_all(&mut sheet, run())?;
    Ok(Some(sheet))
}

/// Adds what was computed, or says why it was not.
fn put_all<const N: usize>(sheet: &mut Sheet, made: candle_core::Result<[(&str, Tensor); N]>) -> Result<()> {
    made.map_err(internal)?.iter().try_for_each(|(name, tensor)| put(sheet, name, tensor))
}

/// The perceptual processor with either audio.
fn perceptual(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["out.fused"]) || golden.text("video").is_none() {
        return Ok(None);
    }
    let video = golden.by_formula("video")?;
    let given = golden.has(&["in.audio"]);
    let audio = if given { golden.tensor("in.audio")? } else { golden.by_formula("audio")? };
    let columns = |x: &Tensor| x.dims().last().copied().unwrap_or(0);
    let mut config = Config::official();
    config.perceptual.video = columns(&video);
    config.perceptual.audio = columns(&audio);
    config.check()?;
    let mut filled = Fill { seed: golden.number("weight_seed")?, gain: &|_| 1.0 };
    let (network, parameters) = build(&mut filled, |scope| {
        Perceptual::new(&config.perceptual, &scope.at("perceptual_processor.fuse_model"))
    })?;
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    let pass = Pass::evaluation().noting();
    put(&mut sheet, "out.fused", &network.forward(&video, &audio, &pass).map_err(internal)?)?;
    let mapped = pass.noted("proj_v")[0].get(0).and_then(|first| first.t()).map_err(internal)?;
    put(&mut sheet, "mid.proj_v_b0", &mapped)?;
    check(&mut sheet, "check.video_first16", &video)?;
    check(&mut sheet, "check.audio_first16", &audio)?;
    if let Some(weight) = parameters.get("perceptual_processor.fuse_model.proj_v.weight") {
        check(&mut sheet, "check.proj_v_weight_first16", weight)?;
    }
    Ok(Some(sheet))
}

/// The weights beside a golden file, those below `prefix`, without it.
fn beside(golden: &Golden) -> Result<Tensors> {
    Tensors::open(&golden.file.path().with_file_name(WEIGHTS))
}

/// Cognitive or motor processor with the weights beside a golden file.
fn part<N>(
    golden: &Golden,
    prefix: &str,
    make: impl FnOnce(&Scope<'_, '_>) -> candle_core::Result<N>,
) -> Result<N> {
    let mut file = beside(golden)?;
    let config = Config::official();
    let rename =
        |name: &str| (!is_junk(&config, name)).then(|| name.strip_prefix(prefix).map(str::to_owned))?;
    Ok(build(&mut Stored::new(&mut file, rename), make)?.0)
}

/// Nodes, edges, and the means that the original computes and does not use.
fn cognitive(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.fused", "mid.mask_seen", "out.edge"]) {
        return Ok(None);
    }
    let config = Config::official();
    let network = part(golden, "cognitive_processor.", |scope| Cognitive::new(&config, scope))?;
    let mut file = beside(golden)?;
    let rename = |name: &str| name.strip_prefix("cognitive_processor.dll.").map(str::to_owned);
    let (mixture, _) =
        build(&mut Stored::new(&mut file, rename), |scope| Mixture::new(scope, 6, config.frames))?;
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    let pass = Pass::evaluation().noting();
    let nodes = network.nodes(&golden.tensor("in.fused")?).map_err(internal)?;
    put(&mut sheet, "out.features", &nodes)?;
    put(&mut sheet, "out.edge", &network.edges(&nodes, &pass).map_err(internal)?)?;
    put(&mut sheet, "out.gmm_means", &mixture.means(&nodes).map_err(internal)?)?;
    for name in ["attn", "masked_attn"] {
        put(&mut sheet, &format!("mid.{name}"), &pass.noted(name)[0])?;
    }
    put_as(&mut sheet, "mid.mask_seen", &pass.noted("mask_seen")[0], Tolerance::EXACT)?;
    let summed = pass.noted("attn")[0].sum(1).map_err(internal)?;
    let (items, rows, _) = summed.dims3().map_err(internal)?;
    let mut chosen = Vec::new();
    for item in 0..items {
        let of_item = summed.get(item).and_then(|rows| most_attended(&rows, config.neighbours));
        chosen.extend(of_item.map_err(internal)?.into_iter().flatten().map(|column| column as f64));
    }
    sheet.put("mid.topk_indices", &[items, rows, config.neighbours], &chosen, Tolerance::EXACT);
    Ok(Some(sheet))
}

/// The reversible part, both ways, and its start from data.
fn motor(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.edge", "in.far", "out.inverse_of_y"]) {
        return Ok(None);
    }
    let config = Config::official();
    let load = |golden: &Golden| -> Result<(Motor, Parameters)> {
        let mut file = beside(golden)?;
        let rename = |name: &str| {
            let kept = (!is_junk(&config, name)).then_some(name)?;
            kept.strip_prefix("motor_processor.").map(str::to_owned)
        };
        build(&mut Stored::new(&mut file, rename), |scope| Motor::new(&config, scope))
    };
    let (network, _) = load(golden)?;
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    let (x, edges, far) = (golden.tensor("in.x")?, golden.tensor("in.edge")?, golden.tensor("in.far")?);
    let pass = Pass::evaluation().noting();
    let y = network.forward(&x, &edges, &pass).map_err(internal)?;
    put(&mut sheet, "out.y", &y)?;
    for (noted, name) in [("actnorm", "actnorm0"), ("motor_attn", "attn0"), ("motor_layer", "layer0")] {
        put(&mut sheet, &format!("mid.{name}"), &pass.noted(noted)[0])?;
    }
    for (from, name) in [(&y, "out.inverse_of_y"), (&far, "out.inverse_of_far")] {
        put_as(&mut sheet, name, &network.inverse(from, &edges).map_err(internal)?, ROUND_TRIP)?;
    }
    let bounds = network.bounds().map_err(internal)?;
    sheet.put("mid.lipnorm", &[bounds.len()], &bounds, FLOAT);
    let (network, parameters) = load(golden)?;
    network.initialise(&x, &edges).map_err(internal)?;
    let made = network.forward(&x, &edges, &Pass::evaluation()).map_err(internal)?;
    put(&mut sheet, "init.y_after_data_init", &made)?;
    for (name, stored) in [("init.log_scale", "_log_scale"), ("init.shift", "_shift")] {
        let rows: Vec<Tensor> = (0..config.motor_layers)
            .filter_map(|index| parameters.get(&format!("Layers.{index}.norm_layer.{stored}")))
            .map(|value| value.as_tensor().clone())
            .collect();
        put(&mut sheet, name, &Tensor::stack(&rows, 0).map_err(internal)?)?;
    }
    Ok(Some(sheet))
}

/// Perceptual weights by formula, the others stored.
struct Mixed<'a> {
    filled: Fill<'a>,
    stored: Stored<'a>,
}

impl Source for Mixed<'_> {
    fn values(&mut self, name: &str, shape: &[usize], start: Start) -> std::result::Result<Vec<f32>, String> {
        match name.starts_with("perceptual_processor.") {
            true => self.filled.values(name, shape, start),
            false => self.stored.values(name, shape, start),
        }
    }
}

/// The whole model with what it is fed.
struct Case {
    network: Regnn,
    parameters: Parameters,
    video: Tensor,
    audio: Tensor,
}

fn case(golden: &Golden) -> Result<Case> {
    let mut inputs = Golden::open(&golden.file.path().with_file_name(INPUTS))?;
    let config = Config::official();
    let mut file = beside(golden)?;
    let mut source = Mixed {
        filled: Fill { seed: inputs.number("weight_seed")?, gain: &|_| 1.0 },
        stored: Stored::new(&mut file, |name| (!is_junk(&config, name)).then(|| name.to_owned())),
    };
    let (network, parameters) = build(&mut source, |scope| Regnn::new(&config, scope))?;
    Ok(Case { network, parameters, video: inputs.by_formula("video")?, audio: inputs.tensor("in.audio")? })
}

fn loss(golden: &mut Golden, case: &Case, threshold: Option<f64>) -> Result<Losses> {
    let targets = golden.tensor("in.targets")?;
    let counts: Vec<usize> = golden.file.doubles("in.lengths")?.iter().map(|count| *count as usize).collect();
    let weights = Weights { threshold, ..Weights::default() };
    let pass = Pass::evaluation();
    case.network.loss(&case.video, &case.audio, &targets, &counts, &weights, &pass).map_err(internal)
}

/// The whole model: reactions, listener features, losses, and norms of gradients of the perceptual part.
fn whole(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.targets", "in.lengths", "out.prediction_no_threshold"]) {
        return Ok(None);
    }
    let case = case(golden)?;
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    let pass = Pass::evaluation();
    let perceived = case.network.perceive(&case.video, &case.audio, &pass).map_err(internal)?;
    put(&mut sheet, "mid.features", &perceived.nodes)?;
    put(&mut sheet, "mid.edge", &perceived.edges)?;
    let noise = golden.tensor("in.noise")?;
    for (limit, name) in [(None, "no_threshold"), (Some(0.06), "threshold_0.06")] {
        let made = case.network.react(&perceived, &noise, limit).map_err(internal)?;
        put(&mut sheet, &format!("out.prediction_{name}"), &made)?;
    }
    let losses = loss(golden, &case, None)?;
    put(&mut sheet, "loss.min_no_threshold", &losses.nearest)?;
    put(&mut sheet, "loss.mid", &losses.spread)?;
    put(&mut sheet, "train.listener_features", &losses.listener)?;
    put(&mut sheet, "train.speaker_features", &losses.speaker.nodes)?;
    let threshold = golden.file.doubles("in.loss_threshold")?.first().copied();
    put(&mut sheet, "loss.min_threshold", &loss(golden, &case, threshold)?.nearest)?;
    let store = losses.total.backward().map_err(internal)?;
    let names = golden.text("perceptual_grad_norm_names").unwrap_or_default().to_owned();
    let mut norms = Vec::new();
    for name in names.split(',') {
        let norm = case
            .parameters
            .get(name)
            .and_then(|value| store.get(value))
            .map(|gradient| gradient.to_dtype(DType::F64)?.sqr()?.sum_all()?.sqrt()?.to_scalar::<f64>());
        norms.push(norm.unwrap_or(Ok(f64::NAN)).map_err(internal)?);
    }
    let largest = norms.iter().copied().fold(0.0, f64::max);
    let tolerance = Tolerance::absolute(GRADIENT * largest);
    sheet.put("train.perceptual_grad_norms", &[norms.len()], &norms, tolerance);
    Ok(Some(sheet))
}

/// Gradients of cognitive and motor processor; the inputs lie in the file of the whole model.
fn whole_gradients(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    let Some(path) =
        golden.partner("_grads", "_io").filter(|_| golden.has(&["motor_processor.Layers.0.attn_1.w"]))
    else {
        return Ok(None);
    };
    let mut io = Golden::open(&path)?;
    let case = case(&io)?;
    let losses = loss(&mut io, &case, None)?;
    let mut sheet = Sheet::default();
    gradients(golden, &mut sheet, &case.parameters, &losses.total.backward().map_err(internal)?)?;
    Ok(Some(sheet))
}

/// Windows to a sequence.
fn joined(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.windows", "out.sequence"]) {
        return Ok(None);
    }
    let Some(&[count, frames, width]) = golden.file.shape("in.windows") else {
        return Err(Fault::new(FaultKind::WrongShape, golden.file.path(), "windows have three dimensions")
            .at("in.windows")
            .remedy("write the golden file again"));
    };
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    let made = windows::joined(&golden.file.floats("in.windows")?, frames / 2, width);
    sheet.put("out.sequence", &[(count + 1) * (frames / 2), width], &made, Tolerance::absolute(1e-6));
    Ok(Some(sheet))
}

fn put_swin(golden: &Golden, sheet: &mut Sheet, network: &swin::Swin, pictures: &Tensor) -> Result<()> {
    let pass = Pass::evaluation().noting();
    let features = network.features(pictures, &pass).map_err(internal)?;
    put(sheet, "out.features", &features)?;
    if golden.has(&["out.logits"]) {
        put(sheet, "out.logits", &network.classes(&features).map_err(internal)?)?;
    }
    put(sheet, "mid.patch_embed", &pass.noted("patch_embed")[0])?;
    put(sheet, "mid.stage0", &pass.noted("stage")[0])
}

/// A small Swin with its weights in the file.
fn swin_small(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.image", "w.patch_embed.proj.weight", "out.features"]) {
        return Ok(None);
    }
    // as the metadata says in words: img 56, patch 4, dim 16, depths 2-2, heads 2-4, window 7
    let config = swin::Config {
        side: 56,
        width: 16,
        depths: vec![2, 2],
        heads: vec![2, 4],
        ..swin::Config::default()
    };
    let (network, _) = build(&mut within(golden), |scope| swin::Swin::new(&config, scope))?;
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    golden.inputs(&mut sheet, "w.");
    let pictures = golden.tensor("in.image")?;
    put_swin(golden, &mut sheet, &network, &pictures)?;
    Ok(Some(sheet))
}

/// Swin-T by formula.
fn swin_full(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    let Some(gain) = golden.text("bias_table_gain").and_then(|text| text.parse::<f64>().ok()) else {
        return Ok(None);
    };
    if !golden.has(&["check.image_first16", "out.features"]) {
        return Ok(None);
    }
    let of = |name: &str| if name.ends_with("relative_position_bias_table") { gain } else { 1.0 };
    let mut filled = Fill { seed: golden.number("weight_seed")?, gain: &of };
    let config = swin::Config::default();
    let (network, _) = build(&mut filled, |scope| swin::Swin::new(&config, scope))?;
    let mut sheet = Sheet::default();
    let pictures = golden.by_formula("image")?;
    check(&mut sheet, "check.image_first16", &pictures)?;
    put_swin(golden, &mut sheet, &network, &pictures)?;
    Ok(Some(sheet))
}
