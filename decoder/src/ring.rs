//! Numbers of the last pixels of the rows of a plane that are coded, with the rules for pixels outside of it
//! (model-format.md, M4).

/// Of each row that is coded the last columns, in slots that later rows and columns take over.
pub struct Ring<T> {
    data: Vec<T>,
    rows: usize,
    /// The columns of a row less one; they are a power of 2.
    mask: usize,
}

/// How far to the left of a plane numbers are asked for, and how far above it.
const MARGIN: usize = 2;

impl<T: Copy> Ring<T> {
    /// For so many rows that are coded at one time, each `lag` columns behind that above it.
    pub fn new(active: usize, lag: usize, start: T) -> Ring<T> {
        let (rows, columns) = (active + MARGIN + 2, (2 * lag + 8).next_power_of_two());
        Ring { data: vec![start; rows * columns], rows, mask: columns - 1 }
    }

    /// The last columns of the row that is so many above row r.
    #[inline(always)]
    fn row(&self, r: usize, above: usize) -> usize {
        (r + MARGIN - above) % self.rows * (self.mask + 1)
    }

    /// The numbers at the left, above, above to the left, above to the right, two to the left, and two above.
    #[inline(always)]
    pub fn around(&self, r: usize, q: usize) -> [&T; 6] {
        let row = |above: usize| &self.data[self.row(r, above)..][..=self.mask];
        let (own, above, above2) = (row(0), row(1), row(2));
        let at = |q: usize| q & self.mask;
        let (left, left2) = (at(q + MARGIN - 1), at(q + MARGIN - 2));
        let (same, right) = (at(q + MARGIN), at(q + MARGIN + 1));
        [&own[left], &above[same], &above[left], &above[right], &own[left2], &above2[same]]
    }

    /// Sets the number of a pixel, and those outside that equal it.
    #[inline(always)]
    pub fn set(&mut self, r: usize, q: usize, columns: usize, value: T) {
        let (row, at) = (self.row(r, 0), |q: usize| q & self.mask);
        self.data[row + at(q + MARGIN)] = value;
        if q + 1 == columns {
            self.data[row + at(q + MARGIN + 1)] = value;
        }
        if q == 0 {
            let below = self.row(r + 1, 0);
            self.data[below..below + MARGIN].fill(value);
        }
    }
}
