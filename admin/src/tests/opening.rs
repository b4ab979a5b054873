//! A matter that came otherwise than by a call, by page and API.

use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{Method, StatusCode};
use daemon::desk::command::{Command, CustomerForm, Done, Given};
use daemon::{CustomerId, TicketId};
use serde_json::json as value;

use super::*;

impl Site {
    async fn knows(&self, name: &str, company: &str, number: &str) -> CustomerId {
        let (name, company, numbers) = (name.to_owned(), company.to_owned(), vec![number.to_owned()]);
        let form = CustomerForm { name, company, numbers, ..CustomerForm::default() };
        let command = Command::SaveCustomer { customer: None, ticket: None, form };
        let saved = self.state.commands.give(Given { by: None, command }).await;
        let Ok(Done::Customer(customer)) = saved else { panic!("{saved:?}") };
        customer
    }

    /// What the desk leads to: whose it is, who called, and how it came.
    async fn came(&self, to: &str) -> (Option<CustomerId>, Option<String>, String) {
        let id = to.strip_prefix("/?ticket=").unwrap_or_else(|| panic!("{to}")).parse().expect("an id");
        let found = self.state.reader.ticket(TicketId(id), daemon::PersonId(0)).await.expect("an answer");
        let ticket = found.expect("the ticket").row.ticket;
        let caller = ticket.caller.map(|number| number.as_str().to_owned());
        (ticket.customer, caller, format!("{} {}", ticket.kind.as_str(), ticket.channel.as_str()))
    }
}

#[tokio::test]
async fn who_it_is_from_is_found_by_name_company_or_number_or_left_open() {
    let site = Site::open().await;
    let shen = site.knows("沈国华", "恒泰物业", "13800138000").await;
    let twin = site.knows("沈国安", "海川贸易", "13900139000").await;
    let agent = site.sign_in("agent").await;
    for (text, found) in
        [("沈国华", vec![shen]), ("恒泰", vec![shen]), ("1390013", vec![twin]), ("沈", vec![shen, twin])]
    {
        let query = serde_urlencoded::to_string([("text", text), ("channel", "letter")]).expect("a query");
        let page = text_of(&site, &format!("/tickets/new?{query}"), &agent).await;
        let offered = |id: CustomerId| page.contains(&format!("name=\"customer\" value=\"{id}\""));
        assert_eq!((offered(shen), offered(twin)), (found.contains(&shen), found.contains(&twin)), "{text}");
        let chosen = page.contains(&format!("value=\"{}\" checked><b>", found[0]));
        assert_eq!(chosen, found.len() == 1, "of two none is chosen: {text}");
        assert!(page.contains("value=\"letter\" selected"), "what was chosen stays: {page}");
    }
    let opens = async |body: String| {
        let answer = site.ask(form("/tickets/new", &body, Some(&agent))).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{body}");
        site.came(answer.headers()[LOCATION].to_str().expect("a path")).await
    };
    let named = opens(format!("channel=visit&kind=complaint&customer={shen}&number=")).await;
    assert_eq!(named, (Some(shen), None, "complaint visit".to_owned()));
    let typed = opens("channel=letter&kind=other&customer=&number=139 0013 9000".to_owned()).await;
    assert_eq!(typed, (Some(twin), Some("+8613900139000".to_owned()), "other letter".to_owned()), "whose number it is");
    let open = opens("channel=web&kind=other&customer=&number=".to_owned()).await;
    assert_eq!(open, (None, None, "other web".to_owned()));

    let wrong = site.ask(form("/tickets/new", "channel=web&kind=other&text=沈&number=none", Some(&agent))).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = text(wrong).await;
    assert!(
        wrong.contains("value=\"none\" aria-invalid=\"true\"") && wrong.contains("沈国安"),
        "what was typed stays: {wrong}"
    );
}

#[tokio::test]
async fn a_script_opens_one_for_a_customer() {
    let site = Site::open().await;
    let shen = site.knows("沈国华", "恒泰物业", "13800138000").await;
    let agent = site.sign_in("agent").await;
    let opens = async |body: serde_json::Value| {
        let request = request(Method::POST, "/api/v1/tickets", Some(&agent)).header(CONTENT_TYPE, "application/json");
        site.ask(request.body(Body::from(body.to_string())).expect("a request")).await
    };
    let made = opens(value!({ "customer": shen.0, "channel": "visit", "kind": "complaint" })).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let id = json(made).await["id"].as_i64().expect("an id");
    assert_eq!(site.came(&format!("/?ticket={id}")).await, (Some(shen), None, "complaint visit".to_owned()));
    let nobody = opens(value!({ "customer": 7, "channel": "visit" })).await;
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
}

async fn text_of(site: &Site, path: &str, session: &str) -> String {
    text(site.ask(get(path, Some(session))).await).await
}
