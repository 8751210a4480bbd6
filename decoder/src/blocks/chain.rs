//! Blocks of the method model: batches, bits back, and the digest (format.md, A3).

use crate::ans::coder::{pop_uniform, push_uniform, Coder, Noter, Popper};
use crate::ans::message::Message;
use crate::blocks::content::Content;
use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::sha256::Sha256;
use crate::models::cost;
use crate::models::model::{Codec, Distribution, Model, Starts};
use crate::networks::network::Scratch;
use crate::types::batch::{Batch, Group};
use crate::types::block::{Block, Run, ValueMap};
use crate::types::image::Image;
use crate::types::value::Shape;

const SECTION: &str = "format.md, A3";
const LAYOUT: &str = "format.md, A5.7";

/// Decodes the bytes of all items of a block.
pub fn decode(block: &Block, model: &Model, layout: u8, multiset: bool) -> Result<Vec<u8>> {
    let groups = groups(&block.runs, model, layout)?;
    demand(groups.iter().all(|group| group.elements() > 0), "an item has no elements", LAYOUT)?;
    let small = groups.iter().all(|group| model.shape != Shape::Any || group.elements() <= 1 << 26);
    demand(small, "an item has too many elements", "model-format.md, M2.1")?;
    let few = !multiset || block.runs.iter().all(|run| run.items <= 1 << 24);
    demand(few, "a multiset has too many items", "format.md, A4")?;
    cost::check_elements(model, &groups, block.data.len())?;
    let batches = batches(&groups, model, multiset);
    cost::check_block(model, &groups, &batches, block.data.len())?;
    let mut message = Message::parse(&mut Bytes::new(block.data, "format.md, A1"))?;
    demand(!message.is_finite(), "the message of a block is finite", SECTION)?;
    let mut content = Content::new(block, &groups, multiset);
    for batch in batches.iter().rev() {
        match model.shape {
            Shape::Any => decode_images(model, &groups, *batch, &mut message, &mut content)?,
            _ => decode_items(model, &groups, *batch, &mut message, &mut content)?,
        }
        content.push_picks(*batch, &mut message);
        message.check()?;
    }
    let bytes = content.finish();
    let mut digest = Sha256::default();
    digest.update(&block.head);
    digest.update(&bytes);
    let initial = Message::of_digest(&digest.finish(), message.lanes());
    message.reduce();
    demand(message == initial, "the decoded block does not match its digest", SECTION)?;
    Ok(bytes)
}

/// The items of a block, in the shapes in which the model codes them.
fn groups(runs: &[Run], model: &Model, layout: u8) -> Result<Vec<Group>> {
    let x = &model.variables[model.x];
    let mut groups = Vec::new();
    for run in runs {
        let levels = match &run.map {
            ValueMap::None | ValueMap::Jpeg if run.dtype == Dtype::U8 => 256,
            ValueMap::None if run.dtype == Dtype::U16 => 65536,
            ValueMap::Range { levels, .. } => *levels,
            ValueMap::Pair(_) => 2,
            ValueMap::Set(values) => values.len() as u32,
            _ => return refuse("the elements of a run are not valid symbols", LAYOUT),
        };
        let jpeg = run.map == ValueMap::Jpeg;
        let (items, shape) = match model.shape {
            Shape::Any => any_shape(run, layout)?,
            _ => {
                let narrow = if x.levels <= 256 { Dtype::U8 } else { Dtype::U16 };
                demand(
                    run.map != ValueMap::None || run.dtype == narrow,
                    "the dtype of a run does not fit its model",
                    LAYOUT,
                )?;
                demand(layout == 0, "a block has a layout that its model does not know", LAYOUT)?;
                (run.items, sized_shape(run, model)?)
            }
        };
        let whole = run.map == ValueMap::None && model.shape != Shape::Any;
        demand(levels <= x.levels || whole, "a run has more levels than its model", LAYOUT)?;
        if jpeg {
            let planes = matches!(model.x_codec(), Codec::Wavefront(_));
            demand(
                planes && layout != 2 && shape[3] == 3,
                "the value map of colours of JPEG is not allowed here",
                LAYOUT,
            )?;
        }
        groups.push(Group { items, shape, levels: levels.min(x.levels), jpeg });
    }
    Ok(groups)
}

