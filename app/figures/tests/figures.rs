//! Laws of every figure: it parses, nothing leaves the canvas, marks lead somewhere, hostile data are survived and
//! said, and the same data give the same bytes.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use figures::drawing::Shape;
use figures::{
    ClipValue, Curve, CurvePoint, Differences, Direction, Distribution, DistributionRow, Drawing, Figure,
    Forest, ForestRow, Front, Heading, Item, Rect, Reliability, Scale, Series, SignatureCell,
    SignatureColumn, Signatures, Size, Style, Tradeoff, TradeoffPoint, Usage, UsageBar, Width, png, svg,
};
use resvg::usvg;

fn names(count: usize) -> Vec<String> {
    let hostile = [
        "Latent intent",
        "",
        "A system whose name is longer than any figure is wide, with options k = 10, binarised, and more besides",
        "\"quotes\" & <tags> 'and' ]]> &amp; \\ %",
        "control\u{0}\u{7}\u{1b}[31m\nand\r\nlines\u{202e}reversed",
        "שלום עולם مرحبا",
        "\u{fffe}\u{ffff}\u{feff}",
        "🙂 日本語 e\u{301}\u{301}\u{301}\u{301}",
    ];
    (0..count)
        .map(|index| match hostile.get(index) {
            Some(name) => (*name).to_owned(),
            None => format!("system {index}"),
        })
        .collect()
}

/// Plain, then hostile values.
fn value(index: usize, hostile: bool) -> f64 {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, 5e-324, 0.0, -0.0, 1e-12, 1e14];
    match hostile {
        true if index < odd.len() => odd[index],
        _ => ((index * 7919) % 1009) as f64 / 1009.0 - 0.3,
    }
}

fn clips(count: usize, hostile: bool) -> Vec<ClipValue> {
    let clip = |id: usize| ClipValue { id: id as u64, name: format!("clip {id}"), value: value(id, hostile) };
    (0..count).map(clip).collect()
}

fn all(count: usize, clip_count: usize, hostile: bool, scale: Scale) -> Vec<(&'static str, Box<dyn Figure>)> {
    let names = names(count);
    let heading = Heading::new(names.get(2).map_or("Title", String::as_str)).note("note");
    let interval = |at: usize| Some((value(at, hostile) - 0.05, value(at + 1, hostile) + 0.05));
    let points = names.iter().enumerate().map(|(at, name)| TradeoffPoint {
        id: at as u64,
        name: name.clone(),
        x: value(at, hostile),
        y: value(at * 3 + 1, hostile),
        x_interval: interval(at),
        y_interval: interval(at + 5),
        look: at,
        emphasised: at == 0,
        published: at % 3 == 1,
        bound: false,
    });
    let forest = names.iter().enumerate().map(|(at, name)| ForestRow {
        id: at as u64,
        name: name.clone(),
        value: value(at, hostile),
        interval: interval(at),
        look: at,
        emphasised: at == 0,
        published: at % 3 == 1,
        bound: false,
    });
    let spread = names.iter().enumerate().map(|(at, name)| DistributionRow {
        name: name.clone(),
        look: at,
        clips: clips([clip_count, 1, 0, 40][at % 4], hostile),
        emphasised: false,
        bound: at == 2,
    });
    let bars = names.iter().enumerate().map(|(at, name)| UsageBar {
        id: at as u64,
        latent: at,
        name: format!("z{}", at + 1),
        share: value(at, hostile).abs(),
        interval: interval(at),
        words: name.clone(),
    });
    let cells = (0..names.len() * 17)
        .map(|at| SignatureCell { value: value(at, hostile), interval: interval(at) })
        .collect();
    let columns = (0..names.len())
        .map(|at| SignatureColumn { id: at as u64, latent: at, name: names[at].clone() })
        .collect();
    let probabilities: Vec<f64> = (0..clip_count).map(|at| value(at, hostile) + 0.3).collect();
    let outcomes: Vec<bool> = (0..clip_count).map(|at| at % 3 == 0).collect();
    let series = names.iter().enumerate().map(|(at, name)| Series {
        id: at as u64,
        name: name.clone(),
        look: at,
        points: (0..clip_count)
            .map(|x| CurvePoint { x: x as f64, y: value(x + at, hostile), band: interval(x) })
            .collect(),
    });
    vec![
        (
            "tradeoff",
            Box::new(Tradeoff {
                heading: heading.clone(),
                x: ("FRCorr".into(), Direction::Higher),
                y: ("FRDist".into(), Direction::Lower),
                x_scale: scale,
                y_scale: scale,
                front: Front::Stepped,
                points: points.collect(),
            }) as Box<dyn Figure>,
        ),
        (
            "differences",
            Box::new(Differences {
                heading: heading.clone(),
                measure: "FRCorr".into(),
                better: Direction::Lower,
                clips: clips(clip_count, hostile),
                mean: None,
                interval: interval(20),
            }),
        ),
        (
            "distribution",
            Box::new(Distribution {
                heading: heading.clone(),
                measure: "FRCorr".into(),
                better: Some(Direction::Higher),
                decimals: 3,
                rows: spread.collect(),
            }),
        ),
        ("usage", Box::new(Usage { heading: heading.clone(), bars: bars.collect() })),
        (
            "signatures",
            Box::new(Signatures {
                heading: heading.clone(),
                rows: (0..17).map(|at| format!("AU{at}")).collect(),
                columns,
                cells,
                unit: "deviations".into(),
                most: None,
            }),
        ),
        (
            "forest",
            Box::new(Forest {
                heading: heading.clone(),
                measure: "FRCorr".into(),
                better: Some(Direction::Higher),
                scale,
                decimals: 3,
                reference: Some((0.1, "chance".into())),
                rows: forest.collect(),
            }),
        ),
        (
            "reliability",
            Box::new(Reliability {
                heading: heading.clone(),
                ..Reliability::from_predictions(&probabilities, &outcomes, 10).unwrap()
            }),
        ),
        (
            "curve",
            Box::new(Curve {
                heading,
                x: "Step".into(),
                y: "Loss".into(),
                better: Some(Direction::Lower),
                x_scale: scale,
                y_scale: scale,
                series: series.collect(),
            }),
        ),
    ]
}

