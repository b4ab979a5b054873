//! Files as spreadsheets save them, and what comes of them in a real store.

use proptest::prelude::*;

use super::*;
use crate::desk::command::{Command, CustomerForm, Refusal};
use crate::desk::policy::Terms;
use crate::engine::house::{House, policy as usual, t};
use crate::number::Number;

fn classed() -> Policy {
    let policy = usual();
    policy.with(0, Terms::read("[customers]\nclasses = [\"金卡\"]\n", &policy).unwrap())
}

fn parsed(bytes: &[u8]) -> Result<Sheet, Wrong> {
    read(bytes, &classed(), &Staff::default())
}

fn put(house: &mut House, bytes: &[u8], dry: bool) -> Report {
    let staff = house.ask(house.reader.directory()).unwrap().staff();
    let sheet = read(bytes, &classed(), &staff).unwrap();
    let reader = house.reader.clone();
    let report = house.runtime.block_on(tried(&reader, sheet)).unwrap();
    // In virtual time the engine is turned by hand.
    for tried in report.tried.iter().filter(|_| !dry) {
        if matches!(tried.outcome, Outcome::New | Outcome::Changed(_)) {
            house.give(None, tried.command()).unwrap();
        }
    }
    report
}

fn told(report: &Report) -> (usize, usize, usize, Vec<String>) {
    let refused = report.refused().map(|wrong| format!("{}:{}: {}", wrong.line, wrong.column, wrong.why));
    (report.new_ones(), report.changed(), report.same(), refused.collect())
}

fn numbers(house: &House, name: &str) -> Vec<String> {
    house.sql(&format!(
        "SELECT number FROM customer_numbers n JOIN customers c ON c.id = n.customer WHERE c.name = '{name}' ORDER BY place"
    ))
}

#[test]
fn heads_are_known_in_both_languages_and_files_in_both_encodings() {
    let chinese = "姓名,电话,公司,重点客户,客户分类,备注,星座\n张伟,13800138000,海川,是,金卡,\"先核对,合同\",狮子\n";
    let (gbk, _, _) = encoding_rs::GBK.encode(chinese);
    let english =
        "name\tphone\tcompany\tkey_customer\tClass\tNote\tsign\n张伟\t13800138000\t海川\tyes\t金卡\t先核对,合同\t\n";
    let marked = format!("\u{feff}{chinese}");
    for bytes in [chinese.as_bytes(), marked.as_bytes(), &gbk, english.as_bytes()] {
        let sheet = parsed(bytes).unwrap();
        let [line] = &sheet.lines[..] else { panic!() };
        assert_eq!((line.nth, &line.wrong[..]), (2, &[][..]));
        let ImportRow { name, company, key_customer, class, note, numbers, .. } = &line.row;
        assert_eq!((name.as_str(), company.as_str(), *key_customer), ("张伟", "海川", Some(true)));
        assert_eq!((class.as_str(), note.as_str()), ("金卡", "先核对,合同"));
        assert_eq!(numbers, &[Number::from_canonical("+8613800138000")]);
        assert_eq!(sheet.ignored.len(), 1);
    }
}

#[test]
fn a_file_that_is_none_says_so() {
    let wrong = |bytes: &[u8]| parsed(bytes).unwrap_err().why;
    assert!(wrong(b"").contains("empty"));
    assert!(wrong(b"\xff\xfen\0a\0").contains("UTF-16"));
    assert!(wrong(b"PK\x03\x04\0\0").contains("save the sheet as CSV"));
    assert!(wrong(b"name,numbers\n\xff\xff\xff,1").contains("neither UTF-8 nor GBK"));
    assert!(wrong(b"name,company\nShen,Haichuan\n").contains("no column has numbers"));
    assert!(wrong(b"name,phone,name\n").contains("another column says the same"));
}

