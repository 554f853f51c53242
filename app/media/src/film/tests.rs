//! Films written and read back; what an interrupted or impossible film leaves behind (nothing).

use std::fs::File;

use super::*;

/// A square that moves over a gradient.
fn picture(width: u32, height: u32, frame: u32) -> Vec<u8> {
    let mut rgba = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let inside = x.abs_diff(10 + frame * 2) < 6 && y.abs_diff(16) < 6;
            let shade = 30 + y * 2;
            rgba.extend(if inside { [240, 90, 60, 255] } else { [shade as u8, shade as u8, 70, 255] });
        }
    }
    rgba
}

fn tone(seconds: f32) -> Waveform {
    let samples = (0..(16_000.0 * seconds) as usize).map(|at| (at as f32 * 0.1).sin() * 0.5).collect();
    Waveform { rate: 16_000, channels: 1, samples }
}

fn make(path: &Path, frames: u32, fps: f64, sound: Option<&Waveform>) -> Result<()> {
    let mut film = Film::create(path, 64, 33, fps, sound)?;
    for frame in 0..frames {
        film.frame(&picture(64, 33, frame))?;
    }
    film.finish()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_of_pngs_reads_back_pixel_for_pixel() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("film");
    for count in [5, 3] {
        make(&path, count, 25.0, Some(&tone(0.2))).unwrap();
        assert_eq!(names(&path).len(), count as usize + 1, "the second film replaces the first");
    }
    for frame in 0..3 {
        let back = image::open(path.join(format!("frame_{frame:05}.png"))).unwrap().into_rgba8();
        assert_eq!((back.width(), back.height()), (64, 33));
        assert_eq!(back.into_raw(), picture(64, 33, frame));
    }
    assert_eq!(names(home.path()), ["film"]);
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("thesis.txt"), "years").unwrap();
    let fault = make(home.path(), 2, 25.0, None).unwrap_err();
    assert_eq!(fault.kind, FaultKind::BadRequest);
    assert!(!fault.remedy.is_empty());
    assert_eq!(names(home.path()), ["thesis.txt"]);
}

#[test]
fn a_gif_shows_the_pictures_for_the_right_time() {
    for (fps, delays) in [(25.0, vec![4; 12]), (12.5, vec![8; 12]), (30.0, [3, 4, 3].repeat(4))] {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("film.gif");
        make(&path, 12, fps, None).unwrap();
        let mut options = ::gif::DecodeOptions::new();
        options.set_color_output(::gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(File::open(&path).unwrap()).unwrap();
        let (mut canvas, mut seen) = (vec![0u8; 64 * 33 * 4], Vec::new());
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            seen.push(frame.delay);
            for row in 0..usize::from(frame.height) {
                for column in 0..usize::from(frame.width) {
                    let pixel = &frame.buffer[(row * usize::from(frame.width) + column) * 4..][..4];
                    if pixel[3] > 0 {
                        let at = (row + usize::from(frame.top)) * 64 + column + usize::from(frame.left);
                        canvas[at * 4..][..4].copy_from_slice(pixel);
                    }
                }
            }
            let expected = picture(64, 33, seen.len() as u32 - 1);
            let worst = canvas.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(worst <= 4, "frame {} is off by {worst}", seen.len() - 1);
        }
        assert_eq!(seen, delays);
        assert_eq!(names(home.path()), ["film.gif"]);
    }
}

#[test]
fn sound_of_a_gif_lies_beside_it() {
    let home = tempfile::tempdir().unwrap();
    make(&home.path().join("film.gif"), 5, 25.0, Some(&tone(0.2))).unwrap();
    let mut wav = hound::WavReader::open(home.path().join("film.wav")).unwrap();
    assert_eq!((wav.spec().sample_rate, wav.spec().channels, wav.len()), (16_000, 1, 3_200));
    for (back, sample) in wav.samples::<i16>().zip(tone(0.2).samples.iter()) {
        assert!((f32::from(back.unwrap()) / 32_767.0 - sample).abs() < 1e-4);
    }
}

#[test]
fn hostile_sound_is_written_as_what_it_can_be() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.wav");
    let samples = vec![f32::NAN, 9.0, -9.0, f32::INFINITY, 0.25].into();
    write_wav(&path, &Waveform { rate: 8_000, channels: 2, samples }).unwrap();
    let mut wav = hound::WavReader::open(&path).unwrap();
    let back: Vec<i16> = wav.samples().map(|sample| sample.unwrap()).collect();
    assert_eq!(back, [0, 32_767, -32_768, 32_767]);
    let nothing = Waveform { rate: 0, channels: 0, samples: vec![].into() };
    assert_eq!(write_wav(&path, &nothing).unwrap_err().kind, FaultKind::BadRequest);
}

