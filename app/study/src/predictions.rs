//! Predictions that are there already: an `.npy` of clips x samples x frames x 25, or a folder written by `generate`, read clip
//! by clip. What does not fit a split is refused with its remedy; what is outside its range is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clips::blocks::Blocks;
use clips::channels::ATTRIBUTE_COUNT;
use clips::{Attributes, Control, Fault, FaultKind, Result, Sampling, Take, TakeHeader, Track};
use serde::Deserialize;

/// Predictions on the disk, clips x samples x frames x 25.
#[derive(Debug)]
pub struct Predictions {
    blocks: Blocks,
    hash: String,
    headers: Option<Vec<Vec<TakeHeader>>>,
}

/// One line of `takes.json`.
#[derive(Deserialize)]
struct Line {
    clip_index: usize,
    take_index: usize,
    #[serde(flatten)]
    header: TakeHeader,
}

#[derive(Deserialize)]
struct Sheet {
    takes: Vec<Line>,
}

impl Predictions {
    /// Opens an `.npy`, or `attributes.npy` and `takes.json` of a folder.
    ///
    /// # Errors
    /// A file that is not there, another shape, a sheet that does not fit.
    pub fn open(path: &Path, control: &Control) -> Result<Self> {
        let file = if path.is_dir() { path.join("attributes.npy") } else { path.to_owned() };
        if path.is_dir() && !file.is_file() {
            return Err(Fault::new(FaultKind::NotFound, path, "there is no attributes.npy in this folder")
                .remedy("name a folder written by backchannel generate, or an .npy"));
        }
        let blocks = Blocks::open(&file)?;
        let &[clips, samples, _, ATTRIBUTE_COUNT] = blocks.shape() else {
            let shape: Vec<String> = blocks.shape().iter().map(usize::to_string).collect();
            return Err(Fault::new(
                FaultKind::WrongShape,
                &file,
                format!("the shape is {}", shape.join(" x ")),
            )
            .at("header")
            .remedy("predictions are clips x samples x frames x 25"));
        };
        control.check()?;
        let hash = clips::cache::Key::new("predictions/1").file("npy", &file)?.hex();
        let sheet = path.join("takes.json");
        let headers =
            if path.is_dir() && sheet.is_file() { Some(headers(&sheet, clips, samples)?) } else { None };
        Ok(Self { blocks, hash, headers })
    }

    /// SHA-256 of the file, hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Clips, samples, frames.
    pub fn size(&self) -> [usize; 3] {
        let shape = self.blocks.shape();
        [shape[0], shape[1], shape[2]]
    }

    /// The array.
    pub fn path(&self) -> PathBuf {
        self.blocks.path().to_owned()
    }

    /// Refuses predictions of other clips than `ids`: numbers would come out and mean nothing. An array of another
    /// program names no clips; its order is trusted.
    ///
    /// # Errors
    /// [`FaultKind::Mismatch`].
    pub fn require_clips(&self, ids: &[&str], split: &str) -> Result<()> {
        let differ = |detail: String| {
            Err(Fault::new(FaultKind::Mismatch, self.blocks.path(), detail)
                .remedy("name the corpus and the --split that the predictions were made for"))
        };
        let clips = self.size()[0];
        if clips != ids.len() {
            return differ(format!("predictions of {clips} clips; the {split} split has {}", ids.len()));
        }
        for (index, (row, id)) in self.headers.iter().flatten().zip(ids).enumerate() {
            if let Some(header) = row.iter().find(|header| header.clip != **id) {
                return differ(format!("clip {index} is {}, in the {split} split it is {id}", header.clip));
            }
        }
        Ok(())
    }

    /// Refuses predictions of another length than the `frames` that are compared; with `cut` only shorter ones.
    ///
    /// # Errors
    /// [`FaultKind::WrongShape`] with both lengths.
    pub fn require_frames(&self, frames: usize, cut: bool) -> Result<()> {
        let [_, _, held] = self.size();
        if held == frames || (cut && held > frames) {
            return Ok(());
        }
        let remedy = if held > frames {
            "add --truncate (in the window: cut lengths) to compare the frames that both have, or predict as many frames"
        } else if cut {
            "compare fewer frames with all systems: --frames, or --truncate without --frames"
        } else {
            "add --truncate (in the window: cut lengths) to compare the frames that both have, for all systems"
        };
        Err(Fault::new(
            FaultKind::WrongShape,
            self.blocks.path(),
            format!("the reactions have {held} frames, {frames} of each clip are compared"),
        )
        .remedy(remedy))
    }

