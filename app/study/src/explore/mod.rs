//! Each latent intent of a network over a split, from both sides: the real listeners it is recognised in, and the
//! reactions it makes.
//!
//! | side | read from | says |
//! |---|---|---|
//! | recognised | posterior of every row's real listener | share, exemplars, confusion with known intents |
//! | made | one reaction of every latent to every clip | signature, neighbours in behaviour, how often ranked best |
//!
//! A signature is what a latent does *more than the others do on the same clip*: the mean over clips of its value minus
//! the mean of all latents there, with a bootstrap interval over clips. Two latents are neighbours when their mean
//! behaviours are close, each trait measured in its standard deviation over all reactions. What this is not: a proof that
//! a latent means something; names are proposals, and people may change them ([`crate::names`]).

pub mod plots;

use clips::channels::{AROUSAL, ATTRIBUTE_COUNT, ATTRIBUTES, AU, EXPRESSIONS, VALENCE, word};
use clips::synth::world::INTENTS;
use clips::{Control, Fault, FaultKind, Result, Sampling, Take, Track};
use listener::{Request, System};
use measures::intents;
use measures::uncertainty::{Interval, Kind, Resampling, intervals};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::recognition::Recognition;
use crate::split::Split;

/// What a reaction is described by: the means of the 25 attributes, then how much the head nods, turns and tilts
/// (standard deviation in degrees).
pub const TRAITS: usize = ATTRIBUTE_COUNT + 3;

/// Name of a trait: `AU12`, `valence`, `nod`.
pub fn trait_name(index: usize) -> &'static str {
    match ATTRIBUTES.get(index) {
        Some(name) => name,
        None => ["nod", "turn", "tilt"][(index - ATTRIBUTE_COUNT).min(2)],
    }
}

/// A value with its 95 % interval over clips, where there are clips enough for one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Valued {
    /// Over all clips.
    pub value: f64,
    /// Bootstrap interval.
    pub interval: Option<Interval>,
}

impl Valued {
    /// Whether it lies above 0 beyond doubt.
    pub fn raised(&self) -> bool {
        self.interval.is_some_and(|interval| interval.low > 0.0)
    }
}

/// A real listener that a latent is recognised in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    /// Row of the split.
    pub row: usize,
    /// Id of the clip.
    pub clip: String,
    /// Posterior of the latent.
    pub posterior: f64,
}

/// One latent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explored {
    /// Counted from 0.
    pub latent: usize,
    /// What its signature suggests to call it.
    pub proposed: String,
    /// Share of real listeners whose posterior is highest here.
    pub recognised: Valued,
    /// Share of clips for which its reaction is ranked best.
    pub ranked: Valued,
    /// By trait: its reactions minus the mean of all latents on the same clip.
    pub made: Vec<Valued>,
    /// By trait: real listeners recognised as it, minus all real listeners; empty when there are none, or no poses.
    pub seen: Vec<f64>,
    /// Real listeners it is recognised in, surest first.
    pub exemplars: Vec<Exemplar>,
    /// The latent that behaves most alike, and how far it is.
    pub nearest: Option<(usize, f64)>,
}

/// Everything known of the latents of a checkpoint over a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explorer {
    /// Name of the system.
    pub system: String,
    /// SHA-256 of its checkpoint, hex.
    pub checkpoint: String,
    /// Clips that were answered.
    pub clips: usize,
    /// Real listeners that were read.
    pub listeners: usize,
    /// How the reactions were drawn.
    pub sampling: Sampling,
    /// What the system saw.
    pub track: Track,
    /// Seed of all draws.
    pub seed: u64,
    /// exp(entropy) of the mean posterior: latents in use.
    pub usage: Option<f64>,
    /// One entry a latent.
    pub latents: Vec<Explored>,
    /// By trait: standard deviation over all reactions of all latents.
    pub deviations: Vec<f64>,
    /// How far the mean behaviours of two latents are apart, in standard deviations a trait.
    pub distances: Vec<Vec<f64>>,
    /// Names of the known intents, and counts: a row an intent, a column a recognised latent. Empty where intents are
    /// not known.
    pub intents: Vec<(String, Vec<u32>)>,
    /// Agreement of recognised latent and known intent.
    pub nmi: Option<f64>,
}

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// What the system sees.
    pub track: Track,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Seed of all draws.
    pub seed: u64,
    /// Clips that are answered at most, evenly spread over the split; 0 for all.
    pub clips: usize,
    /// Real listeners that are kept for each latent.
    pub exemplars: usize,
    /// Resampling of the intervals.
    pub resampling: Resampling,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            track: Track::Offline,
            sampling: Sampling::default(),
            seed: 1,
            clips: 200,
            exemplars: 8,
            resampling: Resampling::default(),
        }
    }
}

