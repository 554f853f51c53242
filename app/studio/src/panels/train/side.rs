//! On the right: what the model has learned so far, as faces, over the checkpoints; the checkpoints themselves, and the end of
//! the log.

use egui::{
    Align2, Color32, Rect, Role, ScrollArea, Sense, Slider, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo,
    pos2, vec2,
};
use runs::{Checkpoint, Run};

use crate::commands::Command;
use crate::desk::Desk;
use crate::faces::Seat;
use crate::overlay::look_of;
use crate::panels::wall::grid;
use crate::text::{self, empty, heading, label};
use crate::theme;
use crate::train::{Do, MOST_FACES};
use crate::widgets::{self, Pill, divider, icon_button, icons::Icon, pill, text_cut};

/// Draws the panel.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let Some(run) = desk.state.train.run().cloned() else { return };
    if desk.state.train.card.is_some() {
        card_ui(desk, ui);
        return;
    }
    let whole = ui.available_height();
    ui.spacing_mut().item_spacing.y = 3.0;
    preview_ui(desk, ui, &run, whole);
    divider(ui, tokens);
    checkpoints_ui(desk, ui, &run);
    divider(ui, tokens);
    log_ui(desk, ui, &run);
}

fn preview_ui(desk: &mut Desk<'_>, ui: &mut Ui, run: &Run, whole: f32) {
    let tokens = desk.tokens;
    let chosen = desk.state.train.preview_of(run);
    let remark = chosen.map(|index| text::place(run.previews[index].place));
    widgets::heading(ui, tokens, heading::PREVIEW, remark.as_deref().map(|remark| (remark, tokens.dim)));
    let width = ui.available_width();
    let Some(chosen) = chosen else {
        let (rect, _) =
            ui.allocate_exact_size(vec2(width, (whole * 0.22).clamp(70.0, 150.0)), Sense::hover());
        widgets::empty(ui, tokens, rect, empty::PREVIEW, empty::PREVIEW_REMEDY);
        return;
    };
    let motions = desk.state.train.shown.as_ref().map_or_else(Vec::new, |shown| shown.motions.clone());
    let count = motions.len().clamp(1, MOST_FACES);
    let columns = if count <= 2 {
        2.min(count)
    } else if width > 330.0 {
        4
    } else {
        2
    };
    let rows = count.div_ceil(columns);
    let each = width / columns as f32;
    let height = (each * 1.0 * rows as f32).min(whole * 0.46);
    let (area, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    let frame = desk.state.train.frame;
    for (latent, place) in grid(area, count).into_iter().enumerate() {
        let Some(motion) = motions.get(latent) else {
            ui.painter().rect_filled(place, 8.0, tokens.card);
            continue;
        };
        let scale = ui.ctx().pixels_per_point();
        let pixels = [(place.width() * scale).round() as u32, (place.height() * scale).round() as u32];
        let (camera, theme) = (desk.state.cameras.of(Seat::Preview(latent)), desk.state.theme);
        match desk.faces.picture(Seat::Preview(latent), pixels, &motion.at(frame), &camera, look_of(theme), 0)
        {
            Some(texture) => {
                let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                let shape =
                    egui::epaint::RectShape::filled(place, 8.0, Color32::WHITE).with_texture(texture, uv);
                ui.painter().add(shape);
            }
            None => drop(ui.painter().rect_filled(place, 8.0, tokens.card)),
        }
        let look = theme::latent_look(theme, latent);
        let name = if motions.len() > 1 { format!("z{}", latent + 1) } else { label::NO_LATENT.to_owned() };
        let words = [(name.as_str(), theme::small(), tokens.on_picture)];
        pill(
            ui.painter(),
            tokens,
            place.left_top() + vec2(4.0, 4.0),
            Pill::Left,
            &words,
            Some((look.glyph, look.color)),
        );
        let response = ui.interact(place, ui.scope_id().with(("preview", latent)), Sense::hover());
        response.widget_info(|| {
            WidgetInfo::labeled(Role::Image, true, format!("Preview of {name}, frame {frame}"))
        });
    }
    if motions.len() > MOST_FACES {
        let words = text::first_faces(MOST_FACES, motions.len());
        ui.label(egui::RichText::new(words).font(theme::small()).color(tokens.faint));
    }
    strip_ui(desk, ui, run, chosen);
    transport_ui(desk, ui, run);
}

/// The checkpoints as places on a line: click or drag to see how the faces change.
fn strip_ui(desk: &mut Desk<'_>, ui: &mut Ui, run: &Run, chosen: usize) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::click_and_drag());
    let words = format!("{}: {} of {}", heading::PREVIEW, chosen + 1, run.previews.len());
    response.widget_info(|| WidgetInfo::slider(true, chosen as f64, &words));
    let rail = rect.shrink2(vec2(7.0, 0.0));
    let end = run.end.map_or(1.0, |end| end.step.max(1.0));
    let at = |index: usize| {
        let step = run.step_of(run.previews[index].place);
        pos2(rail.left() + rail.width() * (step / end).clamp(0.0, 1.0) as f32, rail.center().y)
    };
    let painter = ui.painter();
    painter.hline(rail.x_range(), rail.center().y, Stroke::new(2.0, tokens.hover));
    for index in 0..run.previews.len() {
        let on = index == chosen;
        painter.circle_filled(
            at(index),
            if on { 6.0 } else { 3.0 },
            if on { tokens.accent } else { tokens.faint },
        );
    }
    widgets::focus_ring(ui, tokens, &response, rect);
    if let Some(pointer) = response.interact_pointer_pos() {
        let near = (0..run.previews.len())
            .min_by(|a, b| (at(*a).x - pointer.x).abs().total_cmp(&(at(*b).x - pointer.x).abs()));
        if let Some(near) = near.filter(|near| *near != chosen) {
            desk.send(Command::Train(Do::Preview(near)));
        }
    }
    response.on_hover_text(text::PREVIEW_HINT);
}

fn transport_ui(desk: &mut Desk<'_>, ui: &mut Ui, run: &Run) {
    let tokens = desk.tokens;
    let frames = desk.state.train.frames();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let playing = desk.state.train.playing;
        let icon = if playing { Icon::Pause } else { Icon::Play };
        let command = Command::Train(Do::Play);
        if icon_button(ui, tokens, icon, Do::Play.text(), 24.0, false).on_hover_text(command.hint()).clicked()
        {
            desk.send(command);
        }
        let mut frame = desk.state.train.frame;
        ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(30.0);
        let slider = Slider::new(&mut frame, 0..=frames.saturating_sub(1)).show_value(false);
        let response = ui.add(slider);
        response.widget_info(|| WidgetInfo::slider(true, frame as f64, label::PREVIEW_FRAME));
        if frame != desk.state.train.frame {
            desk.send(Command::Train(Do::Frame(frame)));
        }
        let words = format!("{frame}/{frames}");
        ui.label(egui::RichText::new(words).font(theme::mono_small()).color(tokens.dim));
    });
    if !run.about.clip.is_empty() {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
        let words = text::answers_clip(&run.about.clip);
        text_cut(
            ui.painter(),
            rect.left_center(),
            Align2::LEFT_CENTER,
            &words,
            theme::small(),
            tokens.faint,
            rect.width(),
        );
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
        response.on_hover_text(words);
    }
}

