//! The tensors and networks of a model while its distributions are read (model-format.md, M2.3).

use std::collections::BTreeMap;

use crate::foundations::error::{demand, error, refuse, Result};
use crate::foundations::json::Json;
use crate::networks::network::Network;
use crate::types::tensor::{take_in, Tensors};
use crate::types::value::{Place, Value};

const DISTRIBUTIONS: &str = "model-format.md, M2.3";

/// The parts of a model while it is read.
pub struct Parts<'a> {
    pub tensors: Tensors,
    shared: BTreeMap<String, Vec<i64>>,
    /// The names and descriptions of the networks.
    entries: &'a [(String, Json)],
    networks: Vec<Option<Network>>,
    /// Whether a network belongs to one group alone.
    owned: Vec<bool>,
    size: Option<[usize; 2]>,
}

impl<'a> Parts<'a> {
    pub fn new(tensors: Tensors, entries: &'a [(String, Json)], size: Option<[usize; 2]>) -> Self {
        let networks = entries.iter().map(|_| None).collect();
        Parts { tensors, shared: BTreeMap::new(), entries, networks, owned: vec![false; entries.len()], size }
    }

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
        let Some(number) = self.entries.iter().position(|(known, _)| known == name) else {
            return refuse(format!("there is no network {name}"), DISTRIBUTIONS);
        };
        match &self.networks[number] {
            Some(network) => {
                let same = network.values[..network.sources] == sources;
                demand(same && !owned && !self.owned[number], "a network is given other sources", DISTRIBUTIONS)?;
            }
            None => {
                let network = Network::read(name, &self.entries[number].1, sources, self.size, &mut self.tensors)?;
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

    /// All networks, each of which a distribution has named.
    pub fn finish(self) -> Result<Vec<Network>> {
        let networks: Option<Vec<Network>> = self.networks.into_iter().collect();
        networks.ok_or_else(|| error("no distribution names a network", "model-format.md, M7"))
    }
}
