//! The site's terms, in figures and as a site writes them.

use super::super::hours::{HOUR, Hours, MINUTE, Ms, Zone};
use crate::desk::clock::ClockKind;
use crate::desk::ticket::Kind;

/// As far as they are not the same on all days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    pub missed: Ms,
    pub key: Ms,
    pub simple: Ms,
    pub complex: Ms,
    /// For an answer to what is offered.
    pub offer: Ms,
    /// Solutions are owed in open hours alone.
    pub office: bool,
    pub callbacks_may_pause: bool,
    pub percent: i64,
    pub escalated: Ms,
    /// Nobody is told anything from ten to seven.
    pub quiet: bool,
    pub digest_from: usize,
    pub attempts: usize,
    pub days: usize,
    pub claim: Ms,
    /// What a talk must last to count.
    pub talk: Ms,
    /// How many of a hundred closed matters are looked at again.
    pub spot: i64,
    /// For which kinds of matter each clock runs, as [`kinds`] has it.
    kinds: [u8; ClockKind::ALL.len()],
    pub zone: Zone,
}

impl Rules {
    pub fn runs(&self, clock: ClockKind, kind: Kind) -> bool {
        clock == ClockKind::HandOver || kinds(clock, self.kinds[place(clock)]).contains(&kind)
    }

    /// As a site writes them.
    pub fn terms(&self) -> String {
        let minutes = |ms: Ms| ms / MINUTE;
        let more = |clock: ClockKind| match clock {
            ClockKind::MissedCall => format!(
                "within = \"{}m\"\nmay_pause = {}\nexcept = [{{ key_customer = true, within = \"{}m\" }}]\n",
                minutes(self.missed),
                self.callbacks_may_pause,
                minutes(self.key),
            ),
            ClockKind::Resolution => format!(
                "within = \"{}m\"\nhours = \"{}\"\nexcept = [{{ complexity = \"simple\", within = \"{}m\" }}]\n",
                minutes(self.complex),
                if self.office { "open" } else { "all" },
                minutes(self.simple),
            ),
            _ => String::new(),
        };
        let clock = |clock: &ClockKind| {
            let kinds: Vec<String> =
                kinds(*clock, self.kinds[place(*clock)]).iter().map(|kind| format!("{:?}", kind.as_str())).collect();
            format!("[clock.{}]\nkinds = [{}]\n{}", clock.as_str(), kinds.join(", "), more(*clock))
        };
        // Whatever is offered is to be answered, at every site.
        let clocks = ClockKind::ALL.iter().filter(|clock| **clock != ClockKind::HandOver);
        let clocks: String = clocks.map(clock).collect();
        format!(
            "{clocks}[clock.hand_over]\nwithin = \"{}m\"\n[ladder]\nreminder_percent = {}\nescalated_after = \"{}m\"\n\
             [notices]\nquiet = \"{}\"\ndigest_from = {}\n\
             [callback]\ntalk = \"{}s\"\nattempts = {}\ndays = {}\nclaim = \"{}m\"\n[spot_check]\npercent = {}\n{}",
            minutes(self.offer),
            self.percent,
            minutes(self.escalated),
            if self.quiet { "22:00-07:00" } else { "none" },
            self.digest_from,
            self.talk / 1000,
            self.attempts,
            self.days,
            minutes(self.claim),
            self.spot,
            Hours::terms(self.zone),
        )
    }
}

fn place(clock: ClockKind) -> usize {
    ClockKind::ALL.iter().position(|known| *known == clock).unwrap_or_default()
}

/// For which kinds of matter sites have a clock run: mostly as the house has it, else for some or none.
fn kinds(clock: ClockKind, lot: u8) -> &'static [Kind] {
    const ALL: &[Kind] = Kind::ALL;
    match (lot, clock) {
        (0, _) => &[],
        (1, _) => &[Kind::Consultation, Kind::Complaint],
        (2, _) => &[Kind::Complaint, Kind::Other],
        (3, _) => ALL,
        (_, ClockKind::Acceptance) => &[Kind::Complaint],
        (_, ClockKind::Filing | ClockKind::ReturnVisit) => &[Kind::Complaint, Kind::AfterSales],
        (_, _) => ALL,
    }
}

/// How many lots [`rules`] takes.
pub const LOTS: usize = 32;

/// What sites find good, for a number that is as good as any other.
pub fn rules(zone: Zone, lot: impl Fn(i64) -> i64) -> Rules {
    let minutes = |choices: &[i64]| choices[lot(choices.len() as i64) as usize] * MINUTE;
    Rules {
        missed: minutes(&[30, 45, 90, 240]),
        key: minutes(&[10, 15]),
        simple: minutes(&[120, 300, 40]),
        complex: minutes(&[24 * 60, 600]),
        offer: minutes(&[120, 30, 500]),
        office: lot(2) == 0,
        callbacks_may_pause: lot(2) == 0,
        percent: [80, 50, 33, 100][lot(4) as usize],
        escalated: [24 * HOUR, 2 * HOUR, HOUR / 2][lot(3) as usize],
        quiet: lot(3) == 0,
        digest_from: 2 + lot(5) as usize,
        attempts: 2 + lot(2) as usize,
        days: 1 + lot(2) as usize,
        claim: minutes(&[15, 30]),
        talk: [10_000, 10_000, 5_000, 30_000][lot(4) as usize],
        spot: [0, 30, 50, 80][lot(4) as usize],
        kinds: std::array::from_fn(|_| lot(20) as u8),
        zone,
    }
}
