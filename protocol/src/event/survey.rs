//! What the PBX's own survey tells of: how far a caller came with it, and the key that was pressed.
//! Its words are ours, in whatever message they come.

use std::fmt;

/// How far it came. A later stage implies those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SurveyStage {
    /// The caller is there, and is about to be asked.
    Offered,
    /// The question was played to its end.
    Heard,
    Answered(Key),
}

/// A digit of the caller's phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u8);

impl Key {
    pub const fn new(digit: u8) -> Option<Key> {
        if digit < 10 { Some(Key(digit)) } else { None }
    }

    pub const fn digit(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl SurveyStage {
    /// Reads a stage, and the answer that belongs to it.
    ///
    /// # Errors
    /// What is wrong, for whoever writes the dialplan.
    pub fn read(stage: &str, answer: &str) -> Result<SurveyStage, String> {
        match stage.trim().to_ascii_lowercase().as_str() {
            "offered" => Ok(SurveyStage::Offered),
            "heard" => Ok(SurveyStage::Heard),
            // Who waited for a key and got none.
            "answered" if answer.trim().is_empty() => Ok(SurveyStage::Heard),
            "answered" => {
                let digit = answer.trim().parse().ok().filter(|_| answer.trim().len() == 1);
                let wrong = || format!("the answer to a survey is one digit, not {:?}", head(answer));
                digit.and_then(Key::new).map(SurveyStage::Answered).ok_or_else(wrong)
            }
            other => Err(format!("a survey's stage is offered, heard or answered, not {:?}", head(other))),
        }
    }

    /// The same, where both are one text: `answered:2`.
    ///
    /// # Errors
    /// As [`SurveyStage::read`].
    pub fn read_one(text: &str) -> Result<SurveyStage, String> {
        let (stage, answer) = text.split_once([':', ',', ' ']).unwrap_or((text, ""));
        SurveyStage::read(stage, answer)
    }
}

/// Enough of it to be recognized.
fn head(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_digit_and_anything_else_is_said_to_be_wrong() {
        let answered = |digit| Ok(SurveyStage::Answered(Key(digit)));
        assert_eq!(SurveyStage::read("answered", "2"), answered(2));
        assert_eq!(SurveyStage::read_one("answered:0"), answered(0));
        assert_eq!(SurveyStage::read_one("Heard"), Ok(SurveyStage::Heard));
        assert_eq!(SurveyStage::read("offered", "7"), Ok(SurveyStage::Offered));
        assert_eq!(SurveyStage::read("answered", " "), Ok(SurveyStage::Heard), "no key was pressed");
        for wrong in ["answered:12", "answered:*", "answered:+1", "answered:二"] {
            assert!(SurveyStage::read_one(wrong).is_err_and(|why| why.contains("one digit")), "{wrong}");
        }
        assert!(SurveyStage::read_one("asked").is_err_and(|why| why.contains("\"asked\"")));
    }
}
