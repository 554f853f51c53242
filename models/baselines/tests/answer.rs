//! Checkpoints of every kind that can answer, asked through the interface of all systems.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use baselines::learning2listen::Seen;
use baselines::systems::save;
use baselines::{Fresh, Network, Pass, Settings, Source, Start, belfusion, learning2listen, pass, trans_vae};
use candle_core::{DType, Device, Tensor};
use clips::{Attributes, Chance, Control, Fault, FaultKind, Streams, Take, Track, Waveform};
use listener::latent_intent::sampling::{draw, nucleus};
use listener::{LatentChoice, Request, System};

const RATE: u32 = 16_000;
const CLIP: &str = "val/a/1";
/// No whole number of windows or strides of any preset.
const FRAMES: usize = 110;

fn preset(system: &str, preset: &str) -> Settings {
    Settings::preset(system, preset).unwrap()
}

fn online_attributes() -> Settings {
    let config = trans_vae::Config::preset("small-attributes").unwrap();
    Settings::TransVae(trans_vae::Config { window: Some(16), ..config })
}

fn small_belfusion(online: bool, binarise: bool) -> Settings {
    let config = belfusion::Config::preset("small").unwrap();
    Settings::BelFusion(belfusion::Config { online, binarise, ..config })
}

/// Everything that answers without video, small.
fn all() -> Vec<Settings> {
    vec![
        preset("trans-vae", "small-attributes"),
        online_attributes(),
        preset("belfusion", "small"),
        small_belfusion(true, false),
        small_belfusion(false, true),
        preset("regnn", "small"),
        preset("learning2listen", "small"),
    ]
}

/// Random weights; those of Learning2Listen are louder than training starts with, whose codes would all be as likely.
struct Weights;

impl Source for Weights {
    fn values(&mut self, name: &str, shape: &[usize], start: Start) -> std::result::Result<Vec<f32>, String> {
        let mut values = Fresh { seed: 5 }.values(name, shape, start)?;
        let louder = match name {
            "vq.quantize.embedding.weight" => 64.0,
            _ if name.starts_with("predictor.") && shape.len() == 2 => 8.0,
            _ => 1.0,
        };
        values.iter_mut().for_each(|value| *value *= louder);
        Ok(values)
    }
}

/// A random checkpoint, through a file.
fn load(settings: &Settings) -> Result<Arc<dyn System>, Fault> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    let (_, parameters) = settings.build(&mut Weights).unwrap();
    save(&path, settings, &parameters, &BTreeMap::new()).unwrap();
    baselines::load(&path)
}

fn network(settings: &Settings) -> Network {
    settings.build(&mut Weights).unwrap().0
}

fn speaker(frames: usize, seed: u64) -> Streams {
    let mut chance = Chance::new(seed, "speaker", &[]);
    let attributes: Attributes =
        (0..frames).map(|_| std::array::from_fn(|_| chance.uniform() as f32)).collect();
    let samples: Vec<f32> =
        (0..frames * RATE as usize / 25).map(|_| chance.between(-0.5, 0.5) as f32).collect();
    Streams {
        sound: Some(Waveform { rate: RATE, channels: 1, samples: samples.into() }),
        attributes: Some(attributes),
        ..Streams::default()
    }
}

/// `one` up to a frame, then `other`.
fn changed_from(one: &Streams, other: &Streams, frame: usize) -> Streams {
    let mut mixed = one.clone();
    mixed.attributes.as_mut().unwrap()[frame..].copy_from_slice(&other.attributes.as_ref().unwrap()[frame..]);
    let sample = frame * RATE as usize / 25;
    let (a, b) = (one.sound.as_ref().unwrap(), other.sound.as_ref().unwrap());
    let samples: Vec<f32> = a.samples[..sample].iter().chain(&b.samples[sample..]).copied().collect();
    mixed.sound.as_mut().unwrap().samples = samples.into();
    mixed
}

fn ask(system: &dyn System, speaker: &Streams, request: &Request) -> Result<Vec<Take>, Fault> {
    system.generate(CLIP, speaker, request, &Control::default())
}

fn samples(count: usize) -> Request {
    Request { samples: count, ..Request::default() }
}

/// Attributes and coefficients of a take, bit for bit.
fn bits(take: &Take) -> Vec<u32> {
    let coefficients = take.coefficients.iter().flat_map(|rows| rows.iter().flatten());
    take.attributes.iter().flatten().chain(coefficients).map(|value| value.to_bits()).collect()
}

