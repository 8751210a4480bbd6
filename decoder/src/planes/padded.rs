//! Numbers of the pixels of a plane, with a margin that follows the rules for pixels outside of it
//! (model-format.md, M4).

/// A plane with a margin above, to the left and right, and `below` rows below.
pub struct Padded<T> {
    pub data: Vec<T>,
    pub stride: usize,
    margin: usize,
    below: usize,
    rows: usize,
    columns: usize,
}

/// Where some pixels around another one stand.
pub struct Around {
    pub count: usize,
    /// How far the first of all numbers is before that of the pixel.
    before: usize,
    /// How far each is behind the first, and zeros up to a multiple of `EIGHT`.
    places: Vec<u32>,
}

/// So many numbers are read at a time.
const EIGHT: usize = 8;

impl<T: Copy> Padded<T> {
    pub fn new(rows: usize, columns: usize, margin: usize, below: usize, start: T) -> Self {
        let stride = columns + 2 * margin;
        Padded { data: vec![start; (rows + margin + below) * stride], stride, margin, below, rows, columns }
    }

    /// Where the number of a pixel stands.
    #[inline]
    pub fn index(&self, r: usize, q: usize) -> usize {
        (r + self.margin) * self.stride + q + self.margin
    }

    /// How far apart two pixels are.
    fn distance(&self, [rows, columns]: [i32; 2]) -> isize {
        rows as isize * self.stride as isize + columns as isize
    }

    /// The pixels at some offsets.
    pub fn around(&self, offsets: &[[i32; 2]]) -> Around {
        let distances: Vec<isize> = offsets.iter().map(|&offset| self.distance(offset)).collect();
        let first = distances.iter().copied().min().unwrap_or(0).min(0);
        let mut places: Vec<u32> = distances.iter().map(|distance| (distance - first) as u32).collect();
        places.resize(offsets.len().next_multiple_of(EIGHT), 0);
        Around { count: offsets.len(), before: first.unsigned_abs(), places }
    }

    /// Writes the numbers around a pixel; there is room for a multiple of `EIGHT`.
    #[inline(always)]
    pub fn gather(&self, place: usize, around: &Around, out: &mut [i32])
    where
        i32: From<T>,
    {
        let data = &self.data[place - around.before..];
        for (out, places) in out.chunks_exact_mut(EIGHT).zip(around.places.chunks_exact(EIGHT)) {
            for l in 0..EIGHT {
                out[l] = data[places[l] as usize].into();
            }
        }
    }

    /// Sets the number of a pixel, and those outside that equal it.
    #[inline]
    pub fn set(&mut self, r: usize, q: usize, value: T) {
        let place = self.index(r, q);
        self.data[place] = value;
        if q == 0 || q + 1 == self.columns || r + 1 == self.rows {
            self.set_outside(r, q, value);
        }
    }

    fn set_outside(&mut self, r: usize, q: usize, value: T) {
        let last = self.rows - 1;
        let below = if r == last { self.below } else { 0 };
        for row in r..=r + below {
            let place = self.index(row, q);
            self.data[place] = value;
            if q + 1 == self.columns {
                self.data[place + 1..=place + self.margin].fill(value);
            }
        }
        if q == 0 && r < last {
            let below = if r + 1 == last { self.below } else { 0 };
            for row in r + 1..=r + 1 + below {
                let place = self.index(row, 0);
                self.data[place - self.margin..place].fill(value);
            }
        }
    }
}
