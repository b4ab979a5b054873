//! The HTTP API, `/api/v1`: the same facts as the pages, as JSON. Errors are RFC 9457 problems. A noun of the
//! API is the file of its name, and all paths stand in the crate's router.

pub mod board;
pub mod calls;
pub mod customers;
pub mod form;
pub mod handling;
pub mod looks;
pub mod owed;
pub mod ownership;
pub mod papers;
pub mod people;
pub mod policy;
pub mod regroup;
pub mod sight;
pub mod surveys;
pub mod tickets;

use chrono::DateTime;
use daemon::Time;
use serde::Deserialize;

use crate::error::Error;

/// From when until when, as a query says it.
#[derive(Deserialize)]
pub struct Between {
    pub from: Option<String>,
    pub to: Option<String>,
}

/// A moment of a query, RFC 3339.
fn moment(name: &str, text: Option<String>) -> Result<Time, Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Err(Error::Parameter(format!("{name} is missing; give a time, as in 2026-11-22T00:00:00+08:00")));
    };
    // In a query a plus sign that was not escaped arrives as a space.
    let moment = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
    moment.map(|moment| moment.to_utc()).map_err(|_| {
        Error::Parameter(format!("{name} is {text:?}, and no time with its zone, as in 2026-11-22T00:00:00+08:00"))
    })
}