fn clamped(emotion: &Tensor) -> Vec<f32> {
    let values = emotion.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let least = |at: usize| if matches!(at % 25, 15 | 16) { -1.0 } else { 0.0 };
    values.into_iter().enumerate().map(|(at, value)| value.clamp(least(at), 1.0)).collect()
}

#[test]
fn every_system_answers_in_shape_and_range_and_the_same_again() {
    let speaker = speaker(FRAMES, 1);
    for settings in all() {
        let (system, again) = (load(&settings).unwrap(), load(&settings).unwrap());
        let name = settings.system();
        assert_eq!((system.name(), system.latents()), (name, 0));
        assert_eq!(system.hears(), name != "belfusion");
        assert_eq!((system.checkpoint().len(), system.checkpoint()), (64, again.checkpoint()));
        let takes = ask(&*system, &speaker, &samples(3)).unwrap();
        assert_eq!(takes.len(), 3);
        for (sample, take) in takes.iter().enumerate() {
            assert_eq!((take.header.sample, take.header.seed, take.header.latent), (sample, 1, None));
            assert_eq!((take.header.system.as_str(), take.header.clip.as_str()), (name, CLIP));
            assert_eq!(take.frames(), FRAMES, "{name}");
            for row in &*take.attributes {
                for (column, value) in row.iter().enumerate() {
                    let least = if matches!(column, 15 | 16) { -1.0 } else { 0.0 };
                    assert!((least..=1.0).contains(value), "{name} {column}: {value}");
                }
            }
            assert_eq!(take.coefficients.is_some(), name != "regnn");
            if let Some(rows) = &take.coefficients {
                assert_eq!(rows.len(), FRAMES);
                assert!(rows.iter().flatten().all(|value| value.is_finite()));
            }
        }
        // samples differ, and none depends on which others are made or on what was answered before
        assert_ne!(bits(&takes[0]), bits(&takes[1]), "{name}");
        let alone = ask(&*again, &speaker, &samples(1)).unwrap();
        assert_eq!(bits(&alone[0]), bits(&takes[0]), "{name}");
        let longer = ask(&*again, &speaker, &samples(4)).unwrap();
        assert_eq!(bits(&longer[2]), bits(&takes[2]), "{name}");
        let other_seed = ask(&*system, &speaker, &Request { seed: 2, ..samples(1) }).unwrap();
        assert_ne!(bits(&other_seed[0]), bits(&takes[0]), "{name}");
        let other_clip = system.generate("val/a/2", &speaker, &samples(1), &Control::default()).unwrap();
        assert_ne!(bits(&other_clip[0]), bits(&takes[0]), "{name}");
    }
}

#[test]
fn answers_do_not_depend_on_the_number_of_threads() {
    let speaker = speaker(FRAMES, 1);
    for settings in all() {
        let system = load(&settings).unwrap();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let takes = pool.install(|| ask(&*system, &speaker, &samples(4))).unwrap();
            takes.iter().flat_map(bits).collect::<Vec<u32>>()
        };
        assert_eq!(with(1), with(3), "{settings:?}");
    }
}

#[test]
fn every_system_hears_and_sees_its_speaker() {
    let (one, other) = (speaker(FRAMES, 1), speaker(FRAMES, 2));
    for settings in all() {
        let system = load(&settings).unwrap();
        let with_face = Streams { attributes: other.attributes.clone(), ..one.clone() };
        let with_voice = Streams { sound: other.sound.clone(), ..one.clone() };
        let of = |speaker: &Streams| bits(&ask(&*system, speaker, &samples(1)).unwrap()[0]);
        assert_ne!(of(&one), of(&with_face), "{settings:?}");
        assert_eq!(of(&one) != of(&with_voice), system.hears(), "{settings:?}");
    }
}

