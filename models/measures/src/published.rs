//! What others have published about REACT 2024: rows for reading beside one's own, never computed here.
//!
//! Six columns in the order FRCorr, FRDist, FRDiv, FRVar, FRDvs, FRSyn; each value is kept as it was printed, so that a
//! table can show its decimals and nothing is made up behind them. A cell that was not printed is empty.
//!
//! Sources: Tables I and II of *One-to-Many Appropriate Reaction Mapping Modeling with Discrete Latent Variable* (test
//! split, 1612 clips, 10 samples), which quotes the baselines from the REACT 2024 organisers; and the README of the
//! repository `MarkZhang99/Offline_Facial_Reaction_Generation` at commit 6a0bfcb. Where a row is known to be made
//! otherwise than the rest, [`Row::caution`] says so. Rows of different sources are not strictly comparable.

use serde::Serialize;

/// Names of the columns, in order.
pub const MEASURES: [&str; 6] = ["FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs", "FRSyn"];

/// When the system may see what the speaker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Track {
    /// A naive baseline, which stands outside the tracks.
    Naive,
    /// The whole clip of the speaker is known.
    Offline,
    /// Only what is past.
    Online,
}

/// Where a row was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Table I of the paper: its own systems and the baselines of the organisers.
    TableOne,
    /// Table II of the paper: submissions to the challenge.
    TableTwo,
    /// The README of Offline_Facial_Reaction_Generation.
    OfflineReadme,
}

impl Source {
    /// The source as a label.
    pub fn label(self) -> &'static str {
        match self {
            Self::TableOne => "One-to-Many Appropriate Reaction Mapping, Table I",
            Self::TableTwo => "One-to-Many Appropriate Reaction Mapping, Table II",
            Self::OfflineReadme => "Offline_Facial_Reaction_Generation, README",
        }
    }
}

/// One published row. It can only be read: there is no way to make one from numbers of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The system; the paper's own are named by what they are.
    pub system: &'static str,
    /// Its track.
    pub track: Track,
    /// Where it was printed.
    pub source: Source,
    /// The cells as printed, in the order of [`MEASURES`]; empty where none was.
    pub printed: [&'static str; 6],
    /// What a reader must know about this row; empty when there is nothing.
    pub caution: &'static str,
}

impl Row {
    /// The numbers in the order of [`MEASURES`]; `None` where none was printed.
    pub fn values(&self) -> [Option<f64>; 6] {
        self.printed.map(|cell| cell.parse().ok())
    }

    /// The number of a measure by its official name; `None` where none was printed.
    pub fn value(&self, measure: &str) -> Option<f64> {
        let column = MEASURES.iter().position(|name| *name == measure)?;
        self.printed[column].parse().ok()
    }

    /// Half a unit of the last digit printed for a measure: how far the number behind it may be.
    pub fn rounding(&self, measure: &str) -> Option<f64> {
        let column = MEASURES.iter().position(|name| *name == measure)?;
        self.value(measure)?;
        let decimals = self.printed[column].split_once('.').map_or(0, |(_, decimals)| decimals.len());
        Some(0.5 / 10f64.powi(i32::try_from(decimals).ok()?))
    }
}

const FROZEN: &str = "Binary action units that never change: FRSyn 49.00 says only that a column is constant";
const JITTER: &str = "FRVar is about twice that of real listeners (0.0724): diversity bought with jitter";

