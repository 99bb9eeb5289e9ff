//! The table of a sheet: columns as wide as what is in them, a head on each page, rows that stay whole.

use super::{BODY, LABEL};
use crate::{
    font::{Fonts, Weight},
    page::{INNER, Ink, MARGIN, Page, Style},
    sheet::{Kind, Sheet},
    text,
};

const HEAD: Style = Style::new(8.5, Weight::Bold, Ink::Muted);
/// Between two columns.
const GAP: f32 = 14.0;
/// Above and below the text of a row.
const PAD: f32 = 4.0;
/// The words of a row get so much, however wide the amounts are.
const LEAST_WORDS: f32 = 120.0;
/// A date is never wider.
const MOST_DATE: f32 = 110.0;
/// The words of a row take no more lines.
const MOST_LINES: usize = 4;

/// Where each column begins, how wide it is, how it is set.
pub(super) struct Widths(Vec<Place>);

struct Place {
    x: f32,
    width: f32,
    kind: Kind,
}

/// The lines of each cell.
pub(super) struct Row(Vec<Vec<String>>);

impl Row {
    pub(super) fn height(&self) -> f32 {
        let lines = self.0.iter().map(Vec::len).max().unwrap_or(1).max(1);
        lines as f32 * BODY.leading() + 2.0 * PAD
    }
}

impl Widths {
    /// Gives dates and amounts what they need and the words the rest.
    pub(super) fn measure(fonts: &Fonts, sheet: &Sheet) -> Self {
        let natural: Vec<f32> = sheet
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let head = fonts.of(HEAD.weight).width(&text::clean(&column.head), HEAD.size);
                let cells = sheet.rows.iter().filter_map(|row| row.get(at));
                let widest =
                    cells.map(|cell| fonts.of(BODY.weight).width(&text::clean(cell), BODY.size)).fold(head, f32::max);
                match column.kind {
                    Kind::Date => widest.min(MOST_DATE),
                    Kind::Amount => widest,
                    Kind::Words => 0.0,
                }
            })
            .collect();

        let of_kind = |wanted: Kind| {
            let widths = sheet.columns.iter().zip(&natural).filter(move |(column, _)| column.kind == wanted);
            widths.map(|(_, width)| *width).sum::<f32>()
        };
        let words = sheet.columns.iter().filter(|column| column.kind == Kind::Words).count() as f32;
        let free = INNER - GAP * (sheet.columns.len().max(1) - 1) as f32 - of_kind(Kind::Date);
        let amounts = of_kind(Kind::Amount);
        let shrink = ((free - words * LEAST_WORDS) / amounts.max(1.0)).clamp(0.0, 1.0);
        let each_words = if words > 0.0 { (free - amounts * shrink) / words } else { 0.0 };

        let mut x = MARGIN;
        let places = sheet.columns.iter().zip(natural).map(|(column, natural)| {
            let width = match column.kind {
                Kind::Date => natural,
                Kind::Amount => natural * shrink,
                Kind::Words => each_words,
            };
            let place = Place { x, width, kind: column.kind };
            x += width + GAP;
            place
        });
        Self(places.collect())
    }

    /// Sets the head; gives its lower edge.
    pub(super) fn head(&self, fonts: &Fonts, sheet: &Sheet, page: &mut Page, top: f32) -> f32 {
        let font = fonts.of(HEAD.weight);
        for (place, column) in self.0.iter().zip(&sheet.columns) {
            let head = text::clean(&column.head);
            match place.kind {
                Kind::Amount => page.put_right(fonts, place.x + place.width, top, place.width, HEAD, &head),
                Kind::Date | Kind::Words => {
                    page.put(place.x, top, HEAD, text::cut(font, HEAD.size, &head, place.width));
                }
            }
        }
        let y = top + HEAD.leading() + 4.0;
        page.rule(y, 0.9, Ink::Text);
        y + 1.0
    }

    /// Breaks a row's cells into lines.
    pub(super) fn row(&self, fonts: &Fonts, cells: &[String]) -> Row {
        let font = fonts.of(BODY.weight);
        let lines = self.0.iter().enumerate().map(|(at, place)| {
            let cell = text::clean(cells.get(at).map_or("", String::as_str));
            match place.kind {
                Kind::Words => text::wrap(font, BODY.size, &cell, place.width, MOST_LINES),
                Kind::Date => vec![text::cut(font, BODY.size, &cell, place.width)],
                Kind::Amount => vec![cell],
            }
        });
        Row(lines.collect())
    }

    /// Sets a row; gives its lower edge.
    pub(super) fn put(&self, fonts: &Fonts, row: &Row, page: &mut Page, top: f32) -> f32 {
        for (place, lines) in self.0.iter().zip(&row.0) {
            let mut y = top + PAD;
            for line in lines {
                match place.kind {
                    Kind::Amount => page.put_right(fonts, place.x + place.width, y, place.width, BODY, line),
                    Kind::Date => page.put(place.x, y, Style { ink: LABEL.ink, ..BODY }, line.as_str()),
                    Kind::Words => page.put(place.x, y, BODY, line.as_str()),
                }
                y += BODY.leading();
            }
        }
        let bottom = top + row.height();
        page.rule(bottom, 0.5, Ink::Hairline);
        bottom + 0.5
    }
}