/// The item of a run, for a model whose x has any shape.
fn any_shape(run: &Run, layout: u8) -> Result<(u64, [u64; 4])> {
    Ok(match (layout, &run.shape[..]) {
        (0, &[rows, columns]) => (run.items, [1, rows, columns, 1]),
        (0, &[rows, columns, channels]) => (run.items, [1, rows, columns, channels]),
        (1, &[slices, rows, columns]) => (run.items, [slices, rows, columns, 1]),
        (1, &[slices, rows, columns, channels]) => (run.items, [slices, rows, columns, channels]),
        (2, &[]) => (1, [1, run.items, 1, 1]),
        (2, &[channels]) => (1, [1, run.items, 1, channels]),
        (3, &[rows, columns]) => (1, [run.items, rows, columns, 1]),
        (3, &[rows, columns, channels]) => (1, [run.items, rows, columns, channels]),
        _ => return refuse("the items of a block do not fit its layout", LAYOUT),
    })
}

/// The shape of an item, for a model with channels.
fn sized_shape(run: &Run, model: &Model) -> Result<[u64; 4]> {
    let channels = model.variables[model.x].channels as u64;
    let shape = match (model.shape, &run.shape[..]) {
        (Shape::Sized([rows, columns]), shape) => {
            let size = [rows as u64, columns as u64, channels];
            let some = |shape: &[u64]| -> Vec<u64> { shape.iter().copied().filter(|&extent| extent != 1).collect() };
            let fits = some(shape) == some(&size) || some(shape) == some(&[size.iter().product()]);
            fits.then_some([1, size[0], size[1], channels])
        }
        (_, &[rows, columns]) if channels == 1 => Some([1, rows, columns, 1]),
        (_, &[rows, columns, own]) if own == channels => Some([1, rows, columns, channels]),
        _ => None,
    };
    match shape {
        Some(shape) => Ok(shape),
        None => refuse("the items of a block do not fit its model", LAYOUT),
    }
}

/// The batches, in coding order.
pub fn batches(groups: &[Group], model: &Model, multiset: bool) -> Vec<Batch> {
    let mut batches = Vec::new();
    if model.shape == Shape::Any && multiset {
        let mut end: u64 = groups.iter().map(|group| group.items).sum();
        let mut coded = 0u64; // items
        while end > 0 {
            let size = coded.clamp(1, end);
            (end, coded) = (end - size, coded + size);
            batches.push(Batch { first: end as usize, count: size as usize, group: 0 });
        }
        return batches;
    }
    if model.shape == Shape::Any {
        let count = groups.iter().map(|group| group.items as usize).sum();
        return vec![Batch { first: 0, count, group: 0 }];
    }
    let mut end: u64 = groups.iter().map(|group| group.items).sum();
    let mut coded = 0u64; // elements
    let mut group = groups.len();
    while end > 0 {
        let shape = groups[group - 1].shape;
        let mut left = 0;
        while group > 0 && groups[group - 1].shape == shape {
            group -= 1;
            left += groups[group].items;
        }
        let own = groups[group].elements();
        while left > 0 {
            let size = ((coded / own * model.growth) >> 8).max(1).min(model.batch).min(left);
            end -= size;
            left -= size;
            coded += size * own;
            batches.push(Batch { first: end as usize, count: size as usize, group });
        }
    }
    batches
}

/// Decodes a batch of images of any shape.
fn decode_images(
    model: &Model,
    groups: &[Group],
    batch: Batch,
    message: &mut Message,
    content: &mut Content,
) -> Result<()> {
    let mut images: Vec<Image> = (batch.first..batch.first + batch.count)
        .map(|item| {
            let Group { shape, levels, jpeg, .. } = groups[content.run_of(item)];
            Image::new(shape.map(|extent| extent as usize), levels, jpeg)
        })
        .collect();
    model.x_codec().code_images(&mut Popper::new(message), &mut images, &Starts::None)?;
    for (i, image) in images.iter().enumerate() {
        content.write(batch.first + i, image.symbols.iter().map(|&symbol| symbol.into()))?;
    }
    Ok(())
}

/// Decodes a batch of items of a model with channels, by the steps of its code from the last to the first.
fn decode_items(
    model: &Model,
    groups: &[Group],
    batch: Batch,
    message: &mut Message,
    content: &mut Content,
) -> Result<()> {
    let shape = groups[batch.group].shape;
    let size = [shape[1] as usize, shape[2] as usize];
    let counts: Vec<usize> = model.variables.iter().map(|v| v.channels * v.place.count(size)).collect();
    let mut symbols: Vec<Vec<u32>> = vec![Vec::new(); model.variables.len()];
    for step in model.code.iter().rev() {
        let distribution = &model.distributions[step.distribution];
        let variable = distribution.variable;
        let outputs = run_network(model, distribution, &symbols, &counts, batch.count, size);
        let mut own = std::mem::take(&mut symbols[variable]);
        if step.is_pop {
            push(model, distribution, &outputs, &own, message);
        } else {
            own.clear();
            own.resize(batch.count * counts[variable], model.variables[variable].levels / 2);
            pop(model, distribution, &outputs, size, &mut own, message)?;
        }
        symbols[variable] = own;
        message.check()?;
    }
    for (i, item) in symbols[model.x].chunks_exact(counts[model.x]).enumerate() {
        content.write(batch.first + i, item.iter().copied())?;
    }
    Ok(())
}

