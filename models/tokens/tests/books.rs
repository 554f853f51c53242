//! Laws of the code books on made-up listeners: round trips, error bounds, reproducibility, hostile checkpoints.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use clips::{Attributes, Chance, Coefficients, Control, FaultKind};
use tokens::{CodeBooks, Diagnostics, FitConfig, Reaction, Stream, TensorData, Tensors, sizing};

type Listener = (String, Attributes, Coefficients);
type Change<'a> = &'a dyn Fn(&mut (Vec<usize>, TensorData));

/// Listeners that switch between a few faces, with noise.
fn listeners(clips: usize, seed: u64) -> Vec<Listener> {
    (0..clips)
        .map(|clip| {
            let mut chance = Chance::new(seed, "listeners", &[clip as u64]);
            let mut mood = 0;
            let (mut attributes, mut coefficients) = (Attributes::new(), Coefficients::new());
            for _ in 0..80 {
                if chance.happens(0.1) {
                    mood = chance.below(5);
                }
                let mut row = [0.0f32; 25];
                for unit in 0..15 {
                    row[unit] =
                        if (unit * 3 + mood * 5) % 11 < 2 && !chance.happens(0.02) { 1.0 } else { 0.0 };
                }
                row[15] = ((mood as f64 - 2.0) * 0.4 + 0.05 * chance.normal()).clamp(-1.0, 1.0) as f32;
                row[16] = (0.3 * mood as f64 - 0.5 + 0.05 * chance.normal()).clamp(-1.0, 1.0) as f32;
                let logits: Vec<f64> = (0..8)
                    .map(|e| if e == mood { 3.0 } else { 0.0 } + 0.3 * chance.normal())
                    .map(f64::exp)
                    .collect();
                let sum: f64 = logits.iter().sum();
                for (e, logit) in logits.iter().enumerate() {
                    row[17 + e] = (logit / sum) as f32;
                }
                attributes.push(row);
                coefficients.push(std::array::from_fn(|column| {
                    let size = if column < 52 { 1.0 } else { 0.1 };
                    (size * (((column + mood * 7) % 9) as f64 / 9.0 + 0.05 * chance.normal())) as f32
                }));
            }
            (format!("train/clip {clip}"), attributes, coefficients)
        })
        .collect()
}

fn reactions(listeners: &[Listener]) -> Vec<Reaction<'_>> {
    listeners
        .iter()
        .map(|(clip, attributes, coefficients)| Reaction { clip, attributes, coefficients })
        .collect()
}

fn fitted(listeners: &[Listener]) -> CodeBooks {
    CodeBooks::fit(
        &reactions(listeners),
        &FitConfig { m3d: 40, ex: 20, seed: 4, ..FitConfig::default() },
        &Control::default(),
    )
    .unwrap()
}

fn by_name(books: &CodeBooks) -> Tensors {
    books.tensors().into_iter().map(|(name, shape, data)| (name, (shape, data))).collect()
}

#[test]
fn every_id_returns_to_itself_through_its_value() {
    let books = fitted(&listeners(6, 1));
    for (stream, size) in Stream::ALL.into_iter().zip(books.sizes()) {
        assert!(size > 1, "{stream:?}");
        for id in 0..size as u32 {
            let mut frame = [0; 4];
            frame[stream.index()] = id;
            let (attributes, coefficients) = books.detokenise(&[frame]).unwrap();
            assert_eq!(books.tokenise("x", &attributes, &coefficients).unwrap()[0], frame, "{stream:?} {id}");
        }
    }
}

#[test]
fn scalar_codes_are_books_like_any_other() {
    let listeners = listeners(6, 1);
    let config = FitConfig { m3d_levels: vec![5, 4, 2], ex: 20, seed: 4, ..FitConfig::default() };
    let books = CodeBooks::fit(&reactions(&listeners), &config, &Control::default()).unwrap();
    let centres = fitted(&listeners);
    assert_eq!(books.size(Stream::M3d), 40, "as many as 5 x 4 x 2, and as the centres of the other books");
    for id in 0..40 {
        let (attributes, coefficients) = books.detokenise(&[[id, 0, 0, 0]]).unwrap();
        assert_eq!(books.tokenise("x", &attributes, &coefficients).unwrap()[0][0], id);
    }
    let of = |books| Diagnostics::of(books, &reactions(&listeners), &Control::default()).unwrap().streams;
    let (scalar, means) = (of(&books), of(&centres));
    assert_eq!(scalar[1..], means[1..], "the other streams do not know");
    assert!(scalar[0].r2.unwrap() > 0.9 && scalar[0].ids_used >= 5, "{:?}", scalar[0]);
    let read = CodeBooks::from_tensors(Path::new("c"), &by_name(&books)).unwrap();
    assert_eq!(read.tensors(), books.tensors());
}

