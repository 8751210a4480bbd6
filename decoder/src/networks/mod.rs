//! Integer networks (M7), and pixels with contexts (M3).

pub mod autoregressive;
pub mod dots;
pub mod family;
pub mod linear;
pub mod network;
pub mod parts;
pub mod strips;
pub mod window;