/// Computes the outputs of the network of a distribution, for all items of a batch.
fn run_network(
    model: &Model,
    distribution: &Distribution,
    symbols: &[Vec<u32>],
    counts: &[usize],
    items: usize,
    size: [usize; 2],
) -> Vec<Vec<i16>> {
    let (network, outputs) = match &distribution.codec {
        Codec::Family(family) => (family.network, &family.outputs),
        Codec::Autoregressive(codec) => match &codec.features {
            Some(features) => (features.network, &features.outputs),
            None => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let network = &model.networks[network];
    let mut scratch = Scratch::default();
    let mut results = vec![Vec::new(); outputs.len()];
    let [rows, _] = network.values[outputs[0]].place.extent(size);
    let strip = network.strip_rows(rows, size);
    for item in 0..items {
        for top in (0..rows).step_by(strip) {
            scratch.needs = network.needs(outputs, top..(top + strip).min(rows), size);
            scratch.values.resize_with(network.values.len(), Vec::new);
            for (i, &given) in distribution.given.iter().enumerate() {
                let variable = &model.variables[given];
                let width = variable.place.extent(size)[1] * variable.channels;
                let need = &scratch.needs[i];
                let own = &symbols[given][item * counts[given]..][need.start * width..need.end * width];
                scratch.values[i].clear();
                scratch.values[i].extend(own.iter().map(|&x| x as i16));
            }
            network.run(&mut scratch, size);
            for (result, &output) in results.iter_mut().zip(outputs) {
                result.extend_from_slice(&scratch.values[output]);
            }
        }
    }
    results
}

fn slices(outputs: &[Vec<i16>]) -> Vec<&[i16]> {
    outputs.iter().map(|output| &output[..]).collect()
}

fn pop(
    model: &Model,
    distribution: &Distribution,
    outputs: &[Vec<i16>],
    size: [usize; 2],
    symbols: &mut [u32],
    message: &mut Message,
) -> Result<()> {
    let levels = model.variables[distribution.variable].levels;
    match &distribution.codec {
        Codec::Uniform => return pop_uniform(message, levels, symbols),
        Codec::Family(family) if family.is_coupled() => {
            family.code_coupled(&mut Popper::new(message), &slices(outputs), symbols);
        }
        Codec::Family(family) => family.code(&mut Popper::new(message), &slices(outputs), symbols),
        Codec::Autoregressive(codec) => {
            let features: Vec<u8> =
                outputs.first().map_or(Vec::new(), |features| features.iter().map(|&f| f as u8).collect());
            codec.code(&mut Popper::new(message), &model.networks, size, &features, symbols);
        }
        codec => pop_slices(model, codec, size, symbols, message)?,
    }
    Ok(())
}

/// Pops items of one slice each, for a model with channels and a codec for any shape.
fn pop_slices(
    model: &Model,
    codec: &Codec,
    size: [usize; 2],
    symbols: &mut [u32],
    message: &mut Message,
) -> Result<()> {
    let x = &model.variables[model.x];
    let shape = [1, size[0], size[1], x.channels];
    let item = size[0] * size[1] * x.channels;
    let mut images: Vec<Image> = (0..symbols.len() / item).map(|_| Image::new(shape, x.levels, false)).collect();
    codec.code_images(&mut Popper::new(message), &mut images, &Starts::None)?;
    let decoded = images.iter().flat_map(|image| &image.symbols);
    for (symbol, &value) in symbols.iter_mut().zip(decoded) {
        *symbol = value.into();
    }
    Ok(())
}

/// Pushes a latent, which is uniform or of a family.
fn push(model: &Model, distribution: &Distribution, outputs: &[Vec<i16>], symbols: &[u32], message: &mut Message) {
    match &distribution.codec {
        Codec::Family(family) => {
            let mut noter = Noter::default();
            noter.step();
            family.code(&mut noter, &slices(outputs), &mut symbols.to_vec());
            noter.push(message);
        }
        _ => push_uniform(message, model.variables[distribution.variable].levels, symbols),
    }
}
