//! What answering and training cost at official sizes: `cargo run --release -p baselines --example baselines_cost [NAME]`.
//!
//! Each line is the best of three after one unmeasured run: time of the processor (of all threads), and of the wall. A training
//! step is a forward and a backward pass, without optimiser. `cost_in_pytorch.py` beside it prints the same lines for PyTorch.
#![expect(clippy::print_stdout, reason = "this program prints its result")]

use std::time::Instant;

use baselines::pass::normal;
use baselines::pictures::{Prepared, SIDE};
use baselines::regnn::Weights;
use baselines::trans_vae::{self, Reaction, Seen, Sight, Speaker, TransVae};
use baselines::{Fresh, Network, Pass, Settings};
use candle_core::{DType, Device, Result, Tensor};
use clips::Chance;

/// How a system's lines end.
type Done = std::result::Result<(), Box<dyn std::error::Error>>;

fn noise(shape: &[usize]) -> Result<Tensor> {
    normal(&mut Chance::new(1, "cost", &[]), shape, DType::F32)
}

/// Seconds that the threads of this process have computed (Linux; 0 elsewhere). What waits for a processor does not count, so
/// that a busy machine can be measured, too.
fn computed() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let of = |text: String| text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok());
    let each = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok().and_then(of));
    each.sum::<f64>() / 1e9
}

/// Prints the best of three, computed among the threads that share work, where answers and lessons compute, too.
fn line(name: &str, of: &(dyn Fn() -> Result<()> + Sync)) -> Result<()> {
    if std::env::args().nth(1).is_some_and(|wanted| !name.contains(&wanted)) {
        return Ok(());
    }
    let of = || rayon::scope(|_| of());
    of()?;
    let mut best = [f64::INFINITY; 2];
    for _ in 0..3 {
        let (before, begun) = (computed(), Instant::now());
        of()?;
        best = [best[0].min(computed() - before), best[1].min(begun.elapsed().as_secs_f64())];
    }
    let [processor, wall] = best.map(|seconds| seconds * 1e3);
    println!("{name:<72} {processor:>9.1} ms computed {wall:>9.1} ms passed");
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

fn trans_vae() -> Done {
    let official = trans_vae::Config::official();
    let attributes = trans_vae::Config { sight: Sight::Attributes, ..official.clone() };
    for (preset, config, batch, frames) in [
        ("official-offline", &official, 1, 16),
        ("official-offline", &official, 1, 64),
        ("official on attributes", &attributes, 1, 750),
        ("official on attributes", &attributes, 4, 256),
    ] {
        let settings = Settings::TransVae(config.clone());
        let fresh = || Fresh { seed: 1 };
        let (Network::TransVae(network), Network::TransVae(quiet)) =
            (settings.build(&mut fresh())?.0, settings.build_to_answer(&mut fresh())?)
        else {
            continue;
        };
        let mut chance = Chance::new(1, "pictures", &[]);
        let count = if config.sight == Sight::Frames { frames } else { 0 };
        let mut picture = || -> Prepared { (0..3 * SIDE * SIDE).map(|_| chance.below(256) as u8).collect() };
        let clips: Vec<Vec<Prepared>> = (0..batch).map(|_| (0..count).map(|_| picture()).collect()).collect();
        let (rows, heard) = (noise(&[batch, frames, 25])?, noise(&[batch, frames, 78])?);
        let speaker = |network: &TransVae| -> Result<Speaker> {
            let seen = match network.eyes() {
                Some(eyes) => Seen::Tokens(eyes.watch(&clips, &[frames])?),
                None => rows.clone().into(),
            };
            Ok(Speaker { seen, heard: heard.clone() })
        };
        let target =
            Reaction { emotion: noise(&[batch, frames, 25])?, coefficients: noise(&[batch, frames, 58])? };
        let eps = noise(&[1, batch, network.config().width])?;
        let name = format!("trans-vae {preset}, {batch} x {frames} frames");
        line(&format!("{name}: answer"), &|| {
            quiet.forward(&speaker(&quiet)?, &eps, &Pass::evaluation()).map(drop)
        })?;
        line(&format!("{name}: step"), &|| {
            let (speaker, both) = (speaker(&network)?, (&eps, &eps));
            let losses = network.loss(&speaker, &target, both, &Default::default(), &training())?;
            losses.total.backward().map(drop)
        })?;
    }
    Ok(())
}

fn belfusion() -> Done {
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

fn regnn() -> Done {
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

fn learning2listen() -> Done {
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

fn main() -> Done {
    const NAMES: [&str; 4] = ["trans-vae", "belfusion", "regnn", "learning2listen"];
    let systems: [fn() -> Done; 4] = [trans_vae, belfusion, regnn, learning2listen];
    // Weights of official sizes take seconds to draw: those of systems whose lines nobody wants are not.
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let named = NAMES.iter().position(|name| wanted.starts_with(name));
    for (number, measure) in systems.iter().enumerate() {
        if named.is_none_or(|named| named == number) {
            measure()?;
        }
    }
    Ok(())
}
