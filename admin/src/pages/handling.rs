//! What is found out about a matter and done about it, from its page and for scripts: lines of the log,
//! findings, remedies and the word on them, assessments.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use askama::filters::HtmlSafe;
use axum::Form;
use axum::extract::{Path, State as FromState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use daemon::desk::command::{Command, Done, FieldWhy, Refusal};
use daemon::desk::handling::{Finding, Findings, Handle, Limits, Remedy, RemedyKind, RemedyState};
use daemon::desk::policy::Policy;
use daemon::desk::rights::Act;
use daemon::desk::ticket::Kind;
use daemon::store::read::{Attachment, Directory, HandlingRow, TicketPage};
use daemon::{AttachmentId, PersonId, RemedyId, TicketId};
use serde::Deserialize;

use super::asking::give;
use super::form::{Difference, trouble, wrong_at};
use super::ticket;
use crate::auth::{Read, Require, Visitor};
use crate::error::{Error, Explained};
use crate::parts::handling::{Assessments, Beside, Decider, Investigation, Lacks, Remedies, ahead, may};
use crate::pen::{self, Pen};
use crate::state::State;

/// Digits before the point of a sum: more than anybody's money, and within an `i64` of hundredths.
const SUM_DIGITS: usize = 12;

/// As a script sends it, or a form; what it does not need is not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Handled {
    /// `log`, `find`, `propose`, `withdraw`, `approve`, `refuse`, `assess`, `reclass`.
    what: String,
    words: String,
    /// Files of the ticket, by their ids.
    evidence: BTreeSet<i64>,
    #[serde(flatten)]
    found: Typed,
    loss_cents: Option<i64>,
    /// `exchange`, `return`, `refund`, `compensation`, `repair`, `apology`; of `reclass`, the kind of matter.
    kind: String,
    sum_cents: Option<i64>,
    /// The same as somebody types it: `1280` or `1280.50`.
    sum: String,
    remedy: i64,
    why: String,
}

/// Findings as they are typed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Typed {
    /// The version that the writer began from.
    version: i64,
    /// `justified`, `partly`, `unjustified`; empty or none: nobody knows yet.
    finding: Option<String>,
    reason: String,
    cause: String,
    party: String,
    solution: String,
    loss: String,
}

impl Typed {
    fn of(handling: &HandlingRow) -> Typed {
        let Findings { finding, reason, cause, party, solution, loss_cents } = handling.findings.clone();
        Typed {
            version: handling.version,
            finding: finding.map(|finding| finding.as_str().to_owned()),
            reason,
            cause,
            party,
            solution,
            loss: loss_cents.map(pen::sum).unwrap_or_default(),
        }
    }

    fn findings(self, loss_cents: Option<i64>) -> Result<Findings, Error> {
        let finding = self.finding.filter(|finding| !finding.is_empty());
        let parsed = |finding: String| Finding::parse(&finding).ok_or(wrong("finding", FieldWhy::Unknown));
        let loss_cents = match loss_cents {
            Some(cents) => Some(cents),
            None => cents("loss", &self.loss)?,
        };
        let [reason, cause, party, solution] =
            [self.reason, self.cause, self.party, self.solution].map(|text| text.trim().to_owned());
        Ok(Findings { finding: finding.map(parsed).transpose()?, reason, cause, party, solution, loss_cents })
    }
}

impl Handled {
    /// Of a form, in which a field may stand several times.
    fn of_form(fields: Vec<(String, String)>) -> Result<Handled, Error> {
        let number = |text: &str| text.parse::<i64>().map_err(|_| Error::Unreadable);
        let mut handled = Handled::default();
        for (field, value) in fields {
            match field.as_str() {
                "what" => handled.what = value,
                "words" => handled.words = value,
                "evidence" => handled.evidence.extend([number(&value)?]),
                "version" => handled.found.version = number(&value)?,
                "finding" => handled.found.finding = Some(value),
                "reason" => handled.found.reason = value,
                "cause" => handled.found.cause = value,
                "party" => handled.found.party = value,
                "solution" => handled.found.solution = value,
                "loss" => handled.found.loss = value,
                "kind" => handled.kind = value,
                "sum" => handled.sum = value,
                "remedy" => handled.remedy = number(&value)?,
                "why" => handled.why = value,
                _ => return Err(Error::Unreadable),
            }
        }
        Ok(handled)
    }

