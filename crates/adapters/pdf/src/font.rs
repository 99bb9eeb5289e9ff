//! The two typefaces that every sheet is set in: which glyph draws a character, and how wide it is.

use std::collections::HashMap;

use ttf_parser::{Face, GlyphId};
use unicode_normalization::char::is_combining_mark;

const REGULAR: &[u8] = include_bytes!("../fonts/NotoSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/NotoSans-Bold.ttf");

/// Why the typefaces that are part of this crate cannot be used. A build that says so once says so always.
#[derive(Debug, thiserror::Error)]
pub enum FontError {
    /// The file is no font.
    #[error("the typeface {0} cannot be read")]
    Unreadable(&'static str, #[source] ttf_parser::FaceParsingError),
    /// Something every sheet needs is not in the file.
    #[error("the typeface {0} has no {1}")]
    Incomplete(&'static str, &'static str),
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// How a character is drawn. Lengths are in thousandths of the size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Glyph {
    /// Its number in the typeface's file.
    pub(crate) id: u16,
    /// How far the pen goes; nothing for a combining mark.
    pub(crate) width: f32,
    /// What is inked: left, bottom, right, top.
    pub(crate) ink: [f32; 4],
    /// Whether it is set above or below the glyph before it.
    pub(crate) is_mark: bool,
}

/// One typeface.
#[derive(Debug)]
pub(crate) struct Font {
    pub(crate) name: &'static str,
    pub(crate) file: &'static [u8],
    pub(crate) ascent: f32,
    pub(crate) descent: f32,
    pub(crate) cap_height: f32,
    pub(crate) x_height: f32,
    pub(crate) bounds: [f32; 4],
    pub(crate) stem: f32,
    glyphs: HashMap<char, Glyph>,
    unknown: Glyph,
    invisible: Glyph,
}

/// Both.
#[derive(Debug)]
pub(crate) struct Fonts {
    regular: Font,
    bold: Font,
}

impl Fonts {
    pub(crate) fn new() -> Result<Self, FontError> {
        Ok(Self {
            regular: Font::read("NotoSans-Regular", REGULAR, 80.0)?,
            bold: Font::read("NotoSans-Bold", BOLD, 140.0)?,
        })
    }

    pub(crate) fn of(&self, weight: Weight) -> &Font {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

impl Font {
    fn read(name: &'static str, file: &'static [u8], stem: f32) -> Result<Self, FontError> {
        let face = Face::parse(file, 0).map_err(|error| FontError::Unreadable(name, error))?;
        let scale = 1000.0 / f32::from(face.units_per_em());
        let glyph = |c: char, id: GlyphId| {
            let is_mark = is_combining_mark(c);
            let ink = face.glyph_bounding_box(id).map_or([0.0; 4], |ink| {
                [ink.x_min, ink.y_min, ink.x_max, ink.y_max].map(|length| f32::from(length) * scale)
            });
            let width = if is_mark { 0.0 } else { f32::from(face.glyph_hor_advance(id).unwrap_or(0)) * scale };
            Glyph { id: id.0, width, ink, is_mark }
        };

        let mut glyphs = HashMap::new();
        for subtable in face.tables().cmap.into_iter().flat_map(|cmap| cmap.subtables) {
            subtable.codepoints(|code| {
                let Some(c) = char::from_u32(code) else { return };
                if let Some(id) = face.glyph_index(c) {
                    glyphs.entry(c).or_insert_with(|| glyph(c, id));
                }
            });
        }
        let space = glyphs.get(&' ').copied().ok_or(FontError::Incomplete(name, "space"))?;
        let b = face.global_bounding_box();
        Ok(Self {
            name,
            file,
            ascent: f32::from(face.ascender()) * scale,
            descent: f32::from(face.descender()) * scale,
            cap_height: f32::from(face.capital_height().unwrap_or(714)) * scale,
            x_height: f32::from(face.x_height().unwrap_or(536)) * scale,
            bounds: [b.x_min, b.y_min, b.x_max, b.y_max].map(|length| f32::from(length) * scale),
            stem,
            unknown: glyph('\u{fffd}', GlyphId(0)),
            invisible: Glyph { width: 0.0, is_mark: true, ..space },
            glyphs,
        })
    }

    /// The glyph of a character. One that the typeface has not is drawn as an empty box, a combining mark that it has
    /// not is not drawn; both are still in the text that can be copied.
    pub(crate) fn glyph(&self, c: char) -> Glyph {
        match self.glyphs.get(&c) {
            Some(glyph) => *glyph,
            None if is_combining_mark(c) => self.invisible,
            None => self.unknown,
        }
    }

    /// How wide a text is at a size.
    pub(crate) fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|c| self.glyph(c).width).sum::<f32>() * size / 1000.0
    }

    /// The same for one character.
    pub(crate) fn char_width(&self, c: char, size: f32) -> f32 {
        self.glyph(c).width * size / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_typefaces_draw_letters_accents_and_currency_signs() {
        let fonts = Fonts::new().unwrap();
        for weight in [Weight::Regular, Weight::Bold] {
            let font = fonts.of(weight);
            for c in "AZaz09.,-–—…()\\/ÀÿŁłŐőẸọṣƐɛƆɔŊŋΩЯ₵₦₹€£$¥\u{a0}\u{301}\u{323}".chars()
            {
                assert_ne!(font.glyph(c).id, font.unknown.id, "{c}");
            }
        }
    }

    #[test]
    fn figures_are_equally_wide_so_that_amounts_stand_in_columns() {
        let fonts = Fonts::new().unwrap();
        for weight in [Weight::Regular, Weight::Bold] {
            let font = fonts.of(weight);
            for figure in "0123456789".chars() {
                assert_eq!(font.glyph(figure).width.to_bits(), font.glyph('0').width.to_bits());
            }
        }
    }

    #[test]
    fn what_the_typeface_has_not_is_a_visible_box_and_a_mark_takes_no_room() {
        let fonts = Fonts::new().unwrap();
        let font = fonts.of(Weight::Regular);
        for c in ['王', 'م', '🏠', '\u{10fffd}'] {
            let [left, _, right, _] = font.glyph(c).ink;
            assert!(font.glyph(c).width > 300.0 && right - left > 200.0, "{c}: {:?}", font.glyph(c));
        }
        // A sign over an Arabic letter, a vowel under a Devanagari one, an acute over a Latin one.
        for mark in ['\u{64e}', '\u{941}', '\u{301}'] {
            assert!(font.char_width(mark, 10.0).abs() < f32::EPSILON);
        }
    }
}
