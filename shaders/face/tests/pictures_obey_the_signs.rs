//! What a picture must show: signs of the pose, sides of the face, mouth, mirror, overlays.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed test is what it is for")]

mod common;

use common::{MIRRORED, brightness, flipped, gpu, pictures};
use face::{Camera, Expression, Ghost, Heat, Look, Overlays, Painter, Picture};

fn neutral() -> Expression {
    Expression::default()
}

/// Rows and columns of everything above the collar that is iris-coloured (blue-green): where the eyes are.
fn eyes(p: &Picture) -> Vec<(f32, f32)> {
    let mut out = Vec::new();
    for y in 0..p.height * 7 / 10 {
        for x in 0..p.width {
            let [r, g, b, _] = p.pixel(x, y).map(i32::from);
            if g > r + 24 && b > r + 14 {
                out.push((x as f32, y as f32));
            }
        }
    }
    assert!(out.len() > 6, "{} iris pixels", out.len());
    out
}

fn mean(v: &[(f32, f32)]) -> (f32, f32) {
    let n = v.len() as f32;
    (v.iter().map(|p| p.0).sum::<f32>() / n, v.iter().map(|p| p.1).sum::<f32>() / n)
}

fn middle_of_the_eyes(e: &Expression) -> Vec<(f32, f32)> {
    pictures(e, &Look::light(), 160, 180).iter().map(|(_, p)| mean(&eyes(p))).collect()
}

#[test]
fn nodding_down_moves_the_face_down() {
    let still = middle_of_the_eyes(&neutral());
    let nod = middle_of_the_eyes(&neutral().posed(0.2, 0.0, 0.0));
    for (a, b) in still.iter().zip(&nod) {
        assert!(b.1 > a.1 + 3.0, "eyes from row {} to {}", a.1, b.1);
    }
}

#[test]
fn turning_to_the_subjects_left_moves_the_face_to_the_image_right() {
    let still = middle_of_the_eyes(&neutral());
    let turned = middle_of_the_eyes(&neutral().posed(0.0, 0.2, 0.0));
    for (a, b) in still.iter().zip(&turned) {
        assert!(b.0 > a.0 + 3.0, "eyes from column {} to {}", a.0, b.0);
    }
}

#[test]
fn rolling_tips_the_crown_to_the_image_left() {
    for (name, p) in pictures(&neutral().posed(0.0, 0.0, 0.2), &Look::light(), 160, 180) {
        let all = eyes(&p);
        let x = mean(&all).0;
        let (left, right): (Vec<_>, Vec<_>) = all.into_iter().partition(|q| q.0 < x);
        let (l, r) = (mean(&left), mean(&right));
        assert!(r.1 < l.1 - 3.0, "{name}: image-right eye at row {}, image-left eye at row {}", r.1, l.1);
        assert!(x < 80.0 - 2.0, "{name}: eyes about column {x}");
    }
}

#[test]
fn blinking_left_closes_the_image_right_eye() {
    let blink = neutral().with(&[("eyeBlinkLeft", 1.0)]);
    for (name, p) in pictures(&blink, &Look::light(), 160, 180) {
        let seen = eyes(&p);
        assert!(seen.iter().all(|q| q.0 < 80.0), "{name}: an open eye in the right half of the image");
    }
}

#[test]
fn opening_the_jaw_darkens_the_mouth() {
    let open = neutral().with(&[("jawOpen", 0.6)]);
    let (x, y) = ([0.44, 0.56], [0.74, 0.82]);
    let shut = pictures(&neutral(), &Look::dark(), 160, 180);
    for ((name, a), (_, b)) in shut.iter().zip(&pictures(&open, &Look::dark(), 160, 180)) {
        let (a, b) = (brightness(a, x, y), brightness(b, x, y));
        assert!(b < a - 30.0, "{name}: mouth from {a:.0} to {b:.0}");
    }
}

