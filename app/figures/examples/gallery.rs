//! Every figure with made-up data, in every style at both widths, and one table in every form:
//! `cargo run -p figures --example gallery -- OUT`. The numbers are invented; they show the pictures only.

use std::path::Path;

use clips::array::{make_folder, write_atomically};
use clips::{Chance, Result};
use figures::table::{Cell, Column, Row};
use figures::{
    ClipValue, Curve, CurvePoint, Differences, Direction, Distribution, DistributionRow, Figure, Forest,
    ForestRow, Front, Heading, Reliability, Scale, Series, SignatureCell, SignatureColumn, Signatures, Style,
    Table, Tradeoff, TradeoffPoint, Usage, UsageBar, Width, png, svg,
};

const SYSTEMS: [(&str, f64, f64); 10] = [
    ("Random", 0.05, 0.1667),
    ("Mime", 0.38, 0.0),
    ("Trans-VAE", 0.03, 0.0008),
    ("BeLFusion k=1", 0.10, 0.0068),
    ("BeLFusion k=10", 0.12, 0.0105),
    ("BeLFusion k=10 + bin. AUs", 0.12, 0.036),
    ("REGNN", 0.19, 0.0007),
    ("Latent intent, no latent", 0.17, 0.1018),
    ("Latent intent", 0.14, 0.3059),
    ("Latent intent, online", 0.14, 0.303),
];

fn main() -> Result<()> {
    let out = std::env::args_os().nth(1).unwrap_or_else(|| "gallery".into());
    let out = Path::new(&out);
    make_folder(out)?;
    let styles = [("paper", Style::paper()), ("dark", Style::dark()), ("light", Style::light())];
    for (style_name, style) in &styles {
        for (width_name, width, scale) in [("column", Width::Column, 3.0), ("page", Width::Page, 2.0)] {
            for (name, figure) in figures(*style_name != "paper") {
                let drawing = figure.draw_at(style, width);
                let name = format!("{name}-{style_name}-{width_name}");
                write(&out.join(format!("{name}.svg")), svg(&drawing).as_bytes())?;
                write(&out.join(format!("{name}.png")), &png(&drawing, scale)?)?;
            }
        }
    }
    let table = table();
    write(&out.join("table.tex"), table.latex().as_bytes())?;
    write(&out.join("table.csv"), table.csv()?.as_bytes())?;
    write(&out.join("table.md"), table.markdown().as_bytes())?;
    write(&out.join("table.json"), table.json()?.as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| std::io::Write::write_all(file, bytes))
}

/// Every figure; on screens with a title, in papers the caption says it.
fn figures(titled: bool) -> Vec<(&'static str, Box<dyn Figure>)> {
    let heading = |title: &str, note: &str| {
        if titled { Heading::new(title).note(note) } else { Heading::default() }
    };
    vec![
        ("tradeoff", Box::new(tradeoff(heading("Appropriateness against diversity", "test split")))),
        ("differences-1612", Box::new(differences(heading("FRCorr by clip", "Latent intent − REGNN"), 1612))),
        ("differences-48", Box::new(differences(heading("FRCorr by clip", "Latent intent − REGNN"), 48))),
        ("distribution", Box::new(distribution(heading("FRCorr by clip", "1,612 clips")))),
        ("usage", Box::new(usage(heading("Intent use over the split", "")))),
        ("signatures", Box::new(signatures(heading("Signature of each latent", "")))),
        ("forest", Box::new(forest(heading("FRCorr", "95 % over clips")))),
        ("reliability", Box::new(reliability(heading("Reaction matching", "1,612 clips")))),
        ("curve", Box::new(curve(heading("Loss over training", "3 seeds")))),
        (
            "empty",
            Box::new(Tradeoff { points: Vec::new(), ..tradeoff(heading("Nothing evaluated yet", "")) }),
        ),
    ]
}

