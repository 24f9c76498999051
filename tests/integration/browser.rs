//! The report's page in a real browser: headless Chromium.
//!
//! Screenshots are left in `target/tmp`, to be looked at.

use crate::devtools::Tab;
use crate::hostile::hostile;
use crate::needs;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const GOLDEN: &str = "reports/sample/nightly/index.html";

/// A page that is open.
struct Open {
    tab: Tab,
    _folder: TempDir,
}

/// Opens a page of so many pixels; `None`, with a word, where there is no browser.
fn open(html: &str, size: (u32, u32), scripts: bool) -> Option<Open> {
    let chromium = needs::chromium()?;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("index.html");
    fs::write(&file, html).unwrap();
    let tab = Tab::open(&chromium, size);
    let disabled = json!({ "value": !scripts });
    tab.call("Emulation.setScriptExecutionDisabled", &disabled);
    tab.navigate(&format!("file://{}", file.display()));
    Some(Open {
        tab,
        _folder: folder,
    })
}

impl Open {
    fn value(&self, body: &str) -> Value {
        self.tab.value(body)
    }

    fn number(&self, expression: &str) -> u64 {
        let value = self.value(&format!("return {expression};"));
        value
            .as_u64()
            .unwrap_or_else(|| panic!("{expression}: {value}"))
    }

    fn text(&self, expression: &str) -> String {
        let value = self.value(&format!("return {expression};"));
        value
            .as_str()
            .unwrap_or_else(|| panic!("{expression}: {value}"))
            .to_owned()
    }

    fn emulate(&self, media: &str, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let wanted = json!({"media": media, "features": features});
        self.tab.call("Emulation.setEmulatedMedia", &wanted);
    }

    /// Leaves a picture of the page for people to look at.
    fn picture(&self, name: &str) {
        let width = self.value("return document.documentElement.scrollWidth;");
        let height = "return Math.min(document.documentElement.scrollHeight, 7000);";
        let png = self.tab.picture((&width, &self.value(height)));
        assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000);
        fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), png).unwrap();
    }

    /// Nothing was asked for but the page itself, and nothing was refused or broken.
    fn is_quiet(&self) {
        let sent = self.tab.events("Network.requestWillBeSent");
        let urls: Vec<&str> = sent
            .iter()
            .filter_map(|one| one["request"]["url"].as_str())
            .collect();
        assert!(
            urls.len() == 1 && urls[0].starts_with("file://"),
            "{urls:?}"
        );
        for complaint in ["Log.entryAdded", "Runtime.exceptionThrown"] {
            let complaints = self.tab.events(complaint);
            assert!(complaints.is_empty(), "{complaints:?}");
        }
    }
}

fn golden() -> String {
    fs::read_to_string(GOLDEN).unwrap()
}

/// The rows of the chain table that are shown.
const ROWS: &str = "[...document.querySelectorAll('#chains tbody tr:not(.child)')]";

#[test]
fn chains_are_sorted_by_mouse_and_by_key() {
    let Some(page) = open(&golden(), (1280, 1000), true) else {
        return;
    };
    // Sorting, by mouse and by keyboard; figures by their value.
    let header = "#chains th:nth-child(9)";
    assert!(
        page.text(&format!("document.querySelector('{header}').textContent"))
            .contains("Scanned")
    );
    let orders = format!("{ROWS}.map(row => Number(row.cells[8].dataset.order))");
    page.tab.click(header);
    page.tab.wait_for(&format!("{header}[aria-sort=ascending]"));
    let up = page.value(&format!("return {orders};"));
    page.tab.focus(&format!("{header} [tabindex=\"0\"]"));
    page.tab.press("Enter");
    page.tab
        .wait_for(&format!("{header}[aria-sort=descending]"));
    let down = page.value(&format!("return {orders};"));
    let numbers = |value: &Value| -> Vec<f64> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_f64().unwrap())
            .collect()
    };
    assert!(numbers(&up).is_sorted() && numbers(&up).len() == 15, "{up}");
    assert!(
        numbers(&down).is_sorted_by(|left, right| right <= left),
        "{down}"
    );
    assert!(numbers(&down)[0] > numbers(&up)[0]);
    assert_eq!(
        page.text(&format!(
            "document.querySelector('{header}').getAttribute('aria-sort')"
        )),
        "descending"
    );
    page.is_quiet();
}

