//! The built-in clips: complete, lawful, and lips that agree with the sound.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use clips::channels::blendshape;

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |x: &[f32]| x.iter().map(|v| f64::from(*v)).sum::<f64>() / x.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x) - ma, f64::from(*y) - mb);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    ab / (aa * bb).sqrt().max(1e-12)
}

#[test]
fn the_jaw_follows_the_sound_with_a_lag_of_at_most_one_frame() {
    let jaw_open = blendshape("jawOpen").unwrap();
    for demo in speech::demo::clips() {
        let streams = demo.streams().unwrap();
        let loudness = speech::loudness_db(streams.sound.as_ref().unwrap());
        let jaw: Vec<f32> = streams.coefficients.unwrap().iter().map(|row| row[jaw_open]).collect();
        // at a positive lag the jaw comes after the sound
        let at = |lag: i32| match lag {
            0.. => correlation(&jaw[lag as usize..], &loudness[..loudness.len() - lag as usize]),
            _ => correlation(
                &jaw[..jaw.len() - lag.unsigned_abs() as usize],
                &loudness[lag.unsigned_abs() as usize..],
            ),
        };
        let best = (-12..=12).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap();
        assert!(best.abs() <= 1 && at(best) > 0.3, "{}: {} at a lag of {best}", demo.name, at(best));
    }
}

#[test]
fn every_class_has_a_clip_of_750_lawful_frames_with_sound_and_a_listener() {
    let clips = speech::demo::clips();
    let mut classes: Vec<&str> = clips.iter().map(|demo| demo.class.as_str()).collect();
    let mut wanted = clips::synth::world::CLASSES;
    classes.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(classes, wanted);
    for demo in clips {
        let (speaker, listener) = (demo.streams().unwrap(), demo.listener_streams().unwrap().unwrap());
        assert_eq!(speaker.frames(), 750, "{}", demo.name);
        assert_eq!(listener.frames(), 750);
        assert!(demo.lines.len() >= 6 && demo.lines.windows(2).all(|pair| pair[0].end <= pair[1].start));
        assert!(demo.events.len() >= 3 && demo.events.iter().all(|(frame, _)| (0.0..750.0).contains(frame)));
        for streams in [&speaker, &listener] {
            for row in streams.attributes.as_ref().unwrap() {
                assert!(row[..15].iter().all(|value| *value == 0.0 || *value == 1.0));
                assert!((row[17..].iter().sum::<f32>() - 1.0).abs() < 1e-4);
            }
            assert!(!clips::pose::is_raw(streams.coefficients.as_ref().unwrap()));
        }
        let loudness = speech::loudness_db(speaker.sound.as_ref().unwrap());
        let loud = loudness.iter().filter(|level| **level > -45.0).count();
        assert!((250..720).contains(&loud), "{}: {loud} frames of speech", demo.name);
    }
}
