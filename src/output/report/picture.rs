//! The pictures of the page, drawn by kuva as SVG.
//!
//! Colors are fixed here and told apart by `page.css`, which has others for the
//! dark: a page without its style sheet still shows them. Every picture has its
//! numbers as a table next to it, and marks what matters by more than color.

#![expect(
    clippy::float_arithmetic,
    reason = "places on a picture: nothing is counted or charged by them"
)]

use super::cells::Shown;
use super::coverage_grid::{AccountRegion, CoverageGrid};
use super::flow::{Flow, FlowPath, WidthMeasure};
use crate::model::ids::AccountId;
use crate::model::trend::{Measure, Trend, TrendDay};
use crate::output::human::{bytes, count, role};
use jiff::civil::Date;
use kuva::backend::svg::SvgBackend;
use kuva::plot::heatmap::ColorMap;
use kuva::plot::sankey::{SankeyLink, SankeyLinkColor, SankeyNode};
use kuva::plot::{BandPlot, Heatmap, LinePlot, MarkerShape, SankeyPlot, ScatterPlot};
use kuva::render::annotations::{ReferenceLine, TextAnnotation};
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;
use kuva::render::theme::Theme;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// The colors of the picture, in light mode: `page.css` replaces them in dark mode.
const INK: &str = "#1c2128";
const AXIS: &str = "#6e7781";
const GRID: &str = "#dfe3e8";
const NODE: &str = "#57606a";
const FLOW: &str = "#5b8db8";
const BAD: &str = "#b3261e";
const LINE: &str = "#1f5f99";
const BAND: &str = "#8fb7d9";
/// Days without records that should have some; without any; with few, more, many.
const HEAT: [&str; 6] = [
    "#f4cfc9", "#eef1f4", "#d3e5d6", "#9fcaa6", "#63a86f", "#2f7d3d",
];
/// The first of these two.
const GAP: usize = 0;

/// The width that labels of the first column need in addition to the library's margin.
const LABEL_ROOM: f64 = 64.0;
/// Letters of a label.
const LABEL_LETTERS_MAX: usize = 36;
/// Rows of the coverage picture; the table has more.
pub(super) const ROWS_MAX: usize = 40;
/// Days of the coverage picture: the last ones.
pub(super) const DAYS_MAX: usize = 62;
/// Paths of the flow picture; the rest is drawn as one.
pub(super) const PATHS_MAX: usize = 30;

/// Text for a label. A dollar sign would begin a formula for the library.
fn label(text: &str) -> String {
    Shown::bounded(text, LABEL_LETTERS_MAX)
        .as_str()
        .replace('$', "\u{ff04}")
}

fn theme() -> Theme {
    Theme {
        background: "none".into(),
        axis_color: AXIS.into(),
        grid_color: GRID.into(),
        tick_color: AXIS.into(),
        text_color: INK.into(),
        ..Theme::light()
    }
}

/// A picture for a page: with a name for those who cannot see it, as wide as there is
/// room, with ids of its own, and so much more room at its left.
fn framed(name: &str, title: &str, plots: Vec<Plot>, layout: Layout, left: f64) -> String {
    let scene = render_multiple(plots, layout.with_theme(theme()));
    let drawn = SvgBackend::new().render_scene(&scene);
    let body = drawn.split_once('>').map_or("", |(_, body)| body);
    let mut svg = String::with_capacity(body.len() + 300);
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"{:.0} 0 {width:.0} {height:.0}\" role=\"img\" \
         aria-labelledby=\"{name}-title\" fill=\"{INK}\"><title id=\"{name}-title\">{title}</title>",
        -left,
        width = scene.width + left,
        height = scene.height
    );
    svg.push_str(&with_own_ids(
        &without_negative_sizes(&without_style(body)),
        name,
    ));
    svg
}

/// The library dresses what has tooltips; the page allows its own style alone.
fn without_style(body: &str) -> Cow<'_, str> {
    match body.split_once("<style>") {
        Some((before, rest)) => {
            let after = rest.split_once("</style>").map_or("", |(_, after)| after);
            Cow::Owned(format!("{before}{}", without_style(after)))
        }
        None => Cow::Borrowed(body),
    }
}

