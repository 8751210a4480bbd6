//! The causal window of a pixel, as inputs of a network (model-format.md, M3).

/// The size of copies; all rows are followed by this much padding.
const PIECE: usize = 16;

/// The last rows of an item: the inputs of symbols in each plane, and the places of symbols that are not flat.
pub struct Window<'a> {
    planes: &'a [Vec<u8>],
    flat: &'a [bool],
    above: usize,
    side: usize,
    channels: usize,
    /// The rows of each plane, in a ring.
    rows: Vec<i16>,
    stride: usize,
    /// For each column, with margins, one more than the last row with a symbol that is not flat.
    uneven: Vec<usize>,
}

impl<'a> Window<'a> {
    pub fn new(
        planes: &'a [Vec<u8>],
        flat: &'a [bool],
        [above, side]: [usize; 2],
        columns: usize,
        channels: usize,
    ) -> Window<'a> {
        let stride = (columns + 2 * side) * channels + PIECE;
        let rows = planes.iter().flat_map(|plane| std::iter::repeat_n(i16::from(plane[0]), (above + 1) * stride));
        let mut uneven = vec![0; columns + 2 * side];
        if flat.first() == Some(&false) {
            // The symbols outside are 0.
            uneven[..side].fill(usize::MAX);
            uneven[side + columns..].fill(usize::MAX);
        }
        Window { planes, flat, above, side, channels, rows: rows.collect(), stride, uneven }
    }

    pub fn begin_row(&mut self, r: usize) {
        for (number, plane) in self.planes.iter().enumerate() {
            let start = (number * (self.above + 1) + r % (self.above + 1)) * self.stride;
            self.rows[start..start + self.stride].fill(plane[0].into());
        }
    }

    /// Sets the symbol of a channel, by its place in the coding order.
    pub fn set(&mut self, r: usize, q: usize, place: usize, symbol: u32) {
        let column = (q + self.side) * self.channels + place;
        for (number, plane) in self.planes.iter().enumerate() {
            let start = (number * (self.above + 1) + r % (self.above + 1)) * self.stride;
            self.rows[start + column] = plane[symbol as usize].into();
        }
        if self.flat.get(symbol as usize) == Some(&false) {
            self.uneven[q + self.side] = r + 1;
        }
    }

    /// Whether all symbols in the window of a pixel are flat. Call this before the pixel itself is set.
    pub fn is_flat(&self, r: usize, q: usize) -> bool {
        let before = r.saturating_sub(self.above);
        (r >= self.above || self.flat[0]) && self.uneven[q..=q + 2 * self.side].iter().all(|&last| last <= before)
    }

    /// Appends the inputs of the window and of the first `known` channels of the pixel itself.
    pub fn append_inputs(&self, r: usize, q: usize, known: usize, out: &mut Vec<i16>) {
        let start = q * self.channels;
        let (row, own) = ((2 * self.side + 1) * self.channels, self.side * self.channels + known);
        let mut length = out.len();
        let end = length + self.planes.len() * (self.above * row + own);
        out.resize(end + row.next_multiple_of(PIECE), 0);
        for plane in self.rows.chunks_exact((self.above + 1) * self.stride) {
            for up in (0..=self.above).rev() {
                let slot = (r + self.above + 1 - up) % (self.above + 1) * self.stride;
                let count = if up > 0 { row } else { own };
                let (from, to) = (&plane[slot + start..], &mut out[length..]);
                for piece in (0..count).step_by(PIECE) {
                    to[piece..piece + PIECE].copy_from_slice(&from[piece..piece + PIECE]);
                }
                length += count;
            }
        }
        out.truncate(end);
    }
}