#[test]
fn answers_are_what_the_networks_say() {
    let speaker = speaker(100, 1);
    let seen: Vec<f32> = speaker.attributes.iter().flatten().flatten().copied().collect();
    let seen = Tensor::from_vec(seen, (1, 100, 25), &Device::Cpu).unwrap();
    let sound = speaker.sound.as_ref().unwrap();
    let heard = speech::features(speech::Kind::React78, sound, None, &Control::default()).unwrap();
    let heard = Tensor::from_vec(heard.values, (1, 100, 78), &Device::Cpu).unwrap();
    let evaluation = Pass::evaluation();
    for settings in all() {
        let takes = ask(&*load(&settings).unwrap(), &speaker, &samples(2)).unwrap();
        let chance = || Chance::new(1, &format!("{} {CLIP}", settings.system()), &[1]);
        let noise = |shape: &[usize]| pass::normal(&mut chance(), shape, DType::F32).unwrap();
        let wanted = match network(&settings) {
            Network::TransVae(network) => {
                let speaker = trans_vae::Speaker { seen: seen.clone().into(), heard: heard.clone() };
                let eps = noise(&[network.windows(100), 1, 32]);
                clamped(&network.forward(&speaker, &eps, &evaluation).unwrap().0.emotion)
            }
            Network::BelFusion(network) => {
                clamped(&network.forward(&seen, &noise(&[4, 32]), &evaluation).unwrap().emotion)
            }
            Network::Regnn(network) => {
                let cut = |clip: &Tensor| {
                    let parts = [0, 25, 50].map(|at| clip.narrow(1, at, 50).unwrap());
                    Tensor::cat(&parts, 0).unwrap()
                };
                let made =
                    network.forward(&cut(&seen), &cut(&heard), &noise(&[3, 25, 50]), &evaluation).unwrap();
                let half =
                    |window: usize, at: usize| made.narrow(0, window, 1).unwrap().narrow(1, at, 25).unwrap();
                let mean = |a: Tensor, b: Tensor| ((a + b).unwrap() / 2.0).unwrap();
                let parts =
                    [half(0, 0), mean(half(0, 25), half(1, 0)), mean(half(1, 25), half(2, 0)), half(2, 25)];
                clamped(&Tensor::cat(&parts, 1).unwrap())
            }
            Network::Learning2Listen(network) => {
                // frame by frame as it is said: the past before the clip stands still, the last frame goes on
                let window = |x: &Tensor, step: usize| {
                    let columns = x.dim(2).unwrap();
                    let rows: Vec<Tensor> = (8 * step..8 * step + 40)
                        .map(|at| match at.checked_sub(32) {
                            Some(frame) => x.narrow(1, frame.min(99), 1).unwrap(),
                            None => Tensor::zeros((1, 1, columns), DType::F32, &Device::Cpu).unwrap(),
                        })
                        .collect();
                    Tensor::cat(&rows, 1).unwrap()
                };
                let still = Tensor::zeros((1, 32, 83), DType::F32, &Device::Cpu).unwrap();
                let still = network.vq.encode(&still, &evaluation).unwrap().indices;
                let (mut codes, mut chance) =
                    (still.flatten_all().unwrap().to_vec1::<u32>().unwrap(), chance());
                let sampling = clips::Sampling::default();
                for step in 0..16 {
                    let past = Tensor::from_slice(&codes[codes.len() - 4..], (1, 4), &Device::Cpu).unwrap();
                    let (motion, sound) = (window(&seen, step), window(&heard, step));
                    let logits = network
                        .predictor
                        .forward(&past, &motion, &sound, Seen::Last(20), &evaluation)
                        .unwrap();
                    let first = logits.to_vec3::<f32>().unwrap()[0][0].clone();
                    codes.push(draw(&nucleus(&first, &sampling), chance.uniform()));
                }
                let blocks: Vec<Tensor> = codes[4..]
                    .chunks(4)
                    .map(|block| {
                        let block = Tensor::from_slice(block, (1, 4), &Device::Cpu).unwrap();
                        network.vq.decode_codes(&block, &evaluation).unwrap()
                    })
                    .collect();
                let made = Tensor::cat(&blocks, 1).unwrap().narrow(1, 0, 100).unwrap();
                clamped(&made.narrow(2, 0, 25).unwrap())
            }
        };
        let made: Vec<f32> = takes[1].attributes.iter().flatten().copied().collect();
        let off = made.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(made.len() == wanted.len() && off < 1e-6, "{}: {off}", settings.system());
    }
}

