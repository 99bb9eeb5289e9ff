//! Texts that others wrote, made fit to be set: one line without anything that could move or hide what stands beside
//! it, wrapped to a width, cut with `…` where it is too long.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::font::Font;

/// No field of a sheet shows more characters, however wide it is.
const MOST_CHARS: usize = 4_000;
/// A letter of a real language has no more; more of them would climb into the neighbouring lines.
const MOST_MARKS: usize = 2;

const ELLIPSIS: char = '…';

/// One line of plain text: spaces, tabs and line breaks become one space each, controls and invisible characters (the
/// ones that turn the direction of writing among them) go, accents are joined with their letters where they can be.
pub(crate) fn clean(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len().min(MOST_CHARS));
    let (mut gap, mut marks) = (false, 0);
    let mut visible = raw.chars().filter(|c| !is_invisible(*c));
    for c in visible.by_ref().take(MOST_CHARS).nfc() {
        if is_breakable_space(c) {
            (gap, marks) = (true, 0);
        } else if is_combining_mark(c) {
            if !gap && !text.is_empty() && marks < MOST_MARKS {
                text.push(c);
                marks += 1;
            }
        } else {
            if gap && !text.is_empty() {
                text.push(' ');
            }
            text.push(c);
            (gap, marks) = (false, 0);
        }
    }
    if visible.next().is_some() {
        text.push(ELLIPSIS);
    }
    text
}

/// Breaks a clean text into at most `most` lines of a width. A word that is wider than a line is broken; what does not
/// fit into the last line is cut and ends in `…`.
pub(crate) fn wrap(font: &Font, size: f32, text: &str, width: f32, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut taken = 0.0;
    let space = font.char_width(' ', size);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if lines.len() > most {
            break;
        }
        let wide = font.width(word, size);
        if !line.is_empty() && taken + space + wide <= width {
            line.push(' ');
            line.push_str(word);
            taken += space + wide;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            taken = 0.0;
        }
        for c in word.chars() {
            let wide = font.char_width(c, size);
            if !line.is_empty() && wide > 0.0 && taken + wide > width {
                lines.push(std::mem::take(&mut line));
                taken = 0.0;
            }
            line.push(c);
            taken += wide;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push(ELLIPSIS);
            *last = cut(font, size, last, width);
        }
    }
    lines
}

/// A clean text on one line of a width, cut with `…` if it is too long.
pub(crate) fn cut(font: &Font, size: f32, text: &str, width: f32) -> String {
    if font.width(text, size) <= width {
        return text.to_owned();
    }
    let room = width - font.char_width(ELLIPSIS, size);
    let mut kept = String::new();
    let mut taken = 0.0;
    for c in text.chars() {
        taken += font.char_width(c, size);
        if taken > room {
            break;
        }
        kept.push(c);
    }
    let mut kept = kept.trim_end_matches([' ', ELLIPSIS]).to_owned();
    kept.push(ELLIPSIS);
    kept
}

/// The size at which a text that must be whole, such as an amount, is no wider than `width`.
pub(crate) fn size_to_fit(font: &Font, size: f32, text: &str, width: f32) -> f32 {
    let wide = font.width(text, size);
    if wide > width { size * width / wide } else { size }
}

/// A line in the order in which it is drawn, from left to right: words of scripts that are written from right to left,
/// and the spaces between such words, are turned around, as readers of documents expect it and turn them back.
pub(crate) fn drawn_order(line: &str) -> Cow<'_, str> {
    if !line.contains(is_right_to_left) {
        return Cow::Borrowed(line);
    }
    let mut drawn = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(is_right_to_left) {
        let (before, from) = rest.split_at(start);
        drawn.push_str(before);
        let stays = |c: char| is_right_to_left(c) || is_combining_mark(c) || c == ' ';
        let run = from.split_once(|c| !stays(c)).map_or(from, |(run, _)| run).trim_end_matches(' ');
        // A mark comes after its letter in either direction.
        let mut letters: Vec<String> = Vec::new();
        for c in run.chars() {
            match letters.last_mut() {
                Some(letter) if is_combining_mark(c) => letter.push(c),
                _ => letters.push(c.into()),
            }
        }
        drawn.extend(letters.into_iter().rev());
        rest = from.strip_prefix(run).unwrap_or_default();
    }
    drawn.push_str(rest);
    Cow::Owned(drawn)
}

