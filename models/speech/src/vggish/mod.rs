//! VGGish: the log-mel front end in two parametrisations, the network, and its quantised output.
//!
//! Start reading at [`front`]; the 128 numbers come from [`net`].

pub mod front;
pub mod net;

pub use front::{Front, REACT, STANDARD};
pub use net::Network;
