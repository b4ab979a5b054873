use std::collections::BTreeSet;

use chrono::DateTime;
use encoding_rs::GB18030;
use serde_json::Value;

use super::*;
use crate::calls::call::Call;
use crate::replay::recording::Kind;

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings")
}

fn told(call: &Call) -> String {
    serde_json::to_string(&replay::to_json(call)).unwrap()
}

/// What is said of a call, with everybody's pseudonym.
fn renamed(call: &Call, pseudonyms: &mut Pseudonyms) -> Value {
    let masked = json::mask(told(call).as_bytes(), &mut Doing::Masking(pseudonyms)).unwrap();
    serde_json::from_slice(&masked).unwrap()
}

#[test]
fn a_masked_recording_has_the_same_calls_of_other_people() {
    let dir = tempfile::tempdir().unwrap();
    let mut pseudonyms = Pseudonyms::new([3; 32]);
    let folders = fs::read_dir(recordings()).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|path| path.is_dir()) {
        let out = dir.path().join(folder.file_name().unwrap());
        let masked = mask_by(std::slice::from_ref(&folder), &out, &mut pseudonyms).unwrap();
        assert_eq!(masked.dropped, Dropped::default(), "{}", folder.display());
        assert!(masked.files.len() > 20);
        for file in masked.files {
            let original = folder.join(file.file_name().unwrap());
            let before: Vec<Value> =
                replay::calls(&original).unwrap().iter().map(|call| renamed(call, &mut pseudonyms)).collect();
            let after: Vec<Value> =
                replay::calls(&file).unwrap().iter().map(|call| serde_json::from_str(&told(call)).unwrap()).collect();
            assert_eq!(after, before, "{}", file.display());
        }
    }
    let (numbers, names) = people(&recordings());
    assert!(numbers.len() > 10 && names.len() > 3, "{numbers:?} {names:?}");
    let mut files = 0;
    each_file(dir.path(), &mut |path, bytes| {
        files += 1;
        let decoded = percent_decoded(bytes);
        for text in [bytes, &decoded] {
            assert!(text.is_ascii(), "{}: all that is no ASCII is somebody's name", path.display());
            for known in &numbers {
                assert!(memchr::memmem::find(text, known.as_bytes()).is_none(), "{}: {known}", path.display());
            }
            for name in &names {
                for form in forms(name) {
                    assert!(memchr::memmem::find(text, &form).is_none(), "{}: {name}", path.display());
                }
            }
        }
    });
    assert!(files > 60, "{files} files");
}

/// Callers as the truths beside the recordings know them, without what may stand before; and names
/// as the lines of the recordings have them.
fn people(folder: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
    each_file(folder, &mut |path, bytes| {
        if path.to_string_lossy().ends_with("truth.json") {
            let truth: Vec<Value> = serde_json::from_slice(bytes).unwrap();
            let said = truth.iter().flat_map(|call| [&call["caller"], &call["to"]]).filter_map(Value::as_str);
            let outside = said.filter(|number| number.len() >= 9 && number.bytes().all(|byte| byte.is_ascii_digit()));
            numbers.extend(outside.map(|number| number[number.len() - 9..].to_owned()));
        } else if path.extension().is_some_and(|extension| extension == "ami") {
            for line in String::from_utf8_lossy(bytes).lines() {
                if let Some((key, name)) = line.split_once("Name: ")
                    && (key.ends_with("CallerID") || key.ends_with("ConnectedLine") || key == "Member")
                    && !["<unknown>", "Anonymous", ""].contains(&name)
                    // A member without a name of its own is called by its interface.
                    && !name.contains('/')
                {
                    names.insert(name.to_owned());
                }
            }
        }
    });
    (numbers, names)
}

/// A name in every way in which it may be written.
fn forms(name: &str) -> Vec<Vec<u8>> {
    let json = name.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", c as u32) });
    let percent =
        name.bytes().map(|b| if b.is_ascii_alphanumeric() { (b as char).into() } else { format!("%{b:02X}") });
    vec![
        name.as_bytes().to_vec(),
        GB18030.encode(name).0.into_owned(),
        json.collect::<String>().into_bytes(),
        percent.collect::<String>().into_bytes(),
    ]
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match hex.filter(|_| first == b'%') {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

fn each_file(folder: &Path, each: &mut impl FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, each) } else { each(&path, &fs::read(&path).unwrap()) }
    }
}

/// A GBK name, a name that Asterisk escapes, addresses, a dial string, and a torn packet.
const HOSTILE: &[u8] = b"Event: Newchannel\r\nChannel: PJSIP/trunk-13800138000-00000001\r\nChannelState: 4\r\n\
CallerIDNum: +8613800138000\r\nCallerIDName: \xCD\xF5\xD0\xA1\xC3\xF7\r\nExten: 4008001234\r\nUniqueid: 1795293548.7\r\n\
Linkedid: 1795293548.7\r\nAppData: PJSIP/013800138000@10.1.2.3:5060,30,\"O'Brien, Pat\"\r\n\
ChanVariable: NOTE=O\\'Brien, Pat \xCD\xF5\xD0\xA1\xC3\xF7\r\n\r\n\
Event: Newstate\r\nUniqueid: 1795293548.7\r\nChannelState: 6\r\nConnectedLineName: O\\'Brien, Pat\r\n\r\n\
13800138000 torn\r\nUniqueid: 1\r\n\r\nEvent: Hangup\r\nUniqueid: 1795293548.7\r\nCause: 16\r\n\r\n";

