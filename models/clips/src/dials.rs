//! A face that is set by hand: action units, or an expression mix with valence and arousal, or blendshapes, and a head
//! pose. Raters learn with it what a unit looks like, and analysts check what a column moves.
//!
//! It is written as words (`AU6=1 AU12=0.8 pitch=10`), which the command line and the studio share. One face has one
//! source: a line that sets action units and blendshapes is refused.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::arkit::{self, Blendshapes, FaceSource};
use crate::channels::{
    AROUSAL, ATTRIBUTE_COUNT, ATTRIBUTES, AU, BLENDSHAPE_COUNT, BLENDSHAPES, EXPRESSIONS, VALENCE,
};
use crate::pose::HeadPose;
use crate::{Fault, FaultKind, Result};

/// Names of the pose dials: degrees, then centimetres.
pub const POSE: [&str; 6] = ["pitch", "yaw", "roll", "x", "y", "z"];
/// How far a head turns, degrees, and moves, cm.
const POSE_REACH: [f32; 6] = [45.0, 60.0, 45.0, 10.0, 10.0, 10.0];

/// One thing that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dial {
    /// A column of the 25 attributes.
    Attribute(usize),
    /// A blendshape.
    Blendshape(usize),
    /// Of the head pose, in the order of [`POSE`].
    Pose(usize),
}

impl Dial {
    /// All dials of a source, the pose left out.
    pub fn of(source: FaceSource) -> Vec<Self> {
        match source {
            FaceSource::Attributes => AU.map(Self::Attribute).collect(),
            // neutral is the absence of the others and moves nothing
            FaceSource::Expressions => {
                EXPRESSIONS.skip(1).chain([VALENCE, AROUSAL]).map(Self::Attribute).collect()
            }
            FaceSource::Coefficients => (0..BLENDSHAPE_COUNT).map(Self::Blendshape).collect(),
        }
    }

    /// The six dials of the pose.
    pub fn pose() -> impl Iterator<Item = Self> {
        (0..POSE.len()).map(Self::Pose)
    }

    /// Its name in lines and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attribute(column) => ATTRIBUTES.get(column).copied().unwrap_or_default(),
            Self::Blendshape(index) => BLENDSHAPES.get(index).copied().unwrap_or_default(),
            Self::Pose(index) => POSE.get(index).copied().unwrap_or_default(),
        }
    }

    /// What its number means.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Pose(0..3) => "\u{b0}",
            Self::Pose(_) => " cm",
            _ => "",
        }
    }

    /// The values it takes.
    pub fn range(self) -> RangeInclusive<f32> {
        match self {
            Self::Attribute(VALENCE | AROUSAL) => -1.0..=1.0,
            Self::Pose(index) => {
                let reach = POSE_REACH.get(index).copied().unwrap_or_default();
                -reach..=reach
            }
            _ => 0.0..=1.0,
        }
    }

    /// The source it belongs to; the pose belongs to all.
    pub fn source(self) -> Option<FaceSource> {
        match self {
            Self::Attribute(column) if AU.contains(&column) => Some(FaceSource::Attributes),
            Self::Attribute(_) => Some(FaceSource::Expressions),
            Self::Blendshape(_) => Some(FaceSource::Coefficients),
            Self::Pose(_) => None,
        }
    }

    /// The same on the other side of the face, where there is one.
    pub fn other_side(self) -> Option<Self> {
        let Self::Blendshape(_) = self else { return None };
        let name = self.name();
        let other = match (name.strip_suffix("Left"), name.strip_suffix("Right")) {
            (Some(stem), _) => format!("{stem}Right"),
            (_, Some(stem)) => format!("{stem}Left"),
            _ => return None,
        };
        // a jaw that goes left cannot go right as well
        let opposed = ["jaw", "mouth"]
            .iter()
            .any(|part| name == format!("{part}Left") || name == format!("{part}Right"));
        crate::channels::blendshape(&other).filter(|_| !opposed).map(Self::Blendshape)
    }

    /// The dial of this name, upper or lower case.
    fn named(name: &str) -> Option<Self> {
        let every = (0..ATTRIBUTE_COUNT)
            .map(Self::Attribute)
            .chain((0..BLENDSHAPE_COUNT).map(Self::Blendshape))
            .chain(Self::pose());
        // AU06 is what many tables call AU6
        let short = match name.get(..3) {
            Some(start) if start.eq_ignore_ascii_case("au0") => format!("AU{}", &name[3..]),
            _ => name.to_owned(),
        };
        every.into_iter().find(|dial| dial.name().eq_ignore_ascii_case(&short))
    }
}

