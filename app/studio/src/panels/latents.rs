//! The Latents workspace: every latent of a system with its name and use on the left, what sets it apart in the middle,
//! and on the right the one looked at, with the real listeners it is recognised in.

use clips::corpus::Split;
use egui::{
    Align, Align2, Frame, Layout, Margin, Panel, Rect, Role, ScrollArea, Sense, TextEdit, Ui, UiBuilder,
    WidgetInfo, pos2, vec2,
};
use figures::{Figure, Size, number};
use study::explore::{Explored, plots, trait_name};

use crate::commands::Command;
use crate::desk::Desk;
use crate::explore::{Do, Found};
use crate::figure;
use crate::jobs::Slot;
use crate::panels::pictures::{figure_ui, kept, key_of, size_of};
use crate::panels::{job_button, status, top_bar};
use crate::state::SystemRow;
use crate::text::{empty, label};
use crate::theme::{self, size};
use crate::widgets::{self, icons, segments, text_cut, value_row};

/// Height of a row of the list.
const ROW: f32 = 54.0;
/// Differences below this are no more than their two digits show.
const LEAST: f64 = 0.005;
/// Most clips a drag of the number reaches; the command line has no such end.
const MOST_CLIPS: usize = 6000;

/// Draws the workspace.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let bar = Frame::NONE.fill(tokens.panel);
    Panel::top("top bar").exact_size(size::BAR).frame(bar).show(ui, |ui| top_bar::ui(desk, ui));
    Panel::bottom("status").exact_size(size::STATUS).frame(bar).show(ui, |ui| status::ui(desk, ui));
    if desk.state.library.corpus.is_none() {
        let rect = ui.available_rect_before_wrap();
        nothing_ui(desk, ui, rect);
        return;
    }
    let system = desk.state.systems.get(desk.state.system).cloned();
    let found = system.as_ref().and_then(|row| desk.state.explore.of(&row.origin)).cloned();
    let side = bar.inner_margin(Margin { left: 10, right: 10, top: 10, bottom: 6 });
    let whole = ui.available_width();
    if let Some(found) = &found {
        if desk.state.list_open {
            let width = (whole * 0.2).clamp(size::LIST + 30.0, 380.0).round();
            Panel::left("latents").exact_size(width).frame(side).show(ui, |ui| list_ui(desk, ui, found));
        }
        if desk.state.inspector_open {
            let width = (whole * 0.2).clamp(size::INSPECTOR + 14.0, 440.0).round();
            Panel::right("latent").exact_size(width).frame(side).show(ui, |ui| one_ui(desk, ui, found));
        }
    }
    let middle = ui.available_rect_before_wrap().shrink2(vec2(12.0, 10.0));
    if middle.width() < 80.0 || middle.height() < 120.0 {
        return;
    }
    let strip = strip_ui(desk, ui, middle, system.as_ref());
    let rest = Rect::from_min_max(pos2(middle.left(), strip.bottom() + 10.0), middle.max);
    match &found {
        Some(found) => pictures_ui(desk, ui, rest, found),
        None if system.as_ref().is_some_and(latents_of) => {
            widgets::empty(ui, tokens, rest, empty::EXPLORED, empty::EXPLORED_REMEDY);
        }
        None => widgets::empty(ui, tokens, rest, empty::NO_LATENTS, empty::EXPLORED_SYSTEM),
    }
}

fn latents_of(row: &SystemRow) -> bool {
    matches!(&row.maker, crate::state::Maker::System(system) if system.latents() > 0)
}

/// No corpus: what to do.
fn nothing_ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect) {
    widgets::empty(ui, desk.tokens, rect, empty::CORPUS, empty::EXPLORED_CORPUS);
    let row = Rect::from_center_size(rect.center() + vec2(0.0, 56.0), vec2(rect.width(), 32.0));
    let (left, right) = row.split_left_right_at_x(row.center().x);
    let sides = [
        (left.with_max_x(left.right() - 4.0), Layout::right_to_left(Align::Center)),
        (right.with_min_x(right.left() + 4.0), Layout::left_to_right(Align::Center)),
    ];
    let write = Command::Do(crate::evaluate::Do::Synthetic);
    let ways = [(label::OPEN_FOLDER, Command::OpenFolder), (label::SYNTHETIC_CORPUS, write)];
    for ((area, layout), (words, command)) in sides.into_iter().zip(ways) {
        ui.scope_builder(UiBuilder::new().max_rect(area).layout(layout), |ui| {
            if ui.button(words).on_hover_text(command.hint()).clicked() {
                desk.send(command);
            }
        });
    }
}

