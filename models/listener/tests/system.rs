//! The shipped system as the rest of the program meets it: what it may see, what its takes depend on, what it refuses.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use clips::{Chance, Control, Sampling, Streams, Track, Waveform};
use listener::{LatentChoice, Request};

fn speaker(frames: usize, seed: u64) -> Streams {
    let mut chance = Chance::new(seed, "speaker", &[]);
    let attributes = (0..frames)
        .map(|frame| {
            let mut row = [0.0; 25];
            row[7] = if frame / 20 % 2 == 1 { 1.0 } else { 0.0 };
            row[15] = 0.4 * row[7];
            row[16] = chance.between(-0.1, 0.1) as f32;
            row[17] = 1.0;
            row
        })
        .collect();
    let coefficients =
        (0..frames).map(|_| std::array::from_fn(|_| chance.between(-0.1, 0.1) as f32)).collect();
    Streams { attributes: Some(attributes), coefficients: Some(coefficients), ..Streams::default() }
}

fn tone(frames: usize) -> Streams {
    let samples: Vec<f32> = (0..frames * 640)
        .map(|n| 0.3 * (n as f32 * 0.05).sin() * if n / 16_000 % 2 == 0 { 1.0 } else { 0.1 })
        .collect();
    Streams {
        sound: Some(Waveform { rate: 16_000, channels: 1, samples: samples.into() }),
        ..Streams::default()
    }
}

fn generate(speaker: &Streams, request: &Request) -> Vec<clips::Take> {
    listener::demo().unwrap().generate("clip", speaker, request, &Control::default()).unwrap()
}

#[test]
fn online_takes_do_not_see_the_future() {
    let request = Request { track: Track::Online, ..Request::default() };
    let (before, changed) = (160, 90);
    let calm = speaker(before, 1);
    let mut other = calm.clone();
    for row in &mut other.attributes.as_mut().unwrap()[changed..] {
        row[7] = 1.0 - row[7];
        row[15] = -0.9;
    }
    for row in &mut other.coefficients.as_mut().unwrap()[changed..] {
        row.iter_mut().for_each(|value| *value += 1.0);
    }
    let (calm, other) = (generate(&calm, &request), generate(&other, &request));
    let mut differ = false;
    for (a, b) in calm.iter().zip(&other) {
        // the reaction at frame t is made from speaker frames before t
        assert_eq!(a.attributes[..=changed], b.attributes[..=changed]);
        differ |= a.attributes[changed + 1..] != b.attributes[changed + 1..];
    }
    assert!(differ, "the change was noticed at all");
}

#[test]
fn a_take_does_not_depend_on_which_others_are_made() {
    let speaker = speaker(60, 2);
    for track in [Track::Offline, Track::Online] {
        let all = generate(&speaker, &Request { samples: 2, track, ..Request::default() });
        let one = generate(&speaker, &Request { latents: LatentChoice::One(5), track, ..Request::default() });
        assert_eq!(all.len(), 16);
        assert_eq!(one[0].attributes, all[10].attributes);
        assert_eq!(one[0].coefficients, all[10].coefficients);
        assert_eq!(one[0].header.rm_score, all[10].header.rm_score);
        assert_ne!(all[10].attributes, all[11].attributes, "samples differ");
    }
}

#[test]
fn the_best_latent_is_the_best_ranked_of_all() {
    let speaker = speaker(80, 3);
    let all = generate(&speaker, &Request::default());
    let best = generate(&speaker, &Request { latents: LatentChoice::Best, samples: 3, ..Request::default() });
    let first = all.iter().find(|take| take.header.rank == Some(1)).unwrap();
    assert_eq!(best.len(), 3);
    assert!(best.iter().all(|take| take.header.latent == first.header.latent));
    assert_eq!(best[0].attributes, first.attributes);
    let mut ranks: Vec<_> = all.iter().map(|take| take.header.rank.unwrap()).collect();
    ranks.sort_unstable();
    assert_eq!(ranks, (1..=8).collect::<Vec<_>>());
}

#[test]
fn sound_alone_is_answered_and_so_is_a_clip_much_longer_than_training() {
    for (streams, frames) in [(tone(130), 130), (tone(900), 900), (speaker(1, 4), 1)] {
        for track in [Track::Offline, Track::Online] {
            let takes =
                generate(&streams, &Request { latents: LatentChoice::One(0), track, ..Request::default() });
            assert_eq!(takes[0].frames(), frames);
            assert!(takes[0].attributes.iter().flatten().all(|value| value.is_finite()));
        }
    }
}

