//! Images coded pixel by pixel, each given a causal window (model-format.md, M3).

use crate::coder::Coder;
use crate::error::{demand, Result};
use crate::family::{read_outputs, Family, Over};
use crate::json::Fields;
use crate::model::{Parts, Variable};
use crate::network::{Network, Place, Scratch, Value};
use crate::tensor::integers;

const SECTION: &str = "model-format.md, M3";

/// A network, and the numbers of the values that are its outputs.
pub struct Named {
    pub network: usize,
    pub outputs: Vec<usize>,
}

pub struct Group {
    pub channels: Vec<usize>,
    pub family: Family,
    pub flat: Option<Named>,
}

pub struct Autoregressive {
    /// The network of the features, unless nothing is given.
    pub features: Option<Named>,
    /// F
    pub feature_count: usize,
    pub above: usize,
    pub side: usize,
    /// P rows of the inputs of symbols.
    pub planes: Vec<Vec<u8>>,
    flat: Vec<bool>,
    pub groups: Vec<Group>,
    channels: usize,
}

impl Autoregressive {
    pub fn read(fields: &mut Fields, x: &Variable, sources: Vec<Value>, parts: &mut Parts) -> Result<Self> {
        demand(fields.text("order")? == "raster", "an order of pixels is unknown", SECTION)?;
        let window = integers(fields.take("window")?.list_of(2, 2, "a window")?, 1, 8, "a window")?;
        let (above, side) = (window[0] as usize, window[1] as usize);
        let levels = x.levels as usize;
        let count = parts.length("x", "planes")?;
        demand((1..=8).contains(&count), "x.planes has too many rows", SECTION)?;
        let planes = parts.own("x.planes", "U8", &[count, levels], 0, 255)?;
        let mut top = planes.iter().copied().max().unwrap_or(0);
        let planes = planes.chunks_exact(levels).map(|row| row.iter().map(|&entry| entry as u8).collect()).collect();
        let (mut features, mut feature_range, mut feature_count) = (None, [0, 0], 0);
        if !sources.is_empty() {
            let network = parts.network(fields.text("network")?, sources, false)?;
            let mut own = parts.take_network(network)?;
            let outputs = read_outputs(fields.take("outputs")?, &mut own)?;
            let value = &own.values[outputs[0]];
            let fits = outputs.len() == 1
                && value.place == Place::Grid(1)
                && (1..=256).contains(&value.channels)
                && value.low >= 0
                && value.high <= 255;
            demand(fits, "the features do not fit", SECTION)?;
            feature_count = value.channels;
            feature_range = [value.low, value.high];
            top = top.max(value.high);
            parts.put_network(network, own);
            features = Some(Named { network, outputs });
        }
        let mut codec = Autoregressive {
            features,
            feature_count,
            above,
            side,
            planes,
            flat: Vec::new(),
            groups: Vec::new(),
            channels: x.channels,
        };
        let groups = fields.take("groups")?.list_of(1, 16, "groups")?;
        for group in groups {
            codec.read_group(&mut group.fields("a group")?, x, top, feature_range, parts)?;
        }
        let mut coded = codec.coding_order();
        coded.sort_unstable();
        demand(coded.iter().copied().eq(0..x.channels), "the groups do not name every channel once", SECTION)?;
        let flats = codec.groups.iter().filter(|group| group.flat.is_some()).count();
        demand(flats == 0 || flats == codec.groups.len(), "some groups have flat contexts, others not", SECTION)?;
        if flats > 0 {
            let flat = parts.own("x.flat", "U8", &[levels], 0, 1)?;
            codec.flat = flat.iter().map(|&entry| entry == 1).collect();
        }
        Ok(codec)
    }

    fn read_group(
        &mut self,
        fields: &mut Fields,
        x: &Variable,
        top: i64,
        range: [i64; 2],
        parts: &mut Parts,
    ) -> Result<()> {
        let most = x.channels as i64 - 1;
        let channels = integers(fields.take("channels")?.list_of(1, x.channels, "channels")?, 0, most, "a channel")?;
        let channels: Vec<usize> = channels.iter().map(|&channel| channel as usize).collect();
        let known = self.coding_order().len();
        let width = self.planes.len() * (self.window() * x.channels + known) + self.feature_count;
        let at_item = |name: &str, channels: usize, low: i64, high: i64| Value {
            name: name.into(),
            channels,
            place: Place::Item,
            low,
            high,
        };
        let codec = fields.text("codec")?;
        demand(matches!(codec, "bernoulli" | "exponential" | "mixture"), "a group has another codec", SECTION)?;
        let network = parts.network(fields.text("network")?, vec![at_item("context", width, 0, top)], true)?;
        let over = Over { is_x: true, levels: x.levels, bits: 0, channels: channels.len(), place: Place::Item };
        let family = Family::read(codec, fields, over, network, parts)?;
        let mut flat = None;
        if let Some(json) = fields.optional("flat") {
            demand(self.feature_count > 0, "flat contexts need features", SECTION)?;
            let mut fields = json.fields("flat")?;
            let source = at_item("features", self.feature_count, range[0], range[1]);
            let network = parts.network(fields.text("network")?, vec![source], true)?;
            let mut own = parts.take_network(network)?;
            let outputs = read_outputs(fields.take("outputs")?, &mut own)?;
            fields.end()?;
            let places = outputs.iter().all(|&output| own.values[output].place == Place::Item);
            demand(places, "an output of a flat context is not at the item", SECTION)?;
            family.check_stand_in(&own, &outputs)?;
            parts.put_network(network, own);
            flat = Some(Named { network, outputs });
        }
        self.groups.push(Group { channels, family, flat });
        Ok(())
    }

