//! Group 4, the coding of black and white pages (format.md, A6.3; ITU-T T.6 and T.4).

use crate::foundations::error::{demand, Result};
use crate::restored::high_bits::HighBits;

const SECTION: &str = "format.md, A6.3";
const END_OF_LINE: (u32, u32) = (1, 12);
const PASS: (u32, u32) = (1, 4);
const HORIZONTAL: (u32, u32) = (1, 3);
/// By how far a change is behind the one above, and 3.
const VERTICAL: [(u32, u32); 7] = [(2, 7), (2, 6), (2, 3), (1, 1), (3, 3), (3, 6), (3, 7)];
/// The codes of runs of 0 to 63 pixels, and then of 64, 128, ..., 2560, and their bits.
#[rustfmt::skip]
const WHITE: [(u32, u32); 104] = [
    (53, 8), (7, 6), (7, 4), (8, 4), (11, 4), (12, 4), (14, 4), (15, 4), (19, 5), (20, 5), (7, 5), (8, 5), (8, 6),
    (3, 6), (52, 6), (53, 6), (42, 6), (43, 6), (39, 7), (12, 7), (8, 7), (23, 7), (3, 7), (4, 7), (40, 7), (43,
    7), (19, 7), (36, 7), (24, 7), (2, 8), (3, 8), (26, 8), (27, 8), (18, 8), (19, 8), (20, 8), (21, 8), (22, 8),
    (23, 8), (40, 8), (41, 8), (42, 8), (43, 8), (44, 8), (45, 8), (4, 8), (5, 8), (10, 8), (11, 8), (82, 8), (83,
    8), (84, 8), (85, 8), (36, 8), (37, 8), (88, 8), (89, 8), (90, 8), (91, 8), (74, 8), (75, 8), (50, 8), (51,
    8), (52, 8), (27, 5), (18, 5), (23, 6), (55, 7), (54, 8), (55, 8), (100, 8), (101, 8), (104, 8), (103, 8),
    (204, 9), (205, 9), (210, 9), (211, 9), (212, 9), (213, 9), (214, 9), (215, 9), (216, 9), (217, 9), (218, 9),
    (219, 9), (152, 9), (153, 9), (154, 9), (24, 6), (155, 9), (8, 11), (12, 11), (13, 11), (18, 12), (19, 12),
    (20, 12), (21, 12), (22, 12), (23, 12), (28, 12), (29, 12), (30, 12), (31, 12),
];
#[rustfmt::skip]
const BLACK: [(u32, u32); 104] = [
    (55, 10), (2, 3), (3, 2), (2, 2), (3, 3), (3, 4), (2, 4), (3, 5), (5, 6), (4, 6), (4, 7), (5, 7), (7, 7), (4,
    8), (7, 8), (24, 9), (23, 10), (24, 10), (8, 10), (103, 11), (104, 11), (108, 11), (55, 11), (40, 11), (23,
    11), (24, 11), (202, 12), (203, 12), (204, 12), (205, 12), (104, 12), (105, 12), (106, 12), (107, 12), (210,
    12), (211, 12), (212, 12), (213, 12), (214, 12), (215, 12), (108, 12), (109, 12), (218, 12), (219, 12), (84,
    12), (85, 12), (86, 12), (87, 12), (100, 12), (101, 12), (82, 12), (83, 12), (36, 12), (55, 12), (56, 12),
    (39, 12), (40, 12), (88, 12), (89, 12), (43, 12), (44, 12), (90, 12), (102, 12), (103, 12), (15, 10), (200,
    12), (201, 12), (91, 12), (51, 12), (52, 12), (53, 12), (108, 13), (109, 13), (74, 13), (75, 13), (76, 13),
    (77, 13), (114, 13), (115, 13), (116, 13), (117, 13), (118, 13), (119, 13), (82, 13), (83, 13), (84, 13), (85,
    13), (90, 13), (91, 13), (100, 13), (101, 13), (8, 11), (12, 11), (13, 11), (18, 12), (19, 12), (20, 12), (21,
    12), (22, 12), (23, 12), (28, 12), (29, 12), (30, 12), (31, 12),
];

/// Compresses packed rows, in which black pixels are ones, to `size` bytes.
pub fn compress(bytes: &[u8], columns: usize, size: u64) -> Result<Vec<u8>> {
    let mut out = HighBits::default();
    let mut above = vec![columns; 3];
    for row in bytes.chunks_exact(columns.div_ceil(8)) {
        let changes = changes(row, columns);
        put_row(&changes, &above, columns, &mut out);
        demand(out.bits() <= 8 * size, "the length of a segment does not match", SECTION)?;
        above = changes;
    }
    if out.bits() + 24 <= 8 * size {
        put(END_OF_LINE, &mut out);
        put(END_OF_LINE, &mut out);
    }
    let mut made = out.end();
    made.resize(size as usize, 0);
    Ok(made)
}

/// The places in a row where its colour changes, at first from white, and then its end three times.
fn changes(row: &[u8], columns: usize) -> Vec<usize> {
    let mut changes = Vec::new();
    let mut before = 0;
    for (i, &byte) in row.iter().enumerate() {
        let mut changed = byte ^ (byte >> 1 | before << 7);
        before = byte & 1;
        while changed != 0 {
            let bit = changed.leading_zeros();
            changed ^= 0x80 >> bit;
            changes.push(8 * i + bit as usize);
        }
    }
    while changes.last().is_some_and(|&place| place >= columns) {
        changes.pop();
    }
    changes.extend([columns; 3]);
    changes
}

fn put_row(changes: &[usize], above: &[usize], columns: usize, out: &mut HighBits) {
    // The pixels before `start` are coded; before the first one there is a white one.
    let (mut start, mut first) = (0, true);
    let (mut a, mut b, mut black) = (0, 0, false);
    while first || start < columns {
        while above[b] < columns && (above[b] < start || above[b] == start && !first) {
            b += 2;
        }
        first = false;
        let (a1, b1, b2) = (changes[a], above[b], above[b + 1]);
        if b2 < a1 {
            put(PASS, out);
            start = b2;
        } else if a1.abs_diff(b1) <= 3 {
            put(VERTICAL[a1 + 3 - b1], out);
            start = a1;
            a += 1;
            b = if b > 0 { b - 1 } else { 1 };
            black = !black;
        } else {
            let a2 = changes[a + 1];
            put(HORIZONTAL, out);
            put_run(a1 - start, black, out);
            put_run(a2 - a1, !black, out);
            start = a2;
            a += 2;
        }
    }
}

fn put_run(mut length: usize, black: bool, out: &mut HighBits) {
    let codes = if black { &BLACK } else { &WHITE };
    while length >= 2560 + 64 {
        put(codes[63 + 2560 / 64], out);
        length -= 2560;
    }
    if length >= 64 {
        put(codes[63 + length / 64], out);
    }
    put(codes[length % 64], out);
}

fn put((code, width): (u32, u32), out: &mut HighBits) {
    out.put(code, width);
}
