//! Hours of a day and of a week, as people write them: `09:00-12:00 13:30-18:00`, `22:00-06:00`.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Weekday;

/// Minutes of a day.
pub const DAY_MIN: u16 = 24 * 60;

/// A stretch of a day, in minutes since its midnight. One that goes over midnight ends after
/// [`DAY_MIN`], at most a day after it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    pub from_min: u16,
    pub to_min: u16,
}

/// The hours of a day, in order, apart from each other; may be none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots(Vec<Slot>);

/// Seven days, Monday first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Week([Slots; 7]);

/// What is wrong with written hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotHours {
    /// No `HH:MM-HH:MM`.
    Unreadable(String),
    /// Begins and ends at one moment.
    Empty(String),
    /// Begins before the one before it ends, or is longer than a day.
    Overlaps(String),
}

impl fmt::Display for NotHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(text) => {
                write!(
                    f,
                    "{text:?} are no hours; write them as \"09:00-12:00 13:30-18:00\", \"22:00-06:00\" or \"closed\""
                )
            }
            Self::Empty(text) => write!(f, "{text:?} begins and ends at one moment; a whole day is \"00:00-24:00\""),
            Self::Overlaps(text) => write!(f, "{text:?} begins before the hours that stand before it end"),
        }
    }
}

impl Slots {
    pub const CLOSED: Slots = Slots(Vec::new());

    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Week {
    pub fn new(days: [Slots; 7]) -> Week {
        Week(days)
    }

    pub fn all_hours() -> Week {
        Week::new(std::array::from_fn(|_| Slots(vec![Slot { from_min: 0, to_min: DAY_MIN }])))
    }

    pub fn of(&self, day: Weekday) -> &Slots {
        &self.0[day.to_monday_zero_offset() as usize]
    }

    pub fn is_closed(&self) -> bool {
        self.0.iter().all(Slots::is_empty)
    }
}

impl FromStr for Slots {
    type Err = NotHours;

    fn from_str(text: &str) -> Result<Slots, NotHours> {
        if matches!(text.trim(), "closed" | "") {
            return Ok(Slots::CLOSED);
        }
        let mut slots: Vec<Slot> = Vec::new();
        for part in text.split([' ', ',']).filter(|part| !part.is_empty()) {
            let slot = slot(part)?;
            let before = slots.last().map_or(0, |last| last.to_min);
            // What goes over midnight may reach as far as the day's first hours, no further.
            let first = slots.first().map_or(slot.from_min, |first| first.from_min);
            if slot.from_min < before || slot.to_min > first + DAY_MIN {
                return Err(NotHours::Overlaps(part.to_owned()));
            }
            slots.push(slot);
        }
        Ok(Slots(slots))
    }
}

fn slot(text: &str) -> Result<Slot, NotHours> {
    let unreadable = || NotHours::Unreadable(text.to_owned());
    let (from, to) = text.split_once('-').ok_or_else(unreadable)?;
    let (from_min, to_min) = (minute(from).ok_or_else(unreadable)?, minute(to).ok_or_else(unreadable)?);
    match from_min {
        DAY_MIN => Err(unreadable()),
        _ if from_min == to_min => Err(NotHours::Empty(text.to_owned())),
        _ if from_min < to_min => Ok(Slot { from_min, to_min }),
        _ => Ok(Slot { from_min, to_min: to_min + DAY_MIN }),
    }
}

/// `HH:MM`, up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60).then_some(hours * 60 + minutes).filter(|minute| *minute <= DAY_MIN)
}

impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("closed");
        }
        for (index, slot) in self.0.iter().enumerate() {
            let blank = if index == 0 { "" } else { " " };
            let to = if slot.to_min == DAY_MIN { DAY_MIN } else { slot.to_min % DAY_MIN };
            let (from, to) = ((slot.from_min / 60, slot.from_min % 60), (to / 60, to % 60));
            write!(f, "{blank}{:02}:{:02}-{:02}:{:02}", from.0, from.1, to.0, to.1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_people_write_them_and_written_so() {
        for text in ["09:00-12:00 13:30-18:00", "22:00-06:00", "closed", "00:00-24:00", "08:00-12:00 20:00-02:00"] {
            assert_eq!(text.parse::<Slots>().unwrap().to_string(), text);
        }
        assert_eq!("09:00-12:00, 13:30-18:00".parse::<Slots>().unwrap().to_string(), "09:00-12:00 13:30-18:00");
        let night: Slots = "22:00-06:00".parse().unwrap();
        assert_eq!(night.iter().copied().collect::<Vec<_>>(), [Slot { from_min: 1320, to_min: 1800 }]);
    }

    #[test]
    fn wrong_hours_say_what_is_wrong() {
        let refused = |text: &str| text.parse::<Slots>().unwrap_err();
        for text in ["9-12", "09:00", "25:00-26:00", "09:60-10:00", "24:00-25:00", "+9:00-10:00"] {
            assert!(matches!(refused(text), NotHours::Unreadable(_)), "{text}");
        }
        assert!(matches!(refused("09:00-09:00"), NotHours::Empty(_)));
        for text in ["09:00-12:00 11:00-13:00", "01:00-04:00 22:00-02:00", "13:00-14:00 09:00-10:00"] {
            assert!(matches!(refused(text), NotHours::Overlaps(_)), "{text}");
        }
    }
}
