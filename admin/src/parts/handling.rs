//! What was found out about a matter and what is done about it, as it stands: what is missing before it
//! can go on, the log of the investigation, remedies and who decides them, what the customer was told,
//! what is on file, and what was assessed.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use daemon::desk::clock::{ClockKind, ObligationState};
use daemon::desk::handling::{Findings, Limits, Remedy, RemedyState};
use daemon::desk::policy::Policy;
use daemon::desk::rights::Act;
use daemon::desk::states::{Known, Missing};
use daemon::desk::ticket::TicketState;
use daemon::store::read::{
    Attachment, Directory, FoundUnder, HandlingRow, LogRow, ObligationRow, RemedyRow, TicketPage, ToldRow,
};
use daemon::{AttachmentId, PersonId, Role, TicketId, Time};

use super::part;
use crate::auth::Visitor;
use crate::pen::{Pen, sum};

/// The states that come next, and what is missing before each.
pub fn ahead(page: &TicketPage, policy: &Policy) -> Vec<(TicketState, BTreeSet<Missing>)> {
    let is_visit = |row: &ObligationRow| row.kind == ClockKind::ReturnVisit && row.state == ObligationState::Open;
    let known = Known {
        clocks: &policy.terms.clocks,
        findings: &page.handling.findings,
        waits_for_approval: page.handling.remedies.iter().any(|row| row.remedy.state == RemedyState::Requested),
        visits: page.obligations.iter().any(is_visit),
    };
    known.ahead(&page.row.ticket)
}

/// Whether the reader may do that here: what became part of another matter is handled there.
pub fn may(visitor: &Visitor, page: &TicketPage, act: Act) -> bool {
    visitor.may(&page.row.circle(), act) && page.regrouped.into.is_none()
}

