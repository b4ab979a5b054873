//! The register form of a matter on paper: one page of A4, what is not written yet left blank for a pen.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as FromState};
use axum::response::IntoResponse;
use daemon::desk::clock::{ClockKind, ObligationState};
use daemon::desk::handling::{Finding, RemedyKind, RemedyState};
use daemon::desk::ownership::Part;
use daemon::desk::rights::Act;
use daemon::desk::ticket::{Complexity, Kind, Priority, Satisfaction, Ticket};
use daemon::live::Topic;
use daemon::store::read::{Directory, FoundUnder, HandlingRow, ObligationRow, RemedyRow, TicketPage, TimelineWhat};
use daemon::{PersonId, Time};

use super::{Room, Shell, html, present};
use crate::auth::{Read, Require};
use crate::error::Error;
use crate::parts::handling::beside;
use crate::pen::{self, Pen};
use crate::seen;
use crate::state::State;

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(number): Path<String>,
) -> Result<impl IntoResponse, Error> {
    let page = seen::by_number(&state, &visitor, &number).await?;
    let notices = present(&state, vec![Topic::House]).await?;
    let form = Register {
        pen: visitor.pen.clone(),
        house: state.house.name.clone(),
        sees_assessments: visitor.may(&page.row.circle(), Act::Assess),
        by: visitor.person.name.clone(),
        directory: visitor.directory.clone(),
        page,
    };
    let title = format!("{} {number}", form.title());
    html(Printed { shell: Shell::new(&state, visitor, Room::Ticket, title, &notices), form })
}

#[derive(Template)]
#[template(path = "print.html")]
struct Printed {
    shell: Shell,
    form: Register,
}

/// What stands in the form's fields; empty is a blank.
#[derive(Template)]
#[template(path = "parts/register.html")]
struct Register {
    pen: Pen,
    house: String,
    page: TicketPage,
    sees_assessments: bool,
    /// Who prints it.
    by: String,
    directory: Arc<Directory>,
}
impl askama::filters::HtmlSafe for Register {}

impl Register {
    fn ticket(&self) -> &Ticket {
        &self.page.row.ticket
    }
    fn handling(&self) -> &HandlingRow {
        &self.page.handling
    }
    fn title(&self) -> String {
        match self.ticket().kind {
            Kind::Complaint => self.pen.say("print-complaint"),
            Kind::Consultation | Kind::Suggestion | Kind::AfterSales | Kind::Other => self.pen.say("print-matter"),
        }
    }
    fn name(&self, person: PersonId) -> String {
        self.directory.person(person).map(|person| person.name.clone()).unwrap_or_default()
    }

    /// Who wrote it down first; else who first talked with the customer.
    fn taken_by(&self) -> String {
        let opened = self.page.timeline.iter().find(|row| matches!(row.what, TimelineWhat::Opened));
        opened.and_then(|row| row.by).map_or_else(|| self.first_owner(), |by| self.name(by))
    }
    fn first_owner(&self) -> String {
        let first = self.page.holders.iter().find(|holder| holder.part == Part::Matter);
        first.map(|holder| self.name(holder.person)).unwrap_or_default()
    }
    fn category(&self) -> String {
        match self.ticket().category.as_str() {
            "" => String::new(),
            category => self.pen.word("category", category),
        }
    }
    fn accepted(&self) -> String {
        let told = self.page.timeline.iter().rev().find_map(|row| match row.what {
            TimelineWhat::Accepted { solved_by } => Some((row.at, solved_by)),
            _ => None,
        });
        let said = |(at, by)| self.pen.say2("print-accepted", "when", self.pen.minute(&at), "by", self.pen.minute(&by));
        told.map(said).unwrap_or_default()
    }

