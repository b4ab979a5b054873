//! The pop: who calls, and all that helps to answer, before the first word is said.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use askama::filters::HtmlSafe;
use daemon::calls::call::{Call, Direction, Outcome};
use daemon::calls::pop::PopState;
use daemon::desk::clock::ClockKind;
use daemon::desk::policy::{Script, Scripts};
use daemon::live::{LinkNow, Pop};
use daemon::number::Number;
use daemon::store::read::{Card, Contact, Customer, Directory, Listed, ObligationRow};
use daemon::{CallId, PbxName, Time};

use super::Part;
use crate::pen::Pen;

#[derive(Template)]
#[template(path = "parts/pop.html")]
pub struct PopCard {
    pen: Pen,
    pop: Arc<Pop>,
    card: Card,
    directory: Arc<Directory>,
    who: Who,
    /// What is said to who comes through the call's queue.
    script: Option<Script>,
    /// Since when the call's PBX is out of sight: what becomes of the call is not known then.
    unseen_since: Option<Time>,
}
impl HtmlSafe for PopCard {}
impl Part for PopCard {
    fn id(&self) -> String {
        id(&self.pop.call.id)
    }
}

/// What is known of the outside party.
enum Who {
    Known(String),
    Shared(usize),
    New,
    Withheld,
    /// A colleague's extension, by name where we know it.
    Colleague(String),
}

/// The id of a call's pop. A call's id is safe in HTML, and so are its dots for `getElementById`.
pub fn id(call: &CallId) -> String {
    format!("pop-{call}")
}

impl PopCard {
    pub fn new(pen: Pen, pop: Arc<Pop>, mut card: Card, directory: Arc<Directory>, scripts: &Scripts) -> PopCard {
        // This call is no earlier contact.
        let before = card.contacts.len();
        card.contacts.retain(|contact| contact.call != pop.call.id);
        card.contacts_total -= (before - card.contacts.len()) as i64;
        let who = who(&pen, &pop.call, &card, &directory);
        let script = pop.call.waits.last().and_then(|wait| scripts.queues.get(&wait.queue)).cloned();
        PopCard { pen, pop, card, directory, who, script, unseen_since: None }
    }

    /// As it stands by the links: a pop that came before its PBX went out of sight says so.
    pub fn seen_by(self, links: &BTreeMap<PbxName, LinkNow>) -> PopCard {
        let link = links.get(&self.pop.call.pbx).filter(|_| self.pop.state.stands());
        PopCard { unseen_since: link.and_then(|link| link.unseen_since), ..self }
    }

    /// Who calls, for labels.
    pub fn caller(&self) -> String {
        match &self.who {
            Who::Known(name) | Who::Colleague(name) => name.clone(),
            Who::Shared(count) => self.pen.say1("pop-shared", "count", count),
            Who::New => self.pen.say("pop-new"),
            Who::Withheld => self.pen.say("pop-withheld"),
        }
    }

    /// That the number is on the blacklist, and has not run out.
    fn warning(&self) -> Option<&Listed> {
        self.card.listed.as_ref().filter(|listed| self.whole() && listed.stands(self.pen.now))
    }

