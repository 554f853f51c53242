//! Reading golden files; shared with the tests of the training crate.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::collections::BTreeMap;

use listener::latent_intent::decoder::Frame;
use listener::latent_intent::encoder::{Group, Speaker};
use listener::latent_intent::parameters::Layout;
use listener::latent_intent::{Attention, Config, GROUPS, STREAMS};
use safetensors::{Dtype, SafeTensors};

pub struct Golden {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    config: serde_json::Value,
}

/// |a - b| <= 3e-5 + 1e-4 |b|, the tolerance of the golden files.
pub fn close(ours: &[f32], theirs: &[f32], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}: sizes");
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= 3e-5 + 1e-4 * b.abs(), "{what}: element {index} is {a}, should be {b}");
    }
}

impl Golden {
    pub fn open(name: &str) -> Self {
        let path = format!("{}/../listener/tests/golden/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let config = serde_json::from_str(&header.metadata().as_ref().unwrap()["config"]).unwrap();
        let mut tensors = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
            let data = view.data();
            let values = match view.dtype() {
                Dtype::F32 => {
                    data.as_chunks::<4>().0.iter().map(|x| f64::from(f32::from_le_bytes(*x))).collect()
                }
                Dtype::I64 => data.as_chunks::<8>().0.iter().map(|x| i64::from_le_bytes(*x) as f64).collect(),
                Dtype::BOOL => data.iter().map(|x| f64::from(*x)).collect(),
                other => panic!("{name}: {other:?}"),
            };
            tensors.insert(name, (view.shape().to_vec(), values));
        }
        Self { tensors, config }
    }

    pub fn config(&self) -> Config {
        let number = |name: &str| self.config[name].as_u64().unwrap() as usize;
        let list = |name: &str, key: &str| self.config[name][key].as_u64().unwrap() as usize;
        Config {
            width: number("d"),
            expansion: number("e"),
            key_width: number("s"),
            latents: number("K"),
            encoder_units: number("enc_gau"),
            decoder_layers: number("dec_layers"),
            latent_place: listener::latent_intent::LatentPlace::Every,
            chain_heads: false,
            style: false,
            attention: if self.config["attn"] == "softmax" { Attention::Softmax } else { Attention::Relu2 },
            training_frames: number("n0"),
            vocabulary: STREAMS.map(|stream| list("vocab", stream)),
            token_widths: STREAMS.map(|stream| list("d_tok", stream)),
            feature_columns: GROUPS.map(|group| list("feat", group)),
            feature_widths: GROUPS.map(|group| list("d_feat", group)),
        }
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        let (_, values) = self.tensors.get(name).unwrap_or_else(|| panic!("no tensor {name}"));
        values.iter().map(|x| *x as f32).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        self.tensors[name].1.iter().map(|x| *x as i64).collect()
    }

    /// Part `index` of the first dimension.
    pub fn row(&self, name: &str, index: usize) -> Vec<f32> {
        let all = self.floats(name);
        let length = all.len() / self.tensors[name].0[0];
        all[index * length..(index + 1) * length].to_vec()
    }

    pub fn booleans(&self, name: &str, index: usize) -> Vec<bool> {
        self.row(name, index).into_iter().map(|x| x != 0.0).collect()
    }

    pub fn tokens(&self, prefix: &str, index: usize) -> Vec<Frame> {
        let streams = STREAMS.map(|stream| self.row(&format!("{prefix}.{stream}"), index));
        (0..streams[0].len())
            .map(|frame| std::array::from_fn(|stream| streams[stream][frame] as u32))
            .collect()
    }

    pub fn values(&self, layout: &Layout, prefix: &str) -> Vec<f32> {
        let mut values = vec![0.0; layout.total()];
        for entry in layout.entries() {
            entry.slot.of_mut(&mut values).copy_from_slice(&self.floats(&format!("{prefix}{}", entry.name)));
        }
        values
    }

    pub fn speaker(&self, clip: usize, with_absences: bool) -> Speaker<f32> {
        let groups = GROUPS.map(|group| {
            let absences = with_absences && group == "w2v";
            let present = absences.then(|| self.booleans("in.present.w2v", clip));
            Some(Group { rows: self.row(&format!("in.feat.{group}"), clip), present })
        });
        Speaker { frames: 12, groups }
    }
}
