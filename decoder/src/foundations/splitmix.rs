//! SplitMix64: the implicit tail (format.md, A1) and the values of tests (model-format.md, M8).

/// The high 32 bits of output k, counted from 0, of SplitMix64 with a state.
pub fn output(state: u64, k: u64) -> u32 {
    let mut x = state.wrapping_add(k.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) >> 32) as u32
}

/// The sequence of outputs of a state.
pub struct Outputs {
    state: u64,
    next: u64,
}

impl Outputs {
    pub fn new(state: u64) -> Self {
        Outputs { state, next: 0 }
    }

    pub fn draw(&mut self) -> u32 {
        self.next += 1;
        output(self.state, self.next - 1)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn first_outputs() {
        // 0xe220a8397b1dcdaf and 0x6e789e6aa1b965f4 are the first outputs of the state 0.
        assert_eq!(super::output(0, 0), 0xe220a839);
        assert_eq!(super::output(0, 1), 0x6e789e6a);
    }
}
