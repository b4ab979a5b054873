//! Who signs in, whose session it is, in whose place somebody stands, and extensions that are nobody's yet.

use rusqlite::{Connection, OptionalExtension, params};

use crate::desk::command::SessionHash;
use crate::desk::policy::Policy;
use crate::store::column::*;
use crate::store::read::*;
use crate::store::{Result, hands};
use crate::{PersonId, Role, Time};

pub fn directory(db: &Connection) -> Result<Directory> {
    let people = db
        .prepare_cached(
            "SELECT id, login, name, role, active, away, deputy, language, created_at_ms FROM people ORDER BY name, id",
        )?
        .query_map([], |row| {
            Ok(Person {
                id: PersonId(row.get("id")?),
                login: row.get("login")?,
                name: row.get("name")?,
                role: word(row, "role", Role::parse)?,
                active: row.get("active")?,
                away: row.get("away")?,
                deputy: maybe_person(row, "deputy")?,
                language: row.get("language")?,
                created_at: time(row, "created_at_ms")?,
            })
        })?
        .collect::<Result<_>>()?;
    let extensions = db
        .prepare_cached("SELECT pbx, extension, person FROM extensions ORDER BY pbx, extension")?
        .query_map([], |row| Ok((name(row, "pbx")?, name(row, "extension")?, PersonId(row.get("person")?))))?
        .collect::<Result<_>>()?;
    Ok(Directory { people, extensions, departments: hands::departments(db)? })
}

/// Whose duties are this person's for now.
pub fn stands_in_for(db: &Connection, person: PersonId) -> Result<Vec<PersonId>> {
    let anybody = "SELECT EXISTS (SELECT 1 FROM people WHERE (away = 1 OR active = 0) AND deputy IS NOT NULL)";
    if !db.prepare_cached(anybody)?.query_row([], |row| row.get(0))? {
        return Ok(Vec::new());
    }
    Ok(directory(db)?.stands_in_for(person).collect())
}

pub fn session(db: &Connection, policy: &Policy, session: &SessionHash, now: Time) -> Result<Option<Session>> {
    db.prepare_cached(
        "SELECT s.person, s.created_at_ms, s.expires_at_ms FROM sessions s JOIN people p ON p.id = s.person
         WHERE s.hash = ?1 AND s.expires_at_ms > ?2 AND p.active = 1",
    )?
    .query_row(params![session.0, ms(now)], |row| {
        let would_end = policy.session_ends(time(row, "created_at_ms")?, now);
        let gained = would_end - time(row, "expires_at_ms")?;
        let to_renew = gained.num_milliseconds() >= policy.session_renew_ms;
        Ok(Session { person: PersonId(row.get("person")?), to_renew })
    })
    .optional()
}

pub fn credentials(db: &Connection, login: &str) -> Result<Option<Credentials>> {
    db.prepare_cached("SELECT id, password_hash, active FROM people WHERE lower(login) = lower(?1)")?
        .query_row([login], |row| {
            Ok(Credentials {
                person: PersonId(row.get("id")?),
                password_hash: row.get("password_hash")?,
                active: row.get("active")?,
            })
        })
        .optional()
}

pub fn unmapped(db: &Connection, today_from: Time) -> Result<Vec<UnmappedExtension>> {
    db.prepare_cached(
        "SELECT s.pbx, s.extension, s.name, s.last_seen_at_ms,
            (SELECT count(*) FROM calls c WHERE c.pbx = s.pbx AND c.agent = s.extension AND c.started_at_ms >= ?1
                AND c.direction = 'inbound' AND c.answered_at_ms IS NOT NULL) AS answered,
            (SELECT count(*) FROM calls c WHERE c.pbx = s.pbx AND c.agent = s.extension AND c.started_at_ms >= ?1
                AND c.direction <> 'inbound') AS dialled
         FROM seen_extensions s
         WHERE NOT EXISTS (SELECT 1 FROM extensions e WHERE e.pbx = s.pbx AND e.extension = s.extension)
            AND NOT EXISTS (SELECT 1 FROM ignored_extensions i WHERE i.pbx = s.pbx AND i.extension = s.extension)
         ORDER BY s.pbx, s.extension LIMIT ?2",
    )?
    .query_map(params![ms(today_from), LIST], |row| {
        Ok(UnmappedExtension {
            pbx: name(row, "pbx")?,
            extension: name(row, "extension")?,
            name: row.get("name")?,
            answered_today: row.get("answered")?,
            dialled_today: row.get("dialled")?,
            last_seen_at: time(row, "last_seen_at_ms")?,
        })
    })?
    .collect()
}
