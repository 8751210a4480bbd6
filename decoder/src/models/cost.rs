//! The limits of the cost of models and blocks (model-format.md, M9; format.md, A5.10).

use crate::counting::contexts::Spec;
use crate::counting::counted::Counted;
use crate::counting::terms::Term;
use crate::foundations::error::{demand, Result};
use crate::models::model::{Codec, Model};
use crate::series::rules::Series;
use crate::types::batch::{Batch, Group};
use crate::types::value::{Shape, Variable};
use crate::wavefront::mixers;
use crate::wavefront::rules::Wavefront;

const SECTION: &str = "model-format.md, M9";
const BLOCK: &str = "format.md, A5.10";

/// Slices, rows, columns, channels of an item.
#[derive(Clone, Copy)]
struct Extent {
    s: u128,
    r: u128,
    q: u128,
    c: u128,
}

impl Extent {
    fn new(shape: [u64; 4]) -> Extent {
        let [s, r, q, c] = shape.map(u128::from);
        Extent { s, r, q, c }
    }

    fn elements(self) -> u128 {
        self.s * self.r * self.q * self.c
    }
}

/// The cost of an item or a batch.
#[derive(Clone, Copy, Default)]
struct Cost {
    memory: u128,
    macs: u128,
    steps: u128,
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.memory += other.memory;
        self.macs += other.macs;
        self.steps += other.steps;
    }
}

/// Refuses a block with too many elements for its bytes. Afterwards a loop over its items is safe.
pub fn check_elements(model: &Model, groups: &[Group], data: usize) -> Result<()> {
    let most = |group: &Group| largest_variable(model, group);
    let elements: u128 = groups.iter().map(|group| u128::from(group.items).saturating_mul(most(group))).sum();
    demand(elements <= (1 << 16) + ((data as u128) << 12), "a block has too many elements for its bytes", BLOCK)
}

/// Refuses a block that needs too much memory or work for its bytes.
pub fn check_block(model: &Model, groups: &[Group], batches: &[Batch], data: usize) -> Result<()> {
    let d = data as u128;
    let costs: Vec<Cost> = groups.iter().map(|group| item_cost(model, group)).collect();
    let macs: u128 = groups.iter().zip(&costs).map(|(group, cost)| u128::from(group.items) * cost.macs).sum();
    let steps: u128 = batches.iter().map(|batch| costs[batch.group].steps).sum();
    let mut memory = 0;
    if model.shape == Shape::Any {
        let total = groups.iter().map(|group| u128::from(group.items) * u128::from(group.elements())).sum();
        memory = groups.iter().zip(&costs).map(|(group, cost)| u128::from(group.items) * cost.memory).sum();
        memory += table_memory(model.x_codec(), total);
    } else {
        let mut first = 0;
        while first < groups.len() {
            let alike = groups[first..].iter().take_while(|group| group.shape == groups[first].shape);
            let (count, items) = alike.fold((0, 0), |(count, items), group| (count + 1, items + group.items));
            let items = u128::from(items.min(model.batch));
            let tables = table_memory(model.x_codec(), items * u128::from(groups[first].elements()));
            memory = memory.max(items * costs[first].memory + tables);
            first += count;
        }
    }
    demand(memory <= (1 << 26) + (d << 10), "a block needs too much memory for its bytes", BLOCK)?;
    let work = macs + (steps << 15);
    demand(work <= (1 << 31) + (d << 25), "a block needs too much work for its bytes", BLOCK)
}

fn largest_variable(model: &Model, group: &Group) -> u128 {
    if model.shape == Shape::Any {
        return group.elements().into();
    }
    let size = [group.shape[1] as usize, group.shape[2] as usize];
    let elements = |v: &Variable| v.channels as u128 * v.place.count(size) as u128;
    model.variables.iter().map(elements).max().unwrap_or(0)
}

