//! Writes a synthetic corpus: `cargo run --release -p clips --example write_corpus -- OUT SECONDS SEED [CLIPS]`.
//! The same as `backchannel synth`, without the rest of the program.
#![expect(clippy::print_stdout, reason = "an example talks to its terminal")]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, seconds, seed, clips @ ..] = arguments.as_slice() else {
        return Err("usage: write_corpus OUT SECONDS SEED [CLIPS]".into());
    };
    let config = clips::synth::Config {
        seconds: seconds.parse()?,
        seed: seed.parse()?,
        clips: clips.first().map(|clips| clips.parse()).transpose()?,
        ..Default::default()
    };
    let statistics = clips::synth::write(&config, out.as_ref(), &clips::Control::default())?;
    println!("{statistics}");
    Ok(())
}
