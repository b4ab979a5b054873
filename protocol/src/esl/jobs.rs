//! What FreeSWITCH does for us in the background (`bgapi`): begun by a reply, told through by an
//! event that bears the job's id.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::event::CallEvent;
use crate::request::Request;
use crate::session::{Answer, Heard};

/// What is done at once: a command that begins a job, the end of a call.
pub const REPLY_WITHIN: Duration = Duration::from_secs(10);

/// A click-to-call is through when the phone was picked up, or has rung long enough.
const CALL_WITHIN: Duration = Duration::from_secs(90);

/// By Job-UUID.
#[derive(Debug, Default)]
pub struct Jobs(BTreeMap<String, Job>);

#[derive(Debug)]
struct Job {
    /// None: the version, which we ask ourselves.
    request: Option<Request>,
    is_answered: bool,
    until: Instant,
}

/// What a job's end tells.
#[derive(Debug, PartialEq)]
pub enum Done {
    Product(String),
    Answered(Request, Answer),
    Told(CallEvent),
}

impl Jobs {
    pub fn add(&mut self, at: Instant, id: String, request: Option<Request>) {
        self.0.insert(id, Job { request, is_answered: false, until: at + REPLY_WITHIN });
    }

    /// Deadlines of all jobs.
    pub fn deadlines(&self) -> impl Iterator<Item = Instant> {
        self.0.values().map(|job| job.until)
    }

    /// A call is through only when a phone was picked up: that it is being made is all the answer.
    pub fn begun(&mut self, at: Instant, id: &str) -> Option<Request> {
        let job = self.0.get_mut(id)?;
        match &job.request {
            Some(request @ (Request::Originate { .. } | Request::Spy { .. })) => {
                (job.is_answered, job.until) = (true, at + CALL_WITHIN);
                Some(request.clone())
            }
            Some(Request::Hangup { .. } | Request::Pause { .. } | Request::Snapshot | Request::Look) | None => None,
        }
    }

    /// Whose request it was.
    pub fn refused(&mut self, id: &str, said: &str) -> Option<(Request, Answer)> {
        let request = self.0.remove(id)?.request?;
        Some((request, Answer::No(in_its_words(said))))
    }

    pub fn done(&mut self, id: &str, said: &str) -> Option<Done> {
        let job = self.0.remove(id)?;
        let succeeded = said.starts_with("+OK");
        Some(match job.request {
            None => Done::Product(product(said)),
            Some(Request::Originate { leg, .. } | Request::Spy { leg, .. }) => {
                Done::Told(CallEvent::OriginateEnded { leg: Some(leg), succeeded })
            }
            Some(request @ (Request::Hangup { .. } | Request::Pause { .. } | Request::Snapshot | Request::Look)) => {
                Done::Answered(request, if succeeded { Answer::Done } else { Answer::No(in_its_words(said)) })
            }
        })
    }

    pub fn give_up(&mut self, at: Instant, heard: &mut Vec<Heard>) {
        let late = self.0.extract_if(.., |_, job| job.until <= at).map(|(_, job)| job);
        heard.extend(late.filter_map(unanswered));
    }

    /// The conversation is over.
    pub fn end(&mut self, heard: &mut Vec<Heard>) {
        heard.extend(std::mem::take(&mut self.0).into_values().filter_map(unanswered));
    }
}

fn unanswered(job: Job) -> Option<Heard> {
    match job.request? {
        // Answered when it began.
        Request::Originate { .. } | Request::Spy { .. } if job.is_answered => None,
        request => Some(Heard::Answered { request, answer: Answer::Unknown }),
    }
}

/// `No such channel!` of `-ERR No such channel!`.
fn in_its_words(said: &str) -> String {
    said.trim().strip_prefix("-ERR").unwrap_or(said).trim().to_owned()
}

/// `FreeSWITCH 1.10.12` of `FreeSWITCH Version 1.10.12-release~64bit (-release 64bit)`.
fn product(said: &str) -> String {
    let version = said.split_once("Version ").map_or("", |(_, version)| version);
    let number = version.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    if number.is_empty() { "FreeSWITCH".to_owned() } else { format!("FreeSWITCH {number}") }
}
