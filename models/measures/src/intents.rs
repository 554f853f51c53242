//! Measures for corpora whose intents are known: does the latent mean something, and can it be steered?
//!
//! Two views of a model. *Recognition*: the posterior over K latents of real reactions, against their true intents.
//! *The all-latents set*: for each speaker one reaction for each latent, its intent told by the judge
//! ([`crate::judge`]) and its reaction-matching score. A latent's name I(z) is the majority intent of the real
//! reactions recognised as z. An intent is appropriate for a speaker when the corpus says so for the speaker's class.
//! A value that is undefined is `None`, never 0.

use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

use crate::judge::verdict;

/// Judge confidence below which a reaction counts as a mixture.
pub const MIXED_BELOW: f64 = 0.6;

/// One reaction to one speaker, made with one latent.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Probability of every intent by the judge.
    pub probabilities: Vec<f64>,
    /// Reaction-matching score; `None` for systems without a ranking.
    pub score: Option<f64>,
}

impl Judged {
    /// The judged intent.
    pub fn intent(&self) -> usize {
        verdict(&self.probabilities).0
    }
}

/// All reactions to one speaker, by latent, and the intents that suit the speaker.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// Element z is the reaction of latent z.
    pub by_latent: Vec<Judged>,
    /// Intents that are appropriate for the speaker's class.
    pub appropriate: Vec<usize>,
}

/// Normalised mutual information I / sqrt(H H) of two labellings; `None` when one of them says nothing.
pub fn normalised_mutual_information(a: &[usize], b: &[usize]) -> Option<f64> {
    let count = a.len().min(b.len()) as f64;
    let width = |labels: &[usize]| labels.iter().max().map_or(0, |most| most + 1);
    let (rows, columns) = (width(a), width(b));
    let mut joint = vec![vec![0.0; columns]; rows];
    for (a, b) in a.iter().zip(b) {
        joint[*a][*b] += 1.0 / count;
    }
    let row_sums: Vec<f64> = joint.iter().map(|row| row.iter().sum()).collect();
    let column_sums: Vec<f64> = (0..columns).map(|b| joint.iter().map(|row| row[b]).sum()).collect();
    let product = entropy(&row_sums) * entropy(&column_sums);
    let mut information = 0.0;
    for (row, row_sum) in joint.iter().zip(&row_sums) {
        for (share, column_sum) in row.iter().zip(&column_sums) {
            if *share > 0.0 {
                information += share * (share / (row_sum * column_sum)).ln();
            }
        }
    }
    (product > 1e-12).then(|| information / product.sqrt())
}

fn entropy(shares: &[f64]) -> f64 {
    shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum()
}

/// How many latents are in use: exp(entropy) of the mean posterior, 1..=K; `None` without posteriors.
pub fn usage(posteriors: &[Vec<f64>]) -> Option<f64> {
    let width = posteriors.first()?.len();
    let mean: Vec<f64> = (0..width)
        .map(|z| posteriors.iter().map(|row| row[z]).sum::<f64>() / posteriors.len() as f64)
        .collect();
    Some(entropy(&mean).exp())
}

/// I(z): the majority true intent of the reactions recognised as z (the lowest of equals); `None` for unused latents.
pub fn names_of_latents(recognised: &[usize], intents: &[usize], latents: usize) -> Vec<Option<usize>> {
    let width = intents.iter().max().map_or(0, |most| most + 1);
    (0..latents)
        .map(|z| {
            let mut counts = vec![0usize; width];
            recognised
                .iter()
                .zip(intents)
                .filter(|(latent, _)| **latent == z)
                .for_each(|(_, i)| counts[*i] += 1);
            let most = counts.iter().copied().max().filter(|most| *most > 0)?;
            counts.iter().position(|count| *count == most)
        })
        .collect()
}

/// P(judged intent = I(z)) over speakers and latents whose I(z) suits the speaker.
pub fn control(answers: &[Answers], names: &[Option<usize>]) -> Option<f64> {
    share(answers.iter().flat_map(|answer| {
        answer.by_latent.iter().zip(names).filter_map(|(judged, name)| {
            let name = (*name)?;
            answer.appropriate.contains(&name).then(|| judged.intent() == name)
        })
    }))
}

