//! Curves on two logarithmic axes, each with its name at its end.

use super::{
    Text,
    svg::{Axis, Svg, apart, class},
};

/// The width of every drawing of a page.
pub(super) const WIDTH: f64 = 720.0;

/// So far apart are two marks of the lower axis at the least.
const GAP: f64 = 30.0;

/// A curve.
pub(super) struct Curve {
    /// Which colour, dashes and mark.
    pub(super) series: usize,
    /// By the first number; both are above 0.
    pub(super) points: Vec<(f64, f64)>,
    pub(super) label: String,
}

/// A drawing of curves.
pub(super) struct Chart {
    pub(super) title: String,
    /// What the lower axis is.
    pub(super) below: &'static str,
    /// A value of the lower axis, as text.
    pub(super) x: fn(f64) -> String,
    /// A value of the other axis, as text on it and in words.
    pub(super) y: fn(f64) -> String,
    pub(super) exact: fn(f64) -> String,
    /// What stands between a value and where it was measured, in words.
    pub(super) at: &'static str,
    pub(super) curves: Vec<Curve>,
}

impl Chart {
    /// The drawing in a figure; nothing if there is nothing to be drawn.
    pub(super) fn figure(&self, id: &str) -> String {
        let Some(drawing) = self.draw(id) else { return String::new() };
        format!(
            "<figure><figcaption>{}, on logarithmic axes</figcaption><div class=\"wide\" \
             tabindex=\"0\" role=\"group\" aria-label=\"{}\">{drawing}</div></figure>\n",
            Text(&self.title),
            Text(&self.title)
        )
    }

    /// Where curves have points.
    pub(super) fn places(&self) -> Vec<f64> {
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        let mut places: Vec<f64> = points.map(|(x, _)| *x).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        places
    }

    fn draw(&self, id: &str) -> Option<String> {
        let (height, left, right, top, bottom) = (340.0, 62.0, 462.0, 14.0, 300.0);
        let all = || self.curves.iter().flat_map(|curve| &curve.points);
        let x = Axis::of(all().map(|(x, _)| *x), left, right)?;
        let y = Axis::of(all().map(|(_, y)| *y), bottom, top)?;
        let mut svg = Svg::new(WIDTH, height);
        for tick in y.ticks(22.0) {
            svg.line("grid", (left, y.at(tick)), (right, y.at(tick)));
            svg.text("end soft", (left - 6.0, y.at(tick) + 4.0), &(self.y)(tick));
        }
        let mut last = f64::NEG_INFINITY;
        for place in self.places() {
            svg.line("grid", (x.at(place), top), (x.at(place), bottom));
            if x.at(place) - last >= GAP {
                last = x.at(place);
                svg.text("mid soft", (last, bottom + 18.0), &(self.x)(place));
            }
        }
        svg.text("mid soft", ((left + right) / 2.0, bottom + 34.0), self.below);
        let ends = self.curves.iter().filter_map(|curve| curve.points.last());
        let ends: Vec<_> = ends.map(|(_, last)| y.at(*last)).collect();
        for (curve, place) in self.curves.iter().zip(apart(&ends, 16.0, top + 6.0, bottom)) {
            let points: Vec<_> =
                curve.points.iter().map(|point| (x.at(point.0), y.at(point.1))).collect();
            svg.curve(&format!("curve {}", class(curve.series)), &points);
            points.iter().for_each(|point| svg.mark(curve.series, *point));
            if let Some(end) = points.last() {
                svg.line("grid", (end.0 + 7.0, end.1), (right + 18.0, place));
            }
            svg.mark(curve.series, (right + 26.0, place));
            svg.text("", (right + 36.0, place + 4.0), &curve.label);
        }
        Some(svg.finish(id, &self.title, &self.told()))
    }

    /// What it shows, in words.
    fn told(&self) -> String {
        let curve = |curve: &Curve| {
            let point =
                |(x, y): &(f64, f64)| format!("{} {} {}", (self.exact)(*y), self.at, (self.x)(*x));
            let points: Vec<_> = curve.points.iter().map(point).collect();
            format!("{}: {}", curve.label, points.join(", "))
        };
        format!("{}.", self.curves.iter().map(curve).collect::<Vec<_>>().join("; "))
    }
}
