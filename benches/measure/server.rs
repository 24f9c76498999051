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
use std::time::Duration;

pub(crate) const BUCKET: &str = "amzn-s3-demo-bucket";
const PAGE: usize = 1000;

/// A body, and what is kept beside it.
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

/// Serves until the process ends; prints its port.
pub(crate) fn serve(objects: Objects, latency: Duration, answers: Answers) {
    let known = Arc::new((objects, answers));
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
                        if !latency.is_zero() {
                            tokio::time::sleep(latency).await;
                        }
                        let answer = answer(&request, &known.0, &known.1);
                        Ok::<_, std::convert::Infallible>(answer)
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
    let Some((body, beside)) = objects.get(key) else {
        let error = "<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>";
        let answer = Response::builder()
            .status(404)
            .header("content-type", "application/xml");
        return answer.body(Full::new(Bytes::from(error))).expect("answer");
    };
    let mut answer = Response::builder().header("etag", format!("\"{:x}\"", body.len()));
    for (name, value) in beside {
        answer = answer.header(format!("x-amz-meta-{name}"), value);
    }
    answer.body(Full::new(body.clone())).expect("answer")
}
