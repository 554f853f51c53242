//! Sound and film: the transport that owns time, waveform peaks, readers of video, writers of films.
//!
//! Start reading at [`transport`] (play, pause, seek, loop, rate: everything that moves the shown frame), then
//! [`playhead`] (the law of motion that every clock obeys); for video at [`video`]. What this crate is not: it decodes
//! no sound (that is `speech`), draws nothing and knows no window. It alone knows the sound device, behind the feature
//! `sound`, and the video decoder, behind `h264`.

pub mod clock;
#[cfg(feature = "sound")]
mod device;
pub mod drift;
pub mod film;
pub mod peaks;
pub mod playhead;
pub mod sound;
pub mod transport;
pub mod video;

pub use clock::ClockKind;
pub use drift::wall_clock_drift_frames;
pub use film::Film;
pub use peaks::Peaks;
pub use transport::Transport;
pub use video::{Picture, Reel, Video, VideoSource};

/// Name of the default sound device, for a report on this machine. Asks the system and may take a moment: not for
/// the interface thread.
///
/// # Errors
/// [`FaultKind::Unsupported`](clips::FaultKind::Unsupported) when there is none or the program was built without
/// the feature `sound`.
pub fn sound_device() -> clips::Result<String> {
    #[cfg(feature = "sound")]
    return device::name();
    #[cfg(not(feature = "sound"))]
    Err(clips::Fault::new(clips::FaultKind::Unsupported, "", "this program was built without sound"))
}