#[test]
fn the_system_without_a_latent_gives_samples_and_no_ranking() {
    let plain = listener::demo_plain().unwrap();
    assert_eq!((plain.name(), plain.latents()), ("latent-intent-plain", 0));
    for track in [Track::Offline, Track::Online] {
        let request = Request { samples: 2, track, ..Request::default() };
        let takes = plain.generate("clip", &speaker(40, 5), &request, &Control::default()).unwrap();
        assert_eq!(takes.len(), 2);
        assert!(takes.iter().all(|take| take.header.latent.is_none() && take.header.rm_score.is_none()));
    }
}

#[test]
fn guidance_changes_the_reaction_and_temperature_zero_needs_no_chance() {
    let speaker = speaker(60, 6);
    let with = |guidance, temperature, seed| {
        let sampling = Sampling { guidance, temperature, ..Sampling::default() };
        generate(&speaker, &Request { latents: LatentChoice::One(1), sampling, seed, ..Request::default() })
            [0]
        .attributes
        .clone()
    };
    assert_ne!(with(0.0, 1.0, 1), with(1.0, 1.0, 1));
    assert_eq!(with(0.0, 0.0, 1), with(0.0, 0.0, 2));
    assert_ne!(with(0.0, 1.0, 1), with(0.0, 1.0, 2));
}

#[test]
fn in_16_bits_the_same_reaction_is_made_but_for_its_error() {
    let speaker = speaker(60, 12);
    for track in [Track::Offline, Track::Online] {
        let [single, sixteen] = [false, true].map(|sixteen_bits| {
            let sampling = Sampling { temperature: 0.0, sixteen_bits, ..Sampling::default() };
            generate(&speaker, &Request { sampling, track, ..Request::default() })
        });
        assert!(sixteen.iter().all(|take| take.header.sampling.sixteen_bits));
        let (mut same, mut all) = (0, 0);
        for (a, b) in single.iter().zip(&sixteen) {
            same += a.attributes.iter().zip(b.attributes.iter()).filter(|(a, b)| a == b).count();
            all += a.attributes.len();
        }
        assert!(same * 20 >= all * 19, "{same} of {all} frames of the most likely tokens are the same");
    }
}

#[test]
fn a_turn_keeps_what_was_made_and_changes_what_comes() {
    let speaker = speaker(120, 8);
    let with = |latent, turns: &[(usize, usize)], track| {
        let request = Request {
            latents: LatentChoice::One(latent),
            turns: turns.to_vec(),
            track,
            ..Request::default()
        };
        generate(&speaker, &request).remove(0)
    };
    for track in [Track::Offline, Track::Online] {
        let (straight, turned) = (with(2, &[], track), with(2, &[(60, 5)], track));
        assert_eq!(straight.attributes[..60], turned.attributes[..60]);
        assert_ne!(straight.attributes[60..], turned.attributes[60..]);
        assert_eq!(turned.header.turns, [(60, 5)]);
        // turning at the first frame is another latent with this one's random numbers, turning to itself is nothing
        assert_eq!(with(2, &[(60, 2)], track).attributes, straight.attributes);
        assert_eq!(with(2, &[(40, 5), (60, 2)], track).attributes[..40], straight.attributes[..40]);
    }
}

#[test]
fn with_shared_noise_only_the_latent_differs() {
    let speaker = speaker(60, 9);
    let sampling = Sampling { shared_noise: true, ..Sampling::default() };
    let request = Request { sampling, ..Request::default() };
    let takes = generate(&speaker, &request);
    assert!(takes.iter().any(|take| take.attributes != takes[0].attributes), "latents differ");
    // the latent z1 turned to z4 at once is z4, since both draw the same numbers
    let turned = Request { latents: LatentChoice::One(0), turns: vec![(0, 3)], ..request };
    assert_eq!(generate(&speaker, &turned)[0].attributes, takes[3].attributes);
}

