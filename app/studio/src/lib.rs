//! The window of Backchannel: a speaker, the real listener and every latent's reaction on one cursor.
//!
//! Start reading at [`state`] (what is known), [`commands`] (what can be done), [`act`] (the one place that does
//! it) and [`app`] (one frame of the window). Each part of the screen is a file in [`panels`]; small parts that
//! know no data are in [`widgets`]. What this crate is not: it computes no reactions, decodes no files and draws
//! no triangles of a face; it calls the crates that do, on workers.

pub mod act;
pub mod act_evaluate;
pub mod act_explore;
pub mod act_face;
pub mod act_lane;
pub mod act_train;
pub mod app;
pub mod cameras;
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
pub mod panels;
pub mod people;
pub mod playback;
pub mod scenes;
pub mod scoring;
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
pub mod work;

use std::path::PathBuf;

use clips::{Fault, FaultKind, Result};

pub use app::Studio;
pub use theme::Theme;

/// When this variable is set the window closes after its first frame; start time is measured with it.
pub const EXIT_AFTER_FIRST_FRAME: &str = "BACKCHANNEL_EXIT_AFTER_FIRST_FRAME";

const NO_DISPLAY: &str = "run it where DISPLAY or WAYLAND_DISPLAY is set; every other command, and `backchannel \
                          screenshot`, works without a display";

/// What to open a window with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Sounds, predictions, checkpoints, corpus folders; nothing opens the built-in demo.
    pub open: Vec<PathBuf>,
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// [`FaultKind::Unsupported`] when there is no display or no graphics driver, with what to install.
pub fn run(options: Options) -> Result<()> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !set("DISPLAY") && !set("WAYLAND_DISPLAY") {
        return Err(Fault::new(FaultKind::Unsupported, "", "there is no display to open a window on")
            .remedy(NO_DISPLAY));
    }
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Backchannel")
            .with_app_id("backchannel")
            .with_inner_size([1440.0, 900.0])
            .with_min_inner_size([760.0, 480.0])
            .with_drag_and_drop(true),
        renderer: eframe::Renderer::Wgpu,
        centered: true,
        persist_window: true,
        wgpu_options: gpu_options(),
        dithering: DITHERING,
        ..eframe::NativeOptions::default()
    };
    let created = Box::new(move |creation: &eframe::CreationContext<'_>| {
        Ok(Box::new(app::Shell::new(creation, &options)) as Box<dyn eframe::App>)
    });
    eframe::run_native("Backchannel", native, created).map_err(|error| {
        let what = error.to_string();
        let remedy = if what.to_lowercase().contains("adapter") || what.to_lowercase().contains("surface") {
            "install a graphics driver; on Debian or Ubuntu: libvulkan1 mesa-vulkan-drivers"
        } else {
            NO_DISPLAY
        };
        Fault::new(FaultKind::Unsupported, "", format!("the window cannot be opened: {what}")).remedy(remedy)
    })
}

/// Whether the painter of the window adds noise against steps in gradients. There are none: colours are flat, and faces
/// and tracks are pictures of whole levels. A software driver pays for it in every pixel.
const DITHERING: bool = false;

/// The device's own limits instead of the smallest common ones, so that faces are morphed on the device.
fn gpu_options() -> egui_wgpu::WgpuConfiguration {
    egui_wgpu::WgpuConfiguration { wgpu_setup: gpu_setup(), ..egui_wgpu::WgpuConfiguration::default() }
}

fn gpu_setup() -> egui_wgpu::WgpuSetup {
    let mut setup = egui_wgpu::WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = std::sync::Arc::new(|adapter| egui_wgpu::wgpu::DeviceDescriptor {
        label: Some("studio"),
        required_limits: adapter.limits(),
        ..Default::default()
    });
    egui_wgpu::WgpuSetup::CreateNew(setup)
}
