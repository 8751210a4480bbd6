//! The sheet on which the frames of a file stand (format.md, A6.5).

use crate::foundations::error::{demand, Result};
use crate::restored::picture::Picture;

/// Pages of one size at the beginning that are like the slices of a stack.
const MOVING: usize = 4;
const OTHER: &str = "the frames are of another sheet";
const SECTION: &str = "format.md, A6.5";

/// The first row and column of frames, which have so many rows and columns each.
pub fn places(frames: &[(usize, usize)], sheet: &Picture) -> Result<Vec<(usize, usize)>> {
    let (found, rows) = places_of(frames, sheet)?;
    demand(rows == sheet.rows, OTHER, SECTION)?;
    Ok(found)
}

/// The same of pages of a TIFF file, below which the sheet may have more rows.
pub fn places_of_pages(pages: &[(usize, usize)], sheet: &Picture) -> Result<Vec<(usize, usize)>> {
    let (found, mut rows) = places_of(pages, sheet)?;
    if pages.len() >= MOVING && pages[1..MOVING].iter().all(|page| *page == pages[0]) {
        rows = rows.next_multiple_of(pages[0].0);
    }
    demand(rows == sheet.rows, OTHER, SECTION)?;
    Ok(found)
}

/// The places, and how many rows have frames.
fn places_of(frames: &[(usize, usize)], sheet: &Picture) -> Result<(Vec<(usize, usize)>, usize)> {
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
    Ok((found, top + tallest))
}
