//! The collection `C`: its arrays and their tiles (format.md, A5.1 to A5.3).

use std::ops::Range;

use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::{elements, is_possible, read_shape, Dtype};
use crate::foundations::error::{demand, error, Result};

const SECTION: &str = "format.md, A5.1";

/// The bits of all known features. What a feature allows is accepted without its bit, too.
const FEATURES: u64 = 63;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pictures,
    Npz,
}

/// The content of the archive.
#[derive(Clone, Debug)]
pub enum Container {
    /// One array, of the containers 0, 2 and 3.
    Array,
    /// A collection of files.
    Files(Kind),
    /// One array in parts.
    Joined,
}

#[derive(Clone, Debug)]
pub struct Collection {
    pub container: Container,
    pub parts: Vec<Part>,
    /// Whether files may have been removed.
    pub removed: bool,
}

/// Consecutive items of one shape.
#[derive(Clone, Debug)]
pub struct Run {
    pub items: u64,
    pub shape: Vec<u64>,
    pub first_tile: u64,
    pub tiles_of_item: u64,
    pub first_item: u64,
    pub first_byte: u64,
    pub item_bytes: u64,
}

/// An array of the collection.
#[derive(Clone, Debug)]
pub struct Part {
    pub dtype: Dtype,
    pub axes: u8,
    pub shape: Vec<u64>,
    pub runs: Vec<Run>,
    pub cut: Option<Vec<u64>>,
    pub tiles: u64,
    pub bytes: u64,
}

impl Collection {
    pub fn read(payload: &[u8]) -> Result<Collection> {
        let mut bytes = Bytes::new(payload, SECTION);
        let features = bytes.varint()?;
        if features > FEATURES {
            return bytes.error("the archive needs features that this reader does not know: a newer release is needed");
        }
        let (container, parts) = match bytes.byte()? {
            0 => (Container::Array, vec![Part::read(&mut bytes)?]),
            2 | 3 => {
                let part = Part::read(&mut bytes)?;
                part.check_idx()?;
                (Container::Array, vec![part])
            }
            1 => {
                let kind = match bytes.byte()? {
                    0 => Kind::Pictures,
                    1 => Kind::Npz,
                    kind => {
                        return bytes
                            .error(format!("the collection is of the unknown kind {kind}: a newer release is needed"))
                    }
                };
                (Container::Files(kind), Part::read_all(&mut bytes)?)
            }
            4 => (Container::Joined, Part::read_all(&mut bytes)?),
            container => {
                return bytes.error(format!("the container {container} is unknown: a newer release is needed"))
            }
        };
        bytes.end()?;
        let collection = Collection { container, parts, removed: features & 16 != 0 };
        collection.check()?;
        Ok(collection)
    }

    fn check(&self) -> Result<()> {
        for part in &self.parts {
            let allowed = match self.container {
                Container::Array | Container::Joined | Container::Files(Kind::Npz) => part.axes <= 1,
                Container::Files(Kind::Pictures) => true,
            };
            demand(allowed, "a part has axes that are not allowed", SECTION)?;
            if matches!(self.container, Container::Files(Kind::Pictures)) && part.axes < 3 {
                part.check_pictures()?;
            }
        }
        if let Container::Joined = self.container {
            let first = &self.parts[0];
            for part in &self.parts {
                let same = part.dtype == first.dtype && part.shape.get(1..) == first.shape.get(1..);
                let some = part.shape.first().is_some_and(|&extent| extent >= 1);
                demand(same && some, "the parts of an array do not fit together", SECTION)?;
            }
            let whole = self.parts.iter().try_fold(0u64, |sum, part| sum.checked_add(part.shape[0]));
            let shape = [&[whole.unwrap_or(u64::MAX)], &first.shape[1..]].concat();
            demand(is_possible(first.dtype, &shape), "an array is too large", SECTION)?;
        }
        Ok(())
    }

    pub fn tiles(&self) -> Result<u64> {
        let total = self.parts.iter().try_fold(0u64, |sum, part| sum.checked_add(part.tiles));
        total.filter(|&total| total < 1 << 63).ok_or_else(|| error("the collection has too many tiles", SECTION))
    }
}