#[test]
fn each_refused_line_says_what_to_mend_and_the_rest_is_put_in_once() {
    let mut house = House::under(classed(), t(0.0));
    house.person("ann", Role::Agent, None);
    house.customer("Li", false, &["+8613100000001", "+8613100000002"]);
    house.customer("Wu", false, &["+8613100000002"]);
    let file = "name,phone,mobile,class,key customer,account manager,id\n\
                Shen,138 0013 8000,010-62345678,金卡,yes,ann,\n\
                ,13800138001,,,,,\n\
                Wen,13800138002,,gold,maybe,nobody,\n\
                Again,13800138000,,,,,\n\
                Two,13100000002,,,,,\n\
                Gone,,,,,,99\n\
                ,13100000001,13100000009,,,,\n\
                Odd,no number,,,,,\n";
    let refused = [
        "3:name: a new customer has a name",
        "4:class: \"gold\" is no class of customers; there are: 金卡",
        "4:key customer: \"maybe\" is neither yes nor no (是, 否)",
        "4:account manager: \"nobody\" is nobody who signs in here; write their account",
        "5:phone: +8613800138000 stands in line 2 already; put the two lines together",
        "6:phone: more than one customer has these numbers: Li, Wu; merge them, or give an id",
        "7:: there is no customer of that id; leave it empty to go by the numbers",
        "9:phone: \"no number\" is no phone number; write it as in 13800138000",
    ];
    let expected = (1, 1, 0, refused.map(String::from).to_vec());
    assert_eq!(told(&put(&mut house, file.as_bytes(), true)), expected);
    assert_eq!(house.sql("SELECT count(*) FROM customers"), ["2"], "the dry run writes nothing");
    assert_eq!(told(&put(&mut house, file.as_bytes(), false)), expected);
    assert_eq!(numbers(&house, "Shen"), ["+8613800138000", "+861062345678"]);
    assert_eq!(numbers(&house, "Li"), ["+8613100000001", "+8613100000002", "+8613100000009"]);
    let again = told(&put(&mut house, file.as_bytes(), false));
    assert_eq!((again.0, again.1, again.2), (0, 0, 2), "a file that comes again changes nothing");
    assert_eq!(house.sql("SELECT count(*) FROM customers"), ["3"]);
}

#[test]
fn an_import_adds_and_changes_and_takes_nothing_away() {
    let mut house = House::under(classed(), t(0.0));
    let form = CustomerForm {
        name: "Shen".into(),
        company: "Haichuan".into(),
        note: "calls late".into(),
        numbers: vec!["13800138000".into(), "13800138001".into()],
        ..CustomerForm::default()
    };
    house.give(None, Command::SaveCustomer { customer: None, ticket: None, form }).unwrap();
    let report = put(&mut house, "name,phone,company,note\nShen,13800138001,Hengda,\n".as_bytes(), false);
    assert_eq!(report.tried[0].outcome, Outcome::Changed(vec!["company"]));
    assert_eq!(house.sql("SELECT company || note FROM customers"), ["Hengdacalls late"]);
    assert_eq!(numbers(&house, "Shen").len(), 2);
}

#[test]
fn an_import_is_for_who_leads() {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, None);
    let row = ImportRow { name: "Shen".into(), ..ImportRow::default() };
    let command = Command::Customers(crate::desk::customer::OfCustomers::Import(Box::new(row)));
    assert_eq!(house.give(Some(ann), command.clone()), Err(Refusal::NotAllowed));
    let manager = house.person("may", Role::Manager, None);
    assert!(house.give(Some(manager), command).is_ok());
}

fn cell() -> impl Strategy<Value = String> {
    let beginnings = prop::sample::select(vec!["", "=", "+", "-", "@", "'", "''", "'=", "\"", ","]);
    (beginnings, "[a-z张=+@'\",; ]{0,8}").prop_map(|(beginning, rest)| format!("{beginning}{rest}").trim().to_owned())
}

proptest! {
    /// Whatever is kept, an export has no formula in it, and read again it is the same.
    #[test]
    fn what_is_exported_is_read_back(name in cell(), company in cell(), note in cell(), key_customer in any::<bool>()) {
        let customer = Customer {
            id: CustomerId(7),
            name,
            company,
            address: "\r\n=1+1\tx".trim().to_owned(),
            key_customer,
            class: "金卡".into(),
            manager: None,
            note: format!("{note}\nsecond line").trim().to_owned(),
            numbers: ["+8613800138000", "+861062345678", "95588"].map(Number::from_canonical).into(),
            version: 3,
            merged_into: None,
        };
        let file = head() + &write(&customer, &Directory::default(), |number| number.as_str().to_owned());
        let mut cells = ReaderBuilder::new().has_headers(false).from_reader(file.trim_start_matches('\u{feff}').as_bytes());
        for record in cells.records() {
            for cell in record.unwrap().iter() {
                prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{cell:?} is a formula");
            }
        }
        let sheet = parsed(file.as_bytes()).unwrap();
        let line = &sheet.lines[0];
        prop_assert_eq!(&line.wrong[..], &[][..]);
        let row = line.row.clone();
        prop_assert_eq!(row.numbers, customer.numbers.clone());
        prop_assert_eq!((row.id, row.name, row.company), (Some(customer.id), customer.name, customer.company));
        prop_assert_eq!((row.address, row.note, row.class), (customer.address, customer.note, customer.class));
        prop_assert_eq!(row.key_customer, Some(key_customer));
    }
}
