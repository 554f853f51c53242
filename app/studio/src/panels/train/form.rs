//! The next run: system, preset, corpus, name, and every setting by group with the preset's value, what differs marked.

use egui::{
    Align2, CollapsingHeader, ComboBox, Rect, RichText, Role, ScrollArea, Sense, TextEdit, Ui, WidgetInfo,
    pos2, vec2,
};
use training::fields::{self, GROUPS, OTHER};
use training::systems::systems;

use crate::commands::Command;
use crate::desk::Desk;
use crate::text::{self, heading, label};
use crate::theme;
use crate::train::{Do, Form, shown};
use crate::widgets::{self, divider, icons};

/// Draws the form.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    ui.spacing_mut().item_spacing.y = 3.0;
    divider(ui, tokens);
    let changed = desk.state.train.form.changed.len();
    let remark = text::changed_settings(changed);
    widgets::heading(ui, tokens, heading::NEW_RUN, (changed > 0).then_some((remark.as_str(), tokens.accent)));
    let mut form = desk.state.train.form.clone();
    let problems = form.config().err().unwrap_or_default();
    let foot = 38.0 + if problems.is_empty() { 0.0 } else { 18.0 };
    let room = (ui.available_height() - foot).max(40.0);
    ScrollArea::vertical().id_salt("new run").max_height(room).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        head_ui(desk, ui, &mut form);
        ui.add_space(4.0);
        settings_ui(desk, ui, &mut form, &problems);
    });
    if let Some((key, what)) = problems.first() {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
        let words = format!("{key}: {what}");
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
        widgets::text_cut(
            ui.painter(),
            rect.left_center(),
            Align2::LEFT_CENTER,
            &words,
            theme::small(),
            tokens.bad,
            rect.width(),
        );
        response.on_hover_text(words);
    }
    ui.add_space(2.0);
    let waits =
        desk.state.train.seen.rows.iter().any(|row| row.state.alive() || row.state == runs::State::Queued);
    let words = if waits { label::QUEUE_RUN } else { label::START_RUN };
    let corpus = desk.state.library.corpus.is_some() || !form.corpus.trim().is_empty();
    let ready = problems.is_empty() && corpus && desk.state.train.root.is_some();
    let start = Command::Train(Do::Start);
    let hint = if corpus { start.hint() } else { text::NO_CORPUS_FOR_RUN.to_owned() };
    if widgets::primary_button(ui, tokens, words, "", ready).on_hover_text(hint).clicked() {
        desk.send(start);
    }
    if form != desk.state.train.form {
        desk.send(Command::Train(Do::Form(form)));
    }
}

/// A name on the left, and room for a field on the right.
fn row<R>(
    ui: &mut Ui,
    desk: &Desk<'_>,
    name: &str,
    help: &str,
    changed: bool,
    field: impl FnOnce(&mut Ui) -> R,
) -> R {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 23.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, name));
    let half = (rect.width() * 0.47).round();
    let ink = if changed { tokens.accent } else { tokens.dim };
    widgets::text_cut(
        ui.painter(),
        rect.left_center(),
        Align2::LEFT_CENTER,
        name,
        theme::body(),
        ink,
        half - 4.0,
    );
    if !help.is_empty() {
        response.on_hover_text(help);
    }
    let place = Rect::from_min_max(pos2(rect.left() + half, rect.top()), rect.max);
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    ui.scope_builder(egui::UiBuilder::new().max_rect(place).layout(layout), field).inner
}

/// Said to screen readers of a field beside its name.
fn named(response: &egui::Response, name: &str, value: &str) {
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, format!("{name}: {value}")));
}

fn choose(ui: &mut Ui, name: &str, value: &mut String, choices: &[&str]) {
    let list = ComboBox::from_id_salt(name).selected_text(value.clone()).width(ui.available_width() - 4.0);
    let before = format!("{name}: {value}");
    let shown = list.show_ui(ui, |ui| {
        for choice in choices {
            ui.selectable_value(value, (*choice).to_owned(), *choice);
        }
    });
    // the list itself says its value only
    shown.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, &before));
}

