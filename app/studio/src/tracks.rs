//! What a track shows: which column of a take or a person, its name and scale, and the values a line is drawn from.
//!
//! Lines are thinned to the smallest and largest value of every pixel, so that a spike survives any zoom.

use clips::channels::{AROUSAL, ATTRIBUTE_COUNT, ATTRIBUTES, AU, AU_MEANINGS, VALENCE};
use clips::{Streams, Take, pose};

/// What is heard in the speaker's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Heard {
    /// How loud it is.
    Loudness,
    /// How high the voice is.
    Pitch,
    /// Whether somebody speaks.
    Voice,
}

impl Heard {
    /// One value a frame; pitch is 0 where there is none.
    pub fn values(self, tracks: &speech::Tracks) -> Vec<f32> {
        match self {
            Self::Loudness => tracks.loudness_db.clone(),
            Self::Pitch => tracks.pitch_hz.iter().map(|pitch| pitch.unwrap_or(0.0)).collect(),
            Self::Voice => tracks.voice.iter().map(|voice| f32::from(u8::from(*voice))).collect(),
        }
    }

    /// Smallest and largest value of its axis.
    pub fn scale(self, tracks: &speech::Tracks) -> (f32, f32) {
        match self {
            Self::Loudness => (-80.0, 0.0),
            Self::Voice => (0.0, 1.0),
            Self::Pitch => {
                let voiced = tracks.pitch_hz.iter().flatten();
                let (low, high) = voiced
                    .fold((f32::MAX, f32::MIN), |(low, high), pitch| (low.min(*pitch), high.max(*pitch)));
                if low > high { (60.0, 400.0) } else { (low - 10.0, high + 10.0) }
            }
        }
    }
}

/// One row of the time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Track {
    /// Sound of the speaker.
    Sound,
    /// Its spectrum.
    Spectrum,
    /// What is heard in it.
    Heard(Heard),
    /// One of the 25 attribute columns.
    Attribute(usize),
    /// The latents as painted by hand.
    Intent,
    /// What the recognition pass thinks of the real listener on the way.
    Recognised,
    /// Head rotation: 0 pitch, 1 yaw, 2 roll; from coefficients.
    Head(usize),
}

/// Tracks of a new session.
pub const FIRST_TRACKS: [Track; 7] = [
    Track::Sound,
    Track::Intent,
    Track::Attribute(7),
    Track::Attribute(2),
    Track::Attribute(13),
    Track::Attribute(VALENCE),
    Track::Attribute(AROUSAL),
];

