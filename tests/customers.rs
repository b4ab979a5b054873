//! Customers as a file, through the real binary: tried, put in, held while a daemon runs, and out again.

use std::path::Path;
use std::process::Output;

use crate::house::{House, ringback};

fn customers(house: &House, args: &[&str]) -> Output {
    let output = ringback().arg("customers").args(args).arg("--config").arg(house.config()).output();
    output.expect("ringback customers")
}

fn said(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[test]
fn a_file_is_tried_put_in_once_and_comes_out_as_it_went_in() {
    let house = House::new("");
    let put = |path: &Path, how: &[&str]| customers(&house, &[&["import", path.to_str().unwrap()], how].concat());
    let path = house.config().with_file_name("new.csv");
    let gbk =
        b"\xd0\xd5\xc3\xfb,\xb5\xe7\xbb\xb0\n\xd5\xc5\xce\xb0,13800138000\n\xc0\xee\xbe\xb2,+1 650 253 0000\n,x\n";
    std::fs::write(&path, gbk).unwrap();
    // A store is there once something was kept in it.
    drop(house.serve());
    let tried = put(&path, &["--dry-run"]);
    assert_eq!(said(&tried.stdout), "would be 2 new, 0 changed, 0 the same, 1 refused\n", "{tried:?}");
    assert_eq!(tried.status.code(), Some(1));
    let why = said(&tried.stderr);
    assert!(why.contains("new.csv:4: 电话: \"x\" is no phone number; write it as in 13800138000"), "{why}");

    let running = house.serve();
    let held = put(&path, &[]);
    assert!(said(&held.stderr).contains("import on its page"), "{held:?}");
    assert!(put(&path, &["--dry-run"]).stderr.starts_with(path.to_str().unwrap().as_bytes()), "tried all the same");
    drop(running);

    assert_eq!(said(&put(&path, &[]).stdout), "2 new, 0 changed, 0 the same, 1 refused\n");
    assert_eq!(said(&put(&path, &[]).stdout), "0 new, 0 changed, 2 the same, 1 refused\n", "once is as good as twice");
    let exported = customers(&house, &["export"]);
    let all = house.config().with_file_name("all.csv");
    std::fs::write(&all, &exported.stdout).unwrap();
    assert!(said(&exported.stdout).contains(",张伟,'+8613800138000,"), "{exported:?}");
    let again = put(&all, &[]);
    assert!(again.status.success(), "{again:?}");
    assert_eq!(said(&again.stdout), "0 new, 0 changed, 2 the same, 0 refused\n");
}
