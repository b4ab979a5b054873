//! Stories of complaints.

use serde_json::json;

use super::site::{HE, LIN, QUALITY, SHEN, Site};

/// A key customer's line stands still: whoever leads and whoever answers for it hear at once, before
/// there is a form.
pub fn an_urgent_one(site: &mut Site) {
    const HUADONG: &str = "+862162551234";
    site.at("2026-05-12 09:00");
    let manager = site.id(SHEN);
    let key = json!({ "name": "陈经理", "company": "华东仪器", "key_customer": true, "manager": manager, "numbers": [HUADONG] });
    site.post(LIN, "/api/v1/customers", key);
    site.at("2026-05-12 09:30");
    let mut call = site.rings(HUADONG);
    site.answers(&mut call, LIN);
    site.passes(25);
    let number = site.matter_of(HUADONG);
    let urgent = [("kind", "complaint"), ("category", "product_quality"), ("priority", "urgent")];
    site.saves(LIN, &number, &urgent);
    let alarm =
        ["2026-05-12 09:30:25 complaint: shen", "2026-05-12 09:30:25 urgent: he", "2026-05-12 09:30:25 urgent: liu"];
    assert_eq!(site.told(&number), alarm);
    // A complaint is solved within a day of the first ring, and accepted within a day of becoming one.
    let clocks = ["resolution open 2026-05-13 09:30 lin", "acceptance open 2026-05-13 09:30:25 lin"];
    assert_eq!(site.clocks(&number), clocks);
    assert_eq!(site.ticket(&number)["department"], QUALITY);

    // The form comes later; nobody is told of it twice.
    site.at("2026-05-12 10:10");
    let form = [("course", "整线停机,电源板冒烟"), ("demand", "当天恢复"), ("summary", "电源板故障")];
    site.saves(LIN, &number, &form);
    site.hangs_up(call);
    site.at("2026-05-12 10:15");
    site.steps(LIN, &number, json!({ "step": "accepted", "at": "2026-05-12T17:00" }));
    let to = format!("department:{QUALITY}");
    site.hands(LIN, &number, json!({ "what": "offer", "part": "work", "to": to, "words": "请立即处理" }));
    site.passes(60);
    site.hands(HE, &number, json!({ "what": "accept" }));
    let clocks = [
        "resolution replaced 2026-05-13 09:30 lin",
        "acceptance kept 2026-05-13 09:30:25 lin",
        "hand_over kept 2026-05-12 12:15 he",
        "promise open 2026-05-12 17:00 lin",
    ];
    assert_eq!(site.clocks(&number), clocks);

    site.at("2026-05-12 16:00");
    let for_promise = site.for_owed(&number, "promise");
    let mut call = site.dials(LIN, for_promise);
    site.picks_up(&mut call);
    site.passes(60);
    site.saves(LIN, &number, &[("state", "resolved")]);
    site.talk_and_hang_up(call, 30);
    // Who has the work files it, within a day.
    let clocks = site.clocks(&number);
    assert_eq!(clocks.last().map(String::as_str), Some("filing open 2026-05-13 16:01 he"), "{clocks:?}");
    site.at("2026-05-13 10:00");
    site.steps(HE, &number, json!({ "step": "filed", "words": "更换电源板,客户已恢复生产" }));
    site.at("2026-05-13 15:00");
    let for_visit = site.for_owed(&number, "return_visit");
    let mut call = site.dials(LIN, for_visit);
    site.picks_up(&mut call);
    site.passes(40);
    site.steps(LIN, &number, json!({ "step": "surveyed", "result": "satisfied", "words": "处理很快" }));
    site.talk_and_hang_up(call, 10);
    site.saves(LIN, &number, &[("state", "closed")]);
    let told = [
        "2026-05-12 10:15 hand_over offered: he",
        "2026-05-12 10:16 hand_over accepted: lin",
        // Four fifths of the time from 10:15 to 17:00.
        "2026-05-12 15:39 promise reminder: lin",
    ];
    assert_eq!(site.told(&number), [&alarm[..], &told[..]].concat());
    site.archives(&number);
}
