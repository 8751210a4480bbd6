//! Container metadata of GIF files (format.md, A6.5).

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, error, Result};
use crate::restored::picture::{Mode, Picture};
use crate::restored::sheet::places;

const SECTION: &str = "format.md, A6.5";
const MOST_CODES: usize = 4096;
const MOST_PIXELS: usize = 1 << 26;

struct Frame {
    gap: u64,
    width: usize,
    height: usize,
    bits: u32,
    flags: u64,
    block: usize,
    /// Runs of clear codes: their number, and the number of codes before each.
    clears: Vec<(u64, u64)>,
}

impl Frame {
    fn read(bytes: &mut Bytes) -> Result<Frame> {
        let gap = bytes.varint()?;
        let width = bytes.varint_in(1, 65535, "the width of a frame")? as usize;
        let height = bytes.varint_in(1, 65535, "the height of a frame")? as usize;
        let bits = bytes.varint_in(1, 11, "the bits of a pixel")? as u32;
        let flags = bytes.varint_in(0, 15, "the flags of a frame")?;
        let block = bytes.varint_in(1, 255, "the length of a block")? as usize;
        let most = (width * height) as u64;
        let (mut clears, mut total) = (Vec::new(), 0u64);
        for _ in 0..bytes.varint()? {
            let count = bytes.varint_in(0, most + 1, "a number of clear codes")?;
            clears.push((count, bytes.varint_in(0, most, "a number of codes")?));
            total += count;
            demand(total <= most + 1, "a frame has more clear codes than pixels", SECTION)?;
        }
        Ok(Frame { gap, width, height, bits, flags, block, clears })
    }

    fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// The pixels of the frame, in the order of the stream.
    fn pixels(&self, picture: &Picture, top: usize, left: usize) -> Vec<u8> {
        let row = |y: usize| {
            let start = (top + y) * picture.columns + left;
            &picture.pixels[start..start + self.width]
        };
        let passes: &[(usize, usize)] = if self.flags & 1 != 0 { &[(0, 8), (4, 8), (2, 4), (1, 2)] } else { &[(0, 1)] };
        passes.iter().flat_map(|&(first, step)| (first..self.height).step_by(step)).flat_map(row).copied().collect()
    }
}

fn read(bytes: &mut Bytes) -> Result<Vec<Frame>> {
    let mut frames = Vec::new();
    for _ in 0..bytes.varint()? {
        frames.push(Frame::read(bytes)?);
    }
    Ok(frames)
}

/// Reads the rows and columns of the frames.
pub fn sizes(bytes: &mut Bytes) -> Result<Vec<(usize, usize)>> {
    Ok(read(bytes)?.iter().map(Frame::size).collect())
}

/// The palette of all frames in a file without its pixels.
pub fn palette(others: &[u8]) -> Vec<u8> {
    let size = others.get(10).filter(|&flags| flags & 128 != 0).map_or(0, |flags| 3 << (1 + (flags & 7)));
    others.iter().skip(13).take(size).copied().collect()
}

/// Restores the file from a sheet.
pub fn file(metadata: &[u8], picture: &Picture) -> Result<Vec<u8>> {
    let mut bytes = Bytes::new(metadata, SECTION);
    demand(picture.mode() == Mode::Grey, "the sheet of a GIF does not have indexes", SECTION)?;
    demand(picture.rows * picture.columns <= MOST_PIXELS, "the sheet of a GIF is too large", SECTION)?;
    let frames = read(&mut bytes)?;
    let sizes: Vec<_> = frames.iter().map(Frame::size).collect();
    let mut encoder = Encoder::new();
    let mut out = Vec::new();
    for (frame, (top, left)) in frames.iter().zip(places(&sizes, picture)?) {
        let stream = encoder.stream(&frame.pixels(picture, top, left), frame)?;
        out.extend_from_slice(bytes.take_long(frame.gap)?);
        out.push(frame.bits as u8);
        for block in stream.chunks(frame.block) {
            out.push(block.len() as u8);
            out.extend_from_slice(block);
        }
        out.push(0);
    }
    out.extend_from_slice(bytes.rest());
    Ok(out)
}

/// An LZW encoder that chooses the longest strings.
struct Encoder {
    /// The code of a string, indexed by the code of its prefix and its last pixel; 0 for none.
    longer: Vec<u16>,
    known: Vec<usize>,
    width: u32,
    next: usize,
    since_clear: u64,
}

impl Encoder {
    fn new() -> Encoder {
        Encoder { longer: vec![0; MOST_CODES << 8], known: Vec::new(), width: 0, next: 0, since_clear: 0 }
    }

    fn clear(&mut self, bits: u32) {
        for place in self.known.drain(..) {
            self.longer[place] = 0;
        }
        (self.width, self.next, self.since_clear) = (bits + 1, (1 << bits) + 2, 0);
    }

    fn stream(&mut self, pixels: &[u8], frame: &Frame) -> Result<Vec<u8>> {
        let clear = 1usize << frame.bits;
        let single = frame.flags & 8 != 0;
        let clears = frame.clears.iter().flat_map(|&(count, codes)| (0..count).map(move |_| codes));
        let (mut clears, mut out) = (clears.peekable(), Codes::default());
        self.clear(frame.bits);
        let mut at = 0;
        loop {
            while clears.next_if(|&codes| codes == self.since_clear).is_some() {
                out.put(clear, self.width);
                self.clear(frame.bits);
            }
            let Some(&first) = pixels.get(at) else { break };
            let mut code = usize::from(first);
            demand(code < clear, "a pixel of a GIF has no code", SECTION)?;
            at += 1;
            let mut place = 0;
            while at < pixels.len() && !single {
                place = code << 8 | usize::from(pixels[at]);
                if self.longer[place] == 0 {
                    break;
                }
                code = usize::from(self.longer[place]);
                at += 1;
            }
            out.put(code, self.width);
            if self.since_clear > 0 && self.next < MOST_CODES {
                self.next += 1;
            }
            self.since_clear += 1;
            if self.next == 1 << self.width && self.width < 12 {
                self.width += 1;
            }
            if at < pixels.len() && !single && self.next < MOST_CODES {
                self.longer[place] = self.next as u16;
                self.known.push(place);
            }
        }
        if clears.next().is_some() {
            return Err(error("there are clear codes behind the last code", SECTION));
        }
        if frame.flags & 2 != 0 {
            out.put(clear + 1, self.width);
        }
        if out.count > 0 {
            out.bytes.push(out.buffer as u8);
        }
        if frame.flags & 4 != 0 {
            out.bytes.push(0);
        }
        Ok(out.bytes)
    }
}

#[derive(Default)]
struct Codes {
    bytes: Vec<u8>,
    buffer: u32,
    count: u32,
}

impl Codes {
    fn put(&mut self, code: usize, width: u32) {
        self.buffer |= (code as u32) << self.count;
        self.count += width;
        while self.count >= 8 {
            self.bytes.push(self.buffer as u8);
            self.buffer >>= 8;
            self.count -= 8;
        }
    }
}
