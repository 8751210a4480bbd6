//! Decodes an archive to an array or files.

use std::ops::Range;

use crate::blocks::methods;
use crate::container::archive::{block_payload, Archive};
use crate::container::collection::{Collection, Container, Kind, Part};
use crate::container::entries::{Attributes, Entries, Folder, Link};
use crate::container::lone::{self, Array};
use crate::container::names::{self, File, Group};
use crate::container::ranges::Ranges;
use crate::foundations::bytes::push_varint;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::sha256::{sha256, Sha256};
use crate::models::library::Library;
use crate::restored::npy::{npy, to_fortran};
use crate::restored::picture::Picture;
use crate::types::block::Block;

const SECTION: &str = "format.md, A5.5";
const DIGESTS: &str = "format.md, A5.16";

pub enum Output {
    /// The bytes of one file.
    One(Vec<u8>),
    /// The named files of a folder.
    Folder(Vec<(String, Vec<u8>)>),
    /// A folder with modes, times and links.
    Tree(Tree),
}

/// Files, and the folders and links beside them.
pub struct Tree {
    pub files: Vec<(String, Vec<u8>, Attributes)>,
    pub folders: Vec<Folder>,
    pub links: Vec<Link>,
}

/// Notes about what is not restored exactly.
pub type Notes = Vec<&'static str>;

/// The parts of a collection, and their bytes.
pub struct Decoded {
    pub container: Container,
    pub parts: Vec<Part>,
    pub bytes: Vec<Vec<u8>>,
    pub files: Vec<File>,
    /// Modes of all files, folders and links; empty without the section.
    pub entries: Entries,
}

/// Decodes a file: an archive, or a block alone.
pub fn decode(file: &[u8], arrays: bool) -> Result<(Output, Notes)> {
    if file.first() == Some(&lone::MAGIC) {
        let Array { dtype, shape, fortran, data } = lone::decode(file)?;
        if fortran && !arrays {
            let elements = to_fortran(&shape, dtype.size(), &data);
            return Ok((Output::One(npy(dtype, &shape, true, &elements)), Vec::new()));
        }
        return Ok((Output::One(npy(dtype, &shape, false, &data)), Vec::new()));
    }
    let mut decoded = Decoded::read(file)?;
    let mut notes = Notes::new();
    if arrays {
        return Ok((decoded.arrays()?, notes));
    }
    decoded.make_bools_bits();
    let output = decoded.restore(&mut notes)?;
    Ok((output, notes))
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
    if file.first() == Some(&lone::MAGIC) {
        let Array { dtype, shape, data, .. } = lone::decode(file)?;
        return Ok(vec![Item { name: String::new(), dtype, shape, data }]);
    }
    Decoded::read(file)?.items()
}

impl Decoded {
    pub fn read(file: &[u8]) -> Result<Decoded> {
        let ranges = Ranges::whole(file);
        let archive = Archive::open(&ranges)?;
        if let Some(end) = archive.continued_at {
            let what = "an unfinished addition follows the archive, whose complete part is its first";
            return refuse(format!("{what} {end} bytes"), "format.md, A9");
        }
        archive.check_others(&ranges)?;
        let library = Library::new(archive.models.clone());
        let read_files = || match archive.collection.container {
            Container::Files(kind) => names::read(&archive, kind),
            _ => Ok((Vec::new(), Vec::new())),
        };
        let (bytes, (files, groups)) = if archive.numbered.is_some() {
            // Pictures without names may be many, so their blocks are decoded before they are listed.
            check_needed(&archive, &[])?;
            (decode_parts(&archive, &ranges, &library)?, read_files()?)
        } else {
            let (files, groups) = read_files()?;
            check_needed(&archive, &files)?;
            (decode_parts(&archive, &ranges, &library)?, (files, groups))
        };
        let entries = match archive.entries {
            Some(payload) if !files.is_empty() => Entries::read(payload, files.len())?,
            _ => Entries::default(),
        };
        let Collection { container, parts, .. } = archive.collection;
        let decoded = Decoded { container, parts, bytes, files, entries };
        if archive.entries.is_some() {
            let names = decoded.existing_files().map(|file| Ok(decoded.restored_name(file)?.0));
            let names = names.collect::<Result<Vec<String>>>()?;
            decoded.entries.check_places(names.iter().map(|name| &name[..]))?;
        }
        decoded.check_groups(&groups)?;
        Ok(decoded)
    }

