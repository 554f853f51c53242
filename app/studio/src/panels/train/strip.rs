//! Above the curves: where the run stands and what can be done with it, and how the curves are drawn.

use egui::{Align, Align2, DragValue, Layout, Rect, Role, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};
use runs::{Order, Run, State};

use super::list::ink;
use crate::commands::Command;
use crate::desk::Desk;
use crate::text::{self, label};
use crate::theme;
use crate::train::{Along, Chart, Do};
use crate::widgets::{self, chip, icon_button, icons::Icon, segments, text_cut};

/// Draws the strip at the top of `area`; returns what it took.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) -> Rect {
    let Some(run) = desk.state.train.run().cloned() else { return area.with_max_y(area.top()) };
    let mut bottom = area.top() + 34.0;
    progress_ui(desk, ui, area.with_max_y(bottom), &run);
    if let Some((words, color)) = trouble(desk, &run) {
        bottom += 6.0;
        let place = Rect::from_min_max(pos2(area.left(), bottom), pos2(area.right(), bottom + 26.0));
        let painter = ui.painter();
        painter.rect_filled(place, 6.0, color.gamma_multiply(0.14));
        painter.circle_filled(place.left_center() + vec2(12.0, 0.0), 3.5, color);
        let at = place.left_center() + vec2(24.0, 0.0);
        text_cut(
            painter,
            at,
            Align2::LEFT_CENTER,
            &words,
            theme::small(),
            desk.tokens.text,
            place.width() - 32.0,
        );
        let response = ui.interact(place, ui.scope_id().with("trouble"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, &words));
        response.on_hover_text(words);
        bottom = place.bottom();
    }
    bottom += 6.0;
    let chips = Rect::from_min_max(pos2(area.left(), bottom), pos2(area.right(), bottom + 26.0));
    ui.scope_builder(UiBuilder::new().max_rect(chips).layout(Layout::left_to_right(Align::Center)), |ui| {
        how_ui(desk, ui);
    });
    area.with_max_y(chips.bottom())
}

/// What is wrong with a run, worst first.
fn trouble(desk: &Desk<'_>, run: &Run) -> Option<(String, egui::Color32)> {
    let tokens = desk.tokens;
    if let Some(fault) = run.faults.first() {
        return Some((fault.to_string(), tokens.bad));
    }
    match run.state {
        State::Failed => {
            let why = if run.status.message.is_empty() { text::FAILED_SILENTLY } else { &run.status.message };
            return Some((text::failed(why), tokens.bad));
        }
        State::Interrupted => return Some((text::INTERRUPTED.to_owned(), tokens.bad)),
        _ => {}
    }
    let warning = run.warning()?;
    let runs::What::Warning(words) = &warning.what else { return None };
    // A warning long past is in the log; one near the end is news.
    let end = run.end?.step;
    let near = end - warning.at.step <= (end * 0.15).max(200.0);
    near.then(|| (text::warned(warning.at.step, words), tokens.warn))
}

fn progress_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect, run: &Run) {
    let tokens = desk.tokens;
    let mut left = area.left();
    ui.scope_builder(UiBuilder::new().max_rect(area).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let mut buttons: Vec<(Icon, Do)> = Vec::new();
        match run.state {
            State::Running => buttons.push((Icon::Pause, Do::PauseOrGoOn)),
            State::Paused => buttons.push((Icon::Play, Do::PauseOrGoOn)),
            State::Queued => buttons.push((Icon::Close, Do::Dequeue)),
            state if state.resumable() => buttons.push((Icon::Play, Do::TakeUp)),
            _ => {}
        }
        if run.state.alive() {
            buttons.push((Icon::Stop, Do::Order(Order::Stop)));
            buttons.push((Icon::StopAtEnd, Do::Order(Order::StopAtEpoch)));
        }
        for (icon, what) in buttons {
            let command = Command::Train(what);
            let button = icon_button(ui, tokens, icon, &command.text(), 30.0, false);
            ui.painter().rect_stroke(
                button.rect,
                7.0,
                egui::Stroke::new(1.0, tokens.line),
                egui::StrokeKind::Inside,
            );
            if button.on_hover_text(command.hint()).clicked() {
                desk.send(command);
            }
        }
        left = ui.min_rect().right().max(area.left());
    });
    let place =
        Rect::from_min_max(pos2(left + if left > area.left() { 8.0 } else { 0.0 }, area.top()), area.max);
    let painter = ui.painter();
    let words = text::where_run_stands(run, desk.state.train.before(run));
    let right = text::time_of_run(run);
    let shown = painter.text(
        pos2(place.right(), place.top() + 9.0),
        Align2::RIGHT_CENTER,
        &right,
        theme::mono(),
        tokens.dim,
    );
    let dot = pos2(place.left() + 4.0, place.top() + 9.0);
    painter.circle_filled(dot, 4.0, ink(tokens, run.state));
    let room = shown.left() - place.left() - 26.0;
    let at = pos2(place.left() + 14.0, place.top() + 9.0);
    text_cut(painter, at, Align2::LEFT_CENTER, &words, theme::body(), tokens.text, room);
    let share = share_of(run);
    let bar =
        Rect::from_min_max(pos2(place.left(), place.top() + 23.0), pos2(place.right(), place.top() + 28.0));
    let fill = if run.state.alive() { tokens.accent } else { ink(tokens, run.state) };
    widgets::bar(painter, bar, share.unwrap_or(0.0), fill, tokens.hover);
    // Where the second stage begins on the way.
    let response = ui.interact(place, ui.scope_id().with("progress"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, format!("{words}, {right}")));
    response.on_hover_text(text::run_hint(run));
}

