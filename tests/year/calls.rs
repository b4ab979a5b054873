//! Stories of calls: answered, missed, promised, and in vain.

use protocol::event::DialEnd;
use serde_json::json;

use super::site::{LIN, LIU, Site, ZHOU, local_of};

/// Somebody asks when the shop is open, and hears it.
pub fn a_consultation_answered_at_once(site: &mut Site) {
    const WANG: &str = "+8613800138001";
    site.at("2026-01-05 10:00");
    let mut call = site.rings(WANG);
    site.passes(8);
    site.answers(&mut call, ZHOU);
    let number = site.matter_of(WANG);
    assert_eq!(number, "20260105-0001", "the first of its day");
    // A simple matter is to be solved within two hours of the first ring; it is Zhou's, who talks.
    assert_eq!(site.clocks(&number), ["resolution open 2026-01-05 12:00 zhou"]);
    site.passes(60);
    let told = "营业时间 9:00–18:00,已告知";
    site.saves(ZHOU, &number, &[("name", "王芳"), ("category", "information"), ("summary", told), ("state", "closed")]);
    site.talk_and_hang_up(call, 112);

    assert_eq!(site.clocks(&number), ["resolution kept 2026-01-05 12:00 zhou"]);
    assert_eq!(site.proving_call(&number, "resolution"), 1, "the talk in which it was solved stands beside it");
    assert_eq!(site.told(&number), [""; 0], "nobody needed to be told");
    assert_eq!(site.chain(&number), ["matter zhou talked"]);
    let ticket = site.ticket(&number);
    assert_eq!((&ticket["state"], &ticket["customer"]), (&json!("closed"), &json!("王芳")));
    let talked = &ticket["calls"][0];
    assert_eq!((&talked["outcome"], &talked["agent"]), (&json!("answered"), &json!("1001")));
    // From 10:00:08 to 10:03:00.
    assert_eq!(talked["talk_ms"], 172_000);
    let steps = ["2026-01-05 10:00 Ticket opened", "2026-01-05 10:01:08 Saved"];
    site.archives_with(&number, &steps);
}

/// The answer is to be found out; the customer is promised a call for ten the next morning, and gets it.
pub fn one_promised_and_called_back(site: &mut Site) {
    const LI: &str = "+8613800138002";
    site.at("2026-01-14 14:58");
    let mut call = site.rings(LI);
    site.answers(&mut call, LIN);
    let number = site.matter_of(LI);
    site.at("2026-01-14 15:00");
    site.saves(LIN, &number, &[("name", "李建国"), ("summary", "问配件价格")]);
    site.steps(LIN, &number, json!({ "step": "promise", "at": "2026-01-15T10:00" }));
    site.talk_and_hang_up(call, 30);
    // The promise stands in the place of the solution that was owed by 16:58.
    let promised = ["resolution replaced 2026-01-14 16:58 lin", "promise open 2026-01-15 10:00 lin"];
    assert_eq!(site.clocks(&number), promised);

    // Of the 19 hours from 15:00 to 10:00 four fifths are over at 06:12.
    site.at("2026-01-15 09:50");
    let duties = site.get(LIN, "/api/v1/duties");
    assert_eq!(duties.as_array().expect("duties").iter().filter(|owed| owed["kind"] == "promise").count(), 1);
    let for_promise = site.for_owed(&number, "promise");
    let mut call = site.dials(LIN, for_promise.clone());
    assert_eq!(site.refused(LIU, "/api/v1/dial", for_promise), "being_called", "nobody is called by two");
    site.passes(10);
    site.picks_up(&mut call);
    // A talk of less proves nothing yet.
    site.passes(9);
    assert_eq!(site.owed(&number, "promise")["state"], "open");
    site.talk_and_hang_up(call, 36);

    // Ten seconds of talk since 09:50:10. The matter is not over: its solution is owed anew.
    let kept = [promised[0], "promise kept 2026-01-15 10:00 lin", "resolution open 2026-01-15 11:50:20 lin"];
    assert_eq!(site.clocks(&number), kept);
    let promise = site.owed(&number, "promise");
    assert_eq!(site.proving_call(&number, "promise"), 2);
    assert_eq!((&promise["proof"]["agent"], &promise["proof"]["pbx"]), (&json!("1002"), &json!("hq")));
    assert_eq!(local_of(&promise["proof"]["started_at"]), "2026-01-15 09:50");
    site.saves(LIN, &number, &[("summary", "配件 35 元,已告知"), ("state", "closed")]);
    assert_eq!(site.told(&number), ["2026-01-15 06:12 promise reminder: lin"]);
    site.archives_with(
        &number,
        &["2026-01-14 14:58 Ticket opened", "2026-01-15 09:50:20 Promise", "2026-01-15 09:50:55 Saved"],
    );
}

