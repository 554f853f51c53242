//! Many faces at once, whole takes on the device, and what a device may do to us: sizes of nothing, wild numbers,
//! thousands of views opened and closed, a device that is lost.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed test is what it is for")]

mod common;

use common::{MORPH_TO_MORPH, difference, gpu, head};
use face::{
    Backend, Batch, Camera, Coefficients, Expression, Headless, Look, Moment, MorphPath, Overlays, Painter,
    Quality, Renderer, Shot, Target, View, Work, read_back, row::Row, twin,
};

fn moment(k: usize) -> Expression {
    let at = k as f32 * 0.37;
    Expression::default()
        .with(&[("mouthSmile", at.sin().abs()), ("jawOpen", 0.4 * at.cos().abs()), ("eyeBlinkLeft", 0.3)])
        .posed(0.1 * at.sin(), 0.3 * at.cos(), 0.1 * (2.0 * at).sin())
}

#[test]
fn the_device_moves_vertices_to_where_the_twin_does() {
    let Some(gpu) = gpu() else { return };
    let (_, _, renderer) = gpu.parts();
    let (mut batch, mut rows) = (Batch::new(renderer), Coefficients::new(renderer));
    let target = Target::new(renderer, 900, 900);
    for k in 0..6 {
        let mut e = moment(k);
        e.pose.translation_cm = [0.5, -1.0, k as f32];
        let (camera, look) = (Camera::portrait(), Look::dark());
        let shot =
            Shot { target: &target, moment: Moment::Still(e), camera: &camera, look: &look, person: 0 };
        batch.draw(renderer, &mut rows, &[shot], Quality::Fine);
        let moved = batch.moved(renderer, head().vertices()).unwrap();
        let still = twin::positions(&head(), &e);
        assert_eq!(moved.len(), still.len());
        let worst = moved
            .iter()
            .zip(&still)
            .flat_map(|(m, s)| (0..3).map(|i| (m.position[i] - s[i]).abs()))
            .fold(0.0, f32::max);
        println!("moment {k}: {worst:.2e} cm");
        assert!(worst < 1e-4, "moment {k}: {worst} cm apart");
    }
}

#[test]
fn several_people_of_one_renderer_are_those_of_a_renderer_each() {
    let Some(gpu) = gpu() else { return };
    let (device, queue, _) = gpu.parts();
    let heads: Vec<_> = (0..3).map(|seed| face::heads::builtin_person(seed).unwrap()).collect();
    let together = Renderer::with_people(device, queue, &heads).unwrap();
    assert_eq!(together.people(), 3);
    let (mut batch, mut rows) = (Batch::new(&together), Coefficients::new(&together));
    let (camera, look, e) = (Camera::portrait(), Look::light(), moment(3));
    let targets: Vec<Target> = (0..4).map(|i| Target::new(&together, 150 + 30 * i, 160)).collect();
    let shots: Vec<Shot<'_>> = targets
        .iter()
        .enumerate()
        .map(|(person, target)| Shot {
            target,
            moment: Moment::Still(e),
            camera: &camera,
            look: &look,
            person,
        })
        .collect();
    batch.draw(&together, &mut rows, &shots, Quality::Fine);
    let drawn: Vec<_> = targets.iter().map(|target| read_back(device, queue, target).unwrap()).collect();
    for (person, (one, target)) in drawn.iter().zip(&targets).enumerate() {
        let (width, height) = target.size();
        // those beyond the last begin again with the first
        let alone = Renderer::new(device, queue, &heads[person % 3]).unwrap();
        let alone = gpu.picture_by(&alone, &e, &camera, &look, width, height).unwrap();
        let (mean, over) = difference(one, &alone);
        assert!(mean < MORPH_TO_MORPH.mean && over < MORPH_TO_MORPH.share_over_24, "{person}: {mean} {over}");
        let other = gpu.picture(&e, &camera, &look, width, height).unwrap();
        assert_eq!(person % 3 != 0, difference(one, &other).0 > 1.0, "person {person}");
    }
    assert!(Renderer::with_people(device, queue, &[]).is_err());
}

#[test]
fn faces_of_a_batch_are_those_drawn_alone() {
    let Some(gpu) = gpu() else { return };
    let all: Vec<Expression> = (0..9).map(moment).collect();
    let camera = Camera::portrait();
    let looks = [Look::dark(), Look::light().porcelain(), Look::light()];
    let views: Vec<View<'_>> = all
        .iter()
        .enumerate()
        .map(|(i, expression)| {
            let i = i as u32;
            View {
                expression,
                camera: &camera,
                look: &looks[i as usize % 3],
                size: [90 + 7 * i, 120 - 5 * i],
            }
        })
        .collect();
    let together = gpu.pictures(&views, Quality::Fine).unwrap();
    for (i, (v, p)) in views.iter().zip(&together).enumerate() {
        let alone = gpu.picture(v.expression, &camera, v.look, v.size[0], v.size[1]).unwrap();
        let (mean, over) = difference(p, &alone);
        assert!(mean < 0.05 && over < MORPH_TO_MORPH.share_over_24, "face {i}: {mean:.3}, {over:.4}");
    }
}

