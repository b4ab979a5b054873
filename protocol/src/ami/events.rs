//! Packets → [`CallEvent`]s. The event's name decides first, so that the many that nobody needs
//! (`Newexten`, `RTCP…`, `Cdr`, `CEL`) cost a comparison and no allocation.
//!
//! `Cdr` and `CEL` are passed by on purpose: one caller gives up to five `Cdr`s (seen in
//! recordings), and neither is believed.

use std::borrow::Cow;

use super::codec::Packet;
use super::fields::{known, plain_text, text};
use super::survey;
use crate::event::{
    BootId, BridgeId, BridgeKind, CallEvent, Device, DeviceState, DialEnd, DoneBy, HangupBy, Leg, LegId, LegKind,
    LegSeen, LegState, Member, MemberState, QueueLeft, QueueName, Spot, plain_name,
};

/// What a packet says of calls, queues or agents; none for replies and for all other events.
pub fn map(packet: &Packet) -> Option<CallEvent> {
    match packet.event()? {
        b"Newchannel" => {
            let [channel, state, number, name, exten, id, linked] = take(packet, LEG);
            Some(CallEvent::LegStarted(Box::new(leg(channel?, state?, number, name, exten, id?, linked)?)))
        }
        b"Newstate" => {
            let [state, id] = take(packet, ["ChannelState", "Uniqueid"]);
            Some(CallEvent::LegIs { leg: leg_id(id?)?, state: leg_state(state?)? })
        }
        b"NewCallerid" => {
            let [number, name, id] = take(packet, ["CallerIDNum", "CallerIDName", "Uniqueid"]);
            Some(CallEvent::LegNamed { leg: leg_id(id?)?, number: party_number(number), name: party_name(name) })
        }
        b"DialBegin" => {
            let [by, id, to] = take(packet, ["Uniqueid", "DestUniqueid", "DialString"]);
            let to = to.and_then(known).map(|to| plain_name(&text(to)).into());
            Some(CallEvent::Dialled { by: by.and_then(leg_id), leg: leg_id(id?)?, to })
        }
        b"DialEnd" => {
            let [by, id, status] = take(packet, ["Uniqueid", "DestUniqueid", "DialStatus"]);
            Some(CallEvent::DialEnded { by: by.and_then(leg_id), leg: leg_id(id?)?, how: dial_end(status?) })
        }
        b"LocalBridge" => {
            let [one, two] = take(packet, ["LocalOneUniqueid", "LocalTwoUniqueid"]);
            Some(CallEvent::Looped { one: leg_id(one?)?, two: leg_id(two?)? })
        }
        b"BridgeEnter" => {
            let [bridge, kind, technology, swapped, id, linked, context, exten] = take(
                packet,
                [
                    "BridgeUniqueid",
                    "BridgeType",
                    "BridgeTechnology",
                    "SwapUniqueid",
                    "Uniqueid",
                    "Linkedid",
                    "Context",
                    "Exten",
                ],
            );
            Some(CallEvent::JoinedBridge {
                leg: leg_id(id?)?,
                bridge: bridge_id(bridge?)?,
                kind: bridge_kind(kind?, technology.unwrap_or_default()),
                instead_of: swapped.and_then(leg_id),
                linked: linked.and_then(leg_id),
                spot: spot(context, exten),
            })
        }
        // A channel that is sent elsewhere stands there already.
        b"BridgeLeave" => {
            let [bridge, id, context, exten] = take(packet, ["BridgeUniqueid", "Uniqueid", "Context", "Exten"]);
            let (leg, bridge) = (leg_id(id?)?, bridge_id(bridge?)?);
            Some(CallEvent::LeftBridge { leg, bridge, spot: spot(context, exten) })
        }
        b"BridgeMerge" => {
            let [into, from] = take(packet, ["ToBridgeUniqueid", "FromBridgeUniqueid"]);
            Some(CallEvent::BridgesMerged { from: bridge_id(from?)?, into: bridge_id(into?)? })
        }
        b"Hold" => Some(CallEvent::Held { leg: its_leg(packet)? }),
        b"Unhold" => Some(CallEvent::Resumed { leg: its_leg(packet)? }),
        b"HangupRequest" => Some(CallEvent::HangupAsked { leg: its_leg(packet)?, by: HangupBy::Party }),
        b"SoftHangupRequest" => Some(CallEvent::HangupAsked { leg: its_leg(packet)?, by: HangupBy::Pbx }),
        b"Hangup" => {
            let [id, cause] = take(packet, ["Uniqueid", "Cause"]);
            Some(CallEvent::LegEnded { leg: leg_id(id?)?, cause: number_of(cause) as u16 })
        }

        b"QueueCallerJoin" => {
            let [id, queue] = take(packet, ["Uniqueid", "Queue"]);
            Some(CallEvent::CallerQueued { caller: leg_id(id?)?, queue: queue_name(queue?) })
        }
        // Sent for time-outs too, whatever its name says (app_queue.c record_abandoned).
        b"QueueCallerAbandon" => left_queue(packet, QueueLeft::Unserved),
        b"QueueCallerLeave" => left_queue(packet, QueueLeft::Unsaid),
        b"AgentCalled" => {
            let Serving { caller, leg, queue, member, .. } = serving(packet)?;
            Some(CallEvent::AgentOffered { caller, leg, queue, member })
        }
        // An agent who answered and hung up during the announcement is one who did not take it.
        b"AgentRingNoAnswer" | b"AgentDump" => {
            let Serving { caller, leg, queue, member, .. } = serving(packet)?;
            Some(CallEvent::AgentNotAnswering { caller, leg, queue, member })
        }
        b"AgentConnect" => {
            let Serving { caller, leg, queue, member, .. } = serving(packet)?;
            Some(CallEvent::AgentConnected { caller, leg, queue, member })
        }
        b"AgentComplete" => {
            let Serving { caller, leg, queue, member, reason } = serving(packet)?;
            let by = match reason {
                Some(b"caller") => DoneBy::Caller,
                Some(b"agent") => DoneBy::Agent,
                Some(b"transfer") => DoneBy::Transfer,
                _ => DoneBy::Unsaid,
            };
            Some(CallEvent::AgentDone { caller, leg, queue, member, by })
        }

        b"BlindTransfer" => {
            let [result, by, other, to] =
                take(packet, ["Result", "TransfererUniqueid", "TransfereeUniqueid", "Extension"]);
            Some(CallEvent::BlindTransfer {
                by: leg_id(by?)?,
                other: other.and_then(leg_id),
                to: text(to?).into(),
                succeeded: result == Some(b"Success"),
            })
        }
        b"AttendedTransfer" => attended(packet),
        b"Pickup" => {
            let [id, target] = take(packet, ["Uniqueid", "TargetUniqueid"]);
            Some(CallEvent::PickedUp { leg: leg_id(id?)?, ringing: leg_id(target?)? })
        }
        // With an ActionID it is an item of `ParkedCalls`, not news.
        b"ParkedCall" => {
            let [action, id, space] = take(packet, ["ActionID", "ParkeeUniqueid", "ParkingSpace"]);
            let space = text(space.unwrap_or_default()).into();
            action.is_none().then_some(CallEvent::Parked { leg: leg_id(id?)?, space })
        }
        b"UnParkedCall" | b"ParkedCallTimeOut" => {
            let [id, by] = take(packet, ["ParkeeUniqueid", "RetrieverUniqueid"]);
            Some(CallEvent::Unparked { leg: leg_id(id?)?, by: by.and_then(leg_id) })
        }

        b"UserEvent" | b"VarSet" => survey::read(packet).ok()?,

        b"QueueMemberStatus" | b"QueueMemberAdded" | b"QueueMemberPause" => member_state(packet, "Interface"),
        b"QueueMember" => member_state(packet, "Location"),
        b"QueueMemberRemoved" => {
            let [queue, interface] = take(packet, ["Queue", "Interface"]);
            Some(CallEvent::MemberRemoved { queue: queue_name(queue?), member: member(interface?) })
        }
        b"DeviceStateChange" => {
            let [device, state] = take(packet, ["Device", "State"]);
            is_phone(device?).then_some(())?;
            Some(CallEvent::DeviceIs { device: text(device?).as_ref().into(), state: device_word(state?) })
        }
        b"OriginateResponse" => {
            let [id, response] = take(packet, ["Uniqueid", "Response"]);
            let succeeded = response == Some(b"Success");
            Some(CallEvent::OriginateEnded { leg: id.and_then(leg_id), succeeded })
        }

        b"BridgeListItem" => {
            let [bridge, kind, technology] = take(packet, ["BridgeUniqueid", "BridgeType", "BridgeTechnology"]);
            let kind = bridge_kind(kind?, technology.unwrap_or_default());
            Some(CallEvent::BridgeSeen { bridge: bridge_id(bridge?)?, kind })
        }
        b"CoreShowChannel" => leg_seen(packet),
        b"QueueParams" => Some(CallEvent::QueueSeen { queue: queue_name(packet.get(b"Queue")?) }),
        b"QueueEntry" => {
            let [id, queue, wait] = take(packet, ["Uniqueid", "Queue", "Wait"]);
            let waited_ms = number_of(wait) * 1000;
            Some(CallEvent::CallerSeen { caller: leg_id(id?)?, queue: queue_name(queue?), waited_ms })
        }
        b"Shutdown" => Some(CallEvent::PbxStopping),
        _ => None,
    }
}