#[test]
fn online_windows_know_what_they_may_and_no_more() {
    let (one, other) = (speaker(FRAMES, 1), speaker(FRAMES, 2));
    let request = Request { track: Track::Online, ..samples(1) };
    // (system, window, windows from the change on that may still not know of it)
    let learning2listen = preset("learning2listen", "small");
    for (settings, window, lag) in [
        (online_attributes(), 16, 0),
        (small_belfusion(true, false), 25, 1),
        (learning2listen.clone(), 32, 0),
    ] {
        let system = load(&settings).unwrap();
        let of = |speaker: &Streams| ask(&*system, speaker, &request).unwrap().remove(0);
        let before = of(&one);
        for changed in (1..4).take_while(|changed| (changed + lag) * window < FRAMES) {
            let after = of(&changed_from(&one, &other, changed * window));
            let first = (changed + lag) * window;
            let same = |frame: usize| before.attributes[frame] == after.attributes[frame];
            assert!((0..first).all(same), "{} knows the future", system.name());
            assert!(!(first..FRAMES.min(first + window)).all(same), "{} window {changed}", system.name());
            let (a, b) = (before.coefficients.as_ref().unwrap(), after.coefficients.as_ref().unwrap());
            assert_eq!(a[..first], b[..first]);
        }
        // the beginning of an answer does not depend on how much there is to come
        let mut short = one.clone();
        short.cut(3 * window);
        assert_eq!(of(&short).attributes[..], before.attributes[..3 * window]);
    }
    // it looks no further offline
    let system = load(&learning2listen).unwrap();
    let offline = ask(&*system, &one, &samples(1)).unwrap();
    assert_eq!(bits(&offline[0]), bits(&ask(&*system, &one, &request).unwrap()[0]));
}

#[test]
fn codes_are_drawn_as_the_request_says_and_the_take_tells() {
    let speaker = speaker(FRAMES, 1);
    let system = load(&preset("learning2listen", "small")).unwrap();
    let of = |temperature: f32, guidance: f32| {
        let sampling = clips::Sampling { temperature, top_p: 0.9, guidance, ..Default::default() };
        ask(&*system, &speaker, &Request { sampling, ..samples(2) }).unwrap()
    };
    let (sure, drawn) = (of(0.0, 0.0), of(0.7, 1.0));
    assert_eq!(bits(&sure[0]), bits(&sure[1]), "the most likely code is no draw");
    assert_ne!(bits(&drawn[0]), bits(&sure[0]));
    let told = &drawn[0].header.sampling;
    assert_eq!((told.temperature, told.top_p, told.guidance), (0.7, 0.9, 0.0), "nothing is guided here");
    let other = load(&preset("regnn", "small")).unwrap();
    let request =
        Request { sampling: clips::Sampling { temperature: 0.1, ..Default::default() }, ..samples(1) };
    let take = ask(&*other, &speaker, &request).unwrap().remove(0);
    assert_eq!(take.header.sampling, clips::Sampling::default(), "no codes are drawn");
}

#[test]
fn frames_beyond_the_last_window_are_zeros_in_trans_vae_and_answered_elsewhere() {
    let speaker = speaker(FRAMES, 1);
    let last = |settings: &Settings| {
        ask(&*load(settings).unwrap(), &speaker, &samples(1)).unwrap()[0].attributes[FRAMES - 1]
    };
    assert_eq!(last(&online_attributes()), [0.0; 25]);
    for settings in
        [preset("belfusion", "small"), preset("regnn", "small"), preset("learning2listen", "small")]
    {
        assert_ne!(last(&settings), [0.0; 25]);
    }
}

#[test]
fn lost_faces_do_not_spoil_an_answer() {
    let mut speaker = speaker(60, 1);
    for frame in [0, 7, 8, 59] {
        speaker.attributes.as_mut().unwrap()[frame] = [f32::NAN; 25];
    }
    for settings in all() {
        let takes = ask(&*load(&settings).unwrap(), &speaker, &samples(1)).unwrap();
        assert!(takes[0].attributes.iter().flatten().all(|value| value.is_finite()));
    }
}

#[test]
fn short_clips_are_answered_or_refused_with_a_reason() {
    let speaker = speaker(9, 1);
    for settings in all() {
        match (ask(&*load(&settings).unwrap(), &speaker, &samples(1)), &settings) {
            (Ok(takes), _) => assert_eq!(takes[0].frames(), 9),
            (Err(fault), Settings::TransVae(config)) if config.window.is_some() => {
                assert!(fault.detail.contains("one window of 16"), "{fault}");
            }
            (Err(fault), _) => panic!("{fault}"),
        }
    }
}