fn hostile(bytes: &[u8], step: usize) -> (String, Dropped) {
    let mut pseudonyms = Pseudonyms::new([9; 32]);
    let mut learning = Messages::new(Kind::Asterisk);
    learning.pass(bytes, Doing::Learning(&mut pseudonyms));
    let mut messages = Messages::new(Kind::Asterisk);
    let mut out = Vec::new();
    for read in bytes.chunks(step) {
        out.extend(messages.pass(read, Doing::Masking(&mut pseudonyms)));
    }
    messages.torn();
    (String::from_utf8(out).unwrap(), messages.dropped)
}

#[test]
fn any_charset_and_any_place_is_masked_alike() {
    let (masked, dropped) = hostile(HOSTILE, 7);
    for gone in ["3800138", "8001234", "O'Brien", "O\\'Brien", "Pat", "10.1.2.3", "torn"] {
        assert!(!masked.contains(gone), "{gone} in {masked}");
    }
    assert!(masked.is_ascii());
    assert_eq!(dropped.pieces, 1);
    let line = |key: &str| {
        let lines = masked.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).next().unwrap()
    };
    let number = line("CallerIDNum").trim_start_matches("+86").to_owned();
    assert!(number.starts_with("138") && number.len() == 11);
    assert_eq!(line("Channel"), format!("PJSIP/trunk-{number}-00000001"));
    let pat = line("ConnectedLineName");
    assert_eq!(line("AppData"), format!("PJSIP/0{number}@198.18.0.1:5060,30,\"{pat}\""));
    assert_eq!(line("ChanVariable"), format!("NOTE={pat} {}", line("CallerIDName")));
    assert_eq!(line("Uniqueid"), "1795293548.7");
    for step in [1, 3, 64, 10_000] {
        assert_eq!(hostile(HOSTILE, step).0, masked, "in pieces of {step}");
    }
}

#[test]
fn a_masked_capture_is_a_capture() {
    let dir = tempfile::tempdir().unwrap();
    let at = DateTime::from_timestamp_millis(1_795_262_400_000).unwrap();
    let about = About {
        pbx: "hq".into(),
        kind: Kind::Asterisk,
        run: 1,
        nth: 0,
        trunks: vec!["PJSIP/02161234567".into()],
        extensions: Vec::new(),
        region: "CN".into(),
        home_area_code: None,
    };
    // One packet lies in two segments of one run.
    let halves = HOSTILE.split_at(100);
    for (nth, half) in [(0, halves.0), (1, halves.1)] {
        let about = About { nth, ..about.clone() };
        let file = File::create(dir.path().join(format!("{nth}.capture"))).unwrap();
        let mut file = file;
        file.write_all(&about.head().unwrap()).unwrap();
        let mut records = Encoder::new(file, 1).unwrap();
        let mut piece = Piece::default();
        piece.heard(at, half);
        if nth == 1 {
            piece.lost(at, "10.1.2.3:5038 cannot be reached");
        }
        records.write_all(&piece.take()).unwrap();
        records.finish().unwrap();
    }
    let out = dir.path().join("masked");
    let masked = mask(&[dir.path().join("0.capture"), dir.path().join("1.capture")], &out, [9; 32]).unwrap();
    assert_eq!(masked.files.len(), 2);
    assert!(!Segment::open(&masked.files[0]).unwrap().about.trunks[0].contains("61234567"));
    let mut text = Vec::new();
    let mut ends = 0;
    for step in read::recordings(&masked.files).unwrap().remove(0).steps {
        match step.unwrap() {
            Step::Bytes { bytes, .. } => text.extend_from_slice(&bytes),
            Step::Lost => ends += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ends, 1);
    assert_eq!(String::from_utf8(text).unwrap(), hostile(HOSTILE, HOSTILE.len()).0);
    assert!(mask(&[dir.path().join("0.capture")], &out, [9; 32]).is_err(), "nothing is written over");
}

#[test]
fn a_senders_lines_are_masked_and_its_token_is_gone() {
    let lines = "{\"type\":\"hello\",\"version\":1,\"token\":\"s3cret-token\",\"source\":\"a\",\"boot\":\"1\"}\n\
                 {\"type\":\"leg_named\",\"seq\":1,\"at\":\"2026-11-22T02:00:00Z\",\"leg\":\"l1\",\
                 \"number\":\"+8613800138000\",\"name\":\"\\u738b Pat\"}\n{\"torn\": \n";
    let mut pseudonyms = Pseudonyms::new([9; 32]);
    Messages::new(Kind::Native).pass(lines.as_bytes(), Doing::Learning(&mut pseudonyms));
    let mut messages = Messages::new(Kind::Native);
    let masked = String::from_utf8(messages.pass(lines.as_bytes(), Doing::Masking(&mut pseudonyms))).unwrap();
    for gone in ["s3cret", "800138000", "Pat", "738b", "torn"] {
        assert!(!masked.contains(gone), "{gone} in {masked}");
    }
    assert_eq!(messages.dropped.pieces, 1);
    for kept in
        ["\"token\":\"\"", "\"seq\":1", "\"at\":\"2026-11-22T02:00:00Z\"", "\"number\":\"+86138", "\"leg\":\"l1\""]
    {
        assert!(masked.contains(kept), "{kept} in {masked}");
    }
}
