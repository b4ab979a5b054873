//! Customers as a sheet: a CSV file, read line by line, and written.
//!
//! UTF-8, with or without its mark, or GBK, as spreadsheets here save; columns go by their heads, in
//! Chinese or English, in any order. A cell that a spreadsheet would take for a formula is written with
//! an apostrophe before it, which is taken away again when we read it.

mod import;
#[cfg(test)]
mod tests;

use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};

use crate::PersonId;
use crate::desk::case::Staff;
use crate::desk::customers::{ImportRow, numbers_in};
use crate::desk::policy::Policy;
use crate::number::Number;
use crate::store::read::{Customer, Directory};
use crate::{CustomerId, Role};
pub use import::{Batch, Outcome, Report, Tried, tried};

/// The largest file: some 200,000 lines.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Lines of one file: it is read whole into memory before anything is done.
pub const MAX_LINES: usize = 200_000;

/// What is wrong with a line, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// From 1, the head's.
    pub line: u64,
    /// As the file calls it; empty where it is the line as a whole.
    pub column: String,
    /// In English.
    pub why: String,
}

/// A file that could be read.
#[derive(Debug)]
pub struct Sheet {
    /// Heads that mean nothing here, whose cells are left out.
    pub ignored: Vec<String>,
    pub lines: Vec<Line>,
}

#[derive(Debug)]
pub struct Line {
    /// From 1, the head's.
    pub nth: u64,
    pub row: ImportRow,
    pub wrong: Vec<Wrong>,
    /// What the column of its name is called, and those of its numbers.
    name_column: String,
    numbers_column: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Id,
    Name,
    Company,
    Address,
    Numbers,
    KeyCustomer,
    Class,
    Manager,
    Note,
}

/// As an export has them, and as others call them.
const HEADS: [(Column, &[&str]); 9] = [
    (Column::Id, &["id", "编号", "客户编号"]),
    (Column::Name, &["name", "customer", "customer name", "姓名", "客户", "客户姓名", "名称", "客户名称"]),
    (
        Column::Numbers,
        &[
            "numbers",
            "number",
            "phone",
            "phones",
            "phone number",
            "telephone",
            "tel",
            "mobile",
            "电话",
            "号码",
            "手机",
            "手机号",
            "座机",
            "联系电话",
            "电话号码",
            "手机号码",
        ],
    ),
    (Column::Company, &["company", "公司", "单位", "公司名称", "单位名称"]),
    (Column::Address, &["address", "地址", "联系地址"]),
    (Column::KeyCustomer, &["key customer", "key account", "重点客户", "是否重点客户"]),
    (Column::Class, &["class", "customer class", "分类", "客户分类", "类别", "客户级别"]),
    (Column::Manager, &["account manager", "manager", "客户经理"]),
    (Column::Note, &["note", "notes", "remark", "remarks", "备注", "说明"]),
];

/// What a spreadsheet takes for the beginning of a formula, or for our own mark against it.
const FORMULAS: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\n', '\''];