    fn class(&self) -> &'static str {
        if self.unseen_since.is_some() {
            return "unseen";
        }
        match self.pop.state {
            PopState::Ringing { .. } | PopState::Dialling { .. } => "ringing",
            PopState::Talking { .. } => "talking",
            PopState::TakenBack { .. } | PopState::Ended { .. } => "past",
        }
    }

    /// What the script does by: `ringing` sounds, `taken` goes by itself.
    fn state(&self) -> &'static str {
        if self.unseen_since.is_some() {
            return "unseen";
        }
        match self.pop.state {
            PopState::Ringing { .. } => "ringing",
            PopState::Dialling { .. } => "dialling",
            PopState::Talking { .. } => "talking",
            PopState::TakenBack { .. } => "taken",
            PopState::Ended { .. } => "ended",
        }
    }

    /// Whether it still shows the whole card and not just what became of it.
    fn whole(&self) -> bool {
        self.pop.state.stands()
    }

    /// What only rings is the queue's.
    fn may_hang_up(&self) -> bool {
        match self.pop.state {
            PopState::Dialling { .. } | PopState::Talking { .. } => self.unseen_since.is_none(),
            PopState::Ringing { .. } | PopState::TakenBack { .. } | PopState::Ended { .. } => false,
        }
    }

    fn since(&self) -> Option<Time> {
        match self.pop.state {
            PopState::Ringing { since } | PopState::Dialling { since } | PopState::Talking { since } => Some(since),
            PopState::Ended { at } => Some(at),
            PopState::TakenBack { .. } => None,
        }
    }

    fn title(&self) -> String {
        let pen = &self.pen;
        match &self.pop.state {
            _ if self.unseen_since.is_some() => pen.say("pop-unseen"),
            PopState::Ringing { .. } => pen.say("pop-ringing"),
            PopState::Dialling { .. } => pen.say("pop-dialling"),
            PopState::Talking { .. } => pen.say("pop-talking"),
            PopState::TakenBack { by: Some(by), .. } => {
                let holder = self.directory.holder(&self.pop.call.pbx, by);
                pen.say1("pop-taken-by", "who", holder.map_or_else(|| by.to_string(), |p| p.name.clone()))
            }
            PopState::TakenBack { by: None, .. } => pen.say("pop-taken"),
            PopState::Ended { .. } => pen.say1("pop-ended", "who", self.caller()),
        }
    }

    fn queue(&self) -> Option<String> {
        let call = &self.pop.call;
        call.waits.last().map(|wait| wait.queue.to_string())
    }

    fn sub(&self) -> String {
        let (pen, call) = (&self.pen, &self.pop.call);
        let waited = call.waits.last().map(|wait| {
            let to = wait.left_at.or(call.answered_at).or(self.since()).unwrap_or(pen.now);
            (to - wait.joined_at).num_milliseconds()
        });
        if let Some(since) = &self.unseen_since {
            return pen.say2("status-down", "pbx", &call.pbx, "at", pen.when(since));
        }
        match &self.pop.state {
            PopState::Ringing { .. } => match (&self.transferred_by(), waited) {
                (Some(from), _) => pen.say1("pop-sub-transferred", "from", from),
                (None, Some(ms)) => pen.say2("pop-sub-waited", "waited", pen.span(ms), "extension", &self.pop.agent),
                (None, None) => pen.say1("pop-sub-direct", "extension", &self.pop.agent),
            },
            PopState::Dialling { .. } => pen.say1("pop-sub-dialling", "extension", &self.pop.agent),
            PopState::Talking { since } => match waited.filter(|_| call.direction == Direction::Inbound) {
                Some(ms) => pen.say2("pop-sub-talking", "waited", pen.span(ms), "at", pen.hms(since)),
                None => pen.say1("pop-sub-answered", "at", pen.hms(since)),
            },
            PopState::TakenBack { .. } => pen.say("pop-sub-taken"),
            PopState::Ended { .. } => {
                let talk = self.talk_ms();
                match call.ended_by {
                    _ if talk == 0 => pen.say("pop-sub-no-talk"),
                    None => pen.say1("pop-sub-ended", "talk", pen.span(talk)),
                    Some(by) => {
                        pen.say2("pop-sub-ended-by", "talk", pen.span(talk), "who", pen.word("ended", by.as_str()))
                    }
                }
            }
        }
    }

    fn transferred_by(&self) -> Option<String> {
        let call = &self.pop.call;
        let last = call.transfers.last()?;
        let from = last.from.as_ref()?;
        let name = self.directory.holder(&call.pbx, from).map(|person| person.name.as_str()).unwrap_or_default();
        Some(format!("{from} {name}").trim().to_owned())
    }

    fn talk_ms(&self) -> i64 {
        let mine = self.pop.call.segments.iter().filter(|segment| segment.agent == self.pop.agent);
        mine.map(|s| (s.to.unwrap_or(self.pen.now) - s.from).num_milliseconds()).sum()
    }

    fn telephone(&self) -> String {
        match (&self.pop.call.number, &self.pop.call.caller) {
            (Some(number), _) => self.pen.number(number),
            (None, Some(caller)) => self.pen.raw_number(caller),
            (None, None) => String::new(),
        }
    }

    /// The name that the PBX sent, where it says more than the number.
    fn sent_name(&self) -> Option<String> {
        let name = self.pop.call.caller_name.as_deref()?.trim();
        (!name.is_empty() && Some(name) != self.pop.call.caller.as_deref()).then(|| self.pen.sent(name))
    }
    /// There is a number that could be shown.
    fn has_number(&self) -> bool {
        self.pop.call.number.is_some()
    }

    /// The name that the PBX sent, where it is another than the customer's.
    fn called_as(&self) -> Option<String> {
        let known = |name: &String| self.card.customers.iter().any(|customer| customer.name == *name);
        // Of a call that an agent dialled it is the agent's own.
        self.sent_name().filter(|name| self.pop.call.direction == Direction::Inbound && !known(name))
    }

    /// What they are waiting for, as the reason of a call of theirs or of ours.
    fn why(&self) -> String {
        match self.pop.call.direction {
            Direction::Inbound | Direction::Internal => self.pen.say("pop-why"),
            Direction::Outbound => self.pen.say("pop-why-ours"),
        }
    }

    /// Where the number is from and whose network it was given to: `浙江省杭州市 中国移动`.
    fn whereabouts(&self) -> Option<String> {
        let number = self.pop.call.number.as_ref()?;
        Some(self.pen.whereabouts(number)).filter(|known| !known.is_empty())
    }

    /// Company, and who looks after the customer.
    fn firm(&self, customer: &Customer) -> String {
        let manager = customer.manager.map(|manager| self.pen.say1("pop-manager", "who", self.directory.name(manager)));
        let said: Vec<String> = [customer.company.clone()].into_iter().chain(manager).collect();
        said.into_iter().filter(|said| !said.is_empty()).collect::<Vec<_>>().join(&self.pen.say("comma"))
    }

    /// Of several on one number: how many of their matters are open.
    fn open_of(&self, customer: &Customer) -> usize {
        self.card.open_tickets.iter().filter(|row| row.ticket.customer == Some(customer.id)).count()
    }

    /// Nobody is known on the number: who it is can be written here.
    fn is_blank(&self) -> bool {
        matches!(self.who, Who::New) && self.pop.call.number.is_some()
    }

    fn is_urgent(&self, row: &daemon::store::read::TicketRow) -> bool {
        row.ticket.priority == daemon::desk::ticket::Priority::Urgent
    }

    fn owner(&self, row: &daemon::store::read::TicketRow) -> &str {
        let owner = row.ticket.owner.and_then(|owner| self.directory.person(owner));
        owner.map_or("", |person| person.name.as_str())
    }

    /// Why they may be calling: what they wait for, by due time. That their matter is not solved yet
    /// stands with the open matters.
    fn reasons(&self) -> Vec<(&'static str, String, &ObligationRow)> {
        let pen = &self.pen;
        let reason = |row: &ObligationRow| match row.kind {
            ClockKind::MissedCall => Some(("missed", pen.say1("why-missed", "when", pen.when(&row.began_at)))),
            ClockKind::Promise => {
                let when = row.promised_at.unwrap_or(row.began_at);
                Some(("clock", pen.say1("why-promise", "when", pen.when(&when))))
            }
            ClockKind::FirstResponse => Some(("clock", pen.say1("why-response", "when", pen.when(&row.began_at)))),
            ClockKind::Acceptance
            | ClockKind::Resolution
            | ClockKind::Filing
            | ClockKind::ReturnVisit
            | ClockKind::SpotCheck
            | ClockKind::HandOver => None,
        };
        let rows = self.card.open_obligations.iter();
        rows.filter_map(|row| reason(row).map(|(icon, why)| (icon, why, row))).collect()
    }

    /// Who else works on it.
    fn held(&self, row: &ObligationRow) -> Option<String> {
        let mine = self.directory.holder(&self.pop.call.pbx, &self.pop.agent).map(|person| person.id);
        let claim = row.claimed(self.pen.now).filter(|claim| Some(claim.by) != mine)?;
        let until = self.pen.hm(&claim.until);
        Some(self.pen.say2("claim-by", "who", self.directory.name(claim.by), "until", until))
    }

    fn by(&self, contact: &Contact) -> String {
        let person = contact.person.and_then(|person| self.directory.person(person));
        match (person, &contact.agent) {
            (Some(person), _) => person.name.clone(),
            (None, Some(agent)) => agent.to_string(),
            (None, None) => self.pen.say("contact-nobody"),
        }
    }
}

