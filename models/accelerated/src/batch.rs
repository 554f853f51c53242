//! A batch on the device: clips side by side, padded to the longest, and what is dropped of them.

use candle_core::{DType, Result, Tensor};
use listener::latent_intent::decoder::Frame;
use listener::latent_intent::dropout::Dropout;
use listener::latent_intent::encoder::is_present;
use training::objective::Item;

use crate::tensors::Math;

/// One group of speaker features of all clips.
#[derive(Debug)]
pub enum Group {
    /// No clip has it.
    Absent,
    /// Every frame of every clip has it; `[B T, columns]`.
    Whole(Tensor),
    /// Some frames have it.
    Part {
        /// `[B T, columns]`, zero where there is nothing.
        rows: Tensor,
        /// 1 where it was measured, `[B T, 1]`.
        present: Tensor,
        /// 1 where it was not.
        missing: Tensor,
    },
}

impl Group {
    fn new(math: &Math, items: &[Item<f32>], group: usize, columns: usize, frames: usize) -> Result<Self> {
        let of = |item: &Item<f32>, frame: usize| is_present(item.speaker.groups[group].as_ref(), frame);
        if items.iter().all(|item| (0..item.speaker.frames).all(|frame| !of(item, frame))) {
            return Ok(Self::Absent);
        }
        let mut rows = vec![0.0; items.len() * frames * columns];
        let mut present = vec![0.0; items.len() * frames];
        let mut whole = true;
        for (clip, item) in items.iter().enumerate() {
            for frame in 0..item.speaker.frames {
                if !of(item, frame) {
                    whole = false;
                    continue;
                }
                let place = clip * frames + frame;
                present[place] = 1.0;
                if let Some(measured) = &item.speaker.groups[group] {
                    rows[place * columns..][..columns]
                        .copy_from_slice(&measured.rows[frame * columns..][..columns]);
                }
            }
        }
        let rows = math.tensor(&rows, &[items.len() * frames, columns])?;
        if whole {
            return Ok(Self::Whole(rows));
        }
        let present = math.tensor(&present, &[items.len() * frames, 1])?;
        let missing = present.affine(-1.0, 1.0)?;
        Ok(Self::Part { rows, present, missing })
    }
}

/// The speakers of a batch.
#[derive(Debug)]
pub struct Speakers {
    /// In the order of the groups.
    pub groups: Vec<Group>,
    /// Frames of each clip.
    pub lengths: Vec<usize>,
    /// Frames of the longest.
    pub frames: usize,
}

impl Speakers {
    /// Sends the features to the device.
    pub fn new(math: &Math, items: &[Item<f32>], columns: &[usize; 6]) -> Result<Self> {
        let lengths: Vec<usize> = items.iter().map(|item| item.speaker.frames).collect();
        let frames = lengths.iter().copied().max().unwrap_or(0);
        if frames == 0 {
            candle_core::bail!("a batch without frames");
        }
        let groups = columns
            .iter()
            .enumerate()
            .map(|(group, columns)| Group::new(math, items, group, *columns, frames))
            .collect::<Result<_>>()?;
        Ok(Self { groups, lengths, frames })
    }
}

/// Reactions of a batch as token ids; padding is id 0 and is read by nobody.
#[derive(Debug)]
pub struct Tokens {
    /// `[B T, 1]` of each stream.
    pub ids: Vec<Tensor>,
    /// Reactions.
    pub clips: usize,
    /// Frames of the grid.
    pub frames: usize,
}

impl Tokens {
    /// Sends reactions to the device.
    pub fn new(math: &Math, reactions: &[&[Frame]], frames: usize) -> Result<Self> {
        let ids = (0..4)
            .map(|stream| {
                let mut ids = vec![0; reactions.len() * frames];
                for (clip, reaction) in reactions.iter().enumerate() {
                    for (id, frame) in ids[clip * frames..].iter_mut().zip(*reaction) {
                        *id = frame[stream];
                    }
                }
                math.ids(ids)
            })
            .collect::<Result<_>>()?;
        Ok(Self { ids, clips: reactions.len(), frames })
    }
}

/// Frames that are hidden from the history: `(hidden, kept)` as 0 and 1, `[B, T, 1]`; `None` for none.
pub fn hidden(math: &Math, items: &[Item<f32>], frames: usize) -> Result<Option<(Tensor, Tensor)>> {
    if !items.iter().any(|item| item.hidden.contains(&true)) {
        return Ok(None);
    }
    let mut marks = vec![0.0; items.len() * frames];
    for (clip, item) in items.iter().enumerate() {
        for (mark, hidden) in marks[clip * frames..].iter_mut().zip(&item.hidden) {
            *mark = f32::from(u8::from(*hidden));
        }
    }
    let marks = math.tensor(&marks, &[items.len(), frames, 1])?;
    let kept = marks.affine(-1.0, 1.0)?;
    Ok(Some((marks, kept)))
}

/// What is dropped in a pass, by place; empty when nothing is.
#[derive(Debug)]
pub struct Factors(Vec<Tensor>);

impl Factors {
    /// Factors of `places` places of a pass. On the CPU they are those of the plain-slice network, bit for bit. On an
    /// accelerator they are drawn there, from its own generator ([`seed`] starts it): drawing them here and sending them
    /// would take longer than the step.
    pub fn new(
        math: &Math,
        dropouts: &[Dropout],
        lengths: &[usize],
        places: usize,
        frames: usize,
        width: usize,
    ) -> Result<Self> {
        let rate = dropouts.iter().map(Dropout::rate).fold(0.0, f64::max);
        if rate <= 0.0 {
            return Ok(Self(Vec::new()));
        }
        let of_place = |place: usize| {
            // Frame tokens have no slot 0.
            let extra = usize::from(place > 0);
            let shape = [dropouts.len(), frames + extra, width];
            if !math.device.is_cpu() {
                let kept = Tensor::rand(0f32, 1f32, &shape, &math.device)?.ge(rate)?;
                return kept.to_dtype(DType::F32)?.affine(1.0 / (1.0 - rate), 0.0)?.to_dtype(math.float);
            }
            let mut factors = vec![0f64; shape.iter().product()];
            for (clip, (dropout, length)) in dropouts.iter().zip(lengths).enumerate() {
                let count = (length + extra) * width;
                let part = &mut factors[clip * (frames + extra) * width..][..count];
                match dropout.factors::<f64>(place, count) {
                    Some(values) => part.copy_from_slice(&values),
                    None => part.fill(1.0),
                }
            }
            math.wide(&factors, &shape)
        };
        Ok(Self((0..places).map(of_place).collect::<Result<_>>()?))
    }

    /// Factors of a place.
    pub fn at(&self, place: usize) -> Option<&Tensor> {
        self.0.get(place)
    }
}

/// Starts the generator of an accelerator from what names the step.
pub fn seed(math: &Math, items: &[Item<f32>]) -> Result<()> {
    match items.first() {
        Some(item) if item.dropout.rate() > 0.0 && !math.device.is_cpu() => {
            math.device.set_seed(item.dropout.number())
        }
        _ => Ok(()),
    }
}
