//! Events → [`CallEvent`]s. The event's name decides first, so that the many that nobody needs
//! (`CHANNEL_STATE`, `CHANNEL_EXECUTE`, `CODEC`, `RE_SCHEDULE`) cost a comparison.
//!
//! One event may say several things: a bridge is told once, by the leg that began it, and is news
//! of two. Nothing is remembered from one event to the next: each bears what is needed to
//! understand it, so events of different channels may come in any order.
//!
//! A bridge is named by the two legs in it, so a farewell to one bridge that comes late is none to
//! the next.

use std::borrow::Cow;

use super::event::{Event, Header};
use crate::event::{
    BridgeId, BridgeKind, CallEvent, Device, DialEnd, DoneBy, Duty, Extension, HangupBy, Leg, LegId, LegKind, LegState,
    Member, QueueLeft, QueueName, SurveyStage, plain_name,
};

/// The events that say something, as `event json` wants them named; subclasses stand last.
pub const EVENTS: &str = "CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_BRIDGE \
                          CHANNEL_UNBRIDGE CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_UUID CHANNEL_HANGUP \
                          CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY SHUTDOWN CUSTOM callcenter::info \
                          sofia::transferor valet_parking::info ringback::survey";

/// The subclass by which a dialplan tells of its own survey: its application `event` bears the
/// channel's data beside ours (mod_dptools.c `event_function`).
pub const SURVEY: &str = "ringback::survey";

/// Adds what an event says of calls, queues or agents; nothing for all other events.
pub fn map(event: &Event, out: &mut Vec<CallEvent>) {
    let Some(name) = event.get(Header::EventName) else { return };
    match &*name {
        "CHANNEL_CREATE" => created(event, out),
        "CHANNEL_PROGRESS" | "CHANNEL_PROGRESS_MEDIA" => out.extend(ringing(event)),
        "CHANNEL_ANSWER" => answered(event, out),
        "CHANNEL_BRIDGE" => bridged(event, out),
        "CHANNEL_UNBRIDGE" => unbridged(event, out),
        "CHANNEL_HOLD" => out.extend(its_leg(event).map(|leg| CallEvent::Held { leg })),
        "CHANNEL_UNHOLD" => out.extend(its_leg(event).map(|leg| CallEvent::Resumed { leg })),
        "CHANNEL_UUID" => out.extend(renamed(event)),
        "CHANNEL_HANGUP" => hung_up(event, out),
        "CHANNEL_HANGUP_COMPLETE" => {
            hung_up(event, out);
            out.extend(timed_out(event));
            out.extend(ended(event));
        }
        "CHANNEL_DESTROY" => out.extend(ended(event)),
        "SHUTDOWN" => out.push(CallEvent::PbxStopping),
        "CUSTOM" => match event.get(Header::EventSubclass).as_deref() {
            Some("callcenter::info") => out.extend(of_queue(event)),
            Some("valet_parking::info") => out.extend(of_parking(event)),
            Some("sofia::transferor") => out.extend(transferor(event)),
            Some(SURVEY) => out.extend(surveyed(event)),
            Some(_) | None => {}
        },
        _ => {}
    }
}

fn created(event: &Event, out: &mut Vec<CallEvent>) {
    let Some(id) = its_leg(event) else { return };
    let is_called = is_outbound(event);
    let by = id_in(event, Header::VarCcMemberSession).filter(|_| is_agents(event)).or_else(|| originator(event));
    let name = event.get(Header::ChannelName).unwrap_or_default();
    let destination = event.get(Header::CallerDestination);
    let is_loop = name.starts_with(LOOP);
    out.push(CallEvent::LegStarted(Box::new(Leg {
        id: id.clone(),
        linked: by.clone().filter(|_| is_called),
        device: device(event, &name),
        kind: if is_loop { LegKind::Loop } else { LegKind::Device },
        state: if is_called { LegState::Down } else { LegState::Calling },
        number: if is_called { boxed(destination.clone()) } else { caller_number(event) },
        name: if is_called { None } else { caller_name(event) },
        dialled: boxed(destination.clone().filter(|_| !is_called)),
    })));
    // Before it is said to be dialled, so that the phone is not taken for one that was dialled by
    // its number: that the caller is in the queue may be told later.
    if let (true, Some(queue), Some(agent)) =
        (is_agents(event), event.get(Header::VarCcQueue), event.get(Header::VarCcAgent))
    {
        let (queue, member) = (queue_name(&queue), member(&agent));
        out.push(CallEvent::AgentOffered { caller: by.clone(), leg: Some(id.clone()), queue, member });
    }
    if is_called {
        out.push(CallEvent::Dialled { by, leg: id, to: boxed(destination) });
    }
    out.extend(looped(event));
}

