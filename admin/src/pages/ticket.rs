//! A ticket whole, and the list of tickets.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State as FromState};
use axum::response::{Html, IntoResponse};
use daemon::calls::call::Outcome;
use daemon::desk::clock::{Basis, ClockKind, ObligationState, Proof, Survey};
use daemon::desk::command::Refusal;
use daemon::desk::deadline::Ladder;
use daemon::desk::ownership::{OfferEnd, Part};
use daemon::desk::policy::Policy;
use daemon::desk::regroup::RegroupKind;
use daemon::desk::rights::Act;
use daemon::desk::ticket::TicketState;
use daemon::live::Topic;
use daemon::store::read::{
    Directory, Found, Hit, ObligationRow, Place, Seek, Seer, Sought, StoredCall, Theirs, TicketFilter, TicketPage,
    TicketRow, TimelineRow, TimelineWhat,
};
use daemon::{ObligationId, PersonId, Role, Time};
use serde::Deserialize;

use super::form::FormView;
use super::hand::Giving;
use super::handling::{HandlingRoom, Typed};
use super::papers::{NoteForm, PapersForms, PapersPart, Unsent};
use super::regroup::{RegroupPart, said};
use super::step::Steps;
use super::{Room, Shell, html, present};
use crate::auth::{Desk, Read, Require, Right, Visitor, Watch};
use crate::error::Error;
use crate::parts::owed::waits;
use crate::parts::owners::{Owners, receiver};
use crate::parts::part;
use crate::parts::pop::{contact_look, outcome_word};
use crate::pen::Pen;
use crate::state::State;

/// Tickets on one page of the list; whoever looks for more searches.
const LISTED: u32 = 200;

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
pub struct Head {
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

#[derive(Template)]
#[template(path = "parts/clocks.html")]
pub struct Clocks {
    pen: Pen,
    rows: Vec<ObligationRow>,
    /// What those are reckoned from that stood still once, or stand still.
    paused: BTreeMap<ObligationId, Basis>,
    directory: Arc<Directory>,
    policy: Arc<Policy>,
}
part!(Clocks = "clocks");

impl Clocks {
    /// The share of the bar that is the window; the rest is room for lateness.
    const WINDOW: f64 = 80.0;