    /// What lies outside the range of its column in the first `samples` and `frames` of every clip, as a warning.
    ///
    /// # Errors
    /// As [`Predictions::attributes`]; cancelled on request.
    pub fn outside(&self, samples: usize, frames: usize, control: &Control) -> Result<Option<String>> {
        let mut ranges = crate::ranges::Ranges::default();
        let count = self.size()[0];
        for clip in 0..count {
            control.step("checking ranges", clip as u64, count as u64, "")?;
            for mut rows in self.attributes(clip)?.into_iter().take(samples) {
                rows.truncate(frames);
                ranges.add(&rows);
            }
        }
        control.step("checking ranges", count as u64, count as u64, "")?;
        Ok(ranges.warning(&self.blocks.path().display().to_string()))
    }

    /// The samples of a clip.
    ///
    /// # Errors
    /// When the file cannot be read, or a value is not a number.
    pub fn attributes(&self, clip: usize) -> Result<Vec<Attributes>> {
        let length = self.size()[2] * ATTRIBUTE_COUNT;
        let values = self.blocks.read(clip)?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (row, column) = (at / ATTRIBUTE_COUNT, at % ATTRIBUTE_COUNT);
            let (sample, frame) = (row / self.size()[2], row % self.size()[2]);
            let what = format!("the value is {}", values[at]);
            return Err(Fault::new(FaultKind::NotFinite, self.blocks.path(), what)
                .at(format!("clip {clip}, sample {sample}, frame {frame}, column {column}"))
                .remedy("the official measures are undefined there; repair or leave out the clip"));
        }
        Ok(values.chunks(length).map(|values| values.as_chunks::<ATTRIBUTE_COUNT>().0.to_vec()).collect())
    }

    pub(crate) fn takes(&self, id: &str, clip: usize, samples: usize, frames: usize) -> Result<Vec<Take>> {
        let name = self.blocks.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let all = self.attributes(clip)?;
        let takes = all.into_iter().take(samples).enumerate().map(|(sample, mut attributes)| {
            attributes.truncate(frames);
            let known = self.headers.as_ref().and_then(|rows| rows.get(clip)?.get(sample)).cloned();
            let header = known.unwrap_or_else(|| TakeHeader {
                system: name.clone(),
                checkpoint: self.hash.clone(),
                clip: id.to_owned(),
                latent: None,
                sample,
                seed: 0,
                sampling: Sampling::default(),
                track: Track::Offline,
                turns: Vec::new(),
                rm_score: None,
                rank: None,
            });
            Take { header, attributes: Arc::new(attributes), coefficients: None }
        });
        Ok(takes.collect())
    }
}

impl measures::Reactions for Predictions {
    fn clips(&self) -> usize {
        self.size()[0]
    }

    fn of_clip(&self, clip: usize) -> Result<std::borrow::Cow<'_, [Attributes]>> {
        Ok(self.attributes(clip)?.into())
    }
}

/// Headers of every clip in the order of the arrays.
fn headers(sheet: &Path, clips: usize, samples: usize) -> Result<Vec<Vec<TakeHeader>>> {
    let text = std::fs::read_to_string(sheet).map_err(|error| Fault::io(sheet, &error))?;
    let wrong =
        |what: String| Fault::new(FaultKind::Malformed, sheet, what).remedy("generate the folder again");
    let mut lines: Vec<Line> =
        serde_json::from_str::<Sheet>(&text).map_err(|error| wrong(error.to_string()))?.takes;
    lines.sort_by_key(|line| (line.clip_index, line.take_index));
    let places = (0..clips).flat_map(|clip| (0..samples).map(move |sample| (clip, sample)));
    if lines.len() != clips * samples
        || !lines.iter().map(|line| (line.clip_index, line.take_index)).eq(places)
    {
        return Err(wrong(format!("{} takes, the array has {clips} x {samples}", lines.len())));
    }
    let mut lines = lines.into_iter().map(|line| line.header);
    Ok((0..clips).map(|_| lines.by_ref().take(samples).collect()).collect())
}
