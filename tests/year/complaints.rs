//! Stories of complaints: accepted, found out about, made up for, told, filed, visited.

use serde_json::{Value, json};

use super::site::{HE, LIN, LIU, QUALITY, SHEN, Site, ZHOU, local_of};

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
    site.at("2026-05-12 14:00");
    site.finds(HE, &number, "更换电源板");

    site.at("2026-05-12 16:00");
    let for_promise = site.for_owed(&number, "promise");
    let mut call = site.dials(LIN, for_promise);
    site.picks_up(&mut call);
    site.passes(60);
    site.tells(LIN, &number, "电源板已更换,恢复生产").expect("nothing is missing");
    site.talk_and_hang_up(call, 30);
    // Who has the work files it, within a day.
    let clocks = site.clocks(&number);
    assert_eq!(clocks.last().map(String::as_str), Some("filing open 2026-05-13 16:01 he"), "{clocks:?}");
    site.at("2026-05-13 10:00");
    site.steps(HE, &number, json!({ "step": "filed", "words": "更换电源板,客户已恢复生产" }));
    site.at("2026-05-13 15:00");
    site.visits(LIN, &number, json!({ "step": "surveyed", "result": "satisfied", "words": "处理很快" }));
    let told = [
        "2026-05-12 10:15 hand_over offered: he",
        "2026-05-12 10:16 hand_over accepted: lin",
        // Four fifths of the time from 10:15 to 17:00.
        "2026-05-12 15:39 promise reminder: lin",
    ];
    assert_eq!(site.told(&number), [&alarm[..], &told[..]].concat());
    site.archives(&number);
}