/// Of a leg that is called: that the PBX rings back to who calls is no news of a phone.
fn ringing(event: &Event) -> Option<CallEvent> {
    is_outbound(event).then(|| its_leg(event))?.map(|leg| CallEvent::LegIs { leg, state: LegState::Ringing })
}

fn answered(event: &Event, out: &mut Vec<CallEvent>) {
    let Some(leg) = its_leg(event) else { return };
    out.push(CallEvent::LegIs { leg: leg.clone(), state: LegState::Up });
    if is_outbound(event) {
        out.push(CallEvent::DialEnded { by: None, leg, how: DialEnd::Answered });
    }
    out.extend(looped(event));
}

/// Early media is a bridge before the called phone answers: the phone then still rings.
fn bridged(event: &Event, out: &mut Vec<CallEvent>) {
    let Some((one, other)) = pair(event) else { return };
    if event.get(Header::AnswerState).as_deref() == Some("answered") {
        out.push(CallEvent::LegIs { leg: one.clone(), state: LegState::Up });
    }
    if let Some(since) = event.get(Header::OtherAnsweredTime).filter(|_| other_is(event, &other)) {
        let state = if since == "0" { LegState::Ringing } else { LegState::Up };
        out.push(CallEvent::LegIs { leg: other.clone(), state });
    }
    let bridge = bridge_of(&one, &other);
    for leg in [&other, &one] {
        let (leg, bridge) = (leg.clone(), bridge.clone());
        out.push(CallEvent::JoinedBridge {
            leg,
            bridge,
            kind: BridgeKind::Talk,
            instead_of: None,
            linked: None,
            spot: None,
        });
    }
    // A queue says that it has served a caller only when the agent is gone.
    if let Some(queue) = event.get(Header::VarCcQueue).filter(|_| is_members(event)) {
        let queue = queue_name(&queue);
        out.push(CallEvent::CallerLeftQueue { caller: one, queue, how: QueueLeft::Unsaid });
    }
    out.extend(looped(event));
}

fn unbridged(event: &Event, out: &mut Vec<CallEvent>) {
    let Some((one, other)) = pair(event) else { return };
    out.extend(sent_on(event, &one, &other));
    let bridge = bridge_of(&one, &other);
    for leg in [other, one] {
        out.push(CallEvent::LeftBridge { leg, bridge: bridge.clone(), spot: None });
    }
}

/// A leg that is sent elsewhere gets a new caller profile, in which there is no other leg yet
/// (switch_ivr.c `switch_ivr_session_transfer`; seen in recordings).
fn sent_on(event: &Event, sent: &LegId, by: &LegId) -> Option<CallEvent> {
    let stays = event.get(Header::OtherUniqueId).is_some() || event.get(Header::BridgeB).is_none();
    if stays || event.get(Header::AnswerState).as_deref() != Some("answered") {
        return None;
    }
    // Put aside until the phone answers that the transferer is calling (sofia.c).
    if let Some(second) = id_in(event, Header::VarAttXferKill) {
        let (by, other) = (by.clone(), Some(sent.clone()));
        return Some(CallEvent::AttendedTransfer { by, by_second: Some(second), other, target: None, succeeded: true });
    }
    let to = event.get(Header::CallerDestination)?;
    // With the dialplan `inline` the destination is a list of applications.
    (event.get(Header::CallerDialplan).as_deref() != Some("inline")).then(|| blind(by.clone(), Some(sent.clone()), &to))
}

fn renamed(event: &Event) -> Option<CallEvent> {
    Some(CallEvent::LegRenamed { was: id_in(event, Header::OldUniqueId)?, leg: its_leg(event)? })
}

