//! Videos of the people as textures of the window: a reel (worker) for each tile that shows one, and one texture that
//! takes its newest picture. A picture goes to the device once, when it is another one.
//!
//! A reel lives as long as its tile shows it; a tile that asks for another video gets another reel.

use std::collections::HashMap;
use std::sync::Arc;

use clips::Fault;
use egui::{ColorImage, Context, TextureHandle, TextureId, TextureOptions};
use media::{Picture, Reel, VideoSource};

use crate::faces::Seat;

/// Window frames after which a video that nobody looks at is closed.
const FORGET_AFTER: u64 = 240;

struct Showing {
    reel: Reel,
    texture: Option<TextureHandle>,
    /// What the texture holds, and the frame that it was asked for.
    shown: Option<(u32, Arc<Picture>)>,
    /// Window frame in which it was last asked for.
    seen: u64,
    faults_told: usize,
    failure_told: bool,
}

/// What a tile can show of a video.
#[derive(Debug, Clone, PartialEq)]
pub enum Sight {
    /// The newest picture, with its size in pixels.
    Picture(TextureId, [usize; 2]),
    /// It is being opened.
    Coming,
    /// There is no video to see, and why.
    Failed(Fault),
}

/// All videos of a window.
#[derive(Default)]
pub struct Videos {
    showing: HashMap<Seat, Showing>,
    round: u64,
}

impl Videos {
    /// Begins a window frame: closes videos that have not been seen for some time.
    pub fn begin(&mut self) {
        self.round += 1;
        let round = self.round;
        self.showing.retain(|_, showing| round - showing.seen < FORGET_AFTER);
    }

    /// Asks for a frame of a tile's video and gives what there is; never waits. The window is woken when there is more.
    pub fn sight(&mut self, ctx: &Context, seat: Seat, source: &VideoSource, frame: usize) -> Sight {
        if self.showing.get(&seat).is_some_and(|showing| showing.reel.source() != source) {
            self.showing.remove(&seat);
        }
        let round = self.round;
        let showing = self.showing.entry(seat).or_insert_with(|| {
            let waker = ctx.clone();
            let reel = Reel::open(source.clone(), move || waker.request_repaint());
            Showing { reel, texture: None, shown: None, seen: round, faults_told: 0, failure_told: false }
        });
        showing.seen = round;
        showing.reel.want(u32::try_from(frame).unwrap_or(u32::MAX));
        if let Some((frame, picture)) = showing.reel.latest() {
            let same = showing.shown.as_ref().is_some_and(|(_, shown)| Arc::ptr_eq(shown, &picture));
            if !same {
                let size = [picture.width as usize, picture.height as usize];
                let image = ColorImage::from_rgba_unmultiplied(size, &picture.rgba);
                match &mut showing.texture {
                    Some(texture) => texture.set(image, TextureOptions::LINEAR),
                    None => {
                        let name = format!("video of {seat:?}");
                        showing.texture = Some(ctx.load_texture(name, image, TextureOptions::LINEAR));
                    }
                }
            }
            showing.shown = Some((frame, picture));
        }
        match (&showing.texture, showing.reel.failure()) {
            (_, Some(fault)) => Sight::Failed(fault),
            (Some(texture), None) => Sight::Picture(texture.id(), texture.size()),
            (None, None) => Sight::Coming,
        }
    }

    /// The codec of a tile's video, once it is open.
    pub fn codec(&self, seat: Seat) -> Option<String> {
        self.showing.get(&seat)?.reel.info().map(|info| info.codec)
    }

    /// The frame whose picture a tile shows.
    pub fn frame(&self, seat: Seat) -> Option<u32> {
        self.showing.get(&seat)?.shown.as_ref().map(|(frame, _)| *frame)
    }

    /// What is wrong with the videos and was not told yet.
    pub fn news(&mut self) -> Vec<Fault> {
        let mut news = Vec::new();
        for showing in self.showing.values_mut() {
            let faults = showing.reel.faults();
            news.extend(faults.iter().skip(showing.faults_told).cloned());
            showing.faults_told = faults.len();
            if !showing.failure_told
                && let Some(fault) = showing.reel.failure()
            {
                showing.failure_told = true;
                // One that was a fault before it ended the video has been told.
                if !faults.contains(&fault) {
                    news.push(fault);
                }
            }
        }
        news
    }
}
