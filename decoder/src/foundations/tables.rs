//! The tables that ship with the package (format.md, A2; model-format.md).

use std::sync::OnceLock;

macro_rules! table {
    ($(#[$doc:meta])* $name:ident, $type:ty, $length:literal, $file:literal) => {
        $(#[$doc])*
        pub fn $name() -> &'static [$type; $length] {
            static TABLE: OnceLock<Box<[$type; $length]>> = OnceLock::new();
            TABLE.get_or_init(|| {
                const SIZE: usize = std::mem::size_of::<$type>();
                static BYTES: &[u8; SIZE * $length] = include_bytes!(concat!("../../../src/bitsback/tables/", $file));
                let mut table = Box::new([0; $length]);
                for (value, bytes) in table.iter_mut().zip(BYTES.chunks_exact(SIZE)) {
                    let mut number = [0; SIZE];
                    number.copy_from_slice(bytes);
                    *value = <$type>::from_le_bytes(number);
                }
                table
            })
        }
    };
}

table!(
    /// P of normal distributions, in units of 2^-28.
    normal_cdf, i32, 2049, "normal_cdf.bin"
);
table!(
    /// Q, quantiles of N(0, 1) in units of 2^-16.
    normal_quantile, i32, 8193, "normal_quantile.bin"
);
table!(
    /// P of logistic distributions, in units of 2^-28.
    logistic_cdf, i32, 2049, "logistic_cdf.bin"
);
table!(
    /// X[f] = 2^(28 - f / 1024).
    exp2, u32, 1024, "exp2.bin"
);
#[cfg(feature = "bundled")]
table!(
    /// The rows of the beta-binomial distributions.
    beta_binomial, u16, 524288, "beta_binomial.bin"
);

#[cfg(not(feature = "bundled"))]
static BETA_BINOMIAL: OnceLock<Vec<u16>> = OnceLock::new();

/// The rows of the beta-binomial distributions. They are zeros until the caller provides them, so that models with them
/// fail their tests.
#[cfg(not(feature = "bundled"))]
pub fn beta_binomial() -> &'static [u16] {
    BETA_BINOMIAL.get_or_init(|| vec![0; 524288])
}

/// Takes the bytes of `beta_binomial.bin`. Returns whether they are right.
#[cfg(not(feature = "bundled"))]
pub fn set_beta_binomial(bytes: &[u8]) -> bool {
    const DIGEST: &str = "8c95250e06ff2ea1e5798835fe60a855a8c999028596a1f4bae4c9d451077c86";
    let table = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    crate::foundations::sha256::hex(&crate::foundations::sha256::sha256(bytes)) == DIGEST
        && BETA_BINOMIAL.set(table.collect()).is_ok()
}
table!(
    /// stretch of the codec `counted`.
    stretch, i32, 1408, "stretch.bin"
);
table!(
    /// The first distributions and weights of the symbols of JPEG streams (jpeg-format.md, J9).
    jpeg_symbols, i16, 32646, "jpeg_symbols.bin"
);

#[cfg(test)]
mod tests {
    use crate::foundations::sha256::{hex, sha256};

    #[test]
    fn digests() {
        let table = super::exp2().iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>();
        assert_eq!(hex(&sha256(&table)), "ef100312163d24e445e0cf6a58a866b930891adce2adaac4123d531ee6a13df6");
        let table = super::stretch().iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>();
        assert_eq!(hex(&sha256(&table)), "73ee8079df7acbc6fe70d3f199528cadf2a191f442ac1ec2d1325b636ee34f3e");
    }
}
