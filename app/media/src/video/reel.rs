//! A video on a thread of its own: a window says which frame it wants and takes the newest picture there is.
//!
//! Wishes are a slot, not a queue: a newer one replaces the one before, and decoding changes its course between two
//! pictures. When the wanted picture is there, the worker goes on with those that will be wanted next, and rests when
//! nothing is left to do.

use std::any::Any;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use clips::{Fault, FaultKind, Result};

use super::guard::guarded;
use super::{Picture, Video, VideoSource};

/// What is known of a video once it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct ReelInfo {
    /// Frames of 25 a second.
    pub frames: usize,
    /// Pixels across and down.
    pub size: [u32; 2],
    /// Pictures a second.
    pub rate: f64,
    /// The codec, for people.
    pub codec: String,
}

/// A video that is decoded by a worker. Dropping it ends the worker after the picture it is at.
#[derive(Debug)]
pub struct Reel {
    source: VideoSource,
    shared: Arc<Shared>,
    /// What the worker calls while this is there.
    _woken: Arc<dyn Any + Send + Sync>,
}

#[derive(Debug, Default)]
struct Shared {
    slots: Mutex<Slots>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Slots {
    wanted: Option<u32>,
    stop: bool,
    latest: Option<(u32, Arc<Picture>)>,
    info: Option<ReelInfo>,
    faults: Vec<Fault>,
    failure: Option<Fault>,
}

impl Shared {
    /// Locks are held for a few copies only, and no code of others runs under them.
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reel {
    /// Starts a worker that opens the video. `wake` is called from the worker whenever there is something new to see; it is
    /// dropped with the reel, and not by a worker that may outlive the window.
    pub fn open(source: VideoSource, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let woken = Arc::new(wake);
        let weak = Arc::downgrade(&woken);
        let wake = move || {
            if let Some(wake) = weak.upgrade() {
                wake();
            }
        };
        let (of_worker, path) = (Arc::clone(&shared), source.clone());
        let work = move || {
            let failure = match guarded(|| run(&of_worker, &path, &wake)) {
                Ok(Ok(())) => return,
                Ok(Err(fault)) => fault,
                Err(panic) => {
                    let detail = format!("the video worker failed: {panic}");
                    Fault::new(FaultKind::Internal, path.path(), detail).remedy(super::CONVERT)
                }
            };
            of_worker.slots().failure = Some(failure);
            wake();
        };
        let started = std::thread::Builder::new().name("video".into()).spawn(work);
        if let Err(error) = started {
            shared.slots().failure = Some(Fault::io(source.path(), &error));
        }
        Self { source, shared, _woken: woken }
    }

    /// Where the video is.
    pub fn source(&self) -> &VideoSource {
        &self.source
    }

    /// Says which frame is to be shown; never waits. The wish before is dropped if it was not granted yet.
    pub fn want(&self, frame: u32) {
        let mut slots = self.shared.slots();
        if slots.wanted != Some(frame) {
            slots.wanted = Some(frame);
            drop(slots);
            self.shared.bell.notify_one();
        }
    }

    /// The newest picture and the frame it was asked for; never waits. After a far seek it may be a smaller picture of
    /// the right frame for a moment, until the whole one is decoded.
    pub fn latest(&self) -> Option<(u32, Arc<Picture>)> {
        self.shared.slots().latest.clone()
    }

    /// What the video is, once it is open.
    pub fn info(&self) -> Option<ReelInfo> {
        self.shared.slots().info.clone()
    }

    /// Pictures that are missing or damaged; the video goes on.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.slots().faults.clone()
    }

    /// Why there is no video at all, or no more of it.
    pub fn failure(&self) -> Option<Fault> {
        self.shared.slots().failure.clone()
    }
}

impl Drop for Reel {
    fn drop(&mut self) {
        self.shared.slots().stop = true;
        self.shared.bell.notify_one();
    }
}

fn run(shared: &Shared, source: &VideoSource, wake: &impl Fn()) -> Result<()> {
    let mut video = Video::open(source)?;
    {
        let mut slots = shared.slots();
        let (size, rate, codec) = (video.size(), video.rate(), video.codec().to_owned());
        slots.info = Some(ReelInfo { frames: video.frames(), size, rate, codec });
        slots.faults = video.faults().to_vec();
    }
    wake();
    let mut known_faults = video.faults().len();
    // What was published last: the frame, and whether as a whole picture.
    let mut shown = None;
    let mut resting_at = None;
    loop {
        let Some(wanted) = next_wish(shared, resting_at) else { return Ok(()) };
        resting_at = None;
        let frame = wanted as usize;
        if shown != Some((wanted, true)) {
            if let Some((picture, whole)) = video.at_hand(frame)
                && shown != Some((wanted, whole))
            {
                shown = Some((wanted, whole));
                shared.slots().latest = Some((wanted, picture));
                wake();
            }
            if shown != Some((wanted, true)) {
                video.approach(frame)?;
            }
        } else if !video.ahead(frame)? {
            resting_at = Some(wanted);
        }
        if video.faults().len() != known_faults {
            known_faults = video.faults().len();
            shared.slots().faults = video.faults().to_vec();
            wake();
        }
    }
}

/// The frame that is wanted now; waits while there is none, or none but the one that all is done for. `None` to stop.
fn next_wish(shared: &Shared, resting_at: Option<u32>) -> Option<u32> {
    let mut slots = shared.slots();
    loop {
        if slots.stop {
            return None;
        }
        match slots.wanted {
            Some(wanted) if resting_at != Some(wanted) => return Some(wanted),
            _ => slots = shared.bell.wait(slots).unwrap_or_else(PoisonError::into_inner),
        }
    }
}
