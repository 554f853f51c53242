//! Recomputes golden files of sound: features, resamplers, wav2vec2, VGGish.
//!
//! Each function looks at one file (and those that belong to it by name), returns `None` when it is of another form,
//! and a [`Sheet`] of what was computed otherwise. Forms are told by the tensors inside, not by file names, so that
//! other files of the same form are checked too.

mod features;
mod networks;

use std::path::Path;

use clips::golden::Sheet;
use clips::tensors::Tensors;
use clips::{Control, Result};

/// Looks at a golden file; `None` when it is of another form.
type Form = fn(&mut Tensors, &Control) -> Result<Option<Sheet>>;

/// Recomputes one golden file of any form of this crate.
///
/// # Errors
/// When the file or one that belongs to it cannot be read or contradicts itself.
pub fn recompute(path: &Path, control: &Control) -> Result<Option<Sheet>> {
    let mut file = Tensors::open(path)?;
    let forms: [Form; 7] = [
        features::clip,
        features::deltas,
        features::stages,
        features::official_78,
        networks::wav2vec2,
        networks::vggish_front,
        networks::vggish_network,
    ];
    for form in forms {
        control.check()?;
        if let Some(sheet) = form(&mut file, control)? {
            return Ok(Some(sheet));
        }
    }
    Ok(None)
}

/// Whether a file has all of these tensors.
fn has(file: &Tensors, names: &[&str]) -> bool {
    names.iter().all(|name| file.shape(name).is_some())
}
