//! The items of a block as a model codes them (format.md, A3 and A5.7).

/// Consecutive items of one shape and one number of levels.
#[derive(Clone, Debug)]
pub struct Group {
    pub items: u64,
    /// Slices, rows, columns, channels.
    pub shape: [u64; 4],
    pub levels: u32,
    pub jpeg: bool,
}

impl Group {
    pub fn elements(&self) -> u64 {
        self.shape.iter().fold(1, |product: u64, &extent| product.saturating_mul(extent))
    }
}

/// Items `first` to `first + count - 1` of a block; for a model with channels they have one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    pub first: usize,
    pub count: usize,
    pub group: usize,
}
