//! The file: its sections and its index (format.md, A5).

use crate::bytes::Bytes;
use crate::collection::{Collection, Container, Kind};
use crate::crc::crc32c;
use crate::error::{demand, refuse, Result};
use crate::ranges::Ranges;

const SECTION: &str = "format.md, A5";
const INDEX: &str = "format.md, A5.11";
const MAGIC: &[u8] = b"\x89bb\r\n\x1a\n";
const END: &[u8] = b"bb\x1a\n";
const VERSION: u8 = 3;

/// The sections of an archive, checked but not yet decoded.
pub struct Archive<'a> {
    pub collection: Collection,
    /// That of the collection.
    pub payload: &'a [u8],
    pub models: Vec<&'a [u8]>,
    pub blocks: Vec<BlockSection<'a>>,
    pub names: Option<&'a [u8]>,
    pub numbered: Option<&'a [u8]>,
    pub labels: Option<&'a [u8]>,
    pub stats: Option<&'a [u8]>,
    pub hashes: Option<&'a [u8]>,
}

/// A block: how many tiles it has, as the index says, and where its section is.
pub struct BlockSection<'a> {
    pub tiles: u64,
    pub place: u64,
    pub size: u64,
    /// Empty if the archive is opened by ranges.
    pub payload: &'a [u8],
}

struct Section<'a> {
    kind: u8,
    payload: &'a [u8],
    place: u64,
    size: u64,
}

/// Reads a section; `base` is where the bytes begin in the file.
fn read_section<'a>(bytes: &mut Bytes<'a>, base: u64) -> Result<Section<'a>> {
    let start = bytes.at();
    let place = base + start as u64;
    let kind = bytes.byte()?;
    let length = bytes.varint()?;
    let payload = bytes.take_long(length)?;
    let covered = bytes.since(start);
    if bytes.u32()? != crc32c(&[covered]) {
        return refuse(format!("the section {:?} at byte {place} is damaged", kind as char), SECTION);
    }
    Ok(Section { kind, payload, place, size: (bytes.at() - start) as u64 })
}

/// The payload of a section `B` on its own.
pub fn block_payload(section: &[u8]) -> Result<&[u8]> {
    let mut bytes = Bytes::new(section, SECTION);
    let section = read_section(&mut bytes, 0)?;
    demand(section.kind == b'B', "a block is not where the index says", SECTION)?;
    bytes.end()?;
    Ok(section.payload)
}

fn check_start(start: &[u8]) -> Result<()> {
    if start.len() < 8 || !start.starts_with(MAGIC) {
        return refuse("this is no bitsback archive", SECTION);
    }
    let version = start[7];
    if version != VERSION {
        return refuse(
            format!("the archive has the version {version}, and not {VERSION}: another release is needed"),
            SECTION,
        );
    }
    if start.get(8) == Some(&b'R') {
        return refuse("this is a research archive, which only its own model can decode", SECTION);
    }
    Ok(())
}

/// Where the index is, by the footer; its section ends where the footer begins.
fn index_place(footer: &[u8], size: u64) -> Result<u64> {
    let mut bytes = Bytes::new(footer, SECTION);
    let place = (size - 12).checked_sub(bytes.u64()?);
    match place {
        Some(place) if footer.ends_with(END) && place >= 8 => Ok(place),
        _ => refuse("the archive is cut off, or its end is damaged", SECTION),
    }
}

/// Reads the sections between two places, by ranges.
fn walk<'a>(ranges: &'a Ranges, from: u64, to: u64, sections: &mut Vec<Section<'a>>) -> Result<()> {
    let mut place = from;
    while place < to {
        let mut head = Bytes::new(ranges.get(place, (to - place).min(11))?, SECTION);
        head.byte()?;
        let length = head.varint()?;
        let size = length.checked_add(head.at() as u64 + 4).filter(|&size| size <= to - place);
        let Some(size) = size else { return refuse("a section is longer than its place", SECTION) };
        sections.push(read_section(&mut Bytes::new(ranges.get(place, size)?, SECTION), place)?);
        place += size;
    }
    Ok(())
}