/// The whole register form: a department finds out, a refund is dearer than a supervisor may approve, and
/// the customer hears of it only when the manager has.
pub fn a_complaint_with_a_refund(site: &mut Site) {
    const WU: &str = "+8613800138008";
    site.at("2026-06-16 09:30");
    let mut call = site.rings(WU);
    site.answers(&mut call, ZHOU);
    site.at("2026-06-16 09:32");
    let number = site.matter_of(WU);
    let form = [
        ("name", "吴强"),
        ("kind", "complaint"),
        ("category", "product_quality"),
        ("object_product", "电压表 V3"),
        ("object_batch", "B0612"),
        ("course", "三天内两次断电"),
        ("demand", "退款"),
        ("summary", "电压表断电"),
    ];
    site.saves(ZHOU, &number, &form);
    let owed = ["resolution open 2026-06-17 09:30 zhou", "acceptance open 2026-06-17 09:32 zhou"];
    assert_eq!(site.clocks(&number), owed);
    site.at("2026-06-16 09:33");
    site.steps(ZHOU, &number, json!({ "step": "accepted", "at": "2026-06-17T16:00" }));
    site.talk_and_hang_up(call, 60);
    site.at("2026-06-16 09:40");
    let to = format!("department:{QUALITY}");
    site.hands(ZHOU, &number, json!({ "what": "offer", "part": "work", "to": to, "words": "请调查" }));
    site.at("2026-06-16 09:50");
    site.hands(HE, &number, json!({ "what": "accept" }));

    // Without a solution nobody can tell one, and what is not over cannot be closed.
    assert_eq!(site.tells(ZHOU, &number, "退款"), lacks(&["solution"]));
    site.at("2026-06-16 10:30");
    site.handles(HE, &number, json!({ "what": "log", "words": "同批次 3 台复现,电容不良" })).expect("kept");
    site.finds(HE, &number, "退款并召回同批次");
    site.at("2026-06-16 11:00");
    site.proposes(HE, &number, "refund", 350_000, "全额退款");
    assert_eq!(site.ticket(&number)["state"], "waiting_approval");
    assert_eq!(site.tells(ZHOU, &number, "全额退款"), lacks(&["approval"]), "nobody is told of what is not approved");
    // A supervisor decides up to 2,000; above it is the manager's.
    let approve = json!({ "what": "approve", "remedy": site.remedy(&number, "requested") });
    assert_eq!(site.handles(HE, &number, approve.clone()), refused("not_allowed"));
    assert_eq!(site.handles(LIU, &number, approve.clone()), refused("too_dear"));
    site.at("2026-06-16 14:00");
    site.handles(SHEN, &number, approve).expect("approved");
    assert_eq!(site.ticket(&number)["state"], "in_progress");

    site.at("2026-06-17 10:00");
    let for_promise = site.for_owed(&number, "promise");
    let mut call = site.dials(ZHOU, for_promise);
    site.picks_up(&mut call);
    site.passes(60);
    site.tells(ZHOU, &number, "全额退款 3500 元").expect("nothing is missing");
    site.talk_and_hang_up(call, 20);
    let without_visit = lacks(&["filed", "return_visit"]);
    assert_eq!(
        site.gives(ZHOU, &number, json!({ "step": "close" })),
        without_visit,
        "no complaint closes without its visit"
    );
    site.at("2026-06-17 15:00");
    site.steps(HE, &number, json!({ "step": "filed", "words": "已退款,批次召回" }));
    assert_eq!(site.gives(ZHOU, &number, json!({ "step": "close" })), lacks(&["return_visit"]));
    site.at("2026-06-18 10:00");
    site.visits(ZHOU, &number, json!({ "step": "surveyed", "result": "satisfied", "words": "满意" }));

    let clocks = [
        "resolution replaced 2026-06-17 09:30 zhou",
        "acceptance kept 2026-06-17 09:32 zhou",
        "promise kept 2026-06-17 16:00 zhou",
        "hand_over kept 2026-06-16 11:40 he",
        // The promised call was over after ten seconds of talk, and the solution owed until it was told.
        "resolution kept 2026-06-18 10:00:10 zhou",
        "filing kept 2026-06-18 10:01 he",
        "return_visit kept 2026-06-18 15:00 zhou",
    ];
    assert_eq!(site.clocks(&number), clocks);
    let told = [
        "2026-06-16 09:40 hand_over offered: he",
        "2026-06-16 09:50 hand_over accepted: zhou",
        "2026-06-16 11:00 requested: shen",
        "2026-06-16 14:00 approved: he",
        "2026-06-16 14:00 approved: zhou",
        // Four fifths of the time from 9:33 to 16:00 of the next day.
        "2026-06-17 09:54:36 promise reminder: zhou",
    ];
    assert_eq!(site.told(&number), told);
    assert_eq!(site.chain(&number), ["matter zhou talked", "work he accepted"]);
    let visit = site.owed(&number, "return_visit");
    assert_eq!(local_of(&visit["proof"]["started_at"]), "2026-06-18 10:00");
    assert_eq!((&visit["proof"]["agent"], &visit["survey"]["result"]), (&json!("1001"), &json!("satisfied")));
    let steps = [
        "2026-06-16 09:30 Ticket opened",
        "2026-06-16 10:30 同批次 3 台复现",
        "2026-06-16 11:00 Proposed a remedy",
        "2026-06-16 14:00 The remedy was approved",
        "2026-06-17 10:01 The customer was told what came of it",
        "2026-06-17 15:00 Solution and result were filed",
    ];
    site.archives_with(&number, &steps);
}

