//! Encoding and decoding against the floor of this machine, for the tiny and the base preset, or for one of them:
//! `cargo run --release -p listener --example floor -- [tiny | base]`.

use listener::cost::{decode, machine};
use listener::latent_intent::Config;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let machine = machine();
    let mut text = format!("{:.0} GFLOP/s, {:.1} GB/s\n", machine.flops * 1e-9, machine.bandwidth * 1e-9);
    let presets =
        [("tiny", Config::tiny([64, 64, 64, 32])), ("base", Config::base([2048, 8029, 1681, 1024]))];
    let wanted = std::env::args().nth(1);
    for (_, config) in
        presets.iter().filter(|(name, _)| wanted.as_deref().is_none_or(|wanted| wanted == *name))
    {
        for cost in decode(config, machine, 3)? {
            text += &format!("{:>9.3} ms {:>6.2} x floor  {}\n", cost.spent_ms, cost.ratio(), cost.what);
        }
    }
    #[expect(clippy::print_stdout, reason = "an example that prints its result")]
    {
        println!("{text}");
    }
    Ok(())
}
