//! What the recordings lack, as scripts: a line an event, `milliseconds name channel key=value …`,
//! read as the event socket's JSON.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use protocol::esl::event::Event;
use protocol::esl::events;
use serde_json::{Map, Value};

use super::super::driver::{Said, calls_in};
use crate::Time;
use crate::calls::call::{Call, Direction, EndedBy, OfferOutcome, Outcome, TransferKind};

/// What the keys of a script stand for; any other is a header's own name.
const KEYS: [(&str, &str); 31] = [
    ("dir", "Call-Direction"),
    ("name", "Channel-Name"),
    ("to", "Caller-Destination-Number"),
    ("from", "Caller-Orig-Caller-ID-Number"),
    ("dialplan", "Caller-Dialplan"),
    ("state", "Answer-State"),
    ("answered", "Caller-Channel-Answered-Time"),
    ("cause", "Hangup-Cause"),
    ("sip", "variable_sip_term_status"),
    ("partner_sip", "variable_last_bridge_proto_specific_hangup_cause"),
    ("partner", "variable_last_bridge_to"),
    ("other", "Other-Leg-Unique-ID"),
    ("type", "Other-Type"),
    ("other_answered", "Other-Leg-Channel-Answered-Time"),
    ("a", "Bridge-A-Unique-ID"),
    ("b", "Bridge-B-Unique-ID"),
    ("gateway", "variable_sip_gateway_name"),
    ("side", "variable_cc_side"),
    ("of_queue", "variable_cc_queue"),
    ("for", "variable_cc_member_session_uuid"),
    ("as", "variable_cc_agent"),
    ("loop", "variable_other_loopback_leg_uuid"),
    ("sent", "variable_transfer_to"),
    ("sent_to", "variable_transfer_destination"),
    ("second", "variable_refer_uuid"),
    ("kills", "variable_att_xfer_kill_uuid"),
    ("queue", "CC-Queue"),
    ("member", "CC-Member-Session-UUID"),
    ("agent", "CC-Agent"),
    ("leg", "CC-Agent-UUID"),
    ("reason", "CC-Cancel-Reason"),
];

fn ms(count: i64) -> Time {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(count)
}

/// Each channel's headers are kept from its start on, as FreeSWITCH keeps them.
fn play(lines: &str) -> Vec<Call> {
    let mut channels: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut said = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let [Some(at), Some(name), Some(channel)] = [words.next(), words.next(), words.next()] else {
            panic!("{line}")
        };
        let told: Map<String, Value> = words.map(|word| header(word, line)).collect();
        let known = channels.entry(channel.to_owned()).or_default();
        if name == "CREATE" {
            *known = told.clone();
            known.insert("Answer-State".into(), "ringing".into());
        }
        if name == "ANSWER" {
            known.insert("Answer-State".into(), "answered".into());
            known.insert("Caller-Channel-Answered-Time".into(), "1".into());
        }
        if name == "HANGUP" {
            known.extend(told.clone());
            known.insert("Answer-State".into(), "hangup".into());
        }
        let mut headers = known.clone();
        headers.extend(told);
        headers.insert("Unique-ID".into(), channel.into());
        match name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            true => drop(headers.insert("Event-Name".into(), format!("CHANNEL_{name}").into())),
            false => {
                headers.insert("Event-Name".into(), "CUSTOM".into());
                let (subclass, key, action) = match name.strip_prefix("valet-") {
                    Some(action) => ("valet_parking::info", "Action", action),
                    None => ("callcenter::info", "CC-Action", name),
                };
                headers.insert("Event-Subclass".into(), subclass.into());
                headers.insert(key.into(), action.into());
            }
        }
        let json = serde_json::to_vec(&headers).expect("JSON");
        let mut events = Vec::new();
        events::map(&Event::from_json(&json).expect("an event"), &mut events);
        said.push(Said { at: ms(at.parse().expect("milliseconds")), name: name.to_owned(), events });
    }
    calls_in(&said)
}

fn header(word: &str, line: &str) -> (String, Value) {
    let (key, value) = word.split_once('=').unwrap_or_else(|| panic!("{word} in {line}"));
    let name = KEYS.iter().find(|(short, _)| *short == key).map_or(key, |(_, name)| name);
    (name.to_owned(), value.into())
}

