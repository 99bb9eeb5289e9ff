//! A statement as a sheet: what was owed, what happened, what is owed now.

use domicile_billing::ports::StatementSheet;
use domicile_kernel::Money;

use crate::{
    calendar::{self, Wall},
    sheet::{Column, Highlight, Kind, Sheet, Total},
};

pub(crate) fn sheet(statement: &StatementSheet) -> Sheet {
    let wall = Wall::of(&statement.zone);
    let (from, to) = (calendar::day(statement.from), calendar::day(statement.to));
    let owed = statement.closing.amount_minor();
    let (label, remark) = match owed {
        1.. => ("Balance due", format!("Owed on {to}")),
        0 => ("Balance due", "Nothing is owed".to_owned()),
        _ => ("In credit", "Credit for what comes".to_owned()),
    };

    let mut rows = vec![vec![
        from.clone(),
        "Opening balance".to_owned(),
        String::new(),
        String::new(),
        statement.opening.printed(),
    ]];
    rows.extend(statement.lines.iter().map(|line| {
        let (charged, credited) = match line.amount.amount_minor() {
            0.. => (line.amount.printed(), String::new()),
            _ => (String::new(), positive(line.amount)),
        };
        vec![wall.day(line.at), line.text.clone(), charged, credited, line.balance.printed()]
    }));

    Sheet {
        title: "Statement".into(),
        number: format!("{from} – {to}"),
        issuer: statement.hostel.clone(),
        person_label: "Account of".into(),
        person: statement.person.clone(),
        facts: vec![
            ("From".into(), from.clone()),
            ("To".into(), to),
            ("Made on".into(), wall.day_and_time(statement.made_at)),
        ],
        highlight: Some(Highlight {
            label: label.into(),
            amount: if owed < 0 { positive(statement.closing) } else { statement.closing.printed() },
            remark,
        }),
        columns: [
            ("Date", Kind::Date),
            ("Description", Kind::Words),
            ("Charged", Kind::Amount),
            ("Paid or credited", Kind::Amount),
            ("Balance", Kind::Amount),
        ]
        .map(|(head, kind)| Column { head: head.into(), kind })
        .into(),
        rows,
        totals: totals(statement),
        notes: vec![format!(
            "The balance is what is owed; a balance below zero is credit. Days are those of {}.",
            statement.zone.name().replace('_', " ")
        )],
        ..Sheet::default()
    }
}

fn totals(statement: &StatementSheet) -> Vec<Total> {
    let mut totals = vec![("Opening balance", statement.opening.printed(), false)];
    // Sums that do not fit are left out rather than told wrong; the closing balance is the sheet's own.
    if let (Some(charged), Some(credited)) = (sum(statement, |minor| minor > 0), sum(statement, |minor| minor < 0)) {
        totals.push(("Charged", charged.printed(), false));
        totals.push(("Paid or credited", credited.printed(), false));
    }
    totals.push(("Closing balance", statement.closing.printed(), true));
    totals.into_iter().map(|(label, amount, is_final)| Total { label: label.into(), amount, is_final }).collect()
}

fn sum(statement: &StatementSheet, counts: impl Fn(i64) -> bool) -> Option<Money> {
    let mut amounts = statement.lines.iter().map(|line| line.amount).filter(|amount| counts(amount.amount_minor()));
    amounts.try_fold(Money::zero(statement.closing.currency()), |sum, amount| sum.checked_add(amount).ok())
}

/// A credit without its minus: its column says which way it went.
fn positive(amount: Money) -> String {
    amount.checked_mul(-1).unwrap_or(amount).printed()
}
