//! The content of an archive: its pictures, arrays and files, and the pieces of blocks that they consist of.

use crate::container::archive::{Archive, BlockSection, Listed};
use crate::container::collection::{tile_ranges, Collection, Container, Kind, Part};
use crate::container::names::{self, File};
use crate::container::ranges::Ranges;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::Result;

/// An open archive, without its blocks.
pub struct Catalogue {
    pub collection: Collection,
    /// The payload of the collection.
    pub payload: Vec<u8>,
    pub blocks: Vec<BlockSection>,
    pub is_continued: bool,
    pub previews: Vec<Listed>,
    /// The payloads of the embedded models.
    pub models: Vec<Vec<u8>>,
    /// The number of the first tile of each part.
    first_tiles: Vec<u64>,
    entries: Entries,
}

enum Entries {
    /// The files, without removed ones, and their numbers among all, or those of their originals.
    Files(Vec<(u64, File)>),
    Spans(Vec<Span>),
}

/// Consecutive entries of an array.
struct Span {
    part: usize,
    count: u64,
    content: Content,
    name: String,
    /// The number in the name of the first entry, if entries are numbered.
    number: Option<u64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Content {
    /// Each entry is an item, from this one on.
    Item(u64),
    /// Each entry is a slice of a part with one item, from this one on.
    Slice(u64),
    /// One entry: all items of a part, as rows.
    Rows,
    /// A range of bytes of a part.
    Bytes(u64, u64),
}

/// A picture or a stack of pictures, another array, or the bytes of a file.
pub struct Entry {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    /// The number of pictures, and the size of one.
    pub slices: u64,
    pub rows: u64,
    pub columns: u64,
    pub channels: u64,
    pub is_bytes: bool,
    /// The number of the file, for its preview.
    pub file: Option<u64>,
    pub metadata: Option<Metadata>,
    part: usize,
    content: Content,
}

/// The container metadata of a file: its part, the place there, and the size.
#[derive(Clone, Copy)]
pub struct Metadata {
    part: usize,
    start: u64,
    pub size: u64,
}

/// A box of a picture, stored in the content of a block, row by row, from a byte on.
pub struct Piece {
    pub block: usize,
    pub offset: u64,
    /// The first row, column and channel, and their numbers.
    pub rows: [u64; 2],
    pub columns: [u64; 2],
    pub channels: [u64; 2],
}

/// The axes of an item as pictures: the number of axes of slices, and whether axes of rows, columns and channels
/// follow.
struct Axes {
    leading: usize,
    rows: bool,
    columns: bool,
    channels: bool,
}

impl Axes {
    /// The last axis is channels if it is the third one of a picture, or short.
    fn from_shape(shape: &[u64], picture_axes: Option<usize>) -> Axes {
        let channels = match (picture_axes, shape.last()) {
            (Some(axes), _) => axes == 3,
            (_, Some(last)) => shape.len() >= 3 && (1..=4).contains(last),
            _ => false,
        };
        let others = shape.len() - usize::from(channels);
        Axes { leading: others.saturating_sub(2), rows: others >= 2, columns: others >= 1, channels }
    }

    /// Rows, columns and channels from these extents.
    fn split(&self, extents: &[u64], missing: u64) -> [u64; 3] {
        let mut rest = extents[self.leading..].iter().copied();
        let mut take = |there: bool| if there { rest.next().unwrap_or(missing) } else { missing };
        [take(self.rows), take(self.columns), take(self.channels)]
    }
}

impl Catalogue {
    pub fn open(ranges: &Ranges) -> Result<Catalogue> {
        let archive = Archive::open(ranges)?;
        let entries = match archive.collection.container {
            Container::Files(Kind::Pictures) => {
                let numbered = names::read(&archive, Kind::Pictures)?.0.into_iter().enumerate();
                let existing = numbered.filter(|(_, file)| !file.name.is_empty());
                Entries::Files(existing.map(|(number, file)| (file.original.unwrap_or(number) as u64, file)).collect())
            }
            Container::Files(Kind::Npz) => {
                Entries::Spans(arrays(&archive.collection, &names::read(&archive, Kind::Npz)?.0))
            }
            _ => Entries::Spans(arrays(&archive.collection, &[])),
        };
        let models = archive.models.iter().map(|payload| payload.to_vec()).collect();
        let mut first_tiles = vec![0];
        for part in &archive.collection.parts {
            first_tiles.push(first_tiles[first_tiles.len() - 1] + part.tiles);
        }
        let payload = archive.payload.to_vec();
        let previews = archive.others.iter().filter(|section| section.kind == b'v').copied().collect();
        let Archive { collection, blocks, continued_at, .. } = archive;
        let is_continued = continued_at.is_some();
        Ok(Catalogue { payload, collection, blocks, is_continued, models, previews, first_tiles, entries })
    }