#[test]
fn chains_are_filtered_by_text_and_by_choice() {
    let Some(page) = open(&golden(), (1280, 1000), true) else {
        return;
    };
    // Filtering: by text, and by the choices of a column.
    let all = page.text("document.querySelector('#chains_info, .dt-info').textContent");
    page.tab.click(".dt-search input");
    page.tab.type_text("insurance");
    let info = "document.querySelector('.dt-info').textContent";
    page.tab
        .wait_until(&format!("{info} !== {}", Value::from(all.as_str())));
    let consumers = page.value(&format!(
        "return [...new Set({ROWS}.map(row => row.cells[2].textContent))];"
    ));
    assert_eq!(consumers, serde_json::json!(["insurance"]));
    page.value(
        "const search = document.querySelector('.dt-search input'); search.value = ''; \
                search.dispatchEvent(new Event('input', {bubbles: true}));",
    );
    page.value("const choice = document.querySelector('.filters select[name=\"Status\"]'); choice.value = 'denied'; \
                choice.dispatchEvent(new Event('change'));");
    let states = page.value(&format!(
        "return [...new Set({ROWS}.map(row => row.cells[6].textContent))];"
    ));
    assert_eq!(states, serde_json::json!(["denied"]));
    page.value("const choice = document.querySelector('.filters select[name=\"Status\"]'); choice.value = ''; \
                choice.dispatchEvent(new Event('change'));");
    page.is_quiet();
}

#[test]
fn a_chain_opens_below_its_row() {
    let Some(page) = open(&golden(), (1280, 1000), true) else {
        return;
    };
    // Opening a chain, from the keyboard; closing it again.
    let link = "#chains tbody tr:first-child a";
    assert_eq!(
        page.text(&format!(
            "document.querySelector('{link}').getAttribute('aria-expanded')"
        )),
        "false"
    );
    page.tab.focus(link);
    page.tab.press("Enter");
    assert_eq!(
        page.text(&format!(
            "document.querySelector('{link}').getAttribute('aria-expanded')"
        )),
        "true"
    );
    let id = page.text(&format!("document.querySelector('{link}').textContent"));
    let caption = page.text("document.querySelector('#chains tr.child caption').textContent");
    assert_eq!(caption, format!("Timeline of {id}"));
    assert!(page.number("document.querySelectorAll('#chains tr.child tbody tr').length") > 1);
    page.picture("report-chain-open.png");
    page.tab.press("Enter");
    assert_eq!(
        page.number("document.querySelectorAll('#chains tr.child').length"),
        0
    );
    // Paging.
    let before = page.text(&format!("{ROWS}[0].textContent"));
    page.tab.click(".dt-paging button.next");
    let before = Value::from(before);
    page.tab
        .wait_until(&format!("{ROWS}[0].textContent !== {before}"));
    page.is_quiet();
}

#[test]
fn a_link_opens_what_it_points_at() {
    let Some(page) = open(&golden(), (1280, 1000), true) else {
        return;
    };
    let target = page.text("document.querySelector('article.finding a[href^=\"#c-\"]').hash");
    let is_open = format!(
        "String(document.querySelector('{target}').open && document.querySelector('#timelines').open)"
    );
    assert_eq!(page.text(&is_open), "false");
    page.tab.click("article.finding a[href^='#c-']");
    page.tab.wait_for(&format!("{target}[open]"));
    assert_eq!(page.text(&is_open), "true");
    // The rule of a finding, too.
    page.tab.click("article.finding a[href^='#rule-']");
    page.tab.wait_for("details.rule[open]");
    page.is_quiet();
}

/// Names every text whose contrast is below WCAG AA.
const CONTRAST: &str = r"
    const parse = (color) => { const all = color.match(/[\d.]+/g).map(Number); return all.length < 4 ? [...all, 1] : all; };
    const lightness = ([r, g, b]) => { const one = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
        return 0.2126 * one(r) + 0.7152 * one(g) + 0.0722 * one(b); };
    const under = (element) => { for (let at = element; at; at = at.parentElement) {
        const color = parse(getComputedStyle(at).backgroundColor); if (color[3] > 0.99) return color; }
        return parse(getComputedStyle(document.documentElement).backgroundColor)[3] > 0.99
            ? parse(getComputedStyle(document.documentElement).backgroundColor) : [255, 255, 255, 1]; };
    for (const one of document.querySelectorAll('details')) one.open = true;
    const weak = new Set();
    let seen = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        if (!node.data.trim() || element.closest('script, style, title') || !element.getClientRects().length) continue;
        const style = getComputedStyle(element);
        const isDrawn = !!element.closest('svg');
        const ink = lightness(parse(isDrawn ? style.fill : style.color));
        const paper = lightness(under(element.closest('svg') ?? element));
        const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
        seen += 1;
        if (ratio < 4.5) weak.add(`${element.tagName}.${element.className} ${ratio.toFixed(2)}: ${node.data.trim().slice(0, 40)}`);
    }
    return {seen, weak: [...weak].slice(0, 20)};
