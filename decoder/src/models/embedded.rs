//! Models embedded in an archive (format.md, A8).

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, error, refuse, Result};
use crate::foundations::lzma2;
use crate::models::library::Library;
use crate::types::tensor::{type_size, Tensor, Tensors, TYPES};

const SECTION: &str = "format.md, A8";

enum Method {
    Rows,
    Columns,
    Predicted(u64, u64),
    Difference,
}

struct Head {
    name: String,
    kind: u8,
    shape: Vec<u64>,
    method: Method,
}

/// Reads the description and the tensors of an `M` section.
pub fn read(payload: &[u8], library: &Library) -> Result<(String, Tensors)> {
    let most = (1 << 18) + 16 * payload.len();
    let content = lzma2::decode(payload.get(16..).unwrap_or(&[]), most)?;
    let mut bytes = Bytes::new(&content, SECTION);
    let description = text(&mut bytes)?;
    let base = match bytes.varint_in(0, 16, "the length of the identity of a base")? {
        0 => Tensors::new(),
        16 => library.bundled(&bytes.array()?)?.1,
        _ => return bytes.error("the identity of a base has a wrong length"),
    };
    let mut tensors = Tensors::new();
    for head in read_heads(&mut bytes)? {
        let tensor = head.read_tensor(&mut bytes, base.get(&head.name))?;
        tensors.insert(head.name, tensor);
    }
    bytes.end()?;
    Ok((description, tensors))
}

fn text(bytes: &mut Bytes) -> Result<String> {
    let length = bytes.varint()?;
    let text = bytes.take_long(length)?.to_vec();
    String::from_utf8(text).map_err(|_| error("a text of a model is not UTF-8", SECTION))
}

fn read_heads(bytes: &mut Bytes) -> Result<Vec<Head>> {
    let count = bytes.varint()?;
    let mut heads: Vec<Head> = Vec::new();
    for _ in 0..count {
        let name = text(bytes)?;
        let kind = bytes.byte()?;
        let dimensions = bytes.byte()?;
        if usize::from(kind) >= TYPES.len() || !(1..=4).contains(&dimensions) {
            return bytes.error("a tensor has an unknown dtype or number of dimensions");
        }
        let shape = (0..dimensions).map(|_| bytes.varint_in(1, 1 << 32, "a dimension")).collect::<Result<_>>()?;
        let method = match bytes.byte()? {
            0 => Method::Rows,
            1 => Method::Columns,
            2 => Method::Predicted(bytes.varint()?, bytes.varint()?),
            3 => Method::Difference,
            _ => return bytes.error("the method of a tensor is unknown: a newer release is needed"),
        };
        if heads.last().is_some_and(|head| head.name >= name) {
            return bytes.error("the names of tensors are not ascending");
        }
        heads.push(Head { name, kind, shape, method });
    }
    Ok(heads)
}

impl Head {
    fn read_tensor(&self, bytes: &mut Bytes, base: Option<&Tensor>) -> Result<Tensor> {
        let size = type_size(self.kind);
        let length = self.shape.iter().try_fold(size as u64, |n, &extent| n.checked_mul(extent));
        let planes = bytes.take_long(length.unwrap_or(u64::MAX))?;
        let total = planes.len() / size;
        let folded =
            |i: usize| (0..size).rev().fold(0, |value, plane| (value << 8) | i64::from(planes[plane * total + i]));
        let mut values: Vec<i64> = (0..total).map(|i| (folded(i) >> 1) ^ -(folded(i) & 1)).collect();
        match self.method {
            Method::Rows => {}
            Method::Columns => {
                let rows = self.shape[0] as usize;
                let columns = total / rows;
                values = (0..total).map(|i| values[i % columns * rows + i / columns]).collect();
            }
            Method::Predicted(near, far) => {
                let inside = 1..=total as u64;
                demand(inside.contains(&near) && inside.contains(&far), "a prediction is too far away", SECTION)?;
                let unused = 64 - 8 * size;
                for i in 0..total {
                    let before = |distance| i.checked_sub(distance as usize).map_or(0, |place| values[place]);
                    let mean = (before(near) + before(far)) >> 1;
                    values[i] = (values[i] + mean) << unused >> unused;
                }
            }
            Method::Difference => {
                let Some(base) = base.filter(|base| base.kind == self.kind && base.shape == self.shape) else {
                    return refuse("a tensor is a difference to a tensor that its base does not have", SECTION);
                };
                for (value, base) in values.iter_mut().zip(base.values()) {
                    *value += base;
                }
            }
        }
        let data = values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(size)).collect();
        Ok(Tensor { kind: self.kind, shape: self.shape.clone(), data })
    }
}
