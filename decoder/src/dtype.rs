//! The types of elements, NumPy's three-character strings (format.md, A5).

use crate::bytes::Bytes;
use crate::error::{refuse, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dtype {
    pub code: [u8; 3],
}

impl Dtype {
    pub const U8: Dtype = Dtype { code: *b"|u1" };
    pub const BOOL: Dtype = Dtype { code: *b"|b1" };
    pub const U16: Dtype = Dtype { code: *b"<u2" };

    pub fn read(bytes: &mut Bytes) -> Result<Dtype> {
        let code: [u8; 3] = bytes.array()?;
        let known = matches!(&code, b"|b1" | b"|u1" | b"|i1" | [b'<' | b'>', b'u' | b'i' | b'f', b'2' | b'4' | b'8']);
        if !known {
            return refuse("a dtype is unknown: a newer release is needed", "format.md, A5.3");
        }
        Ok(Dtype { code })
    }

    pub fn size(self) -> usize {
        usize::from(self.code[2] - b'0')
    }

    pub fn is_bool(self) -> bool {
        self.code[1] == b'b'
    }

    /// Bool and integers of 8 and 16 bits.
    pub fn is_small(self) -> bool {
        self.code[1] != b'f' && self.size() <= 2
    }

    /// The value of an element of 8 or 16 bits; of bool its byte.
    pub fn small_value(self, element: &[u8]) -> i32 {
        let signed = self.code[1] == b'i';
        match (element, self.code[0]) {
            ([a], _) if signed => i32::from(*a as i8),
            ([a], _) => i32::from(*a),
            ([a, b], order) => {
                let word = if order == b'>' { u16::from_be_bytes([*a, *b]) } else { u16::from_le_bytes([*a, *b]) };
                if signed {
                    i32::from(word as i16)
                } else {
                    i32::from(word)
                }
            }
            _ => 0,
        }
    }

    /// Appends the bytes of such a value.
    pub fn push_small(self, value: i32, out: &mut Vec<u8>) {
        if self.size() == 1 {
            out.push(value as u8);
        } else if self.code[0] == b'>' {
            out.extend_from_slice(&(value as u16).to_be_bytes());
        } else {
            out.extend_from_slice(&(value as u16).to_le_bytes());
        }
    }

    pub fn text(self) -> String {
        self.code.iter().map(|&byte| byte as char).collect()
    }
}

/// A number of dimensions (one byte, at most 32) and each dimension.
pub fn read_shape(bytes: &mut Bytes) -> Result<Vec<u64>> {
    let count = bytes.byte()?;
    if count > 32 {
        return bytes.error(format!("there are {count} dimensions"));
    }
    (0..count).map(|_| bytes.varint()).collect()
}

/// The product of dimensions, unless it is too large for any array.
pub fn elements(shape: &[u64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1u64, |product, &extent| product.checked_mul(extent)).filter(|&n| n < 1 << 60)
}
