//! Recomputes golden files of the network: units alone, the whole network in full passes and step by step, greedy
//! reactions, and the filters of sampling.
//!
//! Sizes come from the JSON in a file's metadata (`config`), weights and inputs lie in the file. Tolerances are those the
//! files ask for: 3e-5 + 1e-4 of the value; greedy ids exactly. Losses and gradients need the training crate, whose
//! tests hold them.

use std::collections::BTreeMap;
use std::path::Path;

use clips::golden::{Sheet, Tolerance};
use clips::tensors::Tensors;
use clips::{Control, Fault, FaultKind, Result, Sampling, Track};

use super::blocks::Rotation;
use super::decode::{Heard, Plain, Precision, Reaction, stretch};
use super::decoder::{Frame, Slots};
use super::dropout::Dropout;
use super::encoder::{Group, Speaker};
use super::gau::{CrossUnit, Mask, SelfUnit};
use super::network::{Network, track_mask};
use super::parameters::Layout;
use super::sampling::probabilities;
use super::{Attention, Config, GROUPS, STREAMS};

const CLOSE: Tolerance = Tolerance::both(3e-5, 1e-4);
const TRACKS: [(&str, Track); 2] = [("offline", Track::Offline), ("online", Track::Online)];

/// Recomputes a golden file; `None` when it is of another form.
///
/// # Errors
/// When the file cannot be read or contradicts itself.
pub fn recompute(path: &Path, control: &Control) -> Result<Option<Sheet>> {
    let mut file = Tensors::open(path)?;
    let has = |name: &str| file.shape(name).is_some();
    let form = if has("self.uvz.weight") && has("y_step") {
        units
    } else if has("in.tok.m3d") && has("offline.enc") {
        whole
    } else if has("logits") && has("params0") {
        sampling
    } else {
        return Ok(None);
    };
    let golden = Golden::read(&mut file)?;
    control.check()?;
    let mut made = Made { golden: &golden, parts: BTreeMap::new() };
    let inputs = form(&golden, &mut made, control)?;
    let mut sheet = made.sheet();
    for name in golden.tensors.keys() {
        if inputs.iter().any(|prefix| name.starts_with(prefix)) {
            sheet.input(name);
        } else if name.contains(".loss_") {
            sheet.left_out(name, "losses and gradients are held by the tests of the training crate");
        } else if name.ends_with(".min_gap") {
            sheet.left_out(name, "says how safe the greedy ids are; nothing to compute");
        }
    }
    Ok(Some(sheet))
}

/// A golden file in memory.
struct Golden<'a> {
    path: &'a Path,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    config: serde_json::Value,
}

impl<'a> Golden<'a> {
    fn read(file: &'a mut Tensors) -> Result<Self> {
        let names: Vec<String> = file.names().map(str::to_owned).collect();
        let mut tensors = BTreeMap::new();
        for name in names {
            let shape = file.shape(&name).unwrap_or_default().to_vec();
            let values = file.floats(&name)?;
            tensors.insert(name, (shape, values));
        }
        let config = file.metadata().get("config").and_then(|text| serde_json::from_str(text).ok());
        Ok(Self { path: file.path(), tensors, config: config.unwrap_or_default() })
    }

    fn fault(&self, place: &str) -> Fault {
        Fault::new(FaultKind::Malformed, self.path, "it is missing or of an impossible size")
            .at(place)
            .remedy("write the golden file again")
    }

    fn config(&self) -> Result<Config> {
        let at = |outer: &str, inner: &str| {
            let value = if inner.is_empty() { &self.config[outer] } else { &self.config[outer][inner] };
            let number = value.as_u64().filter(|number| *number <= 1 << 16);
            number
                .map(|number| number as usize)
                .ok_or_else(|| self.fault(&format!("config, {outer} {inner}")))
        };
        let mut config = Config {
            vocabulary: [0; 4],
            token_widths: [0; 4],
            feature_columns: [0; 6],
            feature_widths: [0; 6],
            width: at("d", "")?,
            expansion: at("e", "")?,
            key_width: at("s", "")?,
            latents: at("K", "")?,
            encoder_units: at("enc_gau", "")?,
            decoder_layers: at("dec_layers", "")?,
            attention: if self.config["attn"] == "softmax" { Attention::Softmax } else { Attention::Relu2 },
            latent_place: super::config::LatentPlace::Every,
            chain_heads: false,
            style: false,
            training_frames: at("n0", "")?,
        };
        for (index, stream) in STREAMS.iter().enumerate() {
            config.vocabulary[index] = at("vocab", stream)?;
            config.token_widths[index] = at("d_tok", stream)?;
        }
        for (index, group) in GROUPS.iter().enumerate() {
            config.feature_columns[index] = at("feat", group)?;
            config.feature_widths[index] = at("d_feat", group)?;
        }
        Ok(config)
    }

