//! Features, resamplers, wav2vec2 and VGGish: recomputed by the speech crate. The weights that lie beside a golden file
//! are its inputs.

use std::path::Path;

use clips::golden::Sheet;
use clips::tensors::Tensors;
use clips::{Control, Result};

use super::Recomputed;

pub fn recompute(path: &Path, control: &Control) -> Result<Option<Recomputed>> {
    if !super::is_tensors(path) {
        return Ok(None);
    }
    if let Some(sheet) = speech::golden::recompute(path, control)? {
        return Ok(Some(Recomputed::Sheet(sheet)));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partner = name.strip_suffix(".weights.safetensors").map(|stem| format!("{stem}.io.safetensors"));
    if partner.is_some_and(|partner| path.with_file_name(partner).exists()) {
        let mut sheet = Sheet::default();
        Tensors::open(path)?.names().for_each(|tensor| sheet.input(tensor));
        return Ok(Some(Recomputed::Sheet(sheet)));
    }
    Ok(None)
}