#[test]
fn a_batch_is_one_dispatch_and_few_draws_and_nothing_is_free() {
    let Some(gpu) = gpu() else { return };
    let (_, _, renderer) = gpu.parts();
    let (mut batch, mut rows) = (Batch::new(renderer), Coefficients::new(renderer));
    assert_eq!(batch.draw(renderer, &mut rows, &[], Quality::Fine), Work::default());
    let targets: Vec<Target> = (0..16).map(|_| Target::plain(renderer, 48, 48)).collect();
    let (camera, look) = (Camera::portrait(), Look::dark());
    let frames: Vec<Expression> = (0..50).map(moment).collect();
    let take = rows.put(renderer, &frames).unwrap();
    let shots: Vec<Shot<'_>> = targets
        .iter()
        .map(|target| Shot {
            target,
            moment: Moment::Take(take, 7.0),
            camera: &camera,
            look: &look,
            person: 0,
        })
        .collect();
    let work = batch.draw(renderer, &mut rows, &shots, Quality::Quick);
    assert_eq!(work.faces, 16);
    assert!(work.draws <= 16 * 8, "{} draws", work.draws);
    if renderer.path() == MorphPath::Compute {
        assert!(work.bytes < 16 * 2048, "{} bytes for 16 faces", work.bytes);
    }
}

#[test]
fn a_frame_of_a_take_is_an_index_and_half_a_frame_lies_between() {
    let Some(gpu) = gpu() else { return };
    let (device, queue, renderer) = gpu.parts();
    let (mut batch, mut rows) = (Batch::new(renderer), Coefficients::new(renderer));
    let frames: Vec<Expression> = (0..40).map(moment).collect();
    let before = rows.put(renderer, &frames[..5]).unwrap();
    let take = rows.put(renderer, &frames).unwrap();
    let target = Target::new(renderer, 120, 130);
    let (camera, look) = (Camera::portrait(), Look::dark());
    let mut draw = |rows: &mut Coefficients, moment: Moment| {
        let shot = Shot { target: &target, moment, camera: &camera, look: &look, person: 0 };
        batch.draw(renderer, rows, &[shot], Quality::Fine);
        read_back(device, queue, &target).unwrap()
    };
    let still = draw(&mut rows, Moment::Still(frames[17]));
    assert_eq!(still, draw(&mut rows, Moment::Take(take, 17.0)));
    assert_eq!(draw(&mut rows, Moment::Still(frames[39])), draw(&mut rows, Moment::Take(take, 1e9)));
    assert_eq!(draw(&mut rows, Moment::Still(frames[0])), draw(&mut rows, Moment::Take(take, f32::NAN)));
    let (a, b) = (Row::of(&frames[17]), Row::of(&frames[18]));
    let between = a.towards(&b, 0.5);
    assert_eq!(rows.at(take, 17.5), between);
    let expression = Expression { weights: between.weights, pose: between.pose() };
    let half = draw(&mut rows, Moment::Take(take, 17.5));
    let (mean, _) = difference(&half, &draw(&mut rows, Moment::Still(expression)));
    let (away, _) = difference(&half, &still);
    assert!(mean < 0.6 && away > 2.0 * mean, "{mean:.3} from the middle, {away:.3} from the frame before");
    rows.remove(before);
    assert_eq!(draw(&mut rows, Moment::Take(take, 17.0)), still, "a take that is gone takes nothing along");
}

#[test]
fn takes_that_come_and_go_do_not_make_the_table_grow() {
    let Some(gpu) = gpu() else { return };
    let (_, _, renderer) = gpu.parts();
    let mut rows = Coefficients::new(renderer);
    let frames: Vec<Expression> = (0..300).map(moment).collect();
    let mut held = Vec::new();
    let mut most = 0;
    for round in 0..400 {
        held.push(rows.put(renderer, &frames[..50 + round * 37 % 250]).unwrap());
        if held.len() > 6 {
            rows.remove(held.remove(round % 5));
        }
        if round == 100 {
            most = rows.rows();
        }
    }
    assert!(rows.rows() <= most * 2, "{} rows, {most} before", rows.rows());
    assert!(rows.put(renderer, &[]).is_err());
}