/// Replaces negative sizes by zero: the library writes them where it has no room to draw.
fn without_negative_sizes(body: &str) -> Cow<'_, str> {
    let mut sound = Cow::Borrowed(body);
    for size in ["width", "height", "r", "rx", "ry"] {
        let start = format!(" {size}=\"-");
        while let Some(at) = sound.find(&start) {
            let value = at + start.len() - 1;
            let length = sound[value..].find('"').unwrap_or(sound.len() - value);
            let mut fixed = sound.into_owned();
            fixed.replace_range(value..value + length, "0");
            sound = Cow::Owned(fixed);
        }
    }
    sound
}

/// The library numbers its clip paths by what the process drew before; a page needs
/// ids that depend on nothing but the picture.
fn with_own_ids(body: &str, name: &str) -> String {
    const PREFIX: &str = "kuva-clip-";
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut own = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((before, after)) = rest.split_once(PREFIX) {
        let digits = after.len()
            - after
                .trim_start_matches(|one: char| one.is_ascii_digit())
                .len();
        let next = known.len();
        let number = *known.entry(&after[..digits]).or_insert(next);
        let _ = write!(own, "{before}{name}-clip-{number}");
        rest = &after[digits..];
    }
    own.push_str(rest);
    own
}

/// Returns the name of a place.
pub(super) fn place_name(place: &AccountRegion<'_>) -> String {
    let account = place.account_name.unwrap_or(place.account_id.text());
    match place.region {
        Some(region) => format!("{account} {region}"),
        None => account.to_string(),
    }
}

/// Steps of the heat map: by powers of ten, because accounts differ by orders of
/// magnitude.
fn heat(records: u64) -> usize {
    match records {
        0 => 1,
        1..=9 => 2,
        10..=99 => 3,
        100..=999 => 4,
        _ => 5,
    }
}

/// Records by place and day: darker is more, a cross is a gap.
pub(super) fn coverage(places: &CoverageGrid<'_>) -> Option<String> {
    let shown = &places.places[..places.places.len().min(ROWS_MAX)];
    let skipped = places.days.len().saturating_sub(DAYS_MAX);
    let days = &places.days[skipped..];
    if shown.is_empty() || days.is_empty() {
        return None;
    }
    // The library draws the first row at the bottom.
    let rows: Vec<&AccountRegion<'_>> = shown.iter().rev().collect();
    let names: Vec<String> = rows.iter().map(|place| label(&place_name(place))).collect();
    let plots = vec![Plot::Heatmap(heatmap(&rows, &names, days, skipped))];
    let mut layout = Layout::auto_from_plots(&plots)
        .with_x_categories(ticks(days))
        .with_y_categories(names)
        .with_width((260.0 + 42.0 * position(days.len())).min(1000.0))
        .with_height(70.0 + 18.0 * position(rows.len()))
        .with_tick_size(11)
        .with_x_tick_rotate(-45.0);
    layout.show_colorbar = false;
    let starts = places.first_in_window.saturating_sub(skipped);
    if starts > 0 {
        let edge = ReferenceLine::vertical(position(starts) - 0.5);
        layout = layout.with_reference_line(edge.with_color(INK).with_dasharray("3 3"));
    }
    for (row, place) in rows.iter().enumerate() {
        for (column, is_silent) in place.silent[skipped..].iter().enumerate() {
            if *is_silent {
                let mark = TextAnnotation::new("×", position(column), position(row) - 0.5);
                layout = layout.with_annotation(mark.with_color(INK).with_font_size(12));
            }
        }
    }
    let title = "Records by account, Region and day; a cross is a day without records where there usually are some";
    Some(framed("coverage", title, plots, layout, 0.0))
}

