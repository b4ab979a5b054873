//! What people ask of a PBX: to call somebody, to end a call, to take a break, to listen in. Each
//! is on record before the PBX hears of it, and is asked once: never again after a reconnect.

use protocol::request::{Dialable, NotDialable, Spying};

use super::case::{Case, OpenObligation, Staff, UpCall};
use super::command::{Command, FieldWhy, Refusal};
use super::fact::Fact;
use super::owed::{claim, named};
use super::rights::{self, Act, has_matters, leads};
use crate::calls::call::Direction;
use crate::calls::tracker::{CAME_UP_WITHIN, spying_leg};
use crate::number::{Number, Numbering};
use crate::{CallId, Extension, LegId, ObligationId, PbxName, PersonId, QueueName, TicketId, Time};

/// A queue's or an extension's name; no PBX knows longer ones.
const NAME_CHARS: usize = 80;

/// What is asked of one PBX. Which legs it is about is for whoever sees them to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Ring the agent's phone, as `leg`, then call.
    Dial {
        agent: Extension,
        to: Dialable,
        leg: LegId,
    },
    HangUp {
        call: CallId,
    },
    /// From one queue, or (none) from all; `reason` none: the break is over.
    Pause {
        agent: Extension,
        queue: Option<QueueName>,
        reason: Option<String>,
    },
    /// Ring `spy`'s phone, as `leg`, and let it take part in the call that `agent` talks in.
    Spy {
        spy: Extension,
        call: CallId,
        agent: Extension,
        how: Spying,
        leg: LegId,
    },
}

impl Ask {
    /// A stable word for facts and message ids.
    pub fn as_str(&self) -> &'static str {
        match self {
            Ask::Dial { .. } => "dial",
            Ask::HangUp { .. } => "hang_up",
            Ask::Pause { reason: Some(_), .. } => "pause",
            Ask::Pause { reason: None, .. } => "unpause",
            Ask::Spy { how, .. } => how.as_str(),
        }
    }
}

pub fn given(case: &Case, by: Option<PersonId>, command: &Command, now: Time) -> Result<Vec<Fact>, Refusal> {
    let by = by.ok_or(Refusal::NotAllowed)?;
    // Admins wire PBXes; the calls on them are not theirs.
    has_matters(case, Some(by))?;
    let supervises = leads(case, by);
    let fact = match command {
        Command::Dial { number, obligation, ticket } => {
            return dial(case, by, number, *obligation, *ticket, now);
        }
        Command::HangUp { call } => hang_up(case, by, supervises, call)?,
        Command::Pause { phone, queue, reason } => {
            if reason.is_empty() {
                return Err(Refusal::Field { field: "reason", why: FieldWhy::Missing });
            }
            if !case.policy.pause_reasons.contains(reason) {
                return Err(Refusal::Field { field: "reason", why: FieldWhy::Unknown });
            }
            pause(case, by, supervises, phone.as_ref(), queue.as_ref(), Some(reason.clone()))?
        }
        Command::Unpause { phone, queue } => pause(case, by, supervises, phone.as_ref(), queue.as_ref(), None)?,
        Command::Spy { call, how } => {
            if !supervises {
                return Err(Refusal::NotAllowed);
            }
            spy(case, by, call, *how)?
        }
        Command::SaveTicket { .. }
        | Command::KeepDraft { .. }
        | Command::OpenTicket { .. }
        | Command::Matter(..)
        | Command::Hand(..)
        | Command::Handle(..)
        | Command::SetDepartment { .. }
        | Command::Paper(..)
        | Command::Regroup(..)
        | Command::SaveCustomer { .. }
        | Command::Customers(_)
        | Command::SetPolicy { .. }
        | Command::Owed(..)
        | Command::Look(_)
        | Command::AddPerson { .. }
        | Command::SetPassword { .. }
        | Command::ChangePerson { .. }
        | Command::SetAway { .. }
        | Command::MapExtension { .. }
        | Command::IgnoreExtension { .. }
        | Command::SignIn { .. }
        | Command::KeepSession { .. }
        | Command::SignOut { .. }
        | Command::SetLanguage { .. } => return Ok(Vec::new()),
    };
    Ok(vec![fact])
}

