//! S3 on loopback: `s3s-fs` over a folder, and a proxy in front of it that does what
//! networks and services do on bad days.

use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const BUCKET: &str = "amzn-s3-demo-bucket";

/// A server whose buckets are the folders of a folder.
pub(crate) struct S3Server {
    pub(crate) address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl S3Server {
    pub(crate) fn start(root: &Path) -> Self {
        Self::start_with(root, BTreeMap::new(), |_| None)
    }

    /// The same, with metadata next to objects by their paths (the server keeps it in
    /// files whose names would be too long), answering calls to other services by their
    /// target.
    pub(crate) fn start_with(
        root: &Path,
        object_metadata: BTreeMap<String, BTreeMap<String, String>>,
        answers: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let known = Arc::new((object_metadata, answers));
        let files = s3s_fs::FileSystem::new(root).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        // Signatures are checked.
        builder.set_auth(s3s::auth::SimpleAuth::from_single("AKIAEXAMPLE", "x"));
        let service: S3Service = builder.build();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, known) = (service.clone(), Arc::clone(&known));
                tokio::spawn(async move {
                    let serve = service_fn(move |request: Request<Incoming>| {
                        let target = request.headers().get("x-amz-target");
                        let target = target.and_then(|target| target.to_str().ok());
                        let answer = target.and_then(|target| (known.1)(target));
                        let path = request.uri().path().to_owned();
                        let (service, known) = (service.clone(), Arc::clone(&known));
                        async move {
                            if let Some(text) = answer {
                                return Ok::<_, s3s::HttpError>(Response::new(s3s::Body::from(
                                    text,
                                )));
                            }
                            let mut answer: Response<s3s::Body> =
                                Service::call(&service, request).await?;
                            for (name, value) in known.0.get(&path).into_iter().flatten() {
                                let name = format!("x-amz-meta-{name}").parse::<HeaderName>();
                                answer
                                    .headers_mut()
                                    .insert(name.unwrap(), value.parse().unwrap());
                            }
                            Ok(answer)
                        }
                    });
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), serve)
                        .await;
                });
            }
        });
        Self {
            address,
            _runtime: runtime,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// What a bad day does to one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    None,
    InternalError,
    SlowDown,
    /// The connection is reset in the middle of the body.
    Reset,
    /// The connection is closed in the middle of the body.
    Truncated,
    /// Half of the body, and a length that says that this is all.
    ShortLength,
    /// The whole body, and a length that promises more.
    LongLength,
    /// A few bytes at a time.
    Slow,
    /// The answer of a service that forbids it.
    Denied,
    /// The answer of a service that is asked too often, and says when to ask again: at once.
    TooMany,
    /// The answer of a service that has forgotten what it was asked.
    Gone,
}

impl Fault {
    /// The fault where something is so, else none.
    pub(crate) fn when(self, is_so: bool) -> Self {
        if is_so { self } else { Self::None }
    }
}

/// A request as the proxy sees it.
pub(crate) struct Asked<'a> {
    pub(crate) head: &'a str,
    /// Path and query.
    pub(crate) target: &'a str,
    /// How often the same was asked for before.
    pub(crate) before: u32,
}

impl Asked<'_> {
    pub(crate) fn is_list(&self) -> bool {
        self.target.contains("list-type=2")
    }
}

type Plan = dyn Fn(&Asked<'_>) -> Fault + Send + Sync;

/// A proxy in front of a server.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// Every request, with what was done to its answer.
    pub(crate) log: Arc<Mutex<Vec<(String, Fault)>>>,
}

impl Proxy {
    /// A proxy that only looks at the heads of requests.
    pub(crate) fn start_seeing(
        upstream: SocketAddr,
        see: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self::start(upstream, move |asked| {
            see(asked.head);
            Fault::None
        })
    }