fn tradeoff(heading: Heading) -> Tradeoff {
    let points = SYSTEMS
        .iter()
        .enumerate()
        .map(|(index, &(name, x, y))| TradeoffPoint {
            id: index as u64,
            name: name.into(),
            x,
            y,
            x_interval: Some((x - 0.008, x + 0.009)),
            y_interval: Some((y - 0.004 - y * 0.02, y + 0.004 + y * 0.02)),
            look: index,
            emphasised: name == "Latent intent",
            published: (3..=5).contains(&index),
            bound: false,
        })
        .collect();
    Tradeoff {
        heading,
        x: ("FRCorr".into(), Direction::Higher),
        y: ("FRDiv".into(), Direction::Higher),
        x_scale: Scale::Linear,
        y_scale: Scale::Linear,
        front: Front::Stepped,
        points,
    }
}

fn differences(heading: Heading, count: u64) -> Differences {
    let mut chance = Chance::new(1, "differences", &[count]);
    let mut clips: Vec<ClipValue> = (0..count)
        .map(|id| ClipValue {
            id,
            name: format!("clip {id}"),
            value: if chance.happens(0.02) { 0.0 } else { 0.02 + 0.09 * chance.normal() },
        })
        .collect();
    clips[3].value = f64::NAN;
    let finite: Vec<f64> = clips.iter().map(|clip| clip.value).filter(|value| value.is_finite()).collect();
    let mean = finite.iter().sum::<f64>() / finite.len() as f64;
    let half = 1.96 * 0.09 / (count as f64).sqrt();
    Differences {
        heading,
        measure: "FRCorr".into(),
        better: Direction::Higher,
        clips,
        mean: Some(mean),
        interval: Some((mean - half, mean + half)),
    }
}

fn distribution(heading: Heading) -> Distribution {
    let mut chance = Chance::new(2, "distribution", &[]);
    let rows = SYSTEMS
        .iter()
        .enumerate()
        .take(6)
        .map(|(look, &(name, middle, _))| {
            let count = [1612, 1612, 40, 1612, 1, 0][look];
            let clips = (0..count)
                .map(|id| ClipValue {
                    id,
                    name: format!("clip {id}"),
                    value: middle + 0.06 * chance.normal() + 0.05 * chance.uniform() * chance.uniform(),
                })
                .collect();
            DistributionRow { name: name.into(), look, clips, emphasised: look == 1, bound: false }
        })
        .collect();
    Distribution { heading, measure: "FRCorr".into(), better: Some(Direction::Higher), decimals: 3, rows }
}

fn usage(heading: Heading) -> Usage {
    let words = ["attentive", "doubt", "smile, nod", "surprise", "concern", "neutral", "amused", ""];
    let shares = [0.18, 0.11, 0.21, 0.09, 0.12, 0.16, 0.13, 0.0];
    let bars = words
        .iter()
        .zip(shares)
        .enumerate()
        .map(|(latent, (words, share))| UsageBar {
            id: latent as u64,
            latent,
            name: format!("z{}", latent + 1),
            share,
            interval: (share > 0.0).then_some((share - 0.014, share + 0.015)),
            words: if share > 0.0 { (*words).into() } else { "not used".into() },
        })
        .collect();
    Usage { heading, bars }
}

fn signatures(heading: Heading) -> Signatures {
    let rows = [
        "AU1", "AU2", "AU4", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU17", "AU23", "AU24",
        "AU25", "AU26", "valence", "arousal",
    ];
    let mut chance = Chance::new(3, "signatures", &[]);
    let mut cells: Vec<SignatureCell> = (0..rows.len() * 8)
        .map(|_| {
            let value = 0.6 * chance.normal() + if chance.happens(0.2) { 0.9 } else { 0.0 };
            let half = 0.15 + 0.2 * chance.uniform();
            SignatureCell { value, interval: Some((value - half, value + half)) }
        })
        .collect();
    cells[20].value = f64::NAN;
    Signatures {
        heading,
        rows: rows.map(String::from).to_vec(),
        columns: (0..8)
            .map(|latent| SignatureColumn { id: latent as u64, latent, name: format!("z{}", latent + 1) })
            .collect(),
        cells,
        unit: "deviations from the mean listener".into(),
        most: None,
    }
}

