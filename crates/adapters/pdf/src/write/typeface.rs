//! A typeface inside a document: only the glyphs that are used, and for each character that is drawn the character
//! itself, so that what is copied or searched is what was written, even where it is drawn as an empty box.
//!
//! Each character has a code of its own. A map leads from the code to the glyph, another to the character.

use std::collections::HashMap;

use pdf_writer::{
    Filter, Finish as _, Name, Pdf, Rect, Ref, Str,
    types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap},
};
use subsetter::GlyphRemapper;

use super::{Refs, compress};
use crate::font::{Font, Glyph};

const SYSTEM: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// Why a document could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the typeface could not be made smaller")]
    Typeface(#[source] subsetter::Error),
    #[error("the document could not be compressed")]
    Compression(#[source] std::io::Error),
}

/// A part of a text.
pub(super) enum Piece {
    /// Codes, one glyph after the other.
    Plain(Vec<u8>),
    /// A combining mark: so far to the right of the pen and so far up, in thousandths of the size.
    Mark { code: [u8; 2], aside: f32, above: f32 },
}

/// What a document has used of a typeface so far.
pub(super) struct Typeface<'a> {
    font: &'a Font,
    id: Ref,
    codes: HashMap<char, u16>,
    /// The character of each code; the first has code 1, as 0 means none.
    used: Vec<(char, Glyph)>,
}

impl<'a> Typeface<'a> {
    pub(super) fn new(font: &'a Font, id: Ref) -> Self {
        Self { font, id, codes: HashMap::new(), used: Vec::new() }
    }

    pub(super) fn id(&self) -> Ref {
        self.id
    }

    fn code(&mut self, c: char) -> (u16, Glyph) {
        let glyph = self.font.glyph(c);
        if let Some(code) = self.codes.get(&c) {
            return (*code, glyph);
        }
        // A document with so many different characters shows what is too much of them as an empty box.
        let code = u16::try_from(self.used.len() + 1).unwrap_or(0);
        if code > 0 {
            self.used.push((c, glyph));
            self.codes.insert(c, code);
        }
        (code, glyph)
    }

    /// The codes of a text, marks apart: each is put over or under the middle of its letter, a second one beyond the first.
    pub(super) fn pieces(&mut self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut plain = Vec::with_capacity(text.len() * 2);
        let mut letter: Option<Glyph> = None;
        let (mut top, mut bottom) = (0.0, 0.0);
        for c in text.chars() {
            let (code, glyph) = self.code(c);
            let Some(base) = letter.filter(|_| glyph.is_mark) else {
                plain.extend(code.to_be_bytes());
                let [_, low, _, high] = glyph.ink;
                (letter, top, bottom) = (Some(glyph), high, low);
                continue;
            };
            if !plain.is_empty() {
                pieces.push(Piece::Plain(std::mem::take(&mut plain)));
            }
            let [left, low, right, high] = glyph.ink;
            let aside = f32::midpoint(base.ink[0], base.ink[2]) - f32::midpoint(left, right) - base.width;
            // Marks are drawn for small letters without ascenders: above them, below them, or through them.
            let above = if low > self.font.x_height * 0.9 {
                let above = (top - self.font.x_height).max(0.0);
                top = high + above;
                above
            } else if high < self.font.x_height * 0.2 {
                let above = bottom.min(0.0);
                bottom = low + above;
                above
            } else {
                0.0
            };
            pieces.push(Piece::Mark { code: code.to_be_bytes(), aside, above });
        }
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        pieces
    }

    /// Writes the typeface, with what was used of it, into the document.
    pub(super) fn write(self, pdf: &mut Pdf, refs: &mut Refs) -> Result<(), WriteError> {
        let mut remapper = GlyphRemapper::new();
        let mut glyph_of_code = vec![0, 0];
        for (_, glyph) in &self.used {
            glyph_of_code.extend(remapper.remap(glyph.id).to_be_bytes());
        }
        let file = subsetter::subset(self.font.file, 0, &remapper).map_err(WriteError::Typeface)?;
        let name = format!("{}+{}", self.tag(), self.font.name);
        let name = Name(name.as_bytes());
        let (descendant, descriptor, program, to_glyph, to_text) =
            (refs.next(), refs.next(), refs.next(), refs.next(), refs.next());

        pdf.type0_font(self.id)
            .base_font(name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(descendant)
            .to_unicode(to_text);

        let mut cid = pdf.cid_font(descendant);
        cid.subtype(CidFontType::Type2)
            .base_font(name)
            .system_info(SYSTEM)
            .font_descriptor(descriptor)
            .default_width(0.0)
            .cid_to_gid_map_stream(to_glyph);
        cid.widths().consecutive(1, self.used.iter().map(|(_, glyph)| glyph.width));
        cid.finish();

        let [left, low, right, high] = self.font.bounds;
        pdf.font_descriptor(descriptor)
            .name(name)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(left, low, right, high))
            .italic_angle(0.0)
            .ascent(self.font.ascent)
            .descent(self.font.descent)
            .cap_height(self.font.cap_height)
            .x_height(self.font.x_height)
            .stem_v(self.font.stem)
            .font_file2(program);

        let length = i32::try_from(file.len()).unwrap_or(i32::MAX);
        let file = compress(&file)?;
        let mut stream = pdf.stream(program, &file);
        stream.filter(Filter::FlateDecode).pair(Name(b"Length1"), length);
        stream.finish();
        pdf.stream(to_glyph, &compress(&glyph_of_code)?).filter(Filter::FlateDecode);

        let mut text: UnicodeCmap<u16> = UnicodeCmap::new(Name(b"Domicile-Text"), SYSTEM);
        for (code, (c, _)) in (1u16..).zip(&self.used) {
            text.pair(code, *c);
        }
        let text = compress(text.finish().as_slice())?;
        pdf.cmap(to_text, &text).filter(Filter::FlateDecode);
        Ok(())
    }

    /// Six letters that tell one selection of glyphs from another.
    fn tag(&self) -> String {
        let mut sum = 0xcbf2_9ce4_8422_2325_u64;
        for (c, _) in &self.used {
            sum = (sum ^ u64::from(u32::from(*c))).wrapping_mul(0x0100_0000_01b3);
        }
        (0..6u32).map(|at| char::from(b'A' + (sum / 26u64.pow(at) % 26) as u8)).collect()
    }
}
