//! Logs of a large company, written file by file: Quick queries in many accounts all day, and all that the logs
//! then hold of each query. Nothing is held but the files of one hour.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use qs_audit::model::time::UtcSecond;

/// Records of one query, in all accounts.
pub(crate) const RECORDS_PER_QUERY: u32 = 15;

const HUB: u64 = 111_122_223_333;
const FIRST_CONSUMER: u64 = 200_000_000_000;
const REGION: &str = "us-east-1";
const SERVICE: &str = "quicksight.amazonaws.com";

/// What is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LargeLogs {
    pub(crate) consumers: u32,
    pub(crate) queries_per_consumer_and_day: u32,
    pub(crate) start: UtcSecond,
}

/// The text of one log file in the making.
type Files = BTreeMap<u64, String>;

/// One query of one consumer.
struct Query {
    number: u64,
    consumer: u64,
    time: UtcSecond,
}

impl LargeLogs {
    /// Writes one day below a folder, unless it is there.
    pub(crate) fn write_day(&self, folder: &Path, day: u32) {
        let done = folder.join(format!("day-{day}.done"));
        if done.exists() {
            return;
        }
        let start = self.start.plus(i64::from(day) * 86_400);
        std::thread::scope(|scope| {
            for half in 0..2 {
                scope.spawn(move || {
                    (0..24)
                        .filter(|hour| hour % 2 == half)
                        .for_each(|hour| self.write_hour(folder, day, start, hour));
                });
            }
        });
        fs::write(done, "").expect("day marked");
    }

    fn write_hour(&self, folder: &Path, day: u32, start: UtcSecond, hour: u32) {
        let mut files = Files::new();
        let per_day = self.queries_per_consumer_and_day;
        for consumer in 0..self.consumers {
            for of_day in 0..per_day {
                // Spread over the day, and not all consumers at once.
                let second = (u64::from(of_day) * 86_400 + u64::from(consumer) * 97)
                    / u64::from(per_day)
                    % 86_400;
                if second / 3600 != u64::from(hour) {
                    continue;
                }
                let number = (u64::from(day) * u64::from(self.consumers) + u64::from(consumer))
                    * u64::from(per_day)
                    + u64::from(of_day);
                let query = Query {
                    number,
                    consumer: FIRST_CONSUMER + u64::from(consumer),
                    time: start.plus(i64::try_from(second).expect("second of a day")),
                };
                query.write(&mut files);
            }
        }
        for (account, text) in files {
            let path = path_of(folder, account, start.plus(i64::from(hour) * 3600 + 3599));
            fs::create_dir_all(path.parent().expect("folder of a day")).expect("folder made");
            let file = fs::File::create(path).expect("file made");
            let mut gzip = GzEncoder::new(file, Compression::fast());
            write!(gzip, "{{\"Records\":[{text}]}}").expect("file written");
            gzip.finish().expect("file written");
        }
    }
}

fn path_of(folder: &Path, account: u64, time: UtcSecond) -> PathBuf {
    let text = time.to_string();
    let (day, clock) = text.split_once('T').expect("time of day");
    let stamp = format!("{}T{}{}Z", day.replace('-', ""), &clock[..2], &clock[3..5]);
    folder.join(format!(
        "AWSLogs/{account}/CloudTrail/{REGION}/{}/{account}_CloudTrail_{REGION}_{stamp}_AAAAAAAAAAAAAAAA.json.gz",
        day.replace('-', "/")
    ))
}

/// A number that looks like chance.
fn scattered(number: u64, salt: u64) -> u64 {
    let mut mixed = number
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(salt.wrapping_mul(0xd1b5_4a32_d192_ed03));
    mixed ^= mixed >> 31;
    mixed = mixed.wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 29
}

impl Query {
    fn uuid(&self, salt: u64) -> String {
        let (high, low) = (
            scattered(self.number, salt),
            scattered(self.number, salt + 1000),
        );
        uuid::Uuid::from_u64_pair(high, low).to_string()
    }

    fn key(&self, salt: u64) -> String {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut number = u128::from(scattered(self.number, salt)) << 64 | u128::from(self.number);
        let mut key = "ASIA".to_owned();
        for _ in 0..16 {
            key.push(char::from(LETTERS[(number >> 3 & 31) as usize]));
            number >>= 5;
        }
        key
    }