    pub fn note_outputs(&self, note: &mut impl FnMut(usize, &[usize])) {
        if let Some(features) = &self.features {
            note(features.network, &features.outputs);
        }
        for group in &self.groups {
            note(group.family.network, &group.family.outputs);
            if let Some(flat) = &group.flat {
                note(flat.network, &flat.outputs);
            }
        }
    }

    /// The networks that run at each pixel.
    pub fn pixel_networks(&self) -> impl Iterator<Item = usize> + '_ {
        self.groups.iter().flat_map(|g| [Some(g.family.network), g.flat.as_ref().map(|f| f.network)]).flatten()
    }

    /// W, the number of pixels in the window.
    pub fn window(&self) -> usize {
        self.above * (2 * self.side + 1) + self.side
    }

    fn coding_order(&self) -> Vec<usize> {
        self.groups.iter().flat_map(|group| group.channels.iter().copied()).collect()
    }

    /// Codes the images of a batch, all of one size; the features are [items, pixels, F].
    pub fn code<C: Coder>(
        &self,
        coder: &mut C,
        networks: &[Network],
        size: [usize; 2],
        features: &[u8],
        symbols: &mut [u32],
    ) {
        let [rows, columns] = size;
        let pixels = rows * columns;
        let item = pixels * self.channels;
        let order = self.coding_order();
        let mut scratch = Scratch::default();
        let mut flat_scratch = Scratch::default();
        scratch.values.push(Vec::new());
        flat_scratch.values.push(Vec::new());
        let mut window: Vec<u32> = Vec::new();
        let mut coded: Vec<u32> = Vec::new();
        for pixel in 0..pixels {
            let (r, q) = (pixel / columns, pixel % columns);
            let mut known = 0;
            for group in &self.groups {
                coder.step();
                for (i, symbols) in symbols.chunks_exact_mut(item).enumerate() {
                    self.look(symbols, &order, r, q, size, &mut window);
                    let at = pixel * self.channels;
                    let own = if self.feature_count > 0 {
                        &features[(i * pixels + pixel) * self.feature_count..][..self.feature_count]
                    } else {
                        &[]
                    };
                    coded.clear();
                    coded.extend(group.channels.iter().map(|&channel| symbols[at + channel]));
                    let flat = group.flat.as_ref().filter(|_| window.iter().all(|&x| self.flat[x as usize]));
                    let (network, named, scratch) = match flat {
                        Some(flat) => {
                            let source = &mut flat_scratch.values[0];
                            source.clear();
                            source.extend(own.iter().map(|&byte| i16::from(byte)));
                            (&networks[flat.network], &flat.outputs, &mut flat_scratch)
                        }
                        None => {
                            let source = &mut scratch.values[0];
                            source.clear();
                            for plane in &self.planes {
                                source.extend(window.iter().map(|&x| i16::from(plane[x as usize])));
                                let before = &order[..known];
                                let own = before.iter().map(|&channel| symbols[at + channel]);
                                source.extend(own.map(|x| i16::from(plane[x as usize])));
                            }
                            source.extend(own.iter().map(|&byte| i16::from(byte)));
                            (&networks[group.family.network], &group.family.outputs, &mut scratch)
                        }
                    };
                    network.run(scratch, [1, 1]);
                    let empty: &[i16] = &[];
                    let mut outputs = [empty; 3];
                    for (output, &number) in outputs.iter_mut().zip(named) {
                        *output = &scratch.values[number];
                    }
                    group.family.code(coder, &outputs[..named.len()], &mut coded);
                    for (&channel, &symbol) in group.channels.iter().zip(&coded) {
                        symbols[at + channel] = symbol;
                    }
                }
                known += group.channels.len();
            }
        }
    }

    /// The symbols of the window, each pixel's in coding order; outside of the image they are 0.
    fn look(&self, symbols: &[u32], order: &[usize], r: usize, q: usize, size: [usize; 2], window: &mut Vec<u32>) {
        let [_, columns] = size;
        window.clear();
        for up in (0..=self.above).rev() {
            let wide = if up > 0 { 2 * self.side + 1 } else { self.side };
            for j in 0..wide {
                let column = (q + j).wrapping_sub(self.side);
                if up <= r && column < columns {
                    let pixel = &symbols[((r - up) * columns + column) * self.channels..][..self.channels];
                    window.extend(order.iter().map(|&channel| pixel[channel]));
                } else {
                    window.extend(order.iter().map(|_| 0));
                }
            }
        }
    }
}
