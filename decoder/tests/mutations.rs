//! Decodes damaged files with valid checksums: there must be no panic and no long run.

mod common;

use std::time::{Duration, Instant};

use bitsback_decode::foundations::crc::crc32c;
use bitsback_decode::foundations::splitmix::Outputs;
use bitsback_decode::restored::output::decode;

/// The places of the payloads of an archive's sections, and of the checksums behind them.
fn sections(file: &[u8]) -> Vec<(usize, usize, usize)> {
    let mut found = Vec::new();
    let mut at = 8;
    while at + 12 < file.len() {
        let (mut length, mut shift, mut place) = (0usize, 0, at + 1);
        loop {
            length |= usize::from(file[place] & 127) << shift;
            shift += 7;
            place += 1;
            if file[place - 1] < 128 {
                break;
            }
        }
        found.push((at, place, place + length));
        let footer = if file[at] == b'I' { 12 } else { 0 };
        at = place + length + 4 + footer;
    }
    found
}

/// A changed copy: bytes of one section, or of a block alone.
fn change(file: &[u8], drawn: &mut Outputs) -> Vec<u8> {
    let mut copy = file.to_vec();
    let lone = file[0] == 0xBB;
    let all = if lone { vec![(0, 2, file.len() - 4)] } else { sections(file) };
    let (start, first, end) = all[drawn.draw() as usize % all.len()];
    if first == end {
        return copy;
    }
    for _ in 0..1 + drawn.draw() % 3 {
        // The beginning of a payload affects decoding more than the rest.
        let span = if drawn.draw() % 2 == 0 { (end - first).min(40) } else { end - first };
        let place = first + drawn.draw() as usize % span;
        copy[place] = match drawn.draw() % 3 {
            0 => copy[place] ^ (1 << (drawn.draw() % 8)),
            1 => drawn.draw() as u8,
            _ => copy[place].wrapping_add(1),
        };
    }
    let crc = crc32c(&[&copy[start..end]]).to_le_bytes();
    copy[end..end + 4].copy_from_slice(&crc);
    copy
}

fn run(seed: u64, rounds: usize) {
    let mut drawn = Outputs::new(seed);
    let mut slowest = (Duration::ZERO, String::new());
    for (name, entry) in common::entries() {
        if common::get(&entry, "refused").is_some() {
            continue;
        }
        let file = std::fs::read(common::folder().join(&name)).unwrap();
        for round in 0..rounds {
            let copy = change(&file, &mut drawn);
            let begin = Instant::now();
            if std::panic::catch_unwind(|| decode(&copy, round % 2 == 0).is_ok()).is_err() {
                std::fs::write(std::env::temp_dir().join("bitsback-panic.bb"), &copy).unwrap();
                panic!("{name}, round {round}, seed {seed}");
            }
            if begin.elapsed() > slowest.0 {
                slowest = (begin.elapsed(), name.clone());
            }
        }
    }
    println!("the slowest: {slowest:?}");
    assert!(slowest.0 < Duration::from_secs(60), "{slowest:?}");
}

#[test]
fn a_few() {
    run(1, 3);
}

#[test]
#[ignore = "takes minutes"]
fn many() {
    for seed in 2..8 {
        run(seed, 20);
    }
}
