//! Complaints are handled through the pages and the API: what is missing is said, each step as a form and
//! as JSON, whose word a remedy needs, and who reads an assessment.

use axum::body::to_bytes;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::Response;
use daemon::evidence::{check, unpack};
use serde_json::{Value, json as value};

use super::papers::{opened, sent, upload};
use super::{Site, form, get, json, text};

/// A complaint of the agent's, and the sessions of three who have to do with it.
struct Complaint {
    site: Site,
    agent: String,
    boss: String,
    manager: String,
    id: String,
    number: String,
}

impl Complaint {
    async fn open() -> Complaint {
        let site = Site::open().await;
        let [agent, boss, manager] =
            [site.sign_in("agent").await, site.sign_in("supervisor").await, site.sign_in("manager").await];
        let (id, number) = opened(&site, &agent).await;
        Complaint { site, agent, boss, manager, id, number }
    }

    /// To `/api/v1/tickets/NUMBER/WHAT`.
    async fn api(&self, what: &str, body: Value, session: &str) -> Response {
        let path = format!("/api/v1/tickets/{}/{what}", self.number);
        self.site.ask(sent(&path, &body.to_string(), session)).await
    }
    async fn done(&self, what: &str, body: Value, session: &str) -> Value {
        let answer = self.api(what, body.clone(), session).await;
        assert!(answer.status().is_success(), "{what} {body}: {} {}", answer.status(), text(answer).await);
        if answer.status() == StatusCode::NO_CONTENT { Value::Null } else { json(answer).await }
    }
    async fn refused(&self, what: &str, body: Value, session: &str) -> (u16, Value) {
        let answer = self.api(what, body, session).await;
        (answer.status().as_u16(), json(answer).await)
    }
    /// From a form of its page.
    async fn page(&self, what: &str, body: &str, session: &str) -> Response {
        self.site.ask(form(&format!("/tickets/{}/{what}", self.id), body, Some(session))).await
    }
    async fn shown(&self, session: &str) -> String {
        text(self.site.ask(get(&format!("/tickets/{}", self.number), Some(session))).await).await
    }
    async fn whole(&self, session: &str) -> Value {
        json(self.site.ask(get(&format!("/api/v1/tickets/{}", self.number), Some(session))).await).await
    }
    async fn save(&self, body: Value) -> Response {
        let mut request = sent(&format!("/api/v1/tickets/{}", self.number), &body.to_string(), &self.agent);
        *request.method_mut() = axum::http::Method::PUT;
        self.site.ask(request).await
    }
    async fn zip(&self, session: &str) -> Vec<u8> {
        let zip = self.site.ask(get(&format!("/tickets/{}/evidence.zip", self.number), Some(session))).await;
        assert_eq!(zip.status(), StatusCode::OK);
        to_bytes(zip.into_body(), 1 << 24).await.expect("a file").to_vec()
    }
}

