//! Motion for other programs: the head with its movement as a GLB, and the weights as a table.
//!
//! [`glb`] is a complete glTF 2.0 binary (mesh, 52 morph targets, animation of weights, head turn and lean); [`csv`] is
//! the table that Live Link Face records. Frames are what the renderer draws, so both show the drawn face. Bytes depend
//! on nothing but the arguments.

mod glb;
mod table;

pub use glb::glb;
pub use table::{COLUMNS, csv};
