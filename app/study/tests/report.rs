//! The report and the export of a study: a page that parses, says every number, refers to nothing and trusts no label;
//! files that are all there, whole, and the same each time; sentences that say no more than the intervals.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

#[path = "report/markup.rs"]
mod markup;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};

use clips::corpus::{self, Corpus};
use clips::{Control, synth};
use figures::Table;
use figures::number::{fixed, interval};
use measures::Measure;
use study::conclusions::conclusions;
use study::{Board, Column, Entry, Scored, Settings, Split, export, report, run, tables};

struct Set {
    _folder: tempfile::TempDir,
    scored: Vec<Scored>,
    board: Board,
    html: String,
}

const HOSTILE: &str = "<script>alert(\"1\")</script> & 'co'";

static SET: LazyLock<Set> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let config = synth::Config { clips: Some(20), seconds: 4.0, seed: 3, ..Default::default() };
    synth::write(&config, folder.path(), &Control::default()).unwrap();
    let corpus = Arc::new(Corpus::open(folder.path(), &Control::default()).unwrap());
    let split = Split::read(corpus, corpus::Split::Val, None, &Control::default()).unwrap();
    let hostile = format!("{HOSTILE}=demo@spread");
    let entries: Vec<Entry> = ["random", "mime", "mean-frame", "truth", &hostile, "demo@z2", "demo-plain"]
        .iter()
        .map(|spec| Entry::parse(spec, &split.corpus, split.which, &Control::default()).unwrap())
        .collect();
    let settings = Settings { samples: 4, seeds: vec![1, 2], bootstrap: 200, ..Settings::default() };
    let (scored, board) = run(&entries, &split, &settings, None, &Control::default()).unwrap();
    let html = report::html(&board, &scored, &Control::default()).unwrap();
    Set { _folder: folder, scored, board, html }
});

#[test]
fn the_page_is_well_formed_and_can_be_read_by_a_screen_reader() {
    let page = markup::parse(&SET.html);
    assert_eq!(page.count("html"), 1);
    assert_eq!(page.count("h1"), 1);
    assert_eq!(page.count("table"), page.count("caption"));
    assert_eq!(page.count("figure"), page.count("figcaption"));
    assert!(page.all("th").all(|tag| tag.get("scope").is_some()), "every head of a row or column says so");
    assert!(page.all("svg").all(|tag| tag.get("role") == Some("img") && tag.get("aria-label").is_some()));
    assert!(page.count("svg") >= 2 * 20, "{}", page.count("svg"));
    for (before, after) in page.headings().windows(2).map(|pair| (pair[0], pair[1])) {
        assert!(after <= before + 1, "a heading of level {after} after {before}");
    }
    let ids: Vec<&str> = page.tags.iter().filter_map(|tag| tag.get("id")).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id stands twice");
    for link in page.all("a") {
        let anchor = link.get("href").unwrap().strip_prefix('#').unwrap();
        assert!(ids.contains(&anchor), "{anchor} leads nowhere");
    }
}

