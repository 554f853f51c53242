//! The curves: what each chart shows of a run, and one card with its cursor, zoom and numbers.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use egui::{Align2, FontId, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use figures::{Scale, Size, Trend, TrendLine, TrendPlot, TrendPoint, number};
use runs::{Run, Series};

use crate::commands::Command;
use crate::desk::Desk;
use crate::figure;
use crate::text;
use crate::theme;
use crate::train::{Along, Chart, Do, Train};
use crate::widgets::{icon_button, icons::Icon};

/// Most points of a line that are drawn.
const MOST_DRAWN: usize = 1500;

/// Series of a chart: name in the run, words, look (`None`: the accent).
type Line = (String, String, Option<usize>);

/// What a chart draws, and what it only says at the cursor.
struct Content {
    title: &'static str,
    lines: Vec<Line>,
    said: Vec<Line>,
    note: String,
}

fn line(name: &str, words: &str, look: Option<usize>) -> Line {
    (name.to_owned(), words.to_owned(), look)
}

fn present(run: &Run, lines: Vec<Line>) -> Vec<Line> {
    lines.into_iter().filter(|(name, _, _)| run.series.contains_key(name)).collect()
}

/// Names of a group's series in order.
fn group<'a>(run: &'a Run, prefix: &'a str) -> impl Iterator<Item = &'a String> {
    run.series.keys().filter(move |name| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/')))
}

fn last(run: &Run, name: &str) -> Option<f64> {
    run.series(name).and_then(Series::last)
}

fn content(run: &Run, chart: &Chart) -> Content {
    let after_slash = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    match chart {
        Chart::Loss => {
            let mut lines = present(
                run,
                vec![
                    line("loss/total", "train", None),
                    line("watch/clg", "validation CLG", Some(7)),
                    line("watch/total", "validation", Some(7)),
                ],
            );
            if lines.is_empty() {
                // Numbers of another program: whatever is called a loss.
                let named = run.series.keys().filter(|name| name.to_lowercase().contains("loss")).take(4);
                lines =
                    named.enumerate().map(|(look, name)| (name.clone(), name.clone(), Some(look))).collect();
            }
            let said = present(
                run,
                ["clg", "rm", "bow", "usage", "velocity"]
                    .iter()
                    .map(|term| line(&format!("loss/{term}"), term, None))
                    .collect(),
            );
            Content { title: text::chart::LOSS, lines, said, note: String::new() }
        }
        Chart::Streams => {
            let looks = [2, 0, 7, 3];
            let mut lines: Vec<Line> = runs::STREAMS
                .iter()
                .zip(looks)
                .map(|(stream, look)| line(&format!("clg/{stream}"), stream, Some(look)))
                .collect();
            lines = present(run, lines);
            let mut note = String::new();
            if lines.is_empty() {
                lines = present(run, vec![line("loss/clg", "all streams", Some(0))]);
                if lines.is_empty() {
                    // A compared system: the terms of its loss, whatever they are called.
                    let terms = group(run, "loss").filter(|name| *name != "loss/total").take(6);
                    lines = terms
                        .enumerate()
                        .map(|(look, name)| (name.clone(), after_slash(name), Some(look)))
                        .collect();
                } else {
                    note = text::chart::ALL_STREAMS.to_owned();
                }
            }
            Content { title: text::chart::STREAMS, lines, said: Vec::new(), note }
        }
        Chart::Matching => {
            let lines = present(
                run,
                vec![line("loss/rm", "loss", Some(4)), line("rm/right", "ranked right", Some(5))],
            );
            let note = last(run, "rm/right").map_or_else(String::new, text::ranked_right);
            Content { title: text::chart::MATCHING, lines, said: Vec::new(), note }
        }
        Chart::Latents => {
            let latents = group(run, "posterior").count();
            let said = (1..=latents)
                .map(|index| line(&format!("posterior/{index}"), &format!("z{index}"), Some(index - 1)));
            let note = text::latent_use(last(run, "watch/usage"), latents);
            let lines = if latents == 0 {
                present(run, vec![line("watch/usage", "latents in use", Some(0))])
            } else {
                Vec::new()
            };
            Content { title: text::chart::LATENTS, lines, said: said.collect(), note }
        }
        Chart::Validation => {
            let drawn = [("FRCorr", 2), ("FRDiv", 6), ("FRVar", 7), ("FRDvs", 4)];
            let mut lines = present(
                run,
                drawn.map(|(name, look)| line(&format!("validation/{name}"), name, Some(look))).to_vec(),
            );
            let said = present(
                run,
                ["FRDist", "FRVar_ratio"]
                    .map(|name| line(&format!("validation/{name}"), name, None))
                    .to_vec(),
            );
            let mut note = String::new();
            if lines.is_empty() {
                lines = present(
                    run,
                    vec![line("watch/z_gap", "z-gap", Some(2)), line("watch/nmi", "NMI", Some(6))],
                );
                if !lines.is_empty() {
                    note = text::chart::WATCHED.to_owned();
                }
            }
            Content { title: text::chart::VALIDATION, lines, said, note }
        }
        Chart::Other(name) => {
            let mut lines: Vec<Line> = group(run, name)
                .enumerate()
                .map(|(look, name)| (name.clone(), after_slash(name), Some(look)))
                .collect();
            if run.series.contains_key(name) {
                lines.insert(0, (name.clone(), name.clone(), Some(5)));
            }
            Content { title: "", lines, said: Vec::new(), note: String::new() }
        }
    }
}

/// Charts of what has no chart of its own: learning rate and gradient norm first.
pub fn others(desk: &Desk<'_>) -> Vec<Chart> {
    let Some(run) = desk.state.train.run() else { return Vec::new() };
    let own = ["loss", "clg", "rm", "posterior", "validation"];
    let mut names: Vec<String> = ["rate", "norm"].map(str::to_owned).to_vec();
    names.retain(|name| run.series.contains_key(name));
    for name in run.series.keys() {
        let group = name.split_once('/').map_or(name.as_str(), |(group, _)| group);
        // Terms of the loss have no other place than this one.
        if !own.contains(&group) && !names.iter().any(|known| known == group) {
            names.push(group.to_owned());
        }
    }
    names.push("loss".to_owned());
    names.into_iter().map(Chart::Other).collect()
}

fn title_of(chart: &Chart, content: &Content) -> String {
    match chart {
        Chart::Other(name) if name == "rate" => text::chart::RATE.to_owned(),
        Chart::Other(name) if name == "norm" => text::chart::NORM.to_owned(),
        Chart::Other(name) if name == "watch" => text::chart::WATCH.to_owned(),
        Chart::Other(name) if name == "loss" => text::chart::TERMS.to_owned(),
        Chart::Other(name) => name.clone(),
        _ => content.title.to_owned(),
    }
}

/// The shown part of a series, smoothed, as many points as a wide screen can tell apart.
fn points(run: &Run, series: &Series, weight: f64, train: &Train) -> Vec<TrendPoint> {
    let along = train.along;
    // What is looked at now and then is one line; what is smoothed begins anew with a stage, for a loss of another stage
    // is another quantity.
    let stages = run.stages.iter().filter(|(_, at)| at.step > 0.0 && weight > 0.0);
    let stages: Vec<(f64, f64)> = stages.map(|(_, at)| (at.step, along.of(at))).collect();
    let breaks: Vec<f64> = stages.iter().map(|(step, _)| *step).collect();
    let smooth = series.smoothed(weight, &breaks);
    let all = series.points();
    let (from, to) = match train.zoom {
        // One beyond each end, so that the line goes on to the edge.
        Some((low, high)) => (
            all.partition_point(|point| along.of(&point.at) < low).saturating_sub(1),
            (all.partition_point(|point| along.of(&point.at) <= high) + 1).min(all.len()),
        ),
        None => (0, all.len()),
    };
    let from = from.min(to);
    let each = (to - from).div_ceil(MOST_DRAWN).max(1);
    let mut points: Vec<TrendPoint> = Vec::with_capacity((to - from) / each + stages.len() + 1);
    let mut stages = stages.into_iter().peekable();
    for (part, smooth) in all[from..to].chunks(each).zip(smooth[from..to].chunks(each)) {
        let last = part.len() - 1;
        while let Some((_, x)) = stages.next_if(|(step, _)| *step < part[last].at.step) {
            let nothing = f64::NAN;
            points.push(TrendPoint { x, smooth: nothing, low: nothing, high: nothing });
        }
        points.push(TrendPoint {
            x: along.of(&part[last].at),
            smooth: smooth[last],
            low: part.iter().map(|point| point.low).fold(f64::MAX, f64::min),
            high: part.iter().map(|point| point.high).fold(f64::MIN, f64::max),
        });
    }
    points.retain(|point| point.x.is_finite());
    points
}

/// Watched now and then, a value is a mean already: the smoothing of single steps would hide all of it.
fn weight_of(name: &str, smoothing: f32) -> f64 {
    let rare = ["watch/", "validation/", "posterior/"].iter().any(|prefix| name.starts_with(prefix));
    if rare || name == "rate" { 0.0 } else { f64::from(smoothing) }
}

/// A chart of a run, with those it is compared with.
pub fn trend(train: &Train, run: &Run, chart: &Chart) -> Trend {
    let found = content(run, chart);
    let along = train.along;
    let mut lines: Vec<TrendLine> = Vec::new();
    for (name, words, look) in &found.lines {
        let Some(series) = run.series(name) else { continue };
        let points = points(run, series, weight_of(name, train.smoothing), train);
        lines.push(TrendLine { name: words.clone(), look: *look, other: false, points });
    }
    for other in train.others() {
        for (name, _, look) in &found.lines {
            let Some(series) = other.series(name) else { continue };
            let points = points(other, series, weight_of(name, train.smoothing), train);
            lines.push(TrendLine { name: other.name.clone(), look: *look, other: true, points });
        }
    }
    let mut shares: Vec<(f64, Vec<f64>)> = Vec::new();
    if *chart == Chart::Latents {
        let columns: Vec<&Series> =
            (1..=64).map_while(|index| run.series(&format!("posterior/{index}"))).collect();
        if let Some(first) = columns.first() {
            shares = first
                .points()
                .iter()
                .enumerate()
                .map(|(index, point)| {
                    let share = |series: &&Series| series.points().get(index).map_or(0.0, |point| point.mean);
                    (along.of(&point.at), columns.iter().map(share).collect())
                })
                .filter(|(x, _)| x.is_finite())
                .collect();
        }
    }
    let mut note = found.note.clone();
    if *chart == Chart::Loss {
        note = text::compared_with(train.others().map(|other| other.name.as_str()));
    }
    let marks = run
        .stages
        .iter()
        .filter(|(stage, at)| *stage > 1 && at.step > 0.0)
        .map(|(stage, at)| (along.of(at), text::stage_begins(*stage)))
        .filter(|(x, _)| x.is_finite())
        .collect();
    // All charts share one axis: that of the whole run, with those it is compared with.
    let whole = || {
        let ends =
            std::iter::once(run).chain(train.others()).filter_map(|run| run.end.map(|end| along.of(&end)));
        let end = ends.filter(|end| end.is_finite()).fold(f64::MIN, f64::max);
        (end > 0.0).then_some((0.0, end))
    };
    // What crosses zero has no logarithm; a share reads better evenly.
    let signed = lines.iter().flat_map(|line| &line.points).any(|point| point.smooth <= 0.0);
    let even = signed || matches!(chart, Chart::Latents | Chart::Validation);
    let scale = if train.log_y && !even { Scale::Log } else { Scale::Linear };
    Trend {
        title: title_of(chart, &found),
        note,
        range: train.zoom.or_else(whole),
        scale,
        raw: train.smoothing > 0.0,
        lines,
        marks,
        shares,
    }
}

/// A chart on its card.
pub fn card_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect, chart: &Chart) {
    if area.height() < 60.0 || area.width() < 120.0 {
        return;
    }
    let tokens = desk.tokens;
    ui.painter().rect_filled(area, 8.0, tokens.panel);
    let inner = area.shrink2(vec2(4.0, 3.0));
    let Some(run) = desk.state.train.run() else { return };
    let key = key_of(desk, inner, chart);
    let known = desk.memory.trends.get(chart).filter(|kept| kept.key == key);
    let kept = match known {
        Some(kept) => kept.clone(),
        None => {
            let mut style = figure::style(desk.state.theme);
            style.paper = None;
            let trend = trend(&desk.state.train, run, chart);
            let size = Size::new(inner.width(), inner.height());
            let plot = trend.plot(&style, size);
            let drawing = Arc::new(trend.draw_in(&style, size, &plot));
            let kept = KeptTrend {
                key,
                drawing,
                plot,
                title: trend.title,
                empty: trend.lines.is_empty() && trend.shares.is_empty(),
            };
            desk.memory.trends.insert(chart.clone(), kept.clone());
            kept
        }
    };
    let response = ui.interact(inner, ui.scope_id().with(("chart", chart)), Sense::click_and_drag());
    let said = text::chart_said(&kept.title, &numbers_at(desk, chart, None));
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &said));
    figure::paint(ui, inner.min, &kept.drawing);
    let plot = Rect::from_min_size(
        inner.min + vec2(kept.plot.inner.x, kept.plot.inner.y),
        vec2(kept.plot.inner.w, kept.plot.inner.h),
    );
    if kept.empty {
        return;
    }
    pointer_ui(desk, ui, chart, &kept, plot, &response);
}