/// The only call, which is over, and was seen whole.
fn the_call(lines: &str) -> Call {
    let mut calls = play(lines);
    assert_eq!(calls.len(), 1, "{calls:#?}");
    let call = calls.remove(0);
    assert!(call.certain && call.ended_at.is_some(), "{call:#?}");
    call
}

fn talks(call: &Call) -> Vec<(&str, Option<&str>)> {
    call.segments.iter().map(|s| (s.agent.as_str(), s.queue.as_ref().map(|queue| queue.as_str()))).collect()
}

fn offers(call: &Call) -> Vec<(&str, Option<OfferOutcome>)> {
    call.offers.iter().map(|offer| (offer.agent.as_str(), offer.outcome)).collect()
}

fn transfers(call: &Call) -> Vec<(TransferKind, Option<&str>, &str, bool)> {
    let from = |from: &Option<crate::Extension>| from.as_ref().map(|from| from.to_string());
    let mut told = Vec::new();
    for transfer in &call.transfers {
        let from = from(&transfer.from).map(|from| &*from.leak());
        told.push((transfer.kind, from, transfer.to.as_str(), transfer.completed));
    }
    told
}

fn waits(call: &Call) -> Vec<&str> {
    call.waits.iter().map(|wait| wait.queue.as_str()).collect()
}

/// A caller who waits in support, since 500.
const WAITING: &str = "
    0    CREATE C dir=inbound name=sofia/external/13800138000@10.0.0.1 to=4008001234 from=13800138000
    100  ANSWER C
    500  member-queue-start C queue=support@default member=C side=member";

/// 1001 talks with the caller from the queue, since 2000.
const TALKING: &str = "
    0    CREATE C dir=inbound name=sofia/external/13800138000@10.0.0.1 to=4008001234 from=13800138000
    100  ANSWER C
    500  member-queue-start C queue=support@default member=C side=member
    600  CREATE A dir=outbound name=sofia/internal/1001@10.0.0.2 to=1001 side=agent of_queue=support@default for=C as=1001@default
    650  PROGRESS A
    2000 ANSWER A
    2000 bridge-agent-start A queue=support@default agent=1001@default member=C leg=A
    2000 BRIDGE C a=C b=A other=A type=originatee other_answered=1 side=member of_queue=support@default";

fn talking(lines: &str) -> String {
    format!("{TALKING}\n{lines}")
}

#[test]
fn a_caller_is_sent_to_another_queue_by_the_agents_page() {
    for again in ["complaints", "support"] {
        let call = the_call(&talking(&format!(
            "5000 UNBRIDGE C a=C b=A to=4008009999 dialplan=XML
             5010 HANGUP A cause=NORMAL_CLEARING
             5020 HANGUP_COMPLETE A cause=NORMAL_CLEARING
             5030 member-queue-start C queue={again}@default member=C side=member
             5120 bridge-agent-end A queue=support@default agent=1001@default member=C leg=A CC-Agent-Bridged=true
             5120 member-queue-end C queue=support@default member=C CC-Cause=Terminated
             5200 CREATE B dir=outbound name=sofia/internal/1003@10.0.0.4 to=1003 side=agent of_queue={again}@default for=C as=1003@default
             8000 ANSWER B
             8000 BRIDGE C a=C b=B other=B type=originatee other_answered=1 side=member of_queue={again}@default
             9000 HANGUP C cause=NORMAL_CLEARING sip=200
             9000 HANGUP B cause=NORMAL_CLEARING partner_sip=sip:200 partner=C
             9010 HANGUP_COMPLETE B cause=NORMAL_CLEARING
             9010 HANGUP_COMPLETE C cause=NORMAL_CLEARING sip=200"
        )));
        assert_eq!(talks(&call), [("1001", Some("support")), ("1003", Some(again))]);
        assert_eq!((waits(&call), call.ended_by), (vec!["support", again], Some(EndedBy::Caller)));
        assert_eq!(transfers(&call), [(TransferKind::Blind, Some("1001"), again, true)]);
        assert_eq!(call.waits[1].left_at, Some(ms(8000)), "not when the first agent's thread ended");
        assert_eq!(call.segments[0].to, Some(ms(5000)));
    }
}