/// The cells of the coverage, with the days from the `skipped`th on.
fn heatmap(
    rows: &[&AccountRegion<'_>],
    names: &[String],
    days: &[Date],
    skipped: usize,
) -> Heatmap {
    let steps = rows.iter().map(|place| {
        let step = |(records, is_silent): (&u64, &bool)| {
            if *is_silent { GAP } else { heat(*records) }
        };
        let own = place.records[skipped..].iter();
        let own = own.zip(&place.silent[skipped..]);
        own.map(|day| step_value(step(day))).collect()
    });
    let steps: Vec<Vec<f64>> = steps.collect();
    let tips = rows.iter().zip(names).flat_map(|(place, name)| {
        let own = days.iter().zip(&place.records[skipped..]);
        own.map(move |(day, records)| format!("{name}, {day}: {} records", count(*records)))
    });
    // The library hands over where a step lies between the least and the most.
    let (low, high) = scale_of(&steps);
    let map = ColorMap::Custom(Arc::new(move |at| color_of(low + at * (high - low))));
    Heatmap::new()
        .with_data(steps)
        .with_color_map(map)
        .with_tooltip_labels(tips)
        .with_cell_size(0.94)
}

/// Names of days, as many as there is room for.
fn ticks(days: &[Date]) -> Vec<String> {
    let every = days.len().div_ceil(16).max(1);
    let ticks = days.iter().enumerate().map(|(at, day)| {
        if at % every == 0 {
            day_of_year(*day)
        } else {
            String::new()
        }
    });
    ticks.collect()
}

/// `11-02`.
fn day_of_year(day: Date) -> String {
    day.strftime("%m-%d").to_string()
}

/// The middle of a row or a column, which the library counts from one.
fn position(at: usize) -> f64 {
    u32::try_from(at).map_or(0.0, f64::from) + 1.0
}

fn step_value(step: usize) -> f64 {
    u32::try_from(step).map_or(0.0, f64::from)
}

fn scale_of(steps: &[Vec<f64>]) -> (f64, f64) {
    let all = || steps.iter().flatten().copied();
    (
        all().fold(f64::INFINITY, f64::min),
        all().fold(0.0, f64::max),
    )
}

fn color_of(step: f64) -> String {
    let at = HEAT
        .iter()
        .enumerate()
        .find(|(at, _)| step < step_value(*at) + 0.5);
    at.map_or(HEAT[HEAT.len() - 1], |(_, color)| color)
        .to_owned()
}

/// Names of the three columns of a path.
pub(super) fn path_names(path: &FlowPath<'_>) -> [Option<String>; 3] {
    let of_role = |arn: &str| role(arn);
    let hub = path
        .hub_role_arn
        .map_or_else(|| "(role not logged)".to_owned(), |arn| of_role(arn));
    let account = path
        .consumer_name
        .or(path.consumer_account_id.map(AccountId::text));
    let account = account.map_or("(account not known)", |name| name);
    let consumer = match path.consumer_role_arn {
        Some(arn) => {
            let full = of_role(arn);
            let name = full.split(" (").next().unwrap_or(&full).to_owned();
            format!("{account}: {name}")
        }
        None => format!("{account}: (role not logged)"),
    };
    let group = path.work_group.map(|group| format!("{group} ({account})"));
    [Some(hub), Some(consumer), group]
}

/// The paths that bytes took. Paths with findings are red, and say so in their names.
pub(super) fn flow(flow: &Flow<'_>) -> Option<String> {
    if flow.paths.is_empty() {
        return None;
    }
    let weight = |path: &FlowPath<'_>| match flow.basis {
        WidthMeasure::Bytes => path.bytes_scanned.unwrap_or(0),
        WidthMeasure::Queries => path.query_count,
    };
    let total: u64 = flow.paths.iter().map(weight).fold(0, u64::saturating_add);
    // A path that nothing is known of is drawn as a hairline.
    let hairline = as_number(total).max(1.0) / 250.0;
    let mut drawing = FlowGraph::default();
    let rest = flow.paths.len().saturating_sub(PATHS_MAX);
    for path in flow.paths.iter().take(PATHS_MAX) {
        let width = as_number(weight(path)).max(hairline);
        drawing.add(&path_names(path), width, !path.finding_ids.is_empty());
    }
    if rest > 0 {
        let others = &flow.paths[PATHS_MAX..];
        let width = others.iter().map(weight).fold(0, u64::saturating_add);
        let is_bad = others.iter().any(|path| !path.finding_ids.is_empty());
        let names = [
            Some("other paths".to_owned()),
            Some(format!("{rest} more")),
            None,
        ];
        drawing.add(&names, as_number(width).max(hairline), is_bad);
    }
    let rows = drawing.widest_column();
    let sankey = drawing.plot();
    let plots = vec![Plot::Sankey(sankey)];
    let height = (position(rows) * 30.0 + 20.0).clamp(160.0, 1100.0);
    let layout = Layout::auto_from_plots(&plots)
        .with_width(1000.0)
        .with_height(height);
    let title = match flow.basis {
        WidthMeasure::Bytes => {
            "Bytes scanned, from the hub's role through the consumer's to the work group"
        }
        WidthMeasure::Queries => {
            "Queries, from the hub's role through the consumer's to the work group"
        }
    };
    Some(framed("flow", title, plots, layout, LABEL_ROOM))
}

/// Past 2^53 a picture does not need the last digit.
#[expect(
    clippy::cast_precision_loss,
    reason = "a picture does not show the last digit"
)]
fn as_number(count: u64) -> f64 {
    count as f64
}

