//! The file: its sections and its index (format.md, A5).

use crate::container::collection::{Collection, Container, Kind};
use crate::container::ranges::Ranges;
use crate::foundations::bytes::Bytes;
use crate::foundations::crc::crc32c;
use crate::foundations::error::{demand, error, refuse, Result};

const SECTION: &str = "format.md, A5";
const INDEX: &str = "format.md, A5.11";
const PREVIEWS: &str = "format.md, A5.17";
const MAGIC: &[u8] = b"\x89bb\r\n\x1a\n";
const END: &[u8] = b"bb\x1a\n";
pub const VERSION: u8 = 7;

/// The sections of an archive, checked but not yet decoded.
pub struct Archive<'a> {
    pub collection: Collection,
    /// The payload of the collection.
    pub payload: &'a [u8],
    pub models: Vec<&'a [u8]>,
    pub blocks: Vec<BlockSection>,
    pub names: Option<&'a [u8]>,
    pub numbered: Option<&'a [u8]>,
    pub labels: Option<&'a [u8]>,
    pub stats: Option<&'a [u8]>,
    pub digests: Option<&'a [u8]>,
    pub entries: Option<&'a [u8]>,
    /// The sections that a reader may ignore.
    pub others: Vec<Listed>,
    /// The end of the archive, if an unfinished addition follows it.
    pub continued_at: Option<u64>,
}

/// A block: place and size of its section, its first tile, and its number of tiles.
#[derive(Clone, Copy, Debug)]
pub struct BlockSection {
    pub place: u64,
    pub size: u64,
    pub first: u64,
    pub tiles: u64,
}

/// A section that the index lists.
#[derive(Clone, Copy)]
pub struct Listed {
    pub kind: u8,
    pub place: u64,
    pub size: u64,
}

/// Checks a section, and returns its payload.
fn read_section(section: &[u8], kind: u8, place: u64) -> Result<&[u8]> {
    let mut bytes = Bytes::new(section, SECTION);
    demand(bytes.byte()? == kind, "the kind of a section differs from the index", INDEX)?;
    let length = bytes.varint()?;
    let payload = bytes.take_long(length)?;
    let covered = bytes.since(0);
    if bytes.u32()? != crc32c(&[covered]) {
        return refuse(format!("the section {:?} at byte {place} is damaged", kind as char), SECTION);
    }
    bytes.end()?;
    Ok(payload)
}

/// The payload of a section `B` at a place.
pub fn block_payload(section: &[u8], place: u64) -> Result<&[u8]> {
    read_section(section, b'B', place)
}

/// The header of a section `v`: the number of the first file, and the size of each file's preview. The previews are the
/// last bytes in front of the CRC.
pub fn read_previews(section: &[u8]) -> Result<(u64, Vec<u64>)> {
    let mut bytes = Bytes::new(read_section(section, b'v', 0)?, PREVIEWS);
    let first = bytes.varint()?;
    let mut lengths = Vec::new();
    for _ in 0..bytes.varint_in(1, u64::MAX, "the number of previews")? {
        lengths.push(bytes.varint()?);
    }
    let total = lengths.iter().try_fold(0u64, |sum, &length| sum.checked_add(length));
    demand(total == Some(bytes.left() as u64), "the sizes of previews do not match their section", PREVIEWS)?;
    Ok((first, lengths))
}

fn check_start(start: &[u8]) -> Result<()> {
    if start.len() < 8 || !start.starts_with(MAGIC) {
        return refuse("this is not a bitsback archive", SECTION);
    }
    let version = start[7];
    if version != VERSION {
        return refuse(
            format!("the archive has the version {version} instead of {VERSION}: another release is needed"),
            SECTION,
        );
    }
    Ok(())
}

/// The index whose footer ends at a place, and the place of the index.
fn find_index<'a>(ranges: &'a Ranges, end: u64) -> Result<(&'a [u8], u64)> {
    let cut_off = "the archive is cut off, or its end is damaged";
    let Some(footer) = end.checked_sub(12).filter(|&footer| footer >= 8) else { return refuse(cut_off, SECTION) };
    let bytes = ranges.get(footer, 12)?;
    let place = footer.checked_sub(Bytes::new(bytes, SECTION).u64()?);
    let Some(place) = place.filter(|&place| place >= 8 && bytes.ends_with(END)) else {
        return refuse(cut_off, SECTION);
    };
    Ok((read_section(ranges.get(place, footer - place)?, b'I', place)?, place))
}

/// The end of the last generation with an intact index and footer, if an unfinished addition or other bytes follow it.
fn last_whole(ranges: &Ranges) -> Result<u64> {
    let whole = walk(ranges)?;
    let is_addition = ranges.get(whole, 1)? == b"C";
    if is_addition && ranges.get(ranges.size() - 4, 4)? == END {
        return refuse("the archive is cut off, or its end is damaged", SECTION);
    }
    Ok(whole)
}

