//! Texts that want to break out, and names that the typeface cannot draw.

use domicile_billing::ports::{Printer as _, ReceiptLine, ReceiptSheet, StatementLine, StatementSheet};
use domicile_kernel::{Currency, Instant, Money};
use proptest::prelude::*;

use crate::{
    poppler,
    sheets::{cedis, printer, receipt, statement},
};

fn hostile() -> Vec<String> {
    vec![
        "(((unbalanced \\( \\ \\\\ ) > >> endstream endobj".into(),
        "first\nsecond\r\nthird\tfourth\u{b}\u{c}\u{85}\u{2028}fifth\0sixth".into(),
        "ET Q /R 99 Tf <0001> Tj (x) Tj %comment".into(),
        "\u{202e}gnp.exe\u{202c} \u{2066}x\u{2069} \u{200f}\u{feff}".into(),
        "👩‍👩‍👧‍👦 🏠🇬🇭 🏳️‍🌈".into(),
        "x".repeat(10_000),
        "W ".repeat(5_000),
        "e\u{301}\u{302}\u{303}\u{304}".repeat(2_500),
        "王".repeat(10_000),
        "م".repeat(10_000),
        String::new(),
        " \n ".into(),
    ]
}

fn inside(pdf: &[u8]) {
    let pages: usize = poppler::info(pdf, "Pages").parse().unwrap();
    for word in poppler::words(pdf) {
        let fits = word.left >= 53.0 && word.right <= 542.5 && word.top >= 30.0 && word.bottom <= 830.0;
        assert!(fits && word.page <= pages, "{word:?}");
    }
}

#[test]
fn whatever_a_text_is_it_stays_in_its_place() {
    for text in hostile() {
        let sheet = ReceiptSheet {
            hostel: text.clone(),
            number: text.clone(),
            payer: text.clone(),
            provider: text.clone(),
            lines: vec![
                ReceiptLine { text: text.clone(), amount: cedis(i64::MAX) },
                ReceiptLine { text: "after it".into(), amount: cedis(i64::MIN) },
            ],
            ..receipt()
        };
        let pdf = printer().receipt(&sheet).unwrap();
        inside(&pdf);
        let seen = poppler::text(&pdf);
        for expected in ["Receipt", "after it", "₵92,233,720,368,547,758.07", "Amount paid ₵1,350.50", "Page 1 of 1"]
        {
            assert!(seen.contains(expected), "`{expected}` is not in: {seen}");
        }

        let line = StatementLine { text: text.clone(), ..statement(1).lines[0].clone() };
        let mut sheet = StatementSheet { hostel: text.clone(), person: text, ..statement(3) };
        sheet.lines[1] = line;
        let pdf = printer().statement(&sheet).unwrap();
        inside(&pdf);
        let seen = poppler::text(&pdf);
        assert!(seen.contains("period 0000") && seen.contains("period 0002"), "{seen}");
    }
}

#[test]
fn signs_of_the_format_are_told_as_they_were_written() {
    let text = "(paid) \\ 50% <b>R&D</b> [1] /Name #20 {x} ~ \"q\" 'a'";
    let sheet = ReceiptSheet { lines: vec![ReceiptLine { text: text.into(), amount: cedis(1) }], ..receipt() };
    let seen = poppler::text(&printer().receipt(&sheet).unwrap());
    assert!(seen.contains(text), "{seen}");
}

#[test]
fn names_of_people_can_be_copied_out_whatever_their_letters_are() {
    for name in [
        "José Ñúñez-Łukasz Őrsi",
        "Ọláyínká Ṣadé Ẹniọlá",
        "Kɔfi Ŋutsuga Ɛsi Ɔbaa",
        "Αθηνά Цветана",
        "王小明",
        "Ἀρχιμήδης",
    ] {
        let seen = poppler::text(&printer().receipt(&ReceiptSheet { payer: name.into(), ..receipt() }).unwrap());
        assert!(seen.contains(name), "`{name}` is not in: {seen}");
    }
    // Written from right to left; `pdftotext` says so with two marks.
    for name in ["محمد", "שרה כהן"] {
        let pages = poppler::pages(&printer().receipt(&ReceiptSheet { payer: name.into(), ..receipt() }).unwrap());
        let seen = pages.concat().replace(['\u{202a}', '\u{202b}', '\u{202c}'], "");
        assert!(seen.contains(name), "`{name}` is not in: {seen}");
    }
}

#[test]
fn accents_that_no_single_character_has_stay_with_their_letter() {
    let written = "Ọ\u{301}lá K\u{254}\u{301}fi \u{190}\u{300}si";
    let seen = poppler::text(&printer().receipt(&ReceiptSheet { payer: written.into(), ..receipt() }).unwrap());
    for part in ["Ọ", "lá", "\u{254}", "fi", "\u{190}", "si", "\u{301}", "\u{300}"] {
        assert!(seen.contains(part), "{part} of {written} is not in: {seen}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn every_sheet_can_be_printed(
        hostel in any::<String>(),
        person in any::<String>(),
        texts in proptest::collection::vec((any::<String>(), any::<i64>(), any::<i64>(), any::<i64>()), 0..40),
        amount in any::<i64>(),
        refunded in any::<i64>(),
        currency in prop_oneof![Just("GHS"), Just("INR"), Just("JPY"), Just("KWD"), Just("CLF")],
    ) {
        let money = |minor: i64| Money::new(minor, Currency::parse(currency).unwrap());
        let printer = printer();
        let pdf = printer.receipt(&ReceiptSheet {
            hostel: hostel.clone(),
            payer: person.clone(),
            number: person.clone(),
            provider: person.clone(),
            lines: texts.iter().map(|(text, amount, ..)| ReceiptLine { text: text.clone(), amount: money(*amount) }).collect(),
            amount: money(amount),
            refunded: money(refunded),
            ..receipt()
        });
        prop_assert!(pdf.is_ok_and(|pdf| pdf.starts_with(b"%PDF-1.7") && pdf.ends_with(b"%%EOF")));
        let line = |(text, at, amount, balance): &(String, i64, i64, i64)| StatementLine {
            at: Instant::from_micros(*at),
            text: text.clone(),
            amount: money(*amount),
            balance: money(*balance),
        };
        let pdf = printer.statement(&StatementSheet {
            hostel,
            person,
            opening: money(amount),
            lines: texts.iter().map(line).collect(),
            closing: money(refunded),
            ..statement(0)
        });
        prop_assert!(pdf.is_ok_and(|pdf| pdf.starts_with(b"%PDF-1.7") && pdf.ends_with(b"%%EOF")));
    }
}
