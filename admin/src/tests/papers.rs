//! Notes, files and links of tickets through the pages and the API, and what a search shows to whom.

use axum::body::Body;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, Request, StatusCode};

use super::{Site, form, get, json, request, text};

/// A form with one file in it.
pub(super) fn upload(path: &str, name: &str, bytes: &[u8], session: &str) -> Request<Body> {
    let mut body = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    request(Method::POST, path, Some(session))
        .header(CONTENT_TYPE, "multipart/form-data; boundary=edge")
        .body(Body::from(body))
        .expect("a request")
}

pub(super) fn sent(path: &str, body: &str, session: &str) -> Request<Body> {
    request(Method::POST, path, Some(session))
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .expect("a request")
}

/// Id and number of a new ticket of whoever asks.
pub(super) async fn opened(site: &Site, session: &str) -> (String, String) {
    let made =
        json(site.ask(sent("/api/v1/tickets", r#"{"kind":"complaint","channel":"visit"}"#, session)).await).await;
    (made["id"].to_string(), made["number"].as_str().expect("a number").to_owned())
}

#[tokio::test]
async fn a_file_goes_in_by_page_and_api_and_comes_out_to_be_saved() {
    let site = Site::open().await;
    let agent = site.sign_in("agent").await;
    let (id, number) = opened(&site, &agent).await;
    let png = b"\x89PNG\r\n\x1a\n and so on";
    let to = site.ask(upload(&format!("/tickets/{id}/files"), "../冰箱.png", png, &agent)).await;
    assert_eq!(to.headers()[LOCATION], *format!("/tickets/{number}"));
    let by_api = site.ask(upload(&format!("/api/v1/tickets/{number}/files"), "again.png", png, &agent)).await;
    assert_eq!(by_api.status(), StatusCode::CREATED);
    let whole = json(site.ask(get(&format!("/api/v1/tickets/{number}"), Some(&agent))).await).await;
    assert_eq!(whole["files"][1]["name"], "冰箱.png");
    assert_eq!(whole["files"][0]["sha256"], whole["files"][1]["sha256"]);
    let path = format!("/tickets/{id}/files/{}", whole["files"][1]["id"]);
    let page = text(site.ask(get(&format!("/tickets/{number}"), Some(&agent))).await).await;
    assert!(page.contains(&format!("href=\"{path}\"")) && page.contains("附上 冰箱.png"), "{page}");

    let saved = site.ask(get(&path, Some(&agent))).await;
    let head = |name| saved.headers()[name].to_str().expect("a header").to_owned();
    assert_eq!(head(CONTENT_TYPE), "image/png");
    assert_eq!(head(CONTENT_DISPOSITION), "attachment; filename=\"__.png\"; filename*=UTF-8''%E5%86%B0%E7%AE%B1.png");
    assert_eq!(head(X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert!(
        head(CONTENT_SECURITY_POLICY).starts_with("default-src 'none'")
            && head(CONTENT_SECURITY_POLICY).ends_with("sandbox")
    );
    let bytes = axum::body::to_bytes(saved.into_body(), 1 << 20).await.expect("bytes");
    assert_eq!(&bytes[..], png);
    let shown = site.ask(get(&format!("{path}?show=1"), Some(&agent))).await;
    assert!(shown.headers()[CONTENT_DISPOSITION].to_str().expect("a header").starts_with("inline"));

    // Whose ticket it is not gets nothing of it; nor does another ticket's address.
    let handler = site.sign_in("handler").await;
    assert_eq!(site.ask(get(&path, Some(&handler))).await.status(), StatusCode::NOT_FOUND);
    let (other, _) = opened(&site, &agent).await;
    let astray = format!("/tickets/{other}/files/{}", whole["files"][1]["id"]);
    assert_eq!(site.ask(get(&astray, Some(&agent))).await.status(), StatusCode::NOT_FOUND);

    let hash = whole["files"][1]["sha256"].as_str().expect("a hash");
    let on_disk = site._data.path().join("attachments").join(&hash[..2]).join(hash);
    std::fs::write(&on_disk, b"\x89PNG\r\n\x1a\n and so 0n").expect("a damaged file");
    let damaged = site.ask(get(&path, Some(&agent))).await;
    assert_eq!(damaged.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text(damaged).await.contains("和当初附上的不一样"));
}

#[tokio::test]
async fn what_may_not_lie_with_a_ticket_is_refused_with_a_word_why() {
    let site = Site::open().await;
    let agent = site.sign_in("agent").await;
    let (_, number) = opened(&site, &agent).await;
    let path = format!("/api/v1/tickets/{number}/files");
    let large = [b"\x89PNG\r\n\x1a\n".to_vec(), vec![0; 20 * 1024 * 1024]].concat();
    let beyond = vec![b'x'; 22 * 1024 * 1024];
    for (name, bytes, status, code) in [
        ("virus.png", &b"MZ\x90\0"[..], StatusCode::UNSUPPORTED_MEDIA_TYPE, "file_media"),
        ("page.html", b"<html><script>alert(1)</script>", StatusCode::UNSUPPORTED_MEDIA_TYPE, "file_media"),
        ("drawing.svg", b"<svg onload=\"alert(1)\"/>", StatusCode::UNSUPPORTED_MEDIA_TYPE, "file_media"),
        ("large.png", &large, StatusCode::PAYLOAD_TOO_LARGE, "file_large"),
        ("beyond.png", &beyond, StatusCode::PAYLOAD_TOO_LARGE, "file_large"),
        ("", b"", StatusCode::UNPROCESSABLE_ENTITY, "field_missing"),
    ] {
        let answer = site.ask(upload(&path, name, bytes, &agent)).await;
        assert_eq!(answer.status(), status, "{name}");
        assert_eq!(json(answer).await["code"], code, "{name}");
    }
    let whole = json(site.ask(get(&format!("/api/v1/tickets/{number}"), Some(&agent))).await).await;
    assert_eq!(whole["files"], serde_json::json!([]));
}

#[tokio::test]
async fn notes_and_links_by_page_and_api_never_conflict_with_the_form() {
    let site = Site::open().await;
    let (agent, boss) = (site.sign_in("agent").await, site.sign_in("supervisor").await);
    let (id, number) = opened(&site, &agent).await;
    let (_, other) = opened(&site, &agent).await;
    let noted = site
        .ask(form(
            &format!("/tickets/{id}/papers"),
            "what=comment&words=%3Cb%3E%E5%93%81%E8%B4%A8%E9%83%A8%E5%B7%B2%E7%A1%AE%E8%AE%A4",
            Some(&boss),
        ))
        .await;
    assert_eq!(noted.status(), StatusCode::SEE_OTHER);
    let tie = format!(r#"{{"what":"tie","how":"duplicate_of","other":"{other}"}}"#);
    assert_eq!(
        site.ask(sent(&format!("/api/v1/tickets/{number}/papers"), &tie, &agent)).await.status(),
        StatusCode::NO_CONTENT
    );
    // Whoever had the form open meanwhile saves it as if nothing had been.
    let body = "version=1&kind=complaint&category=&priority=normal&complexity=simple&channel=visit&state=in_progress&course=&demand=&summary=x&back=ticket";
    assert_eq!(
        site.ask(form(&format!("/tickets/{id}/save"), body, Some(&agent))).await.status(),
        StatusCode::SEE_OTHER
    );
    let page = text(site.ask(get(&format!("/tickets/{number}"), Some(&agent))).await).await;
    assert!(page.contains("&#60;b&#62;品质部已确认") && page.contains(&other) && page.contains("重复于"), "{page}");
    let whole = json(site.ask(get(&format!("/api/v1/tickets/{number}"), Some(&agent))).await).await;
    assert_eq!(whole["comments"][0]["words"], "<b>品质部已确认");
    assert_eq!(whole["ties"], serde_json::json!([{ "ticket": number, "how": "duplicate_of", "other": other }]));
    let unknown = sent(
        &format!("/api/v1/tickets/{number}/papers"),
        r#"{"what":"tie","how":"related","other":"20200101-0001"}"#,
        &agent,
    );
    assert_eq!(json(site.ask(unknown).await).await["field"], "other");

    // Found by its note, marked, and only by whoever may see it.
    let found = async |session: &str| json(site.ask(get("/api/v1/tickets?text=%E8%B4%A8", Some(session))).await).await;
    let agents = found(&agent).await;
    assert_eq!(agents[0]["number"], *number);
    assert_eq!(agents[0]["hits"][0]["place"], "comment");
    assert_eq!(agents[0]["hits"][0]["pieces"][1], serde_json::json!({ "text": "质", "hit": true }));
    assert_eq!(found(&boss).await.as_array().map(Vec::len), Some(1));
    assert_eq!(found(&site.sign_in("handler").await).await, serde_json::json!([]));
    let list = text(site.ask(get("/tickets?text=%E8%B4%A8", Some(&agent))).await).await;
    assert!(list.contains("品<mark>质</mark>部"), "{list}");
}
