//! The parts of the screen, one file each. A panel draws from a [`crate::desk::Desk`] and leaves commands on it.

pub mod check;
pub mod clip_list;
pub mod evaluate;
pub mod face_view;
pub mod help;
pub mod inspector;
pub mod job_button;
pub mod lanes;
pub mod latents;
pub mod messages;
pub mod palette;
pub mod pictures;
pub mod present;
pub mod sliders;
pub mod sound_tracks;
pub mod status;
pub mod top_bar;
pub mod tracks;
pub mod train;
pub mod transport;
pub mod wall;