    fn place(&self, row: &ObligationRow, moment: Time) -> f64 {
        let due_at = row.due_at.or(self.if_resumed(row).and_then(|ladder| ladder.due_at)).unwrap_or(self.pen.now);
        let window = (due_at - row.began_at).num_milliseconds().max(1) as f64;
        let share = (moment - row.began_at).num_milliseconds() as f64 / window;
        (share * Self::WINDOW).clamp(0.0, 100.0)
    }
    fn at(&self, row: &ObligationRow, moment: Time) -> String {
        format!("{:.1}%", self.place(row, moment))
    }
    /// When its rungs would be due if it went on now; of what stands still.
    fn if_resumed(&self, row: &ObligationRow) -> Option<Ladder> {
        let basis = row.suspended.as_ref().and_then(|_| self.paused.get(&row.id))?;
        Some(self.policy.ladder(&basis.clone().resumed(self.pen.now)))
    }
    /// When it was kept or let go; while it is owed, now.
    fn end(&self, row: &ObligationRow) -> Time {
        let kept = row.proof.as_ref().map(|proof| proof.from);
        kept.or(row.ended.as_ref().map(|ended| ended.at)).unwrap_or(self.pen.now)
    }
    /// Where it stood still: from, and how wide.
    fn held(&self, row: &ObligationRow) -> Vec<(String, String)> {
        let pauses = self.paused.get(&row.id).into_iter().flat_map(|basis| &basis.suspensions);
        let boxes = pauses.map(|pause| {
            let (from, to) = (self.place(row, pause.from), self.place(row, pause.to.unwrap_or(self.end(row))));
            (format!("{from:.1}%"), format!("{:.1}%", (to - from).max(0.4)))
        });
        boxes.collect()
    }
    fn run(&self, row: &ObligationRow) -> (&'static str, String) {
        let past = |moment: Option<Time>| moment.is_some_and(|moment| self.pen.now >= moment);
        let class = match row.state {
            ObligationState::Kept
            | ObligationState::Waived
            | ObligationState::Unreachable
            | ObligationState::Replaced
            | ObligationState::Dropped => "kept",
            ObligationState::Open if past(row.due_at) => "over",
            ObligationState::Open if past(row.reminder_at) => "risk",
            ObligationState::Open => "",
        };
        (class, self.at(row, self.end(row)))
    }
    /// Rungs on the bar: where, and whether it fired.
    fn rungs(&self, row: &ObligationRow) -> Vec<(String, bool)> {
        use daemon::desk::Rung;
        let fired = |rung: Rung| row.fired.iter().any(|fired| fired.rung == rung);
        let would = self.if_resumed(row);
        let at = |kept: Option<Time>, rung: Rung| kept.or(would.and_then(|ladder| ladder.at(rung)));
        let rungs = [(at(row.reminder_at, Rung::Reminder), Rung::Reminder), (at(row.due_at, Rung::Due), Rung::Due)];
        rungs.into_iter().filter_map(|(at, rung)| Some((self.at(row, at?), fired(rung)))).collect()
    }
    fn result(&self, row: &ObligationRow) -> String {
        match &row.proof {
            Some(proof) => {
                let talk = self.pen.span(proof.talk_ms);
                self.pen.say2("clock-proven", "when", self.pen.when(&proof.from), "talk", talk)
            }
            None if row.state != ObligationState::Open => self.pen.word("ended", row.state.as_str()),
            None if row.attempts > 0 => self.pen.say1("tried", "count", row.attempts),
            None => waits(&self.pen, row, self.policy.terms.callback.talk_ms),
        }
    }
    fn owner(&self, row: &ObligationRow) -> String {
        let owner = row.owner.and_then(|owner| self.directory.person(owner));
        owner.map_or_else(|| self.pen.say("nobody-yet"), |person| person.name.clone())
    }
}

#[derive(Template)]
#[template(path = "parts/timeline.html")]
pub struct Timeline {
    pen: Pen,
    rows: Vec<TimelineRow>,
    calls: Vec<StoredCall>,
    directory: Arc<Directory>,
}
part!(Timeline = "timeline");

/// How an entry of the timeline looks.
struct Entry {
    day: Option<String>,
    class: &'static str,
    icon: &'static str,
    what: String,
    more: String,
    at: Time,
}

impl Timeline {
    pub fn new(pen: Pen, page: &TicketPage, directory: Arc<Directory>) -> Timeline {
        Timeline { pen, rows: page.timeline.clone(), calls: page.calls.clone(), directory }
    }
    /// When, what, and more; newest first.
    pub fn told(&self) -> Vec<(Time, String, String)> {
        self.entries().into_iter().map(|entry| (entry.at, entry.what, entry.more)).collect()
    }
    fn entries(&self) -> Vec<Entry> {
        let mut last = String::new();
        let newest_first = self.rows.iter().rev();
        let with_days = newest_first.map(|row| {
            let day = self.pen.day(&row.at);
            let day = (day != last).then(|| {
                last.clone_from(&day);
                day
            });
            Entry { day, ..self.entry(row) }
        });
        with_days.collect()
    }

