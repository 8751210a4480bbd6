//! Variables of models, and values of networks (model-format.md, M2.1 and M7).

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

/// The shapes of x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Sized([usize; 2]),
    /// Of any number of rows and columns.
    Free,
    /// Of any shape.
    Any,
}

/// The places of a value: one per item, or those of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Item,
    Grid(u32),
}

impl Place {
    /// Rows and columns of places, for an image of this size.
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

/// The static properties of a value.
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

    /// The number represented by 16 bits of this value.
    #[inline(always)]
    pub fn number(&self, bits: i16) -> i32 {
        i32::from(bits) & self.mask()
    }

    /// The mask of the bits of a number, for an unsigned value.
    pub fn mask(&self) -> i32 {
        if self.low < 0 {
            -1
        } else {
            0xffff
        }
    }
}

/// Whether a name is valid for variables, networks and layers.
pub fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_')
}
