//! The list on the left: search, shelves, facets, clips with their small pictures; and the field to open a path. Only
//! the rows on screen are drawn, however long the list is.

use egui::{Align2, Rect, Role, ScrollArea, Sense, Shape, Stroke, TextEdit, Ui, WidgetInfo, pos2, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::jobs::Slot;
use crate::library::{ClipKey, ClipRow, Facet, SEPARATOR};
use crate::text::{self, empty, heading, label};
use crate::theme;
use crate::widgets::{self, chip, icons, text_cut};

const ROW: f32 = 42.0;

/// Draws the list.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    ui.spacing_mut().item_spacing.y = 8.0;
    widgets::heading(ui, tokens, heading::CLIPS, None);
    search_ui(desk, ui);
    shelves_ui(desk, ui);
    facets_ui(desk, ui);
    let foot = 66.0;
    let list = Rect::from_min_max(ui.cursor().min, ui.max_rect().max - vec2(0.0, foot));
    list_ui(desk, ui, list);
    let below = Rect::from_min_max(pos2(list.left(), list.bottom()), ui.max_rect().max);
    ui.scope_builder(egui::UiBuilder::new().max_rect(below), |ui| open_ui(desk, ui));
}

fn search_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let mut words = std::mem::take(&mut desk.memory.search);
    let edit = TextEdit::singleline(&mut words)
        .hint_text(label::SEARCH)
        .margin(egui::Margin { left: 28, right: 8, top: 6, bottom: 6 })
        .desired_width(f32::INFINITY);
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::SearchInput, true, label::SEARCH));
    let icon = Rect::from_center_size(response.rect.left_center() + vec2(15.0, 0.0), vec2(13.0, 13.0));
    icons::paint(ui.painter(), icon, icons::Icon::Search, tokens.faint);
    if response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Escape)) {
        words.clear();
        desk.send(Command::Search(String::new()));
    }
    if response.changed() {
        desk.send(Command::Search(words.clone()));
    }
    desk.memory.search = words;
}

fn shelves_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let shelves = desk.state.library.shelves();
    if shelves.is_empty() {
        return;
    }
    let chosen = desk.state.library.shelf;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
        if shelves.len() > 1 && chip(ui, desk.tokens, label::ALL, chosen.is_none()).clicked() {
            desk.send(Command::Shelf(None));
        }
        for (shelf, name, count) in shelves {
            let on = chosen == Some(shelf);
            if chip(ui, desk.tokens, &format!("{name} {count}"), on).clicked() {
                desk.send(Command::Shelf(if on { None } else { Some(shelf) }));
            }
        }
    });
}

/// Sites, and what is wrong; nothing where all clips are alike.
fn facets_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    if desk.state.library.facets.is_empty() {
        return;
    }
    let facets = desk.state.library.facets.clone();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
        for (facet, count) in facets {
            let name = match &facet {
                Facet::Site(site) => site.as_str(),
                Facet::Incomplete => label::INCOMPLETE,
                Facet::Faulty => label::FAULTY,
            };
            let on = desk.state.library.facet.as_ref() == Some(&facet);
            if chip(ui, desk.tokens, &format!("{name} {count}"), on).clicked() {
                desk.send(Command::Facet(if on { None } else { Some(facet) }));
            }
        }
    });
}

fn list_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) {
    let tokens = desk.tokens;
    let count = desk.state.library.rows.len();
    if count == 0 {
        if desk.jobs.in_slot(Slot::Start).is_some() {
            widgets::empty(ui, tokens, area, label::LOADING, "");
        } else if desk.state.library.search.is_empty() && desk.state.library.facet.is_none() {
            widgets::empty(ui, tokens, area, empty::CLIPS, empty::CLIPS_REMEDY);
        } else {
            widgets::empty(ui, tokens, area, empty::SEARCH, empty::SEARCH_REMEDY);
        }
        return;
    }
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(area));
    let mut scroll = ScrollArea::vertical().auto_shrink(false);
    if std::mem::take(&mut desk.memory.reveal_clip)
        && let Some(row) =
            desk.state.library.rows.iter().position(|row| Some(row.key) == desk.state.chosen_clip)
    {
        let middle = row as f32 * ROW - area.height() * 0.5 + ROW * 0.5;
        let most = (count as f32 * ROW - area.height()).max(0.0);
        scroll = scroll.vertical_scroll_offset(middle.clamp(0.0, most));
    }
    child.spacing_mut().item_spacing.y = 0.0;
    scroll.show_rows(&mut child, ROW, count, |ui, range| {
        for index in range {
            let row = desk.state.library.rows[index].clone();
            row_ui(desk, ui, &row);
        }
    });
}