";

#[test]
fn light_dark_and_phone_are_readable() {
    let Some(page) = open(&golden(), (1280, 1000), true) else {
        return;
    };
    page.picture("report-light.png");
    let paper = "getComputedStyle(document.body).backgroundColor";
    let drawn = "getComputedStyle(document.querySelector('figure svg rect[fill=\"#2f7d3d\"], figure svg rect[fill=\"#9fcaa6\"]')).fill";
    let light = (page.text(paper), page.text(drawn));
    let contrast = page.value(CONTRAST);
    assert!(contrast["seen"].as_u64() > Some(500), "{contrast}");
    assert_eq!(contrast["weak"], serde_json::json!([]), "{contrast}");
    page.emulate("screen", "dark");
    let dark = (page.text(paper), page.text(drawn));
    assert!(light.0 != dark.0 && light.1 != dark.1, "{light:?} {dark:?}");
    let contrast = page.value(CONTRAST);
    assert_eq!(contrast["weak"], serde_json::json!([]), "{contrast}");
    page.is_quiet();
    let Some(dark) = open(&golden(), (1280, 1000), true) else {
        return;
    };
    dark.emulate("screen", "dark");
    dark.picture("report-dark.png");
    // On a phone nothing is wider than the screen but what scrolls by itself.
    let Some(phone) = open(&golden(), (400, 800), true) else {
        return;
    };
    let wide = phone.value(
        "const width = document.documentElement.clientWidth;
         return [...document.querySelectorAll('body *')]
             .filter((one) => !one.closest('.scroll, .dt-layout-table, .skip, svg, pre') && one.getBoundingClientRect().right > width + 1)
             .map((one) => `${one.tagName}.${one.className}`).slice(0, 10);",
    );
    assert_eq!(wide, serde_json::json!([]));
    assert_eq!(
        phone.number("document.documentElement.scrollWidth"),
        phone.number("document.documentElement.clientWidth")
    );
    phone.picture("report-phone.png");
}

#[test]
fn it_prints_without_what_only_a_screen_needs() {
    let Some(page) = open(&golden(), (1280, 1000), true) else {
        return;
    };
    page.emulate("print", "dark");
    let hidden = page.value(
        "return ['nav', '.filters', '.dt-search', '.dt-paging', '#timelines'].filter((one) => \
                             getComputedStyle(document.querySelector(one)).display !== 'none');",
    );
    assert_eq!(hidden, serde_json::json!([]));
    assert_eq!(
        page.text("getComputedStyle(document.body).backgroundColor"),
        "rgb(255, 255, 255)"
    );
    let pdf = page.tab.pdf();
    assert!(
        pdf.starts_with(b"%PDF-") && pdf.len() > 30_000,
        "{}",
        pdf.len()
    );
    fs::write(
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.pdf"),
        pdf,
    )
    .unwrap();
    // What is folded or paged on a screen is there on paper, and as before afterwards.
    let open = "document.querySelectorAll('details[open]').length";
    let (before, rows) = (page.number(open), format!("{ROWS}.length"));
    assert_eq!(page.number(&rows), 15);
    page.value("dispatchEvent(new Event('beforeprint'));");
    assert!(page.number(open) > before);
    assert!(page.number(&rows) > 40, "{}", page.number(&rows));
    page.value("dispatchEvent(new Event('afterprint'));");
    assert_eq!((page.number(open), page.number(&rows)), (before, 15));
}

