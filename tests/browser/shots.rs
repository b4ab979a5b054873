//! Pictures of the pages at their busiest, into `target/browser-shots/`, for people to look at; and
//! what can be checked of their look: no page scrolls sideways, all text can be read.

use chrono::TimeDelta;
use daemon::desk::command::TicketForm;
use daemon::desk::ticket::{Channel, Complexity, Kind, Object, Priority};
use serde_json::json;

use super::chromium::{A_WHILE, Browser};
use super::scene::{BOSS, KNOWN, Past, Scene, WIRES, ZHOU};

/// Name, width, height.
const SIZES: [(&str, u32, u32); 2] = [("1366", 1366, 768), ("390", 390, 844)];

#[tokio::test(flavor = "multi_thread")]
async fn pages_at_their_busiest_can_be_read_at_every_size() {
    let mut scene = Scene::with_past(a_busy_past).await;
    let mut faults = Vec::new();
    let mut waiting = Vec::new();
    for nth in 0..3 {
        waiting.push(scene.pbx.wait(&format!("1370000000{nth}"), "", "support").await);
    }
    waiting.push(scene.pbx.wait("13700000009", "", "complaints").await);
    scene.pbx.offer(&mut waiting[3], "1002").await;
    scene.pbx.answer(&mut waiting[3], "1002").await;

    let desk = scene.browser(ZHOU).await;
    desk.resize(1366, 768).await;
    let hers = "[...document.querySelectorAll('#my-open a')].find((a) => a.closest('tr, li').innerText.includes('何素琴')).click()";
    desk.js(hers, &[]).await;
    desk.see("#work h2", "何素琴").await;
    desk.write("#summary", "，客户同意今天 18:00 前听到配件到货时间").await;
    desk.see("[data-draft]", "草稿已存").await;
    let call = scene.pbx.ring(KNOWN, "Zhang Wei", "support", "1001").await;
    desk.see("#pops > .pop.ringing", "张伟").await;
    desk.see("#tabs", "张伟").await;
    desk.see("#pops > .pop .band time", "0:05").await;
    pictures(&desk, "desk", &mut faults).await;

    let ticket = desk.attribute("#work .sub a[href^='/tickets/']", "href").await.expect("a ticket");
    desk.goto(format!("{}{ticket}", scene.url())).await.expect("the ticket");
    desk.see("#timeline", "").await;
    pictures(&desk, "ticket", &mut faults).await;
    desk.goto(format!("{}/tickets", scene.url())).await.expect("the tickets");
    pictures(&desk, "tickets", &mut faults).await;

    let board = scene.browser(BOSS).await;
    board.goto(format!("{}/live", scene.url())).await.expect("the board");
    board.see("#at-risk .duty", "").await;
    board.see("#q-main-support td:last-child", "/2").await;
    pictures(&board, "live", &mut faults).await;

    let wires = scene.browser(WIRES).await;
    // Events are told from when the stream is there on: callers come until one is seen.
    while wires.count("#events tr").await == 0 {
        scene.pbx.ring("13600000000", "<b>not bold</b>", "support", "1009").await;
        tokio::time::sleep(A_WHILE).await;
    }
    wires.see("#link-main", "已连接").await;
    pictures(&wires, "links", &mut faults).await;
    wires.goto(format!("{}/admin/people", scene.url())).await.expect("the people");
    pictures(&wires, "people", &mut faults).await;
    wires.goto(format!("{}/policy", scene.url())).await.expect("the policy");
    pictures(&wires, "policy", &mut faults).await;
    wires.js("document.getElementById('policy-text').value = '[clock]\\nmised_call = 3\\n'", &[]).await;
    wires.tap("button[value=check]").await;
    wires.see(".mistakes", "mised_call").await;
    pictures(&wires, "policy-mistakes", &mut faults).await;
    scene.pbx.hang_up(call).await;

    desk.goto(scene.url()).await.expect("the desk");
    scene.pbx.cut().await;
    desk.see("#waiting", "此刻看不到来电").await;
    pictures(&desk, "desk-blind", &mut faults).await;
    board.see("#callers", "看不到").await;
    pictures(&board, "live-blind", &mut faults).await;
    assert_eq!(faults, Vec::<String>::new());
    for browser in [&desk, &board, &wires] {
        browser.is_content().await;
    }
}