fn row_ui(desk: &mut Desk<'_>, ui: &mut Ui, row: &ClipRow) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let chosen = desk.state.chosen_clip == Some(row.key);
    response.widget_info(|| {
        WidgetInfo::selected(Role::ListBoxOption, true, chosen, format!("Clip {}, {}", row.name, row.detail))
    });
    let card = rect.shrink2(vec2(0.0, 1.0));
    if chosen {
        ui.painter().rect_filled(card, 7.0, tokens.chosen);
    } else if response.hovered() {
        ui.painter().rect_filled(card, 7.0, tokens.hover);
    }
    widgets::focus_ring(ui, tokens, &response, card);
    let painter = ui.painter();
    let picture = Rect::from_min_max(
        pos2(rect.right() - 58.0, rect.top() + 10.0),
        pos2(rect.right() - 22.0, rect.bottom() - 10.0),
    );
    let room = picture.left() - rect.left() - 15.0;
    let name = pos2(rect.left() + 9.0, rect.top() + 13.5);
    // A long session name gives way to the number of the clip.
    let (session, number) = row.name.rsplit_once(SEPARATOR).unwrap_or((&row.name, ""));
    let number = if number.is_empty() { String::new() } else { format!("{SEPARATOR}{number}") };
    let number = painter.layout_no_wrap(number, theme::body(), tokens.text);
    let left = room - number.size().x;
    let shown = text_cut(painter, name, Align2::LEFT_CENTER, session, theme::body(), tokens.text, left);
    painter.galley(pos2(shown.right(), name.y - number.size().y * 0.5), number, tokens.text);
    let detail = pos2(rect.left() + 9.0, rect.top() + 29.5);
    let ink = if chosen { tokens.dim } else { tokens.faint };
    let small = egui::FontId::proportional(11.0);
    if row.missing.is_empty() {
        text_cut(painter, detail, Align2::LEFT_CENTER, &row.detail, small, ink, room);
    } else {
        // What is missing matters more than where the clip is from; the tooltip has both.
        text_cut(painter, detail, Align2::LEFT_CENTER, &row.missing, small, tokens.warn, room);
    }
    sparkline_ui(desk, ui, picture, row.key, chosen);
    let dot = pos2(rect.right() - 10.0, rect.center().y);
    let loading = chosen && desk.jobs.in_slot(Slot::Clip).is_some();
    if loading || (chosen && desk.jobs.in_slot(Slot::Takes).is_some()) {
        ui.painter().circle_stroke(dot, 3.5, Stroke::new(1.5, tokens.warn));
    } else if chosen && !desk.state.reactions.all.is_empty() {
        ui.painter().circle_filled(dot, 3.5, tokens.good);
    }
    if row.faults > 0 {
        let mark = Rect::from_center_size(pos2(rect.right() - 10.0, rect.top() + 11.0), vec2(9.0, 9.0));
        icons::paint(ui.painter(), mark, icons::Icon::Warning, tokens.bad);
    }
    let response = if row.missing.is_empty() && row.faults == 0 {
        response
    } else {
        response.on_hover_text(text::clip_remarks(row))
    };
    if response.clicked() {
        desk.send(Command::Clip(row.key));
    }
}

fn sparkline_ui(desk: &mut Desk<'_>, ui: &Ui, rect: Rect, key: ClipKey, chosen: bool) {
    let tokens = desk.tokens;
    match desk.memory.sparklines.get(&key) {
        Some(Some(values)) if values.len() > 1 => {
            let last = (values.len() - 1) as f32;
            let (low, high) = values
                .iter()
                .fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
            let span = (high - low).max(0.08);
            let points = values
                .iter()
                .enumerate()
                .map(|(index, value)| {
                    let share = (value - low) / span;
                    pos2(
                        rect.left() + rect.width() * index as f32 / last,
                        rect.bottom() - share * rect.height(),
                    )
                })
                .collect();
            let ink = if chosen { tokens.accent } else { tokens.faint };
            ui.painter().add(Shape::line(points, Stroke::new(1.2, ink)));
        }
        Some(_) => {}
        None => desk.memory.sparklines_wanted.push(key),
    }
}

fn open_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    ui.spacing_mut().item_spacing.y = 6.0;
    ui.add_space(4.0);
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), Sense::hover());
    ui.painter().hline(line.x_range(), line.top(), Stroke::new(1.0, tokens.line));
    ui.add_space(6.0);
    let mut path = std::mem::take(&mut desk.memory.path);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let width = ui.available_width() - 34.0;
        let edit =
            TextEdit::singleline(&mut path).hint_text(label::PATH).margin(egui::Margin::symmetric(8, 6));
        let response = ui.add_sized([width, 28.0], edit);
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, label::PATH));
        if std::mem::take(&mut desk.memory.path_focus) {
            response.request_focus();
        }
        if response.lost_focus()
            && ui.input(|input| input.key_pressed(egui::Key::Enter))
            && !path.trim().is_empty()
        {
            desk.send(Command::Open(path.trim().into()));
            path.clear();
        }
        let open =
            widgets::icon_button(ui, tokens, icons::Icon::Folder, &Command::OpenFiles.text(), 28.0, false);
        if open.on_hover_text(Command::OpenFiles.hint()).clicked() {
            desk.send(Command::OpenFiles);
        }
    });
    desk.memory.path = path;
}
