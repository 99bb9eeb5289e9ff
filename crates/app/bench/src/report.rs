//! The table: what was wanted, what was measured, beside what, and whether it is enough. Only what was measured is told.

use std::fmt::Write as _;

/// Values of one thing, one a repetition.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
}

impl Series {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, values: Vec::new() }
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    /// The middle value; of an even number, the mean of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
        match (sorted.get(low), sorted.get(high)) {
            (Some(low), Some(high)) => f64::midpoint(*low, *high),
            _ => f64::NAN,
        }
    }

    /// The median with its unit.
    pub(crate) fn told(&self) -> String {
        format!("{} {}", number(self.median()), self.unit)
    }

    fn row(&self) -> String {
        let (least, most) = self
            .values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)));
        let (least, most) = (number(least), number(most));
        format!(
            "| {} | {} | {least} – {most} | {} | {} |",
            self.name,
            number(self.median()),
            self.unit,
            self.values.len()
        )
    }
}

/// A number for people: three digits that count, thousands apart.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "none".to_owned();
    }
    if value.abs() < 100.0 {
        let digits = if value.abs() < 10.0 { 2 } else { 1 };
        return format!("{value:.digits$}");
    }
    let whole = format!("{value:.0}");
    let mut told = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// A row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    name: String,
    goal: String,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum Outcome {
    Measured { value: String, floor: String, ratio: String, met: Option<bool> },
    NotThere(String),
    Failed(String),
}

/// What a ratio has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    /// Beside a floor.
    pub(crate) fn beside(name: &str, goal: &str, value: &Series, floor: &Series, wanted: Goal) -> Self {
        let ratio = value.median() / floor.median();
        let met = match wanted {
            Goal::AtLeast(least) => ratio >= least,
            Goal::AtMost(most) => ratio <= most,
        };
        let outcome = Outcome::Measured {
            value: value.told(),
            floor: floor.told(),
            ratio: if ratio.is_finite() { format!("{ratio:.2}") } else { "none".to_owned() },
            met: Some(met),
        };
        Self { name: name.to_owned(), goal: goal.to_owned(), outcome }
    }

    /// Held against a fixed number in the unit of the series; without one it is only told.
    pub(crate) fn alone(name: &str, goal: &str, value: &Series, most: Option<f64>) -> Self {
        let met = most.map(|most| value.median() < most);
        let outcome = Outcome::Measured { value: value.told(), floor: "–".to_owned(), ratio: "–".to_owned(), met };
        Self { name: name.to_owned(), goal: goal.to_owned(), outcome }
    }

    /// Held against a number that it has to reach, in the unit of the series; beside a floor, when there is one, that decides
    /// nothing.
    pub(crate) fn reaching(name: &str, goal: &str, value: &Series, least: f64, floor: Option<&Series>) -> Self {
        let met = Some(value.median() >= least);
        let (value, told) = (value.told(), floor.map(|floor| (floor.told(), value.median() / floor.median())));
        let (floor, ratio) = match told {
            Some((floor, ratio)) if ratio.is_finite() => (floor, format!("{ratio:.2}")),
            Some((floor, _)) => (floor, "none".to_owned()),
            None => ("–".to_owned(), "–".to_owned()),
        };
        let outcome = Outcome::Measured { value, floor, ratio, met };
        Self { name: name.to_owned(), goal: goal.to_owned(), outcome }
    }

    pub(crate) fn not_there(name: &str, goal: &str, why: &str) -> Self {
        Self { name: name.to_owned(), goal: goal.to_owned(), outcome: Outcome::NotThere(why.to_owned()) }
    }

    pub(crate) fn failed(name: &str, why: &str) -> Self {
        let why = why.replace(['\n', '\r'], " ").replace('|', "/");
        let why = why.chars().take(300).collect();
        Self { name: name.to_owned(), goal: "–".to_owned(), outcome: Outcome::Failed(why) }
    }

    fn row(&self) -> String {
        let Self { name, goal, outcome } = self;
        match outcome {
            Outcome::Measured { value, floor, ratio, met } => {
                let met = match met {
                    Some(true) => "yes",
                    Some(false) => "**no**",
                    None => "–",
                };
                format!("| {name} | {goal} | {value} | {floor} | {ratio} | {met} |")
            }
            Outcome::NotThere(why) => format!("| {name} | {goal} | not there: {why} | – | – | – |"),
            Outcome::Failed(why) => format!("| {name} | {goal} | failed: {why} | – | – | **no** |"),
        }
    }
}

