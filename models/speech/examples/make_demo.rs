//! The Rust half of `assets/demo/make.sh`: joins sentences spoken by flite into clips of 30 s and moves the faces.
//!
//! Arguments: folder of scripts, folder of spoken sentences (`NAME/NN.wav`, `NAME/NN.phones`), folder to write. Writes
//! `NAME.phones.csv`, `NAME.{speaker,listener}.{attributes,coefficients}.npy` and `demo.json` to the last, and
//! `NAME.wav` to the second folder.
#![expect(clippy::print_stdout, reason = "an example talks to its terminal")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use clips::array::write_npy;
use clips::synth::spoken::{Phone, Spoken, listener, speaker};
use clips::synth::world::{CLASSES, INTENTS, class};
use clips::time::{CLIP_FRAMES, FRAMES_PER_SECOND, sample_of_frame};
use clips::{Chance, Waveform};

const SEED: u64 = 2024;
/// Silence before the first word, in seconds.
const LEAD: f64 = 0.6;
/// Noise of the room (root mean square, -50 dB), as under the voices of the synthetic corpus. Between flite's words
/// there is digital silence, which no recording has and no model has heard.
const ROOM: f64 = 0.003;

struct Script {
    title: String,
    class: usize,
    voice: String,
    /// Mark (`-` plain, `+` event, `*` strong event) and words.
    sentences: Vec<(char, String)>,
}

fn read_script(text: &str) -> Result<Script, Box<dyn Error>> {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(&format!("{key}: ")))
            .ok_or_else(|| format!("no {key}"))
    };
    let wanted = value("class")?;
    let class = CLASSES.iter().position(|name| *name == wanted).ok_or("unknown class")?;
    let sentences = text
        .lines()
        .filter_map(|line| {
            let mut letters = line.chars();
            let mark = letters.next().filter(|mark| "-+*".contains(*mark))?;
            Some((mark, letters.as_str().trim().to_owned()))
        })
        .collect();
    Ok(Script { title: value("title")?.to_owned(), class, voice: value("voice")?.to_owned(), sentences })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scripts, work, out] = arguments.as_slice() else {
        return Err("usage: make_demo SCRIPTS WORK OUT".into());
    };
    let (work, out) = (Path::new(work), Path::new(out));
    let mut names: Vec<String> = std::fs::read_dir(scripts)?
        .flatten()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    let mut index = Vec::new();
    for name in names {
        let script = read_script(&std::fs::read_to_string(Path::new(scripts).join(format!("{name}.txt")))?)?;
        index.push(make(&name, &script, work, out)?);
        println!("{name}: {}", script.title);
    }
    index.sort_by_key(|entry| entry["class_number"].as_u64());
    std::fs::write(out.join("demo.json"), serde_json::to_string_pretty(&index)? + "\n")?;
    Ok(())
}

fn make(name: &str, script: &Script, work: &Path, out: &Path) -> Result<serde_json::Value, Box<dyn Error>> {
    let total = CLIP_FRAMES as f64 / f64::from(FRAMES_PER_SECOND);
    let mut pieces = Vec::new();
    for number in 0..script.sentences.len() {
        let piece = work.join(name).join(format!("{number:02}"));
        let sound = speech::decode(&piece.with_extension("wav"))?;
        pieces.push((sound, std::fs::read_to_string(piece.with_extension("phones"))?));
    }
    let rate = pieces.first().ok_or("no sentence")?.0.rate;
    let spoken: f64 = pieces.iter().map(|(sound, _)| sound.len() as f64 / f64::from(rate)).sum();
    let pause = (total - LEAD - spoken) / pieces.len() as f64;
    if pause < 0.2 {
        return Err(format!("{name}: {spoken:.1} s of speech leave no room for pauses").into());
    }
    let mut samples = vec![0.0f32; sample_of_frame(CLIP_FRAMES, rate)];
    let (mut phones, mut events, mut lines) = (Vec::<Phone>::new(), Vec::new(), Vec::new());
    let mut begin = LEAD;
    for ((sound, spelled), (mark, words)) in pieces.iter().zip(&script.sentences) {
        let first = (begin * f64::from(rate)).round() as usize;
        for (to, from) in samples[first..].iter_mut().zip(sound.mono()) {
            *to = from;
        }
        let mut start = begin;
        for item in spelled.split_whitespace() {
            let (phone, end) = item.rsplit_once(':').ok_or("a phone has no time")?;
            let end = begin + end.parse::<f64>()?;
            phones.push(Phone { name: phone.to_owned(), start, end });
            start = end;
        }
        let end = begin + sound.len() as f64 / f64::from(rate);
        // What a listener reacts to is the end of a marked sentence.
        let strength = match mark {
            '*' => 1.0,
            '+' => 0.78,
            _ => 0.0,
        };
        if strength > 0.0 {
            events.push((((end - 0.35) * f64::from(FRAMES_PER_SECOND)).round() as f32, strength));
        }
        lines.push(serde_json::json!({ "start": round(begin), "end": round(end), "text": words }));
        begin = end + pause;
    }
    let loudest = samples.iter().fold(0.0f32, |most, sample| most.max(sample.abs()));
    let mut chance = Chance::new(SEED, "room", &[script.class as u64]);
    for sample in &mut samples {
        *sample = *sample * 0.8 / loudest.max(1e-6) + (ROOM * chance.normal()) as f32;
    }
    let sound = Waveform { rate, channels: 1, samples: Arc::from(samples.as_slice()) };
    write_wav(&work.join(format!("{name}.wav")), &sound)?;

    let loudness_db = speech::loudness_db(&sound);
    let said = Spoken { class: script.class, phones: &phones, loudness_db: &loudness_db, events: &events };
    // The listener beside it shows the class's most likely intent.
    let weights = class(script.class).intents;
    let intent = (0..INTENTS.len()).max_by(|a, b| weights[*a].total_cmp(&weights[*b])).unwrap_or(0);
    for (who, (attributes, coefficients)) in
        [("speaker", speaker(&said, SEED)), ("listener", listener(&said, intent, SEED))]
    {
        write_npy(
            &out.join(format!("{name}.{who}.attributes.npy")),
            &[CLIP_FRAMES, 25],
            attributes.as_flattened(),
        )?;
        write_npy(
            &out.join(format!("{name}.{who}.coefficients.npy")),
            &[CLIP_FRAMES, 58],
            coefficients.as_flattened(),
        )?;
    }
    let mut table = String::from("phone,start,end\n");
    for phone in &phones {
        writeln!(table, "{},{:.3},{:.3}", phone.name, phone.start, phone.end)?;
    }
    std::fs::write(out.join(format!("{name}.phones.csv")), table)?;
    let events: Vec<_> =
        events.iter().map(|(frame, strength)| (*frame, round(f64::from(*strength)))).collect();
    Ok(serde_json::json!({
        "name": name, "title": script.title, "class": CLASSES[script.class], "class_number": script.class,
        "voice": script.voice, "synthetic": true, "listener_intent": INTENTS[intent],
        "events": events, "lines": lines,
    }))
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn write_wav(path: &Path, sound: &Waveform) -> Result<(), Box<dyn Error>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: sound.rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in sound.samples.iter() {
        writer.write_sample((sample * 32767.0).round() as i16)?;
    }
    Ok(writer.finalize()?)
}
