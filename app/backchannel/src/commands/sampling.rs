//! How tokens are drawn: the options that every command with reactions in it has, and their ranges.

use clips::Sampling;

use super::bad_request;

#[derive(Debug, clap::Args)]
pub struct SamplingArgs {
    /// Softmax temperature; 0 takes the most likely token
    #[arg(long, default_value_t = Sampling::default().temperature)]
    temperature: f32,
    /// Keep the K most likely tokens; 0 keeps all
    #[arg(long, default_value_t = Sampling::default().top_k)]
    top_k: usize,
    /// Keep the smallest set of tokens with this mass
    #[arg(long, default_value_t = Sampling::default().top_p)]
    top_p: f32,
    /// Latent guidance: 0 (off) to 5, usually 1
    #[arg(long, default_value_t = Sampling::default().guidance)]
    guidance: f32,
    /// Read weights and caches in 16 bits: faster for large networks; answers differ a little
    #[arg(long)]
    sixteen_bits: bool,
}

impl SamplingArgs {
    /// The sampling that is asked for.
    ///
    /// # Errors
    /// A value out of its range.
    pub fn sampling(&self) -> clips::Result<Sampling> {
        let Self { temperature, top_k, top_p, guidance, sixteen_bits } = *self;
        if !(0.0..=10.0).contains(&temperature) {
            return Err(bad_request(format!("--temperature {temperature} is out of range"), "use 0 to 10"));
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(bad_request(
                format!("--top-p {top_p} is out of range"),
                "use more than 0, at most 1",
            ));
        }
        if !(0.0..=5.0).contains(&guidance) {
            return Err(bad_request(format!("--guidance {guidance} is out of range"), "use 0 to 5"));
        }
        Ok(Sampling { temperature, top_k, top_p, guidance, sixteen_bits, ..Sampling::default() })
    }
}
