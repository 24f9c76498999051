//! Columns of Parquet files, some rows at a time.
//!
//! Anyone who makes a file says how large a dictionary is: nothing is opened here whose bytes
//! this program did not write.

use crate::model::damage::guarded;
use bytes::Bytes;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError as Refusal;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

/// A Parquet file whose columns are texts and whole numbers.
pub struct ColumnFile {
    reader: SerializedFileReader<Bytes>,
    next_group: usize,
    /// The columns of the group that is being read, and its rows that are left.
    group: Vec<(String, ColumnChunkReader)>,
    rows_left: usize,
}

/// The rest of a column of a row group.
enum ColumnChunkReader {
    Texts(ColumnReaderImpl<ByteArrayType>),
    Integers(ColumnReaderImpl<Int64Type>),
}

/// Some rows of a file.
#[derive(Debug, Default)]
pub struct Batch {
    rows: usize,
    texts: Vec<(String, Texts)>,
    integers: Vec<(String, Vec<Option<i64>>)>,
}

/// The texts of a column, one after the other in one string. What the file has once is here once.
#[derive(Debug, Default)]
pub struct Texts {
    joined: String,
    /// Where each text ends.
    ends: Vec<usize>,
    /// The number of the text of each row, from 1; 0 where it is unknown.
    numbers: Vec<u32>,
}

impl Texts {
    fn of(values: &[Option<ByteArray>]) -> Result<Self, Refusal> {
        let mut texts = Self::default();
        // A text of the file's dictionary is at one place in memory.
        let mut known: HashMap<(usize, usize), u32> = HashMap::new();
        for value in values {
            let number = match value {
                None => 0,
                Some(value) => {
                    let bytes = value.data();
                    let place = (bytes.as_ptr().addr(), bytes.len());
                    match known.entry(place) {
                        Entry::Occupied(known) => *known.get(),
                        Entry::Vacant(new) => *new.insert(texts.add(value.as_utf8()?)),
                    }
                }
            };
            texts.numbers.push(number);
        }
        Ok(texts)
    }

    fn add(&mut self, text: &str) -> u32 {
        self.joined.push_str(text);
        self.ends.push(self.joined.len());
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// The text of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        let at = self.number(row).checked_sub(1)? as usize;
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.joined.get(from..*self.ends.get(at)?)
    }

    /// The number of the text of a row, from 1: equal numbers are equal texts. 0 where it is unknown.
    #[must_use]
    pub fn number(&self, row: usize) -> u32 {
        self.numbers.get(row).copied().unwrap_or_default()
    }
}

impl Batch {
    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The texts of a column.
    ///
    /// # Errors
    ///
    /// When the file has no column of texts of that name.
    pub fn texts(&self, name: &str) -> Result<&Texts, String> {
        named(&self.texts, name).ok_or_else(|| format!("it has no texts {name}"))
    }

    /// The whole numbers of a column.
    ///
    /// # Errors
    ///
    /// When the file has no column of whole numbers of that name.
    pub fn integers(&self, name: &str) -> Result<&[Option<i64>], String> {
        let found = named(&self.integers, name).map(Vec::as_slice);
        found.ok_or_else(|| format!("it has no whole numbers {name}"))
    }
}

fn named<'a, T>(columns: &'a [(String, T)], name: &str) -> Option<&'a T> {
    let mut named = columns.iter().filter(|(own, _)| own == name);
    named.next().map(|(_, column)| column)
}

