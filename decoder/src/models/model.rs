//! Models: the description, its variables, distributions and code (model-format.md).

use std::collections::BTreeMap;

use crate::counting::counted::Counted;
use crate::foundations::error::{demand, error, refuse, Result};
use crate::foundations::json::{self, Json};
use crate::models::description::{is_model_name, is_printable, read_code, read_test, read_variables};
use crate::models::family::{Family, Over};
use crate::models::tensor::{self, take_in, Tensors};
use crate::networks::autoregressive::Autoregressive;
use crate::networks::network::{is_name, Network, Place, Value};
use crate::planes::predictive::Predictive;
use crate::planes::series::Series;

const SECTION: &str = "model-format.md, M2";
const DISTRIBUTIONS: &str = "model-format.md, M2.3";

/// The data x, or a latent.
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: String,
    pub channels: usize,
    pub levels: u32,
    /// The bits of a latent; 0 of x.
    pub bits: u32,
    pub place: Place,
}

/// Which images x has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Sized([usize; 2]),
    /// Of any number of rows and columns.
    Free,
    /// Of any shape.
    Any,
}

pub enum Codec {
    Uniform,
    Family(Family),
    Autoregressive(Autoregressive),
    Predictive(Box<Predictive>),
    Series(Series),
    Counted(Box<Counted>),
}

pub struct Distribution {
    pub variable: usize,
    pub given: Vec<usize>,
    pub codec: Codec,
}

/// A step of the code: a pop or a push of a variable under a distribution.
pub struct Step {
    pub is_pop: bool,
    pub distribution: usize,
}

/// What `test` says.
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
    /// Of each network the values that distributions name as outputs.
    pub outputs: Vec<Vec<usize>>,
    pub distributions: Vec<Distribution>,
    pub code: Vec<Step>,
    pub growth: u64,
    pub batch: u64,
    pub test: Test,
    /// T, the number of elements of all tensors.
    pub elements: u64,
}

/// The parts of a model while it is read.
pub struct Parts<'a> {
    tensors: Tensors,
    shared: BTreeMap<String, Vec<i64>>,
    names: Vec<&'a str>,
    jsons: Vec<&'a Json>,
    networks: Vec<Option<Network>>,
    /// Whether a network belongs to one group alone.
    owned: Vec<bool>,
    size: Option<[usize; 2]>,
}

impl Parts<'_> {
    /// A tensor of a network that distributions share.
    pub fn shared(
        &mut self,
        network: &str,
        name: &str,
        kind: &str,
        shape: &[usize],
        low: i64,
        high: i64,
    ) -> Result<Vec<i64>> {
        let name = format!("{network}.{name}");
        if let Some(values) = self.shared.get(&name) {
            let fits = values.len() == shape.iter().product() && values.iter().all(|v| (low..=high).contains(v));
            demand(fits, "a tensor does not fit two distributions", DISTRIBUTIONS)?;
            return Ok(values.clone());
        }
        let values = take_in(&mut self.tensors, &name, kind, shape, low, high)?;
        self.shared.insert(name, values.clone());
        Ok(values)
    }

    /// A tensor of x.
    pub fn own(&mut self, name: &str, kind: &str, shape: &[usize], low: i64, high: i64) -> Result<Vec<i64>> {
        take_in(&mut self.tensors, name, kind, shape, low, high)
    }

    /// The first dimension of a tensor, before it is taken.
    pub fn length(&self, owner: &str, name: &str) -> Result<usize> {
        let name = format!("{owner}.{name}");
        if let Some(values) = self.shared.get(&name) {
            return Ok(values.len());
        }
        let extent = self.tensors.get(&name).and_then(|tensor| tensor.shape.first().copied());
        extent.map(|n| n as usize).ok_or_else(|| error(format!("the tensor {name} is missing"), DISTRIBUTIONS))
    }

    /// The number of a network with these sources, which is read when it is named for the first time.
    pub fn network(&mut self, name: &str, sources: Vec<Value>, owned: bool) -> Result<usize> {
        let Some(number) = self.names.iter().position(|&known| known == name) else {
            return refuse(format!("there is no network {name}"), DISTRIBUTIONS);
        };
        match &self.networks[number] {
            Some(network) => {
                let same = network.values[..network.sources] == sources;
                demand(same && !owned && !self.owned[number], "a network is given other sources", DISTRIBUTIONS)?;
            }
            None => {
                let network = Network::read(name, self.jsons[number], sources, self.size, &mut self.tensors)?;
                let at_item = network.values.iter().all(|value| value.place == Place::Item);
                demand(at_item || !owned, "a value of a pixel's network is not at the item", DISTRIBUTIONS)?;
                self.networks[number] = Some(network);
                self.owned[number] = owned;
            }
        }
        Ok(number)
    }

    pub fn take_network(&mut self, number: usize) -> Result<Network> {
        self.networks[number].take().ok_or_else(|| error("a network is missing", DISTRIBUTIONS))
    }

    pub fn put_network(&mut self, number: usize, network: Network) {
        self.networks[number] = Some(network);
    }
}