    fn handle(self) -> Result<Handle, Error> {
        let remedy = RemedyId(self.remedy);
        Ok(match self.what.as_str() {
            "log" => Handle::Log { words: self.words, evidence: self.evidence.into_iter().map(AttachmentId).collect() },
            "find" => Handle::Find { version: self.found.version, findings: self.found.findings(self.loss_cents)? },
            "propose" => Handle::Propose {
                kind: RemedyKind::parse(&self.kind).ok_or(wrong("kind", FieldWhy::Missing))?,
                sum_cents: match self.sum_cents {
                    Some(cents) => cents,
                    None => cents("sum", &self.sum)?.unwrap_or(0),
                },
                words: self.words,
            },
            "withdraw" => Handle::Withdraw { remedy },
            "approve" => Handle::Approve { remedy },
            "refuse" => Handle::Refuse { remedy, why: self.why },
            "assess" => Handle::Assess { words: self.words },
            "reclass" => {
                let kind = Kind::parse(&self.kind).ok_or(wrong("kind", FieldWhy::Missing))?;
                Handle::Reclass { kind, why: self.why }
            }
            _ => return Err(wrong("what", FieldWhy::Unknown)),
        })
    }
}

fn wrong(field: &'static str, why: FieldWhy) -> Error {
    Error::Refused(Refusal::Field { field, why })
}

/// A sum of money in hundredths, from `1280`, `1,280` or `1280.50`; none where nothing is written.
fn cents(field: &'static str, text: &str) -> Result<Option<i64>, Error> {
    let text: String = text.chars().filter(|c| !c.is_whitespace() && *c != ',' && *c != '，').collect();
    if text.is_empty() {
        return Ok(None);
    }
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let is_number = |digits: &str| digits.chars().all(|c| c.is_ascii_digit());
    let fits = (1..=SUM_DIGITS).contains(&whole.len()) && rest.len() <= 2 && is_number(whole) && is_number(rest);
    let hundredths = if fits { format!("{whole}{rest:0<2}").parse().ok() } else { None };
    hundredths.map(Some).ok_or(wrong(field, FieldWhy::NotASum))
}

