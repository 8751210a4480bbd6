//! The method adaptive (format.md, A5.9).

use crate::ans::coder::pop_adaptive;
use crate::ans::message::Message;
use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, Result};
use crate::foundations::inflate;
use crate::types::block::Block;

const SECTION: &str = "format.md, A5.9";

pub fn decode(block: &Block) -> Result<Vec<u8>> {
    let dtype = block.runs[0].dtype;
    demand(block.runs.iter().all(|run| run.dtype == dtype), "a block has several dtypes", SECTION)?;
    decode_values(block.data, block.elements(), dtype.size())
}

/// Decodes `count` elements of `size` bytes from the data of a block.
pub fn decode_values(data: &[u8], count: u64, size: usize) -> Result<Vec<u8>> {
    let mut bytes = Bytes::new(data, SECTION);
    let columns = bytes.varint_in(1, 16, "the number of columns")?;
    demand(count % columns == 0, "the number of elements is not a multiple of the columns", SECTION)?;
    let rows = count / columns;
    let mut counts = Vec::new();
    for _ in 0..columns {
        counts.push(bytes.varint_in(1, rows, "the number of values of a column")? as usize);
    }
    let total = counts.iter().sum::<usize>() * size;
    let length = bytes.varint()?;
    let values = inflate::inflate_all(bytes.take_long(length)?, total)?;
    demand(values.len() == total, "the values of columns have another number of bytes", SECTION)?;
    let mut message = Message::parse(&mut bytes)?;
    demand(message.is_finite(), "the message of columns is infinite", SECTION)?;
    let mut out = vec![0; count as usize * size];
    let mut symbols = vec![0; rows as usize];
    let mut values = &values[..];
    for (column, &count) in counts.iter().enumerate() {
        let (own, others) = values.split_at(count * size);
        values = others;
        let mut numbers = own.chunks_exact(size).map(|value| value.iter().rev());
        let ascending = {
            let mut before = numbers.next();
            numbers.all(|number| before.replace(number.clone()).is_some_and(|before| before.lt(number)))
        };
        demand(ascending, "the values of a column are not ascending", SECTION)?;
        demand(rows + count as u64 <= 1 << 24, "a column has too many elements", SECTION)?;
        pop_adaptive(&mut message, count as u32, &mut symbols)?;
        for (row, &symbol) in symbols.iter().enumerate() {
            let place = (row * counts.len() + column) * size;
            out[place..place + size].copy_from_slice(&own[symbol as usize * size..][..size]);
        }
    }
    demand(message.is_used_up(), "the message of columns does not end with its initial state", SECTION)?;
    Ok(out)
}
