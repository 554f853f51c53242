//! The window around the studio, by eframe: opening it, closing it, and opening it again when its graphics device is lost.
//!
//! A device is lost when a driver is updated or restarts, when a laptop changes its card, or when a machine wakes. Everything
//! eframe painted with it is gone then, and it cannot paint on with another one. So the window closes, hands over the
//! studio, and a new one opens around it ([`Studio::move_in`]): what was loaded, chosen and running goes on.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clips::{Fault, FaultKind, Result};
use egui::Ui;
use egui_wgpu::wgpu;
use media::Transport;

use crate::state::{Message, Severity};
use crate::{Options, Studio, text};

/// When this variable is set the window closes after its first frame; start time is measured with it.
pub const EXIT_AFTER_FIRST_FRAME: &str = "BACKCHANNEL_EXIT_AFTER_FIRST_FRAME";
/// When this variable is a number, the first window destroys its device at that frame, as if the driver had restarted.
pub const LOSE_DEVICE_AT_FRAME: &str = "BACKCHANNEL_LOSE_DEVICE_AT_FRAME";

/// Devices that may be lost before the program gives up: a driver that loses every device would open windows for ever.
const MOST_LOSSES: u32 = 5;

const NO_DISPLAY: &str = "run it where DISPLAY or WAYLAND_DISPLAY is set; every other command, and `backchannel \
                          screenshot`, works without a display";

/// Whether the painter of the window adds noise against steps in gradients. There are none: colours are flat, and faces
/// and tracks are pictures of whole levels. A software driver pays for it in every pixel.
pub(crate) const DITHERING: bool = false;

/// What a window that lost its device hands to the next one.
type Kept = Rc<RefCell<Option<Studio>>>;

/// Opens the window and returns when it is closed.
///
/// # Errors
/// [`FaultKind::Unsupported`] when there is no display or no graphics driver, with what to install, and when the driver
/// loses one device after the other.
pub fn run(options: &Options) -> Result<()> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !set("DISPLAY") && !set("WAYLAND_DISPLAY") {
        return Err(Fault::new(FaultKind::Unsupported, "", "there is no display to open a window on")
            .remedy(NO_DISPLAY));
    }
    let kept = Kept::default();
    for losses in 0..=MOST_LOSSES {
        let handed = kept.clone();
        let created = Box::new(move |creation: &eframe::CreationContext<'_>| {
            Ok(Box::new(Shell::new(creation, options, handed, losses)) as Box<dyn eframe::App>)
        });
        eframe::run_native("Backchannel", native(), created).map_err(|error| unopened(&error.to_string()))?;
        if kept.borrow().is_none() {
            return Ok(());
        }
    }
    Err(Fault::new(
        FaultKind::Unsupported,
        "",
        format!("the graphics device was lost {} times in this session", MOST_LOSSES + 1),
    )
    .remedy("restart the machine or update its graphics driver; every other command works without one"))
}

fn native() -> eframe::NativeOptions {
    eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Backchannel")
            .with_app_id("backchannel")
            .with_inner_size([1440.0, 900.0])
            .with_min_inner_size([760.0, 480.0])
            .with_drag_and_drop(true),
        renderer: eframe::Renderer::Wgpu,
        centered: true,
        persist_window: true,
        wgpu_options: egui_wgpu::WgpuConfiguration {
            wgpu_setup: gpu_setup(),
            ..egui_wgpu::WgpuConfiguration::default()
        },
        dithering: DITHERING,
        ..eframe::NativeOptions::default()
    }
}

fn unopened(what: &str) -> Fault {
    let lower = what.to_lowercase();
    let remedy = if lower.contains("adapter") || lower.contains("surface") {
        "install a graphics driver; on Debian or Ubuntu: libvulkan1 mesa-vulkan-drivers"
    } else {
        NO_DISPLAY
    };
    Fault::new(FaultKind::Unsupported, "", format!("the window cannot be opened: {what}")).remedy(remedy)
}

/// The device's own limits instead of the smallest common ones, so that faces are morphed on the device.
pub(crate) fn gpu_setup() -> egui_wgpu::WgpuSetup {
    let mut setup = egui_wgpu::WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(|adapter| wgpu::DeviceDescriptor {
        label: Some("studio"),
        required_limits: adapter.limits(),
        ..Default::default()
    });
    egui_wgpu::WgpuSetup::CreateNew(setup)
}

