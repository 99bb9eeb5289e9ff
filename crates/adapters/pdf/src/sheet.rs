//! What stands on a sheet, whatever kind of sheet it is: texts in their places, not yet measured and not yet set.

/// Everything on one document. Texts come as they are; they are cleaned when they are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sheet {
    /// What it is: `Receipt`.
    pub(crate) title: String,
    /// Its number.
    pub(crate) number: String,
    /// Who gives it: the hostel's name.
    pub(crate) issuer: String,
    /// Below the issuer's name: address, telephone.
    pub(crate) issuer_lines: Vec<String>,
    /// What the person is to the sheet: `Received from`.
    pub(crate) person_label: String,
    /// Who it is for.
    pub(crate) person: String,
    /// Below the person's name: room, e-mail address.
    pub(crate) person_lines: Vec<String>,
    /// Names and values, such as the day and the way of paying.
    pub(crate) facts: Vec<(String, String)>,
    /// The one figure that people look for.
    pub(crate) highlight: Option<Highlight>,
    /// The table's columns.
    pub(crate) columns: Vec<Column>,
    /// Its rows: a cell a column.
    pub(crate) rows: Vec<Vec<String>>,
    /// Stands in the place of rows where there is none.
    pub(crate) no_rows: String,
    /// Sums below the table.
    pub(crate) totals: Vec<Total>,
    /// Sentences at the end.
    pub(crate) notes: Vec<String>,
}

/// A figure in a box of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Highlight {
    pub(crate) label: String,
    pub(crate) amount: String,
    /// Beside the figure, such as `Paid in full`.
    pub(crate) remark: String,
}

/// A column and its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) head: String,
    pub(crate) kind: Kind,
}

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As wide as its widest cell, to the left.
    Date,
    /// What is left of the line, wrapped.
    Words,
    /// As wide as its widest cell, to the right; never cut.
    Amount,
}

/// A sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) label: String,
    pub(crate) amount: String,
    /// The one that matters, below a line.
    pub(crate) is_final: bool,
}