/// The run of Asterisk that a reply to `CoreStatus` tells of: its start, in the server's local
/// time, which is all that AMI says.
pub fn boot(reply: &Packet) -> Option<BootId> {
    let [date, time] = take(reply, ["CoreStartupDate", "CoreStartupTime"]);
    let digits = date?.iter().chain(time?).filter(|byte| byte.is_ascii_digit());
    let mut count = digits.fold(0_u64, |count, digit| count.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
    let mut letters = Vec::new();
    while count > 0 {
        letters.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(count % 36) as usize] as char);
        count /= 36;
    }
    (!letters.is_empty()).then(|| BootId(letters.iter().rev().collect::<String>().into()))
}

const LEG: [&str; 7] = ["Channel", "ChannelState", "CallerIDNum", "CallerIDName", "Exten", "Uniqueid", "Linkedid"];

/// The first value of each key, in one pass over the packet.
fn take<'a, const N: usize>(packet: &'a Packet, keys: [&str; N]) -> [Option<&'a [u8]>; N] {
    packet.take(keys)
}

fn its_leg(packet: &Packet) -> Option<LegId> {
    leg_id(packet.get(b"Uniqueid")?)
}

fn leg(
    channel: &[u8],
    state: &[u8],
    number: Option<&[u8]>,
    name: Option<&[u8]>,
    exten: Option<&[u8]>,
    id: &[u8],
    linked: Option<&[u8]>,
) -> Option<Leg> {
    let is_loop = channel.starts_with(b"Local/") || channel.starts_with(b"Message/");
    Some(Leg {
        id: leg_id(id)?,
        linked: linked.and_then(leg_id),
        device: device(channel),
        kind: if is_loop { LegKind::Loop } else { LegKind::Device },
        state: leg_state(state)?,
        number: party_number(number),
        name: party_name(name),
        // `s` is where the dialplan starts when nothing was dialled.
        dialled: exten.and_then(known).filter(|exten| *exten != b"s").map(|exten| text(exten).into()),
    })
}

