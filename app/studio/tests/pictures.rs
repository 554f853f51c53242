//! The off-screen scenes: what `backchannel screenshot` writes. Skipped, and said so, without a graphics driver.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use studio::Theme;
use studio::scenes;

#[test]
fn scenes_are_drawn_off_screen_in_both_themes() {
    let folder = tempfile::tempdir().unwrap();
    let mut pictures = Vec::new();
    for (scene, theme) in
        [("compare", Theme::Dark), ("compare", Theme::Light), ("compare-empty", Theme::Dark)]
    {
        let path = folder.path().join(format!("{scene}-{theme:?}.png"));
        match scenes::screenshot(scene, [960, 600], theme, &path) {
            Err(fault) if fault.to_string().contains("no graphics device") => {
                eprintln!("skipped: {fault}");
                return;
            }
            result => result.unwrap(),
        }
        let picture = image::open(&path).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (960, 600));
        pictures.push(picture);
    }
    let mean = |picture: &image::RgbImage| {
        picture.as_raw().iter().map(|value| f64::from(*value)).sum::<f64>() / picture.as_raw().len() as f64
    };
    assert!(
        mean(&pictures[0]) < 90.0 && mean(&pictures[1]) > 150.0,
        "{} {}",
        mean(&pictures[0]),
        mean(&pictures[1])
    );
    // Faces are in the first picture and not in the last: skin is warm.
    let warm = |picture: &image::RgbImage| {
        picture.pixels().filter(|pixel| pixel[0] > 120 && pixel[0] > pixel[2].saturating_add(30)).count()
    };
    assert!(
        warm(&pictures[0]) > 8_000 && warm(&pictures[2]) < 400,
        "{} {}",
        warm(&pictures[0]),
        warm(&pictures[2])
    );
}

#[test]
fn an_unknown_scene_is_refused_with_the_list() {
    let fault = scenes::screenshot("nonsense", [64, 64], Theme::Dark, "x.png".as_ref()).unwrap_err();
    assert!(fault.remedy.contains("compare-empty"), "{fault}");
}

#[test]
fn a_filmed_speaker_stands_in_the_tile_of_the_mesh() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.png");
    match scenes::screenshot("compare-video", [960, 600], Theme::Dark, &path) {
        Err(fault) if fault.to_string().contains("no graphics device") => {
            eprintln!("skipped: {fault}");
            return;
        }
        result => result.unwrap(),
    }
    // The pictures of the video have a light ground, which no tile of the dark theme has.
    let light = image::open(&path).unwrap().to_rgb8();
    let light = light.pixels().filter(|pixel| pixel.0.iter().all(|value| *value > 190)).count();
    assert!(light > 4_000, "{light} light pixels");
}
