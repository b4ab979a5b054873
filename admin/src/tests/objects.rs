//! Each route that names a matter, or something of one, as each role, of matters that are theirs, their
//! department's, nobody's and another's: what is answered, and that no word of a matter comes to whom
//! it is not.

use axum::http::{Method, StatusCode};
use daemon::desk::clock::ClockKind;
use daemon::desk::command::{Command, CustomerForm, Done, Given, Owed, TicketForm};
use daemon::desk::handling::{Findings, Handle, RemedyKind};
use daemon::desk::ownership::{Hand, Part, Receiver};
use daemon::desk::papers::{Paper, Tie};
use daemon::desk::ticket::{Channel, Complexity, Kind, Object, Priority, TicketState};
use daemon::store::read::TicketPage;
use daemon::{CustomerId, DepartmentName, ObligationId, PersonId, Role, TicketId};

use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Whose {
    Own,
    Department,
    Nobodys,
    Others,
}

const WHOSE: [Whose; 4] = [Whose::Own, Whose::Department, Whose::Nobodys, Whose::Others];

/// What a route is for; as the table in the README has it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum For {
    See,
    /// Also promise, answer, file a note.
    Write,
    File,
    Call,
    Work,
    Waive,
    Hand,
    Assign,
    /// Also decide on remedies, and that a complaint is none.
    Assess,
}

fn may(role: Role, whose: Whose, what: For) -> bool {
    let works = matches!(what, For::See | For::Write | For::Call | For::Work | For::Hand);
    match (role, whose) {
        (Role::Supervisor, _) => true,
        (Role::Manager, _) => matches!(what, For::See | For::Call | For::Work | For::Waive | For::Assess),
        (Role::Agent | Role::Handler, Whose::Own | Whose::Department) => works || what == For::File,
        (Role::Agent, Whose::Nobodys) => works,
        (Role::Handler, Whose::Nobodys) | (Role::Agent | Role::Handler, Whose::Others) | (Role::Admin, _) => false,
    }
}

const FORM: &str = "version=1&kind=complaint&category=&priority=urgent&complexity=simple&channel=phone&state=in_progress&course=&demand=&summary=seen&back=ticket";

/// A form with one file, as [`sent`] marks it.
const UPLOAD: &str =
    "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--edge--\r\n";

