//! Where the numbers of a plane's pixels stand: in the order in which pixels are coded, with a margin that follows the
//! rules for pixels outside of the plane (model-format.md, M4).

/// So many pixels of a step are looked at together: the rows from a multiple of it on.
pub const LANES: usize = 8;

/// How far the margin goes to each side.
const MARGIN: usize = 8;

/// The places of the pixels of a plane. Those of a time stand next to one another, by ascending rows, and so do those
/// that are at the same offset from each of them.
pub struct Skew {
    rows: usize,
    columns: usize,
    lag: usize,
    /// For each time, the first of which is that of the first pixel of the margin, the place of row -MARGIN if it had
    /// a pixel.
    starts: Vec<usize>,
    size: usize,
}

impl Skew {
    pub fn new(rows: usize, columns: usize, lag: usize) -> Skew {
        let (all_rows, all_columns) = (rows + 2 * MARGIN, columns + 2 * MARGIN);
        let times = lag * (all_rows - 1) + all_columns;
        let most = all_columns.div_ceil(lag);
        // `LANES` numbers more on each side, as some are read that mean nothing.
        let start = |t: usize| LANES + t * most - (t + 1).saturating_sub(all_columns).div_ceil(lag);
        Skew { rows, columns, lag, starts: (0..times).map(start).collect(), size: times * most + 2 * LANES }
    }

    /// Numbers of all pixels.
    pub fn numbers<T: Copy>(&self, start: T) -> Vec<T> {
        vec![start; self.size]
    }

    #[inline(always)]
    pub fn time(&self, r: usize, q: usize) -> usize {
        self.lag * (r + MARGIN) + q + MARGIN
    }

    /// Where the number of a pixel stands.
    #[inline(always)]
    pub fn place(&self, r: usize, q: usize) -> usize {
        self.starts[self.time(r, q)] + r + MARGIN
    }

    /// Where that of a pixel at an offset stands, less the row of the pixel at its time.
    #[inline(always)]
    pub fn around(&self, time: usize, [rows, columns]: [i32; 2]) -> usize {
        let time = time.wrapping_add_signed(self.lag as isize * rows as isize + columns as isize);
        self.starts[time].wrapping_add_signed(MARGIN as isize + rows as isize)
    }

    /// Sets the number of a pixel, and those outside that equal it.
    #[inline(always)]
    pub fn set<T: Copy>(&self, numbers: &mut [T], r: usize, q: usize, value: T) {
        numbers[self.place(r, q)] = value;
        if q == 0 || q + 1 == self.columns || r + 1 == self.rows {
            self.set_outside(numbers, r, q, value);
        }
    }

    fn set_outside<T: Copy>(&self, numbers: &mut [T], r: usize, q: usize, value: T) {
        let last = self.rows - 1;
        let below = |row: usize| if row == last { MARGIN } else { 0 };
        for row in r..=r + below(r) {
            numbers[self.place(row, q)] = value;
            if q + 1 == self.columns {
                (1..=MARGIN).for_each(|over| numbers[self.place(row, q + over)] = value);
            }
        }
        if q == 0 && r < last {
            for row in r + 1..=r + 1 + below(r + 1) {
                let time = self.time(row, 0);
                (1..=MARGIN as i32).for_each(|over| numbers[self.around(time, [0, -over]) + row] = value);
            }
        }
    }
}