/// `PJSIP/1001` of `PJSIP/1001-0000002a`, `Local/1003@members` of `Local/1003@members-00000006;1`.
fn device(channel: &[u8]) -> Device {
    let name = text(channel);
    name.rsplit_once('-').map_or(name.as_ref(), |(device, _)| device).into()
}

/// `Local/1003@members-00000006` of both `Local/1003@members-00000006;1` and `…;2`.
fn half_of(channel: &[u8]) -> Option<Box<str>> {
    let name = channel.strip_suffix(b";1").or_else(|| channel.strip_suffix(b";2"))?;
    channel.starts_with(b"Local/").then(|| text(name).into())
}

pub(super) fn leg_id(value: &[u8]) -> Option<LegId> {
    known(value).filter(|id| *id != b"none").map(|id| text(id).as_ref().into())
}

fn bridge_id(value: &[u8]) -> Option<BridgeId> {
    known(value).map(|id| text(id).as_ref().into())
}

/// None of one called, which stands nowhere until it is sent somewhere.
fn spot(context: Option<&[u8]>, exten: Option<&[u8]>) -> Option<Box<Spot>> {
    let (context, extension) = (text(known(context?)?).into(), text(known(exten?)?).into());
    Some(Box::new(Spot { context, extension }))
}

fn queue_name(value: &[u8]) -> QueueName {
    plain_name(&text(value)).into()
}

fn party_number(value: Option<&[u8]>) -> Option<Box<str>> {
    value.and_then(known).map(|number| text(number).into())
}

