//! Parts of a description: names, variables, the code and the test (model-format.md, M2 and M8).

use std::collections::BTreeMap;

use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::json::Json;
use crate::models::model::{Codec, Distribution, Step, Test, TestItems};
use crate::types::value::{is_name, Place, Shape, Variable};

pub fn is_model_name(name: &str) -> bool {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    (1..=64).contains(&bytes.len())
        && plain(&bytes[0])
        && bytes.iter().all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether a text has at most 1,000 characters, without controls, separators, and invisible or private-use characters.
pub fn is_printable(text: &str) -> bool {
    let bad = |c: char| {
        matches!(c as u32,
            0..=0x1F | 0x7F..=0xA0 | 0xAD | 0x61C | 0x1680 | 0x180E | 0x2000..=0x200F | 0x2028..=0x202F
            | 0x205F..=0x206F | 0x3000 | 0xD800..=0xF8FF | 0xFEFF | 0xFFF0..=0xFFFF | 0xE0000..)
    };
    text.chars().count() <= 1000 && !text.chars().any(bad)
}

pub fn read_variables(json: &Json) -> Result<(Vec<Variable>, usize, Shape)> {
    const SECTION: &str = "model-format.md, M2.1";
    let mut variables = Vec::new();
    let mut x = None;
    let mut shape = Shape::Free;
    for (name, json) in json.map("variables")? {
        demand(is_name(name) && name != "context" && name != "features", "the name of a variable is invalid", SECTION)?;
        let mut fields = json.fields(name)?;
        let (mut channels, mut bits, mut place) = (0, 0, Place::Grid(1));
        let levels;
        if name == "x" {
            x = Some(variables.len());
            levels = fields.integer("levels", 2, 65536)? as u32;
            if let Some(planes) = fields.optional("planes") {
                demand(planes.text("planes")? == "any", "planes are not \"any\"", SECTION)?;
                shape = Shape::Any;
            } else {
                channels = fields.integer("channels", 1, 256)? as usize;
                if let Some(size) = fields.optional("size") {
                    let size = size.integers::<2>(1, 1 << 24, "size")?;
                    let elements = size.iter().map(|&n| i128::from(n)).product::<i128>() * channels as i128;
                    demand(elements <= 1 << 24, "an item has too many elements", SECTION)?;
                    shape = Shape::Sized(size.map(|n| n as usize));
                }
            }
        } else {
            channels = fields.integer("channels", 1, 4096)? as usize;
            bits = fields.integer("bits", 1, 12)? as u32;
            levels = 1 << bits;
            place = match fields.optional("grid") {
                Some(grid) => Place::Grid(grid.integer(1, 64, "grid")? as u32),
                None => Place::Item,
            };
        }
        fields.end()?;
        variables.push(Variable { name: name.clone(), channels, levels, bits, place });
    }
    let Some(x) = x else {
        return refuse("a model has no x", SECTION);
    };
    demand(variables.len() <= 17, "a model has too many latents", SECTION)?;
    demand(shape != Shape::Any || variables.len() == 1, "an x of any shape has latents", SECTION)?;
    Ok((variables, x, shape))
}

pub fn read_code(
    json: &Json,
    variables: &[Variable],
    x: usize,
    keys: &[&str],
    distributions: &[Distribution],
) -> Result<Vec<Step>> {
    const SECTION: &str = "model-format.md, M2.2";
    let mut code = Vec::new();
    let mut live = vec![false; variables.len()];
    let mut popped = live.clone();
    let mut pushed = live.clone();
    live[x] = true;
    popped[x] = true;
    for line in json.list_of(1, 1000, "code")? {
        let line = line.text("a step of the code")?;
        let [verb, name, "~", key] = line.split(' ').collect::<Vec<_>>()[..] else {
            return refuse(format!("the step {line:?} of the code is invalid"), SECTION);
        };
        let Some(distribution) = keys.iter().position(|&known| known == key) else {
            return refuse(format!("there is no distribution {key}"), SECTION);
        };
        let Distribution { variable, given, .. } = &distributions[distribution];
        demand(variables[*variable].name == name, "a step names another variable than its distribution", SECTION)?;
        let is_pop = match verb {
            "pop" => true,
            "push" => false,
            _ => return refuse(format!("the step {line:?} of the code is invalid"), SECTION),
        };
        let first = if is_pop { !popped[*variable] } else { live[*variable] && !pushed[*variable] };
        demand(first, "a variable is not popped once and then pushed once", SECTION)?;
        demand(given.iter().all(|&given| live[given]), "a step depends on a variable that is not live", SECTION)?;
        live[*variable] = is_pop;
        popped[*variable] |= is_pop;
        pushed[*variable] |= !is_pop;
        code.push(Step { is_pop, distribution });
    }
    demand(pushed.iter().all(|&pushed| pushed), "a variable is not pushed", SECTION)?;
    let used = (0..keys.len()).all(|i| code.iter().any(|step| step.distribution == i));
    demand(used, "a distribution is not used", SECTION)?;
    Ok(code)
}

pub fn read_test(json: &Json, size: Option<[usize; 2]>, distributions: &[Distribution], x: &Variable) -> Result<Test> {
    const SECTION: &str = "model-format.md, M8";
    let most = i128::from(u64::MAX);
    let mut fields = json.fields("test")?;
    let seed = fields.take("seed")?.number(0, most, "seed")? as u64;
    let count = fields.integer("count", 1, 16)? as usize;
    let size = match size {
        Some(size) => size,
        None => fields.take("size")?.integers(1, 4096, "size")?.map(|n| n as usize),
    };
    let mut sha256 = BTreeMap::new();
    for (name, digest) in fields.take("sha256")?.map("sha256")? {
        sha256.insert(name.clone(), digest.text("a digest")?.to_string());
    }
    let limited = |codec: &Codec| match codec {
        Codec::Series(_) => Some(false),
        Codec::Counted(_) | Codec::Wavefront(_) => Some(true),
        _ => None,
    };
    let items = match distributions.iter().find_map(|distribution| limited(&distribution.codec)) {
        None => None,
        Some(limited) => {
            let mut fields = fields.take("items")?.fields("items")?;
            let shape = fields.take("shape")?.integers(1, 4096, "shape")?.map(|n| n as usize);
            let most_levels = if limited { i64::from(x.levels) } else { 65536 };
            let levels = fields.integer("levels", 2, most_levels)? as u32;
            let seeds = fields.take("seeds")?.list_of(1, 16, "seeds")?;
            let seeds = seeds.iter().map(|seed| Ok(seed.number(0, most, "a seed")? as u64)).collect::<Result<_>>()?;
            let sha256 = fields.text("sha256")?.to_string();
            fields.end()?;
            demand(shape.iter().product::<usize>() <= 1 << 12, "the items of a test are too large", SECTION)?;
            Some(TestItems { shape, levels, seeds, sha256 })
        }
    };
    fields.end()?;
    Ok(Test { seed, count, size, sha256, items })
}