/// A chart that is good as long as its key is.
#[derive(Clone)]
pub struct KeptTrend {
    key: u64,
    drawing: Arc<figures::Drawing>,
    plot: TrendPlot,
    title: String,
    empty: bool,
}

fn key_of(desk: &Desk<'_>, area: Rect, chart: &Chart) -> u64 {
    let train = &desk.state.train;
    let mut hasher = DefaultHasher::new();
    (area.width().round() as i32, area.height().round() as i32, desk.state.theme == crate::Theme::Dark)
        .hash(&mut hasher);
    (train.smoothing.to_bits(), train.log_y, train.along as u8).hash(&mut hasher);
    train.zoom.map(|(a, b)| (a.to_bits(), b.to_bits())).hash(&mut hasher);
    for run in train.run().into_iter().chain(train.others()) {
        (&run.path, run.generation).hash(&mut hasher);
    }
    chart.hash(&mut hasher);
    hasher.finish()
}

/// Cursor over all charts, numbers of this one, drag to zoom, double click to see all.
fn pointer_ui(
    desk: &mut Desk<'_>,
    ui: &mut Ui,
    chart: &Chart,
    kept: &KeptTrend,
    plot: Rect,
    response: &egui::Response,
) {
    let tokens = desk.tokens;
    let axis = &kept.plot.x;
    let to_x =
        |at: f32| axis.low + (axis.high - axis.low) * f64::from((at - plot.left()) / plot.width().max(1.0));
    let of_x = |x: f64| plot.left() + plot.width() * axis.share(x) as f32;
    if response.contains_pointer()
        && let Some(at) = response.hover_pos().filter(|at| plot.expand2(vec2(2.0, 12.0)).contains(*at))
    {
        desk.memory.chart_cursor_next = Some(to_x(at.x.clamp(plot.left(), plot.right())));
    }
    if let Some(cursor) = desk.memory.chart_cursor.filter(|cursor| (axis.low..=axis.high).contains(cursor)) {
        let x = of_x(cursor);
        ui.painter().vline(x, plot.y_range(), Stroke::new(1.0, tokens.faint.gamma_multiply(0.8)));
        if response.hovered() && desk.memory.chart_drag.is_none() {
            numbers_ui(desk, ui, chart, plot, x, cursor);
        }
    }
    if response.drag_started()
        && let Some(at) = response.interact_pointer_pos()
    {
        desk.memory.chart_drag = Some((chart.clone(), to_x(at.x)));
    }
    let dragged = desk.memory.chart_drag.clone().filter(|(of, _)| of == chart);
    if let (Some((_, from)), Some(at)) = (dragged, response.interact_pointer_pos()) {
        let to = to_x(at.x.clamp(plot.left(), plot.right())).clamp(axis.low, axis.high);
        let from = from.clamp(axis.low, axis.high);
        let (a, b) = (of_x(from).min(of_x(to)), of_x(from).max(of_x(to)));
        let chosen = Rect::from_min_max(pos2(a, plot.top()), pos2(b, plot.bottom()));
        ui.painter().rect_filled(chosen, 0.0, tokens.accent.gamma_multiply(0.16));
        if response.drag_stopped() {
            desk.memory.chart_drag = None;
            if b - a > 6.0 {
                desk.send(Command::Train(Do::Zoom(Some((from.min(to), from.max(to))))));
            }
        }
    }
    if response.double_clicked() {
        desk.send(Command::Train(Do::Zoom(None)));
    }
    if response.hovered() {
        let place = Rect::from_min_size(pos2(plot.right() - 20.0, plot.bottom() - 22.0), vec2(20.0, 20.0));
        let what = Do::Picture(chart.clone());
        let button = ui.scope_builder(egui::UiBuilder::new().max_rect(place), |ui| {
            icon_button(ui, tokens, Icon::Export, what.text(), 20.0, false).on_hover_text(what.text())
        });
        if button.inner.clicked() {
            desk.send(Command::Train(what));
        }
    }
}