fn forest(heading: Heading) -> Forest {
    let rows = SYSTEMS
        .iter()
        .enumerate()
        .map(|(index, &(name, value, _))| {
            let published = (3..=5).contains(&index);
            ForestRow {
                id: index as u64,
                name: name.into(),
                value: if index == 2 { f64::NAN } else { value },
                interval: (!published).then_some((value - 0.012, value + 0.014)),
                look: index,
                emphasised: name == "Latent intent",
                published,
                bound: false,
            }
        })
        .collect();
    Forest {
        heading,
        measure: "FRCorr".into(),
        better: Some(Direction::Higher),
        scale: Scale::Linear,
        decimals: 3,
        reference: Some((0.05, "chance".into())),
        rows,
    }
}

fn reliability(heading: Heading) -> Reliability {
    let mut chance = Chance::new(4, "reliability", &[]);
    let (probabilities, outcomes): (Vec<f64>, Vec<bool>) = (0..1612)
        .map(|_| {
            let probability = (chance.uniform() * 0.7 + chance.uniform() * 0.3).clamp(0.0, 1.0);
            (probability, chance.happens(0.08 + 0.84 * probability.powf(1.25)))
        })
        .unzip();
    match Reliability::from_predictions(&probabilities, &outcomes, 10) {
        Ok(figure) => Reliability { heading, observed: "Share that matched".into(), ..figure },
        Err(fault) => Reliability {
            heading: Heading::new(&fault.to_string()),
            predicted: String::new(),
            observed: String::new(),
            look: 0,
            bins: Vec::new(),
            undefined: 0,
        },
    }
}

fn curve(heading: Heading) -> Curve {
    let mut chance = Chance::new(5, "curve", &[]);
    let series = ["Latent intent", "Latent intent, no latent", "Trans-VAE"]
        .iter()
        .enumerate()
        .map(|(look, name)| Series {
            id: look as u64,
            name: (*name).into(),
            look,
            points: (1..=120)
                .map(|step| {
                    let x = f64::from(step) * 250.0;
                    let y = (0.9 + 0.25 * look as f64) * (x / 250.0).powf(-0.32) + 0.02 * chance.uniform();
                    let y = if look == 2 && (60..64).contains(&step) { f64::NAN } else { y };
                    CurvePoint { x, y, band: (look != 1).then_some((y * 0.94, y * 1.07)) }
                })
                .collect(),
        })
        .collect();
    Curve {
        heading,
        x: "Step".into(),
        y: "Nats a frame".into(),
        better: Some(Direction::Lower),
        x_scale: Scale::Linear,
        y_scale: Scale::Log,
        series,
    }
}

fn table() -> Table {
    let column = |name: &str, better, decimals, unit: &str| Column {
        name: name.into(),
        unit: unit.into(),
        better: Some(better),
        decimals,
    };
    let rows = SYSTEMS
        .iter()
        .enumerate()
        .map(|(index, &(name, x, y))| {
            let published = (3..=5).contains(&index);
            let cell = |value: f64, decimals: i32| Cell {
                spread: (!published && index != 0).then_some(4.0 * 10f64.powi(-decimals)),
                ..Cell::new(value)
            };
            let synchrony = if index == 2 {
                Cell::undefined("every reaction is constant")
            } else {
                Cell { interval: (index == 0).then_some((42.1, 45.6)), ..cell(43.8 - x * 10.0, 1) }
            };
            Row {
                name: name.into(),
                group: if index < 2 {
                    String::new()
                } else if index == 9 {
                    "online".into()
                } else {
                    "offline".into()
                },
                note: if index >= 7 { "3 seeds".into() } else { String::new() },
                published,
                footnotes: Vec::new(),
                cells: vec![
                    Cell { bold: index == 1, ..cell(x, 3) },
                    Cell { bold: index == 8, ..cell(y, 4) },
                    synchrony,
                ],
            }
        })
        .collect();
    Table {
        title: "Measures on the test split (invented numbers)".into(),
        columns: vec![
            column("FRCorr", Direction::Higher, 3, ""),
            column("FRDiv", Direction::Higher, 4, ""),
            column("FRSyn", Direction::Lower, 1, "frames"),
        ],
        rows,
        notes: Vec::new(),
    }
}
