//! Two people of a clip and their streams against each other: is the listener's stream the speaker's, do the lengths
//! agree, does the jaw move with the sound.

use std::path::Path;

use super::person::{Facts, Person, read};
use super::{CheckConfig, Finding};
use crate::channels::blendshape;
use crate::corpus::{ClipEntry, PersonFiles};
use crate::fault::{Fault, FaultKind};

/// Findings of one pair and the facts of its two people.
pub(super) struct Result {
    pub found: Vec<Finding>,
    pub people: [Facts; 2],
}

pub(super) fn check(row: &ClipEntry, config: &CheckConfig<'_>) -> Result {
    let mut found = Vec::new();
    let (first, first_facts) = read(&row.speaker, config, &mut found);
    let (second, second_facts) = read(&row.listener, config, &mut found);
    identical(row, [&first, &second], &mut found);
    video(row, [&first, &second], &mut found);
    sound([&row.speaker, &row.listener], [&first, &second], &mut found);
    Result { found, people: [first_facts, second_facts] }
}

/// A listener whose stream is the speaker's was copied to the wrong folder.
fn identical(row: &ClipEntry, [first, second]: [&Person; 2], found: &mut Vec<Finding>) {
    let mut say = |path: Option<&Path>, other: Option<&Path>, what: &str, same: bool| {
        if let (Some(path), Some(other), true) = (path, other, same) {
            found.push(Finding::error(
                Fault::new(
                    FaultKind::Identical,
                    path,
                    format!("the {what} are those of {}", other.display()),
                )
                .remedy("one of the two was copied to the wrong person; copy both again"),
            ));
        }
    };
    let (a, b) = (&row.speaker, &row.listener);
    say(
        b.attributes.as_deref(),
        a.attributes.as_deref(),
        "attributes",
        same_and_alive(first.attributes.as_deref(), second.attributes.as_deref()),
    );
    say(
        b.coefficients.as_deref(),
        a.coefficients.as_deref(),
        "coefficients",
        same_and_alive(first.coefficients.as_deref(), second.coefficients.as_deref()),
    );
    let sound = match (&a.sound, &b.sound) {
        (Some(a), Some(b)) => same_bytes(a, b),
        _ => false,
    };
    if sound {
        let path = b.sound.as_deref().unwrap_or_else(|| Path::new(""));
        // One microphone for both is a way to record people, so this is no error.
        found.push(Finding::warning(
            Fault::new(FaultKind::Identical, path, "both people have the same sound file")
                .remedy("speaker and listener cannot be told apart by this sound; use the recordings of the two microphones"),
        ));
    }
}

/// Equal over the common length, and not merely two files in which nothing happens.
fn same_and_alive<const N: usize>(a: Option<&[[f32; N]]>, b: Option<&[[f32; N]]>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    let frames = a.len().min(b.len());
    frames > 1 && a[..frames] == b[..frames] && a[..frames].windows(2).any(|pair| pair[0] != pair[1])
}

/// Compared piece by piece, and only when the lengths agree.
fn same_bytes(a: &Path, b: &Path) -> bool {
    use std::io::Read;
    let length = |path: &Path| std::fs::metadata(path).map(|meta| meta.len()).ok();
    if length(a) != length(b) || length(a).unwrap_or(0) == 0 {
        return false;
    }
    let (Ok(a), Ok(b)) = (std::fs::File::open(a), std::fs::File::open(b)) else { return false };
    let (mut a, mut b) = (std::io::BufReader::new(a), std::io::BufReader::new(b));
    let (mut left, mut right) = ([0u8; 8192], [0u8; 8192]);
    loop {
        let Ok(count) = a.read(&mut left) else { return false };
        if count == 0 {
            return true;
        }
        if b.read_exact(&mut right[..count]).is_err() || left[..count] != right[..count] {
            return false;
        }
    }
}

/// The official loader lists the speaker's frames and opens the listener's by those names.
fn video(row: &ClipEntry, [first, second]: [&Person; 2], found: &mut Vec<Finding>) {
    if let (Some(a), Some(b), Some(video)) = (first.video_frames, second.video_frames, &row.listener.video)
        && a != b
    {
        found.push(Finding::warning(
            Fault::new(FaultKind::WrongLength, video.path(), format!("{b} frames, the speaker's folder has {a}"))
                .remedy("the official loader opens the listener's frames by the speaker's names; both need the same number"),
        ));
    }
}