/// A face set by hand. Dials of the sources that do not drive it keep their values.
#[derive(Debug, Clone, PartialEq)]
pub struct Dials {
    /// What drives the face.
    pub source: FaceSource,
    attributes: [f32; ATTRIBUTE_COUNT],
    blendshapes: Blendshapes,
    pose: [f32; 6],
}

impl Default for Dials {
    fn default() -> Self {
        Self::at_rest(FaceSource::Attributes)
    }
}

impl Dials {
    /// A face at rest that `source` drives.
    pub fn at_rest(source: FaceSource) -> Self {
        Self {
            source,
            attributes: [0.0; ATTRIBUTE_COUNT],
            blendshapes: [0.0; BLENDSHAPE_COUNT],
            pose: [0.0; 6],
        }
    }

    /// What a dial is set to.
    pub fn get(&self, dial: Dial) -> f32 {
        match dial {
            Dial::Attribute(column) => self.attributes.get(column),
            Dial::Blendshape(index) => self.blendshapes.get(index),
            Dial::Pose(index) => self.pose.get(index),
        }
        .copied()
        .unwrap_or_default()
    }

    /// Sets a dial, within its range; what is no number becomes 0. The source stays.
    pub fn set(&mut self, dial: Dial, value: f32) {
        let range = dial.range();
        let value = if value.is_finite() { value.clamp(*range.start(), *range.end()) } else { 0.0 };
        let place = match dial {
            Dial::Attribute(column) => self.attributes.get_mut(column),
            Dial::Blendshape(index) => self.blendshapes.get_mut(index),
            Dial::Pose(index) => self.pose.get_mut(index),
        };
        if let Some(place) = place {
            *place = value;
        }
    }

    /// The dials that drive the face, pose included.
    pub fn driving(&self) -> impl Iterator<Item = Dial> {
        Dial::of(self.source).into_iter().chain(Dial::pose())
    }

    /// Everything that drives the face back to 0.
    pub fn reset(&mut self) {
        for dial in self.driving().collect::<Vec<_>>() {
            self.set(dial, 0.0);
        }
    }

    /// Whether nothing that drives the face is set.
    pub fn is_neutral(&self) -> bool {
        self.driving().all(|dial| self.get(dial) == 0.0)
    }

    /// The blendshapes of the face, 0..1, through the tables of [`crate::arkit`] unless they are set themselves.
    pub fn weights(&self) -> Blendshapes {
        match self.source {
            FaceSource::Coefficients => self.blendshapes,
            source => arkit::from_attributes(&self.attributes, source, 1.0),
        }
    }

    /// The pose of the head.
    pub fn head_pose(&self) -> HeadPose {
        let [pitch, yaw, roll, x, y, z] = self.pose;
        HeadPose {
            pitch: pitch.to_radians(),
            yaw: yaw.to_radians(),
            roll: roll.to_radians(),
            translation_cm: [x, y, z],
        }
    }

    /// Sets every dial of every source to what a frame of a take or clip shows, rounded as dials are read.
    pub fn take_over(
        &mut self,
        attributes: Option<&[f32; ATTRIBUTE_COUNT]>,
        weights: &Blendshapes,
        pose: &HeadPose,
    ) {
        let rounded = |value: f32, steps: f32| (value * steps).round() / steps;
        let zeros = [0.0; ATTRIBUTE_COUNT];
        for (column, value) in attributes.unwrap_or(&zeros).iter().enumerate() {
            self.set(Dial::Attribute(column), rounded(*value, 100.0));
        }
        for (index, value) in weights.iter().enumerate() {
            self.set(Dial::Blendshape(index), rounded(*value, 100.0));
        }
        let angles = [pose.pitch, pose.yaw, pose.roll].map(f32::to_degrees);
        for (index, value) in angles.into_iter().chain(pose.translation_cm).enumerate() {
            self.set(Dial::Pose(index), rounded(value, 10.0));
        }
    }