#[test]
fn a_caller_is_sent_to_an_outside_number_by_the_phone() {
    let call = the_call(&talking(
        "5000 HANGUP A cause=NORMAL_CLEARING sent=blind:C sent_to=blind:13900139000 other=C
         5000 UNBRIDGE C a=C b=A to=13900139000 dialplan=XML
         5010 HANGUP_COMPLETE A cause=NORMAL_CLEARING
         5100 CREATE T dir=outbound name=sofia/external/13900139000 gateway=trunk to=13900139000 other=C type=originator
         6000 PROGRESS T
         9000 ANSWER T
         9000 BRIDGE C a=C b=T other=T type=originatee other_answered=1
         20000 HANGUP T cause=NORMAL_CLEARING sip=200
         20000 UNBRIDGE C a=C b=T other=T type=originatee to=13900139000
         20000 HANGUP C cause=NORMAL_CLEARING partner_sip=sip:200 partner=T
         20010 HANGUP_COMPLETE T cause=NORMAL_CLEARING
         20010 HANGUP_COMPLETE C cause=NORMAL_CLEARING",
    ));
    assert_eq!(talks(&call), [("1001", Some("support")), ("13900139000", None)]);
    assert_eq!(transfers(&call), [(TransferKind::Blind, Some("1001"), "13900139000", true)]);
    assert_eq!((call.ended_by, call.segments[1].from), (Some(EndedBy::Agent), ms(9000)));
}

#[test]
fn a_caller_is_given_to_a_phone_that_still_rings() {
    let call = the_call(&talking(
        "4000 HOLD A
         4100 CREATE A2 dir=inbound name=sofia/internal/1001@10.0.0.2 to=1003 from=1001
         4200 CREATE T dir=outbound name=sofia/internal/1003@10.0.0.4 to=1003 other=A2 type=originator
         4300 PROGRESS T
         6000 UNBRIDGE C a=C b=A to=park dialplan=inline kills=A2
         6000 HANGUP A cause=NORMAL_CLEARING second=A2 partner=C
         6010 HANGUP_COMPLETE A cause=NORMAL_CLEARING
         8000 ANSWER T
         8010 BRIDGE C a=C b=T other=T type=originatee other_answered=1
         8020 HANGUP A2 cause=NORMAL_CLEARING sent=satt:C other=T variable_endpoint_disposition=ATTENDED_TRANSFER
         8030 HANGUP_COMPLETE A2 cause=NORMAL_CLEARING
         12000 HANGUP C cause=NORMAL_CLEARING sip=200
         12000 HANGUP_COMPLETE C cause=NORMAL_CLEARING
         12000 HANGUP T cause=NORMAL_CLEARING
         12000 HANGUP_COMPLETE T cause=NORMAL_CLEARING",
    ));
    assert_eq!(talks(&call), [("1001", Some("support")), ("1003", None)]);
    assert_eq!(transfers(&call), [(TransferKind::Attended, Some("1001"), "1003", true)]);
    assert_eq!((call.segments[0].to, call.segments[1].from), (Some(ms(6000)), ms(8010)));
    assert_eq!(call.held(), Some(TimeDelta::seconds(2)));
}

#[test]
fn of_a_ring_all_queue_one_is_faster() {
    let ring = |leg: &str, agent: &str| {
        format!(
            "600 CREATE {leg} dir=outbound name=sofia/internal/{agent}@10.0.0.2 to={agent} side=agent of_queue=complaints@default for=C as={agent}@default
             650 PROGRESS {leg}\n"
        )
    };
    let lost = |leg: &str| {
        format!(
            "2020 HANGUP {leg} cause=LOSE_RACE\n 2030 HANGUP_COMPLETE {leg} cause=LOSE_RACE variable_hangup_cause_q850=16\n"
        )
    };
    let fail = |agent: &str| {
        format!(
            "2100 bridge-agent-fail - queue=complaints@default agent={agent}@default member=C CC-Hangup-Cause=LOSE_RACE\n"
        )
    };
    let mut lines = WAITING.replace("support", "complaints") + "\n";
    lines += &[ring("A", "1001"), ring("B", "1002"), ring("D", "1003")].concat();
    lines += "2000 ANSWER B
              2000 bridge-agent-start B queue=complaints@default agent=1002@default member=C leg=B\n";
    lines += &[lost("A"), lost("D")].concat();
    lines += "2050 BRIDGE C a=C b=B other=B type=originatee other_answered=1 side=member of_queue=complaints@default\n";
    lines += &[fail("1001"), fail("1003")].concat();
    lines += "9000 HANGUP B cause=NORMAL_CLEARING sip=200
              9000 HANGUP_COMPLETE B cause=NORMAL_CLEARING
              9000 HANGUP C cause=NORMAL_CLEARING partner_sip=sip:200 partner=B
              9000 HANGUP_COMPLETE C cause=NORMAL_CLEARING";
    let call = the_call(&lines);
    let elsewhere = Some(OfferOutcome::AnsweredElsewhere);
    assert_eq!(offers(&call), [("1001", elsewhere), ("1002", Some(OfferOutcome::Answered)), ("1003", elsewhere)]);
    assert_eq!((talks(&call), call.ended_by), (vec![("1002", Some("complaints"))], Some(EndedBy::Agent)));
}

