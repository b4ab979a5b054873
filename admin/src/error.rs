//! Whatever goes wrong becomes one answer: what failed, what still works, one button. Pages get
//! HTML, the API and scripts get `application/problem+json` (RFC 9457).

use axum::Json;
use axum::extract::{Request, State as FromState};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use daemon::Time;
use daemon::desk::clock::ObligationState;
use daemon::desk::command::{FieldWhy, Refusal};
use daemon::desk::customer::CannotUndo;
use daemon::desk::papers::Unfit;
use daemon::desk::policy::Mistake;
use daemon::desk::regroup;
use daemon::files::FileError;
use daemon::live::Stopped;
use daemon::store::read::ReadError;
use serde_json::{Value, json};

use crate::auth;
use crate::pages::failed;
use crate::pen::Pen;
use crate::state::State;

#[derive(Clone, Debug)]
pub enum Error {
    /// Nobody has signed in.
    SignIn,
    NotAllowed,
    NotFound,
    /// What was sent could not be understood.
    Unreadable,
    /// A value of the query is not what it must be; why, in English, for whoever writes against
    /// the API.
    Parameter(String),
    /// Came from a page that is not ours.
    Foreign,
    TooManyTries,
    /// More at once than we do at once.
    Busy,
    /// The house refused the command.
    Refused(Refusal),
    /// Somebody is calling that customer right now.
    BeingCalled {
        who: String,
    },
    /// Somebody else works on that obligation, until then.
    Claimed {
        who: String,
        until: Time,
    },
    /// That obligation has ended: how, when, and by whom where somebody did it.
    Over {
        state: ObligationState,
        at: Time,
        who: Option<String>,
    },
    /// A file's bytes on disk are not those that were attached.
    Damaged,
    /// The store could not be read.
    Reading(ReadError),
    Stopping,
    /// A password too short to be one.
    ShortPassword,
    /// A fault of ours.
    Broken,
}

