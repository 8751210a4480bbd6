//! Integer networks: reading and running them (model-format.md, M7).

use std::ops::Range;

use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::json::Json;
use crate::networks::linear::{self, Linear, Patches};
use crate::processor::simd::wide;
use crate::types::tensor::{take, Tensors};
use crate::types::value::{is_name, Place, Value};

pub const SECTION: &str = "model-format.md, M7";

pub(crate) enum Op {
    Linear(Linear),
    Lookup {
        table: Vec<i16>,
        low: i64,
    },
    Add {
        other: usize,
        low: i32,
        high: i32,
    },
    Concat {
        other: usize,
    },
    Shuffle {
        factor: usize,
    },
    /// flatten and image: the same numbers with another shape.
    Same,
    Broadcast,
}

impl Op {
    /// The rows of the input, out of `rows`, that some rows of the result depend on, and of the other input.
    pub(crate) fn reads(&self, need: Range<usize>, rows: usize) -> (Range<usize>, Option<(usize, Range<usize>)>) {
        match self {
            Op::Linear(linear) => (linear.rows_for(need, rows), None),
            Op::Add { other, .. } | Op::Concat { other } => (need.clone(), Some((*other, need))),
            Op::Lookup { .. } => (need, None),
            Op::Shuffle { factor } => (need.start / factor..(need.end - 1) / factor + 1, None),
            Op::Same | Op::Broadcast => (0..rows, None),
        }
    }
}

pub(crate) struct Layer {
    pub(crate) input: usize,
    pub(crate) op: Op,
}

pub struct Network {
    pub name: String,
    pub sources: usize,
    /// The sources, then the layers.
    pub values: Vec<Value>,
    pub(crate) layers: Vec<Layer>,
    used: Vec<bool>,
}

/// The numbers of all values, in 16 bits, signed if the value may be negative.
#[derive(Default)]
pub struct Scratch {
    pub values: Vec<Vec<i16>>,
    /// The rows of each value that are computed; empty for all.
    pub needs: Vec<Range<usize>>,
    pub(crate) linear: linear::Work,
}

impl Network {
    /// Reads a network with known sources. `size`: that of the model, if it has one.
    pub fn read(
        name: &str,
        json: &Json,
        sources: Vec<Value>,
        size: Option<[usize; 2]>,
        tensors: &mut Tensors,
    ) -> Result<Network> {
        let mut fields = json.fields(name)?;
        let named = fields.take("sources")?.list_of(1, 32, "sources")?;
        let same = named.len() == sources.len()
            && named.iter().zip(&sources).all(|(json, source)| *json == Json::Text(source.name.clone()));
        demand(same, &format!("the sources of the network {name} do not match its given variables"), SECTION)?;
        let layers = fields.take("layers")?.list_of(1, 1024, "layers")?;
        fields.end()?;
        let count = sources.len();
        let used = vec![false; count];
        let mut network = Network { name: name.into(), sources: count, values: sources, layers: Vec::new(), used };
        for layer in layers {
            network.read_layer(layer, size, tensors)?;
        }
        Ok(network)
    }

    fn find(&mut self, name: &str) -> Result<usize> {
        match self.values.iter().position(|value| value.name == name) {
            Some(found) => {
                self.used[found] = true;
                Ok(found)
            }
            None => refuse(format!("the network {} has no {name}", self.name), SECTION),
        }
    }

    /// The number of a layer that a distribution names.
    pub fn output(&mut self, name: &str) -> Result<usize> {
        let found = self.find(name)?;
        demand(found >= self.sources, "an output of a network is a source", SECTION)?;
        Ok(found)
    }

