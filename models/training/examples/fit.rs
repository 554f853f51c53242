//! Trains on a corpus and prints what it is doing: `fit CORPUS RUN [preset=NAME] [resume] [key=value]...`

use clips::Control;
use clips::corpus::Corpus;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [corpus, run, settings @ ..] = words.as_slice() else {
        return Err("fit CORPUS RUN [preset=NAME] [resume] [key=value]...".into());
    };
    let mut config = training::Config::tiny();
    let mut resume = false;
    for setting in settings {
        match setting.as_str() {
            "resume" => resume = true,
            preset if preset.starts_with("preset=") => config = training::Config::preset(&preset[7..])?,
            other => config.set(other)?,
        }
    }
    let control = Control::with_listener(|progress| {
        if progress.done % 50 == 0 || progress.done == progress.total {
            eprintln!("{} {}/{} {}", progress.stage, progress.done, progress.total, progress.note);
        }
    });
    let corpus = Corpus::open(corpus.as_ref(), &control)?;
    let summary = training::train(&config, &corpus, run.as_ref(), resume, &control)?;
    eprintln!("{}", serde_json::to_string_pretty(&summary)?);
    Ok(())
}
