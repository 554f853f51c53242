//! Every picture of the test videos carries its own number; so every frame can say whether it is the right one.
//!
//! `videos/make.sh` made them, with pictures out of order (B-frames that lean on B-frames) in all of them.

#![cfg(feature = "h264")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clips::corpus::VideoFiles;
use clips::{FaultKind, Footage};
use media::video::ReelInfo;
use media::{Picture, Reel, Video, VideoSource};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/videos").join(name)
}

fn mp4(name: &str) -> VideoSource {
    VideoSource::Mp4(file(name))
}

/// Without ffmpeg, so that it is our decoder that is tested.
fn open(name: &str) -> Video {
    Video::open_with(&mp4(name), None).unwrap()
}

/// The number that a picture carries: ten bars across its top half, lowest bit left.
fn number(picture: &Picture) -> usize {
    let bar = picture.width as usize / 10;
    let row = picture.height as usize / 4 * picture.width as usize;
    let lit = |bit: &usize| picture.rgba[(row + bit * bar + bar / 2) * 4] > 127;
    (0..10).filter(lit).map(|bit| 1 << bit).sum()
}

fn numbered(number: usize) -> image::RgbImage {
    image::RgbImage::from_fn(80, 32, |x, y| {
        let lit = y < 16 && number >> (x / 8) & 1 == 1;
        image::Rgb([if lit { 255 } else { 0 }, (number % 256) as u8, y as u8])
    })
}

fn folder(numbers: impl IntoIterator<Item = usize>, name: impl Fn(usize) -> String) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for number in numbers {
        numbered(number).save(home.path().join(name(number))).unwrap();
    }
    home
}

/// Frames all over a video, in an order that jumps.
fn jumps(frames: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |n| (n * n * 7919 + n * 104_729) % frames)
}

#[test]
fn every_frame_of_a_react_clip_is_its_own_picture_in_order() {
    let mut video = open("react.mp4");
    assert_eq!((video.frames(), video.size(), video.rate()), (751, [80, 32], 25.0));
    assert_eq!(video.codec(), "H.264");
    for frame in 0..751 {
        let picture = video.frame(frame).unwrap();
        assert_eq!((picture.width, picture.height, picture.rgba.len()), (80, 32, 80 * 32 * 4));
        assert_eq!(number(&picture), frame);
    }
    assert!(video.faults().is_empty());
}

#[test]
fn every_frame_is_its_own_picture_in_any_order() {
    for name in ["react.mp4", "open-gop.mp4", "no-edit-list.mp4", "ten-bit.mp4"] {
        // One that has nothing in memory each time a seek begins, and one that remembers.
        let mut remembers = open(name);
        for frame in jumps(remembers.frames(), 40) {
            assert_eq!(number(&remembers.frame(frame).unwrap()), frame, "{name}");
        }
        for frame in jumps(remembers.frames(), 12) {
            let mut fresh = open(name);
            assert_eq!(number(&fresh.frame(frame).unwrap()), frame, "{name}, at once");
            assert!(fresh.faults().is_empty());
        }
        for frame in (0..remembers.frames()).rev() {
            assert_eq!(number(&remembers.frame(frame).unwrap()), frame, "{name}, backwards");
        }
    }
}

#[test]
fn every_picture_is_the_same_however_it_was_reached() {
    for name in ["open-gop.mp4", "react.mp4"] {
        let mut in_order = open(name);
        let frames = in_order.frames().min(130);
        let expected: Vec<_> = (0..frames).map(|frame| in_order.frame(frame).unwrap()).collect();
        for frame in jumps(frames, 25) {
            assert_eq!(open(name).frame(frame).unwrap(), expected[frame], "{name}, frame {frame}");
        }
    }
}

#[test]
fn where_memory_is_short_a_small_picture_comes_first_and_the_whole_one_follows() {
    // 751 pictures of 80 x 32 need 2.9 MB whole.
    let mut video = open("react.mp4").with_memory(1_500_000);
    let mut work = 0;
    while video.ahead(100).unwrap() {
        work += 1;
        assert!(work < 5_000, "there is always more to do");
    }
    for frame in (0..751).chain(jumps(751, 30)) {
        let (picture, whole) = video.at_hand(frame).unwrap();
        assert_eq!(number(&picture), frame);
        // Eight behind the wanted one are kept too.
        let near = (92..=124).contains(&frame);
        assert_eq!((whole, picture.width), if near { (true, 80) } else { (false, 40) }, "frame {frame}");
    }
    for frame in jumps(751, 10) {
        let picture = video.frame(frame).unwrap();
        assert_eq!((number(&picture), picture.width), (frame, 80));
    }
    // With hardly any memory it is slow, and right.
    let mut video = open("react.mp4").with_memory(10_000);
    for frame in jumps(751, 8).chain(300..330) {
        assert_eq!(number(&video.frame(frame).unwrap()), frame);
        assert!(video.ahead(frame).is_ok());
    }
}