    fn read_layer(&mut self, json: &Json, size: Option<[usize; 2]>, tensors: &mut Tensors) -> Result<()> {
        let mut fields = json.fields("a layer")?;
        let op = fields.text("op")?;
        let name = fields.text("name")?;
        demand(is_name(name), "the name of a layer is invalid", SECTION)?;
        demand(self.values.iter().all(|value| value.name != name), "two values have the same name", SECTION)?;
        let input = self.find(fields.text("input")?)?;
        let value = self.values[input].clone();
        let path = format!("{}.{name}", self.name);
        let mut out = Value { name: name.into(), ..value.clone() };
        let op = match op {
            "linear" | "conv" => {
                let (kernel, stride) = if op == "conv" {
                    let Place::Grid(grid) = value.place else {
                        return refuse("a conv has no grid", SECTION);
                    };
                    let kernel = fields.integer("kernel", 1, 7)? as usize;
                    let stride = fields.integer("stride", 1, 4)?;
                    demand(kernel % 2 == 1 && i64::from(grid) * stride <= 4096, "a conv is too coarse", SECTION)?;
                    out.place = Place::Grid(grid * stride as u32);
                    (kernel, stride as usize)
                } else {
                    (1, 1)
                };
                let shift = fields.integer("shift", 1, 52)? as u32;
                (out.low, out.high) = read_clamp(fields.take("clamp")?)?;
                let linear = Linear::read(&path, &value, kernel, stride, shift, [out.low, out.high], tensors)?;
                out.channels = linear.outputs;
                Op::Linear(linear)
            }
            "lookup_table" => {
                let n = (value.high - value.low + 1) as usize;
                let key = format!("{path}.table");
                let kind = if tensors.get(&key).is_some_and(|table| table.kind == 3) { "I16" } else { "U8" };
                let table = take(tensors, &key, kind, &[n])?;
                out.low = table.iter().copied().min().unwrap_or(0);
                out.high = table.iter().copied().max().unwrap_or(0);
                Op::Lookup { table: table.iter().map(|&entry| entry as i16).collect(), low: value.low }
            }
            "add" | "concat" => {
                let other = self.find(fields.text("other")?)?;
                let second = &self.values[other];
                demand(second.place == value.place, "two values are not at the same place", SECTION)?;
                if op == "add" {
                    demand(second.channels == value.channels, "values with different channels are added", SECTION)?;
                    (out.low, out.high) = read_clamp(fields.take("clamp")?)?;
                    Op::Add { other, low: out.low as i32, high: out.high as i32 }
                } else {
                    out.channels += second.channels;
                    out.low = out.low.min(second.low);
                    out.high = out.high.max(second.high);
                    let fits = out.low >= -32768 && out.high <= 32767 || out.low >= 0 && out.high <= 65535;
                    demand(fits, "the range of a concat is too large", SECTION)?;
                    Op::Concat { other }
                }
            }
            "pixel_shuffle" => {
                let factor = fields.integer("factor", 2, 8)? as u32;
                let square = (factor * factor) as usize;
                match value.place {
                    Place::Grid(s) if s % factor == 0 && value.channels % square == 0 => {
                        out.place = Place::Grid(s / factor);
                        out.channels /= square;
                    }
                    _ => return refuse("a pixel_shuffle does not fit its input", SECTION),
                }
                Op::Shuffle { factor: factor as usize }
            }
            "flatten" => match (value.place, size) {
                (Place::Grid(_), Some(size)) => {
                    out.place = Place::Item;
                    out.channels = value.elements(size);
                    Op::Same
                }
                _ => return refuse("a flatten does not fit its input", SECTION),
            },
            "image" | "broadcast" => {
                let grid = Place::Grid(fields.integer("grid", 1, 4096)? as u32);
                demand(value.place == Place::Item, "the input of an image or a broadcast is not at the item", SECTION)?;
                out.place = grid;
                if op == "broadcast" {
                    Op::Broadcast
                } else {
                    let places = size.map_or(0, |size| grid.count(size));
                    demand(places > 0 && value.channels % places == 0, "an image does not fit its input", SECTION)?;
                    out.channels /= places;
                    Op::Same
                }
            }
            _ => return refuse(format!("the op {op:?} is unknown: a newer release is needed"), SECTION),
        };
        fields.end()?;
        self.layers.push(Layer { input, op });
        self.values.push(out);
        self.used.push(false);
        Ok(())
    }

    /// Refuses unused values, and too many numbers. `size`: that of the model or of its test.
    pub fn check(&self, size: [usize; 2]) -> Result<()> {
        demand(self.used.iter().all(|&used| used), "nothing depends on a value of a network", SECTION)?;
        let mut total = 0usize;
        for value in &self.values {
            let elements = value.elements(size);
            demand(value.channels >= 1 && elements <= 1 << 24, "a value of a network is too large", SECTION)?;
            total += elements;
        }
        demand(total <= 1 << 25, "the values of a network are too large", SECTION)
    }

    /// The elements of all values of an item.
    pub fn elements(&self, size: [usize; 2]) -> u128 {
        self.values.iter().map(|value| value.elements(size) as u128).sum()
    }

    /// The multiply-adds of an item.
    pub fn macs(&self, size: [usize; 2]) -> u128 {
        let layers = self.layers.iter().zip(&self.values[self.sources..]);
        let macs = layers.map(|(layer, value)| match &layer.op {
            Op::Linear(linear) => value.elements(size) as u128 * linear.inputs as u128,
            _ => 0,
        });
        macs.sum()
    }

