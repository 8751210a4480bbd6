//! Numbers of the last pixels of the rows of a plane that are coded, with the rules for pixels outside of it
//! (model-format.md, M4).

/// Of the last times the numbers of all rows, which lie next to one another as the pixels of a step do, in slots that
/// later times and rows take over.
pub struct Ring<T> {
    data: Vec<T>,
    lag: usize,
    /// The rows of a time less one, and the times less one; both are powers of 2.
    rows: usize,
    times: usize,
}

/// How far to the left of a plane numbers are asked for, and how far above it.
const MARGIN: usize = 2;

impl<T: Copy> Ring<T> {
    /// For so many rows that are coded at one time, each `lag` columns behind that above it.
    pub fn new(active: usize, lag: usize, start: T) -> Ring<T> {
        let (rows, times) = ((active + MARGIN + 2).next_power_of_two(), (2 * lag + 8).next_power_of_two());
        Ring { data: vec![start; rows * times], lag, rows: rows - 1, times: times - 1 }
    }

    /// Where the number of a pixel stands, whose row and column are `MARGIN` less.
    #[inline(always)]
    fn index(&self, r: usize, q: usize) -> usize {
        ((q + self.lag * r) & self.times) * (self.rows + 1) + (r & self.rows)
    }

    /// The numbers at the left, above, above to the left, above to the right, two to the left, and two above.
    #[inline(always)]
    pub fn around(&self, r: usize, q: usize) -> [&T; 6] {
        let (r, q) = (r + MARGIN, q + MARGIN);
        [[r, q - 1], [r - 1, q], [r - 1, q - 1], [r - 1, q + 1], [r, q - 2], [r - 2, q]]
            .map(|[r, q]| &self.data[self.index(r, q)])
    }

    /// Sets the number of a pixel, and those outside that equal it.
    #[inline(always)]
    pub fn set(&mut self, r: usize, q: usize, columns: usize, value: T) {
        let mut put = |r: usize, q: usize| {
            let place = self.index(r + MARGIN, q);
            self.data[place] = value;
        };
        put(r, q + MARGIN);
        if q + 1 == columns {
            put(r, q + MARGIN + 1);
        }
        if q == 0 {
            (0..MARGIN).for_each(|q| put(r + 1, q));
        }
    }
}
