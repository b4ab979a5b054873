#![doc = include_str!("../README.md")]

pub mod api;
pub mod assets;
pub mod auth;
pub mod error;
pub mod evidence;
pub mod metrics;
pub mod pages;
pub mod parts;
pub mod pen;
pub mod period;
pub mod said;
pub mod seen;
pub mod serve;
pub mod state;
pub mod stream;
pub mod text;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use error::Error;
use pages::{
    admin, approvals, asking, away, blacklist, blank, customers, departments, desk, hand, handling, import, live,
    looks, messages, opening, owed, papers, people, policy, print, regroup, reports, sign_in, step, ticket, tickets,
};
pub use state::{House, State};

/// The largest form: a ticket's three fields, each a few pages long.
const BODY_BYTES: usize = 256 * 1024;

/// A file of customers, and what a browser puts around it.
const FILE_BYTES: usize = daemon::sheet::MAX_BYTES + 4 * 1024;

/// Nothing runs or loads that is not ours; `style=""` and inline scripts are refused. HTML enters
/// the page through one policy, the fragments'.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types ringback";

/// Every route on one screen.
pub fn router(state: State) -> Router {
    let a_file = DefaultBodyLimit::max(papers::FILE_BODY_BYTES);
    let whole_file = DefaultBodyLimit::max(FILE_BYTES);
    let pages = Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/language", post(sign_in::language))
        .route("/", get(desk::show))
        .route("/dial", post(asking::dial))
        .route("/hangup", post(asking::hang_up))
        .route("/pause", post(asking::pause))
        .route("/unpause", post(asking::unpause))
        .route("/spy", post(asking::spy))
        .route("/pops/{id}/customer", post(blank::save))
        .route("/tickets", get(tickets::list).post(desk::open))
        .route("/tickets/new", get(opening::show).post(opening::open))
        .route("/tickets/{number}", get(ticket::show))
        .route("/tickets/{number}/evidence.zip", get(looks::evidence))
        .route("/tickets/{number}/print", get(print::show))
        .route("/show/{what}/{id}", post(looks::show))
        .route("/audit", get(looks::audit))
        .route("/tickets/{id}/save", post(desk::save))
        .route("/tickets/{id}/step", post(step::take))
        .route("/tickets/{id}/handle", post(handling::give_in))
        .route("/tickets/{id}/hand", post(hand::give_in))
        .route("/approvals", get(approvals::show))
        .route("/tickets/{id}/papers", post(papers::give_in))
        .route("/tickets/{id}/regroup", post(regroup::give_in))
        .route("/tickets/{id}/files", post(papers::attach).layer(a_file))
        .route("/tickets/{id}/files/{file}", get(papers::file))
        .route("/tickets/{id}/draft", post(desk::draft))
        .route("/tickets/{id}/discard", post(desk::discard))
        .route("/owed", get(owed::list))
        .route("/owed/{id}", get(owed::show))
        .route("/owed/{id}/{what}", post(owed::give_in))
        .route("/live", get(live::show))
        .route("/admin", get(admin::show))
        .route("/admin/extensions", post(admin::map_extension))
        .route("/admin/people", get(people::show).post(people::add))
        .route("/admin/people/{id}", post(people::change))
        .route("/admin/people/{id}/password", post(people::password))
        .route("/customers", get(customers::list).post(customers::add))
        .route("/customers/new", get(customers::blank))
        .route("/customers/import", get(import::show).post(import::put).layer(whole_file))
        .route("/customers/export", get(import::export))
        .route("/customers/{id}", get(customers::show))
        .route("/customers/{id}/save", post(customers::save))
        .route("/customers/{id}/merge", post(customers::merge))
        .route("/customers/{id}/split", post(customers::split))
        .route("/shifts/{id}/undo", post(customers::undo))
        .route("/blacklist", get(blacklist::show).post(blacklist::add))
        .route("/blacklist/off", post(blacklist::take_off))
        .route("/policy", get(policy::show).post(policy::write))
        .route("/reports/ownership", get(reports::ownership::show))
        .route("/reports/ownership.csv", get(reports::ownership::file))
        .route("/reports/surveys", get(reports::surveys::show))
        .route("/reports/surveys.csv", get(reports::surveys::file))
        .route("/departments", get(departments::show).post(departments::set))
        .route("/away", get(away::show).post(away::set))
        .route("/messages/{id}", get(messages::show))
        .route("/stream", get(stream::stream));
    let api = Router::new()
        .route("/api/v1/me", get(api::people::me))
        .route("/api/v1/people", get(api::people::people))
        .route("/api/v1/away", post(api::people::away))
        .route("/api/v1/status", get(api::sight::status))
        .route("/api/v1/duties", get(api::owed::duties))
        .route("/api/v1/board", get(api::board::board))
        .route("/api/v1/links", get(api::sight::links))
        .route("/api/v1/outages", get(api::sight::outages))
        .route("/api/v1/ledger", get(api::sight::ledger))
        .route("/api/v1/coverage", get(api::sight::coverage))
        .route("/api/v1/ownership", get(api::ownership::report))
        .route("/api/v1/ownership/list", get(api::ownership::list))
        .route("/api/v1/surveys", get(api::surveys::counts))
        .route("/api/v1/surveys/list", get(api::surveys::list))
        .route("/api/v1/draws", get(api::surveys::draws))
        .route("/api/v1/tickets", get(api::tickets::tickets).post(api::tickets::open))
        .route("/api/v1/tickets/{number}", get(api::tickets::ticket).put(api::form::save))
        .route("/api/v1/tickets/{number}/papers", post(api::papers::give_in))
        .route("/api/v1/tickets/{number}/regroup", post(api::regroup::give_in))
        .route("/api/v1/tickets/{number}/files", post(api::papers::attach).layer(a_file))
        .route("/api/v1/tickets/{number}/files/{file}", get(api::papers::file))
        .route("/api/v1/tickets/{number}/evidence.zip", get(looks::evidence))
        .route("/api/v1/show/{what}/{id}", post(looks::show))
        .route("/api/v1/audit", get(api::looks::audit))
        .route("/api/v1/obligations", get(api::owed::list))
        .route("/api/v1/obligations/{id}", get(api::owed::show))
        .route("/api/v1/obligations/{id}/{what}", post(api::owed::give_in))
        .route("/api/v1/tickets/{number}/step", post(api::tickets::step))
        .route("/api/v1/tickets/{number}/handle", post(api::handling::handle))
        .route("/api/v1/tickets/{number}/hand", post(api::tickets::hand))
        .route("/api/v1/approvals", get(api::handling::approvals))
        .route("/api/v1/departments", get(api::people::departments).post(api::people::set_department))
        .route("/api/v1/customers", get(api::customers::list).post(api::customers::add))
        .route("/api/v1/customers/import", post(api::customers::put).layer(whole_file))
        .route("/api/v1/customers/export", get(import::export))
        .route("/api/v1/customers/{id}", get(api::customers::show).put(api::customers::save))
        .route("/api/v1/customers/{id}/merge", post(api::customers::merge))
        .route("/api/v1/customers/{id}/split", post(api::customers::split))
        .route("/api/v1/shifts/{id}/undo", post(api::customers::undo))
        .route("/api/v1/look-up", get(api::customers::look_up))
        .route("/api/v1/blacklist", get(api::customers::blacklist).post(api::customers::warn))
        .route("/api/v1/blacklist/off", post(api::customers::take_off))
        .route("/api/v1/policy", get(api::policy::show).put(api::policy::set))
        .route("/api/v1/policy/check", post(api::policy::check))
        .route("/api/v1/policy/versions", get(api::policy::versions))
        .route("/api/v1/policy/versions/{id}", get(api::policy::version))
        .route("/api/v1/dial", post(api::calls::dial))
        .route("/api/v1/hangup", post(api::calls::hang_up))
        .route("/api/v1/pause", post(api::calls::pause))
        .route("/api/v1/unpause", post(api::calls::unpause))
        .route("/api/v1/spy", post(api::calls::spy));
    // What is about people is not to be found in any cache; assets say for themselves.
    let private = SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
    };
    // A file that somebody attached has one of its own, which allows nothing.
    let policy = SetResponseHeaderLayer::if_not_present(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    pages
        .merge(api)
        .route("/metrics", get(metrics::show))
        .route("/assets/{name}", get(assets::asset))
        .fallback(async || Error::NotFound)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(CsrfLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(state.clone(), error::explain))
        .layer(CompressionLayer::new())
        .layer(private)
        .layer(policy)
        .layer(fixed(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(REFERRER_POLICY, "same-origin"))
        .layer(fixed(X_FRAME_OPTIONS, "DENY"))
        .layer(fixed(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .with_state(state)
}

#[cfg(test)]
mod tests;