#[test]
fn another_rate_goes_through_time() {
    // Frame n looks at (n + 1/4) / 25 s, and picture k is on screen from k / rate on.
    let mut thirty = open("rate-30.mp4");
    assert_eq!(thirty.frames(), 75, "90 pictures at 29.97 are 3.003 s");
    let mut fifty = open("rate-50.mp4");
    assert_eq!(fifty.frames(), 50);
    for frame in 0..75 {
        let on_screen = (4 * frame + 1) * 30_000 / (100 * 1001);
        assert_eq!(number(&thirty.frame(frame).unwrap()), on_screen, "frame {frame}");
    }
    for frame in (0..50).rev() {
        assert_eq!(number(&fifty.frame(frame).unwrap()), 2 * frame, "frame {frame}");
    }
}

#[test]
fn past_the_end_the_last_picture_stays() {
    let mut video = open("no-edit-list.mp4");
    assert_eq!(video.frames(), 60);
    for frame in [59, 60, 750, usize::MAX] {
        assert_eq!(number(&video.frame(frame).unwrap()), 59);
    }
    for (pictures, frame, shown) in [(750, 750, 750), (751, 750, 751), (750, 749, 750)] {
        let home = folder([1, pictures], |number| format!("{number}.png"));
        // Only the ends are written: what lies between falls to the first, and the last is the last.
        let mut video = Video::open(&VideoSource::Frames(home.path().to_owned())).unwrap();
        assert_eq!(video.frames(), pictures);
        assert_eq!(number(&video.frame(frame).unwrap()), shown);
        assert_eq!(number(&video.frame(pictures - 2).unwrap()), 1);
    }
}

#[test]
fn footage_of_a_clip_is_read_in_order_through_the_registered_decoder() {
    media::video::register();
    let home = folder(1..=30, |number| format!("{number}.png"));
    let frames = VideoFiles::Frames(home.path().to_owned());
    for (footage, pictures) in
        [(Footage::new(frames.clone()), 30), (Footage::of_file(&file("no-edit-list.mp4")).unwrap(), 60)]
    {
        let first = usize::from(matches!(footage.files, VideoFiles::Frames(_)));
        let mut reader = footage.open().unwrap();
        assert_eq!(reader.frames(), pictures);
        for frame in 0..pictures + 3 {
            let picture = reader.picture(frame).unwrap();
            assert_eq!((picture.width, picture.height, picture.rgba.len()), (80, 32, 4 * 80 * 32));
            let picture = Picture { width: 80, height: 32, rgba: picture.rgba };
            assert_eq!(number(&picture), frame.min(pictures - 1) + first);
        }
    }
    // another rate is another picture for a frame
    let mut fast = Footage { files: frames, rate: 50 }.open().unwrap();
    let picture = fast.picture(10).unwrap();
    assert_eq!(number(&Picture { width: 80, height: 32, rgba: picture.rgba }), 21);
    assert!(Footage::of_file("a.wav".as_ref()).is_none());
    let fault = Footage::of_file("gone.mp4".as_ref()).unwrap().open().err().unwrap();
    assert_eq!(fault.kind, FaultKind::NotFound);
}

#[test]
fn a_folder_counts_from_one_whatever_else_lies_in_it() {
    let home = folder(1..=40, |number| match number {
        7 => "7.jpg".to_owned(),
        8 => "008.png".to_owned(),
        _ => format!("{number}.png"),
    });
    for junk in ["._3.png", ".DS_Store", "notes.txt", "1.png.bak", "-4.png", "x12.png"] {
        std::fs::write(home.path().join(junk), "junk").unwrap();
    }
    let mut video = Video::open(&VideoSource::Frames(home.path().to_owned())).unwrap();
    assert_eq!((video.frames(), video.size()), (40, [80, 32]));
    for frame in (0..40).chain(jumps(40, 40)) {
        let picture = video.frame(frame).unwrap();
        assert_eq!(number(&picture), frame + 1);
        if frame != 6 {
            let exact = image::DynamicImage::from(numbered(frame + 1)).into_rgba8().into_raw();
            assert_eq!(picture.rgba, exact, "a PNG loses nothing");
        }
    }
    assert!(video.faults().is_empty());
    let from_zero = folder(0..5, |number| format!("{number}.png"));
    let mut video = Video::open(&VideoSource::Frames(from_zero.path().to_owned())).unwrap();
    assert_eq!((video.frames(), number(&video.frame(3).unwrap())), (5, 3));
    // Thirty a second, as REACT 2025 has them.
    let mut video = Video::open(&VideoSource::FramesAt(home.path().to_owned(), 30)).unwrap();
    assert_eq!((video.frames(), video.rate()), (33, 30.0));
    for frame in 0..33 {
        assert_eq!(number(&video.frame(frame).unwrap()), 1 + (4 * frame + 1) * 30 / 100, "frame {frame}");
    }
}