    pub fn count(&self) -> u64 {
        match &self.entries {
            Entries::Files(files) => files.len() as u64,
            Entries::Spans(spans) => spans.iter().map(|span| span.count).sum(),
        }
    }

    pub fn entry(&self, mut number: u64) -> Option<Entry> {
        match &self.entries {
            Entries::Files(files) => {
                let (number, file) = files.get(usize::try_from(number).ok()?)?;
                let content = match self.collection.parts[file.part].axes {
                    3 => Content::Bytes(file.start, file.size),
                    0 => Content::Slice(file.index),
                    _ => Content::Item(file.index),
                };
                let own = Metadata { part: file.holder, start: file.start, size: file.size };
                let metadata = (file.holder != file.part && file.size > 0).then_some(own);
                Some(Entry { file: Some(*number), metadata, ..self.make(file.name.clone(), file.part, content) })
            }
            Entries::Spans(spans) => {
                for span in spans {
                    if number < span.count {
                        let content = match span.content {
                            Content::Item(_) => Content::Item(number),
                            content => content,
                        };
                        let name = match span.number.map(|first| first + number) {
                            Some(index) if span.name.is_empty() => index.to_string(),
                            Some(index) => format!("{}[{index}]", span.name),
                            None => span.name.clone(),
                        };
                        return Some(self.make(name, span.part, content));
                    }
                    number -= span.count;
                }
                None
            }
        }
    }

    fn is_pictures(&self, part: &Part) -> bool {
        matches!(self.collection.container, Container::Files(Kind::Pictures)) && part.axes != 3
    }

    fn make(&self, name: String, number: usize, content: Content) -> Entry {
        let part = &self.collection.parts[number];
        let shape = match content {
            Content::Item(item) => part.run_of_item(item).shape.clone(),
            Content::Slice(_) => part.shape[1..].to_vec(),
            Content::Rows => part.shape.clone(),
            Content::Bytes(_, size) => vec![size],
        };
        let axes = Axes::from_shape(&shape, self.is_pictures(part).then_some(shape.len()));
        let [rows, columns, channels] = match content {
            Content::Rows => [shape[0], shape.get(1).copied().unwrap_or(1), 1],
            _ => axes.split(&shape, 1),
        };
        let slices = match content {
            Content::Rows => 1,
            _ => shape[..axes.leading].iter().fold(1, |product: u64, &extent| product.saturating_mul(extent)),
        };
        let is_bytes = matches!(content, Content::Bytes(..));
        let (dtype, file, metadata) = (part.dtype, None, None);
        Entry { name, dtype, shape, slices, rows, columns, channels, is_bytes, file, metadata, part: number, content }
    }

    /// The pieces of a picture of an entry.
    pub fn pieces(&self, entry: &Entry, slice: u64) -> Vec<Piece> {
        let part = &self.collection.parts[entry.part];
        let mut pieces = Vec::new();
        match entry.content {
            Content::Item(item) => self.item_pieces(entry.part, item, slice, &mut pieces),
            Content::Slice(index) => self.item_pieces(entry.part, 0, index, &mut pieces),
            Content::Rows => {
                let mut item = 0;
                for run in &part.runs {
                    if part.cut.is_some() {
                        for own in 0..run.items {
                            let start = pieces.len();
                            self.item_pieces(entry.part, item + own, 0, &mut pieces);
                            pieces[start..].iter_mut().for_each(|piece| piece.rows = [item + own, 1]);
                        }
                    } else {
                        self.row_pieces(entry, item, run.items, &mut pieces);
                    }
                    item += run.items;
                }
            }
            Content::Bytes(start, size) => return self.byte_pieces(entry.part, start, size),
        }
        pieces
    }

    /// The pieces of one frame of a picture, whose frames have `rows` rows each.
    pub fn frame_pieces(&self, entry: &Entry, frame: u64, rows: u64) -> Vec<Piece> {
        let (first, end) = (frame.saturating_mul(rows), frame.saturating_add(1).saturating_mul(rows));
        let mut pieces = self.pieces(entry, 0);
        pieces.retain_mut(|piece| {
            let [row, count] = piece.rows;
            let (from, to) = (row.max(first), (row + count).min(end));
            piece.offset += from.saturating_sub(row) * piece.columns[1] * piece.channels[1] * entry.dtype.size() as u64;
            piece.rows = [from.wrapping_sub(first), to.saturating_sub(from)];
            from < to
        });
        pieces
    }

    /// The pieces of the container metadata of a file, as bytes.
    pub fn metadata_pieces(&self, entry: &Entry) -> Vec<Piece> {
        entry.metadata.map_or(Vec::new(), |own| self.byte_pieces(own.part, own.start, own.size))
    }