#[test]
fn wild_numbers_are_drawn_as_their_limits() {
    let e = |v: f32| Expression { weights: [v; face::SHAPES], ..Expression::default() };
    assert_eq!(Row::of(&e(1e9)), Row::of(&e(1.2)));
    assert_eq!(Row::of(&e(-1e9)), Row::of(&e(0.0)));
    assert_eq!(Row::of(&e(f32::NAN)), Row::of(&e(0.0)));
    let mut wild = e(f32::INFINITY);
    wild.pose.yaw = -1e9;
    wild.pose.translation_cm = [1e9, f32::NAN, 0.0];
    let row = Row::of(&wild);
    assert!(row.weights.iter().chain(&row.pose).all(|v| v.is_finite()));
    let Some(gpu) = gpu() else { return };
    let mut regions = [f32::NAN; 15];
    regions[1] = 1e9;
    let look = Look::dark().with(Overlays { regions: Some(regions), ..Overlays::default() });
    let p = gpu.picture(&wild, &Camera::portrait(), &look, 64, 64).unwrap();
    assert_eq!(p.rgba.len(), 64 * 64 * 4);
}

#[test]
fn thousands_of_views_opened_resized_and_closed_leave_nothing_behind() {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let Ok(adapter) = pollster::block_on(instance.request_adapter(&Default::default())) else {
        println!("skipping: no adapter");
        return;
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default())).unwrap();
    let renderer = Renderer::new(&device, &queue, &head()).unwrap();
    let (mut batch, mut rows) = (Batch::new(&renderer), Coefficients::new(&renderer));
    let alive = || {
        let hub = instance.generate_report().unwrap();
        let hub = hub.hub_report();
        [hub.textures.num_allocated, hub.buffers.num_allocated, hub.bind_groups.num_allocated]
    };
    let invalid = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let (camera, look) = (Camera::portrait(), Look::dark());
    let mut early = [0; 3];
    for round in 0..2000_u32 {
        let size = |k: u32| (round * 7919 + k * 104_729) % 40;
        let targets: Vec<Target> =
            (0..round % 4 + 1).map(|k| Target::plain(&renderer, size(k), size(k + 9))).collect();
        if round % 30 == 0 {
            let shots: Vec<Shot<'_>> = targets
                .iter()
                .map(|target| Shot {
                    target,
                    moment: Moment::Still(moment(round as usize)),
                    camera: &camera,
                    look: &look,
                    person: 0,
                })
                .collect();
            batch.draw(&renderer, &mut rows, &shots, Quality::Quick);
        }
        drop(targets);
        if round % 100 == 0 {
            device.poll(face::wait()).unwrap();
        }
        if round == 500 {
            early = alive();
        }
    }
    device.poll(face::wait()).unwrap();
    let problems = [pollster::block_on(memory.pop()), pollster::block_on(invalid.pop())];
    assert!(problems.iter().all(Option::is_none), "{problems:?}");
    let late = alive();
    println!("textures, buffers, groups alive: {early:?}, later {late:?}");
    for (early, late) in early.iter().zip(late) {
        assert!(late <= early + 12, "{early} alive after 500 rounds, {late} after 2000");
    }
}

#[test]
fn a_lost_device_is_an_error_and_the_next_picture_comes_from_a_new_one() {
    let Ok(gpu) = Headless::with_head(&head()) else {
        println!("skipping: no adapter");
        return;
    };
    let (e, camera, look) = (moment(3), Camera::portrait(), Look::dark());
    let good = gpu.picture(&e, &camera, &look, 410, 402).unwrap();
    gpu.parts().0.destroy();
    let lost = gpu.picture(&e, &camera, &look, 410, 402);
    assert!(lost.is_err(), "a device that is gone cannot draw");
    let painter = Painter::with_device(gpu);
    let (again, by) = painter.picture(&e, &camera, &look, 410, 402);
    assert!(matches!(by, Backend::Gpu(_)), "drawn by {by}");
    assert!(again == good, "another picture than before");
}

#[test]
fn without_a_device_the_twin_draws_and_says_so() {
    let painter = Painter::software(&head());
    let (e, camera, look) = (moment(3), Camera::portrait(), Look::dark());
    let (p, by) = painter.picture(&e, &camera, &look, 40, 50);
    assert_eq!((p.width, p.height), (40, 50));
    assert!(by.to_string().starts_with("software"));
    let views = [View { expression: &e, camera: &camera, look: &look, size: [0, 7] }];
    for quality in [Quality::Quick, Quality::Fine] {
        let (all, _) = painter.pictures(&views, quality);
        assert_eq!((all[0].width, all[0].height), (1, 7), "a view of no size is one pixel");
    }
}
