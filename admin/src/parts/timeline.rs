//! A ticket's timeline: what happened, newest first, each kind of thing in its own words and with its own
//! picture.

use std::sync::Arc;

use askama::Template;
use daemon::desk::clock::Survey;
use daemon::desk::ownership::{OfferEnd, Part};
use daemon::desk::regroup::RegroupKind;
use daemon::desk::ticket::TicketState;
use daemon::store::read::{Directory, StoredCall, TicketPage, TimelineRow, TimelineWhat};
use daemon::{PersonId, Time};

use super::owners::receiver;
use super::part;
use super::pop::{contact_look, outcome_word};
use crate::pen::Pen;

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
            TimelineWhat::CustomerCalled { call, agent, person } => {
                let whom = person.map_or_else(|| agent.to_string(), |person| self.name(person));
                let began = self.calls.iter().find(|stored| stored.id == *call).map(|call| pen.when(&call.started_at));
                let more = pen.say1("line-customer-called-with", "who", whom);
                ("call", "in", pen.say("line-customer-called"), because(pen, &more, &began.unwrap_or_default()))
            }
            TimelineWhat::Reclassed { was, kind, why } => {
                let (was, kind) = (pen.word("kind", was.as_str()), pen.word("kind", kind.as_str()));
                ("near", "flag", pen.say2("line-reclassed", "was", was, "kind", kind), because(pen, &by, why))
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
            TimelineWhat::Regrouped { kind, gave, number } => ("", "link", regrouped(pen, *kind, *gave, number), by),
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

/// A regrouping, as of one of its tickets.
pub fn regrouped(pen: &Pen, kind: RegroupKind, gave: bool, other: &str) -> String {
    match (kind, gave) {
        (RegroupKind::Merge, true) => pen.say1("line-merged-into", "number", other),
        (RegroupKind::Merge, false) => pen.say1("line-merged-from", "number", other),
        (RegroupKind::Split, true) => pen.say1("line-split-off", "number", other),
        (RegroupKind::Split, false) => pen.say1("line-split-from", "number", other),
    }
}

/// In words, and the score where there is one.
fn result(pen: &Pen, survey: &Survey) -> String {
    let result = pen.word("survey", survey.result.as_str());
    survey.score.map_or(result.clone(), |score| pen.say2("survey-scored", "result", result, "score", score))
}

/// Who did it and why, as far as either is known.
fn because(pen: &Pen, by: &str, why: &str) -> String {
    let said = [by, why].into_iter().filter(|said| !said.is_empty()).collect::<Vec<_>>();
    said.join(&pen.say("comma"))
}