/// Nodes and links in the making.
#[derive(Default)]
struct FlowGraph {
    /// Column and name of each node, and whether a finding is about it.
    nodes: Vec<(usize, String, bool)>,
    links: BTreeMap<(usize, usize), (f64, bool)>,
}

impl FlowGraph {
    fn node(&mut self, column: usize, name: &str, is_bad: bool) -> usize {
        let same = |known: &(usize, String, bool)| known.0 == column && known.1 == name;
        let at = self.nodes.iter().position(same).unwrap_or_else(|| {
            self.nodes.push((column, name.to_owned(), false));
            self.nodes.len() - 1
        });
        self.nodes[at].2 |= is_bad;
        at
    }

    fn add(&mut self, names: &[Option<String>; 3], width: f64, is_bad: bool) {
        let nodes: Vec<usize> = names
            .iter()
            .flatten()
            .enumerate()
            .map(|(column, name)| {
                // The hub is in every path: a mark there would say nothing.
                self.node(column, name, is_bad && column > 0)
            })
            .collect();
        for pair in nodes.windows(2) {
            let link = self.links.entry((pair[0], pair[1])).or_default();
            link.0 += width;
            link.1 |= is_bad;
        }
    }

    fn widest_column(&self) -> usize {
        let of = |column: usize| self.nodes.iter().filter(|node| node.0 == column).count();
        (0..3).map(of).max().unwrap_or(0)
    }

    fn plot(self) -> SankeyPlot {
        let mut plot = SankeyPlot::new()
            .with_node_width(12.0)
            .with_node_gap(16.0)
            .with_link_opacity(0.55);
        plot.link_color = SankeyLinkColor::PerLink;
        for (at, (column, name, is_bad)) in self.nodes.into_iter().enumerate() {
            let mark = if is_bad { "⚠ " } else { "" };
            plot.nodes.push(SankeyNode {
                id: at.to_string(),
                label: format!("{mark}{}", label(&name)),
                color: Some(if is_bad { BAD } else { NODE }.to_owned()),
                column: Some(column),
            });
        }
        for ((source, target), (value, is_bad)) in self.links {
            plot.links.push(SankeyLink {
                source,
                target,
                value,
                color: Some(if is_bad { BAD } else { FLOW }.to_owned()),
            });
        }
        plot
    }
}

/// The value of a day for a picture.
fn drawn(day: &TrendDay) -> Option<f64> {
    day.value?.to_f64()
}

/// The expectation of a day: its position, and low, level and high.
type ExpectedPoint = (f64, [f64; 3]);

fn expected(trend: &Trend, at: impl Fn(&TrendDay) -> f64) -> Vec<ExpectedPoint> {
    let unit = |value: Decimal| value.to_f64().unwrap_or(0.0);
    let days = trend.days.iter().filter_map(|day| {
        let range = day.expected.as_ref()?;
        Some((at(day), [range.low, range.level, range.high].map(unit)))
    });
    days.collect()
}

fn band(expected: &[ExpectedPoint]) -> [Plot; 2] {
    let of = |index: usize| expected.iter().map(move |(_, range)| range[index]);
    let places = || expected.iter().map(|(at, _)| *at);
    let band = BandPlot::new(places(), of(0), of(2));
    let level = LinePlot::new().with_data(places().zip(of(1)));
    [
        Plot::Band(band.with_color(BAND).with_opacity(0.45)),
        Plot::Line(level.with_color(AXIS).with_dashed().with_stroke_width(1.0)),
    ]
}

/// The values as lines, which what is not known interrupts, and days that stand out.
fn values(trend: &Trend, at: impl Fn(&TrendDay) -> f64) -> Vec<Plot> {
    let point = |day: &TrendDay| Some((at(day), drawn(day)?));
    let mut plots = Vec::new();
    for known in trend.days.split(|day| drawn(day).is_none()) {
        let points: Vec<(f64, f64)> = known.iter().filter_map(point).collect();
        match points.len() {
            0 => {}
            1 => {
                let spot = ScatterPlot::new().with_data(points).with_color(LINE);
                plots.push(Plot::Scatter(spot.with_size(2.5)));
            }
            _ => {
                let line = LinePlot::new().with_data(points).with_color(LINE);
                plots.push(Plot::Line(line.with_stroke_width(2.0)));
            }
        }
    }
    let spikes = trend.days.iter().filter(|day| day.is_spike);
    let spikes: Vec<(f64, f64)> = spikes.filter_map(point).collect();
    if !spikes.is_empty() {
        let spikes = ScatterPlot::new().with_data(spikes).with_color(BAD);
        let spikes = spikes.with_size(6.0).with_marker(MarkerShape::Diamond);
        plots.push(Plot::Scatter(spikes));
    }
    plots
}

