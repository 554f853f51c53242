//! Laws that hold whatever the data: naive baselines, permutations, shifts, and what is refused or warned about.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use clips::{Attributes, Chance, Control, FaultKind};
use measures::{ClipScores, Evaluation, Journal, Options, Truth, frdiv, frdvs, frsyn, frvar};

fn noise(frames: usize, chance: &mut Chance) -> Attributes {
    (0..frames).map(|_| std::array::from_fn(|_| chance.uniform() as f32)).collect()
}

/// Clips x samples of uniform noise.
fn random(clips: usize, samples: usize, frames: usize, seed: u64) -> Vec<Vec<Attributes>> {
    let mut chance = Chance::new(seed, "laws", &[]);
    (0..clips).map(|_| (0..samples).map(|_| noise(frames, &mut chance)).collect()).collect()
}

struct Set {
    predictions: Vec<Vec<Attributes>>,
    listeners: Vec<Attributes>,
    speakers: Vec<Attributes>,
    neighbours: Vec<Vec<u32>>,
}

impl Set {
    fn new(clips: usize, samples: usize, frames: usize) -> Self {
        let mut chance = Chance::new(9, "set", &[]);
        Self {
            predictions: random(clips, samples, frames, 3),
            listeners: (0..clips).map(|_| noise(frames, &mut chance)).collect(),
            speakers: (0..clips).map(|_| noise(frames, &mut chance)).collect(),
            neighbours: (0..clips as u32).map(|row| vec![row, (row + 1) % clips as u32]).collect(),
        }
    }

    fn evaluate(&self) -> clips::Result<Evaluation> {
        let options = Options { bootstrap: 200, seed: 5, ..Options::default() };
        Evaluation::of(&self.predictions, &self.truth(), &options, &Control::default())
    }

    fn truth(&self) -> Truth<'_> {
        Truth { listeners: &self.listeners, speakers: &self.speakers, neighbours: &self.neighbours }
    }
}

#[test]
fn uniform_noise_has_the_known_diversity_and_variance() {
    let set = random(6, 6, 400, 1);
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let diversity = mean(set.iter().map(|clip| frdiv::of_clip(clip).unwrap()).collect());
    let variance = mean(set.iter().map(|clip| frvar::of_clip(clip).unwrap()).collect());
    assert!((diversity - 1.0 / 6.0).abs() < 1e-3, "{diversity}");
    assert!((variance - 1.0 / 12.0).abs() < 1e-3, "{variance}");
    assert!((frdvs::of(&set).unwrap() - 1.0 / 6.0).abs() < 1e-3);
}

#[test]
fn the_order_of_samples_changes_nothing_but_which_one_is_first() {
    let mut set = Set::new(3, 4, 60);
    let before = set.evaluate().unwrap();
    set.predictions.iter_mut().for_each(|clip| clip.rotate_left(1));
    let after = set.evaluate().unwrap();
    for (a, b) in [
        (before.FRCorr, after.FRCorr),
        (before.FRDist, after.FRDist),
        (before.FRDiv, after.FRDiv),
        (before.FRVar.unwrap(), after.FRVar.unwrap()),
        (before.FRDvs.unwrap(), after.FRDvs.unwrap()),
        (before.FRSyn_all_samples, after.FRSyn_all_samples),
    ] {
        assert!((a - b).abs() < 1e-12 * a.abs().max(1.0), "{a} {b}");
    }
}

