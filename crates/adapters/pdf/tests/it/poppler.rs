//! What a reader of PDF finds in a document, by Debian's `poppler-utils`. Each program must be silent: a complaint is a
//! document that is not well made.

use std::{io::Write as _, process::Command};

/// A word and its box on a page, from the upper left corner.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub(crate) page: usize,
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) right: f32,
    pub(crate) bottom: f32,
    pub(crate) text: String,
}

fn ask(program: &str, before: &[&str], pdf: &[u8], after: &[&str]) -> String {
    let mut file = tempfile::NamedTempFile::new().expect("a file can be made");
    file.write_all(pdf).expect("the document can be written");
    let answer = Command::new(program)
        .args(before)
        .arg(file.path())
        .args(after)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; as root: apt-get install poppler-utils"));
    let complaints = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success() && complaints.is_empty(), "{program}: {complaints}");
    // Of a title beyond U+FFFF, `pdftotext -bbox` writes halves of characters.
    String::from_utf8_lossy(&answer.stdout).into_owned()
}

/// The text of each page, laid out as on the page.
pub(crate) fn pages(pdf: &[u8]) -> Vec<String> {
    let text = ask("pdftotext", &["-layout"], pdf, &["-"]);
    text.strip_suffix('\u{c}').unwrap_or(&text).split('\u{c}').map(str::to_owned).collect()
}

/// The text of the whole, in the order in which it was written, all white space made one.
pub(crate) fn text(pdf: &[u8]) -> String {
    one_line(&ask("pdftotext", &["-raw"], pdf, &["-"]))
}

/// Words with one space between.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line of `pdfinfo`, such as `Title`.
pub(crate) fn info(pdf: &[u8], name: &str) -> String {
    let answer = ask("pdfinfo", &[], pdf, &[]);
    let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {answer}")).trim().to_owned()
}

/// The fonts' lines of `pdffonts`.
pub(crate) fn fonts(pdf: &[u8]) -> Vec<String> {
    ask("pdffonts", &[], pdf, &[]).lines().skip(2).map(str::to_owned).collect()
}

/// Every word and where it stands.
pub(crate) fn words(pdf: &[u8]) -> Vec<Word> {
    let answer = ask("pdftotext", &["-bbox"], pdf, &["-"]);
    let mut page = 0;
    let mut words = Vec::new();
    for line in answer.lines().map(str::trim) {
        if line.starts_with("<page ") {
            page += 1;
        }
        let Some(word) = line.strip_prefix("<word ").and_then(|line| line.strip_suffix("</word>")) else { continue };
        let (place, text) = word.split_once('>').expect("a word has a place and a text");
        let at = |name: &str| -> f32 {
            let from = place.find(name).expect("a side of the box") + name.len() + 2;
            place[from..].split('"').next().expect("a number").parse().expect("a number")
        };
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        words.push(Word { page, left: at("xMin"), top: at("yMin"), right: at("xMax"), bottom: at("yMax"), text });
    }
    words
}

/// How dark each part of the first page is, from 0 to 1, in squares of 4 points.
pub(crate) fn darkness(pdf: &[u8]) -> Vec<Vec<f32>> {
    let mut file = tempfile::NamedTempFile::new().expect("a file can be made");
    file.write_all(pdf).expect("the document can be written");
    let answer = Command::new("pdftoppm")
        .args(["-gray", "-r", "72", "-f", "1", "-l", "1"])
        .arg(file.path())
        .output()
        .unwrap_or_else(|error| panic!("pdftoppm: {error}; as root: apt-get install poppler-utils"));
    assert!(answer.status.success() && answer.stderr.is_empty(), "{}", String::from_utf8_lossy(&answer.stderr));
    // P5, width, height, 255, and a byte a dot.
    let mut parts = answer.stdout.splitn(4, u8::is_ascii_whitespace);
    assert_eq!(parts.next(), Some(&b"P5"[..]));
    let number = |part: &[u8]| std::str::from_utf8(part).expect("digits").parse::<usize>().expect("a number");
    let (width, height) = (number(parts.next().expect("a width")), number(parts.next().expect("a height")));
    let dots = parts.next().and_then(|rest| rest.strip_prefix(b"255\n")).expect("dots");
    (0..height / 4)
        .map(|row| {
            let square = |column: usize| {
                let dot = |at: usize| f32::from(255 - dots[(row * 4 + at / 4) * width + column * 4 + at % 4]);
                (0..16).map(dot).sum::<f32>() / (16.0 * 255.0)
            };
            (0..width / 4).map(square).collect()
        })
        .collect()
}
