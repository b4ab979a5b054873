use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chrono::DateTime;

use super::*;
use crate::config::Capture;
use crate::replay::recording::{Arrival, Kind, Step};

const HQ: &str = "hq";

fn about() -> About {
    About {
        pbx: HQ.into(),
        kind: Kind::Asterisk,
        run: 0,
        nth: 0,
        trunks: vec!["PJSIP/trunk*".into()],
        extensions: Vec::new(),
        region: "CN".into(),
        home_area_code: Some("010".into()),
    }
}

/// So many milliseconds after noon.
fn at(ms: i64) -> Time {
    DateTime::from_timestamp_millis(1_795_262_400_000 + ms).unwrap()
}

fn shelf(folder: &Path, now: Time) -> Shelf {
    let limits = Capture { enabled: true, days: 7, max_mb: 16 };
    Shelf::new(folder.to_owned(), &limits, [(HQ.into(), about())].into(), now).leaving(0)
}

fn heard(ms: i64, text: &[u8]) -> Vec<u8> {
    let mut piece = Piece::default();
    piece.heard(at(ms), text);
    piece.take()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = shelf::segments(folder).into_iter().map(|(_, path, _)| path).collect();
    files.sort();
    files
}

fn steps(files: &[PathBuf]) -> Vec<Step> {
    let recordings = read::recordings(files).unwrap();
    recordings.into_iter().flat_map(|recording| recording.steps).map(|step| step.unwrap()).collect()
}

fn bytes(ms: i64, text: &'static [u8]) -> Step {
    Step::Bytes { at: Arrival::At(at(ms)), bytes: Bytes::from_static(text) }
}

/// All bytes of the steps, and how often something was missing.
fn told(steps: &[Step]) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    for step in steps {
        if let Step::Bytes { bytes, .. } = step {
            text.extend_from_slice(bytes);
        }
    }
    (text, steps.iter().filter(|step| **step == Step::Missing).count())
}

#[test]
fn what_came_is_read_again_with_its_times_over_hours_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("capture");
    let mut first = shelf(&folder, at(0));
    let mut piece = Piece::default();
    piece.connected(at(10));
    piece.heard(at(11), b"Asterisk Call Manager/11.0.0\r\n");
    // The clock was set back.
    piece.heard(at(5), b"Event: \xCD\xF5\r\n\r\n");
    first.keep(&HQ.into(), &piece.take(), at(12));
    first.tick(at(3_700_000));
    first.keep(&HQ.into(), &heard(3_700_100, b"more"), at(3_700_100));
    first.close();
    let mut second = shelf(&folder, at(3_800_000));
    let mut piece = Piece::default();
    piece.connected(at(3_800_000));
    piece.lost(at(3_800_001), "no");
    second.keep(&HQ.into(), &piece.take(), at(3_800_002));
    second.close();

    let files = files(&folder);
    assert_eq!(files.len(), 3, "{files:?}");
    let expected = [
        Step::Connected,
        bytes(11, b"Asterisk Call Manager/11.0.0\r\n"),
        bytes(5, b"Event: \xCD\xF5\r\n\r\n"),
        bytes(3_700_100, b"more"),
        Step::Lost,
        Step::Connected,
        Step::Lost,
    ];
    assert_eq!(steps(&files), expected);
    let recording = read::recordings(&files).unwrap().remove(0);
    assert_eq!((recording.pbx.as_str(), recording.kind), (HQ, Kind::Asterisk));
    assert_eq!(recording.dialplan, about().dialplan());
    for (path, mode) in [(&files[0], 0o600), (&folder.join(HQ), 0o700), (&folder, 0o700)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
    }
    let missing = [files[0].clone(), files[2].clone()];
    assert_eq!(told(&steps(&missing)).1, 0, "another run is no gap, but an end");
}

