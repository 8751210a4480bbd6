//! Container metadata of files with lossless JPEG streams (format.md, A6.11).

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, refuse, Result};
use crate::jpeg::markers::Frame;
use crate::jpeg::scans::Planes;
use crate::jpeg::streams;
use crate::restored::picture::Picture;

const SECTION: &str = "format.md, A6.11";

/// Headers within streams: the bytes since the previous one, and the header.
type Headers = Vec<(u64, [u8; 8])>;

fn headers(bytes: &mut Bytes) -> Result<Headers> {
    let mut found = Vec::new();
    for _ in 0..bytes.varint()? {
        found.push((bytes.varint()?, bytes.array()?));
    }
    Ok(found)
}

/// The bytes of the file before its first stream: their place in the file and in the metadata, and their number.
pub fn beginning(bytes: &mut Bytes) -> Result<[u64; 3]> {
    headers(bytes)?;
    bytes.varint()?;
    let (mut first, mut around) = (None, 0u64);
    for _ in 0..bytes.varint()? {
        first.get_or_insert(bytes.varint()?);
        let [_, skeleton, details, _] = [bytes.varint()?, bytes.varint()?, bytes.varint()?, bytes.varint()?];
        around = around.saturating_add(skeleton).saturating_add(details);
    }
    bytes.take_long(around)?;
    Ok([0, bytes.at() as u64, first.unwrap_or(0).min(bytes.left() as u64)])
}

/// Restores the file of a picture.
pub fn file(metadata: &[u8], picture: &Picture) -> Result<Vec<u8>> {
    let mut bytes = Bytes::new(metadata, SECTION);
    let integers = matches!(picture.dtype.code[1], b'u' | b'i') && picture.dtype.size() <= 2;
    demand(integers, "the JPEG streams do not fit the picture", SECTION)?;
    let headers = headers(&mut bytes)?;
    let mut rows = picture.rows();
    let whole = streams::restore_streams(bytes.rest(), usize::MAX, |stream| {
        let mut planes = Vec::new();
        if let Some(frame) = &stream.frame {
            demand(frame.lossless, "a JPEG stream is not lossless", SECTION)?;
            let few = stream.scans <= frame.components.len() as u64;
            demand(few, "a JPEG stream has too many scans", SECTION)?;
            planes = samples(frame, picture, &mut rows)?;
        }
        stream.write(&Planes::Samples(planes))
    })?;
    demand(rows.next().is_none(), "the picture has more samples than its JPEG streams", SECTION)?;
    let mut whole = Bytes::new(&whole, SECTION);
    let mut out = Vec::new();
    for (gap, header) in headers {
        out.extend_from_slice(whole.take_long(gap)?);
        out.extend_from_slice(&header);
    }
    out.extend_from_slice(whole.rest());
    Ok(out)
}

/// The samples of a stream, from the next rows of the picture.
fn samples<'a>(frame: &Frame, picture: &Picture, rows: &mut impl Iterator<Item = &'a [u8]>) -> Result<Vec<Vec<u16>>> {
    let units: usize = frame.components.iter().map(|one| one.v * one.h).sum();
    let same = (frame.columns, units) == (picture.columns, picture.channels) && frame.rows <= picture.rows;
    demand(same, "a JPEG stream does not fit the samples of the picture", SECTION)?;
    let signed = picture.dtype.code[1] == b'i';
    let most = if signed { ((1u32 << frame.precision) - 1) as u16 } else { u16::MAX };
    let size = picture.dtype.size();
    let mut planes: Vec<_> = frame.components.iter().map(|one| vec![0; one.rows * one.columns]).collect();
    for row in 0..frame.rows {
        let Some(pixels) = rows.next() else {
            return refuse("the picture has fewer samples than its JPEG streams", SECTION);
        };
        let mut samples = pixels.chunks_exact(size).map(|sample| match *sample {
            [low, high] => u16::from_le_bytes([low, high]),
            [only] if signed => i16::from(only as i8) as u16,
            _ => u16::from(sample[0]),
        });
        for column in 0..frame.columns {
            for (component, plane) in frame.components.iter().zip(&mut planes) {
                for v in 0..component.v {
                    for h in 0..component.h {
                        let place = (row * component.v + v) * component.columns + column * component.h + h;
                        plane[place] = samples.next().unwrap_or(0) & most;
                    }
                }
            }
        }
    }
    Ok(planes)
}
