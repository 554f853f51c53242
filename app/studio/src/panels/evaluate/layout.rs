//! Where things stand in the table, and how its numbers are written: columns as wide as what is in them, names that stay
//! where they are while the numbers scroll.

use egui::{Rect, Ui, pos2};
use figures::number;
use measures::Direction;
use study::{Board, Cell, Column};

use crate::evaluate::Beside;

pub(super) const NAME: f32 = 208.0;
/// Where there is room a name is written out.
pub(super) const LONGEST_NAME: f32 = 420.0;
pub(super) const TRACK: f32 = 62.0;
/// Width of a digit of the numbers, and of the smaller ones beside them.
pub(super) const DIGIT: f32 = 7.25;
pub(super) const SMALL_DIGIT: f32 = 6.65;
/// Left and right of a number.
pub(super) const PAD: f32 = 8.0;

/// Where things stand: names and columns, from the left edge of a row.
pub(super) struct Layout {
    /// Width of the names; they stay where they are while the numbers scroll.
    pub(super) name: f32,
    /// Left edge of each column, and behind the last one the right edge of the row.
    pub(super) edges: Vec<f32>,
    /// Room for the uncertainty in each column, the same in all rows, so that values stand in line.
    pub(super) tails: Vec<f32>,
}

impl Layout {
    pub(super) fn of(board: &Board, columns: &[Column], beside: Beside, room: f32) -> Self {
        let (mut widths, mut tails) = (Vec::with_capacity(columns.len()), Vec::with_capacity(columns.len()));
        for column in columns {
            let cells = || board.rows.iter().filter_map(|row| row.cell(*column));
            let digits =
                cells().map(|cell| words_of(cell, *column).chars().count()).max().unwrap_or(0).max(6);
            let beside = cells()
                .filter_map(|cell| beside_of(beside, cell, *column))
                .map(|words| words.chars().count())
                .max()
                .unwrap_or(0);
            let tail = if beside > 0 { SMALL_DIGIT * beside as f32 + 5.0 } else { 0.0 };
            let numbers = DIGIT * digits as f32 + tail;
            let title = 7.4 * titled(*column).chars().count() as f32;
            widths.push(numbers.max(title) + 2.0 * PAD);
            tails.push(tail);
        }
        let wanted: f32 = widths.iter().sum::<f32>();
        let free = (room - NAME - TRACK - wanted).max(0.0);
        let name = NAME + (free * 0.4).min(LONGEST_NAME - NAME);
        let more = (room - name - TRACK - wanted).max(0.0) / columns.len().max(1) as f32;
        let mut edges = vec![name + TRACK];
        for width in widths {
            edges.push(edges[edges.len() - 1] + width + more);
        }
        Self { name, edges, tails }
    }

    pub(super) fn width(&self) -> f32 {
        self.edges[self.edges.len() - 1]
    }

    pub(super) fn cell(&self, row: Rect, index: usize) -> Rect {
        let x = |edge: usize| row.left() + self.edges[edge];
        Rect::from_min_max(pos2(x(index), row.top()), pos2(x(index + 1), row.bottom()))
    }

    /// The names' part of a row: at the left edge of what is seen, wherever the numbers are.
    pub(super) fn names(&self, ui: &Ui, row: Rect) -> Rect {
        let left = row.left().max(ui.clip_rect().left());
        Rect::from_min_max(pos2(left, row.top()), pos2(left + self.name, row.bottom()))
    }

    /// What draws numbers: nothing of them is seen under the names.
    pub(super) fn numbers(&self, ui: &Ui, row: Rect) -> egui::Painter {
        let clip = ui.clip_rect();
        ui.painter().with_clip_rect(clip.with_min_x(self.names(ui, row).right().max(clip.left())))
    }

    /// The part of a cell that is not under the names.
    pub(super) fn seen(&self, ui: &Ui, row: Rect, cell: Rect) -> Rect {
        cell.with_min_x(cell.left().max(self.names(ui, row).right()))
    }
}

/// `FRDist ↓`.
pub fn titled(column: Column) -> String {
    match column.better() {
        Some(Direction::Higher) => format!("{} \u{2191}", column.name()),
        Some(Direction::Lower) => format!("{} \u{2193}", column.name()),
        None => column.name().to_owned(),
    }
}

/// A number as it stands in a cell.
pub(super) fn words_of(cell: &Cell, column: Column) -> String {
    match cell.value {
        // what has no room in decimals is a matter of its magnitude
        Some(value) if value.abs() >= 1e5 => format!("{value:.1e}"),
        Some(value) => number::fixed(value, column.decimals()),
        None => "\u{2014}".to_owned(),
    }
}

pub(super) fn beside_of(beside: Beside, cell: &Cell, column: Column) -> Option<String> {
    let decimals = column.decimals();
    let half = match beside {
        Beside::Interval => cell.interval.map(|interval| (interval.high - interval.low) * 0.5),
        Beside::Seeds => cell.spread.and_then(|spread| spread.deviation),
    };
    cell.value.and(half).map(|half| number::spread(half, decimals))
}