#[test]
fn a_segment_cut_anywhere_is_read_up_to_what_was_written_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut shelf = shelf(dir.path(), at(0));
    let mut whole = Vec::new();
    let mut written = Vec::new();
    for nth in 0..20 {
        let text = format!("Event: Number{nth}\r\nUniqueid: {}\r\n\r\n", nth * 7919);
        whole.extend_from_slice(text.as_bytes());
        shelf.keep(&HQ.into(), &heard(nth * 2000, text.as_bytes()), at(nth * 2000));
        shelf.tick(at(nth * 2000 + 1500));
        let size = fs::metadata(&files(dir.path())[0]).unwrap().len();
        written.push((size, whole.len()));
    }
    // Killed: nothing is finished.
    std::mem::forget(shelf);
    let path = files(dir.path()).remove(0);
    let all = fs::read(&path).unwrap();
    let cut = dir.path().join("cut.capture");
    for end in (0..=all.len()).rev() {
        fs::write(&cut, &all[..end]).unwrap();
        let Ok(segment) = segment::Segment::open(&cut) else {
            assert!(end < about().head().unwrap().len() + 20, "cut at {end}");
            continue;
        };
        let mut text = Vec::new();
        for (_, record) in segment {
            let segment::Record::Heard(bytes) = record else { panic!("{record:?}") };
            text.extend_from_slice(&bytes);
        }
        assert!(whole.starts_with(&text), "cut at {end}");
        let least = written.iter().rev().find(|(size, _)| *size <= end as u64).map_or(0, |(_, length)| *length);
        assert!(text.len() >= least, "cut at {end}: {} bytes of {least}", text.len());
    }
}

#[test]
fn the_oldest_go_by_age_and_by_size() {
    let dir = tempfile::tempdir().unwrap();
    let day = 24 * 3_600_000;
    for nth in 0..10 {
        let mut shelf = shelf(dir.path(), at(nth * day));
        shelf.tidy(at(nth * day));
        shelf.keep(&HQ.into(), &heard(nth * day, b"x"), at(nth * day));
        shelf.close();
    }
    assert_eq!(files(dir.path()).len(), 8, "today's, and those of seven days");

    // 16 MB are allowed, a quarter of which the open one may take.
    let mut shelf = shelf(dir.path(), at(10 * day));
    let mut noise = vec![0; 1 << 20];
    for nth in 0..40 {
        rand::RngCore::fill_bytes(&mut rand::rng(), &mut noise);
        shelf.keep(&HQ.into(), &heard(10 * day + nth, &noise), at(10 * day + nth));
        shelf.tick(at(10 * day + nth));
    }
    shelf.close();
    let kept: u64 = shelf::segments(dir.path()).iter().map(|(_, _, bytes)| bytes).sum();
    assert!((8 << 20..=16 << 20).contains(&kept), "{kept} bytes");
    assert!(files(dir.path()).len() <= 5);
}

#[test]
fn a_disk_that_refuses_costs_a_gap_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("capture");
    let mut shelf = shelf(&folder, at(0));
    shelf.keep(&HQ.into(), &heard(0, b"before"), at(0));
    fs::rename(&folder, dir.path().join("away")).unwrap();
    fs::write(&folder, "not a folder").unwrap();
    shelf.tick(at(3_600_000));
    for second in 0..90 {
        shelf.keep(&HQ.into(), &heard(second * 1000, b"lost"), at(3_600_001 + second * 1000));
    }
    fs::remove_file(&folder).unwrap();
    fs::rename(dir.path().join("away"), &folder).unwrap();
    let later = 3_800_000;
    shelf.keep(&HQ.into(), &heard(later, b"after"), at(later));
    shelf.close();
    assert_eq!(steps(&files(&folder)), [bytes(0, b"before"), Step::Missing, bytes(later, b"after")]);

    let mut full = self::shelf(&dir.path().join("full"), at(0)).leaving(u64::MAX);
    full.keep(&HQ.into(), &heard(0, b"x"), at(0));
    assert_eq!(files(&dir.path().join("full")), [] as [PathBuf; 0], "room is left to others");
}

#[test]
fn a_link_never_waits_for_the_disk_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let (to, pieces) = sync_channel(2);
    let mut tap = Tap::new(HQ.into(), to);
    let mut sent = Vec::new();
    // Nobody takes anything; then somebody does.
    for nth in 0..2000_i64 {
        let text = format!("Event: Number{nth:>1000}\r\n\r\n");
        tap.heard(at(nth), text.as_bytes());
        sent.extend_from_slice(text.as_bytes());
    }
    let mut shelf = shelf(dir.path(), at(0));
    let mut take = || pieces.try_iter().for_each(|(pbx, piece)| shelf.keep(&pbx, &piece, at(3000)));
    take();
    tap.tick();
    tap.heard(at(3000), b"Event: Later\r\n\r\n");
    drop(tap);
    take();
    shelf.close();
    let (text, gaps) = told(&steps(&files(dir.path())));
    assert_eq!(gaps, 1);
    let (before, after) = text.split_at(text.len() - b"Event: Later\r\n\r\n".len());
    assert!(sent.starts_with(before) && before.len() >= 2 * PIECE, "{} bytes", before.len());
    assert_eq!(after, b"Event: Later\r\n\r\n");
}
