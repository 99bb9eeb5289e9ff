//! A receipt as a sheet: what was paid, what it was used for, what came back since.

use domicile_billing::ports::ReceiptSheet;
use domicile_kernel::Money;

use crate::{
    calendar::Wall,
    sheet::{Column, Highlight, Kind, Sheet, Total},
};

pub(crate) fn sheet(receipt: &ReceiptSheet) -> Sheet {
    let wall = Wall::of(&receipt.zone);
    let was_refunded = receipt.refunded.amount_minor() != 0;
    let kept = subtract(receipt.amount, receipt.refunded);
    let remark = match kept {
        Some(kept) if was_refunded && kept.amount_minor() <= 0 => "Refunded in full".to_owned(),
        _ if was_refunded => format!("{} refunded since", receipt.refunded.printed()),
        _ => "Paid".to_owned(),
    };

    let mut totals = vec![total("Amount paid", receipt.amount, !was_refunded)];
    if was_refunded {
        let refunded = subtract(Money::zero(receipt.refunded.currency()), receipt.refunded);
        totals.push(total("Refunded", refunded.unwrap_or(receipt.refunded), kept.is_none()));
        totals.extend(kept.map(|kept| total("Paid after refunds", kept, true)));
    }

    Sheet {
        title: "Receipt".into(),
        number: receipt.number.clone(),
        issuer: receipt.hostel.clone(),
        person_label: "Received from".into(),
        person: receipt.payer.clone(),
        facts: vec![
            ("Paid on".into(), wall.day_and_time(receipt.paid_at)),
            ("Paid by".into(), capitalised(&receipt.provider)),
            ("Reference".into(), receipt.number.clone()),
        ],
        highlight: Some(Highlight { label: "Amount paid".into(), amount: receipt.amount.printed(), remark }),
        columns: vec![
            Column { head: "Description".into(), kind: Kind::Words },
            Column { head: "Amount".into(), kind: Kind::Amount },
        ],
        rows: receipt.lines.iter().map(|line| vec![line.text.clone(), line.amount.printed()]).collect(),
        no_rows: "Not used for an invoice yet.".into(),
        totals,
        notes: vec![format!(
            "Made on {}. Times are those of {}.",
            wall.day_and_time(receipt.made_at),
            receipt.zone.name().replace('_', " ")
        )],
        ..Sheet::default()
    }
}

fn total(label: &str, amount: Money, is_final: bool) -> Total {
    Total { label: label.into(), amount: amount.printed(), is_final }
}

fn subtract(from: Money, amount: Money) -> Option<Money> {
    amount.checked_mul(-1).and_then(|negative| from.checked_add(negative)).ok()
}

/// `paystack` is a name to a program, `Paystack` to a person.
fn capitalised(name: &str) -> String {
    let mut rest = name.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
