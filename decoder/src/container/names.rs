//! The files of a collection: their order, names, sizes and digests (format.md, A5.12 to A5.16).

use std::collections::HashSet;

use crate::blocks::adaptive;
use crate::container::archive::Archive;
use crate::container::collection::{Collection, Kind, Part};
use crate::container::entries::Time;
use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, error, refuse, Result};

const NAMES: &str = "format.md, A5.12";
const NUMBERED: &str = "format.md, A5.13";
const STATS: &str = "format.md, A5.15";
const DIGESTS: &str = "format.md, A5.16";

/// A file: its number in its part, and its name.
#[derive(Clone, Debug, Default)]
pub struct File {
    pub part: usize,
    pub index: u64,
    /// Empty for a removed file.
    pub name: String,
    /// The size of a file in a part of bytes, or of the container metadata of a picture; its part, and the place there.
    pub size: u64,
    pub holder: usize,
    pub start: u64,
    pub hash: Option<[u8; 32]>,
    pub time: Time,
    /// The number of the original of a copy, whose part, index and bytes the copy has.
    pub original: Option<usize>,
}

/// Consecutive files, and the sum of their content digests, if known.
pub struct Group {
    pub files: usize,
    pub digest: Option<[u8; 32]>,
}

/// Reads all files, in order.
pub fn read(archive: &Archive, kind: Kind) -> Result<(Vec<File>, Vec<Group>)> {
    let collection = &archive.collection;
    let mut files = match (archive.names, archive.numbered) {
        (Some(payload), _) => read_names(payload, collection, kind)?,
        (None, Some(payload)) => read_numbered(payload, collection)?,
        _ => return refuse("a collection has no names", NAMES),
    };
    if let Some(payload) = archive.labels {
        check_labels(payload, collection, kind)?;
    }
    if let Some(payload) = archive.stats {
        read_stats(payload, collection, &mut files)?;
    }
    let groups = match archive.digests {
        Some(payload) => read_digests(payload, &mut files)?,
        None => Vec::new(),
    };
    Ok((files, groups))
}

fn read_names(payload: &[u8], collection: &Collection, kind: Kind) -> Result<Vec<File>> {
    let mut bytes = Bytes::new(payload, NAMES);
    let mut files = Vec::new();
    let mut add = |part: usize, index: u64| files.push(File { part, index, ..File::default() });
    if kind == Kind::Npz {
        for part in 0..collection.parts.len() {
            add(part, 0);
        }
    } else {
        let mut next = vec![0u64; collection.parts.len()];
        let mut runs = Vec::new();
        // Files of parts of bytes need a name, and other files an element, which bounds their number.
        for _ in 0..bytes.varint()? {
            let part = bytes.varint()?;
            let run = bytes.varint_in(1, u64::MAX, "the number of files of a run")?;
            let Some(part) = usize::try_from(part).ok().filter(|&part| part < next.len()) else {
                return bytes.error("a run of files is of a part that does not exist");
            };
            let end = next[part].checked_add(run).filter(|&end| end <= collection.parts[part].files());
            let Some(end) = end else {
                return bytes.error("a run has more files than its part");
            };
            if run > bytes.left() as u64 {
                return bytes.error("names are missing");
            }
            runs.push((part, next[part]..end));
            next[part] = end;
        }
        let all = next.iter().zip(&collection.parts).all(|(&next, part)| next == part.files());
        demand(all, "the runs of files do not list each file once", NAMES)?;
        for (part, indexes) in runs {
            indexes.for_each(|index| add(part, index));
        }
    }
    let names = read_list(&mut bytes, files.len(), payload.len(), collection.removed)?;
    let mut known = HashSet::new();
    for (file, name) in files.iter_mut().zip(names) {
        demand(name.is_empty() || known.insert(name.clone()), "two names are the same", NAMES)?;
        file.name = name;
    }
    bytes.end()?;
    Ok(files)
}