    fn entry(&self, row: &TimelineRow) -> Entry {
        let pen = &self.pen;
        let by = row.by.map(|by| self.name(by)).unwrap_or_default();
        let (class, icon, what, more) = match &row.what {
            TimelineWhat::Opened => ("", "sheet", pen.say("line-opened"), by),
            TimelineWhat::Joined { call } => {
                let stored = self.calls.iter().find(|stored| stored.id == *call);
                let (icon, missed) = stored.map_or(("in", false), |c| contact_look(c.direction, c.outcome));
                let what = stored.map_or_else(|| pen.say("line-call"), |call| self.call(call));
                let gap = stored.filter(|call| !call.certain).map(|call| pen.uncertain(&call.gap));
                let more = gap.into_iter().chain(Some(by).filter(|by| !by.is_empty())).collect::<Vec<_>>();
                (if missed { "late" } else { "call" }, icon, what, more.join(&pen.say("comma")))
            }
            TimelineWhat::Owner { person } => {
                ("", "user", pen.say1("line-owner", "who", self.name(*person)), String::new())
            }
            TimelineWhat::Saved { version } => ("", "save", pen.say1("line-saved", "version", version), by),
            TimelineWhat::ObligationBegan { clock, due_at, .. } => {
                let what = pen.say2("line-owed", "clock", pen.word("clock", clock.as_str()), "due", self.due(*due_at));
                ("", "clock", what, by)
            }
            TimelineWhat::Rung { rung, late } => {
                let more = if *late { pen.say("line-rung-late") } else { String::new() };
                let class = if *rung == daemon::desk::Rung::Reminder { "near" } else { "late" };
                let icon = if *rung == daemon::desk::Rung::Reminder { "risk" } else { "over" };
                (class, icon, pen.word("rung", rung.as_str()), more)
            }
            TimelineWhat::Attempt { outcome, .. } => {
                ("", "out", pen.say1("line-attempt", "outcome", pen.word("outcome", outcome.as_str())), by)
            }
            TimelineWhat::Kept { clock, proof } => {
                let clock = pen.word("clock", clock.as_str());
                let what = pen.say2("line-kept", "clock", clock, "talk", pen.span(proof.talk_ms));
                ("good", "proof", what, proof.agent.to_string())
            }
            TimelineWhat::Ended { clock, state, why } => {
                let (clock, end) = (pen.word("clock", clock.as_str()), pen.word("ended", state.as_str()));
                ("good", "done", pen.say2("line-ended", "clock", clock, "end", end), because(pen, &by, why))
            }
            TimelineWhat::Accepted { solved_by } => {
                ("", "done", pen.say1("line-accepted", "when", pen.when(solved_by)), by)
            }
            // Its words stand with the key that was pressed.
            TimelineWhat::Surveyed { survey } if row.by.is_none() => {
                ("", "talk", pen.say1("line-visited-by-keys", "result", result(pen, survey)), String::new())
            }
            TimelineWhat::Surveyed { survey } => {
                let what = pen.say1("line-surveyed", "result", result(pen, survey));
                ("", "talk", what, because(pen, &by, &survey.words))
            }
            TimelineWhat::Offered { part, to, words } => {
                let to = receiver(&self.directory, to);
                let what = match part {
                    Part::Matter => pen.say1("line-offered-matter", "who", to),
                    Part::Work => pen.say1("line-offered-work", "who", to),
                };
                ("", "pass", what, because(pen, &by, words))
            }
            TimelineWhat::OfferEnded { end, why } => {
                let class = match end {
                    OfferEnd::Accepted | OfferEnd::Withdrawn => "",
                    OfferEnd::Refused | OfferEnd::Lapsed => "near",
                };
                (class, "pass", pen.word("line-offer", end.as_str()), because(pen, &by, why))
            }
            TimelineWhat::Given { part, person, how: _, words } => {
                let who = self.name(*person);
                let what = match part {
                    Part::Matter => pen.say1("line-given-matter", "who", who),
                    Part::Work => pen.say1("line-given-work", "who", who),
                };
                ("", "user", what, because(pen, &by, words))
            }
            TimelineWhat::Alarmed => ("late", "flag", pen.say("line-alarmed"), String::new()),
            TimelineWhat::SurveyedByKeys { person, agent, heard, pressed, result } => {
                let said = match (pressed, result) {
                    (Some(key), Some(result)) => {
                        pen.say2("survey-key", "key", key, "result", pen.word("survey", result.as_str()))
                    }
                    (Some(key), None) => pen.say1("survey-no-answer", "key", key),
                    (None, _) if *heard => pen.say("survey-heard"),
                    (None, _) => pen.say("survey-offered"),
                };
                let about = person.map(|person| self.name(person)).or(agent.as_ref().map(ToString::to_string));
                let about = about.map(|who| pen.say1("survey-about", "who", who)).unwrap_or_default();
                ("", "talk", pen.say1("line-survey-keys", "said", said), about)
            }
            TimelineWhat::DissatisfiedTold { told } => {
                let told = told.iter().map(|person| self.name(*person)).collect::<Vec<_>>().join(&pen.say("comma"));
                ("late", "flag", pen.say("line-dissatisfied"), pen.say1("line-told", "who", told))
            }
            TimelineWhat::Unanswered { why, words } => {
                ("", "talk", pen.word("unanswered", why.as_str()), because(pen, &by, words))
            }
            TimelineWhat::Lot { lot, percent, drawn } => {
                let what = if *drawn { pen.say("line-drawn") } else { pen.say("line-not-drawn") };
                ("", "sheet", what, pen.say2("lot-of", "lot", lot.0, "below", u32::from(*percent) * 100))
            }
            TimelineWhat::Became { state, why } => {
                let class = if *state == TicketState::Reopened { "near" } else { "" };
                let what = pen.say1("line-became", "state", pen.word("state", state.as_str()));
                (class, "done", what, because(pen, &by, why))
            }
            TimelineWhat::Investigated { words } => ("", "seek", words.clone(), by),
            TimelineWhat::Found { finding } => {
                let finding = finding.map(|finding| pen.word("finding", finding.as_str())).unwrap_or_default();
                ("", "pen", pen.say("line-found"), because(pen, &by, &finding))
            }
            TimelineWhat::RemedyProposed { kind, sum_cents, state } => {
                let remedy = pen.remedy(*kind, *sum_cents);
                let more = pen.word("remedy-state", state.as_str());
                ("", "stamp", pen.say1("line-remedy", "remedy", remedy), because(pen, &by, &more))
            }
            TimelineWhat::RemedyDecided { state, why } => {
                let class = if state.stands() { "good" } else { "near" };
                (class, "stamp", pen.word("line-remedy-state", state.as_str()), because(pen, &by, why))
            }
            TimelineWhat::Told { how, words, withdrawn } => {
                let how = pen.word("channel", how.as_str());
                let what = match withdrawn {
                    true => pen.say1("line-withdrawn", "how", how),
                    false => pen.say1("line-result-told", "how", how),
                };
                ("good", "talk", what, because(pen, &by, words))
            }
            TimelineWhat::Filed { words } => ("", "sheet", pen.say("line-filed"), because(pen, &by, words)),
            TimelineWhat::Assessed => ("", "pen", pen.say("line-assessed"), by),
            TimelineWhat::Reopened => ("late", "over", pen.say("line-reopened"), by),
            TimelineWhat::Suspended { reason } => ("", "pause", pen.say("line-suspended"), because(pen, &by, reason)),
            TimelineWhat::CalledBeside { holder } => {
                ("", "users", pen.say1("line-beside", "who", self.name(*holder)), by)
            }
            TimelineWhat::Resumed => ("", "clock", pen.say("line-resumed"), by),
            TimelineWhat::Commented { words } => ("", "pen", words.clone(), by),
            TimelineWhat::Attached { name, .. } => ("", "clip", pen.say1("line-attached", "name", name), by),
            TimelineWhat::Tied { how, number } => {
                ("", "link", pen.say2("line-tied", "how", pen.word("tie", how.as_str()), "number", number), by)
            }
            TimelineWhat::Untied { how, number } => {
                ("", "cut", pen.say2("line-untied", "how", pen.word("tie", how.as_str()), "number", number), by)
            }
            TimelineWhat::Regrouped { kind, gave, number } => ("", "link", said(pen, *kind, *gave, number), by),
            TimelineWhat::RegroupUndone { kind: RegroupKind::Merge, number } => {
                ("", "cut", pen.say1("line-merge-undone", "number", number), by)
            }
            TimelineWhat::RegroupUndone { kind: RegroupKind::Split, number } => {
                ("", "again", pen.say1("line-split-undone", "number", number), by)
            }
            TimelineWhat::CallMoved { number } => ("", "pass", pen.say1("line-call-moved", "number", number), by),
            TimelineWhat::Customer { name } => ("", "user", pen.say1("line-customer", "name", name), by),
            TimelineWhat::Claimed { clock, by: Some(holder) } => {
                let clock = pen.word("clock", clock.as_str());
                ("", "user", pen.say2("line-claimed", "clock", clock, "who", self.name(*holder)), String::new())
            }
            TimelineWhat::Claimed { clock, by: None } => {
                ("", "user", pen.say1("line-released", "clock", pen.word("clock", clock.as_str())), by)
            }
            TimelineWhat::Moved { clock, due_at } => {
                let clock = pen.word("clock", clock.as_str());
                ("", "clock", pen.say2("line-moved", "clock", clock, "due", self.due(*due_at)), by)
            }
            TimelineWhat::Dialled => ("", "out", pen.say("line-dialled"), by),
            TimelineWhat::NumbersShown => ("", "eye", pen.say("line-shown"), by),
            TimelineWhat::EvidenceMade { masked } => {
                let what = if *masked { pen.say("line-evidence-masked") } else { pen.say("line-evidence") };
                ("", "sheet", what, by)
            }
            TimelineWhat::HungUp => ("", "hangup", pen.say("line-hung-up"), by),
            TimelineWhat::Spied { agent, person, how, heard_ms } => {
                let whom = person.map_or_else(|| agent.to_string(), |person| self.name(person));
                let what = pen.say2("line-spied", "how", pen.word("spy", how.as_str()), "whom", whom);
                let more = match heard_ms {
                    Some(heard) => format!("{by}{}{}", pen.say("comma"), pen.span(*heard)),
                    None => format!("{by}{}{}", pen.say("comma"), pen.say("line-spied-not")),
                };
                ("", "ear", what, more)
            }
        };
        let of = row.of.as_ref().map(|number| pen.say1("line-of", "number", number)).unwrap_or_default();
        Entry { day: None, class, icon, what, more: because(pen, &more, &of), at: row.at }
    }