/// Checks the bounds on a model and its test.
pub fn check_test(model: &Model) -> Result<()> {
    let t = u128::from(model.elements);
    let count = model.test.count as u128;
    let mut macs = 0;
    for network in &model.networks {
        let elements = count * network.elements(model.test.size);
        demand(elements <= (1 << 22) + (t << 7), "the test of a model has too many values", SECTION)?;
        macs += count * network.macs(model.test.size);
    }
    demand(macs <= (1 << 28) + (t << 12), "the test of a model is too much work", SECTION)?;
    if let Some(items) = &model.test.items {
        let count = items.seeds.len() as u128;
        let extent = Extent::new(items.shape.map(|extent| extent as u64));
        let group = Group { items: 1, shape: items.shape.map(|n| n as u64), levels: items.levels, jpeg: false };
        let mut cost = codec_cost(model, model.x_codec(), extent, &group);
        cost.memory += 2 * extent.elements() + table_memory(model.x_codec(), extent.elements());
        cost.macs += extent.elements() << 6;
        demand(count * extent.elements() <= 1 << 12, "the items of a test are too large", SECTION)?;
        demand(cost.memory <= 1 << 26, "the items of a test need too much memory", SECTION)?;
        demand(count * cost.macs <= (1 << 28) + (t << 12), "the items of a test are too much work", SECTION)?;
    }
    if let Shape::Sized([rows, columns]) = model.shape {
        let x = &model.variables[model.x];
        let shape = [1, rows as u64, columns as u64, x.channels as u64];
        let group = Group { items: 1, shape, levels: x.levels, jpeg: false };
        let batch = u128::from(model.batch);
        let tables = table_memory(model.x_codec(), batch * u128::from(group.elements()));
        let memory = batch * item_cost(model, &group).memory + tables;
        demand(memory <= 1 << 28, "a batch of a model needs too much memory", SECTION)?;
    }
    Ok(())
}

fn item_cost(model: &Model, group: &Group) -> Cost {
    let extent = Extent::new(group.shape);
    let size = [group.shape[1] as usize, group.shape[2] as usize];
    let mut cost = Cost { steps: model.code.len() as u128, ..Cost::default() };
    if matches!(model.x_codec(), Codec::Series(_) | Codec::Counted(_) | Codec::Wavefront(_)) {
        cost.steps -= 1; // the codec's steps replace this one
    }
    for variable in &model.variables {
        let elements = match model.shape {
            Shape::Any => extent.elements(),
            _ => variable.channels as u128 * variable.place.count(size) as u128,
        };
        cost.memory += 2 * elements;
        cost.macs += elements << 6;
    }
    let mut at_pixels = vec![false; model.networks.len()];
    for distribution in &model.distributions {
        if let Codec::Autoregressive(codec) = &distribution.codec {
            codec.pixel_networks().for_each(|network| at_pixels[network] = true);
        }
    }
    for (network, at_pixel) in model.networks.iter().zip(&at_pixels) {
        // The networks of pixels belong to the cost of their codecs.
        if !at_pixel {
            cost.macs += network.macs(size);
        }
    }
    for distribution in &model.distributions {
        cost.add(codec_cost(model, &distribution.codec, extent, group));
    }
    cost
}

/// The additional cost of a codec.
fn codec_cost(model: &Model, codec: &Codec, e: Extent, group: &Group) -> Cost {
    let size = [group.shape[1] as usize, group.shape[2] as usize];
    match codec {
        Codec::Uniform => Cost::default(),
        Codec::Family(family) => {
            let network = &model.networks[family.network];
            let elements = family.outputs.iter().map(|&output| network.values[output].elements(size) as u128);
            let steps = if family.is_coupled() { e.c - 1 } else { 0 };
            Cost { memory: 4 * elements.sum::<u128>(), macs: 0, steps }
        }
        Codec::Autoregressive(codec) => {
            let pixels = e.r * e.q;
            let window = codec.planes.len() as u128 * e.c * (codec.above as u128 + 1) * (e.q + 2 * codec.side as u128);
            let networks = codec.pixel_networks().map(|network| model.networks[network].macs([1, 1]));
            Cost {
                memory: window + codec.feature_count as u128 * pixels + pixels * e.c,
                macs: pixels * networks.sum::<u128>(),
                steps: pixels * codec.groups.len() as u128 - 1,
            }
        }
        Codec::Series(codec) => series_cost(codec, e),
        Codec::Counted(codec) => counted_cost(codec, e),
        Codec::Wavefront(codec) => wavefront_cost(codec, e, group.jpeg),
    }
}

