//! The site's terms, in figures and as a site writes them.

use super::super::hours::{HOUR, Hours, MINUTE, Ms};

/// As far as they are not the same on all days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    pub missed: Ms,
    pub key: Ms,
    pub simple: Ms,
    pub complex: Ms,
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
}

impl Rules {
    /// As a site writes them.
    pub fn terms(&self) -> String {
        let minutes = |ms: Ms| ms / MINUTE;
        format!(
            "[clock.missed_call]\nwithin = \"{}m\"\nmay_pause = {}\nexcept = [{{ key_customer = true, within = \"{}m\" }}]\n\
             [clock.resolution]\nwithin = \"{}m\"\nhours = \"{}\"\nexcept = [{{ complexity = \"simple\", within = \"{}m\" }}]\n\
             [ladder]\nreminder_percent = {}\nescalated_after = \"{}m\"\n\
             [notices]\nquiet = \"{}\"\ndigest_from = {}\n\
             [callback]\nattempts = {}\ndays = {}\nclaim = \"{}m\"\n{}",
            minutes(self.missed),
            self.callbacks_may_pause,
            minutes(self.key),
            minutes(self.complex),
            if self.office { "open" } else { "all" },
            minutes(self.simple),
            self.percent,
            minutes(self.escalated),
            if self.quiet { "22:00-07:00" } else { "none" },
            self.digest_from,
            self.attempts,
            self.days,
            minutes(self.claim),
            Hours::TERMS,
        )
    }
}

/// What sites find good, for a number that is as good as any other.
pub fn rules(lot: impl Fn(i64) -> i64) -> Rules {
    let minutes = |choices: &[i64]| choices[lot(choices.len() as i64) as usize] * MINUTE;
    Rules {
        missed: minutes(&[30, 45, 90, 240]),
        key: minutes(&[10, 15]),
        simple: minutes(&[120, 300, 40]),
        complex: minutes(&[24 * 60, 600]),
        office: lot(2) == 0,
        callbacks_may_pause: lot(2) == 0,
        percent: [80, 50, 33, 100][lot(4) as usize],
        escalated: [24 * HOUR, 2 * HOUR, HOUR / 2][lot(3) as usize],
        quiet: lot(3) == 0,
        digest_from: 2 + lot(5) as usize,
        attempts: 2 + lot(2) as usize,
        days: 1 + lot(2) as usize,
        claim: minutes(&[15, 30]),
    }
}
