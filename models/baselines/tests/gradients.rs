//! Gradients against differences of the loss in `f64`: what every compared system minimises in training, and networks whose
//! gradients no golden file has (both of Learning2Listen, Swin). Every trained tensor is moved along a direction of its own.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use baselines::belfusion::{self, BelFusion, vae::Vae};
use baselines::learning2listen::{CodesOver, Config, Learning2Listen, Predictor, Seen, Vq, VqConfig};
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
    let speaker = Speaker { seen: noise(1, &[2, 7, 25]).into(), heard: noise(2, &[2, 7, 78]) };
    let target = Reaction { emotion: noise(3, &[2, 7, 25]), coefficients: noise(4, &[2, 7, 58]) };
    // the second draw is a constant of the loss and would move with the parameters here, so its weight is 0
    let weights = trans_vae::Weights { divergence: 0.1, diversity: 0.0 };
    let eps = noise(5, &[2, 2, 8]);
    held_to_differences(&parameters, |_| true, &|| {
        let pass = Pass::training(Chance::new(9, "dropout", &[]));
        Ok(network.loss(&speaker, &target, (&eps, &eps), &weights, &pass)?.total)
    });
}

fn small_vq(codes_over: CodesOver) -> VqConfig {
    let vq = Config::preset("small").unwrap().vq;
    VqConfig { width: 16, heads: 2, inner: 12, layers: 1, codes_over, ..vq }
}

#[test]
fn learning2listen_vq_either_side_of_the_codes() {
    let (network, parameters) = network(|scope| Vq::new(&small_vq(CodesOver::Channels), scope));
    let (motion, vectors) = (noise(1, &[2, 32, 83]), noise(2, &[2, 4, 16]));
    let pass = || Pass::training(Chance::new(9, "dropout", &[])).noting();
    held_to_differences(&parameters, |name| name.starts_with("encoder."), &|| {
        let pass = pass();
        network.encode(&motion, &pass)?;
        (&pass.noted("encoder_out")[0] * &vectors)?.sum_all()
    });
    held_to_differences(&parameters, |name| name.starts_with("decoder."), &|| {
        (network.decode(&vectors, &pass())? * &motion)?.sum_all()
    });
}

#[test]
fn learning2listen_vq_in_training_through_the_codes() {
    for over in [CodesOver::Channels, CodesOver::Time] {
        let (network, parameters) = network(|scope| Vq::new(&small_vq(over), scope));
        let motion = noise(1, &[3, 32, 83]);
        let pass = || Pass::training(Chance::new(9, "dropout", &[])).noting();
        let encoded = || -> Result<Tensor> {
            let pass = pass();
            network.encode(&motion, &pass)?;
            Ok(pass.noted("encoder_out")[0].clone())
        };
        // rows that codes stand for
        let rows = |z: &Tensor| match over {
            CodesOver::Channels => z.transpose(1, 2)?.contiguous()?.reshape(((), 16)),
            CodesOver::Time => z.reshape(((), 16)),
        };
        // codes near what they stand for: the first ones are so alike that a norm behind them bends within a step
        let codebook = parameters.get("quantize.embedding.weight").unwrap();
        let near =
            (rows(&encoded().unwrap()).unwrap().detach() + (noise(2, &[12, 16]) * 0.1).unwrap()).unwrap();
        codebook.set(&Tensor::cat(&[near, noise(3, &[52, 16])], 0).unwrap()).unwrap();
        // what the loss holds fixed, and the choice of codes, are held where they are: what is left is smooth
        let before = network.encode(&motion, &pass()).unwrap();
        let indices = before.indices.flatten_all().unwrap();
        let z = encoded().unwrap().detach();
        let chosen = codebook.index_select(&indices, 0).unwrap().detach();
        let jump = (before.vectors.detach() - &z).unwrap();
        let square = |a: &Tensor, b: &Tensor| (a - b)?.sqr()?.mean_all();
        let held = || {
            let now = encoded()?;
            let made = network.decode(&(&now + &jump)?, &pass())?;
            let off = (made - &motion)?.abs()?;
            let group = |from, count| off.narrow(2, from, count)?.mean_all();
            let terms = [
                group(0, 25)?,
                group(25, 52)?,
                group(77, 3)?,
                group(80, 3)?,
                (square(&chosen, &rows(&now)?)? * 0.25)?,
                square(&codebook.index_select(&indices, 0)?, &rows(&z)?)?,
            ];
            Tensor::stack(&terms, 0)?.sum_all()
        };
        held_to_differences(&parameters, |_| true, &held);
        let losses = network.loss(&motion, &pass()).unwrap().0;
        let number = |tensor: &Tensor| tensor.to_scalar::<f64>().unwrap();
        assert!((number(&losses.total) - number(&held().unwrap())).abs() < 1e-12);
        assert!((number(&losses.total) - number(&(losses.motion + losses.quantiser).unwrap())).abs() < 1e-12);
        assert!((2.0..12.001).contains(&number(&losses.used)), "{}", losses.used);
        // every parameter learns, and as much as there
        let (one, two) = (losses.total.backward().unwrap(), held().unwrap().backward().unwrap());
        for (name, value) in parameters.trained() {
            let gradients = (one.get(value), two.get(value));
            let (Some(a), Some(b)) = gradients else { panic!("{name} has no gradient") };
            let off = number(&(a - b).unwrap().abs().unwrap().max_all().unwrap());
            assert!(off < 1e-12, "{name}: {off}");
        }
    }
}

