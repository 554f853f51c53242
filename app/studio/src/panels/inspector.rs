//! The panel on the right: the chosen reaction, how far the reactions are apart, and how the next ones are made.

use clips::Track;
use clips::channels::{ATTRIBUTES, VALENCE};
use egui::{Align, Layout, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};
use listener::latent_intent::style::FARTHEST;

use crate::commands::Command;
use crate::desk::Desk;
use crate::jobs::Slot;
use crate::state::{Maker, ScoredAs, Wishes};
use crate::text::{empty, heading, label};
use crate::theme::{self, Tokens};
use crate::widgets::{self, chip_mono, divider, heat, primary_button, segments, slider, value_row};

/// Draws the panel.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    // What makes new reactions stays in reach, however small the window is.
    let foot = 52.0;
    let area = Rect::from_min_max(ui.max_rect().min, ui.max_rect().max - vec2(0.0, foot));
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(area));
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        chosen_ui(desk, ui);
        divider(ui, desk.tokens);
        if desk.state.tiles().len() > 1 {
            distances_ui(desk, ui);
            divider(ui, desk.tokens);
        }
        sampling_ui(desk, ui);
        ui.add_space(8.0);
    });
    let below = Rect::from_min_max(area.left_bottom(), ui.max_rect().max);
    ui.scope_builder(egui::UiBuilder::new().max_rect(below), |ui| generate_ui(desk, ui));
}

fn chosen_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let Some(index) = desk.state.chosen() else {
        widgets::heading(ui, tokens, heading::REACTION, None);
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 84.0), Sense::hover());
        widgets::empty(ui, tokens, rect, empty::INSPECTOR, empty::INSPECTOR_REMEDY);
        return;
    };
    let reactions = &desk.state.reactions;
    if let Some(scored) = &reactions.scored {
        scored_ui(ui, tokens, scored, reactions.all.len(), index);
    }
    let reaction = &reactions.all[index];
    let header = &reaction.take.header;
    let look = theme::latent_look(desk.state.theme, reactions.look_index(index));
    let extra = reaction.is_extra();
    let title = match (reaction.is_lane(), reaction.is_average(), reactions.has_latents()) {
        (true, ..) => "PAINTED",
        (_, true, true) => "ALL ANSWERS:",
        _ if reaction.beside.is_some() => "SYSTEM",
        (_, _, true) => "LATENT",
        (_, _, false) => "SAMPLE",
    };
    let remark =
        header.rank.map(|rank| if rank == 1 { "RANK 1, CHOSEN".to_owned() } else { format!("RANK {rank}") });
    let heading = format!("{title} {}", reactions.name(index).to_uppercase());
    widgets::heading(ui, tokens, &heading, remark.as_deref().map(|text| (text, look.color)));
    let signature = &reaction.signature;
    if let Some(name) = desk.state.given_name(reaction) {
        value_row(ui, tokens, label::NAME, name, false);
    }
    value_row(ui, tokens, label::SIGNATURE, &signature.text(), false);
    let learned = desk
        .state
        .systems
        .iter()
        .find(|row| row.name == reactions.system)
        .zip(header.latent.filter(|_| !extra))
        .and_then(|(row, latent)| row.maker.signature(latent).map(str::to_owned));
    if let Some(learned) = learned {
        value_row(ui, tokens, label::LEARNED, &learned, false);
    }
    if let (Some(score), Some(logit)) = (reactions.score(index), header.rm_score) {
        value_row(ui, tokens, label::SCORE, &format!("{score:.3}"), true)
            .on_hover_text(format!("logit {logit:+.3}"));
    }
    let strongest: Vec<String> = signature
        .strongest
        .iter()
        .filter(|(_, level)| *level > 0.05)
        .take(2)
        .map(|(column, level)| format!("{} {level:.2}", ATTRIBUTES[*column]))
        .collect();
    // The row stays when there is nothing in it, so that nothing below it moves from latent to latent.
    let strongest = if strongest.is_empty() { "-".to_owned() } else { strongest.join("  ") };
    value_row(ui, tokens, label::STRONGEST, &strongest, true);
    let (name, share) = signature.expression;
    value_row(ui, tokens, label::EXPRESSION, &format!("{} {share:.2}", name.to_lowercase()), true);
    let [valence, arousal] = signature.affect;
    value_row(ui, tokens, label::AFFECT, &format!("{valence:+.2} / {arousal:+.2}"), true);
    if let Some([nod, turn, tilt]) = signature.head_degrees {
        value_row(ui, tokens, label::HEAD, &format!("{nod:.1} / {turn:.1} / {tilt:.1}\u{b0}"), true)
            .on_hover_text("nod / turn / tilt: standard deviation of pitch, yaw and roll");
    }
    if desk.state.clip.as_ref().is_some_and(|clip| clip.listener.is_some()) {
        let r = agreement(desk, index).map_or_else(|| "-".to_owned(), |r| format!("{r:+.2}"));
        value_row(ui, tokens, label::AGREEMENT, &r, true);
    }
    let samples = reactions.samples();
    if reactions.has_latents() && samples > 1 && reactions.scored.is_none() {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
            for sample in 0..samples.min(20) {
                let words = format!("{}", sample + 1);
                let hint = Command::Sample(sample).text();
                if chip_mono(ui, tokens, &words, desk.state.sample == sample).on_hover_text(hint).clicked() {
                    desk.send(Command::Sample(sample));
                }
            }
        });
    }
}

