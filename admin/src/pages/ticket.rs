//! A ticket whole: its head, with how far it is, and all the parts of its page; those that are nouns of their
//! own have a file each.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as FromState};
use axum::response::{Html, IntoResponse};
use daemon::desk::clock::ClockKind;
use daemon::desk::command::Refusal;
use daemon::desk::policy::Policy;
use daemon::desk::rights::Act;
use daemon::desk::ticket::TicketState;
use daemon::live::Topic;
use daemon::store::read::{Directory, TicketPage, TicketRow};

use super::form::FormView;
use super::hand::Giving;
use super::handling::{HandlingRoom, Typed};
use super::papers::{NoteForm, PapersForms, PapersPart, Unsent};
use super::regroup::RegroupPart;
use super::step::Steps;
use super::{Room, Shell, html, present};
use crate::auth::{Read, Require, Visitor};
use crate::error::Error;
use crate::parts::clocks::Clocks;
use crate::parts::owners::Owners;
use crate::parts::part;
use crate::parts::proof::ProofPart;
use crate::parts::timeline::Timeline;
use crate::pen::Pen;
use crate::seen;
use crate::state::State;

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketWhole {
    shell: Shell,
    head: Head,
    clocks: Clocks,
    handling: HandlingRoom,
    steps: Steps,
    owners: Owners,
    giving: Giving,
    timeline: Timeline,
    papers: PapersPart,
    /// Of whoever may write.
    forms: Option<(NoteForm, PapersForms)>,
    unsent: Unsent,
    regroup: RegroupPart,
    proof: ProofPart,
    form: FormView,
}

/// Number, matter, who, and how far it is.
#[derive(Template)]
#[template(path = "parts/t_head.html")]
struct Head {
    pen: Pen,
    row: TicketRow,
    /// The number of the ticket that it became part of.
    into: Option<String>,
    directory: Arc<Directory>,
    /// Whether the reader has a desk to write it on.
    may_write: bool,
    /// Whether such matters are filed before they are closed.
    is_filed: bool,
}
part!(Head = "t-head");

impl Head {
    fn of(visitor: &Visitor, page: &TicketPage, policy: &Policy) -> Head {
        let is_filed = [ClockKind::Filing, ClockKind::ReturnVisit]
            .iter()
            .any(|clock| policy.terms.clocks.rule(*clock).runs_for(page.row.ticket.kind));
        Head {
            pen: visitor.pen.clone(),
            row: page.row.clone(),
            into: page.regrouped.into.clone(),
            directory: visitor.directory.clone(),
            // What became part of another is written there.
            may_write: visitor.may(&page.row.circle(), Act::Write) && page.regrouped.into.is_none(),
            is_filed,
        }
    }
    fn steps(&self) -> Vec<(&'static str, &'static str)> {
        let now = self.row.ticket.state;
        let at_work = match now {
            TicketState::WaitingCustomer | TicketState::WaitingApproval | TicketState::Reopened => now,
            TicketState::New
            | TicketState::InProgress
            | TicketState::Resolved
            | TicketState::Filed
            | TicketState::Closed => TicketState::InProgress,
        };
        let filed = Some(TicketState::Filed).filter(|filed| self.is_filed || now == *filed);
        let over = [Some(TicketState::Resolved), filed, Some(TicketState::Closed)];
        let way: Vec<TicketState> = [TicketState::New, at_work].into_iter().chain(over.into_iter().flatten()).collect();
        let here = way.iter().position(|state| *state == now).unwrap_or_default();
        let class = |place: usize| match place.cmp(&here) {
            std::cmp::Ordering::Less => "past",
            std::cmp::Ordering::Equal => "now",
            std::cmp::Ordering::Greater => "",
        };
        way.iter().enumerate().map(|(place, state)| (class(place), state.as_str())).collect()
    }
    fn owner(&self) -> Option<&str> {
        Some(self.directory.person(self.row.ticket.owner?)?.name.as_str())
    }
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(number): Path<String>,
) -> Result<impl IntoResponse, Error> {
    let page = seen::by_number(&state, &visitor, &number).await?;
    whole(&state, visitor, page, None).await
}

/// All of it, with findings as they stand, or as they were typed and just refused.
pub async fn whole(
    state: &State,
    visitor: Visitor,
    page: TicketPage,
    refused: Option<(Typed, Refusal)>,
) -> Result<Html<String>, Error> {
    let notices = present(state, vec![Topic::House]).await?;
    let policy = state.reader.policy();
    let (clocks, proof) = (Clocks::of(&visitor, &page, &policy), ProofPart::of(&visitor, &page, &policy));
    let (head, owners) = (Head::of(&visitor, &page, &policy), Owners::of(&visitor, &page));
    let timeline = Timeline::new(visitor.pen.clone(), &page, visitor.directory.clone());
    let title = format!("{} {}", page.row.ticket.number, page.row.ticket.summary);
    let circle = page.row.circle();
    // What became part of another is written there.
    let is_whole = page.regrouped.into.is_none();
    let may = |act| visitor.may(&circle, act) && is_whole;
    let (may_write, may_note) = (may(Act::Write), may(Act::Note));
    let steps = Steps::of(&visitor.pen, &page, &policy, may);
    let handling = HandlingRoom::of(&visitor, &page, &policy, refused);
    let giving = Giving::of(state, &visitor, &page);
    let papers = PapersPart::of(&visitor, &page, may_note);
    let regroup = RegroupPart::of(&visitor, &page);
    let (pen, ticket) = (visitor.pen.clone(), page.row.ticket.id);
    let forms = may_note.then(|| (NoteForm::of(&visitor, &page), PapersForms { pen, ticket }));
    let unsent = Unsent::of(&visitor, &page);
    let may_reclass = may(Act::Reclass);
    let mut form = FormView::new(visitor.pen.clone(), page, &visitor.directory, "ticket");
    form.may_write = may_write;
    form.may_reclass = may_reclass;
    form.script = form.script_of(&policy);
    let shell = Shell::new(state, visitor, Room::Ticket, title, &notices);
    html(TicketWhole {
        shell,
        head,
        clocks,
        handling,
        steps,
        owners,
        giving,
        timeline,
        papers,
        forms,
        unsent,
        regroup,
        proof,
        form,
    })
}
