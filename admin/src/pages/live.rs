//! The live board: queues, agents, and what is about to be late.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as FromState;
use axum::response::IntoResponse;
use daemon::live::{BoardNow, Notice, Topic};

use super::{Room, Shell, html, present};
use crate::auth::{Require, Watch};
use crate::error::Error;
use crate::parts::board::{Agents, Callers, Figures, Queues};
use crate::parts::duties::AtRisk;
use crate::state::State;

#[derive(Template)]
#[template(path = "live.html")]
struct LivePage {
    shell: Shell,
    figures: Figures,
    queues: Queues,
    agents: Agents,
    at_risk: AtRisk,
    callers: Callers,
}

pub async fn show(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
) -> Result<impl IntoResponse, Error> {
    let notices = present(&state, vec![Topic::Board, Topic::House]).await?;
    let board = board_of(&notices).unwrap_or_default();
    let (pen, directory) = (visitor.pen.clone(), visitor.directory.clone());
    let rows = state.reader.at_risk(pen.now).await?;
    let phones = visitor.extensions.iter().map(|(pbx, _)| pbx.clone()).collect();
    let title = pen.say("live");
    html(LivePage {
        figures: Figures { pen: pen.clone(), board: board.clone() },
        queues: Queues { pen: pen.clone(), board: board.clone() },
        callers: Callers { pen: pen.clone(), board: board.clone() },
        agents: Agents { pen: pen.clone(), board, directory: directory.clone(), phones },
        at_risk: AtRisk { pen, rows, directory },
        shell: Shell::new(&state, visitor, Room::Live, title, &notices),
    })
}

pub fn board_of(notices: &[Notice]) -> Option<Arc<BoardNow>> {
    notices.iter().rev().find_map(|notice| match notice {
        Notice::Board(board) => Some(board.clone()),
        _ => None,
    })
}
