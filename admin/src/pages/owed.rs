//! What is owed: one's own, the team's, and an obligation whole.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State as FromState};
use axum::response::{IntoResponse, Redirect};
use daemon::desk::clock::{ClockKind, ObligationState};
use daemon::desk::command::{Command, Done, Owed, Step};
use daemon::desk::rights::Act;
use daemon::live::Topic;
use daemon::store::read::{ObligationRow, OwedFilter, OwedPage, Person, Whose};
use daemon::{ObligationId, PersonId, Role, Time};
use serde::Deserialize;

use super::asking::give;
use super::step::moment;
use super::{Room, Shell, html, present};
use crate::auth::{Desk, Read, Require, Right, Visitor, Watch};
use crate::error::Error;
use crate::parts::owed::{OwedHead, OwedList, OwedPauses, OwedProof, OwedRungs, OwedWindow};
use crate::state::State;

/// Rows on one page of a list; whoever looks for more chooses.
const LISTED: u32 = 200;

/// The obligation, to whoever sees its matter; to others it is not there.
pub async fn by_id(state: &State, visitor: &Visitor, id: ObligationId) -> Result<OwedPage, Error> {
    let page = state.reader.owed_page(id).await?;
    page.filter(|page| visitor.may_of(&page.row, Act::See)).ok_or(Error::NotFound)
}

/// A closed enum's word in a query; empty chooses none.
pub fn parsed<T>(name: &str, word: Option<&str>, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Error> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(None) };
    parse(word).map(Some).ok_or_else(|| Error::Parameter(format!("{name} is {word:?}, which there is not")))
}

/// Which list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Mine,
    Team,
    Risk,
}

impl Which {
    fn as_str(self) -> &'static str {
        match self {
            Which::Mine => "mine",
            Which::Team => "team",
            Which::Risk => "risk",
        }
    }
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    which: String,
    owner: Option<String>,
    kind: Option<String>,
    state: Option<String>,
}

#[derive(Template)]
#[template(path = "owed.html")]
struct OwedLists {
    shell: Shell,
    which: Which,
    tabs: Vec<Which>,
    owner: Whose,
    kind: Option<ClockKind>,
    state: Option<ObligationState>,
    people: Vec<Person>,
    list: OwedList,
}

pub async fn list(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let (me, sees_all, pen) = (visitor.person.id, Watch::allows(visitor.person.role), visitor.pen.clone());
    let which = match asked.which.as_str() {
        "team" if sees_all => Which::Team,
        "risk" => Which::Risk,
        _ => Which::Mine,
    };
    let owner = match (which, asked.owner.as_deref().unwrap_or_default()) {
        (Which::Team, "") => Whose::Anybodys,
        (Which::Team, "nobody") => Whose::Nobodys,
        (Which::Team, id) => Whose::Of(PersonId(id.parse().map_err(|_| Error::NotFound)?)),
        (Which::Risk, _) if sees_all => Whose::Anybodys,
        (Which::Risk | Which::Mine, _) => Whose::OfOrNobodys(me),
    };
    let chosen = |word: &Option<String>| word.clone().filter(|_| which == Which::Team);
    let (kind, chosen_state) = (chosen(&asked.kind), chosen(&asked.state));
    let kind = parsed("kind", kind.as_deref(), ClockKind::parse)?;
    let chosen_state = parsed("state", chosen_state.as_deref(), ObligationState::parse)?;
    let filter = OwedFilter {
        owner,
        kind,
        state: Some(chosen_state.unwrap_or(ObligationState::Open)),
        at_risk: (which == Which::Risk).then_some(pen.now),
        limit: LISTED,
    };
    let mut rows = state.reader.owed(filter).await?;
    let is_cut = u32::try_from(rows.len()).unwrap_or(u32::MAX) >= LISTED;
    rows.retain(|row| visitor.may_of(row, Act::See));
    let directory = visitor.directory.clone();
    let works = |person: &&Person| person.active && person.role != Role::Admin;
    let notices = present(&state, vec![Topic::House]).await?;
    html(OwedLists {
        which,
        tabs: if sees_all { vec![Which::Mine, Which::Team, Which::Risk] } else { vec![Which::Mine, Which::Risk] },
        owner,
        kind,
        state: chosen_state,
        people: directory.people.iter().filter(works).cloned().collect(),
        list: OwedList { pen: pen.clone(), rows, directory, me, is_cut },
        shell: Shell::new(&state, visitor, Room::Owed, pen.say("obligations"), &notices),
    })
}

