//! Trains a compared system without the rest of the program: `learn SYSTEM[:PRESET] CORPUS RUN [resume] [key=value]...`
#![expect(clippy::print_stdout, reason = "this program prints its result")]

use clips::Control;
use clips::corpus::Corpus;
use training::Plain;
use training::systems::Settings;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [system, corpus, run, rest @ ..] = words.as_slice() else {
        return Err("learn SYSTEM[:PRESET] CORPUS RUN [resume] [key=value]...".into());
    };
    baselines::lessons::register();
    let (system, preset) = system.split_once(':').map_or((system.as_str(), None), |(a, b)| (a, Some(b)));
    let mut settings = Settings::preset(system, preset)?;
    let resume = rest.iter().any(|word| word == "resume");
    let set: Vec<&String> = rest.iter().filter(|word| *word != "resume").collect();
    settings.set_all(&set)?;
    let control = Control::with_listener(|progress| {
        if progress.done % 50 == 0 || progress.done == progress.total {
            eprintln!("{} {}/{} {}", progress.stage, progress.done, progress.total, progress.note);
        }
    });
    let corpus = Corpus::open(corpus.as_ref(), &control)?;
    println!("{}", settings.train(&Plain, &corpus, run.as_ref(), resume, &control)?);
    Ok(())
}