impl Model {
    /// Reads a model, and checks all that can be checked without running it.
    pub fn read(description: &str, tensors: Tensors) -> Result<Model> {
        let identity = tensor::identity(description, &tensors);
        let elements = tensors.values().map(|tensor| tensor.elements() as u64).sum();
        let json = json::parse(description)?;
        let mut fields = json.fields("the description")?;
        demand(fields.text("format")? == "bitsback-model", "this is no model of bitsback", SECTION)?;
        fields.integer("version", 1, 1)?;
        demand(is_model_name(fields.text("name")?), "the name of a model is not proper", SECTION)?;
        for key in ["about", "licence"] {
            demand(is_printable(fields.text(key)?), "a text of a model is too long or not printable", SECTION)?;
        }
        let (variables, x, shape) = read_variables(fields.take("variables")?)?;
        let size = if let Shape::Sized(size) = shape { Some(size) } else { None };
        let networks = fields.take("networks")?.map("networks")?;
        demand(networks.iter().all(|(name, _)| is_name(name)), "a network has no proper name", SECTION)?;
        let mut parts = Parts {
            tensors,
            shared: BTreeMap::new(),
            names: networks.iter().map(|(name, _)| name.as_str()).collect(),
            jsons: networks.iter().map(|(_, json)| json).collect(),
            networks: networks.iter().map(|_| None).collect(),
            owned: vec![false; networks.len()],
            size,
        };
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
        let networks: Option<Vec<Network>> = parts.networks.into_iter().collect();
        let Some(networks) = networks else {
            return refuse("no distribution names a network", "model-format.md, M7");
        };
        for network in &networks {
            network.check(test.size)?;
        }
        let mut outputs = vec![Vec::new(); networks.len()];
        for distribution in &distributions {
            distribution.note_outputs(&mut outputs);
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

impl Distribution {
    /// Adds the outputs that the distribution names, for each network.
    fn note_outputs(&self, outputs: &mut [Vec<usize>]) {
        let mut note = |network: usize, named: &[usize]| {
            for output in named {
                if !outputs[network].contains(output) {
                    outputs[network].push(*output);
                }
            }
        };
        match &self.codec {
            Codec::Family(family) => note(family.network, &family.outputs),
            Codec::Autoregressive(codec) => codec.note_outputs(&mut note),
            Codec::Predictive(codec) => note(codec.network, &codec.outputs),
            _ => {}
        }
    }
}

/// Splits `L(V|G,...)`.
fn split_key<'a>(key: &'a str, variables: &[Variable]) -> Result<(usize, Vec<usize>)> {
    let broken = || error(format!("the key {key:?} of a distribution is not proper"), DISTRIBUTIONS);
    let inner: Option<&'a str> = key.strip_prefix("p(").or_else(|| key.strip_prefix("q("));
    let inner = inner.and_then(|inner| inner.strip_suffix(')')).ok_or_else(broken)?;
    let find = |name: &str| variables.iter().position(|variable| variable.name == name).ok_or_else(broken);
    let (variable, given) = match inner.split_once('|') {
        Some((variable, given)) => (variable, given.split(',').map(find).collect::<Result<Vec<_>>>()?),
        None => (inner, Vec::new()),
    };
    let variable = find(variable)?;
    let twice = given.iter().enumerate().any(|(i, g)| given[..i].contains(g) || *g == variable);
    demand(!twice, "a variable is given twice, or to itself", DISTRIBUTIONS)?;
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
        let fits = matches!(codec, "predictive" | "series" | "counted");
        demand(fits, "an x of any shape has another codec", "model-format.md, M2.1")?;
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
            demand(given.is_empty(), "a uniform distribution is given something", DISTRIBUTIONS)?;
            Codec::Uniform
        }
        "predictive" if alone => Codec::Predictive(Box::new(Predictive::read(&mut fields, variable.levels, parts)?)),
        "series" if alone => Codec::Series(Series::read(&mut fields, variable.levels)?),
        "counted" if alone => Codec::Counted(Box::new(Counted::read(&mut fields, variable.levels)?)),
        "autoregressive" if is_x => {
            Codec::Autoregressive(Autoregressive::read(&mut fields, variable, sources(), parts)?)
        }
        _ => {
            demand(!given.is_empty(), "a distribution with a network is given nothing", DISTRIBUTIONS)?;
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
