//! Models: the description, its variables, distributions and code (model-format.md).

use std::collections::BTreeMap;

use crate::ans::coder::Coder;
use crate::counting::counted::Counted;
use crate::foundations::error::{demand, error, refuse, Result};
use crate::foundations::json::{self, Json};
use crate::models::description::{is_model_name, is_printable, read_code, read_test, read_variables};
use crate::networks::autoregressive::Autoregressive;
use crate::networks::family::{Family, Over};
use crate::networks::network::Network;
use crate::networks::parts::Parts;
use crate::series::rules::{self as series, Series};
use crate::types::image::Image;
use crate::types::tensor::{self, Tensors};
use crate::types::value::{is_name, Shape, Value, Variable};
use crate::wavefront::rules::{self, Wavefront};

const SECTION: &str = "model-format.md, M2";
const DISTRIBUTIONS: &str = "model-format.md, M2.3";

pub enum Codec {
    Uniform,
    Family(Family),
    Autoregressive(Autoregressive),
    Series(Series),
    Counted(Box<Counted>),
    Wavefront(Box<Wavefront>),
}

/// The initial sums of least squares. Tests have their own.
pub enum Starts {
    Series(series::Starts),
    Wavefront(rules::Starts),
    None,
}

pub struct Distribution {
    pub variable: usize,
    pub given: Vec<usize>,
    pub codec: Codec,
}

/// A step of the code: a pop or a push of a variable with a distribution.
pub struct Step {
    pub is_pop: bool,
    pub distribution: usize,
}

/// The content of `test`.
pub struct Test {
    pub seed: u64,
    pub count: usize,
    pub size: [usize; 2],
    pub sha256: BTreeMap<String, String>,
    pub items: Option<TestItems>,
}

pub struct TestItems {
    pub shape: [usize; 4],
    pub levels: u32,
    pub seeds: Vec<u64>,
    pub sha256: String,
}

pub struct Model {
    pub identity: [u8; 32],
    pub description: String,
    pub shape: Shape,
    pub variables: Vec<Variable>,
    /// The number of x among the variables.
    pub x: usize,
    pub networks: Vec<Network>,
    /// For each network the values that distributions name as outputs.
    pub outputs: Vec<Vec<usize>>,
    pub distributions: Vec<Distribution>,
    pub code: Vec<Step>,
    pub growth: u64,
    pub batch: u64,
    pub test: Test,
    /// T, the number of elements of all tensors.
    pub elements: u64,
}

impl Model {
    /// Reads a model, and checks everything except the test.
    pub fn read(description: &str, tensors: Tensors) -> Result<Model> {
        let identity = tensor::identity(description, &tensors);
        let elements = tensors.values().map(|tensor| tensor.elements() as u64).sum();
        let json = json::parse(description)?;
        let mut fields = json.fields("the description")?;
        demand(fields.text("format")? == "bitsback-model", "this is not a model of bitsback", SECTION)?;
        fields.integer("version", 1, 1)?;
        demand(is_model_name(fields.text("name")?), "the name of a model is invalid", SECTION)?;
        for key in ["about", "licence"] {
            demand(is_printable(fields.text(key)?), "a text of a model is too long or not printable", SECTION)?;
        }
        let (variables, x, shape) = read_variables(fields.take("variables")?)?;
        let size = if let Shape::Sized(size) = shape { Some(size) } else { None };
        let networks = fields.take("networks")?.map("networks")?;
        demand(networks.iter().all(|(name, _)| is_name(name)), "the name of a network is invalid", SECTION)?;
        let mut parts = Parts::new(tensors, networks, size);
        let entries = fields.take("distributions")?.map("distributions")?;
        let mut distributions = Vec::new();
        for (key, json) in entries {
            distributions.push(read_distribution(key, json, &variables, shape, &mut parts)?);
        }
        let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        let code = read_code(fields.take("code")?, &variables, x, &keys, &distributions)?;
        let mut chain = fields.take("chain")?.fields("chain")?;
        let growth = chain.integer("growth", 1, 256)? as u64;
        let batch = chain.integer("batch", 1, 4096)? as u64;
        chain.end()?;
        let test = read_test(fields.take("test")?, size, &distributions, &variables[x])?;
        fields.end()?;
        demand(parts.tensors.is_empty(), "a model has tensors that nothing names", SECTION)?;
        let networks = parts.finish()?;
        for network in &networks {
            network.check(test.size)?;
        }
        let mut outputs = vec![Vec::new(); networks.len()];
        for distribution in &distributions {
            distribution.collect_outputs(&mut outputs);
        }
        let description = description.to_string();
        Ok(Model {
            identity,
            description,
            shape,
            variables,
            x,
            networks,
            outputs,
            distributions,
            code,
            growth,
            batch,
            test,
            elements,
        })
    }