/// Who hung up is not in the causes: they are `NORMAL_CLEARING` throughout.
fn hung_up(event: &Event, out: &mut Vec<CallEvent>) {
    let Some(leg) = its_leg(event) else { return };
    out.extend(handed_on(event, &leg));
    if was_ended_by_party(event) {
        out.push(CallEvent::HangupAsked { leg: leg.clone(), by: HangupBy::Party });
    } else if let Some(other) = ended_by_other(event) {
        out.push(CallEvent::HangupAsked { leg: other, by: HangupBy::Party });
    }
    let was_answered = event.get(Header::CallerAnsweredTime).is_some_and(|since| since != "0");
    if is_outbound(event)
        && !was_answered
        && let Some(how) = event.get(Header::HangupCause).and_then(|cause| dial_end(&cause))
    {
        out.push(CallEvent::DialEnded { by: None, leg, how });
    }
}

/// Signed by what only a message from the far end leaves behind: at `CHANNEL_HANGUP` the
/// disposition is there for refusals and cancels, but for a BYE only later.
fn was_ended_by_party(event: &Event) -> bool {
    match event.get(Header::VarSipDisposition) {
        Some(disposition) => disposition.starts_with("recv_"),
        None => event.get(Header::VarSipTermStatus).is_some(),
    }
}

/// The partner of a leg that the PBX hangs up since the partner's party has hung up. A leg that
/// was still in its bridge has a role there, and what is told of its partner is of an earlier one
/// (switch_channel.c `switch_channel_perform_hangup`).
fn ended_by_other(event: &Event) -> Option<LegId> {
    event.get(Header::VarLastBridgeProto)?;
    let partner = || id_in(event, Header::VarLastBridgeTo).or_else(|| id_in(event, Header::OtherUniqueId));
    event.get(Header::VarLastBridgeRole).is_none().then(partner)?
}

/// What a leg says of having sent on whom it talked with, by SIP REFER (sofia.c
/// `sofia_handle_sip_i_refer`).
fn handed_on(event: &Event, leg: &LegId) -> Option<CallEvent> {
    let by = leg.clone();
    let partner = || id_in(event, Header::VarBridgeUuid).or_else(|| id_in(event, Header::OtherUniqueId));
    let attended =
        |by_second, other, target| Some(CallEvent::AttendedTransfer { by, by_second, other, target, succeeded: true });
    match event.get(Header::VarTransferTo).as_deref().and_then(|to| to.split_once(':')) {
        Some(("blind", other)) => {
            let to = event.get(Header::VarTransferDestination)?;
            Some(blind(leg.clone(), known(other).map(Into::into), to.strip_prefix("blind:").unwrap_or(&to)))
        }
        Some(("att", target)) => attended(id_in(event, Header::VarReferUuid), partner(), Some(target.into())),
        // The second leg, whose call was still ringing.
        Some(("satt", other)) => attended(None, Some(other.into()), id_in(event, Header::OtherUniqueId)),
        Some(_) => None,
        // The second leg says only that it was replaced, not by whom.
        None if event.get(Header::VarTransferDisposition).as_deref() == Some("replaced")
            && event.get(Header::VarEndpointDisposition).as_deref() == Some("ATTENDED_TRANSFER") =>
        {
            attended(None, None, partner())
        }
        None => None,
    }
}

/// Said once more by the caller's leg itself: that the queue gave up.
fn timed_out(event: &Event) -> Option<CallEvent> {
    let left = event.get(Header::VarCcCause)?;
    let why = event.get(Header::VarCcCancelReason)?;
    let how = cancelled(&why, event).filter(|how| left == "cancel" && *how == QueueLeft::TimedOut)?;
    let queue = event.get(Header::VarCcQueue).filter(|_| is_members(event))?;
    Some(CallEvent::CallerLeftQueue { caller: its_leg(event)?, queue: queue_name(&queue), how })
}

fn ended(event: &Event) -> Option<CallEvent> {
    let leg = its_leg(event)?;
    let name = event.get(Header::HangupCause).unwrap_or_default();
    let told = event.get(Header::VarQ850).and_then(|code| code.parse().ok());
    Some(CallEvent::LegEnded { leg, cause: cause(&name).or(told).unwrap_or(0) })
}

