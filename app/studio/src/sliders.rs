//! What the Face workspace knows: a face that is set by hand, and what can be asked of it. Plain data.

use clips::arkit::FaceSource;
use clips::dials::{Dial, Dials};

/// The workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Sliders {
    /// What is set.
    pub dials: Dials,
    /// A blendshape of one side moves that of the other, too.
    pub both_sides: bool,
    /// Faces before the last changes, and those that were taken back.
    earlier: Vec<Dials>,
    later: Vec<Dials>,
    /// The dial that is being moved: all of its movement is one change.
    moving: Option<Dial>,
}

/// Most changes that can be taken back.
const MOST_CHANGES: usize = 200;

impl Default for Sliders {
    fn default() -> Self {
        Self {
            dials: Dials::default(),
            both_sides: true,
            earlier: Vec::new(),
            later: Vec::new(),
            moving: None,
        }
    }
}

/// Something to do in the workspace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Do {
    /// Set a dial.
    Set(Dial, f32),
    /// Let a source drive the face.
    Source(FaceSource),
    /// A known face of the source, counted from 0.
    Preset(usize),
    /// Both sides together, or each its own.
    BothSides,
    /// Everything that drives the face back to neutral.
    Reset,
    /// What the chosen reaction shows at the playhead.
    TakeOver,
    /// Take the last change back.
    Undo,
    /// Make it again.
    Redo,
    /// The command that draws this face, to the clipboard.
    Copy,
}

impl Do {
    /// Words in menus, palette and help.
    pub fn text(self) -> &'static str {
        match self {
            Self::Set(..) => "Move a slider",
            Self::Source(FaceSource::Attributes) => "Drive the face by action units",
            Self::Source(FaceSource::Expressions) => "Drive the face by expressions",
            Self::Source(FaceSource::Coefficients) => "Drive the face by blendshapes",
            Self::Preset(_) => "Show a known face",
            Self::BothSides => "Both sides of the face together",
            Self::Reset => "Reset the face",
            Self::TakeOver => "Take over from the chosen reaction",
            Self::Undo => "Undo a change of the face",
            Self::Redo => "Redo a change of the face",
            Self::Copy => "Copy the command that draws this face",
        }
    }
}

impl Sliders {
    /// Carries out what changes the face alone.
    pub fn set(&mut self, what: Do) {
        let before = self.dials.clone();
        let moved = if let Do::Set(dial, _) = what { Some(dial) } else { None };
        match what {
            Do::Undo => return self.step(true),
            Do::Redo => return self.step(false),
            Do::Set(dial, value) => {
                self.dials.set(dial, value);
                if let Some(other) = dial.other_side().filter(|_| self.both_sides) {
                    self.dials.set(other, value);
                }
            }
            Do::Source(source) => self.dials.source = source,
            Do::Preset(index) => {
                let known = Dials::presets(self.dials.source).get(index);
                if let Some(preset) = known.and_then(|(_, words)| words.parse::<Dials>().ok()) {
                    let driving: Vec<Dial> = self.dials.driving().collect();
                    driving.into_iter().for_each(|dial| self.dials.set(dial, preset.get(dial)));
                }
            }
            Do::BothSides => self.both_sides = !self.both_sides,
            Do::Reset => self.dials.reset(),
            Do::TakeOver | Do::Copy => {}
        }
        if self.dials != before {
            if moved.is_none() || moved != self.moving {
                self.keep(before);
            }
            self.moving = moved;
        }
    }

    /// Keeps the face as it is, to be taken back to after the next change.
    pub fn remember(&mut self) {
        self.keep(self.dials.clone());
        self.moving = None;
    }

    fn keep(&mut self, before: Dials) {
        self.later.clear();
        self.earlier.push(before);
        if self.earlier.len() > MOST_CHANGES {
            self.earlier.remove(0);
        }
    }

    fn step(&mut self, back: bool) {
        let (from, to) = match back {
            true => (&mut self.earlier, &mut self.later),
            false => (&mut self.later, &mut self.earlier),
        };
        if let Some(dials) = from.pop() {
            to.push(std::mem::replace(&mut self.dials, dials));
        }
        self.moving = None;
    }

    /// The command that draws this face.
    pub fn command(&self) -> String {
        format!("backchannel render \"face:{}\" --layout single --out face.png", self.dials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_move_together_until_told_otherwise_and_sources_keep_their_values() {
        let mut sliders = Sliders::default();
        sliders.set(Do::Set(Dial::Attribute(7), 0.8));
        sliders.set(Do::Source(FaceSource::Coefficients));
        let left = clips::channels::blendshape("mouthSmileLeft").map(Dial::Blendshape).unwrap();
        let right = left.other_side().unwrap();
        sliders.set(Do::Set(left, 0.5));
        assert_eq!(sliders.dials.get(right), 0.5);
        sliders.set(Do::BothSides);
        sliders.set(Do::Set(left, 0.9));
        assert_eq!(sliders.dials.get(right), 0.5);
        sliders.set(Do::Reset);
        assert!(sliders.dials.is_neutral());
        sliders.set(Do::Source(FaceSource::Attributes));
        assert_eq!(sliders.dials.get(Dial::Attribute(7)), 0.8);
    }

    #[test]
    fn changes_are_taken_back_one_by_one_and_made_again() {
        let mut sliders = Sliders::default();
        let set = |dial, value| Do::Set(Dial::Attribute(dial), value);
        for what in [set(0, 0.2), set(0, 0.4), set(1, 0.5), Do::Preset(0), Do::Reset] {
            sliders.set(what);
        }
        assert!(sliders.dials.is_neutral());
        let shown = |sliders: &Sliders| [0, 1].map(|dial| sliders.dials.get(Dial::Attribute(dial)));
        sliders.set(Do::Undo);
        assert!(sliders.command().contains("AU12=0.9"));
        sliders.set(Do::Undo);
        assert_eq!(shown(&sliders), [0.4, 0.5]);
        sliders.set(Do::Undo);
        assert_eq!(shown(&sliders), [0.4, 0.0], "a drag is one change");
        sliders.set(Do::Redo);
        assert_eq!(shown(&sliders), [0.4, 0.5]);
        (0..9).for_each(|_| sliders.set(Do::Undo));
        assert!(sliders.dials.is_neutral());
        sliders.set(set(3, 1.0));
        sliders.set(Do::Redo);
        assert_eq!(
            sliders.dials.get(Dial::Attribute(3)),
            1.0,
            "what was taken back ends with another change"
        );
    }

    #[test]
    fn a_preset_replaces_what_was_set_and_its_command_says_it() {
        let mut sliders = Sliders::default();
        sliders.set(Do::Set(Dial::Attribute(0), 1.0));
        sliders.set(Do::Preset(0));
        assert_eq!(sliders.dials.get(Dial::Attribute(0)), 0.0);
        let (_, words) = Dials::presets(FaceSource::Attributes)[0];
        assert_eq!(sliders.dials, words.parse().unwrap());
        assert!(sliders.command().contains("face:AU6=0.9 AU12=0.9 AU25=0.6"), "{}", sliders.command());
        let before = sliders.clone();
        sliders.set(Do::Preset(99));
        assert_eq!(sliders, before);
    }
}