#[test]
fn a_watcher_ends_up_with_the_posterior_of_the_whole_reaction() {
    let (speaker, listener) = (speaker(90, 10), speaker(90, 11));
    let system = listener::demo().unwrap();
    let model = system.latent_intent().unwrap();
    let over_time = model.posterior_over_time("clip", &speaker, &listener, 25, &Control::default()).unwrap();
    assert_eq!(over_time.iter().map(|(end, _)| *end).collect::<Vec<_>>(), [25, 50, 75, 90]);
    assert!(over_time.iter().all(|(_, p)| (p.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    let whole = model.posterior("clip", &speaker, &listener).unwrap();
    let gap = whole.iter().zip(&over_time[3].1).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(gap < 1e-6, "{gap}");
    // what comes later changes nothing of what was thought before
    let cut = Streams {
        attributes: listener.attributes.as_ref().map(|rows| rows[..50].to_vec()),
        coefficients: listener.coefficients.as_ref().map(|rows| rows[..50].to_vec()),
        ..Streams::default()
    };
    let early = model.posterior_over_time("clip", &speaker, &cut, 25, &Control::default()).unwrap();
    assert_eq!(early[0], over_time[0]);
}

#[test]
fn impossible_requests_are_refused_and_a_stop_is_heard() {
    let system = listener::demo().unwrap();
    let speaker = speaker(30, 7);
    let refused = |speaker: &Streams, request: Request| {
        system.generate("clip", speaker, &request, &Control::default()).unwrap_err()
    };
    refused(&Streams::default(), Request::default());
    refused(&speaker, Request { latents: LatentChoice::One(8), ..Request::default() });
    refused(&speaker, Request { samples: 0, ..Request::default() });
    refused(&speaker, Request { turns: vec![(3, 8)], ..Request::default() });
    refused(&speaker, Request { turns: vec![(9, 1), (3, 2)], ..Request::default() });
    refused(&speaker, Request { samples: 100_000, ..Request::default() });
    let control = Control::default();
    control.stop();
    assert!(system.generate("clip", &speaker, &Request::default(), &control).unwrap_err().is_cancelled());
}

#[test]
fn foreign_and_broken_checkpoints_are_refused_with_the_place() {
    let good =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../checkpoints/latent-intent-demo.safetensors"))
            .unwrap();
    let refuse = |bytes: &[u8]| match listener::load_bytes("x.safetensors", bytes) {
        Err(fault) => fault.to_string(),
        Ok(_) => panic!("accepted"),
    };
    refuse(b"");
    refuse(b"not a checkpoint at all");
    refuse(&good[..good.len() / 2]);
    let foreign =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/sampling.safetensors")).unwrap();
    assert!(refuse(&foreign).contains("another program"));
    let mut broken = good.clone();
    let end = broken.len() - 400;
    broken[end..].fill(0xff);
    refuse(&broken);
    let missing = String::from_utf8_lossy(&good[8..60_000]).find("\"bos\"").unwrap() + 8;
    let mut renamed = good.clone();
    renamed[missing + 1..missing + 4].copy_from_slice(b"bot");
    assert!(refuse(&renamed).contains("bos"));
    assert!(listener::load("/nowhere/x.safetensors".as_ref()).is_err());
    assert!(listener::load(env!("CARGO_MANIFEST_DIR").as_ref()).is_err());
}

#[test]
fn a_checkpoint_written_again_is_the_same_file() {
    use listener::latent_intent::Checkpoint;
    let good =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../checkpoints/latent-intent-demo.safetensors"))
            .unwrap();
    let read = Checkpoint::from_bytes("demo".as_ref(), &good).unwrap();
    assert!(read.to_bytes().unwrap() == good, "the bytes differ");
}

#[test]
fn predictions_of_other_programs_open_and_broken_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.npy");
    let mut values = vec![0.5; 2 * 3 * 4 * 25];
    clips::array::write_npy(&path, &[2, 3, 4, 25], &values).unwrap();
    let imported = listener::import::predictions(&path, &clips::Control::default()).unwrap();
    let takes = imported.takes(1, "clip").unwrap();
    assert_eq!((takes.len(), takes[0].frames(), imported.name()), (3, 4, "p.npy"));
    assert!(imported.takes(2, "clip").unwrap().is_empty());
    values[7] = 40.0;
    clips::array::write_npy(&path, &[2, 3, 4, 25], &values).unwrap();
    assert!(
        listener::import::predictions(&path, &clips::Control::default())
            .unwrap_err()
            .to_string()
            .contains("column 7")
    );
    values[7] = f32::NAN;
    clips::array::write_npy(&path, &[2, 3, 4, 25], &values).unwrap();
    assert!(listener::import::predictions(&path, &clips::Control::default()).is_err());
    clips::array::write_npy(&path, &[6, 4, 25], &values).unwrap();
    assert!(
        listener::import::predictions(&path, &clips::Control::default())
            .unwrap_err()
            .to_string()
            .contains("6 x 4 x 25")
    );
}