#[test]
fn the_page_refers_to_nothing_outside_and_trusts_no_label() {
    let html = &SET.html;
    for outside in ["http:", "https:", "//", "<script", "<link", "<img", "@import", "url(", "javascript:"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let page = markup::parse(html);
    assert!(page.tags.iter().flat_map(|tag| &tag.attributes).all(|(name, _)| !name.starts_with("on")));
    assert!(html.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;co&#39;"));
}

#[test]
fn the_page_says_every_label_and_value() {
    let text = markup::parse(&SET.html).text;
    for row in &SET.board.rows {
        assert!(text.contains(&row.label), "{}", row.label);
        assert!(text.contains(&row.checkpoint) && text.contains(&row.spec));
        for column in Column::all() {
            let cell = row.cell(column).unwrap();
            match cell.value {
                Some(value) => {
                    assert!(text.contains(&fixed(value, column.decimals())), "{} {value}", column.name())
                }
                None => assert!(text.contains(&cell.why), "{} {}", column.name(), cell.why),
            }
            if let Some(range) = cell.interval {
                assert!(text.contains(&interval((range.low, range.high), column.decimals())), "{range:?}");
            }
        }
    }
    for column in Column::all() {
        assert!(text.contains(column.meaning()), "{}", column.name());
    }
    let board = &SET.board;
    for part in [board.fingerprint.as_str(), &board.corpus, "--split val", "--seeds 2 ", "--samples 4"] {
        assert!(text.contains(part), "{part}");
    }
    // ten of twelve clips, for each system
    let worst = board.rows[0].ranked_clips(Column::Measure(Measure::Corr))[0].0;
    assert!(text.contains(&board.ids[worst]));
    assert_eq!(SET.html.matches("<ol class=\"clips\">").count(), board.rows.len());
    // the hostile label must be quoted for the shell as well
    assert!(text.contains("--systems '<script>alert(\"1\")</script> & '\\''co'\\''=demo@spread'"));
    assert!(!text.contains("does not remake"));
    let mut other = board.clone();
    other.settings.seeds = vec![3, 7];
    let other = report::html(&other, &SET.scored, &Control::default()).unwrap();
    assert!(other.contains("does not remake") && other.contains("3, 7"), "the command counts seeds from 1");
    assert_eq!(
        SET.html,
        report::html(board, &SET.scored, &Control::default()).unwrap(),
        "the same board, the same page"
    );
}

#[test]
fn published_rows_keep_their_digits_and_stand_apart() {
    let ours = SET.board.rows.len();
    let all = tables::table(&SET.board, &Column::OFFICIAL, true);
    assert_eq!(all.rows.len(), ours + measures::published::ROWS.len());
    assert!(all.rows[..ours].iter().all(|row| !row.published));
    for (row, source) in all.rows[ours..].iter().zip(&measures::published::ROWS) {
        assert!(row.published && row.cells.iter().all(|cell| !cell.bold && cell.interval.is_none()));
        assert!(row.footnotes.contains(&source.source.label().to_owned()));
        assert!(source.caution.is_empty() || row.footnotes.contains(&source.caution.to_owned()));
        for (cell, printed) in row.cells.iter().zip(source.printed) {
            // FRCorr of ours has three decimals, 0.1664 has four and 0.03 two
            assert_eq!(cell.written(3).unwrap_or_default(), printed);
            assert_eq!(cell.value, printed.parse().ok());
        }
    }
    assert!(all.latex().contains("\\textit{0.1664}") && all.markdown().contains("*0.03*"));
    assert!(all.csv().unwrap().contains(",0.0000,"));
    // what no paper printed has no published rows
    assert_eq!(tables::table(&SET.board, &Column::BEYOND, true).rows.len(), ours);
    assert_eq!(tables::table(&SET.board, &Column::OFFICIAL, false).rows.len(), ours);
}

#[test]
fn tests_compare_each_system_with_the_best_trained_one() {
    let column = Column::Measure(Measure::Dist);
    let found = tables::against_best(&SET.board, column, 200, &Control::default()).unwrap().unwrap();
    let best = &SET.board.rows[found.best];
    assert!(!best.naive);
    let value = |row: usize| SET.board.rows[row].cell(column).unwrap().value.unwrap();
    for row in (0..SET.board.rows.len()).filter(|row| !SET.board.rows[*row].naive) {
        assert!(value(found.best) <= value(row));
    }
    assert_eq!(found.tests.len(), SET.board.rows.len() - 1);
    for test in &found.tests {
        let pair = test.found.as_ref().unwrap();
        assert!((pair.difference - (value(test.row) - value(found.best))).abs() < 1e-9);
        assert!(test.adjusted.unwrap() >= pair.permutation.unwrap());
    }
    let table = tables::tests(&SET.board, column, 200, &Control::default()).unwrap();
    assert_eq!(table.rows.len(), found.tests.len());
    assert_eq!(table.rows[0].cells[0].value, Some(found.tests[0].found.as_ref().unwrap().difference));
    // pairs of clips are not independent
    let pairs = tables::tests(&SET.board, Column::Measure(Measure::Dvs), 200, &Control::default()).unwrap();
    assert!(pairs.rows.iter().all(|row| row.cells[1].value.is_none() && row.cells[0].interval.is_some()));
    assert!(tables::tests(&SET.board, Column::Frechet, 200, &Control::default()).is_err());
}

/// The board with other values by clip in one row.
fn with(board: &Board, label: &str, column: Column, values: Vec<Option<f64>>) -> Board {
    let mut board = board.clone();
    let row = board.row(label).unwrap();
    let cell = board.rows[row].cells.get_mut(column.name()).unwrap();
    cell.value = Some(values.iter().flatten().sum::<f64>() / values.len() as f64);
    cell.per_clip = values;
    board
}

#[test]
fn conclusions_say_no_more_than_the_intervals() {
    let said = |board: &Board| conclusions(board, &SET.scored, &Control::default()).unwrap();
    let column = Column::Measure(Measure::Corr);
    let (one, other) = ("latent-intent-plain", "latent-intent z2");
    // only two trained systems
    let mut board = SET.board.clone();
    board.rows.iter_mut().filter(|row| row.label == HOSTILE).for_each(|row| row.naive = true);
    let of = |shift: f64| -> Vec<Option<f64>> {
        (0..12).map(|clip| Some(2.0 + shift + 0.01 * f64::from(clip % 3))).collect()
    };
    let two = |a: f64, b: f64| with(&with(&board, one, column, of(a)), other, column, of(b));
    let sentence = |board: &Board| said(board).into_iter().find(|s| s.starts_with("By FRCorr")).unwrap();
    assert!(sentence(&two(0.5, 0.0)).starts_with(
        "By FRCorr, latent-intent-plain is ahead of latent-intent z2: +0.500 [0.500, 0.500], better on 100 % of clips"
    ));
    assert!(
        sentence(&two(0.0, 0.5))
            .starts_with("By FRCorr, latent-intent z2 is ahead of latent-intent-plain: +0.500")
    );
    assert!(sentence(&two(0.0, 0.0)).contains("cannot be told apart"));
    // a difference that two of twelve clips make
    let mut few = of(0.0);
    few[0] = Some(9.0);
    few[1] = Some(-4.0);
    let noisy = with(&two(0.0, 0.0), one, column, few);
    assert!(sentence(&noisy).contains("cannot be told apart"), "{}", sentence(&noisy));

    let share = Column::Measure(Measure::ConstantShare);
    let constant = with(&SET.board, one, share, vec![Some(1.0); 12]);
    let unread = |board: &Board| said(board).into_iter().find(|s| s.starts_with("FRSyn cannot be read here"));
    assert!(unread(&constant).unwrap().contains("latent-intent-plain (100 % of clips)"));
    let moving = ["latent-intent-plain", "latent-intent z2", HOSTILE]
        .iter()
        .fold(SET.board.clone(), |board, label| with(&board, label, share, vec![Some(0.0); 12]));
    assert!(unread(&moving).is_none());
    let ratio: Vec<String> = said(&SET.board).into_iter().filter(|s| s.starts_with("FRVar ratio")).collect();
    assert_eq!(ratio.len(), 3, "one for each trained system: {ratio:?}");
    assert!(said(&SET.board)[0].contains("12 clips are few"));
    let mut blind = SET.board.clone();
    blind.settings.bootstrap = 0;
    assert!(said(&blind).iter().all(|s| !s.contains("ahead of") && !s.contains("told apart")));
}

fn promised(board: &Board) -> Vec<String> {
    let mut names: Vec<String> = ["table", "table-all"]
        .iter()
        .flat_map(|name| ["tex", "csv", "md", "json"].map(|ending| format!("{name}.{ending}")))
        .chain(["tests.csv", "per_clip.csv", "report.html"].map(str::to_owned))
        .collect();
    let mut pictures = vec!["tradeoff-FRCorr-FRDiv".to_owned()];
    for column in Column::OFFICIAL {
        pictures
            .extend(["forest", "distribution", "difference"].map(|kind| format!("{kind}-{}", column.name())));
    }
    for (place, label) in [(5, "script-alert-1-script-co"), (6, "latent-intent-z2")] {
        assert!(!board.rows[place - 1].latents.is_empty());
        pictures.extend(["usage", "signatures", "reliability"].map(|kind| format!("{kind}-{place}-{label}")));
    }
    for picture in pictures {
        for place in ["column", "page"] {
            names.extend(["svg", "png"].map(|ending| format!("figures/{picture}-{place}.{ending}")));
        }
    }
    names
}

fn names(folder: &Path) -> BTreeSet<String> {
    let list = |folder: &Path, before: &str| -> Vec<String> {
        let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
        files
            .map(|file| file.unwrap())
            .filter(|file| file.path().is_file())
            .map(|file| format!("{before}{}", file.file_name().to_string_lossy()))
            .collect()
    };
    list(folder, "").into_iter().chain(list(&folder.join("figures"), "figures/")).collect()
}

#[test]
fn an_export_writes_what_it_promises_and_a_cancelled_one_nothing_half() {
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (board, scored) = (&SET.board, &SET.scored);
    let files = export::write(board, scored, whole.path(), &Control::default()).unwrap();
    let promised = promised(board);
    assert_eq!(names(whole.path()), promised.iter().cloned().collect());
    assert_eq!(files.len(), promised.len());
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        match file.extension().unwrap().to_str().unwrap() {
            "png" => {
                // the width stands in the first chunk; 300 dots for each of 252 and 516 points
                let wide = u32::from_be_bytes(bytes[16..20].try_into().unwrap());
                assert_eq!(wide, if file.to_string_lossy().contains("-page.") { 2150 } else { 1050 });
                assert!(bytes.starts_with(b"\x89PNG") && bytes[bytes.len() - 8..].starts_with(b"IEND"));
            }
            "svg" => assert!(bytes.starts_with(b"<svg xmlns=\"http://www.w3.org/2000/svg\"")),
            _ => assert!(!bytes.is_empty()),
        }
    }
    let read = |name: &str| std::fs::read_to_string(whole.path().join(name)).unwrap();
    assert_eq!(read("report.html"), SET.html);
    let table = Table::from_json(&read("table.json")).unwrap();
    // published rows are of other clips: they stand in a paper's table only where the split is theirs
    assert_eq!(table, tables::table(board, &Column::OFFICIAL, false));
    // a line a system and clip, with every digit
    let text = read("per_clip.csv");
    let mut lines = csv::Reader::from_reader(text.as_bytes());
    let head = lines.headers().unwrap().clone();
    let place = head.iter().position(|name| name == "FRDvs").unwrap();
    let records: Vec<csv::StringRecord> = lines.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), board.rows.len() * board.clips);
    for (at, record) in records.iter().enumerate() {
        let (row, clip) = (at / board.clips, at % board.clips);
        assert_eq!((&record[0], &record[1]), (board.ids[clip].as_str(), board.rows[row].label.as_str()));
        let value = board.rows[row].cell(Column::Measure(Measure::Dvs)).unwrap().per_clip[clip];
        assert_eq!(record[place].parse().ok(), value);
    }
    assert_eq!(
        csv::Reader::from_reader(read("tests.csv").as_bytes()).records().count() % (board.rows.len() - 1),
        0
    );

    // stopped while the fifth file is to be written
    let stopper: Arc<OnceLock<Control>> = Arc::default();
    let own = stopper.clone();
    let control = Control::with_listener(move |progress| {
        if progress.stage == "writing" && progress.done == 4 {
            own.get().unwrap().stop();
        }
    });
    stopper.set(control.clone()).unwrap();
    assert!(export::write(board, scored, cut.path(), &control).unwrap_err().is_cancelled());
    let left = names(cut.path());
    assert!((1..promised.len()).contains(&left.len()), "{left:?}");
    for name in left {
        assert_eq!(
            std::fs::read(cut.path().join(&name)).unwrap(),
            std::fs::read(whole.path().join(&name)).unwrap()
        );
    }
    // the rest is made again, and all bytes are the same
    export::write(board, scored, cut.path(), &Control::default()).unwrap();
    for name in promised {
        assert!(
            std::fs::read(cut.path().join(&name)).unwrap()
                == std::fs::read(whole.path().join(&name)).unwrap(),
            "{name}"
        );
    }
}
