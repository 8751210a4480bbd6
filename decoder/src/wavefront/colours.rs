//! The blues that form a colour of JPEG with a green and a red (model-format.md, M4.1).

use std::sync::OnceLock;

use crate::types::image::Image;

/// For each green and red, a bit for each blue.
fn colours() -> &'static [[u64; 4]] {
    static COLOURS: OnceLock<Vec<[u64; 4]>> = OnceLock::new();
    COLOURS.get_or_init(|| {
        let level = |x: i32| x.clamp(0, 255) as usize;
        let mut table = vec![[0u64; 4]; 1 << 16];
        for y in 0..256 {
            for cb in -128..128 {
                let blue = level(y + ((116130 * cb + (1 << 15)) >> 16));
                for cr in -128..128 {
                    let red = level(y + ((91881 * cr + (1 << 15)) >> 16));
                    let green = level(y + ((-46802 * cr - 22554 * cb + (1 << 15)) >> 16));
                    table[green * 256 + red][blue / 64] |= 1 << (blue % 64);
                }
            }
        }
        table
    })
}

/// The possible blues of a pixel.
#[derive(Clone, Copy)]
pub struct Blues([u64; 4]);

impl Blues {
    /// The blues at a place of an image, whose red and green precede it.
    pub fn before(image: &Image, place: usize) -> Blues {
        let [green, red] = [1, 2].map(|back| usize::from(image.symbols[place - back] & 255));
        Blues(colours()[green * 256 + red])
    }

    pub fn has(&self, blue: u32) -> bool {
        self.0[blue as usize / 64] >> (blue % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_green_and_red_has_a_blue() {
        assert!(super::colours().iter().all(|blues| blues.iter().any(|&word| word > 0)));
        let count: u32 = super::colours().iter().flatten().map(|word| word.count_ones()).sum();
        assert!((3 << 20..5 << 20).contains(&count), "about a quarter of all: {count}");
    }
}