/// Reads names, which share a prefix with the previous name.
fn read_list(bytes: &mut Bytes, count: usize, payload: usize, may_be_empty: bool) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    let mut before: Vec<u8> = Vec::new();
    let mut total = 0u64;
    for _ in 0..count {
        let [leading, trailing, middle] = [bytes.varint()?, bytes.varint()?, bytes.varint()?];
        let shared = leading.checked_add(trailing).filter(|&shared| shared <= before.len() as u64);
        if shared.is_none() {
            return bytes.error("a name shares more bytes than the previous one has");
        }
        let middle = bytes.take_long(middle)?;
        let mut name = before[..leading as usize].to_vec();
        name.extend_from_slice(middle);
        name.extend_from_slice(&before[before.len() - trailing as usize..]);
        total += name.len() as u64;
        demand(total <= (1 << 16) + 32 * payload as u64, "the names are too long for their bytes", NAMES)?;
        let text = String::from_utf8(name.clone()).map_err(|_| error("a name is not UTF-8", NAMES))?;
        if !(may_be_empty && [leading, trailing].iter().all(|&shared| shared == 0) && text.is_empty()) {
            check_name(&text)?;
        }
        names.push(text);
        before = name;
    }
    Ok(names)
}

fn check_name(name: &str) -> Result<()> {
    let proper = name.len() <= 1024 && !name.contains('\0') && name.split('/').all(is_part);
    demand(proper, &format!("the name {name:?} is not allowed"), NAMES)
}

/// Whether a file or folder may have this name: it leads into the folder, and is not one of unfinished files.
pub fn is_part(part: &str) -> bool {
    let digits = part.strip_prefix(".bitsback-").and_then(|rest| rest.strip_suffix(".tmp"));
    let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let unfinished = digits.is_some_and(|digits| digits.len() == 12 && digits.chars().all(digit));
    !["", ".", ".."].contains(&part) && !unfinished
}

fn read_numbered(payload: &[u8], collection: &Collection) -> Result<Vec<File>> {
    let mut bytes = Bytes::new(payload, NUMBERED);
    let total = collection.parts.iter().try_fold(0u64, |sum, part| sum.checked_add(part.files()));
    let total = total.ok_or_else(|| error("there are too many pictures", NUMBERED))?;
    let classes = bytes.varint_in(0, 1 << 16, "the number of classes")? as usize;
    let names = read_list(&mut bytes, classes, payload.len(), false)?;
    for name in &names {
        let digits = |part: &str| {
            part.strip_suffix(".png").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        };
        let proper = name.len() <= 992 && name.split('/').all(|part| part.len() <= 255 && !digits(part));
        demand(proper, "the name of a class is not allowed", NUMBERED)?;
    }
    // The order of UTF-8 is that of code points.
    demand(names.windows(2).all(|pair| pair[0] < pair[1]), "the names of classes are not ascending", NUMBERED)?;
    let mut numbers = Vec::new();
    if classes > 0 {
        let data = bytes.rest();
        let most = (1u128 << 16) + (1 << 12) * data.len() as u128;
        demand(u128::from(total) <= most, "there are too many files for their bytes", NUMBERED)?;
        let size = if classes <= 256 { 1 } else { 2 };
        let decoded = adaptive::decode_values(data, total, size)?;
        numbers
            .extend(decoded.chunks_exact(size).map(|n| n.iter().rev().fold(0, |sum, &b| 256 * sum + usize::from(b))));
        demand(numbers.iter().all(|&number| number < classes), "a picture has an unknown class", NUMBERED)?;
    }
    bytes.end()?;
    let digits = total.saturating_sub(1).to_string().len();
    let mut files = Vec::new();
    for (part, own) in collection.parts.iter().enumerate() {
        for index in 0..own.files() {
            let number = files.len();
            let mut name = format!("{number:0digits$}.png");
            if let Some(&class) = numbers.get(number) {
                name = format!("{}/{name}", names[class]);
            }
            files.push(File { part, index, name, ..File::default() });
        }
    }
    Ok(files)
}

