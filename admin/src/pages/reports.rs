//! Reports of a period: what they have in common. A figure is a link to what it counts; a list is also
//! a file.

pub mod ownership;
pub mod surveys;

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use daemon::sheet;

use crate::pen::Pen;
use crate::period::{self, Period};

/// Lines of a file; more no spreadsheet is comfortable with.
const LINES: i64 = 100_000;

/// The period that is asked about; this month where nobody says.
pub fn period(period: &str, from: &str, to: &str, pen: &Pen) -> Period {
    let word = if period.is_empty() { "month" } else { period };
    Period::of(&period::Asked { period: word.to_owned(), from: from.to_owned(), to: to.to_owned() }, pen)
}

/// Its place in an address: a word, or the two days.
pub fn in_address(period: &Period) -> Vec<(&'static str, String)> {
    match period.word {
        "days" => vec![("from", period.first.to_string()), ("to", period.last.to_string())],
        word => vec![("period", word.to_owned())],
    }
}

/// An address with what is asked there.
pub fn address(path: &str, asked: &[(&'static str, String)]) -> String {
    format!("{path}?{}", serde_urlencoded::to_string(asked).unwrap_or_default())
}

/// `12.3%`; none of none is no share.
pub fn share(part: i64, whole: i64) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1}%", part as f64 * 100.0 / whole as f64) }
}

/// A file of lines, the first of them the columns' names.
pub fn csv(name: &str, period: &Period, lines: Vec<Vec<String>>) -> impl IntoResponse + use<> {
    let lines: String = lines.into_iter().map(sheet::line_of).collect();
    let name = format!("attachment; filename=\"{name}-{}-{}.csv\"", period.first, period.last);
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, name)];
    (headers, format!("{}{lines}", sheet::MARK))
}