#[test]
fn what_cannot_be_answered_says_why_and_what_to_do() {
    let whole = speaker(60, 1);
    let refusal = |settings: &Settings, speaker: &Streams, request: &Request| {
        ask(&*load(settings).unwrap(), speaker, request).unwrap_err()
    };
    let once = samples(1);
    for settings in all() {
        let faceless = Streams { attributes: None, ..whole.clone() };
        let fault = refusal(&settings, &faceless, &once);
        assert_eq!(fault.kind, FaultKind::MissingModality);
        assert!(fault.detail.contains("attributes") && !fault.remedy.is_empty(), "{fault}");
        let fault = refusal(&settings, &Streams::default(), &once);
        assert_eq!(fault.kind, FaultKind::MissingModality);
        let mute = Streams { sound: None, ..whole.clone() };
        match settings.system() {
            "belfusion" => assert_eq!(ask(&*load(&settings).unwrap(), &mute, &once).unwrap().len(), 1),
            _ => assert!(refusal(&settings, &mute, &once).detail.contains("sound")),
        }
        for request in [
            Request { turns: vec![(3, 0)], ..once.clone() },
            Request { latents: LatentChoice::One(0), ..once.clone() },
            Request { sampling: clips::Sampling { style: [1.0; 5], ..once.sampling }, ..once.clone() },
        ] {
            let fault = refusal(&settings, &whole, &request);
            assert!(fault.kind == FaultKind::BadRequest && fault.remedy.contains("latent-intent"), "{fault}");
        }
        for count in [0, 1001] {
            assert_eq!(refusal(&settings, &whole, &samples(count)).kind, FaultKind::BadRequest);
        }
        let stopped = Control::default();
        stopped.stop();
        let fault = load(&settings).unwrap().generate(CLIP, &whole, &once, &stopped).unwrap_err();
        assert!(fault.is_cancelled());
    }
    let online = Request { track: Track::Online, ..once.clone() };
    for settings in
        [preset("trans-vae", "small-attributes"), preset("belfusion", "small"), preset("regnn", "small")]
    {
        assert!(refusal(&settings, &whole, &online).remedy.contains("online preset"));
    }
    for (system, name, instead) in [
        ("trans-vae", "small-offline", "small-attributes"),
        ("trans-vae", "small-online", "small-attributes"),
        ("regnn", "official-vggish", "small"),
    ] {
        let fault = refusal(&preset(system, name), &whole, &once);
        assert!(fault.kind == FaultKind::MissingModality && fault.detail.contains("video"), "{fault}");
        assert!(fault.remedy.contains(&format!("preset {instead},")), "{fault}");
    }
    let fault = refusal(&preset("trans-vae", "small-attributes"), &speaker(752, 1), &once);
    assert!(fault.kind == FaultKind::TooLarge && fault.detail.contains("751"), "{fault}");
}

#[test]
fn one_registry_reads_every_checkpoint() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../checkpoints/latent-intent-demo.safetensors");
    let ours = baselines::load(&shipped).unwrap();
    assert_eq!(ours.name(), "latent-intent");
    assert!(ours.latents() > 0 && ours.latent_intent().is_some());

    // small, but as the official one: coefficients, and no statistics
    let mut config = learning2listen::Config::preset("small").unwrap();
    (config.vq.columns, config.predictor.motion) = (vec![52, 3, 3], 58);
    let fault = load(&Settings::Learning2Listen(config)).err().unwrap();
    assert!(fault.kind == FaultKind::Unsupported && fault.detail.contains("statistics"), "{fault}");
    assert!(fault.remedy.contains("preset small"), "{fault}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    assert_eq!(baselines::load(&path).err().unwrap().kind, FaultKind::NotFound);
    std::fs::write(&path, b"no checkpoint at all").unwrap();
    assert!(!baselines::load(&path).err().unwrap().remedy.is_empty());
    let metadata = BTreeMap::from([
        ("format".to_owned(), "backchannel-baseline-1".to_owned()),
        ("settings".to_owned(), "{\"system\":\"a-sixth\",\"config\":{}}".to_owned()),
    ]);
    clips::tensors::write(&path, &[("a", &[1], &[0.0])], &metadata).unwrap();
    assert!(baselines::load(&path).err().unwrap().detail.contains("a-sixth"));
}
