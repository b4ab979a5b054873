//! What FreeSWITCH answers when it is asked what is up: lists of channels, of callers in queues, of
//! agents and of their places in queues, each a table whose first line or whose keys name its
//! columns.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::event::offset;
use super::events::{bridge_of, device_named, duty, member, queue_name};
use super::json::{self, Value};
use crate::charset::text;
use crate::event::{
    BridgeId, BridgeKind, CallEvent, DeviceState, Leg, LegId, LegKind, LegSeen, LegState, MemberState, QueueName,
};

/// One line of a table: what stands in which column.
pub type Row<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// The lines of an answer: of `show … as json` (`rows`), of the JSON API (`response`), or of a
/// table with bars. None when it is no table.
pub fn rows(answer: &[u8]) -> Option<Vec<Row<'_>>> {
    if answer.trim_ascii_start().first() != Some(&b'{') {
        return bars(answer);
    }
    let (mut list, mut is_table) = (None, false);
    json::object(answer.trim_ascii(), |key, value| match (key, value) {
        (b"rows" | b"response", Value::List(lines)) => list = Some(lines),
        (b"row_count" | b"response", _) => is_table = true,
        _ => {}
    })
    .ok()?;
    let Some(list) = list else { return is_table.then(Vec::new) };
    let mut rows = Vec::new();
    json::list(list, |value| {
        let mut row = Row::new();
        if let Value::Object(columns) = value
            && json::object(columns, |key, value| drop(row.insert(text(key), value.text()))).is_ok()
        {
            rows.push(row);
        }
    })
    .ok()?;
    Some(rows)
}

/// `name|name…`, a line a row, and `+OK`.
fn bars(answer: &[u8]) -> Option<Vec<Row<'_>>> {
    let mut lines = answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && *line != b"+OK");
    let columns: Vec<Cow<str>> = lines.next()?.split(|byte| *byte == b'|').map(text).collect();
    if columns.len() < 2 {
        return None;
    }
    let row = |line| {
        let mut values: Vec<&[u8]> = <[u8]>::split(line, |byte| *byte == b'|').collect();
        // Bars within a line are those of a contact, who is called at several places.
        let surplus = values.len().saturating_sub(columns.len());
        if let Some(contact) = columns.iter().position(|column| column == "contact").filter(|_| surplus > 0) {
            let start = offset(line, values[contact]);
            let last = values[contact + surplus];
            values.splice(contact..=contact + surplus, [&line[start..offset(line, last) + last.len()]]);
        }
        columns.iter().cloned().zip(values.into_iter().map(text)).collect()
    };
    Some(lines.map(row).collect())
}

/// The channels of `show channels`, by the PBX's clock `now_s`, in seconds since 1970. `served` has
/// the queues of those whom agents serve: of them the list says only what they do now.
pub fn legs(rows: &[Row], served: &BTreeMap<LegId, QueueName>, now_s: u64) -> Vec<CallEvent> {
    let mut calls = BTreeMap::<&str, Vec<&str>>::new();
    for (call, id) in rows.iter().filter_map(|row| Some((column(row, "call_uuid")?, column(row, "uuid")?))) {
        calls.entry(call).or_default().push(id);
    }
    rows.iter().filter_map(|row| leg(row, &calls, served, now_s)).collect()
}

fn leg(
    row: &Row,
    calls: &BTreeMap<&str, Vec<&str>>,
    served: &BTreeMap<LegId, QueueName>,
    now_s: u64,
) -> Option<CallEvent> {
    let id = LegId::from(column(row, "uuid")?);
    let is_called = column(row, "direction") == Some("outbound");
    let first = |names: [&str; 2]| names.into_iter().find_map(|name| column(row, name));
    let number = if is_called { column(row, "dest") } else { first(["initial_cid_num", "cid_num"]) };
    let name = first(["initial_cid_name", "cid_name"]).filter(|name| !is_called && Some(*name) != number);
    let channel = column(row, "name")?;
    let device = device_named(channel, None, false);
    let leg = Leg {
        linked: column(row, "call_uuid").map(LegId::from).filter(|call| *call != id),
        kind: if device.as_str().starts_with("loopback/") { LegKind::Loop } else { LegKind::Device },
        device,
        state: state(column(row, "callstate")?, is_called)?,
        number: number.map(Into::into),
        name: name.map(Into::into),
        dialled: first(["initial_dest", "dest"]).filter(|_| !is_called).map(Into::into),
        id: id.clone(),
    };
    let waits_in = column(row, "application_data").filter(|_| column(row, "application") == Some("callcenter"));
    Some(CallEvent::LegSeen(Box::new(LegSeen {
        bridge: bridge(row, calls, &id),
        queue: waits_in.map(queue_name).or_else(|| served.get(&id).cloned()),
        half_of: None,
        up_ms: column(row, "created_epoch").and_then(|since| age_ms(since, now_s)).unwrap_or(0),
        leg,
    })))
}