fn of_queue(event: &Event) -> Option<CallEvent> {
    let queue = || event.get(Header::CcQueue).map(|queue| queue_name(&queue));
    let caller = || id_in(event, Header::CcMemberSession);
    let agent = || event.get(Header::CcAgent).map(|agent| member(&agent));
    let leg = || id_in(event, Header::CcAgentUuid);
    match &*event.get(Header::CcAction)? {
        // One who abandoned and calls again may get the old place back: a new call all the same.
        "member-queue-start" | "member-queue-resume" => {
            Some(CallEvent::CallerQueued { caller: caller()?, queue: queue()? })
        }
        // The agent answered; whether they talk, the bridge tells. An agent who waits on the line
        // has no leg that is called, and is tied to the caller by this alone.
        "bridge-agent-start" => {
            Some(CallEvent::AgentOffered { caller: caller(), leg: leg(), queue: queue()?, member: agent()? })
        }
        "bridge-agent-end" if event.get(Header::CcAgentBridged).as_deref() == Some("false") => {
            Some(CallEvent::AgentNotAnswering { caller: caller(), leg: leg(), queue: queue()?, member: agent()? })
        }
        "bridge-agent-end" => Some(CallEvent::AgentDone {
            caller: caller(),
            leg: leg(),
            queue: queue()?,
            member: agent()?,
            by: DoneBy::Unsaid,
        }),
        // `Terminated` comes from the agent's thread, when the caller may long wait anew, even in
        // the same queue; that the caller was served was told by the bridge.
        "member-queue-end" => {
            let how = cancelled(&event.get(Header::CcCancelReason)?, event)?;
            Some(CallEvent::CallerLeftQueue { caller: caller()?, queue: queue()?, how })
        }
        "agent-status-change" => {
            let agent = event.get(Header::CcAgent)?;
            let duty = duty(&event.get(Header::CcAgentStatus)?);
            Some(CallEvent::AgentIs { agent: agent_name(&agent), duty, wrap_up_s: 0 })
        }
        // Whom a queue offers to whom (`agent-offering`) names no leg, and comes again with one;
        // `bridge-agent-fail` names none either, and its leg has told how it ended.
        _ => None,
    }
}

/// Why a queue let a caller go who was not served (mod_callcenter.c
/// `cc_member_cancel_reason2str`).
fn cancelled(reason: &str, event: &Event) -> Option<QueueLeft> {
    Some(match reason {
        "TIMEOUT" | "NO_AGENT_TIMEOUT" => QueueLeft::TimedOut,
        // Hung up, or was sent elsewhere; NONE: gone at the moment in which an agent was found.
        "BREAK_OUT" | "NONE" if event.get(Header::AnswerState).as_deref() == Some("hangup") => QueueLeft::HungUp,
        "BREAK_OUT" | "NONE" | "EXIT_WITH_KEY" => QueueLeft::Unsaid,
        _ => return None,
    })
}

/// `agent-status-change` and the list of agents spell an agent's status alike.
pub(super) fn duty(status: &str) -> Duty {
    match status {
        "Available" | "Available (On Demand)" => Duty::In,
        "On Break" => Duty::Paused("".into()),
        _ => Duty::Out,
    }
}

/// # Errors
/// What is wrong with it, for whoever writes the dialplan.
pub(super) fn surveyed(event: &Event) -> Result<CallEvent, String> {
    let said = |header| event.get(header).unwrap_or_default();
    let stage = SurveyStage::read(&said(Header::SurveyStage), &said(Header::SurveyAnswer))?;
    let leg = its_leg(event).ok_or("a survey is told from the caller's own channel, and here is none")?;
    Ok(CallEvent::Surveyed { leg, stage })
}

fn of_parking(event: &Event) -> Option<CallEvent> {
    let leg = its_leg(event)?;
    match &*event.get(Header::Action)? {
        "hold" => Some(CallEvent::Parked { leg, space: boxed(event.get(Header::ValetExtension)).unwrap_or_default() }),
        "bridge" => Some(CallEvent::Unparked { leg, by: id_in(event, Header::BridgeTo) }),
        "exit" => Some(CallEvent::Unparked { leg, by: None }),
        _ => None,
    }
}

/// Sent only by profiles with `fire-transfer-events`; a moment later the leg says the same as it
/// ends.
fn transferor(event: &Event) -> Option<CallEvent> {
    let by = its_leg(event)?;
    let by_second = id_in(event, Header::XferPeer)?;
    // One leg of the two was in no bridge: who was in one is sent on blindly.
    if by_second == by {
        return None;
    }
    let (other, target) = (id_in(event, Header::XferOriginal)?, id_in(event, Header::XferDestination));
    Some(CallEvent::AttendedTransfer { by, by_second: Some(by_second), other: Some(other), target, succeeded: true })
}

const LOOP: &str = "loopback/";

