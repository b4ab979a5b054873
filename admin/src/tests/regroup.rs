//! Tickets put together and apart, by page and API, and what each of them shows.

use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use daemon::Role;
use serde_json::{Value, json as value};

use super::*;

impl Site {
    async fn api(&self, path: &str, body: Value, session: &str) -> Response {
        let request = request(Method::POST, &format!("/api/v1/tickets{path}"), Some(session));
        let request = request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string()));
        self.ask(request.expect("a request")).await
    }

    /// A new ticket of whoever asks: id and number.
    async fn opens(&self, session: &str) -> (i64, String) {
        let made = json(self.api("", value!({ "kind": "complaint", "channel": "visit" }), session).await).await;
        (made["id"].as_i64().expect("an id"), made["number"].as_str().expect("a number").to_owned())
    }

    async fn shown(&self, number: &str, session: &str) -> (String, Value) {
        let page = text(self.ask(get(&format!("/tickets/{number}"), Some(session))).await).await;
        (page, json(self.ask(get(&format!("/api/v1/tickets/{number}"), Some(session))).await).await)
    }
}

#[tokio::test]
async fn a_ticket_that_is_part_of_another_leads_there_until_that_is_undone() {
    let site = Site::open().await;
    let agent = site.sign_in("agent").await;
    let ((stays, whole), (goes, part)) = (site.opens(&agent).await, site.opens(&agent).await);
    let noted = value!({ "what": "comment", "words": "催过一次" });
    assert_eq!(site.api(&format!("/{part}/papers"), noted, &agent).await.status(), StatusCode::CREATED);
    let nowhere =
        site.api(&format!("/{part}/regroup"), value!({ "what": "merge", "into": "20260101-9999" }), &agent).await;
    assert_eq!(nowhere.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let itself = site.api(&format!("/{part}/regroup"), value!({ "what": "merge", "into": part }), &agent).await;
    assert_eq!(itself.status(), StatusCode::CONFLICT);
    assert_eq!(json(itself).await["code"], "merge_itself");

    let merged =
        site.ask(form(&format!("/tickets/{goes}/regroup"), &format!("what=merge&into={whole}"), Some(&agent))).await;
    assert_eq!(merged.headers()[LOCATION], *format!("/tickets/{whole}"));
    let (page, answer) = site.shown(&whole, &agent).await;
    assert!(page.contains("催过一次") && page.contains(&format!("{part} 并入本单")), "{page}");
    assert_eq!(answer["parts"], value!([part]));
    let id = answer["regroupings"][0]["id"].as_i64().expect("an id");
    let (page, answer) = site.shown(&part, &agent).await;
    assert_eq!(answer["merged_into"], value!(whole));
    assert!(page.contains(&format!("href=\"/tickets/{whole}\">{whole}</a>")), "{page}");
    assert!(!page.contains(&format!("/tickets/{goes}/papers")), "nothing is written there any more");
    let note = site.api(&format!("/{part}/papers"), value!({ "what": "comment", "words": "x" }), &agent).await;
    assert_eq!((note.status(), json(note).await["code"].clone()), (StatusCode::CONFLICT, value!("merged")));
    let found = text(site.ask(get(&format!("/tickets?which=open&text={part}"), Some(&agent))).await).await;
    assert!(found.contains(&format!("href=\"/tickets/{whole}\"")), "{found}");

    // Who has no desk sees it, and has no button for it.
    let manager = site.sign_in("manager").await;
    let (page, _) = site.shown(&whole, &manager).await;
    assert!(page.contains(&part) && !page.contains("value=\"undo\""), "{page}");
    let back = site.api(&format!("/{part}/regroup"), value!({ "what": "undo", "id": id }), &agent).await;
    assert_eq!(json(back).await, value!({ "number": part }));
    assert_eq!(site.shown(&part, &agent).await.1["comments"][0]["words"], "催过一次");
    let again = site.ask(form(&format!("/tickets/{goes}/regroup"), &format!("what=undo&id={id}"), Some(&agent))).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let whose = site.ask(form(&format!("/tickets/{stays}/regroup"), &format!("what=undo&id={id}"), Some(&agent))).await;
    assert_eq!(whose.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_ticked_goes_to_a_new_ticket() {
    let site = Site::open().await;
    site.person("other", Role::Agent).await;
    let agent = site.sign_in("agent").await;
    let (id, number) = site.opens(&agent).await;
    for words in ["one", "two", "three"] {
        site.api(&format!("/{number}/papers"), value!({ "what": "comment", "words": words }), &agent).await;
    }
    let ids: Vec<i64> = site.shown(&number, &agent).await.1["comments"]
        .as_array()
        .expect("notes")
        .iter()
        .map(|note| note["id"].as_i64().expect("an id"))
        .collect();
    let body = format!("what=split&comments={}&comments={}&kind=other", ids[0], ids[2]);
    let other = site.sign_in("other").await;
    let path = format!("/tickets/{id}/regroup");
    assert_eq!(site.ask(form(&path, &body, Some(&other))).await.status(), StatusCode::NOT_FOUND);
    let nothing = site.ask(form(&path, "what=split&kind=other", Some(&agent))).await;
    assert_eq!(nothing.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let to = site.ask(form(&path, &body, Some(&agent))).await.headers()[LOCATION].to_str().expect("a path").to_owned();
    let new = to.strip_prefix("/tickets/").expect("a ticket");
    let words = |answer: &Value| -> Vec<String> {
        let notes = answer["comments"].as_array().expect("notes").iter();
        notes.map(|note| note["words"].as_str().expect("words").to_owned()).collect()
    };
    let (page, answer) = site.shown(new, &agent).await;
    assert_eq!(words(&answer), ["one", "three"]);
    assert_eq!((&answer["kind"], answer["regroupings"][0]["other"].as_str()), (&value!("other"), Some(&*number)));
    assert!(page.contains(&format!("由 {number} 拆出")), "{page}");
    assert_eq!(words(&site.shown(&number, &agent).await.1), ["two"]);
}