/// Two channels bear one call's id while they are in a bridge, that of the one who began it, and
/// their own again afterwards (switch_core_sqldb.c).
fn bridge(row: &Row, calls: &BTreeMap<&str, Vec<&str>>, id: &LegId) -> Option<(BridgeId, BridgeKind)> {
    let call = column(row, "call_uuid")?;
    let other = calls.get(call)?.iter().find(|other| **other != id.as_str())?;
    let pair = if call == id.as_str() { (id.clone(), LegId::from(*other)) } else { (call.into(), id.clone()) };
    Some((bridge_of(&pair.0, &pair.1), BridgeKind::Talk))
}

fn state(told: &str, is_called: bool) -> Option<LegState> {
    Some(match told {
        "ACTIVE" | "HELD" | "UNHELD" => LegState::Up,
        "DOWN" | "DIALING" if is_called => LegState::Down,
        "RINGING" | "EARLY" if is_called => LegState::Ringing,
        "DOWN" | "DIALING" | "RINGING" | "EARLY" | "RING_WAIT" => LegState::Calling,
        // `HANGUP`: gone, but for the list.
        _ => return None,
    })
}

/// Those who wait, of the callers of `callcenter_config queue list members`; those whom an agent
/// serves are added to `served`. Callers who gave up stay in the list for a while.
pub fn callers(rows: &[Row], now_s: u64, served: &mut BTreeMap<LegId, QueueName>) -> Vec<CallEvent> {
    let mut waiting = Vec::new();
    for row in rows {
        let (Some(caller), Some(queue)) = (column(row, "session_uuid"), column(row, "queue")) else { continue };
        let (caller, queue) = (LegId::from(caller), queue_name(queue));
        match column(row, "state") {
            Some("Waiting" | "Trying") => {
                let since = column(row, "joined_epoch").unwrap_or_default();
                let waited_ms = age_ms(since, now_s).unwrap_or(0);
                waiting.push(CallEvent::CallerSeen { caller, queue, waited_ms });
            }
            Some("Answered") => drop(served.insert(caller, queue)),
            Some(_) | None => {}
        }
    }
    waiting
}

/// The queues of `callcenter_config queue list`.
pub fn queues(rows: &[Row]) -> Vec<CallEvent> {
    let names = rows.iter().filter_map(|row| column(row, "name"));
    names.map(|name| CallEvent::QueueSeen { queue: queue_name(name) }).collect()
}

/// The agents of `callcenter_config agent list`.
pub fn agents(rows: &[Row]) -> Vec<CallEvent> {
    let agent = |row: &Row| {
        let wrap_up_s = column(row, "wrap_up_time").and_then(|time| time.parse().ok()).unwrap_or(0);
        let agent = member(column(row, "name")?).agent;
        Some(CallEvent::AgentIs { agent, duty: duty(column(row, "status")?), wrap_up_s })
    };
    rows.iter().filter_map(agent).collect()
}

/// The places in queues of `callcenter_config tier list`. How the agents stand is told of them, not
/// of their places; whether their phones can be reached is not told at all.
pub fn tiers(rows: &[Row]) -> Vec<CallEvent> {
    let place = |row: &Row| {
        let member = member(column(row, "agent")?);
        Some(CallEvent::MemberIs(Box::new(MemberState {
            queue: queue_name(column(row, "queue")?),
            device: member.interface.clone(),
            member,
            state: DeviceState::Unknown,
            paused: None,
            in_call: column(row, "state") == Some("Active Inbound"),
            wrap_up_s: 0,
        })))
    };
    rows.iter().filter_map(place).collect()
}