#[test]
fn an_agent_behind_a_loop_is_one_phone() {
    let lines = format!(
        "{WAITING}
         600  CREATE LA dir=outbound name=loopback/1003-a to=1003 side=agent of_queue=support@default for=C as=1003@default
         610  CREATE LB dir=inbound name=loopback/1003-b to=1003 loop=LA
         620  CREATE T dir=outbound name=sofia/internal/1003@10.0.0.4 to=1003 other=LB type=originator
         700  PROGRESS T
         2000 ANSWER T
         2000 ANSWER LB loop=LA
         2000 BRIDGE LB a=LB b=T other=T type=originatee other_answered=1 loop=LA
         2000 ANSWER LA loop=LB
         2000 bridge-agent-start LA queue=support@default agent=1003@default member=C leg=LA
         2000 BRIDGE C a=C b=LA other=LA type=originatee other_answered=1 side=member of_queue=support@default
         2500 UNBRIDGE C a=C b=LA other=T type=originatee
         2500 UNBRIDGE LB a=LB b=T other=C type=originatee
         2500 BRIDGE C a=C b=T other=T type=originatee side=member of_queue=support@default
         2510 HANGUP LA cause=BOWOUT
         2510 HANGUP LB cause=BOWOUT
         2510 HANGUP_COMPLETE LA cause=BOWOUT
         2510 HANGUP_COMPLETE LB cause=BOWOUT
         2600 member-queue-end C queue=support@default member=C CC-Cause=Terminated
         9000 HANGUP C cause=NORMAL_CLEARING sip=200
         9000 HANGUP T cause=NORMAL_CLEARING partner_sip=sip:200 partner=C
         9000 HANGUP_COMPLETE C cause=NORMAL_CLEARING
         9000 HANGUP_COMPLETE T cause=NORMAL_CLEARING"
    );
    let call = the_call(&lines);
    assert_eq!(talks(&call), [("1003", Some("support"))]);
    assert_eq!((call.segments[0].from, call.segments[0].to), (ms(2000), Some(ms(9000))));
    assert_eq!(offers(&call), [("1003", Some(OfferOutcome::Answered))]);
    assert_eq!((call.ended_by, call.transfers.len()), (Some(EndedBy::Caller), 0));
}

#[test]
fn an_agent_who_waits_on_the_line_is_called_by_nobody() {
    let lines = format!(
        "0 CREATE S dir=inbound name=sofia/internal/1001@10.0.0.2 to=standby from=1001
         5 ANSWER S
         {WAITING}
         2000 bridge-agent-start S queue=support@default agent=1001@default member=C leg=S
         2010 BRIDGE C a=C b=S other=S type=originatee other_answered=1 side=member of_queue=support@default
         9000 HANGUP C cause=NORMAL_CLEARING sip=200
         9000 UNBRIDGE C a=C b=S other=S type=originatee
         9000 HANGUP_COMPLETE C cause=NORMAL_CLEARING"
    );
    let calls = play(&lines);
    let call = calls.iter().find(|call| call.direction == Direction::Inbound).expect("the caller's");
    assert_eq!((talks(call), call.outcome), (vec![("1001", Some("support"))], Some(Outcome::Answered)));
    assert_eq!(call.ended_by, Some(EndedBy::Caller));
}