    /// Known faces of a source by name.
    pub fn presets(source: FaceSource) -> &'static [(&'static str, &'static str)] {
        match source {
            FaceSource::Attributes => &[
                ("Felt smile", "AU6=0.9 AU12=0.9 AU25=0.6"),
                ("Polite smile", "AU12=0.6 AU14=0.3"),
                ("Surprise", "AU1=1 AU2=1 AU25=0.8 AU26=0.7"),
                ("Interest", "AU1=0.5 AU2=0.5 pitch=4 roll=-6"),
                ("Doubt", "AU4=0.7 AU7=0.4 AU14=0.5 roll=7"),
                ("Sadness", "AU1=0.9 AU4=0.6 AU15=0.8 AU17=0.4 pitch=8"),
                ("Anger", "AU4=1 AU7=0.7 AU23=0.7 AU24=0.4"),
                ("Disgust", "AU9=0.9 AU10=0.7 AU15=0.3"),
                ("Fear", "AU1=1 AU2=0.7 AU4=0.6 AU7=0.4 AU25=0.7"),
            ],
            FaceSource::Expressions => &[
                ("Happy", "Happy=1 valence=0.7 arousal=0.4"),
                ("Sad", "Sad=1 valence=-0.6 arousal=-0.4"),
                ("Surprise", "Surprise=1 valence=0.1 arousal=0.8"),
                ("Fear", "Fear=1 valence=-0.6 arousal=0.8"),
                ("Disgust", "Disgust=1 valence=-0.6 arousal=0.2"),
                ("Anger", "Anger=1 valence=-0.7 arousal=0.7"),
                ("Contempt", "Contempt=1 valence=-0.4 arousal=0.1"),
                ("Calm", "valence=0.4 arousal=-0.6"),
            ],
            FaceSource::Coefficients => &[
                ("Blink", "eyeBlinkLeft=1 eyeBlinkRight=1"),
                ("Wink", "eyeBlinkLeft=1 cheekSquintLeft=0.6 mouthSmileLeft=0.5"),
                ("Jaw open", "jawOpen=0.8"),
                ("Kiss", "mouthPucker=0.9"),
                ("Puffed cheeks", "cheekPuff=0.9"),
                ("Tongue", "jawOpen=0.5 tongueOut=0.9"),
                ("Look up", "eyeLookUpLeft=0.8 eyeLookUpRight=0.8 browInnerUp=0.4"),
                ("Nod", "pitch=14"),
                ("Tilt", "roll=14"),
            ],
        }
    }

    /// A face from its words.
    fn read(text: &str) -> std::result::Result<Self, String> {
        let mut dials = Self::default();
        let mut driven: Option<(FaceSource, Dial)> = None;
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').ok_or_else(|| format!("{word} has no value"))?;
            let dial = Dial::named(name).ok_or_else(|| format!("{name} is nothing a face can be set by"))?;
            let number: f32 = value.parse().map_err(|_| format!("{word}: {value} is not a number"))?;
            let range = dial.range();
            if !range.contains(&number) {
                let unit = dial.unit();
                return Err(format!(
                    "{word} is out of range ({}{unit} to {}{unit})",
                    range.start(),
                    range.end()
                ));
            }
            if let Some(source) = dial.source() {
                match driven {
                    Some((other, first)) if other != source => {
                        return Err(format!("{} and {} drive a face in two ways", first.name(), dial.name()));
                    }
                    _ => driven = Some((source, dial)),
                }
            }
            dials.set(dial, number);
        }
        dials.source = driven.map_or(dials.source, |(source, _)| source);
        Ok(dials)
    }
}

impl FromStr for Dials {
    type Err = Fault;

    /// # Errors
    /// A name that is none, a value out of its range, two sources: the word and a remedy.
    fn from_str(text: &str) -> Result<Self> {
        Self::read(text).map_err(|what| {
            Fault::new(FaultKind::BadRequest, text, what)
                .remedy("write action units (AU12=0.8), or expressions with valence and arousal (Happy=1 valence=0.5), or blendshapes (jawOpen=0.6), and the pose: pitch, yaw, roll in degrees, x, y, z in cm")
        })
    }
}

impl fmt::Display for Dials {
    /// What drives the face as words, dials at 0 left out; a neutral face names one dial of its source, so that reading
    /// it gives the same face back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = || self.driving().filter(|dial| self.get(*dial) != 0.0);
        let mut words: Vec<String> =
            set().map(|dial| format!("{}={}", dial.name(), self.get(dial))).collect();
        if !set().any(|dial| dial.source().is_some())
            && let Some(first) = Dial::of(self.source).first()
        {
            words.insert(0, format!("{}=0", first.name()));
        }
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: [FaceSource; 3] =
        [FaceSource::Attributes, FaceSource::Expressions, FaceSource::Coefficients];