/// How much of all stages is done, where the settings say how long they are; else how much of this stage.
pub fn share_of(run: &Run) -> Option<f32> {
    if run.state == State::Done {
        return Some(1.0);
    }
    let whole = |key: &str| run.config.get(key).and_then(toml::Value::as_integer).filter(|steps| *steps > 0);
    let plain = run.config.get("system").and_then(toml::Value::as_str) == Some("latent-intent-plain");
    let Some(first) = whole("stage1_steps") else {
        let (step, steps) = (run.status.step?, run.status.steps.filter(|steps| *steps > 0)?);
        return Some(step as f32 / steps as f32);
    };
    let all = first as f64 + if plain { 0.0 } else { whole("stage2_steps").unwrap_or(0) as f64 };
    Some((run.end.map_or(0.0, |at| at.step) / all) as f32)
}

fn how_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    ui.spacing_mut().item_spacing.x = 6.0;
    let train = &desk.state.train;
    let mut weight = train.smoothing;
    let name = ui.label(egui::RichText::new(label::SMOOTHING).color(tokens.dim).font(theme::small()));
    let drag = DragValue::new(&mut weight).range(0.0..=0.99).speed(0.005).fixed_decimals(2);
    let response = ui.add(drag).labelled_by(name.id);
    response.on_hover_text(text::SMOOTHING_HINT);
    let along = Along::ALL.iter().position(|along| *along == train.along).unwrap_or(0);
    let (log_y, more, zoomed, settings) = (train.log_y, train.more, train.zoom.is_some(), train.settings);
    let compared = train.compared.len();
    if weight != train.smoothing {
        desk.send(Command::Train(Do::Smoothing(weight)));
    }
    let mut commands: Vec<Do> = Vec::new();
    if chip(ui, tokens, label::LOG_Y, log_y).on_hover_text(Command::Train(Do::LogY).hint()).clicked() {
        commands.push(Do::LogY);
    }
    let names = Along::ALL.map(Along::name);
    if let Some(index) = segments(ui, tokens, &names, along, 26.0) {
        commands.push(Do::Along(Along::ALL[index]));
    }
    if chip(ui, tokens, label::MORE_CHARTS, more).on_hover_text(Command::Train(Do::More).hint()).clicked() {
        commands.push(Do::More);
    }
    if zoomed
        && chip(ui, tokens, label::WHOLE_RUN, true)
            .on_hover_text(Command::Train(Do::Zoom(None)).hint())
            .clicked()
    {
        commands.push(Do::Zoom(None));
    }
    if compared > 0 {
        if chip(ui, tokens, label::DIFFERING, settings).on_hover_text(Do::Settings.text()).clicked() {
            commands.push(Do::Settings);
        }
        if chip(ui, tokens, &text::compared_runs(compared), true).on_hover_text(Do::Alone.text()).clicked() {
            commands.push(Do::Alone);
        }
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if ui.available_width() < 70.0 {
            return;
        }
        let export = chip(ui, tokens, label::EXPORT_RUN, false);
        egui::Popup::menu(&export).show(|ui| {
            for what in [Do::ExportCsv, Do::ExportEvents, Do::Picture(Chart::Loss)] {
                if ui.button(what.text()).clicked() {
                    commands.push(what);
                }
            }
        });
    });
    commands.into_iter().for_each(|what| desk.send(Command::Train(what)));
}
