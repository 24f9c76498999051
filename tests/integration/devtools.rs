//! A page in headless Chromium, spoken to by the `DevTools` protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// An answer that takes longer will not come.
const PATIENCE: Duration = Duration::from_mins(1);
/// Tries of what shows in a page a little later, and what is between them.
const TRIES_MAX: u32 = 600;
const BETWEEN_TRIES: &str = "new Promise(done => setTimeout(done, 50))";

/// A browser with one page.
pub(crate) struct Tab {
    connection: RefCell<Connection>,
    browser: Child,
    _profile: TempDir,
}

struct Connection {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    /// Of the page, once there is one.
    session: Option<String>,
    last_id: u64,
    /// What the page told without being asked: methods and their parameters.
    events: Vec<(String, Value)>,
}

impl Connection {
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.socket
            .send(Message::text(message.to_string()))
            .unwrap();
        loop {
            let mut told = self.next();
            if told["id"] == id {
                assert!(told["error"].is_null(), "{method}: {}", told["error"]);
                return told["result"].take();
            }
        }
    }

    /// The next message; events are kept.
    fn next(&mut self) -> Value {
        let message = self.socket.read().unwrap();
        let told: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        if let Some(method) = told["method"].as_str() {
            self.events
                .push((method.to_owned(), told["params"].clone()));
        }
        told
    }

    /// Waits for an event of the page.
    fn wait_for(&mut self, event: &str) {
        while !self.events.iter().any(|(method, _)| method == event) {
            self.next();
        }
    }
}

impl Tab {
    /// Starts a browser with a window of so many pixels.
    pub(crate) fn open(chromium: &Path, (width, height): (u32, u32)) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Command::new(chromium)
            .args([
                "--headless=new",
                "--remote-debugging-port=0",
                "--no-sandbox", // its own does not start for root
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--disable-quic",
                "--disable-sync",
                "--hide-scrollbars",
                "--no-first-run",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(browser.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| Some(line.unwrap().split_once("listening on ")?.1.to_owned()))
            .unwrap();
        // Whatever else it says is read away, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let (socket, _) = tungstenite::connect(address).unwrap();
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        let mut connection = Connection {
            socket,
            session: None,
            last_id: 0,
            events: Vec::new(),
        };
        let target = connection.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = connection.call("Target.attachToTarget", &attach);
        connection.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Log", "Runtime"] {
            connection.call(&format!("{domain}.enable"), &json!({}));
        }
        let tab = Self {
            connection: RefCell::new(connection),
            browser,
            _profile: profile,
        };
        tab.call(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}),
        );
        tab
    }

    /// Calls a method of the protocol.
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Value {
        self.connection.borrow_mut().call(method, parameters)
    }

    /// Goes to a page, and waits until it is loaded.
    pub(crate) fn navigate(&self, url: &str) {
        let mut connection = self.connection.borrow_mut();
        connection.events.clear();
        connection.call("Page.navigate", &json!({ "url": url }));
        connection.wait_for("Page.loadEventFired");
    }

    /// The parameters of the events of this kind since the page was asked for.
    pub(crate) fn events(&self, method: &str) -> Vec<Value> {
        let connection = self.connection.borrow();
        let events = connection.events.iter();
        let wanted = events.filter(|(own, _)| own == method);
        wanted.map(|(_, parameters)| parameters.clone()).collect()
    }

    /// What the body of a function gives in the page.
    pub(crate) fn value(&self, body: &str) -> Value {
        let wrapped = format!("JSON.stringify((() => {{ {body} }})() ?? null)");
        let told = self.call("Runtime.evaluate", &json!({ "expression": wrapped }));
        let thrown = &told["exceptionDetails"];
        assert!(thrown.is_null(), "{body}: {thrown}");
        serde_json::from_str(told["result"]["value"].as_str().unwrap()).unwrap()
    }

    /// Waits until a condition holds in the page.
    pub(crate) fn wait_until(&self, condition: &str) {
        let holds = format!("return Boolean({condition});");
        for _ in 0..TRIES_MAX {
            if self.value(&holds) == true {
                return;
            }
            let pause = json!({"expression": BETWEEN_TRIES, "awaitPromise": true});
            self.call("Runtime.evaluate", &pause);
        }
        panic!("it does not come to hold: {condition}");
    }

    /// Waits until there is such an element.
    pub(crate) fn wait_for(&self, selector: &str) {
        self.wait_until(&format!("document.querySelector({})", quoted(selector)));
    }

    pub(crate) fn focus(&self, selector: &str) {
        self.wait_for(selector);
        let focus = format!("document.querySelector({}).focus();", quoted(selector));
        self.value(&focus);
    }

    /// Clicks into the middle of an element.
    pub(crate) fn click(&self, selector: &str) {
        self.wait_for(selector);
        let middle = self.value(&format!(
            "const one = document.querySelector({});
             one.scrollIntoView({{block: 'center', inline: 'center', behavior: 'instant'}});
             const box = one.getBoundingClientRect();
             return [box.x + box.width / 2, box.y + box.height / 2];",
            quoted(selector)
        ));
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            self.call(
                "Input.dispatchMouseEvent",
                &json!({
                    "type": kind, "x": middle[0], "y": middle[1],
                    "button": if kind == "mouseMoved" { "none" } else { "left" }, "clickCount": 1,
                }),
            );
        }
    }

    /// Presses `Enter` or `Tab`.
    pub(crate) fn press(&self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            other => panic!("no code of {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind, "key": key, "code": key,
                "windowsVirtualKeyCode": code, "nativeVirtualKeyCode": code,
            });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Types text where the focus is.
    pub(crate) fn type_text(&self, text: &str) {
        for letter in text.chars() {
            for kind in ["keyDown", "keyUp"] {
                let mut event = json!({"type": kind, "key": letter.to_string()});
                if kind == "keyDown" {
                    event["text"] = letter.to_string().into();
                }
                self.call("Input.dispatchKeyEvent", &event);
            }
        }
    }

    /// A picture of the top of the page, so many pixels high.
    pub(crate) fn picture(&self, (width, height): (&Value, &Value)) -> Vec<u8> {
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let asked = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        data(&self.call("Page.captureScreenshot", &asked))
    }

    /// The page as it is printed.
    pub(crate) fn pdf(&self) -> Vec<u8> {
        data(&self.call("Page.printToPDF", &json!({})))
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

fn data(answer: &Value) -> Vec<u8> {
    STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
}

fn quoted(selector: &str) -> String {
    Value::from(selector).to_string()
}