/// The number beside a checkpoint: a measure of validation where there is one at its step.
fn value_of(run: &Run, checkpoint: &Checkpoint) -> Option<(String, f64)> {
    let step = run.step_of(checkpoint.place?);
    let at = |name: &str, near: f64| {
        let series = run.series(name)?;
        let point = series.points()[series.nearest(step, |at| at.step)?];
        ((point.at.step - step).abs() <= near).then_some(point.mean)
    };
    [("validation/FRCorr", "FRCorr"), ("watch/clg", "CLG"), ("loss/total", "loss")]
        .into_iter()
        .find_map(|(name, words)| Some((words.to_owned(), at(name, 0.5)?)))
}

fn checkpoints_ui(desk: &mut Desk<'_>, ui: &mut Ui, run: &Run) {
    let tokens = desk.tokens;
    widgets::heading(ui, tokens, heading::CHECKPOINTS, None);
    if run.checkpoints.is_empty() {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::hover());
        let at = rect.left_center();
        text_cut(
            ui.painter(),
            at,
            Align2::LEFT_CENTER,
            empty::CHECKPOINTS,
            theme::small(),
            tokens.faint,
            rect.width(),
        );
        return;
    }
    // Newest first, named ones on top.
    let mut all: Vec<&Checkpoint> = run.checkpoints.iter().collect();
    all.sort_by_key(|checkpoint| (checkpoint.place.is_some(), std::cmp::Reverse(checkpoint.place)));
    let most = (ui.available_height() * 0.5).max(90.0);
    ScrollArea::vertical().id_salt("checkpoints").max_height(most).auto_shrink([false, true]).show(
        ui,
        |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            for checkpoint in all {
                checkpoint_ui(desk, ui, run, checkpoint);
            }
        },
    );
}

