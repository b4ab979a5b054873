//! Figures for whoever watches the daemon: `GET /metrics`, in Prometheus' text format.
//!
//! For who oversees the house, and for whoever asks from the machine itself: a scraper has no session.

use std::fmt::{self, Write};

use axum::extract::{FromRequestParts, State as FromState};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use daemon::live::Topic;

use crate::auth::{Oversee, Require, address};
use crate::error::Error;
use crate::pages::{links_of, present, store_fails};
use crate::state::State;

/// Text of Prometheus' exposition format, version 0.0.4.
const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whoever may read them.
pub struct Watcher;

impl FromRequestParts<State> for Watcher {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Watcher, Error> {
        if !address(parts, &state.house).is_loopback() {
            Require::<Oversee>::from_request_parts(parts, state).await?;
        }
        Ok(Watcher)
    }
}

pub async fn show(FromState(state): FromState<State>, _: Watcher) -> Result<impl IntoResponse, Error> {
    let notices = present(&state, vec![Topic::House]).await?;
    let policy = state.reader.policy();
    let mut page = Page::default();
    page.about("ringback_store_failing", "1 while the store refuses to be written.");
    page.sample("ringback_store_failing", &[], i64::from(store_fails(&notices)));
    page.about("ringback_link_unseen", "1 while the PBX is out of sight.");
    for (pbx, link) in links_of(&notices) {
        page.sample("ringback_link_unseen", &[("pbx", pbx.as_str())], i64::from(link.unseen_since.is_some()));
    }
    page.about("ringback_policy_version", "The version of the policy in force.");
    page.sample("ringback_policy_version", &[], policy.version);
    let unknown = policy.unknown_years(state.now());
    page.about("ringback_holidays_unknown_years", "Years without a table of holidays that deadlines reach into.");
    page.sample("ringback_holidays_unknown_years", &[], i64::try_from(unknown.len()).unwrap_or(i64::MAX));
    page.about("ringback_holidays_unknown", "1 for each calendar and year without a table of holidays.");
    for (year, calendar) in unknown.iter().flat_map(|(year, names)| names.iter().map(move |name| (year, name))) {
        page.sample("ringback_holidays_unknown", &[("year", &year.to_string()), ("calendar", calendar)], 1);
    }
    Ok(([(CONTENT_TYPE, KIND)], page.0))
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn about(&mut self, name: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} gauge"));
    }
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: i64) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        match labels.is_empty() {
            true => self.line(format_args!("{name} {value}")),
            false => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
        }
    }
    fn line(&mut self, line: fmt::Arguments) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// As a label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