impl Track {
    /// Everything that can be shown.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Sound, Self::Intent, Self::Recognised, Self::Spectrum]
            .into_iter()
            .chain([Heard::Loudness, Heard::Pitch, Heard::Voice].map(Self::Heard))
            .chain((0..ATTRIBUTE_COUNT).map(Self::Attribute))
            .chain((0..3).map(Self::Head))
    }

    /// Height beside that of a curve.
    pub fn weight(self) -> f32 {
        match self {
            Self::Sound => 0.72,
            Self::Intent => 0.5,
            _ => 1.0,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sound => "Speaker",
            Self::Spectrum => "Spectrum",
            Self::Intent => "Intent",
            Self::Recognised => "Recognised",
            Self::Heard(Heard::Loudness) => "Loudness",
            Self::Heard(Heard::Pitch) => "Pitch",
            Self::Heard(Heard::Voice) => "Voice",
            Self::Attribute(VALENCE) => "Valence",
            Self::Attribute(AROUSAL) => "Arousal",
            Self::Attribute(column) => ATTRIBUTES[column],
            Self::Head(axis) => ["Head nod", "Head turn", "Head tilt"][axis],
        }
    }

    /// What it means, quieter.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Spectrum => "60 Hz to 7.6 kHz",
            Self::Intent => "painted latents",
            Self::Recognised => "posterior so far",
            Self::Heard(Heard::Loudness) => "dB, full scale is 0",
            Self::Heard(Heard::Pitch) => "Hz",
            Self::Heard(Heard::Voice) => "somebody speaks",
            Self::Attribute(column) if AU.contains(&column) => AU_MEANINGS[column],
            Self::Attribute(VALENCE | AROUSAL) => "axis fits the data",
            Self::Attribute(_) => "probability",
            Self::Head(_) => "degrees",
        }
    }

    /// Smallest and largest value of its axis; `None` follows the data.
    pub fn scale(self) -> Option<(f32, f32)> {
        match self {
            Self::Sound => Some((-1.0, 1.0)),
            Self::Spectrum | Self::Intent | Self::Recognised | Self::Heard(Heard::Voice) => Some((0.0, 1.0)),
            Self::Heard(Heard::Loudness | Heard::Pitch) => None,
            // People use a small part of the legal range; the axis follows the data and says its ends.
            Self::Attribute(VALENCE | AROUSAL) | Self::Head(_) => None,
            Self::Attribute(_) => Some((0.0, 1.0)),
        }
    }

    /// Smallest reach of an axis that follows the data, to either side of 0.
    pub fn least_reach(self) -> f32 {
        if matches!(self, Self::Head(_)) { 2.0 } else { 0.2 }
    }

    /// A value as people read it.
    pub fn value_text(self, value: f32) -> String {
        match self {
            Self::Head(_) => format!("{value:+.1}\u{b0}"),
            Self::Heard(Heard::Loudness) => format!("{value:.0} dB"),
            Self::Heard(Heard::Pitch) => format!("{value:.0} Hz"),
            Self::Heard(Heard::Voice) => (if value > 0.5 { "speaks" } else { "silent" }).to_owned(),
            Self::Attribute(VALENCE | AROUSAL) => format!("{value:+.2}"),
            _ => format!("{value:.2}"),
        }
    }

    /// The values of a take; empty when it has none of the kind.
    pub fn of_take(self, take: &Take) -> Vec<f32> {
        match self {
            Self::Sound | Self::Spectrum | Self::Intent | Self::Recognised | Self::Heard(_) => Vec::new(),
            Self::Attribute(column) => take.attributes.iter().map(|row| row[column]).collect(),
            Self::Head(axis) => take.coefficients.as_deref().map_or_else(Vec::new, |rows| head(rows, axis)),
        }
    }

    /// The values of a person; empty when nothing of the kind is known.
    pub fn of_person(self, person: &Streams) -> Vec<f32> {
        match self {
            Self::Sound | Self::Spectrum | Self::Intent | Self::Recognised | Self::Heard(_) => Vec::new(),
            Self::Attribute(column) => person
                .attributes
                .as_ref()
                .map_or_else(Vec::new, |rows| rows.iter().map(|row| row[column]).collect()),
            Self::Head(axis) => person.coefficients.as_deref().map_or_else(Vec::new, |rows| head(rows, axis)),
        }
    }
}

fn head(rows: &[[f32; 58]], axis: usize) -> Vec<f32> {
    let raw = pose::is_raw(rows);
    rows.iter()
        .map(|row| {
            let pose = pose::head_pose(row, raw);
            [pose.pitch, pose.yaw, pose.roll][axis].to_degrees()
        })
        .collect()
}

/// The part of the clip that the time axis shows, in frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Left edge.
    pub first: f64,
    /// Right edge.
    pub last: f64,
}

/// Fewest frames an axis shows.
const CLOSEST: f64 = 12.0;

impl View {
    /// All of a clip.
    pub fn whole(frames: usize) -> Self {
        Self { first: 0.0, last: (frames as f64).max(1.0) }
    }

    /// Frames shown.
    pub fn span(self) -> f64 {
        self.last - self.first
    }

    /// Magnified `by` around the frame `about`, inside a clip of `frames`.
    #[must_use]
    pub fn zoomed(self, by: f64, about: f64, frames: usize) -> Self {
        let whole = (frames as f64).max(1.0);
        let span = (self.span() / by.max(1e-6)).clamp(CLOSEST.min(whole), whole);
        let share = ((about - self.first) / self.span().max(1e-9)).clamp(0.0, 1.0);
        let first = about - share * span;
        Self { first, last: first + span }.inside(frames)
    }