/// Either half may be told first, and tells of the other only once that is there.
fn looped(event: &Event) -> Option<CallEvent> {
    let other = id_in(event, Header::VarOtherLoopback)?;
    event.get(Header::ChannelName)?.starts_with(LOOP).then_some(())?;
    Some(CallEvent::Looped { one: its_leg(event)?, two: other })
}

/// Who is in the bridge; the leg that began it first. An event of a leg that is hung up while its
/// media go elsewhere does not name both (switch_ivr_bridge.c `hanguphook`).
fn pair(event: &Event) -> Option<(LegId, LegId)> {
    let one = id_in(event, Header::BridgeA).or_else(|| its_leg(event))?;
    let other = id_in(event, Header::BridgeB).or_else(|| id_in(event, Header::OtherUniqueId))?;
    Some((one, other))
}

/// Whether the `Other-Leg` headers are of this leg.
fn other_is(event: &Event, leg: &LegId) -> bool {
    event.get(Header::OtherUniqueId).is_some_and(|other| other == leg.as_str())
}

/// The name of the bridge of two legs, the one that began it first.
pub(super) fn bridge_of(one: &LegId, other: &LegId) -> BridgeId {
    BridgeId(format!("{one}+{other}").into())
}

fn blind(by: LegId, other: Option<LegId>, to: &str) -> CallEvent {
    CallEvent::BlindTransfer { by, other, to: to.into(), succeeded: true }
}

fn its_leg(event: &Event) -> Option<LegId> {
    id_in(event, Header::UniqueId)
}

fn id_in(event: &Event, header: Header) -> Option<LegId> {
    event.get(header).map(|id| LegId::from(&*id))
}

fn is_outbound(event: &Event) -> bool {
    event.get(Header::CallDirection).as_deref() == Some("outbound")
}

/// Whether this is a leg by which a queue calls an agent.
fn is_agents(event: &Event) -> bool {
    event.get(Header::VarCcSide).as_deref() == Some("agent") && is_outbound(event)
}

/// Whether this is the leg of one who is, or was, in a queue.
fn is_members(event: &Event) -> bool {
    event.get(Header::VarCcSide).as_deref() == Some("member")
}

/// The leg for which this one is called.
fn originator(event: &Event) -> Option<LegId> {
    let other = || id_in(event, Header::OtherUniqueId);
    let is_originator = event.get(Header::OtherType).as_deref() == Some("originator");
    is_originator.then(other).flatten().or_else(|| id_in(event, Header::VarOriginator))
}

fn device(event: &Event, channel: &str) -> Device {
    let gateway = event.get(Header::VarGatewayName).or_else(|| event.get(Header::VarGateway));
    let is_users = is_agents(event)
        || [Header::VarUserName, Header::VarDialedUser].into_iter().any(|header| event.get(header).is_some());
    device_named(channel, gateway.as_deref(), is_users)
}

/// `sofia/internal/1001`; of a line to the outside, whose channels are named after whoever is at
/// its far end, the gateway or else the profile: `sofia/gateway/trunk`, `sofia/external`. A profile
/// called `external` leads outside (FreeSWITCH's own configuration), but for phones that signed in.
pub(super) fn device_named(channel: &str, gateway: Option<&str>, is_users: bool) -> Device {
    let name = channel.split_once('@').map_or(channel, |(name, _)| name);
    if let Some(loop_name) = name.strip_prefix(LOOP) {
        let plain = loop_name.strip_suffix("-a").or_else(|| loop_name.strip_suffix("-b")).unwrap_or(loop_name);
        return Device(format!("{LOOP}{plain}").into());
    }
    if let Some(gateway) = gateway {
        return Device(format!("sofia/gateway/{gateway}").into());
    }
    match name.strip_prefix("sofia/").and_then(|rest| rest.split_once('/')) {
        Some((profile, _)) if profile.starts_with("external") && !is_users => Device(format!("sofia/{profile}").into()),
        Some(_) | None => name.into(),
    }
}

/// As the caller's network sent it: what a transfer makes of the number is elsewhere.
fn caller_number(event: &Event) -> Option<Box<str>> {
    let is_hidden = event.get(Header::CallerPrivacyHideNumber).as_deref() == Some("true");
    let number = event.get(Header::CallerOrigIdNumber).or_else(|| event.get(Header::CallerIdNumber));
    boxed(number.filter(|_| !is_hidden))
}