#[test]
fn sizes_are_doubled_until_held_out_listeners_are_explained() {
    let (train, held_out) = (listeners(6, 1), listeners(3, 7));
    let start = FitConfig { m3d: 2, ex: 2, seed: 4, ..FitConfig::default() };
    let (tried, books) =
        sizing::doubled(&reactions(&train), &reactions(&held_out), &start, &Control::default()).unwrap();
    for (stream, target) in [(Stream::M3d, sizing::ENOUGH_M3D), (Stream::Ex, sizing::ENOUGH_EX)] {
        let tried: Vec<_> = tried.iter().filter(|size| size.stream == stream).collect();
        assert!(tried.windows(2).all(|pair| pair[1].asked == 2 * pair[0].asked && !pair[0].enough));
        let last = tried[tried.len() - 1];
        assert!(tried.len() > 2 && last.ids == books.size(stream), "{tried:?}");
        assert_eq!(last.enough, last.r2.unwrap() >= target);
        assert!(last.enough || last.ids < last.asked, "ended for a reason: {last:?}");
        assert!(last.r2 > tried[0].r2, "more centres explain more");
    }
}

#[test]
fn detokenised_reactions_keep_the_promises_of_each_stream() {
    let listeners = listeners(6, 1);
    let books = fitted(&listeners);
    for (clip, attributes, coefficients) in &listeners {
        let ids = books.tokenise(clip, attributes, coefficients).unwrap();
        let (back, _) = books.detokenise(&ids).unwrap();
        for (truth, back) in attributes.iter().zip(&back) {
            assert_eq!(truth[..15], back[..15], "every combination seen is exact");
            for column in [15, 16] {
                assert!((truth[column] - back[column]).abs() <= 0.0125 + 1e-6);
            }
            assert!(
                (back[17..].iter().sum::<f32>() - 1.0).abs() <= 1e-5 && back[17..].iter().all(|x| *x >= 0.0)
            );
        }
        assert_eq!(
            books.tokenise(clip, &back, coefficients).unwrap(),
            ids,
            "tokenising twice changes nothing"
        );
    }
    let diagnostics = Diagnostics::of(&books, &reactions(&listeners), &Control::default()).unwrap();
    for line in &diagnostics.streams {
        assert!(line.r2.unwrap() > 0.8 && line.perplexity > 1.0 && line.ids_used <= line.size, "{line:?}");
        assert!(line.stay.unwrap() > 0.0 && line.worst_column.is_some());
    }
    let text = serde_json::to_string(&diagnostics).unwrap();
    assert_eq!(serde_json::from_str::<Diagnostics>(&text).unwrap().streams.len(), 4);
}

#[test]
fn the_fit_is_the_same_on_one_thread_and_on_three_and_differs_by_seed() {
    let listeners = listeners(6, 2);
    let on = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(|| fitted(&listeners).tensors())
    };
    assert_eq!(on(1), on(3));
    let config = FitConfig { m3d: 40, ex: 20, seed: 5, ..FitConfig::default() };
    let other = CodeBooks::fit(&reactions(&listeners), &config, &Control::default()).unwrap().tensors();
    assert_ne!(on(1), other);
}

#[test]
fn the_order_of_clips_does_not_change_the_dictionary_and_the_grid() {
    let mut listeners = listeners(6, 2);
    let before = fitted(&listeners);
    listeners.reverse();
    let after = fitted(&listeners);
    assert_eq!(before.au, after.au);
    assert_eq!(before.va, after.va);
}

#[test]
fn the_books_survive_the_checkpoint() {
    let books = fitted(&listeners(4, 3));
    let read = CodeBooks::from_tensors(Path::new("c.safetensors"), &by_name(&books)).unwrap();
    assert_eq!(read.tensors(), books.tensors());
    assert_eq!(read.sizes(), books.sizes());
    let names: Vec<String> = books.tensors().into_iter().map(|(name, ..)| name).collect();
    let expected =
        ["au.codes", "au.counts", "ex.centers", "m3d.centers", "m3d.mean", "m3d.scale", "va.cells"];
    assert_eq!(names, expected.map(|name| format!("codebook.{name}")));
}

