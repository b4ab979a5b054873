//! What the stream tells one reader in words: what they are told of, whom another works on whom they call, and
//! what they asked of a PBX and was not done.

use axum::response::sse::Event;
use daemon::desk::News;
use daemon::desk::clock::Claim;
use daemon::live::{Message, NotDone, WhyNot};
use daemon::store::read::ToldOf;
use daemon::{ObligationId, PersonId};
use serde_json::json;

use crate::auth::Visitor;
use crate::error::refusal_code;
use crate::pages::messages::{sees, told_in_words};
use crate::pen::Pen;
use crate::state::State;

/// One rung in words, many as their count; either leads to what it is about.
pub async fn told(state: &State, visitor: &Visitor, message: &Message) -> Option<Event> {
    // A deputy hears of what others owe, not what they are told.
    if message.person != visitor.person.id {
        return None;
    }
    let mut href = format!("/messages/{}", message.id);
    let text = match message.tellings.as_slice() {
        [only] if message.count == 1 => {
            let Ok(Some(of)) = state.reader.told_of(only.about).await else { return None };
            if sees(visitor, &of) {
                href = match &of {
                    ToldOf::Owed(row) => format!("/tickets/{}", row.ticket_number),
                    ToldOf::Matter(row) => format!("/tickets/{}", row.ticket.number),
                };
            }
            told_in_words(visitor, only, &of)
        }
        _ => visitor.pen.say1("told-many", "count", message.count),
    };
    let late = message.tellings.iter().any(|telling| telling.news != News::Reminder);
    let data = json!({ "id": message.id.0, "text": text, "late": late, "href": href });
    Some(Event::default().event("told").data(data.to_string()))
}

/// This reader calls somebody whom another works on: whose it is.
pub async fn beside(
    state: &State,
    visitor: &Visitor,
    person: PersonId,
    obligation: ObligationId,
    claim: Claim,
) -> Option<Event> {
    if person != visitor.person.id {
        return None;
    }
    let Ok(Some(row)) = state.reader.obligation(obligation).await else { return None };
    let pen = &visitor.pen;
    let holder = visitor.directory.person(claim.by);
    let clock = pen.word("clock", row.kind.as_str());
    let who = holder.map_or_else(|| pen.say("somebody"), |holder| holder.name.clone());
    let text = pen.language.say("call-beside", &[("clock", &clock), ("who", &who), ("until", &pen.hm(&claim.until))]);
    let data = json!({ "text": text, "href": format!("/owed/{obligation}") });
    Some(Event::default().event("beside").data(data.to_string()))
}

/// What this reader asked of a PBX and was not done.
pub fn not_done(pen: &Pen, not_done: &NotDone) -> Event {
    let data = json!({ "text": words(pen, not_done) });
    Event::default().event("not-done").data(data.to_string())
}

/// What was asked, and why it was not done.
fn words(pen: &Pen, not_done: &NotDone) -> String {
    let why = match &not_done.why {
        WhyNot::Refused(refusal) => pen.word("error", refusal_code(refusal)),
        WhyNot::LinkDown => pen.word("error", "link_down"),
        WhyNot::Busy => pen.say("not-done-busy"),
        WhyNot::ByPbx(said) => pen.say1("not-done-by-pbx", "said", said),
        WhyNot::Unknown => pen.say("not-done-unknown"),
        WhyNot::NotPickedUp => pen.say("not-done-not-picked-up"),
    };
    pen.say2("not-done", "what", pen.word("ask", not_done.ask.as_str()), "why", why)
}
