//! What failed, what still works, one button.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use daemon::live::Topic;

use super::{Room, Shell, present};
use crate::auth::{self, Theme};
use crate::error::{Error, what, works};
use crate::pen::Pen;
use crate::state::State;

#[derive(Template)]
#[template(path = "parts/failed.html")]
struct Failed {
    what: String,
    works: String,
    pen: Pen,
}
impl HtmlSafe for Failed {}

impl Failed {
    fn new(pen: Pen, error: &Error) -> Failed {
        Failed { what: what(&pen, error), works: works(&pen, error), pen }
    }
}

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedInside {
    shell: Shell,
    failed: Failed,
}

/// For whoever has not signed in, and when not even the shell can be written.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    failed: Failed,
    theme: Theme,
}

/// The page of an error: inside the shell, with its status line, for whoever has signed in.
pub async fn page(state: &State, headers: &HeaderMap, error: &Error) -> Response {
    let visitor = auth::visitor(headers, state).await.ok().flatten();
    let inside = match visitor {
        Some(visitor) => present(state, vec![Topic::House]).await.ok().map(|notices| (visitor, notices)),
        None => None,
    };
    let page = match inside {
        Some((visitor, notices)) => {
            let failed = Failed::new(visitor.pen.clone(), error);
            let shell = Shell::new(state, visitor, Room::Failed, failed.what.clone(), &notices);
            FailedInside { shell, failed }.render()
        }
        None => {
            let failed = Failed::new(state.pen(auth::language(headers, &state.house), None), error);
            ErrorPage { failed, theme: Theme::of(headers) }.render()
        }
    };
    Html(page.unwrap_or_default()).into_response()
}