/// Frames of speech that are needed to say anything.
const SPEECH_FRAMES: usize = 38;
/// dB below the loudest tenth that still count as speech, and the least level of speech.
const SPEECH_RANGE_DB: f32 = 25.0;
const QUIETEST_SPEECH_DB: f32 = -45.0;
/// A jaw that follows its sound less than this does not. Synthetic talkers (40 clips of
/// 30 s) follow their own at 0.66 or more, a stranger's at 0.08 in the middle and 0.21 at most; how real trackers do could
/// not be measured here, so this is a warning, for gross errors.
const FOLLOWS: f32 = 0.15;
/// Frames that the jaw may lead or trail the sound.
const LAG: usize = 6;

fn sound(files: [&PersonFiles; 2], people: [&Person; 2], found: &mut Vec<Finding>) {
    for (index, (file, person)) in files.into_iter().zip(people).enumerate() {
        let (Some(path), Some(loudness)) = (file.sound.as_deref(), &person.loudness) else { continue };
        if !loudness.is_empty() && loudness.iter().all(|level| *level <= -99.0) {
            found.push(Finding::warning(
                Fault::new(FaultKind::OutOfRange, path, "digital silence from begin to end").remedy(
                    "the microphone's channel was not exported; cut the sound out of the recording again",
                ),
            ));
            continue;
        }
        let Some(own) =
            person.coefficients.as_deref().and_then(|rows| jaw_follows(rows, person.rate, loudness))
        else {
            continue;
        };
        if own >= FOLLOWS {
            continue;
        }
        let partner = people[1 - index];
        let others = partner
            .coefficients
            .as_deref()
            .and_then(|rows| jaw_follows(rows, partner.rate, loudness))
            .filter(|other| *other > 2.0 * FOLLOWS && *other > own + FOLLOWS);
        let (detail, remedy) = match others {
            Some(other) => (
                format!(
                    "the other person's jaw moves with this sound (correlation {other:.2}), not this person's ({own:.2})"
                ),
                "the sounds of the two people seem to be swapped; exchange the files",
            ),
            None => (
                format!("the jaw does not move with the sound (correlation {own:.2})"),
                "sound and coefficients may come from different clips, or the tracker lost the mouth; look at the clip",
            ),
        };
        found.push(Finding::warning(Fault::new(FaultKind::Mismatch, path, detail).remedy(remedy)));
    }
}

fn jaw_follows(rows: &[[f32; 58]], rate: u32, loudness: &[f32]) -> Option<f32> {
    let jaw_column = blendshape("jawOpen")?;
    let frames = rows.len() * 25 / rate as usize;
    let jaw: Vec<f32> =
        (0..frames.min(loudness.len())).map(|frame| rows[frame * rate as usize / 25][jaw_column]).collect();
    follows(&jaw, loudness)
}

/// How well a jaw follows a loudness, both at 25 frames a second: the largest correlation over lags of up to six frames
/// either way of the opening with the level above the floor of speech. 1 is perfectly; `None` when there is too little
/// speech or too little quiet to say, or a value is not finite.
pub fn follows(jaw: &[f32], loudness_db: &[f32]) -> Option<f32> {
    let frames = jaw.len().min(loudness_db.len());
    let (jaw, loudness) = (&jaw[..frames], &loudness_db[..frames]);
    if frames <= 4 * LAG || jaw.iter().chain(loudness).any(|value| !value.is_finite()) {
        return None;
    }
    let mut sorted = loudness.to_vec();
    sorted.sort_by(f32::total_cmp);
    let floor = (sorted[frames - 1 - frames / 10] - SPEECH_RANGE_DB).max(QUIETEST_SPEECH_DB);
    let speech = loudness.iter().filter(|level| **level > floor).count();
    if speech < SPEECH_FRAMES || frames - speech < SPEECH_FRAMES / 3 {
        return None;
    }
    let level: Vec<f32> = loudness.iter().map(|level| (level - floor).max(0.0)).collect();
    let best = (0..=2 * LAG)
        .map(|shift| {
            let (jaw_from, level_from) = (shift.saturating_sub(LAG), LAG.saturating_sub(shift));
            let length = frames - jaw_from.max(level_from);
            correlation(&jaw[jaw_from..jaw_from + length], &level[level_from..level_from + length])
        })
        .fold(f64::NEG_INFINITY, f64::max);
    Some(best as f32)
}

/// Pearson's; 0 when either side is constant.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |x: &[f32]| x.iter().map(|value| f64::from(*value)).sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut own_a, mut own_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x) - mean_a, f64::from(*y) - mean_b);
        both += x * y;
        own_a += x * x;
        own_b += y * y;
    }
    if own_a <= 1e-12 || own_b <= 1e-12 { 0.0 } else { both / (own_a * own_b).sqrt() }
}
