//! A ZIP file of stored entries, such as NumPy's `.npz`.

use crate::foundations::crc::crc32;
use crate::foundations::error::{demand, Result};

pub fn zip(entries: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let size: usize = entries.iter().map(|(name, content)| name.len() * 2 + content.len() + 100).sum();
    let fits = size < u32::MAX as usize && entries.len() < 0xffff;
    demand(fits, "the arrays are too large for a plain ZIP file", "format.md, A5")?;
    let mut out = Vec::with_capacity(size);
    let mut directory = Vec::new();
    for (name, content) in entries {
        let place = out.len() as u32;
        // Version 2.0, names in UTF-8, stored, and the minimal date.
        let mut common = vec![20, 0, 0, 8, 0, 0, 0, 0, 0x21, 0];
        common.extend(crc32(&[content]).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(content);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(place.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let place = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((entries.len() as u16).to_le_bytes());
    out.extend((entries.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(place.to_le_bytes());
    out.extend([0, 0]);
    Ok(out)
}
