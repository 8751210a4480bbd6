//! Blocks: their runs, value maps, and the methods raw and packed (format.md, A5.5).

use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::{elements, read_shape, Dtype};
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::inflate;

pub const SECTION: &str = "format.md, A5.5";

/// The mapping of the elements of a run to symbols.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueMap {
    /// Kind 0: the elements are the symbols.
    None,
    /// Kind 1: the number of the value less the lowest, below `levels`.
    Range { low: u64, levels: u32 },
    /// Kind 2: two values, by their bytes.
    Pair([Vec<u8>; 2]),
    /// Kinds 3 and 6: the numbers of values, ascending.
    Set(Vec<u64>),
    /// Kind 5: colours of JPEG.
    Jpeg,
}

#[derive(Clone, Debug)]
pub struct Run {
    pub items: u64,
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    pub map: ValueMap,
    /// The number of elements of an item.
    pub elements: u64,
}

impl Run {
    pub fn new(items: u64, dtype: Dtype, shape: Vec<u64>, map: ValueMap) -> Result<Run> {
        match elements(&shape) {
            Some(elements) => Ok(Run { items, dtype, shape, map, elements }),
            None => refuse("an item of a block is too large", SECTION),
        }
    }

    /// The bytes of all items; at most 2^31 in a block.
    pub fn bytes(&self) -> u128 {
        u128::from(self.items) * u128::from(self.elements) * self.dtype.size() as u128
    }
}

/// The method of a block, with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    Raw,
    Packed,
    Model { identity: [u8; 16], layout: u8, multiset: bool },
    Fallback,
    Adaptive,
    Digits,
    Streams,
    Inflated,
    Decoded,
}

pub struct Block<'a> {
    pub first: u64,
    pub runs: Vec<Run>,
    /// The `runs` field, with which the digest begins.
    pub head: Vec<u8>,
    pub method: Method,
    pub data: &'a [u8],
}