/// Everything a run has to tell.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) machine: Vec<String>,
    /// How it was asked for.
    pub(crate) command: String,
    /// What a reader has to know of this run.
    pub(crate) remarks: Vec<String>,
    figures: Vec<Figure>,
    series: Vec<Series>,
}

impl Report {
    /// Empty, of a run that was asked for so.
    pub(crate) fn of(command: String) -> Self {
        Self { command, ..Self::default() }
    }

    pub(crate) fn figure(&mut self, figure: Figure) {
        crate::say(&figure.row());
        self.figures.push(figure);
    }

    pub(crate) fn series(&mut self, series: impl IntoIterator<Item = Series>) {
        self.series.extend(series.into_iter().filter(|series| !series.values.is_empty()));
    }

    /// Whether nothing failed. A goal that was missed is a result.
    pub(crate) fn whole(&self) -> bool {
        !self.figures.iter().any(|figure| matches!(figure.outcome, Outcome::Failed(_)))
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text =
            "| figure | goal | measured | floor | ratio | met |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
        let mut line = |row: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{row}");
        };
        for figure in &self.figures {
            line(&figure.row());
        }
        line("\nWhat the table is made of, medians and spreads over the repetitions:\n");
        line("| | median | spread | unit | repetitions |\n| --- | --- | --- | --- | --- |");
        for series in &self.series {
            line(&series.row());
        }
        line("");
        for remark in &self.remarks {
            line(&format!("- {remark}"));
        }
        line(&format!("\nMeasured by `{}` on:\n", self.command));
        for machine in &self.machine {
            line(&format!("- {machine}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        let mut series = Series::new("rooms", "req/s");
        for value in values {
            series.push(*value);
        }
        series
    }

    #[test]
    fn a_median_is_in_the_middle_and_of_nothing_there_is_none() {
        assert_eq!(series(&[3.0, 100_000.0, 2.0]).told(), "3.00 req/s");
        assert_eq!(series(&[1.0, 2.0]).told(), "1.50 req/s");
        assert!(series(&[]).median().is_nan());
        assert_eq!(series(&[]).told(), "none req/s");
    }

    #[test]
    fn numbers_are_for_people() {
        let told: Vec<String> = [0.456, 12.34, 123.4, 1_234.5, 1_234_567.0].map(number).to_vec();
        assert_eq!(told, ["0.46", "12.3", "123", "1,234", "1,234,567"]);
    }

    #[test]
    fn a_goal_is_judged_by_the_ratio_of_medians() {
        let (value, floor) = (series(&[45.0]), series(&[100.0]));
        let row = |wanted| Figure::beside("rooms", "≥ 45 %", &value, &floor, wanted).row();
        assert!(row(Goal::AtLeast(0.45)).ends_with("| 0.45 | yes |"), "{}", row(Goal::AtLeast(0.45)));
        assert!(row(Goal::AtLeast(0.46)).ends_with("| **no** |"));
        assert!(row(Goal::AtMost(0.5)).ends_with("| yes |"));
        let missing = Figure::beside("rooms", "≥ 45 %", &series(&[]), &floor, Goal::AtLeast(0.1));
        assert!(missing.row().ends_with("| none | **no** |"), "what was not measured meets no goal");
    }

    #[test]
    fn a_number_is_reached_whatever_the_floor_is() {
        let (value, floor) = (series(&[1_500.0]), series(&[3_000.0]));
        let row = |least, floor| Figure::reaching("payments", "≥ 1,500/s", &value, least, floor).row();
        assert!(row(1_500.0, None).ends_with("| 1,500 req/s | – | – | yes |"), "{}", row(1_500.0, None));
        assert!(row(1_501.0, Some(&floor)).ends_with("| 3,000 req/s | 0.50 | **no** |"));
        let missing = Figure::reaching("payments", "≥ 1,500/s", &series(&[]), 1.0, None).row();
        assert!(missing.ends_with("| **no** |"), "what was not measured reaches nothing: {missing}");
    }

    #[test]
    fn a_run_with_a_failure_is_not_whole() {
        let mut report = Report::default();
        report.figures.push(Figure::not_there("sockets", "–", "no /ws"));
        assert!(report.whole());
        report.figures.push(Figure::failed("login", "refused\n| everybody"));
        assert!(!report.whole());
        assert!(report.markdown().contains("failed: refused / everybody"));
    }
}
