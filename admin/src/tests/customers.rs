//! Customers by page and by API, asked as browsers and scripts ask.

use super::*;

async fn sent(site: &Site, method: Method, path: &str, body: &str, session: &str) -> Response {
    let request = request(method, path, Some(session)).header(CONTENT_TYPE, "application/json");
    site.ask(request.body(Body::from(body.to_owned())).expect("a request")).await
}

async fn added(site: &Site, session: &str, name: &str, numbers: &str) -> serde_json::Value {
    let body = format!("{{\"name\":\"{name}\",\"numbers\":[{numbers}]}}");
    let answer = sent(site, Method::POST, "/api/v1/customers", &body, session).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    json(answer).await
}

#[tokio::test]
async fn a_second_writer_of_a_customer_loses_nothing() {
    let site = Site::open().await;
    let (agent, boss) = (site.sign_in("agent").await, site.sign_in("supervisor").await);
    let id = added(&site, &agent, "Shen", "\"13800138000\"").await["id"].to_string();
    let page = text(site.ask(get(&format!("/customers/{id}"), Some(&agent))).await).await;
    assert!(page.contains("北京市 中国移动"), "{page}");
    let body =
        |name: &str| format!("version=1&name={name}&company=&address=&class=&manager=&note=&numbers=13800138000");
    let path = format!("/customers/{id}/save");
    let saved = site.ask(form(&path, &body("Theirs"), Some(&boss))).await;
    assert_eq!(saved.status(), StatusCode::SEE_OTHER);
    let conflict = site.ask(form(&path, &body("Mine"), Some(&agent))).await;
    assert_eq!(conflict.status(), StatusCode::CONFLICT);
    let page = text(conflict).await;
    assert!(page.contains("value=\"Mine\"") && page.contains("Theirs") && page.contains("supervisor"), "{page}");
    assert!(page.contains("name=\"version\" value=\"2\""), "saving again is saving over it, knowingly");
    let wrong =
        site.ask(form(&path, &body("Mine").replace("13800138000", "none").replace("=1&", "=2&"), Some(&agent))).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(wrong).await.contains("aria-invalid"));
}

#[tokio::test]
async fn customers_are_found_by_name_company_and_part_of_a_number() {
    let site = Site::open().await;
    let agent = site.sign_in("agent").await;
    added(&site, &agent, "张伟", "\"13800138000\",\"010-62345678\"").await;
    added(&site, &agent, "李静", "\"13900139000\"").await;
    for (sought, found) in [("张", 1), ("伟", 1), ("13800138000", 1), ("62345678", 1), ("3800", 1), ("王", 0), ("", 2)]
    {
        let path =
            format!("/api/v1/customers?text={}", sought.bytes().map(|b| format!("%{b:02X}")).collect::<String>());
        let answer = json(site.ask(get(&path, Some(&agent))).await).await;
        assert_eq!(answer["customers"].as_array().map(Vec::len), Some(found), "{sought}: {answer}");
    }
    let on = json(site.ask(get("/api/v1/look-up?number=01062345678", Some(&agent))).await).await;
    assert_eq!(on["number"]["place"]["en"], "Beijing");
    assert_eq!(on["customers"][0]["name"], "张伟");
}

