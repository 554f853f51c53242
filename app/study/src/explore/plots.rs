//! The pictures of the latent explorer: signatures, known intents against recognised latents, neighbours in behaviour.
//! Windows and papers draw the same ones. A mark is `latent * rows + row` of its figure.

use std::path::{Path, PathBuf};

use clips::Result;
use figures::{Figure, Heading, SignatureCell, SignatureColumn, Signatures};

use super::{Explorer, TRAITS, trait_name};
use crate::names::Names;

fn columns(found: &Explorer) -> Vec<SignatureColumn> {
    let column =
        |latent: usize| SignatureColumn { id: latent as u64, latent, name: format!("z{}", latent + 1) };
    (0..found.latents.len()).map(column).collect()
}

fn heading(title: &str, note: impl Into<String>) -> Heading {
    Heading { title: title.to_owned(), note: note.into() }
}

/// What sets the reactions of each latent apart, every trait in its standard deviation over all reactions.
pub fn signatures(found: &Explorer) -> Signatures {
    let spread = |index: usize| found.deviations.get(index).copied().filter(|deviation| *deviation > 1e-9);
    let rows: Vec<usize> = (0..TRAITS).filter(|index| spread(*index).is_some()).collect();
    let cells = rows.iter().flat_map(|index| {
        let scale = spread(*index).unwrap_or(1.0);
        found.latents.iter().map(move |latent| match latent.made.get(*index) {
            Some(made) => SignatureCell {
                value: made.value / scale,
                interval: made.interval.map(|interval| (interval.low / scale, interval.high / scale)),
            },
            None => SignatureCell { value: f64::NAN, interval: None },
        })
    });
    Signatures {
        heading: heading("What each latent does more than the others", found.system.clone()),
        cells: cells.collect(),
        rows: rows.into_iter().map(|index| trait_name(index).to_owned()).collect(),
        columns: columns(found),
        unit: "standard deviations over all reactions".to_owned(),
        most: None,
    }
}

/// In which latents the listeners of each known intent are recognised; `None` where intents are not known.
pub fn confusion(found: &Explorer) -> Option<Signatures> {
    if found.intents.is_empty() {
        return None;
    }
    let cells = found.intents.iter().flat_map(|(_, counts)| {
        let all = counts.iter().sum::<u32>();
        counts.iter().map(move |count| SignatureCell {
            value: if all == 0 { f64::NAN } else { f64::from(*count) / f64::from(all) },
            interval: None,
        })
    });
    let note = found.nmi.map_or_else(String::new, |nmi| format!("agreement (NMI) {nmi:.2}"));
    Some(Signatures {
        heading: heading("Known intents, recognised as", note),
        cells: cells.collect(),
        rows: found.intents.iter().map(|(name, _)| name.clone()).collect(),
        columns: columns(found),
        unit: "share of the listeners with this intent".to_owned(),
        most: Some(1.0),
    })
}

/// How far the mean behaviours of two latents are apart.
pub fn neighbours(found: &Explorer, names: &Names) -> Signatures {
    let row = |latent: usize| {
        let name = names.of(latent).unwrap_or(&found.latents[latent].proposed);
        format!("z{} {name}", latent + 1)
    };
    let cells = found.distances.iter().flatten();
    Signatures {
        heading: heading("Neighbours in behaviour", "faint: alike"),
        rows: (0..found.latents.len()).map(row).collect(),
        cells: cells.map(|apart| SignatureCell { value: *apart, interval: None }).collect(),
        columns: columns(found),
        unit: "distance in standard deviations, root mean square over traits".to_owned(),
        most: None,
    }
}

/// Writes all of them into `folder`, as SVG and PNG; returns the files.
///
/// # Errors
/// A file that cannot be written.
pub fn write(found: &Explorer, names: &Names, folder: &Path) -> Result<Vec<PathBuf>> {
    let (signatures, near, known) = (signatures(found), neighbours(found, names), confusion(found));
    let mut all: Vec<(&str, &dyn Figure)> = vec![("signatures", &signatures), ("neighbours", &near)];
    all.extend(known.iter().map(|figure| ("known-intents", figure as &dyn Figure)));
    crate::export::pictures(&all, folder)
}