/// Split, number of clips, and the button; returns what it took.
fn strip_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect, system: Option<&SystemRow>) -> Rect {
    let tokens = desk.tokens;
    let row = area.with_max_y(area.top() + 34.0);
    ui.scope_builder(UiBuilder::new().max_rect(row).layout(Layout::left_to_right(Align::Center)), |ui| {
        let names: Vec<&str> = Split::ALL.iter().map(|split| split.name()).collect();
        let chosen = Split::ALL.iter().position(|split| *split == desk.state.explore.split).unwrap_or(0);
        if let Some(index) = segments(ui, tokens, &names, chosen, 28.0) {
            desk.send(Command::Explore(Do::Split(Split::ALL[index])));
        }
        ui.add_space(8.0);
        let mut clips = desk.state.explore.clips;
        let words = ui.label(egui::RichText::new(label::CLIPS_AT_MOST).color(tokens.dim));
        ui.add(egui::DragValue::new(&mut clips).range(0..=MOST_CLIPS)).labelled_by(words.id);
        if clips != desk.state.explore.clips {
            desk.send(Command::Explore(Do::Clips(clips)));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let enabled = system.is_some_and(latents_of);
            let commands = (Command::Explore(Do::Run), Command::Explore(Do::Cancel));
            job_button::ui(desk, ui, Slot::Explore, label::EXPLORE, enabled, commands);
        });
    });
    row
}

/// What people call a latent, or what its signature proposes; and whether the name was given.
fn name_of<'a>(desk: &'a Desk<'_>, found: &'a Found, latent: &'a Explored) -> (&'a str, bool) {
    match desk.state.explore.name(&found.explorer.checkpoint, latent.latent) {
        Some(name) => (name, true),
        None => (&latent.proposed, false),
    }
}

fn list_ui(desk: &mut Desk<'_>, ui: &mut Ui, found: &Found) {
    let tokens = desk.tokens;
    let in_use = found.explorer.usage.map(|usage| format!("{usage:.1} IN USE"));
    let remark = in_use.as_deref().map(|words| (words, tokens.dim));
    widgets::heading(ui, tokens, &label::LATENTS.to_uppercase(), remark);
    ui.add_space(4.0);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for latent in &found.explorer.latents {
            row_ui(desk, ui, found, latent);
        }
    });
}

fn row_ui(desk: &mut Desk<'_>, ui: &mut Ui, found: &Found, latent: &Explored) {
    let tokens = desk.tokens;
    let look = theme::latent_look(desk.state.theme, latent.latent);
    let chosen = desk.state.explore.latent == latent.latent;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let (name, given) = name_of(desk, found, latent);
    let share = |value: f64| format!("{:>3.0} %", value * 100.0);
    response.widget_info(|| {
        WidgetInfo::selected(Role::Button, true, chosen, format!("z{} {name}", latent.latent + 1))
    });
    let painter = ui.painter();
    if chosen || response.hovered() {
        let fill = if chosen { tokens.chosen } else { tokens.hover };
        painter.rect_filled(rect, 7.0, fill);
    }
    let inner = rect.shrink2(vec2(8.0, 6.0));
    let line = inner.top() + 9.0;
    icons::glyph(painter, pos2(inner.left() + 6.0, line), 5.5, look.glyph, look.color);
    let z = painter.text(
        pos2(inner.left() + 18.0, line),
        Align2::LEFT_CENTER,
        format!("z{}", latent.latent + 1),
        theme::strong(12.5),
        tokens.text,
    );
    let left = z.right() + 8.0;
    let ink = if given { tokens.text } else { tokens.dim };
    let room = inner.right() - left - 4.0;
    text_cut(painter, pos2(left, line), Align2::LEFT_CENTER, name, theme::body(), ink, room);
    let below = inner.top() + 28.0;
    let words = format!("{} seen {} best", share(latent.recognised.value), share(latent.ranked.value));
    let at = pos2(inner.right(), below);
    let words = painter.text(at, Align2::RIGHT_CENTER, words, theme::mono_small(), tokens.faint);
    let rail = Rect::from_min_max(
        pos2(inner.left() + 18.0, below - 2.5),
        pos2((words.left() - 8.0).max(inner.left() + 30.0), below + 2.5),
    );
    // The longest bar is the largest share, so that small ones can be told apart.
    let most = found.explorer.latents.iter().map(|one| one.recognised.value).fold(1e-9, f64::max);
    widgets::bar(painter, rail, (latent.recognised.value / most) as f32, look.color, tokens.line);
    let hint = format!(
        "recognised in {} of the real listeners, ranked best for {} of the clips",
        share(latent.recognised.value),
        share(latent.ranked.value)
    );
    if response.on_hover_text(hint).clicked() {
        desk.send(Command::Explore(Do::Latent(latent.latent)));
    }
}

