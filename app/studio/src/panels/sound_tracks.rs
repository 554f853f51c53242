//! Tracks of the speaker's sound: the waveform, its spectrum, loudness, pitch and voice.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use clips::time::sample_of_frame;
use egui::epaint::Mesh;
use egui::{Align2, Color32, ColorImage, Pos2, Rect, Shape, TextureOptions, Ui, pos2, vec2};

use crate::desk::Desk;
use crate::panels::tracks::{Axis, y_of};
use crate::theme::{self, Tokens};
use crate::tracks::{Heard, View, thinned};
use crate::widgets::line::Lines;

/// Draws the waveform.
pub fn waveform_ui(desk: &Desk<'_>, ui: &Ui, plot: Rect, axis: Axis) {
    let tokens = desk.tokens;
    let Some(clip) = &desk.state.clip else { return };
    let (Some(peaks), Some(sound)) = (&clip.peaks, &clip.speaker.streams.sound) else {
        silent_ui(desk, ui, plot);
        return;
    };
    let split = axis.x(desk.playback.moment()).clamp(plot.left(), plot.right());
    let painter = ui.painter_at(plot.intersect(ui.clip_rect()));
    let bars = (plot.width() / 3.0).floor().max(1.0) as usize;
    let at = |frame: f64| {
        let whole = frame.max(0.0).floor();
        sample_of_frame(whole as usize, sound.rate)
            + ((frame.max(0.0) - whole) * f64::from(sound.rate) / 25.0) as usize
    };
    let ranges = peaks.range(at(axis.view.first), at(axis.view.last).min(sound.len()), bars);
    let most = ranges.iter().fold(0.05f32, |most, (low, high)| most.max(-low).max(*high));
    let step = plot.width() / bars as f32;
    let quiet = tokens.accent.lerp_to_gamma(tokens.ground, 0.55);
    let mut mesh = Mesh::default();
    for (bar, (low, high)) in ranges.iter().enumerate() {
        let x = plot.left() + (bar as f32 + 0.5) * step;
        let half = ((high - low) * 0.5 / most * plot.height() * 0.5).max(0.6);
        let column = Rect::from_center_size(pos2(x, plot.center().y), vec2(step * 0.62, 2.0 * half));
        mesh.add_colored_rect(column, if x <= split { tokens.accent } else { quiet });
    }
    painter.add(Shape::mesh(mesh));
}

fn silent_ui(desk: &Desk<'_>, ui: &Ui, plot: Rect) {
    let at = plot.left_center();
    let ink = desk.tokens.faint;
    ui.painter().text(at, Align2::LEFT_CENTER, "no sound in this clip", theme::small(), ink);
}

/// Draws the spectrum as a picture of as many columns as it has points; made again only when the view, the size, the
/// theme or the clip is another.
pub fn spectrum_ui(desk: &mut Desk<'_>, ui: &Ui, plot: Rect, axis: Axis) {
    let Some(hearing) = desk.state.clip.as_ref().and_then(|clip| clip.hearing.clone()) else {
        silent_ui(desk, ui, plot);
        return;
    };
    let mut hasher = std::hash::DefaultHasher::new();
    (desk.state.generation, desk.state.theme == theme::Theme::Dark, plot.width() as u32).hash(&mut hasher);
    (axis.view.first.to_bits(), axis.view.last.to_bits()).hash(&mut hasher);
    let key = hasher.finish();
    let texture = match desk.memory.spectrum.take() {
        Some((old, texture)) if old == key => texture,
        _ => {
            let width = (plot.width().round() as usize).clamp(1, 4096);
            let picture = picture(&hearing.spectrum, desk.tokens, axis.view, width);
            ui.ctx().load_texture("spectrum", picture, TextureOptions::LINEAR)
        }
    };
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    ui.painter_at(plot.intersect(ui.clip_rect())).image(texture.id(), plot, whole, Color32::WHITE);
    desk.memory.spectrum = Some((key, texture));
}

