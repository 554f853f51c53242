//! The definitions of 2025/26: small cases worked by hand, what they share with 2024, and what is refused.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use clips::{Attributes, Chance, Control, FaultKind};
use measures::react2025::{Evaluation, Item, Lengths, Options, appropriate_set, resample};

fn noise(frames: usize, chance: &mut Chance) -> Attributes {
    (0..frames).map(|_| std::array::from_fn(|_| chance.uniform() as f32)).collect()
}

/// Clips of lengths of their own, with predictions and targets of each.
struct Set {
    speakers: Vec<Attributes>,
    predictions: Vec<Vec<Attributes>>,
    targets: Vec<Vec<Attributes>>,
}

impl Set {
    fn new(lengths: &[usize], predictions: usize, targets: usize) -> Self {
        let mut chance = Chance::new(25, "set", &[]);
        let mut some = |count: usize, frames: usize| -> Vec<Attributes> {
            (0..count).map(|_| noise(frames, &mut chance)).collect()
        };
        Self {
            speakers: lengths.iter().flat_map(|frames| some(1, *frames)).collect(),
            predictions: lengths.iter().map(|frames| some(predictions, *frames)).collect(),
            targets: lengths.iter().map(|frames| some(targets, *frames)).collect(),
        }
    }

    fn evaluate(&self, options: Options) -> clips::Result<Evaluation> {
        let targets: Vec<Vec<&[[f32; 25]]>> =
            self.targets.iter().map(|rows| rows.iter().map(Vec::as_slice).collect()).collect();
        let items: Vec<Item<'_>> = (0..self.speakers.len())
            .map(|clip| Item {
                speaker: &self.speakers[clip],
                predictions: &self.predictions[clip],
                targets: &targets[clip],
            })
            .collect();
        Evaluation::of(&items, &options, &Control::default())
    }
}

fn linear() -> Options {
    Options { lengths: Lengths::Linear, ..Options::default() }
}

#[test]
fn on_clips_of_one_length_the_shared_measures_are_those_of_2024() {
    let set = Set::new(&[70, 70, 70], 3, 1);
    let found = set.evaluate(Options::default()).unwrap();
    let listeners: Vec<Attributes> = set.targets.iter().map(|rows| rows[0].clone()).collect();
    let neighbours: Vec<Vec<u32>> = (0..3).map(|clip| vec![clip]).collect();
    let truth = measures::Truth { listeners: &listeners, speakers: &set.speakers, neighbours: &neighbours };
    let older = measures::Evaluation::of(
        &set.predictions,
        &truth,
        &measures::Options::default(),
        &Control::default(),
    )
    .unwrap();
    let near = |a: f64, b: f64| (a - b).abs() < 1e-12 * (1.0 + a.abs());
    assert!(near(found.FRC, older.FRCorr) && near(found.FRD, older.FRDist) && near(found.TLCC, older.FRSyn));
    assert!(near(found.FRDiv.unwrap(), older.FRDiv) && near(found.FRVar.unwrap(), older.FRVar.unwrap()));
}