#[test]
fn a_mirrored_expression_is_the_mirrored_picture() {
    // the lamps are not symmetric: compare shapes, as the change against neutral in small boxes of the face
    let e = neutral().with(&[
        ("mouthSmileLeft", 0.9),
        ("browOuterUpLeft", 0.9),
        ("eyeBlinkRight", 1.0),
        ("jawLeft", 0.5),
    ]);
    let one = pictures(&e, &Look::light(), 160, 180);
    let other = pictures(&e.mirrored(), &Look::light(), 160, 180);
    let still = pictures(&neutral(), &Look::light(), 160, 180);
    for (((name, a), (_, b)), (_, n)) in one.iter().zip(&other).zip(&still) {
        let b = flipped(b);
        let flat = flipped(n);
        let (mut wrong, mut boxes) = (0.0, 0.0);
        for j in 0..9 {
            for i in 0..8 {
                let x = [0.2 + 0.075 * i as f32, 0.275 + 0.075 * i as f32];
                let y = [0.35 + 0.06 * j as f32, 0.41 + 0.06 * j as f32];
                let change = |p: &Picture, q: &Picture| brightness(p, x, y) - brightness(q, x, y);
                wrong += (change(a, n) - change(&b, &flat)).abs();
                boxes += 1.0;
            }
        }
        println!("{name}: {:.2} levels a box", wrong / boxes);
        assert!(wrong / boxes < MIRRORED, "{name}: {:.2} levels a box", wrong / boxes);
    }
}

#[test]
fn the_garment_stays_when_the_head_turns() {
    let (x, y) = ([0.0, 1.0], [0.94, 1.0]);
    let still = pictures(&neutral(), &Look::light(), 160, 180);
    let turned = pictures(&neutral().posed(0.0, 0.5, 0.1), &Look::light(), 160, 180);
    for ((name, a), (_, b)) in still.iter().zip(&turned) {
        let (a, b) = (brightness(a, x, y), brightness(b, x, y));
        assert!((a - b).abs() < 12.0, "{name}: collar from {a:.0} to {b:.0}");
    }
}

#[test]
fn the_head_fills_every_aspect_without_leaving_it() {
    for (w, h) in [(90, 200), (140, 160), (300, 120)] {
        for (name, p) in pictures(&neutral(), &Look::light(), w, h) {
            let all = eyes(&p);
            let y = mean(&all).1;
            let left = all.iter().map(|q| q.0).fold(f32::MAX, f32::min);
            let right = all.iter().map(|q| q.0).fold(0.0, f32::max);
            // the middle of both eyes: the lamp does not show as many pixels of one iris as of the other
            let (x, span) = ((left + right) * 0.5, right - left);
            assert!((x / w as f32 - 0.5).abs() < 0.03, "{name} {w} x {h}: eyes off centre, {x}");
            assert!((0.35..0.60).contains(&(y / h as f32)), "{name} {w} x {h}: eyes at row {y}");
            assert!(span / (w.min(h) as f32) > 0.24, "{name} {w} x {h}: eyes {span} pixels apart");
        }
    }
}

#[test]
fn heat_and_ghost_change_the_picture_only_where_something_moves() {
    let smile = neutral().with(&[("mouthSmile", 1.0)]);
    let over = |heat| Look::dark().with(Overlays { heat: Some(heat), ..Overlays::default() });
    let heat = over(Heat::default());
    for (name, p) in pictures(&smile, &heat, 160, 180) {
        let [r, _, b, _] = p.pixel(80, 55);
        assert!(b > r, "{name}: the forehead is cold");
        let hot = p.rgba.chunks_exact(4).filter(|q| q[0] > 150 && q[2] < 110).count();
        assert!(hot > 60, "{name}: {hot} hot pixels");
    }
    let same = over(Heat { against: Some(smile.weights), ..Heat::default() });
    for (name, p) in pictures(&smile, &same, 160, 180) {
        let hot = p.rgba.chunks_exact(4).filter(|q| q[0] > 150 && q[2] < 110).count();
        assert_eq!(hot, 0, "{name}: no difference from itself");
    }
    let Some(gpu) = gpu() else { return };
    let camera = Camera::portrait();
    let plain = gpu.picture(&neutral(), &camera, &Look::dark(), 160, 180).unwrap();
    let ghost = |alpha| {
        let expression = neutral().posed(0.0, 0.3, 0.0);
        Look::dark().with(Overlays::default().with_ghost(Ghost { expression, tint: [0.2, 0.6, 1.0], alpha }))
    };
    let seen = gpu.picture(&neutral(), &camera, &ghost(0.7), 160, 180).unwrap();
    assert!(common::difference(&plain, &seen).1 > 0.03);
    let none = gpu.picture(&neutral(), &camera, &ghost(0.0), 160, 180).unwrap();
    assert_eq!(plain, none);
}

