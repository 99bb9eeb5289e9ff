//! Lists, page by page (W8): by number for v1, by cursor for v2. A use case passes a [`Page`] to its read port and knows
//! neither.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How many rows a page has when nobody says.
pub const DEFAULT_LIMIT: u32 = 20;
/// The most rows a page may have.
pub const MAX_LIMIT: u32 = 100;

/// A place in a sorted list: the sort key of the last row seen, and its id as the tie-break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The value of the sort field, as text (instants as microseconds, numbers in decimal).
    pub key: String,
    /// The row's id.
    pub id: Uuid,
}

/// Where in a list to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// Page `n`, from 1, with the total counted.
    Number(u32),
    /// Behind a row; the total is not counted.
    After(Option<Cursor>),
}

/// Which part of a list, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where to begin.
    pub position: Position,
    /// At most this many rows, 1 to [`MAX_LIMIT`].
    pub limit: u32,
    /// The field to sort by: one that the list's port names. Ties go by id.
    pub sort: &'static str,
    /// Largest first.
    pub descending: bool,
}

impl Page {
    /// The first page in an order, by number.
    #[must_use]
    pub const fn first(sort: &'static str, descending: bool) -> Self {
        Self { position: Position::Number(1), limit: DEFAULT_LIMIT, sort, descending }
    }

    /// How many rows lie before the page; 0 for a cursor.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        match self.position {
            Position::Number(number) => (number.saturating_sub(1) as u64) * self.limit as u64,
            Position::After(_) => 0,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf<T> {
    /// The rows, in the asked order.
    pub rows: Vec<T>,
    /// How many rows the whole list has; counted only for pages by number.
    pub total: Option<u64>,
    /// Where the next page begins; none at the end of the list. Only for pages by cursor.
    pub next: Option<Cursor>,
}

impl<T> PageOf<T> {
    /// The same page with each row turned into something else.
    pub fn map<U>(self, into: impl FnMut(T) -> U) -> PageOf<U> {
        PageOf { rows: self.rows.into_iter().map(into).collect(), total: self.total, next: self.next }
    }

    /// Cuts a page out of a whole sorted list: what an in-memory port does. `key` gives a row's cursor.
    pub fn cut(all: Vec<T>, page: &Page, key: impl Fn(&T) -> Cursor) -> Self {
        let total = all.len() as u64;
        let limit = page.limit as usize;
        match &page.position {
            Position::Number(_) => {
                let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
                Self { rows: all.into_iter().skip(skip).take(limit).collect(), total: Some(total), next: None }
            }
            Position::After(after) => {
                let skip = match after {
                    None => 0,
                    Some(cursor) => all.iter().position(|row| key(row) == *cursor).map_or(all.len(), |at| at + 1),
                };
                let more = all.len() > skip + limit;
                let rows: Vec<T> = all.into_iter().skip(skip).take(limit).collect();
                let next = if more { rows.last().map(&key) } else { None };
                Self { rows, total: None, next }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: &u32) -> Cursor {
        Cursor { key: n.to_string(), id: Uuid::from_u128(u128::from(*n)) }
    }

    #[test]
    fn walking_by_cursor_meets_every_row_once() {
        let all: Vec<u32> = (0..45).collect();
        let mut page = Page { position: Position::After(None), ..Page::first("n", false) };
        let mut seen = Vec::new();
        loop {
            let part = PageOf::cut(all.clone(), &page, key);
            seen.extend(part.rows);
            match part.next {
                Some(next) => page.position = Position::After(Some(next)),
                None => break,
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_page_past_the_end_still_tells_the_total() {
        let page = Page { position: Position::Number(9), ..Page::first("n", false) };
        let part = PageOf::cut((0..45).collect(), &page, key);
        assert_eq!((part.rows.len(), part.total), (0, Some(45)));
    }
}