    /// Refuses content whose digests do not match the names of files.
    fn check_groups(&self, groups: &[Group]) -> Result<()> {
        let mut files = &self.files[..];
        for group in groups {
            let (own, others) = files.split_at(group.files);
            files = others;
            let Some(digest) = group.digest else { continue };
            let mut sum = [0; 32];
            for file in own.iter().filter(|file| !file.name.is_empty()) {
                let bytes = self.bytes_of(file);
                let of_bytes = |what| content_digest(what, &file.name, b"|u1", &[file.size], bytes);
                if self.parts[file.part].axes == 3 {
                    add(&mut sum, &of_bytes(0));
                    continue;
                }
                let (shape, pixels) = self.picture(file);
                let dtype = self.parts[file.part].dtype;
                add(&mut sum, &content_digest(0, &file.name, &dtype.code, &shape, pixels));
                if file.size > 0 {
                    add(&mut sum, &of_bytes(1));
                }
            }
            let first = own.first().map_or("", |file| &file.name);
            demand(
                sum == digest,
                &format!("the content of a file from {first} on does not match its digest"),
                DIGESTS,
            )?;
        }
        Ok(())
    }

    /// Replaces the nonzero bytes of true pixels by 1.
    fn make_bools_bits(&mut self) {
        if let Container::Files(Kind::Pictures) = self.container {
            for (_, bytes) in self.parts.iter().zip(&mut self.bytes).filter(|(part, _)| part.dtype.is_bool()) {
                bytes.iter_mut().for_each(|byte| *byte = (*byte).min(1));
            }
        }
    }

    /// The bytes of a file in a part of bytes, or the container metadata of a picture.
    pub fn bytes_of(&self, file: &File) -> &[u8] {
        &self.bytes[file.holder][file.start as usize..(file.start + file.size) as usize]
    }

    /// The files, without removed ones.
    pub fn existing_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| !file.name.is_empty())
    }

    pub fn existing_files_with_attributes(&self) -> impl Iterator<Item = (&File, Attributes)> {
        let modes = self.entries.modes.iter().copied().chain(std::iter::repeat(None));
        let all = self.files.iter().zip(modes).map(|(file, mode)| (file, Attributes { mode, time: file.time }));
        all.filter(|(file, _)| !file.name.is_empty())
    }

    /// The name under which a file of a folder is restored. It has an ending if the file is a picture without container
    /// metadata: that of the format.
    pub fn restored_name(&self, file: &File) -> Result<(String, Option<String>)> {
        if self.parts[file.part].axes == 3 || file.size > 0 {
            return Ok((file.name.clone(), None));
        }
        let (shape, pixels) = self.picture(file);
        let picture = Picture::new(self.parts[file.part].dtype, &shape, pixels)?;
        let base = file.name.rsplit('/').next().unwrap_or("");
        if let Some((before, ending)) = base.rsplit_once('.') {
            let ending = ending.to_ascii_lowercase();
            if !before.is_empty() && picture.fits(&ending) {
                return Ok((file.name.clone(), Some(ending)));
            }
        }
        let ending = if picture.fits("png") { "png" } else { "tif" };
        Ok((format!("{}.{ending}", file.name), Some(ending.to_string())))
    }

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
    fn items(&self) -> Result<Vec<Item>> {
        let Container::Files(kind) = self.container else {
            let (shape, data) = self.array();
            return Ok(vec![Item { name: String::new(), dtype: self.parts[0].dtype, shape, data }]);
        };
        let mut items = Vec::new();
        for file in self.existing_files() {
            let part = &self.parts[file.part];
            let (shape, bytes) = if kind == Kind::Npz {
                (part.shape.clone(), &self.bytes[file.part][..])
            } else if part.axes == 3 {
                let bytes = self.bytes_of(file);
                let matches = file.hash.is_none_or(|hash| hash == sha256(bytes));
                demand(matches, "the hash of a file does not match", "format.md, A5.16")?;
                (vec![file.size], bytes)
            } else {
                self.picture(file)
            };
            items.push(Item { name: file.name.clone(), dtype: part.dtype, shape, data: bytes.to_vec() });
        }
        Ok(items)
    }

    /// The result in the form for conformance checks.
    pub fn arrays(mut self) -> Result<Output> {
        let Container::Files(_) = self.container else {
            let (shape, bytes) = self.array();
            return Ok(Output::One(npy(self.parts[0].dtype, &shape, false, &bytes)));
        };
        let are_bytes: Vec<bool> = self.existing_files().map(|file| self.parts[file.part].axes == 3).collect();
        let mut out = Vec::new();
        for (item, are_bytes) in self.items()?.into_iter().zip(are_bytes) {
            if are_bytes {
                out.push((item.name, item.data));
            } else {
                out.push((format!("{}.npy", item.name), npy(item.dtype, &item.shape, false, &item.data)));
            }
        }
        self.make_bools_bits();
        out.extend(self.exact_files()?);
        Ok(Output::Folder(out))
    }
}

