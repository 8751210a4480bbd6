//! Modes, folders and links (format.md, A5.19).

use std::collections::HashSet;

use crate::container::names::is_part;
use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, error, refuse, Result};
use crate::foundations::inflate::inflate_all;

const SECTION: &str = "format.md, A5.19";

/// The lower 12 bits of a mode, if it is known.
pub type Mode = Option<u16>;

/// When something was changed, in nanoseconds since 1970, if it is known.
pub type Time = Option<i64>;

/// What a folder has beside the names and the content of its files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes {
    pub mode: Mode,
    pub time: Time,
}

/// A folder; without a name, the outermost one.
#[derive(Clone, Debug)]
pub struct Folder {
    pub name: String,
    pub attributes: Attributes,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub name: String,
    pub target: String,
}

impl Link {
    /// Whether the link may lead out of the folder.
    pub fn leads_out(&self) -> bool {
        let parts: Vec<&str> = self.target.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let up = parts.iter().take_while(|part| **part == "..").count();
        let folders = self.name.matches('/').count();
        let windows = cfg!(windows) && self.target.contains(['\\', ':']);
        self.target.starts_with('/') || parts[up..].contains(&"..") || up > folders || windows
    }
}

#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// The modes of all files, including removed ones.
    pub modes: Vec<Mode>,
    pub folders: Vec<Folder>,
    pub links: Vec<Link>,
}

impl Entries {
    pub fn read(payload: &[u8], files: usize) -> Result<Entries> {
        let inflated;
        let content = match payload.split_first() {
            Some((0, content)) => content,
            Some((1, stream)) => {
                inflated = inflate_all(stream, (1 << 16) + 32 * stream.len())?;
                &inflated[..]
            }
            _ => return refuse("the coding of modes and links is unknown: a newer release is needed", SECTION),
        };
        let mut bytes = Bytes::new(content, SECTION);
        let mut entries = Entries::default();
        while entries.modes.len() < files {
            let left = (files - entries.modes.len()) as u64;
            let count = bytes.varint_in(1, left, "the number of files of a run of modes")?;
            let mode = read_mode(&mut bytes)?;
            entries.modes.resize(entries.modes.len() + count as usize, mode);
        }
        let mut time = 0i64;
        for _ in 0..bytes.varint()? {
            let (name, mode) = (read_text(&mut bytes)?, read_mode(&mut bytes)?);
            time = time.wrapping_add(bytes.change()?);
            demand(name.is_empty() || is_name(&name), &format!("the name {name:?} is not allowed"), SECTION)?;
            entries.folders.push(Folder { name, attributes: Attributes { mode, time: Some(time) } });
        }
        for _ in 0..bytes.varint()? {
            let (name, target) = (read_text(&mut bytes)?, read_text(&mut bytes)?);
            bytes.change()?; // its time
            demand(is_name(&name), &format!("the name {name:?} is not allowed"), SECTION)?;
            let fits = (1..=4095).contains(&target.len()) && !target.contains('\0');
            demand(fits, &format!("the target of {name:?} is not allowed"), SECTION)?;
            entries.links.push(Link { name, target });
        }
        bytes.end()?;
        let mut names = HashSet::new();
        let differ = entries.folders.iter().all(|folder| names.insert(&folder.name[..]));
        demand(differ, "two folders have the same name", SECTION)?;
        Ok(entries)
    }

    /// Refuses files of these names, folders and links if two have the same name, or if one lies below a file or a
    /// link.
    pub fn check_places<'a>(&'a self, files: impl Iterator<Item = &'a str>) -> Result<()> {
        let links = self.links.iter().map(|link| &link.name[..]);
        let mut leaves = HashSet::new();
        for name in files.chain(links) {
            demand(leaves.insert(name), &format!("two files have the name {name:?}"), SECTION)?;
        }
        let folders = self.folders.iter().map(|folder| &folder.name[..]);
        let above = |name: &'a str| name.match_indices('/').map(move |(place, _)| &name[..place]);
        let mut inside = leaves.iter().flat_map(|name| above(name));
        let mut of_folders = folders.flat_map(|name| above(name).chain(Some(name)));
        match inside.find(|name| leaves.contains(name)).or_else(|| of_folders.find(|name| leaves.contains(name))) {
            Some(name) => Err(error(format!("{name:?} is both a folder and a file or link"), SECTION)),
            None => Ok(()),
        }
    }
}

fn read_mode(bytes: &mut Bytes) -> Result<Mode> {
    let mode = bytes.varint_in(0, 1 << 12, "a mode")?;
    Ok(mode.checked_sub(1).map(|mode| mode as u16))
}

fn read_text(bytes: &mut Bytes) -> Result<String> {
    let length = bytes.varint()?;
    let text = bytes.take_long(length)?;
    String::from_utf8(text.to_vec()).map_err(|_| error("a name or a target is not UTF-8", SECTION))
}

/// Whether this is the name of a file, folder or link, and no longer than file systems take.
pub fn is_name(name: &str) -> bool {
    name.len() <= 1024 && !name.contains('\0') && name.split('/').all(|part| is_part(part) && part.len() <= 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let leads_out =
            |name: &str, target: &str| Link { name: name.to_string(), target: target.to_string() }.leads_out();
        for target in ["b", "./b", "b//c/", "../x", "../.", "x/./y"] {
            assert!(!leads_out("s/a", target), "{target}");
        }
        for target in ["/etc", "..", "./../b", "b/../c"] {
            assert!(leads_out("a", target), "{target}");
        }
        assert!(leads_out("s/a", "../../b"));
    }

    #[test]
    fn places() {
        let link = |name: &str| Link { name: name.to_string(), target: "x".to_string() };
        let folder = |name: &str| Folder { name: name.to_string(), attributes: Attributes::default() };
        let check = |names: &[&str], folders: &[&str], links: &[&str]| {
            let folders = folders.iter().copied().map(folder).collect();
            let entries = Entries { modes: Vec::new(), folders, links: links.iter().copied().map(link).collect() };
            entries.check_places(names.iter().copied()).is_ok()
        };
        assert!(check(&["a/x", "b"], &["", "a", "c/d"], &["a/y"]));
        assert!(!check(&["a/x"], &[], &["a"]));
        assert!(!check(&["a"], &[], &["a"]));
        assert!(!check(&["a"], &["a"], &[]));
        assert!(!check(&["a"], &["a/b/c"], &[]));
        assert!(!check(&[], &["l/b"], &["l"]));
        assert!(!check(&[], &[], &["l", "l/m"]));
        assert!(!check(&[], &[], &["l", "l"]));
    }
}