fn head_ui(desk: &mut Desk<'_>, ui: &mut Ui, form: &mut Form) {
    let all = systems();
    let about = all.iter().find(|listed| listed.name == form.system).map_or("", |listed| listed.about);
    let names: Vec<&str> = all.iter().map(|listed| listed.name).collect();
    let mut system = form.system.clone();
    row(ui, desk, label::SYSTEM, about, false, |ui| choose(ui, label::SYSTEM, &mut system, &names));
    if system != form.system {
        form.choose_system(&system);
    }
    let presets = form.presets();
    let help = fields::field_of("preset").map_or("", |field| field.help);
    row(ui, desk, label::PRESET, help, false, |ui| choose(ui, label::PRESET, &mut form.preset, &presets));
    let open = desk.state.library.corpus.as_ref().map(|corpus| crate::state::file_name(corpus.root()));
    let hint = open.unwrap_or_else(|| label::NO_CORPUS.to_owned());
    let mut ask = false;
    row(ui, desk, label::CORPUS, text::CORPUS_HELP, false, |ui| {
        let button =
            widgets::icon_button(ui, desk.tokens, icons::Icon::Folder, Do::AskCorpus.text(), 22.0, false);
        ask = button.on_hover_text(Do::AskCorpus.text()).clicked();
        let edit = TextEdit::singleline(&mut form.corpus).hint_text(&hint).desired_width(f32::INFINITY);
        let response = ui.add(edit);
        named(&response, label::CORPUS, &form.corpus);
        response.on_hover_text(if form.corpus.is_empty() { &hint } else { &form.corpus });
    });
    if ask {
        desk.send(Command::Train(Do::AskCorpus));
    }
    let free = desk.state.train.free_name();
    row(ui, desk, label::RUN_NAME, text::RUN_NAME_HELP, false, |ui| {
        let response =
            ui.add(TextEdit::singleline(&mut form.name).hint_text(&free).desired_width(f32::INFINITY));
        named(&response, label::RUN_NAME, &form.name);
    });
}

fn settings_ui(desk: &mut Desk<'_>, ui: &mut Ui, form: &mut Form, problems: &[(String, String)]) {
    let tokens = desk.tokens;
    let all = fields::settings(&form.preset().table());
    for group in GROUPS.into_iter().chain([OTHER]) {
        let members: Vec<_> = all
            .iter()
            .filter(|(key, of, _)| *of == group && !["system", "preset"].contains(&key.as_str()))
            .collect();
        if members.is_empty() {
            continue;
        }
        let changed = members.iter().filter(|(key, _, _)| form.changed.contains_key(key)).count();
        let title = if changed > 0 {
            format!("{} \u{b7} {changed}", text::capital(group))
        } else {
            text::capital(group)
        };
        let ink = if changed > 0 { tokens.accent } else { tokens.dim };
        CollapsingHeader::new(RichText::new(title).color(ink).font(theme::body()))
            .id_salt(("settings", group))
            .show(ui, |ui| {
                for (key, _, preset) in members {
                    let problem =
                        problems.iter().find(|(known, _)| known == key).map(|(_, what)| what.as_str());
                    setting_ui(desk, ui, form, key, preset, problem);
                }
            });
    }
}

fn setting_ui(
    desk: &Desk<'_>,
    ui: &mut Ui,
    form: &mut Form,
    key: &str,
    preset: &toml::Value,
    problem: Option<&str>,
) {
    let tokens = desk.tokens;
    let field = fields::field_of(key);
    let before = shown(preset);
    let text = form.changed.get(key).cloned().unwrap_or_else(|| before.clone());
    let changed = form.changed.contains_key(key);
    let help = field.map_or("", |field| field.help);
    let help = match problem {
        Some(problem) => format!("{help}\n{problem}"),
        None => format!("{help}\n{}: {before}", form.preset),
    };
    let mut now = text.clone();
    let mut reset = false;
    // what is a system's own lies in tables: their names are the group's
    let name = key.rsplit_once('.').map_or(key, |(_, name)| name).replace('_', " ");
    row(ui, desk, &name, &help, changed, |ui| {
        if changed {
            let name = format!("Reset {key} to {before}");
            let button = widgets::icon_button(ui, tokens, icons::Icon::Close, &name, 18.0, false);
            reset = button.on_hover_text(name).clicked();
        }
        match (preset, field.map_or(&[][..], |field| field.choices)) {
            (toml::Value::Boolean(_), _) => {
                let mut on = now == "true";
                let response = ui.checkbox(&mut on, "");
                response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, key));
                now = on.to_string();
            }
            (_, []) => {
                let ink = if problem.is_some() { tokens.bad } else { tokens.text };
                // of its own: the first change brings a button into the row, and whoever types must not end up on it
                let edit = TextEdit::singleline(&mut now)
                    .id(egui::Id::unique(("setting", key)))
                    .font(theme::mono())
                    .text_color(ink)
                    .align(egui::Align2::RIGHT_CENTER)
                    .desired_width(f32::INFINITY);
                let response = ui.add(edit);
                named(&response, key, &now);
                response.on_hover_text(&help);
            }
            (_, choices) => choose(ui, key, &mut now, choices),
        }
    });
    if reset {
        form.changed.remove(key);
    } else if now != text {
        form.write(key, &now);
    }
}