#[test]
fn a_reaction_that_comes_later_by_n_has_the_offset_n() {
    let long = noise(260, &mut Chance::new(2, "shift", &[]));
    let speaker = &long[50..210];
    for lag in [-49, -30, -1, 0, 1, 7, 49i32] {
        let start = (50 - lag) as usize;
        let found = frsyn::of_reaction(&long[start..start + 160], speaker);
        assert_eq!(found.offset, lag);
        assert!((found.correlation.unwrap() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn identical_series_are_the_ideal() {
    let mut set = Set::new(3, 2, 80);
    set.predictions = set.listeners.iter().map(|rows| vec![rows.clone(); 2]).collect();
    set.speakers = set.listeners.clone();
    let found = set.evaluate().unwrap();
    assert!((found.FRCorr_per_sample - 1.0).abs() < 1e-6, "{}", found.FRCorr);
    assert_eq!((found.FRDist, found.FRDiv, found.FRSyn, found.constant_share), (0.0, 0.0, 0.0, 0.0));
    assert_eq!(found.FRSyn_defined, Some(0.0));
}

#[test]
fn a_column_that_never_changes_leaves_the_synchrony_undefined_and_the_share_says_so() {
    let mut set = Set::new(4, 2, 80);
    set.predictions[1][0].iter_mut().for_each(|row| row[4] = 0.1);
    let found = set.evaluate().unwrap();
    assert_eq!(found.constant_share, 0.25);
    assert!(found.per_clip[1].synchrony_undefined);
    assert_eq!(found.per_clip[1].FRSyn, 49.0);
    assert!(found.warnings.iter().any(|warning| warning.contains("25.0 %")), "{:?}", found.warnings);
}

#[test]
fn threads_do_not_change_a_bit_and_intervals_hold_their_measure() {
    let set = Set::new(6, 3, 60);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| set.evaluate().unwrap())
    };
    let found = on(1);
    assert_eq!(found, on(3));
    assert_eq!(found.intervals.len(), 8);
    for (name, value) in [("FRCorr", found.FRCorr), ("FRDist", found.FRDist), ("FRDvs", found.FRDvs.unwrap())]
    {
        let interval = found.intervals[name];
        assert!(interval.low < value && value < interval.high, "{name} {value} {interval:?}");
    }
}

#[test]
fn the_json_has_the_official_keys() {
    let value = serde_json::to_value(Set::new(2, 2, 55).evaluate().unwrap()).unwrap();
    for key in [
        "FRCorr",
        "FRDist",
        "FRDiv",
        "FRVar",
        "FRDvs",
        "FRSyn",
        "FRSyn_all_samples",
        "constant_share",
        "per_clip",
        "intervals",
    ] {
        assert!(value.get(key).is_some(), "{key}");
    }
    serde_json::from_value::<Evaluation>(value).unwrap();
}

#[test]
fn what_cannot_be_scored_is_refused_with_its_place() {
    let refused = |change: &dyn Fn(&mut Set)| {
        let mut set = Set::new(3, 2, 60);
        change(&mut set);
        let fault = set.evaluate().unwrap_err();
        assert!(!fault.remedy.is_empty(), "{fault}");
        (fault.kind, fault.place)
    };
    let at = |kind, place: &str| (kind, place.to_owned());
    use FaultKind::{BadRequest, Empty, Mismatch, NotFinite};
    assert_eq!(refused(&|set| set.predictions.clear()).0, BadRequest);
    assert_eq!(refused(&|set| drop(set.listeners.pop())), at(Mismatch, "listeners"));
    assert_eq!(refused(&|set| drop(set.neighbours.pop())), at(Mismatch, "rows of neighbours"));
    assert_eq!(refused(&|set| set.neighbours[1].clear()), at(Mismatch, "neighbours, row 1"));
    assert_eq!(refused(&|set| set.neighbours[2].push(7)), at(Mismatch, "neighbours, row 2"));
    assert_eq!(refused(&|set| drop(set.predictions[1].pop())), at(Mismatch, "predictions, clip 1"));
    assert_eq!(refused(&|set| set.speakers[2].truncate(59)), at(Mismatch, "speakers, clip 2"));
    assert_eq!(refused(&|set| set.predictions[0][0].clear()).0, Empty);
    assert_eq!(
        refused(&|set| set.predictions[2][1][40][3] = f32::NAN),
        at(NotFinite, "predictions, clip 2, sample 1, frame 40")
    );
}

#[test]
fn what_misleads_is_warned_about() {
    let warned = |clips, samples, frames, word: &str| {
        let found = Set::new(clips, samples, frames).evaluate().unwrap();
        assert!(found.warnings.iter().any(|warning| warning.contains(word)), "{word}: {:?}", found.warnings);
        found
    };
    assert_eq!(warned(2, 1, 60, "FRDiv is 0 by definition").FRDiv, 0.0);
    assert_eq!(warned(2, 2, 50, "too few for lags").FRSyn, 49.0);
    assert_eq!(warned(1, 2, 60, "FRDvs is undefined").FRDvs, None);
    assert_eq!(warned(2, 2, 1, "FRVar is undefined").FRVar, None);
    warned(2, 3, 60, "sums over samples");
}

#[test]
fn a_matrix_that_does_not_know_the_clips_own_listeners_is_doubted() {
    let mut set = Set::new(4, 2, 60);
    set.neighbours = (0..4u32).map(|row| vec![(row + 1) % 4]).collect();
    let found = set.evaluate().unwrap();
    assert!(found.warnings.iter().any(|warning| warning.contains("another split")), "{:?}", found.warnings);
}

#[test]
fn truncation_is_only_on_request_and_says_what_it_cut() {
    let whole = Set::new(3, 2, 60);
    let mut longer = Set::new(3, 2, 60);
    longer.predictions.push(longer.predictions[0].clone());
    longer.listeners.iter_mut().for_each(|rows| rows.push([0.5; 25]));
    let fault = longer.evaluate().unwrap_err();
    assert!(fault.remedy.contains("--truncate"), "{fault}");
    let options = Options { bootstrap: 200, seed: 5, truncate: true };
    let cut = Evaluation::of(&longer.predictions, &longer.truth(), &options, &Control::default()).unwrap();
    assert!(cut.warnings.iter().any(|warning| warning.contains("1 of 4 predictions are left out")));
    assert_eq!(cut.per_clip, whole.evaluate().unwrap().per_clip);
    let mut short = Set::new(3, 2, 60);
    short.speakers[1].truncate(55);
    let cut = Evaluation::of(&short.predictions, &short.truth(), &options, &Control::default()).unwrap();
    assert_eq!(cut.frames, 55);
    assert!(cut.warnings.iter().any(|warning| warning.contains("cut to the 55")), "{:?}", cut.warnings);
}

/// Keeps the scores of some clips and stops the work when it has seen enough.
struct Kept {
    known: Vec<Option<ClipScores>>,
    seen: std::sync::Mutex<Vec<ClipScores>>,
    stop_after: usize,
    control: Control,
}

impl Journal for Kept {
    fn scored(&self, clip: usize) -> Option<ClipScores> {
        self.known[clip].clone()
    }

    fn keep(&self, scores: &ClipScores) -> clips::Result<()> {
        let mut seen = self.seen.lock().unwrap();
        seen.push(scores.clone());
        if seen.len() == self.stop_after {
            self.control.stop();
        }
        Ok(())
    }
}

#[test]
fn a_stopped_evaluation_goes_on_where_it_was_and_ends_the_same() {
    let set = Set::new(6, 2, 60);
    let whole = set.evaluate().unwrap();
    let options = Options { bootstrap: 200, seed: 5, ..Options::default() };
    let run = |known: Vec<Option<ClipScores>>, stop_after| {
        let journal = Kept { known, seen: Vec::new().into(), stop_after, control: Control::default() };
        let result =
            Evaluation::resumed(&set.predictions, &set.truth(), &options, &journal, &journal.control);
        (result, journal.seen.into_inner().unwrap())
    };
    let (stopped, seen) = run(vec![None; 6], 2);
    assert!(stopped.unwrap_err().is_cancelled());
    assert!((2..6).contains(&seen.len()), "{}", seen.len());
    let mut known = vec![None; 6];
    seen.iter().for_each(|scores| known[scores.clip] = Some(scores.clone()));
    let (resumed, rest) = run(known, usize::MAX);
    assert_eq!(resumed.unwrap(), whole);
    assert_eq!(seen.len() + rest.len(), 6);
}
