//! The tensors and networks of a model, while its distributions are read (model-format.md, M2.3).

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
    /// The name and the description of each network.
    entries: &'a [(String, Json)],
    networks: Vec<Option<Network>>,
    /// For each network, whether it belongs to a single group.
    owned: Vec<bool>,
    size: Option<[usize; 2]>,
}

impl<'a> Parts<'a> {
    pub fn new(tensors: Tensors, entries: &'a [(String, Json)], size: Option<[usize; 2]>) -> Self {
        let networks = entries.iter().map(|_| None).collect();
        Parts { tensors, shared: BTreeMap::new(), entries, networks, owned: vec![false; entries.len()], size }
    }

    /// Takes a tensor of a network, which distributions may share.
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

    /// Takes a tensor of x.
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

    /// The number of a network with these sources. It is read at its first use.
    pub fn network(&mut self, name: &str, sources: Vec<Value>, owned: bool) -> Result<usize> {
        let Some(number) = self.entries.iter().position(|(known, _)| known == name) else {
            return refuse(format!("there is no network {name}"), DISTRIBUTIONS);
        };
        match &self.networks[number] {
            Some(network) => {
                let same = network.values[..network.sources] == sources;
                demand(
                    same && !owned && !self.owned[number],
                    "two uses of a network have different sources",
                    DISTRIBUTIONS,
                )?;
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

    /// All networks. Each must have been used.
    pub fn finish(self) -> Result<Vec<Network>> {
        let networks: Option<Vec<Network>> = self.networks.into_iter().collect();
        networks.ok_or_else(|| error("no distribution names a network", "model-format.md, M7"))
    }
}
