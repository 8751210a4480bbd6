//! What comes out of an archive: an array, or files.

use crate::archive::{Archive, BlockSection};
use crate::block::Block;
use crate::collection::{Container, Kind, Part};
use crate::dtype::Dtype;
use crate::error::{demand, refuse, Result};
use crate::library::Library;
use crate::lone::Array;
use crate::names::{self, File};
use crate::npy::{npy, to_fortran};
use crate::sha256::sha256;

const SECTION: &str = "format.md, A5.5";

/// What a file decodes to.
pub enum Output {
    /// The bytes of one file.
    One(Vec<u8>),
    /// A folder of files, by their names, and notes on what is not as it was.
    Folder(Vec<(String, Vec<u8>)>, Vec<&'static str>),
}

/// The parts of a collection, and their bytes.
pub struct Decoded {
    pub container: Container,
    pub parts: Vec<Part>,
    pub bytes: Vec<Vec<u8>>,
    pub files: Vec<File>,
}

/// Decodes a file: an archive, or a block alone.
pub fn decode(file: &[u8], arrays: bool) -> Result<Output> {
    if file.first() == Some(&crate::lone::MAGIC) {
        let Array { dtype, shape, fortran, data } = crate::lone::decode(file)?;
        if fortran && !arrays {
            return Ok(Output::One(npy(dtype, &shape, true, &to_fortran(&shape, dtype.size(), &data))));
        }
        return Ok(Output::One(npy(dtype, &shape, false, &data)));
    }
    let mut decoded = Decoded::read(file)?;
    if arrays {
        decoded.arrays()
    } else {
        decoded.make_bools_bits();
        decoded.restore()
    }
}

/// An array of an archive: all of it, one of an npz file, a picture or a page; or the bytes of another file.
pub struct Item {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    /// The elements, in C order.
    pub data: Vec<u8>,
}

/// Decodes all items of an archive, or of a block alone.
pub fn items(file: &[u8]) -> Result<Vec<Item>> {
    if file.first() == Some(&crate::lone::MAGIC) {
        let Array { dtype, shape, data, .. } = crate::lone::decode(file)?;
        return Ok(vec![Item { name: String::new(), dtype, shape, data }]);
    }
    Decoded::read(file)?.items()
}

impl Decoded {
    pub fn read(file: &[u8]) -> Result<Decoded> {
        let archive = Archive::read(file)?;
        let library = Library::new(archive.models.clone());
        let bytes = decode_parts(&archive, &library)?;
        let files = match archive.collection.container {
            Container::Files(kind) => names::read(&archive, kind)?,
            _ => Vec::new(),
        };
        for (part, bytes) in archive.collection.parts.iter().zip(&bytes) {
            let tiff = matches!(archive.collection.container, Container::Files(Kind::Tiff));
            let held = tiff && part.is_metadata() && bytes.first() == Some(&5);
            let alone = archive.collection.parts.len() == 1;
            demand(!held || alone, "there is another part beside a TIFF file that is held", "format.md, A5.3")?;
        }
        Ok(Decoded { container: archive.collection.container, parts: archive.collection.parts, bytes, files })
    }

    /// The true pixels of pictures may have any byte but 0; here they are 1.
    fn make_bools_bits(&mut self) {
        if let Container::Files(Kind::Pictures | Kind::Tiff) = self.container {
            for (_, bytes) in self.parts.iter().zip(&mut self.bytes).filter(|(part, _)| part.dtype.is_bool()) {
                bytes.iter_mut().for_each(|byte| *byte = (*byte).min(1));
            }
        }
    }

    /// One array.
    pub fn array(&self) -> (Vec<u64>, Vec<u8>) {
        let mut shape = self.parts[0].shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = self.parts.iter().map(|part| part.shape[0]).sum();
        }
        (shape, self.bytes.concat())
    }

    /// The shape and the bytes of a file of a part: an array, a picture, or bytes.
    pub fn picture(&self, file: &File) -> (Vec<u64>, &[u8]) {
        let part = &self.parts[file.part];
        let bytes = &self.bytes[file.part];
        let (shape, start, size) = match part.axes {
            0 => {
                let count = part.shape[0].max(1);
                let size = part.bytes / count;
                (part.shape[1..].to_vec(), file.index * size, size)
            }
            _ => {
                let run = part.runs.iter().rev().find(|run| run.first_item <= file.index && run.items > 0);
                let run = run.unwrap_or(&part.runs[0]);
                let within = file.index - run.first_item;
                (run.shape.clone(), run.first_byte + within * run.item_bytes, run.item_bytes)
            }
        };
        (shape, &bytes[start as usize..(start + size) as usize])
    }

