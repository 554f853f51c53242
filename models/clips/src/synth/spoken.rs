//! A synthetic speaker who says real sentences: lips from the phones, effort from the loudness, feeling from a class.
//!
//! The demo clips are made with it, and the listeners that answer them come from the same world as the synthetic
//! corpus. Phone names are those of flite's US English voices (lower-case ARPAbet and `pau`).

use crate::arkit::{self, Blendshapes};
use crate::chance::Chance;
use crate::channels::BLENDSHAPE_COUNT;
use crate::streams::{Attributes, Coefficients};
use crate::synth::dyad::{self, Session, Template};
use crate::synth::performance::{Performance, perform};
use crate::synth::world::{self, REST_LOGITS};
use crate::time::seconds_of_frame;

/// One phone with its time in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Phone {
    /// `aa`, `b`, ..., `pau`.
    pub name: String,
    /// Begin in seconds.
    pub start: f64,
    /// End in seconds.
    pub end: f64,
}

/// Something that is spoken.
#[derive(Debug, Clone)]
pub struct Spoken<'a> {
    /// Speaker class, 0..6.
    pub class: usize,
    /// Phones, ascending.
    pub phones: &'a [Phone],
    /// Loudness per frame in dB relative to full scale.
    pub loudness_db: &'a [f32],
    /// Frame and strength of what a listener may react to.
    pub events: &'a [(f32, f32)],
}

/// Mouth of a phone: jaw, funnel, pucker, stretch, lower lip down, upper lip up, lips pressed, lower lip rolled.
type Mouth = [f32; 8];
const MOUTH: [&str; 8] = [
    "jawOpen",
    "mouthFunnel",
    "mouthPucker",
    "mouthStretch",
    "mouthLowerDown",
    "mouthUpperUp",
    "mouthPress",
    "mouthRollLower",
];

fn mouth(phone: &str) -> Mouth {
    match phone {
        "aa" => [0.52, 0.06, 0.0, 0.0, 0.20, 0.06, 0.0, 0.0],
        "ae" => [0.46, 0.0, 0.0, 0.16, 0.24, 0.10, 0.0, 0.0],
        "ah" => [0.38, 0.04, 0.0, 0.0, 0.18, 0.05, 0.0, 0.0],
        "ao" => [0.44, 0.30, 0.05, 0.0, 0.10, 0.0, 0.0, 0.0],
        "aw" => [0.46, 0.18, 0.12, 0.0, 0.12, 0.0, 0.0, 0.0],
        "ax" => [0.26, 0.04, 0.0, 0.0, 0.14, 0.04, 0.0, 0.0],
        "ay" => [0.46, 0.0, 0.0, 0.10, 0.22, 0.06, 0.0, 0.0],
        "eh" => [0.36, 0.0, 0.0, 0.12, 0.22, 0.08, 0.0, 0.0],
        "er" => [0.22, 0.24, 0.10, 0.0, 0.10, 0.0, 0.0, 0.0],
        "ey" => [0.30, 0.0, 0.0, 0.18, 0.20, 0.08, 0.0, 0.0],
        "ih" => [0.22, 0.0, 0.0, 0.12, 0.18, 0.06, 0.0, 0.0],
        "iy" => [0.16, 0.0, 0.0, 0.26, 0.18, 0.08, 0.0, 0.0],
        "ow" => [0.32, 0.16, 0.38, 0.0, 0.04, 0.0, 0.0, 0.0],
        "oy" => [0.36, 0.24, 0.20, 0.0, 0.08, 0.0, 0.0, 0.0],
        "uh" => [0.22, 0.14, 0.28, 0.0, 0.05, 0.0, 0.0, 0.0],
        "uw" => [0.16, 0.10, 0.50, 0.0, 0.02, 0.0, 0.0, 0.0],
        "p" | "b" | "m" => [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.45, 0.10],
        "f" | "v" => [0.08, 0.0, 0.0, 0.0, 0.0, 0.12, 0.0, 0.42],
        "th" | "dh" => [0.15, 0.0, 0.0, 0.0, 0.18, 0.05, 0.0, 0.0],
        "t" | "d" | "n" | "l" => [0.14, 0.0, 0.0, 0.04, 0.14, 0.04, 0.0, 0.0],
        "s" | "z" => [0.08, 0.0, 0.0, 0.14, 0.16, 0.06, 0.0, 0.0],
        "sh" | "ch" | "jh" | "zh" => [0.12, 0.45, 0.08, 0.0, 0.12, 0.08, 0.0, 0.0],
        "r" => [0.16, 0.14, 0.20, 0.0, 0.06, 0.0, 0.0, 0.0],
        "w" => [0.10, 0.06, 0.55, 0.0, 0.0, 0.0, 0.0, 0.0],
        "k" | "g" | "ng" | "hh" | "y" => [0.16, 0.0, 0.0, 0.04, 0.12, 0.03, 0.0, 0.0],
        _ => [0.0; 8], // pau and anything a voice adds
    }
}

