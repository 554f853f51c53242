//! `backchannel intents`: on a corpus with known intents, what each latent intent does and how well it can be told.
//!
//! A judge (multinomial logistic regression on clip summaries) is fitted on tokenised training listeners and must
//! reach 99 % on real validation listeners before its word counts. Then two speakers of every validation template
//! are answered with every latent (a system without latents answers with as many samples), and the judge says what
//! it sees. Beside the model stands "average of modes": the mean of each group's real reactions.

use std::fmt::Write as _;
use std::path::PathBuf;

use clips::corpus::{Corpus, IntentRow, Split};
use clips::synth::world::{CLASSES, INTENTS, appropriate};
use clips::{Chance, Control, Fault, FaultKind, Sampling, Streams, Track};
use listener::{LatentChoice, Request, System};
use measures::intents::{Answers, IntentMeasures, Judged, Observed};
use measures::judge::{Judge, summary};
use measures::{frdiv, frvar};
use rayon::prelude::*;

use super::bad_request;
use super::generate::parse_split;
use crate::output::Output;

/// Reactions of a system without latents that stand in for the K of a system with them.
const SAMPLES_WITHOUT_LATENT: usize = 8;
/// Speakers answered for each template.
const SPEAKERS_PER_TEMPLATE: usize = 2;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Checkpoint file; `demo` and `demo-plain` are the shipped ones
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Corpus written by `synth`
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Split that is judged
    #[arg(long, default_value = "val")]
    split: String,
    /// Latent guidance
    #[arg(long, default_value_t = 0.0)]
    guidance: f32,
    /// offline or online
    #[arg(long, default_value = "offline")]
    track: String,
    /// Seed of every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// One listener whose intent is known, with both people's streams.
struct Known {
    row: IntentRow,
    speaker: Streams,
    listener: Streams,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let control = output.control();
    let system = super::load_system(&args.checkpoint)?;
    let track = super::generate::parse_track(&args.track)?;
    let corpus = Corpus::open(&args.corpus, &control.silent())?;
    let truth = corpus.intents()?.ok_or_else(|| {
        Fault::new(
            FaultKind::NotFound,
            args.corpus.join("intents.csv"),
            "the corpus does not know its intents",
        )
        .remedy("use a corpus written by backchannel synth")
    })?;
    let split = parse_split(&args.split)?;
    let training = read(&corpus, &truth, Split::Train, false, &control)?;
    let judged = read(&corpus, &truth, split, true, &control)?;
    if judged.is_empty() || training.is_empty() {
        return Err(bad_request(
            format!("the {} or train split has no known listener", args.split),
            "choose another split",
        ));
    }
    let judge = fit_judge(&*system, &training)?;
    let (real, labels) = summaries(&judged)?;
    let oracle = judge.accuracy(&real, &labels);
    if oracle.is_none_or(|accuracy| accuracy < Judge::MAY_JUDGE) {
        output.warn(format!(
            "the judge is right on {:.1} % of the real listeners; below 99 % its word on a model counts little",
            oracle.unwrap_or(0.0) * 100.0
        ));
    }
    let recognised = recognise(&*system, &judged, args.seed, track)?;
    let answers = answer_all(&*system, &judge, &judged, args, track, &control)?;
    let observed = Observed {
        oracle,
        posteriors: &recognised.posteriors,
        intents: &labels,
        latent_gap: recognised.gap,
        answers: &answers.judged,
        matching_scores: &recognised.own,
        foreign_scores: &recognised.foreign,
        variances: answers.variances,
        diversity: answers.diversity,
    };
    let measures = IntentMeasures::of(&observed)?;
    let average = average_of_modes(&judge, &judged)?;
    let value = serde_json::json!({
        "system": system.name(), "checkpoint": system.checkpoint(), "corpus": args.corpus, "split": split,
        "track": track, "guidance": args.guidance, "seed": args.seed,
        "speakers": answers.judged.len(), "listeners": judged.len(),
        "measures": measures,
        "names": measures.names.iter().map(|name| name.map(|intent| INTENTS[intent])).collect::<Vec<_>>(),
        "average_of_modes": average,
    });
    output.result(&value, table(&*system, &measures, &average))
}

