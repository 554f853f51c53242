//! CSV and TensorBoard event files: written and read again, read from TensorBoard's own writer, and read when hostile.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::Path;

use clips::Control;
use runs::{Reader, State, Table, is_run};

fn run(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("config.toml"), "seed = 1\n").unwrap();
    let mut text = String::new();
    for (stage, steps) in [(1, 30), (2, 50)] {
        for step in 1..=steps {
            let at = f64::from(stage * 100 + step);
            text += &format!(
                "{{\"stage\":{stage},\"step\":{step},\"epoch\":{},\"seconds\":{},\"losses\":{{\"total\":{}}},\"norm\":{}",
                at / 40.0,
                at * 0.25,
                1.0 / at,
                at.sqrt()
            );
            if step % 10 == 0 {
                text += &format!(",\"watch\":{{\"usage\":{}}}", at.ln());
            }
            text += "}\n";
        }
    }
    text += "{\"stage\":2,\"step\":51,\"loss";
    std::fs::write(folder.join("metrics.jsonl"), text).unwrap();
}

/// Equal up to what is kept of a number, undefined where the other is.
fn same(a: &Table, b: &Table, digits: f64) {
    let (mut columns, mut others) = (a.columns.clone(), b.columns.clone());
    columns.sort();
    others.sort();
    assert_eq!(columns, others);
    assert_eq!(a.rows.len(), b.rows.len());
    let near = |x: f64, y: f64| (x.is_nan() && y.is_nan()) || (x - y).abs() <= digits * x.abs();
    for (x, y) in a.rows.iter().zip(&b.rows) {
        assert_eq!((x.stage, x.step), (y.stage, y.step));
        assert!(near(x.epoch, y.epoch) && near(x.seconds, y.seconds), "{x:?} {y:?}");
        for name in &columns {
            let value = |table: &Table, row: &Vec<f64>| {
                row[table.columns.iter().position(|known| known == name).unwrap()]
            };
            let (left, right) = (value(a, &x.values), value(b, &y.values));
            assert!(near(left, right), "{name} at {}: {left} {right}", x.step);
        }
    }
}

#[test]
fn what_is_written_is_read_again() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("a run");
    run(&folder);
    let control = Control::default();
    let table = Table::read(&folder, &control).unwrap();
    assert_eq!((table.rows.len(), table.columns.len()), (80, 3));
    let csv = home.path().join("all.csv");
    table.write_csv(&csv).unwrap();
    assert!(is_run(&csv));
    same(&table, &Table::read(&csv, &control).unwrap(), 0.0);
    let events = home.path().join("events");
    let file = table.write_events(&events, 1.7e9).unwrap();
    assert!(is_run(&events) && is_run(&file));
    // scalars of event files have single precision
    same(&table, &Table::read(&events, &control).unwrap(), 1e-6);
    // and a window reads them as a run
    let mut reader = Reader::new(&events);
    reader.look();
    let seen = reader.run();
    assert_eq!((seen.state, seen.faults.len()), (State::Imported, 0));
    assert_eq!(seen.series("loss/total").unwrap().points().len(), 80);
    assert_eq!(seen.stages.last().unwrap().1.step, 30.0);
}

/// Written by TensorBoard 2.21's own `RecordWriter` (numbers ours): two steps, 0 and 7, each with `loss/total` as a
/// simple value (1.5, 0.1), `rate` as a tensor of one float (-2.25, 3e-5), and a tensor of six that is no scalar.
const OF_TENSORBOARD: &str = "\
    1800000000000000a37f4b22090000000000408f401a0d627261696e2e4576656e743a3273ae6b567100000000000000\
    9c97e773090000000000448f402a660a110a0a6c6f73732f746f74616c150000c03f0a210a0472617465420a08011200\
    2a04000010c04a0d0a090a077363616c61727320010a2e0a046869737442260801120812020802120208032218000000\
    00000000000000000000000000000000000000000023b3743373000000000000000d737cc80900000000004c8f401007\
    2a660a110a0a6c6f73732f746f74616c15cdcccc3d0a210a0472617465420a080112002a0482a8fb374a0d0a090a0773\
    63616c61727320010a2e0a04686973744226080112081202080212020803221800000000000000000000000000000000\
    0000000000000000858f040b";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().map(|digit| (digit as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn files_of_tensorboards_own_writer_are_read() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("events.out.tfevents.1000.host");
    std::fs::write(&path, bytes(OF_TENSORBOARD)).unwrap();
    let table = Table::read(&path, &Control::default()).unwrap();
    assert_eq!(table.columns, ["loss/total", "rate"]);
    let rows: Vec<_> =
        table.rows.iter().map(|row| (row.stage, row.step, row.seconds, row.values.clone())).collect();
    let single = |value: f32| f64::from(value);
    assert_eq!(rows, [(1, 0, 0.5, vec![1.5, -2.25]), (1, 7, 1.5, vec![single(0.1), single(3e-5)])]);
}

#[test]
fn a_cut_file_is_read_up_to_its_cut_and_a_damaged_one_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("events.out.tfevents.1.x");
    let whole = bytes(OF_TENSORBOARD);
    let control = Control::default();
    let mut rows = Vec::new();
    for length in 0..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        match Table::read(&path, &control) {
            Ok(table) => rows.push(table.rows.len()),
            Err(fault) => assert!(fault.detail.contains("no scalars"), "{fault}"),
        }
    }
    assert!(rows.is_sorted() && rows.first() == Some(&1) && rows.last() == Some(&2));
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        assert!(Table::read(&path, &control).is_err(), "byte {at}");
    }
    // a promise of more memory than there is
    let mut promise = u64::MAX.to_le_bytes().to_vec();
    promise.extend(0u32.to_le_bytes());
    std::fs::write(&path, &promise).unwrap();
    assert!(Table::read(&path, &control).is_err());
}

#[test]
fn a_csv_of_others_needs_a_step_and_says_where_it_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("x.csv");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Table::read(&path, &Control::default())
    };
    let table = read("Step, Value\n10.0, 2.5\n5, \n").unwrap();
    assert_eq!(table.columns, ["Value"]);
    assert_eq!(table.rows.iter().map(|row| row.step).collect::<Vec<_>>(), [5, 10]);
    assert!(read("a,b\n1,2\n").unwrap_err().detail.contains("step"));
    let fault = read("step,loss\n1,2\n2,many\n").unwrap_err();
    assert!(fault.place == "line 3" && fault.detail.contains("loss"), "{fault}");
    assert!(read("step,loss\n-1,2\n").is_err());
    assert!(!is_run(&home.path().join("none.csv")));
}
