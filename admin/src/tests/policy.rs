//! The policy, read and set by page and API.

use daemon::desk::policy::Terms;
use serde_json::{Value, json};

use super::*;
use crate::pen::Pen;
use crate::text::Language;

fn encoded(text: &str) -> String {
    serde_urlencoded::to_string([("text", text)]).expect("a form")
}

fn written(stands: i64, text: &str, what: &str, session: &str) -> Request<Body> {
    form("/policy", &format!("stands={stands}&what={what}&{}", encoded(text)), Some(session))
}

fn put(body: Value, session: &str) -> Request<Body> {
    request(Method::PUT, "/api/v1/policy", Some(session))
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request")
}

#[tokio::test]
async fn a_mistake_is_told_at_its_place_and_the_text_stays() {
    let site = Site::open().await;
    let session = site.sign_in("manager").await;
    let text = "# ours\n[clock.missed_call]\nwithin = \"soon\"\nhours = \"opne\"\n";
    for what in ["check", "save"] {
        let answer = site.ask(written(0, text, what, &session)).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = super::text(answer).await;
        assert!(page.contains("未采用：2 处错误"), "{page}");
        assert!(page.contains("第 3 行第 10 字") && page.contains("第 4 行第 9 字"), "{page}");
        assert!(page.contains("不是时长") && page.contains("是不是 &#34;open&#34;"), "{page}");
        assert!(page.contains("<code class=\"mono\">within = <mark>&#34;soon&#34;</mark></code>"), "{page}");
        assert!(page.contains("# ours"), "what was typed stays");
    }
    assert_eq!(site.state.reader.policy().version, 0, "nothing was changed");
}