/// Mouth of every frame: the mean over the frame of what the phones ask for, coarticulated with its neighbours.
fn mouths(phones: &[Phone], frames: usize) -> Vec<Mouth> {
    const PARTS: usize = 8;
    let mut current = 0;
    let sharp: Vec<Mouth> = (0..frames)
        .map(|t| {
            let mut sum = [0.0; 8];
            for part in 0..PARTS {
                let moment = seconds_of_frame(t as f64 + (part as f64 + 0.5) / PARTS as f64);
                while phones.get(current).is_some_and(|phone| phone.end <= moment) {
                    current += 1;
                }
                if let Some(phone) = phones.get(current).filter(|phone| phone.start <= moment) {
                    for (sum, value) in sum.iter_mut().zip(mouth(&phone.name)) {
                        *sum += value / PARTS as f32;
                    }
                }
            }
            sum
        })
        .collect();
    (0..frames)
        .map(|t| {
            let at = |frame: usize| sharp[frame.min(frames - 1)];
            let (before, here, after) = (at(t.saturating_sub(1)), at(t), at(t + 1));
            std::array::from_fn(|shape| 0.2 * before[shape] + 0.6 * here[shape] + 0.2 * after[shape])
        })
        .collect()
}

/// Effort of speech in 0..1 per frame: loudness between the clip's quiet and loud parts.
fn effort(loudness_db: &[f32]) -> Vec<f32> {
    let mut sorted = loudness_db.to_vec();
    sorted.sort_by(f32::total_cmp);
    let loud = sorted.get(sorted.len() * 95 / 100).copied().unwrap_or(0.0);
    loudness_db.iter().map(|level| ((level - loud + 30.0) / 30.0).clamp(0.0, 1.0)).collect()
}

/// The speaker's streams: attributes, and raw coefficients. As many frames as the loudness has.
pub fn speaker(spoken: &Spoken<'_>, seed: u64) -> (Attributes, Coefficients) {
    let frames = spoken.loudness_db.len();
    let mut chance = Chance::new(seed, "spoken", &[spoken.class as u64]);
    let class = world::class(spoken.class);
    let strength = dyad::envelope(spoken.events, frames, [4.0, 8.0, 8.0]);
    let (mouths, effort) = (mouths(spoken.phones, frames), effort(spoken.loudness_db));
    let mut performance = Performance::at_rest(frames);
    performance.looks_away = 0.25;
    performance.blink_cues = pauses(spoken.phones);
    let phase = chance.between(0.0, std::f64::consts::TAU) as f32;
    let (mut beat, mut slow) = (0.0f32, 0.0f32);
    for t in 0..frames {
        let (e, push) = (strength[t].min(1.1), effort[t]);
        performance.action_units[t] = world::levels(class.action_units, (0.25 + 0.75 * e).min(1.0));
        let open = mouths[t][0];
        performance.action_units[t][13] = if open > 0.1 { 0.45 + open } else { 0.1 };
        performance.articulation[t] = articulation(&mouths[t], push);
        let affect = 0.4 + 0.6 * e;
        performance.valence[t] = class.affect[0] * affect;
        performance.arousal[t] = class.affect[1] * affect;
        for (logit, (rest, wanted)) in
            performance.expression_logits[t].iter_mut().zip(REST_LOGITS.iter().zip(class.expressions))
        {
            *logit = rest * (1.0 - 0.6 * affect) + wanted * affect;
        }
        // The head beats with stressed syllables and turns slowly while speaking.
        beat += 0.35 * ((push - slow).max(0.0) - beat);
        slow += 0.06 * (push - slow);
        let seconds = seconds_of_frame(t as f64) as f32;
        let nod = 0.05 * e * (std::f32::consts::TAU * 1.5 * seconds + phase).sin();
        let turn = (std::f32::consts::TAU * 0.27 * seconds + phase).sin();
        performance.head[t] = [0.10 * beat + nod, 0.05 * turn * (0.3 + slow), 0.02 * turn, 0.0, 0.0, 0.0];
        arkit::add(&mut performance.articulation[t], "browInnerUp", 0.25 * beat);
        arkit::add(&mut performance.articulation[t], "browOuterUp", 0.20 * beat);
    }
    perform(&performance, &mut chance)
}