/// Letters of Hebrew, Arabic, N'Ko, Adlam and their neighbours.
fn is_right_to_left(c: char) -> bool {
    !is_combining_mark(c)
        && matches!(c,
            '\u{590}'..='\u{65f}' | '\u{66a}'..='\u{6ef}' | '\u{6fa}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}'
            | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// What may become a line's end. A space that must not break (U+00A0, U+2007, U+202F) stays what it is.
fn is_breakable_space(c: char) -> bool {
    c.is_control() || (c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}'))
}

/// Controls of direction and joining, variants, tags, and what is no character at all.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\0' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::font::{Fonts, Weight};

    static FONTS: LazyLock<Fonts> = LazyLock::new(|| Fonts::new().unwrap());

    #[test]
    fn a_text_becomes_one_line_that_moves_nothing_beside_it() {
        assert_eq!(clean("  Ama\r\n\tMensah \u{0}\u{1b}[31m "), "Ama Mensah [31m");
        assert_eq!(clean("Kofi\u{202e}001\u{202c} \u{200f}\u{feff}x"), "Kofi001 x");
        assert_eq!(clean("(a) \\ <b> %PDF"), "(a) \\ <b> %PDF");
        assert_eq!(clean("\n \t"), "");
    }

    #[test]
    fn accents_are_joined_with_their_letter_and_never_pile_up() {
        assert_eq!(clean("Jose\u{301}"), "José");
        // No single character is an o with a dot below and an acute: the acute stays beside it.
        assert_eq!(clean("o\u{323}\u{301}"), "ọ\u{301}");
        assert_eq!(clean(&format!("x{}y", "\u{335}".repeat(500))), "x\u{335}\u{335}y");
        assert_eq!(clean("\u{301}a"), "a");
    }

    #[test]
    fn a_long_text_is_wrapped_at_words_and_cut_where_the_lines_end() {
        let font = FONTS.of(Weight::Regular);
        assert_eq!(wrap(font, 10.0, "one two three", 40.0, 9), ["one two", "three"]);
        assert_eq!(wrap(font, 10.0, "one two three four five", 40.0, 2), ["one two", "three…"]);
        assert_eq!(wrap(font, 10.0, "", 40.0, 2), Vec::<String>::new());
        let broken = wrap(font, 10.0, "incomprehensibilities", 40.0, 9);
        assert!(broken.len() > 1 && broken.concat() == "incomprehensibilities", "{broken:?}");
    }

    #[test]
    fn a_line_that_fits_is_not_cut() {
        let font = FONTS.of(Weight::Bold);
        assert_eq!(cut(font, 10.0, "Sunrise", 100.0), "Sunrise");
        let short = cut(font, 10.0, "Sunrise Hostel of the East", 75.0);
        assert!(short.starts_with("Sunrise H") && short.ends_with('…') && font.width(&short, 10.0) <= 75.0, "{short}");
        assert!((size_to_fit(font, 10.0, "1", 100.0) - 10.0).abs() < f32::EPSILON);
        assert!(font.width("123456", size_to_fit(font, 10.0, "123456", 20.0)) <= 20.01);
    }

    #[test]
    fn words_from_right_to_left_are_turned_around_and_nothing_else_is() {
        assert_eq!(drawn_order("Ama (51) Mensah"), "Ama (51) Mensah");
        assert_eq!(drawn_order("room 7 אבג דה, 12"), "room 7 הד גבא, 12");
        // A vowel sign stays behind its letter.
        assert_eq!(drawn_order("א\u{5b8}ב"), "בא\u{5b8}");
    }

    proptest::proptest! {
        #[test]
        fn turning_words_around_loses_no_character(raw in proptest::prelude::any::<String>()) {
            let sorted = |text: &str| { let mut all: Vec<char> = text.chars().collect(); all.sort_unstable(); all };
            let line = format!("{raw}אבג {raw} ה");
            proptest::prop_assert_eq!(sorted(&drawn_order(&line)), sorted(&line));
        }

        #[test]
        fn no_line_is_wider_than_its_room(raw in ".{0,400}", width in 20.0f32..300.0, most in 1usize..6) {
            let font = FONTS.of(Weight::Regular);
            let lines = wrap(font, 9.0, &clean(&raw), width, most);
            proptest::prop_assert!(lines.len() <= most);
            for line in lines {
                proptest::prop_assert!(font.width(&line, 9.0) <= width + 0.01, "{:?}", line);
            }
        }

        #[test]
        fn cleaning_twice_changes_nothing_more(raw in proptest::prelude::any::<String>()) {
            let once = clean(&raw);
            proptest::prop_assert_eq!(clean(&once), once);
        }
    }
}
