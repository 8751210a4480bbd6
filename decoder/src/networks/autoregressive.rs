//! The autoregressive codec: pixels, each conditional on a causal window (model-format.md, M3).

use crate::ans::coder::Coder;
use crate::foundations::error::{demand, Result};
use crate::foundations::json::Fields;
use crate::networks::family::{read_outputs, Family, Over};
use crate::networks::network::{Network, Scratch};
use crate::networks::parts::Parts;
use crate::networks::window::Window;
use crate::types::value::{Place, Value, Variable};

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

impl Group {
    /// The network, and the optional one of flat contexts, with the numbers of their outputs.
    fn networks(&self) -> impl Iterator<Item = (usize, &[usize])> {
        let flat = self.flat.as_ref().map(|flat| (flat.network, &flat.outputs[..]));
        [(self.family.network, &self.family.outputs[..])].into_iter().chain(flat)
    }
}

pub struct Autoregressive {
    /// The network of the features, if variables are given.
    pub features: Option<Named>,
    pub feature_count: usize,
    pub above: usize,
    pub side: usize,
    /// P rows, which map symbols to inputs.
    pub planes: Vec<Vec<u8>>,
    flat: Vec<bool>,
    pub groups: Vec<Group>,
    channels: usize,
}

impl Autoregressive {
    pub fn read(fields: &mut Fields, x: &Variable, sources: Vec<Value>, parts: &mut Parts) -> Result<Self> {
        demand(fields.text("order")? == "raster", "an order of pixels is unknown", SECTION)?;
        let [above, side] = fields.take("window")?.integers(1, 8, "a window")?.map(|n| n as usize);
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
        demand(coded.iter().copied().eq(0..x.channels), "the groups do not name each channel once", SECTION)?;
        let flats = codec.groups.iter().filter(|group| group.flat.is_some()).count();
        demand(flats == 0 || flats == codec.groups.len(), "only some groups have flat contexts", SECTION)?;
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
        let channels = fields.take("channels")?.integers_up_to(x.channels, 0, most, "channels")?;
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
        demand(
            matches!(codec, "bernoulli" | "exponential" | "mixture"),
            "the codec of a group is not allowed",
            SECTION,
        )?;
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

    pub fn each_output(&self, visit: &mut impl FnMut(usize, &[usize])) {
        if let Some(features) = &self.features {
            visit(features.network, &features.outputs);
        }
        for group in &self.groups {
            group.networks().for_each(|(network, outputs)| visit(network, outputs));
        }
    }

    /// The networks that run at each pixel.
    pub fn pixel_networks(&self) -> impl Iterator<Item = usize> + '_ {
        self.groups.iter().flat_map(|group| group.networks().map(|(network, _)| network))
    }

    /// W, the number of pixels in the window.
    pub fn window(&self) -> usize {
        self.above * (2 * self.side + 1) + self.side
    }

    fn coding_order(&self) -> Vec<usize> {
        self.groups.iter().flat_map(|group| group.channels.iter().copied()).collect()
    }

    /// Codes the images of a batch, all of one size. features: [items, pixels, F].
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
        let mut coded: Vec<u32> = Vec::new();
        let window = || Window::new(&self.planes, &self.flat, [self.above, self.side], columns, self.channels);
        let mut windows: Vec<Window> = symbols.chunks_exact(item).map(|_| window()).collect();
        let mut scratches = [Scratch::default(), Scratch::default()];
        let mut flat = vec![false; windows.len()];
        for pixel in 0..pixels {
            let (r, q) = (pixel / columns, pixel % columns);
            for (window, flat) in windows.iter_mut().zip(&mut flat) {
                if q == 0 {
                    window.begin_row(r);
                }
                *flat = !self.flat.is_empty() && window.is_flat(r, q);
            }
            let features = |i: usize| {
                let own = &features[(i * pixels + pixel) * self.feature_count..][..self.feature_count];
                own.iter().map(|&byte| i16::from(byte))
            };
            let mut known = 0;
            for group in &self.groups {
                coder.step();
                let mut counts = [0; 2];
                for (scratch, (network, _)) in scratches.iter_mut().zip(group.networks()) {
                    scratch.values.resize_with(networks[network].values.len(), Vec::new);
                    scratch.values[0].clear();
                }
                for (i, window) in windows.iter().enumerate() {
                    let source = &mut scratches[usize::from(flat[i])].values[0];
                    if !flat[i] {
                        window.append_inputs(r, q, known, source);
                    }
                    if self.feature_count > 0 {
                        source.extend(features(i));
                    }
                    counts[usize::from(flat[i])] += 1;
                }
                for ((scratch, (network, _)), &count) in scratches.iter_mut().zip(group.networks()).zip(&counts) {
                    networks[network].run_items(scratch, count);
                }
                let mut done = [0; 2];
                for (i, symbols) in symbols.chunks_exact_mut(item).enumerate() {
                    let kind = usize::from(flat[i]);
                    let Some((network, outputs)) = group.networks().nth(kind) else { continue };
                    let mut own = [&[][..]; 3];
                    for (own, &output) in own.iter_mut().zip(outputs) {
                        let channels = networks[network].values[output].channels;
                        *own = &scratches[kind].values[output][done[kind] * channels..][..channels];
                    }
                    done[kind] += 1;
                    let symbols = &mut symbols[pixel * self.channels..][..self.channels];
                    coded.clear();
                    coded.extend(group.channels.iter().map(|&channel| symbols[channel]));
                    group.family.code(coder, &own[..outputs.len()], &mut coded);
                    for (place, (&channel, &symbol)) in group.channels.iter().zip(&coded).enumerate() {
                        symbols[channel] = symbol;
                        windows[i].set(r, q, known + place, symbol);
                    }
                }
                known += group.channels.len();
            }
        }
    }
}
