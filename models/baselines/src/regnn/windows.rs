//! Clips as overlapping windows, and windows as clips.

/// First frames of the windows of a clip: 0, stride, ... as long as a whole window fits.
pub fn starts(frames: usize, window: usize, stride: usize) -> Vec<usize> {
    if window == 0 || frames < window {
        return Vec::new();
    }
    (0..=frames - window).step_by(stride.max(1)).collect()
}

/// Windows `[n, 2 half, width]`, row-major and `half` frames apart, as one sequence of `(n + 1) half` frames: the first half of
/// the first, then the mean of each last half and the first half of the next, then the last half of the last.
pub fn joined(windows: &[f32], half: usize, width: usize) -> Vec<f32> {
    let part = half * width;
    let halves: Vec<&[f32]> = windows.chunks_exact(part.max(1)).collect();
    let Some((first, rest)) = halves.split_first() else { return Vec::new() };
    let mut out = first.to_vec();
    for pair in rest.chunks(2) {
        match pair {
            [ending, starting] => out.extend(ending.iter().zip(*starting).map(|(a, b)| (a + b) / 2.0)),
            last => last.iter().for_each(|last| out.extend_from_slice(last)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_seconds_are_29_windows_and_back() {
        let starts = starts(750, 50, 25);
        assert_eq!((starts.len(), starts.last()), (29, Some(&700)));
        // windows cut out of a sequence join to it
        let sequence: Vec<f32> = (0..1500).map(|x| x as f32).collect();
        let windows: Vec<f32> = starts.iter().flat_map(|at| sequence[at * 2..][..100].to_vec()).collect();
        assert_eq!(joined(&windows, 25, 2), sequence);
        assert_eq!(super::starts(49, 50, 25), [0usize; 0]);
    }
}