/// From the ticket's page. Findings that are refused, and those with which somebody else was quicker, are
/// shown again as they were typed.
pub async fn give_in(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Read>,
    Path(ticket): Path<i64>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    let ticket = TicketId(ticket);
    let page = state.reader.ticket(ticket, visitor.person.id).await?.ok_or(Error::NotFound)?;
    visitor.sees(&page.row)?;
    let handled = Handled::of_form(fields)?;
    let typed = (handled.what == "find").then(|| handled.found.clone());
    match (given(&state, &visitor, ticket, handled).await, typed) {
        (Ok(_), _) => Ok(Redirect::to(&format!("/tickets/{}", page.row.ticket.number)).into_response()),
        (Err(Error::Refused(refusal)), Some(typed)) => {
            let status = match refusal {
                Refusal::Changed { .. } => StatusCode::CONFLICT,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            let page = state.reader.ticket(ticket, visitor.person.id).await?.ok_or(Error::NotFound)?;
            let mut again = ticket::whole(&state, visitor, page, Some((typed, refusal))).await?.into_response();
            // Marked as a page, so that the error layer leaves it as it is.
            again.extensions_mut().insert(Explained(status));
            Ok(again)
        }
        (Err(error), _) => Err(error),
    }
}

/// For a ticket that whoever gives it sees.
pub async fn given(state: &State, visitor: &Visitor, ticket: TicketId, handled: Handled) -> Result<Done, Error> {
    give(state, visitor, Command::Handle(ticket, handled.handle()?)).await
}

/// All of it on a ticket's page.
pub struct HandlingRoom {
    pub lacks: Lacks,
    /// Whether it is unfolded: of complaints and after-sales, and wherever something is written.
    pub is_open: bool,
    pub findings: FindingsForm,
    pub beside: Beside,
    pub investigation: Investigation,
    pub log: Option<LogForm>,
    pub remedies: Remedies,
    pub forms: RemedyForms,
    /// With the field for one more.
    pub assessments: Option<(Assessments, AssessForm)>,
}

impl HandlingRoom {
    pub fn of(
        visitor: &Visitor,
        page: &TicketPage,
        policy: &Policy,
        refused: Option<(Typed, Refusal)>,
    ) -> HandlingRoom {
        let pen = &visitor.pen;
        let may_write = may(visitor, page, Act::Step);
        let (ticket, handling) = (page.row.ticket.id, &page.handling);
        let is_usual = matches!(page.row.ticket.kind, Kind::Complaint | Kind::AfterSales);
        let assessments = Assessments::of(visitor, page);
        let limits = policy.terms.remedies;
        HandlingRoom {
            lacks: Lacks::of(pen, &ahead(page, policy)),
            is_open: is_usual || handling.version > 0 || !handling.log.is_empty() || !handling.beside.is_empty(),
            findings: FindingsForm::of(pen, page, &visitor.directory, may_write, refused),
            beside: Beside::of(visitor, page),
            investigation: Investigation::of(visitor, page),
            log: may_write.then(|| LogForm { pen: pen.clone(), ticket, files: page.attachments.clone() }),
            remedies: Remedies::of(visitor, page, limits),
            forms: RemedyForms::of(visitor, page, may_write, limits),
            assessments: assessments.map(|shown| (shown, AssessForm { pen: pen.clone(), ticket })),
        }
    }
}

/// Whether the customer is right, and why it came to it.
#[derive(Template)]
#[template(path = "parts/findings.html")]
pub struct FindingsForm {
    pen: Pen,
    ticket: TicketId,
    typed: Typed,
    /// Who wrote what stands there, and when.
    saved: Option<(String, daemon::Time)>,
    may_write: bool,
    /// It stays as it was filed, until the matter is opened again.
    is_on_file: bool,
    refused: Option<Refusal>,
    /// Who changed it meanwhile, and what differs.
    conflict: Option<(String, Vec<Difference>)>,
}
impl HtmlSafe for FindingsForm {}

impl FindingsForm {
    fn of(
        pen: &Pen,
        page: &TicketPage,
        directory: &Arc<Directory>,
        may_write: bool,
        refused: Option<(Typed, Refusal)>,
    ) -> FindingsForm {
        let stands = Typed::of(&page.handling);
        let name = |person: PersonId| directory.person(person).map(|person| person.name.clone());
        let saved = page.handling.saved.map(|(by, at)| (name(by).unwrap_or_else(|| pen.say("somebody")), at));
        let (mut typed, refused) = match refused {
            Some((typed, refusal)) => (typed, Some(refusal)),
            None => (stands.clone(), None),
        };
        let mut conflict = None;
        if typed.version != stands.version {
            let differ = differences(pen, &typed, &stands);
            let by = saved.as_ref().map_or_else(|| pen.say("somebody"), |(by, _)| by.clone());
            conflict = (!differ.is_empty()).then_some((by, differ));
            // Saving now is saving over what is shown beside it: knowingly.
            typed.version = stands.version;
        }
        let is_on_file = page.row.ticket.state.is_on_file();
        // What somebody typed before it was filed is there to be taken along.
        let may_write = may_write && (!is_on_file || refused.is_some());
        let (pen, ticket) = (pen.clone(), page.row.ticket.id);
        FindingsForm { pen, ticket, typed, saved, may_write, is_on_file, refused, conflict }
    }

    fn kinds(&self) -> &'static [Finding] {
        Finding::ALL
    }
    fn is(&self, finding: &Finding) -> bool {
        self.typed.finding.as_deref() == Some(finding.as_str())
    }
    fn wrong(&self, field: &str) -> Option<String> {
        wrong_at(&self.pen, self.refused.as_ref(), field)
    }
    /// A refusal that is of no field.
    fn trouble(&self) -> Option<String> {
        trouble(&self.pen, self.refused.as_ref())
    }
}