/// The same, by a walk over all sections.
fn walk(ranges: &Ranges) -> Result<u64> {
    let damaged = || Err(error("the archive is cut off, or its end is damaged", SECTION));
    let mut whole = damaged();
    let mut place = 8;
    while place < ranges.size() {
        let mut head = Bytes::new(ranges.get(place, (ranges.size() - place).min(11))?, SECTION);
        let kind = head.byte()?;
        let Ok(length) = head.varint() else { return whole };
        let end = length.checked_add(place + head.at() as u64 + 4).filter(|&end| end <= ranges.size());
        let Some(end) = end else { return whole };
        let start = std::mem::replace(&mut place, end);
        if kind == b'I' {
            if ranges.size() - place <= 12 && read_section(ranges.get(start, end - start)?, kind, start).is_ok() {
                return damaged();
            }
            place += 12;
            if place > ranges.size() {
                return whole;
            }
            match find_index(ranges, place) {
                Ok(_) => whole = Ok(place),
                Err(error) if ranges.missing().is_some() => return Err(error),
                Err(_) => {}
            }
        }
    }
    whole
}

impl<'a> Archive<'a> {
    /// Reads all sections that affect the content, except blocks and previews.
    pub fn open(ranges: &'a Ranges<'a>) -> Result<Archive<'a>> {
        check_start(ranges.get(0, ranges.size().min(9))?)?;
        let (payload, place, continued_at) = match find_index(ranges, ranges.size()) {
            Err(error) if ranges.missing().is_some() => return Err(error),
            Err(_) => {
                let end = last_whole(ranges)?;
                let (payload, place) = find_index(ranges, end)?;
                (payload, place, Some(end))
            }
            Ok((payload, place)) => (payload, place, None),
        };
        let index = Index::read(payload)?;
        let start = index.check(place)?;
        let begins = start == 8 || start >= 12 && ranges.get(start - 4, 4)? == END;
        demand(begins, "a generation does not begin at the end of the previous one", INDEX)?;
        Ok(Archive { continued_at, ..Archive::sort(&index, ranges)? })
    }

    fn sort(index: &Index, ranges: &'a Ranges<'a>) -> Result<Archive<'a>> {
        let read = |section: &Listed| {
            let Listed { kind, place, size } = *section;
            read_section(ranges.get(place, size)?, kind, place)
        };
        let Some(first) = index.sections.iter().find(|section| section.kind == b'C') else {
            return refuse("the archive has no collection", INDEX);
        };
        let payload = read(first)?;
        let mut archive = Archive {
            collection: Collection::read(payload)?,
            payload,
            models: Vec::new(),
            blocks: index.blocks.clone(),
            names: None,
            numbered: None,
            labels: None,
            stats: None,
            digests: None,
            entries: None,
            others: Vec::new(),
            continued_at: None,
        };
        for section in &index.sections {
            let slot = match section.kind {
                b'C' => continue,
                b'M' => {
                    let model = read(section)?;
                    demand(model.len() >= 16, "an embedded model has no identity", "format.md, A8")?;
                    archive.models.push(model);
                    continue;
                }
                b'N' => &mut archive.names,
                b'U' => &mut archive.numbered,
                b'L' => &mut archive.labels,
                b'F' => &mut archive.stats,
                b'H' => &mut archive.digests,
                b'E' => &mut archive.entries,
                b'a'..=b'z' => {
                    archive.others.push(*section);
                    continue;
                }
                kind => {
                    return refuse(
                        format!("a section is of the unknown kind {:?}: a newer release is needed", kind as char),
                        SECTION,
                    )
                }
            };
            let twice = slot.replace(read(section)?).is_some();
            let of_files = matches!(archive.collection.container, Container::Files(_));
            demand(!twice || !of_files, "a section exists twice", SECTION)?;
        }
        archive.check_sections()?;
        let end = archive.blocks.last().map_or(0, |block| block.first + block.tiles);
        let total = archive.collection.tiles()?;
        demand(end <= total, "the blocks have too many tiles", INDEX)?;
        let all = archive.blocks.iter().map(|block| block.tiles).sum::<u64>() == total;
        demand(all || archive.collection.removed, "the blocks do not contain all tiles", INDEX)?;
        Ok(archive)
    }

    /// Checks that the sections which a reader may ignore match the index in kind and length.
    pub fn check_others(&self, ranges: &Ranges) -> Result<()> {
        for section in &self.others {
            let mut head = Bytes::new(ranges.get(section.place, section.size)?, SECTION);
            let kind = head.byte()?;
            let length = head.varint()?;
            let fits = kind == section.kind && length.checked_add(4) == Some(head.left() as u64);
            demand(fits, "the kind or the length of a section differs from the index", INDEX)?;
        }
        Ok(())
    }

    /// Whether all these tiles are in blocks.
    pub fn has_tiles(&self, tiles: std::ops::Range<u64>) -> bool {
        let at = self.blocks.partition_point(|block| block.first + block.tiles <= tiles.start);
        let mut next = tiles.start;
        for block in &self.blocks[at..] {
            if next >= tiles.end || block.first > next {
                break;
            }
            next = block.first + block.tiles;
        }
        next >= tiles.end
    }

    /// Checks that the container allows the sections.
    fn check_sections(&self) -> Result<()> {
        let container = &self.collection.container;
        let pictures = matches!(container, Container::Files(Kind::Pictures));
        let may_be_removed = pictures && self.names.is_some();
        demand(may_be_removed || !self.collection.removed, "only files with names can be removed", "format.md, A5.1")?;
        let Container::Files(kind) = *container else {
            return Ok(()); // sections about files have no meaning here
        };
        let bytes = self.collection.parts.iter().any(|part| part.axes >= 3);
        let named = match kind {
            Kind::Pictures => self.names.is_some() != self.numbered.is_some(),
            _ => self.names.is_some() && self.numbered.is_none(),
        };
        demand(named, "the names of files are missing or defined twice", SECTION)?;
        let sets = self.numbered.is_none() || self.stats.is_none() && !bytes;
        demand(sets, "a U section is not allowed here", SECTION)?;
        demand(self.stats.is_none() || pictures, "an F section is not allowed here", SECTION)?;
        demand(!pictures || !bytes || self.stats.is_some(), "the F section is missing", SECTION)?;
        let named = pictures && self.names.is_some();
        demand(self.digests.is_none() || named, "an H section is not allowed here", SECTION)?;
        demand(self.entries.is_none() || named, "an E section is not allowed here", SECTION)
    }
}