#[test]
fn wild_numbers_draw_a_face_all_the_same() {
    let mut e = neutral();
    e.weights = [f32::NAN; face::SHAPES];
    e.pose.pitch = f32::INFINITY;
    e.pose.translation_cm = [f32::NAN, 1e30, -1e30];
    let camera = Camera { yaw: f32::NAN, pitch: 9.0, distance: 0.0, target: [f32::NAN; 3] };
    let painter = Painter::new().unwrap();
    let (p, by) = painter.picture(&e, &camera, &Look::dark(), 64, 64);
    assert_eq!(p.rgba.len(), 64 * 64 * 4, "drawn by {by}");
    let p = face::twin::picture(&common::head(), &e, &camera, &Look::dark(), 0, 3);
    assert_eq!((p.width, p.height), (1, 3));
}

#[test]
fn regions_light_up_where_their_unit_moves_and_nowhere_else() {
    let mut smile = [0.0; 15];
    smile[7] = 1.0;
    let look = |regions| Look::dark().porcelain().with(Overlays { regions, ..Overlays::default() });
    let blue = |p: &Picture, x: [f32; 2], y: [f32; 2]| {
        let (mut sum, mut n) = (0.0, 0.0);
        for j in (y[0] * 180.0) as u32..(y[1] * 180.0) as u32 {
            for i in (x[0] * 160.0) as u32..(x[1] * 160.0) as u32 {
                let [r, _, b, _] = p.pixel(i, j).map(f64::from);
                sum += b - r;
                n += 1.0;
            }
        }
        sum / n
    };
    let dark = pictures(&neutral(), &look(None), 160, 180);
    for ((name, lit), (_, dark)) in pictures(&neutral(), &look(Some(smile)), 160, 180).iter().zip(&dark) {
        let (corner, brow) = (([0.60, 0.70], [0.68, 0.78]), ([0.45, 0.55], [0.20, 0.30]));
        let more = |at: ([f32; 2], [f32; 2])| blue(lit, at.0, at.1) - blue(dark, at.0, at.1);
        assert!(more(corner) > 15.0, "{name}: {:.1} at the corner of the mouth", more(corner));
        assert!(more(brow).abs() < 1.0, "{name}: {:.1} at the forehead", more(brow));
    }
}

#[test]
fn a_clear_picture_has_a_face_and_nothing_round_it() {
    let clear = Look { transparent: true, ..Look::light() };
    let solid = pictures(&neutral(), &Look::light(), 160, 180);
    for ((name, p), (_, solid)) in pictures(&neutral(), &clear, 160, 180).iter().zip(&solid) {
        assert_eq!(p.pixel(2, 2), [0; 4], "{name}");
        assert_eq!(p.pixel(80, 80)[3], 255, "{name}");
        assert_eq!(p.pixel(80, 80), solid.pixel(80, 80), "{name}: the face itself is the same");
        let edge = p.rgba.chunks_exact(4).filter(|q| (1..255).contains(&q[3])).count();
        assert!(edge > 100, "{name}: {edge} pixels between");
    }
}

#[test]
fn porcelain_is_bald_and_pale() {
    for (name, p) in pictures(&neutral(), &Look::dark().porcelain(), 160, 180) {
        let crown = brightness(&p, [0.4, 0.6], [0.08, 0.16]);
        assert!(crown > 150.0, "{name}: crown {crown:.0}");
        let [r, g, b, _] = p.pixel(80, 40).map(i32::from);
        assert!((r - g).abs() < 24 && (g - b).abs() < 24, "{name}: {r} {g} {b}");
    }
}
