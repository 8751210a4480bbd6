//! The decoder as a WebAssembly module; `viewer/decoder.js` calls it.
//!
//! Arguments are numbers, or bytes that the caller has written to memory of `allocate`; the called function frees them.
//! Each function returns a status, and stores bytes at `result` with `result_size`: the result, as JSON unless stated
//! otherwise, or an error message. A panic stores its message there, too, and the trap that follows ends the instance.

use std::cell::RefCell;
use std::fmt::Write;

use bitsback_decode::blocks::methods;
use bitsback_decode::container::archive::{block_payload, read_previews};
use bitsback_decode::container::catalogue::{Catalogue, Entry, Piece};
use bitsback_decode::container::collection::Collection;
use bitsback_decode::container::ranges::Ranges;
use bitsback_decode::foundations::bytes::Bytes;
use bitsback_decode::foundations::dtype::Dtype;
use bitsback_decode::foundations::error::{demand, error, Result};
use bitsback_decode::foundations::sha256::hex;
use bitsback_decode::foundations::tables;
use bitsback_decode::jpeg::streams::Streams;
use bitsback_decode::models::library::Library;
use bitsback_decode::restored::metadata::Header;
use bitsback_decode::restored::npy::npy;
use bitsback_decode::restored::output::{check_tiles, part_of};
use bitsback_decode::restored::picture::Picture;
use bitsback_decode::types::block::{Block, Method};

const DONE: u32 = 0;
const FAILED: u32 = 1;
/// The result is the start and the length of the needed range of the file.
const NEEDS_BYTES: u32 = 2;
/// The result is the identity of the needed model.
const NEEDS_MODEL: u32 = 3;

#[derive(Default)]
struct State {
    ranges: Ranges<'static>,
    catalogue: Option<Catalogue>,
    collection: Option<Collection>,
    library: Library<'static>,
    /// Decoded strips of the next block.
    strips: Vec<Vec<u8>>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
    static RESULT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn leave(result: impl Into<Vec<u8>>) {
    RESULT.with_borrow_mut(|bytes| *bytes = result.into());
}

/// Runs a function, and stores its result.
fn call(function: impl FnOnce(&mut State) -> Result<Vec<u8>>) -> u32 {
    STATE.with_borrow_mut(|state| match function(state) {
        Ok(result) => {
            leave(result);
            DONE
        }
        Err(error) => {
            leave(error.to_string());
            FAILED
        }
    })
}

/// Takes ownership of bytes that the caller wrote.
fn take_bytes(bytes: *mut u8, size: usize) -> Vec<u8> {
    if size == 0 {
        return Vec::new();
    }
    // SAFETY: the caller got them from `allocate` with this size, and does not use them any more.
    unsafe { Vec::from_raw_parts(bytes, size, size) }
}

#[no_mangle]
pub extern "C" fn allocate(size: usize) -> *mut u8 {
    Box::leak(vec![0; size].into_boxed_slice()).as_mut_ptr()
}

#[no_mangle]
pub extern "C" fn result() -> *const u8 {
    RESULT.with_borrow(|bytes| bytes.as_ptr())
}

#[no_mangle]
pub extern "C" fn result_size() -> usize {
    RESULT.with_borrow(Vec::len)
}

/// Begins with a file of a size, without any of its bytes.
#[no_mangle]
pub extern "C" fn begin(size: f64) {
    std::panic::set_hook(Box::new(|panic| leave(panic.to_string())));
    STATE.with_borrow_mut(|state| state.ranges = Ranges::new(size as u64));
}

/// Adds a range of the file.
#[no_mangle]
pub extern "C" fn give(start: f64, bytes: *mut u8, size: usize) {
    STATE.with_borrow_mut(|state| state.ranges.add(start as u64, take_bytes(bytes, size)));
}

/// Opens the file: reads its index and its content. If bytes are needed, call it again after adding them.
#[no_mangle]
pub extern "C" fn open() -> u32 {
    STATE.with_borrow_mut(|state| match Catalogue::open(&state.ranges) {
        Ok(catalogue) => {
            let models: Vec<usize> = catalogue.models.iter().map(Vec::len).collect();
            let blocks = catalogue.blocks.len();
            let previews: Vec<[u64; 2]> =
                catalogue.previews.iter().map(|section| [section.place, section.size]).collect();
            let count = catalogue.count();
            leave(format!(
                "{{\"entries\":{count},\"blocks\":{blocks},\"models\":{models:?},\"previews\":{previews:?},\
                 \"isContinued\":{}}}",
                catalogue.is_continued
            ));
            state.catalogue = Some(catalogue);
            DONE
        }
        Err(error) => match state.ranges.missing() {
            Some((start, size)) => {
                leave(format!("[{start},{size}]"));
                NEEDS_BYTES
            }
            None => {
                leave(error.to_string());
                FAILED
            }
        },
    })
}

fn catalogue(state: &State) -> Result<&Catalogue> {
    state.catalogue.as_ref().ok_or_else(|| error("no archive is open", "format.md, A5"))
}

fn entry(catalogue: &Catalogue, number: f64) -> Result<Entry> {
    catalogue.entry(number as u64).ok_or_else(|| error("there is no such entry", "format.md, A5"))
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => write!(out, "\\u{:04x}", c as u32).unwrap_or_default(),
            c => out.push(c),
        }
    }
    out + "\""
}

