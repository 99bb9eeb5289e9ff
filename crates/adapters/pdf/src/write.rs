//! Pages to bytes. The same pages are the same bytes: nothing here asks for the time or for chance, and nothing depends
//! on the order of a hash map.

mod typeface;

use std::io::Write as _;

use domicile_kernel::Instant;
use flate2::{Compression, write::ZlibEncoder};
use pdf_writer::{Content, Date, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

use self::typeface::{Piece, Typeface, WriteError};
use crate::{
    calendar,
    font::{Fonts, Weight},
    page::{HEIGHT, Ink, Page, WIDTH},
    text,
};

const REGULAR: Name<'static> = Name(b"R");
const BOLD: Name<'static> = Name(b"B");

/// What a reader's window and a search over files show.
pub(crate) struct About<'a> {
    pub(crate) title: &'a str,
    pub(crate) author: &'a str,
    pub(crate) made_at: Instant,
}

/// One document of the pages. Each typeface is in it once, with the glyphs that are used.
pub(crate) fn write(fonts: &Fonts, pages: &[Page], about: &About<'_>) -> Result<Vec<u8>, WriteError> {
    let mut refs = Refs(0);
    let (catalog, tree, info) = (refs.next(), refs.next(), refs.next());
    let mut regular = Typeface::new(fonts.of(Weight::Regular), refs.next());
    let mut bold = Typeface::new(fonts.of(Weight::Bold), refs.next());

    let mut pdf = Pdf::new();
    pdf.set_version(1, 7);
    {
        let mut catalog = pdf.catalog(catalog);
        catalog.pages(tree).lang(TextStr("en"));
        catalog.viewer_preferences().display_doc_title(true);
    }
    pdf.document_info(info)
        .title(TextStr(about.title))
        .author(TextStr(about.author))
        .producer(TextStr("Domicile"))
        .creation_date(date(about.made_at));

    let mut kids = Vec::with_capacity(pages.len());
    for page in pages {
        let (id, contents) = (refs.next(), refs.next());
        kids.push(id);
        let mut entry = pdf.page(id);
        entry.parent(tree).media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).contents(contents);
        entry.resources().fonts().pair(REGULAR, regular.id()).pair(BOLD, bold.id());
        entry.finish();
        let drawn = compress(&draw(page, &mut regular, &mut bold))?;
        pdf.stream(contents, &drawn).filter(Filter::FlateDecode);
    }
    let count = i32::try_from(kids.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(kids).count(count);

    for typeface in [regular, bold] {
        typeface.write(&mut pdf, &mut refs)?;
    }
    Ok(pdf.finish())
}

/// Numbers of objects, one after the other.
struct Refs(i32);

impl Refs {
    fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

fn date(instant: Instant) -> Date {
    let time = calendar::utc(instant);
    let part = |part: i8| u8::try_from(part).unwrap_or(1);
    Date::new(u16::try_from(time.year()).unwrap_or(0))
        .month(part(time.month()))
        .day(part(time.day()))
        .hour(part(time.hour()))
        .minute(part(time.minute()))
        .second(part(time.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

fn draw<'a>(page: &Page, regular: &mut Typeface<'a>, bold: &mut Typeface<'a>) -> Vec<u8> {
    let mut content = Content::new();
    for area in &page.areas {
        fill(&mut content, area.ink);
        content.rect(area.x, HEIGHT - area.y - area.height, area.width, area.height).fill_nonzero();
    }
    content.begin_text();
    for run in &page.runs {
        let (name, typeface) = match run.style.weight {
            Weight::Regular => (REGULAR, &mut *regular),
            Weight::Bold => (BOLD, &mut *bold),
        };
        fill(&mut content, run.style.ink);
        content.set_font(name, run.style.size);
        content.set_text_matrix([1.0, 0.0, 0.0, 1.0, run.x, HEIGHT - run.y]);
        for piece in typeface.pieces(&text::drawn_order(&run.text)) {
            match piece {
                Piece::Plain(codes) => {
                    content.show(Str(&codes));
                }
                Piece::Mark { code, aside, above } => {
                    content.set_rise(above * run.style.size / 1000.0);
                    content.show_positioned().items().adjust(-aside).show(Str(&code)).adjust(aside);
                    content.set_rise(0.0);
                }
            }
        }
    }
    content.end_text();
    content.finish().into_vec()
}

fn fill(content: &mut Content, ink: Ink) {
    let [r, g, b] = ink.rgb();
    content.set_fill_rgb(r, g, b);
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>, WriteError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).map_err(WriteError::Compression)?;
    encoder.finish().map_err(WriteError::Compression)
}
