//! Reports: each figure opens as many as it says, and a file of them holds no formula.

use axum::http::StatusCode;
use daemon::desk::command::{Command, Step, TicketForm};
use daemon::desk::handling::Handle;
use daemon::desk::ownership::{Hand, Part, Receiver};
use daemon::desk::ticket::{Channel, Complexity, Kind, Object, Priority, Satisfaction, TicketState};
use daemon::{PersonId, Role};

use super::*;

/// Addresses of links in a page, with the number that each shows.
fn figures(page: &str) -> Vec<(String, usize)> {
    let links = page.split("<a href=\"").skip(1).filter_map(|rest| {
        let (href, rest) = rest.split_once('"')?;
        let (text, _) = rest.strip_prefix('>')?.split_once("</a>")?;
        Some((href.replace("&#38;", "&"), text.parse().ok()?))
    });
    links.filter(|(href, _)| href.starts_with("/reports/")).collect()
}

fn rows(list: &str) -> usize {
    list.matches("<tr><td class=\"nowrap\"><a class=\"num\" href=\"/tickets/").count()
}

#[tokio::test]
async fn each_figure_of_ownership_opens_as_many_as_it_says() {
    let site = Site::open().await;
    let other = site.person("other", Role::Agent).await;
    let (agent, boss) = (site.id("agent").await, site.id("supervisor").await);
    let offer = || Hand::Offer { part: Part::Matter, to: Receiver::Person(other), words: "=SUM(A1:A9)".to_owned() };
    let mut numbers = Vec::new();
    for nth in 0..3 {
        let (ticket, number, _) = site.matter(agent).await;
        numbers.push(number);
        site.given(agent, Command::Hand(ticket, offer())).await;
        match nth {
            0 => {
                let why = "不是我的区域".to_owned();
                site.given(other, Command::Hand(ticket, Hand::Refuse { why })).await;
                site.given(agent, Command::Hand(ticket, offer())).await;
                site.given(other, Command::Hand(ticket, Hand::Accept)).await;
            }
            1 => {
                let to = Receiver::Person(agent);
                let words = String::new();
                site.given(boss, Command::Hand(ticket, Hand::Assign { part: Part::Matter, to, words })).await;
            }
            _ => {}
        }
    }
    let session = site.sign_in("supervisor").await;
    let page = text(site.ask(get("/reports/ownership", Some(&session))).await).await;
    assert!(page.contains("不是我的区域"), "why it was refused stands there: {page}");
    let figures = figures(&page);
    let mut seen: Vec<usize> = figures.iter().map(|(_, count)| *count).collect();
    seen.sort_unstable();
    // From the agent to the other four times: accepted, refused, taken back, waiting; one by a supervisor's
    // word; two matters once, one twice; one offer waits.
    assert!(seen.contains(&4) && figures.len() >= 9, "{figures:?}");
    for (href, count) in &figures {
        let list = text(site.ask(get(href, Some(&session))).await).await;
        assert_eq!(rows(&list), *count, "{href}");
    }
    for (query, status) in [("show=nothing", 400), ("show=passes&part=half", 400), ("show=idle&owner=x", 400)] {
        let answer = site.ask(get(&format!("/reports/ownership?{query}"), Some(&session))).await;
        assert_eq!(answer.status().as_u16(), status, "{query}");
    }

    let file = site.ask(get("/reports/ownership.csv", Some(&session))).await;
    assert_eq!(file.headers()[CONTENT_TYPE], "text/csv; charset=utf-8");
    let file = text(file).await;
    assert_eq!(file.lines().count(), 1 + 5, "{file}");
    assert!(file.contains(",'=SUM(A1:A9),") && !file.contains(",=SUM"), "{file}");

    let (from, to) = ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    let asked = format!("/api/v1/ownership?from={from}&to={to}");
    let report = json(site.ask(get(&asked, Some(&session))).await).await;
    assert_eq!(report["matters"], 3, "{report}");
    assert_eq!(report["times"], serde_json::json!([{ "of": 1, "matters": 1 }, { "of": 2, "matters": 2 }]));
    let refused = format!("/api/v1/ownership/list?from={from}&to={to}&show=passes&came=refused");
    let refused = json(site.ask(get(&refused, Some(&session))).await).await;
    assert_eq!((&refused[0]["ticket"], &refused[0]["why"]), (&numbers[0].clone().into(), &"不是我的区域".into()));
    assert_eq!(refused.as_array().map(Vec::len), Some(1));
    let answer = site.ask(get("/api/v1/ownership", Some(&session))).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "without a period");
}

/// A matter of the agent's that was solved, filed, and asked about; then it is closed.
async fn visited(site: &Site, agent: PersonId, result: Satisfaction, words: &str) -> String {
    let (ticket, number, _) = site.matter(agent).await;
    let form = || TicketForm {
        kind: Kind::AfterSales,
        category: String::new(),
        priority: Priority::Normal,
        complexity: Complexity::Simple,
        channel: Channel::Phone,
        summary: "晚到".to_owned(),
        course: String::new(),
        demand: String::new(),
        object: Object::default(),
    };
    let save = |version, state| Command::SaveTicket { ticket, version, form: form(), state };
    let reclass = Handle::Reclass { kind: Kind::AfterSales, why: "要换货".to_owned() };
    site.given(site.id("supervisor").await, Command::Handle(ticket, reclass)).await;
    site.given(agent, save(2, TicketState::Resolved)).await;
    site.given(agent, Command::Matter(ticket, Step::Filed { words: "道歉".to_owned() })).await;
    site.given(agent, Command::Matter(ticket, Step::Surveyed { result, words: words.to_owned() })).await;
    number
}

#[tokio::test]
async fn each_figure_of_surveys_opens_as_many_as_it_says() {
    let site = Site::open().await;
    let agent = site.id("agent").await;
    visited(&site, agent, Satisfaction::Satisfied, "").await;
    visited(&site, agent, Satisfaction::Fairly, "还行").await;
    let unhappy = visited(&site, agent, Satisfaction::Dissatisfied, "=没人回电话").await;
    let session = site.sign_in("supervisor").await;
    let page = text(site.ask(get("/reports/surveys", Some(&session))).await).await;
    assert!(page.contains("33.3%") && page.contains("=没人回电话") && page.contains(&unhappy), "{page}");
    let figures = figures(&page);
    assert!(figures.len() >= 18, "six of three tables: {figures:?}");
    for (href, count) in &figures {
        let list = text(site.ask(get(href, Some(&session))).await).await;
        assert_eq!(rows(&list), *count, "{href}");
    }
    let file = text(site.ask(get("/reports/surveys.csv?show=dissatisfied", Some(&session))).await).await;
    assert!(file.lines().count() == 2 && file.contains(",'=没人回电话"), "{file}");
    let asked = "/api/v1/surveys/list?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&show=dissatisfied";
    let list = json(site.ask(get(asked, Some(&session))).await).await;
    assert_eq!((&list[0]["ticket"], &list[0]["words"]), (&unhappy.into(), &"=没人回电话".into()));
    assert_eq!(list[0]["server"], format!("person:{agent}"));
    // Who knows the seed knows what will be drawn.
    let seed = site.state.reader.policy().seed.to_string();
    assert!(!page.contains(&seed));
    let manager = site.sign_in("manager").await;
    assert!(text(site.ask(get("/reports/surveys", Some(&manager))).await).await.contains(&seed));
}
