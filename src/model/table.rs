//! A table of typed columns: what every tabular format writes and SQL reads.

use super::text::Text;
use super::time::UtcSecond;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// The values of a column, all of one kind; `None` is unknown.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Text.
    Text(Vec<Option<Text>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Exact decimals.
    Decimal(Vec<Option<Decimal>>),
    /// Truth values.
    Boolean(Vec<Option<bool>>),
    /// Days.
    Date(Vec<Option<Date>>),
    /// Moments in UTC.
    Timestamp(Vec<Option<UtcSecond>>),
    /// Ratios, which only a query can make: nothing here computes with them.
    Float(Vec<Option<f64>>),
}

impl Values {
    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Decimal(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Date(values) => values.len(),
            Self::Timestamp(values) => values.len(),
            Self::Float(values) => values.len(),
        }
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value in a row; `Null` where it is unknown or there is no such row.
    #[must_use]
    pub fn cell(&self, row: usize) -> Cell<'_> {
        fn get<T>(values: &[Option<T>], row: usize) -> Option<&T> {
            values.get(row).and_then(Option::as_ref)
        }
        let cell = match self {
            Self::Text(values) => get(values, row).map(|text| Cell::Text(text)),
            Self::Integer(values) => get(values, row).copied().map(Cell::Integer),
            Self::Decimal(values) => get(values, row).copied().map(Cell::Decimal),
            Self::Boolean(values) => get(values, row).copied().map(Cell::Boolean),
            Self::Date(values) => get(values, row).copied().map(Cell::Date),
            Self::Timestamp(values) => get(values, row).copied().map(Cell::Timestamp),
            Self::Float(values) => get(values, row).copied().map(Cell::Float),
        };
        cell.unwrap_or(Cell::Null)
    }

    /// Adds values of the same kind; others are unknown.
    fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Text(own), Self::Text(more)) => own.extend(more),
            (Self::Integer(own), Self::Integer(more)) => own.extend(more),
            (Self::Decimal(own), Self::Decimal(more)) => own.extend(more),
            (Self::Boolean(own), Self::Boolean(more)) => own.extend(more),
            (Self::Date(own), Self::Date(more)) => own.extend(more),
            (Self::Timestamp(own), Self::Timestamp(more)) => own.extend(more),
            (Self::Float(own), Self::Float(more)) => own.extend(more),
            (own, more) => own.append_unknown(more.len()),
        }
    }

    fn append_unknown(&mut self, count: usize) {
        let rows = self.len() + count;
        match self {
            Self::Text(own) => own.resize(rows, None),
            Self::Integer(own) => own.resize(rows, None),
            Self::Decimal(own) => own.resize(rows, None),
            Self::Boolean(own) => own.resize(rows, None),
            Self::Date(own) => own.resize(rows, None),
            Self::Timestamp(own) => own.resize(rows, None),
            Self::Float(own) => own.resize(rows, None),
        }
    }

    /// Returns true if people read it as a number, flush right.
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        matches!(self, Self::Integer(_) | Self::Decimal(_) | Self::Float(_))
    }
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Unknown.
    Null,
    /// Text, which may be from a log: hostile wherever it is shown.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// An exact decimal.
    Decimal(Decimal),
    /// A truth value.
    Boolean(bool),
    /// A day.
    Date(Date),
    /// A moment in UTC.
    Timestamp(UtcSecond),
    /// A ratio.
    Float(f64),
}

/// A named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// Columns of one length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
}

impl Table {
    /// A table without columns yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            columns: Vec::new(),
        }
    }

    /// The same table with a column more.
    #[must_use]
    pub fn with(mut self, name: &str, values: Values) -> Self {
        self.columns.push(Column {
            name: name.to_owned(),
            values,
        });
        self
    }

    /// Adds the rows of a table with the same columns.
    pub fn append(&mut self, other: Self) {
        for (own, more) in self.columns.iter_mut().zip(other.columns) {
            own.values.append(more.values);
        }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A table in the making: columns over rows of one type.
pub struct TableBuilder<'a, R> {
    rows: &'a [R],
    table: Table,
}

impl<'a, R> TableBuilder<'a, R> {
    /// No columns yet.
    #[must_use]
    pub fn new(name: &str, rows: &'a [R]) -> Self {
        Self {
            rows,
            table: Table::new(name),
        }
    }

    /// The table.
    #[must_use]
    pub fn table(self) -> Table {
        self.table
    }

    fn with<T>(
        mut self,
        name: &str,
        of: impl Fn(&R) -> Option<T>,
        values: fn(Vec<Option<T>>) -> Values,
    ) -> Self {
        let column = self.rows.iter().map(of).collect();
        self.table = self.table.with(name, values(column));
        self
    }

    /// A column of text.
    #[must_use]
    pub fn text<T: Into<Text>>(self, name: &str, of: impl Fn(&R) -> Option<T>) -> Self {
        self.with(name, |row| of(row).map(T::into), Values::Text)
    }

    /// A column of text of few kinds.
    #[must_use]
    pub fn word(self, name: &str, of: impl Fn(&R) -> Option<&'static str>) -> Self {
        self.text(name, |row| of(row).map(Text::from))
    }

    /// A column of counts or bytes.
    #[must_use]
    pub fn integer(self, name: &str, of: impl Fn(&R) -> Option<u64>) -> Self {
        let whole = |row: &R| of(row).map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        self.with(name, whole, Values::Integer)
    }

    /// A column of whole numbers that may be negative.
    #[must_use]
    pub fn signed(self, name: &str, of: impl Fn(&R) -> Option<i64>) -> Self {
        self.with(name, of, Values::Integer)
    }

    /// A column of exact decimals.
    #[must_use]
    pub fn decimal(self, name: &str, of: impl Fn(&R) -> Option<Decimal>) -> Self {
        self.with(name, of, Values::Decimal)
    }

    /// A column of truth values.
    #[must_use]
    pub fn boolean(self, name: &str, of: impl Fn(&R) -> Option<bool>) -> Self {
        self.with(name, of, Values::Boolean)
    }

    /// A column of days.
    #[must_use]
    pub fn day(self, name: &str, of: impl Fn(&R) -> Option<Date>) -> Self {
        self.with(name, of, Values::Date)
    }

    /// A column of moments.
    #[must_use]
    pub fn moment(self, name: &str, of: impl Fn(&R) -> Option<UtcSecond>) -> Self {
        self.with(name, of, Values::Timestamp)
    }
}

#[cfg(test)]
impl Table {
    /// A column of each type, with a value and an unknown one: for tests.
    pub(crate) fn of_every_type() -> Self {
        Self::new("t")
            .with("text", Values::Text(vec![Some("ä".into()), None]))
            .with("whole", Values::Integer(vec![Some(-1), None]))
            .with(
                "money",
                Values::Decimal(vec![Some(Decimal::new(-1_234_567_891, 9)), None]),
            )
            .with("yes", Values::Boolean(vec![Some(true), None]))
            .with(
                "day",
                Values::Date(vec![Some(jiff::civil::date(2026, 11, 22)), None]),
            )
            .with(
                "at",
                Values::Timestamp(vec![Some(UtcSecond::from_unix(-7)), None]),
            )
            .with("ratio", Values::Float(vec![Some(0.5), None]))
    }
}
