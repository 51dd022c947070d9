//! A picture of a run: what settled second by second, and how long it took.

use crate::{BenchError, Report};
use plotters::prelude::{
    BLUE, ChartBuilder, Color as _, DrawingArea, IntoDrawingArea as _, IntoFont as _, LineSeries, PathElement, RED,
    SVGBackend, ShapeStyle, WHITE,
};

const SIZE: (u32, u32) = (900, 560);

/// Draws a report as SVG: the rate above, latencies below.
pub fn chart(report: &Report) -> Result<String, BenchError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(report, &area).map_err(|error| BenchError::Internal { reason: format!("no chart: {error}") })?;
        area.present().map_err(|error| BenchError::Internal { reason: format!("no chart: {error}") })?;
    }
    Ok(svg)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(report: &Report, area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Drawn {
    area.fill(&WHITE)?;
    let title = format!("{}, {} nodes, {} payments/s asked for", report.workload, report.validators, report.rate_per_s);
    let (above, below) = area.titled(&title, ("sans-serif", 22))?.split_vertically(SIZE.1 / 2 - 15);
    let settled = |second: &crate::Second| second.settled as f64;
    panel(report, &above, "settled a second", &[("settled", BLUE.stroke_width(2), &settled)])?;
    let p50 = |second: &crate::Second| second.latency_ms.p50;
    let p99 = |second: &crate::Second| second.latency_ms.p99;
    panel(
        report,
        &below,
        "latency to finality, ms",
        &[("p50", BLUE.stroke_width(2), &p50), ("p99", RED.stroke_width(2), &p99)],
    )
}

type Line<'a> = (&'static str, ShapeStyle, &'a dyn Fn(&crate::Second) -> f64);

fn panel(
    report: &Report,
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    caption: &str,
    lines: &[Line<'_>],
) -> Drawn {
    let seconds = report.timeline.len().max(1) as f64;
    let values = report.timeline.iter().flat_map(|second| lines.iter().map(|line| line.2(second)));
    let most = values.fold(1.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 16).into_font())
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..seconds, 0.0..most)?;
    chart.configure_mesh().x_desc("seconds").light_line_style(WHITE).draw()?;
    for (name, style, value) in lines {
        let points = report.timeline.iter().map(|second| (second.second as f64, value(second)));
        let series = chart.draw_series(LineSeries::new(points, *style))?;
        let style = *style;
        series.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    if lines.len() > 1 {
        chart.configure_series_labels().background_style(WHITE.mix(0.8)).draw()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Second;

    #[test]
    fn a_chart_is_an_image_with_its_figures() {
        let timeline = (0..5).map(|second| Second { second, settled: 1_000 + second, ..Second::default() }).collect();
        let report = Report { workload: "batches".into(), timeline, ..Report::default() };
        let svg = chart(&report).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(svg.contains("batches") && svg.contains("polyline") && svg.contains("p99"), "{svg}");
        assert!(chart(&Report::default()).unwrap().contains("</svg>"));
    }
}
