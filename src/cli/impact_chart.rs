//! The bar chart of an impact report, as inline SVG: one bar for each change of the determination.
//! Not here: the page around it ([`super::impact_html`]).

use std::fmt::Write as _;

use super::html::escaped;

/// The chart's width, and the height of a bar with its label, in the chart's own units. A page of 400 pixels shows a unit as a pixel.
const WIDTH: u64 = 340;
const ROW_HEIGHT: u64 = 44;

/// Room for the number behind the longest bar.
const NUMBER_WIDTH: u64 = 70;

/// A bar.
pub(super) struct ChartBar {
    /// Its label, which may hold any text.
    pub(super) label: String,
    pub(super) count: u64,
}

/// The chart. Assistive technology reads `title` and is pointed to the table beside it.
pub(super) fn svg(title: &str, bars: &[ChartBar]) -> String {
    let height = ROW_HEIGHT * u64::try_from(bars.len()).unwrap_or_default();
    let largest = bars.iter().map(|bar| bar.count).max().unwrap_or_default().max(1);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"chart-title chart-text\">\n\
         <title id=\"chart-title\">{}</title>\n<desc id=\"chart-text\">The table after this chart has the same numbers.</desc>\n",
        escaped(title)
    );
    for (top, bar) in (0..).step_by(usize::try_from(ROW_HEIGHT).unwrap_or(1)).zip(bars) {
        let width = (u128::from(bar.count) * u128::from(WIDTH - NUMBER_WIDTH) / u128::from(largest)).max(2);
        // Writing to a String cannot fail.
        _ = writeln!(
            svg,
            "<text x=\"0\" y=\"{}\">{}</text><rect x=\"0\" y=\"{}\" width=\"{width}\" height=\"16\"/><text x=\"{}\" y=\"{}\">{}</text>",
            top + 15,
            escaped(&bar.label),
            top + 21,
            width + 6,
            top + 34,
            bar.count
        );
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_counts_and_labels_are_escaped() {
        let bars = [("a & <b>", 1000), ("half", 500), ("one", 1)];
        let svg = svg("\"Title\"", &bars.map(|(label, count)| ChartBar { label: label.to_owned(), count }));
        let widths: Vec<_> = svg.split("width=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(widths, ["270", "135", "2"]);
        assert!(svg.contains("<title id=\"chart-title\">&quot;Title&quot;</title>"), "{svg}");
        assert!(svg.contains(">a &amp; &lt;b&gt;</text>") && svg.starts_with("<svg viewBox=\"0 0 340 132\""), "{svg}");
    }
}