#[test]
fn a_hostile_checkpoint_is_explained() {
    let good = by_name(&fitted(&listeners(2, 3)));
    let refused = |name: &str, change: Change| {
        let mut tensors = good.clone();
        change(tensors.get_mut(name).unwrap());
        let fault = CodeBooks::from_tensors(Path::new("c.safetensors"), &tensors).unwrap_err();
        assert!(fault.place.contains(name) && fault.path.ends_with("c.safetensors"), "{fault}");
        fault.kind
    };
    let set = |data: &mut TensorData, value: f32| match data {
        TensorData::F32(values) => values[1] = value,
        TensorData::U32(values) => values[1] = value as u32,
    };
    assert_eq!(refused("codebook.m3d.centers", &|t| set(&mut t.1, f32::NAN)), FaultKind::NotFinite);
    assert_eq!(refused("codebook.m3d.scale", &|t| set(&mut t.1, 0.0)), FaultKind::OutOfRange);
    assert_eq!(refused("codebook.m3d.mean", &|t| t.0 = vec![29, 2]), FaultKind::WrongShape);
    assert_eq!(refused("codebook.ex.centers", &|t| set(&mut t.1, -0.5)), FaultKind::OutOfRange);
    assert_eq!(refused("codebook.ex.centers", &|t| t.0 = vec![usize::MAX, 8]), FaultKind::WrongShape);
    assert_eq!(
        refused("codebook.ex.centers", &|t| *t = (vec![0, 8], TensorData::F32(vec![]))),
        FaultKind::WrongShape
    );
    assert_eq!(refused("codebook.au.codes", &|t| set(&mut t.1, 40_000.0)), FaultKind::OutOfRange);
    assert_eq!(
        refused("codebook.au.counts", &|t| *t = (vec![1], TensorData::U32(vec![3]))),
        FaultKind::WrongShape
    );
    assert_eq!(refused("codebook.va.cells", &|t| set(&mut t.1, 0.0)), FaultKind::OutOfRange);
    assert_eq!(refused("codebook.va.cells", &|t| t.1 = TensorData::F32(vec![1.0])), FaultKind::WrongType);
    let mut missing = good.clone();
    missing.remove("codebook.va.cells");
    let fault = CodeBooks::from_tensors(Path::new("c.safetensors"), &missing).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Malformed);
}

#[test]
fn nan_and_unequal_lengths_name_clip_and_frame() {
    let mut listeners = listeners(2, 3);
    let books = fitted(&listeners);
    listeners[1].1[17][15] = f32::NAN;
    let fault = CodeBooks::fit(&reactions(&listeners), &FitConfig::tiny(), &Control::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotFinite);
    assert!(fault.to_string().contains("train/clip 1") && fault.place.contains("frame 17"), "{fault}");
    let fault = books.tokenise("a clip", &listeners[0].1, &listeners[0].2[1..]).unwrap_err();
    assert_eq!((fault.kind, fault.path.to_str()), (FaultKind::Mismatch, Some("a clip")));
    let fault = CodeBooks::fit(&[], &FitConfig::tiny(), &Control::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::BadRequest);
    assert_eq!(books.detokenise(&[[0, 0, 0, 0], [0, 99_999, 0, 0]]).unwrap_err().place, "frame 1");
}

#[test]
fn the_mean_over_a_kept_nucleus_is_weighted_and_never_taken_of_action_units() {
    let books = fitted(&listeners(3, 3));
    let [a, b] = [0, 1].map(|id| books.value(Stream::Va, id).unwrap().to_vec());
    let mean = books.expected(Stream::Va, &[(0, 0.3), (1, 0.1)]).unwrap();
    assert!((mean[0] - (0.75 * a[0] + 0.25 * b[0])).abs() < 1e-6);
    let distribution = books.expected(Stream::Ex, &[(0, 0.5), (1, 0.2), (2, 0.2)]).unwrap();
    assert!((distribution.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    assert_eq!(books.expected(Stream::Au, &[(0, 1.0)]), None);
    assert_eq!(books.expected(Stream::Va, &[]), None);
    assert_eq!(books.expected(Stream::Va, &[(99_999, 1.0)]), None);
}