#[tokio::test]
async fn a_complaint_goes_from_its_log_to_its_file_and_what_is_missing_is_said_before() {
    let it = Complaint::open().await;
    let before = it.shown(&it.agent).await;
    assert!(before.contains("告知客户处理结果前还缺：<a href=\"#solution\">处理方案</a>"), "{before}");
    assert!(before.contains("归档前还缺") && before.contains("<a href=\"#cause\">原因</a>"), "{before}");
    let by_page = it.page("step", "step=told&how=phone&words=x", &it.agent).await;
    assert_eq!(by_page.status(), StatusCode::CONFLICT);
    assert!(text(by_page).await.contains("处理方案"), "a refusal names what is missing");
    let told = value!({ "step": "told", "how": "phone", "words": "换一台新的" });
    let (status, problem) = it.refused("step", told.clone(), &it.agent).await;
    assert_eq!((status, &problem["code"], &problem["missing"]), (409, &value!("missing"), &value!(["solution"])));

    let found = "what=find&version=0&finding=justified&reason=%E5%A4%8D%E6%A3%80%E4%B8%80%E8%87%B4&cause=%E9%98%80%E7%89%87%E6%B3%84%E6%BC%8F&party=%E5%9F%8E%E8%A5%BF%E7%AB%99&solution=%E6%8D%A2%E6%96%B0%E6%9C%BA&loss=4%2C939.00";
    let to = it.page("handle", found, &it.agent).await;
    assert_eq!(to.status(), StatusCode::SEE_OTHER);
    assert_eq!(to.headers()[LOCATION], *format!("/tickets/{}", it.number));
    it.site.ask(upload(&format!("/tickets/{}/files", it.id), "复检单.png", b"\x89PNG\r\n\x1a\n x", &it.agent)).await;
    let file = it.whole(&it.agent).await["files"][0]["id"].to_string();
    let logged = format!("what=log&words=%E9%87%8D%E6%B5%8B%E5%8E%8B%E5%8A%9B&evidence={file}");
    assert_eq!(it.page("handle", &logged, &it.agent).await.status(), StatusCode::SEE_OTHER);
    let (status, problem) =
        it.refused("handle", value!({ "what": "log", "words": "y", "evidence": [999] }), &it.agent).await;
    assert_eq!((status, &problem["field"]), (422, &value!("evidence")));

    let asked = it.page("handle", "what=propose&kind=refund&sum=1280.50&words=%E6%97%A7%E6%9C%BA", &it.agent).await;
    assert_eq!(asked.status(), StatusCode::SEE_OTHER);
    let whole = it.whole(&it.agent).await;
    let (handling, remedy) = (&whole["handling"], &whole["handling"]["remedies"][0]);
    assert_eq!(whole["state"], "waiting_approval");
    assert_eq!((&remedy["sum_cents"], &remedy["state"]), (&value!(128_050), &value!("requested")));
    assert_eq!(handling["findings"]["loss_cents"], 493_900);
    assert_eq!(handling["log"][0]["evidence"], value!([file.parse::<i64>().expect("an id")]));
    let page = it.shown(&it.agent).await;
    for words in ["退款 1,280.50 元", "等主管或经理审批", "复检单.png", "重测压力", "200 元以内不用审批"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let (status, problem) = it.refused("step", told.clone(), &it.agent).await;
    assert_eq!((status, &problem["missing"]), (409, &value!(["approval"])));
    let id = remedy["id"].as_i64().expect("an id");
    it.done("handle", value!({ "what": "approve", "remedy": id }), &it.boss).await;
    it.done("step", told, &it.agent).await;
    let page = it.shown(&it.agent).await;
    assert_eq!(
        page.matches("已告知客户处理结果（电话）").count(),
        2,
        "beside the remedies and in the timeline: {page}"
    );
    assert_eq!(it.whole(&it.agent).await["state"], "resolved");

    let filed = value!({ "step": "filed", "words": "已退款" });
    let (_, problem) = it.refused("step", filed.clone(), &it.agent).await;
    assert_eq!(problem["missing"], value!(["category", "course"]));
    let version = it.whole(&it.agent).await["version"].clone();
    let saved = it.save(value!({ "version": version, "category": "product_quality", "course": "三次维修" })).await;
    assert_eq!(saved.status(), StatusCode::OK);
    it.done("step", filed, &it.agent).await;
    let whole = it.whole(&it.agent).await;
    assert_eq!(whole["state"], "filed");
    assert_eq!(whole["handling"]["told"]["words"], "换一台新的");
    assert_eq!(whole["handling"]["filed"]["words"], "已退款");
    let page = it.shown(&it.agent).await;
    assert!(page.contains("办结前还缺：<a href=\"#clocks\">回访</a>"), "{page}");
    let (_, problem) = it.refused("step", value!({ "step": "close" }), &it.agent).await;
    assert_eq!(problem["missing"], value!(["return_visit"]));
    // What is filed is there to be read, with the line why, and so it is printed.
    let on_file = "<fieldset class=\"form\" disabled>\n<p class=\"hint f w12\">已归档或办结";
    assert!(
        page.contains("要改请先重新办理</p>\n<fieldset class=\"f w12\" id=\"finding\">")
            && page.contains(on_file)
            && !page.contains("保存结论"),
        "{page}"
    );
    let late = value!({ "what": "find", "version": 1, "cause": "运输" });
    let (status, problem) = it.refused("handle", late, &it.boss).await;
    assert_eq!((status, &problem["missing"]), (409, &value!(["reopened"])));
    let typed = it.page("handle", "what=find&version=1&cause=%E8%BF%90%E8%BE%93", &it.agent).await;
    assert_eq!(typed.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let typed = text(typed).await;
    assert!(
        typed.contains("重新办理") && typed.contains(">运输</textarea>"),
        "what was typed before is not lost: {typed}"
    );
    let back = it.save(value!({ "version": whole["version"], "state": "resolved" })).await;
    assert_eq!(json(back).await["missing"], value!(["reopened"]), "no form takes it out of the file");
    let print = text(it.site.ask(get(&format!("/tickets/{}/print", it.number), Some(&it.agent))).await).await;
    assert!(print.contains("阀片泄漏") && !print.contains("运输"), "{print}");
    let reopened = value!({ "step": "reopen", "why": "又不制冷" });
    it.done("step", reopened, &it.agent).await;
    let page = it.shown(&it.agent).await;
    assert!(page.contains("保存结论") && !page.contains("要改请先重新办理"), "{page}");
    assert_eq!(it.whole(&it.agent).await["state"], "reopened");
}

#[tokio::test]
async fn who_decides_makes_another_kind_of_a_complaint_and_who_does_not_reads_so_before() {
    let it = Complaint::open().await;
    const OTHERS: &str = "name=\"kind\" value=\"consultation\" disabled";
    let page = it.shown(&it.agent).await;
    assert!(page.contains(OTHERS) && page.contains("只能由主管或经理写明原因改为其他类型"), "{page}");
    assert!(page.contains("name=\"kind\" value=\"complaint\" checked>") && !page.contains("id=\"reclass\""), "{page}");
    let desk = text(it.site.ask(get(&format!("/?ticket={}", it.id), Some(&it.agent))).await).await;
    assert!(desk.contains(OTHERS), "{desk}");

    // What was typed into the page as it was before somebody saved it as a complaint.
    let version = it.whole(&it.agent).await["version"].as_i64().expect("a version");
    let typed = format!(
        "version={version}&kind=consultation&category=delivery&priority=urgent&complexity=simple&channel=phone\
         &state=in_progress&course=%E4%B8%89%E6%AC%A1%E7%BB%B4%E4%BF%AE&back=ticket"
    );
    for session in [&it.agent, &it.boss] {
        let refused = it.page("save", &typed, session).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = text(refused).await;
        assert!(page.contains("本单已按投诉保存") && page.contains(">三次维修</textarea>"), "{page}");
        assert!(page.contains("name=\"kind\" value=\"complaint\" checked>"), "saving again is as a complaint: {page}");
    }
    let kept = it.whole(&it.agent).await;
    assert_eq!((&kept["kind"], &kept["course"]), (&value!("complaint"), &value!("")));
    assert!(it.shown(&it.agent).await.contains(">三次维修</textarea>"), "it is kept as a draft");
    let by_script = it.save(value!({ "version": version, "kind": "consultation", "state": "closed" })).await;
    assert_eq!((by_script.status(), &json(by_script).await["code"]), (StatusCode::CONFLICT, &value!("is_complaint")));
    let again = it.page("save", &typed.replace("kind=consultation", "kind=complaint"), &it.agent).await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);

    let slip = value!({ "what": "reclass", "kind": "consultation", "why": "只是问营业时间" });
    assert_eq!(it.refused("handle", slip.clone(), &it.agent).await.0, 403);
    for leader in [&it.boss, &it.manager] {
        assert!(it.shown(leader).await.contains("id=\"reclass\""));
    }
    let mute = value!({ "what": "reclass", "kind": "consultation", "why": "" });
    assert_eq!(it.refused("handle", mute, &it.boss).await.1["field"], "why");
    let none = it.page("handle", "what=reclass&kind=&why=x", &it.manager).await;
    assert_eq!(none.status(), StatusCode::UNPROCESSABLE_ENTITY);
    it.done("handle", slip, &it.manager).await;
    assert_eq!(it.whole(&it.agent).await["kind"], "consultation");
    let page = it.shown(&it.agent).await;
    assert!(page.contains("类型由投诉改为咨询") && page.contains("只是问营业时间") && !page.contains(OTHERS), "{page}");
    let closed = it.done("step", value!({ "step": "close" }), &it.agent).await;
    assert_eq!((closed, &it.whole(&it.agent).await["state"]), (Value::Null, &value!("closed")));
}

#[tokio::test]
async fn a_matter_waits_for_its_customer_goes_on_and_is_withdrawn() {
    let it = Complaint::open().await;
    assert_eq!(it.page("step", "step=wait&reason=", &it.agent).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    it.done("step", value!({ "step": "wait", "reason": "等发票" }), &it.agent).await;
    let page = it.shown(&it.agent).await;
    assert!(page.contains("客户已答复，继续办理") && !page.contains("开始等"), "{page}");
    assert_eq!(it.page("step", "step=go_on", &it.agent).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(it.whole(&it.agent).await["state"], "in_progress");
    assert_eq!(it.page("step", "step=withdrawn&words=%E4%B8%8D%E7%94%A8%E4%BA%86", &it.agent).await.status(), 303);
    let whole = it.whole(&it.agent).await;
    assert_eq!((&whole["state"], &whole["handling"]["told"]["withdrawn"]), (&value!("resolved"), &value!(true)));
}

#[tokio::test]
async fn whose_word_a_remedy_needs_goes_by_its_sum_and_nobody_gives_their_own() {
    let it = Complaint::open().await;
    let propose = |cents: i64| value!({ "what": "propose", "kind": "compensation", "sum_cents": cents, "words": "" });
    let id = |handling: &Value| handling["remedies"].as_array().expect("remedies").last().expect("one")["id"].clone();
    let free = it.done("handle", propose(20_000), &it.agent).await;
    assert_eq!(free["remedies"][0]["state"], "granted");
    let dear = id(&it.done("handle", propose(500_000), &it.agent).await);
    let approve = |id: &Value| value!({ "what": "approve", "remedy": id });
    let (status, problem) = it.refused("handle", approve(&dear), &it.agent).await;
    assert_eq!((status, &problem["code"]), (403, &value!("not_allowed")));
    let (status, problem) = it.refused("handle", approve(&dear), &it.boss).await;
    assert_eq!((status, &problem["code"]), (403, &value!("too_dear")));
    assert!(problem["title"].as_str().is_some_and(|title| title.contains("2,000")), "{problem}");
    let own = id(&it.done("handle", propose(30_000), &it.boss).await);
    assert_eq!(it.refused("handle", approve(&own), &it.boss).await.1["code"], "own_request");

    // Neither waits for the supervisor, both for the manager.
    let waiting = async |session: &str| {
        json(it.site.ask(get("/api/v1/approvals", Some(session))).await).await.as_array().cloned().expect("a list")
    };
    let may = |rows: &[Value]| rows.iter().filter(|row| row["may_decide"] == true).count();
    assert_eq!((waiting(&it.boss).await.len(), may(&waiting(&it.boss).await)), (2, 0));
    assert_eq!(may(&waiting(&it.manager).await), 2);
    let list = text(it.site.ask(get("/approvals", Some(&it.manager))).await).await;
    assert!(list.contains("待您审批 2 项") && list.contains("赔偿 5,000 元") && list.contains(&it.number), "{list}");
    let list = text(it.site.ask(get("/approvals", Some(&it.boss))).await).await;
    assert!(!list.contains("待您审批") && list.contains("等经理审批") && list.contains("由别人审批"), "{list}");
    assert!(!it.shown(&it.boss).await.contains("value=\"refuse\""), "who may not decide has nothing to refuse with");

    let mute = value!({ "what": "refuse", "remedy": dear, "why": " " });
    let (status, problem) = it.refused("handle", mute, &it.manager).await;
    assert_eq!((status, &problem["field"]), (422, &value!("why")));
    assert!(it.shown(&it.manager).await.contains("value=\"refuse\""));
    let refused = it.page("handle", &format!("what=refuse&remedy={dear}&why=%E5%A4%AA%E5%A4%9A"), &it.manager).await;
    assert_eq!(refused.status(), StatusCode::SEE_OTHER);
    assert!(it.shown(&it.agent).await.contains("太多"), "who asked reads why");
    it.done("handle", approve(&own), &it.manager).await;
    assert_eq!(it.refused("handle", approve(&own), &it.manager).await.1["code"], "not_requested");
    assert_eq!(waiting(&it.manager).await.len(), 0);
    assert_eq!(it.whole(&it.agent).await["state"], "in_progress");
    for (sum, field) in [("-1", "sum"), ("12.345", "sum"), ("%E4%B8%80%E7%99%BE", "sum")] {
        let answer = it.page("handle", &format!("what=propose&kind=refund&sum={sum}"), &it.agent).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert!(text(answer).await.contains("1280.50"), "an example says how");
    }
}

#[tokio::test]
async fn of_two_who_write_findings_the_later_sees_both_and_loses_nothing() {
    let it = Complaint::open().await;
    it.done("handle", value!({ "what": "find", "version": 0, "cause": "压缩机", "party": "厂家" }), &it.boss).await;
    let late = "what=find&version=0&finding=partly&cause=%E8%BF%90%E8%BE%93&party=%E5%8E%82%E5%AE%B6&loss=1%2C000";
    let answer = it.page("handle", late, &it.agent).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let page = text(answer).await;
    for words in
        ["supervisor刚改过调查结论", "<td>运输</td><td>压缩机</td>", "<td>1,000</td><td>–</td>", ">运输</textarea>"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("name=\"version\" value=\"1\""), "saving again is saving over what is shown");
    assert_eq!(it.whole(&it.agent).await["handling"]["findings"]["cause"], "压缩机");
    let (status, problem) = it.refused("handle", value!({ "what": "find", "version": 0 }), &it.agent).await;
    assert_eq!((status, &problem["code"], &problem["version"]), (409, &value!("changed"), &value!(1)));
    assert_eq!(it.page("handle", &late.replace("version=0", "version=1"), &it.agent).await.status(), 303);
    assert_eq!(it.whole(&it.agent).await["handling"]["findings"]["cause"], "运输");
    // A sum that is none stays as it was typed, with the word why.
    let wrong = it.page("handle", "what=find&version=2&loss=12e3&cause=x", &it.agent).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(wrong).await;
    assert!(page.contains("value=\"12e3\" aria-invalid") && page.contains("这不是金额"), "{page}");
}

#[tokio::test]
async fn an_assessment_is_told_to_those_who_assess_alone() {
    let it = Complaint::open().await;
    it.done("handle", value!({ "what": "find", "version": 0, "cause": "误判阀片" }), &it.agent).await;
    it.done("handle", value!({ "what": "log", "words": "城西站测压记录" }), &it.agent).await;
    let assess = value!({ "what": "assess", "words": "扣两分" });
    assert_eq!(it.refused("handle", assess.clone(), &it.agent).await.0, 403);
    assert_eq!(it.done("handle", assess, &it.boss).await["assessments"][0]["words"], "扣两分");
    let page = it.shown(&it.agent).await;
    assert!(!page.contains("扣两分") && !page.contains("id=\"assessments\""), "{page}");
    assert!(it.whole(&it.agent).await["handling"].get("assessments").is_none());
    let sought = json(it.site.ask(get("/api/v1/tickets?text=%E6%89%A3", Some(&it.agent))).await).await;
    assert_eq!(sought, value!([]), "a search does not tell of it");
    let printed = format!("/tickets/{}/print", it.number);
    assert!(!text(it.site.ask(get(&printed, Some(&it.agent))).await).await.contains("扣两分"));

    let packed = it.zip(&it.agent).await;
    let checked = check(&packed);
    assert_eq!((checked.findings, checked.hidden), (Vec::<String>::new(), 2), "the fact and the row");
    let files = unpack(&packed).expect("files");
    for (name, bytes) in &files {
        assert!(!String::from_utf8_lossy(bytes).contains("扣两分"), "{name}");
    }
    let index = String::from_utf8_lossy(&files["index.html"]).into_owned();
    assert!(index.contains("误判阀片") && index.contains("城西站测压记录"), "{index}");

    for leader in [&it.boss, &it.manager] {
        assert!(it.shown(leader).await.contains("扣两分"));
        assert_eq!(it.whole(leader).await["handling"]["assessments"][0]["words"], "扣两分");
        assert!(text(it.site.ask(get(&printed, Some(leader))).await).await.contains("扣两分"));
        let packed = it.zip(leader).await;
        assert_eq!(check(&packed).hidden, 0);
        let files = unpack(&packed).expect("files");
        assert!(String::from_utf8_lossy(&files["index.html"]).contains("扣两分"));
    }
}

/// Of two tickets that are one matter: the page, the form, the pack and the list of approvals tell of both.
#[tokio::test]
async fn what_was_found_out_and_asked_for_in_two_is_read_and_decided_in_the_one_that_goes_on() {
    let mut it = Complaint::open().await;
    let find = |cause: &str| value!({ "what": "find", "version": 0, "cause": cause, "loss_cents": 490_000 });
    it.done("handle", find("阀片泄漏"), &it.agent).await;
    let whole = it.number.clone();
    (it.id, it.number) = opened(&it.site, &it.agent).await;
    it.done("handle", find("运输碰撞"), &it.agent).await;
    it.done("handle", value!({ "what": "log", "words": "重测了压力" }), &it.agent).await;
    it.done("handle", value!({ "what": "assess", "words": "扣两分" }), &it.boss).await;
    let asked = value!({ "what": "propose", "kind": "refund", "sum_cents": 500_000, "words": "" });
    let remedy = it.done("handle", asked, &it.agent).await["remedies"][0]["id"].clone();
    it.done("regroup", value!({ "what": "merge", "into": whole }), &it.agent).await;
    let part = std::mem::replace(&mut it.number, whole.clone());

    let answer = it.whole(&it.boss).await;
    assert_eq!((&answer["state"], &answer["handling"]["remedies"][0]["id"]), (&value!("waiting_approval"), &remedy));
    let beside = &answer["handling"]["beside"];
    assert_eq!((beside[0]["number"].as_str(), beside.as_array().map(Vec::len)), (Some(&*part), Some(1)));
    assert_eq!(beside[0]["findings"]["cause"], "运输碰撞");
    let under = format!("并入本单之前，{part} 的调查结论");
    let printed = text(it.site.ask(get(&format!("/tickets/{whole}/print"), Some(&it.boss))).await).await;
    let packed = it.zip(&it.boss).await;
    assert_eq!(check(&packed).findings, Vec::<String>::new());
    let index = String::from_utf8_lossy(&unpack(&packed).expect("files")["index.html"]).into_owned();
    for told in [&it.shown(&it.boss).await, &printed, &index] {
        for words in ["阀片泄漏", "扣两分", &under, "运输碰撞", "退款 5,000 元"] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
    assert!(it.shown(&it.agent).await.contains("重测了压力") && index.contains("重测了压力"));
    let list = text(it.site.ask(get("/approvals", Some(&it.manager))).await).await;
    assert!(list.contains(&whole) && !list.contains(&part), "{list}");
    it.done("handle", value!({ "what": "approve", "remedy": remedy }), &it.manager).await;
    let waiting = json(it.site.ask(get("/api/v1/approvals", Some(&it.manager))).await).await;
    assert_eq!(waiting, value!([]));
    assert_eq!(it.whole(&it.agent).await["state"], "in_progress");
}

#[tokio::test]
async fn what_was_found_out_is_found_by_its_words() {
    let it = Complaint::open().await;
    let version = it.whole(&it.agent).await["version"].clone();
    it.save(value!({ "version": version, "object": { "order": "D2609-088120", "product": "冰箱" } })).await;
    it.done("handle", value!({ "what": "find", "version": 0, "cause": "阀片泄漏" }), &it.agent).await;
    it.done("handle", value!({ "what": "log", "words": "重测了压力" }), &it.agent).await;
    for (sought, place) in [("%E6%B3%84", "handling"), ("%E5%8E%8B%E5%8A%9B", "handling"), ("D2609", "object")] {
        let path = format!("/api/v1/tickets?text={sought}");
        let found = json(it.site.ask(get(&path, Some(&it.agent))).await).await;
        assert_eq!(
            (&found[0]["number"], &found[0]["hits"][0]["place"]),
            (&value!(it.number), &value!(place)),
            "{found}"
        );
    }
    let list = text(it.site.ask(get("/tickets?text=%E6%B3%84", Some(&it.agent))).await).await;
    assert!(list.contains("<mark>泄</mark>"), "{list}");
}

#[tokio::test]
async fn a_script_saves_a_form_and_what_it_leaves_out_stays() {
    let it = Complaint::open().await;
    let version = it.whole(&it.agent).await["version"].as_i64().expect("a version");
    let object = value!({ "product": "BCD-520", "batch": "YX26A07" });
    let body = value!({ "version": version, "priority": "urgent", "course": " 不制冷 ", "object": object });
    let saved = json(it.save(body.clone()).await).await;
    assert_eq!(
        (&saved["priority"], &saved["course"], &saved["kind"]),
        (&value!("urgent"), &value!("不制冷"), &value!("complaint"))
    );
    assert_eq!(saved["object"]["batch"], "YX26A07");
    let again = it.save(body).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let unknown = it.save(value!({ "version": version + 1, "kind": "row" })).await;
    assert_eq!(json(unknown).await["field"], "kind");
    let page = it.shown(&it.agent).await;
    assert!(page.contains("name=\"object_batch\" value=\"YX26A07\""), "{page}");
}

#[tokio::test]
async fn the_register_form_shows_what_is_written_and_masks_what_is_masked() {
    let it = Complaint::open().await;
    let made =
        json(it.site.ask(sent("/api/v1/tickets", r#"{"kind":"complaint","number":"13800135827"}"#, &it.agent)).await)
            .await;
    let number = made["number"].as_str().expect("a number");
    let printed =
        async |session: &str| text(it.site.ask(get(&format!("/tickets/{number}/print"), Some(session))).await).await;
    let page = printed(&it.agent).await;
    assert!(page.contains("客户投诉登记表") && page.contains(number) && page.contains("13800135827"), "{page}");
    assert!(page.contains("<span class=\"box\">部分成立</span>"), "nothing is ticked that nobody found");
    let terms = value!({ "version": 0, "text": "[rights]\nmask_numbers_for = [\"agent\", \"handler\"]\n" });
    let stands = json(it.site.ask(get("/api/v1/policy", Some(&it.manager))).await).await["version"].clone();
    let mut masks =
        sent("/api/v1/policy", &value!({ "version": stands, "text": terms["text"] }).to_string(), &it.manager);
    *masks.method_mut() = axum::http::Method::PUT;
    assert_eq!(it.site.ask(masks).await.status(), StatusCode::OK);
    let page = printed(&it.agent).await;
    assert!(page.contains("138****5827") && !page.contains("13800135827"), "{page}");
    assert_eq!(
        it.site.ask(get(&format!("/tickets/{number}/print"), Some(&it.site.sign_in("handler").await))).await.status(),
        404
    );
}