/// FreeSWITCH gives a caller without a name the number for one.
fn caller_name(event: &Event) -> Option<Box<str>> {
    let name = event.get(Header::CallerOrigIdName).or_else(|| event.get(Header::CallerIdName))?;
    let number = event.get(Header::CallerOrigIdNumber).or_else(|| event.get(Header::CallerIdNumber));
    (number.as_deref() != Some(&*name)).then(|| name.into())
}

fn boxed(text: Option<Cow<str>>) -> Option<Box<str>> {
    text.as_deref().and_then(known).map(Into::into)
}

fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// `support` of `support@default`.
pub(super) fn queue_name(queue: &str) -> QueueName {
    plain_name(queue).into()
}

/// `1001` of `1001@default`.
fn agent_name(agent: &str) -> Extension {
    plain_name(agent).into()
}

/// mod_callcenter knows agents by their names; what it dials for them is nobody's identity.
pub(super) fn member(agent: &str) -> Member {
    Member { agent: agent_name(agent), interface: agent.into() }
}

/// How dialling a leg ended that was never answered; none where only the end of the leg can tell.
fn dial_end(cause: &str) -> Option<DialEnd> {
    Some(match cause {
        "USER_BUSY" | "BUSY_EVERYWHERE" => DialEnd::Busy,
        "NO_ANSWER" | "NO_USER_RESPONSE" | "ALLOTTED_TIMEOUT" | "PROGRESS_TIMEOUT" | "CALL_REJECTED" | "DECLINE" => {
            DialEnd::NoAnswer
        }
        "ORIGINATOR_CANCEL" => DialEnd::Cancelled,
        // Somebody else was faster, or it was sent on: no failure.
        "LOSE_RACE" | "PICKED_OFF" | "NORMAL_CLEARING" | "BLIND_TRANSFER" | "ATTENDED_TRANSFER" | "BOWOUT"
        | "MANAGER_REQUEST" | "SYSTEM_SHUTDOWN" => return None,
        _ => DialEnd::Failed,
    })
}

