//! The network against golden vectors of an independent implementation (see golden/README.md). Order of checks as in
//! the network: projections, attention, units, encoder, decoder, heads, recognition, greedy reactions, sampling.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod common;

use clips::{Sampling, Track};
use common::{Golden, close};
use listener::latent_intent::STREAMS;
use listener::latent_intent::blocks::Rotation;
use listener::latent_intent::decode::{Heard, Plain, Reaction, stretch};
use listener::latent_intent::decoder::{Frame, Slots};
use listener::latent_intent::gau::{CrossUnit, Mask, SelfUnit};
use listener::latent_intent::network::{Network, track_mask};
use listener::latent_intent::parameters::Layout;
use listener::latent_intent::sampling::probabilities;

const TRACKS: [(&str, Track); 2] = [("offline", Track::Offline), ("online", Track::Online)];

fn units(file: &str) {
    let golden = Golden::open(file);
    let config = golden.config();
    let mut layout = Layout::default();
    let own = SelfUnit::new(&mut layout, "self", &config, 1.0);
    let cross = CrossUnit::new(&mut layout, "cross", &config, 1.0);
    let values = golden.values(&layout, "");
    let (d, n) = (config.width, 12);
    let rotation = Rotation::new(n, config.key_width);
    let lengths = golden.integers("lengths");
    for clip in 0..2 {
        let at = |name: &str| golden.row(name, clip);
        let (x, memory, keys) = (at("x"), at("memory"), lengths[clip] as usize);
        for (name, causal) in [("bidirectional", false), ("causal", true)] {
            let mask = Mask { causal, keys };
            let (y, tape) = own.forward(&values, &x, mask, &rotation);
            let (e, stride) = (config.gate_width(), own.uvz.outputs);
            let part = |first: usize, width: usize| -> Vec<f32> {
                tape.active.chunks_exact(stride).flat_map(|row| row[first..first + width].to_vec()).collect()
            };
            close(&part(0, e), &at("u"), &format!("{file} u"));
            close(&part(e, e), &at("v"), &format!("{file} v"));
            close(&tape.q, &at("q"), &format!("{file} q"));
            close(&tape.k, &at("k"), &format!("{file} k"));
            close(&tape.weights, &at(&format!("a_{name}")), &format!("{file} a {name}"));
            close(&y, &at(&format!("y_{name}")), &format!("{file} y {name}"));
        }
        for (name, causal) in [("full", false), ("causal", true)] {
            let (y, _) = cross.forward(&values, &x, &memory, Mask { causal, keys }, &rotation);
            close(&y, &at(&format!("y_cross_{name}")), &format!("{file} cross {name}"));
        }
        let causal = Mask { causal: true, keys: n };
        let (y, tape) = own.forward(&values, &x, causal, &rotation);
        close(&y, &at("y_step"), &format!("{file} step"));
        close(&tape.k, &at("cache_k"), &format!("{file} cache k"));
        assert_eq!(y.len(), n * d);
    }
}

#[test]
fn units_agree_within_the_training_length() {
    units("gau_softmax_train_len");
    units("gau_relu2_train_len");
}

#[test]
fn units_agree_beyond_the_training_length() {
    units("gau_softmax_beyond_n0");
    units("gau_relu2_beyond_n0");
}