    pub(crate) fn start(
        upstream: SocketAddr,
        plan: impl Fn(&Asked<'_>) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let plan: Arc<Plan> = Arc::new(plan);
        let asked: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
        let own = Arc::clone(&log);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (plan, log, asked) = (Arc::clone(&plan), Arc::clone(&own), Arc::clone(&asked));
                std::thread::spawn(move || serve(client, upstream, &*plan, &log, &asked));
            }
        });
        Self { address, log }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests whose targets hold this text.
    pub(crate) fn asked_for(&self, text: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter(|(target, _)| target.contains(text))
            .count()
    }
}

const PATIENCE: Duration = Duration::from_mins(1);

/// One connection, one request: every answer closes its connection.
fn serve(
    mut client: TcpStream,
    upstream: SocketAddr,
    plan: &Plan,
    log: &Mutex<Vec<(String, Fault)>>,
    asked: &Mutex<BTreeMap<String, u32>>,
) -> Option<()> {
    client.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = head(&mut client)?;
    let sent = sent_body(&head, &mut client)?;
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let before = {
        let mut asked = asked.lock().unwrap();
        let count = asked.entry(format!("{method} {target}")).or_default();
        *count += 1;
        *count - 1
    };
    let fault = plan(&Asked {
        head: &head,
        target: &target,
        before,
    });
    log.lock().unwrap().push((target, fault));
    let instead = match fault {
        Fault::InternalError => Some(refused("500 Internal Server Error", "InternalError")),
        Fault::SlowDown => Some(refused("503 Slow Down", "SlowDown")),
        Fault::Denied => Some(refused("403 Forbidden", "AccessDenied")),
        Fault::TooMany => {
            let status = "429 Too Many Requests\r\nRetry-After: 0";
            Some(refused(status, "TooManyRequests"))
        }
        Fault::Gone => Some(refused("404 Not Found", "NotFound")),
        _ => None,
    };
    if let Some(instead) = instead {
        return client.write_all(instead.as_bytes()).ok();
    }
    let answer = forward(&head, &sent, upstream).ok()?;
    let cut = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let (head, body) = answer.split_at(cut);
    let head = String::from_utf8_lossy(head).into_owned();
    let half = body.len() / 2;
    match fault {
        Fault::Reset => {
            client.write_all(head.as_bytes()).ok()?;
            client.write_all(&body[..half]).ok()?;
            let socket = socket2::SockRef::from(&client);
            socket.set_linger(Some(Duration::ZERO)).ok()
        }
        Fault::Truncated => {
            client.write_all(head.as_bytes()).ok()?;
            client.write_all(&body[..half]).ok()
        }
        Fault::ShortLength => {
            client.write_all(with_length(&head, half).as_bytes()).ok()?;
            client.write_all(&body[..half]).ok()
        }
        Fault::LongLength => {
            client
                .write_all(with_length(&head, body.len() + 9).as_bytes())
                .ok()?;
            client.write_all(body).ok()
        }
        Fault::Slow => {
            client.set_nodelay(true).ok()?;
            client.write_all(head.as_bytes()).ok()?;
            for few in body.chunks(7) {
                client.write_all(few).ok()?;
                std::thread::yield_now();
            }
            Some(())
        }
        _ => client.write_all(&answer).ok(),
    }
}

fn head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// The body of a request.
fn sent_body(head: &str, client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut lines = head.lines();
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        value.trim().parse().ok().filter(|_| is_length)
    });
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).ok()?;
    Some(body)
}

/// An answer that refuses.
fn refused(status: &str, code: &str) -> String {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code} by the test</Message></Error>"
    );
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// The server's whole answer.
fn forward(head: &str, body: &[u8], upstream: SocketAddr) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream)?;
    let closing = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    server.write_all(closing.as_bytes())?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn with_length(head: &str, length: usize) -> String {
    let lines = head.split("\r\n").map(|line| {
        if line.to_ascii_lowercase().starts_with("content-length:") {
            format!("Content-Length: {length}")
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\r\n")
}
