//! What a line tells, as call events. Lines about legs say what the vocabulary says; those about
//! calls go through [`Calls`].

use super::calls::Calls;
use super::wire::{self, Agent, Told};
use crate::event::{
    BootId, BridgeKind, CallEvent, Device, DeviceState, DialEnd, Duty, HangupBy, Key, Leg, LegId, LegKind, LegSeen,
    LegState, Member, MemberState, QueueLeft, SurveyStage,
};

/// The device of an agent's phone; the pattern tells the tracker's dialplan which those are.
pub const AGENTS: &str = "agent/*";
pub const LINES: &str = "line/*";

/// Knows what is between lines: the calls of the simple form that are up, and a snapshot that is
/// under way. It goes with the PBX's run, not with a connection.
#[derive(Debug, Default)]
pub struct Mapping {
    boot: Option<BootId>,
    calls: Calls,
    marker: Option<Box<str>>,
}

impl Mapping {
    /// The PBX's run is now this one; nothing of another is up.
    pub fn runs(&mut self, boot: BootId) {
        if self.boot.as_ref() != Some(&boot) {
            *self = Mapping { boot: Some(boot), ..Mapping::default() };
        }
    }

    /// What `told` says, or what is wrong with it; then it says nothing.
    pub fn map(&mut self, told: Told, out: &mut Vec<CallEvent>) -> Result<(), String> {
        let begin = out.len();
        let mapped = self.map_whole(told, out);
        if mapped.is_err() {
            out.truncate(begin);
        }
        mapped
    }

    /// The same of a line that was taken before, and is told again without those around it.
    pub fn map_again(&mut self, told: Told, out: &mut Vec<CallEvent>) -> Result<(), String> {
        let before = self.marker.clone();
        self.marker.get_or_insert_with(|| "".into());
        let mapped = self.map(told, out);
        self.marker = before;
        mapped
    }

