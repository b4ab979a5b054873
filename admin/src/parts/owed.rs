//! What is owed, as it stands on its own pages: a list of it; and of one obligation its window
//! drawn, its rungs, its pauses, its attempts and its proof.

use std::sync::Arc;

use askama::Template;
use daemon::desk::clock::{Claim, Keeping, ObligationState};
use daemon::desk::deadline::Ladder;
use daemon::desk::{Addressee, Rung};
use daemon::store::read::{Directory, Fired, MadeAttempt, ObligationRow, OwedPage, StoredCall};
use daemon::{Extension, PbxName, PersonId, Time};

use super::course::{Step, What, course};
use super::duties::owed_to;
use super::part;
use crate::pen::Pen;

#[derive(Template)]
#[template(path = "parts/owed_list.html")]
pub struct OwedList {
    pub pen: Pen,
    pub rows: Vec<ObligationRow>,
    pub directory: Arc<Directory>,
    pub me: PersonId,
    /// There are more.
    pub is_cut: bool,
}
part!(OwedList = "owed-list");

impl OwedList {
    fn whom(&self, row: &ObligationRow) -> String {
        owed_to(&self.pen, row)
    }
    fn owner(&self, row: &ObligationRow) -> String {
        row.owner
            .map_or_else(|| self.pen.say("nobody-yet"), |owner| owner_for(&self.pen, &self.directory, self.me, owner))
    }
    fn claim(&self, row: &ObligationRow) -> Option<Claim> {
        row.claimed(self.pen.now)
    }
    /// What there is to know before one takes it.
    fn notes(&self, row: &ObligationRow) -> String {
        let claim = self.claim(row).map(|claim| working(&self.pen, &self.directory, self.me, claim));
        let tried = (row.attempts > 0).then(|| self.pen.say1("tried", "count", row.attempts));
        let paused = row.suspended.as_ref().map(|(_, why)| self.pen.say1("owed-paused", "why", why));
        let notes: Vec<String> = [claim, paused, tried].into_iter().flatten().collect();
        notes.join(&self.pen.say("comma"))
    }
}

/// Whose it is; or for whom the reader stands in.
fn owner_for(pen: &Pen, directory: &Directory, me: PersonId, owner: PersonId) -> String {
    let who = directory.name(owner);
    if owner != me && directory.stand_in(owner) == Some(me) {
        pen.say1("told-instead-of", "who", who)
    } else {
        who.to_owned()
    }
}

/// Who works on it, and until when.
fn working(pen: &Pen, directory: &Directory, me: PersonId, claim: Claim) -> String {
    let until = pen.hm(&claim.until);
    match claim.by == me {
        true => pen.say1("claim-mine", "until", until),
        false => pen.say2("claim-by", "who", directory.name(claim.by), "until", until),
    }
}

/// What, to whom, who works on it, and the buttons.
#[derive(Template)]
#[template(path = "parts/owed_head.html")]
pub struct OwedHead {
    pub pen: Pen,
    pub page: Arc<OwedPage>,
    pub directory: Arc<Directory>,
    pub me: PersonId,
    pub supervises: bool,
    pub can_dial: bool,
}
part!(OwedHead = "owed-head");

impl OwedHead {
    pub fn whom(&self) -> String {
        owed_to(&self.pen, &self.page.row)
    }
    fn is_open(&self) -> bool {
        self.page.row.state == ObligationState::Open
    }
    fn owner(&self) -> Option<String> {
        let who = owner_for(&self.pen, &self.directory, self.me, self.page.row.owner?);
        Some(self.pen.say1("ticket-owner", "who", who))
    }
    fn claim(&self) -> Option<Claim> {
        self.page.row.claimed(self.pen.now)
    }
    fn working(&self, claim: &Claim) -> String {
        working(&self.pen, &self.directory, self.me, *claim)
    }
    /// Somebody else has it.
    fn is_taken(&self) -> bool {
        self.claim().is_some_and(|claim| claim.by != self.me)
    }
    /// How it ended, where no talk kept it.
    fn ended(&self) -> Option<String> {
        let ended = self.page.row.ended.as_ref()?;
        let by = ended.by.map(|by| self.directory.name(by).to_owned());
        let said = [Some(self.pen.when(&ended.at)), by, Some(ended.why.clone())];
        let said: Vec<String> = said.into_iter().flatten().filter(|said| !said.is_empty()).collect();
        Some(said.join(&self.pen.say("comma")))
    }
}