#[test]
fn a_caller_who_goes_as_the_agent_answers_has_not_talked() {
    let caller = ["2000 HANGUP C cause=NORMAL_CLEARING sip=200"];
    let agent = [
        "2000 ANSWER A",
        "2001 bridge-agent-start A queue=support@default agent=1001@default member=C leg=A",
        "2010 bridge-agent-end A queue=support@default agent=1001@default member=C leg=A CC-Agent-Bridged=false",
        "2020 HANGUP A cause=ORIGINATOR_CANCEL",
        "2030 HANGUP_COMPLETE A cause=ORIGINATOR_CANCEL",
    ];
    let queue = [
        "2010 member-queue-end C queue=support@default member=C CC-Cause=Cancel reason=NONE",
        "2040 HANGUP_COMPLETE C cause=NORMAL_CLEARING",
    ];
    for order in [[&caller[..], &agent, &queue], [&caller, &queue, &agent], [&agent, &caller, &queue]] {
        let ringing = "600 CREATE A dir=outbound name=sofia/internal/1001@10.0.0.2 to=1001 side=agent of_queue=support@default for=C as=1001@default\n650 PROGRESS A";
        let call = the_call(&format!("{WAITING}\n{ringing}\n{}", order.concat().join("\n")));
        assert_eq!((call.outcome, call.ended_by), (Some(Outcome::Abandoned), Some(EndedBy::Caller)), "{order:?}");
        assert_eq!((call.segments.len(), waits(&call)), (0, vec!["support"]), "{order:?}");
    }
}

#[test]
fn a_parked_caller_is_taken_back_by_somebody_else() {
    let call = the_call(&talking(
        "4000 HANGUP A cause=NORMAL_CLEARING sent=blind:C sent_to=blind:6000 other=C
         4000 UNBRIDGE C a=C b=A to=6000 dialplan=XML
         4010 HANGUP_COMPLETE A cause=NORMAL_CLEARING
         4050 valet-hold C Valet-Lot-Name=lot Valet-Extension=6001
         9000 CREATE D dir=inbound name=sofia/internal/1002@10.0.0.3 to=6001 from=1002
         9010 ANSWER D
         9020 valet-bridge C Valet-Lot-Name=lot Valet-Extension=6001 Bridge-To-UUID=D
         9030 BRIDGE C a=C b=D other=D type=originatee
         15000 HANGUP D cause=NORMAL_CLEARING sip=200
         15000 HANGUP C cause=NORMAL_CLEARING partner_sip=sip:200 partner=D
         15010 HANGUP_COMPLETE D cause=NORMAL_CLEARING
         15010 HANGUP_COMPLETE C cause=NORMAL_CLEARING",
    ));
    assert_eq!(talks(&call), [("1001", Some("support")), ("1002", None)]);
    assert_eq!(transfers(&call), [(TransferKind::Blind, Some("1001"), "1002", true)]);
    assert_eq!((call.caller.as_deref(), call.ended_by), (Some("13800138000"), Some(EndedBy::Agent)));
}

#[test]
fn one_who_abandoned_and_comes_back_to_the_old_place_calls_twice() {
    let first = "
        4000 HANGUP C cause=NORMAL_CLEARING sip=200
        4000 member-queue-end C queue=support@default member=C CC-Cause=Cancel reason=BREAK_OUT
        4010 HANGUP_COMPLETE C cause=NORMAL_CLEARING variable_cc_cause=cancel variable_cc_cancel_reason=BREAK_OUT";
    let second = WAITING.replace(" C ", " D ").replace("=C ", "=D ").replace("    0 ", "    9000 ");
    let second =
        second.replace("100  ANSWER", "9100 ANSWER").replace("500  member-queue-start", "9500 member-queue-resume");
    let end = "
        12000 HANGUP D cause=NORMAL_CLEARING sip=200
        12000 member-queue-end D queue=support@default member=D CC-Cause=Cancel reason=BREAK_OUT
        12010 HANGUP_COMPLETE D cause=NORMAL_CLEARING";
    let calls = play(&format!("{WAITING}{first}{second}{end}"));
    let told: Vec<_> = calls.iter().map(|call| (call.outcome, waits(call), call.certain)).collect();
    assert_eq!(told, vec![(Some(Outcome::Abandoned), vec!["support"], true); 2]);
}

