//! The real studio drawn off-screen: for `backchannel screenshot`, the pictures of the README, and the cost of a
//! frame. No window, no display; a graphics driver (a software one will do) is needed.

use std::path::Path;
use std::time::{Duration, Instant};

use clips::time::FRAMES_PER_SECOND;
use clips::{Control, Fault, FaultKind, Result, Streams};
use egui::{Context, Pos2, RawInput, Rect, vec2};
use egui_wgpu::{RenderState, RendererOptions, ScreenDescriptor, wgpu};
use media::Transport;

use crate::commands::Command;
use crate::jobs::Slot;
use crate::library::ClipKey;
use crate::state::{Clip, Reactions};
use crate::theme::Theme;
use crate::tracks::Track;
use crate::work::{self, Made};
use crate::{Options, Studio};

/// Brings a stage into the state of a scene.
type Prepare = fn(&mut Stage) -> Result<()>;

/// What can be drawn, with the state it shows.
const SCENES: [(&str, Prepare); 15] = [
    ("compare", compare),
    ("compare-empty", |_| Ok(())),
    ("compare-loading", compare_loading),
    ("compare-sound-only", compare_sound_only),
    ("compare-sixteen", compare_sixteen),
    ("compare-fault", compare_fault),
    ("compare-hover", compare_hover),
    ("compare-zoom", compare_zoom),
    ("compare-video", compare_video),
    ("present", |stage| present(stage, false)),
    ("present-one", |stage| present(stage, true)),
    ("palette", |stage| over(stage, Command::Palette)),
    ("help", |stage| over(stage, Command::Help)),
    ("messages", messages),
    ("check", check),
];

/// Where scenes stand: inside their loop, where the reactions differ most.
const LOOP: (usize, usize) = (205, 390);
/// Longest wait for workers.
const PATIENCE: Duration = Duration::from_secs(240);

/// Names of all scenes.
pub fn list() -> Vec<&'static str> {
    SCENES.iter().map(|(name, _)| *name).collect()
}

/// Draws a scene into a PNG file.
///
/// # Errors
/// [`FaultKind::BadRequest`] for an unknown scene, [`FaultKind::Unsupported`] without a graphics driver,
/// [`FaultKind::NotWritable`] when the file cannot be written; and what the demo's workers say.
pub fn screenshot(scene: &str, size: [u32; 2], theme: Theme, out: &Path) -> Result<()> {
    let Some((_, prepare)) = SCENES.iter().find(|(name, _)| *name == scene) else {
        return Err(Fault::new(FaultKind::BadRequest, "", format!("there is no scene {scene}"))
            .remedy(format!("choose from: {}", list().join(", "))));
    };
    let mut stage = Stage::new(size, theme)?;
    prepare(&mut stage)?;
    // Panels need a few frames to find their sizes and to draw the last faces.
    for _ in 0..4 {
        stage.frame();
    }
    stage.picture(out)
}

/// Cost of a window frame on the interface thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameCost {
    /// Half of the frames cost less, in milliseconds.
    pub median_ms: f64,
    /// 95 of 100 frames cost less, in milliseconds.
    pub p95_ms: f64,
    /// Frames measured.
    pub frames: usize,
    /// The device is a program on the processor. What it does with the faces is then counted as the device's, as it
    /// would be on a real one.
    pub software_device: bool,
}

