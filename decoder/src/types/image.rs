//! Images of any shape, for the codecs `series`, `counted` and `wavefront`.

/// An item, whose symbols are in the order [slices, rows, columns, channels].
#[derive(Clone, Debug)]
pub struct Image {
    pub slices: usize,
    pub rows: usize,
    pub columns: usize,
    pub channels: usize,
    /// L
    pub levels: u32,
    /// Whether all pixels have colours of JPEG.
    pub jpeg: bool,
    pub symbols: Vec<u16>,
}

impl Image {
    pub fn new([slices, rows, columns, channels]: [usize; 4], levels: u32, jpeg: bool) -> Image {
        let symbols = vec![0; slices * rows * columns * channels];
        Image { slices, rows, columns, channels, levels, jpeg, symbols }
    }

    pub fn planes(&self) -> usize {
        self.slices * self.channels
    }

    /// The channel that is coded as number c of a slice.
    pub fn channel(&self, c: usize) -> usize {
        match (self.channels, c) {
            (3 | 4, 0) => 1,
            (3 | 4, 1) => 0,
            _ => c,
        }
    }

    /// The place of a symbol of a plane.
    pub fn place(&self, plane: usize, r: usize, q: usize) -> usize {
        let (slice, channel) = (plane / self.channels, self.channel(plane % self.channels));
        ((slice * self.rows + r) * self.columns + q) * self.channels + channel
    }
}
