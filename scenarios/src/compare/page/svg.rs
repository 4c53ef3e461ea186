//! Plots as SVG: plain marks, a title and a description for those who do not see them.

use std::fmt::Write;

use super::Text;

/// A logarithmic axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// Where the lowest value lies, and the highest.
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis on which all values lie, with some room at both ends; values are above 0.
    pub(super) fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Axis> {
        let range = values.filter(|value| *value > 0.0).map(|value| (value, value));
        let (low, high) = range.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))?;
        Some(Axis { low: (low / 1.15).ln(), high: (high * 1.15).ln(), from, to })
    }

    /// Where it begins.
    pub(super) fn start(&self) -> f64 {
        self.from
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value.ln() - self.low) / (self.high - self.low).max(1e-9);
        self.from + share * (self.to - self.from)
    }

    /// Round numbers on the axis, no closer to each other than `gap`: powers of ten, then with 2
    /// and 5 between.
    pub(super) fn ticks(&self, gap: f64) -> Vec<f64> {
        let steps: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
        let all = |step: &[f64]| -> Vec<f64> {
            let powers = (0..20).map(|power| 10_f64.powi(power));
            let ticks = powers.flat_map(|power| step.iter().map(move |digit| digit * power));
            ticks.filter(|tick| (self.low..=self.high).contains(&tick.ln())).collect()
        };
        let apart = |ticks: &[f64]| {
            ticks.windows(2).all(|pair| (self.at(pair[1]) - self.at(pair[0])).abs() >= gap)
        };
        let sets = steps.map(all);
        sets.iter().find(|ticks| apart(ticks)).unwrap_or(&sets[2]).clone()
    }
}

/// A drawing.
pub(super) struct Svg {
    body: String,
    width: f64,
    height: f64,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Svg {
        Svg { body: String::new(), width, height }
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = write!(
            self.body,
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    pub(super) fn curve(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(self.body, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    pub(super) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64)) {
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            at.0, at.1, size.0, size.1
        );
    }

    pub(super) fn text(&mut self, class: &str, at: (f64, f64), text: &str) {
        let _ = write!(
            self.body,
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            at.0,
            at.1,
            Text(text)
        );
    }

    /// The mark of a series, a shape of its own: tells them apart without colour.
    pub(super) fn mark(&mut self, series: usize, (x, y): (f64, f64)) {
        let shape: &[(f64, f64)] = match series % 6 {
            0 => &[(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)],
            1 => &[(0.0, -5.0), (5.0, 4.0), (-5.0, 4.0)],
            2 => &[(0.0, -5.5), (5.5, 0.0), (0.0, 5.5), (-5.5, 0.0)],
            3 => &[(-5.0, -4.0), (5.0, -4.0), (0.0, 5.0)],
            4 => &[(-5.0, 0.0), (-2.0, -4.5), (2.0, -4.5), (5.0, 0.0), (2.0, 4.5), (-2.0, 4.5)],
            _ => &[(-5.0, -1.5), (5.0, -1.5), (5.0, 1.5), (-5.0, 1.5)],
        };
        let points: Vec<_> =
            shape.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy)).collect();
        let _ = write!(
            self.body,
            "<polygon class=\"mark {}\" points=\"{}\"/>",
            class(series),
            points.join(" ")
        );
    }

    /// The drawing with what it shows in words; `id` is its own on the page.
    pub(super) fn finish(self, id: &str, title: &str, description: &str) -> String {
        format!(
            "<svg viewBox=\"0 0 {:.0} {:.0}\" width=\"{:.0}\" height=\"{:.0}\" role=\"img\" \
             aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title>\
             <desc id=\"{id}-d\">{}</desc>{}</svg>",
            self.width,
            self.height,
            self.width,
            self.height,
            Text(title),
            Text(description),
            self.body
        )
    }
}

/// The class of a series: colour and dashes.
pub(super) fn class(series: usize) -> String {
    format!("s{}", series % 6)
}

/// Moves labels apart, in their order, so that none overlaps another, within a column.
pub(super) fn apart(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<_> = (0..wanted.len()).collect();
    order.sort_by(|one, other| wanted[*one].total_cmp(&wanted[*other]));
    let mut places = wanted.to_vec();
    let mut next = top;
    for at in &order {
        places[*at] = wanted[*at].max(next);
        next = places[*at] + gap;
    }
    let mut next = bottom;
    for at in order.iter().rev() {
        places[*at] = places[*at].min(next);
        next = places[*at] - gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_overlap_and_stay_inside() {
        let places = apart(&[10.0, 11.0, 12.0, 100.0, 99.0], 14.0, 0.0, 100.0);
        let mut sorted = places.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= 13.999), "{places:?}");
        assert!(sorted[0] >= 0.0 && sorted[4] <= 100.0, "{places:?}");
        assert!(places[0] < places[1] && places[1] < places[2], "{places:?}");
    }

    #[test]
    fn an_axis_has_round_ticks_that_are_apart() {
        let axis = Axis::of([4.0, 31.0, 900_000.0].into_iter(), 0.0, 600.0).expect("values");
        let ticks = axis.ticks(40.0);
        assert!(ticks.len() > 3, "{ticks:?}");
        assert!(ticks.windows(2).all(|pair| axis.at(pair[1]) - axis.at(pair[0]) >= 40.0));
        assert!(axis.at(4.0) > 0.0 && axis.at(900_000.0) < 600.0);
        assert!(Axis::of([0.0].into_iter(), 0.0, 1.0).is_none());
    }

    #[test]
    fn names_stay_text() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text("a", (0.0, 0.0), "<script>&\"");
        let text = svg.finish("x", "a<b", "c&d");
        assert!(text.contains("&lt;script&gt;&amp;&quot;") && !text.contains("<script"), "{text}");
    }
}