impl Error {
    /// The stable word for the API and for the texts.
    pub fn code(&self) -> &'static str {
        match self {
            Error::SignIn => "sign_in",
            Error::NotAllowed => "not_allowed",
            Error::NotFound => "not_found",
            Error::Unreadable => "unreadable",
            Error::Parameter(_) => "parameter",
            Error::Foreign => "foreign",
            Error::TooManyTries => "too_many_tries",
            Error::Busy => "busy",
            Error::Refused(refusal) => refusal_code(refusal),
            Error::BeingCalled { .. } => "being_called",
            Error::Claimed { .. } => "claimed",
            Error::Over { .. } => "over",
            Error::Damaged => "file_damaged",
            Error::Reading(_) => "reading",
            Error::Stopping => "stopping",
            Error::ShortPassword => "short_password",
            Error::Broken => "broken",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Error::SignIn => StatusCode::UNAUTHORIZED,
            Error::NotAllowed | Error::Foreign => StatusCode::FORBIDDEN,
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::Unreadable | Error::Parameter(_) => StatusCode::BAD_REQUEST,
            Error::ShortPassword => StatusCode::UNPROCESSABLE_ENTITY,
            Error::TooManyTries => StatusCode::TOO_MANY_REQUESTS,
            Error::Busy | Error::Reading(_) | Error::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Error::BeingCalled { .. } | Error::Claimed { .. } | Error::Over { .. } => StatusCode::CONFLICT,
            Error::Broken | Error::Damaged => StatusCode::INTERNAL_SERVER_ERROR,
            Error::Refused(refusal) => match refusal {
                Refusal::NoSuchTicket
                | Refusal::NoSuchPerson
                | Refusal::NoSuchCustomer
                | Refusal::NoSuchObligation
                | Refusal::CannotUndo(CannotUndo::NoSuchShift)
                | Refusal::NoSuchCall => StatusCode::NOT_FOUND,
                Refusal::NotAllowed | Refusal::OwnRequest | Refusal::TooDear { .. } => StatusCode::FORBIDDEN,
                Refusal::Changed { .. }
                | Refusal::LoginTaken
                | Refusal::CannotUndo(CannotUndo::Undone | CannotUndo::NotTheLast)
                | Refusal::NotTalking
                | Refusal::OwnCall
                | Refusal::OnThePhone
                | Refusal::ClaimedBy { .. }
                | Refusal::Over { .. }
                | Refusal::NotOwed(_)
                | Refusal::MayNotPause
                | Refusal::Suspended
                | Refusal::NotSuspended
                | Refusal::IsComplaint
                | Refusal::IsClosed
                | Refusal::IsOpen
                | Refusal::Missing(_)
                | Refusal::NotRequested
                | Refusal::Held { .. }
                | Refusal::Offered { .. }
                | Refusal::NotOffered
                | Refusal::NobodyThere { .. }
                | Refusal::BeingCalled { .. } => StatusCode::CONFLICT,
                Refusal::Field { .. } | Refusal::Terms(_) | Refusal::NotDialable(_) | Refusal::NoExtension => {
                    StatusCode::UNPROCESSABLE_ENTITY
                }
                Refusal::Paper(Unfit::Large) => StatusCode::PAYLOAD_TOO_LARGE,
                Refusal::Paper(Unfit::Media) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Refusal::Paper(Unfit::Itself | Unfit::ManyTies | Unfit::Full) => StatusCode::UNPROCESSABLE_ENTITY,
                Refusal::Regroup(regroup::Unfit::NoSuchRegrouping) => StatusCode::NOT_FOUND,
                Refusal::Regroup(_) => StatusCode::CONFLICT,
                Refusal::LinkDown | Refusal::StoreFailed => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }
}

/// The stable word of a refusal.
pub fn refusal_code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoSuchTicket | Refusal::NoSuchPerson | Refusal::NoSuchCustomer | Refusal::NoSuchObligation => {
            "not_found"
        }
        Refusal::NotAllowed => "not_allowed",
        Refusal::Changed { .. } => "changed",
        Refusal::Field { why, .. } => match why {
            FieldWhy::Missing => "field_missing",
            FieldWhy::TooLong { .. } => "field_too_long",
            FieldWhy::Unknown => "field_unknown",
            FieldWhy::NotANumber => "field_not_a_number",
            FieldWhy::NotASum => "field_not_a_sum",
            FieldWhy::Taken => "field_taken",
            FieldWhy::NotATime => "field_not_a_time",
            FieldWhy::NotAhead => "field_not_ahead",
            FieldWhy::TooFarAhead => "field_too_far_ahead",
        },
        Refusal::CannotUndo(CannotUndo::NoSuchShift) => "not_found",
        Refusal::CannotUndo(CannotUndo::Undone) => "undone",
        Refusal::CannotUndo(CannotUndo::NotTheLast) => "not_the_last",
        Refusal::Terms(_) => "terms",
        Refusal::LoginTaken => "login_taken",
        Refusal::NotDialable(_) => "not_dialable",
        Refusal::NoExtension => "no_extension",
        Refusal::NoSuchCall => "no_such_call",
        Refusal::NotTalking => "not_talking",
        Refusal::OwnCall => "own_call",
        Refusal::OnThePhone => "on_the_phone",
        Refusal::BeingCalled { .. } => "being_called",
        Refusal::ClaimedBy { .. } => "claimed",
        Refusal::Over { .. } => "over",
        Refusal::NotOwed(_) => "not_owed",
        Refusal::IsComplaint => "is_complaint",
        Refusal::IsClosed => "is_closed",
        Refusal::IsOpen => "is_open",
        Refusal::Missing(_) => "missing",
        Refusal::NotRequested => "not_requested",
        Refusal::OwnRequest => "own_request",
        Refusal::TooDear { .. } => "too_dear",
        Refusal::Held { .. } => "held",
        Refusal::Offered { .. } => "offered",
        Refusal::NotOffered => "not_offered",
        Refusal::NobodyThere { .. } => "nobody_there",
        Refusal::MayNotPause => "may_not_pause",
        Refusal::Suspended => "suspended",
        Refusal::NotSuspended => "not_suspended",
        Refusal::Paper(unfit) => match unfit {
            Unfit::Itself => "tie_itself",
            Unfit::ManyTies => "many_ties",
            Unfit::Large => "file_large",
            Unfit::Full => "files_full",
            Unfit::Media => "file_media",
        },
        Refusal::Regroup(unfit) => match unfit {
            regroup::Unfit::Itself => "merge_itself",
            regroup::Unfit::Over => "merge_over",
            regroup::Unfit::Gone => "merged",
            regroup::Unfit::OtherCustomer => "merge_customer",
            regroup::Unfit::IsComplaint => "merge_complaint",
            regroup::Unfit::OwesLess => "merge_owes_less",
            regroup::Unfit::OtherOwner => "merge_owner",
            regroup::Unfit::Offered => "merge_offered",
            regroup::Unfit::NoSuchRegrouping => "not_found",
            regroup::Unfit::Undone => "undone",
            regroup::Unfit::NotTheLast => "regrouped_since",
            regroup::Unfit::BuiltOn => "built_on",
        },
        Refusal::LinkDown => "link_down",
        Refusal::StoreFailed => "store_failed",
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "a page could not be read");
        Error::Reading(error)
    }
}
impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Unfit(unfit) => Error::Refused(Refusal::Paper(unfit)),
            FileError::Damaged => {
                tracing::error!("an attachment's file is not what was attached; `ringback verify` says which");
                Error::Damaged
            }
            FileError::Disk(error) => {
                tracing::error!(%error, "an attachment's file could not be read or written");
                Error::Refused(Refusal::StoreFailed)
            }
        }
    }
}
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(refusal)
    }
}
impl From<Stopped> for Error {
    fn from(_: Stopped) -> Self {
        Error::Stopping
    }
}
impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page could not be written");
        Error::Broken
    }
}

/// Only the status; [`explain`] writes the words, since it knows who asked and how.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// A page that says by itself what failed; only its status is still to be set.
#[derive(Clone, Copy)]
pub struct Explained(pub StatusCode);