fn differences(pen: &Pen, mine: &Typed, theirs: &Typed) -> Vec<Difference> {
    let finding = |typed: &Typed| {
        let finding = typed.finding.as_deref().and_then(Finding::parse);
        finding.map(|finding| pen.word("finding", finding.as_str())).unwrap_or_default()
    };
    let all = [
        ("finding", finding(mine), finding(theirs)),
        ("reason", mine.reason.clone(), theirs.reason.clone()),
        ("cause", mine.cause.clone(), theirs.cause.clone()),
        ("party", mine.party.clone(), theirs.party.clone()),
        ("solution", mine.solution.clone(), theirs.solution.clone()),
        ("loss", mine.loss.clone(), theirs.loss.clone()),
    ];
    let differ = all.into_iter().filter(|(_, mine, theirs)| mine.trim() != theirs.trim());
    differ.map(|(field, mine, theirs)| Difference { field, mine, theirs }).collect()
}

/// A line for the log, and which files of the ticket show it.
#[derive(Template)]
#[template(path = "parts/log_form.html")]
pub struct LogForm {
    pen: Pen,
    ticket: TicketId,
    files: Vec<Attachment>,
}
impl HtmlSafe for LogForm {}

/// What is asked for, and why it is not given.
#[derive(Template)]
#[template(path = "parts/remedy_forms.html")]
pub struct RemedyForms {
    pen: Pen,
    ticket: TicketId,
    may_propose: bool,
    limits: Limits,
    /// Those that the reader may refuse.
    asked: Vec<Remedy>,
}
impl HtmlSafe for RemedyForms {}

impl RemedyForms {
    fn of(visitor: &Visitor, page: &TicketPage, may_write: bool, limits: Limits) -> RemedyForms {
        let reader = Decider::of(visitor, limits);
        let remedies = page.handling.remedies.iter().map(|row| &row.remedy);
        let is_theirs = |remedy: &&Remedy| remedy.state == RemedyState::Requested && reader.may_decide(remedy);
        let asked = remedies.filter(is_theirs).filter(|_| may(visitor, page, Act::Decide));
        RemedyForms {
            pen: visitor.pen.clone(),
            ticket: page.row.ticket.id,
            may_propose: may_write && page.row.ticket.state.is_open(),
            limits,
            asked: asked.cloned().collect(),
        }
    }
    fn kinds(&self) -> &'static [RemedyKind] {
        RemedyKind::ALL
    }
    /// Whose word is needed, before anybody asks.
    fn who_decides(&self) -> String {
        let (free, supervisor) = (pen::sum(self.limits.free_cents), pen::sum(self.limits.supervisor_cents));
        self.pen.say2("remedy-limits", "free", free, "supervisor", supervisor)
    }
}

/// What the monthly assessment goes by.
#[derive(Template)]
#[template(path = "parts/assess_form.html")]
pub struct AssessForm {
    pen: Pen,
    ticket: TicketId,
}
impl HtmlSafe for AssessForm {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_as_people_write_it() {
        let read = |text| cents("sum", text).ok();
        assert_eq!(read("1280"), Some(Some(128_000)));
        assert_eq!(read(" 1,280.5 "), Some(Some(128_050)));
        assert_eq!(read("0.05"), Some(Some(5)));
        assert_eq!(read(""), Some(None));
        for text in ["1280.505", "-3", "12e3", ".5", "1.2.3", "一百", "1234567890123"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
