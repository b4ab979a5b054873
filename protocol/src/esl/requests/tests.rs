use proptest::prelude::*;

use super::*;

fn dialling() -> Dialling {
    Dialling { channel: "user/{agent}".into(), context: "default".into(), caller_id: None }
}

fn called(agent: &Extension) -> Option<String> {
    Some(format!("{agent}@default"))
}

fn asked(request: &Request) -> Result<String, Unaskable> {
    command(request, &dialling(), called).map(|command| command.expect("a command"))
}

#[test]
fn a_click_to_call_bears_our_own_id() {
    let to = Dialable::new("+8613600000001").unwrap();
    let request = Request::Originate { agent: "1001".into(), to, leg: "ringback-7".into() };
    let variables = "origination_uuid=ringback-7,originate_timeout=30,ignore_early_media=true,\
                     origination_caller_id_number=1001,origination_caller_id_name=1001";
    let expected = format!("originate {{{variables}}}user/1001 +8613600000001 XML default");
    assert_eq!(asked(&request).unwrap(), expected);

    let dialling = Dialling {
        channel: "[leg_timeout=8]sofia/internal/{agent}@10.0.0.9:5071".into(),
        caller_id: Some("4008001234".into()),
        ..dialling()
    };
    let command = command(&request, &dialling, called).unwrap().unwrap();
    assert!(command.contains("}[leg_timeout=8]sofia/internal/1001@10.0.0.9:5071 +86136"), "{command}");
    assert!(command.contains("origination_caller_id_number=4008001234,"), "{command}");
}

#[test]
fn a_hang_up_and_a_pause_are_one_word_and_a_fixed_status() {
    let leg = "408a0677-3ad3-4d51-a5c1-799d9b24374e";
    assert_eq!(asked(&Request::Hangup { leg: leg.into() }).unwrap(), format!("uuid_kill {leg}"));
    let pause = |paused, queue: Option<&str>| Request::Pause {
        agent: "1001".into(),
        queue: queue.map(Into::into),
        paused,
        reason: "午饭\nx".into(),
    };
    assert_eq!(asked(&pause(true, None)).unwrap(), "callcenter_config agent set status 1001@default 'On Break'");
    assert_eq!(asked(&pause(false, None)).unwrap(), "callcenter_config agent set status 1001@default 'Available'");
    assert_eq!(asked(&pause(true, Some("support"))), Err(Unaskable::OneQueue));
    let nobody = command(&pause(true, None), &dialling(), |_| None);
    assert_eq!(nobody, Err(Unaskable::UnknownAgent("1001".into())));
}

#[test]
fn who_listens_in_is_heard_by_whom_they_choose() {
    let spy = |how| {
        asked(&Request::Spy {
            spy: "2001".into(),
            on: "b-leg".into(),
            agent: "1001".into(),
            how,
            leg: "ringback-8".into(),
        })
        .unwrap()
    };
    let listen = spy(Spying::Listen);
    assert!(listen.starts_with("originate {origination_uuid=ringback-8,"), "{listen}");
    assert!(listen.ends_with(",eavesdrop_enable_dtmf=false}user/2001 &eavesdrop(b-leg)"), "{listen}");
    assert!(!listen.contains("whisper"));
    let whisper = spy(Spying::Whisper);
    assert!(whisper.contains("whisper_bleg=true") && !whisper.contains("whisper_aleg"), "{whisper}");
    let barge = spy(Spying::Barge);
    assert!(barge.contains("whisper_bleg=true") && barge.contains("whisper_aleg=true"), "{barge}");
}

#[test]
fn a_snapshot_is_no_command() {
    for request in [Request::Snapshot, Request::Look] {
        assert_eq!(command(&request, &dialling(), called), Ok(None));
    }
}

