//! CRC-32 of PNG, CRC32C of sections, and Adler-32.

const fn table(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut value = i as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ polynomial } else { value >> 1 };
            bit += 1;
        }
        table[i] = value;
        i += 1;
    }
    table
}

static CASTAGNOLI: [u32; 256] = table(0x82f63b78);
static ISO: [u32; 256] = table(0xedb88320);

fn crc(table: &[u32; 256], parts: &[&[u8]]) -> u32 {
    let mut value = !0u32;
    for part in parts {
        for &byte in *part {
            value = (value >> 8) ^ table[((value ^ u32::from(byte)) & 255) as usize];
        }
    }
    !value
}

/// CRC32C over concatenated parts.
pub fn crc32c(parts: &[&[u8]]) -> u32 {
    crc(&CASTAGNOLI, parts)
}

/// CRC-32 over concatenated parts.
pub fn crc32(parts: &[&[u8]]) -> u32 {
    crc(&ISO, parts)
}

/// Adler-32 of RFC 1950.
pub fn adler32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for chunk in data.chunks(5552) {
        for &byte in chunk {
            a += u32::from(byte);
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    (b << 16) | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sums() {
        assert_eq!(crc32c(&[b"1234", b"56789"]), 0xe3069283);
        assert_eq!(crc32(&[b"123456789"]), 0xcbf43926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e60398);
    }
}