/// Reads a file for the site of that policy and staff; what is wrong with a line stays with it.
///
/// # Errors
/// What is wrong with the file as a whole.
pub fn read(bytes: &[u8], policy: &Policy, staff: &Staff) -> Result<Sheet, Wrong> {
    let whole = |line: u64, why: String| Wrong { line, column: String::new(), why };
    let text = decoded(bytes).map_err(|why| whole(1, why))?;
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(&text)).from_reader(text.as_bytes());
    let mut records = reader.records();
    let head = match records.next() {
        Some(Ok(head)) => head,
        Some(Err(error)) => return Err(whole(1, format!("this line cannot be read: {error}"))),
        None => {
            return Err(whole(1, "this file is empty; its first line names the columns, as in name, numbers".into()));
        }
    };
    let columns: Vec<(Option<Column>, String)> =
        head.iter().map(|cell| (column(cell), cell.trim().to_owned())).collect();
    let names = |column| columns.iter().any(|(known, _)| *known == Some(column));
    if !names(Column::Id) && !names(Column::Numbers) {
        let why = "no column has numbers; the first line names the columns, as in name, numbers (or 姓名, 电话)";
        return Err(whole(1, why.into()));
    }
    for (nth, (known, name)) in columns.iter().enumerate() {
        let is_again = known.is_some_and(|known| columns[..nth].iter().any(|(before, _)| *before == Some(known)));
        if is_again && *known != Some(Column::Numbers) {
            let why = "another column says the same; leave one of them".to_owned();
            return Err(Wrong { line: 1, column: name.clone(), why });
        }
    }
    let mut lines = Vec::new();
    for record in records {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            whole(line, format!("this line cannot be read: {error}"))
        })?;
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if lines.len() == MAX_LINES {
            let why = format!("this file has more than {MAX_LINES} lines; divide it");
            return Err(whole(record.position().map_or(0, csv::Position::line), why));
        }
        lines.push(line(&record, &columns, policy, staff));
    }
    let ignored = columns.into_iter().filter(|(known, _)| known.is_none()).map(|(_, name)| name);
    Ok(Sheet { ignored: ignored.filter(|name| !name.is_empty()).collect(), lines })
}

fn decoded(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!("this file is larger than {} MB; divide it", MAX_BYTES / 1024 / 1024));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("this file is UTF-16; save it as CSV UTF-8".into());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.contains(&0) {
        return Err("this is no text; save the sheet as CSV".into());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => match encoding_rs::GBK.decode_without_bom_handling(bytes) {
            (text, false) => Ok(text.into_owned()),
            (_, true) => Err("this file is neither UTF-8 nor GBK; save it as CSV UTF-8".into()),
        },
    }
}

/// As the first line is divided.
fn delimiter(text: &str) -> u8 {
    let head = text.lines().next().unwrap_or_default();
    let count = |delimiter: &u8| head.bytes().filter(|byte| byte == delimiter).count();
    // Of equals the last is the greatest.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

fn column(head: &str) -> Option<Column> {
    let head = head.trim().trim_matches('\u{feff}').to_lowercase().replace('_', " ");
    HEADS.iter().find(|(_, names)| names.contains(&head.as_str())).map(|(column, _)| *column)
}

fn line(record: &StringRecord, columns: &[(Option<Column>, String)], policy: &Policy, staff: &Staff) -> Line {
    let nth = record.position().map_or(0, csv::Position::line);
    let mut read = Line {
        nth,
        row: ImportRow::default(),
        wrong: Vec::new(),
        name_column: String::new(),
        numbers_column: String::new(),
    };
    let name = columns.iter().find(|(column, _)| *column == Some(Column::Name));
    read.name_column = name.map_or_else(|| HEADS[1].1[0].to_owned(), |(_, name)| name.clone());
    if record.len() > columns.len() && record.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty()) {
        let why = "this line has more cells than the first; put a text with commas in quotes".to_owned();
        read.wrong.push(Wrong { line: nth, column: String::new(), why });
    }
    for (cell, (column, name)) in record.iter().zip(columns) {
        let cell = plain(cell);
        let Some(column) = column.filter(|_| !cell.is_empty()) else { continue };
        let Line { row, wrong, numbers_column, .. } = &mut read;
        let mut refuse = |why: String| wrong.push(Wrong { line: nth, column: name.clone(), why });
        match column {
            Column::Id => match cell.parse() {
                Ok(id) => row.id = Some(CustomerId(id)),
                Err(_) => refuse(format!("{cell:?} is no id; leave it empty to go by the numbers")),
            },
            Column::Name => row.name = cell.to_owned(),
            Column::Company => row.company = cell.to_owned(),
            Column::Address => row.address = cell.to_owned(),
            Column::Note => row.note = cell.to_owned(),
            Column::Numbers => {
                numbers_column.clone_from(name);
                for number in numbers_in(cell) {
                    match policy.numbering.read(number).filter(|read| is_number(number, read)) {
                        Some(number) if !row.numbers.contains(&number) => row.numbers.push(number),
                        Some(_) => {}
                        None => refuse(format!("{number:?} is no phone number; write it as in 13800138000")),
                    }
                }
            }
            Column::KeyCustomer => match cell.to_lowercase().as_str() {
                "yes" | "y" | "true" | "1" | "是" | "√" => row.key_customer = Some(true),
                "no" | "n" | "false" | "0" | "否" => row.key_customer = Some(false),
                _ => refuse(format!("{cell:?} is neither yes nor no (是, 否)")),
            },
            Column::Class => match policy.terms.classes.iter().any(|class| class == cell) {
                true => row.class = cell.to_owned(),
                false if policy.terms.classes.is_empty() => {
                    refuse(format!("{cell:?} is no class of customers, and the policy names none"));
                }
                false => {
                    let classes = policy.terms.classes.join(", ");
                    refuse(format!("{cell:?} is no class of customers; there are: {classes}"));
                }
            },
            Column::Manager => match person(cell, staff) {
                Some(person) => row.manager = Some(person),
                None => refuse(format!("{cell:?} is nobody who signs in here; write their account")),
            },
        }
    }
    read
}

