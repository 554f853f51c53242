//! What the features promise the model: one row a frame, and no look into the future.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use clips::Waveform;

fn noise(rate: u32, channels: u16, samples: usize, seed: u64) -> Waveform {
    let mut chance = clips::Chance::new(seed, "noise", &[]);
    let values: Vec<f32> =
        (0..samples * usize::from(channels)).map(|_| chance.between(-0.5, 0.5) as f32).collect();
    Waveform { rate, channels, samples: values.into() }
}

#[test]
fn no_row_depends_on_later_frames() {
    let sound = noise(16_000, 1, 640 * 20, 1);
    let (all, narrow) = (speech::features_of(&sound), speech::features39(&sound));
    assert_eq!((all.len(), narrow.len()), (20, 20));
    for t in 0..20 {
        let mut changed = sound.samples.to_vec();
        for (value, other) in
            changed.iter_mut().zip(noise(16_000, 1, 640 * 20, 2).samples.iter()).skip(640 * (t + 1))
        {
            *value = *other;
        }
        let changed = Waveform { samples: changed.into(), ..sound.clone() };
        let (after, after_narrow) = (speech::features_of(&changed), speech::features39(&changed));
        assert_eq!(after[..=t], all[..=t], "row <= {t}");
        assert_eq!(after_narrow[..=t], narrow[..=t], "row <= {t}");
        assert!(t == 19 || after[t + 1] != all[t + 1], "the change was heard");
        // a shorter sound is a prefix of the longer one's features
        let cut = Waveform { samples: sound.samples[..640 * (t + 1)].into(), ..sound.clone() };
        assert_eq!(speech::features_of(&cut), all[..=t]);
    }
}

#[test]
fn rows_equal_whole_frames_at_every_rate_and_channel_count() {
    for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000] {
        for samples in [0, 1, rate as usize / 25 - 1, rate as usize / 25 + 1, rate as usize + 3] {
            let sound = noise(rate, 2, samples, 3);
            assert_eq!(speech::features_of(&sound).len(), sound.frames(), "{rate} {samples}");
            assert_eq!(speech::loudness_db(&sound).len(), sound.frames());
            assert_eq!(speech::pitch_hz(&sound).len(), sound.frames());
        }
    }
}

#[test]
fn both_channels_count() {
    let mono = noise(16_000, 1, 6_400, 4);
    let stereo: Vec<f32> = mono.samples.iter().flat_map(|value| [*value * 1.5, *value * 0.5]).collect();
    let stereo = Waveform { rate: 16_000, channels: 2, samples: stereo.into() };
    for (a, b) in
        speech::features_of(&mono).iter().flatten().zip(speech::features_of(&stereo).iter().flatten())
    {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
}

/// A guard against an accidental quadratic loop, with room for slow machines; typical time is far below.
#[test]
fn half_a_minute_is_processed_quickly() {
    let sound = noise(44_100, 1, 44_100 * 30, 5);
    let begun = std::time::Instant::now();
    let rows = speech::features_of(&sound);
    let took = begun.elapsed();
    assert_eq!(rows.len(), 750);
    println!("30 s at 44.1 kHz: {took:?}");
    assert!(took.as_secs_f64() < 3.0, "{took:?}");
}