    /// Moved by some frames, inside the clip.
    #[must_use]
    pub fn moved(self, by: f64, frames: usize) -> Self {
        Self { first: self.first + by, last: self.last + by }.inside(frames)
    }

    fn inside(self, frames: usize) -> Self {
        let whole = (frames as f64).max(1.0);
        let span = self.span().min(whole);
        let first = self.first.clamp(0.0, whole - span);
        Self { first, last: first + span }
    }
}

/// Points of a line through `values` (one a frame, at the frame's middle) over `columns` pixels of `view`: x in
/// pixels from the left, y the value. With more than two frames a pixel, the smallest and the largest of each
/// pixel remain, in their order of time.
pub fn thinned(values: &[f32], view: View, columns: usize) -> Vec<(f32, f32)> {
    if values.is_empty() || columns == 0 || view.span() <= 0.0 {
        return Vec::new();
    }
    let first = (view.first.floor().max(0.0) as usize).saturating_sub(1).min(values.len());
    let last = ((view.last.ceil().max(0.0) as usize) + 1).min(values.len()).max(first);
    let pixels_per_frame = columns as f64 / view.span();
    let x_of = |frame: usize| ((frame as f64 + 0.5 - view.first) * pixels_per_frame) as f32;
    if pixels_per_frame > 0.5 {
        return (first..last)
            .filter(|frame| values[*frame].is_finite())
            .map(|frame| (x_of(frame), values[frame]))
            .collect();
    }
    let mut points: Vec<(f32, f32)> = Vec::with_capacity(2 * columns + 2);
    let mut bucket = i64::MIN;
    let mut extremes: Option<[(usize, f32); 2]> = None;
    let mut flush = |extremes: &mut Option<[(usize, f32); 2]>| {
        if let Some([low, high]) = extremes.take() {
            let (a, b) = if low.0 <= high.0 { (low, high) } else { (high, low) };
            points.push((x_of(a.0), a.1));
            if a.0 != b.0 {
                points.push((x_of(b.0), b.1));
            }
        }
    };
    for frame in first..last {
        let value = values[frame];
        if !value.is_finite() {
            continue;
        }
        let column = x_of(frame).floor() as i64;
        if column != bucket {
            flush(&mut extremes);
            bucket = column;
        }
        match &mut extremes {
            None => extremes = Some([(frame, value); 2]),
            Some([low, high]) => {
                if value < low.1 {
                    *low = (frame, value);
                }
                if value > high.1 {
                    *high = (frame, value);
                }
            }
        }
    }
    flush(&mut extremes);
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_spike_survives_any_zoom() {
        let mut values = vec![0.0f32; 45_000];
        values[31_337] = 1.0;
        let points = thinned(&values, View::whole(values.len()), 600);
        assert!(points.len() <= 2 * 602);
        assert!(points.iter().any(|point| point.1 == 1.0));
        assert!(points.is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn zoom_keeps_the_frame_under_the_pointer_and_stays_inside_the_clip() {
        let view = View::whole(750).zoomed(4.0, 300.0, 750);
        assert!((view.span() - 187.5).abs() < 1e-9);
        assert!(((300.0 - view.first) / view.span() - 0.4).abs() < 1e-9);
        assert_eq!(view.zoomed(0.01, 10.0, 750), View::whole(750));
        assert_eq!(view.moved(1e9, 750).last, 750.0);
        assert!(View::whole(750).zoomed(1e9, 0.0, 750).span() >= CLOSEST);
    }

    #[test]
    fn every_track_has_a_name_and_a_meaning() {
        let names: std::collections::HashSet<&str> = Track::all().map(Track::name).collect();
        assert_eq!(names.len(), Track::all().count(), "two tracks have one name");
        assert!(Track::all().all(|track| !track.name().is_empty() && !track.meaning().is_empty()));
    }
}