/// A caller is missed at the end of a Friday whose Saturday is worked, and another at the end of that
/// Saturday, before nine days of holidays.
pub fn a_holiday_with_a_make_up_day(site: &mut Site) {
    const FRIDAYS: &str = "+8613800138003";
    const SATURDAYS: &str = "+8613800138004";
    site.at("2026-02-13 17:49");
    let call = site.rings(FRIDAYS);
    site.talk_and_hang_up(call, 60);
    let friday = site.matter_of(FRIDAYS);
    // Half an hour of open hours: ten minutes are left of Friday, twenty come of Saturday the 14th, on
    // which all work. The solution is owed within two hours whatever hours these are.
    let clocks = ["resolution open 2026-02-13 19:49 -", "missed_call open 2026-02-14 09:20 -"];
    assert_eq!(site.clocks(&friday), clocks);
    site.at("2026-02-14 09:16");
    let for_call = site.for_owed(&friday, "missed_call");
    let mut call = site.dials(ZHOU, for_call);
    site.picks_up(&mut call);
    site.talk_and_hang_up(call, 20);
    site.saves(ZHOU, &friday, &[("summary", "问节日发货"), ("state", "closed")]);
    let told = [
        "2026-02-13 19:25 resolution reminder: liu",
        "2026-02-13 19:49 resolution due: liu",
        // Four fifths of the half hour: ten minutes of Friday, fourteen of Saturday.
        "2026-02-14 09:14 missed_call reminder: liu",
    ];
    assert_eq!(site.told(&friday), told, "nobody's is the supervisors'");
    let clocks = ["resolution kept 2026-02-13 19:49 zhou", "missed_call kept 2026-02-14 09:20 zhou"];
    assert_eq!(site.clocks(&friday), clocks);
    site.archives(&friday);

    site.at("2026-02-14 17:49");
    let call = site.rings(SATURDAYS);
    site.talk_and_hang_up(call, 60);
    let saturday = site.matter_of(SATURDAYS);
    // Ten minutes are left of Saturday; the holidays are from the 15th to the 23rd, a Monday.
    let clocks = ["resolution open 2026-02-14 19:49 -", "missed_call open 2026-02-24 09:20 -"];
    assert_eq!(site.clocks(&saturday), clocks);
    site.at("2026-02-20 12:00");
    assert_eq!(site.told(&saturday).iter().filter(|told| told.contains("missed_call")).count(), 0, "all are away");
    site.restarts();
    site.at("2026-02-24 09:16");
    let for_call = site.for_owed(&saturday, "missed_call");
    let mut call = site.dials(LIN, for_call);
    site.picks_up(&mut call);
    site.talk_and_hang_up(call, 20);
    site.saves(LIN, &saturday, &[("summary", "问退货地址"), ("state", "closed")]);
    let told = [
        "2026-02-14 19:25 resolution reminder: liu",
        "2026-02-14 19:49 resolution due: liu",
        "2026-02-15 19:49 resolution escalated: shen",
        "2026-02-24 09:14 missed_call reminder: liu",
    ];
    assert_eq!(site.told(&saturday), told);
    assert_eq!(site.proving_call(&saturday, "missed_call"), 2);
    site.archives(&saturday);
}

