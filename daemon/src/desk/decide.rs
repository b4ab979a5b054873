//! The one door of the desk: a case and an input in, facts or a refusal out. Pure and stateless.

use std::sync::Arc;

use super::case::Case;
use super::command::{Command, Given, Refusal};
use super::fact::Fact;
use super::{
    asking, calls, customers, handling, looks, owed, ownership, papers, people, regroup, rungs, steps, terms, tickets,
};
use crate::calls::call::Call;
use crate::{CallId, ObligationId, Time};

#[derive(Clone, Debug)]
pub enum Input {
    /// A state of a call as it stood at `at`.
    Call {
        at: Time,
        call: Arc<Call>,
    },
    /// Two calls turned out to be one.
    Merged {
        from: CallId,
        into: CallId,
    },
    /// A rung of this obligation may be due.
    Due(ObligationId),
    /// This obligation's times were reckoned by an earlier policy.
    Stale(ObligationId),
    Given(Box<Given>),
}

/// Whatever the input, the same case, input and time give the same facts; what was decided
/// before is not decided again.
pub fn decide(case: &Case, input: &Input, now: Time) -> Result<Vec<Fact>, Refusal> {
    match input {
        Input::Call { at, call } => Ok(calls::seen(case, *at, call)),
        Input::Merged { from, into } => Ok(calls::merged(case, from, into)),
        Input::Due(obligation) => Ok(rungs::due(case, *obligation, now)),
        Input::Stale(obligation) => Ok(rungs::reckoned(case, *obligation, now)),
        Input::Given(given) => {
            let Given { by, command } = &**given;
            if by.is_some_and(|person| !case.staff.is_active(person)) {
                return Err(Refusal::NotAllowed);
            }
            match command {
                Command::SaveTicket { .. } | Command::KeepDraft { .. } | Command::OpenTicket { .. } => {
                    tickets::given(case, *by, command, now)
                }
                Command::SaveCustomer { customer, ticket, form } => {
                    customers::save(case, *by, *customer, *ticket, form, now)
                }
                Command::Customers(command) => customers::given(case, *by, command, now),
                Command::Dial { .. }
                | Command::HangUp { .. }
                | Command::Pause { .. }
                | Command::Unpause { .. }
                | Command::Spy { .. } => asking::given(case, *by, command, now),
                Command::SetPolicy { version, text } => terms::given(case, *by, *version, text),
                Command::Paper(_, paper) => papers::given(case, *by, paper, now),
                Command::Regroup(_, regroup) => regroup::given(case, *by, regroup, now),
                Command::Matter(_, step) => steps::given(case, *by, step, now),
                Command::Handle(_, handle) => handling::given(case, *by, handle, now),
                Command::Hand(_, hand) => ownership::given(case, *by, hand, now),
                Command::Look(look) => looks::given(case, *by, look, now),
                Command::Owed(id, owed) => owed::given(case, *by, *id, owed, now),
                Command::AddPerson { .. }
                | Command::SetPassword { .. }
                | Command::ChangePerson { .. }
                | Command::SetDepartment { .. }
                | Command::SetAway { .. }
                | Command::MapExtension { .. }
                | Command::IgnoreExtension { .. }
                | Command::SignIn { .. }
                | Command::KeepSession { .. }
                | Command::SignOut { .. }
                | Command::SetLanguage { .. } => people::given(case, *by, command, now),
            }
        }
    }
}
