//! Codes in bytes, from the highest bits on.

#[derive(Default)]
pub struct HighBits {
    bytes: Vec<u8>,
    buffer: u64,
    count: u32,
}

impl HighBits {
    pub fn put(&mut self, code: u32, width: u32) {
        self.buffer = self.buffer << width | u64::from(code);
        self.count += width;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.buffer >> self.count) as u8);
        }
    }

    /// The number of bits.
    pub fn bits(&self) -> u64 {
        8 * self.bytes.len() as u64 + u64::from(self.count)
    }

    /// The bytes; zeros fill the last one.
    pub fn end(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
        self.bytes
    }
}
