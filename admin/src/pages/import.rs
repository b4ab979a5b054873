//! A file of customers, tried and put in; and all of them as a file.

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::State as FromState;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use daemon::CustomerId;
use daemon::desk::command::{Command, Given};
use daemon::desk::looks::Look;
use daemon::live::Topic;
use daemon::number::Number;
use daemon::sheet::{self, Outcome, Report, Tried, Wrong};
use futures_util::future::join_all;
use futures_util::stream;

use super::asking::give;
use super::{Room, Shell, html, present};
use crate::auth::{Require, Visitor, Watch};
use crate::error::{Error, Explained};
use crate::pen::Pen;
use crate::state::State;

/// Lines of each kind that a page shows; the API and the command line tell all.
const SHOWN: usize = 200;

/// Customers that an export reads at a time.
const CHUNK: u32 = 500;

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    shell: Shell,
    /// What is wrong with the file as a whole.
    unreadable: Option<Wrong>,
    report: Option<Report>,
    /// It was written, and not only tried.
    is_done: bool,
}

impl ImportPage {
    fn pen(&self) -> &Pen {
        &self.shell.visitor.pen
    }
    fn refused<'a>(&self, report: &'a Report) -> Vec<&'a Wrong> {
        report.refused().take(SHOWN).collect()
    }
    fn changing<'a>(&self, report: &'a Report) -> Vec<&'a Tried> {
        let changing = report.tried.iter().filter(|t| matches!(t.outcome, Outcome::New | Outcome::Changed(_)));
        changing.take(SHOWN).collect()
    }
    fn what(&self, tried: &Tried) -> String {
        match &tried.outcome {
            Outcome::Changed(fields) => {
                let words: Vec<String> = fields.iter().map(|field| self.pen().word("customer-field", field)).collect();
                format!("{} {}", self.pen().say("customer-changed"), words.join(&self.pen().say("comma")))
            }
            Outcome::New | Outcome::Same | Outcome::Refused(_) => self.pen().say("import-new"),
        }
    }
    fn numbers(&self, tried: &Tried) -> String {
        let numbers: Vec<String> = tried.row.numbers.iter().map(|number| self.pen().number(number)).collect();
        numbers.join(" ")
    }
    fn summary(&self, report: &Report) -> String {
        let (new, changed, same) = (report.new_ones(), report.changed(), report.same());
        let refused = report.count(|outcome| matches!(outcome, Outcome::Refused(_)));
        let values: [(&str, &dyn std::fmt::Display); 4] =
            [("new", &new), ("changed", &changed), ("same", &same), ("refused", &refused)];
        match self.is_done {
            true => self.pen().language.say("import-done", &values),
            false => self.pen().language.say("import-would", &values),
        }
    }
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
) -> Result<impl IntoResponse, Error> {
    page(&state, visitor, None, None, false).await
}

/// The file comes as browsers send one that was chosen: which button was pressed is a field before it.
pub async fn put(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    let (what, file) = parts(&headers, &body).ok_or(Error::Unreadable)?;
    let is_done = what == b"import";
    match import(&state, &visitor, file, !is_done).await? {
        Ok(report) => Ok(page(&state, visitor, None, Some(report), is_done).await?.into_response()),
        Err(wrong) => {
            let mut response = page(&state, visitor, Some(wrong), None, false).await?.into_response();
            response.extensions_mut().insert(Explained(StatusCode::UNPROCESSABLE_ENTITY));
            Ok(response)
        }
    }
}

async fn page(
    state: &State,
    visitor: Visitor,
    unreadable: Option<Wrong>,
    report: Option<Report>,
    is_done: bool,
) -> Result<impl IntoResponse + use<>, Error> {
    let notices = present(state, vec![Topic::House]).await?;
    let title = visitor.pen.say("customers-import");
    let shell = Shell::new(state, visitor, Room::Import, title, &notices);
    html(ImportPage { shell, unreadable, report, is_done })
}