/// Names are C-escaped in every event that bears a channel's block.
fn party_name(value: Option<&[u8]>) -> Option<Box<str>> {
    let name: Cow<str> = plain_text(b"Newchannel", b"CallerIDName", value.and_then(known)?);
    Some(name.into())
}

fn member(interface: &[u8]) -> Member {
    let interface = text(interface);
    Member { agent: plain_name(&interface).into(), interface: interface.as_ref().into() }
}

fn number_of(value: Option<&[u8]>) -> u64 {
    value.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// ChannelState, include/asterisk/channelstate.h.
fn leg_state(value: &[u8]) -> Option<LegState> {
    match value {
        b"0" | b"1" | b"2" | b"3" | b"8" | b"9" | b"7" => Some(LegState::Down),
        b"4" => Some(LegState::Calling),
        b"5" => Some(LegState::Ringing),
        b"6" => Some(LegState::Up),
        _ => None,
    }
}

fn dial_end(status: &[u8]) -> DialEnd {
    match status {
        b"ANSWER" => DialEnd::Answered,
        b"BUSY" => DialEnd::Busy,
        b"NOANSWER" => DialEnd::NoAnswer,
        b"CANCEL" => DialEnd::Cancelled,
        _ => DialEnd::Failed,
    }
}

fn bridge_kind(kind: &[u8], technology: &[u8]) -> BridgeKind {
    match (kind, technology) {
        (b"agent_hold", _) => BridgeKind::Resting,
        (b"parking", _) | (_, b"holding_bridge") => BridgeKind::Holding,
        (b"basic", _) => BridgeKind::Talk,
        _ => BridgeKind::Conference,
    }
}

fn left_queue(packet: &Packet, how: QueueLeft) -> Option<CallEvent> {
    let [id, queue] = take(packet, ["Uniqueid", "Queue"]);
    Some(CallEvent::CallerLeftQueue { caller: leg_id(id?)?, queue: queue_name(queue?), how })
}

/// What the events of a queue serving a caller have in common. The legs may be missing: their
/// last snapshots may be gone when the event is written (app_queue.c queue_multi_channel_to_ami).
struct Serving<'a> {
    caller: Option<LegId>,
    leg: Option<LegId>,
    queue: QueueName,
    member: Member,
    reason: Option<&'a [u8]>,
}

fn serving(packet: &Packet) -> Option<Serving<'_>> {
    let [caller, leg, queue, interface, reason] =
        take(packet, ["Uniqueid", "DestUniqueid", "Queue", "Interface", "Reason"]);
    Some(Serving {
        caller: caller.and_then(leg_id),
        leg: leg.and_then(leg_id),
        queue: queue_name(queue?),
        member: member(interface?),
        reason,
    })
}

fn attended(packet: &Packet) -> Option<CallEvent> {
    let [result, by, second, other, target, kind] = take(
        packet,
        [
            "Result",
            "OrigTransfererUniqueid",
            "SecondTransfererUniqueid",
            "TransfereeUniqueid",
            "TransferTargetUniqueid",
            "DestType",
        ],
    );
    // In a three-way call the one who could have transferred stays.
    if kind == Some(b"Threeway") {
        return None;
    }
    Some(CallEvent::AttendedTransfer {
        by: leg_id(by?)?,
        by_second: second.and_then(leg_id),
        other: other.and_then(leg_id),
        target: target.and_then(leg_id),
        succeeded: result == Some(b"Success"),
    })
}

/// `QueueMember` of a list calls `Location` what the events call `Interface`.
fn member_state(packet: &Packet, interface: &str) -> Option<CallEvent> {
    let [queue, interface, device, status, paused, reason, in_call, wrap_up] = take(
        packet,
        ["Queue", interface, "StateInterface", "Status", "Paused", "PausedReason", "InCall", "Wrapuptime"],
    );
    let interface = interface?;
    Some(CallEvent::MemberIs(Box::new(MemberState {
        queue: queue_name(queue?),
        member: member(interface),
        device: text(device.and_then(known).unwrap_or(interface)).as_ref().into(),
        state: device_number(status?),
        paused: (paused == Some(b"1")).then(|| text(reason.unwrap_or_default()).into()),
        in_call: in_call == Some(b"1"),
        wrap_up_s: number_of(wrap_up) as u32,
    })))
}