/// Measures our own share of `frames` frames of a playing Compare screen with 8 faces, speaker and listener and 12
/// tracks: everything between the begin and the end of the user interface code, without painting the window. With a
/// software device the drawing of faces is left out, because there it runs on the same processor.
///
/// # Errors
/// As [`screenshot`].
pub fn frame_cost(frames: usize) -> Result<FrameCost> {
    let mut stage = Stage::new([1440, 900], Theme::Dark)?;
    compare(&mut stage)?;
    stage.studio.playback.set_loop(None);
    let software_device = stage.studio.faces.software();
    for track in Track::all().filter(|track| matches!(track, Track::Attribute(_))) {
        if stage.studio.state.tracks.len() < 12 {
            stage.act(Command::AddTrack(track));
        }
    }
    for _ in 0..8 {
        stage.frame();
    }
    if software_device {
        // Every picture waits for a later frame that never comes; all the rest of the work is done.
        stage.studio.faces.hold(true);
    }
    let mut costs: Vec<f64> = (0..frames.max(1))
        .map(|step| {
            stage.studio.playback.seek(step % stage.studio.state.frames().max(1));
            stage.frame();
            // What the device still has to draw is not ours to wait for, nor to be slowed down by.
            stage.wait();
            stage.spent.as_secs_f64() * 1e3
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    let at = |share: f64| costs[((costs.len() - 1) as f64 * share).round() as usize];
    Ok(FrameCost { median_ms: at(0.5), p95_ms: at(0.95), frames: costs.len(), software_device })
}

/// A studio and what draws it.
struct Stage {
    ctx: Context,
    gpu: RenderState,
    studio: Studio,
    size: [u32; 2],
    seconds: f64,
    pointer: Option<Pos2>,
    shapes: Vec<egui::epaint::ClippedShape>,
    /// Time spent in the studio's own code in the last frame.
    spent: Duration,
}

impl Stage {
    fn new(size: [u32; 2], theme: Theme) -> Result<Self> {
        let gpu = gpu()?;
        let ctx = Context::default();
        let mut studio = Studio::bare(&ctx, Some(gpu.clone()), Transport::manual());
        studio.face_budget = None;
        studio.state.theme = theme;
        crate::theme::apply(&ctx, theme);
        let mut stage = Self {
            ctx,
            gpu,
            studio,
            size,
            seconds: 0.0,
            pointer: None,
            shapes: Vec::new(),
            spent: Duration::ZERO,
        };
        stage.settle()?;
        Ok(stage)
    }

    fn act(&mut self, command: Command) {
        self.studio.act(&self.ctx, command);
    }

    /// One frame, 40 ms later.
    fn frame(&mut self) {
        self.seconds += 1.0 / f64::from(FRAMES_PER_SECOND);
        let screen = Rect::from_min_size(Pos2::ZERO, vec2(self.size[0] as f32, self.size[1] as f32));
        let mut input =
            RawInput { screen_rect: Some(screen), time: Some(self.seconds), ..RawInput::default() };
        if let Some(at) = self.pointer {
            input.events.push(egui::Event::PointerMoved(at));
        }
        let studio = &mut self.studio;
        let mut spent = Duration::ZERO;
        let mut output = self.ctx.run_ui(input, |ui| {
            let begun = Instant::now();
            studio.ui(ui);
            spent += begun.elapsed();
        });
        self.spent = spent;
        let mut renderer = self.gpu.renderer.write();
        for (id, images) in output.textures_delta.set.drain() {
            for image in images {
                renderer.update_texture(&self.gpu.device, &self.gpu.queue, id, &image);
            }
        }
        for id in output.textures_delta.free.drain() {
            renderer.free_texture(&id);
        }
        self.shapes = output.shapes;
    }

    /// Frames until no worker is busy; the first failure of a worker is the failure of the scene.
    fn settle(&mut self) -> Result<()> {
        self.wait_for_workers(true)
    }

    /// Frames until no worker is busy. In a strict scene any message is a failure.
    fn wait_for_workers(&mut self, strict: bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            self.frame();
            if let Some(message) = self.studio.state.messages.first().filter(|_| strict) {
                return Err(Fault::new(
                    FaultKind::Internal,
                    "",
                    format!("{}: {}", message.about, message.what),
                )
                .remedy(message.remedy.clone()));
            }
            if self.studio.settled() {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(Fault::new(FaultKind::Internal, "", "a worker did not answer in time"));
            }
            std::thread::sleep(Duration::from_millis(4));
        }
    }

    fn wait(&self) {
        // A lost device shows itself when the picture is read.
        let _ = self
            .gpu
            .device
            .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_secs(10)) });
    }

    /// Paints the last frame into a file.
    fn picture(&mut self, out: &Path) -> Result<()> {
        let (device, queue) = (&self.gpu.device, &self.gpu.queue);
        let [width, height] = self.size;
        let screen =
            ScreenDescriptor { pixels_per_point: self.ctx.pixels_per_point(), size_in_pixels: self.size };
        let jobs = self.ctx.tessellate(std::mem::take(&mut self.shapes), screen.pixels_per_point);
        let extent = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("scene"),
            size: extent,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: self.gpu.target_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let row = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("scene pixels"),
            size: u64::from(row) * u64::from(height),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("scene") });
        let mut renderer = self.gpu.renderer.write();
        let extra = renderer.update_buffers(device, queue, &mut encoder, &jobs, &screen);
        {
            let mut pass = encoder
                .begin_render_pass(&wgpu::RenderPassDescriptor {
                    label: Some("scene"),
                    color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                        view: &view,
                        resolve_target: None,
                        ops: wgpu::Operations {
                            load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                            store: wgpu::StoreOp::Store,
                        },
                        depth_slice: None,
                    })],
                    ..Default::default()
                })
                .forget_lifetime();
            renderer.render(&mut pass, &jobs, &screen);
        }
        drop(renderer);
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(row),
                    rows_per_image: None,
                },
            },
            extent,
        );
        queue.submit(extra.into_iter().chain([encoder.finish()]));
        let slice = buffer.slice(..);
        slice.map_async(wgpu::MapMode::Read, |_| {});
        let lost = |error: String| {
            Fault::new(FaultKind::Unsupported, "", format!("the graphics device gave no picture: {error}"))
                .remedy("update the graphics driver; on Debian or Ubuntu: mesa-vulkan-drivers")
        };
        device
            .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_secs(60)) })
            .map_err(|error| lost(error.to_string()))?;
        let bytes = slice.get_mapped_range().map_err(|error| lost(error.to_string()))?;
        let swapped = format!("{:?}", self.gpu.target_format).starts_with("Bgra");
        let mut pixels = Vec::with_capacity((width * height * 3) as usize);
        for line in bytes.chunks_exact(row as usize) {
            for pixel in line[..(width * 4) as usize].chunks_exact(4) {
                let [r, g, b] =
                    if swapped { [pixel[2], pixel[1], pixel[0]] } else { [pixel[0], pixel[1], pixel[2]] };
                pixels.extend([r, g, b]);
            }
        }
        image::save_buffer(out, &pixels, width, height, image::ExtendedColorType::Rgb8).map_err(|error| {
            Fault::new(FaultKind::NotWritable, out, error.to_string())
                .remedy("name a .png file in a folder you may write to")
        })
    }
}