/// What the reactions on the wall were scored as, and what the chosen one adds to it.
fn scored_ui(ui: &mut Ui, tokens: &Tokens, scored: &ScoredAs, samples: usize, index: usize) {
    widgets::heading(ui, tokens, heading::AS_SCORED, Some((&scored.row, tokens.dim)));
    let decimals = scored.column.decimals() + 1;
    let words = |value: Option<f64>| {
        value.map_or_else(|| "\u{2014}".to_owned(), |value| figures::number::fixed(value, decimals))
    };
    value_row(ui, tokens, &label::of_clip(scored.column.name()), &words(scored.value), true);
    if let Some(part) = scored.parts.get(index) {
        value_row(ui, tokens, label::PART, &words(Some(*part)), true);
    }
    value_row(ui, tokens, label::SAMPLES_SCORED, &format!("{samples}, seed {}", scored.seed), true);
    divider(ui, tokens);
}

/// Correlation of the valence of a take with the real listener's; `None` where either is constant or unknown.
fn agreement(desk: &Desk<'_>, index: usize) -> Option<f32> {
    let listener = desk.state.clip.as_ref()?.listener.as_ref()?;
    let truth = listener.streams.attributes.as_ref()?;
    let made = &desk.state.reactions.all[index].take.attributes;
    let count = truth.len().min(made.len());
    if count < 2 {
        return None;
    }
    let pairs = || truth.iter().zip(made.iter()).map(|(a, b)| (f64::from(a[VALENCE]), f64::from(b[VALENCE])));
    let (sum_a, sum_b) = pairs().fold((0.0, 0.0), |(x, y), (a, b)| (x + a, y + b));
    let (mean_a, mean_b) = (sum_a / count as f64, sum_b / count as f64);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in pairs() {
        aa += (a - mean_a).powi(2);
        bb += (b - mean_b).powi(2);
        ab += (a - mean_a) * (b - mean_b);
    }
    (aa > 1e-9 && bb > 1e-9).then(|| (ab / (aa * bb).sqrt()) as f32)
}

/// The beginning of a name, as long as a row of the table has room for.
fn short(name: &str) -> String {
    name.chars().take(4).collect()
}

fn distances_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let reactions = &desk.state.reactions;
    let title = if reactions.has_latents() { heading::DISTANCE } else { heading::DISTANCE_SAMPLES };
    widgets::heading(ui, tokens, title, None);
    let tiles = desk.state.tiles();
    let names: Vec<_> = tiles
        .iter()
        .map(|index| {
            let look = theme::latent_look(desk.state.theme, reactions.look_index(*index));
            (short(&reactions.name(*index)), look.color)
        })
        .collect();
    let chosen = desk.state.chosen().and_then(|chosen| tiles.iter().position(|index| *index == chosen));
    let value = |row: usize, column: usize| {
        reactions.distances.get(tiles[row]).and_then(|row| row.get(tiles[column])).copied().unwrap_or(0.0)
    };
    if let Some((row, _, true)) = heat::matrix(ui, tokens, title, &names, value, chosen) {
        desk.send(Command::Latent(row));
    }
}