    fn map_whole(&mut self, told: Told, out: &mut Vec<CallEvent>) -> Result<(), String> {
        let event = match told {
            Told::CallStarted(_)
            | Told::CallQueued { .. }
            | Told::CallLeftQueue { .. }
            | Told::AgentRinging { .. }
            | Told::AgentMissed { .. }
            | Told::CallAnswered { .. }
            | Told::CallHeld { .. }
            | Told::CallResumed { .. }
            | Told::CallTransferred { .. }
            | Told::CallSurveyed { .. }
            | Told::CallEnded { .. } => return self.calls.map(told, out),
            Told::CallSeen(_) => {
                self.in_snapshot()?;
                return self.calls.map(told, out);
            }
            Told::Agent { agent, duty, reason, wrap_up_s } => CallEvent::AgentIs {
                agent: agent.as_str().into(),
                duty: match duty {
                    wire::Duty::Out => Duty::Out,
                    wire::Duty::In => Duty::In,
                    wire::Duty::Paused => Duty::Paused(reason.as_ref().map_or("", |why| why.as_str()).into()),
                },
                wrap_up_s,
            },
            Told::Queue { queue } => CallEvent::QueueSeen { queue: queue.as_str().into() },
            Told::QueueMember { queue, agent, state, paused, wrap_up_s } => {
                let member = member(&agent);
                CallEvent::MemberIs(Box::new(MemberState {
                    queue: queue.as_str().into(),
                    device: member.interface.clone(),
                    member,
                    state: device_state(state),
                    paused: paused.map(|why| why.as_str().into()),
                    in_call: false,
                    wrap_up_s,
                }))
            }
            Told::QueueMemberRemoved { queue, agent } => {
                CallEvent::MemberRemoved { queue: queue.as_str().into(), member: member(&agent) }
            }
            Told::SnapshotBegan { marker } => {
                self.marker = Some(marker.as_str().into());
                self.calls.snapshot_began();
                let boot = self.boot.clone().unwrap_or_else(|| "0".into());
                CallEvent::SnapshotBegan { boot }
            }
            Told::SnapshotEnded { marker } => {
                match self.marker.take() {
                    Some(began) if *began == *marker.as_str() => {}
                    Some(began) => {
                        let why = format!("the snapshot that ends here is {marker:?}, but {began:?} was under way");
                        self.marker = Some(began);
                        return Err(why);
                    }
                    None => return Err("no snapshot is under way: say snapshot_began before it".into()),
                }
                self.calls.snapshot_ended();
                CallEvent::SnapshotEnded
            }
            Told::PbxStopping {} => {
                self.calls = Calls::default();
                CallEvent::PbxStopping
            }
            Told::LegStarted(told) => CallEvent::LegStarted(Box::new(leg(told))),
            Told::LegIs { leg, state } => CallEvent::LegIs { leg: id(&leg), state: leg_state(state) },
            Told::LegNamed { leg, number, name } => CallEvent::LegNamed {
                leg: id(&leg),
                number: number.and_then(|text| text.some()),
                name: name.and_then(|text| text.some()),
            },
            Told::Dialled { leg, by, to } => {
                CallEvent::Dialled { by: by.as_ref().map(id), leg: id(&leg), to: to.and_then(|text| text.some()) }
            }
            Told::DialEnded { leg, by, how } => {
                let (leg, by) = (id(&leg), by.as_ref().map(id));
                if how == wire::DialEnd::Declined {
                    out.push(CallEvent::HangupAsked { leg: leg.clone(), by: HangupBy::Party });
                }
                CallEvent::DialEnded { by, leg, how: dial_end(how) }
            }
            Told::JoinedBridge { leg, bridge, kind, instead_of } => CallEvent::JoinedBridge {
                leg: id(&leg),
                bridge: bridge.as_str().into(),
                kind: bridge_kind(kind),
                instead_of: instead_of.as_ref().map(id),
                linked: None,
                spot: None,
            },
            Told::LeftBridge { leg, bridge } => {
                CallEvent::LeftBridge { leg: id(&leg), bridge: bridge.as_str().into(), spot: None }
            }
            Told::BridgesMerged { from, into } => {
                CallEvent::BridgesMerged { from: from.as_str().into(), into: into.as_str().into() }
            }
            Told::Held { leg } => CallEvent::Held { leg: id(&leg) },
            Told::Resumed { leg } => CallEvent::Resumed { leg: id(&leg) },
            Told::HangupAsked { leg, by } => CallEvent::HangupAsked {
                leg: id(&leg),
                by: match by {
                    wire::HangupBy::Party => HangupBy::Party,
                    wire::HangupBy::Pbx => HangupBy::Pbx,
                },
            },
            Told::LegEnded { leg, cause } => CallEvent::LegEnded { leg: id(&leg), cause },
            Told::CallerQueued { caller, queue } => {
                CallEvent::CallerQueued { caller: id(&caller), queue: queue.as_str().into() }
            }
            Told::CallerLeftQueue { caller, queue, how } => {
                CallEvent::CallerLeftQueue { caller: id(&caller), queue: queue.as_str().into(), how: queue_left(how) }
            }
            Told::AgentOffered { queue, agent, caller, leg } => CallEvent::AgentOffered {
                caller: caller.as_ref().map(id),
                leg: leg.as_ref().map(id),
                queue: queue.as_str().into(),
                member: member(&agent),
            },
            Told::AgentNotAnswering { queue, agent, caller, leg } => CallEvent::AgentNotAnswering {
                caller: caller.as_ref().map(id),
                leg: leg.as_ref().map(id),
                queue: queue.as_str().into(),
                member: member(&agent),
            },
            Told::AgentConnected { queue, agent, caller, leg } => CallEvent::AgentConnected {
                caller: caller.as_ref().map(id),
                leg: leg.as_ref().map(id),
                queue: queue.as_str().into(),
                member: member(&agent),
            },
            Told::BlindTransfer { by, other, to, succeeded } => CallEvent::BlindTransfer {
                by: id(&by),
                other: other.as_ref().map(id),
                to: to.as_str().into(),
                succeeded,
            },
            Told::AttendedTransfer { by, by_second, other, target, succeeded } => CallEvent::AttendedTransfer {
                by: id(&by),
                by_second: by_second.as_ref().map(id),
                other: other.as_ref().map(id),
                target: target.as_ref().map(id),
                succeeded,
            },
            Told::PickedUp { leg, ringing } => CallEvent::PickedUp { leg: id(&leg), ringing: id(&ringing) },
            Told::Parked { leg, space } => CallEvent::Parked { leg: id(&leg), space: space.as_str().into() },
            Told::Unparked { leg, by } => CallEvent::Unparked { leg: id(&leg), by: by.as_ref().map(id) },
            Told::Surveyed { leg, stage, answer } => {
                CallEvent::Surveyed { leg: id(&leg), stage: survey_stage(stage, answer)? }
            }
            Told::OriginateEnded { leg, succeeded } => CallEvent::OriginateEnded { leg: Some(id(&leg)), succeeded },
            Told::LegSeen(wire::LegSeen { leg: told, up_ms, bridge, kind, queue }) => {
                self.in_snapshot()?;
                CallEvent::LegSeen(Box::new(LegSeen {
                    leg: leg(told),
                    bridge: bridge.map(|bridge| (bridge.as_str().into(), bridge_kind(kind))),
                    queue: queue.map(|queue| queue.as_str().into()),
                    half_of: None,
                    up_ms: bounded_ms(up_ms)?,
                }))
            }
            Told::CallerSeen { caller, queue, waited_ms } => {
                self.in_snapshot()?;
                CallEvent::CallerSeen {
                    caller: id(&caller),
                    queue: queue.as_str().into(),
                    waited_ms: bounded_ms(waited_ms)?,
                }
            }
        };
        out.push(event);
        Ok(())
    }

