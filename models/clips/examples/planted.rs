//! Writes a small corpus in the shipped layout with every fault planted:
//! `cargo run -p clips --example planted -- OUT`, then `backchannel check OUT`.
#![expect(clippy::print_stdout, reason = "an example talks to its terminal")]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).ok_or("usage: planted OUT")?;
    for plant in clips::synth::planted(out.as_ref(), &clips::Control::default())? {
        println!("{:<72} {}", plant.path, plant.what);
    }
    Ok(())
}
