//! A ticket's form: what is in it, as typed, as saved, and as somebody else saved it meanwhile.

use askama::Template;
use askama::filters::HtmlSafe;
use daemon::CustomerId;
use daemon::desk::command::{FieldWhy, Refusal, TicketForm};
use daemon::desk::policy::{Policy, Script};
use daemon::desk::ticket::{Channel, Complexity, Kind, Object, Priority, TicketState};
use daemon::store::read::{Directory, TicketPage};
use serde::{Deserialize, Serialize};

use crate::pen::Pen;

/// What a ticket may be about; the store refuses others.
const CATEGORIES: [&str; 7] =
    ["product_quality", "description_mismatch", "delivery", "service_attitude", "after_sales", "information", "other"];

/// The form as the browser sends it, and as a draft is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Typed {
    /// The version that the writer began from.
    pub version: i64,
    pub kind: String,
    pub category: String,
    pub priority: String,
    pub complexity: String,
    pub channel: String,
    pub state: String,
    pub summary: String,
    pub course: String,
    pub demand: String,
    pub object_product: String,
    pub object_order: String,
    pub object_batch: String,
    pub object_person: String,
    pub object_department: String,
    /// Which of several customers on the number it is; empty: not said.
    pub customer: String,
    /// A customer who is not known yet.
    pub name: String,
    pub company: String,
    /// The page that shows the form: its answer goes there.
    pub back: String,
}

impl Typed {
    pub fn of(page: &TicketPage) -> Typed {
        let ticket = &page.row.ticket;
        let state = match ticket.state {
            TicketState::New => TicketState::InProgress,
            TicketState::InProgress
            | TicketState::WaitingCustomer
            | TicketState::WaitingApproval
            | TicketState::Resolved
            | TicketState::Filed
            | TicketState::Closed
            | TicketState::Reopened => ticket.state,
        };
        Typed {
            version: ticket.version,
            kind: ticket.kind.as_str().to_owned(),
            category: ticket.category.clone(),
            priority: ticket.priority.as_str().to_owned(),
            complexity: ticket.complexity.as_str().to_owned(),
            channel: ticket.channel.as_str().to_owned(),
            state: state.as_str().to_owned(),
            summary: ticket.summary.clone(),
            course: ticket.course.clone(),
            demand: ticket.demand.clone(),
            object_product: ticket.object.product.clone(),
            object_order: ticket.object.order.clone(),
            object_batch: ticket.object.batch.clone(),
            object_person: ticket.object.person.clone(),
            object_department: ticket.object.department.clone(),
            ..Typed::default()
        }
    }

    /// A kept draft; none when it cannot be read.
    pub fn from_draft(body: &str) -> Option<Typed> {
        serde_urlencoded::from_str(body).ok()
    }

    pub fn form(&self) -> Option<TicketForm> {
        Some(TicketForm {
            kind: Kind::parse(&self.kind)?,
            category: self.category.clone(),
            priority: Priority::parse(&self.priority)?,
            complexity: Complexity::parse(&self.complexity)?,
            channel: Channel::parse(&self.channel)?,
            summary: self.summary.trim().to_owned(),
            course: self.course.trim().to_owned(),
            demand: self.demand.trim().to_owned(),
            object: Object {
                product: self.object_product.trim().to_owned(),
                order: self.object_order.trim().to_owned(),
                batch: self.object_batch.trim().to_owned(),
                person: self.object_person.trim().to_owned(),
                department: self.object_department.trim().to_owned(),
            },
        })
    }
    pub fn ticket_state(&self) -> Option<TicketState> {
        TicketState::parse(&self.state)
    }
    pub fn chosen_customer(&self) -> Option<CustomerId> {
        self.customer.parse().ok().map(CustomerId)
    }
}

/// A field that two people wrote differently.
pub struct Difference {
    pub field: &'static str,
    pub mine: String,
    pub theirs: String,
}

