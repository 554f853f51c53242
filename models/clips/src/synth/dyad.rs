//! Templates, people and sessions of the synthetic corpus: who says what, and how the other one answers.
//!
//! A template is one stimulus: a speaker class, events, a speech gate. A group of sessions speaks the same template
//! with jitter; each session's listener answers with an intent drawn from the class, tilted by the relation of the
//! two people, which no stream shows. So a group holds several intents for one stimulus and no single answer is
//! right. One person speaks in a clip and the other listens; which of the two it is alternates over the sessions.

use crate::chance::Chance;
use crate::synth::performance::Performance;
use crate::synth::world::{self, INTENTS, REST_LOGITS};
use crate::time::seconds_of_frame;

/// How expressive listeners are.
const EXPRESSIVENESS: [f32; 3] = [0.8, 1.0, 1.2];
/// How late they answer, frames.
const LATENCY: [f32; 3] = [5.0, 8.0, 11.0];

/// One stimulus.
#[derive(Debug, Clone)]
pub struct Template {
    /// Number within the corpus.
    pub number: usize,
    /// Speaker class, 0..6.
    pub class: usize,
    /// Frame and strength of each event, ascending.
    pub events: Vec<(f32, f32)>,
    /// Whether the speaker is talking, per frame.
    pub gate: Vec<bool>,
}

impl Template {
    /// Draws template `number` of a split for clips of `frames` frames.
    pub fn drawn(seed: u64, split: u64, number: usize, frames: usize) -> Self {
        const APART: f64 = 26.0;
        let mut chance = Chance::new(seed, "template", &[split, number as u64]);
        let wanted = (frames / 45).max(2);
        let room = frames as f64 - 36.0 - APART * (wanted as f64 - 1.0);
        let mut offsets: Vec<f64> = (0..wanted).map(|_| chance.between(0.0, room.max(0.0))).collect();
        offsets.sort_by(f64::total_cmp);
        let events = offsets
            .iter()
            .enumerate()
            .map(|(index, offset)| {
                ((6.0 + offset + APART * index as f64).round() as f32, chance.between(0.7, 1.0) as f32)
            })
            .collect();
        let noise: Vec<f64> = (0..frames + 8).map(|_| chance.uniform()).collect();
        let gate = (0..frames).map(|t| noise[t..t + 9].iter().sum::<f64>() / 9.0 > 0.5).collect();
        Self { number, class: number % 6, events, gate }
    }
}

/// One pair of people in one clip.
#[derive(Debug, Clone)]
pub struct Session {
    /// Index of its template among the split's templates.
    pub template: usize,
    /// Whether the first person (expert) is the one who speaks.
    pub expert_speaks: bool,
    /// Friends laugh and smile more.
    pub friends: bool,
    /// Listener's intent, 0..6.
    pub intent: usize,
    /// Listener's expressiveness.
    pub expressiveness: f32,
    /// Listener's latency in frames.
    pub latency: f32,
    /// Events as spoken in this session.
    pub events: Vec<(f32, f32)>,
    /// Base pitch of the speaker's voice, Hz.
    pub base_pitch: f64,
}

impl Session {
    /// Draws session `number` of a split.
    pub fn drawn(seed: u64, split: u64, number: usize, template_index: usize, template: &Template) -> Self {
        let mut chance = Chance::new(seed, "session", &[split, number as u64]);
        let friends = chance.happens(0.5);
        let mut weights = world::class(template.class).intents;
        let tilt: f64 = if friends { 1.6 } else { 1.0 / 1.6 };
        for (intent, weight) in weights.iter_mut().enumerate() {
            match INTENTS[intent] {
                "smile" | "laugh" => *weight *= tilt.sqrt(),
                "nod" | "neutral" => *weight /= tilt.sqrt(),
                _ => {}
            }
        }
        let intent = chance.weighted(&weights);
        let expressiveness = EXPRESSIVENESS[chance.below(EXPRESSIVENESS.len())];
        let latency = LATENCY[chance.below(LATENCY.len())];
        let amplitude = chance.between(0.85, 1.15) as f32;
        let events = template
            .events
            .iter()
            .map(|(frame, strength)| (frame + chance.below(5) as f32 - 2.0, strength * amplitude))
            .collect();
        let base_pitch = chance.between(95.0, 215.0);
        Self {
            template: template_index,
            expert_speaks: number.is_multiple_of(2),
            friends,
            intent,
            expressiveness,
            latency,
            events,
            base_pitch,
        }
    }
}

impl Session {
    /// Gives the listener the expressiveness and the latency that he has in all clips of a recording.
    pub fn keep_to(&mut self, seed: u64, split: u64, recording: usize) {
        let mut chance =
            Chance::new(seed, "person", &[split, recording as u64, u64::from(self.expert_speaks)]);
        self.expressiveness = EXPRESSIVENESS[chance.below(EXPRESSIVENESS.len())];
        self.latency = LATENCY[chance.below(LATENCY.len())];
    }
}

/// Height of an event's bump at `since` frames after its begin: raised-cosine attack, hold, release.
fn bump(since: f32, attack: f32, hold: f32, release: f32) -> f32 {
    let rise = |x: f32| 0.5 - 0.5 * (std::f32::consts::PI * x.clamp(0.0, 1.0)).cos();
    if since < 0.0 {
        0.0
    } else if since < attack {
        rise(since / attack)
    } else if since < attack + hold {
        1.0
    } else {
        1.0 - rise((since - attack - hold) / release)
    }
}