/// Puts words to every answer that failed, also to those of extractors and layers.
pub async fn explain(FromState(state): FromState<State>, request: Request, next: Next) -> Response {
    let (headers, path) = (request.headers().clone(), request.uri().clone());
    let mut response = next.run(request).await;
    if let Some(Explained(status)) = response.extensions().get().copied() {
        *response.status_mut() = status;
        return response;
    }
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let own = response.extensions().get::<Error>().cloned();
    let error = own.unwrap_or(match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Error::NotFound,
        StatusCode::FORBIDDEN => Error::Foreign,
        status if status.is_client_error() => Error::Unreadable,
        _ => Error::Broken,
    });
    let wants_html = headers.get(ACCEPT).is_some_and(|a| a.as_bytes().windows(9).any(|w| w == b"text/html"));
    let as_page = wants_html && !path.path().starts_with("/api/");
    if as_page && matches!(error, Error::SignIn) {
        let next = path.path_and_query().map_or("/", |p| p.as_str());
        let to = if next == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", percent(next)) };
        return Redirect::to(&to).into_response();
    }
    let mut answer = if as_page {
        failed::page(&state, &headers, &error).await
    } else {
        problem(&state.pen(auth::language(&headers, &state.house), None), &error, status)
    };
    *answer.status_mut() = status;
    answer
}

/// What failed, in words.
pub fn what(pen: &Pen, error: &Error) -> String {
    match error {
        Error::BeingCalled { who } => pen.say1("error-being_called", "who", who),
        Error::Claimed { who, until } => pen.say2("error-claimed", "who", who, "until", pen.when(until)),
        Error::Over { state, at, who } => {
            let how = pen.word("owed-state", state.as_str());
            match who {
                Some(who) => pen.language.say("error-over-by", &[("how", &how), ("at", &pen.when(at)), ("who", who)]),
                None => pen.say2("error-over", "how", how, "at", pen.when(at)),
            }
        }
        Error::Refused(refused) => refusal(pen, refused),
        _ => pen.word("error", error.code()),
    }
}

/// What is said of a refusal, with what would mend it.
pub fn refusal(pen: &Pen, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Missing(missing) => {
            let missing: Vec<String> = missing.iter().map(|what| pen.word("missing", what.as_str())).collect();
            pen.say1("error-missing", "what", missing.join(&pen.say("comma")))
        }
        Refusal::TooDear { limit_cents } => pen.say1("error-too_dear", "limit", crate::pen::sum(*limit_cents)),
        other => pen.word("error", refusal_code(other)),
    }
}

/// What goes on all the same, in words.
pub fn works(pen: &Pen, error: &Error) -> String {
    match error {
        Error::Busy | Error::Reading(_) | Error::Refused(Refusal::StoreFailed) | Error::Broken => {
            pen.say("works-calls")
        }
        Error::Stopping => pen.say("works-soon"),
        Error::SignIn
        | Error::NotAllowed
        | Error::NotFound
        | Error::Unreadable
        | Error::Parameter(_)
        | Error::Foreign
        | Error::TooManyTries
        | Error::ShortPassword
        | Error::BeingCalled { .. }
        | Error::Claimed { .. }
        | Error::Over { .. }
        | Error::Damaged
        | Error::Refused(_) => pen.say("works-rest"),
    }
}

fn problem(pen: &Pen, error: &Error, status: StatusCode) -> Response {
    let field = match error {
        Error::Refused(Refusal::Field { field, .. }) => Some(*field),
        _ => None,
    };
    let until = if let Error::Claimed { until, .. } = error { Some(*until) } else { None };
    let ended = match error {
        Error::Over { state, at, .. } => Some(json!({ "state": state.as_str(), "at": at })),
        _ => None,
    };
    let detail = if let Error::Parameter(why) = error { Some(why) } else { None };
    let mistakes = match error {
        Error::Refused(Refusal::Terms(mistakes)) => Some(mistakes.iter().map(mistake).collect::<Vec<_>>()),
        _ => None,
    };
    let stands = match error {
        Error::Refused(Refusal::Changed { by, version }) => Some((by.map(|by| by.0), *version)),
        _ => None,
    };
    let missing = match error {
        Error::Refused(Refusal::Missing(missing)) => Some(missing.iter().map(|what| what.as_str()).collect::<Vec<_>>()),
        _ => None,
    };
    let body = json!({
        "type": format!("urn:ringback:{}", error.code()),
        "title": what(pen, error),
        "status": status.as_u16(),
        "code": error.code(),
        "field": field,
        "until": until,
        "ended": ended,
        "detail": detail,
        "missing": missing,
        "mistakes": mistakes,
        "by": stands.and_then(|(by, _)| by),
        "version": stands.map(|(_, version)| version),
    });
    let mut response = Json(body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

fn mistake(mistake: &Mistake) -> Value {
    json!({ "line": mistake.line, "column": mistake.column, "why": mistake.why })
}

/// A path as a query's value.
fn percent(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