impl<'a> Archive<'a> {
    pub fn read(file: &'a [u8]) -> Result<Archive<'a>> {
        check_start(file)?;
        let sections = read_sections(file)?;
        Archive::sort(&sections)
    }

    /// Reads all sections but the blocks, of which it knows the places alone.
    pub fn open(ranges: &'a Ranges) -> Result<Archive<'a>> {
        check_start(ranges.get(0, ranges.size().min(9))?)?;
        demand(ranges.size() >= 20, "the archive is cut off, or its end is damaged", SECTION)?;
        let footer = ranges.size() - 12;
        let index = index_place(ranges.get(footer, 12)?, ranges.size())?;
        let mut end = Vec::new();
        walk(ranges, index, footer, &mut end)?;
        let [Section { kind: b'I', payload, .. }] = end[..] else {
            return refuse("the footer does not tell where the index is", SECTION);
        };
        let (first, blocks) = read_index(payload)?;
        let sizes = blocks.iter().try_fold(first, |place, &(_, size)| place.checked_add(size));
        let Some(behind) = sizes.filter(|&behind| first >= 8 && behind <= index) else {
            return refuse("the index does not tell where the blocks are", "format.md, A5.11");
        };
        let mut sections = Vec::new();
        walk(ranges, 8, first, &mut sections)?;
        let mut place = first;
        for (_, size) in blocks {
            sections.push(Section { kind: b'B', payload: &[], place, size });
            place += size;
        }
        walk(ranges, behind, index, &mut sections)?;
        sections.append(&mut end);
        Archive::sort(&sections)
    }

    fn sort(sections: &[Section<'a>]) -> Result<Archive<'a>> {
        let [first, .., index] = sections else {
            return refuse("the archive lacks sections", SECTION);
        };
        demand(first.kind == b'C' && index.kind == b'I', "the archive does not begin with a C", SECTION)?;
        let mut archive = Archive {
            collection: Collection::read(first.payload)?,
            payload: first.payload,
            models: Vec::new(),
            blocks: Vec::new(),
            names: None,
            numbered: None,
            labels: None,
            stats: None,
            hashes: None,
        };
        let mut blocks: Vec<&Section> = Vec::new();
        let mut ended = false; // whether another section came after a block
        for section in &sections[1..sections.len() - 1] {
            ended |= section.kind != b'B' && !blocks.is_empty();
            let slot = match section.kind {
                b'B' if !ended => {
                    blocks.push(section);
                    continue;
                }
                b'M' if blocks.is_empty() => {
                    archive.models.push(section.payload);
                    continue;
                }
                b'N' => &mut archive.names,
                b'U' => &mut archive.numbered,
                b'L' => &mut archive.labels,
                b'F' => &mut archive.stats,
                b'H' => &mut archive.hashes,
                b'a'..=b'z' => continue,
                b'C' | b'I' | b'M' | b'B' => return refuse("a section is not in its place", SECTION),
                kind => {
                    return refuse(
                        format!("a section is of the unknown kind {:?}: a newer release is needed", kind as char),
                        SECTION,
                    )
                }
            };
            demand(slot.replace(section.payload).is_none(), "a section is there twice", SECTION)?;
        }
        archive.check_sections()?;
        archive.read_index(index, &blocks)?;
        Ok(archive)
    }

    /// Which sections there may be, by container.
    fn check_sections(&self) -> Result<()> {
        let Container::Files(kind) = self.collection.container else {
            return Ok(()); // what they say of files means nothing
        };
        let pictures = kind == Kind::Pictures;
        let bytes = self.collection.parts.iter().any(|part| part.axes == 3);
        let named = match kind {
            Kind::Pictures => self.names.is_some() != self.numbered.is_some(),
            _ => self.names.is_some() && self.numbered.is_none(),
        };
        demand(named, "the names of files are missing, or are there in two ways", SECTION)?;
        let sets = self.numbered.is_none() || self.stats.is_none() && !bytes;
        demand(sets, "a U section may not be there", SECTION)?;
        let labels = self.labels.is_none() || pictures || kind == Kind::Npz;
        demand(labels, "an L section may not be there", SECTION)?;
        demand(self.stats.is_none() || pictures, "an F section may not be there", SECTION)?;
        demand(!pictures || !bytes || self.stats.is_some(), "the F section is missing", SECTION)?;
        demand(self.hashes.is_none() || pictures, "an H section may not be there", SECTION)
    }

    fn read_index(&mut self, index: &Section, blocks: &[&Section<'a>]) -> Result<()> {
        let (place, listed) = read_index(index.payload)?;
        let first = blocks.first().map_or(index.place, |block| block.place);
        let right = place == first && listed.len() == blocks.len();
        demand(right, "the index does not tell where the blocks are", INDEX)?;
        for (block, (tiles, size)) in blocks.iter().zip(listed) {
            demand(size == block.size, "the index tells another size of a block", INDEX)?;
            let &&Section { place, size, payload, .. } = block;
            self.blocks.push(BlockSection { tiles, place, size, payload });
        }
        Ok(())
    }
}

/// Where the first block is, and of each block the number of its tiles and the size of its section.
fn read_index(payload: &[u8]) -> Result<(u64, Vec<(u64, u64)>)> {
    let mut bytes = Bytes::new(payload, INDEX);
    let first = bytes.varint()?;
    let mut blocks = Vec::new();
    for _ in 0..bytes.varint()? {
        blocks.push((bytes.varint()?, bytes.varint()?));
    }
    bytes.end()?;
    Ok((first, blocks))
}

/// All sections from the first one to the index, which the footer tells of.
fn read_sections(file: &[u8]) -> Result<Vec<Section>> {
    let Some(footer) = file.len().checked_sub(12).filter(|&footer| footer >= 8) else {
        return refuse("the archive is cut off, or its end is damaged", SECTION);
    };
    let index = index_place(&file[footer..], file.len() as u64)?;
    let mut bytes = Bytes::new(&file[8..footer], SECTION);
    let mut sections = Vec::new();
    loop {
        let section = read_section(&mut bytes, 8)?;
        let (place, kind) = (section.place, section.kind);
        sections.push(section);
        if kind == b'I' {
            let right = place == index && bytes.left() == 0;
            demand(right, "the footer does not tell where the index is", SECTION)?;
            return Ok(sections);
        }
    }
}