fn checkpoint_ui(desk: &mut Desk<'_>, ui: &mut Ui, run: &Run, checkpoint: &Checkpoint) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::click());
    let value = value_of(run, checkpoint);
    let name = checkpoint.place.map_or_else(|| checkpoint.name.clone(), text::place);
    let said =
        value.as_ref().map_or_else(|| name.clone(), |(words, value)| format!("{name}, {words} {value:.3}"));
    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, format!("Checkpoint {said}")));
    if response.contains_pointer() {
        ui.painter().rect_filled(rect, 5.0, tokens.hover);
    }
    widgets::focus_ring(ui, tokens, &response, rect);
    let mut right = rect.right() - 2.0;
    let mut act = |icon: Icon, what: Do, on: bool, ui: &mut Ui| {
        let place = Rect::from_min_size(pos2(right - 20.0, rect.center().y - 10.0), vec2(20.0, 20.0));
        right -= 21.0;
        let words = format!("{} ({name})", what.text());
        let button = ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
            icon_button(ui, tokens, icon, &words, 20.0, false)
        });
        if on {
            ui.painter().rect_stroke(
                place.shrink(1.0),
                5.0,
                Stroke::new(1.0, tokens.accent),
                StrokeKind::Inside,
            );
        }
        if button.inner.on_hover_text(words).clicked() {
            desk.commands.push(Command::Train(what));
        }
    };
    act(Icon::Pin, Do::Pin(checkpoint.path.clone()), checkpoint.pinned, ui);
    if checkpoint.card {
        act(Icon::Card, Do::Card(checkpoint.path.clone()), false, ui);
    }
    act(Icon::Expand, Do::OpenCheckpoint(checkpoint.path.clone()), false, ui);
    let painter = ui.painter();
    let mut room = right - rect.left() - 8.0;
    if let Some((words, value)) = value {
        let shown = painter.text(
            pos2(right - 4.0, rect.center().y),
            Align2::RIGHT_CENTER,
            figures::number::fixed(value, 3),
            theme::mono(),
            tokens.text,
        );
        let words = painter.text(
            pos2(shown.left() - 5.0, rect.center().y),
            Align2::RIGHT_CENTER,
            words,
            theme::small(),
            tokens.faint,
        );
        room = words.left() - rect.left() - 8.0;
    }
    let best = checkpoint.name == "best";
    let ink = if best { tokens.good } else { tokens.text };
    text_cut(
        painter,
        rect.left_center() + vec2(4.0, 0.0),
        Align2::LEFT_CENTER,
        &name,
        theme::body(),
        ink,
        room,
    );
    let path = checkpoint.path.clone();
    let hint = format!("{}\n{}", path.display(), Do::OpenCheckpoint(path.clone()).text());
    if response.on_hover_text(hint).double_clicked() {
        desk.send(Command::Train(Do::OpenCheckpoint(path)));
    }
}

fn log_ui(desk: &Desk<'_>, ui: &mut Ui, run: &Run) {
    let tokens = desk.tokens;
    widgets::heading(ui, tokens, heading::LOG, None);
    if run.log.is_empty() {
        ui.label(egui::RichText::new(empty::LOG).font(theme::small()).color(tokens.faint));
        return;
    }
    ScrollArea::vertical().id_salt("log").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for line in run.log.iter().rev() {
            // The day is that of the run; the time of day tells lines apart.
            let dated = line.as_bytes().get(4) == Some(&b'-') && line.as_bytes().get(10) == Some(&b' ');
            let shown = if dated { line.get(11..).unwrap_or(line) } else { line };
            let lower = shown.to_lowercase();
            let worry = ["warning", "dying out", "skipped"].iter().any(|word| lower.contains(word));
            let ink = if worry { tokens.warn } else { tokens.dim };
            ui.add(egui::Label::new(egui::RichText::new(shown).font(theme::mono_small()).color(ink)).wrap());
        }
    });
}

/// The card of a checkpoint in the place of the panel.
fn card_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let Some((name, words)) = desk.state.train.card.clone() else { return };
    ui.horizontal(|ui| {
        let width = ui.available_width() - 30.0;
        ui.allocate_ui(vec2(width, 24.0), |ui| widgets::heading(ui, tokens, &text::card_of(&name), None));
        if icon_button(ui, tokens, Icon::Close, Do::CloseCard.text(), 24.0, false).clicked() {
            desk.send(Command::Train(Do::CloseCard));
        }
    });
    ScrollArea::both().id_salt("card").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for line in words.lines() {
            let (font, ink) = match line {
                _ if line.starts_with('#') => (theme::strong(13.0), tokens.text),
                _ if line.starts_with('|') || line.starts_with("    ") => (theme::mono_small(), tokens.dim),
                _ => (theme::small(), tokens.dim),
            };
            let shown = line.trim_start_matches('#').trim_end();
            let label = egui::Label::new(egui::RichText::new(shown).font(font).color(ink));
            ui.add(if line.starts_with('|') { label.extend() } else { label.wrap() });
        }
    });
}