/// The shown part of a spectrum, each column the loudest of what falls on it; high bands on top.
fn picture(spectrum: &speech::Spectrogram, tokens: &Tokens, view: View, width: usize) -> ColorImage {
    let bands = spectrum.bands.max(1);
    let per_frame = spectrum.columns_per_frame as f64;
    let mut pixels = vec![tokens.ground; width * bands];
    let column_at = |x: usize| {
        let frame = view.first + view.span() * x as f64 / width as f64;
        ((frame * per_frame).max(0.0) as usize).min(spectrum.columns())
    };
    for x in 0..width {
        let (from, to) = (column_at(x), column_at(x + 1));
        for column in from..to.max(from + 1).min(spectrum.columns()) {
            for (band, level) in spectrum.column(column).iter().enumerate() {
                let pixel = &mut pixels[(bands - 1 - band) * width + x];
                let ink = heat(tokens, *level);
                // Of several columns the loudest shows: short bursts survive any zoom.
                if column == from || distance(ink, tokens.ground) > distance(*pixel, tokens.ground) {
                    *pixel = ink;
                }
            }
        }
    }
    ColorImage::new([width, bands], pixels)
}

/// From the ground through the accent to the colour of words.
fn heat(tokens: &Tokens, level: u8) -> Color32 {
    // The quietest third is room noise in most recordings and would veil the rest.
    let share = (f32::from(level) / 255.0 - 0.33).max(0.0) / 0.67;
    let half = |from: Color32, to: Color32, share: f32| from.lerp_to_gamma(to, share);
    if share < 0.6 {
        half(tokens.ground, tokens.accent, share / 0.6)
    } else {
        half(tokens.accent, tokens.text, (share - 0.6) / 0.4)
    }
}

fn distance(a: Color32, b: Color32) -> i32 {
    let parts = a.to_array().into_iter().zip(b.to_array());
    parts.take(3).map(|(a, b)| (i32::from(a) - i32::from(b)).abs()).sum()
}

/// The line of loudness, pitch or voice, and its scale.
pub fn draw(desk: &Desk<'_>, ui: &Ui, plot: Rect, which: Heard, axis: Axis) -> (Arc<Mesh>, (f32, f32)) {
    let tokens = desk.tokens;
    let mut lines = Lines::default();
    let Some(hearing) = desk.state.clip.as_ref().and_then(|clip| clip.hearing.as_ref()) else {
        return (lines.mesh(ui.ctx()), (0.0, 1.0));
    };
    let columns = plot.width().round() as usize;
    let scale = which.scale(&hearing.tracks);
    let line_of = |values: &[f32], first: usize| -> Vec<Pos2> {
        let view = View { first: axis.view.first - first as f64, last: axis.view.last - first as f64 };
        let points = thinned(values, view, columns);
        points.into_iter().map(|(x, value)| pos2(plot.left() + x, y_of(value, scale, plot))).collect()
    };
    match which {
        Heard::Loudness => {
            lines.add(&line_of(&hearing.tracks.loudness_db, 0), 1.4, tokens.accent, &[]);
        }
        Heard::Pitch => {
            let pitch = &hearing.tracks.pitch_hz;
            let mut frame = 0;
            while frame < pitch.len() {
                let voiced: Vec<f32> = pitch[frame..].iter().map_while(|pitch| *pitch).collect();
                // A single frame is a short stroke, or nothing would be seen of it.
                let shown = if voiced.len() == 1 { vec![voiced[0]; 2] } else { voiced.clone() };
                lines.add(&line_of(&shown, frame), 1.8, tokens.accent, &[]);
                frame += voiced.len() + 1;
            }
        }
        Heard::Voice => {
            let mut from = 0;
            for part in hearing.tracks.voice.chunk_by(|a, b| a == b) {
                let (a, b) = (axis.x(from as f64), axis.x((from + part.len()) as f64));
                from += part.len();
                let middle = plot.center().y;
                let area = Rect::from_min_max(pos2(a, middle - 5.0), pos2(b, middle + 5.0)).intersect(plot);
                if part[0] && area.is_positive() {
                    lines.push(Shape::rect_filled(area, 3.0, tokens.accent.gamma_multiply(0.75)));
                }
            }
        }
    }
    (lines.mesh(ui.ctx()), scale)
}
