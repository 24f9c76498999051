//! A workbook of any texts opens in another implementation, and every cell of it holds
//! its own text.
#![no_main]

use calamine::{Data, Reader, Xlsx};
use jiff::civil::date;
use libfuzzer_sys::fuzz_target;
use qs_audit::model::table::{Column, Table, Values};
use qs_audit::output::xlsx::{Sheet, write};
use std::io::Cursor;

/// Letters that a workbook spells with an escape, which not every reader undoes.
fn is_spelled_out(text: &str) -> bool {
    text.contains("_x") || text.chars().any(|letter| letter.is_control() || letter == '\u{fffe}' || letter == '\u{ffff}')
}

fuzz_target!(|texts: Vec<String>| {
    if texts.is_empty() || texts.len() > 1000 {
        return;
    }
    let column = |name: &str, texts: &[String]| Column {
        name: name.to_owned(),
        values: Values::Text(texts.iter().map(|text| Some(text.as_str().into())).collect()),
    };
    let numbers: Vec<String> = (0..texts.len()).map(|number| format!("row {number}")).collect();
    let table = Table {
        name: "fuzz".to_owned(),
        columns: vec![column("first", &numbers), column("text", &texts), column("last", &numbers)],
    };
    let mut bytes = Vec::new();
    write(&[Sheet::from(table)], date(2026, 7, 1), &mut bytes).unwrap();
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).unwrap();
    let range = book.worksheet_range("fuzz").unwrap();
    assert_eq!(range.get_size(), (texts.len() + 1, 3));
    for (row, text) in range.rows().skip(1).zip(texts.iter().zip(&numbers)) {
        let (text, number) = text;
        let is = |cell: &Data, text: &str| match cell {
            Data::String(held) => held == text,
            Data::Empty => text.is_empty(),
            _ => false,
        };
        assert!(is(&row[0], number) && is(&row[2], number), "{row:?}");
        let is_cut = text.encode_utf16().count() > 2_000;
        assert!(is_spelled_out(text) || is_cut || is(&row[1], text), "{row:?} {text:?}");
    }
});