#[tokio::test]
async fn what_is_merged_by_page_is_undone_by_api() {
    let site = Site::open().await;
    let agent = site.sign_in("agent").await;
    let one = added(&site, &agent, "Shen", "\"13800138000\"").await["id"].to_string();
    let two = added(&site, &agent, "Shen twice", "\"13900139000\"").await["id"].to_string();
    let merge = format!("version=1&into={one}&into_version=1");
    let merged = site.ask(form(&format!("/customers/{two}/merge"), &merge, Some(&agent))).await;
    assert_eq!(merged.headers()[LOCATION], format!("/customers/{one}"));
    let old = site.ask(get(&format!("/customers/{two}"), Some(&agent))).await;
    assert_eq!(old.headers()[LOCATION], format!("/customers/{one}"), "an old link leads on");
    let page = text(site.ask(get(&format!("/customers/{one}"), Some(&agent))).await).await;
    let shift = page.split("/shifts/").nth(1).and_then(|rest| rest.split('/').next()).expect("a button").to_owned();
    let undone = sent(&site, Method::POST, &format!("/api/v1/shifts/{shift}/undo"), "", &agent).await;
    assert_eq!(json(undone).await["numbers"][0]["number"], "+8613900139000");
    let again = sent(&site, Method::POST, &format!("/api/v1/shifts/{shift}/undo"), "", &agent).await;
    assert_eq!((again.status(), json(again).await["code"].clone()), (StatusCode::CONFLICT, "undone".into()));
    let split = "version=3&name=Wen&number=%2B8613800138000";
    let split = site.ask(form(&format!("/customers/{one}/split"), split, Some(&agent))).await;
    assert_eq!(split.status(), StatusCode::SEE_OTHER, "{}", text(split).await);
}

#[tokio::test]
async fn a_file_is_tried_put_in_and_comes_out_again() {
    let site = Site::open().await;
    let boss = site.sign_in("supervisor").await;
    let file = "姓名,电话,备注\n张伟,13800138000,=1+1\n李静,没有,\n";
    let tried = json(sent(&site, Method::POST, "/api/v1/customers/import?dry_run=true", file, &boss).await).await;
    assert_eq!((&tried["new"], &tried["refused"]), (&1.into(), &1.into()), "{tried}");
    assert_eq!(tried["lines"][1]["wrong"][0]["column"], "电话");
    let none = json(site.ask(get("/api/v1/customers", Some(&boss))).await).await;
    assert_eq!(none["customers"].as_array().map(Vec::len), Some(0), "the dry run writes nothing");
    let body = format!(
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n{file}\r\n\
         --x\r\nContent-Disposition: form-data; name=\"what\"\r\n\r\nimport\r\n--x--\r\n"
    );
    let put =
        request(Method::POST, "/customers/import", Some(&boss)).header(CONTENT_TYPE, "multipart/form-data; boundary=x");
    let page = text(site.ask(put.body(Body::from(body)).expect("a request")).await).await;
    assert!(page.contains("已导入：新 1，改 0，不变 0，拒 1") && page.contains("不是电话号码"), "{page}");
    let export = text(site.ask(get("/customers/export", Some(&boss))).await).await;
    assert!(export.contains("'+8613800138000") && export.contains("'=1+1"), "{export}");
    let again = json(sent(&site, Method::POST, "/api/v1/customers/import", &export, &boss).await).await;
    assert_eq!((&again["same"], &again["new"], &again["changed"]), (&1.into(), &0.into(), &0.into()), "{again}");
}

#[tokio::test]
async fn who_leads_puts_a_number_on_the_blacklist_and_pages_say_so() {
    let site = Site::open().await;
    let (agent, boss) = (site.sign_in("agent").await, site.sign_in("supervisor").await);
    let id = added(&site, &agent, "Shen", "\"13800138000\"").await["id"].to_string();
    let body = "number=13800138000&reason=threats&until=2099-01-01T00:00";
    assert_eq!(site.ask(form("/blacklist", body, Some(&agent))).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(site.ask(form("/blacklist", body, Some(&boss))).await.status(), StatusCode::SEE_OTHER);
    for path in ["/blacklist", &format!("/customers/{id}")] {
        let page = text(site.ask(get(path, Some(&agent))).await).await;
        assert!(page.contains("threats"), "{path}");
    }
    site.ask(form("/blacklist/off", "number=13800138000", Some(&boss))).await;
    let rows = json(site.ask(get("/api/v1/blacklist", Some(&agent))).await).await;
    assert_eq!(rows, serde_json::json!([]));
}