/// Twice the customer says at the visit that it is not well, and twice the matter is open again.
pub fn one_dissatisfied_twice(site: &mut Site) {
    const ZHENG: &str = "+8613800138009";
    site.at("2026-09-15 14:00");
    let mut call = site.rings(ZHENG);
    site.answers(&mut call, LIN);
    let number = site.matter_of(ZHENG);
    site.at("2026-09-15 14:01");
    let form = [
        ("name", "郑华"),
        ("kind", "complaint"),
        ("category", "service_attitude"),
        ("course", "维修工迟到两小时"),
        ("demand", "道歉"),
        ("summary", "上门迟到"),
    ];
    site.saves(LIN, &number, &form);
    site.finds(LIN, &number, "致歉并改约");
    site.at("2026-09-15 14:05");
    site.tells(LIN, &number, "致歉,明早上门").expect("nothing is missing");
    site.talk_and_hang_up(call, 30);
    site.at("2026-09-15 15:00");
    site.steps(LIN, &number, json!({ "step": "filed", "words": "已致歉" }));

    site.at("2026-09-16 10:00");
    let dissatisfied = json!({ "step": "surveyed", "result": "dissatisfied", "words": "又没来" });
    site.visits(LIN, &number, dissatisfied.clone());
    assert_eq!(site.ticket(&number)["state"], "reopened");
    site.at("2026-09-16 16:00");
    let for_solution = site.for_owed(&number, "resolution");
    let mut call = site.dials(LIN, for_solution);
    site.picks_up(&mut call);
    site.passes(30);
    site.tells(LIN, &number, "今晚上门").expect("nothing is missing");
    site.talk_and_hang_up(call, 10);
    site.at("2026-09-16 16:30");
    site.steps(LIN, &number, json!({ "step": "filed", "words": "当晚上门" }));

    site.at("2026-09-17 10:00");
    site.visits(LIN, &number, dissatisfied);
    // A small sum needs nobody's word.
    site.at("2026-09-17 15:00");
    site.proposes(LIN, &number, "compensation", 15_000, "误工补偿");
    site.remedy(&number, "granted");
    let for_solution = site.for_owed(&number, "resolution");
    let mut call = site.dials(LIN, for_solution);
    site.picks_up(&mut call);
    site.passes(30);
    site.tells(LIN, &number, "补偿 150 元").expect("nothing is missing");
    site.talk_and_hang_up(call, 10);
    site.at("2026-09-17 15:30");
    site.steps(LIN, &number, json!({ "step": "filed", "words": "补偿已付" }));
    site.at("2026-09-18 10:00");
    site.visits(LIN, &number, json!({ "step": "surveyed", "result": "fairly", "words": "可以了" }));

    let clocks = [
        "resolution kept 2026-09-16 14:00 lin",
        "acceptance kept 2026-09-16 14:01 lin",
        "filing kept 2026-09-16 14:05 lin",
        "return_visit kept 2026-09-16 15:00 lin",
        // Since the visits at which it was heard, after half a minute of talk.
        "resolution kept 2026-09-17 10:00:30 lin",
        "filing kept 2026-09-17 16:00:30 lin",
        "return_visit kept 2026-09-17 16:30 lin",
        "resolution kept 2026-09-18 10:00:30 lin",
        "filing kept 2026-09-18 15:00:30 lin",
        "return_visit kept 2026-09-18 15:30 lin",
    ];
    assert_eq!(site.clocks(&number), clocks);
    let told = ["2026-09-16 10:00:30 resolution reopened: liu", "2026-09-17 10:00:30 resolution reopened: liu"];
    assert_eq!(site.told(&number), told);
    site.archives(&number);
}

/// Who wrote does not ask for anything any more. It is filed and visited all the same.
pub fn one_withdrawn(site: &mut Site) {
    const FENG: &str = "+8613800138010";
    site.at("2026-11-03 09:00");
    let came = json!({ "number": FENG, "kind": "complaint", "channel": "web" });
    let number = site.post(ZHOU, "/api/v1/tickets", came)["number"].as_str().expect("a number").to_owned();
    // A first word within ten minutes; accepted and solved within a day.
    let owed = [
        "acceptance open 2026-11-04 09:00 zhou",
        "first_response open 2026-11-03 09:10 zhou",
        "resolution open 2026-11-04 09:00 zhou",
    ];
    assert_eq!(site.clocks(&number), owed);
    site.at("2026-11-03 09:05");
    let for_first = site.for_owed(&number, "first_response");
    let mut call = site.dials(ZHOU, for_first);
    site.picks_up(&mut call);
    site.passes(40);
    site.saves(ZHOU, &number, &[("name", "冯先生"), ("category", "delivery"), ("course", "晚到一天")]);
    site.steps(ZHOU, &number, json!({ "step": "withdrawn", "words": "已收到,不投诉了" }));
    site.hangs_up(call);
    assert_eq!(site.ticket(&number)["state"], "resolved");
    site.at("2026-11-03 09:30");
    let form = lacks(&["finding", "reason", "cause", "party", "solution"]);
    let filed = json!({ "step": "filed", "words": "客户撤回" });
    assert_eq!(site.gives(ZHOU, &number, filed), form, "the form of a complaint is whole");
    site.finds(ZHOU, &number, "客户撤回");
    site.steps(ZHOU, &number, json!({ "step": "filed", "words": "客户撤回" }));
    site.at("2026-11-04 09:00");
    site.visits(ZHOU, &number, json!({ "step": "surveyed", "result": "satisfied", "words": "" }));
    let clocks = [
        "acceptance dropped 2026-11-04 09:00 zhou",
        "first_response kept 2026-11-03 09:10 zhou",
        "resolution dropped 2026-11-04 09:00 zhou",
        "filing kept 2026-11-04 09:05:40 zhou",
        "return_visit kept 2026-11-04 09:30 zhou",
    ];
    assert_eq!(site.clocks(&number), clocks);
    // Four fifths of the day since 9:30.
    assert_eq!(site.told(&number), ["2026-11-04 04:42 return_visit reminder: zhou"]);
    site.archives_with(&number, &["2026-11-03 09:00 Ticket opened", "2026-11-03 09:05:40 The customer withdrew it"]);
}

