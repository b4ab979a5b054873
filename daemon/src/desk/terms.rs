//! The site puts other terms in force.

use super::case::Case;
use super::command::Refusal;
use super::fact::Fact;
use super::policy::Terms;
use crate::{PersonId, Role};

/// From that version; none: whatever stands. What was owed is reckoned anew, a piece at a time.
pub fn given(case: &Case, by: Option<PersonId>, version: Option<i64>, text: &str) -> Result<Vec<Fact>, Refusal> {
    // The command line (`by` none) is the house's owner.
    let role = by.map(|by| case.staff.people.get(&by).map(|member| member.role));
    match role {
        None | Some(Some(Role::Manager | Role::Admin)) => {}
        Some(Some(Role::Agent | Role::Handler | Role::Supervisor) | None) => return Err(Refusal::NotAllowed),
    }
    let stands = case.policy.version;
    if version.is_some_and(|version| version != stands) {
        return Err(Refusal::Changed { by: case.saved_by, version: stands });
    }
    let terms = Terms::read(text, &case.policy).map_err(Refusal::Terms)?;
    Ok(vec![Fact::PolicySet { version: stands + 1, text: text.to_owned(), terms: Box::new(terms), by }])
}
