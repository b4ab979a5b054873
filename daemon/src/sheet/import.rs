//! A file of customers put in, or tried: what each line comes to.

use std::collections::BTreeMap;

use super::{Line, Sheet, Wrong};
use crate::CustomerId;
use crate::desk::case::Written;
use crate::desk::command::{Command, Done, FieldWhy, Refusal};
use crate::desk::customer::OfCustomers;
use crate::desk::customers::{ImportRow, Weighed, Whose, weigh};
use crate::number::Number;
use crate::store::read::{ReadError, Reader};

/// Lines that are looked up together, and then asked for together: few enough that whoever else asks
/// something waits for no more than a commit of them.
const TOGETHER: usize = 200;

/// What came of a file, or would come.
#[derive(Debug, Default)]
pub struct Report {
    pub ignored: Vec<String>,
    pub tried: Vec<Tried>,
}

#[derive(Debug, PartialEq)]
pub struct Tried {
    pub line: u64,
    pub row: ImportRow,
    pub outcome: Outcome,
}

#[derive(Debug, PartialEq)]
pub enum Outcome {
    New,
    /// The form's fields.
    Changed(Vec<&'static str>),
    Same,
    Refused(Vec<Wrong>),
}

/// Lines that are put in together.
pub struct Batch<'a>(Vec<&'a mut Tried>);

impl Batch<'_> {
    pub fn commands(&self) -> Vec<Command> {
        self.0.iter().map(|tried| tried.command()).collect()
    }
    /// The answers, in the order of the commands; what was refused is so in the report.
    pub fn hear(self, answers: impl IntoIterator<Item = Result<Done, Refusal>>) {
        for (tried, answer) in self.0.into_iter().zip(answers) {
            if let Err(refusal) = answer {
                let (column, why) = refused(&refusal);
                tried.outcome = Outcome::Refused(vec![Wrong { line: tried.line, column, why }]);
            }
        }
    }
}

impl Tried {
    pub fn command(&self) -> Command {
        Command::Customers(OfCustomers::Import(Box::new(self.row.clone())))
    }
}

impl Report {
    /// The lines that are new and changed, some at a time: their commands are given, and what came of
    /// them is heard.
    pub fn batches(&mut self) -> impl Iterator<Item = Batch<'_>> {
        let asks = |tried: &&mut Tried| matches!(tried.outcome, Outcome::New | Outcome::Changed(_));
        self.tried.chunks_mut(TOGETHER).map(move |together| Batch(together.iter_mut().filter(asks).collect()))
    }
    pub fn count(&self, is_so: impl Fn(&Outcome) -> bool) -> usize {
        self.tried.iter().filter(|tried| is_so(&tried.outcome)).count()
    }
    pub fn new_ones(&self) -> usize {
        self.count(|outcome| *outcome == Outcome::New)
    }
    pub fn changed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Changed(_)))
    }
    pub fn same(&self) -> usize {
        self.count(|outcome| *outcome == Outcome::Same)
    }
    pub fn refused(&self) -> impl Iterator<Item = &Wrong> {
        self.tried.iter().flat_map(|tried| match &tried.outcome {
            Outcome::Refused(wrong) => wrong.as_slice(),
            Outcome::New | Outcome::Changed(_) | Outcome::Same => &[],
        })
    }
}

/// Weighs each line by what is kept; nothing is asked for.
pub async fn tried(reader: &Reader, sheet: Sheet) -> Result<Report, ReadError> {
    let Sheet { ignored, lines } = sheet;
    let mut report = Report { ignored, tried: Vec::new() };
    let mut before = Before::default();
    let mut lines = lines.into_iter().peekable();
    while lines.peek().is_some() {
        let together: Vec<_> = lines.by_ref().take(TOGETHER).collect();
        let rows: Vec<ImportRow> = together.iter().map(|line| line.row.clone()).collect();
        for (line, found) in together.into_iter().zip(reader.written(rows).await?) {
            report.tried.push(weighed(line, &found, &mut before));
        }
    }
    Ok(report)
}

fn weighed(line: Line, found: &[Written], before: &mut Before) -> Tried {
    let Line { nth, row, mut wrong, name_column, numbers_column } = line;
    let at = |column: &str, why: String| Wrong { line: nth, column: column.to_owned(), why };
    wrong.extend(before.hears(&row, nth).map(|why| at(&numbers_column, why)));
    let weighed = weigh(&row, found).map_err(|whose| {
        let column = if whose == Whose::Nameless { name_column.as_str() } else { numbers_column.as_str() };
        at(column, sentence(&whose))
    });
    let outcome = match weighed {
        Err(why) => {
            wrong.push(why);
            Outcome::Refused(wrong)
        }
        Ok(_) if !wrong.is_empty() => Outcome::Refused(wrong),
        Ok(Weighed::Same(_)) => Outcome::Same,
        Ok(Weighed::New(_)) => Outcome::New,
        Ok(Weighed::Changed { fields, .. }) => Outcome::Changed(fields),
    };
    Tried { line: nth, row, outcome }
}

/// Whose numbers and ids stood in lines before.
#[derive(Default)]
struct Before {
    numbers: BTreeMap<Number, u64>,
    ids: BTreeMap<CustomerId, u64>,
}

impl Before {
    fn hears(&mut self, row: &ImportRow, line: u64) -> Option<String> {
        let by_number =
            row.numbers.iter().find_map(|number| self.numbers.get(number).map(|at| (number.to_string(), *at)));
        let by_id = row.id.and_then(|id| self.ids.get(&id).map(|at| (id.to_string(), *at)));
        for number in &row.numbers {
            self.numbers.entry(number.clone()).or_insert(line);
        }
        if let Some(id) = row.id {
            self.ids.entry(id).or_insert(line);
        }
        let (what, at) = by_number.or(by_id)?;
        Some(format!("{what} stands in line {at} already; put the two lines together"))
    }
}

fn sentence(whose: &Whose) -> String {
    match whose {
        Whose::NoSuchCustomer => "there is no customer of that id; leave it empty to go by the numbers".to_owned(),
        Whose::Several(names) => {
            format!("more than one customer has these numbers: {}; merge them, or give an id", names.join(", "))
        }
        Whose::Nameless => "a new customer has a name".to_owned(),
    }
}

/// What the house itself found wrong.
fn refused(refusal: &Refusal) -> (String, String) {
    match refusal {
        Refusal::Field { field, why: FieldWhy::TooLong { max } } => {
            (field.to_string(), format!("this is too long; it may have {max}"))
        }
        Refusal::Field { field, .. } => (field.to_string(), "this is not taken".to_owned()),
        Refusal::Changed { .. } => {
            (String::new(), "somebody saved this customer meanwhile; import the line again".to_owned())
        }
        Refusal::NotAllowed => (String::new(), "an import is for supervisors and managers".to_owned()),
        Refusal::StoreFailed => (String::new(), "the disk refuses; import the line again".to_owned()),
        other => (String::new(), format!("this is not taken: {other:?}")),
    }
}
