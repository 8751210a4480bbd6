//! The sheet on which the frames of a file stand (format.md, A6.5).

use crate::foundations::error::{demand, Result};
use crate::restored::picture::Picture;

const OTHER: &str = "the frames are of another sheet";
const SECTION: &str = "format.md, A6.5";

/// The first row and column of frames, which have so many rows and columns each.
pub fn places(frames: &[(usize, usize)], sheet: &Picture) -> Result<Vec<(usize, usize)>> {
    let widest = frames.iter().map(|&(_, columns)| columns).max();
    demand(widest == Some(sheet.columns), OTHER, SECTION)?;
    let (mut top, mut left, mut tallest) = (0, 0, 0);
    let mut found = Vec::new();
    for &(rows, columns) in frames {
        if left + columns > sheet.columns {
            (top, left, tallest) = (top + tallest, 0, 0);
        }
        tallest = tallest.max(rows);
        demand(top + tallest <= sheet.rows, OTHER, SECTION)?;
        found.push((top, left));
        left += columns;
    }
    demand(top + tallest == sheet.rows, OTHER, SECTION)?;
    Ok(found)
}
