//! A matter's evidence as one file: pages to read, JSON to go on with, and the chain to check it by.

use std::sync::Arc;

use askama::Template;
use daemon::evidence::Pack;
use daemon::store::evidence::{Attached, Evidence};
use daemon::store::read::{Directory, FoundUnder, LogRow, OwedPage, RemedyRow, StoredCall, TicketPage};
use daemon::store::verify::Head;
use daemon::{AttachmentId, PersonId, Time};
use serde_json::{Value, json};

use crate::api;
use crate::parts::handling::{beside, told, written};
use crate::parts::owed::{OwedProof, OwedRungs, course_in_words};
use crate::parts::timeline::Timeline;
use crate::pen::Pen;
use crate::text::Language;

const STYLE: &str = include_str!("../evidence/evidence.css");

/// The zip's bytes: the same for the same state, in one language. Where `pen` masks numbers, texts of
/// the chain that hold one of the matter's are kept back; and so are assessments from those who may not
/// read them.
pub fn pack(mut evidence: Evidence, pen: &Pen, sees_assessments: bool) -> anyhow::Result<Vec<u8>> {
    // Of no moment, so that no time is told as of today.
    let pen = Pen { now: Time::UNIX_EPOCH, ..pen.clone() };
    let mut pack = Pack::default();
    let secrets = if pen.masked { secrets(&evidence) } else { Vec::new() };
    if !sees_assessments {
        evidence.page.handling.assessments.clear();
    }
    pack.put_chain(&evidence, |text| {
        let said = String::from_utf8_lossy(text);
        secrets.iter().any(|secret| said.contains(secret.as_str())) || (!sees_assessments && is_assessment(text))
    })?;
    let mut put_json = |name: &str, value: Value| -> anyhow::Result<()> {
        pack.put(name, serde_json::to_vec_pretty(&value)?);
        Ok(())
    };
    let page = &evidence.page;
    put_json("ticket.json", api::tickets::whole_ticket(&pen, page, sees_assessments))?;
    put_json("calls.json", page.calls.iter().map(|call| call_whole(&pen, call)).collect())?;
    put_json("clocks.json", evidence.owed.iter().map(|owed| api::owed::whole(&pen, owed)).collect())?;
    put_json("claims.json", claims(&evidence))?;
    put_json("surveys.json", surveys(&evidence.owed))?;
    put_json("people.json", people(&evidence.directory))?;
    let timeline = timeline(&pen, page, &Arc::new(evidence.directory.clone()));
    let lines = timeline.iter().map(|(at, what, more)| json!({ "at": at, "what": what, "more": more }));
    put_json("timeline.json", lines.collect())?;
    for (nth, file) in (1..).zip(&evidence.attached) {
        if let Some(bytes) = &file.bytes {
            pack.put(format!("attachments/{nth}-{}", plain(&file.name)), bytes.clone());
        }
    }
    let verify = match pen.language {
        Language::ZhCn => include_str!("../evidence/VERIFY.zh-CN.txt"),
        Language::En => include_str!("../evidence/VERIFY.en.txt"),
    };
    pack.put("VERIFY.txt", verify);
    pack.put("style.css", STYLE);
    let Evidence { page, owed, directory, attached, facts, head, .. } = evidence;
    let owed = owed.into_iter().map(Arc::new).collect();
    let index = Index { pen, page, owed, directory: Arc::new(directory), attached, facts: facts.len(), head };
    pack.put("index.html", index.render()?);
    pack.zip()
}

/// The last digits of all numbers that the matter knows of.
fn secrets(evidence: &Evidence) -> Vec<String> {
    let page = &evidence.page;
    let of_calls = page.calls.iter().flat_map(|call| {
        let sent = call.caller.iter().chain(&call.to).cloned();
        call.number.iter().map(|number| number.as_str().to_owned()).chain(sent)
    });
    let of_owed = evidence.owed.iter().filter_map(|owed| owed.row.number.as_ref());
    let of_customers = page.customers.iter().flat_map(|customer| &customer.numbers);
    let known = of_owed.chain(of_customers).chain(&page.row.ticket.caller).map(|number| number.as_str().to_owned());
    let last = |number: String| {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        digits.len().checked_sub(8).map(|from| digits[from..].to_owned())
    };
    known.chain(of_calls).filter_map(last).collect()
}