/// Refused, since that is missing.
fn lacks(missing: &[&str]) -> Result<(), Value> {
    Err(json!(missing))
}

fn refused(code: &str) -> Result<(), Value> {
    Err(json!(code))
}

impl Site {
    /// The customer is told by telephone what came of it.
    fn tells(&mut self, who: &str, number: &str, words: &str) -> Result<(), Value> {
        self.gives(who, number, json!({ "step": "told", "how": "phone", "words": words }))
    }

    fn gives(&mut self, who: &str, number: &str, step: Value) -> Result<(), Value> {
        self.tries(who, &format!("/api/v1/tickets/{number}/step"), step)
    }

    fn handles(&mut self, who: &str, number: &str, handle: Value) -> Result<(), Value> {
        self.tries(who, &format!("/api/v1/tickets/{number}/handle"), handle)
    }

    /// Why it was refused: what is missing, or the code.
    fn tries(&mut self, who: &str, path: &str, body: Value) -> Result<(), Value> {
        match self.tried(who, path, body) {
            None => Ok(()),
            Some(problem) if problem["missing"].is_array() => Err(problem["missing"].clone()),
            Some(problem) => Err(problem["code"].clone()),
        }
    }

    /// What was found out: the customer is right, and why it came to it.
    fn finds(&mut self, who: &str, number: &str, solution: &str) {
        let version = self.ticket(number)["handling"]["version"].clone();
        let findings = json!({
            "what": "find", "version": version, "finding": "justified", "reason": "属实", "cause": "内部原因",
            "party": "本公司", "solution": solution, "loss_cents": null,
        });
        self.handles(who, number, findings).expect("found");
    }

    fn proposes(&mut self, who: &str, number: &str, kind: &str, sum_cents: i64, words: &str) {
        let propose = json!({ "what": "propose", "kind": kind, "sum_cents": sum_cents, "words": words });
        self.handles(who, number, propose).expect("proposed");
    }

    /// The id of the matter's one remedy in that state.
    fn remedy(&mut self, number: &str, state: &str) -> i64 {
        let ticket = self.ticket(number);
        let remedies = ticket["handling"]["remedies"].as_array().expect("remedies").iter();
        let found: Vec<&Value> = remedies.filter(|remedy| remedy["state"] == state).collect();
        let [remedy] = found[..] else { panic!("remedies that are {state}: {ticket}") };
        remedy["id"].as_i64().expect("an id")
    }

    /// The return visit: a call of half a minute, in which the customer says how it is.
    fn visits(&mut self, who: &str, number: &str, said: Value) {
        let for_visit = self.for_owed(number, "return_visit");
        let mut call = self.dials(who, for_visit);
        self.picks_up(&mut call);
        self.passes(30);
        self.steps(who, number, said);
        self.talk_and_hang_up(call, 10);
    }
}
