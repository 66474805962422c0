//! A table of figures and goals.

use std::fmt;

use super::Failure;

#[derive(Default)]
pub(super) struct Table {
    rows: Vec<(&'static str, String, String, &'static str)>,
    missed: usize,
}

impl Table {
    pub(super) fn row(&mut self, what: &'static str, goal: impl fmt::Display, measured: impl fmt::Display, met: bool) {
        self.missed += usize::from(!met);
        self.rows.push((what, goal.to_string(), measured.to_string(), if met { "met" } else { "MISSED" }));
    }

    pub(super) fn note(&mut self, what: &'static str, measured: impl fmt::Display) {
        self.rows.push((what, String::new(), measured.to_string(), ""));
    }

    /// Prints the table.
    pub(super) fn end(&self) -> Result<(), Failure> {
        println!("{self}");
        match self.missed {
            0 => Ok(()),
            missed => Err(format!("{missed} goals missed").into()),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<56} {:>16} {:>20}", "", "goal", "measured")?;
        for (what, goal, measured, met) in &self.rows {
            writeln!(f, "{what:<56} {goal:>16} {measured:>20}  {met}")?;
        }
        Ok(())
    }
}