/// Whether a text of the chain is a fact, or a row, of what was assessed.
fn is_assessment(text: &[u8]) -> bool {
    let parts: Vec<Value> = serde_json::from_slice(text).unwrap_or_default();
    let is = |nth: usize, word: &str| parts.get(nth).and_then(Value::as_str) == Some(word);
    // A row's table stands second, a fact's kind fourth.
    is(1, "assessments") || is(3, "assessed")
}

/// A name that no file system minds, and that leads nowhere.
fn plain(name: &str) -> String {
    let safe = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    let name: String = name.chars().map(|c| if safe(c) { c } else { '_' }).take(80).collect();
    name.trim_start_matches('.').to_owned()
}

fn call_whole(pen: &Pen, call: &StoredCall) -> Value {
    let mut whole = api::calls::call(pen, call);
    let holds = |segment: &daemon::calls::call::Segment| -> Value {
        segment.holds.iter().map(|hold| json!({ "from": hold.from, "to": hold.to })).collect()
    };
    whole["waits"] = call
        .waits
        .iter()
        .map(|wait| json!({ "queue": wait.queue.as_str(), "joined_at": wait.joined_at, "left_at": wait.left_at }))
        .collect();
    whole["segments"] = call
        .segments
        .iter()
        .map(|it| json!({ "agent": it.agent.as_str(), "from": it.from, "to": it.to, "holds": holds(it) }))
        .collect();
    whole["offers"] = call
        .offers
        .iter()
        .map(|offer| {
            let outcome = offer.outcome.map(|outcome| outcome.as_str());
            json!({ "agent": offer.agent.as_str(), "from": offer.from, "to": offer.to, "outcome": outcome })
        })
        .collect();
    whole["events"] = api::owed::events(pen, call);
    whole
}

/// Who took what to work on, from the facts.
fn claims(evidence: &Evidence) -> Value {
    let claim = |text: &[u8]| -> Option<Value> {
        let fact: Vec<Value> = serde_json::from_slice(text).ok()?;
        let kind =
            fact.get(3)?.as_str().filter(|kind| matches!(*kind, "claimed" | "claim_released" | "called_beside"))?;
        let body: Value = serde_json::from_str(fact.get(10)?.as_str()?).ok()?;
        Some(json!({
            "at_ms": fact.get(2)?, "what": kind, "by": fact.get(4)?, "obligation": fact.get(7)?, "whose": fact.get(9)?,
            "until_ms": body.get("until_ms"),
        }))
    };
    evidence.facts.iter().filter_map(|fact| claim(&fact.text)).collect()
}

fn surveys(owed: &[OwedPage]) -> Value {
    let surveys = owed.iter().filter_map(|owed| {
        let survey = owed.row.survey.as_ref()?;
        Some(json!({ "obligation": owed.row.id.0, "result": survey.result.as_str(), "words": survey.words }))
    });
    surveys.collect()
}

fn people(directory: &Directory) -> Value {
    let person = |person: &daemon::store::read::Person| json!({ "id": person.id.0, "name": person.name, "role": person.role.as_str() });
    directory.people.iter().map(person).collect()
}

/// When, what, and more.
type Told = (Time, String, String);

/// Oldest first.
fn timeline(pen: &Pen, page: &TicketPage, directory: &Arc<Directory>) -> Vec<Told> {
    let whole = Timeline::new(pen.clone(), page, directory.clone());
    whole.told().into_iter().rev().collect()
}

#[derive(Template)]
#[template(path = "evidence.html")]
struct Index {
    pen: Pen,
    page: TicketPage,
    owed: Vec<Arc<OwedPage>>,
    directory: Arc<Directory>,
    attached: Vec<Attached>,
    facts: usize,
    head: Head,
}

