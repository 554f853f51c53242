//! Which step checkpoints stay: the last few, and those that `pinned.txt` names.

use std::path::Path;

use clips::{Fault, Result};

/// File name of the checkpoint of a step, without its ending.
pub fn name(stage: u64, step: usize) -> String {
    format!("s{stage}-{step:06}")
}

/// Stage and step of such a name.
pub fn parse(name: &str) -> Option<(u64, usize)> {
    let (stage, step) = name.strip_prefix('s')?.split_once('-')?;
    Some((stage.parse().ok()?, step.parse().ok()?))
}

/// Removes all step checkpoints of a folder, with their cards, but the last `keep` and the pinned ones.
///
/// # Errors
/// When the folder cannot be read or a file cannot be removed.
pub fn prune(checkpoints: &Path, keep: usize) -> Result<()> {
    let pinned = std::fs::read_to_string(checkpoints.join("pinned.txt")).unwrap_or_default();
    let entries = std::fs::read_dir(checkpoints).map_err(|error| Fault::io(checkpoints, &error))?;
    let mut steps: Vec<(u64, usize)> = entries
        .filter_map(|entry| {
            let file = entry.ok()?.file_name().into_string().ok()?;
            let name = file.strip_suffix(".safetensors")?;
            let is_pinned = pinned.lines().any(|line| [name, file.as_str()].contains(&line.trim()));
            parse(name).filter(|_| !is_pinned)
        })
        .collect();
    steps.sort_unstable();
    let surplus = steps.len().saturating_sub(keep);
    for (stage, step) in &steps[..surplus] {
        // the card first: a checkpoint that a kill leaves without one is found again, a card alone would stay for ever
        for ending in ["md", "safetensors"] {
            let path = checkpoints.join(format!("{}.{ending}", name(*stage, *step)));
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Fault::write(&path, &error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_and_the_pinned_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let steps = [(1, 50), (1, 100), (2, 50), (2, 100), (2, 1_000_000)];
        for (stage, step) in steps {
            // the card first: a checkpoint that a kill leaves without one is found again, a card alone would stay for ever
            for ending in ["md", "safetensors"] {
                std::fs::write(folder.path().join(format!("{}.{ending}", name(stage, step))), "x").unwrap();
            }
        }
        for other in ["last.safetensors", "best.safetensors", "stage-1.safetensors"] {
            std::fs::write(folder.path().join(other), "x").unwrap();
        }
        std::fs::write(folder.path().join("pinned.txt"), "s1-000050.safetensors\n\nnothing\n").unwrap();
        prune(folder.path(), 2).unwrap();
        let mut left: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                "best.safetensors",
                "last.safetensors",
                "pinned.txt",
                "s1-000050.md",
                "s1-000050.safetensors",
                "s2-000100.md",
                "s2-000100.safetensors",
                "s2-1000000.md",
                "s2-1000000.safetensors",
                "stage-1.safetensors"
            ]
        );
        prune(folder.path(), 9).unwrap();
        assert!(prune(&folder.path().join("nowhere"), 2).is_err());
    }
}