fn check_labels(payload: &[u8], collection: &Collection, kind: Kind) -> Result<()> {
    let mut bytes = Bytes::new(payload, "format.md, A5.14");
    match (bytes.byte()?, kind) {
        (0, Kind::Npz) => {
            let most = collection.parts.len() as u64 - 1;
            let items = bytes.varint_in(0, most, "the part of the items")? as usize;
            let labels = bytes.varint_in(0, most, "the part of the labels")? as usize;
            if items == labels {
                return bytes.error("the labels and the items are the same part");
            }
            let (items, labels) = (&collection.parts[items].shape, &collection.parts[labels].shape);
            if items.is_empty() || items.first() != labels.first() {
                return bytes.error("the numbers of labels and of items differ");
            }
        }
        (1, Kind::Pictures) => {}
        _ => return bytes.error("labels are of an unknown kind: a newer release is needed"),
    }
    bytes.end()
}

fn read_stats(payload: &[u8], collection: &Collection, files: &mut [File]) -> Result<()> {
    let mut bytes = Bytes::new(payload, STATS);
    let mut sums = vec![0u64; collection.parts.len()];
    // The container metadata of files fill their parts in order.
    let mut parts = (0..collection.parts.len()).filter(|&part| collection.parts[part].is_metadata());
    let mut current = parts.next();
    let mut time = 0i64;
    for number in 0..files.len() {
        let (before, others) = files.split_at_mut(number);
        let file = &mut others[0];
        file.size = bytes.varint()?;
        bytes.varint_in(0, i64::MAX as u64, "the size of a file")?; // of the original file
        time = time.wrapping_add(bytes.change()?);
        file.time = Some(time);
        if collection.parts[file.part].axes == 4 {
            let original = number.checked_sub(usize::try_from(file.size).unwrap_or(usize::MAX));
            let Some(original) = original.filter(|&original| original < number && before[original].original.is_none())
            else {
                return bytes.error("a copy is of no earlier file, or of a copy");
            };
            let File { part, index, size, holder, start, .. } = before[original];
            (file.part, file.index, file.size, file.holder, file.start) = (part, index, size, holder, start);
            file.original = Some(original);
            continue;
        }
        if collection.parts[file.part].axes == 3 {
            file.holder = file.part;
        } else if file.size > 0 {
            while current.is_some_and(|part| sums[part] == collection.parts[part].shape[1]) {
                current = parts.next();
            }
            let Some(part) = current else { return bytes.error("no part contains the container metadata of a file") };
            file.holder = part;
        } else {
            continue;
        }
        file.start = sums[file.holder];
        let sum = file.start.checked_add(file.size).filter(|&sum| sum <= collection.parts[file.holder].shape[1]);
        sums[file.holder] = sum.ok_or_else(|| error("a file has more bytes than its part", STATS))?;
    }
    bytes.end()?;
    let full = |(part, &sum): (&Part, &u64)| part.axes != 3 || part.shape[1] == sum;
    let all = collection.parts.iter().zip(&sums).all(full);
    demand(all, "the sizes of files do not sum up to their parts", STATS)
}

fn read_digests(payload: &[u8], files: &mut [File]) -> Result<Vec<Group>> {
    let mut bytes = Bytes::new(payload, DIGESTS);
    if bytes.byte()? != 0 {
        return bytes.error("the algorithm of digests is unknown: a newer release is needed");
    }
    let mut groups = Vec::new();
    let mut left = files.len();
    for _ in 0..bytes.varint()? {
        let count = bytes.varint_in(1, left as u64, "the number of files of a group")? as usize;
        left -= count;
        groups.push(Group { files: count, digest: read_digest(&mut bytes)? });
    }
    demand(left == 0, "the groups do not cover all files", DIGESTS)?;
    match bytes.byte()? {
        0 => (),
        1 => {
            for file in files {
                file.hash = read_digest(&mut bytes)?;
            }
        }
        _ => return bytes.error("the kind of hashes is unknown: a newer release is needed"),
    }
    bytes.end()?;
    Ok(groups)
}

fn read_digest(bytes: &mut Bytes) -> Result<Option<[u8; 32]>> {
    match bytes.byte()? {
        0 => Ok(None),
        32 => Ok(Some(bytes.array()?)),
        length => bytes.error(format!("a digest has {length} bytes")),
    }
}
