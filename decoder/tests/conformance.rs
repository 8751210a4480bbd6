//! Runs the decoder over all conformance files.

mod common;

use bitsback_decode::foundations::json::Json;
use bitsback_decode::foundations::sha256::{hex, sha256};
use bitsback_decode::restored::output::{decode, Output};

/// Whether a file, an array or bytes, matches an entry.
fn fits(file: &[u8], expected: &Json) -> bool {
    let map = expected.map("a file").unwrap();
    let digest = common::get(map, "sha256").unwrap().text("sha256").unwrap();
    let Some(dtype) = common::get(map, "dtype") else {
        return hex(&sha256(file)) == digest;
    };
    let size = usize::from(u16::from_le_bytes([file[8], file[9]]));
    let header = std::str::from_utf8(&file[10..10 + size]).unwrap();
    let shape: Vec<String> = common::get(map, "shape")
        .unwrap()
        .list("shape")
        .unwrap()
        .iter()
        .map(|n| n.integer(0, i64::MAX, "an extent").unwrap().to_string())
        .collect();
    let shape = if shape.len() == 1 { format!("({},)", shape[0]) } else { format!("({})", shape.join(", ")) };
    header.contains(&format!("'{}'", dtype.text("dtype").unwrap()))
        && header.contains(&shape)
        && hex(&sha256(&file[10 + size..])) == digest
}

#[test]
fn all_files() {
    let mut wrong = Vec::new();
    for (name, entry) in common::entries() {
        let file = std::fs::read(common::folder().join(&name)).unwrap();
        let right = match decode(&file, true) {
            Err(_) => common::get(&entry, "refused").is_some(),
            Ok((Output::Tree(_), _)) => false, // not of arrays
            Ok((Output::One(bytes), _)) => common::get(&entry, "array").is_some_and(|array| fits(&bytes, array)),
            Ok((Output::Folder(files), _)) => common::get(&entry, "files").is_some_and(|expected| {
                let expected = expected.map("files").unwrap();
                expected.len() == files.len()
                    && files
                        .iter()
                        .all(|(name, bytes)| common::get(expected, name).is_some_and(|expected| fits(bytes, expected)))
            }),
        };
        if !right {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "these differ: {wrong:?}");
}