    /// The items of the archive, in order.
    fn items(self) -> Result<Vec<Item>> {
        let Container::Files(kind) = self.container else {
            let (shape, data) = self.array();
            return Ok(vec![Item { name: String::new(), dtype: self.parts[0].dtype, shape, data }]);
        };
        let mut items = Vec::new();
        let mut places = vec![0usize; self.parts.len()];
        for file in &self.files {
            let part = &self.parts[file.part];
            let (shape, bytes) = if kind == Kind::Npz {
                (part.shape.clone(), &self.bytes[file.part][..])
            } else if part.axes == 3 {
                let start = places[file.part];
                places[file.part] += file.size as usize;
                let bytes = &self.bytes[file.part][start..places[file.part]];
                let matches = file.hash.is_none_or(|hash| hash == sha256(bytes));
                demand(matches, "a file has another hash", "format.md, A5.16")?;
                (vec![file.size], bytes)
            } else {
                self.picture(file)
            };
            items.push(Item { name: file.name.clone(), dtype: part.dtype, shape, data: bytes.to_vec() });
        }
        Ok(items)
    }

    /// The form that conformance files are checked in.
    pub fn arrays(self) -> Result<Output> {
        let Container::Files(kind) = self.container else {
            let (shape, bytes) = self.array();
            return Ok(Output::One(npy(self.parts[0].dtype, &shape, false, &bytes)));
        };
        let are_bytes: Vec<bool> = self.files.iter().map(|file| self.parts[file.part].axes == 3).collect();
        let mut out = Vec::new();
        for (item, are_bytes) in self.items()?.into_iter().zip(are_bytes) {
            let name = if kind == Kind::Tiff { out.len().to_string() } else { item.name };
            if are_bytes {
                out.push((name, item.data));
            } else {
                out.push((format!("{name}.npy"), npy(item.dtype, &item.shape, false, &item.data)));
            }
        }
        Ok(Output::Folder(out, Vec::new()))
    }
}

/// Decodes all blocks, and puts their tiles where they belong.
fn decode_parts(archive: &Archive, library: &Library) -> Result<Vec<Vec<u8>>> {
    let parts = &archive.collection.parts;
    let total = archive.collection.tiles()?;
    let mut blocks = Vec::new();
    let mut tile = 0u64;
    for BlockSection { tiles, payload, .. } in &archive.blocks {
        let block = Block::read(payload)?;
        let own = block.runs.iter().try_fold(0u64, |sum, run| sum.checked_add(run.items));
        demand(block.first == tile && own == Some(*tiles), "a block has other tiles than the index says", SECTION)?;
        tile = tile.saturating_add(*tiles);
        demand(tile <= total, "the blocks have too many tiles", SECTION)?;
        let (number, first) = part_of(parts, block.first);
        check_tiles(&parts[number], first, &block)?;
        blocks.push((number, first, block));
    }
    demand(tile == total, "the blocks do not have all tiles", SECTION)?;
    let mut bytes: Vec<Vec<u8>> = parts.iter().map(|part| vec![0; part.bytes as usize]).collect();
    for (number, first, block) in &blocks {
        let decoded = block.decode(library)?;
        let part = &parts[*number];
        let mut rest = &decoded[..];
        let mut tile = *first;
        for run in &block.runs {
            let size = run.elements as usize * run.dtype.size();
            if size == 0 {
                tile += run.items;
                continue;
            }
            for _ in 0..run.items {
                let (own, others) = rest.split_at(size);
                part.place_tile(tile, own, &mut bytes[*number]);
                rest = others;
                tile += 1;
            }
        }
    }
    Ok(bytes)
}

/// The part that a tile is of, and its number there.
pub fn part_of(parts: &[Part], mut tile: u64) -> (usize, u64) {
    for (number, part) in parts.iter().enumerate() {
        if tile < part.tiles {
            return (number, tile);
        }
        tile -= part.tiles;
    }
    (0, 0)
}

/// Checks that the runs of a block are tiles of a part.
pub fn check_tiles(part: &Part, mut tile: u64, block: &Block) -> Result<()> {
    for run in &block.runs {
        let mut left = run.items;
        while left > 0 {
            if tile >= part.tiles {
                return refuse("a block has tiles of two parts", SECTION);
            }
            let (shape, count) = part.tile(tile);
            demand(run.dtype == part.dtype && run.shape == shape, "the tiles of a block have another shape", SECTION)?;
            let count = count.min(left);
            left -= count;
            tile += count;
        }
    }
    Ok(())
}
