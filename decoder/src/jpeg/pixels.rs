//! Decodes coefficients to samples and pixels (jpeg-format.md, J8).

use crate::jpeg::levels::{Block, BLOCK};
use crate::jpeg::markers::Component;

/// The samples of a component.
pub struct Plane {
    rows: usize,
    columns: usize,
    stride: usize,
    samples: Vec<u8>,
    /// The rows and columns of pixels per sample.
    down: usize,
    across: usize,
}

fn transform(x: [i64; 8], shift: u32) -> [i64; 8] {
    let a = 4433 * (x[2] + x[6]);
    let (b, c) = (a - 15137 * x[6], a + 6270 * x[2]);
    let (d, e) = (8192 * (x[0] + x[4]), 8192 * (x[0] - x[4]));
    let m = 9633 * (x[1] + x[3] + x[5] + x[7]);
    let (n, o) = (m - 16069 * (x[3] + x[7]), m - 3196 * (x[1] + x[5]));
    let (u, w) = (-7373 * (x[1] + x[7]), -20995 * (x[3] + x[5]));
    let even = [d + c, e + b, e - b, d - c];
    let odd = [12299 * x[1] + u + o, 25172 * x[3] + w + n, 16819 * x[5] + w + o, 2446 * x[7] + u + n];
    let mut made = [0; 8];
    for i in 0..4 {
        made[i] = (even[i] + odd[i] + (1 << (shift - 1))) >> shift;
        made[7 - i] = (even[i] - odd[i] + (1 << (shift - 1))) >> shift;
    }
    made
}

impl Plane {
    /// size: rows and columns. factors: pixels per sample, down and across.
    pub fn new(blocks: &[Block], component: &Component, size: [usize; 2], factors: [usize; 2]) -> Plane {
        let stride = 8 * component.columns;
        let mut samples = vec![0; blocks.len() * BLOCK];
        for (number, block) in blocks.iter().enumerate() {
            let corner = number / component.columns * 8 * stride + number % component.columns * 8;
            let mut x: [i64; BLOCK] = std::array::from_fn(|r| i64::from(block[r]) * i64::from(component.steps[r]));
            for column in 0..8 {
                let made = transform(std::array::from_fn(|i| x[8 * i + column]), 11);
                (0..8).for_each(|i| x[8 * i + column] = made[i]);
            }
            for row in 0..8 {
                let made = transform(std::array::from_fn(|i| x[8 * row + i]), 18);
                for (sample, made) in samples[corner + row * stride..].iter_mut().zip(made) {
                    *sample = (made + 128).clamp(0, 255) as u8;
                }
            }
        }
        Plane { rows: size[0], columns: size[1], stride, samples, down: factors[0], across: factors[1] }
    }

    fn row(&self, number: usize) -> &[u8] {
        &self.samples[number * self.stride..][..self.columns]
    }

    /// The upsampled samples of a row of pixels.
    fn upsample(&self, number: usize, out: &mut Vec<i32>) {
        out.clear();
        let own = number / self.down;
        let near = self.row(own);
        if self.down == 1 && self.across == 1 {
            out.extend(near.iter().map(|&sample| i32::from(sample)));
            return;
        }
        let other = if number % 2 == 0 { own.saturating_sub(1) } else { (own + 1).min(self.rows - 1) };
        let far = self.row(other);
        let sum = |x: usize| if self.down == 1 { near[x].into() } else { 3 * i32::from(near[x]) + i32::from(far[x]) };
        if self.across == 1 {
            let half = 1 + (number % 2) as i32;
            out.extend((0..self.columns).map(|x| (sum(x) + half) >> 2));
            return;
        }
        let (shift, left, right) = if self.down == 1 { (2, 1, 2) } else { (4, 8, 7) };
        for x in 0..self.columns {
            out.push((3 * sum(x) + sum(x.saturating_sub(1)) + left) >> shift);
            out.push((3 * sum(x) + sum((x + 1).min(self.columns - 1)) + right) >> shift);
        }
    }
}

/// The pixels of one or three components, within a range of rows and columns.
pub fn pixels(planes: &[Plane], [top, left]: [usize; 2], [bottom, right]: [usize; 2]) -> Vec<u8> {
    let level = |x: i32| x.clamp(0, 255) as u8;
    let mut out = Vec::with_capacity((bottom - top) * (right - left) * planes.len());
    let mut rows = [const { Vec::new() }; 3];
    for y in top..bottom {
        for (plane, row) in planes.iter().zip(&mut rows) {
            plane.upsample(y, row);
        }
        if planes.len() == 1 {
            out.extend(rows[0][left..right].iter().map(|&luma| level(luma)));
            continue;
        }
        let chroma = rows[1][left..right].iter().zip(&rows[2][left..right]);
        for (&luma, (&blue, &red)) in rows[0][left..right].iter().zip(chroma) {
            let [cb, cr] = [blue - 128, red - 128];
            out.push(level(luma + ((91881 * cr + (1 << 15)) >> 16)));
            out.push(level(luma + ((-46802 * cr - 22554 * cb + (1 << 15)) >> 16)));
            out.push(level(luma + ((116130 * cb + (1 << 15)) >> 16)));
        }
    }
    out
}
