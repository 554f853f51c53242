//! What is wrong with the opened corpus: every fault with its file, place and remedy; a click goes to its clip. Before
//! the check has read the files, what opening found is shown.

use clips::Fault;
use clips::corpus::check::Severity;
use egui::{Align, Align2, Layout, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::jobs::Slot;
use crate::panels::help::title_ui;
use crate::text::{self, empty, heading, label};
use crate::theme::{self, Tokens};
use crate::widgets::icons::{self, Icon};
use crate::widgets::{self, chip, text_cut};

/// Height of a finding: the file, what is wrong, what to do.
const ROW: f32 = 58.0;

/// Draws the check over the window.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    title_ui(desk, ui, heading::CHECK);
    let height = ui.ctx().content_rect().height() * 0.72 - 52.0;
    let frame = egui::Frame::NONE.inner_margin(egui::Margin { left: 20, right: 20, top: 0, bottom: 16 });
    frame.show(ui, |ui| {
        ui.set_height(height);
        let Some(corpus) = desk.state.library.corpus.clone() else {
            let rect = ui.available_rect_before_wrap();
            widgets::empty(ui, desk.tokens, rect, empty::CORPUS, empty::CORPUS_REMEDY);
            return;
        };
        head_ui(desk, ui);
        ui.add_space(8.0);
        let report = desk.state.check.clone();
        let found: Vec<(Severity, &Fault)> = match &report {
            Some(report) => report.faults.iter().map(|finding| (finding.severity, &finding.fault)).collect(),
            None => corpus.faults().iter().map(|fault| (Severity::Warning, fault)).collect(),
        };
        severities_ui(desk, ui, &found);
        ui.add_space(6.0);
        let wanted = desk.memory.check_severity;
        let found: Vec<_> = found
            .into_iter()
            .filter(|(severity, _)| wanted.is_none_or(|wanted| wanted == *severity))
            .collect();
        if found.is_empty() {
            let rect = ui.available_rect_before_wrap();
            let (what, more) = if report.is_some() {
                (empty::FAULTS, empty::FAULTS_REMEDY)
            } else {
                (empty::OPENING_FAULTS, empty::OPENING_FAULTS_REMEDY)
            };
            widgets::empty(ui, desk.tokens, rect, what, more);
            return;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().auto_shrink(false).show_rows(ui, ROW, found.len(), |ui, range| {
            for (severity, fault) in &found[range] {
                finding_ui(desk, ui, corpus.root(), *severity, fault);
            }
        });
    });
}

/// What was checked, and the button that checks.
fn head_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let job = desk.jobs.in_slot(Slot::Check);
    let (words, share) = match (job, &desk.state.check) {
        (Some(job), _) => {
            let progress = job.progress();
            let share = progress.as_ref().map_or(0.0, clips::Progress::fraction);
            (progress.map_or_else(|| job.title.clone(), |it| text::progress(&it)), Some(share))
        }
        (None, Some(report)) => (text::checked(report), None),
        (None, None) => (text::NOT_CHECKED.to_owned(), None),
    };
    ui.horizontal(|ui| {
        ui.set_height(32.0);
        let width = ui.available_width() - 150.0;
        let (rect, response) = ui.allocate_exact_size(vec2(width, 32.0), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &words));
        let line = if share.is_some() { rect.top() + 8.0 } else { rect.center().y };
        let at = pos2(rect.left(), line);
        text_cut(ui.painter(), at, Align2::LEFT_CENTER, &words, theme::body(), tokens.dim, width);
        if let Some(share) = share {
            let bar = Rect::from_min_size(pos2(rect.left(), rect.top() + 21.0), vec2(width - 12.0, 5.0));
            widgets::bar(ui.painter(), bar, share.max(0.02), tokens.accent, tokens.hover);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if job.is_some() {
                if ui.button(label::CANCEL).clicked() {
                    desk.commands.push(Command::CancelCheck);
                }
            } else if ui.button(label::CHECK).on_hover_text(Command::CheckCorpus.hint()).clicked() {
                desk.commands.push(Command::CheckCorpus);
            }
        });
    });
}

fn severities_ui(desk: &mut Desk<'_>, ui: &mut Ui, found: &[(Severity, &Fault)]) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            let count = found.iter().filter(|(its, _)| *its == severity).count();
            if count == 0 {
                continue;
            }
            let on = desk.memory.check_severity == Some(severity);
            if chip(ui, desk.tokens, &text::counted(count, severity.name()), on).clicked() {
                desk.memory.check_severity = if on { None } else { Some(severity) };
            }
        }
    });
}

fn ink(tokens: &Tokens, severity: Severity) -> egui::Color32 {
    match severity {
        Severity::Error => tokens.bad,
        Severity::Warning => tokens.warn,
        Severity::Note => tokens.dim,
    }
}

fn finding_ui(desk: &mut Desk<'_>, ui: &mut Ui, root: &std::path::Path, severity: Severity, fault: &Fault) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let path = fault.path.strip_prefix(root).unwrap_or(&fault.path).display().to_string();
    response
        .widget_info(|| WidgetInfo::labeled(Role::ListBoxOption, true, format!("{path}: {}", fault.detail)));
    let card = rect.shrink2(vec2(0.0, 2.0));
    if response.hovered() {
        ui.painter().rect_filled(card, 7.0, tokens.hover);
    }
    widgets::focus_ring(ui, tokens, &response, card);
    let painter = ui.painter();
    let ink = ink(tokens, severity);
    let mark = Rect::from_center_size(pos2(rect.left() + 14.0, rect.top() + 14.0), vec2(13.0, 13.0));
    let icon = if severity == Severity::Note { Icon::Tick } else { Icon::Warning };
    icons::paint(painter, mark, icon, ink);
    let (left, room) = (rect.left() + 30.0, rect.width() - 40.0);
    let line = |y: f32, words: &str, ink| {
        let at = pos2(left, rect.top() + y);
        text_cut(painter, at, Align2::LEFT_CENTER, words, theme::body(), ink, room);
    };
    line(13.0, if path.is_empty() { label::WHOLE_CORPUS } else { &path }, tokens.text);
    let detail = if fault.place.is_empty() {
        fault.detail.clone()
    } else {
        format!("{}: {}", fault.place, fault.detail)
    };
    line(29.0, &detail, tokens.dim);
    line(45.0, &fault.remedy, ink);
    let response = response.on_hover_text(format!("{}\n{detail}\n{}", fault.path.display(), fault.remedy));
    if response.clicked() {
        match desk.state.library.clips_of(&fault.path).first() {
            Some(key) => {
                desk.send(Command::ShowClip(*key));
                desk.send(Command::Close);
            }
            None => ui.ctx().copy_text(fault.path.display().to_string()),
        }
    }
}