#[test]
fn a_case_worked_by_hand() {
    // two frames; only columns 0, 15 and 17 are used
    let rows = |unit: [f32; 2], valence: [f32; 2], neutral: [f32; 2]| -> Attributes {
        (0..2)
            .map(|frame| {
                let mut row = [0.0; 25];
                (row[0], row[15], row[17]) = (unit[frame], valence[frame], neutral[frame]);
                row
            })
            .collect()
    };
    let set = Set {
        speakers: vec![rows([0.0, 1.0], [0.0, 0.0], [0.0, 0.0])],
        predictions: vec![vec![
            rows([0.0, 1.0], [0.5, 0.5], [0.0, 0.0]),
            rows([1.0, 0.0], [0.0, 0.0], [0.2, 0.2]),
        ]],
        targets: vec![vec![
            rows([0.0, 1.0], [0.0, 0.0], [0.0, 0.0]),
            rows([1.0, 0.0], [0.1, 0.1], [0.2, 0.2]),
        ]],
    };
    let found = set.evaluate(Options::default()).unwrap();
    // column 0 alone moves: concordance 1/25 with the equal, -1/25 with the mirrored target
    let one = 0.5 / (0.5 + 1e-8) / 25.0;
    assert!((found.FRC - 2.0 * one).abs() < 1e-12, "{}", found.FRC);
    // distances of prediction 0 and 1 (rows) from target 0 and 1
    let (units, neutral) = (2.0f64.sqrt() / 15.0, 0.08f64.sqrt() / 8.0);
    let from = [[0.5f64.sqrt(), 0.32f64.sqrt() + neutral + units], [units + neutral, 0.02f64.sqrt()]];
    assert!((found.FRD - (from[0][1] + from[1][0])).abs() < 1e-7, "{} {from:?}", found.FRD);
    let nearest: Vec<u32> = found.per_clip[0].distance.iter().map(|(_, target)| *target).collect();
    assert_eq!(nearest, [1, 0]);
    // squared differences: 1 + 0.25 + 0.04 in each of two frames, over 2 x 25
    assert!((found.FRDiv.unwrap() - 2.0 * 1.29 / 50.0).abs() < 1e-7);
    // unbiased variance of (0, 1) is 0.5, in one of 25 columns
    assert!((found.FRVar.unwrap() - 0.5 / 25.0).abs() < 1e-9);
    // over ten columns: (0.5 + (0.4 + 0.2) + 0.2 + 0.1) / 4 pairs / 10
    assert!((found.MAE - 1.4 / 40.0).abs() < 1e-7, "{}", found.MAE);
    assert_eq!((found.TLCC, found.constant_share), (49.0, 1.0));
}

#[test]
fn clips_of_any_length_count_alike() {
    let set = Set::new(&[60, 130], 2, 3);
    let found = set.evaluate(Options::default()).unwrap();
    let alone: Vec<Evaluation> = (0..2)
        .map(|clip| {
            let one = Set {
                speakers: vec![set.speakers[clip].clone()],
                predictions: vec![set.predictions[clip].clone()],
                targets: vec![set.targets[clip].clone()],
            };
            one.evaluate(Options::default()).unwrap()
        })
        .collect();
    let values = |e: &Evaluation| [e.FRC, e.FRD, e.TLCC, e.FRDiv.unwrap(), e.FRVar.unwrap(), e.MAE];
    let (first, second) = (values(&alone[0]), values(&alone[1]));
    for (value, (first, second)) in values(&found).iter().zip(first.iter().zip(second)) {
        assert!((value - 0.5 * (first + second)).abs() < 1e-12);
    }
    assert_eq!((found.per_clip[1].frames, found.clips, found.predictions), (130, 2, 2));
    assert!(found.warnings.iter().any(|warning| warning.contains("not comparable")));
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| set.evaluate(Options::default()).unwrap())
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn the_oracle_is_given_the_number_of_predictions_only_when_it_is_one() {
    let mut set = Set::new(&[60, 80], 3, 3);
    set.predictions = set.targets.clone();
    set.predictions[1][2].iter_mut().for_each(|row| row[4] = 1.0);
    set.targets[1][2].iter_mut().for_each(|row| row[4] = 1.0);
    let forced = Options { force_identity: true, ..Options::default() };
    let measured = set.evaluate(Options::default()).unwrap();
    assert!(measured.FRC < 2.99, "a constant column scores 0: {}", measured.FRC);
    let found = set.evaluate(forced).unwrap();
    assert_eq!((found.FRC, found.FRD, found.identity_forced), (3.0, 0.0, true));
    set.predictions[0][1][7][3] += 1e-3;
    let found = set.evaluate(forced).unwrap();
    assert!(!found.identity_forced && found.FRC < 2.99);
    assert!(found.warnings.iter().any(|warning| warning.contains("measured, not forced")));
}