#[test]
fn why_a_queue_let_a_caller_go() {
    let ending = |reason: &str, lines: &str| {
        let left = format!("9000 member-queue-end C queue=support@default member=C CC-Cause=Cancel reason={reason}");
        let call = the_call(&format!("{WAITING}\n{left}\n{lines}"));
        (call.outcome, call.ended_by, call.waits[0].left_at == Some(ms(9000)))
    };
    let ended = "HANGUP_COMPLETE C cause=NORMAL_CLEARING";
    let kicked = format!("9010 HANGUP C cause=NORMAL_CLEARING\n9020 {ended}");
    let pbx = (Some(Outcome::TimedOut), Some(EndedBy::Pbx), true);
    assert_eq!(ending("TIMEOUT", &kicked), pbx);
    assert_eq!(ending("NO_AGENT_TIMEOUT", &kicked), pbx);
    let goes = format!("12000 HANGUP C cause=NORMAL_CLEARING sip=200\n12000 {ended}");
    assert_eq!(ending("TIMEOUT", &goes), (Some(Outcome::TimedOut), Some(EndedBy::Caller), true), "heard the voice");
    let by_key = ending("EXIT_WITH_KEY", &goes);
    assert_eq!(by_key, (Some(Outcome::Abandoned), Some(EndedBy::Caller), true), "left by a key, reached nobody");
    assert_eq!(ending("BREAK_OUT", &goes), by_key, "sent elsewhere while waiting");

    // Told by the caller's own leg, when the queue's word was lost.
    let call = the_call(&format!(
        "{WAITING}
         9000 HANGUP C cause=NORMAL_CLEARING
         9010 HANGUP_COMPLETE C side=member of_queue=support@default variable_cc_cause=cancel variable_cc_cancel_reason=TIMEOUT"
    ));
    assert_eq!(call.outcome, Some(Outcome::TimedOut));
}

/// The number's own phone, rung for a caller; what its network says is heard since 1000.
const EARLY: &str = "
    0    CREATE C dir=inbound name=sofia/external/13800138000@10.0.0.1 to=4008005678 from=13800138000
    100  CREATE A dir=outbound name=sofia/internal/1001@10.0.0.2 to=1001 other=C type=originator
    900  PROGRESS_MEDIA A
    1000 BRIDGE C a=C b=A other=A type=originatee other_answered=0 state=early";

#[test]
fn a_bridge_before_the_phone_answers_is_no_talk() {
    let call = the_call(&format!(
        "{EARLY}
         5000 ANSWER A
         5020 ANSWER C
         9000 HANGUP C cause=NORMAL_CLEARING sip=200
         9000 HANGUP_COMPLETE C cause=NORMAL_CLEARING
         9000 HANGUP_COMPLETE A cause=NORMAL_CLEARING"
    ));
    assert_eq!((call.answered_at, call.talked()), (Some(ms(5000)), Some(TimeDelta::seconds(4))));
    let call = the_call(&format!(
        "{EARLY}
         5000 HANGUP C cause=ORIGINATOR_CANCEL sip=487
         5000 HANGUP A cause=ORIGINATOR_CANCEL
         5010 HANGUP_COMPLETE A cause=ORIGINATOR_CANCEL
         5010 HANGUP_COMPLETE C cause=ORIGINATOR_CANCEL"
    ));
    assert_eq!((call.outcome, call.segments.len()), (Some(Outcome::Missed), 0));
    assert_eq!((offers(&call), call.to.as_deref()), (vec![("1001", Some(OfferOutcome::CallerGone))], Some("1001")));
}

#[test]
fn colleagues_who_talk_are_no_customers() {
    let call = the_call(
        "0    CREATE A dir=inbound name=sofia/internal/1001@10.0.0.2 to=1003 from=1001
         100  CREATE T dir=outbound name=sofia/internal/1003@10.0.0.4 to=1003 other=A type=originator
         150  PROGRESS T
         900  ANSWER T
         910  ANSWER A
         920  BRIDGE A a=A b=T other=T type=originatee other_answered=1
         5000 HANGUP T cause=NORMAL_CLEARING sip=200
         5000 HANGUP A cause=NORMAL_CLEARING partner_sip=sip:200 partner=T
         5010 HANGUP_COMPLETE T cause=NORMAL_CLEARING
         5010 HANGUP_COMPLETE A cause=NORMAL_CLEARING",
    );
    assert_eq!((call.direction, call.number.as_ref(), call.to.as_deref()), (Direction::Internal, None, Some("1003")));
    assert_eq!((call.outcome, call.ended_by), (Some(Outcome::Answered), Some(EndedBy::Agent)));
}

