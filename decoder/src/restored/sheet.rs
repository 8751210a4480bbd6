//! The layout of the frames of a file on a sheet (format.md, A6.5).

use crate::foundations::error::{demand, Result};
use crate::restored::picture::Picture;

/// The number of leading pages of one size from which on they count as a stack.
const MOVING: usize = 4;
const OTHER: &str = "the frames do not fit the sheet";
const SECTION: &str = "format.md, A6.5";

/// The first row and column of each frame. frames: their rows and columns.
pub fn places(frames: &[(usize, usize)], sheet: &Picture) -> Result<Vec<(usize, usize)>> {
    let (found, rows) = places_of(frames, sheet)?;
    demand(rows == sheet.rows, OTHER, SECTION)?;
    Ok(found)
}

/// The same for pages of a TIFF file, below which the sheet may have more rows.
pub fn places_of_pages(pages: &[(usize, usize)], sheet: &Picture) -> Result<Vec<(usize, usize)>> {
    let (found, mut rows) = places_of(pages, sheet)?;
    if pages.len() >= MOVING && pages[1..MOVING].iter().all(|page| *page == pages[0]) {
        rows = rows.next_multiple_of(pages[0].0);
    }
    demand(rows == sheet.rows, OTHER, SECTION)?;
    Ok(found)
}

/// The places, and the number of rows with frames.
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