    /// The customer's record, where the matter is known to be theirs.
    fn customer(&self) -> Option<&daemon::store::read::Customer> {
        self.page.customers.iter().find(|customer| Some(customer.id) == self.ticket().customer)
    }
    fn phones(&self) -> String {
        let of_customer = self.customer().into_iter().flat_map(|customer| &customer.numbers);
        let mut numbers: Vec<String> = Vec::new();
        for number in self.ticket().caller.iter().chain(of_customer).map(|number| self.pen.number(number)) {
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        numbers.join(&self.pen.say("comma"))
    }
    fn class(&self) -> String {
        let Some(customer) = self.customer() else { return String::new() };
        let key = customer.key_customer.then(|| self.pen.say("key-customer"));
        let class = Some(customer.class.clone()).filter(|class| !class.is_empty());
        key.into_iter().chain(class).collect::<Vec<_>>().join(&self.pen.say("comma"))
    }

    /// Who works on it: its handler, else who answers for its department.
    fn responsible(&self) -> String {
        let department = self.ticket().department.as_ref();
        let answers = department.and_then(|name| self.directory.departments.get(name)?.responsible);
        self.ticket().handler.or(answers).map(|person| self.name(person)).unwrap_or_default()
    }
    fn worked_on_since(&self) -> String {
        let works = self.page.holders.iter().rev().find(|holder| holder.part == Part::Work);
        works.map(|holder| self.pen.minute(&holder.from)).unwrap_or_default()
    }
    fn department(&self) -> String {
        self.ticket().department.as_ref().map(ToString::to_string).unwrap_or_default()
    }
    fn investigator(&self) -> String {
        let last = self.handling().log.last().map(|row| row.by);
        self.handling().saved.map(|(by, _)| by).or(last).map(|by| self.name(by)).unwrap_or_default()
    }
    fn loss(&self) -> String {
        let loss = self.handling().findings.loss_cents;
        loss.map(|cents| self.pen.say1("print-sum", "sum", pen::sum(cents))).unwrap_or_default()
    }
    fn has(&self, kind: RemedyKind) -> bool {
        let stands = |row: &&RemedyRow| row.remedy.state.stands() || row.remedy.state == RemedyState::Requested;
        self.handling().remedies.iter().filter(stands).any(|row| row.remedy.kind == kind)
    }
    /// Each remedy, and whose word there is on it.
    fn approvals(&self) -> Vec<String> {
        let said = |row: &RemedyRow| {
            let remedy = self.pen.remedy(row.remedy.kind, row.remedy.sum_cents);
            let state = self.pen.word("remedy-state", row.remedy.state.as_str());
            let decided = row.decided.map(|(at, by)| format!("{} {}", self.name(by), self.pen.minute(&at)));
            let why = Some(row.why.clone()).filter(|why| !why.is_empty());
            let said = [Some(format!("{remedy} {state}")), decided, why];
            said.into_iter().flatten().collect::<Vec<_>>().join(&self.pen.say("comma"))
        };
        let shown = self.handling().remedies.iter().filter(|row| row.remedy.state != RemedyState::Withdrawn);
        shown.map(said).collect()
    }
    fn assessments(&self) -> Vec<&str> {
        let rows = self.handling().assessments.iter().filter(|_| self.sees_assessments);
        rows.map(|(_, _, words)| words.as_str()).collect()
    }
    /// What was found out in each ticket that became part of it.
    fn beside(&self) -> Vec<String> {
        let said = |(name, text): (String, String)| [name, text].join(&self.pen.say("colon"));
        let line = |found: &FoundUnder| {
            let lines: Vec<String> = beside(&self.pen, &self.directory, found).into_iter().map(said).collect();
            let under = self.pen.say1("found-under", "number", &found.number);
            [under, lines.join(&self.pen.say("semicolon"))].join(&self.pen.say("colon"))
        };
        self.handling().beside.iter().map(line).collect()
    }
    fn filed(&self) -> String {
        let said =
            |(at, by, words): &(Time, PersonId, String)| [self.pen.minute(at), self.name(*by), words.clone()].join(" ");
        self.handling().filed.as_ref().map(said).unwrap_or_default()
    }

    /// The last return visit that came to something.
    fn visit(&self) -> Option<&ObligationRow> {
        let visits = self.page.obligations.iter().filter(|row| row.kind == ClockKind::ReturnVisit);
        let said = |row: &&ObligationRow| {
            row.survey.is_some()
                || matches!(row.state, ObligationState::Kept | ObligationState::Unreachable | ObligationState::Waived)
        };
        visits.filter(said).max_by_key(|row| row.id)
    }
    fn visited_at(&self) -> String {
        let asked = self.page.timeline.iter().rev().find(|row| matches!(row.what, TimelineWhat::Surveyed { .. }));
        let Some(visit) = self.visit() else { return String::new() };
        let at = asked.filter(|_| visit.survey.is_some()).map(|row| row.at);
        let at = at.or(visit.proof.as_ref().map(|proof| proof.from)).or(visit.ended.as_ref().map(|ended| ended.at));
        at.map(|at| self.pen.minute(&at)).unwrap_or_default()
    }
    fn visited_by(&self) -> String {
        let asked = self.page.timeline.iter().rev().find(|row| matches!(row.what, TimelineWhat::Surveyed { .. }));
        let by = asked.filter(|_| self.visit().is_some_and(|visit| visit.survey.is_some())).and_then(|row| row.by);
        by.map(|by| self.name(by)).unwrap_or_default()
    }
    /// The talk that proves it, or how it ended without one.
    fn visit_proof(&self) -> String {
        let Some(visit) = self.visit() else { return String::new() };
        match &visit.proof {
            Some(proof) => format!("{} {}", self.pen.minute(&proof.from), self.pen.long_span(proof.talk_ms)),
            None => self.pen.word("ended", visit.state.as_str()),
        }
    }
    fn is_said(&self, result: &Satisfaction) -> bool {
        let survey = self.visit().and_then(|visit| visit.survey.as_ref());
        survey.is_some_and(|survey| survey.result == *result)
    }
    fn visit_words(&self) -> &str {
        self.visit().and_then(|visit| visit.survey.as_ref()).map_or("", |survey| survey.words.as_str())
    }

    fn priorities(&self) -> Vec<(String, bool)> {
        let one = |it: &Priority| (self.pen.word("priority", it.as_str()), *it == self.ticket().priority);
        Priority::ALL.iter().map(one).collect()
    }
    fn complexities(&self) -> Vec<(String, bool)> {
        let one = |it: &Complexity| (self.pen.word("complexity", it.as_str()), *it == self.ticket().complexity);
        Complexity::ALL.iter().map(one).collect()
    }
    fn findings(&self) -> Vec<(String, bool)> {
        let is = self.handling().findings.finding;
        let one = |it: &Finding| (self.pen.word("finding", it.as_str()), Some(*it) == is);
        Finding::ALL.iter().map(one).collect()
    }
    fn remedies(&self) -> Vec<(String, bool)> {
        RemedyKind::ALL.iter().map(|it| (self.pen.word("remedy", it.as_str()), self.has(*it))).collect()
    }
    fn results(&self) -> Vec<(String, bool)> {
        Satisfaction::ALL.iter().map(|it| (self.pen.word("survey", it.as_str()), self.is_said(it))).collect()
    }
}