#[test]
fn learning2listen_predictor() {
    // four rows of sound a frame, and one
    for (preset, rows) in [("react", 4), ("small", 1)] {
        let mut config = Config::preset(preset).unwrap().predictor;
        (config.width, config.heads, config.inner, config.joint_layers) = (8, 2, 6, 1);
        (config.codes, config.cross_layers) = (64, 1);
        let (network, parameters) = network(|scope| Predictor::new(&config, scope));
        let (motion, sound) = (noise(1, &[2, 40, config.motion]), noise(2, &[2, 40 * rows, config.audio]));
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
}

#[test]
fn learning2listen_second_stage() {
    let mut config = Config::preset("small").unwrap();
    config.vq = VqConfig { codes: 8, ..small_vq(CodesOver::Time) };
    let own = &mut config.predictor;
    (own.width, own.heads, own.inner, own.joint_layers, own.cross_layers, own.codes) = (8, 2, 6, 1, 1, 8);
    let (network, parameters) = network(|scope| Learning2Listen::new(&config, scope));
    let listener = noise(1, &[2, 64, 83]);
    let (seen, heard) = (noise(2, &[2, 40, 25]), noise(3, &[2, 40, 78]));
    let losses = || {
        let pass = Pass::training(Chance::new(9, "dropout", &[]));
        network.loss(&listener, (&seen, &heard), Seen::Last(3), &pass)
    };
    let running = || {
        let norm = parameters.get("vq.encoder.squasher.0.2.running_var").unwrap();
        norm.to_vec1::<f64>().unwrap()
    };
    let before = running();
    held_to_differences(&parameters, |name| !name.contains("listener_past_transformer"), &|| {
        Ok(losses()?.total)
    });
    // what is frozen does not learn, and is not carried along
    assert!(parameters.trained().all(|(name, _)| name.starts_with("predictor.")));
    assert_eq!(running(), before);
    // by hand: the first of four positions, and a network that has learned nothing knows one of eight
    let losses = losses().unwrap();
    let number = |tensor: &Tensor| tensor.to_dtype(F64).unwrap().to_scalar::<f64>().unwrap();
    assert!(
        (number(&losses.next) - 8f64.ln()).abs() < 0.5 && (number(&losses.total) - 8f64.ln()).abs() < 0.5
    );
    assert!([0.0, 0.5, 1.0].contains(&number(&losses.hits)));
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
    let speaker = Speaker { seen: noise(1, &[2, 6, 25]).into(), heard: noise(2, &[2, 6, 78]) };
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