impl Index {
    fn zone(&self) -> &str {
        self.pen.zone.iana_name().unwrap_or("UTC")
    }
    fn owner(&self) -> &str {
        self.page.row.ticket.owner.map_or("", |owner| self.directory.name(owner))
    }
    fn clocks(&self) -> Vec<(Arc<OwedPage>, OwedRungs, OwedProof)> {
        let parts = |page: &Arc<OwedPage>| {
            let (pen, directory) = (self.pen.clone(), self.directory.clone());
            let rungs = OwedRungs { pen: pen.clone(), page: page.clone(), directory: directory.clone() };
            let proof = OwedProof { pen, page: page.clone(), directory, talk_ms: 0 };
            (page.clone(), rungs, proof)
        };
        self.owed.iter().map(parts).collect()
    }
    /// How it stands, or how it ended.
    fn ended(&self, owed: &OwedPage) -> String {
        let state = self.pen.word("owed-state", owed.row.state.as_str());
        let Some(ended) = &owed.row.ended else { return state };
        let by = ended.by.map(|by| self.directory.name(by).to_owned());
        let said = [Some(state), Some(self.pen.full(&ended.at)), by, Some(ended.why.clone())];
        let said: Vec<String> = said.into_iter().flatten().filter(|said| !said.is_empty()).collect();
        said.join(&self.pen.say("comma"))
    }
    /// Oldest first, each with all that the PBX showed of it.
    fn calls(&self) -> Vec<(&StoredCall, Vec<Told>)> {
        let words = |call| course_in_words(&self.pen, &self.directory, call);
        self.page.calls.iter().rev().map(|call| (call, words(call))).collect()
    }
    fn timeline(&self) -> Vec<Told> {
        timeline(&self.pen, &self.page, &self.directory)
    }
    /// What was found out and done, as a name and a text each; the log is apart.
    fn handled(&self) -> Vec<(String, String)> {
        let (pen, handling) = (&self.pen, &self.page.handling);
        let said = |at: Time, by: PersonId, words: &str| {
            let by = self.directory.name(by);
            [&pen.full(&at), by, words].join(" ")
        };
        let remedy = |row: &RemedyRow| {
            let state = pen.word("remedy-state", row.remedy.state.as_str());
            let asked = said(row.at, row.remedy.by, &row.remedy.words);
            let decided = row.decided.map(|(at, by)| said(at, by, &row.why)).unwrap_or_default();
            (pen.remedy(row.remedy.kind, row.remedy.sum_cents), [asked, state, decided].join(" "))
        };
        let told = handling.told.as_ref().map(|row| (told(pen, row), said(row.at, row.by, &row.words)));
        let filed = handling.filed.as_ref().map(|(at, by, words)| (pen.say("line-filed"), said(*at, *by, words)));
        let assessed = |(at, by, words): &(Time, PersonId, String)| (pen.say("assessments"), said(*at, *by, words));
        let under = |found: &FoundUnder| {
            let lines = beside(pen, &self.directory, found);
            let lines: Vec<String> =
                lines.into_iter().map(|(name, text)| [name, text].join(&pen.say("colon"))).collect();
            (pen.say1("found-under", "number", &found.number), lines.join(&pen.say("semicolon")))
        };
        let remedies = handling.remedies.iter().map(remedy);
        let rest = told.into_iter().chain(filed).chain(handling.assessments.iter().map(assessed));
        let found = written(pen, &handling.findings).into_iter().chain(handling.beside.iter().map(under));
        found.chain(remedies).chain(rest).collect()
    }
    /// Of the investigation: when, what, and who with which files.
    fn log(&self) -> Vec<Told> {
        let file = |id: &AttachmentId| {
            let file = self.page.attachments.iter().find(|file| file.id == *id);
            file.map(|file| file.file.name.clone()).unwrap_or_default()
        };
        let line = |row: &LogRow| {
            let files = row.evidence.iter().map(file);
            let more: Vec<String> = [self.directory.name(row.by).to_owned()].into_iter().chain(files).collect();
            (row.at, row.words.clone(), more.join(&self.pen.say("comma")))
        };
        self.page.handling.log.iter().map(line).collect()
    }
}
