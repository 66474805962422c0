//! The page of `tour --page`: rows, details, filters, search, pause, exports, the keyboard, the composer, and how it looks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::devtools::{example, Browser, Process, Tab, LONG};
use super::json::{quote, Json};
use super::keep_picture;

/// The tour with its page, up to the end of its connection, and the address of the page.
fn tour(settings: &[&str]) -> (Process, String) {
    let mut command = Command::new(example("tour"));
    let (process, address) = Process::start(command.args(settings), "The page: ");
    let (address, _) = address.split_once("  ").expect("text behind the address");
    (process, address.to_owned())
}

fn number(tab: &Tab, expression: &str) -> u32 {
    match tab.value(expression) {
        Json::Number(number) => number as u32,
        other => panic!("{expression} is {other:?}"),
    }
}

/// Sets a field of a form, as a user does.
fn set(tab: &Tab, id: &str, value: &str) {
    tab.value(&format!(
        "(() => {{ const one = document.getElementById({}); one.value = {};
            one.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()",
        quote(id),
        quote(value)
    ));
}

fn click(tab: &Tab, id: &str) {
    tab.value(&format!("document.getElementById({}).click()", quote(id)));
}

fn live<'a>(browser: &'a Browser, address: &str) -> Tab<'a> {
    let tab = browser.open(address);
    tab.until("document.getElementById('state').dataset.state === 'on'");
    tab
}

/// Number of rows that the filters let through.
const SEEN: &str = "document.querySelectorAll('#rows .row:not([hidden])').length";

fn details_say(tab: &Tab, text: &str) {
    tab.until(&format!("document.getElementById('detail').innerText.includes({})", quote(text)));
}

fn verdict_says(tab: &Tab, text: &str) {
    tab.until(&format!("document.getElementById('verdict').innerText.includes({})", quote(text)));
}

/// The tour: two heads, and six and five frames, of which the last are the Closes. Then both sides end.
fn has_all_rows(tab: &Tab) {
    tab.until("document.querySelectorAll('#rows .row').length >= 16");
    tab.until("[...document.querySelectorAll('#rows .row')].filter((row) => row.innerText.includes('ended TCP')).length === 2");
    assert_eq!(number(tab, "document.querySelectorAll('#rows .client').length"), 8);
    assert_eq!(number(tab, "document.querySelectorAll('#rows .server').length"), 7);
    let text = tab.value("document.querySelector('#rows .client .preview').textContent");
    assert!(text.text().contains("GET /tour HTTP/1.1"), "{text:?}");
}

fn keyboard_and_details(tab: &Tab) {
    tab.value("document.getElementById('rows').focus()");
    tab.press("Home");
    tab.until("document.querySelector('[aria-selected=true]') === document.querySelector('#rows .row')");
    // The connection, the request, the response, the first text.
    for _ in 0..3 {
        tab.press("ArrowDown");
    }
    details_say(tab, "Text frame from the client");
    tab.until("document.getElementById('rows').getAttribute('aria-activedescendant') === document.querySelector('[aria-selected=true]').id");
    // The bits of 81 86, the key, and the payload in both forms.
    let bits =
        tab.value("[...document.querySelectorAll('.bits code')].slice(0, 7).map((one) => one.textContent).join(' ')");
    assert_eq!(bits.text(), "1 0 0 0 0001 1 0000110");
    details_say(tab, "48 65 6c 6c 6f 21");
    let masked = "[...document.querySelectorAll('.payload tbody td code')].map((one) => one.textContent)";
    assert_eq!(number(tab, &format!("{masked}.length")), 3);
    assert_ne!(tab.value(&format!("{masked}[0]")), tab.value(&format!("{masked}[1]")));
    let links =
        tab.value("[...document.querySelectorAll('.fields a')].map((one) => one.textContent + ' ' + one.href).join()");
    assert!(links.text().contains("6455-5.1-1 https://www.rfc-editor.org/rfc/rfc6455#section-5.1"), "{links:?}");
    tab.until("document.querySelector('.phases [aria-current]')?.innerText.startsWith('Open')");
    // To the details and back, without a mouse.
    tab.press("Enter");
    tab.until("document.activeElement.id === 'detail'");
    tab.press("Escape");
    tab.until("document.activeElement.id === 'rows'");
    tab.press("End");
    details_say(tab, "ended TCP");
}