/// What stands in a column; none where nothing does.
pub fn column<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name).map(|value| &**value).filter(|value| !value.is_empty())
}

fn age_ms(since_s: &str, now_s: u64) -> Option<u64> {
    Some(now_s.saturating_sub(since_s.parse().ok()?) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNELS: &[u8] = br#"{"row_count":3,"rows":[
        {"uuid":"c","direction":"inbound","created_epoch":"100","name":"sofia/external/13100000001@10.0.0.1",
         "cid_name":"13100000001","cid_num":"13100000001","dest":"1001","initial_dest":"4008001234","application":"uuid_bridge",
         "application_data":"a","callstate":"ACTIVE","call_uuid":"c"},
        {"uuid":"a","direction":"outbound","created_epoch":"101","name":"sofia/internal/1001@10.0.0.2","cid_num":"13100000001",
         "dest":"1001","application":"","callstate":"HELD","call_uuid":"c"},
        {"uuid":"w","direction":"inbound","created_epoch":"104","name":"sofia/external/x@10.0.0.1","cid_num":"13100000002",
         "dest":"4008001234","application":"callcenter","application_data":"support@default","callstate":"ACTIVE",
         "call_uuid":""}]}"#;

    const CALLERS: &[u8] = b"queue|uuid|session_uuid|joined_epoch|state\n\
        support@default|1|c|100|Answered\nsupport@default|2|w|104|Waiting\nsupport@default|3||90|Abandoned\n+OK\n";

    #[test]
    fn what_is_up_is_told_with_who_talks_and_who_waits() {
        let mut served = BTreeMap::new();
        let waiting = callers(&rows(CALLERS).expect("a table"), 110, &mut served);
        let waits = CallEvent::CallerSeen { caller: "w".into(), queue: "support".into(), waited_ms: 6000 };
        assert_eq!(waiting, [waits]);
        let told = legs(&rows(CHANNELS).expect("a table"), &served, 110);
        let seen: Vec<_> = told
            .iter()
            .filter_map(|event| match event {
                CallEvent::LegSeen(seen) => Some(&**seen),
                _ => None,
            })
            .collect();
        let [caller, agent, waiting] = seen[..] else { panic!("{told:#?}") };
        assert_eq!((caller.leg.device.as_str(), caller.leg.dialled.as_deref()), ("sofia/external", Some("4008001234")));
        assert_eq!((caller.up_ms, caller.leg.name.as_deref(), caller.leg.linked.as_ref()), (10_000, None, None));
        assert!(caller.bridge.is_some() && caller.bridge == agent.bridge, "{told:#?}");
        assert_eq!((agent.leg.linked.as_ref(), agent.leg.state), (Some(&"c".into()), LegState::Up));
        assert_eq!((caller.queue.as_ref(), waiting.queue.as_ref()), (Some(&"support".into()), Some(&"support".into())));
        assert_eq!((waiting.bridge.as_ref(), waiting.leg.state), (None, LegState::Up));
    }

    #[test]
    fn a_table_may_be_empty_or_none() {
        assert_eq!(rows(b"{\"row_count\": 0}").map(|rows| rows.len()), Some(0));
        assert_eq!(rows(b"{\"command\":\"callcenter_config\",\"response\":[]}").map(|rows| rows.len()), Some(0));
        assert_eq!(rows(b"+OK\n"), None);
        assert_eq!(rows(b"-ERR SQL disabled, no data available!\n"), None);
    }

    #[test]
    fn agents_stand_as_they_are_listed() {
        let list = b"{\"response\":[{\"name\":\"1001@default\",\"status\":\"On Break\",\"wrap_up_time\":\"10\"}]}";
        let told = agents(&rows(list).expect("a table"));
        let duty = crate::event::Duty::Paused("".into());
        assert_eq!(told, [CallEvent::AgentIs { agent: "1001".into(), duty, wrap_up_s: 10 }]);
    }
}