#[derive(Template)]
#[template(path = "obligation.html")]
struct OwedWhole {
    shell: Shell,
    id: ObligationId,
    may_pause: bool,
    may_promise: bool,
    may_write: bool,
    supervises: bool,
    head: OwedHead,
    window: OwedWindow,
    rungs: OwedRungs,
    pauses: OwedPauses,
    proof: OwedProof,
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(id): Path<i64>,
) -> Result<impl IntoResponse, Error> {
    let id = ObligationId(id);
    let page = Arc::new(by_id(&state, &visitor, id).await?);
    let notices = present(&state, vec![Topic::House]).await?;
    let (pen, directory) = (visitor.pen.clone(), visitor.directory.clone());
    let supervises = Watch::allows(visitor.person.role);
    let head = OwedHead {
        pen: pen.clone(),
        page: page.clone(),
        directory: directory.clone(),
        me: visitor.person.id,
        supervises,
        can_dial: !visitor.extensions.is_empty(),
    };
    let title = format!("{} {}", pen.word("clock", page.row.kind.as_str()), head.whom());
    let policy = state.reader.policy();
    let callback = policy.terms.callback;
    let still = page.row.suspended.as_ref().and_then(|_| page.paused.clone());
    let if_resumed = still.map(|basis| policy.ladder(&basis.resumed(pen.now)));
    html(OwedWhole {
        id,
        may_pause: page.may_pause,
        may_promise: page.may_promise && visitor.may_of(&page.row, Act::Step),
        may_write: Desk::allows(visitor.person.role),
        supervises,
        window: OwedWindow { pen: pen.clone(), page: page.clone(), if_resumed },
        rungs: OwedRungs { pen: pen.clone(), page: page.clone(), directory: directory.clone() },
        pauses: OwedPauses { pen: pen.clone(), page: page.clone(), directory: directory.clone() },
        proof: OwedProof { pen, page, directory, talk_ms: callback.talk_ms },
        head,
        shell: Shell::new(&state, visitor, Room::Obligation, title, &notices),
    })
}

/// What may be done to an obligation, as addresses name it.
#[derive(Clone, Copy)]
enum What {
    Claim,
    Release,
    Pause,
    Resume,
    Waive,
    Promise,
}

impl What {
    fn parse(word: &str) -> Option<What> {
        Some(match word {
            "claim" => What::Claim,
            "release" => What::Release,
            "pause" => What::Pause,
            "resume" => What::Resume,
            "waive" => What::Waive,
            "promise" => What::Promise,
            _ => return None,
        })
    }
}

/// What somebody says with it, as a form or a script sends it.
#[derive(Default, Deserialize)]
pub struct With {
    /// Why, of a pause and a waiver.
    #[serde(default)]
    reason: String,
    /// For when, of a promise: as a [step](super::step)'s.
    #[serde(default)]
    at: String,
}

/// From the obligation's page, which shows what came of it.
pub async fn give_in(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path((id, what)): Path<(i64, String)>,
    Form(with): Form<With>,
) -> Result<Redirect, Error> {
    let id = done(&state, &visitor, ObligationId(id), &what, with).await?;
    Ok(Redirect::to(&format!("/owed/{id}")))
}

/// For forms and scripts alike; which obligation shows what came of it.
pub async fn done(
    state: &State,
    visitor: &Visitor,
    id: ObligationId,
    what: &str,
    With { reason, at }: With,
) -> Result<ObligationId, Error> {
    let what = match What::parse(what).ok_or(Error::NotFound)? {
        What::Claim => Owed::Claim,
        What::Release => Owed::Release,
        What::Pause => Owed::Suspend { reason },
        What::Resume => Owed::Resume,
        What::Waive => Owed::Waive { reason },
        What::Promise => return promised(state, visitor, id, &at).await,
    };
    give(state, visitor, Command::Owed(id, what)).await?;
    Ok(id)
}

/// The customer is promised a call for what is owed, which stands in its matter from then on.
async fn promised(state: &State, visitor: &Visitor, id: ObligationId, at: &str) -> Result<ObligationId, Error> {
    if !Desk::allows(visitor.person.role) {
        return Err(Error::NotAllowed);
    }
    let row = by_id(state, visitor, id).await?.row;
    if let Some((at, who)) = over(visitor, &row) {
        return Err(Error::Over { state: row.state, at, who });
    }
    let step = Step::Promise { at: moment("at", at, &visitor.pen.zone)? };
    match give(state, visitor, Command::Matter(row.ticket, step)).await? {
        Done::Obligation(promise) => Ok(promise),
        _ => Err(Error::Broken),
    }
}

/// When it ended, and who ended it, where somebody did.
fn over(visitor: &Visitor, row: &ObligationRow) -> Option<(Time, Option<String>)> {
    match (&row.ended, &row.proof) {
        _ if row.state == ObligationState::Open => None,
        (Some(ended), _) => Some((ended.at, ended.by.map(|by| visitor.directory.name(by).to_owned()))),
        (None, proof) => Some((proof.as_ref().map_or(row.began_at, |proof| proof.from), None)),
    }
}

impl OwedWhole {
    /// Where somebody notes what a call alone does not tell: that it was answered, told, filed, or what
    /// the customer said.
    fn noted_at(&self) -> Option<String> {
        let row = &self.head.page.row;
        let place = match row.kind {
            ClockKind::MissedCall | ClockKind::Promise => return None,
            ClockKind::Resolution => "work",
            ClockKind::FirstResponse
            | ClockKind::Acceptance
            | ClockKind::Filing
            | ClockKind::ReturnVisit
            | ClockKind::SpotCheck => "steps",
            ClockKind::HandOver => "owners",
        };
        self.may_write.then(|| format!("/tickets/{}#{place}", row.ticket_number))
    }
}

impl OwedLists {
    fn is_owner(&self, person: &Person) -> bool {
        self.owner == Whose::Of(person.id)
    }
    fn kinds(&self) -> Vec<(&'static str, bool)> {
        ClockKind::ALL.iter().map(|kind| (kind.as_str(), self.kind == Some(*kind))).collect()
    }
    fn states(&self) -> Vec<(&'static str, bool)> {
        ObligationState::ALL.iter().map(|state| (state.as_str(), self.state == Some(*state))).collect()
    }
}