const fn row(
    system: &'static str,
    track: Track,
    source: Source,
    printed: [&'static str; 6],
    caution: &'static str,
) -> Row {
    Row { system, track, source, printed, caution }
}

use Source::{OfflineReadme, TableOne, TableTwo};
use Track::{Naive, Offline, Online};

/// Every published row, in the order of the sources.
#[rustfmt::skip]
pub const ROWS: [Row; 23] = [
    row("B_Random", Naive, TableOne, ["0.05", "237.21", "0.1667", "0.0833", "0.1667", "43.84"], ""),
    row("B_Mime", Naive, TableOne, ["0.38", "92.94", "0.0000", "0.0724", "0.2483", "38.54"],
        "A copy of the speaker has offset 0: its FRSyn counts speakers with a constant column"),
    row("Trans-VAE", Offline, TableOne, ["0.03", "92.81", "0.0008", "0.0002", "0.0006", "43.75"], ""),
    row("BeLFusion (k=1)", Offline, TableOne, ["0.10", "92.32", "0.0068", "0.0073", "0.0094", "44.94"], ""),
    row("BeLFusion (k=10)", Offline, TableOne, ["0.12", "91.60", "0.0105", "0.0082", "0.0116", "44.87"], ""),
    row("BeLFusion (k=10), binarised AUs", Offline, TableOne,
        ["0.12", "94.16", "0.0360", "0.0249", "0.0384", "49.00"], FROZEN),
    row("REGNN", Offline, TableOne, ["0.19", "84.54", "0.0007", "0.0061", "0.0342", "41.35"], ""),
    row("Latent intent model without latent", Offline, TableOne, ["0.1664", "93.97", "0.1018", "0.0325", "0.1000", "44.71"], ""),
    row("Latent intent model", Offline, TableOne, ["0.139", "140.5", "0.3059", "0.1409", "0.2881", "44.19"], JITTER),
    row("Trans-VAE", Online, TableOne, ["0.07", "90.31", "0.0064", "0.0012", "0.0009", "44.65"], ""),
    row("BeLFusion (k=1)", Online, TableOne, ["0.12", "91.11", "0.0083", "0.0079", "0.0103", "45.17"], ""),
    row("BeLFusion (k=10)", Online, TableOne, ["0.12", "91.45", "0.0112", "0.0082", "0.0120", "44.89"], ""),
    row("BeLFusion (k=10), binarised AUs", Online, TableOne,
        ["0.12", "94.09", "0.0379", "0.0248", "0.0397", "49.00"], FROZEN),
    row("Latent intent model without latent", Online, TableOne, ["0.1587", "92.05", "0.1029", "0.0387", "0.1065", "44.52"], ""),
    row("Latent intent model", Online, TableOne, ["0.1436", "135.5", "0.303", "0.139", "0.2878", "44.05"], JITTER),
    row("USTC-AC", Offline, TableTwo, ["0.2172", "100.43", "0.1675", "0.0535", "0.1385", "44.54"], ""),
    row("AI SLAB", Online, TableTwo, ["0.3104", "84.94", "0.1167", "0.0349", "0.1165", "47.43"], ""),
    row("USTC-AC", Online, TableTwo, ["0.2186", "88.32", "0.1029", "0.0387", "0.1065", "44.41"], ""),
    row("CNU_SCLAB", Online, TableTwo, ["0.0322", "11.68", "0.0000", "0.1006", "0.196", "45.29"],
        "Looks like one sample a clip instead of ten: FRCorr and FRDist are sums over samples"),
    row("TranVAE", Offline, OfflineReadme, ["0.159", "121.06", "", "0.01202", "0.09871", "47.04"],
        "One run on the validation split"),
    row("BeLFusion", Offline, OfflineReadme, ["0.137", "75.00", "", "0.00685", "0.00851", "49.00"],
        "32 test clips, one sample repeated, neighbours by likeness instead of the official matrix"),
    row("REGNN-VGGish", Offline, OfflineReadme, ["0.196", "84.12", "", "0.00602", "0.03359", "41.46"],
        "The official model and settings, one run"),
    row("REGNN-W2V2", Offline, OfflineReadme, ["0.080", "137.80", "", "0.02144", "0.02151", "44.29"],
        "One run, for which its source prints two results that disagree"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn named(part: &str) -> Vec<&'static Row> {
        ROWS.iter().filter(|row| row.system.contains(part)).collect()
    }

    #[test]
    fn every_printed_cell_is_a_number_and_only_the_readme_lacks_one() {
        for row in &ROWS {
            for (measure, cell) in MEASURES.iter().zip(row.printed) {
                assert_eq!(row.value(measure).is_none(), cell.is_empty(), "{} {measure}", row.system);
                let left_out = row.source == OfflineReadme && *measure == "FRDiv";
                assert_eq!(cell.is_empty(), left_out, "{} {measure}", row.system);
            }
            assert_eq!(row.values()[5], row.value("FRSyn"));
        }
        assert_eq!((ROWS[0].value("FRDist"), ROWS[0].rounding("FRDist")), (Some(237.21), Some(0.005)));
        assert_eq!((ROWS[0].value("FRRea"), ROWS[19].rounding("FRDiv")), (None, None));
        let keys: std::collections::HashSet<_> =
            ROWS.iter().map(|row| (row.system, row.track, row.source)).collect();
        assert_eq!(keys.len(), ROWS.len(), "no row stands twice");
    }

    #[test]
    fn what_can_be_derived_without_the_data_agrees() {
        // uniform noise in [0, 1): E (u - v)^2 = 1/6 and Var u = 1/12
        let random = named("B_Random")[0];
        for (measure, exact) in [("FRDiv", 1.0 / 6.0), ("FRVar", 1.0 / 12.0), ("FRDvs", 1.0 / 6.0)] {
            assert!((random.value(measure).unwrap() - exact).abs() <= random.rounding(measure).unwrap());
        }
        // ten copies of the speaker do not differ
        let mime = named("B_Mime")[0];
        assert_eq!(mime.value("FRDiv"), Some(0.0));
        // its offset is 49 where a column of the speaker is constant, else 0; elsewhere noise has 99 equal lags
        let constant = mime.value("FRSyn").unwrap() / 49.0;
        let lags = (-49..=49).map(|lag: i32| f64::from(lag.abs())).sum::<f64>() / 99.0;
        let predicted = 49.0 * constant + lags * (1.0 - constant);
        assert!((predicted - random.value("FRSyn").unwrap()).abs() < 0.05, "{predicted}");
        let binary = named("binarised");
        assert_eq!(binary.len(), 2);
        assert!(binary.iter().all(|row| row.printed[5] == "49.00"));
    }

    #[test]
    fn rows_of_one_system_are_told_apart_by_their_track() {
        let tracks: Vec<Track> = named("Trans-VAE").iter().map(|row| row.track).collect();
        assert_eq!(tracks, [Offline, Online]);
        let json = serde_json::to_value(ROWS[9]).unwrap();
        assert_eq!((json["track"].as_str(), json["source"].as_str()), (Some("online"), Some("table-one")));
    }
}
