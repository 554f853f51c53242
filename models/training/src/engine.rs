//! Where the losses of a batch and their gradient are computed: the one seam between training and the machine it runs on.
//!
//! Draws, optimiser, moving average, guards, checkpoints and resume know values and gradients as flat slices on the
//! host; an engine turns the one into the other. [`Plain`] is the reference and runs everywhere; others live outside
//! this crate and are held to its numbers.

use clips::{Fault, FaultKind, Result, Track};
use listener::latent_intent::network::Network;
use serde::{Deserialize, Serialize};

use crate::objective::{Item, Outcome, Weights, stage_one, stage_two};

/// What matrix products are computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits throughout.
    #[default]
    F32,
    /// Operands of matrix products in bfloat16; sums, norms, attention weights, losses, weights and optimiser in 32 bits.
    Bf16,
}

/// A batch to be computed.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The network; without a latent the job is one of stage one.
    pub network: &'a Network,
    /// Its parameters.
    pub values: &'a [f32],
    /// The clips, all draws made.
    pub items: &'a [Item<f32>],
    /// Online or offline.
    pub track: Track,
    /// Weights of the losses (of stage two, but for the velocity loss).
    pub weights: Weights<'a>,
    /// Of matrix products.
    pub precision: Precision,
}

/// Something that computes losses and gradients.
pub trait Engine: Sync {
    /// The device, as it is asked for on the command line, and what it is.
    fn device(&self) -> String;

    /// Refuses a precision it cannot compute in.
    ///
    /// # Errors
    /// A fault that says why, and which one to ask for.
    fn check(&self, precision: Precision) -> Result<()>;

    /// Losses and gradient of a batch. The same job gives the same bytes.
    ///
    /// # Errors
    /// The device failed, or has too little memory.
    fn compute(&self, job: &Job<'_>) -> Result<Outcome<f32>>;
}

/// Plain slices on all cores of the processor.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Engine for Plain {
    fn device(&self) -> String {
        "cpu".to_owned()
    }

    fn check(&self, precision: Precision) -> Result<()> {
        match precision {
            Precision::F32 => Ok(()),
            Precision::Bf16 => Err(Fault::new(
                FaultKind::Unsupported,
                "",
                "precision=bf16 needs a device that multiplies in bfloat16; the processor would only imitate it, slower",
            )
            .remedy("choose --device cuda:0 or metal, or --set precision=f32")),
        }
    }

    fn compute(&self, job: &Job<'_>) -> Result<Outcome<f32>> {
        Ok(if job.network.latent.is_some() {
            stage_two(job.network, job.values, job.items, job.track, &job.weights)
        } else {
            stage_one(job.network, job.values, job.items, job.track, job.weights.velocity)
        })
    }
}
