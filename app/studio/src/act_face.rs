//! Carries out what is asked in the Face workspace.

use clips::pose::HeadPose;
use egui::Context;

use crate::app::Studio;
use crate::sliders::Do;
use crate::state::{Message, Severity, Workspace};
use crate::text;

impl Studio {
    /// One command of the workspace.
    pub(crate) fn setting_face(&mut self, ctx: &Context, what: Do) {
        match what {
            Do::TakeOver => {
                if self.take_over() {
                    self.show(ctx, Workspace::Face);
                }
            }
            Do::Copy => {
                ctx.copy_text(self.state.sliders.command());
                self.tell(Message {
                    severity: Severity::Note,
                    about: what.text().to_owned(),
                    what: text::COPIED_COMMAND.to_owned(),
                    remedy: String::new(),
                    at: ctx.input(|input| input.time),
                    floating: true,
                });
            }
            _ => self.state.sliders.set(what),
        }
    }

    /// The face of the chosen reaction at the playhead; false where there is none.
    fn take_over(&mut self) -> bool {
        let Some(reaction) = self.state.chosen().and_then(|index| self.state.reactions.all.get(index)) else {
            return false;
        };
        let frame = self.playback.frame();
        let shown = reaction.motion.at(frame);
        let pose = HeadPose {
            pitch: shown.pose.pitch,
            yaw: shown.pose.yaw,
            roll: shown.pose.roll,
            translation_cm: shown.pose.translation_cm,
        };
        self.state.sliders.remember();
        let dials = &mut self.state.sliders.dials;
        dials.take_over(reaction.take.attributes.get(frame), &shown.weights, &pose);
        dials.source = reaction.motion.source;
        true
    }
}