fn sampling_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    widgets::heading(ui, tokens, heading::SAMPLING, None);
    let before = desk.state.wishes.clone();
    let mut wishes = before.clone();
    slider(ui, tokens, label::TEMPERATURE, &mut wishes.sampling.temperature, 0.0..=2.0, 0.05, |v| {
        format!("{v:.2}")
    });
    let mut top_k = wishes.sampling.top_k as f32;
    slider(ui, tokens, label::TOP_K, &mut top_k, 0.0..=100.0, 1.0, |v| {
        if v < 0.5 { "all".to_owned() } else { format!("{v:.0}") }
    });
    wishes.sampling.top_k = top_k as usize;
    slider(ui, tokens, label::TOP_P, &mut wishes.sampling.top_p, 0.05..=1.0, 0.01, |v| format!("{v:.2}"));
    slider(ui, tokens, label::GUIDANCE, &mut wishes.sampling.guidance, 0.0..=1.5, 0.05, |v| {
        if v < 0.025 { "off".to_owned() } else { format!("{v:.2}") }
    });
    let system = desk.state.systems.get(desk.state.system);
    if system.is_some_and(|row| matches!(&row.maker, Maker::System(system) if system.knows_styles())) {
        for (name, number) in label::STYLES.into_iter().zip(&mut wishes.sampling.style) {
            slider(ui, tokens, name, number, -FARTHEST..=FARTHEST, 0.1, |v| {
                if v == 0.0 { label::AVERAGE_PERSON.to_owned() } else { format!("{v:+.1}") }
            });
        }
    }
    ui.add_space(4.0);
    number_row(ui, desk, label::SAMPLES, &mut wishes, |wishes| &mut wishes.samples, 1..=10);
    number_row(ui, desk, label::SEED, &mut wishes, |wishes| &mut wishes.seed, 0..=u64::MAX / 2);
    ui.horizontal(|ui| {
        ui.label(egui::RichText::new(label::TRACK).color(tokens.dim));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let chosen = usize::from(wishes.track == Track::Online);
            if let Some(index) = segments(ui, tokens, &[label::OFFLINE, label::ONLINE], chosen, 26.0) {
                wishes.track = if index == 0 { Track::Offline } else { Track::Online };
            }
        });
    });
    if wishes != before {
        desk.send(Command::Wish(wishes));
    }
}

fn number_row<N: egui::emath::Numeric>(
    ui: &mut Ui,
    desk: &Desk<'_>,
    name: &str,
    wishes: &mut Wishes,
    field: impl Fn(&mut Wishes) -> &mut N,
    range: std::ops::RangeInclusive<N>,
) {
    ui.horizontal(|ui| {
        let words = ui.label(egui::RichText::new(name).color(desk.tokens.dim));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let value = egui::DragValue::new(field(wishes)).range(range).speed(0.05);
            ui.add(value).labelled_by(words.id);
        });
    });
}

fn generate_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    ui.add_space(10.0);
    if let Some(job) = desk.jobs.in_slot(Slot::Takes) {
        let progress = job.progress();
        let share = progress.as_ref().map_or(0.0, clips::Progress::fraction);
        let words = progress.map_or_else(
            || job.title.clone(),
            |progress| format!("{} {:.0} %", progress.stage, progress.fraction() * 100.0),
        );
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, &words));
        let (left, right) = rect.split_left_right_at_x(rect.right() - 72.0);
        let painter = ui.painter();
        let at = left.left_top() + vec2(0.0, 9.0);
        widgets::text_cut(
            painter,
            at,
            egui::Align2::LEFT_CENTER,
            &words,
            theme::small(),
            tokens.dim,
            left.width() - 8.0,
        );
        let bar = Rect::from_min_size(left.left_top() + vec2(0.0, 21.0), vec2(left.width() - 10.0, 5.0));
        widgets::bar(painter, bar, share.max(0.02), tokens.accent, tokens.hover);
        let cancel = ui.put(right, egui::Button::new(label::CANCEL));
        if cancel.clicked() {
            desk.send(Command::Cancel);
        }
        return;
    }
    let maker = desk.state.systems.get(desk.state.system).map(|row| &row.maker);
    let made_elsewhere = matches!(maker, Some(Maker::Imported(_)));
    let enabled = desk.state.clip.is_some() && maker.is_some() && !made_elsewhere;
    let (words, keys) = if made_elsewhere {
        (label::MADE_ELSEWHERE, String::new())
    } else {
        (label::GENERATE, Command::Generate.keys_text())
    };
    if primary_button(ui, tokens, words, &keys, enabled).clicked() {
        desk.send(Command::Generate);
    }
}