fn who(pen: &Pen, call: &Call, card: &Card, directory: &Directory) -> Who {
    match card.customers.as_slice() {
        [one] => return Who::Known(one.name.clone()),
        [_, _, ..] => return Who::Shared(card.customers.len()),
        [] => {}
    }
    if call.direction == Direction::Internal {
        let other = call.caller.as_deref().unwrap_or_default();
        let holder = directory.holder(&call.pbx, &other.into());
        return Who::Colleague(holder.map_or_else(|| pen.raw_number(other), |person| person.name.clone()));
    }
    match call.number {
        Some(_) => Who::New,
        None => Who::Withheld,
    }
}

/// How a contact looks: icon, and whether nobody talked.
pub fn contact_look(direction: Direction, outcome: Option<Outcome>) -> (&'static str, bool) {
    let talked = matches!(outcome, Some(Outcome::Answered) | None);
    match direction {
        Direction::Inbound if !talked => ("missed", true),
        Direction::Inbound | Direction::Internal => ("in", false),
        Direction::Outbound => ("out", false),
    }
}

/// The word of what became of a call.
pub fn outcome_word(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or("up", Outcome::as_str)
}

/// Short form of a ticket's number beside others of the same year: `1124-0131`.
pub fn short(number: &str) -> &str {
    number.get(4..).unwrap_or(number)
}

/// Whom a card is asked for.
pub fn card_number(pop: &Pop) -> Option<Number> {
    pop.call.number.clone()
}