#[test]
fn job_ids_look_like_uuids_and_are_never_the_same() {
    let mut ids = JobIds::new(1_795_295_658_734);
    let (first, second) = (ids.next(), ids.next());
    assert_eq!((first.as_str(), second.len()), ("000001a1-fff5-c2ee-8000-000000000001", 36));
    assert_ne!(first, second);
    assert_eq!(JobIds::new(u64::MAX).next().len(), 36);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever people and PBXes call things: exactly one command of exactly these words, with
    /// nothing that a dial string or the dialplan could read otherwise; or a refusal.
    #[test]
    fn nothing_breaks_out_of_its_word(texts in prop::collection::vec(text(), 6), which in 0u8..4, paused: bool, how in 0u8..3) {
        let dialling = Dialling {
            channel: "user/{agent}".into(), context: texts[0].clone(), caller_id: Some(texts[1].clone()),
        };
        let leg: LegId = texts[2].as_str().into();
        let agent: Extension = texts[3].as_str().into();
        let how = [Spying::Listen, Spying::Whisper, Spying::Barge][usize::from(how)];
        let (request, shape): (Request, &[&str]) = match which {
            0 => match Dialable::new(&texts[4]) {
                Ok(to) => (Request::Originate { agent, to, leg }, &["bgapi", "originate", "{", "", "XML", ""]),
                Err(_) => return Ok(()),
            },
            1 => (Request::Hangup { leg }, &["bgapi", "uuid_kill", ""]),
            2 => (
                Request::Pause { agent, queue: None, paused, reason: texts[5].clone() },
                &["bgapi", "callcenter_config", "agent", "set", "status", "", "'"],
            ),
            _ => (
                Request::Spy { spy: agent, on: texts[4].as_str().into(), agent: "1001".into(), how, leg },
                &["bgapi", "originate", "{", "&eavesdrop("],
            ),
        };
        let Ok(Some(command)) = command(&request, &dialling, |_| Some(texts[4].clone())) else { return Ok(()) };
        let mut sent = Vec::new();
        write(&command, "0-1", &mut sent);
        let sent = String::from_utf8(sent).unwrap();
        let lines: Vec<&str> = sent.split('\n').collect();
        prop_assert_eq!(&lines[1..], &["Job-UUID: 0-1", "", ""], "one command and nothing after it");
        let line = lines[0].replace("'On Break'", "'On-Break'");
        let words: Vec<&str> = line.split(' ').collect();
        prop_assert_eq!(words.len(), shape.len(), "{}", line);
        prop_assert!(words.iter().zip(shape).all(|(word, begins)| word.starts_with(begins) && !word.is_empty()));
        // What our own format brings, and no more of it.
        let count = |what: char| line.matches(what).count();
        let (braces, commas, quotes, ampersands) = match which {
            0 => (1, 4, 0, 0),
            3 => (1, 5 + match how { Spying::Listen => 0, Spying::Whisper => 1, Spying::Barge => 2 }, 0, 1),
            2 => (0, 0, 2, 0),
            _ => (0, 0, 0, 0),
        };
        prop_assert_eq!((count('{'), count('}'), count(','), count('\''), count('&')), (braces, braces, commas, quotes, ampersands));
        prop_assert!(line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
        prop_assert!(!line.contains(['$', '|', '[', ']', '"', '\\', ';', '^', ':', '<', '>', '%', '`']));
    }
}

/// Plain names, and texts made of what could end a line or a word or mean something to a dial
/// string.
fn text() -> impl Strategy<Value = String> {
    let parts = [
        "\r",
        "\n",
        "\n\n",
        "\0",
        "\u{85}",
        "\u{2028}",
        "api shutdown",
        ": ",
        "1001",
        "&",
        ",",
        "/",
        "@",
        "${uuid}",
        "王",
        "\t",
        "+",
        " ",
        "{",
        "}",
        "[",
        "]",
        "|",
        "'",
        "\"",
        "^^",
        ":_:",
        "<",
        ">",
        "(",
        ")",
        "\\",
        "=",
        "%0A",
        ";",
    ];
    prop_oneof![
        "[0-9]{1,6}",
        "[0-9]{1,6}",
        "[a-z0-9.-]{1,9}@[a-z.]{1,9}",
        "\\PC{0,12}",
        prop::collection::vec(prop::sample::select(parts.to_vec()), 0..8).prop_map(|parts| parts.concat()),
        Just("x".repeat(2000)),
    ]
}
