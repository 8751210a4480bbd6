//! The surroundings of several pixels of a plane at one time (model-format.md, M10).

use crate::wavefront::plane::{Plane, HIGH, X};
use crate::wavefront::sheet::LAG;

/// The largest number of pixels that are processed together.
pub const PIXELS: usize = 64;

pub const W: usize = 8;
pub type Lanes = [i32; W];
pub type All<T> = [T; PIXELS];

/// Rows and columns.
pub type Offset = [isize; 2];

/// A plane, its references, and the slots of some pixels.
pub struct Place<'a> {
    pub plane: &'a Plane,
    pub references: [Option<&'a Plane>; 2],
    pub time: usize,
    pub slot: usize,
    pub items: usize,
    pub count: usize,
    pub levels: i32,
    pub depth: u32,
}

#[inline(always)]
pub fn load(from: &[i16]) -> Lanes {
    let mut lanes = [0; W];
    for (lane, &x) in lanes.iter_mut().zip(&from[..W]) {
        *lane = x.into();
    }
    lanes
}

/// Computes a number for each lane. It is a macro, since a closure that is not inlined has no vector instructions.
macro_rules! each {
    ($l:ident => $number:expr) => {{
        let mut lanes = [0; W];
        for ($l, lane) in lanes.iter_mut().enumerate() {
            *lane = $number;
        }
        lanes
    }};
}
pub(crate) use each;

#[inline(always)]
pub fn get(from: &All<i32>, first: usize) -> Lanes {
    let mut lanes = [0; W];
    lanes.copy_from_slice(&from[first..first + W]);
    lanes
}

#[inline(always)]
pub fn put<T: Copy>(to: &mut [T], lanes: [T; W]) {
    to[..W].copy_from_slice(&lanes);
}

/// A difference in units.
#[inline(always)]
pub fn norm(difference: &Lanes, reciprocal: &Lanes) -> Lanes {
    each!(l => (difference[l] * reciprocal[l] + (1 << 14)) >> 15)
}

/// Reads numbers around some pixels.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    plane: &'a Plane,
    time: usize,
    slot: usize,
    items: usize,
}

impl<'a> Around<'a> {
    #[inline(always)]
    pub fn new(plane: &'a Plane, place: &Place, first: usize) -> Around<'a> {
        Around { plane, time: place.time, slot: place.slot + first, items: place.items }
    }

    #[inline(always)]
    pub fn at(&self, ring: usize, [rows, columns]: Offset) -> Lanes {
        let time = self.time.wrapping_add_signed(LAG as isize * rows + columns);
        load(self.plane.from(ring, time, self.slot.wrapping_add_signed(rows * self.items as isize)))
    }

    /// X, the levels at an offset.
    #[inline(always)]
    pub fn level<const WIDE: bool>(&self, offset: Offset) -> Lanes {
        let x = self.at(X, offset);
        if WIDE {
            each!(l => x[l] & 0xffff)
        } else {
            x
        }
    }

    /// P or A, predictions or errors at an offset.
    #[inline(always)]
    pub fn number<const WIDE: bool>(&self, ring: usize, offset: Offset) -> Lanes {
        let low = self.at(ring, offset);
        if !WIDE {
            return low;
        }
        let high = self.at(ring + HIGH, offset);
        each!(l => (high[l] << 16) | (low[l] & 0xffff))
    }

    /// M, the medians of the levels around.
    #[inline(always)]
    pub fn median<const WIDE: bool>(&self) -> Lanes {
        let [a, b, c] = [[0, -1], [-1, 0], [-1, -1]].map(|offset| self.level::<WIDE>(offset));
        each!(l => a[l].min(b[l]).max(a[l].max(b[l]).min(a[l] + b[l] - c[l])))
    }
}
