//! Each sentence that the daemon can say of a PBX is known, and says in Chinese what it says in English:
//! the same names and numbers, and none of its own words left.

use daemon::calls::look::{Difference, Silence};
use jiff::tz::TimeZone;
use protocol::ami::login::LoginFailure as Ami;
use protocol::ami::requests::Unsendable;
use protocol::esl::login::LoginFailure as Esl;
use protocol::event::DeviceState;
use protocol::session::Over;

use super::*;

fn pen(language: Language) -> Pen {
    Pen { language, zone: TimeZone::UTC, now: daemon::Time::UNIX_EPOCH, masked: false, may_show: false }
}

fn chinese(sentence: &str) -> Option<String> {
    let said = pen(Language::ZhCn).said(sentence);
    (said.language == Language::ZhCn).then_some(said.text)
}

/// Why an Asterisk did not let us in, all of it; a new one does not compile until it stands here.
fn ami() -> Vec<Ami> {
    let words = || "said".to_owned();
    let all = vec![
        Ami::Refused,
        Ami::NotPermitted(words()),
        Ami::AlreadyInUse,
        Ami::ClosedWithoutBanner,
        Ami::ClosedInLogin,
        Ami::Silent,
        Ami::NotAmi(words()),
        Ami::TooOld(1, 4),
        Ami::ShuttingDown,
        Ami::Said(words()),
        Ami::Unsendable(Unsendable::Control("secret")),
        Ami::Unsendable(Unsendable::TooLong("secret")),
    ];
    for failure in &all {
        match failure {
            Ami::Refused | Ami::NotPermitted(_) | Ami::AlreadyInUse | Ami::ClosedWithoutBanner => {}
            Ami::ClosedInLogin | Ami::Silent | Ami::NotAmi(_) | Ami::TooOld(..) => {}
            Ami::ShuttingDown | Ami::Said(_) | Ami::Unsendable(_) => {}
        }
    }
    all
}

fn esl() -> Vec<Esl> {
    let words = || "said".to_owned();
    let all = vec![
        Esl::Refused,
        Esl::NotPermitted,
        Esl::NoEvents(words()),
        Esl::ClosedWithoutGreeting,
        Esl::ClosedInLogin,
        Esl::Silent,
        Esl::NotEsl(words()),
        Esl::Said(words()),
        Esl::Unsendable("password"),
    ];
    for failure in &all {
        match failure {
            Esl::Refused | Esl::NotPermitted | Esl::NoEvents(_) | Esl::ClosedWithoutGreeting => {}
            Esl::ClosedInLogin | Esl::Silent | Esl::NotEsl(_) | Esl::Said(_) | Esl::Unsendable(_) => {}
        }
    }
    all
}

fn ends() -> Vec<Over> {
    let all = vec![
        Over::ShutDown,
        Over::Closed,
        Over::Dead,
        Over::NoHeartbeat,
        Over::LostTrack,
        Over::SnapshotStuck("QueueStatus"),
        Over::FellBehind,
    ];
    for over in &all {
        match over {
            // Its own failures stand above.
            Over::Login(_) | Over::ShutDown | Over::Closed | Over::Dead | Over::NoHeartbeat => {}
            Over::LostTrack | Over::SnapshotStuck(_) | Over::FellBehind => {}
        }
    }
    all
}

fn differences() -> Vec<Difference> {
    let (queue, agent) = (|| "support".into(), || "1001".into());
    let leg = || "1795.1".into();
    let mut all = vec![
        Difference::LegUnknown { leg: leg(), device: "PJSIP/1001".into() },
        Difference::LegGone { leg: leg() },
        Difference::LegAnswered { leg: leg() },
        Difference::LegElsewhere { leg: leg(), ours: None, theirs: Some("b-1".into()) },
        Difference::CallerUnknown { queue: queue(), caller: leg() },
        Difference::CallerGone { queue: queue(), call: "hq-1795.1".into() },
        Difference::MemberUnknown { queue: queue(), agent: agent() },
        Difference::MemberGone { queue: queue(), agent: agent() },
        Difference::Phone { agent: agent(), ours: DeviceState::Free, theirs: DeviceState::InUse },
        Difference::InCall { queue: queue(), agent: agent() },
    ];
    for paused in [true, false] {
        for queue in [None, Some(queue())] {
            all.push(Difference::Break { queue, agent: agent(), paused });
        }
    }
    for difference in &all {
        match difference {
            Difference::LegUnknown { .. } | Difference::LegGone { .. } | Difference::LegAnswered { .. } => {}
            Difference::LegElsewhere { .. } | Difference::CallerUnknown { .. } | Difference::CallerGone { .. } => {}
            Difference::MemberUnknown { .. } | Difference::MemberGone { .. } | Difference::Break { .. } => {}
            Difference::Phone { .. } | Difference::InCall { .. } => {}
        }
    }
    all
}