#[test]
fn other_lengths_are_refused_unless_resampling_is_asked_for_and_then_said() {
    let mut set = Set::new(&[60], 2, 2);
    set.targets[0][1] = resample(&set.targets[0][1], 90);
    let fault = set.evaluate(Options::default()).unwrap_err();
    assert_eq!((fault.kind, fault.place.as_str()), (FaultKind::Mismatch, "clip 0, target 1"));
    assert!(fault.remedy.contains("ours"));
    let found = set.evaluate(linear()).unwrap();
    assert_eq!(found.per_clip[0].resampled, 1);
    assert!(found.warnings.iter().any(|warning| warning.contains("1 targets were resampled linearly")));
    set.speakers[0].pop();
    assert_eq!(set.evaluate(linear()).unwrap_err().place, "clip 0, speaker");
    set.targets[0][1].clear();
    set.speakers[0] = set.predictions[0][0].clone();
    assert_eq!(set.evaluate(linear()).unwrap_err().kind, FaultKind::Mismatch);
}

#[test]
fn resampling_keeps_ends_and_straight_lines() {
    let line: Attributes = (0..5).map(|frame| [frame as f32; 25]).collect();
    let longer = resample(&line, 9);
    assert!(longer.iter().enumerate().all(|(frame, row)| row[7] == 0.5 * frame as f32));
    assert_eq!(resample(&longer, 5), line);
    assert_eq!(resample(&line, 5), line);
    assert_eq!(resample(&line, 1), line[..1]);
    assert_eq!(resample(&line[2..3], 3), vec![line[2]; 3]);
    assert_eq!((resample(&[], 4), resample(&line, 0)), (vec![], vec![]));
}

#[test]
fn the_appropriate_set_has_the_true_reaction_first_and_nine_others_of_the_session() {
    let session: Vec<u32> = (10..40).collect();
    let found = appropriate_set(&session, 17, 10, 3);
    assert_eq!((found.len(), found[0]), (10, 17));
    let different: std::collections::HashSet<&u32> = found.iter().collect();
    assert!(different.len() == 10 && found.iter().all(|clip| session.contains(clip)));
    let mut reversed = session.clone();
    reversed.reverse();
    assert_eq!(appropriate_set(&reversed, 17, 10, 3), found);
    assert_ne!(appropriate_set(&session, 17, 10, 4), found);
    // all of a session are drawn, over many seeds
    let drawn: std::collections::HashSet<u32> =
        (0..60).flat_map(|seed| appropriate_set(&session, 17, 10, seed)).collect();
    assert_eq!(drawn.len(), 30);
    let few = appropriate_set(&[1, 2, 3], 2, 10, 0);
    assert!(few.len() == 10 && few[0] == 2 && few[1..].iter().all(|clip| [1, 3].contains(clip)));
    assert_eq!(appropriate_set(&[], 5, 3, 0), [5, 5, 5]);
    assert_eq!(appropriate_set(&session, 17, 1, 0), [17]);
    assert!(appropriate_set(&session, 17, 0, 0).is_empty());
}

#[test]
fn what_cannot_be_scored_is_refused_and_what_is_undefined_is_none() {
    let refused = |change: &dyn Fn(&mut Set)| {
        let mut set = Set::new(&[60, 55], 2, 2);
        change(&mut set);
        let fault = set.evaluate(Options::default()).unwrap_err();
        assert!(!fault.remedy.is_empty(), "{fault}");
        (fault.kind, fault.place)
    };
    let at = |kind, place: &str| (kind, place.to_owned());
    assert_eq!(refused(&|set| set.speakers.clear()).0, FaultKind::BadRequest);
    assert_eq!(refused(&|set| drop(set.predictions[1].pop())), at(FaultKind::Mismatch, "clip 1"));
    assert_eq!(refused(&|set| set.targets[1].clear()), at(FaultKind::Empty, "clip 1"));
    assert_eq!(
        refused(&|set| set.predictions[0][1].truncate(9)),
        at(FaultKind::Mismatch, "clip 0, prediction 1")
    );
    assert_eq!(
        refused(&|set| set.targets[1][0][3][2] = f32::NAN),
        at(FaultKind::NotFinite, "clip 1, target 0, frame 3")
    );
    let one = Set::new(&[60], 1, 2).evaluate(Options::default()).unwrap();
    assert_eq!(one.FRDiv, None);
    assert!(one.warnings.iter().any(|warning| warning.contains("FRDiv is undefined")));
    assert_eq!(Set::new(&[1], 2, 2).evaluate(Options::default()).unwrap().FRVar, None);
}