fn words(drawing: &Drawing) -> Vec<&str> {
    let text = |item: &'_ Item| matches!(item, Item::Text(_));
    drawing
        .items
        .iter()
        .filter(|item| text(item))
        .filter_map(|item| match item {
            Item::Text(text) => Some(text.text.as_str()),
            _ => None,
        })
        .collect()
}

fn within(rect: Rect, size: Size, slack: f32) -> bool {
    rect.x >= -slack
        && rect.y >= -slack
        && rect.right() <= size.width + slack
        && rect.bottom() <= size.height + slack
}

fn check(name: &str, drawing: &Drawing) {
    let size = drawing.size;
    for item in &drawing.items {
        let places: Vec<[f32; 2]> = match item {
            Item::Line { points, .. } | Item::Area { points, .. } => points.clone(),
            Item::Rect { rect, .. } => vec![[rect.x, rect.y], [rect.right(), rect.bottom()]],
            Item::Circle { center, .. } => vec![*center],
            Item::Text(text) => {
                assert!(within(text.bounds(), size, 0.1), "{name}: {text:?} leaves {size:?}");
                assert!(!text.text.contains(|c: char| c.is_control()), "{name}: {text:?}");
                vec![text.at]
            }
        };
        for [x, y] in places {
            assert!(x.is_finite() && y.is_finite(), "{name}: {item:?}");
            assert!(
                (-2.0..=size.width + 2.0).contains(&x) && (-2.0..=size.height + 2.0).contains(&y),
                "{name}: {item:?}"
            );
        }
    }
    for mark in &drawing.marks {
        let rect = match mark.shape {
            Shape::Rect(rect) => rect,
            Shape::Point { at, radius } => {
                Rect::new(at[0] - radius, at[1] - radius, 2.0 * radius, 2.0 * radius)
            }
        };
        assert!(within(rect, size, 0.01), "{name}: {mark:?} leaves {size:?}");
        assert!(!mark.what.is_empty());
    }
}

fn parse(text: &str) -> usvg::Tree {
    let mut options = usvg::Options { dpi: 72.0, ..Default::default() };
    let fonts = options.fontdb_mut();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    usvg::Tree::from_str(text, &options).unwrap()
}

#[test]
fn every_figure_of_any_data_stays_on_its_canvas_and_is_svg() {
    for (count, clip_count) in [(0, 0), (1, 1), (8, 48), (40, 5924)] {
        for hostile in [false, true] {
            for scale in [Scale::Linear, Scale::Log] {
                for (name, figure) in all(count, clip_count, hostile, scale) {
                    for style in [Style::paper(), Style::dark()] {
                        let sizes = [
                            Size::new(252.0, figure.height(&style, 252.0)),
                            Size::new(516.0, figure.height(&style, 516.0)),
                            Size::new(90.0, 60.0),
                            Size::new(0.0, f32::NAN),
                        ];
                        for size in sizes {
                            let drawing = figure.draw(&style, size);
                            check(
                                &format!("{name}, {count} systems, hostile {hostile}, {scale:?}"),
                                &drawing,
                            );
                        }
                    }
                }
            }
        }
    }
    for (_, figure) in all(8, 48, true, Scale::Linear) {
        let drawing = figure.draw_at(&Style::paper(), Width::Column);
        let tree = parse(&svg(&drawing));
        let size = tree.size();
        assert!((size.width() - drawing.size.width).abs() < 0.01);
        assert!(tree.root().has_children());
    }
}

