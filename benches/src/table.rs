//! Results of several rounds, side by side.

use std::fmt;
use std::iter;

use crate::workload::Figures;

/// A row for each figure of each load: what it is, what it is measured against, and the median of
/// the ratios inside each round.
///
/// Neighbours in a round see the same machine, so their ratio means something where the values do
/// not.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    load: String,
    figure: &'static str,
    base: &'static str,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Table {
    /// Enters one round of `load`: what was measured, and the same of `base`; what there is no base
    /// for comes last.
    pub fn enter(&mut self, load: &str, ours: &Figures, base: &'static str, theirs: &Figures) {
        let theirs = theirs.iter().map(|(_, value)| *value);
        for ((figure, ours), theirs) in ours.iter().zip(theirs.chain(iter::repeat(f64::NAN))) {
            let row = self.row(load, figure, base);
            row.ours.push(*ours);
            row.theirs.push(theirs);
        }
    }

    fn row(&mut self, load: &str, figure: &'static str, base: &'static str) -> &mut Row {
        let is_it = |row: &Row| row.load == load && row.figure == figure && row.base == base;
        let place = self.rows.iter().position(is_it).unwrap_or_else(|| {
            self.rows.push(Row {
                load: load.to_owned(),
                figure,
                base,
                ours: Vec::new(),
                theirs: Vec::new(),
            });
            self.rows.len() - 1
        });
        &mut self.rows[place]
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<15} {:<18} {:>10}   {:<12} {:>10} {:>7}   rounds",
            "load", "figure", "flomd", "against", "", "ratio"
        )?;
        for row in &self.rows {
            let Row { load, figure, .. } = row;
            write!(
                f,
                "{load:<15} {figure:<18} {:>10}",
                short(median(&row.ours))
            )?;
            let mut ratios: Vec<f64> = (row.ours.iter().zip(&row.theirs))
                .map(|(ours, theirs)| ours / theirs)
                .filter(|ratio| ratio.is_finite())
                .collect();
            ratios.sort_by(f64::total_cmp);
            if let (Some(first), Some(last)) = (ratios.first(), ratios.last()) {
                write!(
                    f,
                    "   {:<12} {:>10} {:>7.2}   {first:.2}..{last:.2}",
                    row.base,
                    short(median(&row.theirs)),
                    median(&ratios),
                )?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Three digits say all that is known.
fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_ratios_of_each_round() {
        let mut table = Table::default();
        for (ours, theirs) in [(1.0, 10.0), (500.0, 1000.0), (90.0, 100.0)] {
            table.enter("own:1", &vec![("us", ours)], "floor", &vec![("us", theirs)]);
        }
        let text = table.to_string();
        let row = text.lines().nth(1).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(
            words,
            ["own:1", "us", "90.0", "floor", "100", "0.50", "0.10..0.90"]
        );
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