/// What something that is open waits for, by what alone keeps it.
pub fn waits(pen: &Pen, row: &ObligationRow, talk_ms: i64) -> String {
    let talk = pen.long_span(talk_ms);
    match &row.survey {
        Some(survey) => pen.say2("clock-surveyed", "result", pen.word("survey", survey.result.as_str()), "talk", talk),
        None => pen.say1(&format!("clock-waits-{}", row.kind.as_str()), "talk", talk),
    }
}

/// The window from its beginning over reminder and deadline to the escalation, drawn in two scales:
/// minutes up to the deadline and a day after it would not be seen in one.
#[derive(Template)]
#[template(path = "parts/owed_window.html")]
pub struct OwedWindow {
    pub pen: Pen,
    pub page: Arc<OwedPage>,
    /// When its rungs would be due if it went on now; of what stands still.
    pub if_resumed: Option<Ladder>,
}
part!(OwedWindow = "owed-window");

/// A moment that the drawing names.
struct Mark {
    x: String,
    /// Over the bar, or under it.
    over: bool,
    anchor: &'static str,
    todo: bool,
    word: String,
}

impl OwedWindow {
    /// Shares of the width: up to the deadline, and up to the escalation.
    const DUE: f64 = 68.0;
    const ESCALATED: f64 = 94.0;

    fn place(&self, at: Time) -> f64 {
        let row = &self.page.row;
        let due = row.due_at.or(self.if_resumed.and_then(|ladder| ladder.due_at)).unwrap_or(self.pen.now);
        let share =
            |from: Time, to: Time| (at - from).num_milliseconds() as f64 / (to - from).num_milliseconds().max(1) as f64;
        if at <= due {
            return share(row.began_at, due).clamp(0.0, 1.0) * Self::DUE;
        }
        let late = share(due, row.escalated_at.unwrap_or(due)).max(0.0);
        (Self::DUE + late * (Self::ESCALATED - Self::DUE)).min(100.0)
    }
    fn x(&self, at: Time) -> String {
        format!("{:.2}%", self.place(at))
    }
    /// When it was kept or let go; while it is owed, now.
    fn end(&self) -> Time {
        let row = &self.page.row;
        let kept = row.proof.as_ref().map(|proof| proof.from);
        kept.or(row.ended.as_ref().map(|ended| ended.at)).unwrap_or(self.pen.now)
    }
    fn is_open(&self) -> bool {
        self.page.row.state == ObligationState::Open
    }
    fn run(&self) -> (&'static str, String) {
        let past = |moment: Option<Time>| moment.is_some_and(|moment| self.end() >= moment);
        let row = &self.page.row;
        let class = match row.state {
            ObligationState::Open if past(row.due_at) => "over",
            ObligationState::Open if past(row.reminder_at) => "risk",
            ObligationState::Open => "",
            ObligationState::Kept
            | ObligationState::Waived
            | ObligationState::Unreachable
            | ObligationState::Replaced
            | ObligationState::Dropped => "kept",
        };
        (class, self.x(self.end()))
    }
    /// Where it stood still: from, and how wide.
    fn held(&self) -> Vec<(String, String)> {
        let spans = self.page.pauses.iter().map(|pause| {
            let (from, to) = (self.place(pause.from), self.place(pause.to.unwrap_or_else(|| self.end())));
            (format!("{from:.2}%"), format!("{:.2}%", (to - from).max(0.4)))
        });
        spans.collect()
    }
    fn marks(&self) -> Vec<Mark> {
        let row = &self.page.row;
        let fired = |rung: Rung| row.fired.iter().any(|fired| fired.rung == rung);
        let mark = |at: Time, over, anchor, todo, key: &str| {
            let word = format!("{} {}", self.pen.word("mark", key), self.pen.when(&at));
            Mark { x: self.x(at), over, anchor, todo, word }
        };
        let began = Some(mark(row.began_at, false, "start", false, "began"));
        let rung = |at: Option<Time>, rung: Rung, over, anchor| {
            at.map(|at| mark(at, over, anchor, !fired(rung), rung.as_str()))
        };
        // Ends where it stands, for the escalation's words begin not far behind.
        let reminder = row.reminder_at.map_or("end", |at| if self.place(at) < 25.0 { "start" } else { "end" });
        let rungs = [
            rung(row.reminder_at, Rung::Reminder, true, reminder),
            rung(row.due_at, Rung::Due, false, "middle"),
            rung(row.escalated_at, Rung::Escalated, true, "end"),
        ];
        let paused = row.suspended.as_ref().filter(|_| row.due_at.is_none());
        let paused = paused.map(|(since, _)| {
            let anchor = if row.reminder_at.is_some() || self.place(*since) < 10.0 { "start" } else { "middle" };
            mark(*since, true, anchor, false, "paused")
        });
        // What has fired by now stays where it was; the reminder has no room for words beside the pause.
        let would = self.if_resumed.into_iter().flat_map(|ladder| {
            let tick = |at| Mark { word: String::new(), ..mark(at, true, "middle", true, "reminder") };
            let reminder = ladder.reminder_at.filter(|_| row.reminder_at.is_none()).map(tick);
            let due =
                ladder.due_at.filter(|_| row.due_at.is_none()).map(|at| mark(at, false, "middle", true, "due-if"));
            [reminder, due].into_iter().flatten()
        });
        began.into_iter().chain(rungs.into_iter().flatten()).chain(paused).chain(would).collect()
    }
    /// The drawing in words.
    fn words(&self) -> String {
        let words = self.marks().into_iter().map(|mark| mark.word).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(&self.pen.say("comma"))
    }
}

