//! A plain concurrent client of the same SDK: it gets every object of the bucket, and does nothing with them.

use super::server::BUCKET;
use std::time::{Duration, Instant};

/// Gets everything with the SDK, and does nothing with it. Prints the seconds that this
/// took, less those of learning the keys.
pub(crate) fn download(endpoint: &str, at_once: usize) {
    use aws_sdk_s3::config::retry::RetryConfig;
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime");
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("AKIAEXAMPLE", "x", None, None, "bench"))
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    let client = aws_sdk_s3::Client::from_conf(config);
    let keys = runtime.block_on(keys(&client));
    let start = Instant::now();
    let bytes: u64 = runtime.block_on(async {
        let mut running = tokio::task::JoinSet::new();
        let mut keys = keys.into_iter();
        let mut bytes = 0;
        loop {
            while running.len() < at_once
                && let Some(key) = keys.next()
            {
                running.spawn(get(client.clone(), key));
            }
            match running.join_next().await {
                Some(length) => bytes += length.expect("task"),
                None => return bytes,
            }
        }
    });
    assert!(bytes > 0);
    println!("{}", start.elapsed().as_secs_f64());
}

async fn get(client: aws_sdk_s3::Client, key: String) -> u64 {
    let mut wait = Duration::from_millis(200);
    loop {
        let asked = client.get_object().bucket(BUCKET).key(&key).send().await;
        if let Ok(answer) = asked {
            let body = answer.body.collect().await.expect("body");
            return body.into_bytes().len() as u64;
        }
        tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        wait *= 2;
    }
}

async fn keys(client: &aws_sdk_s3::Client) -> Vec<String> {
    let mut keys = Vec::new();
    let mut token = None;
    loop {
        let asked = client.list_objects_v2().bucket(BUCKET);
        let Ok(page) = asked.set_continuation_token(token.clone()).send().await else {
            continue;
        };
        let objects = page.contents.unwrap_or_default();
        keys.extend(objects.into_iter().filter_map(|one| one.key));
        token = page.next_continuation_token;
        if token.is_none() {
            return keys;
        }
    }
}
