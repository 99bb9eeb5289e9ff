//! Setting a sheet: every text gets its place and every row its page. Nothing leaves the page, whatever the texts are.

mod table;

use self::table::Widths;
use crate::{
    font::{Fonts, Weight},
    page::{Area, HEIGHT, INNER, Ink, MARGIN, Page, RIGHT, Style},
    sheet::{Highlight, Sheet, Total},
    text,
};

/// Above everything.
const TOP: f32 = 50.0;
/// Where the foot of a page begins; nothing else comes lower.
const FOOT: f32 = HEIGHT - 52.0;
/// Sums that are higher than this may be torn apart.
const MOST_TOGETHER: f32 = 400.0;

const TITLE: Style = Style::new(21.0, Weight::Bold, Ink::Accent);
const ISSUER: Style = Style::new(15.0, Weight::Bold, Ink::Text);
const PERSON: Style = Style::new(12.0, Weight::Bold, Ink::Text);
const FIGURE: Style = Style::new(22.0, Weight::Bold, Ink::Accent);
const BODY: Style = Style::new(9.5, Weight::Regular, Ink::Text);
const STRONG: Style = Style::new(9.5, Weight::Bold, Ink::Text);
const FINAL: Style = Style::new(11.5, Weight::Bold, Ink::Text);
const LABEL: Style = Style::new(8.5, Weight::Regular, Ink::Muted);
const SMALL: Style = Style::new(8.0, Weight::Regular, Ink::Muted);

/// The pages of a sheet, at least one.
pub(crate) fn set(fonts: &Fonts, sheet: &Sheet) -> Vec<Page> {
    let mut flow = Flow { fonts, sheet, done: Vec::new(), page: Page::default(), y: TOP };
    flow.head();
    flow.facts();
    if let Some(highlight) = &sheet.highlight {
        flow.highlight(highlight);
    }
    flow.table();
    flow.totals();
    flow.notes();
    flow.finish()
}

/// A sheet on its way to pages: `y` is the lower edge of what is set on the page.
struct Flow<'a> {
    fonts: &'a Fonts,
    sheet: &'a Sheet,
    done: Vec<Page>,
    page: Page,
    y: f32,
}

