//! What the latent intents of a system do over a split: how often each is ranked best, and what sets it apart.
//!
//! Computed from takes alone, so that it holds for any system whose takes name a latent. What it is not: a claim that a
//! latent means something; the signature says how the reactions of a latent differ from those of the others.

use clips::channels::ATTRIBUTE_COUNT;
use clips::{Chance, Take};
use serde::{Deserialize, Serialize};

/// What the takes of one clip say of the latents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClipLatents {
    /// The latent of the best-ranked take; `None` without scores.
    pub chosen: Option<usize>,
    /// Latents that answered, with the mean of each of the 25 columns over their takes and frames.
    pub means: Vec<(usize, Vec<f32>)>,
}

impl ClipLatents {
    /// Reads the takes of a clip.
    pub fn of(takes: &[Take]) -> Self {
        let best = takes
            .iter()
            .filter_map(|take| Some((take.header.rm_score?, take.header.latent?)))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut latents: Vec<usize> = takes.iter().filter_map(|take| take.header.latent).collect();
        latents.sort_unstable();
        latents.dedup();
        let mean = |latent: usize| {
            let rows = || {
                takes
                    .iter()
                    .filter(move |take| take.header.latent == Some(latent))
                    .flat_map(|take| take.attributes.iter())
            };
            let count = rows().count().max(1) as f64;
            let column = |column| (rows().map(|row| f64::from(row[column])).sum::<f64>() / count) as f32;
            (0..ATTRIBUTE_COUNT).map(column).collect()
        };
        Self {
            chosen: best.map(|(_, latent)| latent),
            means: latents.into_iter().map(|z| (z, mean(z))).collect(),
        }
    }
}

/// A share or a difference with its 95 % interval over clips.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Over all clips.
    pub value: f64,
    /// 2.5th percentile of resamples.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

/// What one latent does over a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatentRow {
    /// The latent, from 0.
    pub latent: usize,
    /// Share of clips for which it is ranked best.
    pub use_share: Estimate,
    /// For each of the 25 columns: its mean minus the mean of all latents; `None` for a latent that never answered.
    pub signature: Option<Vec<Estimate>>,
    /// Clips for which it is ranked best, first ones first.
    pub clips: Vec<usize>,
}

/// The latents of a system over a split; empty without latents.
pub fn table(clips: &[ClipLatents], resamples: usize, seed: u64) -> Vec<LatentRow> {
    let width = clips
        .iter()
        .flat_map(|clip| clip.means.iter().map(|(z, _)| *z).chain(clip.chosen))
        .max()
        .map_or(0, |most| most + 1);
    if width == 0 {
        return Vec::new();
    }
    let whole: Vec<usize> = (0..clips.len()).collect();
    let center = Means::of(clips, &whole, width);
    let drawn: Vec<Means> = (0..resamples)
        .map(|round| {
            let mut chance = Chance::new(seed, "latents", &[round as u64]);
            let rows: Vec<usize> = (0..clips.len()).map(|_| chance.below(clips.len())).collect();
            Means::of(clips, &rows, width)
        })
        .collect();
    let estimate = |value: f64, each: Vec<f64>| {
        let mut sorted = each;
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            if sorted.is_empty() { value } else { measures::percentile(&sorted, share) }
        };
        Estimate { value, low: at(0.025), high: at(0.975) }
    };
    (0..width)
        .map(|latent| LatentRow {
            latent,
            use_share: estimate(
                center.share[latent],
                drawn.iter().map(|means| means.share[latent]).collect(),
            ),
            signature: center.signature(latent).map(|values| {
                let others: Vec<Vec<f64>> =
                    drawn.iter().filter_map(|means| means.signature(latent)).collect();
                (0..ATTRIBUTE_COUNT)
                    .map(|column| estimate(values[column], others.iter().map(|row| row[column]).collect()))
                    .collect()
            }),
            clips: (0..clips.len()).filter(|clip| clips[*clip].chosen == Some(latent)).collect(),
        })
        .collect()
}

/// Means over a list of clips.
struct Means {
    share: Vec<f64>,
    /// By latent: sums of the 25 columns and the number of clips.
    columns: Vec<([f64; ATTRIBUTE_COUNT], f64)>,
    /// Mean over the latents that answered.
    common: [f64; ATTRIBUTE_COUNT],
}

impl Means {
    fn of(clips: &[ClipLatents], rows: &[usize], width: usize) -> Self {
        let mut chosen = vec![0.0f64; width];
        let mut columns = vec![([0.0f64; ATTRIBUTE_COUNT], 0.0f64); width];
        for row in rows {
            let clip = &clips[*row];
            clip.chosen.into_iter().for_each(|latent| chosen[latent] += 1.0);
            for (latent, mean) in &clip.means {
                columns[*latent].0.iter_mut().zip(mean).for_each(|(sum, value)| *sum += f64::from(*value));
                columns[*latent].1 += 1.0;
            }
        }
        let ranked: f64 = chosen.iter().sum::<f64>().max(1.0);
        let answered: Vec<_> = columns.iter().filter(|(_, count)| *count > 0.0).collect();
        let common = std::array::from_fn(|column| {
            answered.iter().map(|(sums, count)| sums[column] / count).sum::<f64>()
                / answered.len().max(1) as f64
        });
        Self { share: chosen.iter().map(|count| count / ranked).collect(), columns, common }
    }

    fn signature(&self, latent: usize) -> Option<Vec<f64>> {
        let (sums, count) = &self.columns[latent];
        (*count > 0.0)
            .then(|| sums.iter().zip(&self.common).map(|(sum, common)| sum / count - common).collect())
    }
}
