//! The types of elements, NumPy's three-character strings (format.md, A5).

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{refuse, Result};

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

    pub fn is_float(self) -> bool {
        self.code[1] == b'f'
    }

    pub fn bits(self) -> u32 {
        8 * self.size() as u32
    }

    fn top(self) -> u64 {
        1 << (self.bits() - 1)
    }

    /// The number of an element, from 0 to 2^w - 1, in the order of values; of bool its byte (format.md, A5.6).
    pub fn number(self, element: &[u8]) -> u64 {
        let join = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        let bits = if self.code[0] == b'>' { element.iter().fold(0, join) } else { element.iter().rev().fold(0, join) };
        match self.code[1] {
            b'i' => bits ^ self.top(),
            b'f' if bits < self.top() => bits + self.top(),
            b'f' => 2 * (self.top() - 1) + 1 - bits,
            _ => bits,
        }
    }

    /// The bytes of the element with a number, modulo 2^w; as many as the element has are used.
    pub fn element(self, number: u64) -> [u8; 8] {
        let mask = 2 * (self.top() - 1) + 1;
        let number = number & mask;
        let bits = match self.code[1] {
            b'i' => number ^ self.top(),
            b'f' if number >= self.top() => number - self.top(),
            b'f' => mask - number,
            _ => number,
        };
        if self.code[0] == b'>' {
            (bits << (64 - self.bits())).to_be_bytes()
        } else {
            bits.to_le_bytes()
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

/// Whether an array can have this shape; it may have no elements.
pub fn is_possible(dtype: Dtype, shape: &[u64]) -> bool {
    let some: Vec<u64> = shape.iter().map(|&extent| extent.max(1)).collect();
    elements(&some).and_then(|count| count.checked_mul(dtype.size() as u64)).is_some_and(|bytes| bytes < 1 << 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_the_order_of_values() {
        let ascending: [(&[u8; 3], Vec<Vec<u8>>); 4] = [
            (b"<i2", [-300i16, -1, 0, 1, 300].map(|x| x.to_le_bytes().to_vec()).to_vec()),
            (b">i8", [i64::MIN, -1, 0, i64::MAX].map(|x| x.to_be_bytes().to_vec()).to_vec()),
            (b">f4", [-1.5f32, -0.0, 0.0, 1e-40, 2.0].map(|x| x.to_be_bytes().to_vec()).to_vec()),
            (b"<u8", [0, 1, u64::MAX].map(|x: u64| x.to_le_bytes().to_vec()).to_vec()),
        ];
        for (code, elements) in ascending {
            let dtype = Dtype { code: *code };
            let numbers: Vec<u64> = elements.iter().map(|element| dtype.number(element)).collect();
            assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
            for (element, number) in elements.iter().zip(numbers) {
                assert_eq!(element[..], dtype.element(number)[..dtype.size()]);
            }
        }
    }
}
