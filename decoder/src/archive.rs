//! The file: its sections and its index (format.md, A5).

use crate::bytes::Bytes;
use crate::collection::{Collection, Container, Kind};
use crate::crc::crc32c;
use crate::error::{demand, refuse, Result};

const SECTION: &str = "format.md, A5";
const MAGIC: &[u8] = b"\x89bb\r\n\x1a\n";
const END: &[u8] = b"bb\x1a\n";
const VERSION: u8 = 3;

/// The sections of an archive, checked but not yet decoded.
pub struct Archive<'a> {
    pub collection: Collection,
    pub models: Vec<&'a [u8]>,
    /// The number of tiles, as the index has it, and the payload of each block.
    pub blocks: Vec<(u64, &'a [u8])>,
    pub names: Option<&'a [u8]>,
    pub numbered: Option<&'a [u8]>,
    pub labels: Option<&'a [u8]>,
    pub stats: Option<&'a [u8]>,
    pub hashes: Option<&'a [u8]>,
}

struct Section<'a> {
    kind: u8,
    payload: &'a [u8],
    place: usize,
    size: usize,
}

fn read_section<'a>(bytes: &mut Bytes<'a>) -> Result<Section<'a>> {
    let place = bytes.at();
    let kind = bytes.byte()?;
    let length = bytes.varint()?;
    let payload = bytes.take_long(length)?;
    let covered = bytes.since(place);
    if bytes.u32()? != crc32c(&[covered]) {
        return refuse(format!("the section {:?} at byte {place} is damaged", kind as char), SECTION);
    }
    Ok(Section { kind, payload, place, size: bytes.at() - place })
}

impl<'a> Archive<'a> {
    pub fn read(file: &'a [u8]) -> Result<Archive<'a>> {
        let mut bytes = Bytes::new(file, SECTION);
        if file.len() < 8 || bytes.take(7)? != MAGIC {
            return refuse("this is no bitsback archive", SECTION);
        }
        let version = bytes.byte()?;
        if version != VERSION {
            return refuse(
                format!("the archive has the version {version}, and not {VERSION}: another release is needed"),
                SECTION,
            );
        }
        if file[8..].first() == Some(&b'R') {
            return refuse("this is a research archive, which only its own model can decode", SECTION);
        }
        let sections = read_sections(file, bytes)?;
        Archive::sort(&sections)
    }

    fn sort(sections: &[Section<'a>]) -> Result<Archive<'a>> {
        let [first, .., index] = sections else {
            return refuse("the archive lacks sections", SECTION);
        };
        demand(first.kind == b'C' && index.kind == b'I', "the archive does not begin with a C", SECTION)?;
        let mut archive = Archive {
            collection: Collection::read(first.payload)?,
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
        let mut bytes = Bytes::new(index.payload, "format.md, A5.11");
        let place = bytes.varint()?;
        let first = blocks.first().map_or(index.place, |block| block.place);
        let count = bytes.varint()?;
        if place != first as u64 || count != blocks.len() as u64 {
            return bytes.error("the index does not tell where the blocks are");
        }
        for block in blocks {
            let tiles = bytes.varint()?;
            if bytes.varint()? != block.size as u64 {
                return bytes.error("the index tells another size of a block");
            }
            self.blocks.push((tiles, block.payload));
        }
        bytes.end()
    }
}

/// All sections from the first one to the index, which the footer tells of.
fn read_sections<'a>(file: &'a [u8], mut bytes: Bytes<'a>) -> Result<Vec<Section<'a>>> {
    let cut_off = || refuse("the archive is cut off, or its end is damaged", SECTION);
    if bytes.left() < 12 || !file.ends_with(END) {
        return cut_off();
    }
    let footer = file.len() - 12;
    let size = Bytes::new(&file[footer..], SECTION).u64()?;
    let Some(index) = usize::try_from(size).ok().and_then(|size| footer.checked_sub(size)) else {
        return cut_off();
    };
    let mut sections = Vec::new();
    loop {
        let section = read_section(&mut bytes)?;
        let (place, kind) = (section.place, section.kind);
        sections.push(section);
        if kind == b'I' {
            demand(place == index && bytes.at() == footer, "the footer does not tell where the index is", SECTION)?;
            return Ok(sections);
        }
    }
}
