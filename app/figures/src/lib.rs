//! A figure described once: data in, a display list out, and from it a painter's shapes, SVG or PNG; tables as
//! LaTeX, CSV, Markdown and JSON.
//!
//! Start reading at [`drawing`] (what every figure becomes) and [`Figure`] (what every figure is). One figure, one file.
//! What this crate is not: it knows no window, no network, no corpus and no measure; it computes nothing but what a
//! picture needs (ticks, quantiles, bins).

pub mod axis;
pub mod drawing;
mod heading;
mod labels;
pub mod number;
mod plot;
mod png;
mod rows;
pub mod style;
pub mod summary;
mod svg;
pub mod table;
pub mod text;
mod triangles;

mod curve;
mod differences;
mod distribution;
mod forest;
mod reliability;
mod signatures;
mod tradeoff;
mod trend;
mod usage;

pub use axis::{Direction, Scale};
pub use curve::{Curve, CurvePoint, Series};
pub use differences::{ClipValue, Differences};
pub use distribution::{Distribution, DistributionRow};
pub use drawing::{Color, Drawing, Item, Mark, Rect, Size, Width};
pub use forest::{Forest, ForestRow};
pub use heading::Heading;
pub use png::png;
pub use reliability::{Reliability, ReliabilityBin};
pub use signatures::{SignatureCell, SignatureColumn, Signatures};
pub use style::{Look, Style, of_system, system};
pub use svg::svg;
pub use table::Table;
pub use tradeoff::{Front, Tradeoff, TradeoffPoint};
pub use trend::{Trend, TrendLine, TrendPlot, TrendPoint};
pub use triangles::triangles;
pub use usage::{Usage, UsageBar};

/// Data that can be drawn.
pub trait Figure {
    /// The picture at a size, in points. Same data, style and size: the same picture.
    fn draw(&self, style: &Style, size: Size) -> Drawing;

    /// A height that suits this figure at a width, in points.
    fn height(&self, style: &Style, width: f32) -> f32;

    /// The picture at a width and the height that suits it.
    fn draw_at(&self, style: &Style, width: Width) -> Drawing {
        let width = width.points();
        self.draw(style, Size::new(width, self.height(style, width)))
    }
}