fn texts(group: &usvg::Group, out: &mut Vec<usvg::Rect>) {
    for node in group.children() {
        match node {
            usvg::Node::Text(text) => out.push(text.bounding_box()),
            usvg::Node::Group(group) => texts(group, out),
            _ => {}
        }
    }
}

#[test]
fn our_measure_of_text_agrees_with_the_renderer() {
    // The renderer shapes and kerns on its own: what it lays out must be no wider than what was reserved.
    let style = Style::light();
    let (mut compared, mut widest): (usize, f32) = (0, 0.0);
    for (name, figure) in all(1, 300, false, Scale::Linear) {
        let drawing = figure.draw_at(&style, Width::Page);
        let tree = parse(&svg(&drawing));
        let mut laid = Vec::new();
        texts(tree.root(), &mut laid);
        let ours: Vec<_> = drawing
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Text(text) => Some(text),
                _ => None,
            })
            .collect();
        assert_eq!(laid.len(), ours.len(), "{name}");
        for (laid, ours) in laid.iter().zip(ours) {
            // A line with a borrowed character is measured run by run; the renderer sets it in one font.
            if figures::text::runs(&ours.text, ours.face.mono).len() > 1 {
                continue;
            }
            compared += 1;
            let bounds = ours.bounds();
            widest = widest.max((laid.width() - bounds.w).abs() / bounds.w.max(10.0));
            assert!(laid.width() <= bounds.w + 0.5, "{name}: {:?} {} {}", ours.text, laid.width(), bounds.w);
            assert!(laid.left() >= -0.5 && laid.right() <= drawing.size.width + 0.5, "{name}: {}", ours.text);
        }
    }
    assert!(compared > 60, "{compared}");
    assert!(widest < 0.06, "the measures differ by {:.1} %", widest * 100.0);
}

#[test]
fn the_same_data_give_the_same_bytes() {
    for ((name, a), (_, b)) in
        all(8, 300, true, Scale::Linear).into_iter().zip(all(8, 300, true, Scale::Linear))
    {
        let (a, b) = (a.draw_at(&Style::dark(), Width::Column), b.draw_at(&Style::dark(), Width::Column));
        assert_eq!(a, b, "{name}");
        assert_eq!(svg(&a), svg(&b), "{name}");
    }
    let (_, figure) = all(8, 48, false, Scale::Linear).swap_remove(0);
    let drawing = figure.draw_at(&Style::paper(), Width::Column);
    let (a, b) = (png(&drawing, 2.0).unwrap(), png(&drawing, 2.0).unwrap());
    assert_eq!(a, b);
    let picture = image::load_from_memory(&a).unwrap().to_rgba8();
    let (width, height) = picture.dimensions();
    assert_eq!((width, height), (504, (drawing.size.height * 2.0).ceil() as u32));
    assert!(picture.pixels().all(|pixel| pixel.0[3] == 255), "the paper covers every pixel");
    assert!(picture.pixels().any(|pixel| pixel.0[..3].iter().all(|value| *value < 60)), "the ink is there");
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e6] {
        assert_eq!(png(&drawing, scale).unwrap_err().kind, clips::FaultKind::OutOfRange);
    }
}

#[test]
fn what_is_undefined_is_left_out_and_said() {
    let said = |figure: &dyn Figure| {
        let drawing = figure.draw_at(&Style::paper(), Width::Page);
        words(&drawing).join(" | ")
    };
    let expected = [
        // Values 0 to 2 are not finite, 3 and 4 too large to be told apart.
        ("differences", "5 clips undefined"),
        ("distribution", "values undefined"),
        ("usage", "3 shares undefined"),
        ("forest", "5 values undefined"),
        ("reliability", "values undefined"),
        ("curve", "values undefined"),
        ("signatures", "3 values undefined"),
        ("tradeoff", "systems undefined"),
    ];
    for (name, words) in expected {
        let figures = all(8, 48, true, Scale::Linear);
        let (_, figure) = figures.iter().find(|(other, _)| *other == name).unwrap();
        assert!(said(figure.as_ref()).contains(words), "{name}: {}", said(figure.as_ref()));
    }
    for (name, figure) in all(8, 48, false, Scale::Linear) {
        if name != "reliability" {
            assert!(!said(figure.as_ref()).contains("undefined"), "{name}: {}", said(figure.as_ref()));
        }
    }
    for (name, figure) in all(0, 0, false, Scale::Linear) {
        let drawing = figure.draw_at(&Style::paper(), Width::Column);
        assert!(words(&drawing).iter().any(|word| word.starts_with("no ")), "{name} says why it is empty");
        assert!(drawing.marks.is_empty());
    }
}

