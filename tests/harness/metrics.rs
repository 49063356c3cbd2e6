//! Prometheus' text format, as far as a test reads it.

/// One scrape.
#[derive(Clone, Debug)]
pub struct Metrics {
    text: String,
}

impl Metrics {
    pub(crate) fn new(text: String) -> Metrics {
        Metrics { text }
    }

    /// The sum of all samples of this name that carry (at least) these labels; 0 where there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.samples(name)
            .filter(|(found, _)| {
                labels
                    .iter()
                    .all(|(label, value)| found.contains(&format!("{label}=\"{value}\"")))
            })
            .map(|(_, value)| value)
            .sum()
    }

    /// How many samples there are of this name.
    pub fn series(&self, name: &str) -> usize {
        self.samples(name).count()
    }

    /// The scrape itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Labels as text, and the value, of each sample of this name.
    fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.text.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            Some((labels, value.trim().parse().ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn reads_samples_by_name_and_labels() {
        let text = "# TYPE a counter\na{x=\"1\",y=\"2\"} 3\na{x=\"1\",y=\"4\"} 5\na_b 7\nb 9.5\n";
        let metrics = Metrics::new(text.to_owned());
        assert!((metrics.sum("a", &[("x", "1")]) - 8.0).abs() < f64::EPSILON);
        assert!((metrics.sum("a", &[("y", "4")]) - 5.0).abs() < f64::EPSILON);
        assert!((metrics.sum("b", &[]) - 9.5).abs() < f64::EPSILON);
        assert_eq!((metrics.series("a"), metrics.series("c")), (2, 0));
    }
}