/// P(the judged intent suits the speaker).
pub fn precision(answers: &[Answers]) -> Option<f64> {
    share(answers.iter().flat_map(|answer| {
        answer.by_latent.iter().map(|judged| answer.appropriate.contains(&judged.intent()))
    }))
}

/// Share of a speaker's appropriate intents that occur among the reactions, averaged over speakers.
pub fn coverage(answers: &[Answers]) -> Option<f64> {
    let shares: Vec<f64> = answers
        .iter()
        .filter_map(|answer| {
            share(
                answer
                    .appropriate
                    .iter()
                    .map(|intent| answer.by_latent.iter().any(|judged| judged.intent() == *intent)),
            )
        })
        .collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
}

/// Share of speakers whose best-ranked reaction suits them (highest score, ties to the lower latent).
pub fn rank_one(answers: &[Answers]) -> Option<f64> {
    share(answers.iter().filter_map(|answer| {
        let best = answer.by_latent.iter().try_fold(None, |best: Option<(f64, &Judged)>, judged| {
            let score = judged.score?;
            Some(Some(match best {
                Some((known, kept)) if known >= score => (known, kept),
                _ => (score, judged),
            }))
        })??;
        Some(answer.appropriate.contains(&best.1.intent()))
    }))
}

/// Probability that a positive scores above a negative, ties counting one half (area under the ROC curve).
pub fn area_under_curve(positive: &[f64], negative: &[f64]) -> Option<f64> {
    if positive.is_empty()
        || negative.is_empty()
        || positive.iter().chain(negative).any(|score| score.is_nan())
    {
        return None;
    }
    let mut sorted = negative.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins: f64 = positive
        .iter()
        .map(|score| {
            let below = sorted.partition_point(|other| other < score);
            let not_above = sorted.partition_point(|other| other <= score);
            0.5 * (below + not_above) as f64
        })
        .sum();
    Some(wins / (positive.len() as f64 * negative.len() as f64))
}

/// Area under the curve of the scores of generated reactions: appropriate against not, over all speakers and latents.
pub fn area_generated(answers: &[Answers]) -> Option<f64> {
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    for answer in answers {
        for judged in &answer.by_latent {
            let side =
                if answer.appropriate.contains(&judged.intent()) { &mut positive } else { &mut negative };
            side.push(judged.score?);
        }
    }
    area_under_curve(&positive, &negative)
}

/// Share of reactions the judge is unsure of: half a smile on half a frown.
pub fn mixed(answers: &[Answers]) -> Option<f64> {
    share(answers.iter().flat_map(|answer| {
        answer.by_latent.iter().map(|judged| verdict(&judged.probabilities).1 < MIXED_BELOW)
    }))
}

fn share(outcomes: impl Iterator<Item = bool>) -> Option<f64> {
    let (mut yes, mut all) = (0usize, 0usize);
    for outcome in outcomes {
        all += 1;
        yes += usize::from(outcome);
    }
    (all > 0).then(|| yes as f64 / all as f64)
}

/// What [`IntentMeasures::of`] needs; slices of what the model and the judge said.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// Judge accuracy on real validation reactions.
    pub oracle: Option<f64>,
    /// Posterior over latents of real validation reactions, n x K; empty for systems without a latent.
    pub posteriors: &'a [Vec<f64>],
    /// True intent of each of them.
    pub intents: &'a [usize],
    /// Loss with a random latent minus loss with the recognised one, nats a frame.
    pub latent_gap: Option<f64>,
    /// The all-latents set.
    pub answers: &'a [Answers],
    /// Scores of real reactions of the speaker's own group.
    pub matching_scores: &'a [f64],
    /// Scores of real reactions of another class.
    pub foreign_scores: &'a [f64],
    /// FRVar of the generated and of the real reactions.
    pub variances: Option<(f64, f64)>,
    /// FRDiv of the all-latents set.
    pub diversity: Option<f64>,
}