impl ColumnFile {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// When it is damaged, or no Parquet.
    pub fn open(bytes: Vec<u8>) -> Result<Self, String> {
        let reader = guarded(|| SerializedFileReader::new(Bytes::from(bytes)))?;
        Ok(Self {
            reader,
            next_group: 0,
            group: Vec::new(),
            rows_left: 0,
        })
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the file is damaged.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, String> {
        while self.rows_left == 0 {
            if self.next_group == self.reader.num_row_groups() {
                return Ok(None);
            }
            guarded(|| self.open_group())?;
        }
        guarded(|| self.read_batch()).map(Some)
    }

    fn open_group(&mut self) -> Result<(), Refusal> {
        let group = self.reader.get_row_group(self.next_group)?;
        self.next_group += 1;
        self.rows_left = usize::try_from(group.metadata().num_rows())?;
        self.group.clear();
        for at in 0..group.num_columns() {
            let name = group.metadata().column(at).column_path().string();
            let chunk = match group.get_column_reader(at)? {
                ColumnReader::ByteArrayColumnReader(texts) => ColumnChunkReader::Texts(texts),
                ColumnReader::Int64ColumnReader(integers) => ColumnChunkReader::Integers(integers),
                _ => continue,
            };
            self.group.push((name, chunk));
        }
        Ok(())
    }

    fn read_batch(&mut self) -> Result<Batch, Refusal> {
        let rows = self.rows_left.min(BATCH_ROWS);
        let mut batch = Batch {
            rows,
            ..Batch::default()
        };
        for (name, chunk) in &mut self.group {
            match chunk {
                ColumnChunkReader::Texts(chunk) => {
                    let texts = Texts::of(&values(chunk, rows)?)?;
                    batch.texts.push((name.clone(), texts));
                }
                ColumnChunkReader::Integers(chunk) => {
                    batch.integers.push((name.clone(), values(chunk, rows)?));
                }
            }
        }
        self.rows_left -= rows;
        Ok(batch)
    }
}

/// So many values of a column, unknown ones among them.
fn values<D: DataType>(
    chunk: &mut ColumnReaderImpl<D>,
    rows: usize,
) -> Result<Vec<Option<D::T>>, Refusal> {
    let mut levels = Vec::with_capacity(rows);
    let mut known = Vec::with_capacity(rows);
    let (read, ..) = chunk.read_records(rows, Some(&mut levels), None, &mut known)?;
    if read < rows {
        return Err(Refusal::EOF(
            "a column has fewer values than there are rows".to_owned(),
        ));
    }
    // A column that is never null has no levels.
    if levels.is_empty() {
        return Ok(known.into_iter().map(Some).collect());
    }
    let mut known = known.into_iter();
    let value = |level: i16| if level > 0 { known.next() } else { None };
    Ok(levels.into_iter().map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columnar::{Codec, write};
    use crate::model::table::{Table, Values};
    use proptest::prelude::*;

    fn bytes_of(table: &Table) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(table, Codec::Zstandard, &mut bytes).unwrap();
        bytes
    }

    type Row = (Option<String>, Option<i64>);

    /// All rows of a file with the columns `text` and `number`.
    fn rows_of(bytes: Vec<u8>) -> Result<Vec<Row>, String> {
        let mut file = ColumnFile::open(bytes)?;
        let mut rows = Vec::new();
        while let Some(batch) = file.next_batch()? {
            let (texts, numbers) = (batch.texts("text")?, batch.integers("number")?);
            let text = |row| texts.get(row).map(str::to_owned);
            rows.extend((0..batch.rows()).map(|row| (text(row), numbers[row])));
        }
        Ok(rows)
    }

    fn table_of(rows: &[Row]) -> Table {
        let texts = rows.iter().map(|(text, _)| text.as_deref().map(Into::into));
        let numbers = rows.iter().map(|(_, number)| *number);
        Table::new("t")
            .with("number", Values::Integer(numbers.collect()))
            .with("text", Values::Text(texts.collect()))
    }

    #[test]
    fn groups_and_batches_do_not_show() {
        let rows: Vec<Row> = (0..600_000_i64)
            .map(|n| {
                let text = (n % 3 > 0).then(|| (n % 1000).to_string());
                (text, (n % 7 > 0).then_some(-n))
            })
            .collect();
        assert!(rows_of(bytes_of(&table_of(&rows))).unwrap() == rows);
    }

    #[test]
    fn what_is_not_there_is_an_error_that_says_so() {
        let bytes = bytes_of(&Table::new("t").with("number", Values::Integer(vec![Some(1)])));
        assert_eq!(rows_of(bytes).unwrap_err(), "it has no texts text");
        assert!(rows_of(b"PAR1 it is not".to_vec()).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(rows in prop::collection::vec(
            (prop::option::of(".{0,9}"), prop::option::of(any::<i64>())), 0..200
        )) {
            prop_assert_eq!(rows_of(bytes_of(&table_of(&rows))).unwrap(), rows);
        }

        /// Whatever is done to a file is an error or other rows, and never a panic.
        #[test]
        fn damage_is_no_panic(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let rows = vec![(Some("a".to_owned()), Some(1)), (None, None)];
            let mut bytes = bytes_of(&table_of(&rows));
            let at = at.index(bytes.len());
            bytes[at] = to;
            let _ = rows_of(bytes.clone());
            bytes.truncate(at);
            prop_assert!(rows_of(bytes).is_err());
        }
    }
}
