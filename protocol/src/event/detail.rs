//! Events in words, for people who look at a PBX's traffic.

use std::fmt;

use super::{CallEvent, Leg};

impl CallEvent {
    /// The rest of the event for people to read, in one line.
    pub fn detail(&self) -> String {
        match self {
            Self::LegStarted(leg) => detail_of(leg),
            Self::LegSeen(seen) => format!("{} up_ms={}", detail_of(&seen.leg), seen.up_ms),
            Self::MemberIs(member) => format!(
                "{} in {}: {:?}{}",
                member.member.agent,
                member.queue,
                member.state,
                member.paused.as_ref().map(|why| format!(", paused {why}")).unwrap_or_default()
            ),
            Self::LegIs { leg, state } => format!("{leg} {state:?}"),
            Self::LegNamed { leg, number, name } => format!("{leg} {} {}", or_dash(number), or_dash(name)),
            Self::LegRenamed { was, leg } => format!("{was} → {leg}"),
            Self::Dialled { by, leg, to } => format!("{} → {leg} {}", or_dash(by), or_dash(to)),
            Self::DialEnded { by, leg, how } => format!("{} → {leg} {how:?}", or_dash(by)),
            Self::Looped { one, two } => format!("{one} = {two}"),
            Self::JoinedBridge { leg, bridge, kind, .. } => format!("{leg} in {bridge} ({kind:?})"),
            Self::LeftBridge { leg, bridge, .. } => format!("{leg} from {bridge}"),
            Self::BridgesMerged { from, into } => format!("{from} → {into}"),
            Self::Held { leg } | Self::Resumed { leg } | Self::LegGone { leg } => leg.to_string(),
            Self::HangupAsked { leg, by } => format!("{leg} by {by:?}"),
            Self::LegEnded { leg, cause } => format!("{leg} cause {cause}"),
            Self::CallerQueued { caller, queue } => format!("{caller} in {queue}"),
            Self::CallerLeftQueue { caller, queue, how } => format!("{caller} from {queue} ({how:?})"),
            Self::AgentOffered { caller, queue, member, .. }
            | Self::AgentNotAnswering { caller, queue, member, .. }
            | Self::AgentConnected { caller, queue, member, .. } => {
                format!("{} in {queue} for {}", member.agent, or_dash(caller))
            }
            Self::AgentDone { caller, queue, member, by, .. } => {
                format!("{} in {queue} for {} ({by:?})", member.agent, or_dash(caller))
            }
            Self::BlindTransfer { by, other, to, succeeded } => {
                format!("{} by {by} → {to}{}", or_dash(other), unless(*succeeded))
            }
            Self::AttendedTransfer { by, other, target, succeeded, .. } => {
                format!("{} by {by} → {}{}", or_dash(other), or_dash(target), unless(*succeeded))
            }
            Self::PickedUp { leg, ringing } => format!("{ringing} by {leg}"),
            Self::Parked { leg, space } => format!("{leg} at {space}"),
            Self::Unparked { leg, by } => format!("{leg} by {}", or_dash(by)),
            Self::Surveyed { leg, stage } => format!("{leg} {stage:?}"),
            Self::MemberRemoved { queue, member } => format!("{} from {queue}", member.agent),
            Self::AgentIs { agent, duty, .. } => format!("{agent} {duty:?}"),
            Self::DeviceIs { device, state } => format!("{device} {state:?}"),
            Self::OriginateEnded { leg, succeeded } => format!("{}{}", or_dash(leg), unless(*succeeded)),
            Self::SnapshotBegan { boot } => boot.to_string(),
            Self::BridgeSeen { bridge, kind } => format!("{bridge} ({kind:?})"),
            Self::QueueSeen { queue } => queue.to_string(),
            Self::CallerSeen { caller, queue, waited_ms } => format!("{caller} in {queue} waited_ms={waited_ms}"),
            Self::SnapshotEnded | Self::LookBegan | Self::LookEnded | Self::PbxStarted | Self::PbxStopping => {
                String::new()
            }
        }
    }
}

fn detail_of(leg: &Leg) -> String {
    let (number, name, dialled) = (or_dash(&leg.number), or_dash(&leg.name), or_dash(&leg.dialled));
    format!("{} {:?} {number} {name} → {dialled} ({})", leg.device, leg.state, leg.id)
}

fn or_dash<T: fmt::Display>(what: &Option<T>) -> &dyn fmt::Display {
    what.as_ref().map_or(&"-", |what| what)
}

fn unless(succeeded: bool) -> &'static str {
    if succeeded { "" } else { " (failed)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_is_for_people() {
        let event = CallEvent::LegEnded { leg: "a.1".into(), cause: 16 };
        assert_eq!((event.name(), event.detail().as_str()), ("leg_ended", "a.1 cause 16"));
        let dialled = CallEvent::Dialled { by: None, leg: "a.2".into(), to: Some("1001".into()) };
        assert_eq!(dialled.detail(), "- → a.2 1001");
        assert_eq!(CallEvent::PbxStarted.detail(), "");
    }
}