fn whole(file: &str) {
    let golden = Golden::open(file);
    let network = Network::new(&golden.config()).unwrap();
    let values = golden.values(&network.layout, "w.");
    let plain = Plain::new(&network, &values);
    let (d, frames) = (network.config.width, 12);
    let rotation = network.rotation(frames);
    let lengths = golden.integers("in.lengths");
    for (name, track) in TRACKS {
        for clip in 0..2 {
            let at = |what: &str| golden.row(&format!("{name}.{what}"), clip);
            let speaker = golden.speaker(clip, false);
            let (memory, _) = network.encode(&values, &speaker, track, &rotation);
            close(&memory, &at("enc"), &format!("{file} {name} enc"));
            let mut mask = track_mask(track, frames + 1);
            mask.keys = lengths[clip] as usize + 1;
            let (partial, _) = network.encoder.forward(&values, &golden.speaker(clip, true), mask, &rotation);
            close(&partial, &at("enc_lengths_present"), &format!("{file} {name} enc with absences"));

            // the speaker of the corrupted history is whole, and as long as `lengths`
            let (cut, _) = network.encoder.forward(&values, &speaker, mask, &rotation);

            let tokens = golden.tokens("in.tok", clip);
            let weights = golden.row("in.zsoft", clip);
            let latent = network.latent_vector(&values, &weights);
            let slots = Slots::Generation { hidden: &[], latent: &latent };
            let (h, _) = network.generate(&values, &tokens, slots, &memory, track, &rotation);
            close(&h, &at("h_gen"), &format!("{file} {name} h"));
            let hidden = golden.booleans("in.hist_drop", clip);
            let slots = Slots::Generation { hidden: &hidden, latent: &latent };
            let (h_drop, _) = network.decoder.forward(
                &values,
                &tokens,
                slots,
                &cut,
                Mask { causal: true, keys: mask.keys },
                mask,
                &rotation,
            );
            close(&h_drop, &at("h_gen_lengths_drop"), &format!("{file} {name} h with hidden frames"));
            let bag = &network.latent.as_ref().unwrap().bag;
            for (stream, logits) in network.logits(&values, &h[..frames * d]).iter().enumerate() {
                close(
                    logits,
                    &at(&format!("logits.{}", STREAMS[stream])),
                    &format!("{file} {name} logits {stream}"),
                );
                let bow = bag.forward(&values, &network.decoder.embeddings, stream, &h[..d]).1;
                close(
                    &bow,
                    &at(&format!("bow_logits.{}", STREAMS[stream])),
                    &format!("{file} {name} bow {stream}"),
                );
            }
            let (h, _) = network.recognise(&values, &tokens, &memory, &rotation);
            close(&h[..d], &at("h_z"), &format!("{file} {name} h_z"));
            let (posterior, matching) = network.judge(&values, &h[..d]).unwrap();
            close(&posterior, &at("z_logits"), &format!("{file} {name} posterior"));
            close(&[matching], &at("rm_logit"), &format!("{file} {name} matching"));

            // step by step
            let mut heard = Heard::new(&plain, &rotation);
            let token_rows = {
                let mut rows = vec![0.0; frames * d];
                network.encoder.input.forward_into(&values, &speaker, &mut rows);
                rows
            };
            let whole_clip = stretch(&plain, &memory, 0, &rotation);
            let mut reaction = Reaction::new(&plain, latent.clone());
            let mut made: [Vec<f32>; 4] = Default::default();
            for frame in 0..frames {
                let last = frame.checked_sub(1).map(|last| &tokens[last]);
                if frame > 0 {
                    heard.push(&plain, &token_rows[(frame - 1) * d..frame * d], &rotation);
                }
                let memory = if track == Track::Offline { &whole_clip } else { heard.memory() };
                reaction.step(&plain, last, memory, &rotation);
                for (made, logits) in made.iter_mut().zip(&reaction.logits) {
                    made.extend(logits);
                }
            }
            for (stream, logits) in made.iter().enumerate() {
                let expected = at(&format!("step_logits.{}", STREAMS[stream]));
                close(logits, &expected, &format!("{file} {name} step logits {stream}"));
            }
            let (keys, cached) = reaction.cache(0).rows();
            close(keys, &at("cache_k0"), &format!("{file} {name} cached keys"));
            close(cached, &at("cache_v0"), &format!("{file} {name} cached values"));

            // greedy reactions of every latent, and their matching scores
            for z in 0..network.config.latents {
                let mut weights = vec![0.0; network.config.latents];
                weights[z] = 1.0;
                let mut reaction = Reaction::new(&plain, network.latent_vector(&values, &weights));
                let mut heard = Heard::new(&plain, &rotation);
                let mut drawn: Vec<Frame> = Vec::new();
                for frame in 0..frames {
                    if frame > 0 {
                        heard.push(&plain, &token_rows[(frame - 1) * d..frame * d], &rotation);
                    }
                    let memory = if track == Track::Offline { &whole_clip } else { heard.memory() };
                    reaction.step(&plain, drawn.last(), memory, &rotation);
                    drawn.push(std::array::from_fn(|stream| {
                        let greedy = probabilities(
                            &reaction.logits[stream],
                            &Sampling { temperature: 0.0, ..Sampling::default() },
                        );
                        greedy.iter().position(|p| *p == 1.0).unwrap() as u32
                    }));
                }
                assert_eq!(
                    drawn,
                    golden.tokens(&format!("{name}.greedy{z}"), clip),
                    "{file} {name} greedy {z}"
                );
                let (h, _) = network.recognise(&values, &drawn, &memory, &rotation);
                let (_, matching) = network.judge(&values, &h[..d]).unwrap();
                close(&[matching], &at(&format!("greedy{z}.rm_logit")), &format!("{file} {name} score {z}"));
            }
        }
    }
}

#[test]
fn the_whole_network_agrees() {
    whole("model_softmax");
}

#[test]
fn the_whole_network_agrees_with_squared_relu() {
    whole("model_relu2");
}

#[test]
fn sampling_filters_agree() {
    let golden = Golden::open("sampling");
    for case in 0..6 {
        let parameters = golden.floats(&format!("params{case}"));
        let sampling = Sampling {
            temperature: parameters[0],
            top_k: parameters[1] as usize,
            top_p: parameters[2],
            guidance: 0.0,
        };
        for row in 0..6 {
            let kept = probabilities(&golden.row("logits", row), &sampling);
            close(&kept, &golden.row(&format!("probs{case}"), row), &format!("case {case} row {row}"));
        }
    }
}
