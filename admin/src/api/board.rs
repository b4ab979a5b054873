//! The live board: queues and agents as they stand now.

use axum::Json;
use axum::extract::State as FromState;
use axum::response::IntoResponse;
use daemon::Time;
use daemon::calls::now::{AgentState, Waiting};
use daemon::live::Topic;
use serde_json::json;

use crate::auth::{Require, Watch};
use crate::error::Error;
use crate::pages::live::board_of;
use crate::pages::present;
use crate::parts::board::{device_word, oldest};
use crate::parts::phone::look;
use crate::state::State;

pub async fn board(
    FromState(state): FromState<State>,
    Require { visitor, .. }: Require<Watch>,
) -> Result<impl IntoResponse, Error> {
    let board = board_of(&present(&state, vec![Topic::Board]).await?).unwrap_or_default();
    let queue = |queue: &daemon::calls::now::QueueNow| {
        let waiting = |(position, waiting): (usize, &Waiting)| {
            let Waiting { call, caller, since } = waiting;
            json!({ "position": position, "call": call.as_str(), "caller": caller.as_deref().map(|caller| visitor.pen.raw_number(caller)), "since": since })
        };
        json!({
            "pbx": queue.pbx.as_str(),
            "queue": queue.queue.as_str(),
            "seen": queue.seen,
            "longest_since": oldest(queue),
            "waiting": queue.positions().map(waiting).collect::<Vec<_>>(),
            "on_duty": queue.on_duty,
            "free": queue.free,
        })
    };
    let agent = |agent: &daemon::calls::now::AgentNow| {
        json!({
            "pbx": agent.pbx.as_str(),
            "extension": agent.agent.as_str(),
            "state": look(&agent.state).2,
            "since": agent.since,
            "queue": agent.queue.as_ref().map(|queue| queue.as_str()),
            "reason": reason_of(&agent.state),
            "until": until_of(&agent.state),
            "queues": agent.queues.iter().map(|queue| queue.as_str()).collect::<Vec<_>>(),
            "paused_in": agent.paused_in.iter().map(|(queue, reason)| json!({ "queue": queue.as_str(), "reason": reason })).collect::<Vec<_>>(),
            "device": agent.device.map(device_word),
            "call": agent.call.as_ref().map(|call| call.as_str()),
        })
    };
    Ok(Json(json!({
        "at": board.at,
        "queues": board.queues.iter().map(queue).collect::<Vec<_>>(),
        "agents": board.agents.iter().map(agent).collect::<Vec<_>>(),
        "calls_up": board.calls_up.iter().map(|(pbx, up)| json!({ "pbx": pbx.as_str(), "calls": up })).collect::<Vec<_>>(),
    })))
}

fn reason_of(state: &AgentState) -> Option<&str> {
    if let AgentState::Paused { reason } = state { Some(reason) } else { None }
}

fn until_of(state: &AgentState) -> Option<Time> {
    if let AgentState::WrapUp { until } = state { Some(*until) } else { None }
}