#[derive(Template)]
#[template(path = "parts/owed_rungs.html")]
pub struct OwedRungs {
    pub pen: Pen,
    pub page: Arc<OwedPage>,
    pub directory: Arc<Directory>,
}
part!(OwedRungs = "owed-rungs");

impl OwedRungs {
    /// Those that fired, then those to come.
    pub fn rungs(&self) -> Vec<(Rung, Option<Time>, Option<&Fired>)> {
        let row = &self.page.row;
        let planned = |rung: Rung| match rung {
            Rung::Reminder => row.reminder_at,
            Rung::Due => row.due_at,
            Rung::Escalated => row.escalated_at,
        };
        let rungs = Rung::ALL.iter().map(|rung| {
            let fired = row.fired.iter().find(|fired| fired.rung == *rung);
            (*rung, fired.map(|fired| fired.planned_at).or_else(|| planned(*rung)), fired)
        });
        // What had not fired when it ended never will.
        let is_open = row.state == ObligationState::Open;
        rungs.filter(|(.., fired)| is_open || fired.is_some()).collect()
    }
    fn addressee(&self, told: &Addressee) -> String {
        let who = self.directory.name(told.person);
        let absent: Vec<&str> = told.instead_of.iter().map(|absent| self.directory.name(*absent)).collect();
        match absent.is_empty() {
            true => who.to_owned(),
            false => self.pen.say2("owed-told-for", "who", who, "whom", absent.join(&self.pen.say("and"))),
        }
    }
    /// Whom it told, and in whose place.
    pub fn told(&self, fired: &Fired) -> String {
        let names: Vec<String> = fired.told.iter().map(|told| self.addressee(told)).collect();
        names.join(&self.pen.say("and"))
    }
}

#[derive(Template)]
#[template(path = "parts/owed_pauses.html")]
pub struct OwedPauses {
    pub pen: Pen,
    pub page: Arc<OwedPage>,
    pub directory: Arc<Directory>,
}
part!(OwedPauses = "owed-pauses");

impl OwedPauses {
    fn by(&self, by: &Option<PersonId>) -> &str {
        by.map_or("", |by| self.directory.name(by))
    }
}

/// What keeps it, and what was tried.
#[derive(Template)]
#[template(path = "parts/owed_proof.html")]
pub struct OwedProof {
    pub pen: Pen,
    pub page: Arc<OwedPage>,
    pub directory: Arc<Directory>,
    /// What a talk must last to prove it.
    pub talk_ms: i64,
}
part!(OwedProof = "owed-proof");

