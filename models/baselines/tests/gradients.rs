//! Gradients that no golden file has, against differences of the loss in `f64`: the online Trans-VAE in training, both
//! networks of Learning2Listen, Swin. Every trained tensor is moved along a direction of its own.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use baselines::learning2listen::{Config, Predictor, Seen, Vq};
use baselines::parameters::build_as;
use baselines::pass::normal;
use baselines::regnn::swin;
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
