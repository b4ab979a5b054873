//! What the demo's site promises and who does what there: its policy, the people of its departments,
//! who looks after key customers, who is away, and whom nobody wants to hear again.

use chrono::{TimeDelta, Utc};

use super::{People, give};
use crate::desk::command::Command;
use crate::desk::customer::OfCustomers;
use crate::engine::Commands;
use crate::store::read::{CustomerFilter, Reader};

pub const QUALITY: &str = "品质部";
pub const LOGISTICS: &str = "仓储物流部";

/// What differs from what is shipped.
const TERMS: &str = r#"# 云岫电器客服热线：演示用的规则，没有写的照出厂的

[customers]
classes = ["VIP", "经销商", "普通"]

[survey]
scale = "scores"

[spot_check]
percent = 20

# 售后维修也归档和回访，不只是投诉
[clock.filing]
kinds = ["complaint", "after_sales"]

[clock.return_visit]
kinds = ["complaint", "after_sales"]

[departments]
"品质部" = "site"
"仓储物流部" = "site"

[[responsibility]]
kind = "complaint"
category = "product_quality"
department = "品质部"

[[responsibility]]
kind = "complaint"
category = "delivery"
department = "仓储物流部"

[script.queue.support]
say = """
您好，云岫电器客服热线，请问怎么称呼您？
先问型号和购买日期，再问故障现象。
"""
never = ["今天一定修好", "肯定能退"]

[script.queue.sales]
say = "您好，云岫电器订购热线，请问想了解哪款产品？"
never = ["全网最低价"]

[script.queue.complaints]
say = """
您好，给您添麻烦了，我来记录并负责到底。
记清时间、地点、经过和要求，复述一遍请客户确认。
"""
never = ["这不归我们管", "您去找商家", "保证赔偿"]

[script.category.delivery]
say = "先核对物流单号和签收人，再约定回复时间。"
never = ["明天一定送到"]

[script.category.product_quality]
say = "请客户拍照并保留包装；换货以品质部的结论为准。"
never = ["肯定是质量问题", "一定给您换新"]
"#;

const NUISANCE: &str = "13500000000";

/// Whatever of it is not there yet. False where the site has a policy of its own: then its departments and
/// classes are its own too.
pub async fn furnish(commands: &Commands, reader: &Reader, people: &People) -> anyhow::Result<bool> {
    if reader.policy().version == 0 {
        let command = Command::SetPolicy { version: Some(0), text: TERMS.to_owned() };
        give(commands, people.get("manager"), command).await?;
    }
    if !reader.policy().terms.departments.contains_key(&QUALITY.into()) {
        return Ok(false);
    }
    let directory = reader.directory().await?;
    let boss = people.get("supervisor");
    for (department, responsible, deputy) in [(QUALITY, "handler", "qianyufen"), (LOGISTICS, "fengtao", "machenglin")] {
        // A site with a policy of its own has its own departments.
        let is_named = reader.policy().terms.departments.contains_key(&department.into());
        if is_named && !directory.departments.contains_key(&department.into()) {
            let (responsible, deputy) = (people.get(responsible), people.get(deputy));
            let others = Default::default();
            let command = Command::SetDepartment { department: department.into(), responsible, deputy, others };
            give(commands, boss, command).await?;
        }
    }
    let away = people.get("zhengyawen").zip(people.get("sunlihua"));
    if let Some((person, deputy)) = away.filter(|(person, _)| directory.person(*person).is_some_and(|p| !p.away)) {
        give(commands, boss, Command::SetAway { person, away: true, deputy: Some(deputy) }).await?;
    }
    if reader.blacklist(Utc::now()).await?.is_empty() {
        let (number, reason) = (NUISANCE.to_owned(), "夜里反复打来骂人，已留证".to_owned());
        let until = Some(Utc::now() + TimeDelta::days(30));
        give(commands, boss, Command::Customers(OfCustomers::Blacklist { number, reason, until })).await?;
    }
    Ok(true)
}

/// Whoever is a key customer has somebody who looks after them, who hears of their complaints.
pub async fn look_after(commands: &Commands, reader: &Reader, people: &People) -> anyhow::Result<()> {
    let keys = CustomerFilter { key_customer: Some(true), limit: 50, ..CustomerFilter::default() };
    for customer in reader.customers(keys).await? {
        if customer.manager.is_none() {
            let mut form = customer.form();
            form.manager = people.get("supervisor");
            // A site with a policy of its own has its own classes.
            let vip = reader.policy().terms.classes.iter().find(|class| *class == "VIP").cloned();
            form.class = vip.unwrap_or(form.class);
            let command = Command::SaveCustomer { customer: Some((customer.id, customer.version)), ticket: None, form };
            give(commands, people.get("agent"), command).await?;
        }
    }
    Ok(())
}