/// The eframe shell: hands frames to the studio.
pub struct Shell {
    /// What is shown.
    pub studio: Studio,
    kept: Kept,
    /// The device of the window, to lose it on purpose at a frame.
    losing: Option<(u32, wgpu::Device)>,
    lost: Arc<AtomicBool>,
    handed_over: bool,
    exit_after_first_frame: bool,
    frames: u32,
}

impl Shell {
    /// The shell around a new studio, or around the one that a lost window handed over.
    fn new(creation: &eframe::CreationContext<'_>, options: &Options, kept: Kept, losses: u32) -> Self {
        let (ctx, gpu) = (&creation.egui_ctx, creation.wgpu_render_state.clone());
        let handed = kept.borrow_mut().take();
        let studio = handed.map_or_else(
            || {
                let mut studio = Studio::new(ctx, gpu.clone(), options, Transport::new());
                // Runs that wait get their turn, whatever screen is shown.
                studio.follow_runs(ctx);
                studio
            },
            |mut studio| {
                studio.move_in(ctx, gpu.clone());
                studio.tell(Message {
                    severity: Severity::Warning,
                    about: text::label::GRAPHICS.to_owned(),
                    what: text::DEVICE_LOST.to_owned(),
                    remedy: text::DEVICE_LOST_REMEDY.to_owned(),
                    at: 0.0,
                    floating: true,
                });
                studio
            },
        );
        let mut shell = Self::around(studio);
        shell.kept = kept;
        if let Some(gpu) = gpu {
            let (lost, ctx) = (shell.lost.clone(), ctx.clone());
            // also when nothing moves; a window that is closed has nobody left to listen
            gpu.device.set_device_lost_callback(move |_, _| {
                lost.store(true, Ordering::Relaxed);
                ctx.request_repaint();
            });
            // whatever is asked of a lost device is an error; any other error is a fault of ours
            let lost = shell.lost.clone();
            #[expect(clippy::panic, reason = "as wgpu does where nobody listens")]
            gpu.device.on_uncaptured_error(Arc::new(move |error| {
                if !lost.load(Ordering::Relaxed) {
                    panic!("{error}");
                }
            }));
            let at = std::env::var(LOSE_DEVICE_AT_FRAME).ok().and_then(|frame| frame.parse().ok());
            shell.losing = at.filter(|_| losses == 0).map(|at| (at, gpu.device.clone()));
        }
        shell
    }

    /// The shell around a studio.
    pub fn around(studio: Studio) -> Self {
        Self {
            studio,
            kept: Kept::default(),
            losing: None,
            lost: Arc::default(),
            handed_over: false,
            exit_after_first_frame: std::env::var_os(EXIT_AFTER_FIRST_FRAME).is_some(),
            frames: 0,
        }
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Puts the studio aside for the next window and closes this one, with nothing on it that a lost device would paint.
    fn hand_over(&mut self, ctx: &egui::Context) {
        ctx.graphics_mut(|graphics| *graphics = egui::layers::GraphicLayers::default());
        if !self.handed_over {
            let empty = Studio::bare(ctx, None, Transport::manual());
            self.kept.replace(Some(std::mem::replace(&mut self.studio, empty)));
            self.handed_over = true;
        }
        ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        ctx.request_repaint();
    }
}

impl eframe::App for Shell {
    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        self.frames += 1;
        if let Some((_, device)) = self.losing.take_if(|(at, _)| self.frames >= *at) {
            device.destroy();
            // once nothing is under way on it, who waits for the device is told of its end
            let _ = device.poll(wgpu::PollType::wait_indefinitely());
        }
        if !self.is_lost() {
            // a device that goes in the middle of a frame makes its painter panic
            let drawn = catch_unwind(AssertUnwindSafe(|| self.studio.ui(ui)));
            if let (Err(panic), false) = (drawn, self.is_lost()) {
                resume_unwind(panic);
            }
        }
        if self.is_lost() {
            return self.hand_over(ui.ctx());
        }
        if self.exit_after_first_frame && self.losing.is_none() {
            // The second call comes after the first frame was shown.
            if self.frames > 1 {
                ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
            }
            ui.ctx().request_repaint();
        }
    }

    fn clear_color(&self, _: &egui::Visuals) -> [f32; 4] {
        self.studio.ground()
    }

    fn on_exit(&mut self) {
        self.studio.keep_settings_now();
        self.studio.jobs.stop_all();
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}
