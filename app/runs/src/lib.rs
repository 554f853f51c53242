//! Training runs as they lie on the disk: read while they grow, steered, queued, exchanged with other programs.
//!
//! Start reading at [`Reader`] (one run folder, read step by step), [`Watcher`] (a worker that follows several), then
//! [`launch`] (how a run is started and queued). [`Table`] is a run in full, for CSV and TensorBoard event files. What this
//! crate is not: it trains nothing and draws nothing; whoever writes a run folder and whoever looks at one meet here in
//! files alone, so neither can take the other down.

mod csv;
mod files;
pub mod launch;
mod listing;
mod reader;
mod record;
mod series;
mod status;
mod table;
mod tail;
mod tensorboard;
mod watcher;

pub use files::{Checkpoint, Preview, PreviewAbout, read_card, read_preview, set_pinned};
pub use launch::{Launch, Launcher};
pub use listing::{Row, list, usual_root};
pub use reader::{Happening, Reader, Run, What, is_run};
pub use record::{Record, STREAMS};
pub use series::{MOST_POINTS, Place, Point, Series};
pub use status::{Order, State, Status, order};
pub use table::Table;
pub use tail::{LONGEST_LINE, last_lines};
pub use watcher::{Seen, Watcher, Wish};