fn articulation(mouth: &Mouth, push: f32) -> Blendshapes {
    let mut weights = [0.0; BLENDSHAPE_COUNT];
    for (index, (name, level)) in MOUTH.iter().zip(mouth).enumerate() {
        // The jaw opens with the effort; lips keep their shape even when a word is soft.
        let scale = if index == 0 { 0.25 + 0.85 * push } else { 0.7 + 0.3 * push };
        arkit::add(&mut weights, name, level * scale);
    }
    weights
}

/// First frame of every pause of 0.15 s and more: where people blink.
fn pauses(phones: &[Phone]) -> Vec<usize> {
    phones
        .iter()
        .filter(|phone| phone.name == "pau" && phone.end - phone.start > 0.15)
        .map(|phone| crate::time::frame_at_seconds(phone.start))
        .collect()
}

/// A listener of the synthetic world who answers the events with one intent: attributes and raw coefficients.
pub fn listener(spoken: &Spoken<'_>, intent: usize, seed: u64) -> (Attributes, Coefficients) {
    let frames = spoken.loudness_db.len();
    let template = Template {
        number: spoken.class,
        class: spoken.class,
        events: spoken.events.to_vec(),
        gate: vec![false; frames],
    };
    let mut session = Session::drawn(seed, 3, spoken.class, 0, &template);
    session.intent = intent;
    session.expressiveness = 1.1;
    session.events = spoken.events.to_vec();
    let mut chance = Chance::new(seed, "spoken listener", &[spoken.class as u64]);
    let performance = dyad::listener(&session, frames, &mut chance);
    perform(&performance, &mut chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phones(text: &[(&str, f64)]) -> Vec<Phone> {
        let mut start = 0.0;
        text.iter()
            .map(|(name, end)| {
                let phone = Phone { name: (*name).to_owned(), start, end: *end };
                start = *end;
                phone
            })
            .collect()
    }

    #[test]
    fn lips_close_on_m_and_round_on_w_and_the_jaw_drops_on_aa() {
        let said = phones(&[("pau", 0.4), ("m", 0.8), ("aa", 1.2), ("w", 1.6), ("pau", 2.0)]);
        let loudness = [[-60.0f32; 10].as_slice(), &[-20.0; 30], &[-60.0; 10]].concat();
        let spoken = Spoken { class: 0, phones: &said, loudness_db: &loudness, events: &[] };
        let (_, face) = speaker(&spoken, 1);
        let at = |seconds: f64, name: &str| {
            let frame = crate::time::frame_at_seconds(seconds);
            face[frame][crate::channels::blendshape(name).unwrap()]
        };
        assert!(at(0.6, "mouthPressLeft") > 0.25 && at(0.6, "jawOpen") < 0.15);
        assert!(at(1.0, "jawOpen") > 0.4 && at(1.0, "mouthPucker") < 0.15);
        assert!(at(1.4, "mouthPucker") > 0.35);
        assert!(at(1.9, "jawOpen") < 0.15);
    }

    #[test]
    fn a_smiling_answer_comes_after_the_event() {
        let loudness = vec![-30.0; 120];
        let spoken = Spoken { class: 1, phones: &[], loudness_db: &loudness, events: &[(40.0, 1.0)] };
        let (attributes, _) = listener(&spoken, 1, 4);
        let smile: Vec<f32> = attributes.iter().map(|row| row[7]).collect();
        assert!(smile[50..66].iter().sum::<f32>() > 8.0 && smile[..40].iter().sum::<f32>() < 3.0);
    }
}