/// What has no type of its own, as the daemon's sources have it.
const SENTENCES: &[&str] = &[
    "10.0.0.2:5038 cannot be reached (Connection refused (os error 111)). Asterisk does not run, or its manager \
     interface is off: `enabled = yes` and `bindaddr = 0.0.0.0` under [general] in manager.conf.",
    "pbx:8021 cannot be reached (Connection refused (os error 111)). FreeSWITCH does not run, or its event socket listens \
     elsewhere: see `listen-ip` (127.0.0.1 is reached from the same machine alone) and `listen-port` in \
     event_socket.conf.xml, and that mod_event_socket is loaded.",
    "pbx:5038 cannot be reached (failed to lookup address). See that host and port are right and that the network is up.",
    "pbx:5038 has not answered within 5s: a firewall drops us, or the host is off.",
    "pbx:5039: the certificate shown has fingerprint 00ff, not the pinned one. If the PBX got a new certificate, pin that; \
     if it did not, somebody stands between.",
    "pbx:5039 shows a certificate that the authority in ca_file does not vouch for (Expired). If it is self-signed or made \
     for another name, pin it instead: tls = { fingerprint = … }, as `openssl x509 -in asterisk.pem -noout -fingerprint \
     -sha256` prints it on the PBX.",
    "pbx:5039 answers, but not with TLS: is it the plain port? `tlsenable = yes` in manager.conf opens 5039.",
    "The PBX's clock is 3600000 ms ahead of ours: run NTP on both.",
    "The PBX's clock was 12 ms ahead of ours and is now -3600012 ms ahead.",
    "Our clock moved by +3600.0 s otherwise than time did: it was set, or the machine slept.",
    "The PBX runs anew; calls that were up before are over.",
    "65 events came faster than they were taken, and were dropped.",
    "3 packets could not be understood; the last: a line without a colon.",
    "Ringback could not keep up with the PBX's events; all that is up is asked for again.",
    "Ringback was not running",
    "No sender has connected to the native socket yet.",
    "The sender closed the connection. We wait for it to connect again.",
    "The sender has lost its lines 7 to 9.",
    "The PBX refused QueueStatus (Permission denied): add `reporting` to our user's `write =` line in manager.conf.",
    "The PBX counts 7 items in its answer to QueueStatus, and 6 were understood.",
    "There are more differences than are listed here.",
];

#[test]
fn every_sentence_of_the_daemon_is_said_in_chinese() {
    let from = Some("10.0.0.5".parse().expect("an address"));
    let mut all: Vec<String> = SENTENCES.iter().map(|&sentence| sentence.to_owned()).collect();
    all.extend(ami().iter().flat_map(|failure| [failure.advice("ringback", from), failure.advice("ringback", None)]));
    all.extend(esl().iter().flat_map(|failure| [failure.advice("", from), failure.advice("ringback@pbx", None)]));
    all.extend(ends().iter().map(ToString::to_string));
    let silences = [Silence::Filters, Silence::Overflows];
    all.extend(differences().iter().flat_map(|difference| silences.map(|silence| difference.told(silence))));
    for sentence in &all {
        let said = chinese(sentence).unwrap_or_else(|| panic!("not known: {sentence}"));
        for word in ["the", "no", "is", "was", "event", "lost", "told"] {
            assert!(!said.split(' ').any(|one| one.eq_ignore_ascii_case(word)), "{word:?} is left: {said}");
        }
        let digits = |text: &str| {
            let mut digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
            digits.sort_unstable();
            digits
        };
        assert_eq!(digits(&said), digits(sentence), "{said}");
        assert_eq!(pen(Language::En).said(sentence).text, *sentence);
    }
}

#[test]
fn what_others_said_stays_as_it_is() {
    assert_eq!(chinese("Permission denied"), None);
    assert_eq!(chinese("Our own words: and others."), None, "not taken for a difference and its cause");
    let said = chinese("The PBX refused our login with \"Busy\".").expect("a known sentence");
    assert_eq!(said, "交换机拒绝登录，说 \"Busy\"。");
}

#[test]
fn details_of_events_are_said_by_their_event() {
    let detail = |event: &str, text: &str| pen(Language::ZhCn).detail(event, text).text;
    assert_eq!(detail("member_is", "1001 in support: InUse, paused meal"), "1001 在 support：占用，小休 meal");
    assert_eq!(
        detail("leg_started", "PJSIP/1001 Ringing - Busy Bee → 1001 (a.1)"),
        "PJSIP/1001 振铃 - Busy Bee → 1001 (a.1)"
    );
    assert_eq!(detail("agent_is", "1001 Paused(\"meal\")"), "1001 小休（\"meal\"）");
    assert_eq!(detail("caller_left_queue", "a.1 from support (TimedOut)"), "a.1 离开 support（超时）");
    assert_eq!(detail("dial_ended", "a.1 → a.2 NoAnswer"), "a.1 → a.2 无人接听");
    assert_eq!(detail("leg_named", "a.1 10086 Free"), "a.1 10086 Free", "nothing to say otherwise");
}
