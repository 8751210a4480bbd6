//! Tensors, and their safetensors file (model-format.md).

use std::collections::BTreeMap;

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, error, refuse, Result};
use crate::foundations::json;

const SECTION: &str = "model-format.md";

/// The names of types in safetensors files, by their number in embedded models.
pub const TYPES: [&str; 6] = ["U8", "I8", "U16", "I16", "U32", "I32"];

#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The number of the type in TYPES.
    pub kind: u8,
    pub shape: Vec<u64>,
    pub data: Vec<u8>,
}

/// By ascending name, bytewise.
pub type Tensors = BTreeMap<String, Tensor>;

pub fn type_size(kind: u8) -> usize {
    1 << (kind / 2)
}

impl Tensor {
    pub fn bits(&self) -> u32 {
        8 * type_size(self.kind) as u32
    }

    pub fn elements(&self) -> usize {
        self.data.len() / type_size(self.kind)
    }

    /// The elements as numbers.
    pub fn values(&self) -> Vec<i64> {
        let size = type_size(self.kind);
        let signed = self.kind % 2 == 1;
        let number = |bytes: &[u8]| {
            let value = bytes.iter().rev().fold(0i64, |value, &byte| value << 8 | i64::from(byte));
            let top = 1i64 << (8 * size - 1);
            if signed && value >= top {
                value - 2 * top
            } else {
                value
            }
        };
        self.data.chunks_exact(size).map(number).collect()
    }
}

/// The number of entries of the lower triangle of a matrix with n + 1 rows.
pub fn triangle(n: usize) -> usize {
    (n + 1) * (n + 2) / 2
}

/// Takes a tensor of a type and a shape.
pub fn take(tensors: &mut Tensors, name: &str, kind: &str, shape: &[usize]) -> Result<Vec<i64>> {
    let Some(tensor) = tensors.remove(name) else {
        return refuse(format!("the tensor {name} is missing"), SECTION);
    };
    let same = tensor.shape.iter().copied().eq(shape.iter().map(|&extent| extent as u64));
    if TYPES[usize::from(tensor.kind)] != kind || !same {
        return refuse(format!("the tensor {name} has a wrong type or shape"), SECTION);
    }
    Ok(tensor.values())
}

/// Takes a tensor whose entries must lie between two bounds.
pub fn take_in(
    tensors: &mut Tensors,
    name: &str,
    kind: &str,
    shape: &[usize],
    low: i64,
    high: i64,
) -> Result<Vec<i64>> {
    let values = take(tensors, name, kind, shape)?;
    if values.iter().any(|value| !(low..=high).contains(value)) {
        return refuse(format!("an entry of the tensor {name} is out of its range"), SECTION);
    }
    Ok(values)
}

/// Reads a model file: the description, and the tensors.
pub fn read(file: &[u8]) -> Result<(String, Tensors)> {
    let mut bytes = Bytes::new(file, SECTION);
    let length = bytes.u64()?;
    let header = std::str::from_utf8(bytes.take_long(length)?);
    let header = json::parse(header.map_err(|_| error("the header of a model is not UTF-8", SECTION))?)?;
    let data = bytes.rest();
    let mut description = None;
    let mut tensors = Tensors::new();
    let mut ranges = Vec::new();
    for (name, entry) in header.map("the header of a model")? {
        if name == "__metadata__" {
            let mut fields = entry.fields("__metadata__")?;
            description = Some(fields.text("bitsback")?.to_string());
            fields.end()?;
            continue;
        }
        let mut fields = entry.fields(name)?;
        let kind = fields.text("dtype")?;
        let Some(kind) = TYPES.iter().position(|&known| known == kind) else {
            return refuse(format!("the tensor {name} is of the unknown type {kind}"), SECTION);
        };
        let extents = fields.take("shape")?.list_of(0, 8, "a shape")?;
        let shape: Vec<u64> =
            extents.iter().map(|n| Ok(n.integer(0, 1 << 40, "a dimension")? as u64)).collect::<Result<_>>()?;
        let offsets = fields.take("data_offsets")?.list_of(2, 2, "data_offsets")?;
        fields.end()?;
        let most = data.len() as i64;
        let start = offsets[0].integer(0, most, "an offset")? as usize;
        let end = offsets[1].integer(start as i64, most, "an offset")? as usize;
        let size = type_size(kind as u8) as u64;
        let count = crate::foundations::dtype::elements(&shape).and_then(|count| count.checked_mul(size));
        demand(count == Some((end - start) as u64), "the size of a tensor does not match its shape", SECTION)?;
        ranges.push((start, end));
        tensors.insert(name.clone(), Tensor { kind: kind as u8, shape, data: data[start..end].to_vec() });
    }
    ranges.sort_unstable();
    let end = ranges.iter().try_fold(0, |end, &(first, next)| (first == end).then_some(next));
    demand(end == Some(data.len()), "the tensors of a model do not fill the file", SECTION)?;
    match description {
        Some(description) => Ok((description, tensors)),
        None => refuse("a model has no description", SECTION),
    }
}

/// The identity of a model (model-format.md, M1).
pub fn identity(description: &str, tensors: &Tensors) -> [u8; 32] {
    let mut digest = crate::foundations::sha256::Sha256::default();
    digest.update(description.as_bytes());
    digest.update(&[0]);
    for (name, tensor) in tensors {
        digest.update(name.as_bytes());
        digest.update(&[0]);
        digest.update(TYPES[usize::from(tensor.kind)].as_bytes());
        digest.update(&[0, tensor.shape.len() as u8]);
        for extent in &tensor.shape {
            digest.update(&extent.to_le_bytes());
        }
        digest.update(&tensor.data);
    }
    digest.finish()
}