/// The days of a consumer, the band they are expected in, and those that stand out.
pub(super) fn trend(trend: &Trend, name: &str, title: &str) -> Option<String> {
    let first = trend.days.first()?.day;
    let last = trend.days.last()?.day;
    let at = |day: &TrendDay| f64::from(first.until(day.day).map_or(0, |span| span.get_days()));
    let span = first.until(last).map_or(0, |span| span.get_days());
    let expected = expected(trend, at);
    let mut plots = Vec::new();
    if !expected.is_empty() {
        plots.extend(band(&expected));
    }
    plots.extend(values(trend, at));
    let highest = trend.days.iter().filter_map(drawn).fold(0.0, f64::max);
    let highs = expected.iter().map(|(_, range)| range[2]);
    let highest = highs.fold(highest, f64::max);
    let measure = trend.measure.clone();
    let layout = Layout::auto_from_plots(&plots)
        .with_width(480.0)
        .with_height(210.0)
        .with_ticks(4)
        .with_tick_size(11)
        .with_y_axis_min(0.0)
        .with_y_axis_max((highest * 1.06).max(0.01))
        .with_x_axis_min(0.0)
        .with_x_axis_max(f64::from(span.max(1)) + 0.5)
        .with_x_tick_step(f64::from((span / 5).max(1)))
        .with_x_tick_format(TickFormat::Custom(Arc::new(move |at| day_tick(first, at))))
        .with_y_tick_format(TickFormat::Custom(Arc::new(move |value| {
            value_tick(&measure, value)
        })));
    Some(framed(name, title, plots, layout, 0.0))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a number of days, and the cast saturates"
)]
fn day_tick(first: Date, at: f64) -> String {
    let days = jiff::Span::new().try_days(at.round() as i64);
    let day = days.and_then(|days| first.checked_add(days));
    day.map_or_else(|_| String::new(), day_of_year)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
fn value_tick(measure: &Measure, value: f64) -> String {
    match measure {
        Measure::BytesScanned => bytes(value.max(0.0).round() as u64),
        // As many places as the value has: those of ticks are few, and no two are alike.
        Measure::BilledCost(_) => {
            let text = format!("{value:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_the_picture_alone() {
        let body = "<clipPath id=\"kuva-clip-17\"/><g clip-path=\"url(#kuva-clip-17)\"/><a id=\"kuva-clip-4\"/>";
        assert_eq!(
            with_own_ids(body, "x"),
            "<clipPath id=\"x-clip-0\"/><g clip-path=\"url(#x-clip-0)\"/><a id=\"x-clip-1\"/>"
        );
    }

    #[test]
    fn ticks_of_costs_have_the_places_they_need() {
        let measure = Measure::BilledCost("USD".into());
        let ticks = [
            0.0,
            0.5,
            1.0,
            1.5,
            2.0,
            2.5,
            0.0025,
            1200.0,
            0.300_000_000_000_000_04,
        ];
        let shown = ticks.map(|value| value_tick(&measure, value));
        assert_eq!(
            shown,
            ["0", "0.5", "1", "1.5", "2", "2.5", "0.0025", "1200", "0.3"]
        );
    }

    #[test]
    fn a_picture_has_no_style_of_its_own() {
        let body = "<defs><style>a{}</style></defs><g/><style>b{}</style><rect/>";
        assert_eq!(without_style(body), "<defs></defs><g/><rect/>");
    }

    #[test]
    fn a_label_is_no_formula_and_no_markup() {
        assert_eq!(label("$x^2$"), "\u{ff04}x^2\u{ff04}");
        assert_eq!(label(&"a".repeat(500)).chars().count(), LABEL_LETTERS_MAX);
    }

    #[test]
    fn heat_goes_by_powers_of_ten() {
        let steps: Vec<usize> = [0, 1, 9, 10, 999, 1000, u64::MAX].map(heat).to_vec();
        assert_eq!(steps, [1, 2, 2, 3, 4, 5, 5]);
        assert_eq!(color_of(0.0), HEAT[0]);
        assert_eq!(color_of(4.0), HEAT[4]);
        assert_eq!(color_of(9.0), HEAT[5]);
    }
}
