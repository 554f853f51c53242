//! The movement of takes for other programs: a GLB with animation, or a table of weights.

use std::path::{Path, PathBuf};

use clips::Control;
use clips::array::write_atomically;
use clips::time::FRAMES_PER_SECOND;
use face::{Expression, Head};

use super::source::Cast;
use super::stage::Layout;

/// A face and the file it goes to.
struct Person<'a> {
    name: String,
    frames: &'a [Expression],
}

/// Writes the faces of the layout, each into a file of its own; with one face the file is `out` itself. Returns the files.
pub fn write(
    out: &Path,
    head: &Head,
    cast: &Cast,
    layout: Layout,
    [from, to]: [usize; 2],
    control: &Control,
) -> clips::Result<Vec<PathBuf>> {
    let best = cast.tiles.iter().min_by_key(|tile| tile.rank.unwrap_or(usize::MAX));
    let speaker = cast.speaker.iter().map(|motion| Person { name: "speaker".into(), frames: &motion.frames });
    let all: Vec<Person<'_>> = match layout {
        Layout::Single | Layout::Strip => {
            best.iter().map(|tile| Person { name: tile.name.clone(), frames: &tile.motion.frames }).collect()
        }
        Layout::Pair => speaker
            .chain(best.map(|tile| Person { name: tile.name.clone(), frames: &tile.motion.frames }))
            .collect(),
        Layout::Wall | Layout::Sheet => speaker
            .chain(
                cast.tiles.iter().map(|tile| Person { name: tile.name.clone(), frames: &tile.motion.frames }),
            )
            .collect(),
    };
    let table = out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let count = all.len();
    let mut written = Vec::new();
    for (number, person) in all.into_iter().enumerate() {
        control.step("writing motion", number as u64, count as u64, person.name.as_str())?;
        let frames = &person.frames[from.min(person.frames.len())..to.min(person.frames.len())];
        let bytes = match table {
            true => face::motion::csv(frames, FRAMES_PER_SECOND).into_bytes(),
            false => face::motion::glb(head, frames, FRAMES_PER_SECOND as f32, &person.name),
        };
        let path = if count == 1 { out.to_owned() } else { beside(out, number, &person.name, &written) };
        write_atomically(&path, |file| std::io::Write::write_all(file, &bytes))?;
        written.push(path);
    }
    control.step("writing motion", count as u64, count as u64, "")?;
    Ok(written)
}

/// `wall.glb` of z3 is `wall-z3.glb`; a second face of the same name also has its number.
fn beside(out: &Path, number: usize, name: &str, taken: &[PathBuf]) -> PathBuf {
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    let ending = out.extension().unwrap_or_default().to_string_lossy();
    let word: String =
        name.chars().filter(|c| *c != ' ').map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let path = out.with_file_name(format!("{stem}-{word}.{ending}"));
    if taken.contains(&path) { out.with_file_name(format!("{stem}-{word}-{number}.{ending}")) } else { path }
}