#[derive(Template)]
#[template(path = "form.html")]
pub struct FormView {
    pub pen: Pen,
    pub page: TicketPage,
    pub typed: Typed,
    /// What the form's answer goes back to: `desk` or `ticket`.
    pub back: &'static str,
    /// Whether what is shown is a draft that was never saved.
    pub is_draft: bool,
    pub refused: Option<Refusal>,
    /// Else it is only to be read.
    pub may_write: bool,
    /// Whether the reader may make another kind of a complaint, beside the form.
    pub may_reclass: bool,
    /// What is said of such matters, and what never.
    pub script: Option<Script>,
    /// Who changed it meanwhile, and what differs.
    pub conflict: Option<(String, Vec<Difference>)>,
}
impl HtmlSafe for FormView {}

impl FormView {
    /// The form for `page`: a draft if there is one, compared with what others saved since.
    pub fn new(pen: Pen, page: TicketPage, directory: &Directory, back: &'static str) -> FormView {
        let saved = Typed::of(&page);
        let draft = page.draft.as_deref().and_then(Typed::from_draft);
        let is_draft = draft.is_some();
        let mut typed = draft.unwrap_or_else(|| saved.clone());
        // A draft may be older than these fields.
        for (field, was) in [(&mut typed.complexity, &saved.complexity), (&mut typed.channel, &saved.channel)] {
            if field.is_empty() {
                field.clone_from(was);
            }
        }
        let mut conflict = None;
        if typed.version != saved.version {
            let differences = differences(&pen, &typed, &saved);
            let by = last_writer(&page, directory);
            conflict = (!differences.is_empty()).then(|| (by.unwrap_or_else(|| pen.say("somebody")), differences));
            // Saving now is saving over what is shown beside it: knowingly.
            typed.version = saved.version;
        }
        let may_write = page.regrouped.into.is_none();
        let (refused, may_reclass, script) = (None, false, None);
        FormView { pen, page, typed, back, is_draft, refused, may_write, may_reclass, script, conflict }
    }

    pub fn script_of(&self, policy: &Policy) -> Option<Script> {
        policy.terms.scripts.categories.get(&self.page.row.ticket.category).cloned()
    }

    fn kinds(&self) -> &'static [Kind] {
        Kind::ALL
    }
    /// Whether saving makes that of it.
    fn is_free(&self, kind: &Kind) -> bool {
        self.page.row.ticket.kind.may_become(*kind)
    }
    fn is_kept(&self) -> bool {
        Kind::ALL.iter().any(|kind| !self.is_free(kind))
    }
    /// As typed, where saving makes that of it; what was not to be chosen, or is not any more, stays as it is.
    fn is_kind(&self, kind: &Kind) -> bool {
        let stands = self.page.row.ticket.kind;
        *kind == Kind::parse(&self.typed.kind).filter(|typed| self.is_free(typed)).unwrap_or(stands)
    }
    /// As typed, where a form makes that of it.
    fn is_state(&self, state: &TicketState) -> bool {
        let states = self.states();
        let typed = self.typed.ticket_state().filter(|typed| states.contains(typed));
        typed.or(states.first().copied()) == Some(*state)
    }
    /// Where another kind is made of it.
    fn reclass(&self) -> String {
        match self.back {
            "ticket" => "#reclass".to_owned(),
            _ => format!("/tickets/{}#reclass", self.page.row.ticket.number),
        }
    }
    fn priorities(&self) -> &'static [Priority] {
        Priority::ALL
    }
    fn complexities(&self) -> &'static [Complexity] {
        Complexity::ALL
    }
    fn channels(&self) -> &'static [Channel] {
        Channel::ALL
    }
    /// As it is, and what a form can make of it; a complaint is not over because somebody wrote so.
    fn states(&self) -> Vec<TicketState> {
        let now = match self.page.row.ticket.state {
            TicketState::New => TicketState::InProgress,
            state => state,
        };
        let over = [TicketState::Resolved, TicketState::Closed];
        let is_free = |over: &TicketState| *over == TicketState::Closed || !now.is_on_file();
        let over = over.into_iter().filter(|_| self.page.row.ticket.kind != Kind::Complaint).filter(is_free);
        let mut states = vec![now];
        states.extend([TicketState::InProgress].into_iter().chain(over).filter(|state| *state != now));
        states
    }
    fn categories(&self) -> [&'static str; 7] {
        CATEGORIES
    }
    fn asks_who(&self) -> bool {
        self.page.row.ticket.customer.is_none()
    }
    fn wrong(&self, field: &str) -> Option<String> {
        wrong_at(&self.pen, self.refused.as_ref(), field)
    }
    /// A refusal that is of no field.
    fn trouble(&self) -> Option<String> {
        trouble(&self.pen, self.refused.as_ref())
    }
    fn id(&self) -> String {
        self.page.row.ticket.id.to_string()
    }
}

