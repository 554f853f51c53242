//! Gradients against differences of the loss in `f64`: what every compared system minimises in training, and networks whose
//! gradients no golden file has (both of Learning2Listen, Swin). Every trained tensor is moved along a direction of its own.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use baselines::belfusion::{self, BelFusion, vae::Vae};
use baselines::learning2listen::{Config, Predictor, Seen, Vq};
use baselines::parameters::build_as;
use baselines::pass::normal;
use baselines::regnn::{self, Regnn, swin};
use baselines::trans_vae::{self, Reaction, Sight, Speaker, TransVae};
use baselines::{Fresh, Parameters, Pass, Scope};
use candle_core::{DType, Device, Result, Tensor};
use clips::Chance;

const F64: DType = DType::F64;

fn noise(seed: u64, shape: &[usize]) -> Tensor {
    normal(&mut Chance::new(seed, "noise", &[]), shape, F64).unwrap()
}

fn network<N>(make: impl FnOnce(&Scope<'_, '_>) -> Result<N>) -> (N, Parameters) {
    build_as(&mut Fresh { seed: 5 }, F64, &Device::Cpu, make).unwrap()
}

/// Holds the gradients of `loss` to differences, for each trained tensor that `of` accepts; those must have one.
fn held_to_differences(
    parameters: &Parameters,
    of: impl Fn(&str) -> bool,
    loss: &dyn Fn() -> Result<Tensor>,
) {
    let store = loss().unwrap().backward().unwrap();
    let mut checked = 0;
    for (index, (name, value)) in parameters.trained().filter(|(name, _)| of(name)).enumerate() {
        let gradient = store.get(value).unwrap_or_else(|| panic!("{name} has no gradient"));
        let direction = noise(1000 + index as u64, value.dims());
        let slope = (gradient * &direction).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let before = value.as_tensor().copy().unwrap().detach();
        let at = |step: f64| {
            value.set(&(&before + (&direction * step).unwrap()).unwrap()).unwrap();
            loss().unwrap().to_scalar::<f64>().unwrap()
        };
        let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
        value.set(&before).unwrap();
        // a sum of many terms in f64 is right to 1e-15 or so, a difference of it over 2e-6 to 1e-9
        let size = 1.0 + slope.abs();
        assert!(
            (slope - difference).abs() < 1e-6 * size,
            "{name}: {slope} on the tape, {difference} by steps"
        );
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn online_trans_vae_in_training() {
    let config = trans_vae::Config {
        width: 8,
        heads: 2,
        sight: Sight::Attributes,
        window: Some(3),
        ..trans_vae::Config::preset("small-online").unwrap()
    };
    let (network, parameters) = network(|scope| TransVae::new(&config, scope));
    let speaker = Speaker { seen: noise(1, &[2, 7, 25]), heard: noise(2, &[2, 7, 78]) };
    let target = Reaction { emotion: noise(3, &[2, 7, 25]), coefficients: noise(4, &[2, 7, 58]) };
    // the second draw is a constant of the loss and would move with the parameters here, so its weight is 0
    let weights = trans_vae::Weights { divergence: 0.1, diversity: 0.0 };
    let eps = noise(5, &[2, 2, 8]);
    held_to_differences(&parameters, |_| true, &|| {
        let pass = Pass::training(Chance::new(9, "dropout", &[]));
        Ok(network.loss(&speaker, &target, (&eps, &eps), &weights, &pass)?.total)
    });
}

#[test]
fn learning2listen_vq_either_side_of_the_codes() {
    let mut config = Config::preset("small").unwrap().vq;
    (config.width, config.heads, config.inner, config.layers) = (16, 2, 12, 1);
    let (network, parameters) = network(|scope| Vq::new(&config, scope));
    let (motion, vectors) = (noise(1, &[2, 32, 58]), noise(2, &[2, 4, 16]));
    let pass = || Pass::training(Chance::new(9, "dropout", &[])).noting();
    held_to_differences(&parameters, |name| name.starts_with("encoder."), &|| {
        let pass = pass();
        network.encode(&motion, &pass)?;
        (&pass.noted("encoder_out")[0] * &vectors)?.sum_all()
    });
    held_to_differences(&parameters, |name| name.starts_with("decoder."), &|| {
        (network.decode(&vectors, &pass())? * &motion)?.sum_all()
    });
    // the codebook learns from its own loss, the encoder from what comes through
    let store = network.loss(&motion, &pass()).unwrap().0.total.backward().unwrap();
    for (name, value) in parameters.trained() {
        assert!(store.get(value).is_some(), "{name} has no gradient");
    }
}

#[test]
fn learning2listen_predictor() {
    let mut config = Config::preset("small").unwrap().predictor;
    (config.width, config.heads, config.inner, config.joint_layers) = (8, 2, 6, 1);
    let (network, parameters) = network(|scope| Predictor::new(&config, scope));
    let (motion, sound) = (noise(1, &[2, 40, 58]), noise(2, &[2, 160, 128]));
    let codes = |of: [u32; 8]| Tensor::from_vec(of.to_vec(), (2, 4), &Device::Cpu).unwrap();
    let (past, future) = (codes([1, 5, 9, 2, 63, 0, 7, 7]), codes([3, 3, 8, 60, 1, 2, 4, 5]));
    let loss = |seen| {
        let pass = Pass::training(Chance::new(9, "dropout", &[]));
        network.loss(&network.forward(&past, &motion, &sound, seen, &pass)?, &future)
    };
    held_to_differences(&parameters, |_| true, &|| loss(Seen::Unmasked));
    held_to_differences(&parameters, |name| !name.starts_with("listener_past_transformer"), &|| {
        loss(Seen::Last(2))
    });
}

#[test]
fn swin_with_shifted_windows() {
    let config = swin::Config {
        side: 16,
        patch: 2,
        width: 4,
        depths: vec![2, 2],
        heads: vec![2, 2],
        window: 4,
        classes: 3,
    };
    let (network, parameters) = network(|scope| swin::Swin::new(&config, scope));
    let (pictures, weights) = (noise(1, &[2, 3, 16, 16]), noise(2, &[2, 3]));
    held_to_differences(&parameters, |_| true, &|| {
        let features = network.features(&pictures, &Pass::evaluation())?;
        (network.classes(&features)? * &weights)?.sum_all()
    });
}

#[test]
fn offline_trans_vae_in_training_with_both_draws() {
    let preset = trans_vae::Config::preset("small-attributes").unwrap();
    let config = trans_vae::Config { width: 8, heads: 2, ..preset };
    let (network, parameters) = network(|scope| TransVae::new(&config, scope));
    let speaker = Speaker { seen: noise(1, &[2, 6, 25]), heard: noise(2, &[2, 6, 78]) };
    let target = Reaction { emotion: noise(3, &[2, 6, 25]), coefficients: noise(4, &[2, 6, 58]) };
    let weights = trans_vae::Weights { divergence: 0.1, diversity: 10.0 };
    let (eps, other) = (noise(5, &[1, 2, 8]), noise(6, &[1, 2, 8]));
    let losses = || {
        let pass = Pass::training(Chance::new(9, "dropout", &[]));
        network.loss(&speaker, &target, (&eps, &other), &weights, &pass).unwrap()
    };
    // the second draw is held where it is: what learns is the first
    let second = {
        let pass = Pass::training(Chance::new(9, "dropout", &[]));
        network.forward(&speaker, &eps, &pass).unwrap();
        let second = network.forward(&speaker, &other, &pass).unwrap().0;
        Reaction { emotion: second.emotion.detach(), coefficients: second.coefficients.detach() }
    };
    let held = || {
        let pass = Pass::training(Chance::new(9, "dropout", &[]));
        let (made, latents) = network.forward(&speaker, &eps, &pass)?;
        let terms = [
            trans_vae::loss::reconstruction(&made, &target)?,
            (trans_vae::loss::divergence(&latents)? * weights.divergence)?,
            (trans_vae::loss::diversity(&made, &second)? * weights.diversity)?,
        ];
        Tensor::stack(&terms, 0)?.sum_all()
    };
    let number = |tensor: Tensor| tensor.to_scalar::<f64>().unwrap();
    assert!((number(losses().total) - number(held().unwrap())).abs() < 1e-12);
    // nothing of the offline network depends on `fusion`
    let used = |name: &str| !name.starts_with("fusion.");
    held_to_differences(&parameters, used, &held);
    let (one, two) = (losses().total.backward().unwrap(), held().unwrap().backward().unwrap());
    for (name, value) in parameters.trained() {
        match (one.get(value), two.get(value)) {
            (Some(a), Some(b)) => {
                let off = number((a - b).unwrap().abs().unwrap().max_all().unwrap());
                assert!(off < 1e-12, "{name}: the second draw has a gradient ({off})");
            }
            (a, b) => assert!(a.is_none() && b.is_none() && !used(name), "{name}"),
        }
    }
}

#[test]
fn both_stages_of_belfusion() {
    let mut config = belfusion::Config::preset("small").unwrap();
    config.vae = belfusion::VaeConfig { width: 6, mlp: [5, 4], window: 4 };
    config.denoiser = belfusion::DenoiserConfig { width: 12, layers: 3 };
    let (vae, parameters) = network(|scope| Vae::new(&config.vae, scope));
    let (clips, coefficients) = (noise(1, &[2, 8, 25]), noise(2, &[2, 8, 58]));
    let eps = noise(3, &[4, 6]);
    held_to_differences(&parameters, |_| true, &|| Ok(vae.loss(&clips, &coefficients, Some(&eps))?.0.total));

    for latent in [belfusion::LatentOf::State, belfusion::LatentOf::Mean] {
        let config = belfusion::Config { latent, ..config.clone() };
        let (network, parameters) = network(|scope| BelFusion::new(&config, scope));
        let windows = noise(4, &[9, 4, 25]);
        network.statistics().set(&network.latents(&windows).unwrap()).unwrap();
        let (speaker, listener) = (noise(5, &[2, 4, 25]), noise(6, &[2, 4, 25]));
        let noise = noise(7, &[2 * 3, 6]);
        held_to_differences(&parameters, |_| true, &|| {
            let pass = Pass::training(Chance::new(9, "dropout", &[]));
            Ok(network.loss(&speaker, &listener, &[0, 7], &noise, &pass)?.total)
        });
        // what is frozen has no gradient
        assert!(parameters.trained().all(|(name, _)| name.starts_with("denoiser.")));
    }
}

#[test]
fn regnn_in_training() {
    let mut config = regnn::Config::preset("small").unwrap();
    (config.frames, config.stride, config.channels, config.convert) = (6, 3, 2, 5);
    let own = &mut config.perceptual;
    (own.width, own.heads, own.out, own.cross_layers, own.memory_layers) = (8, 2, 6, 1, 1);
    let (network, parameters) = network(|scope| Regnn::new(&config, scope));
    let (seen, heard) = (noise(1, &[2, 6, 25]), noise(2, &[2, 6, 78]));
    let (targets, counts) = (noise(3, &[5, 25, 6]), [2, 3]);
    let edges = network.perceive(&seen, &heard, &Pass::evaluation()).unwrap().edges;
    let owners = Tensor::from_vec(vec![0u32, 0, 1, 1, 1], 5, &Device::Cpu).unwrap();
    network.motor().initialise(&targets, &edges.index_select(&owners, 0).unwrap()).unwrap();
    let weights = regnn::Weights { threshold: None, spread: 0.7, node_difference: 0.3 };
    // the bound of the motor's slope is made of these and has no gradient, officially
    let bound = |name: &str| name.contains("attn_1.qk.weight");
    held_to_differences(&parameters, |name| !bound(name), &|| {
        let pass = Pass::training(Chance::new(9, "dropout", &[]));
        Ok(network.loss(&seen, &heard, &targets, &counts, &weights, &pass)?.total)
    });
    // distances below the threshold teach nothing
    let weights = regnn::Weights { threshold: Some(1e9), spread: 0.0, node_difference: 0.0 };
    let losses = network.loss(&seen, &heard, &targets, &counts, &weights, &Pass::evaluation()).unwrap();
    assert_eq!(losses.total.to_scalar::<f64>().unwrap(), 0.0);
}