/// Describes some entries.
#[no_mangle]
pub extern "C" fn entries(first: f64, count: f64) -> u32 {
    call(|state| {
        let catalogue = catalogue(state)?;
        let mut list = Vec::new();
        for number in first as u64..(first as u64).saturating_add(count as u64).min(catalogue.count()) {
            let entry = entry(catalogue, number as f64)?;
            list.push(format!(
                "{{\"name\":{},\"dtype\":{},\"shape\":{:?},\"slices\":{},\"rows\":{},\"columns\":{},\"channels\":{},\
                 \"isBytes\":{},\"file\":{},\"metadata\":{}}}",
                quoted(&entry.name),
                quoted(&entry.dtype.text()),
                entry.shape,
                entry.slices,
                entry.rows,
                entry.columns,
                entry.channels,
                entry.is_bytes,
                entry.file.map_or("null".into(), |file| file.to_string()),
                entry.metadata.map_or(0, |metadata| metadata.size),
            ));
        }
        Ok(format!("[{}]", list.join(",")).into_bytes())
    })
}

/// The pieces of blocks that a picture of an entry consists of: for each its block, its first byte in the content of
/// the block, and the first and the number of its rows, columns and channels. `rows`: the rows of each frame if
/// pictures are frames below each other, and otherwise 0.
#[no_mangle]
pub extern "C" fn pieces(number: f64, slice: f64, rows: f64) -> u32 {
    pieces_of(number, |catalogue, entry| match rows as u64 {
        0 => catalogue.pieces(entry, slice as u64),
        rows => catalogue.frame_pieces(entry, slice as u64, rows),
    })
}

/// The pieces of blocks that the container metadata of an entry consist of, as bytes.
#[no_mangle]
pub extern "C" fn metadata(number: f64) -> u32 {
    pieces_of(number, Catalogue::metadata_pieces)
}

fn pieces_of(number: f64, list: impl Fn(&Catalogue, &Entry) -> Vec<Piece>) -> u32 {
    call(|state| {
        let catalogue = catalogue(state)?;
        let pieces = list(catalogue, &entry(catalogue, number)?);
        let there = pieces.iter().all(|piece| piece.block < catalogue.blocks.len());
        demand(there, "no block contains some of the needed tiles", "format.md, A5.11")?;
        let list: Vec<String> = pieces
            .iter()
            .map(|piece| {
                let [[row, rows], [column, columns], [channel, channels]] = [piece.rows, piece.columns, piece.channels];
                let (block, offset) = (piece.block, piece.offset);
                format!("[{block},{offset},{row},{rows},{column},{columns},{channel},{channels}]")
            })
            .collect();
        Ok(format!("[{}]", list.join(",")).into_bytes())
    })
}

/// The content of container metadata: the number of frames and their rows; the places of header bytes in the file and
/// in the metadata, and their numbers; and the palette.
#[no_mangle]
pub extern "C" fn header(bytes: *mut u8, size: usize) -> u32 {
    let metadata = take_bytes(bytes, size);
    call(|_| {
        let Header { frames, rows, pieces, palette } = Header::read(&metadata)?;
        let sizes = format!("\"frames\":{frames},\"rows\":{rows}");
        Ok(format!("{{{sizes},\"pieces\":{pieces:?},\"palette\":{palette:?}}}").into_bytes())
    })
}

/// The start and the length of the section of a block in the file, its first tile, and its number of tiles.
#[no_mangle]
pub extern "C" fn block(number: u32) -> u32 {
    call(|state| {
        let block = catalogue(state)?.blocks.get(number as usize);
        let block = block.ok_or_else(|| error("there is no such block", "format.md, A5"))?;
        Ok(format!("[{},{},{},{}]", block.place, block.size, block.first, block.tiles).into_bytes())
    })
}

/// The header of a section of previews: the number of the first file, and the size of each file's preview. The previews
/// are the last bytes of the section in front of its 4 bytes of CRC.
#[no_mangle]
pub extern "C" fn previews(bytes: *mut u8, size: usize) -> u32 {
    let section = take_bytes(bytes, size);
    call(|_| {
        let (first, lengths) = read_previews(&section)?;
        Ok(format!("[{first},{lengths:?}]").into_bytes())
    })
}

/// The bytes that another instance needs to decode blocks: the collection, or an embedded model.
#[no_mangle]
pub extern "C" fn payload(model: i32) -> u32 {
    call(|state| {
        let catalogue = catalogue(state)?;
        match usize::try_from(model) {
            Ok(model) => Ok(catalogue.models.get(model).cloned().unwrap_or_default()),
            Err(_) => Ok(catalogue.payload.clone()),
        }
    })
}