    #[expect(
        clippy::too_many_lines,
        reason = "the records of one query, one after the other"
    )]
    fn write(&self, files: &mut Files) {
        let (hub, consumer) = (HUB, self.consumer);
        let at = |seconds: i64| self.time.plus(seconds).to_string();
        let millis = self.time.unix() * 1000 + i64::try_from(self.number % 1000).expect("small");
        let name = format!("QuickSight-RoleSession-{millis}");
        let source = format!(
            "arn:aws:quicksight:{REGION}:{hub}:datasource/ds-{}",
            consumer % 1000
        );
        let role_a = format!("arn:aws:iam::{hub}:role/quick-hub-role");
        let role_b = format!("arn:aws:iam::{consumer}:role/qs-athena-consumer-role");
        let (id_a, id_b) = (
            "AROAEXAMPLEHUBROLEA01".to_owned(),
            format!("AROAEX{consumer:015}"),
        );
        let (key_a, key_b) = (self.key(1), self.key(2));
        let execution = self.uuid(3);
        let mut salt = 10;
        let mut put = |files: &mut Files,
                       account: u64,
                       identity: &str,
                       seconds: i64,
                       call: (&str, &str),
                       address: &str,
                       rest: &str| {
            salt += 2;
            let text = files.entry(account).or_default();
            if !text.is_empty() {
                text.push(',');
            }
            let (event, request) = (self.uuid(salt), self.uuid(salt + 500));
            write!(
                text,
                "{{\"eventVersion\":\"1.11\",\"userIdentity\":{identity},\"eventTime\":\"{}\",\"eventSource\":\"{}.amazonaws.com\",\
                 \"eventName\":\"{}\",\"awsRegion\":\"{REGION}\",\"sourceIPAddress\":\"{address}\",\"userAgent\":\"{address}\",\
                 {rest},\"requestID\":\"{request}\",\"eventID\":\"{event}\",\"readOnly\":true,\"eventType\":\"AwsApiCall\",\
                 \"managementEvent\":true,\"recipientAccountId\":\"{account}\",\"eventCategory\":\"Management\"}}",
                at(seconds),
                call.0,
                call.1,
            )
            .expect("text written");
        };
        let issue = |role: &str, id: &str, account: u64, key: &str, more: &str| {
            let role_name = role.rsplit('/').next().unwrap_or_default();
            format!(
                "\"requestParameters\":{{\"roleArn\":\"{role}\",\"roleSessionName\":\"{name}\"{more}}},\
                 \"responseElements\":{{\"credentials\":{{\"accessKeyId\":\"{key}\",\"sessionToken\":\"IQoJb3JpZ2luX2VjEXAMPLETOKEN\",\
                 \"expiration\":\"{}\"}},\"assumedRoleUser\":{{\"assumedRoleId\":\"{id}:{name}\",\
                 \"arn\":\"arn:aws:sts::{account}:assumed-role/{role_name}/{name}\"}}}},\
                 \"resources\":[{{\"accountId\":\"{account}\",\"type\":\"AWS::IAM::Role\",\"ARN\":\"{role}\"}}]",
                at(3600)
            )
        };
        let session = |id: &str,
                       role: &str,
                       account: u64,
                       key: Option<&str>,
                       made: i64,
                       more: &str| {
            let role_name = role.rsplit('/').next().unwrap_or_default();
            let key = key.map_or_else(String::new, |key| format!("\"accessKeyId\":\"{key}\","));
            format!(
                "{{\"type\":\"AssumedRole\",\"principalId\":\"{id}:{name}\",\"arn\":\"arn:aws:sts::{account}:assumed-role/{role_name}/{name}\",\
                 \"accountId\":\"{account}\",{key}\"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"Role\",\"principalId\":\"{id}\",\
                 \"arn\":\"{role}\",\"accountId\":\"{account}\",\"userName\":\"{role_name}\"}},\"attributes\":{{\
                 \"creationDate\":\"{}\",\"mfaAuthenticated\":\"false\"}}}}{more}}}",
                at(made)
            )
        };
        let service = format!("{{\"type\":\"AWSService\",\"invokedBy\":\"{SERVICE}\"}}");
        let first = issue(&role_a, &id_a, hub, &key_a, "");
        put(
            files,
            hub,
            &service,
            0,
            ("sts", "AssumeRole"),
            SERVICE,
            &first,
        );
        let by_role_a = session(
            &id_a,
            &role_a,
            hub,
            Some(&key_a),
            0,
            &format!(",\"invokedBy\":\"{SERVICE}\""),
        );
        let shared = self.uuid(4);
        let more = format!(",\"externalId\":\"{source}\"");
        let second = issue(&role_b, &id_b, consumer, &key_b, &more);
        let second = format!("{second},\"sharedEventID\":\"{shared}\"");
        put(
            files,
            hub,
            &by_role_a,
            1,
            ("sts", "AssumeRole"),
            SERVICE,
            &second,
        );
        let seen = format!(
            "{{\"type\":\"AWSAccount\",\"principalId\":\"{id_a}:{name}\",\"accountId\":\"{hub}\",\"invokedBy\":\"{SERVICE}\"}}"
        );
        put(
            files,
            consumer,
            &seen,
            1,
            ("sts", "AssumeRole"),
            SERVICE,
            &second,
        );
        let by_role_b = session(&id_b, &role_b, consumer, Some(&key_b), 1, "");
        let start = format!(
            "\"requestParameters\":{{\"queryString\":\"***OMITTED***\",\"queryExecutionContext\":{{\"database\":\"sales\",\"catalog\":\"AwsDataCatalog\"}},\
             \"workGroup\":\"quick\"}},\"responseElements\":{{\"queryExecutionId\":\"{execution}\"}}"
        );
        let reference = format!(
            "\"requestParameters\":{{\"queryExecutionId\":\"{execution}\"}},\"responseElements\":null"
        );
        let address = "192.0.2.63";
        put(
            files,
            consumer,
            &by_role_b,
            4,
            ("athena", "StartQueryExecution"),
            address,
            &start,
        );
        for seconds in 5..9 {
            put(
                files,
                consumer,
                &by_role_b,
                seconds,
                ("athena", "GetQueryExecution"),
                address,
                &reference,
            );
        }
        for seconds in 9..11 {
            put(
                files,
                consumer,
                &by_role_b,
                seconds,
                ("athena", "GetQueryResults"),
                address,
                &reference,
            );
        }
        let athena = ",\"invokedBy\":\"athena.amazonaws.com\"";
        let by_athena = session(&id_b, &role_b, consumer, None, 1, athena);
        let table = format!(
            "\"requestParameters\":{{\"databaseName\":\"sales\",\"name\":\"table{}\"}},\"responseElements\":null",
            self.number % 40
        );
        for seconds in 5..7 {
            put(
                files,
                consumer,
                &by_athena,
                seconds,
                ("glue", "GetTable"),
                "athena.amazonaws.com",
                &table,
            );
        }
        let bucket = format!("lake-{consumer}");
        for part in 0..2 {
            let read = format!(
                "\"requestParameters\":{{\"bucketName\":\"{bucket}\",\"key\":\"sales/table{}/part-{part}.parquet\"}},\"responseElements\":null,\
                 \"additionalEventData\":{{\"bytesTransferredOut\":{}}},\"resources\":[{{\"type\":\"AWS::S3::Object\",\
                 \"ARN\":\"arn:aws:s3:::{bucket}/sales/table{}/part-{part}.parquet\"}},{{\"accountId\":\"{consumer}\",\"type\":\"AWS::S3::Bucket\",\
                 \"ARN\":\"arn:aws:s3:::{bucket}\"}}]",
                self.number % 40,
                scattered(self.number, 7) % 1_000_000,
                self.number % 40
            );
            put(
                files,
                consumer,
                &by_athena,
                7,
                ("s3", "GetObject"),
                "athena.amazonaws.com",
                &read,
            );
        }
        let user = format!(
            "{{\"type\":\"IAMUser\",\"principalId\":\"AIDAEXAMPLEUSER{:04}\",\"arn\":\"arn:aws:quicksight:{REGION}:{hub}:user/default/user{}\",\
             \"accountId\":\"{hub}\",\"userName\":\"user{}\"}}",
            self.number % 400,
            self.number % 400,
            self.number % 400
        );
        let asked = format!(
            "\"requestParameters\":null,\"responseElements\":null,\"serviceEventDetails\":{{\"eventRequestDetails\":{{\"dataSourceId\":\"{source}\",\
             \"queryId\":\"{}\",\"resourceId\":\"arn:aws:quicksight:{REGION}:{hub}:dashboard/d{}\",\"dataSetMode\":\"DIRECT_QUERY\"}}}}",
            self.uuid(5),
            self.number % 30
        );
        put(
            files,
            hub,
            &user,
            3,
            ("quicksight", "QueryDatabase"),
            SERVICE,
            &asked,
        );
    }
}
