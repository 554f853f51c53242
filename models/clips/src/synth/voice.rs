//! The synthetic speaker's voice: a pulse train through two formants, gated and louder in events.
//!
//! It is sound, not features: the real front end computes its cepstra. It carries no words.

use crate::chance::Chance;
use crate::synth::world;
use crate::time::sample_of_frame;

/// Sampling rate of the corpus' sound.
pub const RATE: u32 = 16_000;

/// Two-pole resonator.
struct Formant {
    a1: f64,
    a2: f64,
    gain: f64,
    y1: f64,
    y2: f64,
}

impl Formant {
    fn new() -> Self {
        Self { a1: 0.0, a2: 0.0, gain: 0.0, y1: 0.0, y2: 0.0 }
    }

    fn tune(&mut self, hertz: f64, bandwidth: f64) {
        let radius = (-std::f64::consts::PI * bandwidth / f64::from(RATE)).exp();
        let angle = std::f64::consts::TAU * hertz / f64::from(RATE);
        self.a1 = 2.0 * radius * angle.cos();
        self.a2 = -radius * radius;
        self.gain = (1.0 - radius) * (1.0 - 2.0 * radius * (2.0 * angle).cos() + radius * radius).sqrt();
    }

    fn next(&mut self, x: f64) -> f64 {
        let y = self.gain * x + self.a1 * self.y1 + self.a2 * self.y2;
        self.y2 = self.y1;
        self.y1 = y;
        y
    }
}

/// Sound of a speaker: `loudness` (0..1 syllables), `arousal` and event `strength` per frame.
pub fn voice(
    class: usize,
    base_pitch: f64,
    loudness: &[f32],
    arousal: &[f32],
    strength: &[f32],
    chance: &mut Chance,
) -> Vec<f32> {
    let formants = world::class(class).formants;
    let frames = loudness.len();
    let samples = sample_of_frame(frames, RATE) + RATE as usize / 50; // 20 ms more than the labels, as in REACT
    let mut filters = [Formant::new(), Formant::new(), Formant::new()];
    let mut out = Vec::with_capacity(samples);
    let (mut phase, mut gain) = (0.0f64, 0.0f64);
    let mut vowel = [1.0f64, 1.0];
    let mut quiet = true;
    for sample in 0..samples {
        let frame = (sample * 25 / RATE as usize).min(frames.saturating_sub(1));
        let (level, e) = (f64::from(loudness[frame]), f64::from(strength[frame]));
        if sample % 64 == 0 {
            if quiet && level > 0.4 {
                vowel = [chance.between(0.8, 1.25), chance.between(0.88, 1.12)];
            }
            quiet = level < 0.3;
            filters[0].tune(formants[0] * vowel[0], 90.0);
            filters[1].tune(formants[1] * vowel[1], 120.0);
            filters[2].tune(2700.0, 250.0);
        }
        let pitch = base_pitch * 2f64.powf(0.4 * f64::from(arousal[frame]) + 0.1 * e);
        phase += pitch / f64::from(RATE);
        let pulse = if phase >= 1.0 {
            phase -= 1.0;
            1.0
        } else {
            0.0
        };
        gain += (level * 10f64.powf(0.3 * e) - gain) * 0.004;
        let breath = 0.02 * chance.normal();
        let excitation = gain * (12.0 * pulse + breath);
        let voiced = filters[0].next(excitation)
            + 0.6 * filters[1].next(excitation)
            + 0.2 * filters[2].next(excitation);
        out.push((voiced + 0.003 * chance.normal()).clamp(-0.99, 0.99) as f32);
    }
    out
}