    fn call(&self, call: &StoredCall) -> String {
        let pen = &self.pen;
        let direction = pen.word("direction", call.direction.as_str());
        if call.talk_ms > 0 {
            return format!("{direction} {}", pen.span(call.talk_ms));
        }
        format!("{direction}{}{}", pen.say("comma"), pen.word("outcome", outcome_word(call.outcome)))
    }

    fn due(&self, due_at: Option<Time>) -> String {
        due_at.map_or_else(|| self.pen.say("due-paused"), |due_at| self.pen.when(&due_at))
    }

    fn name(&self, person: PersonId) -> String {
        self.directory.person(person).map(|person| person.name.clone()).unwrap_or_default()
    }
}

/// The proof of what was kept, and the tries that came to nothing.
#[derive(Template)]
#[template(path = "parts/proof.html")]
pub struct ProofPart {
    pen: Pen,
    proofs: Vec<(ObligationRow, Proof, Option<StoredCall>)>,
    tries: Vec<StoredCall>,
    calls: Vec<StoredCall>,
    directory: Arc<Directory>,
    talk_ms: i64,
}
part!(ProofPart = "proof");

impl ProofPart {
    fn agent(&self, call: Option<&StoredCall>, proof: &Proof) -> String {
        let person = call.and_then(|call| self.directory.holder(&call.pbx, &proof.agent));
        let name = person.map(|person| person.name.as_str()).unwrap_or_default();
        format!("{} {name}", proof.agent).trim().to_owned()
    }
    fn by(&self, call: &StoredCall) -> String {
        let person = call.person.and_then(|person| self.directory.person(person));
        person.map(|p| p.name.clone()).or_else(|| call.agent.as_ref().map(ToString::to_string)).unwrap_or_default()
    }
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(number): Path<String>,
) -> Result<impl IntoResponse, Error> {
    let page = by_number(&state, visitor.person.id, &number).await?.ok_or(Error::NotFound)?;
    visitor.sees(&page.row)?;
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
    let parts = WholeParts::of(&visitor, &page, &policy);
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
    let mut form = FormView::new(visitor.pen.clone(), page, &visitor.directory, "ticket");
    form.may_write = may_write;
    form.script = form.script_of(&policy);
    let shell = Shell::new(state, visitor, Room::Ticket, title, &notices);
    let WholeParts { head, clocks, owners, timeline, proof } = parts;
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

/// The parts of a ticket's page that live.
pub struct WholeParts {
    pub head: Head,
    pub clocks: Clocks,
    pub owners: Owners,
    pub timeline: Timeline,
    pub proof: ProofPart,
}

impl WholeParts {
    pub fn of(visitor: &Visitor, page: &TicketPage, policy: &Arc<Policy>) -> WholeParts {
        let (pen, directory) = (&visitor.pen, &visitor.directory);
        // What became part of another is written there.
        let may_write = visitor.may(&page.row.circle(), Act::Write) && page.regrouped.into.is_none();
        let call_of = |proof: &Proof| page.calls.iter().find(|call| call.id == proof.call).cloned();
        let kept = page.obligations.iter().filter_map(|row| Some((row.clone(), row.proof.clone()?)));
        let tried = |call: &&StoredCall| {
            call.direction == daemon::calls::call::Direction::Outbound
                && matches!(call.outcome, Some(Outcome::Busy | Outcome::NoAnswer | Outcome::Failed))
        };
        WholeParts {
            head: Head {
                pen: pen.clone(),
                row: page.row.clone(),
                into: page.regrouped.into.clone(),
                directory: directory.clone(),
                may_write,
                is_filed: [ClockKind::Filing, ClockKind::ReturnVisit]
                    .iter()
                    .any(|clock| policy.terms.clocks.rule(*clock).runs_for(page.row.ticket.kind)),
            },
            owners: Owners::of(visitor, page),
            clocks: Clocks {
                pen: pen.clone(),
                rows: page.obligations.iter().filter(|row| stands(row)).cloned().collect(),
                paused: page.paused.clone(),
                directory: directory.clone(),
                policy: policy.clone(),
            },
            timeline: Timeline::new(pen.clone(), page, directory.clone()),
            proof: ProofPart {
                pen: pen.clone(),
                proofs: kept.map(|(row, proof)| (row, proof.clone(), call_of(&proof))).collect(),
                tries: page.calls.iter().filter(tried).cloned().collect(),
                calls: page.calls.clone(),
                directory: directory.clone(),
                talk_ms: policy.terms.callback.talk_ms,
            },
        }
    }
}

/// Who was offered it and answered stands in the chain of owners, not among the clocks.
fn stands(row: &ObligationRow) -> bool {
    row.kind != ClockKind::HandOver || row.state == ObligationState::Open
}

/// The ticket of that number; none when there is none.
pub async fn by_number(state: &State, asker: PersonId, number: &str) -> Result<Option<TicketPage>, Error> {
    Ok(state.reader.numbered(number.to_owned(), asker).await?)
}

#[derive(Template)]
#[template(path = "tickets.html")]
struct TicketList {
    shell: Shell,
    listed: Listed,
    text: String,
    which: &'static str,
    directory: Arc<Directory>,
}

impl TicketList {
    fn owner(&self, row: &TicketRow) -> &str {
        let owner = row.ticket.owner.and_then(|owner| self.directory.person(owner));
        owner.map_or("–", |person| person.name.as_str())
    }
    fn writes(&self) -> bool {
        Desk::allows(self.shell.visitor.person.role)
    }
    fn tabs(&self) -> [(&'static str, String); 3] {
        let text = serde_urlencoded::to_string([("text", &self.text)]).unwrap_or_default();
        ["open", "closed", "all"].map(|which| (which, format!("/tickets?which={which}&{text}")))
    }
    /// What is marked in the summary, where something is.
    fn in_summary<'a>(&self, found: &'a Found) -> Option<&'a Hit> {
        found.hits.iter().find(|hit| hit.place == Place::Summary)
    }
    /// Where else something stands: a line of its own.
    fn elsewhere<'a>(&self, found: &'a Found) -> Vec<&'a Hit> {
        let masked = self.shell.visitor.pen.masked;
        let shown = |hit: &&Hit| match hit.place {
            Place::Summary | Place::Number => false,
            Place::Phone => !masked,
            Place::Course
            | Place::Demand
            | Place::Object
            | Place::Handling
            | Place::Customer
            | Place::Comment
            | Place::Attachment => true,
        };
        found.hits.iter().filter(shown).take(ELSEWHERE).collect()
    }
}