#[test]
fn thousands_of_clips_lead_to_the_extreme_clip_of_each_bin() {
    let clips = clips(5924, false);
    let figure = Differences {
        heading: Heading::default(),
        measure: "FRCorr".into(),
        better: Direction::Higher,
        clips: clips.clone(),
        mean: None,
        interval: None,
    };
    let drawing = figure.draw_at(&Style::paper(), Width::Column);
    assert!(drawing.marks.len() <= 252, "{}", drawing.marks.len());
    let by = |better: fn(&f64, &f64) -> std::cmp::Ordering| {
        clips.iter().max_by(|a, b| better(&a.value, &b.value).then(b.id.cmp(&a.id))).unwrap().value
    };
    let (highest, lowest) = (by(f64::total_cmp), by(|a, b| b.total_cmp(a)));
    let of = |id: u64| clips[id as usize].value;
    assert_eq!(of(drawing.marks.last().unwrap().id), highest);
    assert_eq!(of(drawing.marks[0].id), lowest);
    assert!(drawing.marks.windows(2).all(|pair| of(pair[0].id) <= of(pair[1].id)));
    // Hovering a mark's middle finds it.
    let Shape::Rect(rect) = drawing.marks[100].shape else { panic!("bars are rectangles") };
    let hit = drawing.hit([rect.x + rect.w / 2.0, rect.y + rect.h / 2.0], 2.0).unwrap();
    assert_eq!(hit.id, drawing.marks[100].id);
    assert!(drawing.hit([-50.0, -50.0], 2.0).is_none());
    let better = clips.iter().filter(|clip| clip.value > 0.0).count();
    let said = format!("better on {}", figures::number::count(better));
    assert!(words(&drawing).contains(&said.as_str()), "{said}");
}

#[test]
fn every_character_that_figures_write_has_a_shape() {
    let mut missing: Vec<char> =
        "↑↓→←±−·×–—…†[]%0123456789⁰¹²³⁴⁵⁶⁷⁸⁹⁻".chars().filter(|c| !figures::text::has_glyph(*c)).collect();
    for (_, figure) in all(1, 48, false, Scale::Linear) {
        let drawing = figure.draw_at(&Style::paper(), Width::Page);
        let words = words(&drawing).concat();
        missing.extend(words.chars().filter(|c| !figures::text::has_glyph(*c)));
    }
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!figures::text::has_glyph('日'), "the check can fail");
    // What has a shape is also drawn: ink where the character stands.
    for character in "↑↓→←±−·×—…".chars() {
        let mut drawing = Drawing::new(&Style::paper(), Size::new(60.0, 60.0));
        let face = figures::drawing::Face { size: 30.0, bold: false, mono: false };
        drawing.text(
            [20.0, 40.0],
            &character.to_string(),
            face,
            Style::paper().ink,
            figures::drawing::Align::Start,
        );
        let picture = image::load_from_memory(&png(&drawing, 1.0).unwrap()).unwrap().to_luma8();
        assert!(picture.pixels().any(|pixel| pixel.0[0] < 160), "{character} leaves no ink");
    }
}

#[test]
fn text_that_would_protrude_is_moved_inside_on_every_side() {
    use figures::drawing::{Align, Face};
    let style = Style::paper();
    let face = Face { size: 10.0, bold: false, mono: false };
    let mut drawing = Drawing::new(&style, Size::new(100.0, 60.0));
    for at in [[0.0, 0.0], [100.0, 60.0], [-40.0, 30.0], [140.0, 30.0], [50.0, -9.0], [50.0, 99.0]] {
        for align in [Align::Start, Align::Middle, Align::End] {
            drawing.text(at, "some words", face, style.ink, align);
            drawing.text_up(at, "some words", face, style.ink, align);
        }
    }
    drawing.text([50.0, 30.0], &"wide ".repeat(40), face, style.ink, Align::Middle);
    assert_eq!(words(&drawing).len(), 37);
    check("moved", &drawing);
    assert!(words(&drawing).last().unwrap().ends_with('…'));
}

#[test]
fn what_a_logarithmic_axis_cannot_show_is_counted() {
    let figures = all(12, 48, false, Scale::Log);
    let (_, tradeoff) = &figures[0];
    let drawing = tradeoff.draw_at(&Style::paper(), Width::Page);
    let hidden = (0..12).filter(|at| value(*at, false) <= 0.0 || value(at * 3 + 1, false) <= 0.0).count();
    assert!(hidden > 0 && hidden < 12);
    let said = format!("{} beyond the scale", figures::number::counted(hidden, "system"));
    assert!(words(&drawing).iter().any(|word| word.contains(&said)), "{said}: {:?}", words(&drawing));
    assert_eq!(drawing.marks.len(), 12 - hidden);
}