#[test]
fn a_number_that_an_agent_dials_is_reached_over_the_second_line() {
    let call = the_call(
        "0    CREATE A dir=inbound name=sofia/internal/1001@10.0.0.2 to=13800138000 from=1001
         10   CREATE T1 dir=outbound name=sofia/external/13800138000 gateway=one to=13800138000 other=A type=originator
         200  HANGUP T1 cause=NORMAL_TEMPORARY_FAILURE sip=503
         200  HANGUP_COMPLETE T1 cause=NORMAL_TEMPORARY_FAILURE variable_hangup_cause_q850=41
         210  CREATE T2 dir=outbound name=sofia/external/13800138000 gateway=two to=13800138000 other=A type=originator
         900  PROGRESS_MEDIA T2
         910  BRIDGE A a=A b=T2 other=T2 type=originatee other_answered=0 state=early
         4000 ANSWER T2
         4010 ANSWER A
         9000 HANGUP T2 cause=NORMAL_CLEARING sip=200
         9000 HANGUP A cause=NORMAL_CLEARING partner_sip=sip:200 partner=T2
         9010 HANGUP_COMPLETE T2 cause=NORMAL_CLEARING
         9010 HANGUP_COMPLETE A cause=NORMAL_CLEARING",
    );
    assert_eq!(
        (call.direction, call.outcome, call.ended_by),
        (Direction::Outbound, Some(Outcome::Answered), Some(EndedBy::Caller))
    );
    assert_eq!(call.number.as_ref().and_then(|number| number.e164()), Some("+8613800138000"));
    assert_eq!((talks(&call), call.answered_at), (vec![("1001", None)], Some(ms(4000))));
}

#[test]
fn a_short_number_that_calls_over_a_line_is_a_customer() {
    let call = the_call(
        "0   CREATE C dir=inbound name=sofia/external/10086@10.0.0.1 to=4008001234 from=10086
         10  ANSWER C
         400 HANGUP C cause=NORMAL_CLEARING sip=200
         400 HANGUP_COMPLETE C cause=NORMAL_CLEARING",
    );
    assert_eq!((call.direction, call.caller.as_deref()), (Direction::Inbound, Some("10086")));
    assert_eq!((call.outcome, call.ended_by), (Some(Outcome::Abandoned), Some(EndedBy::Caller)));
}

#[test]
fn a_leg_that_comes_before_its_callers_is_of_the_same_call() {
    let lines: Vec<&str> = TALKING.lines().filter(|line| !line.trim().is_empty()).collect();
    let agents = lines.iter().position(|line| line.contains("CREATE A")).expect("the agent's leg");
    let mut moved = lines.clone();
    let leg = moved.remove(agents);
    moved.insert(0, leg);
    let end = "9000 HANGUP C cause=NORMAL_CLEARING sip=200\n9000 HANGUP_COMPLETE C cause=NORMAL_CLEARING\n9000 HANGUP_COMPLETE A cause=NORMAL_CLEARING";
    let call = the_call(&format!("{}\n{end}", moved.join("\n")));
    assert_eq!((talks(&call), call.direction), (vec![("1001", Some("support"))], Direction::Inbound));
    assert_eq!((call.to.as_deref(), call.ended_by), (Some("support"), Some(EndedBy::Caller)));
}

#[test]
fn a_leg_with_another_id_is_still_the_same() {
    let call = the_call(
        "0   CREATE C dir=inbound name=sofia/external/13800138000@10.0.0.1 to=4008001234 from=13800138000
         10  UUID D Old-Unique-ID=C
         20  ANSWER D
         500 HANGUP D cause=NORMAL_CLEARING sip=200
         500 HANGUP_COMPLETE D cause=NORMAL_CLEARING",
    );
    assert_eq!((call.outcome, call.ended_at), (Some(Outcome::Abandoned), Some(ms(500))));
}
