//! A year in the life of a hotline: the stories of its rulebook, each from the first ring to the archive.
//!
//! The whole house is there but for its sockets: people work through the router of pages and API, signed
//! in as browsers and scripts are; calls come from a PBX, event by event; the tracker, the desk, the
//! store on disk and the outbox are those that serve, wound by [`daemon::clockwork`]. No time is waited
//! for: the clock goes from one moment at which something is due to the next. The terms are those that
//! ship, by office hours and by the holidays of mainland China in 2026.
//!
//! What is due, and when, is reckoned by hand beside each story. Before each of them the daemon is
//! stopped and started again, so that it knows what was kept and nothing else. What must be so whatever
//! happened is looked at when the year is over.
//!
//! Reading order: [`calls`], [`hands`], [`complaints`] (the stories), [`books`] (the end of the year);
//! [`site`], [`matters`], [`telephone`] (how they are told).

mod books;
mod calls;
mod complaints;
mod hands;
mod matters;
mod site;
mod telephone;

use site::Site;

/// In the order of the year.
const STORIES: [fn(&mut Site); 10] = [
    calls::a_consultation_answered_at_once,
    calls::one_promised_and_called_back,
    calls::a_holiday_with_a_make_up_day,
    calls::a_missed_caller_who_calls_again,
    calls::one_never_reached,
    hands::a_hand_over_refused,
    complaints::an_urgent_one,
    complaints::a_complaint_with_a_refund,
    complaints::one_dissatisfied_twice,
    complaints::one_withdrawn,
];

#[test]
fn a_year_in_the_life() {
    let mut site = Site::open("2026-01-04 08:30");
    for story in STORIES {
        story(&mut site);
        site.restarts();
    }
    site.at("2027-01-01 00:00");
    books::are_in_order(&mut site);
}