/// Envelope of a list of events, per frame.
pub fn envelope(events: &[(f32, f32)], frames: usize, [attack, hold, release]: [f32; 3]) -> Vec<f32> {
    (0..frames)
        .map(|t| {
            events
                .iter()
                .map(|(begin, strength)| strength * bump(t as f32 - begin, attack, hold, release))
                .fold(0.0, f32::max)
        })
        .collect()
}

/// Syllables of the speaker: loudness in 0..1 per frame, 0 where the gate is closed.
pub fn syllables(gate: &[bool], chance: &mut Chance) -> Vec<f32> {
    let mut phase = chance.uniform();
    let mut stress = 1.0f32;
    let mut smooth = 0.0f32;
    gate.iter()
        .map(|open| {
            phase += chance.between(3.8, 5.2) / 25.0;
            if phase >= 1.0 {
                phase -= 1.0;
                stress = chance.between(0.55, 1.0) as f32;
            }
            let wave = (std::f32::consts::PI * phase as f32).sin().max(0.0);
            smooth = 0.45 * smooth + 0.55 * f32::from(u8::from(*open));
            smooth * stress * (0.25 + 0.75 * wave)
        })
        .collect()
}

/// What the speaker's face does.
pub fn speaker(template: &Template, session: &Session, loudness: &[f32], chance: &mut Chance) -> Performance {
    let frames = template.gate.len();
    let class = world::class(template.class);
    let strength = envelope(&session.events, frames, [4.0, 8.0, 8.0]);
    let mut performance = Performance::at_rest(frames);
    performance.looks_away = 0.3;
    performance.blink_cues = session.events.iter().map(|(begin, _)| *begin as usize + 20).collect();
    let phase = chance.between(0.0, std::f64::consts::TAU) as f32;
    for t in 0..frames {
        let (e, seconds) = (strength[t].min(1.2), seconds_of_frame(t as f64) as f32);
        performance.action_units[t] = world::levels(class.action_units, (0.25 + 0.75 * e).min(1.0));
        let talk = loudness[t];
        let parted = &mut performance.action_units[t][13];
        *parted = parted.max(if template.gate[t] { 0.55 + 0.45 * talk } else { 0.1 });
        crate::arkit::add(&mut performance.articulation[t], "jawOpen", 0.30 * talk);
        crate::arkit::add(
            &mut performance.articulation[t],
            "mouthFunnel",
            0.12 * talk * (1.7 * phase + 9.0 * seconds).sin().max(0.0),
        );
        let affect = 0.4 + 0.6 * e;
        performance.valence[t] = class.affect[0] * affect;
        performance.arousal[t] = class.affect[1] * affect;
        for (logit, (rest, wanted)) in
            performance.expression_logits[t].iter_mut().zip(REST_LOGITS.iter().zip(class.expressions))
        {
            *logit = rest * (1.0 - 0.6 * affect) + wanted * affect;
        }
        performance.head[t][0] = 0.05 * e * (std::f32::consts::TAU * 1.5 * seconds + phase).sin();
        performance.head[t][1] = 0.04
            * (std::f32::consts::TAU * 0.31 * seconds + phase).sin()
            * f32::from(u8::from(template.gate[t]));
    }
    performance
}

/// What the listener's face does in answer.
pub fn listener(session: &Session, frames: usize, chance: &mut Chance) -> Performance {
    let intent = world::intent(session.intent);
    let answers: Vec<(f32, f32)> = session
        .events
        .iter()
        .map(|(begin, strength)| {
            (begin + session.latency + chance.below(3) as f32 - 1.0, strength * session.expressiveness)
        })
        .collect();
    let strength = envelope(&answers, frames, [5.0, 10.0, 10.0]);
    let mut performance = Performance::at_rest(frames);
    performance.blink_cues = answers.iter().map(|(begin, _)| *begin as usize + 25).collect();
    let phase = chance.between(0.0, 0.8) as f32;
    for t in 0..frames {
        let (e, seconds) = (strength[t].min(1.2), seconds_of_frame(t as f64) as f32);
        performance.action_units[t] = world::levels(intent.action_units, e.min(1.0));
        performance.valence[t] = (intent.affect[0] * e).clamp(-0.95, 0.95);
        performance.arousal[t] = (intent.affect[1] * e).clamp(-0.95, 0.95);
        for (logit, (rest, wanted)) in
            performance.expression_logits[t].iter_mut().zip(REST_LOGITS.iter().zip(intent.expressions))
        {
            *logit = rest * (1.0 - 0.7 * e.min(1.0) * f32::from(u8::from(!intent.action_units.is_empty())))
                + wanted * e;
        }
        let [amplitude, hertz] = intent.nod;
        let wave = (std::f32::consts::TAU * hertz * seconds + phase).sin();
        let [pitch, roll, forward] = intent.posture;
        performance.head[t] = [e * (amplitude * wave + pitch), 0.0, e * roll, 0.0, 0.0, e * forward];
        if INTENTS[session.intent] == "laugh" {
            crate::arkit::add(&mut performance.articulation[t], "jawOpen", 0.18 * e * (0.5 + 0.5 * wave));
        }
    }
    performance
}