struct Index {
    sections: Vec<Listed>,
    blocks: Vec<BlockSection>,
}

impl Index {
    fn read(payload: &[u8]) -> Result<Index> {
        let mut bytes = Bytes::new(payload, INDEX);
        let too_large = || error("a place in the index is too large", INDEX);
        let mut index = Index { sections: Vec::new(), blocks: Vec::new() };
        let mut end = 0u64;
        for _ in 0..bytes.varint()? {
            let kind = bytes.byte()?;
            let place = end.checked_add(bytes.varint()?).ok_or_else(too_large)?;
            let size = bytes.varint()?;
            end = place.checked_add(size).ok_or_else(too_large)?;
            index.sections.push(Listed { kind, place, size });
        }
        let (mut end, mut first) = (0u64, 0u64);
        for _ in 0..bytes.varint()? {
            first = first.checked_add(bytes.varint()?).ok_or_else(too_large)?;
            end = end.checked_add(bytes.varint()?).ok_or_else(too_large)?;
            for _ in 0..bytes.varint_in(1, u64::MAX, "the number of blocks of a run")? {
                let tiles = bytes.varint_in(1, u64::MAX, "the number of tiles of a block")?;
                let size = bytes.varint()?;
                index.blocks.push(BlockSection { place: end, size, first, tiles });
                first = first.checked_add(tiles).ok_or_else(too_large)?;
                end = end.checked_add(size).ok_or_else(too_large)?;
            }
        }
        bytes.end()?;
        Ok(index)
    }

    /// Checks the lists of an index at a place. Returns the start of its generation.
    fn check(&self, place: u64) -> Result<u64> {
        let wrong = |what: &str| refuse(format!("the index {what}"), INDEX);
        let mut collections = self.sections.iter().filter(|section| section.kind == b'C');
        let (Some(start), None) = (collections.next(), collections.next()) else {
            return wrong("does not list one collection");
        };
        let start = start.place;
        let blocks = self.blocks.iter().map(|block| Listed { kind: b'B', place: block.place, size: block.size });
        let mut all: Vec<Listed> = self.sections.iter().copied().chain(blocks).collect();
        all.sort_by_key(|section| section.place);
        let mut end = 8;
        let mut state = 0; // 0: before the blocks of the generation, 1: among them, 2: behind them
        for Listed { kind, place, size } in all {
            if place < end || size < 6 {
                return wrong("lists sections that overlap or are too short");
            }
            if place > start {
                if place != end {
                    return wrong("does not list all sections of its generation");
                }
                match (kind, state) {
                    (b'B', 2) => return wrong("lists blocks that do not follow each other"),
                    (b'B', _) => state = 1,
                    (_, 1) => state = 2,
                    _ => {}
                }
            }
            end = place + size;
        }
        if end != place {
            return wrong("does not list all sections of its generation");
        }
        if self.sections.iter().any(|section| matches!(section.kind, b'B' | b'I')) {
            return wrong("lists a block or an index among other sections");
        }
        Ok(start)
    }
}