/// Customers with matters, and callers who were missed at such times that one duty is late, one at
/// risk, and others not yet.
fn a_busy_past(past: &mut Past) {
    let zhou = past.holder("1001");
    let he = past.customer(zhou, "何素琴", "", "13900004172", false);
    let form = TicketForm {
        kind: Kind::Complaint,
        category: "after_sales".into(),
        priority: Priority::Normal,
        complexity: Complexity::Simple,
        channel: Channel::Phone,
        summary: "已致歉".into(),
        course:
            "11 月 18 日约好上门维修，师傅没到，也没有电话。20 日再约，到场后说缺排水泵，至今没人告知配件何时到货。\
                 家里有老人，已手洗三天。"
                .into(),
        demand: "三天内修好；服务站打电话说明并道歉".into(),
        object: Object::default(),
    };
    past.matter(zhou, he, "13900004172", form, TimeDelta::hours(5));
    past.talked("13900004172", "1001", TimeDelta::hours(4), TimeDelta::seconds(348));
    past.missed(KNOWN, TimeDelta::minutes(9));
    for (number, name, minutes) in [
        ("13500001111", "邱建民", 41),
        ("13500002222", "赵丽华", 26),
        ("13500003333", "金志远", 12),
        ("13500004444", "罗玉芬", 3),
    ] {
        past.customer(zhou, name, "", number, false);
        past.missed(number, TimeDelta::minutes(minutes));
    }
    past.missed("13500005555", TimeDelta::minutes(1));
}

/// Each size in the light, the wide one also in the dark.
async fn pictures(browser: &Browser, page: &str, faults: &mut Vec<String>) {
    browser.take_the_hand_away().await;
    for (name, width, height) in SIZES {
        browser.resize(width, height).await;
        for theme in ["light", "dark"] {
            browser.js("document.documentElement.dataset.theme = arguments[0]", &[json!(theme)]).await;
            reads_well(browser, &format!("{page} at {name}, {theme}"), faults).await;
            if width > 390 || theme == "light" {
                browser.shoot(&format!("{page}-{name}-{theme}")).await;
            }
        }
    }
    browser.resize(1366, 768).await;
    browser.js("document.documentElement.dataset.theme = 'light'", &[]).await;
}

/// Nothing is wider than the window, nothing smaller than 12 px, and each text stands out from what
/// is behind it: 4.5 : 1, for large text 3 : 1 (WCAG 2.2, 1.4.3 and 1.4.10).
async fn reads_well(browser: &Browser, what: &str, faults: &mut Vec<String>) {
    let script = r"
        const light = (rgb) => rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const parse = (css) => { const n = css.match(/[\d.]+/g).map(Number); return { rgb: n.slice(0, 3), a: n[3] ?? 1 }; };
        const ground = (el) => {
            for (let at = el; at; at = at.parentElement) {
                const { rgb, a } = parse(getComputedStyle(at).backgroundColor);
                if (a > 0.99) return rgb;
            }
            return [255, 255, 255];
        };
        const found = [];
        if (document.documentElement.scrollWidth > innerWidth) found.push('wider than the window: ' + document.documentElement.scrollWidth);
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            const el = walk.currentNode.parentElement;
            const text = walk.currentNode.data.trim();
            if (!text || !el.getClientRects().length || el.closest('.sr, .skip, svg, option')) continue;
            const style = getComputedStyle(el);
            const size = parseFloat(style.fontSize);
            const [one, two] = [light(parse(style.color).rgb), light(ground(el))];
            const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
            const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 600);
            if (size < 12) found.push(`${text}: ${size} px`);
            if (ratio < (large ? 3 : 4.5)) found.push(`${text}: ${ratio.toFixed(2)} : 1 (${style.color})`);
        }
        return [...new Set(found)].slice(0, 12)";
    let found = browser.js(script, &[]).await;
    for fault in found.as_array().expect("a list") {
        faults.push(format!("{what}: {fault}"));
    }
}