#[tokio::test]
async fn what_would_change_is_shown_and_then_set_as_a_version_with_its_writer() {
    let site = Site::open().await;
    let (manager, supervisor) = (site.sign_in("manager").await, site.sign_in("supervisor").await);
    // As a browser sends lines.
    let text = "[clock.missed_call]\r\nwithin = \"20m\"\r\n";
    let tried = super::text(site.ask(written(0, text, "check", &manager)).await).await;
    assert!(tried.contains("会改动 1 项设置") && tried.contains("clock.missed_call.within"), "{tried}");
    assert_eq!(site.state.reader.policy().version, 0, "nothing is in force yet");
    let set = site.ask(written(0, text, "save", &manager)).await;
    assert_eq!((set.status(), set.headers()[LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, "/policy"));
    let read = super::text(site.ask(get("/policy", Some(&supervisor))).await).await;
    assert!(read.contains("within = &#34;20m&#34;") && read.contains("manager"), "{read}");
    assert!(read.contains(" readonly") && !read.contains("value=\"save\""), "a supervisor reads");
    let before = super::text(site.ask(get("/policy?version=0", Some(&manager))).await).await;
    assert!(before.contains("和现行规则有 1 项不同") && before.contains("重新启用第 0 版"), "{before}");
    assert_eq!(site.ask(get("/policy?version=7", Some(&manager))).await.status(), StatusCode::NOT_FOUND);
    let shipped = json(site.ask(get("/api/v1/policy/versions/0", Some(&supervisor))).await).await;
    let again = site.ask(written(1, shipped["text"].as_str().unwrap(), "save", &manager)).await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
    let versions = json(site.ask(get("/api/v1/policy/versions", Some(&supervisor))).await).await;
    let numbers: Vec<_> = versions.as_array().unwrap().iter().map(|v| v["version"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [2, 1, 0]);
    assert!(versions[0]["by"].is_i64() && versions[2]["by"].is_null(), "{versions}");
    assert_eq!(json(site.ask(get("/api/v1/policy", Some(&supervisor))).await).await["version"], 2);
}

#[tokio::test]
async fn who_is_overtaken_is_told_by_whom_and_keeps_what_was_typed() {
    let site = Site::open().await;
    let (manager, admin) = (site.sign_in("manager").await, site.sign_in("admin").await);
    site.ask(written(0, "[clock.filing]\nwithin = \"8h\"\n", "save", &admin)).await;
    let mine = "[callback]\nattempts = 5\n";
    let conflict = site.ask(written(0, mine, "save", &manager)).await;
    assert_eq!(conflict.status(), StatusCode::CONFLICT);
    let page = super::text(conflict).await;
    assert!(page.contains("admin 先启用了第 1 版"), "{page}");
    assert!(page.contains("attempts = 5") && page.contains("name=\"stands\" value=\"1\""), "{page}");
    assert!(page.contains("<td class=\"mono\">clock.filing.within</td>"), "theirs is shown");
    assert!(page.contains("<td class=\"mono\">callback.attempts</td>"), "and mine");
    assert_eq!(site.state.reader.policy().version, 1);
    // Knowingly, over what was shown.
    assert_eq!(site.ask(written(1, mine, "save", &manager)).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(site.state.reader.policy().terms.callback.attempts, 5);

    let late = site.ask(put(json!({ "version": 1, "text": mine }), &admin)).await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
    let late = json(late).await;
    assert_eq!((&late["code"], &late["version"]), (&json!("changed"), &json!(2)));
    assert!(late["by"].is_i64(), "{late}");
    let wrong = site.ask(put(json!({ "version": 2, "text": "[clock]\nmised_call = 3\n" }), &admin)).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = json(wrong).await;
    assert_eq!((&wrong["mistakes"][0]["line"], &wrong["mistakes"][0]["column"]), (&json!(2), &json!(1)));
    let set = json(site.ask(put(json!({ "version": 2, "text": "" }), &admin)).await).await;
    assert_eq!(set, json!({ "version": 3, "years_without_holidays": [] }));
}

/// Each sentence that a text can be refused with.
#[tokio::test]
async fn every_mistake_is_said_in_chinese() {
    let site = Site::open().await;
    let policy = site.state.reader.policy();
    let wrong = [
        "[clock]\nmised_call = 3\nwhat = 1\nacceptance = { within = \"1y\" }",
        "[clock.promise]\nwithin = \"2h\"\nexcept = [{ within = \"2m\" }]",
        "[clock.filing]\nwithin = \"promised\"\nhours = 3\nkinds = 1\nmay_pause = \"yes\"\nexcept = [{ kind = \"other\" }, \
         { within = \"400d\" }, 3]",
        "[ladder]\nreminder_percent = 300\n[notices]\nquiet = \"25:00-26:00\"",
        "[calendar.night]\nmonday = \"08:00-08:00\"\ndates = { \"2026-13-01\" = \"09:00-12:00 11:00-13:00\" }",
        "[calendar.site]\nmonday = \"closed\"\ntuesday = \"closed\"\nwednesday = \"closed\"\nthursday = \"closed\"\n\
         friday = \"closed\"\nsaturday = \"closed\"\nsunday = \"closed\"\nholidays = \"none\"\nyear = { \"2027\" = {} }",
        "[calendar.site]\nholidays = \"own\"\nyear = { \"soon\" = {}, \"2027\" = { off = [\"2027-01-01\", \"2026-01-01\"], \
         work = [\"2027-01-01\"] } }",
        &"#".repeat(70_000),
        "[script.queue.a]\n[script.queue.b]\nsay = \" \"\nnever = [\"\", \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]",
        &format!("[script.category.delivery]\nsay = \"{}\"", "x".repeat(401)),
        "[departments]\n\"\" = \"site\"\n[[responsibility]]\nkind = \"complaint\"",
        "[clock.filing]\nwithin = “30m”\nhours = all\nmay_pause = True\n\u{3000}kinds = []\n// note\nexcept: []\n[ladder",
        "[clock.filing]\nwithin =\nhours == \"all\"\nmay_pause = true\nx = \"1h\" \"2h\"\ny = \"\\d\"\n售后 = \"\\d\"\nkinds = [\"other\" \"other\"]",
        "[]\n[ladder]\nreminder_percent = 080\nreminder_percent = 80\nescalated_after = \"1h\n[spot_check]\npercent = \"\"\"",
        "[clock.filing]\nexcept = [{ class = \"vip\", within = \"1h\" }]\n[customers]\nclasses = [\" \"]",
    ];
    let pen = Pen { language: Language::ZhCn, ..site.state.pen(Language::ZhCn, None) };
    let mut said = std::collections::BTreeSet::new();
    for text in wrong {
        for mistake in Terms::read(text, &policy).expect_err(text) {
            let told = pen.said(&mistake.why);
            assert_eq!(told.language, Language::ZhCn, "not known: {}", mistake.why);
            said.insert(told.text);
        }
    }
    assert!(said.len() >= 47, "{said:#?}");
}

/// Whoever works by the calendar is told that a year's holidays are not known, and who can mend it how.
#[tokio::test]
async fn a_year_without_holidays_is_a_warning_on_every_page_in_metrics_and_status() {
    let site = Site::open().await;
    let (manager, agent) = (site.sign_in("manager").await, site.sign_in("agent").await);
    let quiet = super::text(site.ask(get("/", Some(&agent))).await).await;
    assert!(!quiet.contains("id=\"year-"), "as it ships, no calendar knows of holidays");
    let text = "[calendar.site]\nholidays = \"own\"\n[calendar.\"ni\\\"ght\"]\nholidays = \"none\"\n";
    let tried = super::text(site.ask(written(0, text, "check", &manager)).await).await;
    let year = site.state.pen(Language::En, None).today().year();
    assert!(tried.contains(&format!("{year} 年没有节假日表")), "told before it is in force: {tried}");
    assert_eq!(site.ask(written(0, text, "save", &manager)).await.status(), StatusCode::SEE_OTHER);
    let mark = format!("id=\"year-{year}\"");
    for role in Role::ALL {
        let session = site.sign_in(role.as_str()).await;
        for (method, path, _) in ROUTES.iter().filter(|(method, path, _)| *method == "GET" && !path.contains("{")) {
            let answer = site.ask(get(path, Some(&session))).await;
            let kind =
                answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
            if answer.status() != StatusCode::OK || !kind.starts_with("text/html") || *path == "/sign-in" {
                continue;
            }
            let page = super::text(answer).await;
            assert!(page.contains(&mark), "{method} {path} as {}", role.as_str());
            let mends = page.contains("ringback policy import-calendar");
            assert_eq!(mends, matches!(role, Role::Manager | Role::Admin), "{path} as {}", role.as_str());
            assert_eq!(page.contains("等经理或管理员补上"), !mends, "{path} as {}", role.as_str());
        }
    }
    let failed = super::text(site.ask(get("/nowhere", Some(&agent))).await).await;
    assert!(failed.contains(&mark), "also where a page fails");
    let unknown = json!({ "year": year, "calendars": ["site"] });
    let status = json(site.ask(get("/api/v1/status", Some(&manager))).await).await;
    assert_eq!(status["years_without_holidays"][0], unknown);
    let policy = json(site.ask(get("/api/v1/policy", Some(&manager))).await).await;
    assert_eq!(policy["years_without_holidays"][0], unknown);
    let mut scrape = get("/metrics", None);
    assert_ne!(site.ask(get("/metrics", None)).await.status(), StatusCode::OK, "not for anybody");
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], 4000));
    scrape.extensions_mut().insert(axum::extract::ConnectInfo(here));
    let metrics = super::text(site.ask(scrape).await).await;
    let line = format!("\nringback_holidays_unknown{{year=\"{year}\",calendar=\"site\"}} 1\n");
    assert!(metrics.contains(&line) && metrics.contains("\nringback_policy_version 1\n"), "{metrics}");
}
