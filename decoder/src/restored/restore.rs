//! Restores original files, as far as this decoder can.

use crate::container::collection::{Container, Kind};
use crate::container::entries::{is_name, Attributes, Entries};
use crate::container::names::File;
use crate::foundations::error::{demand, Result};
use crate::foundations::sha256::sha256;
use crate::restored::metadata::{self, Restored};
use crate::restored::npy::npy;
use crate::restored::output::{Decoded, Notes, Output, Tree};
use crate::restored::picture::Picture;
use crate::restored::zip::zip;

const NAMES: &str = "format.md, A5.12";
const HASHES: &str = "format.md, A5.16";

const NOTE_PNG: &str = "PNG files without the tokens of their streams were written with the same pixels and chunks";
const NOTE_TIFF: &str =
    "WebP files and TIFF files whose bytes are not promised were written page by page, as PNG or TIFF";

impl Decoded {
    pub fn restore(self, notes: &mut Notes) -> Result<Output> {
        match self.container {
            Container::Files(Kind::Pictures) => self.restore_folder(notes),
            Container::Files(Kind::Npz) => {
                let array = |file: &File| {
                    let part = &self.parts[file.part];
                    let content = npy(part.dtype, &part.shape, false, &self.bytes[file.part]);
                    (format!("{}.npy", file.name), content)
                };
                Ok(Output::One(zip(&self.existing_files().map(array).collect::<Vec<_>>())?))
            }
            _ => self.arrays(),
        }
    }

    fn restore_folder(&self, notes: &mut Notes) -> Result<Output> {
        let mut files: Vec<(String, Vec<u8>, Attributes)> = Vec::new();
        let mut note = |text: &'static str| {
            if !notes.contains(&text) {
                notes.push(text);
            }
        };
        for (file, attributes) in self.existing_files_with_attributes() {
            let bytes = self.bytes_of(file);
            if self.parts[file.part].axes == 3 {
                files.push((file.name.clone(), hashed(file, bytes.to_vec())?, attributes));
                continue;
            }
            let (shape, pixels) = self.picture(file);
            let picture = Picture::new(self.parts[file.part].dtype, &shape, pixels)?;
            if let (name, Some(ending)) = self.restored_name(file)? {
                files.push((name, picture.file(&ending)?, attributes));
                continue;
            }
            match metadata::restore(bytes, &picture)? {
                Restored::Exact(made) => files.push((file.name.clone(), hashed(file, made)?, attributes)),
                Restored::Png(made) => {
                    note(NOTE_PNG);
                    files.push((file.name.clone(), made, attributes));
                }
                Restored::Pages(pages) => {
                    note(NOTE_TIFF);
                    let digits = pages.len().to_string().len();
                    for (page, (rows, columns, own)) in pages.iter().enumerate() {
                        let ending = if picture.fits("png") { "png" } else { "tif" };
                        let name = if pages.len() == 1 {
                            format!("{}.{ending}", file.name)
                        } else {
                            format!("{}.{page:0digits$}.{ending}", file.name)
                        };
                        let page = Picture { rows: *rows, columns: *columns, pixels: own, ..picture };
                        files.push((name, page.file(ending)?, attributes));
                    }
                }
            }
        }
        for (name, ..) in &files {
            demand(is_name(name), &format!("the name {name:?} is too long"), NAMES)?;
        }
        self.entries.check_places(files.iter().map(|(name, ..)| &name[..]))?;
        let Entries { folders, links, .. } = self.entries.clone();
        Ok(Output::Tree(Tree { files, folders, links }))
    }

    /// The files of pictures that come back byte for byte.
    pub fn exact_files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        if !matches!(self.container, Container::Files(Kind::Pictures)) {
            return Ok(found);
        }
        for file in self.existing_files().filter(|file| self.parts[file.part].axes != 3 && file.size > 0) {
            let (shape, pixels) = self.picture(file);
            let picture = Picture::new(self.parts[file.part].dtype, &shape, pixels)?;
            if let Restored::Exact(made) = metadata::restore(self.bytes_of(file), &picture)? {
                found.push((file.name.clone(), hashed(file, made)?));
            }
        }
        Ok(found)
    }
}

/// Refuses the bytes of a file if their hash does not match.
fn hashed(file: &File, made: Vec<u8>) -> Result<Vec<u8>> {
    let matches = file.hash.is_none_or(|hash| hash == sha256(&made));
    demand(matches, &format!("the hash of {} does not match", file.name), HASHES)?;
    Ok(made)
}
