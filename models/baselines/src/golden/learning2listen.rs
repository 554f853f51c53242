//! Goldens of Learning2Listen: small networks with their weights in the same file (`w.*`).

use candle_core::{DType, Tensor};
use clips::golden::{Sheet, Tolerance};
use clips::{Control, Result};

use super::{Form, Golden, put, put_as, within};
use crate::learning2listen::config::{AUDIO_ROWS, CodesOver};
use crate::learning2listen::{Predictor, PredictorConfig, Seen, Vq, VqConfig};
use crate::parameters::{build, internal};
use crate::pass::Pass;

/// Every form of file.
pub(super) const FORMS: [Form; 2] = [vq, predictor];

/// Motion to codes and back.
fn vq(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.x", "w.quantize.embedding.weight", "out.recon"]) {
        return Ok(None);
    }
    let size = |key: &str| golden.number(key).map(|number| number as usize);
    let config = VqConfig {
        columns: vec![50, 3, 3],
        width: size("hidden")?,
        layers: size("layers")?,
        heads: size("heads")?,
        inner: size("intermediate")?,
        codes: size("codes")?,
        codes_over: CodesOver::Channels,
    };
    config.check()?;
    let (network, _) = build(&mut within(golden), |scope| Vq::new(&config, scope))?;
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    golden.inputs(&mut sheet, "w.");
    let x = golden.tensor("in.x")?;
    let pass = Pass::evaluation().noting();
    let quantised = network.encode(&x, &pass).map_err(internal)?;
    for name in ["squashed", "encoder_out"] {
        for tensor in pass.noted(name) {
            put(&mut sheet, &format!("mid.{name}"), &tensor)?;
        }
    }
    put(&mut sheet, "mid.distances", &quantised.distances)?;
    put_as(&mut sheet, "out.indices", &quantised.indices, Tolerance::EXACT)?;
    put(&mut sheet, "out.quant", &quantised.vectors)?;
    let (losses, made) = network.loss(&x, &pass).map_err(internal)?;
    put(&mut sheet, "out.recon", &made)?;
    put(&mut sheet, "loss.quant", &losses.quantiser)?;
    put(&mut sheet, "loss.total", &losses.total)?;
    let again = network.decode_codes(&quantised.indices, &pass).map_err(internal)?;
    put(&mut sheet, "out.recon_from_indices", &again)?;
    Ok(Some(sheet))
}

/// Logits of the next codes.
fn predictor(golden: &mut Golden, _: &Control) -> Result<Option<Sheet>> {
    if !golden.has(&["in.listener_past", "in.speaker_full", "out.logits_nomask"]) {
        return Ok(None);
    }
    let size = |key: &str| golden.number(key).map(|number| number as usize);
    let columns = |name: &str| golden.file.shape(name).and_then(|shape| shape.last().copied()).unwrap_or(0);
    let config = PredictorConfig {
        motion: columns("in.speaker_full"),
        audio: columns("in.audio_full"),
        audio_rows: AUDIO_ROWS,
        width: size("hidden")?,
        heads: size("heads")?,
        inner: size("intermediate")?,
        cross_layers: size("cross_modal_layers")?,
        // the metadata leaves it open; each block has two entries
        joint_layers: golden
            .file
            .names()
            .filter(|name| name.starts_with("w.cross_modal_layer.") && name.ends_with("fn.norm.weight"))
            .count()
            / 2,
        codes: size("codes")?,
    };
    config.check()?;
    let (network, _) = build(&mut within(golden), |scope| Predictor::new(&config, scope))?;
    let mut sheet = Sheet::default();
    golden.inputs(&mut sheet, "in.");
    golden.inputs(&mut sheet, "w.");
    let codes = |tensor: Tensor| tensor.to_dtype(DType::U32).map_err(internal);
    let (past, future) = (codes(golden.tensor("in.listener_past")?)?, codes(golden.tensor("in.future")?)?);
    let (motion, sound) = (golden.tensor("in.speaker_full")?, golden.tensor("in.audio_full")?);
    let pass = Pass::evaluation();
    let logits = |seen| network.forward(&past, &motion, &sound, seen, &pass).map_err(internal);
    for last in 0..=4 {
        put(&mut sheet, &format!("out.logits_mask{last}"), &logits(Seen::Last(last))?)?;
    }
    put(&mut sheet, "out.logits_nomask", &logits(Seen::Unmasked)?)?;
    let loss = network.loss(&logits(Seen::Last(2))?, &future).map_err(internal)?;
    put(&mut sheet, "loss.ce_mask2_first4", &loss)?;
    Ok(Some(sheet))
}