    fn in_snapshot(&self) -> Result<(), String> {
        match self.marker {
            Some(_) => Ok(()),
            None => Err("this belongs between snapshot_began and snapshot_ended".into()),
        }
    }
}

/// An answer without its key says nothing, and nor does a key without an answer.
pub(super) fn survey_stage(stage: wire::SurveyStage, answer: Option<u8>) -> Result<SurveyStage, String> {
    match (stage, answer) {
        (wire::SurveyStage::Offered, None) => Ok(SurveyStage::Offered),
        (wire::SurveyStage::Heard, None) => Ok(SurveyStage::Heard),
        (wire::SurveyStage::Answered, Some(digit)) => {
            Key::new(digit).map(SurveyStage::Answered).ok_or_else(|| "answer is one digit, 0 to 9".into())
        }
        (wire::SurveyStage::Answered, None) => Err("answered needs the key that was pressed, in answer".into()),
        (wire::SurveyStage::Offered | wire::SurveyStage::Heard, Some(_)) => Err("only answered bears an answer".into()),
    }
}

fn leg(told: wire::LegTold) -> Leg {
    Leg {
        id: id(&told.leg),
        linked: told.linked.as_ref().map(id),
        device: device_of(told.side, told.device.as_str()),
        kind: LegKind::Device,
        state: leg_state(told.state),
        number: told.number.and_then(|text| text.some()),
        name: told.name.and_then(|text| text.some()),
        dialled: told.dialled.and_then(|text| text.some()),
    }
}

fn id(id: &wire::Id) -> LegId {
    id.as_str().into()
}

pub(super) fn member(agent: &Agent) -> Member {
    Member { agent: agent.as_str().into(), interface: phone(agent) }
}

pub(super) fn phone(agent: &Agent) -> Device {
    device_of(wire::Side::Agent, agent.as_str())
}

/// Whose end it is stands before the name, which is cleared of what means something to
/// [`plain_name`](crate::event::plain_name).
pub(super) fn device_of(side: wire::Side, name: &str) -> Device {
    let name: String = name.chars().map(|c| if matches!(c, '/' | ':' | '@') { '_' } else { c }).collect();
    match side {
        wire::Side::Agent => format!("agent/{name}").as_str().into(),
        wire::Side::Outside => format!("line/{name}").as_str().into(),
    }
}

/// A span that reaches back from now: no call is up for longer than a year.
pub(super) fn bounded_ms(span_ms: u64) -> Result<u64, String> {
    const YEAR_MS: u64 = 366 * 24 * 3600 * 1000;
    if span_ms > YEAR_MS { Err(format!("{span_ms} ms are more than a year")) } else { Ok(span_ms) }
}

fn leg_state(state: wire::LegState) -> LegState {
    match state {
        wire::LegState::Down => LegState::Down,
        wire::LegState::Calling => LegState::Calling,
        wire::LegState::Ringing => LegState::Ringing,
        wire::LegState::Up => LegState::Up,
    }
}

/// Who declines has also asked for the leg's end.
fn dial_end(how: wire::DialEnd) -> DialEnd {
    match how {
        wire::DialEnd::Answered => DialEnd::Answered,
        wire::DialEnd::Busy => DialEnd::Busy,
        wire::DialEnd::NoAnswer | wire::DialEnd::Declined => DialEnd::NoAnswer,
        wire::DialEnd::Cancelled => DialEnd::Cancelled,
        wire::DialEnd::Failed => DialEnd::Failed,
    }
}

fn bridge_kind(kind: wire::BridgeKind) -> BridgeKind {
    match kind {
        wire::BridgeKind::Talk => BridgeKind::Talk,
        wire::BridgeKind::Conference => BridgeKind::Conference,
        wire::BridgeKind::Holding => BridgeKind::Holding,
    }
}

pub(super) fn queue_left(how: wire::QueueLeft) -> QueueLeft {
    match how {
        wire::QueueLeft::Unsaid => QueueLeft::Unsaid,
        wire::QueueLeft::HungUp => QueueLeft::HungUp,
        wire::QueueLeft::TimedOut => QueueLeft::TimedOut,
        wire::QueueLeft::Served => QueueLeft::Served,
    }
}

fn device_state(state: wire::DeviceState) -> DeviceState {
    match state {
        wire::DeviceState::Unknown => DeviceState::Unknown,
        wire::DeviceState::Free => DeviceState::Free,
        wire::DeviceState::InUse => DeviceState::InUse,
        wire::DeviceState::Busy => DeviceState::Busy,
        wire::DeviceState::Offline => DeviceState::Offline,
        wire::DeviceState::Ringing => DeviceState::Ringing,
        wire::DeviceState::RingingInUse => DeviceState::RingingInUse,
        wire::DeviceState::OnHold => DeviceState::OnHold,
    }
}