fn filters_and_search(tab: &Tab) {
    let all = number(tab, SEEN);
    set(tab, "kind", "8");
    tab.until(&format!("{SEEN} === 2"));
    set(tab, "side", "server");
    tab.until(&format!("{SEEN} === 1"));
    tab.value("document.getElementById('rows').focus()");
    tab.press("Home");
    details_say(tab, "The code is 1000, without a reason.");
    tab.until("document.querySelector('.phases [aria-current]')?.innerText.startsWith('Both')");
    set(tab, "kind", "");
    set(tab, "side", "");
    // Found by its text, and by its bytes.
    for search in ["hello!", "48 65 6c 6c 6f 21"] {
        set(tab, "search", search);
        tab.until(&format!("{SEEN} === 2"));
    }
    set(tab, "search", "nothing has this");
    tab.until(&format!("{SEEN} === 0 && !document.getElementById('empty').hidden"));
    set(tab, "search", "");
    tab.until(&format!("{SEEN} === {all}"));
}

fn composer(tab: &Tab) {
    let before = number(tab, SEEN);
    // A right frame: accepted, sent, and echoed by the server.
    let markup = "<img src=x onerror=\"document.title='owned'\">\u{202e}";
    set(tab, "payload", markup);
    assert_eq!(tab.value("document.getElementById('target').value").text(), "/tour");
    click(tab, "send");
    verdict_says(tab, "Accepted: ");
    verdict_says(tab, "Sent.");
    // A new connection, two heads, the frame, its echo.
    tab.until(&format!("{SEEN} === {}", before + 5));
    tab.until("document.querySelector('#rows .row:last-child').classList.contains('server')");
    let echo = tab.value("document.querySelector('#rows .row:last-child .preview').textContent");
    assert_eq!(echo.text(), markup.replace('\u{202e}', "\\u{202e}"));
    assert_eq!(number(tab, "document.querySelectorAll('#rows img').length"), 0);
    assert_ne!(tab.value("document.title"), Json::Text("owned".into()));
    // A wrong one: not masked. The library names the rule, and its server closes with 1002.
    tab.value("document.getElementById('masked').click()");
    set(tab, "payload", "Hello");
    assert_eq!(tab.value("document.getElementById('bytes').textContent").text(), "81 05 48 65 6c 6c 6f");
    click(tab, "send");
    verdict_says(tab, "a frame from a client is not masked (6455-5.1-2)");
    verdict_says(tab, "Close 1002");
    tab.until("document.querySelector('#rows .violated .broken')?.textContent === 'breaks 6455-5.1-2'");
    set(tab, "kind", "8");
    tab.until("[...document.querySelectorAll('#rows .server:not([hidden]) .preview')].some((one) => one.textContent === '1002 6455-5.1-2')");
    set(tab, "kind", "broken");
    tab.until(&format!("{SEEN} === 1"));
    tab.value("document.getElementById('rows').focus()");
    tab.press("Home");
    details_say(tab, "Broken rule");
    set(tab, "kind", "");
    // Judged only, as a frame of a server, and one that is not complete.
    click(tab, "fresh");
    verdict_says(tab, "A new connection");
    click(tab, "judge-client");
    verdict_says(tab, "Accepted: 5 bytes, which end a message.");
    tab.value("document.getElementById('masked').click()");
    set(tab, "declared", "9");
    click(tab, "judge");
    verdict_says(tab, "It waits for 4 more bytes of the payload.");
    set(tab, "declared", "many");
    tab.until("document.getElementById('problem').textContent.startsWith('The length is a number')");
    set(tab, "declared", "");
}

