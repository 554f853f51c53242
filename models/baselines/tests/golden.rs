//! Every tensor of the small golden files, against its tolerance: what the official code computed on the same weights.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::path::Path;

use clips::Control;
use clips::golden::Verdict;
use clips::tensors::Tensors;

/// Holds one folder of golden files to their tolerances; every tensor must be computed or an input.
fn folder(name: &str, least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let (mut within, mut wrong) = (0, Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "safetensors")) {
        let sheet = baselines::golden::recompute(path, &Control::default())
            .unwrap()
            .unwrap_or_else(|| panic!("{} is of no form we know", path.display()));
        for line in sheet.compare(&mut Tensors::open(path).unwrap()).unwrap() {
            match line.verdict {
                Verdict::Within => within += 1,
                Verdict::Input => {}
                Verdict::Beyond | Verdict::NotComputed => wrong.push(format!(
                    "{}: {} {:?} {:?} {}",
                    path.file_name().unwrap().to_string_lossy(),
                    line.tensor,
                    line.verdict,
                    line.largest_difference,
                    line.remark
                )),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), wrong.len() + within, wrong.join("\n"));
    // fewer than there were means that files or names went missing
    assert!(within >= least, "only {within} tensors were compared");
}

#[test]
fn trans_vae() {
    folder("trans_vae", 116);
}

#[test]
fn learning2listen() {
    folder("learning2listen", 16);
}

#[test]
fn belfusion() {
    folder("belfusion", 123);
}

#[test]
fn regnn() {
    folder("regnn", 61);
}