/// A device for off-screen drawing.
fn gpu() -> Result<RenderState> {
    let setup = crate::gpu_setup();
    let none = |error: String| {
        Fault::new(FaultKind::Unsupported, "", format!("no graphics device: {error}"))
            .remedy("install a graphics driver, a software one will do; Debian or Ubuntu: libvulkan1 mesa-vulkan-drivers")
    };
    pollster::block_on(async {
        let instance = setup.new_instance().await;
        let configuration = egui_wgpu::WgpuConfiguration { wgpu_setup: setup, ..Default::default() };
        RenderState::create(&configuration, &instance, None, RendererOptions::PREDICTABLE)
            .await
            .map_err(|error| none(error.to_string()))
    })
}

/// The demo clip with all latents of the shipped system.
fn compare(stage: &mut Stage) -> Result<()> {
    let transport = Transport::manual();
    let gpu = stage.gpu.clone();
    let theme = stage.studio.state.theme;
    stage.studio = Studio::new(&stage.ctx, Some(gpu), &Options::default(), transport);
    stage.studio.face_budget = None;
    stage.studio.state.theme = theme;
    crate::theme::apply(&stage.ctx, theme);
    // A clip is read, then reactions are made, then the list's small pictures: each begins when the one before ends.
    for _ in 0..4 {
        stage.settle()?;
    }
    if stage.studio.state.reactions.all.is_empty() {
        return Err(Fault::new(
            FaultKind::Internal,
            "",
            "the shipped system made no reactions to the demo clip",
        ));
    }
    stage.act(Command::Loop(LOOP.0, LOOP.1));
    let frame = liveliest(&stage.studio.state.reactions);
    stage.act(Command::Seek(frame));
    Ok(())
}