/// What is wrong with that field, where it was refused for it.
pub fn wrong_at(pen: &Pen, refused: Option<&Refusal>, field: &str) -> Option<String> {
    match refused {
        Some(Refusal::Field { field: wrong, why }) if *wrong == field => Some(wrong_word(pen, *why)),
        _ => None,
    }
}

/// Why a form was refused, where that is of no field and nobody else's change.
pub fn trouble(pen: &Pen, refused: Option<&Refusal>) -> Option<String> {
    match refused {
        None | Some(Refusal::Field { .. } | Refusal::Changed { .. }) => None,
        Some(other) => Some(crate::error::refusal(pen, other)),
    }
}

/// What is wrong with a field.
pub fn wrong_word(pen: &Pen, why: FieldWhy) -> String {
    match why {
        FieldWhy::TooLong { max } => pen.say1("wrong-too-long", "max", max),
        FieldWhy::Missing => pen.say("wrong-missing"),
        FieldWhy::Unknown => pen.say("wrong-unknown"),
        FieldWhy::NotANumber => pen.say("wrong-not-a-number"),
        FieldWhy::NotASum => pen.say("wrong-not-a-sum"),
        FieldWhy::NotATime => pen.say("wrong-not-a-time"),
        FieldWhy::Taken => pen.say("wrong-taken"),
        FieldWhy::NotAhead => pen.say("wrong-not-ahead"),
        FieldWhy::TooFarAhead => pen.say("wrong-too-far-ahead"),
    }
}

fn last_writer(page: &TicketPage, directory: &Directory) -> Option<String> {
    use daemon::store::read::TimelineWhat;
    let saved = page.timeline.iter().rev().find(|row| matches!(row.what, TimelineWhat::Saved { .. }))?;
    Some(directory.person(saved.by?)?.name.clone())
}

fn differences(pen: &Pen, mine: &Typed, theirs: &Typed) -> Vec<Difference> {
    let category = |code: &str| if code.is_empty() { String::new() } else { pen.word("category", code) };
    let all = [
        ("kind", pen.word("kind", &mine.kind), pen.word("kind", &theirs.kind)),
        ("category", category(&mine.category), category(&theirs.category)),
        ("priority", pen.word("priority", &mine.priority), pen.word("priority", &theirs.priority)),
        ("complexity", pen.word("complexity", &mine.complexity), pen.word("complexity", &theirs.complexity)),
        ("channel", pen.word("channel", &mine.channel), pen.word("channel", &theirs.channel)),
        ("state", pen.word("state", &mine.state), pen.word("state", &theirs.state)),
        ("course", mine.course.clone(), theirs.course.clone()),
        ("demand", mine.demand.clone(), theirs.demand.clone()),
        ("summary", mine.summary.clone(), theirs.summary.clone()),
        ("object_product", mine.object_product.clone(), theirs.object_product.clone()),
        ("object_order", mine.object_order.clone(), theirs.object_order.clone()),
        ("object_batch", mine.object_batch.clone(), theirs.object_batch.clone()),
        ("object_person", mine.object_person.clone(), theirs.object_person.clone()),
        ("object_department", mine.object_department.clone(), theirs.object_department.clone()),
    ];
    let differ = all.into_iter().filter(|(_, mine, theirs)| mine.trim() != theirs.trim());
    differ.map(|(field, mine, theirs)| Difference { field, mine, theirs }).collect()
}