    /// Runs the network for one item. The sources are in `scratch.values`, with the rows of `scratch.needs`.
    pub fn run(&self, scratch: &mut Scratch, size: [usize; 2]) {
        if scratch.needs.len() != self.values.len() {
            scratch.needs = self.whole(size);
        }
        scratch.values.resize_with(self.values.len(), Vec::new);
        for (i, layer) in self.layers.iter().enumerate() {
            let at = self.sources + i;
            let need = scratch.needs[at].clone();
            if need.start == need.end {
                continue;
            }
            let (before, behind) = scratch.values.split_at_mut(at);
            let out = &mut behind[0];
            let from = &self.values[layer.input];
            let [from_rows, from_columns] = from.place.extent(size);
            let have = scratch.needs[layer.input].start;
            // The needed rows of a value with the places of the output.
            let same_rows = |number: usize| {
                let width = from_columns * self.values[number].channels;
                let have = scratch.needs[number].start;
                &before[number][(need.start - have) * width..(need.end - have) * width]
            };
            // These two ops overwrite the result.
            if !matches!(layer.op, Op::Linear(_) | Op::Add { .. }) {
                out.clear();
            }
            match &layer.op {
                Op::Linear(linear) if linear.is_at_places() => {
                    linear.run(same_rows(layer.input), &mut scratch.linear, out);
                }
                Op::Linear(linear) => {
                    let patches = Patches { input: &before[layer.input], have, rows: from_rows, columns: from_columns };
                    linear.run_patches(&patches, from.channels, need, &mut scratch.linear, out);
                }
                Op::Lookup { table, low } => {
                    let low = *low as u16;
                    out.extend(
                        same_rows(layer.input).iter().map(|&x| table[usize::from((x as u16).wrapping_sub(low))]),
                    );
                }
                Op::Add { other, low, high } => {
                    let (a, b) = (same_rows(layer.input), same_rows(*other));
                    let masks = [from.mask(), self.values[*other].mask()];
                    out.resize(a.len(), 0);
                    add(a, b, masks, [*low, *high], out);
                }
                Op::Concat { other } => {
                    let second = same_rows(*other).chunks_exact(self.values[*other].channels);
                    for (a, b) in same_rows(layer.input).chunks_exact(from.channels).zip(second) {
                        out.extend_from_slice(a);
                        out.extend_from_slice(b);
                    }
                }
                Op::Shuffle { factor } => {
                    let to = &self.values[at];
                    let [_, columns] = to.place.extent(size);
                    for r in need {
                        for q in 0..columns {
                            let cell = ((r / factor - have) * from_columns + q / factor) * from.channels;
                            let start = cell + (r % factor * factor + q % factor) * to.channels;
                            out.extend_from_slice(&before[layer.input][start..start + to.channels]);
                        }
                    }
                }
                Op::Same => {
                    let width = self.values[at].place.extent(size)[1] * self.values[at].channels;
                    out.extend_from_slice(&before[layer.input][need.start * width..need.end * width]);
                }
                Op::Broadcast => {
                    let [_, columns] = self.values[at].place.extent(size);
                    for _ in 0..need.len() * columns {
                        out.extend_from_slice(&before[layer.input]);
                    }
                }
            }
        }
    }

    /// Runs a network whose values are all at the item, for consecutive items.
    pub fn run_items(&self, scratch: &mut Scratch, count: usize) {
        scratch.needs.clear();
        scratch.needs.resize(self.values.len(), 0..count);
        self.run(scratch, [1, 1]);
    }

    /// All rows of all values.
    fn whole(&self, size: [usize; 2]) -> Vec<Range<usize>> {
        self.values.iter().map(|value| 0..value.place.extent(size)[0]).collect()
    }
}

wide! {
    fn add['a]['a](a: &'a [i16], b: &'a [i16], masks: [i32; 2], clamp: [i32; 2], out: &'a mut [i16]) {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            let sum = (i32::from(a) & masks[0]) + (i32::from(b) & masks[1]);
            *out = sum.clamp(clamp[0], clamp[1]) as i16;
        }
    }
}

fn read_clamp(json: &Json) -> Result<(i64, i64)> {
    let clamp = json.list_of(2, 2, "a clamp")?;
    let low = clamp[0].integer(-32768, 32767, "the end of a clamp")?;
    let high = clamp[1].integer(low + 1, 32767, "the end of a clamp")?;
    Ok((low, high))
}