/// Everything measured on a corpus with known intents; `None` where undefined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntentMeasures {
    /// Judge accuracy on real reactions.
    pub oracle: Option<f64>,
    /// Normalised mutual information of recognised latent and true intent.
    pub nmi: Option<f64>,
    /// Latents in use.
    pub usage: Option<f64>,
    /// Loss with a random latent minus loss with the recognised one, nats a frame.
    pub z_gap: Option<f64>,
    /// Share of reactions that show the intent their latent stands for.
    pub control: Option<f64>,
    /// Share of reactions whose intent suits the speaker.
    pub precision: Option<f64>,
    /// Share of the suitable intents that are offered.
    pub coverage: Option<f64>,
    /// Share of best-ranked reactions that suit.
    pub rank_one: Option<f64>,
    /// Reaction matching: own group against another class, real reactions.
    pub rm_auc_real: Option<f64>,
    /// Reaction matching: suitable against unsuitable, generated reactions.
    pub rm_auc_generated: Option<f64>,
    /// FRVar generated / real.
    pub frvar_ratio: Option<f64>,
    /// FRDiv of the all-latents set.
    pub frdiv: Option<f64>,
    /// Share of reactions the judge is unsure of.
    pub mixed: Option<f64>,
    /// Intent each latent stands for.
    pub names: Vec<Option<usize>>,
}