/// The signatures large, and below them known intents and neighbours.
fn pictures_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect, found: &Found) {
    const GAP: f32 = 10.0;
    let style = figure::style(desk.state.theme);
    let low = (area.height() * 0.36).clamp(150.0, 330.0);
    let (top, bottom) = area.split_top_bottom_at_y(area.bottom() - low);
    let top = top.with_max_y(top.bottom() - GAP);
    let middle = bottom.center().x;
    let (left, right) = (bottom.with_max_x(middle - GAP * 0.5), bottom.with_min_x(middle + GAP * 0.5));
    let state = (desk.state.explore.generation, &found.origin);
    let card = |ui: &Ui, area: Rect| {
        ui.painter().rect_filled(area, 8.0, desk.tokens.panel);
        area.shrink(8.0)
    };
    let (top, left, right) = (card(ui, top), card(ui, left), card(ui, right));
    let columns = found.explorer.latents.len().max(1);
    let draw = |figure: &dyn Figure, size: Size| figure.draw(&style, size);

    let key = key_of(desk, top, &("explored", state));
    let drawing = kept(desk, "explored", key, || draw(&plots::signatures(&found.explorer), size_of(top)));
    let clicked = figure_ui(ui, top, &drawing, "what each latent does more than the others");
    if let Some(mark) = clicked {
        let rows = plots::signatures(&found.explorer).rows.len().max(1);
        desk.send(Command::Explore(Do::Latent((mark as usize / rows).min(columns - 1))));
    }
    match plots::confusion(&found.explorer) {
        Some(figure) => {
            let key = key_of(desk, left, &("known intents", state));
            let drawing = kept(desk, "known intents", key, || draw(&figure, size_of(left)));
            figure_ui(ui, left, &drawing, "known intents against recognised latents");
        }
        None => widgets::empty(ui, desk.tokens, left, empty::NO_INTENTS, empty::NO_INTENTS_REMEDY),
    }
    let names = desk.state.explore.names.get(&found.explorer.checkpoint).cloned().unwrap_or_default();
    let key = key_of(desk, right, &("neighbours", state));
    let drawing =
        kept(desk, "neighbours", key, || draw(&plots::neighbours(&found.explorer, &names), size_of(right)));
    figure_ui(ui, right, &drawing, "how far the latents are apart");
}

/// The latent that is looked at.
fn one_ui(desk: &mut Desk<'_>, ui: &mut Ui, found: &Found) {
    let tokens = desk.tokens;
    let Some(latent) = found.explorer.latents.get(desk.state.explore.latent) else { return };
    let look = theme::latent_look(desk.state.theme, latent.latent);
    let remark = (latent.proposed.as_str(), tokens.dim);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        widgets::heading(ui, tokens, &format!("LATENT Z{}", latent.latent + 1), Some(remark));
        name_ui(desk, ui, found, latent);
        ui.add_space(6.0);
        let valued = |valued: study::explore::Valued| match valued.interval {
            Some(interval) => {
                let half = (interval.high - interval.low) * 50.0;
                format!("{:.1} \u{b1} {half:.1} %", valued.value * 100.0)
            }
            None => format!("{:.1} %", valued.value * 100.0),
        };
        value_row(ui, tokens, label::RECOGNISED, &valued(latent.recognised), true)
            .on_hover_text("share of the real listeners, with half of the 95 % interval over clips");
        value_row(ui, tokens, label::RANKED_BEST, &valued(latent.ranked), true)
            .on_hover_text("share of the clips, with half of the 95 % interval over clips");
        if let Some((other, apart)) = latent.nearest {
            let name = name_of(desk, found, &found.explorer.latents[other]).0;
            let words = format!("z{} {name}, {apart:.2}", other + 1);
            value_row(ui, tokens, label::MOST_ALIKE, &words, false)
                .on_hover_text("standard deviations a trait between the mean behaviours");
        }
        widgets::divider(ui, tokens);
        widgets::heading(ui, tokens, "MORE THAN THE OTHERS", Some(("made / seen", tokens.faint)));
        traits_ui(desk, ui, latent, look.color);
        widgets::divider(ui, tokens);
        widgets::heading(ui, tokens, "CLIPS WHOSE LISTENER SHOWS IT", Some(("posterior", tokens.faint)));
        if latent.exemplars.is_empty() {
            ui.label(egui::RichText::new(empty::NO_EXEMPLARS).font(theme::small()).color(tokens.faint));
        }
        for exemplar in &latent.exemplars {
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::click());
            let words = format!("{} {:.2}", exemplar.clip, exemplar.posterior);
            response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &words));
            let painter = ui.painter();
            if response.hovered() {
                painter.rect_filled(rect, 5.0, tokens.hover);
            }
            let value = format!("{:.2}", exemplar.posterior);
            let at = pos2(rect.right() - 4.0, rect.center().y);
            let value = painter.text(at, Align2::RIGHT_CENTER, value, theme::mono_small(), tokens.text);
            let room = value.left() - rect.left() - 12.0;
            let at = pos2(rect.left() + 4.0, rect.center().y);
            // the session and what follows tell clips apart; the split is the same for all
            let parts: Vec<&str> = exemplar.clip.rsplit('/').take(3).collect();
            let name = parts.into_iter().rev().collect::<Vec<_>>().join(" / ");
            text_cut(painter, at, Align2::LEFT_CENTER, &name, theme::small(), tokens.dim, room);
            if response.on_hover_text(Do::Clip(0).text()).clicked() {
                desk.send(Command::Explore(Do::Clip(exemplar.row)));
            }
        }
        ui.add_space(8.0);
    });
}