/// enum ast_device_state, include/asterisk/devicestate.h.
fn device_number(value: &[u8]) -> DeviceState {
    match value {
        b"1" => DeviceState::Free,
        b"2" => DeviceState::InUse,
        b"3" => DeviceState::Busy,
        b"4" | b"5" => DeviceState::Offline,
        b"6" => DeviceState::Ringing,
        b"7" => DeviceState::RingingInUse,
        b"8" => DeviceState::OnHold,
        _ => DeviceState::Unknown,
    }
}

/// `PJSIP/1001`, `Agent:1001`; queues, parking places and what dialplans make up have states too:
/// `Queue:support_avail`, `park:701@lot`, `Custom:night` (devicestate.c `ast_devstate_prov_add`).
fn is_phone(device: &[u8]) -> bool {
    device.starts_with(b"Agent:") || memchr::memchr(b'/', device).is_some_and(|slash| !device[..slash].contains(&b':'))
}

fn device_word(value: &[u8]) -> DeviceState {
    match value {
        b"NOT_INUSE" => DeviceState::Free,
        b"INUSE" => DeviceState::InUse,
        b"BUSY" => DeviceState::Busy,
        b"INVALID" | b"UNAVAILABLE" => DeviceState::Offline,
        b"RINGING" => DeviceState::Ringing,
        b"RINGINUSE" => DeviceState::RingingInUse,
        b"ONHOLD" => DeviceState::OnHold,
        _ => DeviceState::Unknown,
    }
}

fn leg_seen(packet: &Packet) -> Option<CallEvent> {
    let [channel, state, number, name, exten, id, linked] = take(packet, LEG);
    let [application, data, duration, bridge] =
        take(packet, ["Application", "ApplicationData", "Duration", "BridgeId"]);
    let queue = (application == Some(b"Queue"))
        .then(|| data.unwrap_or_default().split(|byte| *byte == b',').next().unwrap_or_default())
        .and_then(known)
        .map(queue_name);
    // A list of channels does not say what kind of bridge they are in, but what they do there; who was
    // parked out of a queue is still in `Queue`.
    let kind = match application.unwrap_or_default() {
        b"ConfBridge" | b"MeetMe" | b"Stasis" => BridgeKind::Conference,
        b"AgentLogin" => BridgeKind::Resting,
        b"Park" | b"ParkAndAnnounce" => BridgeKind::Holding,
        _ => BridgeKind::Talk,
    };
    Some(CallEvent::LegSeen(Box::new(LegSeen {
        leg: leg(channel?, state?, number, name, exten, id?, linked)?,
        bridge: bridge.and_then(bridge_id).map(|bridge| (bridge, kind)),
        queue,
        half_of: half_of(channel?),
        up_ms: duration_ms(duration.unwrap_or_default()),
    })))
}

/// `00:01:07`; hours may pass 99.
fn duration_ms(value: &[u8]) -> u64 {
    value.split(|byte| *byte == b':').fold(0, |sum, part| sum * 60 + number_of(Some(part))) * 1000
}

#[cfg(test)]
pub(super) mod tests {
    use bytes::BytesMut;
    use tokio_util::codec::Decoder;

    use super::super::codec::{AmiCodec, Frame};
    use super::*;

    pub fn packet(lines: &[&str]) -> Packet {
        let mut bytes = BytesMut::from(format!("{}\r\n\r\n", lines.join("\r\n")).as_str());
        match AmiCodec::without_banner().decode(&mut bytes) {
            Ok(Some(Frame::Packet(packet))) => packet,
            other => panic!("no packet: {other:?}"),
        }
    }

    fn read(lines: &[&str]) -> Option<CallEvent> {
        map(&packet(lines))
    }

    #[test]
    fn phones_have_states_and_queues_are_no_phones() {
        let told = |device: &str| read(&["Event: DeviceStateChange", &format!("Device: {device}"), "State: NOT_INUSE"]);
        for phone in ["PJSIP/1001", "Agent:1001", "Local/1003@members"] {
            let event = CallEvent::DeviceIs { device: phone.into(), state: DeviceState::Free };
            assert_eq!(told(phone), Some(event));
        }
        for other in ["Queue:support", "Queue:support_avail", "park:701@lot", "Custom:night/day", "MWI:1001@default"] {
            assert_eq!(told(other), None, "{other}");
        }
    }