/// From the giver's own phone: the extension that they have on a PBX that is in sight, the first
/// by name where they have several. What it is to keep is the giver's from then on.
fn dial(
    case: &Case,
    by: PersonId,
    number: &str,
    obligation: Option<ObligationId>,
    ticket: Option<TicketId>,
    now: Time,
) -> Result<Vec<Fact>, Refusal> {
    let owed = match obligation {
        Some(id) => Some(named(case, id, by, Act::Call, now)?),
        None => None,
    };
    if let Some(ticket) = ticket {
        rights::ticket(case, Some(by), Act::Call, now)?;
        // What is owed in one matter is not called for in another.
        if owed.is_some_and(|owed| owed.ticket != ticket) {
            return Err(Refusal::NoSuchObligation);
        }
    }
    let (pbx, agent) = own_phone(case, by)?;
    let numbering = case.policy.numbering_at.get(&pbx).unwrap_or(&case.policy.numbering);
    let to = match whose(case, owed, number)? {
        Some(known) => numbering.dialable(known),
        None => dialable(numbering, number),
    };
    let to = to.map_err(Refusal::NotDialable)?;
    in_sight(case, &pbx)?;
    // Two tabs, two agents: whoever comes second is told who is calling.
    if let Some(attempt) = &case.attempt
        && !case.out_of_sight.contains(&attempt.pbx)
        && (attempt.is_up || (!attempt.is_told && now - attempt.asked_at < CAME_UP_WITHIN))
    {
        return Err(Refusal::BeingCalled { by: attempt.by });
    }
    let claimed = owed.map(|owed| claim(case, owed, by, now)).transpose()?;
    let ticket = ticket.or(owed.map(|owed| owed.ticket));
    let ask = Ask::Dial { agent, to, leg: case.ids.leg() };
    let asked = Fact::Asked { by, pbx, ask, ticket, obligation, person: None };
    Ok(claimed.into_iter().chain([asked]).collect())
}

/// Who sees numbers masked calls by what they call about: without a number it is that of the
/// obligation, else the matter's.
fn whose<'a>(case: &'a Case, owed: Option<&'a OpenObligation>, typed: &str) -> Result<Option<&'a Number>, Refusal> {
    if !typed.trim().is_empty() {
        return Ok(None);
    }
    let known = owed.and_then(|owed| owed.number.as_ref());
    let known = known.or_else(|| case.ticket.as_ref()?.caller.as_ref());
    known.map(Some).ok_or(Refusal::Field { field: "number", why: FieldWhy::Missing })
}

/// An agent ends the call that they talk in or have dialled; one that only rings at their phone is
/// the queue's.
fn hang_up(case: &Case, by: PersonId, supervises: bool, call: &CallId) -> Result<Fact, Refusal> {
    let up = case.up.iter().find(|up| up.id == *call).ok_or(Refusal::NoSuchCall)?;
    let is_own = |extension: &Extension| case.staff.holder(&up.pbx, extension) == Some(by);
    let dialled = up.agent.iter().filter(|_| up.direction != Direction::Inbound);
    if !supervises && !up.talking.iter().chain(dialled).any(is_own) {
        return Err(Refusal::NoSuchCall);
    }
    in_sight(case, &up.pbx)?;
    let person = up.talking.last().and_then(|agent| case.staff.holder(&up.pbx, agent));
    let ask = Ask::HangUp { call: call.clone() };
    Ok(Fact::Asked { by, pbx: up.pbx.clone(), ask, ticket: up.ticket, obligation: None, person })
}

