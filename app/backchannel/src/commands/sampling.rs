//! How tokens are drawn: the options that every command with reactions in it has, and their ranges.

use clips::Sampling;
use clips::take::{STYLES, Style};
use listener::latent_intent::style::FARTHEST;

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
    /// Whose way of listening, in deviations from an average person: any of smile, brows, mouth, liveliness and head, as
    /// "smile=1 head=-0.5"; for checkpoints trained with --set style=true (`recognise` measures real listeners)
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    style: String,
}

impl SamplingArgs {
    /// The sampling that is asked for.
    ///
    /// # Errors
    /// A value out of its range.
    pub fn sampling(&self) -> clips::Result<Sampling> {
        let Self { temperature, top_k, top_p, guidance, sixteen_bits, .. } = *self;
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
        let style = style_of(&self.style)?;
        Ok(Sampling { temperature, top_k, top_p, guidance, sixteen_bits, style, ..Sampling::default() })
    }
}

/// The numbers of a style, by name.
fn style_of(words: &str) -> clips::Result<Style> {
    let mut style = Style::default();
    for word in words.split([' ', ',']).filter(|word| !word.is_empty()) {
        let read = word.split_once('=').and_then(|(name, number)| {
            let place = STYLES.iter().position(|known| *known == name)?;
            let number: f32 = number.parse().ok()?;
            (number.abs() <= FARTHEST).then_some((place, number))
        });
        let Some((place, number)) = read else {
            return Err(bad_request(
                format!("--style {word} is nobody's way of listening"),
                format!("say {} and a number from -{FARTHEST} to {FARTHEST}, as smile=1", STYLES.join(", ")),
            ));
        };
        style[place] = number;
    }
    Ok(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_is_read_by_name() {
        assert_eq!(style_of("").unwrap(), Style::default());
        assert_eq!(style_of("head=-0.5, smile=2").unwrap(), [2.0, 0.0, 0.0, 0.0, -0.5]);
        for wrong in ["smile", "smile=", "grin=1", "smile=4", "smile=NaN", "head=1=2"] {
            assert!(style_of(wrong).unwrap_err().to_string().contains("smile, brows"), "{wrong}");
        }
    }
}