fn table(system: &dyn System, measures: &IntentMeasures, average: &Average) -> String {
    let mut text = format!("{}\n", system.name());
    let rows = [
        ("oracle", measures.oracle, "judge right on real reactions, bar 0.99"),
        ("NMI", measures.nmi, "recognised latent against true intent, bar 0.75"),
        ("usage", measures.usage, "latents in use, bar 6 of 8"),
        ("z-gap", measures.z_gap, "nats a frame lost by a random latent, bar 0.10"),
        ("control", measures.control, "shows the intent its latent stands for, bar 0.70"),
        ("precision", measures.precision, "intent suits the speaker, bar 0.85"),
        ("coverage", measures.coverage, "suitable intents that are offered, bar 0.88"),
        ("rank-1", measures.rank_one, "best-ranked reaction suits, bar 0.97"),
        ("RM AUC real", measures.rm_auc_real, "own group against another class, bar 0.80"),
        ("RM AUC made", measures.rm_auc_generated, "suitable against unsuitable, bar 0.85"),
        ("FRVar ratio", measures.frvar_ratio, "made / real, bar 0.75 to 1.25"),
        ("FRDiv", measures.frdiv, "all latents of a speaker"),
        ("mixed", measures.mixed, "judge below 0.6, bar at most 0.08"),
    ];
    for (name, value, meaning) in rows {
        let value = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        let _ = writeln!(text, "{name:<12} {value:>7}   {meaning}"); // writing to a String cannot fail
    }
    for (latent, name) in measures.names.iter().enumerate() {
        let _ = writeln!(
            text,
            "z{:<3} {}",
            latent + 1,
            name.map_or("never recognised", |intent| INTENTS[intent])
        );
    }
    let _ = writeln!(
        text,
        "average of modes: mixed {:.2}, FRVar ratio {:.2}, FRDiv 0",
        average.mixed, average.frvar_ratio
    );
    text
}

fn read(
    corpus: &Corpus,
    truth: &[IntentRow],
    split: Split,
    speakers: bool,
    control: &Control,
) -> clips::Result<Vec<Known>> {
    let entries = corpus.clips(split);
    truth
        .par_iter()
        .filter(|row| row.split == split)
        .map(|row| {
            control.check()?;
            let entry = entries.get(row.row).ok_or_else(|| {
                Fault::new(
                    FaultKind::Mismatch,
                    corpus.root().join("intents.csv"),
                    format!("there is no row {}", row.row),
                )
                .remedy("write the corpus again with backchannel synth")
            })?;
            let speaker =
                if speakers { listener::corpus_speaker(corpus, entry)? } else { Streams::default() };
            Ok(Known { row: row.clone(), speaker, listener: listener::corpus_listener(corpus, entry)? })
        })
        .collect()
}

fn streams(known: &Known) -> clips::Result<(&clips::Attributes, &clips::Coefficients)> {
    known.listener.attributes.as_ref().zip(known.listener.coefficients.as_ref()).ok_or_else(|| {
        Fault::new(FaultKind::MissingModality, "", "a listener lacks attributes or coefficients")
            .remedy("write the corpus again with backchannel synth")
    })
}

fn summaries(known: &[Known]) -> clips::Result<(Vec<Vec<f64>>, Vec<usize>)> {
    let all: clips::Result<Vec<Vec<f64>>> = known
        .par_iter()
        .map(|known| {
            streams(known)
                .and_then(|(attributes, coefficients)| summary(attributes, coefficients))
                .map(|s| s.to_vec())
        })
        .collect();
    Ok((all?, known.iter().map(|known| known.row.intent).collect()))
}

/// The judge sees training listeners as the code books give them back, so that it judges what a model can say.
fn fit_judge(system: &dyn System, training: &[Known]) -> clips::Result<Judge> {
    let books = system.latent_intent().map(listener::LatentIntent::books);
    let all: clips::Result<Vec<Vec<f64>>> = training
        .par_iter()
        .map(|known| {
            let (attributes, coefficients) = streams(known)?;
            let Some(books) = books else { return Ok(summary(attributes, coefficients)?.to_vec()) };
            let (attributes, coefficients) =
                books.detokenise(&books.tokenise("training", attributes, coefficients)?)?;
            Ok(summary(&attributes, &coefficients)?.to_vec())
        })
        .collect();
    let labels: Vec<usize> = training.iter().map(|known| known.row.intent).collect();
    Judge::fit(&all?, &labels, INTENTS.len())
}

/// What the recognition pass says of one real pair.
struct Reading {
    posterior: Vec<f64>,
    own: f64,
    foreign: Option<f64>,
    gap: f64,
}

#[derive(Default)]
struct Recognised {
    posteriors: Vec<Vec<f64>>,
    own: Vec<f64>,
    foreign: Vec<f64>,
    gap: Option<f64>,
}

fn recognise(system: &dyn System, judged: &[Known], seed: u64, track: Track) -> clips::Result<Recognised> {
    let Some(model) = system.latent_intent().filter(|_| system.latents() > 0) else {
        return Ok(Recognised::default());
    };
    let rows: clips::Result<Vec<Reading>> = judged
        .par_iter()
        .enumerate()
        .map(|(index, known)| {
            let mut chance = Chance::new(seed, "intents", &[index as u64]);
            let (posterior, own) = model.recognise("", &known.speaker, &known.listener)?;
            let posterior: Vec<f64> = posterior.into_iter().map(f64::from).collect();
            let foreign: Vec<&Known> =
                judged.iter().filter(|other| other.row.class != known.row.class).collect();
            let foreign = match foreign.get(chance.below(foreign.len())) {
                Some(other) => Some(f64::from(model.recognise("", &known.speaker, &other.listener)?.1)),
                None => None,
            };
            let losses = model.likelihoods("", &known.speaker, &known.listener, track)?;
            let best = posterior.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(z, _)| z);
            let random = losses[chance.below(losses.len())];
            Ok(Reading { posterior, own: f64::from(own), foreign, gap: random - losses[best] })
        })
        .collect();
    let rows = rows?;
    Ok(Recognised {
        gap: Some(rows.iter().map(|row| row.gap).sum::<f64>() / rows.len() as f64),
        own: rows.iter().map(|row| row.own).collect(),
        foreign: rows.iter().filter_map(|row| row.foreign).collect(),
        posteriors: rows.into_iter().map(|row| row.posterior).collect(),
    })
}

