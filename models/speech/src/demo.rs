//! The clips the program opens with: synthetic speakers (flite's voices, faces driven by the same phones) and one
//! synthetic listener each. How they were made: `assets/demo/README.md`.

use std::path::Path;
use std::sync::LazyLock;

use clips::array::parse_npy;
use clips::synth::performance::mean_face;
use clips::{Fault, FaultKind, Result, Streams};
use serde::Deserialize;

use crate::decode_bytes;

/// One built-in clip.
#[derive(Debug, Clone, Deserialize)]
pub struct DemoClip {
    /// Short name, as on the command line (`demo:robot`).
    pub name: String,
    /// What it is about.
    pub title: String,
    /// Speaker class.
    pub class: String,
    /// Intent of the listener beside it.
    pub listener_intent: String,
    /// What is said, and when.
    pub lines: Vec<Line>,
    /// Frame and strength of what a listener may react to.
    pub events: Vec<(f32, f32)>,
}

/// One sentence.
#[derive(Debug, Clone, Deserialize)]
pub struct Line {
    /// Begin in seconds.
    pub start: f64,
    /// End in seconds.
    pub end: f64,
    /// The words.
    pub text: String,
}

/// Sound, then attributes and coefficients of speaker and listener.
struct Files {
    name: &'static str,
    sound: &'static [u8],
    speaker: [&'static [u8]; 2],
    listener: [&'static [u8]; 2],
}

macro_rules! files {
    ($name:literal) => {
        Files {
            name: $name,
            sound: include_bytes!(concat!("../../../assets/demo/", $name, ".flac")),
            speaker: [
                include_bytes!(concat!("../../../assets/demo/", $name, ".speaker.attributes.npy")),
                include_bytes!(concat!("../../../assets/demo/", $name, ".speaker.coefficients.npy")),
            ],
            listener: [
                include_bytes!(concat!("../../../assets/demo/", $name, ".listener.attributes.npy")),
                include_bytes!(concat!("../../../assets/demo/", $name, ".listener.coefficients.npy")),
            ],
        }
    };
}

static FILES: [Files; 6] =
    [files!("bread"), files!("baby"), files!("horse"), files!("parcel"), files!("island"), files!("robot")];

/// The clip the program opens with: a question has the widest range of appropriate answers.
const FIRST: &str = "island";

static CLIPS: LazyLock<Vec<DemoClip>> = LazyLock::new(|| {
    let mut clips: Vec<DemoClip> =
        serde_json::from_str(include_str!("../../../assets/demo/demo.json")).unwrap_or_default();
    clips.sort_by_key(|clip| clip.name != FIRST);
    clips
});

/// All built-in clips: the one to open with, then in the order of the speaker classes.
pub fn clips() -> &'static [DemoClip] {
    &CLIPS
}

impl DemoClip {
    /// The name that takes carry, and that their seed depends on: `demo/island`.
    pub fn id(&self) -> String {
        format!("demo/{}", self.name)
    }

    fn files(&self) -> Result<&'static Files> {
        FILES.iter().find(|files| files.name == self.name).ok_or_else(|| {
            Fault::new(FaultKind::NotFound, "", format!("there is no demo clip {}", self.name))
                .remedy("choose one of the built-in clips")
        })
    }

    /// The speaker: sound, attributes and centred coefficients of 750 frames.
    ///
    /// # Errors
    /// None in a build that passed its tests.
    pub fn streams(&self) -> Result<Streams> {
        let files = self.files()?;
        let sound = decode_bytes(Path::new(&format!("{}.flac", self.name)), files.sound)?.waveform;
        Ok(Streams { sound: Some(sound), ..face(&self.name, files.speaker)? })
    }

    /// The listener who answers with [`DemoClip::listener_intent`]; always there in the built-in clips.
    ///
    /// # Errors
    /// None in a build that passed its tests.
    pub fn listener_streams(&self) -> Result<Option<Streams>> {
        face(&self.name, self.files()?.listener).map(Some)
    }
}

fn face(name: &str, [attributes, coefficients]: [&[u8]; 2]) -> Result<Streams> {
    let name = Path::new(name);
    let mut rows = parse_npy(name, coefficients)?.rows::<58>(name)?;
    let mean = mean_face();
    for row in &mut rows {
        row.iter_mut().zip(mean).for_each(|(value, mean)| *value -= mean);
    }
    Ok(Streams {
        attributes: Some(parse_npy(name, attributes)?.rows(name)?),
        coefficients: Some(rows),
        ..Streams::default()
    })
}
