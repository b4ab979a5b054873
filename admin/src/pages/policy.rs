//! The site's terms, to be read and set: a file with the checks and messages of the command line.
//! What it would change is shown before it does, each version stays, and whoever was overtaken loses
//! nothing of what they wrote.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State as FromState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use daemon::desk::command::{Command, Refusal};
use daemon::desk::policy::{Change, Mistake, Policy, Terms, changes};
use daemon::live::Topic;
use daemon::store::read::{Directory, PolicyVersion};
use serde::Deserialize;

use super::asking::give;
use super::{Room, Shell, html, present};
use crate::auth::{Govern, Oversee, Require, Right, Visitor};
use crate::error::{Error, Explained};
use crate::pen::Pen;
use crate::state::State;

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    shell: Shell,
    directory: Arc<Directory>,
    versions: Vec<PolicyVersion>,
    /// The version in force.
    stands: i64,
    /// The one whose text was taken to be read or changed.
    shown: i64,
    text: String,
    found: Found,
    may_set: bool,
}

/// What came of looking at a text.
enum Found {
    /// It is in force.
    Stands,
    Mistakes(Vec<Mistake>),
    /// What it would change, and the years that it would leave without holidays.
    Changes {
        changes: Vec<Change>,
        years: Vec<i16>,
    },
    /// Somebody else was quicker: who, what they changed, and what the text would change now.
    Overtaken {
        by: String,
        theirs: Vec<Change>,
        changes: Vec<Change>,
    },
    /// An earlier version, and where it differs from the one in force; none: it cannot be read any more.
    Earlier(Option<Vec<Change>>),
}

impl PolicyPage {
    fn pen(&self) -> &Pen {
        &self.shell.visitor.pen
    }
    fn who(&self, version: &PolicyVersion) -> String {
        who(self.pen(), &self.directory, version)
    }
    /// The text is that of the version in force, and not what somebody typed.
    fn is_in_force(&self) -> bool {
        matches!(self.found, Found::Stands)
    }
    /// What the text is.
    fn heading(&self) -> String {
        match self.found {
            Found::Stands => self.pen().say("policy-text"),
            Found::Earlier(_) => self.pen().say1("policy-version", "version", self.shown),
            Found::Mistakes(_) | Found::Changes { .. } | Found::Overtaken { .. } => self.pen().say("policy-typed"),
        }
    }
    /// The version in force.
    fn in_force(&self) -> Option<&PolicyVersion> {
        self.versions.iter().find(|version| version.version == self.stands)
    }
    fn mistakes(&self) -> &[Mistake] {
        match &self.found {
            Found::Mistakes(mistakes) => mistakes,
            Found::Stands | Found::Changes { .. } | Found::Overtaken { .. } | Found::Earlier(_) => &[],
        }
    }
    /// The line of a mistake, parted where it stands.
    fn torn(&self, mistake: &Mistake) -> (String, String) {
        let line = self.text.lines().nth(mistake.line.saturating_sub(1)).unwrap_or_default();
        let before = mistake.column.saturating_sub(1);
        (line.chars().take(before).collect(), line.chars().skip(before).collect())
    }
    /// Lines with mistakes, for the script that marks them.
    fn wrong_lines(&self) -> String {
        let lines: Vec<String> = self.mistakes().iter().map(|mistake| mistake.line.to_string()).collect();
        lines.join(" ")
    }
}

fn who(pen: &Pen, directory: &Directory, version: &PolicyVersion) -> String {
    let person = version.by.and_then(|by| directory.person(by));
    person.map_or_else(|| pen.say("policy-nobody"), |person| person.name.clone())
}

#[derive(Deserialize)]
pub struct Asked {
    /// Another than the one in force, to be looked at or gone back to.
    version: Option<i64>,
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Oversee>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let policy = state.reader.policy();
    let shown = asked.version.unwrap_or(policy.version);
    let text = text_of(&state, &policy, shown).await?;
    let found = match shown == policy.version {
        true => Found::Stands,
        false => Found::Earlier(Terms::read(&text, &policy).ok().map(|then| changes(&then, &policy.terms))),
    };
    page(&state, visitor, &policy, shown, text, found).await
}

/// The text of a version; the one in force has one even before it is kept.
pub async fn text_of(state: &State, policy: &Policy, version: i64) -> Result<String, Error> {
    match state.reader.policy_text(version).await? {
        Some(kept) => Ok(kept.text),
        None if version == policy.version => Ok(policy.terms.write()),
        None => Err(Error::NotFound),
    }
}

#[derive(Deserialize)]
pub struct Written {
    /// The version that was in force when the writer last saw the page.
    stands: i64,
    text: String,
    /// `check`, or to put it in force `save`.
    what: String,
}

/// Shows what a text would change, or puts it in force.
pub async fn write(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Govern>,
    Form(Written { stands, text, what }): Form<Written>,
) -> Result<Response, Error> {
    // Browsers send lines as CR LF.
    let text = text.replace("\r\n", "\n");
    if what == "save" {
        let command = Command::SetPolicy { version: Some(stands), text: text.clone() };
        match give(&state, &visitor, command).await {
            Ok(_) => return Ok(Redirect::to("/policy").into_response()),
            // The page tells these by itself, with what was typed.
            Err(Error::Refused(Refusal::Terms(_) | Refusal::Changed { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    let policy = state.reader.policy();
    let found = match Terms::read(&text, &policy) {
        Err(mistakes) => Found::Mistakes(mistakes),
        Ok(terms) if stands == policy.version => {
            let years = policy.with(policy.version, terms.clone()).unknown_years(visitor.pen.now).into_keys().collect();
            Found::Changes { changes: changes(&policy.terms, &terms), years }
        }
        Ok(terms) => overtaken(&state, &visitor, &policy, stands, &terms).await?,
    };
    let status = match found {
        Found::Mistakes(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Found::Overtaken { .. } => StatusCode::CONFLICT,
        Found::Stands | Found::Changes { .. } | Found::Earlier(_) => StatusCode::OK,
    };
    let mut response = page(&state, visitor, &policy, policy.version, text, found).await?;
    // Marked as a page, so that the error layer leaves it as it is.
    response.extensions_mut().insert(Explained(status));
    Ok(response)
}

async fn overtaken(
    state: &State,
    visitor: &Visitor,
    policy: &Policy,
    stood: i64,
    terms: &Terms,
) -> Result<Found, Error> {
    let before = state.reader.policy_text(stood).await?.and_then(|kept| Terms::read(&kept.text, policy).ok());
    let now = state.reader.policy_text(policy.version).await?;
    Ok(Found::Overtaken {
        by: now.map(|kept| who(&visitor.pen, &visitor.directory, &kept.version)).unwrap_or_default(),
        theirs: before.map(|before| changes(&before, &policy.terms)).unwrap_or_default(),
        changes: changes(&policy.terms, terms),
    })
}

async fn page(
    state: &State,
    visitor: Visitor,
    policy: &Policy,
    shown: i64,
    text: String,
    found: Found,
) -> Result<Response, Error> {
    let notices = present(state, vec![Topic::House]).await?;
    let versions = state.reader.policy_versions().await?;
    let (directory, title) = (visitor.directory.clone(), visitor.pen.say("policy"));
    let may_set = Govern::allows(visitor.person.role);
    let shell = Shell::new(state, visitor, Room::Policy, title, &notices);
    let page = PolicyPage { shell, directory, versions, stands: policy.version, shown, text, found, may_set };
    html(page).map(IntoResponse::into_response)
}