    #[test]
    fn every_preset_is_a_face_of_its_source_that_moves_and_reads_back() {
        for source in SOURCES {
            for (name, words) in Dials::presets(source) {
                let dials: Dials = words.parse().unwrap();
                // a pose alone belongs to every source
                let pose_only = Dial::of(source).into_iter().all(|dial| dials.get(dial) == 0.0);
                assert!(dials.source == source || pose_only, "{name}");
                assert!(!dials.is_neutral(), "{name}");
                assert_eq!(dials.to_string().parse::<Dials>().unwrap(), dials, "{name}");
            }
        }
    }

    #[test]
    fn every_dial_moves_the_face_and_only_while_its_source_drives() {
        for source in SOURCES {
            let neutral = Dials { source, ..Dials::default() };
            assert!(neutral.is_neutral() && neutral.weights().iter().all(|weight| *weight == 0.0));
            for dial in Dial::of(source) {
                let mut dials = neutral.clone();
                dials.set(dial, 1.0);
                assert!(dials.weights().iter().any(|weight| *weight > 0.0), "{}", dial.name());
                for other in SOURCES.into_iter().filter(|other| *other != source) {
                    let other = Dials { source: other, ..dials.clone() };
                    assert!(other.weights().iter().all(|weight| *weight == 0.0), "{}", dial.name());
                }
                assert_eq!(dials.to_string().parse::<Dials>().unwrap(), dials);
                dials.reset();
                assert_eq!(dials, neutral);
            }
        }
        let mut turned = Dials::default();
        turned.set(Dial::Pose(1), 30.0);
        assert!((turned.head_pose().yaw - 30f32.to_radians()).abs() < 1e-6);
    }

    #[test]
    fn what_cannot_be_set_is_refused_with_its_word() {
        for (words, said) in [
            ("AU12", "no value"),
            ("AU99=1", "AU99"),
            ("AU12=much", "much"),
            ("AU12=1.5", "out of range"),
            ("AU12=NaN", "out of range"),
            ("pitch=200", "45"),
            ("AU12=1 jawOpen=0.5", "two ways"),
            ("AU12=1,Happy=1", "two ways"),
        ] {
            let fault = words.parse::<Dials>().unwrap_err();
            assert!(fault.to_string().contains(said) && !fault.remedy.is_empty(), "{words}: {fault}");
        }
        // names as other tables have them
        let dials: Dials = "au06=0.5, PITCH=3".parse().unwrap();
        assert_eq!((dials.get(Dial::Attribute(3)), dials.get(Dial::Pose(0))), (0.5, 3.0));
        let mut dials = Dials::default();
        dials.set(Dial::Blendshape(0), f32::NAN);
        dials.set(Dial::Attribute(99), 1.0);
        assert_eq!(dials, Dials::default());
    }

    #[test]
    fn sides_belong_together_where_both_can_move() {
        let named = |name| Dial::named(name).unwrap();
        assert_eq!(named("mouthSmileLeft").other_side(), Some(named("mouthSmileRight")));
        assert_eq!(named("eyeBlinkRight").other_side(), Some(named("eyeBlinkLeft")));
        for alone in ["jawOpen", "jawLeft", "mouthRight", "AU12", "yaw"] {
            assert_eq!(named(alone).other_side(), None, "{alone}");
        }
    }

    #[test]
    fn a_frame_that_is_taken_over_shows_what_it_showed() {
        let mut attributes = [0.0; ATTRIBUTE_COUNT];
        attributes[7] = 1.0;
        attributes[VALENCE] = 0.504;
        let weights = arkit::from_attributes(&attributes, FaceSource::Attributes, 1.0);
        let pose = HeadPose { pitch: 0.1, translation_cm: [1.0, 0.0, -2.0], ..HeadPose::default() };
        let mut dials = Dials::default();
        dials.take_over(Some(&attributes), &weights, &pose);
        assert_eq!(dials.get(Dial::Attribute(VALENCE)), 0.5);
        for source in [FaceSource::Attributes, FaceSource::Coefficients] {
            dials.source = source;
            for (a, b) in dials.weights().iter().zip(&weights) {
                assert!((a - b).abs() < 0.006);
            }
        }
        assert!((dials.head_pose().pitch - pose.pitch).abs() < 0.001);
    }
}