impl Explorer {
    /// Looks at a network over a split.
    ///
    /// # Errors
    /// A system without latents, a listener that the network cannot read, what the system says; cancelled on request.
    pub fn of(system: &dyn System, split: &Split, asked: &Asked, control: &Control) -> Result<Self> {
        let latents = system.latents();
        let Some(recognition) = Recognition::of(system, split, control)? else {
            return Err(Fault::new(
                FaultKind::Unsupported,
                "",
                format!("{} has no latent intent to explore", system.name()),
            )
            .remedy("choose a latent-intent checkpoint"));
        };
        let rows = chosen(split.entries().len(), asked.clips);
        let answers = answers(system, split, asked, &rows, control)?;
        let read: Vec<(usize, &Vec<f64>)> =
            recognition.readings.iter().map(|reading| &reading.posterior).enumerate().collect();
        let verdicts: Vec<usize> = read.iter().map(|(_, posterior)| best(posterior)).collect();
        let real = real_traits(split)?;
        let deviations = deviations(&answers);
        let distances = distances(&answers, &deviations, latents);
        let explored =
            (0..latents)
                .map(|latent| {
                    let made = made(&answers, latent, asked, control)?;
                    let recognised = share(&verdicts, |verdict| *verdict == latent, asked, control)?;
                    let ranked = share(&answers, |answer| answer.best == Some(latent), asked, control)?;
                    let mut members: Vec<(usize, f64)> = read
                        .iter()
                        .zip(&verdicts)
                        .filter(|(_, verdict)| **verdict == latent)
                        .map(|((row, posterior), _)| (*row, posterior[latent]))
                        .collect();
                    let seen = contrast(&real, &members);
                    members.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                    let exemplars = members.into_iter().take(asked.exemplars).map(|(row, posterior)| {
                        Exemplar { row, clip: split.entries()[row].id.clone(), posterior }
                    });
                    let nearest = (0..latents)
                        .filter(|other| *other != latent)
                        .map(|other| (other, distances[latent][other]))
                        .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
                    Ok(Explored {
                        latent,
                        proposed: proposal(&made),
                        recognised,
                        ranked,
                        made,
                        seen,
                        exemplars: exemplars.collect(),
                        nearest,
                    })
                })
                .collect::<Result<Vec<_>>>()?;
        let (known, nmi) = confusion(split, &verdicts, latents);
        Ok(Self {
            system: system.name().to_owned(),
            checkpoint: system.checkpoint().to_owned(),
            clips: rows.len(),
            listeners: recognition.readings.len(),
            sampling: asked.sampling,
            track: asked.track,
            seed: asked.seed,
            usage: recognition.usage,
            latents: explored,
            deviations,
            distances,
            intents: known,
            nmi,
        })
    }
}

/// Rows spread evenly over `count`, at most `most` of them (0 for all).
fn chosen(count: usize, most: usize) -> Vec<usize> {
    if most == 0 || count <= most {
        return (0..count).collect();
    }
    (0..most).map(|index| index * count / most).collect()
}

/// What the latents answered to one clip.
struct Answer {
    /// One row of traits a latent.
    traits: Vec<[f64; TRAITS]>,
    /// The latent whose reaction is ranked best.
    best: Option<usize>,
}

fn answers(
    system: &dyn System,
    split: &Split,
    asked: &Asked,
    rows: &[usize],
    control: &Control,
) -> Result<Vec<Answer>> {
    let done = std::sync::atomic::AtomicU64::new(0);
    let request =
        Request { seed: asked.seed, sampling: asked.sampling, track: asked.track, ..Request::default() };
    rows.par_iter()
        .map(|row| {
            let step = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            control.step("answering with every latent", step, rows.len() as u64, "")?;
            let speaker = split.speaker(*row, system.hears())?;
            let takes = system.generate(&split.entries()[*row].id, &speaker, &request, &control.silent())?;
            let best = takes
                .iter()
                .filter_map(|take| Some((take.header.rm_score?, take.header.latent?)))
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
                .map(|(_, latent)| latent);
            Ok(Answer { traits: takes.iter().map(traits_of).collect(), best })
        })
        .collect()
}

