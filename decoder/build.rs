//! Lists the models that ship with bitsback, by their identity (model-format.md, M1).

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

#[allow(dead_code)]
#[path = "src/foundations/mod.rs"]
mod foundations;
#[allow(dead_code)]
#[path = "src/types/tensor.rs"]
mod tensor;

fn main() {
    let out = Path::new(&env::var("OUT_DIR").expect("cargo names a folder")).join("bundled.rs");
    if env::var("CARGO_FEATURE_BUNDLED").is_err() {
        fs::write(out, "&[]").expect("the list can be written");
        return;
    }
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo names the folder");
    let folder = Path::new(&root).join("../src/bitsback/models/bundled");
    println!("cargo:rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(&folder).expect("the bundled models are there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "safetensors"));
    paths.sort();
    let mut list = String::from("&[\n");
    for path in paths {
        println!("cargo:rerun-if-changed={}", path.display());
        let file = fs::read(&path).expect("a model can be read");
        let (description, tensors) = tensor::read(&file).expect("a bundled model is a model file");
        let identity = tensor::identity(&description, &tensors);
        writeln!(list, "({identity:?}, include_bytes!({path:?})),").expect("a text grows");
    }
    list.push(']');
    fs::write(out, list).expect("the list can be written");
}