/// A field for the name; what is typed counts once the field is left.
fn name_ui(desk: &mut Desk<'_>, ui: &mut Ui, found: &Found, latent: &Explored) {
    let given = desk.state.explore.name(&found.explorer.checkpoint, latent.latent).unwrap_or_default();
    let typed = desk.memory.latent_name.take().filter(|(which, _)| *which == latent.latent);
    let mut words = typed.map_or_else(|| given.to_owned(), |(_, words)| words);
    let hint = format!("{}: {}", label::NAME, latent.proposed);
    let field = TextEdit::singleline(&mut words)
        .hint_text(hint)
        .char_limit(study::names::LONGEST)
        .desired_width(f32::INFINITY);
    let response = ui.add(field);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, label::NAME));
    if response.lost_focus() && words.trim() != given {
        desk.send(Command::Explore(Do::Name(latent.latent, words)));
    } else if response.has_focus() {
        desk.memory.latent_name = Some((latent.latent, words));
    }
}

/// What it does more than the others beyond doubt, strongest first; beside it how the listeners that it is recognised in
/// differ from all.
fn traits_ui(desk: &Desk<'_>, ui: &mut Ui, latent: &Explored, color: egui::Color32) {
    let tokens = desk.tokens;
    let mut raised: Vec<usize> = (0..latent.made.len())
        .filter(|at| latent.made[*at].raised() && latent.made[*at].value >= LEAST)
        .collect();
    raised.sort_by(|a, b| latent.made[*b].value.total_cmp(&latent.made[*a].value));
    let of_head = |index: usize| index >= clips::channels::ATTRIBUTE_COUNT;
    raised.sort_by_key(|index| of_head(*index));
    let most = raised
        .iter()
        .filter(|index| !of_head(**index))
        .map(|index| latent.made[*index].value)
        .fold(0.05, f64::max);
    if raised.is_empty() {
        let words = "Nothing beyond doubt";
        ui.label(egui::RichText::new(words).font(theme::small()).color(tokens.faint));
    }
    for index in raised.into_iter().take(8) {
        let made = latent.made[index];
        let unit = if of_head(index) { "\u{b0}" } else { "" };
        let seen = latent.seen.get(index).map_or_else(String::new, |seen| format!(" / {seen:+.2}{unit}"));
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
        let painter = ui.painter();
        let words = format!("{:+.2}{unit}{seen}", made.value);
        response
            .widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{} {words}", trait_name(index))));
        let name = painter.text(
            rect.left_center(),
            Align2::LEFT_CENTER,
            trait_name(index),
            theme::body(),
            tokens.dim,
        );
        let value =
            painter.text(rect.right_center(), Align2::RIGHT_CENTER, words, theme::mono_small(), tokens.text);
        let rail = Rect::from_min_max(
            pos2((rect.left() + 70.0).max(name.right() + 8.0), rect.center().y - 2.5),
            pos2(value.left() - 8.0, rect.center().y + 2.5),
        );
        if rail.width() > 8.0 && !of_head(index) {
            widgets::bar(painter, rail, (made.value / most) as f32, color, tokens.line);
        }
        if let Some(interval) = made.interval {
            let words = number::interval((interval.low, interval.high), 3);
            response.on_hover_text(format!("95 % interval over clips {words}"));
        }
    }
}