/// Nobody takes the call in time; before anybody calls back the caller tries again.
pub fn a_missed_caller_who_calls_again(site: &mut Site) {
    const SUN: &str = "+8613800138005";
    site.at("2026-03-05 11:00");
    let call = site.rings(SUN);
    site.talk_and_hang_up(call, 40);
    let number = site.matter_of(SUN);
    // The callback within half an hour of the end, the solution within two of the ring.
    let clocks = ["resolution open 2026-03-05 13:00 -", "missed_call open 2026-03-05 11:30:40 -"];
    assert_eq!(site.clocks(&number), clocks);
    let anybodys = site.get(ZHOU, "/api/v1/obligations?owner=nobody&kind=missed_call&state=open");
    assert_eq!(anybodys["obligations"].as_array().map(Vec::len), Some(1), "anybody may call back");

    site.at("2026-03-05 11:12");
    let mut call = site.rings(SUN);
    site.passes(5);
    site.answers(&mut call, ZHOU);
    site.passes(10);
    // Who called whom makes no difference; and it is the same matter.
    let clocks = ["resolution open 2026-03-05 13:00 zhou", "missed_call kept 2026-03-05 11:30:40 zhou"];
    assert_eq!(site.clocks(&number), clocks);
    assert_eq!(site.matter_of(SUN), number);
    assert_eq!(site.proving_call(&number, "missed_call"), 2);
    site.saves(ZHOU, &number, &[("name", "孙丽"), ("summary", "查询物流"), ("state", "closed")]);
    site.talk_and_hang_up(call, 30);
    assert_eq!(site.told(&number), [""; 0], "in time");
    let outcomes = ["answered", "abandoned"].map(|outcome| json!(outcome));
    let calls = site.ticket(&number)["calls"].clone();
    let mut found: Vec<_> = calls.as_array().expect("calls").iter().map(|call| call["outcome"].clone()).collect();
    found.sort_by_key(|outcome| outcome.as_str() != Some("answered"));
    assert_eq!(found, outcomes);
    site.archives_with(&number, &["2026-03-05 11:00 Ticket opened", "2026-03-05 11:12:15 Missed call"]);
}

/// Three calls on two days, and nobody picks up.
pub fn one_never_reached(site: &mut Site) {
    const QIAN: &str = "+8613800138006";
    site.at("2026-03-10 15:50");
    let call = site.rings(QIAN);
    site.talk_and_hang_up(call, 60);
    let number = site.matter_of(QIAN);
    for (when, how) in [
        ("2026-03-10 16:00", DialEnd::NoAnswer),
        ("2026-03-10 16:10", DialEnd::Busy),
        ("2026-03-11 09:29", DialEnd::NoAnswer),
    ] {
        site.at(when);
        assert_eq!(site.owed(&number, "missed_call")["state"], "open", "{when}: not given up yet");
        let for_call = site.for_owed(&number, "missed_call");
        let call = site.dials(ZHOU, for_call);
        site.passes(60);
        site.comes_to_nothing(call, how);
    }
    let missed = site.owed(&number, "missed_call");
    assert_eq!((&missed["state"], &missed["proof"]), (&json!("unreachable"), &json!(null)));
    assert_eq!(local_of(&missed["ended"]["at"]), "2026-03-11 09:30");
    let made: Vec<_> = missed["attempts_made"].as_array().expect("attempts").iter().collect();
    let outcomes: Vec<_> = made.iter().map(|made| made["outcome"].as_str().unwrap_or_default()).collect();
    assert_eq!(outcomes, ["no_answer", "busy", "no_answer"]);
    // No call closes it by itself: somebody has the matter, and says so.
    site.at("2026-03-11 09:35");
    site.hands(ZHOU, &number, json!({ "what": "take", "part": "matter" }));
    site.saves(ZHOU, &number, &[("summary", "两天三次未接通"), ("state", "closed")]);
    let clocks = ["resolution kept 2026-03-10 17:50 zhou", "missed_call unreachable 2026-03-10 16:21 -"];
    assert_eq!(site.clocks(&number), clocks);
    let told = [
        "2026-03-10 16:15 missed_call reminder: liu",
        "2026-03-10 16:21 missed_call due: liu",
        "2026-03-10 17:26 resolution reminder: liu",
        "2026-03-10 17:50 resolution due: liu",
    ];
    assert_eq!(site.told(&number), told, "the manager would have heard at 16:21 and 17:50 of the next day");
    let unreached = site.get(LIU, "/api/v1/obligations?kind=missed_call&state=unreachable");
    assert_eq!(unreached["obligations"].as_array().map(Vec::len), Some(1), "of the whole year so far");
    site.archives(&number);
}
