//! The transport: step, play, where it is, the loop, the speed; and the tracks that can be added.

use clips::time::clock_text;
use egui::{Align, Align2, Layout, Rect, Role, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::text::{self, label};
use crate::theme;
use crate::tracks::Track;
use crate::widgets::{chip, chip_mono, icon_button, icons::Icon};

/// What a chip with the name of an action unit takes, the gap beside it included.
const CHIP_WIDTH: f32 = 62.0;

/// Draws the transport into `rect`.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect) {
    let tokens = desk.tokens;
    ui.painter().rect_filled(rect, 0.0, tokens.panel);
    let line = egui::Stroke::new(1.0, tokens.line);
    ui.painter().hline(rect.x_range(), rect.top(), line);
    ui.painter().hline(rect.x_range(), rect.bottom(), line);
    let inner = rect.shrink2(vec2(12.0, 0.0));
    ui.scope_builder(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let loaded = desk.state.clip.is_some();
        ui.add_enabled_ui(loaded, |ui| {
            buttons_ui(desk, ui);
            time_ui(desk, ui);
            ui.add_space(8.0);
            loop_ui(desk, ui);
        });
        let left = ui.min_rect().right();
        let area = inner.with_min_x(left + 12.0);
        ui.scope_builder(
            UiBuilder::new().max_rect(area).layout(Layout::right_to_left(Align::Center)),
            |ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                add_track_ui(desk, ui);
                pinned_ui(desk, ui, left + 12.0);
            },
        );
    });
}

fn buttons_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let playing = desk.playback.moving();
    let middle = if playing { Icon::Pause } else { Icon::Play };
    for (icon, command, side, on) in [
        (Icon::StepBack, Command::StepBack, 30.0, false),
        (middle, Command::PlayPause, 34.0, true),
        (Icon::StepForward, Command::StepForward, 30.0, false),
    ] {
        let name = match icon {
            Icon::Play => "Play".to_owned(),
            Icon::Pause => "Pause".to_owned(),
            _ => command.text(),
        };
        if icon_button(ui, tokens, icon, &name, side, on).on_hover_text(command.hint()).clicked() {
            desk.send(command);
        }
    }
}

fn time_ui(desk: &Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let (frame, frames) = (desk.playback.frame(), desk.state.frames());
    let now = clock_text(frame);
    let rest = format!(" / {}", clock_text(frames));
    let number = format!("f {frame}");
    let (rect, response) = ui.allocate_exact_size(vec2(214.0, 30.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, format!("{now}{rest} {number}")));
    let painter = ui.painter();
    let big = egui::FontId::monospace(14.5);
    let first =
        painter.text(pos2(rect.left() + 8.0, rect.center().y), Align2::LEFT_CENTER, now, big, tokens.text);
    let middle = painter.text(
        pos2(first.right(), rect.center().y),
        Align2::LEFT_CENTER,
        rest,
        theme::mono(),
        tokens.faint,
    );
    painter.text(
        pos2(middle.right() + 10.0, rect.center().y),
        Align2::LEFT_CENTER,
        number,
        theme::mono(),
        tokens.dim,
    );
}

fn loop_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let transport = desk.playback.transport();
    let (words, on, command) = match (transport.looped(), desk.playback.marked()) {
        (Some((a, b)), _) => {
            (format!("A\u{2013}B {}\u{2013}{}", short(a), short(b)), true, Command::ClearLoop)
        }
        (None, Some(a)) => (format!("A {}\u{2026}", short(a)), true, Command::MarkOut),
        (None, None) => (label::LOOP_OFF.to_owned(), false, Command::MarkIn),
    };
    if chip_mono(ui, tokens, &words, on).on_hover_text(command.hint()).clicked() {
        desk.send(command);
    }
    let rate =
        format!("{:.2}\u{d7}", transport.rate()).replace("0\u{d7}", "\u{d7}").replace(".\u{d7}", ".0\u{d7}");
    if chip_mono(ui, tokens, &rate, false).on_hover_text(Command::NextRate.hint()).clicked() {
        desk.send(Command::NextRate);
    }
    if transport.has_sound() {
        let icon = if transport.muted() { Icon::Muted } else { Icon::Sound };
        if icon_button(ui, tokens, icon, &Command::Mute.text(), 26.0, false)
            .on_hover_text(Command::Mute.hint())
            .clicked()
        {
            desk.send(Command::Mute);
        }
    }
}

/// `12.40` or `1:02.40`.
fn short(frame: usize) -> String {
    let text = clock_text(frame);
    text.strip_prefix("00:").map_or(text.clone(), str::to_owned)
}

fn add_track_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let button = chip(ui, tokens, label::ADD_TRACK, false);
    let mut wanted = None;
    egui::Popup::menu(&button).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        ui.set_min_width(250.0);
        egui::ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
            for track in Track::all() {
                let shown = desk.state.tracks.contains(&track);
                let words = format!("{}   {}", track.name(), track.meaning());
                let mut on = shown;
                if ui.checkbox(&mut on, words).clicked() {
                    wanted = Some(if shown { Command::RemoveTrack(track) } else { Command::AddTrack(track) });
                }
            }
            ui.separator();
            if ui.button(Command::ResetTracks.text()).clicked() {
                wanted = Some(Command::ResetTracks);
            }
        });
    });
    if let Some(command) = wanted {
        desk.send(command);
    }
}

/// The pinned action units as chips; where there is no room for all of them one chip says how many there are, for some
/// alone would look like all.
fn pinned_ui(desk: &mut Desk<'_>, ui: &mut Ui, left: f32) {
    let pinned: Vec<Track> = desk
        .state
        .tracks
        .iter()
        .copied()
        .filter(|track| matches!(track, Track::Attribute(column) if clips::channels::AU.contains(column)))
        .collect();
    if pinned.is_empty() {
        return;
    }
    if ui.cursor().right() - left < CHIP_WIDTH * pinned.len() as f32 {
        let button = chip(ui, desk.tokens, &text::pinned_units(pinned.len()), false);
        let names: Vec<&str> = pinned.iter().map(|track| track.name()).collect();
        let button = button.on_hover_text(names.join(", "));
        let mut unwanted = None;
        egui::Popup::menu(&button).show(|ui| {
            for track in pinned {
                if ui.button(Command::RemoveTrack(track).text()).clicked() {
                    unwanted = Some(Command::RemoveTrack(track));
                }
            }
        });
        unwanted.into_iter().for_each(|command| desk.send(command));
        return;
    }
    for track in pinned.into_iter().rev() {
        let hint = Command::RemoveTrack(track).text();
        if chip(ui, desk.tokens, track.name(), false).on_hover_text(hint).clicked() {
            desk.send(Command::RemoveTrack(track));
        }
    }
}