impl OwedProof {
    /// What it is that proves such a thing.
    fn title(&self) -> String {
        self.pen.word("proof-of", self.page.row.kind.as_str())
    }
    /// Somebody's word kept it: when, who, and in which words.
    fn word(&self) -> Option<(Time, &str, &str)> {
        let ended = self.page.row.ended.as_ref().filter(|_| self.page.row.state == ObligationState::Kept)?;
        let by = ended.by.map(|by| self.directory.name(by)).unwrap_or_default();
        Some((ended.at, by, &ended.why))
    }
    /// What there is instead of a proof, in two lines.
    fn none(&self) -> (String, String) {
        let row = &self.page.row;
        match row.state {
            ObligationState::Open if self.is_called() => {
                (self.pen.say("proof-none"), waits(&self.pen, row, self.talk_ms))
            }
            ObligationState::Open => (self.pen.say("proof-word"), waits(&self.pen, row, self.talk_ms)),
            ObligationState::Kept
            | ObligationState::Waived
            | ObligationState::Unreachable
            | ObligationState::Replaced
            | ObligationState::Dropped => (self.pen.word("ended", row.state.as_str()), String::new()),
        }
    }
    /// A call is what keeps it.
    fn is_called(&self) -> bool {
        self.page.row.kind.keeping() != Keeping::Word
    }
    /// Who was not called, and need not be any more, was not tried in vain either.
    fn shows_attempts(&self) -> bool {
        self.is_called() && (self.page.row.state == ObligationState::Open || !self.page.attempts.is_empty())
    }
    fn attempts(&self) -> impl Iterator<Item = &MadeAttempt> {
        self.page.attempts.iter().rev()
    }
    pub fn tried_by(&self, made: &MadeAttempt) -> String {
        let person = made.person.map(|person| self.directory.name(person).to_owned());
        person.or_else(|| made.agent.as_ref().map(ToString::to_string)).unwrap_or_default()
    }
    fn at(&self, pbx: &PbxName, agent: &Extension) -> String {
        at(&self.directory, pbx, agent)
    }
    fn course(&self, call: &StoredCall) -> Vec<Step> {
        course(call)
    }
    fn step(&self, call: &StoredCall, it: &Step) -> (&'static str, &'static str, String, String) {
        step(&self.pen, &self.directory, call, it)
    }
}

/// All steps of a call as words: when, what, and whatever else there is to say of it.
pub fn course_in_words(pen: &Pen, directory: &Directory, call: &StoredCall) -> Vec<(Time, String, String)> {
    let words = |it: &Step| {
        let (.., what, more) = step(pen, directory, call, it);
        (it.at, what, more)
    };
    course(call).iter().map(words).collect()
}

/// Extension and whose it is.
fn at(directory: &Directory, pbx: &PbxName, agent: &Extension) -> String {
    match directory.holder(pbx, agent) {
        Some(person) => format!("{agent} {}", person.name),
        None => agent.to_string(),
    }
}

/// A step as words: its look, what, and whatever else there is to say of it.
fn step(
    pen: &Pen,
    directory: &Directory,
    call: &StoredCall,
    step: &Step,
) -> (&'static str, &'static str, String, String) {
    let agent = step.what.agent().map(|agent| at(directory, &call.pbx, agent)).unwrap_or_default();
    let (class, icon, more) = match &step.what {
        What::Began => ("", "call", pen.word("direction", call.direction.as_str())),
        What::JoinedQueue { queue } | What::LeftQueue { queue } => ("", "users", queue.to_string()),
        What::Rang { .. } => ("", "ring", agent),
        What::StoppedRinging { outcome, .. } => {
            ("", "missed", format!("{agent}{}{}", pen.say("comma"), pen.word("offer", outcome.as_str())))
        }
        What::Talked { .. } => ("good", "talk", agent),
        What::Held { .. } => ("", "hold", agent),
        What::Resumed { .. } | What::Parted { .. } => ("", "talk", agent),
        What::Transferred { to, completed, .. } => {
            let to = pen.sent(to);
            let to = if *completed { to } else { pen.say1("course-in-vain", "to", to) };
            ("", "pass", format!("{agent} → {to}"))
        }
        What::Ended { outcome, by } => {
            let outcome = outcome.map(|outcome| pen.word("outcome", outcome.as_str()));
            let by = by.map(|by| pen.say1("course-by", "who", pen.word("ended", by.as_str())));
            let said: Vec<String> = [outcome, by].into_iter().flatten().collect();
            ("", "hangup", said.join(&pen.say("comma")))
        }
    };
    let icon = if icon == "call" { if call.direction.as_str() == "inbound" { "in" } else { "out" } } else { icon };
    (class, icon, pen.word("course", step.what.as_str()), more)
}