/// Places that a row of what was found shows beside the summary.
const ELSEWHERE: usize = 2;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub which: String,
}

/// What a list of tickets shows.
pub struct Listed {
    pub found: Vec<Found>,
    /// Older tickets are not in the index of words yet.
    pub lacks_older: bool,
}

impl Asked {
    fn which(&self) -> (&'static str, Option<bool>) {
        match self.which.as_str() {
            "closed" => ("closed", Some(false)),
            "open" => ("open", Some(true)),
            "all" => ("all", None),
            // Whoever searches looks everywhere.
            _ if !self.text.trim().is_empty() => ("all", None),
            _ => ("open", Some(true)),
        }
    }

    /// What this reader may see of it.
    pub async fn listed(&self, state: &State, visitor: &Visitor) -> Result<Listed, Error> {
        let (text, open) = (self.text.trim().to_owned(), self.which().1);
        let mut listed = if text.is_empty() {
            let rows = state.reader.tickets(TicketFilter { owner: None, open, limit: LISTED }).await?;
            let found = rows.into_iter().map(|row| Found { row, hits: Vec::new() }).collect();
            Listed { found, lacks_older: false }
        } else {
            let Sought { found, lacks_older } =
                state.reader.seek(Seek { text, open, by: sees(visitor), limit: LISTED }).await?;
            Listed { found, lacks_older }
        };
        listed.found.retain(|found| visitor.sees(&found.row).is_ok());
        Ok(listed)
    }
}