#[test]
fn a_missing_or_damaged_picture_is_a_fault_and_the_earlier_one_stands_in() {
    let home = folder((3..=20).filter(|number| !(8..11).contains(number)), |number| format!("{number}.png"));
    std::fs::write(home.path().join("15.png"), "no picture").unwrap();
    let mut video = Video::open(&VideoSource::Frames(home.path().to_owned())).unwrap();
    assert_eq!(video.frames(), 20);
    let [gap] = video.faults() else { panic!("{:?}", video.faults()) };
    assert_eq!(gap.kind, FaultKind::MissingModality);
    assert!(gap.detail.contains("5 of 20") && gap.detail.contains("frame 0"), "{gap}");
    let shown: Vec<usize> = (0..20).map(|frame| number(&video.frame(frame).unwrap())).collect();
    assert_eq!(shown, [3, 3, 3, 4, 5, 6, 7, 7, 7, 7, 11, 12, 13, 14, 14, 16, 17, 18, 19, 20]);
    let faults = video.faults();
    assert_eq!((faults.len(), faults[1].kind), (2, FaultKind::Malformed));
    assert!(faults[1].path.ends_with("15.png") && !faults[1].remedy.is_empty(), "{}", faults[1]);
}

#[test]
fn what_cannot_be_shown_is_refused_with_a_remedy() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    std::fs::create_dir(at("empty")).unwrap();
    std::fs::write(at("text.mp4"), "this is no film, and long enough to look like one").unwrap();
    std::fs::write(at("nothing.mp4"), "").unwrap();
    let whole = std::fs::read(file("react.mp4")).unwrap();
    // The index of this file lies at its end.
    std::fs::write(at("half.mp4"), &whole[..whole.len() / 2]).unwrap();
    let cases = [
        (VideoSource::Frames(at("none")), FaultKind::NotFound),
        (VideoSource::Frames(at("empty")), FaultKind::Empty),
        (VideoSource::Mp4(at("none.mp4")), FaultKind::NotFound),
        (VideoSource::Mp4(at("text.mp4")), FaultKind::Malformed),
        (VideoSource::Mp4(at("nothing.mp4")), FaultKind::Malformed),
        (VideoSource::Mp4(at("half.mp4")), FaultKind::Malformed),
        (VideoSource::Mp4(home.path().to_owned()), FaultKind::NotReadable),
        (mp4("fragmented.mp4"), FaultKind::Unsupported),
        (mp4("hevc.mp4"), FaultKind::Unsupported),
    ];
    for (source, kind) in cases {
        let fault = Video::open_with(&source, None).unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.path.starts_with(source.path()) && !fault.remedy.is_empty(), "{fault}");
    }
    let hevc = Video::open_with(&mp4("hevc.mp4"), None).unwrap_err();
    assert!(hevc.detail.contains("H.265") && hevc.remedy.contains("ffmpeg"), "{hevc}");
}

#[test]
fn pictures_larger_than_the_file_says_are_refused() {
    let mut bytes = std::fs::read(file("no-edit-list.mp4")).unwrap();
    // The first time the word stands there is the list of brands.
    let entry = bytes.windows(4).rposition(|four| four == b"avc1").unwrap() + 4;
    bytes[entry + 24..entry + 28].copy_from_slice(&[0, 16, 0, 16]);
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("small.mp4");
    std::fs::write(&path, bytes).unwrap();
    let fault = Video::open_with(&VideoSource::Mp4(path), None).unwrap_err();
    assert!(fault.detail.contains("96x32") || fault.detail.contains("80x32"), "{fault}");
    assert_eq!(fault.kind, FaultKind::Unsupported);
}

