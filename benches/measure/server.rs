//! S3 from memory, on loopback: GET and LIST in S3's shapes, and answers to other
//! services by their target.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) const BUCKET: &str = "amzn-s3-demo-bucket";
const PAGE: usize = 1000;

/// A body, and what is kept next to it.
pub(crate) type Stored = (Bytes, BTreeMap<String, String>);
pub(crate) type Objects = BTreeMap<String, Stored>;
/// Answers by target.
pub(crate) type Answers = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte == b'%' && behind.len() >= 2 {
            let hex = std::str::from_utf8(&behind[..2]).expect("escape");
            bytes.push(u8::from_str_radix(hex, 16).expect("escape"));
            rest = &behind[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// A page of a list, in S3's words.
fn list(objects: &Objects, query: &str) -> String {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let asked: BTreeMap<&str, String> = pairs.map(|(name, value)| (name, decoded(value))).collect();
    let text = |name: &str| asked.get(name).map_or("", String::as_str);
    let (prefix, delimiter) = (text("prefix"), text("delimiter"));
    let tokens = ["continuation-token", "start-after", "marker"];
    let after = tokens
        .iter()
        .map(|name| text(name))
        .find(|token| !token.is_empty());
    let after = after.unwrap_or_default();
    let (mut entries, mut folders, mut last) = (String::new(), Vec::new(), String::new());
    let (mut count, mut is_more) = (0, false);
    for (key, (body, _)) in objects.range(prefix.to_owned()..) {
        let Some(rest) = key.strip_prefix(prefix) else {
            break;
        };
        if key.as_str() <= after {
            continue;
        }
        let folder = rest.find('/').filter(|_| !delimiter.is_empty());
        if let Some(end) = folder {
            let folder = format!("{prefix}{}/", &rest[..end]);
            if folders.last() == Some(&folder) || folder.as_str() <= after {
                continue;
            }
            if count == PAGE {
                is_more = true;
                break;
            }
            last.clone_from(&folder);
            folders.push(folder);
        } else {
            if count == PAGE {
                is_more = true;
                break;
            }
            let _ = write!(
                entries,
                "<Contents><Key>{key}</Key><Size>{}</Size><ETag>&quot;{:x}&quot;</ETag></Contents>",
                body.len(),
                body.len()
            );
            last.clone_from(key);
        }
        count += 1;
    }
    let mut prefixes = String::new();
    for folder in &folders {
        let _ = write!(
            prefixes,
            "<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"
        );
    }
    let next = if is_more {
        format!(
            "<NextContinuationToken>{last}</NextContinuationToken><NextMarker>{last}</NextMarker>"
        )
    } else {
        String::new()
    };
    format!(
        "<ListBucketResult><Name>{BUCKET}</Name><KeyCount>{count}</KeyCount>\
         <IsTruncated>{is_more}</IsTruncated>{next}{entries}{prefixes}</ListBucketResult>"
    )
}

/// How a server behaves in addition to what it answers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manners {
    /// Before each answer.
    pub(crate) latency: Duration,
    /// Of a hundred requests, so many are told to slow down.
    pub(crate) refused_percent: u64,
    /// Requests of a second beyond which all are told to slow down; 0 for any number.
    pub(crate) per_second_max: u64,
}

/// Tells which requests are told to slow down, and how many run.
#[derive(Default)]
struct Gate {
    requests: AtomicU64,
    second: AtomicU64,
    in_second: AtomicU64,
    running: AtomicU64,
    running_max: AtomicU64,
}

impl Gate {
    fn refuses(&self, manners: &Manners, since: Instant) -> bool {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.running_max.fetch_max(running, Ordering::Relaxed);
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        let second = since.elapsed().as_secs();
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.in_second.store(0, Ordering::Relaxed);
        }
        let in_second = self.in_second.fetch_add(1, Ordering::Relaxed);
        let chance = request.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        chance % 100 < manners.refused_percent
            || (manners.per_second_max > 0 && in_second >= manners.per_second_max)
    }
}

fn slow_down() -> Response<Full<Bytes>> {
    let error =
        "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let answer = Response::builder()
        .status(503)
        .header("content-type", "application/xml");
    answer.body(Full::new(Bytes::from(error))).expect("answer")
}

/// What most requests that ran at the same time were since this was last asked, and how
/// many there were: `GET /statistics`.
fn statistics(gate: &Gate) -> String {
    let requests = gate.requests.swap(0, Ordering::Relaxed);
    let most = gate.running_max.swap(0, Ordering::Relaxed);
    format!("{requests} {most}")
}

/// Serves until the process ends; prints its port.
pub(crate) fn serve(objects: Objects, manners: Manners, answers: Answers) {
    let known = Arc::new((objects, answers, Gate::default(), Instant::now()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("port");
        println!("{}", listener.local_addr().expect("address").port());
        loop {
            let (socket, _) = listener.accept().await.expect("connection");
            let known = Arc::clone(&known);
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let known = Arc::clone(&known);
                    async move {
                        let (objects, answers, gate, since) = &*known;
                        if request.uri().path() == "/statistics" {
                            let told = Full::new(Bytes::from(statistics(gate)));
                            return Ok::<_, std::convert::Infallible>(Response::new(told));
                        }
                        let is_refused = gate.refuses(&manners, *since);
                        if !manners.latency.is_zero() {
                            tokio::time::sleep(manners.latency).await;
                        }
                        let answer = if is_refused {
                            slow_down()
                        } else {
                            answer(&request, objects, answers)
                        };
                        gate.running.fetch_sub(1, Ordering::Relaxed);
                        Ok(answer)
                    }
                });
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
}

fn answer(
    request: &Request<Incoming>,
    objects: &Objects,
    answers: &Answers,
) -> Response<Full<Bytes>> {
    let text = |text: String| Response::new(Full::new(Bytes::from(text)));
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok());
    if let Some(told) = target.and_then(answers) {
        return text(told);
    }
    let path = decoded(request.uri().path());
    let key = path.trim_start_matches('/').trim_start_matches(BUCKET);
    let key = key.trim_start_matches('/');
    let query = request.uri().query().unwrap_or_default();
    if query.starts_with("location") {
        return text("<LocationConstraint/>".to_owned());
    }
    if key.is_empty() {
        return text(list(objects, query));
    }
    let Some((body, object_metadata)) = objects.get(key) else {
        let error = "<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>";
        let answer = Response::builder()
            .status(404)
            .header("content-type", "application/xml");
        return answer.body(Full::new(Bytes::from(error))).expect("answer");
    };
    let mut answer = Response::builder().header("etag", format!("\"{:x}\"", body.len()));
    for (name, value) in object_metadata {
        answer = answer.header(format!("x-amz-meta-{name}"), value);
    }
    answer.body(Full::new(body.clone())).expect("answer")
}