/// The traits of a take; a head that is not known does not move.
fn traits_of(take: &Take) -> [f64; TRAITS] {
    let poses = take.coefficients.as_deref().map(|rows| rows.iter().map(|row| [row[52], row[53], row[54]]));
    traits(&take.attributes, poses)
}

fn traits(
    attributes: &[[f32; ATTRIBUTE_COUNT]],
    poses: Option<impl Iterator<Item = [f32; 3]>>,
) -> [f64; TRAITS] {
    let mut out = [0.0; TRAITS];
    for row in attributes {
        out.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    out.iter_mut().for_each(|sum| *sum /= attributes.len().max(1) as f64);
    let poses: Vec<[f32; 3]> = poses.map_or_else(Vec::new, Iterator::collect);
    for axis in 0..3 {
        let angles = || poses.iter().map(|pose| f64::from(pose[axis]));
        let count = poses.len().max(1) as f64;
        let mean = angles().sum::<f64>() / count;
        let variance = angles().map(|angle| (angle - mean).powi(2)).sum::<f64>() / count;
        out[ATTRIBUTE_COUNT + axis] = variance.sqrt().to_degrees();
    }
    out
}

/// The traits of every real listener; the head of one without coefficients is not known.
fn real_traits(split: &Split) -> Result<Vec<[f64; TRAITS]>> {
    split
        .entries()
        .par_iter()
        .zip(split.listeners.par_iter())
        .map(|(entry, attributes)| {
            let person = listener::read_face(&split.corpus, &entry.listener)?;
            let poses = person
                .coefficients
                .as_ref()
                .map(|rows| rows.iter().take(split.frames).map(|row| [row[52], row[53], row[54]]));
            Ok(traits(attributes, poses))
        })
        .collect()
}

fn made(answers: &[Answer], latent: usize, asked: &Asked, control: &Control) -> Result<Vec<Valued>> {
    let columns: Vec<Vec<f64>> = (0..TRAITS)
        .map(|index| {
            let own = |answer: &Answer| {
                let all = answer.traits.iter().map(|row| row[index]).sum::<f64>();
                answer.traits.get(latent).map(|row| row[index] - all / answer.traits.len() as f64)
            };
            answers.iter().filter_map(own).collect()
        })
        .collect();
    let wanted: Vec<(&[f64], Kind)> = columns.iter().map(|column| (&column[..], Kind::Clips)).collect();
    let found = intervals(&wanted, &asked.resampling, control)?;
    Ok(columns.iter().zip(found).map(|(column, interval)| Valued { value: mean(column), interval }).collect())
}

fn share<T>(all: &[T], is: impl Fn(&T) -> bool, asked: &Asked, control: &Control) -> Result<Valued> {
    let column: Vec<f64> = all.iter().map(|one| f64::from(u8::from(is(one)))).collect();
    let interval = intervals(&[(&column, Kind::Clips)], &asked.resampling, control)?.pop().flatten();
    Ok(Valued { value: mean(&column), interval })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Members minus everybody, by trait.
fn contrast(real: &[[f64; TRAITS]], members: &[(usize, f64)]) -> Vec<f64> {
    if members.is_empty() {
        return Vec::new();
    }
    (0..TRAITS)
        .map(|index| {
            let own: Vec<f64> = members.iter().map(|(row, _)| real[*row][index]).collect();
            let all: Vec<f64> = real.iter().map(|row| row[index]).collect();
            mean(&own) - mean(&all)
        })
        .collect()
}

fn deviations(answers: &[Answer]) -> Vec<f64> {
    let all: Vec<&[f64; TRAITS]> = answers.iter().flat_map(|answer| &answer.traits).collect();
    (0..TRAITS)
        .map(|index| {
            let column: Vec<f64> = all.iter().map(|row| row[index]).collect();
            let center = mean(&column);
            mean(&column.iter().map(|value| (value - center).powi(2)).collect::<Vec<_>>()).sqrt()
        })
        .collect()
}

/// Root mean square difference of the mean behaviours, each trait in its standard deviation; traits that never vary say
/// nothing.
fn distances(answers: &[Answer], deviations: &[f64], latents: usize) -> Vec<Vec<f64>> {
    let centers: Vec<Vec<f64>> = (0..latents)
        .map(|latent| {
            (0..TRAITS)
                .map(|index| {
                    let own = answers.iter().filter_map(|answer| Some(answer.traits.get(latent)?[index]));
                    mean(&own.collect::<Vec<_>>())
                })
                .collect()
        })
        .collect();
    let varying: Vec<usize> = (0..TRAITS).filter(|index| deviations[*index] > 1e-9).collect();
    let apart = |a: &[f64], b: &[f64]| {
        let squares = varying.iter().map(|index| ((a[*index] - b[*index]) / deviations[*index]).powi(2));
        mean(&squares.collect::<Vec<_>>()).sqrt()
    };
    centers.iter().map(|a| centers.iter().map(|b| apart(a, b)).collect()).collect()
}

/// The two things that it does more than the others beyond doubt; `calm` when there is nothing.
fn proposal(made: &[Valued]) -> String {
    let scale = |index: usize| if index >= ATTRIBUTE_COUNT { 0.1 } else { 1.0 };
    let mut raised: Vec<(usize, f64)> = AU
        .chain(EXPRESSIONS.skip(1))
        .chain(ATTRIBUTE_COUNT..TRAITS)
        .filter_map(|index| Some((index, made.get(index)?)))
        .filter(|(index, valued)| valued.raised() && valued.value * scale(*index) > 0.03)
        .map(|(index, valued)| (index, valued.value * scale(index)))
        .collect();
    raised.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let words: Vec<&str> = raised
        .iter()
        .take(2)
        .map(|(index, _)| if *index < ATTRIBUTE_COUNT { word(*index) } else { trait_name(*index) })
        .collect();
    if !words.is_empty() {
        return words.join(", ");
    }
    let clear = |index: usize, high: &'static str, low: &'static str| {
        let valued = made.get(index)?;
        let interval = valued.interval?;
        (!interval.contains(0.0) && valued.value.abs() > 0.05).then_some(if valued.value > 0.0 {
            high
        } else {
            low
        })
    };
    clear(VALENCE, "pleased", "displeased")
        .or_else(|| clear(AROUSAL, "lively", "calm"))
        .unwrap_or("calm")
        .to_owned()
}

fn best(posterior: &[f64]) -> usize {
    let found = posterior.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    found.map_or(0, |(latent, _)| latent)
}

fn confusion(split: &Split, verdicts: &[usize], latents: usize) -> (Vec<(String, Vec<u32>)>, Option<f64>) {
    let Some(truth) = &split.intents else { return (Vec::new(), None) };
    let mut table: Vec<(String, Vec<u32>)> =
        INTENTS.iter().map(|name| ((*name).to_owned(), vec![0; latents])).collect();
    let mut pairs = Vec::new();
    for row in truth.iter() {
        let Some(verdict) = verdicts.get(row.row) else { continue };
        if let Some((_, counts)) = table.get_mut(row.intent) {
            counts[*verdict] += 1;
            pairs.push((*verdict, row.intent));
        }
    }
    pairs.sort_unstable();
    let (seen, known): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
    (table, intents::normalised_mutual_information(&seen, &known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valued(value: f64) -> Valued {
        Valued { value, interval: Some(Interval { low: value - 0.01, high: value + 0.01 }) }
    }

    #[test]
    fn a_latent_is_named_by_what_it_raises_beyond_doubt() {
        let mut made = vec![valued(0.0); TRAITS];
        assert_eq!(proposal(&made), "calm");
        made[7] = valued(0.3);
        made[ATTRIBUTE_COUNT] = valued(1.5);
        assert_eq!(proposal(&made), "smile, nod");
        made[7] = Valued { value: 0.3, interval: Some(Interval { low: -0.1, high: 0.7 }) };
        assert_eq!(proposal(&made), "nod");
        made[ATTRIBUTE_COUNT] = valued(0.0);
        made[VALENCE] = valued(-0.2);
        assert_eq!(proposal(&made), "displeased");
    }

    #[test]
    fn distances_are_in_deviations_of_each_trait_and_ignore_what_never_varies() {
        // Two latents that differ in one trait by two deviations: values -1 and 1, deviation 1.
        let row = |value: f64| {
            let mut row = [0.5; TRAITS];
            row[3] = value;
            row
        };
        let answers: Vec<Answer> =
            (0..4).map(|_| Answer { traits: vec![row(-1.0), row(1.0)], best: None }).collect();
        let found = distances(&answers, &deviations(&answers), 2);
        assert_eq!(found[0][0], 0.0);
        assert!((found[0][1] - 2.0).abs() < 1e-12 && found[0][1] == found[1][0], "{found:?}");
    }

    #[test]
    fn chosen_rows_are_spread_and_never_twice() {
        assert_eq!(chosen(3, 0), [0, 1, 2]);
        assert_eq!(chosen(3, 8), [0, 1, 2]);
        assert_eq!(chosen(10, 4), [0, 2, 5, 7]);
    }
}