/// What is missing, before anybody clicks.
#[derive(Template)]
#[template(path = "parts/lacks.html")]
pub struct Lacks {
    pen: Pen,
    /// Before which state, and where on the page each is put.
    lines: Vec<(TicketState, Vec<(Missing, &'static str)>)>,
}
part!(Lacks = "lacks");

impl Lacks {
    pub fn of(pen: &Pen, ahead: &[(TicketState, BTreeSet<Missing>)]) -> Lacks {
        let places = |missing: &BTreeSet<Missing>| missing.iter().map(|what| (*what, place(*what))).collect();
        let lines = ahead.iter().filter(|(_, missing)| !missing.is_empty());
        Lacks { pen: pen.clone(), lines: lines.map(|(state, missing)| (*state, places(missing))).collect() }
    }
}

fn place(what: Missing) -> &'static str {
    match what {
        Missing::Approval => "#remedies",
        Missing::Category => "#category",
        Missing::Course => "#course",
        Missing::Finding => "#finding",
        Missing::Reason => "#reason",
        Missing::Cause => "#cause",
        Missing::Party => "#party",
        Missing::Solution => "#solution",
        Missing::Told | Missing::Filed | Missing::Reopened => "#steps",
        Missing::ReturnVisit => "#clocks",
    }
}

/// The log, with the files that show it.
#[derive(Template)]
#[template(path = "parts/investigation.html")]
pub struct Investigation {
    pen: Pen,
    ticket: TicketId,
    rows: Vec<LogRow>,
    /// The ticket became part of another; the log is there.
    is_part: bool,
    files: Vec<Attachment>,
    directory: Arc<Directory>,
}
part!(Investigation = "investigation");

impl Investigation {
    pub fn of(visitor: &Visitor, page: &TicketPage) -> Investigation {
        Investigation {
            pen: visitor.pen.clone(),
            ticket: page.row.ticket.id,
            rows: page.handling.log.clone(),
            is_part: page.regrouped.into.is_some(),
            files: page.attachments.clone(),
            directory: visitor.directory.clone(),
        }
    }
    fn name(&self, person: &PersonId) -> &str {
        self.directory.name(*person)
    }
    fn file(&self, id: &AttachmentId) -> &str {
        self.files.iter().find(|file| file.id == *id).map_or("–", |file| file.file.name.as_str())
    }
}

/// What was found out and told in tickets before they became part of this one, where it does not stand in it.
#[derive(Template)]
#[template(path = "parts/beside.html")]
pub struct Beside {
    pen: Pen,
    rows: Vec<FoundUnder>,
    directory: Arc<Directory>,
}
part!(Beside = "found-beside");

impl Beside {
    pub fn of(visitor: &Visitor, page: &TicketPage) -> Beside {
        let rows = page.handling.beside.clone();
        Beside { pen: visitor.pen.clone(), rows, directory: visitor.directory.clone() }
    }
    fn fields(&self, found: &FoundUnder) -> Vec<(String, String)> {
        beside(&self.pen, &self.directory, found)
    }
}

/// All that stands in one of them, as a name and a text each.
pub fn beside(pen: &Pen, directory: &Directory, found: &FoundUnder) -> Vec<(String, String)> {
    let HandlingRow { findings, saved, told: heard, filed, .. } = &found.head;
    let said = |at: &Time, by: PersonId, words: &str| {
        [pen.full(at), directory.name(by).to_owned(), words.to_owned()].join(" ").trim_end().to_owned()
    };
    let heard = heard.as_ref().map(|row| (told(pen, row), said(&row.at, row.by, &row.words)));
    let filed = filed.as_ref().map(|(at, by, words)| (pen.say("line-filed"), said(at, *by, words)));
    let saved = saved.map(|(by, at)| (pen.say("print-investigator"), said(&at, by, "")));
    written(pen, findings).into_iter().chain(saved).chain(heard).chain(filed).collect()
}

/// What was found out, as a name and a text each; nothing of what nobody wrote.
pub fn written(pen: &Pen, findings: &Findings) -> Vec<(String, String)> {
    let finding = findings.finding.map(|finding| pen.word("finding", finding.as_str())).unwrap_or_default();
    let fields = [
        (pen.word("field", "finding"), finding),
        (pen.word("field", "reason"), findings.reason.clone()),
        (pen.word("field", "cause"), findings.cause.clone()),
        (pen.word("field", "party"), findings.party.clone()),
        (pen.word("field", "solution"), findings.solution.clone()),
        (pen.word("field", "loss"), findings.loss_cents.map(sum).unwrap_or_default()),
    ];
    fields.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

/// Remedies, and what came of the matter.
#[derive(Template)]
#[template(path = "parts/remedies.html")]
pub struct Remedies {
    pen: Pen,
    ticket: TicketId,
    handling: HandlingRow,
    reader: Decider,
    may_decide: bool,
    may_withdraw: bool,
    /// The ticket became part of another; what was asked for is there.
    is_part: bool,
    directory: Arc<Directory>,
}
part!(Remedies = "remedies");

impl Remedies {
    pub fn of(visitor: &Visitor, page: &TicketPage, limits: Limits) -> Remedies {
        Remedies {
            pen: visitor.pen.clone(),
            ticket: page.row.ticket.id,
            handling: page.handling.clone(),
            reader: Decider::of(visitor, limits),
            may_decide: may(visitor, page, Act::Decide),
            may_withdraw: may(visitor, page, Act::Step),
            is_part: page.regrouped.into.is_some(),
            directory: visitor.directory.clone(),
        }
    }
    fn name(&self, person: &PersonId) -> &str {
        self.directory.name(*person)
    }
    fn told(&self, row: &ToldRow) -> String {
        told(&self.pen, row)
    }
    fn is_requested(&self, row: &RemedyRow) -> bool {
        row.remedy.state == RemedyState::Requested
    }
    /// Class and sign of how far it is.
    fn look(&self, row: &RemedyRow) -> (&'static str, &'static str) {
        match row.remedy.state {
            RemedyState::Requested => ("", "clock"),
            RemedyState::Granted | RemedyState::Approved => ("ok", "done"),
            RemedyState::Refused => ("", "x"),
            RemedyState::Withdrawn => ("", "never"),
        }
    }
    fn is_empty(&self) -> bool {
        self.handling.remedies.is_empty() && self.handling.told.is_none() && self.handling.filed.is_none()
    }
}

/// That the customer heard the result, or asks for none any more.
pub fn told(pen: &Pen, told: &ToldRow) -> String {
    let how = pen.word("channel", told.how.as_str());
    if told.withdrawn { pen.say1("line-withdrawn", "how", how) } else { pen.say1("line-result-told", "how", how) }
}

/// Somebody who may be to decide on remedies.
#[derive(Clone, Copy, Debug)]
pub struct Decider {
    me: PersonId,
    role: Role,
    limits: Limits,
}

impl Decider {
    pub fn of(visitor: &Visitor, limits: Limits) -> Decider {
        Decider { me: visitor.person.id, role: visitor.person.role, limits }
    }
    pub fn may_decide(&self, remedy: &Remedy) -> bool {
        self.may(remedy.by, remedy.sum_cents)
    }
    /// On such a sum that somebody asks for.
    pub fn may(&self, by: PersonId, sum_cents: i64) -> bool {
        by != self.me && self.limits.may_decide(self.role, sum_cents)
    }
    /// Whose word it waits for.
    pub fn waits(&self, pen: &Pen, remedy: &Remedy) -> String {
        if remedy.by == self.me && self.limits.may_decide(self.role, remedy.sum_cents) {
            pen.say("remedy-waits-other")
        } else if self.limits.may_decide(Role::Supervisor, remedy.sum_cents) {
            pen.say("remedy-waits-supervisor")
        } else {
            pen.say("remedy-waits-manager")
        }
    }
}

/// For those who assess.
#[derive(Template)]
#[template(path = "parts/assessments.html")]
pub struct Assessments {
    pen: Pen,
    rows: Vec<(Time, PersonId, String)>,
    directory: Arc<Directory>,
}
part!(Assessments = "assessments");

impl Assessments {
    /// None for whom they are not.
    pub fn of(visitor: &Visitor, page: &TicketPage) -> Option<Assessments> {
        let (pen, directory) = (visitor.pen.clone(), visitor.directory.clone());
        // What was written in one that became part of another is there.
        let may = visitor.may(&page.row.circle(), Act::Assess) && page.regrouped.into.is_none();
        may.then(|| Assessments { pen, rows: page.handling.assessments.clone(), directory })
    }
    fn name(&self, person: &PersonId) -> &str {
        self.directory.name(*person)
    }
}