#[test]
fn a_film_that_is_not_finished_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("old.gif"), "an older film").unwrap();
    for name in ["old.gif", "film", "film.mp4"] {
        let Ok(mut film) = Film::create(home.path().join(name), 64, 33, 25.0, Some(&tone(0.1))) else {
            assert!(ffmpeg().is_none(), "only .mp4 without ffmpeg may fail");
            continue;
        };
        film.frame(&picture(64, 33, 0)).unwrap();
        drop(film);
    }
    assert_eq!(names(home.path()), ["old.gif"]);
    assert_eq!(std::fs::read(home.path().join("old.gif")).unwrap(), b"an older film");
}

#[test]
fn impossible_films_are_refused_with_a_remedy() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let refusals = [
        Film::create(at("a.avi"), 64, 64, 25.0, None).unwrap_err(),
        Film::create(at("a.gif"), 0, 64, 25.0, None).unwrap_err(),
        Film::create(at("a.gif"), 64, 99_999, 25.0, None).unwrap_err(),
        Film::create(at("a.gif"), 64, 64, f64::NAN, None).unwrap_err(),
        Film::create(at("missing/a.gif"), 64, 64, 25.0, None).unwrap_err(),
        Film::create(at("a.gif"), 64, 64, 25.0, None).unwrap().frame(&[1, 2, 3]).unwrap_err(),
        Film::create(at("a.gif"), 64, 64, 25.0, None).unwrap().finish().unwrap_err(),
    ];
    for fault in refusals {
        assert!(!fault.remedy.is_empty() && fault.path.starts_with(home.path()), "{fault}");
    }
    assert!(names(home.path()).is_empty());
}

#[test]
fn without_ffmpeg_an_mp4_is_refused_with_a_remedy() {
    let home = tempfile::tempdir().unwrap();
    let format = Format { width: 64, height: 64, fps: 25.0 };
    let path = home.path().join("film.mp4");
    let fault = Film::create_with(&path, format, None, &home.path().join("no-such-program")).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unsupported);
    assert!(fault.remedy.contains("install ffmpeg") && fault.remedy.contains(".gif"), "{fault}");
    assert!(names(home.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn an_ffmpeg_that_dies_is_a_fault_with_its_last_words() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let tools = tempfile::tempdir().unwrap();
    let program = tools.path().join("ffmpeg");
    std::fs::write(&program, "#!/bin/sh\necho 'Unknown encoder libx264' >&2\nexit 3\n").unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let format = Format { width: 512, height: 512, fps: 25.0 };
    let mut film = Film::create_with(&home.path().join("film.mp4"), format, None, &program).unwrap();
    let frame = vec![0; 512 * 512 * 4];
    let fault = (0..10).find_map(|_| film.frame(&frame).err()).unwrap();
    assert!(fault.detail.contains("Unknown encoder libx264") && fault.remedy.contains("libx264"), "{fault}");
    drop(film);
    assert!(names(home.path()).is_empty());
}

#[test]
fn an_mp4_has_the_frames_and_the_sound() {
    if ffmpeg().is_none() {
        eprintln!("skipped: no ffmpeg on the PATH");
        return;
    }
    // Sound shorter and longer than the picture; an odd height; a name that looks like an option.
    for seconds in [0.3, 3.0] {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("-film.mp4");
        make(&path, 25, 25.0, Some(&tone(seconds))).unwrap();
        assert_eq!(names(home.path()), ["-film.mp4"]);
        // ffmpeg itself reads it back: as many pictures, and sound as long as they are.
        let decode = |what: &[&str]| {
            let output = std::process::Command::new("ffmpeg")
                .args(["-loglevel", "error", "-i"])
                .arg(&path)
                .args(what)
                .arg("pipe:1")
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        let pixels = decode(&["-f", "rawvideo", "-pix_fmt", "rgba"]);
        assert_eq!(pixels.len(), 25 * 64 * 34 * 4);
        let first = picture(64, 33, 0);
        let middle = (8 * 64 + 40) * 4;
        for channel in 0..3 {
            assert!(pixels[middle + channel].abs_diff(first[middle + channel]) < 12, "colours survive");
        }
        let sound = decode(&["-f", "s16le", "-ac", "1", "-ar", "16000"]);
        let heard = sound.len() as f32 / 2.0 / 16_000.0;
        assert!((heard - 1.0).abs() < 0.1, "{heard} s of sound");
    }
}

#[test]
fn one_picture_is_written_whole_or_not_at_all() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("face.png");
    assert_eq!(write_png(&path, 64, 33, &[0; 8]).unwrap_err().kind, FaultKind::WrongShape);
    assert!(names(home.path()).is_empty());
    write_png(&path, 64, 33, &picture(64, 33, 2)).unwrap();
    assert_eq!(image::open(&path).unwrap().into_rgba8().into_raw(), picture(64, 33, 2));
}
