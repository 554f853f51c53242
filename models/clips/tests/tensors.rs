//! State dicts that PyTorch wrote, safetensors, and files that lie. The fixtures are random numbers of our own, written
//! by `tests/torch/make.py`.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clips::tensors::{Element, Tensors, write};
use clips::{Fault, FaultKind};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torch").join(name)
}

/// The fault of opening these bytes.
fn refused(bytes: &[u8]) -> Fault {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.bin");
    std::fs::write(&path, bytes).unwrap();
    let fault = Tensors::open(&path).unwrap_err();
    assert_eq!(fault.path, path, "{fault}");
    assert!(!fault.remedy.is_empty() && !fault.detail.is_empty(), "{fault}");
    fault
}

#[test]
fn a_state_dict_of_torch_is_read_with_views_and_types() {
    let mut file = Tensors::open(&fixture("plain.pth")).unwrap();
    let weight: Vec<f32> = (0..12).map(|i| i as f32 / 8.0).collect();
    assert_eq!(file.shape("a.weight"), Some([3, 4].as_slice()));
    assert_eq!(file.floats("a.weight").unwrap(), weight);
    assert_eq!(file.shape("a.transposed"), Some([4, 3].as_slice()));
    let turned: Vec<f32> = (0..12).map(|i| weight[i % 3 * 4 + i / 3]).collect();
    assert_eq!(file.floats("a.transposed").unwrap(), turned);
    assert_eq!(file.floats("a.part").unwrap(), [5.0, 6.0, 9.0, 10.0].map(|x| x / 8.0));
    assert_eq!(file.floats("half").unwrap(), [0.5, -2.0, 65504.0]);
    assert_eq!(file.floats("brain").unwrap(), [1.0, -0.25]);
    assert_eq!((file.element("brain"), file.element("steps")), (Some(Element::BF16), Some(Element::I64)));
    assert_eq!(file.doubles("double").unwrap(), [1e-3]);
    assert_eq!((file.floats("steps").unwrap(), file.shape("steps").unwrap().len()), (vec![7.0], 0));
    assert_eq!(file.floats("mask").unwrap(), [1.0, 0.0]);
    assert_eq!(file.floats("bytes").unwrap(), [1.0, 255.0]);
    assert!(file.floats("none").unwrap().is_empty());
    assert_eq!(file.names().count(), 10);
    assert_eq!(file.floats("absent").unwrap_err().kind, FaultKind::NotFound);
}