    fn shape(&self, name: &str, rank: usize) -> Result<&[usize]> {
        let found = self.tensors.get(name).map(|(shape, _)| shape.as_slice());
        found.filter(|shape| shape.len() == rank && !shape.contains(&0)).ok_or_else(|| self.fault(name))
    }

    fn all(&self, name: &str) -> Result<&[f32]> {
        self.tensors.get(name).map(|(_, values)| values.as_slice()).ok_or_else(|| self.fault(name))
    }

    /// Part `index` of the first dimension.
    fn row(&self, name: &str, index: usize) -> Result<Vec<f32>> {
        let (shape, values) = self.tensors.get(name).ok_or_else(|| self.fault(name))?;
        let length = values.len() / shape.first().copied().unwrap_or(1).max(1);
        values.get(index * length..(index + 1) * length).map(<[f32]>::to_vec).ok_or_else(|| self.fault(name))
    }

    fn truths(&self, name: &str, index: usize) -> Result<Vec<bool>> {
        Ok(self.row(name, index)?.into_iter().map(|x| x != 0.0).collect())
    }

    fn tokens(&self, prefix: &str, clip: usize, frames: usize, config: &Config) -> Result<Vec<Frame>> {
        let mut rows = vec![Frame::default(); frames];
        for (stream, name) in STREAMS.iter().enumerate() {
            let name = format!("{prefix}.{name}");
            let ids = self.row(&name, clip)?;
            for (row, id) in rows.iter_mut().zip(&ids) {
                row[stream] = *id as u32;
            }
            let known = |id: &f32| *id >= 0.0 && (*id as usize) < config.vocabulary[stream];
            if ids.len() != frames || !ids.iter().all(known) {
                return Err(self.fault(&name));
            }
        }
        Ok(rows)
    }

    fn values(&self, layout: &Layout, prefix: &str) -> Result<Vec<f32>> {
        let mut values = vec![0.0; layout.total()];
        for entry in layout.entries() {
            let name = format!("{prefix}{}", entry.name);
            let (found, slot) = (self.all(&name)?, entry.slot.of_mut(&mut values));
            if found.len() != slot.len() {
                return Err(self.fault(&name));
            }
            slot.copy_from_slice(found);
        }
        Ok(values)
    }

    fn speaker(&self, clip: usize, frames: usize, config: &Config, absences: bool) -> Result<Speaker<f32>> {
        let mut groups = [const { None }; 6];
        for (index, group) in GROUPS.iter().enumerate() {
            let name = format!("in.feat.{group}");
            let rows = self.row(&name, clip)?;
            if rows.len() != frames * config.feature_columns[index] {
                return Err(self.fault(&name));
            }
            let present = match absences && *group == "w2v" {
                true => Some(self.truths("in.present.w2v", clip)?),
                false => None,
            };
            groups[index] = Some(Group { rows, present });
        }
        Ok(Speaker { frames, groups })
    }
}

/// What was computed, clip after clip.
struct Made<'a> {
    golden: &'a Golden<'a>,
    parts: BTreeMap<String, (Vec<f32>, Tolerance)>,
}

impl Made<'_> {
    /// Appends the next clip's part of a tensor.
    fn push(&mut self, name: &str, values: &[f32]) {
        self.push_within(name, values, CLOSE);
    }

    fn push_within(&mut self, name: &str, values: &[f32], tolerance: Tolerance) {
        self.parts.entry(name.to_owned()).or_insert_with(|| (Vec::new(), tolerance)).0.extend(values);
    }

    /// The tensors in the shapes of the golden file; another number of values keeps its length, which will not fit.
    fn sheet(self) -> Sheet {
        let mut sheet = Sheet::default();
        for (name, (values, tolerance)) in &self.parts {
            let golden = self.golden.tensors.get(name).map(|(shape, _)| shape.clone());
            let fits = golden.filter(|shape| shape.iter().product::<usize>() == values.len());
            sheet.put(name, &fits.unwrap_or_else(|| vec![values.len()]), values, *tolerance);
        }
        sheet
    }
}

type Inputs = &'static [&'static str];

