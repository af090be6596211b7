//! Histogram of per-input steerability beside the propensity curve with its quartile band.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::protocol::ResponseFigure;
use crate::stats::{CurvePoint, Histogram, Summary, curve, steerability, wilson};

const INK: RGBColor = RGBColor(40, 40, 48);
const FAINT: RGBColor = RGBColor(130, 130, 140);
const GRID: RGBColor = RGBColor(225, 225, 230);
/// Steerable, anti-steerable and the curve: colours that colour-blind readers tell apart.
const STEERABLE: RGBColor = RGBColor(0, 114, 178);
const ANTI: RGBColor = RGBColor(213, 94, 0);
const CURVE: RGBColor = RGBColor(0, 114, 178);

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

pub(super) fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    figure: &ResponseFigure,
) -> Drawn<B> {
    area.fill(&WHITE)?;
    let slopes: Vec<f64> = (figure.rows.iter())
        .map(|row| steerability(&figure.multipliers, row).unwrap_or(f64::NAN))
        .collect();
    let summary = Summary::of_slopes(&slopes);
    let head = |size: u32, colour: &RGBColor| ("sans-serif", size).into_font().color(colour);
    area.draw_text(&figure.title, &head(22, &INK), (24, 16))?;
    area.draw_text(&headline(&summary, &slopes), &head(16, &INK), (24, 48))?;
    let height = area.dim_in_pixel().1 as i32;
    area.draw_text(&figure.protocol, &head(12, &FAINT), (24, height - 24))?;
    let body = area.margin(76, 36, 8, 16);
    let (left, right) = body.split_horizontally(52.percent_width());
    histogram(&left, &slopes, &summary)?;
    propensity(&right, figure)
}

fn headline(summary: &Summary, slopes: &[f64]) -> String {
    let figure = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:+.2}"));
    let finite: Vec<f64> = slopes.iter().copied().filter(|s| s.is_finite()).collect();
    let anti = finite.iter().filter(|s| **s <= 0.0).count();
    let share = 100.0 * anti as f64 / finite.len().max(1) as f64;
    let interval = wilson(anti, finite.len()).map_or_else(String::new, |i| {
        format!(" (95% {:.0}–{:.0}%)", 100.0 * i.low, 100.0 * i.high)
    });
    format!(
        "n {}   mean steerability {}   median {}   anti-steerable {share:.0}%{interval}",
        summary.n,
        figure(summary.mean),
        figure(summary.median)
    )
}

fn histogram<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    slopes: &[f64],
    summary: &Summary,
) -> Drawn<B> {
    let finite: Vec<f64> = slopes.iter().copied().filter(|s| s.is_finite()).collect();
    let bars = Histogram::from_values(&finite);
    let all: Vec<(f64, f64, usize)> = bars.bars().map(|b| (b.low, b.high, b.count)).collect();
    let low = all.iter().map(|b| b.0).fold(0.0_f64, f64::min);
    let high = all.iter().map(|b| b.1).fold(0.0_f64, f64::max);
    let margin = 0.04 * (high - low).max(1e-6);
    let most = all.iter().map(|b| b.2).max().unwrap_or(1).max(1);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(44)
        .y_label_area_size(52)
        .build_cartesian_2d(low - margin..high + margin, 0.0..most as f64 * 1.08)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(GRID)
        .axis_style(INK)
        .disable_x_mesh()
        .x_desc("steerability of each input (slope, logits per multiplier)")
        .y_desc("inputs")
        .label_style(("sans-serif", 14).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
        .draw()?;
    chart.draw_series(all.iter().map(|(from, to, count)| {
        let colour = if *to <= 0.0 { ANTI } else { STEERABLE };
        let gap = 0.06 * (to - from);
        Rectangle::new(
            [(from + gap, 0.0), (to - gap, *count as f64)],
            colour.filled(),
        )
    }))?;
    let top = most as f64 * 1.08;
    chart.draw_series([PathElement::new(
        vec![(0.0, 0.0), (0.0, top)],
        INK.stroke_width(1),
    )])?;
    if let Some(mean) = summary.mean {
        let line = vec![(mean, 0.0), (mean, top)];
        chart.draw_series([PathElement::new(line, INK.stroke_width(2))])?;
        let style = ("sans-serif", 14).into_font().color(&INK);
        let anchored = style.pos(Pos::new(HPos::Left, VPos::Top));
        chart.draw_series([Text::new(
            format!(" mean {mean:+.2}"),
            (mean, top),
            anchored,
        )])?;
    }
    Ok(())
}

fn propensity<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    figure: &ResponseFigure,
) -> Drawn<B> {
    let mut points: Vec<CurvePoint> =
        curve(&figure.multipliers, figure.rows.iter().map(Vec::as_slice));
    points.retain(|p| p.mean.is_finite() && p.lower.is_finite() && p.upper.is_finite());
    points.sort_by(|a, b| a.multiplier.total_cmp(&b.multiplier));
    let x = |p: &CurvePoint| f64::from(p.multiplier);
    let (from, to) = match (points.first(), points.last()) {
        (Some(a), Some(b)) if x(b) > x(a) => (x(a), x(b)),
        _ => (-1.0, 1.0),
    };
    let low = points.iter().map(|p| p.lower).fold(0.0_f64, f64::min);
    let high = points.iter().map(|p| p.upper).fold(0.0_f64, f64::max);
    let margin = 0.06 * (high - low).max(1e-6);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d(from..to, low - margin..high + margin)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_desc("multiplier")
        .y_desc("propensity (logit difference): mean, quartiles")
        .label_style(("sans-serif", 14).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
        .draw()?;
    let band = (points.iter().map(|p| (x(p), p.upper)))
        .chain(points.iter().rev().map(|p| (x(p), p.lower)));
    chart.draw_series([Polygon::new(
        band.collect::<Vec<_>>(),
        CURVE.mix(0.2).filled(),
    )])?;
    let mean: Vec<(f64, f64)> = points.iter().map(|p| (x(p), p.mean)).collect();
    chart.draw_series([PathElement::new(
        vec![(from, 0.0), (to, 0.0)],
        FAINT.stroke_width(1),
    )])?;
    chart.draw_series([PathElement::new(mean.clone(), CURVE.stroke_width(2))])?;
    chart.draw_series(mean.iter().map(|p| Circle::new(*p, 4, CURVE.filled())))?;
    Ok(())
}