impl IntentMeasures {
    /// Computes all measures.
    ///
    /// # Errors
    /// [`FaultKind::Mismatch`] when the slices do not fit each other.
    pub fn of(observed: &Observed) -> Result<Self> {
        let latents = observed.posteriors.first().map_or(0, Vec::len);
        let fits =
            observed.posteriors.iter().all(|row| row.len() == latents && row.iter().all(|x| x.is_finite()))
                && (observed.posteriors.is_empty() || observed.posteriors.len() == observed.intents.len())
                && observed.answers.iter().all(|answer| latents == 0 || answer.by_latent.len() == latents);
        if !fits {
            return Err(Fault::new(
                FaultKind::Mismatch,
                "",
                format!(
                    "{} posteriors of {latents} latents, {} intents, {} speakers",
                    observed.posteriors.len(),
                    observed.intents.len(),
                    observed.answers.len()
                ),
            )
            .remedy("give one posterior and one intent a reaction, and one answer a latent"));
        }
        let recognised: Vec<usize> = observed.posteriors.iter().map(|row| verdict(row).0).collect();
        let names = names_of_latents(&recognised, observed.intents, latents);
        Ok(Self {
            oracle: observed.oracle,
            nmi: normalised_mutual_information(&recognised, &observed.intents[..recognised.len()]),
            usage: usage(observed.posteriors),
            z_gap: observed.latent_gap,
            control: control(observed.answers, &names),
            precision: precision(observed.answers),
            coverage: coverage(observed.answers),
            rank_one: rank_one(observed.answers),
            rm_auc_real: area_under_curve(observed.matching_scores, observed.foreign_scores),
            rm_auc_generated: area_generated(observed.answers),
            frvar_ratio: observed.variances.filter(|(_, real)| *real > 0.0).map(|(made, real)| made / real),
            frdiv: observed.diversity,
            mixed: mixed(observed.answers),
            names,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(intent: usize, confidence: f64, score: f64) -> Judged {
        let mut probabilities = vec![(1.0 - confidence) / 2.0; 3];
        probabilities[intent] = confidence;
        Judged { probabilities, score: Some(score) }
    }

    /// Two speakers, three latents; names are latent 0 = intent 0, latent 1 = intent 1, latent 2 unused.
    fn answers() -> Vec<Answers> {
        vec![
            Answers {
                by_latent: vec![judged(0, 0.9, 2.0), judged(2, 0.5, 1.0), judged(0, 0.9, 0.0)],
                appropriate: vec![0, 1],
            },
            Answers {
                by_latent: vec![judged(0, 0.9, 3.0), judged(1, 0.9, 1.0), judged(1, 0.55, -1.0)],
                appropriate: vec![1],
            },
        ]
    }

    #[test]
    fn hand_made_answers_give_the_values_computed_by_hand() {
        let answers = answers();
        let names = [Some(0), Some(1), None];
        // counted: (speaker 0, z 0) right, (0, 1) wrong, (1, 1) right; (1, 0) has an unsuitable name
        assert_eq!(control(&answers, &names), Some(2.0 / 3.0));
        assert_eq!(precision(&answers), Some(4.0 / 6.0));
        assert_eq!(coverage(&answers), Some(0.5 * (0.5 + 1.0)));
        assert_eq!(rank_one(&answers), Some(0.5));
        assert_eq!(mixed(&answers), Some(2.0 / 6.0));
        // suitable 2, 0, 1, -1 against unsuitable 1, 3: wins 1 + 0 + 0.5 + 0 of 8
        assert_eq!(area_generated(&answers), Some(1.5 / 8.0));
    }

    #[test]
    fn information_is_one_for_a_renaming_zero_for_chance_and_undefined_for_a_constant() {
        let a = [0, 0, 1, 1, 2, 2];
        assert!((normalised_mutual_information(&a, &[2, 2, 0, 0, 1, 1]).unwrap() - 1.0).abs() < 1e-12);
        assert!(normalised_mutual_information(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap().abs() < 1e-12);
        assert_eq!(normalised_mutual_information(&[0, 0, 0], &[0, 1, 2]), None);
        assert_eq!(normalised_mutual_information(&[], &[]), None);
        // I = ln 2 with H = ln 4 and ln 2: 1 / sqrt 2
        let value = normalised_mutual_information(&[0, 1, 2, 3], &[0, 0, 1, 1]).unwrap();
        assert!((value - 0.5f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn usage_counts_latents_in_use() {
        assert!((usage(&[vec![1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0]]).unwrap() - 2.0).abs() < 1e-12);
        assert!((usage(&vec![vec![0.25; 4]; 3]).unwrap() - 4.0).abs() < 1e-12);
        assert_eq!(usage(&[]), None);
    }

    #[test]
    fn latents_are_named_by_majority_and_ties_go_to_the_lower_intent() {
        let names = names_of_latents(&[0, 0, 0, 1, 1, 3], &[2, 2, 0, 1, 0, 2], 4);
        assert_eq!(names, [Some(2), Some(0), None, Some(2)]);
    }

    #[test]
    fn permuting_the_latents_changes_no_measure() {
        let posteriors =
            vec![vec![0.8, 0.1, 0.1], vec![0.2, 0.7, 0.1], vec![0.9, 0.05, 0.05], vec![0.1, 0.8, 0.1]];
        let answers = answers();
        let order = [2, 0, 1];
        let moved: Vec<Vec<f64>> = posteriors.iter().map(|row| order.map(|z| row[z]).to_vec()).collect();
        let moved_answers: Vec<Answers> = answers
            .iter()
            .map(|answer| Answers {
                by_latent: order.map(|z| answer.by_latent[z].clone()).to_vec(),
                appropriate: answer.appropriate.clone(),
            })
            .collect();
        let observed = Observed {
            oracle: Some(1.0),
            posteriors: &posteriors,
            intents: &[0, 1, 0, 1],
            latent_gap: None,
            answers: &answers,
            matching_scores: &[1.0, 2.0],
            foreign_scores: &[0.0, 1.0],
            variances: Some((0.02, 0.04)),
            diversity: None,
        };
        let plain = IntentMeasures::of(&observed).unwrap();
        assert_eq!((plain.nmi, plain.rm_auc_real, plain.frvar_ratio), (Some(1.0), Some(0.875), Some(0.5)));
        let other = IntentMeasures::of(&Observed { posteriors: &moved, answers: &moved_answers, ..observed })
            .unwrap();
        assert_eq!(other.names, order.map(|z| plain.names[z]));
        assert!((other.usage.unwrap() - plain.usage.unwrap()).abs() < 1e-12);
        assert_eq!(
            IntentMeasures { names: vec![], usage: None, ..other },
            IntentMeasures { names: vec![], usage: None, ..plain }
        );
        let broken = Observed { intents: &[0], ..observed };
        assert_eq!(IntentMeasures::of(&broken).unwrap_err().kind, FaultKind::Mismatch);
    }
}