struct Answered {
    judged: Vec<Answers>,
    variances: Option<(f64, f64)>,
    diversity: Option<f64>,
}

fn answer_all(
    system: &dyn System,
    judge: &Judge,
    judged: &[Known],
    args: &Args,
    track: Track,
    control: &Control,
) -> clips::Result<Answered> {
    let mut chosen: Vec<&Known> = Vec::new();
    for known in judged {
        if chosen.iter().filter(|other| other.row.template == known.row.template).count()
            < SPEAKERS_PER_TEMPLATE
        {
            chosen.push(known);
        }
    }
    let request = Request {
        latents: LatentChoice::All,
        samples: if system.latents() > 0 { 1 } else { SAMPLES_WITHOUT_LATENT },
        seed: args.seed,
        sampling: Sampling { guidance: args.guidance, ..Sampling::default() },
        track,
    };
    let (mut answers, mut variance, mut diversity) = (Vec::new(), Vec::new(), Vec::new());
    for (index, known) in chosen.iter().enumerate() {
        control.step("answering speakers", index as u64, chosen.len() as u64, CLASSES[known.row.class])?;
        let clip = format!("{}/{}", args.split, known.row.row);
        let takes = system.generate(&clip, &known.speaker, &request, &control.silent())?;
        let mut by_latent = Vec::new();
        for take in &takes {
            let coefficients = take.coefficients.as_ref().ok_or_else(|| {
                bad_request(
                    format!("{} makes no coefficients", system.name()),
                    "the judge needs attributes and coefficients",
                )
            })?;
            let probabilities = judge.probabilities(&summary(&take.attributes, coefficients)?);
            by_latent.push(Judged { probabilities, score: take.header.rm_score.map(f64::from) });
        }
        let reactions: Vec<&[[f32; 25]]> = takes.iter().map(|take| take.attributes.as_slice()).collect();
        variance.extend(frvar::of_clip(&reactions));
        diversity.extend(frdiv::of_clip(&reactions));
        answers.push(Answers { by_latent, appropriate: appropriate(known.row.class) });
    }
    control.step("answering speakers", chosen.len() as u64, chosen.len() as u64, "")?;
    let mean =
        |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    Ok(Answered {
        variances: mean(&variance).zip(real_variance(judged)),
        diversity: mean(&diversity),
        judged: answers,
    })
}

fn real_variance(known: &[Known]) -> Option<f64> {
    let all: Vec<f64> =
        known.iter().filter_map(|known| frvar::of_reaction(known.listener.attributes.as_deref()?)).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// What a model that knows only one answer tends to: the mean of every group's real reactions.
#[derive(serde::Serialize)]
struct Average {
    mixed: f64,
    frvar_ratio: f64,
}

fn average_of_modes(judge: &Judge, judged: &[Known]) -> clips::Result<Average> {
    let mut templates: Vec<usize> = judged.iter().map(|known| known.row.template).collect();
    templates.sort_unstable();
    templates.dedup();
    let (mut unsure, mut variance, mut groups) = (0usize, 0.0, 0usize);
    for template in templates {
        let group: Vec<&Known> = judged.iter().filter(|known| known.row.template == template).collect();
        if group.len() < 2 {
            continue;
        }
        let (mut attributes, mut coefficients) = (Vec::new(), Vec::new());
        for known in &group {
            let (a, c) = streams(known)?;
            add(&mut attributes, a, group.len());
            add(&mut coefficients, c, group.len());
        }
        let probabilities = judge.probabilities(&summary(&attributes, &coefficients)?);
        unsure +=
            usize::from(probabilities.iter().copied().fold(0.0, f64::max) < measures::intents::MIXED_BELOW);
        variance += frvar::of_reaction(&attributes).unwrap_or(0.0);
        groups += 1;
    }
    let real = real_variance(judged).unwrap_or(f64::NAN);
    let groups = groups.max(1) as f64;
    Ok(Average { mixed: unsure as f64 / groups, frvar_ratio: variance / groups / real })
}

fn add<const N: usize>(sum: &mut Vec<[f32; N]>, rows: &[[f32; N]], count: usize) {
    if sum.is_empty() {
        sum.resize(rows.len(), [0.0; N]);
    }
    for (sum, row) in sum.iter_mut().zip(rows) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value / count as f32;
        }
    }
}