#[test]
fn nested_dicts_parameters_and_newer_pickles_are_read() {
    let mut file = Tensors::open(&fixture("nested.pth")).unwrap();
    assert_eq!(file.floats("state_dict.0.weight").unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(file.floats("parameter").unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(file.floats("state_dict.1.num_batches_tracked").unwrap(), [0.0]);
    let mut file = Tensors::open(&fixture("protocol4.pth")).unwrap();
    assert_eq!(file.floats("0.weight").unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn a_pickled_model_is_refused_by_the_name_it_would_run_and_the_export_is_told() {
    let fault = Tensors::open(&fixture("module.pth")).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unsupported);
    assert!(fault.detail.contains("torch.nn.modules.container.Sequential"), "{fault}");
    for line in ["import torch", "torch.load(", "torch.save("] {
        assert!(fault.remedy.contains(line), "{fault}");
    }
}

#[test]
fn the_container_of_old_is_refused_clearly() {
    let fault = Tensors::open(&fixture("legacy.pth")).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unsupported);
    assert!(fault.detail.contains("1.6") && fault.remedy.contains("torch.save"), "{fault}");
}

/// The fixture with its `data.pkl` replaced by instructions of the same length (stored parts carry checksums, which
/// are not verified).
fn with_pickle(instructions: &[u8]) -> Vec<u8> {
    let mut bytes = std::fs::read(fixture("plain.pth")).unwrap();
    let at = bytes.windows(4).position(|window| window == [0x80, 2, b'c', b'c']).unwrap();
    bytes[at + 2..][..instructions.len()].copy_from_slice(instructions);
    bytes
}

#[test]
fn a_pickle_that_would_run_a_command_is_refused_and_named() {
    let fault = refused(&with_pickle(b"cos\nsystem\n(X\x02\x00\x00\x00idtR."));
    assert_eq!(fault.kind, FaultKind::Unsupported);
    assert!(fault.detail.contains("os.system"), "{fault}");
    assert!(fault.place.contains("data.pkl"), "{fault}");
}

#[test]
fn a_pickle_that_holds_itself_or_is_no_dict_ends() {
    // d = {}; d['a'] = d
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("self.bin");
    std::fs::write(&path, with_pickle(b"}q\x00X\x01\x00\x00\x00ah\x00s.")).unwrap();
    assert_eq!(Tensors::open(&path).unwrap().names().count(), 0);
    assert_eq!(refused(&with_pickle(b"K\x01.")).kind, FaultKind::WrongType);
    assert_eq!(refused(&with_pickle(b"0.")).kind, FaultKind::Malformed);
    assert_eq!(refused(&with_pickle(b"X\xff\xff\xff\xff")).kind, FaultKind::Malformed);
}

#[test]
fn every_cut_of_a_state_dict_is_refused_or_read() {
    let bytes = std::fs::read(fixture("nested.pth")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.bin");
    for length in (1..bytes.len()).step_by(7) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let fault = Tensors::open(&path).unwrap_err();
        assert!(!fault.remedy.is_empty(), "{length}: {fault}");
    }
}

#[test]
fn written_safetensors_are_read_back_and_have_the_same_bytes_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("a.safetensors"), dir.path().join("b.safetensors"));
    let metadata = BTreeMap::from([("kind".to_owned(), "mfcc39".to_owned())]);
    let (a, b) = ([1.0, 2.0, 3.0, 4.0], [0.5]);
    write(&first, &[("b", &[], &b), ("a", &[2, 2], &a)], &metadata).unwrap();
    write(&second, &[("a", &[2, 2], &a), ("b", &[], &b)], &metadata).unwrap();
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    let mut file = Tensors::open(&first).unwrap();
    assert_eq!(file.floats("a").unwrap(), a);
    assert_eq!((file.shape("b").unwrap().len(), file.floats("b").unwrap()), (0, b.to_vec()));
    assert_eq!(file.metadata(), &metadata);
    assert!(write(&first, &[("a", &[3], &a)], &metadata).is_err());
}

#[test]
fn a_safetensors_header_that_lies_is_refused_before_memory_is_taken() {
    let of = |header: &str, data: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        refused(&bytes)
    };
    let info = |shape: &str, from: u64, to: u64| {
        format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}}}"#)
    };
    assert_eq!(of(&info("[1000000000000]", 0, 4_000_000_000_000), 8).kind, FaultKind::Truncated);
    assert_eq!(of(&info("[1000000]", 0, 4_000_000), 8).kind, FaultKind::Truncated);
    assert_eq!(of(&info("[2]", 0, 7), 8).kind, FaultKind::Malformed);
    assert_eq!(of(&info("[4294967296,4294967296,4]", 0, 0), 8).kind, FaultKind::Malformed);
    assert_eq!(of(&info("[2]", 8, 0), 8).kind, FaultKind::Malformed);
    assert_eq!(of("{\"a\":", 8).kind, FaultKind::Malformed);
    assert_eq!(
        of(r#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#, 1).kind,
        FaultKind::WrongType
    );
    let mut bytes = u64::MAX.to_le_bytes().to_vec();
    bytes.extend(b"{}");
    assert_eq!(refused(&bytes).kind, FaultKind::Truncated);
    assert_eq!(refused(b"version https://git-lfs.github.com/spec/v1").kind, FaultKind::Malformed);
}