/// The frame inside the loop at which the faces of the takes are farthest from their mean.
fn liveliest(reactions: &Reactions) -> usize {
    let count = reactions.all.len().max(1) as f32;
    let spread = |frame: usize| -> f32 {
        let faces: Vec<face::Expression> =
            reactions.all.iter().map(|reaction| reaction.motion.at(frame)).collect();
        (0..face::SHAPES)
            .map(|shape| {
                let mean = faces.iter().map(|face| face.weights[shape]).sum::<f32>() / count;
                faces.iter().map(|face| (face.weights[shape] - mean).powi(2)).sum::<f32>()
            })
            .sum()
    };
    (LOOP.0..LOOP.1)
        .map(|frame| (frame, spread(frame)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(LOOP.0, |best| best.0)
}

fn compare_loading(stage: &mut Stage) -> Result<()> {
    stage.studio.state.library.demos = speech::demo::clips().to_vec();
    stage.studio.state.library.refresh();
    stage.settle()?;
    stage.settle()?;
    stage.studio.state.chosen_clip = Some(ClipKey::Demo(0));
    stage.studio.jobs.start(Slot::Clip, "Reading the clip", |control| {
        while !control.stopped() {
            control.step(crate::text::STAGE_CLIP, 1, 3, "")?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Fault::cancelled())
    });
    while stage.studio.jobs.in_slot(Slot::Clip).is_some_and(|job| job.progress().is_none()) {
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// The demo clip reduced to its sound, as any opened sound file is.
fn compare_sound_only(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let state = &mut stage.studio.state;
    let Some(clip) = state.clip.take() else { return Ok(()) };
    let sound = clip.speaker.streams.sound.clone();
    let speaker = Streams { sound, ..Streams::default() };
    let clip = Clip {
        id: "interview.wav".to_owned(),
        synthetic: false,
        speaker: crate::state::Person::new(speaker),
        listener: None,
        key: ClipKey::File(0),
        ..clip
    };
    let row = state.systems[state.system].clone();
    if let Made::Reactions(reactions) = work::react(&row, &clip, &state.wishes, &Control::default())?.made {
        state.reactions = *reactions;
    }
    state.clip = Some(clip);
    state.library.files = vec!["interviews/interview.wav".into()];
    state.library.refresh();
    state.chosen_clip = Some(ClipKey::File(0));
    state.generation += 1;
    stage.studio.memory.sparklines.insert(ClipKey::File(0), None);
    stage.act(Command::BestLatent);
    let frame = liveliest(&stage.studio.state.reactions);
    stage.act(Command::Seek(frame));
    Ok(())
}

/// Sixteen latents, the most there can be: two draws of the shipped system, numbered through.
fn compare_sixteen(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let state = &mut stage.studio.state;
    let (Some(clip), Some(row)) = (&state.clip, state.systems.get(state.system)) else { return Ok(()) };
    let wishes = crate::state::Wishes { seed: 2, ..state.wishes.clone() };
    let Made::Reactions(second) = work::react(row, clip, &wishes, &Control::default())?.made else {
        return Ok(());
    };
    let count = state.reactions.all.len();
    let mut takes: Vec<clips::Take> =
        state.reactions.all.iter().map(|reaction| reaction.take.clone()).collect();
    for reaction in second.all {
        let mut take = reaction.take;
        take.header.latent = take.header.latent.map(|latent| latent + count);
        takes.push(take);
    }
    takes.truncate(16);
    rank(&mut takes);
    state.reactions = Reactions { seconds: 1.0, ..work::reactions_of(takes, &row.name) };
    state.generation += 1;
    for track in Track::all().filter(|track| matches!(track, Track::Attribute(_) | Track::Head(_))) {
        stage.act(Command::AddTrack(track));
    }
    Ok(())
}

fn rank(takes: &mut [clips::Take]) {
    let mut order: Vec<usize> = (0..takes.len()).collect();
    let score = |take: &clips::Take| take.header.rm_score.unwrap_or(f32::MIN);
    order.sort_by(|a, b| score(&takes[*b]).total_cmp(&score(&takes[*a])));
    for (rank, index) in order.into_iter().enumerate() {
        takes[index].header.rank = Some(rank + 1);
    }
}

fn compare_fault(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.act(Command::Open("recordings/interview_03.wav".into()));
    for _ in 0..200 {
        stage.frame();
        if stage.studio.settled() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn compare_hover(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let [width, height] = stage.size.map(|side| side as f32);
    stage.pointer = Some(Pos2::new(width * 0.42, height * 0.82));
    Ok(())
}

fn compare_zoom(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.act(Command::ZoomLoop);
    stage.act(Command::Latent(0));
    stage.act(Command::AddTrack(Track::Head(0)));
    Ok(())
}

/// The speaker as filmed: pictures of the demo's own face, numbered as a corpus numbers them.
fn compare_video(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let home = std::env::temp_dir().join(format!("backchannel-scene-{}", std::process::id()));
    let shown = film_speaker(stage, &home);
    // Pictures that are left behind harm nobody.
    std::fs::remove_dir_all(&home).ok();
    shown
}

/// A corpus with every fault planted, after its check.
fn check(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let home = std::env::temp_dir().join(format!("backchannel-planted-{}", std::process::id()));
    let shown = (|| {
        clips::synth::planted(&home, &Control::default())?;
        for command in [Command::Open(home.clone()), Command::CheckCorpus] {
            stage.act(command);
            for _ in 0..4 {
                // Opening tells of faults, which is what the scene is about.
                stage.wait_for_workers(false)?;
            }
        }
        Ok(())
    })();
    // Files that are left behind harm nobody.
    std::fs::remove_dir_all(&home).ok();
    stage.studio.state.messages.clear();
    shown
}

fn film_speaker(stage: &mut Stage, home: &Path) -> Result<()> {
    let lost = |error: face::FaceError| Fault::new(FaultKind::Unsupported, "", error.to_string());
    let frame = stage.studio.playback.frame();
    let Some(motion) = stage.studio.state.clip.as_ref().and_then(|clip| clip.speaker.motion.clone()) else {
        return Err(Fault::new(FaultKind::Internal, "", "the demo clip has no face"));
    };
    std::fs::create_dir_all(home).map_err(|error| Fault::write(home, &error))?;
    let painter = face::Headless::new().map_err(lost)?;
    let (camera, look) = (face::Camera::portrait(), face::Look::light());
    let mut picture = None;
    for number in 0..=frame {
        // One drawing serves for five pictures, but for those that are looked at.
        if number % 5 == 0 || number + 5 > frame {
            picture = Some(painter.picture(&motion.at(number), &camera, &look, 256, 256).map_err(lost)?);
        }
        if let Some(picture) = &picture {
            let file = home.join(format!("{}.png", number + 1));
            media::film::write_png(file, picture.width, picture.height, &picture.rgba)?;
        }
    }
    if let Some(clip) = &mut stage.studio.state.clip {
        clip.speaker.video = Some(media::VideoSource::Frames(home.to_owned()));
    }
    stage.act(Command::SpeakerVideo);
    let begun = Instant::now();
    while stage.studio.videos.frame(crate::faces::Seat::Speaker) != Some(frame as u32) {
        stage.frame();
        if begun.elapsed() > PATIENCE {
            return Err(Fault::new(FaultKind::Internal, "", "the video did not come in time"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn present(stage: &mut Stage, one: bool) -> Result<()> {
    compare(stage)?;
    stage.act(Command::Present);
    stage.studio.state.present_one = one;
    Ok(())
}

fn over(stage: &mut Stage, command: Command) -> Result<()> {
    compare(stage)?;
    stage.act(command);
    Ok(())
}

fn messages(stage: &mut Stage) -> Result<()> {
    compare_fault(stage)?;
    stage.act(Command::Messages);
    Ok(())
}
