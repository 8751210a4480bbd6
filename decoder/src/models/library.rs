//! The models at hand: those that ship with the package, and those of the archive.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::sha256::hex;
use crate::models::embedded;
use crate::models::model::Model;
use crate::types::tensor::{self, Tensors};

const SECTION: &str = "model-format.md, M1";

/// The identity of each bundled model, and its file; made by build.rs.
static BUNDLED: &[([u8; 32], &[u8])] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// The built-in models that have been read and have passed their tests in this process.
static TESTED: Mutex<BTreeMap<[u8; 16], Arc<Model>>> = Mutex::new(BTreeMap::new());

/// Finds models by the first 16 bytes of their identity; each is read and run the first time.
#[derive(Default)]
pub struct Library<'a> {
    embedded: Vec<Cow<'a, [u8]>>,
    given: BTreeMap<[u8; 16], Vec<u8>>,
    ready: RefCell<BTreeMap<[u8; 16], Arc<Model>>>,
    missing: Cell<Option<[u8; 16]>>,
}

impl<'a> Library<'a> {
    pub fn new(embedded: Vec<&'a [u8]>) -> Self {
        Library { embedded: embedded.into_iter().map(Cow::Borrowed).collect(), ..Library::default() }
    }

    /// Adds the payload of an `M` section.
    pub fn embed(&mut self, payload: Vec<u8>) {
        self.embedded.push(Cow::Owned(payload));
    }

    /// Adds the file of a model, in place of one that is built in.
    pub fn give(&mut self, file: Vec<u8>) -> Result<()> {
        let (description, tensors) = tensor::read(&file)?;
        let mut identity = [0; 16];
        identity.copy_from_slice(&tensor::identity(&description, &tensors)[..16]);
        self.given.insert(identity, file);
        Ok(())
    }

    /// The model that was asked for last and is not at hand.
    pub fn take_missing(&self) -> Option<[u8; 16]> {
        self.missing.take()
    }

    /// The description and the tensors of a model that ships with bitsback.
    pub fn bundled(&self, identity: &[u8; 16]) -> Result<(String, Tensors)> {
        if let Some(file) = self.given.get(identity) {
            return tensor::read(file);
        }
        let Some((_, file)) = BUNDLED.iter().find(|(known, _)| known.starts_with(identity)) else {
            self.missing.set(Some(*identity));
            return refuse(format!("the model {} is not at hand: a newer release is needed", hex(identity)), SECTION);
        };
        tensor::read(file)
    }

    pub fn find(&self, identity: &[u8; 16]) -> Result<Arc<Model>> {
        if let Some(model) = self.ready.borrow().get(identity) {
            return Ok(model.clone());
        }
        let own = self.embedded.iter().find(|payload| payload.starts_with(identity));
        let built_in = own.is_none() && !self.given.contains_key(identity);
        let tested = || TESTED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(model) = tested().get(identity).filter(|_| built_in) {
            return Ok(model.clone());
        }
        let (description, tensors) = match own {
            Some(payload) => embedded::read(payload, self)?,
            None => self.bundled(identity)?,
        };
        let model = Model::read(&description, tensors)?;
        demand(model.identity.starts_with(identity), "a model has another identity than it says", SECTION)?;
        model.test()?;
        let model = Arc::new(model);
        if built_in {
            tested().insert(*identity, model.clone());
        }
        self.ready.borrow_mut().insert(*identity, model.clone());
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_models_pass_their_tests() {
        let library = Library::new(Vec::new());
        for (identity, _) in BUNDLED {
            let mut start = [0; 16];
            start.copy_from_slice(&identity[..16]);
            library.find(&start).unwrap();
        }
    }
}
