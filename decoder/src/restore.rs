//! Files for people: pictures and other files as they were, as far as this decoder can make them.

use std::collections::HashSet;

use crate::collection::{Container, Kind};
use crate::error::{demand, error, Result};
use crate::metadata::{self, Restored};
use crate::names::File;
use crate::npy::npy;
use crate::output::{Decoded, Notes, Output};
use crate::picture::Picture;
use crate::sha256::sha256;
use crate::tiff::Tiff;
use crate::zip::zip;

const NAMES: &str = "format.md, A5.12";
const HASHES: &str = "format.md, A5.16";

const NOTE_PNG: &str = "PNG files have the same pixels and chunks, but not the same bytes: those take zlib";
const NOTE_TIFF: &str =
    "TIFF files with compressed pages, or on their own without metadata, came out page by page, as PNG or TIFF";

impl Decoded {
    /// The files that people want.
    pub fn restore(self, notes: &mut Notes) -> Result<Output> {
        match self.container {
            Container::Files(Kind::Pictures) => self.restore_folder(notes),
            Container::Files(Kind::Tiff) => self.restore_tiff(notes),
            Container::Files(Kind::Npz) => {
                let array = |file: &File| {
                    let part = &self.parts[file.part];
                    let content = npy(part.dtype, &part.shape, false, &self.bytes[file.part]);
                    (format!("{}.npy", file.name), content)
                };
                Ok(Output::One(zip(&self.there().map(array).collect::<Vec<_>>())?))
            }
            _ => self.arrays(),
        }
    }

    fn restore_folder(&self, notes: &mut Notes) -> Result<Output> {
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        let mut note = |text: &'static str| {
            if !notes.contains(&text) {
                notes.push(text);
            }
        };
        for file in self.there() {
            let bytes = self.bytes_of(file);
            let exact = |made: Vec<u8>| -> Result<Vec<u8>> {
                let matches = file.hash.is_none_or(|hash| hash == sha256(&made));
                demand(matches, &format!("{} has another hash", file.name), HASHES)?;
                Ok(made)
            };
            if self.parts[file.part].axes == 3 {
                files.push((file.name.clone(), exact(bytes.to_vec())?));
                continue;
            }
            let (shape, pixels) = self.picture(file);
            let picture = Picture::new(self.parts[file.part].dtype, &shape, pixels)?;
            if bytes.is_empty() {
                let ending = file.name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
                let fits = picture.fits(&ending);
                let other = if picture.fits("png") { "png" } else { "tif" };
                let name = if fits { file.name.clone() } else { format!("{}.{other}", file.name) };
                files.push((name, picture.file(if fits { &ending } else { other })?));
                continue;
            }
            match metadata::restore(bytes, &picture)? {
                Restored::Exact(made) => files.push((file.name.clone(), exact(made)?)),
                Restored::Png(made) => {
                    note(NOTE_PNG);
                    files.push((file.name.clone(), made));
                }
                Restored::Pages(rows) => {
                    note(NOTE_TIFF);
                    let digits = rows.len().to_string().len();
                    let mut rest = pixels;
                    for (page, &count) in rows.iter().enumerate() {
                        let (own, others) = rest.split_at(count * picture.row_bytes());
                        rest = others;
                        let ending = if picture.fits("png") { "png" } else { "tif" };
                        let name = if rows.len() == 1 {
                            format!("{}.{ending}", file.name)
                        } else {
                            format!("{}.{page:0digits$}.{ending}", file.name)
                        };
                        files.push((name, Picture { rows: count, pixels: own, ..picture }.file(ending)?));
                    }
                }
            }
        }
        check_names(&files)?;
        Ok(Output::Folder(files))
    }

    fn restore_tiff(&self, notes: &mut Notes) -> Result<Output> {
        let mut pages = Vec::new();
        let shapes: Vec<_> = self.files.iter().map(|file| (file, self.picture(file))).collect();
        for (file, (shape, pixels)) in &shapes {
            pages.push(Picture::new(self.parts[file.part].dtype, shape, pixels)?);
        }
        let metadata = self.parts.iter().position(|part| part.is_metadata()).map(|part| &self.bytes[part][..]);
        match metadata {
            Some([5, held @ ..]) => return Ok(Output::One(held.to_vec())),
            Some([4, rest @ ..]) => {
                let tiff = Tiff::read(rest)?;
                if tiff.is_plain() {
                    return Ok(Output::One(tiff.file_of_pages(&pages)?));
                }
            }
            Some(_) => return Err(error("container metadata is of another kind", "format.md, A6")),
            None => {}
        }
        let digits = pages.len().saturating_sub(1).to_string().len();
        let mut files = Vec::new();
        for (number, page) in pages.iter().enumerate() {
            let ending = if page.fits("png") { "png" } else { "tif" };
            files.push((format!("{number:0digits$}.{ending}"), page.file(ending)?));
        }
        notes.push(NOTE_TIFF);
        Ok(Output::Folder(files))
    }
}

/// Refuses two files of one name, a file where another one needs a folder, and names that are too long.
fn check_names(files: &[(String, Vec<u8>)]) -> Result<()> {
    let mut names = HashSet::new();
    let mut folders = HashSet::new();
    for (name, _) in files {
        let fits = name.len() <= 1024 && name.split('/').all(|part| part.len() <= 255);
        demand(fits, &format!("the name {name:?} is too long"), NAMES)?;
        demand(names.insert(&name[..]), &format!("two files come out as {name:?}"), NAMES)?;
        folders.extend(name.match_indices('/').map(|(place, _)| &name[..place]));
    }
    match names.intersection(&folders).next() {
        Some(name) => Err(error(format!("{name:?} is a file and a folder"), NAMES)),
        None => Ok(()),
    }
}