fn units(golden: &Golden<'_>, made: &mut Made<'_>, control: &Control) -> Result<Inputs> {
    let config = golden.config()?;
    let mut layout = Layout::default();
    let own = SelfUnit::new(&mut layout, "self", &config, 1.0);
    let cross = CrossUnit::new(&mut layout, "cross", &config, 1.0);
    let values = golden.values(&layout, "")?;
    let [clips, frames, width] = *golden.shape("x", 3)? else { return Err(golden.fault("x")) };
    if width != config.width || golden.shape("memory", 3)? != [clips, frames, width] {
        return Err(golden.fault("memory"));
    }
    let rotation = Rotation::new(frames, config.key_width);
    for clip in 0..clips {
        control.check()?;
        let (x, memory) = (golden.row("x", clip)?, golden.row("memory", clip)?);
        let keys = golden.row("lengths", clip)?.first().map_or(0, |length| *length as usize).clamp(1, frames);
        let (e, stride) = (config.gate_width(), own.uvz.outputs);
        let part = |active: &[f32], first: usize| -> Vec<f32> {
            active.chunks_exact(stride).flat_map(|row| row[first..first + e].to_vec()).collect()
        };
        for (name, causal) in [("bidirectional", false), ("causal", true)] {
            let (y, tape) = own.forward(&values, &x, Mask { causal, keys }, &rotation);
            made.push(&format!("a_{name}"), &tape.weights);
            made.push(&format!("y_{name}"), &y);
            if !causal {
                made.push("u", &part(&tape.active, 0));
                made.push("v", &part(&tape.active, e));
                made.push("q", &tape.q);
                made.push("k", &tape.k);
            }
        }
        for (name, causal) in [("full", false), ("causal", true)] {
            let (y, _) = cross.forward(&values, &x, &memory, Mask { causal, keys }, &rotation);
            made.push(&format!("y_cross_{name}"), &y);
        }
        let (y, tape) = own.forward(&values, &x, Mask { causal: true, keys: frames }, &rotation);
        made.push("y_step", &y);
        made.push("cache_k", &tape.k);
        made.push("cache_v", &part(&tape.active, e));
    }
    Ok(&["self.", "cross.", "x", "memory", "lengths"])
}

fn whole(golden: &Golden<'_>, made: &mut Made<'_>, control: &Control) -> Result<Inputs> {
    let network = Network::new(&golden.config()?)?;
    let values = golden.values(&network.layout, "w.")?;
    let [clips, frames] = *golden.shape("in.tok.m3d", 2)? else { return Err(golden.fault("in.tok.m3d")) };
    for (name, track) in TRACKS {
        for clip in 0..clips {
            control.check()?;
            Pass { golden, network: &network, values: &values, name, track, clip, frames }.run(made)?;
        }
    }
    Ok(&["w.", "in."])
}

/// One clip in one track.
struct Pass<'a> {
    golden: &'a Golden<'a>,
    network: &'a Network,
    values: &'a [f32],
    name: &'static str,
    track: Track,
    clip: usize,
    frames: usize,
}