/// Words and value of everything in a chart at a place of the axis, or at the end; whole runs after each other.
fn numbers_at(desk: &Desk<'_>, chart: &Chart, x: Option<f64>) -> Vec<(String, Option<usize>, bool, String)> {
    let train = &desk.state.train;
    let Some(run) = train.run() else { return Vec::new() };
    let found = content(run, chart);
    let mut all = Vec::new();
    for (other, run) in std::iter::once((false, run)).chain(train.others().map(|run| (true, run))) {
        let also: &[Line] = if other { &[] } else { &found.said };
        for (name, words, look) in found.lines.iter().chain(also) {
            let Some(series) = run.series(name) else { continue };
            let index = match x {
                Some(x) => series.nearest(x, |at| train.along.of(at)),
                None => series.points().len().checked_sub(1),
            };
            let Some(value) = index.map(|index| series.points()[index].mean) else { continue };
            let words = if other { format!("{} \u{b7} {words}", run.name) } else { words.clone() };
            let decimals = number::decimals_for([value]).max(3);
            let shown = if value != 0.0 && value.abs() < 1e-3 {
                format!("{value:.2e}")
            } else {
                number::fixed(value, decimals.min(5))
            };
            all.push((words, *look, other, shown));
        }
    }
    all
}

/// A plate with the numbers at the cursor, beside it.
fn numbers_ui(desk: &Desk<'_>, ui: &Ui, chart: &Chart, plot: Rect, x: f32, cursor: f64) {
    const ROW: f32 = 15.0;
    let tokens = desk.tokens;
    let all = numbers_at(desk, chart, Some(cursor));
    let painter = ui.painter();
    let small: FontId = theme::small();
    let width_of =
        |words: &str| painter.layout_no_wrap(words.to_owned(), small.clone(), tokens.text).size().x;
    let names = all.iter().map(|(words, _, _, _)| width_of(words)).fold(0.0, f32::max).min(190.0);
    let size = vec2(names + 92.0, ROW * (all.len() + 1) as f32 + 12.0);
    let left = if x + 12.0 + size.x > plot.right() { x - 12.0 - size.x } else { x + 12.0 };
    let place = Rect::from_min_size(pos2(left, plot.top() + 4.0), size);
    // Above everything: a small chart has no room for many numbers.
    let layer = egui::LayerId::new(egui::Order::Tooltip, ui.scope_id().with("numbers"));
    let screen = ui.ctx().content_rect().shrink(4.0);
    let shift = vec2((screen.left() - place.left()).max(0.0), (screen.bottom() - place.bottom()).min(0.0));
    let place = place.translate(shift);
    let painter = ui.ctx().layer_painter(layer);
    painter.rect(place, 6.0, tokens.card, Stroke::new(1.0, tokens.line), egui::StrokeKind::Inside);
    let along = desk.state.train.along;
    let decimals = if along == Along::Step { 0 } else { 2 };
    let head = format!("{} {}", along.name(), number::fixed(cursor, decimals));
    let mut y = place.top() + 6.0 + ROW * 0.5;
    painter.text(pos2(place.left() + 8.0, y), Align2::LEFT_CENTER, head, theme::mono_small(), tokens.faint);
    for (words, look, other, value) in all {
        y += ROW;
        let color = look.map_or(tokens.accent, |look| theme::latent_look(desk.state.theme, look).color);
        let bar = [pos2(place.left() + 8.0, y), pos2(place.left() + 17.0, y)];
        painter.line_segment(bar, Stroke::new(if other { 1.0 } else { 2.2 }, color));
        let ink = if other { tokens.faint } else { tokens.dim };
        crate::widgets::text_cut(
            &painter,
            pos2(place.left() + 23.0, y),
            Align2::LEFT_CENTER,
            &words,
            small.clone(),
            ink,
            names,
        );
        painter.text(
            pos2(place.right() - 8.0, y),
            Align2::RIGHT_CENTER,
            value,
            theme::mono_small(),
            tokens.text,
        );
    }
}
