//! Whose table is made: how many samples and seeds a published evaluation had, and which measures it printed.

use measures::Measure;
use measures::published::Source;

use crate::column::Column;

/// How a published table was made, as far as its source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol {
    /// Name on the command line and of the table's files.
    pub name: &'static str,
    /// Reactions of each clip.
    pub samples: usize,
    /// Seeds of systems that draw: 1 to this number.
    pub seeds: u64,
    /// Its columns.
    pub columns: &'static [Column],
    /// Where its rows were printed; `None` for all sources.
    pub source: Option<Source>,
    /// What a reader of its numbers must know.
    pub note: &'static str,
}

/// The official evaluation of REACT 2024, and the one that the repository Offline_Facial_Reaction_Generation states.
pub const PROTOCOLS: [Protocol; 2] = [
    Protocol { name: "react2024", samples: 10, seeds: 1, columns: &Column::OFFICIAL, source: None, note: "" },
    Protocol {
        name: "ofrg",
        samples: 5,
        seeds: 3,
        columns: &[
            Column::Measure(Measure::Corr),
            Column::Measure(Measure::Dist),
            Column::Measure(Measure::Var),
            Column::Measure(Measure::Dvs),
            Column::Measure(Measure::Syn),
        ],
        source: Some(Source::OfflineReadme),
        note: "Five samples a clip, mean and spread over three seeds, as the repository Offline_Facial_Reaction_Generation \
               states. Its code has neither (one run, ten passes) and no z-score by session, so none is applied to what is \
               scored here; FRCorr and FRDist are sums over samples, half of those of ten. TLCC is FRSyn",
    },
];

impl Protocol {
    /// The protocol of that name.
    pub fn of_name(name: &str) -> Option<&'static Self> {
        PROTOCOLS.iter().find(|protocol| protocol.name == name)
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PROTOCOLS.iter().map(|protocol| protocol.name)
    }
}

#[cfg(test)]
mod tests {
    use measures::published;

    use super::*;

    #[test]
    fn the_second_protocol_has_the_columns_that_its_source_printed() {
        let ofrg = Protocol::of_name("ofrg").unwrap();
        let rows = published::ROWS.iter().filter(|row| Some(row.source) == ofrg.source);
        for row in rows.clone() {
            for (index, name) in published::MEASURES.iter().enumerate() {
                let wanted = ofrg.columns.iter().any(|column| column.name() == *name);
                assert_eq!(row.values()[index].is_some(), wanted, "{} {name}", row.system);
            }
        }
        assert_eq!(rows.count(), 4);
        assert!(Protocol::of_name("react2025").is_none() && Protocol::names().count() == 2);
    }
}