/// Whose tickets are sought for a reader; [`Visitor::sees`] has the last word on each.
fn sees(visitor: &Visitor) -> Seer {
    if Watch::allows(visitor.person.role) {
        return Seer::All;
    }
    let me = visitor.person.id;
    let directory = &visitor.directory;
    Seer::These(Theirs {
        people: directory.stands_in_for(me).chain([me]).collect(),
        departments: directory.departments.keys().filter(|name| directory.is_of(me, name)).cloned().collect(),
        nobodys: visitor.person.role != Role::Handler,
    })
}

pub async fn list(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let listed = asked.listed(&state, &visitor).await?;
    let (which, text) = (asked.which().0, asked.text.trim().to_owned());
    let notices = present(&state, vec![Topic::House]).await?;
    let (directory, title) = (visitor.directory.clone(), visitor.pen.say("tickets"));
    let shell = Shell::new(&state, visitor, Room::Tickets, title, &notices);
    html(TicketList { shell, listed, text, which, directory })
}

/// Who did it and why, as far as either is known.
/// In words, and the score where there is one.
fn result(pen: &Pen, survey: &Survey) -> String {
    let result = pen.word("survey", survey.result.as_str());
    survey.score.map_or(result.clone(), |score| pen.say2("survey-scored", "result", result, "score", score))
}

fn because(pen: &Pen, by: &str, why: &str) -> String {
    let said = [by, why].into_iter().filter(|said| !said.is_empty()).collect::<Vec<_>>();
    said.join(&pen.say("comma"))
}
