//! The window of Backchannel: a speaker, the real listener and every latent's reaction on one cursor.
//!
//! Start reading at [`state`] (what is known), [`commands`] (what can be done), [`act`] (the one place that does
//! it) and [`app`] (one frame of the window, which [`window`] opens). Each part of the screen is a file in
//! [`panels`]; small parts that know no data are in [`widgets`]. What this crate is not: it computes no reactions,
//! decodes no files and draws no triangles of a face; it calls the crates that do, on workers.

pub mod act;
pub mod act_evaluate;
pub mod act_explore;
pub mod act_face;
pub mod act_lane;
pub mod act_settings;
pub mod act_train;
pub mod app;
pub mod cameras;
mod canvas;
pub mod commands;
pub mod desk;
pub mod dialogs;
pub mod evaluate;
pub mod explore;
pub mod faces;
pub mod figure;
pub mod jobs;
pub mod lane;
pub mod library;
pub mod motion;
pub mod overlay;
mod painter;
pub mod panels;
pub mod people;
pub mod playback;
pub mod scenes;
pub mod scoring;
pub mod settings;
pub mod sheets;
pub mod signature;
pub mod sliders;
pub mod state;
#[cfg(test)]
mod testing;
pub mod text;
pub mod theme;
pub mod tracks;
pub mod train;
pub mod video;
pub mod widgets;
pub mod window;
pub mod work;

use std::path::PathBuf;

pub use app::Studio;
pub use theme::Theme;
pub use window::{EXIT_AFTER_FIRST_FRAME, Shell, run};

/// What to open a window with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Sounds, predictions, checkpoints, corpus folders; nothing opens the built-in demo.
    pub open: Vec<PathBuf>,
    /// Where it is kept how the window looks; nowhere by default, and every window opens as new.
    pub settings: Option<PathBuf>,
}