#[test]
fn it_can_be_read_without_eyes_and_without_a_mouse() {
    let Some(page) = open(&golden(), (1280, 1000), true) else {
        return;
    };
    let faults = page.value(
        "const faults = [];
         const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
         const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
         if (twice.length) faults.push(`ids twice: ${twice.slice(0, 5)}`);
         let level = 0;
         for (const one of document.querySelectorAll('h1, h2, h3, h4')) {
             const own = Number(one.tagName[1]);
             if (own > level + 1 && !one.closest('details.rule')) faults.push(`${one.tagName} after h${level}: ${one.textContent}`);
             level = own;
         }
         for (const one of document.querySelectorAll('table:not(details.rule table)')) {
             if (!one.caption?.textContent.trim()) faults.push(`no caption: ${one.id}`);
             for (const head of one.querySelectorAll('thead th')) if (head.scope !== 'col') faults.push(`no scope: ${one.id}`);
         }
         for (const one of document.querySelectorAll('svg')) {
             const title = document.getElementById(one.getAttribute('aria-labelledby'));
             if (one.getAttribute('role') !== 'img' || !title?.textContent) faults.push('a picture without a name');
         }
         for (const one of document.querySelectorAll('[aria-labelledby]')) {
             if (!document.getElementById(one.getAttribute('aria-labelledby'))) faults.push('a label that is not there');
         }
         for (const one of document.querySelectorAll('input, select')) {
             if (!one.labels?.length && !one.getAttribute('aria-label')) faults.push(`no label: ${one.outerHTML}`);
         }
         for (const one of document.querySelectorAll('.scroll')) {
             if (one.tabIndex !== 0 || !one.getAttribute('aria-label')) faults.push('a region that cannot be scrolled by key');
         }
         for (const one of document.querySelectorAll('a[href^=\"#\"]')) {
             if (!document.getElementById(decodeURIComponent(one.hash.slice(1)))) faults.push(`a link to nowhere: ${one.hash}`);
         }
         if (document.documentElement.lang !== 'en') faults.push('no language');
         if (!document.title || !document.querySelector('main') || !document.querySelector('nav[aria-label]')) faults.push('no landmarks');
         for (const one of document.querySelectorAll('.badge')) if (!one.textContent.trim()) faults.push('a badge of color alone');
         return faults;",
    );
    assert_eq!(faults, serde_json::json!([]));
    // The first stop of the tab key is the way past the navigation.
    page.tab.press("Tab");
    assert_eq!(page.text("document.activeElement.className"), "skip");
}

#[test]
fn it_says_everything_without_its_script() {
    let Some(page) = open(&golden(), (1280, 1000), false) else {
        return;
    };
    // The page's own script is off; the inspector's is not.
    assert_eq!(
        page.number("document.querySelectorAll('.dt-search').length"),
        0
    );
    let rows = page.number("document.querySelectorAll('#chains tbody tr').length");
    assert!(rows > 15, "{rows}");
    let timelines = page.number("document.querySelectorAll('details.timeline').length");
    assert_eq!(rows, timelines);
    assert!(page.number("[...document.querySelectorAll('svg')].filter((one) => one.getBoundingClientRect().height > 50).length") > 3);
    page.is_quiet();
}

#[test]
fn no_hostile_text_runs_or_asks_for_anything() {
    let made = hostile(false);
    let Some(page) = open(&made.page, (1280, 1000), true) else {
        return;
    };
    // Whatever is folded is opened, filtered and sorted, too.
    page.value(
        "for (const one of document.querySelectorAll('details')) one.open = true;
         for (const one of document.querySelectorAll('#chains tbody a')) one.click();
         for (const one of document.querySelectorAll('table.sorted thead th')) one.click();
         for (const one of document.querySelectorAll('.dt-search input')) {
             one.value = '<img src=x onerror=window.hostile=9>';
             one.dispatchEvent(new Event('input', {bubbles: true}));
             one.value = 'h0stile';
             one.dispatchEvent(new Event('input', {bubbles: true}));
         }
         for (const one of document.querySelectorAll('.filters select')) {
             one.selectedIndex = one.options.length - 1;
             one.dispatchEvent(new Event('change'));
         }
         dispatchEvent(new Event('beforeprint'));",
    );
    page.tab.pdf();
    assert_eq!(page.text("typeof window.hostile"), "undefined");
    let foreign = page.value(
        "return [...document.querySelectorAll('img, iframe, object, embed, link, base, form, video, audio, image, use, foreignObject, animate, set, math')]
             .map((one) => one.outerHTML.slice(0, 80))
             .concat([...document.querySelectorAll('*')].flatMap((one) => [...one.attributes])
                 .filter((one) => one.name.startsWith('on') || /^\\s*(javascript|data|https?|vbscript):/i.test(one.value))
                 .filter((one) => one.name !== 'xmlns')
                 .map((one) => `${one.name}=${one.value.slice(0, 60)}`));",
    );
    assert_eq!(foreign, serde_json::json!([]));
    assert_eq!(page.number("document.scripts.length"), 1);
    assert_eq!(page.number("document.querySelectorAll('style').length"), 1);
    assert!(page.number("document.body.innerText.split('h0stile').length") > 100);
    page.is_quiet();
    page.picture("report-hostile.png");
}