fn content_digest(what: u8, name: &str, dtype: &[u8], shape: &[u64], elements: &[u8]) -> [u8; 32] {
    let mut head = vec![what];
    push_varint(name.len() as u64, &mut head);
    head.extend(name.as_bytes());
    head.extend(dtype);
    head.push(shape.len() as u8);
    shape.iter().for_each(|&size| push_varint(size, &mut head));
    let mut digest = Sha256::default();
    digest.update(&head);
    digest.update(elements);
    digest.finish()
}

/// Adds little-endian numbers modulo 2^256.
fn add(sum: &mut [u8; 32], other: &[u8; 32]) {
    let mut carry = 0;
    for (digit, more) in sum.iter_mut().zip(other) {
        carry += u16::from(*digit) + u16::from(*more);
        *digit = carry as u8;
        carry >>= 8;
    }
}

/// Refuses an archive that lacks tiles of a file.
fn check_needed(archive: &Archive, files: &[File]) -> Result<()> {
    let parts = &archive.collection.parts;
    let starts: Vec<u64> = parts.iter().scan(0, |sum, part| Some(std::mem::replace(sum, *sum + part.tiles))).collect();
    let has = |part: usize, tiles: Range<u64>| {
        let is_complete = archive.has_tiles(starts[part] + tiles.start..starts[part] + tiles.end);
        demand(is_complete, "no block contains some of the needed tiles", "format.md, A5.11")
    };
    if !matches!(archive.collection.container, Container::Files(Kind::Pictures | Kind::Npz)) {
        return (0..parts.len()).try_for_each(|part| has(part, 0..parts[part].tiles));
    }
    for file in files.iter().filter(|file| !file.name.is_empty()) {
        let part = &parts[file.part];
        if matches!(archive.collection.container, Container::Files(Kind::Npz)) {
            has(file.part, 0..part.tiles)?;
        } else if part.axes == 0 {
            has(file.part, part.tiles_between(0, file.index, file.index + 1))?;
        } else if part.axes != 3 {
            has(file.part, part.tiles_between(file.index, 0, u64::MAX))?;
        }
        if file.size > 0 {
            has(file.holder, parts[file.holder].tiles_between(0, file.start, file.start + file.size))?;
        }
    }
    Ok(())
}

/// Decodes all blocks, and copies their tiles into the parts.
fn decode_parts(archive: &Archive, ranges: &Ranges, library: &Library) -> Result<Vec<Vec<u8>>> {
    let parts = &archive.collection.parts;
    let mut blocks = Vec::new();
    for section in &archive.blocks {
        let block = Block::read(block_payload(ranges.get(section.place, section.size)?, section.place)?)?;
        let own = block.runs.iter().try_fold(0u64, |sum, run| sum.checked_add(run.items));
        let same = block.first == section.first && own == Some(section.tiles);
        demand(same, "the tiles of a block differ from the index", SECTION)?;
        let (number, first) = part_of(parts, block.first);
        check_tiles(&parts[number], first, &block)?;
        blocks.push((number, first, block));
    }
    let mut bytes: Vec<Vec<u8>> = parts.iter().map(|part| vec![0; part.bytes as usize]).collect();
    for (number, first, block) in &blocks {
        let decoded = methods::decode(block, library)?;
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

/// The part of a tile, and its number there.
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
            demand(run.dtype == part.dtype && run.shape == shape, "the tiles of a block have a wrong shape", SECTION)?;
            let count = count.min(left);
            left -= count;
            tile += count;
        }
    }
    Ok(())
}
