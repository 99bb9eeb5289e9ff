//! Whatever the texts of a sheet are, each page is inside its margins, and no row is lost.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::{
    page::{Run, WIDTH},
    sheet::{Column, Kind},
};

static FONTS: LazyLock<Fonts> = LazyLock::new(|| Fonts::new().unwrap());

fn column(head: &str, kind: Kind) -> Column {
    Column { head: head.to_owned(), kind }
}

fn sheet() -> Sheet {
    Sheet {
        title: "Statement".into(),
        number: "ST-7".into(),
        issuer: "Sunrise Hostel".into(),
        issuer_lines: vec!["12 Ring Road".into(), "Accra".into()],
        person_label: "Account of".into(),
        person: "Ama Mensah".into(),
        facts: vec![("Date".into(), "1 September 2026".into())],
        columns: vec![
            column("Date", Kind::Date),
            column("Description", Kind::Words),
            column("Amount", Kind::Amount),
            column("Balance", Kind::Amount),
        ],
        totals: vec![Total { label: "Balance due".into(), amount: "₵450.00".into(), is_final: true }],
        ..Sheet::default()
    }
}

fn rows(count: usize) -> Vec<Vec<String>> {
    let row = |at: usize| ["1 Sep 2026".to_owned(), format!("Rent {at}"), "₵450.00".to_owned(), "₵450.00".to_owned()];
    (0..count).map(|at| row(at).to_vec()).collect()
}

fn texts(page: &Page) -> Vec<&str> {
    page.runs.iter().map(|run| run.text.as_str()).collect()
}

/// Left, right, upper and lower edge of a text as it is drawn.
fn edges(run: &Run) -> [f32; 4] {
    let width = FONTS.of(run.style.weight).width(&run.text, run.style.size);
    [run.x, run.x + width, run.y - run.style.size, run.y + run.style.size * 0.4]
}

#[test]
fn each_page_has_the_table_s_head_the_number_of_the_sheet_and_its_own() {
    let pages = set(&FONTS, &Sheet { rows: rows(100), ..sheet() });
    assert!(pages.len() > 2);
    for (at, page) in pages.iter().enumerate() {
        let texts = texts(page);
        for expected in ["Date", "Description", "Amount", "Balance", "Sunrise Hostel"] {
            assert!(texts.contains(&expected), "page {at} without {expected}: {texts:?}");
        }
        assert!(texts.contains(&format!("Page {} of {}", at + 1, pages.len()).as_str()), "{texts:?}");
        assert!(texts.iter().any(|text| text.contains("ST-7")), "{texts:?}");
    }
}

#[test]
fn every_row_is_on_exactly_one_page_and_in_order() {
    for count in [0, 1, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 200] {
        let pages = set(&FONTS, &Sheet { rows: rows(count), ..sheet() });
        let set: Vec<&str> = pages.iter().flat_map(texts).filter(|text| text.starts_with("Rent ")).collect();
        let expected: Vec<String> = (0..count).map(|at| format!("Rent {at}")).collect();
        assert_eq!(set, expected);
    }
}

#[test]
fn amounts_end_at_one_line_and_are_never_cut() {
    let widest = "-₵92,233,720,368,547,758.08";
    let mut rows = rows(3);
    rows[1][2] = widest.to_owned();
    rows[1][3] = widest.to_owned();
    let pages = set(&FONTS, &Sheet { rows, ..sheet() });
    let amounts: Vec<&Run> = pages[0].runs.iter().filter(|run| run.text.contains('₵') && run.style == BODY).collect();
    assert_eq!(amounts.len(), 6);
    assert_eq!(amounts.iter().filter(|run| run.text == widest).count(), 2);
    let at_the_end = amounts.iter().filter(|run| (edges(run)[1] - RIGHT).abs() < 0.01).count();
    assert_eq!(at_the_end, 3, "{amounts:?}");
}

#[test]
fn the_sums_stay_together_and_never_fall_off_the_page() {
    let totals: Vec<Total> = ["Opening", "Charges", "Payments"]
        .map(|label| Total { label: label.into(), amount: "₵1.00".into(), is_final: false })
        .into();
    for count in 20..40 {
        let pages = set(&FONTS, &Sheet { rows: rows(count), totals: totals.clone(), ..sheet() });
        let last = texts(pages.last().unwrap());
        for total in &totals {
            assert!(last.contains(&total.label.as_str()), "{count} rows: {last:?}");
        }
        assert!(last.contains(&format!("Rent {}", count - 1).as_str()), "{count} rows, the sums alone: {last:?}");
    }
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,200}",
        "[\u{600}-\u{6ff}\u{202e}\u{301} ]{0,60}",
        Just("\u{202e}(evil) \\ \r\n BT /R 99 Tf <feff> Tj".to_owned()),
        (1usize..3, "\\PC{1,3}").prop_map(|(times, text)| text.repeat(times * 4_000)),
        Just("👩‍👩‍👧‍👦🏠".repeat(40)),
    ]
}

prop_compose! {
    fn any_sheet()(
        texts in proptest::collection::vec(hostile(), 9),
        lines in proptest::collection::vec(hostile(), 0..12),
        facts in proptest::collection::vec((hostile(), hostile()), 0..12),
        rows in proptest::collection::vec(proptest::collection::vec(hostile(), 0..6), 0..30),
        totals in proptest::collection::vec((hostile(), hostile(), any::<bool>()), 0..9),
        highlight in any::<bool>(),
        mut kinds in proptest::collection::vec(
            prop_oneof![Just(Kind::Date), Just(Kind::Words), Just(Kind::Amount)], 0..3),
    ) -> Sheet {
        let text = |at: usize| texts[at].clone();
        kinds.push(Kind::Words);
        Sheet {
            title: text(0), number: text(1), issuer: text(2), issuer_lines: lines.clone(),
            person_label: text(3), person: text(4), person_lines: lines.clone(), facts,
            highlight: highlight.then(|| Highlight { label: text(5), amount: text(6), remark: text(7) }),
            columns: kinds.into_iter().map(|kind| Column { head: text(8), kind }).collect(),
            rows, no_rows: text(8),
            totals: totals.into_iter().map(|(label, amount, is_final)| Total { label, amount, is_final }).collect(),
            notes: lines,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn nothing_leaves_the_page_and_no_two_texts_of_a_line_overlap(sheet in any_sheet()) {
        for page in set(&FONTS, &sheet) {
            let lines: Vec<[f32; 4]> = page.runs.iter().map(edges).collect();
            for (run, [left, right, upper, lower]) in page.runs.iter().zip(&lines) {
                prop_assert!(*left >= MARGIN - 0.1 && *right <= RIGHT + 0.1, "{run:?}");
                prop_assert!(*upper >= TOP - 8.0 && *lower <= HEIGHT - 20.0, "{run:?}");
                prop_assert!(!run.text.contains(|c: char| c.is_control()), "{run:?}");
            }
            for area in &page.areas {
                prop_assert!(area.x >= 0.0 && area.x + area.width <= WIDTH && area.y + area.height <= HEIGHT, "{area:?}");
            }
            // Texts that stand on one line, from left to right.
            let mut beside: Vec<(f32, [f32; 4])> = page.runs.iter().map(|run| run.y).zip(lines).collect();
            beside.sort_by(|(y, a), (other, b)| y.total_cmp(other).then(a[0].total_cmp(&b[0])));
            for pair in beside.windows(2) {
                let on_one_line = (pair[0].0 - pair[1].0).abs() < f32::EPSILON;
                prop_assert!(!on_one_line || pair[0].1[1] <= pair[1].1[0] + 0.1, "{pair:?}");
            }
        }
    }
}
