//! Blocks that several systems share. Where the tensor library has a fault or a gap, the block that works around it
//! says so at the top of its file.

pub mod attend;
pub mod attention;
pub mod batch_norm;
pub mod columns;
pub mod convolution;
pub mod linear;
pub mod mixture;
pub mod norm;
pub mod pointwise;
pub mod positions;
pub mod recurrent;
pub mod rows;
pub mod slices;
pub mod taps;
pub mod transformer;
#[cfg(test)]
pub(crate) mod twins;
