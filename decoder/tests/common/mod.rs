//! The conformance files.

use std::path::PathBuf;

use bitsback_decode::foundations::json::{self, Json};

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../conformance")
}

/// The entries of index.json: the path of each file, and its keys.
pub fn entries() -> Vec<(String, Vec<(String, Json)>)> {
    let index = std::fs::read_to_string(folder().join("index.json")).unwrap();
    let index = json::parse(&index).unwrap();
    let entry = |entry: &Json| {
        let map = entry.map("an entry").unwrap();
        (get(map, "file").unwrap().text("file").unwrap().to_string(), map.to_vec())
    };
    index.list("index").unwrap().iter().map(entry).collect()
}

pub fn get<'a>(map: &'a [(String, Json)], key: &str) -> Option<&'a Json> {
    map.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}