    /// The distribution of x, and its codec.
    pub fn x_codec(&self) -> &Codec {
        let found = self.distributions.iter().find(|distribution| distribution.variable == self.x);
        found.map_or(&Codec::Uniform, |distribution| &distribution.codec)
    }
}

impl Codec {
    pub fn code_images<C: Coder>(&self, coder: &mut C, images: &mut [Image], starts: &Starts) -> Result<()> {
        match (self, starts) {
            (Codec::Series(codec), Starts::Series(starts)) => codec.code(coder, images, Some(starts)),
            (Codec::Series(codec), _) => codec.code(coder, images, None),
            (Codec::Counted(codec), _) => codec.code(coder, images),
            (Codec::Wavefront(codec), Starts::Wavefront(starts)) => codec.code(coder, images, Some(starts)),
            (Codec::Wavefront(codec), _) => codec.code(coder, images, None),
            _ => return refuse("the codec is not for an x of any shape", DISTRIBUTIONS),
        }
        Ok(())
    }
}

impl Distribution {
    /// Adds the outputs that the distribution names, for each network.
    fn collect_outputs(&self, outputs: &mut [Vec<usize>]) {
        let mut add = |network: usize, named: &[usize]| {
            for output in named {
                if !outputs[network].contains(output) {
                    outputs[network].push(*output);
                }
            }
        };
        match &self.codec {
            Codec::Family(family) => add(family.network, &family.outputs),
            Codec::Autoregressive(codec) => codec.each_output(&mut add),
            _ => {}
        }
    }
}

/// Splits `L(V|G,...)`.
fn split_key<'a>(key: &'a str, variables: &[Variable]) -> Result<(usize, Vec<usize>)> {
    let broken = || error(format!("the key {key:?} of a distribution is invalid"), DISTRIBUTIONS);
    let inner: Option<&'a str> = key.strip_prefix("p(").or_else(|| key.strip_prefix("q("));
    let inner = inner.and_then(|inner| inner.strip_suffix(')')).ok_or_else(broken)?;
    let find = |name: &str| variables.iter().position(|variable| variable.name == name).ok_or_else(broken);
    let (variable, given) = match inner.split_once('|') {
        Some((variable, given)) => (variable, given.split(',').map(find).collect::<Result<Vec<_>>>()?),
        None => (inner, Vec::new()),
    };
    let variable = find(variable)?;
    let twice = given.iter().enumerate().any(|(i, g)| given[..i].contains(g) || *g == variable);
    demand(!twice, "a variable is given twice, or is given itself", DISTRIBUTIONS)?;
    Ok((variable, given))
}

fn read_distribution(
    key: &str,
    json: &Json,
    variables: &[Variable],
    shape: Shape,
    parts: &mut Parts,
) -> Result<Distribution> {
    let (number, given) = split_key(key, variables)?;
    let variable = &variables[number];
    let is_x = variable.name == "x";
    let mut fields = json.fields(key)?;
    let codec = fields.text("codec")?;
    let alone = given.is_empty() && is_x;
    if shape == Shape::Any {
        let fits = matches!(codec, "series" | "counted" | "wavefront");
        let problem = format!("the codec {codec:?} is unknown, or not for an x of any shape");
        demand(fits, &problem, "model-format.md, M2.1")?;
    }
    let sources = || -> Vec<Value> {
        let source = |&given: &usize| {
            let Variable { name, channels, levels, place, .. } = variables[given].clone();
            Value { name, channels, place, low: 0, high: i64::from(levels) - 1 }
        };
        given.iter().map(source).collect()
    };
    let codec = match codec {
        "uniform" => {
            demand(given.is_empty(), "a uniform distribution depends on variables", DISTRIBUTIONS)?;
            Codec::Uniform
        }
        "series" if alone => Codec::Series(Series::read(&mut fields, variable.levels)?),
        "counted" if alone => Codec::Counted(Box::new(Counted::read(&mut fields, variable.levels)?)),
        "wavefront" if alone => Codec::Wavefront(Box::new(Wavefront::read(&mut fields, variable.levels, parts)?)),
        "autoregressive" if is_x => {
            Codec::Autoregressive(Autoregressive::read(&mut fields, variable, sources(), parts)?)
        }
        _ => {
            let problem = format!("the codec {codec:?} is unknown, or needs given variables");
            demand(!given.is_empty(), &problem, DISTRIBUTIONS)?;
            let network = parts.network(fields.text("network")?, sources(), false)?;
            let over = Over {
                is_x,
                levels: variable.levels,
                bits: variable.bits,
                channels: variable.channels,
                place: variable.place,
            };
            Codec::Family(Family::read(codec, &mut fields, over, network, parts)?)
        }
    };
    fields.end()?;
    Ok(Distribution { variable: number, given, codec })
}