impl Part {
    fn read_all(bytes: &mut Bytes) -> Result<Vec<Part>> {
        let count = bytes.varint_in(1, 1 << 40, "the number of parts")?;
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push(Part::read(bytes)?);
        }
        Ok(parts)
    }

    fn check_idx(&self) -> Result<()> {
        let known = matches!(&self.dtype.code, b"|u1" | b"|i1" | b">i2" | b">i4" | b">f4" | b">f8");
        let fits = !self.shape.is_empty() && self.shape.iter().all(|&extent| extent < 1 << 32);
        demand(known && fits, "an idx file cannot store the array", SECTION)
    }

    fn read(bytes: &mut Bytes) -> Result<Part> {
        let dtype = Dtype::read(bytes)?;
        let axes = bytes.byte()?;
        let shape = read_shape(bytes)?;
        let mut items: Vec<(u64, Vec<u64>)> = Vec::new();
        match axes {
            0 => items.push((1, shape.clone())),
            1 => match shape.split_first() {
                Some((&count, item)) => items.push((count, item.to_vec())),
                None => return bytes.error("an array without axes has no items along the first"),
            },
            2 => {
                if shape.is_empty() || shape.len() > 2 {
                    return bytes.error("pictures of several sizes have other dimensions");
                }
                let mut total = 0u64;
                for _ in 0..bytes.varint()? {
                    let [count, rows, columns] = [bytes.varint()?, bytes.varint()?, bytes.varint()?];
                    if count == 0 || rows == 0 || columns == 0 {
                        return bytes.error("a run has no pictures, or pictures have no rows or columns");
                    }
                    total = total.checked_add(count).ok_or_else(|| error("there are too many pictures", SECTION))?;
                    let mut item = vec![rows, columns];
                    item.extend_from_slice(&shape[1..]);
                    items.push((count, item));
                }
                if total != shape[0] {
                    return bytes.error("the runs of sizes do not match the number of pictures");
                }
            }
            3 => {
                let [files, size] = shape[..] else {
                    return bytes.error("bytes of files have other dimensions");
                };
                if dtype != Dtype::U8 || (files == 0 && size == 0) {
                    return bytes.error("bytes of files have another dtype, or there are none");
                }
                items.push((1, vec![size]));
            }
            4 => {
                if dtype != Dtype::U8 || shape.len() != 1 || shape[0] == 0 {
                    return bytes.error("copies of files have another dtype or other dimensions, or there are none");
                }
            }
            _ => return bytes.error(format!("the axes {axes} are unknown: a newer release is needed")),
        }
        let cut = match bytes.byte()? {
            0 => None,
            1 => {
                let dimensions = match axes {
                    0 => shape.len(),
                    1 => shape.len() - 1,
                    2 => shape.len() + 1,
                    _ => 1,
                };
                Some(
                    (0..dimensions)
                        .map(|_| bytes.varint_in(1, u64::MAX, "an extent of tiles"))
                        .collect::<Result<_>>()?,
                )
            }
            _ => return bytes.error("a cut is of an unknown kind: a newer release is needed"),
        };
        Part::new(dtype, axes, shape, items, cut)
    }

    fn new(
        dtype: Dtype,
        axes: u8,
        shape: Vec<u64>,
        items: Vec<(u64, Vec<u64>)>,
        cut: Option<Vec<u64>>,
    ) -> Result<Part> {
        demand(axes >= 2 || is_possible(dtype, &shape), "an array is too large", SECTION)?;
        let mut part = Part { dtype, axes, shape, runs: Vec::new(), cut, tiles: 0, bytes: 0 };
        let too_large = || error("an array is too large", SECTION);
        let mut item = 0u64;
        let mut has_elements = false;
        for (count, shape) in &items {
            has_elements |= *count > 0 && elements(shape).ok_or_else(too_large)? > 0;
        }
        demand(has_elements || part.cut.is_none(), "an array without elements is cut", SECTION)?;
        for (count, shape) in items {
            let item_bytes = elements(&shape).ok_or_else(too_large)? * dtype.size() as u64;
            let tiles_of_item = match &part.cut {
                None => 1,
                Some(cut) => {
                    let grid: Vec<u64> = shape.iter().zip(cut).map(|(&s, &m)| s.div_ceil(m)).collect();
                    elements(&grid).ok_or_else(too_large)?
                }
            };
            part.runs.push(Run {
                items: count,
                first_tile: part.tiles,
                tiles_of_item,
                first_item: item,
                first_byte: part.bytes,
                item_bytes,
                shape,
            });
            item = item.checked_add(count).ok_or_else(too_large)?;
            let tiles = count.checked_mul(tiles_of_item).and_then(|tiles| part.tiles.checked_add(tiles));
            part.tiles = tiles.ok_or_else(too_large)?;
            let bytes = count.checked_mul(item_bytes).and_then(|bytes| part.bytes.checked_add(bytes));
            part.bytes = bytes.filter(|&bytes| bytes < 1 << 60).ok_or_else(too_large)?;
        }
        Ok(part)
    }

    /// Pictures have a mode, and at least one element.
    fn check_pictures(&self) -> Result<()> {
        demand(self.bytes > 0, "a part has no pictures, or pictures without elements", SECTION)?;
        for run in &self.runs {
            let shape = if self.axes == 0 { run.shape.get(1..).unwrap_or(&[]) } else { &run.shape[..] };
            let mode = match shape {
                [_, _] => true,
                [_, _, channels] => (2..=256).contains(channels),
                _ => false,
            };
            demand(mode && self.dtype.code[0] != b'>', "pictures have no known mode", SECTION)?;
        }
        Ok(())
    }

    /// The number of files or pictures in the part.
    pub fn files(&self) -> u64 {
        self.shape.first().copied().unwrap_or(0)
    }

    /// Whether the part contains the container metadata of pictures.
    pub fn is_metadata(&self) -> bool {
        self.axes == 3 && self.shape[0] == 0
    }

    fn run_of_tile(&self, tile: u64) -> &Run {
        let next = self.runs.partition_point(|run| run.first_tile <= tile);
        // Runs without tiles have the same start as the next run.
        &self.runs[next.max(1) - 1]
    }

    pub fn run_of_item(&self, item: u64) -> &Run {
        let next = self.runs.partition_point(|run| run.first_item <= item);
        // Runs without items have the same start as the next run.
        &self.runs[next.max(1) - 1]
    }

    /// The tiles of an item that overlap a range of its first axis.
    pub fn tiles_between(&self, item: u64, from: u64, to: u64) -> Range<u64> {
        let run = self.run_of_item(item);
        let first = run.first_tile + (item - run.first_item) * run.tiles_of_item;
        let (Some(&most), Some(&extent)) = (self.cut.as_ref().and_then(|cut| cut.first()), run.shape.first()) else {
            return first..first + run.tiles_of_item;
        };
        let count = extent.div_ceil(most).max(1);
        let (size, each) = (extent.div_ceil(count).max(1), run.tiles_of_item / count);
        first + from / size * each..first + to.div_ceil(size).min(count) * each
    }

    /// The total size of the tiles before a tile, in bytes.
    pub fn byte_of_tile(&self, tile: u64) -> u64 {
        let run = self.run_of_tile(tile);
        let (item, within) = match tile.saturating_sub(run.first_tile) {
            number if run.tiles_of_item > 0 => (number / run.tiles_of_item, number % run.tiles_of_item),
            _ => (0, 0),
        };
        let mut elements = 0;
        if let Some(cut) = &self.cut {
            let mut outer = 1;
            let mut inner = run.shape.iter().product::<u64>();
            for ((first, extent), &whole) in tile_ranges(&run.shape, cut, within).into_iter().zip(&run.shape) {
                inner /= whole.max(1);
                elements += outer * first * inner;
                outer *= extent;
            }
        }
        run.first_byte + item * run.item_bytes + elements * self.dtype.size() as u64
    }

    /// The shape of a tile, and a number of tiles from it on that have this shape. `tile < tiles`.
    pub fn tile(&self, tile: u64) -> (Vec<u64>, u64) {
        let run = self.run_of_tile(tile);
        match &self.cut {
            None => (run.shape.clone(), run.items - (tile - run.first_tile)),
            Some(cut) => {
                let ranges = tile_ranges(&run.shape, cut, (tile - run.first_tile) % run.tiles_of_item);
                (ranges.iter().map(|&(_, extent)| extent).collect(), 1)
            }
        }
    }

    /// Copies the bytes of a tile into the part.
    pub fn place_tile(&self, tile: u64, data: &[u8], out: &mut [u8]) {
        let run = self.run_of_tile(tile);
        let within = tile - run.first_tile;
        let start = (run.first_byte + within / run.tiles_of_item * run.item_bytes) as usize;
        let Some(cut) = &self.cut else {
            out[start..start + data.len()].copy_from_slice(data);
            return;
        };
        let ranges = tile_ranges(&run.shape, cut, within % run.tiles_of_item);
        let Some((&(first, extent), outer)) = ranges.split_last() else {
            out[start..start + data.len()].copy_from_slice(data);
            return;
        };
        let size = self.dtype.size() as u64;
        let mut place: Vec<u64> = vec![0; outer.len()];
        for row in data.chunks_exact((extent * size).max(1) as usize) {
            let mut offset = 0;
            for ((&index, &(first, _)), &extent) in place.iter().zip(outer).zip(&run.shape) {
                offset = offset * extent + first + index;
            }
            offset = (offset * run.shape[outer.len()] + first) * size;
            let at = start + offset as usize;
            out[at..at + row.len()].copy_from_slice(row);
            for (index, &(_, extent)) in place.iter_mut().zip(outer).rev() {
                *index += 1;
                if *index < extent {
                    break;
                }
                *index = 0;
            }
        }
    }
}

/// The start and the extent of a tile of an item in each dimension.
pub fn tile_ranges(shape: &[u64], cut: &[u64], mut tile: u64) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = shape
        .iter()
        .zip(cut)
        .rev()
        .map(|(&extent, &most)| {
            let count = extent.div_ceil(most);
            let size = extent.div_ceil(count);
            let first = tile % count * size;
            tile /= count;
            (first, size.min(extent - first))
        })
        .collect();
    ranges.reverse();
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundations::bytes::push_varint;

    #[test]
    fn many_files_may_have_many_bytes() {
        let read = |files: u64, size: u64| {
            let mut payload = b"\0\x01\0\x01|u1\x03\x02".to_vec();
            push_varint(files, &mut payload);
            push_varint(size, &mut payload);
            payload.push(0);
            Collection::read(&payload)
        };
        assert!(read(1 << 30, 1 << 40).is_ok());
        assert!(read(1, 1 << 60).is_err());
    }
}
