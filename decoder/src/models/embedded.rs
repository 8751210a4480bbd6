//! Models that an archive brings (format.md, A8).

use crate::ans::coder::{pop_categorical, pop_uniform};
use crate::ans::message::Message;
use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, error, Result};
use crate::foundations::inflate;
use crate::models::library::Library;
use crate::types::tensor::{type_size, Tensor, Tensors, TYPES};

const SECTION: &str = "format.md, A8";

/// How a tensor was made into tokens.
struct Form {
    transposed: bool,
    predictors: Vec<(u64, i64)>,
    row_levels: u32,
    column_levels: u32,
    first: u32,
    count: u32,
}

enum Method {
    Plain,
    Tokens(Form),
    AsBase,
    Difference(Form),
}

struct Head {
    name: String,
    kind: u8,
    shape: Vec<u64>,
    method: Method,
}

/// Reads the description and the tensors of an `M` section.
pub fn read(payload: &[u8], library: &Library) -> Result<(String, Tensors)> {
    let mut bytes = Bytes::new(payload, SECTION);
    bytes.take(16)?;
    let length = bytes.varint()?;
    let (description, base, heads) = if length > 0 {
        let description = text(bytes.take_long(length)?)?;
        (description, Tensors::new(), read_heads(&mut bytes)?)
    } else {
        let (description, base) = library.bundled(&bytes.array()?)?;
        let size = bytes.varint_in(0, 1 << 20, "the length of a description")? as usize;
        let length = bytes.varint()?;
        let stream = bytes.take_long(length)?;
        let (own, used) = inflate::inflate(stream, description.as_bytes(), size)?;
        demand(used == stream.len() && own.len() == size, "a description has another length", SECTION)?;
        let mut heads = Vec::new();
        for (name, tensor) in &base {
            let method = match bytes.byte()? {
                2 => Method::AsBase,
                3 => Method::Difference(Form::read(&mut bytes)?),
                method => read_method(method, &mut bytes)?,
            };
            heads.push(Head { name: name.clone(), kind: tensor.kind, shape: tensor.shape.clone(), method });
        }
        (text(&own)?, base, heads)
    };
    let total: u128 = heads
        .iter()
        .map(|head| head.shape.iter().fold(1u128, |n, &extent| n.saturating_mul(extent.into())))
        .fold(0, u128::saturating_add);
    demand(total <= (1 << 16) + 16 * payload.len() as u128, "a model of few bytes has too many elements", SECTION)?;
    let mut message = Message::parse(&mut bytes)?;
    demand(message.is_finite(), "the message of a model is infinite", SECTION)?;
    let mut tensors = Tensors::new();
    for head in heads {
        let tensor = head.pop(&mut message, base.get(&head.name))?;
        tensors.insert(head.name, tensor);
    }
    demand(message.is_used_up(), "the message of a model does not end as it should", SECTION)?;
    Ok((description, tensors))
}

fn text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| error("a text of a model is no UTF-8", SECTION))
}

fn read_method(method: u8, bytes: &mut Bytes) -> Result<Method> {
    match method {
        0 => Ok(Method::Plain),
        1 => Ok(Method::Tokens(Form::read(bytes)?)),
        _ => bytes.error("the method of a tensor is unknown: a newer release is needed"),
    }
}

fn read_heads(bytes: &mut Bytes) -> Result<Vec<Head>> {
    let count = bytes.varint()?;
    let mut heads: Vec<Head> = Vec::new();
    for _ in 0..count {
        let length = bytes.varint()?;
        let name = text(bytes.take_long(length)?)?;
        let kind = bytes.byte()?;
        let dimensions = bytes.byte()?;
        if usize::from(kind) >= TYPES.len() || !(1..=4).contains(&dimensions) {
            return bytes.error("a tensor has an unknown dtype or number of dimensions");
        }
        let shape = (0..dimensions).map(|_| bytes.varint_in(1, 1 << 32, "a dimension")).collect::<Result<_>>()?;
        let method = bytes.byte()?;
        let method = read_method(method, bytes)?;
        if heads.last().is_some_and(|head| head.name >= name) {
            return bytes.error("the names of tensors are not ascending");
        }
        heads.push(Head { name, kind, shape, method });
    }
    Ok(heads)
}

impl Form {
    fn read(bytes: &mut Bytes) -> Result<Form> {
        let transposed = bytes.byte()?;
        let count = bytes.byte()?;
        if transposed > 1 || count > 4 {
            return bytes.error("the form of a tensor is unknown");
        }
        let mut predictors = Vec::new();
        for _ in 0..count {
            let lag = bytes.varint_in(1, u64::MAX, "a lag")?;
            predictors.push((lag, i64::from(i16::from_le_bytes(bytes.array()?))));
        }
        let [row_levels, column_levels, first, count] = bytes.array()?.map(|byte: u8| u32::from(byte));
        let fits = (1..=64).contains(&row_levels) && (1..=64).contains(&column_levels);
        if !fits || count == 0 || first + count > 121 {
            return bytes.error("the form of a tensor is unknown");
        }
        Ok(Form { transposed: transposed == 1, predictors, row_levels, column_levels, first, count })
    }
}

impl Head {
    fn elements(&self) -> usize {
        self.shape.iter().product::<u64>() as usize
    }