/// Frames of a server: a client of the library connects for them, and closes with the code of the broken rule.
fn composer_as_server(tab: &Tab) {
    let heads =
        "[...document.querySelectorAll('#rows .row')].filter((row) => row.innerText.includes('GET /composer')).length";
    click(tab, "fresh");
    verdict_says(tab, "A new connection");
    set(tab, "opcode", "9");
    tab.value("document.getElementById('masked').click()");
    click(tab, "serve");
    verdict_says(tab, "Accepted: a Ping.");
    verdict_says(tab, "The answer of the client is in the list above.");
    tab.until(&format!("{heads} === 1"));
    set(tab, "kind", "10");
    tab.until("[...document.querySelectorAll('#rows .client:not([hidden]) .opcode')].at(-1)?.textContent === 'Pong'");
    set(tab, "kind", "");
    tab.value("document.getElementById('masked').click()");
    click(tab, "serve");
    verdict_says(tab, "(6455-5.1-5)");
    set(tab, "kind", "8");
    tab.until("[...document.querySelectorAll('#rows .client:not([hidden]) .preview')].at(-1)?.textContent === '1002 6455-5.1-5'");
    set(tab, "kind", "");
    assert_eq!(number(tab, heads), 1);
    set(tab, "opcode", "1");
}

fn pause(tab: &Tab) {
    click(tab, "pause");
    let before = number(tab, SEEN);
    click(tab, "fresh");
    click(tab, "send");
    tab.until("/ [1-9][0-9]* waiting/.test(document.getElementById('count').textContent)");
    assert_eq!(number(tab, SEEN), before);
    click(tab, "pause");
    tab.until(&format!("{SEEN} > {before}"));
    tab.until("!document.getElementById('count').textContent.includes('waiting')");
}

/// The content of a file that the browser stores, when it is complete.
fn stored(folder: &Path, name: &str) -> Vec<u8> {
    let (file, start) = (folder.join(name), Instant::now());
    while !file.exists() {
        assert!(start.elapsed() < LONG, "{} was not stored", file.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::read(file).unwrap()
}

fn exports(tab: &Tab, folder: &Path) {
    // In one step: a connection that ends late adds a row.
    let counts = tab.value(
        "(() => { const [rows, notes] = ['.row', '.note'].map((kind) => document.querySelectorAll('#rows ' + kind).length);
            document.getElementById('json').click(); document.getElementById('pcapng').click();
            return [rows, notes]; })()",
    );
    let [Json::Number(rows), Json::Number(notes)] = counts.list() else { panic!("{counts:?}") };
    let (rows, notes) = (*rows as u32, *notes as u32);
    let events = Json::parse(&String::from_utf8(stored(folder, "websocket.json")).unwrap());
    assert_eq!(events.list().len() as u32, rows);
    let texts = events.list().iter().filter(|event| *event.at(&["message"]) == Json::Text("text".into())).count();
    assert!(texts >= 6, "{texts} texts");
    let file = stored(folder, "websocket.pcapng");
    // Every block has its length at both ends, and there is a packet for each row of bytes and three for each connection.
    let (mut rest, mut packets) = (&*file, 0);
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    while !rest.is_empty() {
        let length = word(rest, 4) as usize;
        assert_eq!(word(rest, length - 4) as usize, length);
        packets += u32::from(word(rest, 0) == 6);
        rest = &rest[length..];
    }
    assert_eq!(packets, rows + 2 * notes);
    // For `tshark -r`, by hand.
    println!("the exports: {}", folder.display());
}