impl<'a> Block<'a> {
    pub fn read(payload: &'a [u8]) -> Result<Block<'a>> {
        let mut bytes = Bytes::new(payload, SECTION);
        let first = bytes.varint()?;
        let start = bytes.at();
        let runs = read_runs(&mut bytes)?;
        let head = bytes.since(start).to_vec();
        let form = bytes.byte()?;
        let (method, layout, multiset) = (form & 7 | form >> 3 & 8, form >> 3 & 3, form >> 5 & 1);
        let alone = method != 2 && form & 0x38 != 0;
        if method > 8 || form > 127 || alone || (layout > 1 && multiset == 1) {
            return bytes.error("the method of a block is unknown: a newer release is needed");
        }
        let method = match method {
            0 => Method::Raw,
            1 => Method::Packed,
            2 => Method::Model { identity: bytes.array()?, layout, multiset: multiset == 1 },
            3 => Method::Fallback,
            4 => Method::Adaptive,
            5 => Method::Digits,
            6 => Method::Streams,
            7 => Method::Inflated,
            _ => Method::Decoded,
        };
        let block = Block { first, runs, head, method, data: bytes.rest() };
        block.check()?;
        Ok(block)
    }

    /// Checks that the method allows the value maps, and the sizes of items.
    pub fn check(&self) -> Result<()> {
        let model = matches!(self.method, Method::Model { .. });
        for (i, run) in self.runs.iter().enumerate() {
            let fits = match &run.map {
                ValueMap::None => self.method != Method::Packed,
                ValueMap::Range { .. } | ValueMap::Set(_) => model,
                ValueMap::Pair(_) => model || matches!(self.method, Method::Packed | Method::Raw),
                ValueMap::Jpeg => model,
            };
            demand(fits, &format!("run {i} of a block has a value map that its method does not allow"), SECTION)?;
        }
        let total = self.runs.iter().map(Run::bytes).fold(0, u128::saturating_add);
        demand(total <= 1 << 31, "the items of a block are too large", SECTION)?;
        match self.method {
            Method::Raw => demand(self.data.len() as u128 == total, "the size of a raw block does not match", SECTION),
            Method::Packed => {
                let size = self.elements().div_ceil(8);
                demand(self.data.len() as u64 == size, "the size of a packed block does not match", SECTION)
            }
            Method::Digits => Ok(()),
            _ => self.limit(self.elements().into(), "a block has too many elements for its bytes"),
        }
    }

    pub fn size(&self) -> usize {
        self.runs.iter().map(Run::bytes).sum::<u128>() as usize
    }

    pub fn elements(&self) -> u64 {
        self.runs.iter().map(|run| run.items * run.elements).sum()
    }

    /// Refuses more than 2^16 + 2^12 * (bytes of data).
    pub fn limit(&self, count: u128, what: &str) -> Result<()> {
        demand(count <= (1 << 16) + (1 << 12) * self.data.len() as u128, what, SECTION)
    }
}

fn read_runs(bytes: &mut Bytes) -> Result<Vec<Run>> {
    let count = bytes.varint_in(1, u64::MAX, "the number of runs")?;
    let mut runs: Vec<Run> = Vec::new();
    for i in 0..count {
        let items = bytes.varint_in(1, u64::MAX, "the number of items of a run")?;
        let dtype = Dtype::read(bytes)?;
        let shape = read_shape(bytes)?;
        let map = read_map(bytes, dtype, i == 0, runs.last())?;
        runs.push(Run::new(items, dtype, shape, map)?);
    }
    Ok(runs)
}

/// Reads a value map. `before`: the previous run, if any.
pub fn read_map(bytes: &mut Bytes, dtype: Dtype, first: bool, before: Option<&Run>) -> Result<ValueMap> {
    let kind = bytes.byte()?;
    match kind {
        0 => Ok(ValueMap::None),
        1 | 3 => {
            if dtype.is_float() || !first {
                return bytes.error("a value map of values is not allowed here");
            }
            let low = dtype.number(bytes.take(dtype.size())?);
            let high = dtype.number(bytes.take(dtype.size())?);
            if low >= high || high - low >= 1 << 16 {
                return bytes.error("the values of a value map are not ascending, or are too far apart");
            }
            let levels = (high - low) as u32 + 1;
            if kind == 1 {
                return Ok(ValueMap::Range { low, levels });
            }
            let length = bytes.varint()?;
            let stream = bytes.take_long(length)?;
            let size = levels.div_ceil(8) as usize;
            let bits = inflate::inflate_all(stream, size)?;
            let occurs = |i: u32| bits[i as usize / 8] >> (i % 8) & 1 == 1;
            let ends = |bits: &[u8]| levels % 8 == 0 || bits[size - 1] >> (levels % 8) == 0;
            if bits.len() != size || !occurs(0) || !occurs(levels - 1) || !ends(&bits) {
                return bytes.error("the bits of a value map are wrong");
            }
            Ok(ValueMap::Set((0..levels).filter(|&i| occurs(i)).map(|i| low + u64::from(i)).collect()))
        }
        2 => {
            let pair = [bytes.take(dtype.size())?.to_vec(), bytes.take(dtype.size())?.to_vec()];
            if pair[0] == pair[1] {
                return bytes.error("the two values of a value map are the same");
            }
            Ok(ValueMap::Pair(pair))
        }
        4 => match before {
            Some(run) if run.dtype == dtype && !matches!(run.map, ValueMap::None | ValueMap::Jpeg) => {
                Ok(run.map.clone())
            }
            _ => bytes.error("a value map repeats a missing one"),
        },
        5 => {
            if dtype != Dtype::U8 {
                return bytes.error("colours of JPEG need the dtype uint8");
            }
            Ok(ValueMap::Jpeg)
        }
        6 => {
            if !first || !dtype.is_float() && dtype.size() < 4 {
                return bytes.error("a value map with a list is not allowed here");
            }
            let levels = bytes.varint_in(2, 1 << 16, "the number of values of a value map")? as usize;
            let length = bytes.varint()?;
            let stream = bytes.take_long(length)?;
            let differences = inflate::inflate_all(stream, levels * dtype.size())?;
            if differences.len() != levels * dtype.size() {
                return bytes.error("the size of a value map does not match");
            }
            let mut values = Vec::with_capacity(levels);
            let mut value = 0u64;
            for i in 0..levels {
                let parts = (0..dtype.size()).map(|part| u64::from(differences[part * levels + i]) << (8 * part));
                let difference: u64 = parts.sum();
                let next =
                    value.checked_add(difference).filter(|&next| dtype.bits() == 64 || next >> dtype.bits() == 0);
                match next {
                    Some(next) if i == 0 || difference > 0 => value = next,
                    _ => return bytes.error("the values of a value map are not ascending"),
                }
                values.push(value);
            }
            Ok(ValueMap::Set(values))
        }
        _ => bytes.error(format!("a value map is of the unknown kind {kind}: a newer release is needed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_beyond_128_bits() {
        let run = Run::new(1 << 63, Dtype::U8, vec![1 << 59], ValueMap::None).unwrap();
        let block = Block { first: 0, runs: vec![run; 64], head: Vec::new(), method: Method::Raw, data: &[] };
        assert!(block.check().is_err());
    }
}