impl Pass<'_> {
    fn run(&self, made: &mut Made<'_>) -> Result<()> {
        let Self { golden, network, values, track, clip, frames, .. } = *self;
        let at = |what: &str| format!("{}.{what}", self.name);
        let (d, config) = (network.config.width, &network.config);
        let rotation = network.rotation(frames);
        let speaker = golden.speaker(clip, frames, config, false)?;
        let (memory, _) = network.encode(values, &speaker, track, &rotation);
        made.push(&at("enc"), &memory);
        let mut mask = track_mask(track, frames + 1);
        let length = golden.row("in.lengths", clip)?.first().map_or(0, |length| *length as usize);
        mask.keys = length.clamp(1, frames) + 1;
        let absent = golden.speaker(clip, frames, config, true)?;
        made.push(
            &at("enc_lengths_present"),
            &network.encoder.forward(values, &absent, mask, &rotation, &Dropout::NONE).0,
        );

        // the speaker of the corrupted history is whole, and as long as `lengths`
        let (cut, _) = network.encoder.forward(values, &speaker, mask, &rotation, &Dropout::NONE);
        let tokens = golden.tokens("in.tok", clip, frames, config)?;
        let latent = network.latent_vector(values, &golden.row("in.zsoft", clip)?);
        let slots = Slots::Generation { hidden: &[], latent: &latent };
        let (h, _) = network.generate(values, &tokens, slots, &memory, track, &rotation);
        made.push(&at("h_gen"), &h);
        let hidden = golden.truths("in.hist_drop", clip)?;
        let slots = Slots::Generation { hidden: &hidden, latent: &latent };
        let causal = Mask { causal: true, keys: mask.keys };
        let (dropped, _) =
            network.decoder.forward(values, &tokens, slots, &cut, causal, mask, &rotation, &Dropout::NONE);
        made.push(&at("h_gen_lengths_drop"), &dropped);
        for (stream, logits) in network.logits(values, &h[..frames * d], &tokens).iter().enumerate() {
            made.push(&at(&format!("logits.{}", STREAMS[stream])), logits);
            if let Some(latent) = &network.latent {
                let bow = latent.bag.forward(values, &network.decoder.embeddings, stream, &h[..d]).1;
                made.push(&at(&format!("bow_logits.{}", STREAMS[stream])), &bow);
            }
        }
        let (h, _) = network.recognise(values, &tokens, &memory, &rotation);
        made.push(&at("h_z"), &h[..d]);
        if let Some((posterior, matching)) = network.judge(values, &h[..d]) {
            made.push(&at("z_logits"), &posterior);
            made.push(&at("rm_logit"), &[matching]);
        }
        self.steps(made, &rotation, &speaker, &memory, &tokens, latent);
        Ok(())
    }

    /// Step by step: the given reaction, then greedy ones of every latent and their matching scores.
    fn steps(
        &self,
        made: &mut Made<'_>,
        rotation: &Rotation<f32>,
        speaker: &Speaker<f32>,
        memory: &[f32],
        tokens: &[Frame],
        latent: Vec<f32>,
    ) {
        let Self { network, values, track, frames, .. } = *self;
        let at = |what: &str| format!("{}.{what}", self.name);
        let (d, plain) = (network.config.width, Plain::new(network, values, Precision::Single));
        let mut token_rows = vec![0.0; frames * d];
        network.encoder.input.forward_into(values, speaker, &mut token_rows);
        let whole_clip = stretch(&plain, memory, 0, rotation);
        let play = |reaction: &mut Reaction, next: &mut dyn FnMut(usize, &Reaction) -> Frame| {
            let (mut heard, mut last) = (Heard::new(&plain, rotation), None);
            for frame in 0..frames {
                if frame > 0 {
                    heard.push(&plain, &token_rows[(frame - 1) * d..frame * d], rotation);
                }
                let memory = if track == Track::Offline { &whole_clip } else { heard.memory() };
                let together = &mut [&mut *reaction];
                Reaction::step(&plain, together, &[last], memory, rotation, &mut plain.scratch());
                last = Some(next(frame, reaction));
            }
        };
        let mut reaction = Reaction::new(&plain, latent);
        let mut logits: [Vec<f32>; 4] = Default::default();
        play(&mut reaction, &mut |frame, reaction| {
            for (all, logits) in logits.iter_mut().zip(&reaction.logits) {
                all.extend(logits);
            }
            tokens[frame]
        });
        for (logits, stream) in logits.iter().zip(STREAMS) {
            made.push(&at(&format!("step_logits.{stream}")), logits);
        }
        let (keys, cached) = reaction.cache(0).rows();
        made.push(&at("cache_k0"), &keys.wide());
        made.push(&at("cache_v0"), &cached.wide());

        let greedy = Sampling { temperature: 0.0, ..Sampling::default() };
        for z in 0..network.config.latents {
            let mut weights = vec![0.0; network.config.latents];
            weights[z] = 1.0;
            let mut drawn: Vec<Frame> = Vec::new();
            play(&mut Reaction::new(&plain, network.latent_vector(values, &weights)), &mut |_, reaction| {
                let frame = std::array::from_fn(|stream| {
                    let kept = probabilities(&reaction.logits[stream], &greedy);
                    kept.iter().position(|p| *p == 1.0).unwrap_or(0) as u32
                });
                drawn.push(frame);
                frame
            });
            for (stream, name) in STREAMS.iter().enumerate() {
                let ids: Vec<f32> = drawn.iter().map(|frame| frame[stream] as f32).collect();
                made.push_within(&at(&format!("greedy{z}.{name}")), &ids, Tolerance::EXACT);
            }
            let (h, _) = network.recognise(values, &drawn, memory, rotation);
            if let Some((_, matching)) = network.judge(values, &h[..d]) {
                made.push(&at(&format!("greedy{z}.rm_logit")), &[matching]);
            }
        }
    }
}

fn sampling(golden: &Golden<'_>, made: &mut Made<'_>, _: &Control) -> Result<Inputs> {
    let rows = golden.shape("logits", 2)?[0];
    let cases = golden.tensors.keys().filter_map(|name| name.strip_prefix("params"));
    for case in cases {
        let &[temperature, top_k, top_p] = golden.all(&format!("params{case}"))? else {
            return Err(golden.fault(&format!("params{case}")));
        };
        let sampling = Sampling { temperature, top_k: top_k as usize, top_p, ..Sampling::default() };
        for row in 0..rows {
            made.push(&format!("probs{case}"), &probabilities(&golden.row("logits", row)?, &sampling));
        }
    }
    Ok(&["logits", "params"])
}