#[test]
fn what_ffmpeg_decodes_is_as_exact() {
    let Some(ffmpeg) = media::film::ffmpeg() else {
        eprintln!("skipped: no ffmpeg on the PATH");
        return;
    };
    let mut video = Video::open_with(&mp4("hevc.mp4"), Some(&ffmpeg)).unwrap();
    assert_eq!((video.frames(), video.codec()), (30, "H.265 (ffmpeg)"));
    for frame in (0..30).chain(jumps(30, 30)) {
        assert_eq!(number(&video.frame(frame).unwrap()), frame);
    }
    let missing = Video::open_with(&mp4("hevc.mp4"), Some(Path::new("/no/such/program"))).unwrap_err();
    assert!(missing.remedy.contains("install ffmpeg"), "{missing}");
}

#[test]
fn our_pictures_are_those_of_ffmpeg() {
    let Some(ffmpeg) = media::film::ffmpeg() else {
        eprintln!("skipped: no ffmpeg on the PATH");
        return;
    };
    for name in ["react.mp4", "open-gop.mp4", "ten-bit.mp4"] {
        // Chroma is upsampled by repetition here, so that is what ffmpeg is asked for too.
        let output = std::process::Command::new(&ffmpeg)
            .args(["-loglevel", "error", "-i"])
            .arg(file(name))
            .args(["-frames:v", "30", "-sws_flags", "neighbor+accurate_rnd+full_chroma_int"])
            .args(["-f", "rawvideo", "-pix_fmt", "rgba", "pipe:1"])
            .output()
            .unwrap();
        let theirs: Vec<&[u8]> = output.stdout.chunks_exact(80 * 32 * 4).collect();
        assert_eq!(theirs.len(), 30, "{}", String::from_utf8_lossy(&output.stderr));
        let mut video = open(name);
        for (frame, theirs) in theirs.into_iter().enumerate() {
            let ours = video.frame(frame).unwrap();
            let off = ours.rgba.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(off <= Some(3), "{name}, frame {frame}: off by {off:?}");
        }
    }
}

#[test]
fn a_damaged_stretch_costs_its_pictures_and_no_more() {
    let mut bytes = std::fs::read(file("open-gop.mp4")).unwrap();
    // Coded pictures in the middle of the file become noise; the index stays.
    let (from, to) = (bytes.len() / 3, bytes.len() / 3 + 60);
    bytes[from..to].iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 37) as u8);
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("damaged.mp4");
    std::fs::write(&path, bytes).unwrap();
    let mut video = Video::open_with(&VideoSource::Mp4(path), None).unwrap();
    let shown: Vec<usize> = (0..120).map(|frame| number(&video.frame(frame).unwrap())).collect();
    let right = shown.iter().enumerate().filter(|(frame, shown)| frame == *shown).count();
    assert!(right >= 60, "{right} of 120 pictures survive: {shown:?}");
}

/// Waits until the reel shows `frame`, and returns the picture once it is whole.
fn await_frame(reel: &Reel, frame: u32) -> Arc<Picture> {
    let begun = Instant::now();
    loop {
        if let Some(fault) = reel.failure() {
            panic!("{fault}");
        }
        if let Some((shown, picture)) = reel.latest()
            && shown == frame
            && Some([picture.width, picture.height]) == reel.info().map(|info| info.size)
        {
            return picture;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "frame {frame} never came");
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn a_reel_shows_what_is_wanted_and_says_when() {
    let (bell, rung) = std::sync::mpsc::channel();
    let reel = Reel::open(mp4("react.mp4"), move || {
        bell.send(()).ok();
    });
    for frame in [0, 1, 2, 700, 3, 249, 250, 251, 750] {
        reel.want(frame);
        assert_eq!(number(&await_frame(&reel, frame)), frame as usize);
        assert!(rung.try_recv().is_ok(), "frame {frame} came without a word");
    }
    let info = reel.info().unwrap();
    assert_eq!(info, ReelInfo { frames: 751, size: [80, 32], rate: 25.0, codec: "H.264".to_owned() });
    // Many wishes at once: the last is granted, and nothing comes after it.
    (0..600).for_each(|frame| reel.want(frame));
    assert_eq!(number(&await_frame(&reel, 599)), 599);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(reel.latest().map(|(frame, _)| frame), Some(599));
    // A dropped reel ends its worker, which drops its bell.
    drop(reel);
    while rung.recv_timeout(Duration::from_secs(10)).is_ok() {}
    assert_eq!(rung.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
}

#[test]
fn a_reel_without_a_video_says_so() {
    let reel = Reel::open(mp4("none.mp4"), || ());
    reel.want(3);
    let begun = Instant::now();
    while reel.failure().is_none() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(reel.failure().unwrap().kind, FaultKind::NotFound);
    assert!(reel.latest().is_none());
}
