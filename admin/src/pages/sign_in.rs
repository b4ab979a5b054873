//! Signing in and out, and choosing a language.

use std::net::IpAddr;

use askama::Template;
use axum::Form;
use axum::extract::{FromRequestParts, Query, State as FromState};
use axum::http::header::{REFERER, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use daemon::desk::command::{Command, Given};
use serde::Deserialize;

use super::html;
use crate::auth::{self, Theme};
use crate::error::{Error, Explained};
use crate::pen::Pen;
use crate::state::{House, State};
use crate::text::Language;

/// A year: a device's mark and the language of a browser.
const LONG: &str = "Max-Age=31536000";

/// The longest user agent that is kept with a session, in characters; real ones are shorter.
const USER_AGENT_CHARS: usize = 300;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    pen: Pen,
    theme: Theme,
    house: &'a House,
    next: &'a str,
    login: &'a str,
    trouble: Option<String>,
}

impl SignIn<'_> {
    fn languages(&self) -> [Language; 2] {
        Language::ALL
    }
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct Credentials {
    user: String,
    pass: String,
    #[serde(default)]
    next: String,
}

pub async fn show(
    FromState(state): FromState<State>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if auth::visitor(&headers, &state).await?.is_some() {
        return Ok(Redirect::to(inside(&asked.next)).into_response());
    }
    page(&state, &headers, &asked.next, "", None)
}

pub async fn sign_in(
    FromState(state): FromState<State>,
    Address(address): Address,
    headers: HeaderMap,
    Form(given): Form<Credentials>,
) -> Result<Response, Error> {
    let login = given.user.trim().to_lowercase();
    let pen = state.pen(auth::language(&headers, &state.house), None);
    let again = |status, trouble| {
        let mut page = page(&state, &headers, &given.next, &login, Some(trouble))?;
        page.extensions_mut().insert(Explained(status));
        Ok(page)
    };
    let device = auth::cookie(&headers, "device");
    if !state.door.throttle.admits(&login, address, device) {
        tracing::warn!(%address, "too many tries to sign in");
        return again(StatusCode::TOO_MANY_REQUESTS, pen.say("sign-in-throttled"));
    }
    let known = state.reader.credentials(login.clone()).await?;
    let stored = known.as_ref().filter(|known| known.active).map(|known| known.password_hash.clone());
    let right = state.door.hasher.verify(given.pass, stored).await?;
    let Some(person) = known.map(|known| known.person).filter(|_| right) else {
        return again(StatusCode::UNAUTHORIZED, pen.say("sign-in-wrong"));
    };
    let (secret, session) = auth::new_session();
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let user_agent = agent.chars().take(USER_AGENT_CHARS).collect();
    state.commands.give(Given { by: None, command: Command::SignIn { session, person, user_agent } }).await?;
    let mut response = Redirect::to(inside(&given.next)).into_response();
    let secure = if state.house.https { "; Secure" } else { "" };
    let mark = format!("device={}; Path=/; HttpOnly; SameSite=Lax; {LONG}{secure}", state.door.throttle.mark(&login));
    // The page that was chosen to sign in on settles the language of those that follow.
    let language = format!("language={}; Path=/; SameSite=Lax; {LONG}", pen.language.tag());
    for cookie in [auth::set_session(&state.house, &secret), mark, language] {
        response.headers_mut().append(SET_COOKIE, cookie.parse().map_err(|_| Error::Broken)?);
    }
    Ok(response)
}

pub async fn sign_out(FromState(state): FromState<State>, headers: HeaderMap) -> Result<Response, Error> {
    if let Some(visitor) = auth::visitor(&headers, &state).await? {
        let command = Command::SignOut { session: visitor.session };
        state.commands.give(Given { by: Some(visitor.person.id), command }).await?;
        // Nobody listening means that no stream was open.
        let _ = state.door.signed_out.send(visitor.session);
    }
    let mut response = Redirect::to("/sign-in").into_response();
    let cookie = auth::set_session(&state.house, "").parse().map_err(|_| Error::Broken)?;
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

#[derive(Deserialize)]
pub struct Chosen {
    language: String,
}

pub async fn language(
    FromState(state): FromState<State>,
    headers: HeaderMap,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Error> {
    let language = Language::parse(&chosen.language).ok_or(Error::Unreadable)?;
    if let Some(visitor) = auth::visitor(&headers, &state).await? {
        let command = Command::SetLanguage { language: language.tag().to_owned() };
        state.commands.give(Given { by: Some(visitor.person.id), command }).await?;
    }
    let back = headers.get(REFERER).and_then(|referer| referer.to_str().ok()).and_then(path_of).unwrap_or("/");
    let mut response = Redirect::to(inside(back)).into_response();
    let cookie = format!("language={}; Path=/; SameSite=Lax; {LONG}", language.tag());
    response.headers_mut().append(SET_COOKIE, cookie.parse().map_err(|_| Error::Broken)?);
    Ok(response)
}

/// The asking browser's address.
pub struct Address(IpAddr);

impl FromRequestParts<State> for Address {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        Ok(Address(auth::address(parts, &state.house)))
    }
}

fn page(
    state: &State,
    headers: &HeaderMap,
    next: &str,
    login: &str,
    trouble: Option<String>,
) -> Result<Response, Error> {
    let pen = state.pen(auth::language(headers, &state.house), None);
    let page = SignIn { pen, theme: Theme::of(headers), house: &state.house, next, login, trouble };
    Ok(html(page)?.into_response())
}

/// A path of ours, and never another house's address.
fn inside(path: &str) -> &str {
    let ours =
        path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') && !path.contains(char::is_control);
    if ours && !path.starts_with("/sign-in") { path } else { "/" }
}

fn path_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    rest.find('/').map(|at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_one_stays_in_the_house() {
        for (asked, to) in [
            ("/tickets?text=a", "/tickets?text=a"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/sign-in", "/"),
            ("", "/"),
        ] {
            assert_eq!(inside(asked), to, "{asked}");
        }
        assert_eq!(path_of("http://desk.lan:8400/live"), Some("/live"));
    }
}