/// No word or slip of the hand that happens to have digits in it.
fn is_number(cell: &str, read: &Number) -> bool {
    let letters: String = cell.chars().filter(char::is_ascii_alphabetic).collect();
    let is_extension = matches!(letters.to_lowercase().as_str(), "" | "x" | "ext" | "tel");
    is_extension && read.as_str().len() >= SHORTEST
}

/// The shortest numbers that one calls somebody at.
const SHORTEST: usize = 3;

/// By account, or by a name that only one has.
fn person(cell: &str, staff: &Staff) -> Option<PersonId> {
    let may = staff.people.iter().filter(|(_, member)| member.active && member.role != Role::Admin);
    let by_login = may.clone().find(|(_, member)| member.login.eq_ignore_ascii_case(cell));
    let mut by_name = may.filter(|(_, member)| member.name == cell);
    let named = by_name.next().filter(|_| by_name.next().is_none());
    by_login.or(named).map(|(id, _)| *id)
}

/// A cell without the mark against formulas.
fn plain(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULAS)).unwrap_or(cell)
}

/// By which spreadsheets know UTF-8; the first thing in a file.
pub const MARK: &str = "\u{feff}";

/// The head of an export; with the mark by which spreadsheets know UTF-8.
pub fn head() -> String {
    format!("{MARK}{}", line_of(HEADS.iter().map(|(_, names)| names[0].to_owned())))
}

/// A customer's line of an export, with numbers as `told` tells them; masked ones are not read again.
pub fn write(customer: &Customer, directory: &Directory, told: impl Fn(&Number) -> String) -> String {
    let numbers: Vec<String> = customer.numbers.iter().map(told).collect();
    let manager = customer.manager.and_then(|id| directory.person(id));
    let cell = |column: Column| match column {
        Column::Id => customer.id.to_string(),
        Column::Name => customer.name.clone(),
        Column::Numbers => numbers.join("; "),
        Column::Company => customer.company.clone(),
        Column::Address => customer.address.clone(),
        Column::KeyCustomer => if customer.key_customer { "yes" } else { "no" }.to_owned(),
        Column::Class => customer.class.clone(),
        Column::Manager => manager.map(|person| person.login.clone()).unwrap_or_default(),
        Column::Note => customer.note.clone(),
    };
    line_of(HEADS.iter().map(|(column, _)| cell(*column)))
}

/// A line of a file; a cell that a spreadsheet would take for a formula is marked.
pub fn line_of(cells: impl IntoIterator<Item = String>) -> String {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let marked = cells.into_iter().map(|cell| if cell.starts_with(FORMULAS) { format!("'{cell}") } else { cell });
    // Writing to memory does not fail, and what went in as text comes out as text.
    let _ = writer.write_record(marked.collect::<Vec<_>>());
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