fn wavefront_cost(codec: &Wavefront, e: Extent, jpeg: bool) -> Cost {
    let rows = e.r.min((e.q - 1) / 16);
    let colours = if jpeg { (e.s * e.r * e.q) << 12 } else { 0 };
    let times = e.s * e.c * (16 * (e.r - 1) + e.q);
    let contexts = if codec.contexts.is_some() { (e.elements() << 13) + (times << 11) } else { 0 };
    let macs = e.elements() * ((1 << 10) + u128::from(codec.macs())) + (times << 10);
    let saved = if e.s > 1 || e.c > 4 { e.elements() << 4 } else { 0 };
    let memory = saved + ((e.c.min(4) * rows) << 12);
    Cost {
        memory: if codec.levels > 256 { memory + memory / 2 } else { memory },
        macs: macs + colours + contexts,
        steps: 0,
    }
}

fn series_cost(codec: &Series, e: Extent) -> Cost {
    let t = e.s * e.r * e.q;
    let predictors = || codec.predictors.iter().map(|p| (p.inputs.len() as u128, p.every as u128));
    let squares: u128 = predictors().map(|(n, _)| (n + 2) * (n + 2)).sum();
    let solutions: u128 = predictors().map(|(n, every)| (t.min(64) + t / every) * (n + 1).pow(3)).sum();
    Cost {
        memory: 6 * t * e.c + e.c * ((1 << 11) + 8 * squares),
        macs: t * e.c * ((1 << 10) + squares) + e.c * solutions,
        steps: 0,
    }
}

fn summands<'a>(terms: impl Iterator<Item = &'a Term>) -> u128 {
    terms.map(|term| u128::from(term.summands())).sum()
}

fn counted_cost(codec: &Counted, e: Extent) -> Cost {
    let depth = u128::from(codec.depth);
    let lag = (codec.lag as u128).min(e.q);
    let rows = e.r.min((e.q - 1) / lag + 1);
    let times = e.s * e.c * (lag * (e.r - 1) + e.q);
    let decision = |spec: &Spec| {
        let (n, m) = (spec.contexts.len() as u128, spec.mixers.len() as u128);
        let maps = if spec.maps.is_some() { 32 * m } else { 0 };
        32 * n + 4 * m * (2 * n + 1) + maps
    };
    let tree = &codec.tree;
    let field = (e.s * e.c + 1) * (e.r + 30) * (e.q + 30);
    let mut memory = field + rows * 64 * depth * (tree.contexts.len() as u128 + 6);
    let pixel = summands(tree.all_terms()) + depth * decision(tree);
    let mut macs = e.elements() * pixel + 256 * depth * times;
    if let Some(flat) = &codec.flat {
        let pixels = flat.around.len() + flat.regions.iter().map(Vec::len).sum::<usize>();
        macs += e.elements() * pixels as u128;
    }
    if let Some(candidate) = &codec.candidate {
        let spec = &candidate.spec;
        memory += rows * 64 * (spec.contexts.len() as u128 + 6);
        macs += e.elements() * (summands(spec.all_terms()) + decision(spec)) + 256 * times;
    }
    if !codec.predictors.is_empty() {
        let count = codec.predictors.len() as u128;
        memory += (count + 1) * (rows + 2) * (e.q + 30);
        macs += e.elements() * (4 * summands(codec.predictors.iter()) + 16 * count + 32 * depth);
    }
    Cost { memory, macs, steps: 0 }
}

/// The memory of a batch with a number of elements, beside that of its items: tables, mixers and rows of wavefronts.
fn table_memory(codec: &Codec, elements: u128) -> u128 {
    let counted = match codec {
        Codec::Counted(codec) => codec,
        Codec::Wavefront(codec) if elements > 0 => {
            let long = u64::try_from(elements).unwrap_or(u64::MAX);
            return (elements << 4).min(1 << 23) + codec.contexts.map_or(0, |most| mixers::memory(long, most));
        }
        _ => return 0,
    };
    let spec_memory = |spec: &Spec, elements: u128| {
        let elements = u64::try_from(elements).unwrap_or(u64::MAX);
        let slots: u128 = spec.contexts.iter().map(|context| u128::from(spec.slots(context, elements))).sum();
        let sets: u128 = spec.mixers.iter().map(|mixer| mixer.sets as u128).sum();
        let maps = if spec.maps.is_some() { 132 } else { 0 };
        4 * slots + (2 * (2 * spec.contexts.len() + 32) as u128 + maps) * sets
    };
    let mut memory = spec_memory(&counted.tree, elements * u128::from(counted.depth));
    if let Some(candidate) = &counted.candidate {
        let elements_long = u64::try_from(elements).unwrap_or(u64::MAX);
        memory += spec_memory(&candidate.spec, elements) + (4u128 << candidate.spec.table_bits(elements_long));
    }
    memory
}