/// Tries a file, and puts it in unless it is only tried; or what is wrong with it as a whole.
pub async fn import(
    state: &State,
    visitor: &Visitor,
    file: &[u8],
    only_tried: bool,
) -> Result<Result<Report, Wrong>, Error> {
    let staff = visitor.directory.staff();
    let sheet = match sheet::read(file, &state.reader.policy(), &staff) {
        Ok(sheet) => sheet,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let mut report = sheet::tried(&state.reader, sheet).await?;
    if !only_tried {
        for batch in report.batches() {
            // All at once, so that they share a commit.
            let given = batch
                .commands()
                .into_iter()
                .map(|command| state.commands.give(Given { by: Some(visitor.person.id), command }));
            let answers = join_all(given).await;
            batch.hear(answers);
        }
    }
    Ok(Ok(report))
}

/// What the button says, and the file: the two fields of the form, of RFC 7578's format only what
/// browsers send for it.
fn parts<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let boundary = kind.strip_prefix("multipart/form-data")?.split_once("boundary=")?.1.trim_matches('"');
    let (opening, closing) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}"));
    let find = |text: &[u8], part: &[u8]| text.windows(part.len()).position(|window| window == part);
    let (mut what, mut file) = (None, None);
    let mut rest = body.strip_prefix(opening.as_bytes())?;
    loop {
        let head = find(rest, b"\r\n\r\n")?;
        let (name, value) = (&rest[..head], &rest[head + 4..]);
        let end = find(value, closing.as_bytes())?;
        match find(name, b"name=\"what\"") {
            Some(_) => what = Some(&value[..end]),
            None => file = Some(&value[..end]),
        }
        match value[end + closing.len()..].strip_prefix(b"\r\n") {
            Some(more) => rest = more,
            None => break,
        }
    }
    Some((what?, file?))
}

/// Read piece by piece as the browser takes it.
pub async fn export(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
) -> Result<impl IntoResponse, Error> {
    // Who may have numbers shown may take them away; that they did is on record before the first line.
    let masked = visitor.pen.masked && !visitor.pen.may_show;
    give(&state, &visitor, Command::Look(Look::Customers { masked })).await?;
    let (directory, pen) = (visitor.directory.clone(), Pen { masked, ..visitor.pen });
    let lines = stream::unfold(Some(None), move |after: Option<Option<CustomerId>>| {
        let (reader, directory, pen) = (state.reader.clone(), directory.clone(), pen.clone());
        async move {
            // The head goes with the first.
            let (head, from) = match after? {
                None => (sheet::head(), CustomerId(0)),
                Some(after) => (String::new(), after),
            };
            let customers = match reader.customers_after(from, CHUNK).await {
                Ok(customers) => customers,
                Err(error) => return Some((Err(error), None)),
            };
            let next = customers.last().map(|last| Some(last.id));
            let told = |number: &Number| pen.told(number);
            let lines = customers.iter().map(|customer| sheet::write(customer, &directory, told));
            Some((Ok(head + &lines.collect::<String>()), next))
        }
    });
    let headers =
        [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"customers.csv\"")];
    Ok((headers, Body::from_stream(lines)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_in_what_a_browser_sends() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "multipart/form-data; boundary=----x7".parse().expect("a header"));
        let body = b"------x7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\
            Content-Type: text/csv\r\n\r\nname,phone\r\n\r\nShen,1\r\n\r\n------x7\r\n\
            Content-Disposition: form-data; name=\"what\"\r\n\r\nimport\r\n------x7--\r\n";
        let (what, file) = parts(&headers, body).expect("both");
        assert_eq!((what, file), (&b"import"[..], &b"name,phone\r\n\r\nShen,1\r\n"[..]));
        for cut in 0..body.len() - 4 {
            assert!(parts(&headers, &body[..cut]).is_none(), "{cut}");
        }
        assert!(parts(&HeaderMap::new(), body).is_none());
    }
}