/// All routes that name a matter, what is owed in it, its customer, its files or its calls.
const OBJECTS: &[(&str, &str, &str, For)] = &[
    ("GET", "/tickets/{number}", "", For::See),
    ("GET", "/tickets/{number}/evidence.zip", "", For::See),
    ("GET", "/tickets/{number}/print", "", For::See),
    ("GET", "/tickets/{id}/files/{file}", "", For::See),
    ("POST", "/show/{what}/{id}", "", For::See),
    ("POST", "/tickets/{id}/save", FORM, For::Write),
    ("POST", "/tickets/{id}/step", "step=promise&at=2099-01-01T10:00", For::Write),
    ("POST", "/tickets/{id}/step", "step=filed&words=done", For::File),
    ("POST", "/tickets/{id}/handle", "what=log&words=seen", For::Write),
    ("POST", "/tickets/{id}/handle", "what=assess&words=seen", For::Assess),
    ("POST", "/tickets/{id}/handle", "what=approve&remedy=1", For::Assess),
    ("POST", "/tickets/{id}/handle", "what=reclass&kind=other&why=slip", For::Assess),
    ("POST", "/tickets/{id}/hand", "what=take&part=matter", For::Hand),
    ("POST", "/tickets/{id}/hand", "what=assign&part=matter&to=person:1", For::Assign),
    ("POST", "/tickets/{id}/hand", "what=accept", For::Hand),
    ("POST", "/tickets/{id}/papers", "what=comment&words=seen", For::Write),
    ("POST", "/tickets/{id}/files", UPLOAD, For::Write),
    ("POST", "/tickets/{id}/draft", FORM, For::Write),
    ("POST", "/tickets/{id}/discard", "", For::Write),
    ("POST", "/tickets/{id}/regroup", "what=split&kind=other", For::Hand),
    ("GET", "/owed/{owed}", "", For::See),
    ("POST", "/owed/{owed}/claim", "", For::Work),
    ("POST", "/owed/{owed}/pause", "reason=why", For::Work),
    ("POST", "/owed/{owed}/resume", "", For::Work),
    ("POST", "/owed/{owed}/release", "", For::Work),
    ("POST", "/owed/{owed}/waive", "reason=why", For::Waive),
    ("POST", "/owed/{owed}/promise", "at=2099-01-01T10:00", For::Write),
    ("POST", "/dial", "ticket={id}", For::Call),
    ("POST", "/dial", "obligation={owed}", For::Call),
    ("GET", "/api/v1/tickets/{number}", "", For::See),
    ("PUT", "/api/v1/tickets/{number}", r#"{"version":1,"summary":"seen"}"#, For::Write),
    ("GET", "/api/v1/tickets/{number}/evidence.zip", "", For::See),
    ("GET", "/api/v1/tickets/{number}/files/{file}", "", For::See),
    ("POST", "/api/v1/show/{what}/{id}", "", For::See),
    ("POST", "/api/v1/tickets/{number}/step", r#"{"step":"promise","at":"2099-01-01T10:00:00Z"}"#, For::Write),
    ("POST", "/api/v1/tickets/{number}/step", r#"{"step":"filed","words":"done"}"#, For::File),
    ("POST", "/api/v1/tickets/{number}/handle", r#"{"what":"log","words":"seen"}"#, For::Write),
    ("POST", "/api/v1/tickets/{number}/handle", r#"{"what":"assess","words":"seen"}"#, For::Assess),
    ("POST", "/api/v1/tickets/{number}/handle", r#"{"what":"reclass","kind":"other","why":"slip"}"#, For::Assess),
    ("POST", "/api/v1/tickets/{number}/hand", r#"{"what":"take","part":"matter"}"#, For::Hand),
    ("POST", "/api/v1/tickets/{number}/hand", r#"{"what":"assign","part":"matter","to":"person:1"}"#, For::Assign),
    ("POST", "/api/v1/tickets/{number}/papers", r#"{"what":"comment","words":"seen"}"#, For::Write),
    ("POST", "/api/v1/tickets/{number}/files", UPLOAD, For::Write),
    ("POST", "/api/v1/tickets/{number}/regroup", r#"{"what":"split","kind":"other"}"#, For::Hand),
    ("GET", "/api/v1/obligations/{owed}", "", For::See),
    ("POST", "/api/v1/obligations/{owed}/claim", "{}", For::Work),
    ("POST", "/api/v1/obligations/{owed}/pause", r#"{"reason":"why"}"#, For::Work),
    ("POST", "/api/v1/obligations/{owed}/waive", r#"{"reason":"why"}"#, For::Waive),
    ("POST", "/api/v1/obligations/{owed}/promise", r#"{"at":"2099-01-01T10:00:00Z"}"#, For::Write),
    ("POST", "/api/v1/dial", r#"{"ticket":{id}}"#, For::Call),
    ("POST", "/api/v1/dial", r#"{"obligation":{owed}}"#, For::Call),
];

/// Routes with something in braces that name no matter; customers are told of beneath.
const ELSE: &[&str] = &[
    "/admin/people/{id}",
    "/admin/people/{id}/password",
    "/api/v1/policy/versions/{id}",
    "/assets/{name}",
    "/messages/{id}",
    // By call, which only who has it on the phone is answered for.
    "/pops/{id}/customer",
    "/customers/{id}",
    "/customers/{id}/save",
    "/customers/{id}/merge",
    "/customers/{id}/split",
    "/shifts/{id}/undo",
    "/api/v1/customers/{id}",
    "/api/v1/customers/{id}/merge",
    "/api/v1/customers/{id}/split",
    "/api/v1/shifts/{id}/undo",
];

/// Lists and searches, in which nothing of others' matters may stand.
const LISTS: &[&str] = &[
    "/",
    "/tickets",
    "/tickets?which=all",
    "/tickets?text=zq",
    "/owed",
    "/owed?which=risk",
    "/owed?which=team",
    "/customers",
    "/customers?text=Kunde",
    "/blacklist",
    "/away",
    "/live",
    "/audit",
    "/departments",
    "/policy",
    "/admin",
    "/admin/people",
    "/metrics",
    "/api/v1/me",
    "/api/v1/people",
    "/api/v1/duties",
    "/api/v1/tickets",
    "/api/v1/tickets?which=all",
    "/api/v1/tickets?text=zq",
    "/api/v1/obligations",
    "/api/v1/obligations?owner=nobody",
    "/api/v1/customers",
    "/api/v1/customers?text=Kunde",
    "/api/v1/look-up?number=13800135827",
    "/api/v1/blacklist",
    "/api/v1/board",
    "/api/v1/audit",
    "/api/v1/ledger",
    "/api/v1/links",
    "/api/v1/status",
    "/approvals",
    "/api/v1/approvals",
    "/reports/ownership",
    "/reports/surveys",
    "/api/v1/surveys",
    "/api/v1/draws",
];

/// A matter with words in every place: all begin so, and with whose it is.
struct Known {
    whose: Whose,
    page: TicketPage,
}

impl Whose {
    fn mark(self) -> String {
        format!("zq{self:?}").to_lowercase()
    }
}

impl Known {
    fn filled(&self, text: &str) -> String {
        let ticket = &self.page.row.ticket;
        text.replace("{number}", &ticket.number)
            .replace("{id}", &ticket.id.to_string())
            .replace("{what}", "ticket")
            .replace("{owed}", &solution(&self.page).to_string())
            .replace("{file}", &self.page.attachments[0].id.to_string())
    }
    fn customer(&self) -> CustomerId {
        self.page.row.ticket.customer.expect("a customer")
    }
}

/// What is owed for it that can stand still.
fn solution(page: &TicketPage) -> ObligationId {
    page.obligations.iter().find(|row| row.kind == ClockKind::Resolution).expect("a solution is owed").id
}

impl Site {
    async fn does(&self, by: Option<PersonId>, command: Command) -> Done {
        self.state.commands.give(Given { by, command }).await.expect("it is done")
    }

    async fn whole(&self, ticket: TicketId) -> TicketPage {
        self.state.reader.ticket(ticket, PersonId(0)).await.expect("an answer").expect("the ticket")
    }

    /// Of `role`'s person where it is their own, else of the owner.
    async fn known(&self, role: Role, whose: Whose, nth: usize) -> Known {
        let (boss, owner) = (Some(self.id("supervisor").await), Some(self.id("owner").await));
        let opener = match whose {
            Whose::Own if matches!(role, Role::Agent | Role::Handler) => Some(self.id(role.as_str()).await),
            Whose::Nobodys => None,
            Whose::Own | Whose::Department | Whose::Others => owner,
        };
        let number = Some(format!("138001358{nth:02}"));
        let (kind, channel) = (Kind::Consultation, Channel::Phone);
        let open = Command::OpenTicket { call: None, customer: None, number: number.clone(), kind, channel };
        let Done::Ticket(ticket) = self.does(opener, open).await else { panic!("no ticket") };
        let mark = whose.mark();
        let form = TicketForm {
            // The table makes complaints the department's.
            kind: if whose == Whose::Department { Kind::Complaint } else { Kind::Other },
            category: String::new(),
            priority: Priority::Normal,
            complexity: Complexity::Simple,
            channel,
            summary: format!("{mark} summary"),
            course: format!("{mark} course"),
            demand: format!("{mark} demand"),
            object: Object { product: format!("{mark} product"), ..Object::default() },
        };
        let state = TicketState::InProgress;
        self.does(boss, Command::SaveTicket { ticket, version: 1, form, state }).await;
        let name = format!("Kunde {nth}");
        let form = CustomerForm { name, numbers: number.into_iter().collect(), ..CustomerForm::default() };
        self.does(boss, Command::SaveCustomer { customer: None, ticket: Some(ticket), form }).await;
        self.does(boss, Command::Paper(ticket, Paper::Comment { words: format!("{mark} note") })).await;
        let findings = Findings { cause: format!("{mark} cause"), ..Findings::default() };
        self.does(boss, Command::Handle(ticket, Handle::Find { version: 0, findings })).await;
        let log = Handle::Log { words: format!("{mark} log"), evidence: [].into() };
        self.does(boss, Command::Handle(ticket, log)).await;
        let (kind, words) = (RemedyKind::Apology, format!("{mark} remedy"));
        self.does(boss, Command::Handle(ticket, Handle::Propose { kind, sum_cents: 0, words })).await;
        let mut incoming = self.state.files.receive().await.expect("a file");
        incoming.write(format!("{mark} inside").as_bytes()).await.expect("bytes");
        let file = incoming.keep(&format!("{mark}.txt")).await.expect("kept");
        self.does(boss, Command::Paper(ticket, Paper::Attach { file })).await;
        let owed = solution(&self.whole(ticket).await);
        self.does(boss, Command::Owed(owed, Owed::Suspend { reason: format!("{mark} pause") })).await;
        if whose == Whose::Others {
            let (to, words) = (Receiver::Person(self.id("third").await), format!("{mark} offer"));
            self.does(boss, Command::Hand(ticket, Hand::Assign { part: Part::Work, to, words })).await;
        }
        let page = self.whole(ticket).await;
        assert_eq!(page.row.ticket.owner, opener, "{role:?} {whose:?}");
        assert_eq!(page.row.ticket.department.is_some(), whose == Whose::Department);
        Known { whose, page }
    }

    async fn matters(&self, role: Role) -> Vec<Known> {
        let mut matters = Vec::new();
        for whose in WHOSE {
            let nth = matters.len() + 10 * Role::ALL.iter().position(|one| *one == role).expect("a role");
            matters.push(self.known(role, whose, nth).await);
        }
        // One's own has to do with another's.
        let (ticket, other) = (matters[0].page.row.ticket.id, matters[3].page.row.ticket.id);
        let tie = Command::Paper(ticket, Paper::Tie { how: Tie::Related, other });
        self.does(Some(self.id("supervisor").await), tie).await;
        matters
    }

    /// With an owner of others' matters, and a department in which the agent and the handler work.
    async fn of_matters() -> Site {
        let site = Site::open().await;
        for login in ["owner", "third"] {
            site.person(login, Role::Agent).await;
        }
        let text =
            "[departments]\n\"品质部\" = \"site\"\n[[responsibility]]\nkind = \"complaint\"\ndepartment = \"品质部\"\n";
        let manager = Some(site.id("manager").await);
        site.does(manager, Command::SetPolicy { version: None, text: text.to_owned() }).await;
        let others = [site.id("agent").await, site.id("handler").await].into();
        let department: DepartmentName = "品质部".into();
        site.does(None, Command::SetDepartment { department, responsible: None, deputy: None, others }).await;
        site
    }
}

pub(super) fn sent(method: &str, path: &str, body: &str, session: &str) -> Request<Body> {
    let kind = match (method, body.starts_with("--edge"), path.starts_with("/api/")) {
        ("GET", ..) => return get(path, Some(session)),
        (_, true, _) => "multipart/form-data; boundary=edge",
        (_, _, true) => "application/json",
        (..) => "application/x-www-form-urlencoded",
    };
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = request(method, path, Some(session)).header(CONTENT_TYPE, kind);
    request.body(Body::from(body.to_owned())).expect("a request")
}

/// As text, whatever it is.
async fn said(answer: Response) -> String {
    let bytes = to_bytes(answer.into_body(), 1 << 24).await.expect("a body");
    match daemon::evidence::unpack(&bytes) {
        Ok(files) => files.values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect(),
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

#[test]
fn every_route_that_names_something_is_held() {
    for (_, path, _) in ROUTES.iter().filter(|(_, path, _)| path.contains('{')) {
        let same = |object: &str| {
            let plain = |path: &str| path.replace("{owed}", "{id}").replace("{number}", "{id}");
            let any_deed = |path: &str| match plain(path).rsplit_once('/') {
                Some((head, "claim" | "pause" | "resume" | "release" | "waive" | "promise")) => {
                    format!("{head}/{{what}}")
                }
                _ => plain(path),
            };
            any_deed(object) == plain(path)
        };
        let is_held = OBJECTS.iter().any(|(_, object, ..)| same(object)) || ELSE.contains(path);
        assert!(is_held, "{path} has no row");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_matter_is_for_whom_it_is_and_no_word_of_it_comes_to_others() {
    let site = Site::of_matters().await;
    for &role in Role::ALL {
        let session = site.sign_in(role.as_str()).await;
        let matters = site.matters(role).await;
        for known in &matters {
            let (whose, mark) = (known.whose, known.whose.mark());
            let sees = may(role, whose, For::See);
            let before = site.whole(known.page.row.ticket.id).await.timeline.len();
            for (method, path, body, what) in OBJECTS {
                let asked = sent(method, &known.filled(path), &known.filled(body), &session);
                let is_allowed = may(role, whose, *what);
                // What is allowed would change it; that it is, the desk's own table is tried for.
                if is_allowed && *what != For::See {
                    continue;
                }
                let answer = site.ask(asked).await;
                let wanted = match (is_allowed, sees || role == Role::Admin) {
                    (true, _) => StatusCode::OK,
                    (false, true) => StatusCode::FORBIDDEN,
                    (false, false) => StatusCode::NOT_FOUND,
                };
                let name = format!("{method} {path} as {role:?}, {whose:?}");
                let status = answer.status();
                let said = said(answer).await;
                assert_eq!(status, wanted, "{name}: {said}");
                if *method == "GET" && is_allowed {
                    assert!(said.contains(&mark), "{name} says it: {said}");
                } else {
                    assert!(!said.contains("zq"), "{name} leaks: {said}");
                }
            }
            let after = site.whole(known.page.row.ticket.id).await.timeline.len();
            // Four times it was looked at: numbers and evidence, by page and API.
            assert_eq!(after, before + if sees { 4 } else { 0 }, "{role:?}, {whose:?}");
        }
        let hidden: Vec<String> =
            WHOSE.iter().filter(|whose| !may(role, **whose, For::See)).map(|whose| whose.mark()).collect();
        let own = &matters[0];
        let mut paths: Vec<String> = LISTS.iter().map(|path| (*path).to_owned()).collect();
        // Its tie to another's is named, and no more.
        paths.extend(
            ["/tickets/{number}", "/api/v1/tickets/{number}", "/api/v1/tickets/{number}/evidence.zip"]
                .map(|p| own.filled(p)),
        );
        for known in &matters {
            paths.push(format!("/customers/{}", known.customer()));
            paths.push(format!("/api/v1/customers/{}", known.customer()));
            paths.push(format!("/?ticket={}", known.page.row.ticket.id));
        }
        let mut seen = String::new();
        for path in &paths {
            let said = said(site.ask(get(path, Some(&session))).await).await;
            for mark in &hidden {
                let at = said.find(mark.as_str());
                assert!(at.is_none(), "{path} as {role:?} leaks: {}", at.map_or("", |at| &said[at..]));
            }
            seen.push_str(&said);
        }
        for whose in WHOSE.iter().filter(|whose| may(role, **whose, For::See)) {
            assert!(seen.contains(&whose.mark()), "{role:?} finds {whose:?}");
        }
    }
}