fn pause(
    case: &Case,
    by: PersonId,
    supervises: bool,
    phone: Option<&(PbxName, Extension)>,
    queue: Option<&QueueName>,
    reason: Option<String>,
) -> Result<Fact, Refusal> {
    let (pbx, agent) = match phone {
        Some(phone) => phone.clone(),
        None => own_phone(case, by)?,
    };
    let holder = case.staff.holder(&pbx, &agent);
    if !supervises && holder != Some(by) {
        return Err(Refusal::NotAllowed);
    }
    if !is_name(agent.as_str()) {
        return Err(Refusal::Field { field: "extension", why: FieldWhy::Unknown });
    }
    if queue.is_some_and(|queue| !is_name(queue.as_str())) {
        return Err(Refusal::Field { field: "queue", why: FieldWhy::Unknown });
    }
    in_sight(case, &pbx)?;
    let ask = Ask::Pause { agent, queue: queue.cloned(), reason };
    Ok(Fact::Asked { by, pbx, ask, ticket: None, obligation: None, person: holder })
}

fn spy(case: &Case, by: PersonId, call: &CallId, how: Spying) -> Result<Fact, Refusal> {
    let up = case.up.iter().find(|up| up.id == *call).ok_or(Refusal::NoSuchCall)?;
    let own = |extension: &Extension| case.staff.holder(&up.pbx, extension) == Some(by);
    let agent = up.talking.last().ok_or(Refusal::NotTalking)?;
    let spy = case.staff.extensions.get(&up.pbx).into_iter().flatten();
    let (spy, _) = spy.into_iter().find(|(_, person)| **person == by).ok_or(Refusal::NoExtension)?;
    if up.is_with(own) {
        return Err(Refusal::OwnCall);
    }
    if case.up.iter().any(|other| other.is_with(own)) {
        return Err(Refusal::OnThePhone);
    }
    in_sight(case, &up.pbx)?;
    let (call, agent, leg) = (call.clone(), agent.clone(), spying_leg(case.ids.count()));
    let person = case.staff.holder(&up.pbx, &agent);
    let ask = Ask::Spy { spy: spy.clone(), call, agent, how, leg };
    Ok(Fact::Asked { by, pbx: up.pbx.clone(), ask, ticket: up.ticket, obligation: None, person })
}

impl UpCall {
    /// Whether it is on somebody's phone.
    pub(super) fn is_of(&self, staff: &Staff, person: PersonId) -> bool {
        self.is_with(|extension| staff.holder(&self.pbx, extension) == Some(person))
    }
    /// Whether such an extension talks in it, rings for it or has dialled it.
    fn is_with(&self, own: impl Fn(&Extension) -> bool) -> bool {
        let dialled = self.agent.iter().filter(|_| self.direction != Direction::Inbound);
        self.talking.iter().chain(&self.ringing).chain(dialled).any(own)
    }
}

fn own_phone(case: &Case, by: PersonId) -> Result<(PbxName, Extension), Refusal> {
    let own = case.staff.extensions.iter().filter_map(|(pbx, extensions)| {
        let (extension, _) = extensions.iter().find(|(_, person)| **person == by)?;
        Some((pbx.clone(), extension.clone()))
    });
    own.min_by_key(|(pbx, _)| case.out_of_sight.contains(pbx)).ok_or(Refusal::NoExtension)
}

fn in_sight(case: &Case, pbx: &PbxName) -> Result<(), Refusal> {
    if case.out_of_sight.contains(pbx) { Err(Refusal::LinkDown) } else { Ok(()) }
}

/// What could be the name of a queue or an extension, and nothing that ends a line.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= NAME_CHARS && !text.chars().any(char::is_control)
}

/// People write numbers with blanks, dashes and brackets; whatever else is not a digit is refused
/// before the number is read, so that nothing is dialled that was not typed.
fn dialable(numbering: &Numbering, typed: &str) -> Result<Dialable, NotDialable> {
    let bare: String = typed.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
    let bare = Dialable::new(&bare)?;
    match numbering.read(bare.as_str()) {
        Some(number) => numbering.dialable(&number),
        None => Ok(bare),
    }
}
