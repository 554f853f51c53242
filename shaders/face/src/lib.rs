//! Draws the listener's face: one stylised head, 52 expression weights and a head pose, in studio light.
//!
//! Start reading at [`Expression`] (what a face does), then [`Camera`] and [`Look`] (how it is seen), then
//! [`Renderer`], [`Batch`] and [`Target`] (on a device that someone else owns) or [`Painter`] (pictures without a window, on
//! any machine). Shaders are in `wgsl/`; each has a Rust twin that a test compares it with.
//!
//! It is not: a source of expressions, a smoother over time, a user interface. It knows no network, no file of this
//! project but the head, and no window.

mod activity;
mod added;
mod batch;
mod coefficients;
mod error;
mod expression;
pub mod frame;
mod gpu;
mod head;
mod headless;
pub mod heads;
mod mesh;
pub mod morph;
pub mod motion;
mod names;
mod pipes;
mod plan;
mod read;
mod resources;
pub mod row;
mod simplify;
mod smooth;
mod target;
mod trail;
pub mod twin;
mod view;

pub use added::{Added, add_life};
pub use batch::{Batch, Moment, Shot, Work};
pub use coefficients::{Coefficients, Take};
pub use error::{FaceError, HeadError, Result};
pub use expression::{Expression, PIVOT, Pose};
pub use gpu::{FORMAT, MorphPath, Renderer, wgsl};
pub use head::{Entry, Head, REGIONS, Static, part};
pub use headless::{
    Adapter, Backend, Headless, Painter, Picture, View, adapters, read_back, read_back_all, wait,
};
pub use names::{NAMES, SHAPES, index_of, mirrored};
pub use smooth::{Smoother, smooth};
pub use target::Target;
pub use trail::{MOST_TRAIL, Trail};
pub use view::{Camera, Ghost, Heat, Look, MOST_GHOSTS, Overlays, Quality, Style};