    #[test]
    fn a_new_channel_is_a_leg_with_its_party() {
        let event = read(&[
            "Event: Newchannel",
            "Channel: PJSIP/trunk-00000018",
            "ChannelState: 4",
            "CallerIDNum: 13800138000",
            "CallerIDName: O\\'Brien <VIP>",
            "Exten: 4008001234",
            "Uniqueid: lab-1.32",
            "Linkedid: lab-1.32",
        ]);
        let leg = Leg {
            id: "lab-1.32".into(),
            linked: Some("lab-1.32".into()),
            device: "PJSIP/trunk".into(),
            kind: LegKind::Device,
            state: LegState::Calling,
            number: Some("13800138000".into()),
            name: Some("O'Brien <VIP>".into()),
            dialled: Some("4008001234".into()),
        };
        assert_eq!(event, Some(CallEvent::LegStarted(Box::new(leg))));
    }

    #[test]
    fn a_dial_by_nobody_is_the_pbx_dialling() {
        let event = read(&["Event: DialBegin", "DestUniqueid: x.1", "DialString: 13900139000@trunk"]);
        let expected = CallEvent::Dialled { by: None, leg: "x.1".into(), to: Some("13900139000".into()) };
        assert_eq!(event, Some(expected));
    }

    #[test]
    fn a_listed_member_and_a_told_one_read_alike() {
        let rest = ["StateInterface: PJSIP/1003", "Status: 6", "Paused: 1", "PausedReason: lunch", "InCall: 0"];
        let listed =
            read(&[&["Event: QueueMember", "Queue: support", "Location: Local/1003@members/n"][..], &rest].concat());
        let told = read(
            &[&["Event: QueueMemberStatus", "Queue: support", "Interface: Local/1003@members/n"][..], &rest].concat(),
        );
        assert_eq!(listed, told);
        let Some(CallEvent::MemberIs(state)) = told else { panic!("no member") };
        assert_eq!((state.member.agent.as_str(), state.device.as_str()), ("1003", "PJSIP/1003"));
        assert_eq!((state.state, state.paused.as_deref()), (DeviceState::Ringing, Some("lunch")));
    }

    #[test]
    fn a_channel_that_is_up_tells_its_queue_and_its_age() {
        let event = read(&[
            "Event: CoreShowChannel",
            "ActionID: a1",
            "Channel: PJSIP/trunk-00000018",
            "ChannelState: 6",
            "CallerIDNum: 13800138000",
            "CallerIDName: <unknown>",
            "Exten: 4008001234",
            "Uniqueid: 1.32",
            "Linkedid: 1.32",
            "Application: Queue",
            "ApplicationData: support,tT,,,12",
            "Duration: 00:01:07",
            "BridgeId: b-1",
        ]);
        let Some(CallEvent::LegSeen(seen)) = event else { panic!("no leg") };
        assert_eq!(
            (seen.up_ms, seen.queue, seen.bridge),
            (67_000, Some("support".into()), Some(("b-1".into(), BridgeKind::Talk)))
        );
        assert_eq!(seen.leg.name, None);
    }

    #[test]
    fn what_counts_no_call_is_passed_by() {
        for name in ["Cdr", "CEL", "VarSet", "Newexten", "RTCPSent", "UserEvent", "FullyBooted"] {
            let event = format!("Event: {name}");
            assert_eq!(read(&[&event, "Uniqueid: 1.1", "Linkedid: 1.1"]), None, "{name}");
        }
        assert_eq!(read(&["Response: Success", "Uniqueid: 1.1"]), None);
    }

    #[test]
    fn a_parked_call_of_a_list_is_no_news() {
        assert_eq!(read(&["Event: ParkedCall", "ActionID: a", "ParkeeUniqueid: 1.1"]), None);
        let news = read(&["Event: ParkedCall", "ParkeeUniqueid: 1.1", "ParkingSpace: 701"]);
        assert_eq!(news, Some(CallEvent::Parked { leg: "1.1".into(), space: "701".into() }));
    }

    #[test]
    fn a_boot_is_told_by_its_start() {
        let reply = |time: &str| {
            let text = format!("Response: Success\r\nCoreStartupDate: 2026-11-21\r\nCoreStartupTime: {time}\r\n\r\n");
            match AmiCodec::without_banner().decode(&mut BytesMut::from(text.as_str())) {
                Ok(Some(Frame::Packet(packet))) => boot(&packet),
                other => panic!("no packet: {other:?}"),
            }
        };
        assert_ne!(reply("20:37:13"), reply("20:37:14"));
        assert!(reply("20:37:13").is_some_and(|boot| boot.as_str().bytes().all(|b| b.is_ascii_alphanumeric())));
    }
}