/// Takes the payload of the collection. Call this before decoding blocks.
#[no_mangle]
pub extern "C" fn collection(bytes: *mut u8, size: usize) -> u32 {
    std::panic::set_hook(Box::new(|panic| leave(panic.to_string())));
    let payload = take_bytes(bytes, size);
    call(|state| {
        state.collection = Some(Collection::read(&payload)?);
        Ok(Vec::new())
    })
}

/// Takes the payload of an embedded model, or the file of a bundled one.
#[no_mangle]
pub extern "C" fn model(bytes: *mut u8, size: usize, embedded: bool) -> u32 {
    let bytes = take_bytes(bytes, size);
    call(|state| {
        if embedded {
            state.library.embed(bytes);
        } else {
            state.library.add_file(bytes)?;
        }
        Ok(Vec::new())
    })
}

/// Takes the table of the beta-binomial distributions.
#[no_mangle]
pub extern "C" fn table(bytes: *mut u8, size: usize) -> u32 {
    let right = tables::set_beta_binomial(&take_bytes(bytes, size));
    u32::from(!right)
}

/// The number of strips of JPEG streams, which can be decoded separately, in the section of a block at a place of the
/// file.
#[no_mangle]
pub extern "C" fn strips(bytes: *mut u8, size: usize, place: f64) -> u32 {
    let section = take_bytes(bytes, size);
    call(|_| {
        let block = Block::read(block_payload(&section, place as u64)?)?;
        let count = if block.method == Method::Streams { Streams::read(&block)?.strips()?.len() } else { 0 };
        Ok(count.to_string().into_bytes())
    })
}

/// Decodes one of these strips, as numbers, low bytes first.
#[no_mangle]
pub extern "C" fn strip(bytes: *mut u8, size: usize, place: f64, number: usize) -> u32 {
    let section = take_bytes(bytes, size);
    call(|_| {
        let block = Block::read(block_payload(&section, place as u64)?)?;
        let strips = Streams::read(&block)?.strips()?;
        let strip = strips.get(number).ok_or_else(|| error("there is no such strip", "jpeg-format.md, J1"))?;
        Ok(strip.decode()?.iter().flatten().flatten().flat_map(|number| number.to_le_bytes()).collect())
    })
}

/// Adds the next decoded strip of the block to decode.
#[no_mangle]
pub extern "C" fn give_strip(bytes: *mut u8, size: usize) {
    let strip = take_bytes(bytes, size);
    STATE.with_borrow_mut(|state| state.strips.push(strip));
}

/// Decodes the section of a block at a place of the file, with these tiles. The result is bytes: its content, followed
/// by the identity of its model as 32 hexadecimal digits, or 32 spaces without a model.
#[no_mangle]
pub extern "C" fn decode(bytes: *mut u8, size: usize, place: f64, first: f64, tiles: f64) -> u32 {
    let section = take_bytes(bytes, size);
    let status = call(|state| {
        let strips = std::mem::take(&mut state.strips);
        let block = Block::read(block_payload(&section, place as u64)?)?;
        let own = block.runs.iter().try_fold(0u64, |sum, run| sum.checked_add(run.items));
        let same = block.first == first as u64 && own == Some(tiles as u64);
        demand(same, "the tiles of a block differ from the index", "format.md, A5.5")?;
        let parts = &state.collection.as_ref().ok_or_else(|| error("there is no collection", "format.md, A5"))?.parts;
        let (number, tile) = part_of(parts, block.first);
        check_tiles(&parts[number], tile, &block)?;
        let mut content = match block.method {
            Method::Streams => Streams::read(&block)?.decode(&strips)?,
            _ => methods::decode(&block, &state.library)?,
        };
        let model = match block.method {
            Method::Model { identity, .. } => hex(&identity),
            _ => " ".repeat(32),
        };
        content.extend_from_slice(model.as_bytes());
        Ok(content)
    });
    match STATE.with_borrow(|state| state.library.take_missing()) {
        Some(identity) if status == FAILED => {
            leave(hex(&identity));
            NEEDS_MODEL
        }
        _ => status,
    }
}

/// The file of an array, as bytes: PNG if requested, and otherwise npy. bytes: the dtype, the number of dimensions,
/// each dimension in 8 bytes, and the elements.
#[no_mangle]
pub extern "C" fn file(bytes: *mut u8, size: usize, png: bool) -> u32 {
    let bytes = take_bytes(bytes, size);
    call(|_| {
        let mut bytes = Bytes::new(&bytes, "format.md, A6");
        let dtype = Dtype::read(&mut bytes)?;
        let shape = (0..bytes.byte()?).map(|_| bytes.u64()).collect::<Result<Vec<_>>>()?;
        if png {
            Picture::new(dtype, &shape, bytes.rest())?.file("png")
        } else {
            Ok(npy(dtype, &shape, false, bytes.rest()))
        }
    })
}
