//! What answering and training cost at official sizes: `cargo run --release -p baselines --example cost [NAME]`.
//!
//! Each line is the best of three after one unmeasured run. A training step is a forward and a backward pass, without
//! optimiser.
#![expect(clippy::print_stdout, reason = "this program prints its result")]

use std::time::Instant;

use baselines::pass::normal;
use baselines::regnn::Weights;
use baselines::trans_vae::{Reaction, Speaker};
use baselines::{Fresh, Network, Pass, Settings};
use candle_core::{DType, Device, Result, Tensor};
use clips::Chance;

fn noise(shape: &[usize]) -> Result<Tensor> {
    normal(&mut Chance::new(1, "cost", &[]), shape, DType::F32)
}

/// Prints the best of three.
fn line(name: &str, of: &dyn Fn() -> Result<()>) -> Result<()> {
    if std::env::args().nth(1).is_some_and(|wanted| !name.contains(&wanted)) {
        return Ok(());
    }
    of()?;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let begun = Instant::now();
        of()?;
        best = best.min(begun.elapsed().as_secs_f64());
    }
    println!("{name:<72} {:>9.1} ms", best * 1e3);
    Ok(())
}

/// The network to train, and the same to answer with.
fn network(
    system: &str,
    preset: &str,
) -> std::result::Result<(Network, Network), Box<dyn std::error::Error>> {
    let (settings, mut fresh) = (Settings::preset(system, preset)?, Fresh { seed: 1 });
    Ok((settings.build(&mut fresh)?.0, settings.build_to_answer(&mut fresh)?))
}

fn training() -> Pass {
    Pass::training(Chance::new(1, "dropout", &[]))
}

fn trans_vae() -> std::result::Result<(), Box<dyn std::error::Error>> {
    for (preset, batch, frames, side) in
        [("official-offline", 1, 16, 224), ("small-attributes", 1, 750, 0), ("small-attributes", 4, 256, 0)]
    {
        let (Network::TransVae(network), Network::TransVae(quiet)) = network("trans-vae", preset)? else {
            continue;
        };
        let seen = if side > 0 { vec![batch, frames, 3, side, side] } else { vec![batch, frames, 25] };
        let speaker = Speaker { seen: noise(&seen)?, heard: noise(&[batch, frames, 78])? };
        let target =
            Reaction { emotion: noise(&[batch, frames, 25])?, coefficients: noise(&[batch, frames, 58])? };
        let eps = noise(&[1, batch, network.config().width])?;
        let name = format!("trans-vae {preset}, {batch} x {frames} frames");
        line(&format!("{name}: answer"), &|| quiet.forward(&speaker, &eps, &Pass::evaluation()).map(drop))?;
        line(&format!("{name}: step"), &|| {
            let losses = network.loss(&speaker, &target, (&eps, &eps), &Default::default(), &training())?;
            losses.total.backward().map(drop)
        })?;
    }
    Ok(())
}

fn belfusion() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let (Network::BelFusion(network), Network::BelFusion(quiet)) = network("belfusion", "official-k10")?
    else {
        return Ok(());
    };
    let (speaker, drawn) = (noise(&[10, 750, 25])?, noise(&[150, 128])?);
    line("belfusion official, 10 samples of 750 frames: answer", &|| {
        quiet.forward(&speaker, &drawn, &Pass::evaluation()).map(drop)
    })?;
    let (window, steps, drawn) = (noise(&[32, 50, 25])?, vec![5; 32], noise(&[320, 128])?);
    line("belfusion official, 32 windows, k = 10: step", &|| {
        let losses = network.loss(&window, &window, &steps, &drawn, &training())?;
        losses.total.backward().map(drop)
    })
    .map_err(Into::into)
}

fn regnn() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let (Network::Regnn(network), Network::Regnn(quiet)) = network("regnn", "official-vggish")? else {
        return Ok(());
    };
    let (video, audio) = (noise(&[29, 50, 768])?, noise(&[29, 50, 128])?);
    let drawn = noise(&[29, 25, 50])?;
    line("regnn official, 29 windows (30 s): answer", &|| {
        quiet.forward(&video, &audio, &drawn, &Pass::evaluation()).map(drop)
    })?;
    let targets = noise(&[290, 25, 50])?;
    line("regnn official, 29 windows with 10 reactions each: step", &|| {
        let weights = Weights::default();
        let losses = network.loss(&video, &audio, &targets, &[10; 29], &weights, &training())?;
        losses.total.backward().map(drop)
    })
    .map_err(Into::into)
}

fn learning2listen() -> std::result::Result<(), Box<dyn std::error::Error>> {
    use baselines::learning2listen::{Learning2Listen, Seen};
    let (Network::Learning2Listen(network), Network::Learning2Listen(quiet)) =
        network("learning2listen", "react")?
    else {
        return Ok(());
    };
    let motion = noise(&[32, 32, 58])?;
    line("learning2listen official, VQ, 32 x 32 frames: encode and decode", &|| {
        quiet.vq.loss(&motion, &Pass::evaluation()).map(drop)
    })?;
    let (speaker, sound) = (noise(&[32, 40, 58])?, noise(&[32, 160, 128])?);
    let codes = Tensor::zeros((32, 4), DType::U32, &Device::Cpu)?;
    let logits = |network: &Learning2Listen, pass: &Pass| {
        network.predictor.forward(&codes, &speaker, &sound, Seen::Last(2), pass)
    };
    line("learning2listen official, predictor, batch 32: answer", &|| {
        logits(&quiet, &Pass::evaluation()).map(drop)
    })?;
    line("learning2listen official, predictor, batch 32: step", &|| {
        network.predictor.loss(&logits(&network, &training())?, &codes)?.backward().map(drop)
    })
    .map_err(Into::into)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    trans_vae()?;
    belfusion()?;
    regnn()?;
    learning2listen()
}
