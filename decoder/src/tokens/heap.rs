//! Lengths of code words by zlib's `build_tree`.

/// The nodes of a Huffman tree: the symbols first, then the inner nodes.
struct Heap {
    weights: Vec<u64>,
    depths: Vec<u32>,
    nodes: Vec<usize>,
}

impl Heap {
    fn precedes(&self, a: usize, b: usize) -> bool {
        (self.weights[a], self.depths[a]) <= (self.weights[b], self.depths[b])
    }

    /// Places count from 0 on, unlike those of the specification.
    fn sink(&mut self, mut k: usize) {
        let v = self.nodes[k];
        while 2 * k + 1 < self.nodes.len() {
            let mut j = 2 * k + 1;
            if j + 1 < self.nodes.len() && self.precedes(self.nodes[j + 1], self.nodes[j]) {
                j += 1;
            }
            if self.precedes(v, self.nodes[j]) {
                break;
            }
            self.nodes[k] = self.nodes[j];
            k = j;
        }
        self.nodes[k] = v;
    }
}

/// The lengths of words from the counts of at least two symbols, at most `most` bits.
pub fn lengths(counts: &[u32], most: usize) -> Vec<u8> {
    let symbols = counts.len();
    let mut heap = Heap {
        weights: counts.iter().map(|&count| count.into()).collect(),
        depths: vec![0; symbols],
        nodes: (0..symbols).filter(|&symbol| counts[symbol] > 0).collect(),
    };
    let mut next = heap.nodes.last().map_or(0, |last| last + 1);
    while heap.nodes.len() < 2 {
        let added = if next < 3 { next } else { 0 };
        next += 1;
        heap.weights[added] = 1;
        heap.nodes.push(added);
    }
    for k in (0..heap.nodes.len() / 2).rev() {
        heap.sink(k);
    }
    let mut order = Vec::new();
    // The two children of each inner node.
    let mut children = Vec::new();
    while heap.nodes.len() > 1 {
        let a = heap.nodes.swap_remove(0);
        heap.sink(0);
        let b = heap.nodes[0];
        order.extend([a, b]);
        heap.nodes[0] = heap.weights.len();
        heap.weights.push(heap.weights[a] + heap.weights[b]);
        heap.depths.push(1 + heap.depths[a].max(heap.depths[b]));
        children.push([a, b]);
        heap.sink(0);
    }
    let mut made = vec![0; heap.weights.len()];
    let mut words = vec![0usize; most + 1];
    let mut over = 0;
    for (inner, pair) in children.iter().enumerate().rev() {
        for &node in pair.iter().rev() {
            let length = made[symbols + inner] + 1;
            over += usize::from(length > most);
            made[node] = length.min(most);
            if node < symbols {
                words[made[node]] += 1;
            }
        }
    }
    let mut lengths: Vec<u8> = made[..symbols].iter().map(|&length| length as u8).collect();
    if over > 0 {
        while over > 0 {
            split(&mut words, most);
            words[most] -= 1;
            over = over.saturating_sub(2);
        }
        assign_lengths(order.into_iter().filter(|&node| node < symbols), &words, &mut lengths);
    }
    lengths
}

/// Replaces the longest word shorter than `most` by two longer ones.
pub fn split(words: &mut [usize], most: usize) {
    if let Some(x) = (1..most).rev().find(|&x| words[x] > 0) {
        words[x] -= 1;
        words[x + 1] += 2;
    }
}

/// Sets the length of each symbol's word, the longest first; `words[x]` symbols get the length x.
pub fn assign_lengths(symbols: impl Iterator<Item = usize>, words: &[usize], lengths: &mut [u8]) {
    let longest_first = words.iter().enumerate().rev().flat_map(|(x, &count)| std::iter::repeat_n(x, count));
    for (symbol, x) in symbols.zip(longest_first) {
        lengths[symbol] = x as u8;
    }
}
