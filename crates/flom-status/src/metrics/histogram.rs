//! Times, sorted into classes by their length.

use std::fmt::Write as _;

/// The upper ends of the classes but the last, which has none: ms, and the same in s as text.
pub(crate) const CLASSES: [(u64, &str); 13] = [
    (1, "0.001"),
    (5, "0.005"),
    (25, "0.025"),
    (100, "0.1"),
    (500, "0.5"),
    (1_000, "1"),
    (5_000, "5"),
    (15_000, "15"),
    (60_000, "60"),
    (300_000, "300"),
    (900_000, "900"),
    (3_600_000, "3600"),
    (21_600_000, "21600"),
];

/// How many times were how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Each time once, in the first class that it fits.
    counts: [u64; CLASSES.len() + 1],
    sum_ms: u64,
}

impl Histogram {
    /// Adds a time.
    pub fn add(&mut self, ms: u64) {
        let class = CLASSES.iter().position(|(end, _)| ms <= *end);
        self.counts[class.unwrap_or(CLASSES.len())] += 1;
        self.sum_ms = self.sum_ms.saturating_add(ms);
    }

    /// The lines that Prometheus wants: of each class, how many times are not longer; all; their
    /// sum. `label` is `key="value"`.
    pub(crate) fn write(&self, name: &str, label: &str, out: &mut String) -> std::fmt::Result {
        let mut so_far = 0;
        for ((_, end), count) in CLASSES.iter().zip(self.counts) {
            so_far += count;
            writeln!(out, r#"{name}_bucket{{{label},le="{end}"}} {so_far}"#)?;
        }
        let all = so_far + self.counts[CLASSES.len()];
        writeln!(out, r#"{name}_bucket{{{label},le="+Inf"}} {all}"#)?;
        let (s, ms) = (self.sum_ms / 1000, self.sum_ms % 1000);
        writeln!(out, "{name}_sum{{{label}}} {s}.{ms:03}")?;
        writeln!(out, "{name}_count{{{label}}} {all}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_its_class_and_in_all_longer_ones() {
        let mut histogram = Histogram::default();
        for ms in [0, 1, 2, 25, 26, 21_600_000, 21_600_001] {
            histogram.add(ms);
        }
        let mut text = String::new();
        histogram.write("t", r#"kind="set""#, &mut text).unwrap();
        let counts: Vec<u64> = text
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap())
            .filter_map(|number| number.parse().ok())
            .collect();
        assert_eq!(counts, [2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 7, 7]);
        assert!(text.contains("t_sum{kind=\"set\"} 43200.055\n"), "{text}");
    }

    #[test]
    fn the_classes_ascend_and_are_called_by_their_ends() {
        assert!(CLASSES.is_sorted_by(|a, b| a.0 < b.0));
        for (ms, s) in CLASSES {
            let read = s.parse::<f64>().unwrap() * 1000.0;
            assert!((read - ms as f64).abs() < 1e-6, "{s}");
        }
    }
}