/// A payload of which the page has a part: the details and an export say so.
fn long_payloads(tab: &Tab) {
    set(tab, "payload", &"x".repeat(20_000));
    click(tab, "fresh");
    click(tab, "send");
    // Not the last row: the end of the connection before comes at any time.
    let echo = "[...document.querySelectorAll('#rows .server')]
        .find((row) => row.querySelector('.length')?.textContent === '20,000 bytes')";
    tab.until(&format!("{echo} !== undefined"));
    tab.value(&format!("{echo}.click()"));
    details_say(tab, "The page and its exports have the first 16,384 bytes of it.");
    click(tab, "json");
    let said = tab.value("document.getElementById('exported').textContent");
    assert!(
        said.text().ends_with(". 2 long payloads are cut: the first 16,384 bytes of each are in the file."),
        "{said:?}"
    );
    set(tab, "payload", "Hello");
}

/// Roles, names, and an order of headings, as a screen reader has them.
fn is_accessible(tab: &Tab) {
    let tree = tab.accessibility_tree();
    for wanted in [
        ("listbox", "Frames, oldest first"),
        ("search", "Filters"),
        ("region", "Frames"),
        ("region", "Compose a frame"),
        ("searchbox", "Search"),
        ("button", "Pause"),
        ("combobox", "Opcode"),
        ("checkbox", "FIN"),
        ("textbox", "Masking key"),
        ("link", "Skip to the frames"),
        ("heading", "WebSocket, frame by frame"),
    ] {
        assert!(tree.iter().any(|(role, name)| (&**role, &**name) == wanted), "{wanted:?} is not in {tree:?}");
    }
    let nameless: Vec<_> = tree
        .iter()
        .filter(|(role, name)| {
            name.is_empty()
                && ["button", "link", "textbox", "searchbox", "combobox", "checkbox", "option"].contains(&&**role)
        })
        .collect();
    assert!(nameless.is_empty(), "{nameless:?}");
    let doubled = "(() => { const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
        return ids.filter((id, at) => ids.indexOf(id) !== at).join(); })()";
    assert_eq!(tab.value(doubled).text(), "");
    let levels = "[...document.querySelectorAll('h1, h2, h3')].map((one) => +one.tagName[1])
        .every((level, at, all) => at === 0 ? level === 1 : level <= all[at - 1] + 1)";
    assert_eq!(tab.value(levels), Json::Bool(true));
    assert_eq!(tab.value("document.documentElement.lang").text(), "en");
}

/// Texts whose contrast with their ground is below 4.5:1 (WCAG 2.2 section 1.4.3).
const FAINT: &str = "(() => {
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => parts(colour).slice(0, 3).map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0.05);
    const ground = (one) => { for (; one; one = one.parentElement) {
        const colour = getComputedStyle(one).backgroundColor; if ((parts(colour)[3] ?? 1) === 1) return colour; } };
    return [...document.querySelectorAll('body *')].filter((one) => one.offsetParent && one.tagName !== 'OPTION'
            && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
        .filter((one) => { const pair = [getComputedStyle(one).color, ground(one)].map(light).sort((a, b) => b - a);
            return pair[0] / pair[1] < 4.5; })
        .map((one) => one.tagName + '.' + one.className + ' ' + one.textContent.slice(0, 20)).join('; '); })()";

/// On a phone, a tablet and a desktop: nothing is cut off, and each control is large enough for a finger.
fn fits(tab: &Tab) {
    for (name, width, height) in [("phone", 390, 844), ("tablet", 820, 1180), ("desktop", 1440, 900)] {
        tab.size(width, height);
        tab.until(&format!("innerWidth === {width}"));
        for colours in ["light", "dark"] {
            tab.colours(colours);
            tab.until(&format!("matchMedia('(prefers-color-scheme: {colours})').matches"));
            assert_eq!(tab.value("document.documentElement.scrollWidth > innerWidth"), Json::Bool(false), "{name}");
            let small =
                "[...document.querySelectorAll('input, button, select, textarea')].filter((one) => one.offsetParent)
                .map((one) => [one.id, (one.closest('label.check') ?? one).getBoundingClientRect()])
                .filter(([, box]) => box.width < 43.5 || box.height < 43.5).map(([name]) => name).join()";
            assert_eq!(tab.value(small).text(), "", "{name}");
            assert_eq!(tab.value(FAINT).text(), "", "{name}, {colours}");
            tab.value("scrollTo(0, 0)");
            keep_picture(tab, &format!("page-{name}-{colours}"));
            for part in ["detail", "composer"] {
                tab.value(&format!("document.getElementById('{part}').scrollIntoView()"));
                keep_picture(tab, &format!("page-{name}-{colours}-{part}"));
            }
        }
    }
}