/// The Q.850 cause that comes nearest to one of FreeSWITCH's own (switch_types.h); it calls most of
/// them 16 itself.
fn cause(name: &str) -> Option<u16> {
    Some(match name {
        "ALLOTTED_TIMEOUT" | "NO_PICKUP" => 19,
        "PROGRESS_TIMEOUT" => 18,
        "LOSE_RACE" | "PICKED_OFF" => 26,
        "DECLINE" => 21,
        "BUSY_EVERYWHERE" => 17,
        "USER_NOT_REGISTERED" => 20,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Key;

    fn mapped(json: &str) -> Vec<CallEvent> {
        let mut out = Vec::new();
        map(&Event::from_json(json.as_bytes()).expect("an event"), &mut out);
        out
    }

    #[test]
    fn a_line_is_known_by_its_gateway_or_profile_and_a_phone_by_its_user() {
        for (channel, gateway, is_users, device) in [
            ("sofia/internal/1001@10.0.0.2:5060", None, false, "sofia/internal/1001"),
            ("sofia/external/10086@10.0.0.1", None, false, "sofia/external"),
            ("sofia/external/1001@198.51.100.7", None, true, "sofia/external/1001"),
            ("sofia/external/13900139000", Some("trunk"), false, "sofia/gateway/trunk"),
            ("loopback/1003-a", None, false, "loopback/1003"),
            ("loopback/1003-b", None, false, "loopback/1003"),
            ("verto.rtc/1002@10.0.0.9", None, false, "verto.rtc/1002"),
        ] {
            assert_eq!(device_named(channel, gateway, is_users).as_str(), device, "{channel}");
        }
    }

    #[test]
    fn a_withheld_number_is_none_and_a_number_is_no_name() {
        let leg = |number: &str, name: &str, hidden: &str| {
            let told = mapped(&format!(
                r#"{{"Event-Name":"CHANNEL_CREATE","Unique-ID":"c","Call-Direction":"inbound",
                    "Channel-Name":"sofia/external/x@y","Caller-Orig-Caller-ID-Number":"{number}",
                    "Caller-Caller-ID-Number":"changed","Caller-Orig-Caller-ID-Name":"{name}",
                    "Caller-Privacy-Hide-Number":"{hidden}"}}"#
            ));
            let [CallEvent::LegStarted(leg)] = &told[..] else { panic!("{told:?}") };
            (leg.number.as_deref().map(str::to_owned), leg.name.as_deref().map(str::to_owned))
        };
        assert_eq!(leg("13800138000", "13800138000", "false"), (Some("13800138000".into()), None));
        assert_eq!(leg("13800138000", "Zhang San", "false"), (Some("13800138000".into()), Some("Zhang San".into())));
        assert_eq!(leg("13800138000", "Zhang San", "true").0, None);
    }

    #[test]
    fn a_partner_who_hung_up_is_told_by_the_leg_that_is_hung_up_for_it() {
        let hung_up = |more: &str| {
            mapped(&format!(
                r#"{{"Event-Name":"CHANNEL_HANGUP","Unique-ID":"c","Call-Direction":"inbound","Hangup-Cause":"NORMAL_CLEARING",
                    "Other-Leg-Unique-ID":"a"{more}}}"#
            ))
        };
        let asked = |leg: &str| vec![CallEvent::HangupAsked { leg: leg.into(), by: HangupBy::Party }];
        assert_eq!(hung_up(r#","variable_sip_term_status":"200""#), asked("c"));
        assert_eq!(hung_up(r#","variable_last_bridge_proto_specific_hangup_cause":"sip:200""#), asked("a"));
        let stale =
            r#","variable_last_bridge_proto_specific_hangup_cause":"sip:200","variable_last_bridge_role":"originator""#;
        assert_eq!(hung_up(stale), [], "of an earlier bridge");
        assert_eq!(hung_up(""), [], "the PBX");
    }

    #[test]
    fn a_transferor_of_one_bridge_sends_on_blindly_and_says_so_itself() {
        let told = |peer: &str| {
            mapped(&format!(
                r#"{{"Event-Name":"CUSTOM","Event-Subclass":"sofia::transferor","Unique-ID":"a",
                    "att_xfer_original_call_id":"c","att_xfer_destination_call_id":"t",
                    "att_xfer_destination_peer_uuid":"{peer}"}}"#
            ))
        };
        assert_eq!(told("a"), []);
        let [CallEvent::AttendedTransfer { by, by_second, other, target, .. }] = &told("a2")[..] else { panic!() };
        let all = [Some(by), by_second.as_ref(), other.as_ref(), target.as_ref()];
        assert_eq!(all.map(|leg| leg.map(|leg| leg.as_str())), [Some("a"), Some("a2"), Some("c"), Some("t")]);
    }

    #[test]
    fn a_survey_of_the_dialplan_is_told_of_its_channel() {
        let event = |more: &str| {
            format!(
                r#"{{"Event-Name":"CUSTOM","Event-Subclass":"ringback::survey","Unique-ID":"c","Survey-Stage":{more}}}"#
            )
        };
        let told = |stage| vec![CallEvent::Surveyed { leg: "c".into(), stage }];
        assert_eq!(mapped(&event(r#""offered""#)), told(SurveyStage::Offered));
        let key = Key::new(3).unwrap();
        assert_eq!(mapped(&event(r#""answered","Survey-Answer":"3""#)), told(SurveyStage::Answered(key)));
        assert_eq!(mapped(&event(r#""answered","Survey-Answer":"""#)), told(SurveyStage::Heard), "no key");
        for wrong in [
            event(r#""answered","Survey-Answer":"x""#),
            event(r#""asked""#),
            event(r#""heard""#).replace("Unique-ID", "X"),
        ] {
            assert_eq!(mapped(&wrong), []);
            assert!(surveyed(&Event::from_json(wrong.as_bytes()).unwrap()).is_err());
        }
    }

    #[test]
    fn what_says_nothing_of_calls_is_passed_by() {
        for name in ["CHANNEL_STATE", "CHANNEL_CALLSTATE", "CHANNEL_EXECUTE", "CODEC", "HEARTBEAT", "RE_SCHEDULE"] {
            assert_eq!(mapped(&format!(r#"{{"Event-Name":"{name}","Unique-ID":"c"}}"#)), [], "{name}");
        }
        for action in ["agent-offering", "agent-state-change", "members-count", "bridge-agent-fail"] {
            let json = format!(
                r#"{{"Event-Name":"CUSTOM","Event-Subclass":"callcenter::info","CC-Action":"{action}","CC-Queue":"q@d",
                    "CC-Agent":"1@d","CC-Member-Session-UUID":"c"}}"#
            );
            assert_eq!(mapped(&json), [], "{action}");
        }
    }
}
