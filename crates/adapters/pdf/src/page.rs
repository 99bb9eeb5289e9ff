//! A page that is set: what is drawn where. Lengths are points; places are measured from the upper left corner.

use crate::{
    font::{Fonts, Weight},
    text,
};

/// A4.
pub(crate) const WIDTH: f32 = 595.28;
/// A4.
pub(crate) const HEIGHT: f32 = 841.89;
/// Left and right of everything.
pub(crate) const MARGIN: f32 = 54.0;
/// Where everything ends to the right.
pub(crate) const RIGHT: f32 = WIDTH - MARGIN;
/// From margin to margin.
pub(crate) const INNER: f32 = WIDTH - 2.0 * MARGIN;

/// The colours of a sheet. They are told apart on a grey printer too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Text,
    Muted,
    Accent,
    Hairline,
    Panel,
}

impl Ink {
    pub(crate) fn rgb(self) -> [f32; 3] {
        match self {
            Self::Text => [0.10, 0.12, 0.16],
            Self::Muted => [0.40, 0.43, 0.48],
            Self::Accent => [0.05, 0.36, 0.40],
            Self::Hairline => [0.86, 0.88, 0.90],
            Self::Panel => [0.95, 0.97, 0.97],
        }
    }
}

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Style {
    pub(crate) size: f32,
    pub(crate) weight: Weight,
    pub(crate) ink: Ink,
}

impl Style {
    pub(crate) const fn new(size: f32, weight: Weight, ink: Ink) -> Self {
        Self { size, weight, ink }
    }

    /// From one line to the next.
    pub(crate) fn leading(self) -> f32 {
        self.size * 1.38
    }

    /// From the top of a line to where its letters stand.
    pub(crate) fn baseline(self) -> f32 {
        self.size * 1.05
    }
}

/// A text in its place: `y` is where its letters stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) style: Style,
    pub(crate) text: String,
}

/// A filled box; `y` is its upper edge. Lines are low boxes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) ink: Ink,
}

/// What is drawn on a page: the areas first, the texts over them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Page {
    pub(crate) areas: Vec<Area>,
    pub(crate) runs: Vec<Run>,
}

impl Page {
    /// A clean text whose line begins at `top`.
    pub(crate) fn put(&mut self, x: f32, top: f32, style: Style, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.runs.push(Run { x, y: top + style.baseline(), style, text });
        }
    }

    /// The same, ending at `right`. What is wider than `room` is set smaller: an amount is never cut.
    pub(crate) fn put_right(&mut self, fonts: &Fonts, right: f32, top: f32, room: f32, style: Style, text: &str) {
        let font = fonts.of(style.weight);
        let size = text::size_to_fit(font, style.size, text, room);
        let x = right - font.width(text, size);
        if !text.is_empty() {
            let y = top + style.baseline();
            self.runs.push(Run { x, y, style: Style { size, ..style }, text: text.to_owned() });
        }
    }

    /// A line from margin to margin.
    pub(crate) fn rule(&mut self, y: f32, height: f32, ink: Ink) {
        self.areas.push(Area { x: MARGIN, y, width: INNER, height, ink });
    }
}