#[test]
#[ignore = "needs Chromium; .ci/run installs it and runs this"]
fn the_page_shows_the_tour_and_judges_frames() {
    let (_tour, address) = tour(&["--page"]);
    let browser = Browser::start();
    let folder: PathBuf = example("tour").parent().unwrap().parent().unwrap().join("browser").join("exports");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    browser.store_downloads(&folder);
    let tab = live(&browser, &address);
    has_all_rows(&tab);
    keyboard_and_details(&tab);
    filters_and_search(&tab);
    composer(&tab);
    composer_as_server(&tab);
    pause(&tab);
    exports(&tab, &folder);
    long_payloads(&tab);
    is_accessible(&tab);
    // A frame with a mask and a broken rule for the pictures.
    tab.value("[...document.querySelectorAll('#rows .row.violated')].at(-1).click()");
    fits(&tab);
}

#[test]
#[ignore = "needs Chromium; .ci/run installs it and runs this"]
fn the_page_shows_what_compression_made_of_a_message() {
    let (_tour, address) = tour(&["--page", "--deflate"]);
    let browser = Browser::start();
    let tab = live(&browser, &address);
    tab.until("[...document.querySelectorAll('#rows .row')].filter((row) => row.innerText.includes('ended TCP')).length === 2");
    // Found in what was compressed: twice there, and twice back.
    set(&tab, "search", "hello!");
    tab.until(&format!("{SEEN} === 4"));
    tab.value("document.getElementById('rows').focus()");
    tab.press("Home");
    details_say(&tab, "RSV1: the message is compressed");
    details_say(&tab, "8 bytes on the wire became 6 bytes");
    details_say(&tab, "48 65 6c 6c 6f 21");
    // The second time the window has it already.
    tab.press("ArrowDown");
    tab.press("ArrowDown");
    details_say(&tab, "Compression (RFC 7692)");
    details_say(&tab, "less on the wire");
    keep_picture(&tab, "page-compression");
}

#[test]
#[ignore = "needs Chromium; .ci/run installs it and runs this"]
fn the_page_of_ws_inspect_shows_what_passes_to_a_real_server() {
    let start = |settings: &[&str], mark| Process::start(Command::new(example("ws")).args(settings), mark);
    let (_echo, server) = start(&["echo", "--addr", "127.0.0.1:0"], "listening on ");
    let (tool, address) = start(&["inspect", "--listen", "127.0.0.1:0", "--page", "--quiet", &server], "the page: ");
    let browser = Browser::start();
    let tab = live(&browser, &address);
    tab.until("document.title.startsWith('ws inspect')");
    set(&tab, "target", "/made");
    click(&tab, "send");
    verdict_says(&tab, "Accepted: 5 bytes, which end a message.");
    verdict_says(&tab, "Sent.");
    tab.until("document.querySelectorAll('#rows .server').length === 2");
    tab.until("document.querySelector('#rows .client .preview').textContent === 'GET /made HTTP/1.1'");
    tab.until("document.querySelector('#rows .row:last-child .preview').textContent === 'Hello'");
    // The tool ends: the page says so.
    drop(tool);
    tab.until("document.getElementById('state').dataset.state === 'lost'");
}
