//! A story of whose a matter is.

use serde_json::json;

use super::site::{LIN, QUALITY, SONG, Site, ZHOU};

/// Who talked first has the matter. A colleague will not have it; a department lets the work on it lie,
/// and does it after all.
pub fn a_hand_over_refused(site: &mut Site) {
    const ZHAO: &str = "+8613800138007";
    site.at("2026-04-08 10:00");
    let mut call = site.rings(ZHAO);
    site.answers(&mut call, ZHOU);
    site.passes(60);
    let number = site.matter_of(ZHAO);
    site.saves(ZHOU, &number, &[("name", "赵敏"), ("complexity", "complex"), ("summary", "设备参数")]);
    site.talk_and_hang_up(call, 30);

    site.at("2026-04-08 10:05");
    let to = site.person(LIN);
    site.hands(ZHOU, &number, json!({ "what": "offer", "part": "matter", "to": to, "words": "你更熟" }));
    // Two hours of open hours to accept; until then it is Zhou's.
    let offered = ["resolution open 2026-04-09 10:00 zhou", "hand_over open 2026-04-08 12:05 lin"];
    assert_eq!(site.clocks(&number), offered);
    site.at("2026-04-08 10:20");
    site.hands(LIN, &number, json!({ "what": "refuse", "words": "不是我的产品" }));
    let path = format!("/api/v1/tickets/{number}/hand");
    assert_eq!(site.refused(LIN, &path, json!({ "what": "accept" })), "not_found", "it is nothing of Lin's any more");

    site.at("2026-04-08 10:30");
    let to = format!("department:{QUALITY}");
    let offer = json!({ "what": "offer", "part": "work", "to": to, "words": "请核对参数" });
    site.hands(ZHOU, &number, offer.clone());
    // Nobody there answers. Four fifths of the two hours are over at 12:06; at 12:30 it lapses.
    site.at("2026-04-08 14:00");
    site.hands(ZHOU, &number, offer);
    site.at("2026-04-08 14:10");
    site.hands(SONG, &number, json!({ "what": "accept" }));

    let told = [
        "2026-04-08 10:05 hand_over offered: lin",
        "2026-04-08 10:20 hand_over refused: zhou",
        "2026-04-08 10:30 hand_over offered: he",
        "2026-04-08 12:06 hand_over reminder: he",
        "2026-04-08 12:30 hand_over due: he",
        "2026-04-08 12:30 hand_over due: liu",
        "2026-04-08 12:30 hand_over lapsed: zhou",
        "2026-04-08 14:00 hand_over offered: he",
        "2026-04-08 14:10 hand_over accepted: zhou",
    ];
    assert_eq!(site.told(&number), told);
    // The work is Song's; who answers to the customer is Zhou, all along.
    assert_eq!(site.chain(&number), ["matter zhou talked", "work song accepted"]);

    site.at("2026-04-08 15:00");
    let ticket = site.ticket(&number);
    assert_eq!(ticket["department"], QUALITY);
    let mut call = site.dials(ZHOU, json!({ "ticket": ticket["id"] }));
    site.picks_up(&mut call);
    site.talk_and_hang_up(call, 60);
    site.saves(ZHOU, &number, &[("summary", "参数已核对并告知"), ("state", "closed")]);
    let clocks = [
        "resolution kept 2026-04-09 10:00 zhou",
        "hand_over kept 2026-04-08 12:05 lin",
        "hand_over dropped 2026-04-08 12:30 he",
        "hand_over kept 2026-04-08 16:00 he",
    ];
    assert_eq!(site.clocks(&number), clocks);
    assert_eq!(site.proving_call(&number, "resolution"), 2);
    site.archives(&number);
}
