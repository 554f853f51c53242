//! What an analyst lays over the faces of Compare, and what they are made of: switches, and the look that follows.

use face::{Expression, Ghost, Heat, Look, Overlays};

use crate::motion::Motion;
use crate::theme::Theme;

/// One switch of the view menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlay {
    /// Faces of porcelain instead of skin.
    Porcelain,
    /// Colour by displacement from neutral.
    Movement,
    /// Colour by difference from the real listener.
    Difference,
    /// Colour by difference from the chosen reaction: what another latent does otherwise.
    Chosen,
    /// Regions of the face lit by their action units.
    Regions,
    /// The last moments of the same face, translucent.
    Onion,
    /// Where the head points.
    Axes,
    /// Where the head has pointed in the last second.
    Trail,
    /// The mesh as lines.
    Wireframe,
}

impl Overlay {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 9] = [
        Self::Porcelain,
        Self::Movement,
        Self::Difference,
        Self::Chosen,
        Self::Regions,
        Self::Onion,
        Self::Axes,
        Self::Trail,
        Self::Wireframe,
    ];

    /// Whether it gives the skin its colour; of those that do one is shown at a time.
    pub fn colours(self) -> bool {
        matches!(self, Self::Movement | Self::Difference | Self::Chosen | Self::Regions)
    }

    /// Whether it compares a face with another one.
    pub fn compares(self) -> bool {
        matches!(self, Self::Difference | Self::Chosen)
    }
}

/// The faces at the same frame that another one is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside {
    /// The real listener, where it is known.
    pub real: Option<Expression>,
    /// The chosen reaction, where there is one.
    pub chosen: Option<Expression>,
    /// Whether the real listener is drawn over the face.
    pub outlined: bool,
}

/// Activity from which a unit's name stands on the face.
pub const NAMED_FROM: f32 = 0.3;
/// Height of a face from which its active units are named.
pub const NAMED_HIGH: f32 = 120.0;
/// Height of a face from which its colours are explained.
pub const SCALED_HIGH: f32 = 90.0;
/// Frames between the faces of an onion skin.
const ONION_STEP: usize = 4;
/// Displacement of the hottest colour, cm.
pub const FULL_CM: f32 = 1.2;

/// The look of faces in an edition of the window, with nothing over them.
pub fn look_of(theme: Theme) -> Look {
    match theme {
        Theme::Dark => Look::dark(),
        Theme::Light => Look::light(),
    }
}

/// Which switches are on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown(Vec<Overlay>);

impl Shown {
    /// Whether a switch is on.
    pub fn has(&self, overlay: Overlay) -> bool {
        self.0.contains(&overlay)
    }

    /// Whether anything is on.
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// The switches that are on.
    pub fn all(&self) -> &[Overlay] {
        &self.0
    }

    /// Turns a switch; of the overlays that colour the skin only one is on.
    pub fn toggle(&mut self, overlay: Overlay) {
        if self.has(overlay) {
            self.0.retain(|on| *on != overlay);
            return;
        }
        if overlay.colours() {
            self.0.retain(|on| !on.colours());
        }
        self.0.push(overlay);
    }

    /// The look of a face at a frame of its motion. The heat of a difference falls back to nothing where the face to
    /// compare with is not known.
    pub fn look(&self, theme: Theme, motion: &Motion, frame: usize, beside: &Beside) -> Look {
        let mut look = look_of(theme);
        if self.has(Overlay::Porcelain) {
            look = look.porcelain();
        }
        let heat = |against| Some(Heat { against, full_cm: FULL_CM });
        let mut overlays = Overlays {
            regions: self.has(Overlay::Regions).then(|| motion.activity(frame)),
            wireframe: self.has(Overlay::Wireframe),
            axes: self.has(Overlay::Axes),
            trail: self.has(Overlay::Trail).then(|| motion.trail(frame)),
            ..Overlays::default()
        };
        if self.has(Overlay::Movement) {
            overlays.heat = heat(None);
        }
        for (overlay, other) in [(Overlay::Difference, beside.real), (Overlay::Chosen, beside.chosen)] {
            if let (true, Some(other)) = (self.has(overlay), other) {
                overlays.heat = heat(Some(other.weights));
            }
        }
        if let (true, Some(expression)) = (beside.outlined, beside.real) {
            overlays = overlays.with_ghost(Ghost { expression, tint: [1.0, 1.0, 1.0], alpha: 0.55 });
        }
        if self.has(Overlay::Onion) {
            let recent: Vec<Expression> = (1..=3)
                .filter_map(|k| frame.checked_sub(k * ONION_STEP))
                .map(|frame| motion.at(frame))
                .collect();
            overlays = overlays.with_onion(&recent, [0.55, 0.75, 1.0]);
        }
        look.with(overlays)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_colouring_at_a_time_and_a_second_press_turns_it_off() {
        let mut shown = Shown::default();
        shown.toggle(Overlay::Movement);
        shown.toggle(Overlay::Axes);
        shown.toggle(Overlay::Regions);
        assert!(shown.has(Overlay::Regions) && shown.has(Overlay::Axes) && !shown.has(Overlay::Movement));
        shown.toggle(Overlay::Regions);
        shown.toggle(Overlay::Axes);
        assert!(!shown.any());
    }

    #[test]
    fn a_trail_is_as_long_as_there_are_frames_before_and_at_most_a_second() {
        let frames = (0..60).map(|i| Expression::default().posed(0.0, 0.01 * i as f32, 0.0)).collect();
        let motion = Motion::of_frames(clips::arkit::FaceSource::Coefficients, frames);
        let mut shown = Shown::default();
        shown.toggle(Overlay::Trail);
        let trail =
            |frame| shown.look(Theme::Dark, &motion, frame, &Beside::default()).overlays.trail.unwrap();
        let lengths = [0, 10, 24, 25, 59].map(|frame| trail(frame).points().len());
        assert_eq!(lengths, [1, 11, 25, 25, 25]);
        // the newest point is where the head points now: farther to its left than a second before
        let points = trail(59).points().to_vec();
        assert!(points[0][0] > points[24][0] + 1.0, "{points:?}");
    }

    #[test]
    fn a_difference_needs_its_other_face() {
        let motion = Motion::of_frames(clips::arkit::FaceSource::Coefficients, Vec::new());
        let real = Some(Expression::default().with(&[("jawOpen", 0.5)]));
        let chosen = Some(Expression::default().with(&[("browInnerUp", 0.5)]));
        let against = |overlay, beside| {
            let mut shown = Shown::default();
            shown.toggle(overlay);
            shown.look(Theme::Dark, &motion, 0, &beside).overlays.heat.map(|heat| heat.against)
        };
        let both = Beside { real, chosen, outlined: false };
        for (overlay, other) in [(Overlay::Difference, real), (Overlay::Chosen, chosen)] {
            assert_eq!(against(overlay, both), Some(other.map(|other| other.weights)));
            assert_eq!(against(overlay, Beside::default()), None);
        }
        assert_eq!(against(Overlay::Difference, Beside { real: None, ..both }), None);
        assert_eq!(against(Overlay::Chosen, Beside { chosen: None, ..both }), None);
    }
}