    fn pop(&self, message: &mut Message, base: Option<&Tensor>) -> Result<Tensor> {
        let size = type_size(self.kind);
        let data = match &self.method {
            Method::Plain => {
                let mut symbols = vec![0; self.elements() * size];
                pop_uniform(message, 256, &mut symbols)?;
                symbols.iter().map(|&symbol| symbol as u8).collect()
            }
            Method::AsBase => base.map(|base| base.data.clone()).unwrap_or_default(),
            Method::Tokens(form) => self.pack(&self.pop_tokens(form, message)?),
            Method::Difference(form) => {
                let mut values = self.pop_tokens(form, message)?;
                let base = base.map(Tensor::values).unwrap_or_default();
                for (value, base) in values.iter_mut().zip(base) {
                    *value += base;
                }
                self.pack(&values)
            }
        };
        Ok(Tensor { kind: self.kind, shape: self.shape.clone(), data })
    }

    /// The bytes of numbers modulo 2^w.
    fn pack(&self, values: &[i64]) -> Vec<u8> {
        let size = type_size(self.kind);
        values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(size)).collect()
    }

    /// Brings a number modulo 2^w into the range of the dtype.
    fn wrap(&self, value: i64) -> i64 {
        let unused = 64 - 8 * type_size(self.kind);
        if self.kind % 2 == 1 {
            value << unused >> unused
        } else {
            ((value as u64) << unused >> unused) as i64
        }
    }

    fn pop_tokens(&self, form: &Form, message: &mut Message) -> Result<Vec<i64>> {
        let total = self.elements();
        let height = self.shape[0] as usize;
        let (rows, columns) = if form.transposed { (total / height, height) } else { (height, total / height) };
        demand(form.predictors.is_empty() || rows <= 1 << 16, "a tensor with predictors has too many rows", SECTION)?;
        let mut row_level = vec![0; rows];
        pop_uniform(message, form.row_levels, &mut row_level)?;
        let mut column_level = vec![0; columns];
        pop_uniform(message, form.column_levels, &mut column_level)?;
        let mut level: Vec<usize> = Vec::with_capacity(total);
        for a in &row_level {
            level.extend(column_level.iter().map(|b| (a + b) as usize));
        }
        let mut token = vec![form.first; total];
        if form.count > 1 {
            let most = level.iter().copied().max().unwrap_or(0);
            for (k, places) in places_by(&level, most).iter().enumerate().filter(|(_, places)| !places.is_empty()) {
                let mut frequencies = vec![0; form.count as usize - 1];
                pop_uniform(message, 1 << 12, &mut frequencies)?;
                let mut rest = 1i64 << 12;
                for frequency in &mut frequencies {
                    *frequency += 1;
                    rest -= i64::from(*frequency);
                }
                demand(rest >= 1, &format!("the frequencies of level {k} are too large"), SECTION)?;
                frequencies.push(rest as u32);
                let mut symbols = vec![0; places.len()];
                pop_categorical(message, &frequencies, 12, &mut symbols)?;
                for (&place, symbol) in places.iter().zip(symbols) {
                    token[place] += symbol;
                }
            }
        }
        let tokens: Vec<usize> = token.iter().map(|&t| t as usize).collect();
        let by_token = places_by(&tokens, 127);
        let mut magnitude = vec![0i64; total];
        for t in form.first..form.first + form.count {
            let places = &by_token[t as usize];
            let x = extra_bits(t);
            let mut extra = vec![0u64; places.len()];
            let mut low = 0;
            while low < x {
                let bits = if x > 16 && low == 0 { 16 } else { x - low };
                let mut symbols = vec![0; places.len()];
                pop_uniform(message, 1 << bits, &mut symbols)?;
                for (extra, symbol) in extra.iter_mut().zip(symbols) {
                    *extra |= u64::from(symbol) << low;
                }
                low += bits;
            }
            for (&place, extra) in places.iter().zip(extra) {
                let start = if t < 8 { u64::from(t) } else { u64::from(4 + t % 4) << x };
                magnitude[place] = (start + extra) as i64;
            }
        }
        let places: Vec<usize> = (0..total).filter(|&place| magnitude[place] > 0).collect();
        let mut negative = vec![0; places.len()];
        pop_uniform(message, 2, &mut negative)?;
        for (place, negative) in places.into_iter().zip(negative) {
            if negative == 1 {
                magnitude[place] = -magnitude[place];
            }
        }
        self.predict(form, rows, columns, &mut magnitude);
        if !form.transposed {
            return Ok(magnitude);
        }
        Ok((0..total).map(|i| magnitude[i % rows * columns + i / rows]).collect())
    }

    /// Adds the predictions from the rows before, in place.
    fn predict(&self, form: &Form, rows: usize, columns: usize, values: &mut [i64]) {
        for i in 0..rows {
            for j in 0..columns {
                let mut sum = 0i64;
                for &(lag, weight) in &form.predictors {
                    let before = usize::try_from(lag).ok().and_then(|lag| i.checked_sub(lag));
                    sum += before.map_or(0, |row| weight * values[row * columns + j]);
                }
                values[i * columns + j] = self.wrap(values[i * columns + j] + (sum >> 8));
            }
        }
    }
}

/// x of a token.
fn extra_bits(token: u32) -> u32 {
    if token < 8 {
        0
    } else {
        (token - 8) / 4 + 1
    }
}

/// The places of each number, up to the greatest.
fn places_by(numbers: &[usize], most: usize) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); most + 1];
    for (place, &number) in numbers.iter().enumerate() {
        places[number].push(place);
    }
    places
}