    /// The pieces of a range of bytes of a part.
    fn byte_pieces(&self, number: usize, start: u64, size: u64) -> Vec<Piece> {
        let part = &self.collection.parts[number];
        let run = &part.runs[0];
        let mut pieces = Vec::new();
        for tile in 0..run.tiles_of_item {
            let (first, extent) = match &part.cut {
                Some(cut) => tile_ranges(&run.shape, cut, tile)[0],
                None => (0, size.max(run.shape[0])),
            };
            let (from, to) = (start.max(first), (start + size).min(first + extent));
            if from < to {
                let (block, offset) = self.place(number, tile);
                let columns = [from - start, to - from];
                let offset = offset + from - first;
                pieces.push(Piece { block, offset, rows: [0, 1], columns, channels: [0, 1] });
            }
        }
        pieces
    }

    fn item_pieces(&self, number: usize, item: u64, slice: u64, pieces: &mut Vec<Piece>) {
        let part = &self.collection.parts[number];
        let run = part.run_of_item(item);
        let first = run.first_tile + (item - run.first_item) * run.tiles_of_item;
        let stacked = usize::from(part.axes == 0);
        let axes = Axes::from_shape(&run.shape, self.is_pictures(part).then(|| run.shape.len() - stacked));
        let mut places = vec![0; axes.leading];
        let mut left = slice;
        for (place, &extent) in places.iter_mut().zip(&run.shape).rev() {
            *place = left % extent.max(1);
            left /= extent.max(1);
        }
        for tile in 0..run.tiles_of_item {
            let ranges: Vec<(u64, u64)> = match &part.cut {
                Some(cut) => tile_ranges(&run.shape, cut, tile),
                None => run.shape.iter().map(|&extent| (0, extent)).collect(),
            };
            let within = |(&place, &(first, extent)): (&u64, &(u64, u64))| (first..first + extent).contains(&place);
            if !places.iter().zip(&ranges).all(within) {
                continue;
            }
            let (firsts, extents): (Vec<u64>, Vec<u64>) = ranges.iter().copied().unzip();
            let [row, column, channel] = axes.split(&firsts, 0);
            let [rows, columns, channels] = axes.split(&extents, 1);
            let slices =
                places.iter().zip(&ranges).fold(0, |sum, (place, (first, extent))| sum * extent + place - first);
            let (block, offset) = self.place(number, first + tile);
            let offset = offset + slices * rows * columns * channels * part.dtype.size() as u64;
            let [rows, columns, channels] = [[row, rows], [column, columns], [channel, channels]];
            pieces.push(Piece { block, offset, rows, columns, channels });
        }
    }

    /// Adds the pieces of items that are rows, one piece per block.
    fn row_pieces(&self, entry: &Entry, first: u64, count: u64, pieces: &mut Vec<Piece>) {
        let mut item = first;
        while item < first + count {
            let (block, offset) = self.place(entry.part, item);
            let Some(place) = self.blocks.get(block) else { return };
            let end = (place.first + place.tiles - self.first_tiles[entry.part]).min(first + count);
            let rows = [item, end - item];
            pieces.push(Piece { block, offset, rows, columns: [0, entry.columns], channels: [0, 1] });
            item = end;
        }
    }

    /// The block of a tile of a part, and the place of the tile in its content; an invalid number if no block has it.
    fn place(&self, number: usize, tile: u64) -> (usize, u64) {
        let part = &self.collection.parts[number];
        let global = self.first_tiles[number] + tile;
        let block = self.blocks.partition_point(|block| block.first + block.tiles <= global);
        let first = match self.blocks.get(block) {
            Some(found) if found.first <= global => found.first,
            _ => return (usize::MAX, 0),
        };
        let start = part.byte_of_tile(first.saturating_sub(self.first_tiles[number]));
        (block, part.byte_of_tile(tile).saturating_sub(start))
    }
}

/// The arrays of an npz file, or the only array; item by item if the items are pictures.
fn arrays(collection: &Collection, files: &[File]) -> Vec<Span> {
    let joined = matches!(collection.container, Container::Joined);
    let mut spans = Vec::new();
    let mut number = 0;
    for (part, own) in collection.parts.iter().enumerate() {
        let name = files.get(part).map_or("", |file| &file.name).to_string();
        let extent = own.shape.first().copied().unwrap_or(1);
        let pictures = own.axes == 1 && own.shape.len() >= 3;
        spans.push(Span {
            part,
            count: if pictures { extent } else { 1 },
            content: if own.axes == 1 && !pictures { Content::Rows } else { Content::Item(0) },
            name: if joined && !pictures { format!("{number}:{}", number + extent) } else { name },
            number: pictures.then_some(number),
        });
        number = if joined { number + extent } else { 0 };
    }
    spans
}
