//! Variables of models, and values of networks, as descriptions give them (model-format.md, M2.1 and M7).

/// The data x, or a latent.
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: String,
    pub channels: usize,
    pub levels: u32,
    /// The bits of a latent; 0 of x.
    pub bits: u32,
    pub place: Place,
}

/// Which images x has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Sized([usize; 2]),
    /// Of any number of rows and columns.
    Free,
    /// Of any shape.
    Any,
}

/// Where a value has its numbers: once an item, or at the places of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Item,
    Grid(u32),
}

impl Place {
    /// Rows and columns of places, for an image of so many rows and columns.
    pub fn extent(self, size: [usize; 2]) -> [usize; 2] {
        match self {
            Place::Item => [1, 1],
            Place::Grid(s) => [size[0].div_ceil(s as usize), size[1].div_ceil(s as usize)],
        }
    }

    pub fn count(self, size: [usize; 2]) -> usize {
        let [rows, columns] = self.extent(size);
        rows.saturating_mul(columns)
    }
}

/// What is known of a value before anything runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub name: String,
    pub channels: usize,
    pub place: Place,
    pub low: i64,
    pub high: i64,
}

impl Value {
    pub fn elements(&self, size: [usize; 2]) -> usize {
        self.channels.saturating_mul(self.place.count(size))
    }

    /// The number that 16 bits of this value mean.
    #[inline(always)]
    pub fn number(&self, bits: i16) -> i32 {
        i32::from(bits) & self.mask()
    }

    /// Of a value without a sign, the bits of a number.
    pub fn mask(&self) -> i32 {
        if self.low < 0 {
            -1
        } else {
            0xffff
        }
    }
}

/// Names of variables, networks and layers.
pub fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_')
}