impl Flow<'_> {
    /// Who gives the sheet on the left, what it is on the right.
    fn head(&mut self) {
        let sheet = self.sheet;
        let right_room = 190.0;
        let left = self.lines(MARGIN, TOP, INNER - right_room - 24.0, ISSUER, &sheet.issuer, 2);
        let mut y = left + 2.0;
        for line in sheet.issuer_lines.iter().take(6) {
            y = self.lines(MARGIN, y, INNER - right_room - 24.0, LABEL, line, 2);
        }
        // The two names stand on one line though their sizes differ.
        let top = TOP + ISSUER.baseline() - TITLE.baseline();
        let title = self.cut(TITLE, &sheet.title, right_room);
        self.page.put_right(self.fonts, RIGHT, top, right_room, TITLE, &title);
        let number = self.cut(LABEL, &sheet.number, right_room);
        let number_top = top + TITLE.leading();
        self.page.put_right(self.fonts, RIGHT, number_top, right_room, LABEL, &number);

        self.y = y.max(number_top + LABEL.leading()) + 14.0;
        self.page.rule(self.y, 1.2, Ink::Accent);
        self.y += 18.0;
    }

    /// Who the sheet is for on the left, names and values on the right.
    fn facts(&mut self) {
        let sheet = self.sheet;
        let column = 250.0;
        let x = RIGHT - column;
        let left_room = INNER - column - 24.0;

        let mut left = self.y;
        if !sheet.person.is_empty() {
            left = self.lines(MARGIN, left, left_room, LABEL, &sheet.person_label, 1);
            left = self.lines(MARGIN, left, left_room, PERSON, &sheet.person, 2) + 1.0;
        }
        for line in sheet.person_lines.iter().take(4) {
            left = self.lines(MARGIN, left, left_room, LABEL, line, 2);
        }

        let mut right = self.y;
        for (label, value) in sheet.facts.iter().take(10) {
            let label = self.cut(BODY, label, 92.0);
            self.page.put(x, right, Style { ink: Ink::Muted, ..BODY }, label);
            let value = text::clean(value);
            let lines = text::wrap(self.fonts.of(BODY.weight), BODY.size, &value, column - 98.0, 3);
            for line in &lines {
                self.page.put_right(self.fonts, RIGHT, right, column - 98.0, BODY, line);
                right += BODY.leading();
            }
            right += if lines.is_empty() { BODY.leading() + 2.0 } else { 2.0 };
        }
        self.y = left.max(right) + 16.0;
    }

    /// The figure that people look for.
    fn highlight(&mut self, highlight: &Highlight) {
        let height = 58.0;
        let (y, room) = (self.y, INNER * 0.55);
        self.page.areas.push(Area { x: MARGIN, y, width: INNER, height, ink: Ink::Panel });
        self.page.areas.push(Area { x: MARGIN, y, width: 3.0, height, ink: Ink::Accent });

        let label = self.cut(LABEL, &highlight.label, room);
        self.page.put(MARGIN + 18.0, y + 10.0, LABEL, label);
        let amount = text::clean(&highlight.amount);
        let size = text::size_to_fit(self.fonts.of(FIGURE.weight), FIGURE.size, &amount, room);
        self.page.put(MARGIN + 18.0, y + 23.0, Style { size, ..FIGURE }, amount);
        let remark = self.cut(STRONG, &highlight.remark, INNER - room - 50.0);
        let middle = y + height / 2.0 - STRONG.leading() / 2.0;
        self.page.put_right(self.fonts, RIGHT - 18.0, middle, room, STRONG, &remark);
        self.y += height + 18.0;
    }

    fn table(&mut self) {
        let sheet = self.sheet;
        if sheet.columns.is_empty() {
            return;
        }
        let widths = Widths::measure(self.fonts, sheet);
        self.room_for(60.0);
        self.y = widths.head(self.fonts, sheet, &mut self.page, self.y);
        if sheet.rows.is_empty() && !sheet.no_rows.is_empty() {
            self.y =
                self.lines(MARGIN, self.y + 6.0, INNER, Style { ink: Ink::Muted, ..BODY }, &sheet.no_rows, 2) + 6.0;
            self.page.rule(self.y, 0.5, Ink::Hairline);
        }
        for (at, row) in sheet.rows.iter().enumerate() {
            let row = widths.row(self.fonts, row);
            // The last row takes the sums with it: they do not stand on a page of their own.
            let is_last = at + 1 == sheet.rows.len();
            let sums = if is_last && self.totals_height() < MOST_TOGETHER { self.totals_height() + 12.0 } else { 0.0 };
            if self.y + row.height() + sums > FOOT - 8.0 {
                self.next_page();
                self.y = widths.head(self.fonts, sheet, &mut self.page, self.y);
            }
            self.y = widths.put(self.fonts, &row, &mut self.page, self.y);
        }
        self.y += 12.0;
    }

    /// Sums, on the right half. They stay together.
    fn totals(&mut self) {
        if self.totals_height() < MOST_TOGETHER {
            self.room_for(self.totals_height());
        }
        let column = 270.0;
        let x = RIGHT - column;
        for total in &self.sheet.totals {
            self.room_for(total_height(total));
            let style = if total.is_final { FINAL } else { BODY };
            if total.is_final {
                self.page.areas.push(Area { x, y: self.y + 3.0, width: column, height: 0.9, ink: Ink::Text });
                self.y += 8.0;
            }
            let amount = text::clean(&total.amount);
            let wide = self.fonts.of(style.weight).width(&amount, style.size).min(column * 0.6);
            let label = self.cut(style, &total.label, column - wide - 12.0);
            let ink = if total.is_final { Ink::Text } else { Ink::Muted };
            self.page.put(x, self.y, Style { ink, ..style }, label);
            self.page.put_right(self.fonts, RIGHT, self.y, column * 0.6, style, &amount);
            self.y += style.leading() + 3.0;
        }
    }

    fn totals_height(&self) -> f32 {
        self.sheet.totals.iter().map(total_height).sum()
    }

    /// Sentences at the end. One that is long goes on on the next page.
    fn notes(&mut self) {
        if !self.sheet.notes.is_empty() {
            self.y += 20.0;
        }
        for note in &self.sheet.notes {
            let note = text::clean(note);
            for line in text::wrap(self.fonts.of(LABEL.weight), LABEL.size, &note, INNER, 40) {
                self.room_for(LABEL.leading());
                self.page.put(MARGIN, self.y, LABEL, line);
                self.y += LABEL.leading();
            }
            self.y += 4.0;
        }
    }

    /// Feet last: only now it is known how many pages there are.
    fn finish(mut self) -> Vec<Page> {
        self.done.push(self.page);
        let count = self.done.len();
        let font = self.fonts.of(SMALL.weight);
        let name = text::clean(&format!("{} · {} {}", self.sheet.issuer, self.sheet.title, self.sheet.number));
        let name = text::cut(font, SMALL.size, &name, INNER - 90.0);
        for (index, page) in self.done.iter_mut().enumerate() {
            page.rule(FOOT + 6.0, 0.5, Ink::Hairline);
            page.put(MARGIN, FOOT + 12.0, SMALL, name.as_str());
            let number = format!("Page {} of {count}", index + 1);
            page.put_right(self.fonts, RIGHT, FOOT + 12.0, 84.0, SMALL, &number);
        }
        self.done
    }

    /// Turns the page unless so much height is left.
    fn room_for(&mut self, height: f32) {
        if self.y + height > FOOT - 8.0 {
            self.next_page();
        }
    }

    /// A new page with a head of one line.
    fn next_page(&mut self) {
        self.done.push(std::mem::take(&mut self.page));
        let title = format!("{} {}", self.sheet.title, self.sheet.number);
        let title = self.cut(STRONG, &title, INNER * 0.5 - 12.0);
        let issuer = self.cut(STRONG, &self.sheet.issuer, INNER * 0.5 - 12.0);
        self.page.put(MARGIN, TOP, STRONG, issuer);
        self.page.put_right(self.fonts, RIGHT, TOP, INNER * 0.5, Style { ink: Ink::Accent, ..STRONG }, &title);
        self.page.rule(TOP + STRONG.leading() + 4.0, 1.2, Ink::Accent);
        self.y = TOP + STRONG.leading() + 18.0;
    }

    /// Sets a text of others in at most so many lines; gives the lower edge.
    fn lines(&mut self, x: f32, top: f32, room: f32, style: Style, raw: &str, most: usize) -> f32 {
        let mut y = top;
        for line in text::wrap(self.fonts.of(style.weight), style.size, &text::clean(raw), room, most) {
            self.page.put(x, y, style, line);
            y += style.leading();
        }
        y
    }

    fn cut(&self, style: Style, raw: &str, room: f32) -> String {
        text::cut(self.fonts.of(style.weight), style.size, &text::clean(raw), room)
    }
}

fn total_height(total: &Total) -> f32 {
    if total.is_final { FINAL.leading() + 11.0 } else { BODY.leading() + 3.0 }
}

#[cfg(test)]
mod tests;
