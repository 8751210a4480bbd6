//! Runs of bytes, and container metadata of DICOM files in them (format.md, A6.10).

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, Result};
use crate::restored::choices::Exceptions;
use crate::restored::picture::Picture;

const SECTION: &str = "format.md, A6.10";
const MOST: usize = 128;

struct Segment {
    gap: u64,
    length: u64,
    /// For each exception, the number of control bytes since the previous one, and its control byte.
    exceptions: Vec<(u64, u64)>,
}

/// Restores the file of a picture.
pub fn file(metadata: &[u8], picture: &Picture) -> Result<Vec<u8>> {
    let mut bytes = Bytes::new(metadata, SECTION);
    let frames = bytes.varint_in(1, 1 << 40, "the number of frames")? as usize;
    let flags = bytes.byte()?;
    let integers = matches!(picture.dtype.code[1], b'u' | b'i');
    demand(integers && picture.rows % frames == 0, "the runs do not fit the picture", SECTION)?;
    let mut segments = Vec::new();
    for _ in 0..bytes.varint()? {
        let (gap, length) = (bytes.varint()?, bytes.varint()?);
        let mut exceptions = Vec::new();
        for _ in 0..bytes.varint()? {
            exceptions.push((bytes.varint()?, u64::from(bytes.byte()?)));
        }
        segments.push(Segment { gap, length, exceptions });
    }
    let (rows, size) = (picture.rows / frames, picture.dtype.size());
    let planes = picture.channels * size;
    demand(segments.len() == frames * planes, "the number of planes does not match", SECTION)?;
    let mut out = Vec::new();
    for (number, segment) in segments.iter().enumerate() {
        let (frame, plane) = (number / planes, number % planes);
        let within = plane / size * size + size - 1 - plane % size;
        let pixels = &picture.pixels[frame * rows * picture.row_bytes()..][..rows * picture.row_bytes()];
        let plane: Vec<u8> = pixels.iter().skip(within).step_by(planes).copied().collect();
        let most = 2 * plane.len() + segment.exceptions.len();
        demand(segment.length <= most as u64, "a segment is too long", SECTION)?;
        out.extend_from_slice(bytes.take_long(segment.gap)?);
        let made = compress(&plane, picture.columns, u64::from(flags), &segment.exceptions)?;
        demand(made.len() as u64 == segment.length, "the length of a segment does not match", SECTION)?;
        out.extend(made);
    }
    out.extend_from_slice(bytes.rest());
    Ok(out)
}

pub fn compress(plane: &[u8], columns: usize, flags: u64, exceptions: &Exceptions) -> Result<Vec<u8>> {
    demand(flags < 8, "the flags of runs are unknown", SECTION)?;
    let least = if flags & 2 != 0 { 2 } else { 3 };
    let plain = Plain { plane, columns, by_rows: flags & 1 != 0, joins: flags & 4 != 0, least };
    let mut out = Vec::new();
    let mut exceptions = exceptions.iter().peekable();
    let (mut at, mut since) = (0, 0);
    loop {
        let control = match exceptions.next_if(|&&(before, _)| before == since) {
            Some(&(_, control)) => {
                since = 0;
                demand(control < 256, "a control byte is too large", SECTION)?;
                control as u8
            }
            None if at < plane.len() => {
                since += 1;
                plain.control(at)
            }
            None => break,
        };
        let count = match usize::from(control) {
            control if control < MOST => control + 1,
            control if control > MOST => 257 - control,
            _ => 0,
        };
        demand(count <= plane.len() - at, "a run is longer than its plane", SECTION)?;
        let part = &plane[at..at + count];
        let is_run = usize::from(control) > MOST;
        demand(!is_run || part.iter().all(|&byte| byte == part[0]), "a run has different bytes", SECTION)?;
        out.push(control);
        out.extend_from_slice(if is_run { &part[..1] } else { part });
        at += count;
    }
    demand(exceptions.next().is_none(), "there are exceptions behind the last run", SECTION)?;
    Ok(out)
}

struct Plain<'a> {
    plane: &'a [u8],
    columns: usize,
    by_rows: bool,
    /// Whether two equal bytes within a literal belong to it if a single byte follows them.
    joins: bool,
    least: usize,
}

impl Plain<'_> {
    /// The end of the row, or of the plane.
    fn end(&self, at: usize) -> usize {
        if self.by_rows {
            (at / self.columns + 1) * self.columns
        } else {
            self.plane.len()
        }
    }

    fn run(&self, at: usize, most: usize) -> usize {
        let end = self.end(at).min(at + most);
        self.plane[at..end].iter().take_while(|&&byte| byte == self.plane[at]).count()
    }

    fn control(&self, at: usize) -> u8 {
        let run = self.run(at, MOST);
        if run >= self.least {
            return (257 - run) as u8;
        }
        let (last, most) = (self.end(at), at + MOST);
        let mut end = at + 1;
        while end < last.min(most) {
            let run = self.run(end, 3);
            if run < self.least {
                end += 1;
            } else if self.joins && run == 2 && end + 2 <= most && end + 2 < last && self.run(end + 2, 2) == 1 {
                end += 2;
            } else {
                break;
            }
        }
        (end - at - 1) as u8
    }
}
