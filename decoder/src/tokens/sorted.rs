//! Lengths of code words by libdeflate's algorithm.

use crate::tokens::heap::{assign_lengths, split};

/// The lengths of words from the counts of at least two symbols, at most `most` bits.
pub fn lengths(counts: &[u32], most: usize) -> Vec<u8> {
    let mut lengths = vec![0; counts.len()];
    let mut symbols: Vec<usize> = (0..counts.len()).filter(|&symbol| counts[symbol] > 0).collect();
    if symbols.len() < 2 {
        let only = symbols.first().map_or(0, |&only| only);
        lengths[only] = 1;
        lengths[usize::from(only == 0)] = 1;
        return lengths;
    }
    symbols.sort_by_key(|&symbol| counts[symbol]);
    let mut weights: Vec<u64> = Vec::new();
    let mut parents = vec![0; symbols.len() - 1];
    let (mut leaf, mut inner) = (0, 0);
    while weights.len() < symbols.len() - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let first = symbols.get(leaf).map(|&symbol| u64::from(counts[symbol]));
            match (first, weights.get(inner)) {
                (Some(count), other) if other.is_none_or(|&other| count <= other) => {
                    weight += count;
                    leaf += 1;
                }
                _ => {
                    weight += weights[inner];
                    parents[inner] = weights.len();
                    inner += 1;
                }
            }
        }
        weights.push(weight);
    }
    let mut words = vec![0; most + 1];
    words[1] = 2;
    let mut depths = vec![0; weights.len()];
    for node in (0..weights.len() - 1).rev() {
        let x = depths[parents[node]] + 1;
        depths[node] = x;
        split(&mut words, most.min(x + 1));
    }
    assign_lengths(symbols.into_iter(), &words, &mut lengths);
    lengths
}
