//! The letter that stands for a system in tables and pictures: a yardstick always has the same one, any other keeps the one it
//! got, whoever else takes part.

/// Letters of systems that are no yardstick; those of the yardsticks are left out.
const TRAINED: &[u8; 19] = b"ABCDEGHIJLNPQUVWXYZ";

/// The look of a yardstick by its name; of anything else it is replaced.
pub fn naive(system: &str) -> usize {
    let letter = match system {
        "random" => 'R',
        "mime" => 'M',
        "mean-sequence" => 'S',
        "mean-frame" => 'F',
        "average-of-modes" => 'O',
        listener::ceiling::NAME => 'K',
        _ => 'T',
    };
    figures::system(letter, true)
}

/// The look of the `slot`-th of the others; they repeat after 19.
pub fn trained(slot: usize) -> usize {
    figures::system(TRAINED[slot % TRAINED.len()] as char, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_a_study_share_a_letter() {
        let mut letters: Vec<char> = listener::Naive::ALL
            .into_iter()
            .map(|kind| naive(kind.name()))
            .chain([naive(listener::ceiling::NAME)])
            .chain((0..TRAINED.len()).map(trained))
            .filter_map(|look| Some(figures::of_system(look)?.0))
            .collect();
        letters.sort_unstable();
        assert_eq!(letters, ('A'..='Z').collect::<Vec<_>>());
    }
}
