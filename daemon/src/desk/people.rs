//! Who signs in, who has which extension, and who may say so.

use super::case::{Case, Member};
use super::command::{Command, FieldWhy, Refusal};
use super::fact::Fact;
use crate::{PersonId, Role, Time};

const LOGIN_CHARS: usize = 64;
const NAME_CHARS: usize = 100;
const AGENT_CHARS: usize = 300;
/// What pages can speak.
const LANGUAGES: [&str; 2] = ["zh-CN", "en"];

pub fn given(case: &Case, by: Option<PersonId>, command: &Command, now: Time) -> Result<Vec<Fact>, Refusal> {
    let fact = match command {
        Command::AddPerson { login, name, role, password_hash } => {
            may_wire(case, by)?;
            filled("login", login, LOGIN_CHARS)?;
            filled("name", name, NAME_CHARS)?;
            if case.staff.people.values().any(|member| member.login.eq_ignore_ascii_case(login)) {
                return Err(Refusal::LoginTaken);
            }
            let (login, name, password_hash) = (login.clone(), name.clone(), password_hash.clone());
            Fact::PersonAdded { person: case.ids.person(), login, name, role: *role, password_hash, by }
        }
        Command::SetPassword { person, password_hash } => {
            if by != Some(*person) {
                may_wire(case, by)?;
            }
            member(case, *person)?;
            Fact::PasswordSet { person: *person, password_hash: password_hash.clone(), by }
        }
        Command::ChangePerson { person, name, role, active } => {
            may_wire(case, by)?;
            let was = member(case, *person)?;
            filled("name", name, NAME_CHARS)?;
            // The last admin cannot be taken away: nobody could ever make another.
            let stays_admin = *active && *role == Role::Admin;
            if !stays_admin && case.staff.in_role(Role::Admin).all(|admin| admin == *person) && was.role == Role::Admin
            {
                return Err(Refusal::NotAllowed);
            }
            let ends_sessions = was.role != *role || !active;
            let (name, role, active) = (name.clone(), *role, *active);
            Fact::PersonChanged { person: *person, name, role, active, ends_sessions, by }
        }
        Command::SetAway { person, away, deputy } => {
            let whose = member(case, *person)?;
            may_excuse(case, by, *person)?;
            if let Some(deputy) = deputy {
                let stands_in = member(case, *deputy)?;
                // An admin could not open what they are told of.
                let can_read = stands_in.role != Role::Admin || whose.role == Role::Admin;
                if deputy == person || !stands_in.active || !can_read {
                    return Err(Refusal::Field { field: "deputy", why: FieldWhy::Unknown });
                }
            }
            Fact::AwaySet { person: *person, away: *away, deputy: *deputy, by }
        }
        Command::SetDepartment { department, responsible, deputy, others } => {
            may_lead(case, by)?;
            if !case.policy.terms.departments.contains_key(department) {
                return Err(Refusal::Field { field: "department", why: FieldWhy::Unknown });
            }
            let named = [("responsible", responsible.as_ref()), ("deputy", deputy.as_ref())];
            for (field, person) in named.into_iter().chain(others.iter().map(|other| ("others", Some(other)))) {
                let works =
                    person.is_none_or(|person| case.staff.people.get(person).is_some_and(Member::works_on_matters));
                if !works {
                    return Err(Refusal::Field { field, why: FieldWhy::Unknown });
                }
            }
            let (department, others) = (department.clone(), others.clone());
            Fact::DepartmentSet { department, responsible: *responsible, deputy: *deputy, others, by }
        }
        Command::MapExtension { pbx, extension, person } => {
            may_wire(case, by)?;
            if let Some(person) = person {
                member(case, *person)?;
            }
            Fact::ExtensionMapped { pbx: pbx.clone(), extension: extension.clone(), person: *person, by }
        }
        Command::IgnoreExtension { pbx, extension } => {
            may_wire(case, by)?;
            Fact::ExtensionIgnored { pbx: pbx.clone(), extension: extension.clone(), by }
        }
        Command::SignIn { session, person, user_agent } => {
            if !member(case, *person)?.active {
                return Err(Refusal::NotAllowed);
            }
            let expires_at = case.policy.session_ends(now, now);
            let user_agent = user_agent.chars().take(AGENT_CHARS).collect();
            Fact::SignedIn { session: *session, person: *person, expires_at, user_agent }
        }
        Command::KeepSession { session } => {
            let began_at = case.session_began_at.ok_or(Refusal::NotAllowed)?;
            Fact::SessionKept { session: *session, expires_at: case.policy.session_ends(began_at, now) }
        }
        Command::SignOut { session } => Fact::SignedOut { session: *session },
        Command::SetLanguage { language } => {
            let person = by.ok_or(Refusal::NotAllowed)?;
            if !LANGUAGES.contains(&language.as_str()) {
                return Err(Refusal::Field { field: "language", why: FieldWhy::Unknown });
            }
            Fact::LanguageSet { person, language: language.clone() }
        }
        Command::SaveTicket { .. }
        | Command::KeepDraft { .. }
        | Command::OpenTicket { .. }
        | Command::Matter(..)
        | Command::Hand(..)
        | Command::Handle(..)
        | Command::Paper(..)
        | Command::Regroup(..)
        | Command::SaveCustomer { .. }
        | Command::Customers(_)
        | Command::Dial { .. }
        | Command::HangUp { .. }
        | Command::Pause { .. }
        | Command::Unpause { .. }
        | Command::Spy { .. }
        | Command::SetPolicy { .. }
        | Command::Owed(..)
        | Command::Look(_) => return Ok(Vec::new()),
    };
    Ok(vec![fact])
}

/// People and extensions are the admins'; the command line (`by` none) is the house's owner.
fn may_wire(case: &Case, by: Option<PersonId>) -> Result<(), Refusal> {
    let role = by.map(|by| case.staff.people.get(&by).map(|member| member.role));
    match role {
        None | Some(Some(Role::Admin)) => Ok(()),
        Some(Some(Role::Agent | Role::Handler | Role::Supervisor | Role::Manager) | None) => Err(Refusal::NotAllowed),
    }
}

/// Whose a matter is to decide is for who leads or wires.
fn may_lead(case: &Case, by: Option<PersonId>) -> Result<(), Refusal> {
    let Some(by) = by else { return Ok(()) };
    match case.staff.people.get(&by).map(|member| member.role) {
        Some(Role::Supervisor | Role::Manager | Role::Admin) => Ok(()),
        Some(Role::Agent | Role::Handler) | None => Err(Refusal::NotAllowed),
    }
}

/// One's own absence, and for who leads or wires anybody's.
fn may_excuse(case: &Case, by: Option<PersonId>, person: PersonId) -> Result<(), Refusal> {
    may_lead(case, by.filter(|by| *by != person))
}

fn member(case: &Case, person: PersonId) -> Result<&Member, Refusal> {
    case.staff.people.get(&person).ok_or(Refusal::NoSuchPerson)
}

fn filled(field: &'static str, value: &str, max: usize) -> Result<(), Refusal> {
    if value.trim().is_empty() {
        return Err(Refusal::Field { field, why: FieldWhy::Missing });
    }
    text(field, value, max)
}

/// Counts characters, as the one who types does.
pub fn text(field: &'static str, value: &str, max: usize) -> Result<(), Refusal> {
    if value.chars().count() > max {
        return Err(Refusal::Field { field, why: FieldWhy::TooLong { max } });
    }
    Ok(())
}
