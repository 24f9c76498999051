//! The data mesh: queries that read tables of producers, with every kind of evidence.

use super::cast::{self, ConsumerCast, MESH_ROLE, PRODUCERS, ProducerCast, SENSITIVE_TABLE};
use super::chance::Chance;
use super::mesh_records::{self, Copy, ObjectCast};
use super::records::{self, CallSigning, QueryCast, SessionCast};
use super::scenes::Stage;
use super::truth::{TrueChain, TrueRead};
use crate::model::time::UtcSecond;
use serde_json::{Value, json};

/// The way in which a query reads a producer's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MeshScene {
    /// Lake Formation gives access; both accounts log it; its session reads objects.
    LakeFormation,
    /// The producer's resource policy of Glue lets the consumer read its catalog and bucket.
    GluePolicy,
    /// Two queries run at once: whose table it was is open.
    TwoQueries,
    /// Someone else writes the query's id into the audit context.
    ForgedId,
    /// Objects are read under the source identity of the role.
    SourceIdentity,
    /// A connector of another account is invoked.
    Connector,
    /// Lake Formation denies access.
    DeniedRead,
    /// Two queries are given access under one session name.
    SharedAccess,
    /// A table that the configuration calls sensitive is read.
    SensitiveTable,
    /// Only the producer logs: the reader's account is not ours.
    OwnerOnly,
}

impl MeshScene {
    /// Those in which nothing is odd.
    pub(super) const USUAL: [Self; 2] = [Self::LakeFormation, Self::GluePolicy];
    pub(super) const ALL: [Self; 10] = [
        Self::LakeFormation,
        Self::GluePolicy,
        Self::TwoQueries,
        Self::ForgedId,
        Self::SourceIdentity,
        Self::Connector,
        Self::DeniedRead,
        Self::SharedAccess,
        Self::SensitiveTable,
        Self::OwnerOnly,
    ];
}

/// The account of a reader whose logs are not among ours.
const READER_ELSEWHERE: &str = "333322221111";

/// Objects of a table that one query reads.
const OBJECTS: u64 = 3;

/// A query of a session in the making, with its truth.
pub(super) struct MeshPlay<'a> {
    pub(super) consumer: &'a ConsumerCast,
    pub(super) session: SessionCast,
    pub(super) truth: TrueChain,
}

impl ProducerCast {
    fn table_arn(&self, region: &str) -> String {
        let Self {
            account,
            database,
            table,
            ..
        } = self;
        format!("arn:aws:glue:{region}:{account}:table/{database}/{table}")
    }

    fn table_name(&self) -> String {
        format!("{}.{}", self.database, self.table)
    }
}

pub(super) fn true_read(owner: &str, name: String, via: &str, confidence: &str) -> TrueRead {
    TrueRead {
        name,
        owner_account_id: Some(owner.to_owned()),
        via: via.to_owned(),
        confidence: confidence.to_owned(),
        query_execution_id: None,
        candidate_query_ids: Vec::new(),
        objects: None,
        bytes: None,
    }
}

impl Stage {
    /// The shares and the tables of the mesh, as its producers set them up.
    pub(super) fn set_up_mesh(&mut self, consumers: &[ConsumerCast], at: UtcSecond) {
        for (producer, region) in PRODUCERS.iter().flat_map(|producer| {
            let regions = consumers.iter().map(|consumer| consumer.region);
            let regions: std::collections::BTreeSet<&str> = regions.collect();
            regions.into_iter().map(move |region| (producer, region))
        }) {
            let readers: Vec<&str> = consumers
                .iter()
                .filter(|consumer| consumer.region == region)
                .map(|consumer| consumer.account)
                .collect();
            for record in set_up(producer, region, &readers, at, &mut self.chance) {
                self.put(record);
            }
        }
    }

    /// One scene of the mesh.
    pub(super) fn mesh(&mut self, scene: MeshScene, consumer: &ConsumerCast, at: UtcSecond) {
        if scene == MeshScene::OwnerOnly {
            return self.owner_only(consumer, at);
        }
        // A source identity names the role: in a role of its own, one query ran at a time.
        let own_role = ConsumerCast {
            role_path: "",
            role: MESH_ROLE,
            role_id: "AROAEXAMPLEMESHROLE01",
            ..*consumer
        };
        let consumer = if scene == MeshScene::SourceIdentity {
            &own_role
        } else {
            consumer
        };
        let lake = cast::lake_data_source(consumer);
        let data_source = match scene {
            MeshScene::SourceIdentity => lake.as_str(),
            _ => consumer.data_sources[0],
        };
        let [run_as, session] = self.two_hops(consumer, data_source, at);
        let story = format!("{scene:?}");
        let user = cast::USERS[0];
        let truth = TrueChain {
            data_source_arn: Some(cast::data_source_arn(data_source)),
            quick_user: Some(user.to_owned()),
            ..Self::quick_truth(&run_as, &session, "complete", &story)
        };
        let seen = records::query_database(user, data_source, false, at.plus(8), &mut self.chance);
        self.put(seen);
        let mut play = MeshPlay {
            consumer,
            session,
            truth,
        };
        let address = self.chance.address();
        let id = self.chance.uuid();
        let query = records::quick_query(consumer, id, at.plus(9), &address);
        self.submit(&mut play, &query);
        match scene {
            MeshScene::LakeFormation => self.lake_formation(&mut play, &query, &PRODUCERS[0]),
            MeshScene::SensitiveTable => {
                let table = SENSITIVE_TABLE;
                let sensitive = ProducerCast {
                    table,
                    ..PRODUCERS[0]
                };
                self.lake_formation(&mut play, &query, &sensitive);
            }
            MeshScene::GluePolicy => self.glue_policy(&mut play, &query),
            MeshScene::TwoQueries => self.two_queries(&mut play, &query, &address),
            MeshScene::ForgedId => self.forged_id(&mut play, &query),
            MeshScene::SourceIdentity => self.source_identity(&mut play, &query),
            MeshScene::Connector => self.connector(&mut play, &query),
            MeshScene::DeniedRead => self.denied_read(&mut play, &query),
            MeshScene::SharedAccess => self.shared_access(&mut play, &query, &address),
            MeshScene::OwnerOnly => {}
        }
        play.truth.query_execution_ids.sort();
        play.truth.reads.sort();
        self.truth.chains.push(play.truth);
    }

    pub(super) fn submit(&mut self, play: &mut MeshPlay<'_>, query: &QueryCast<'_>) {
        let identity = play.session.identity(CallSigning::Own);
        let account = &play.session.account;
        let start = records::start_query(identity, account, query, &mut self.chance);
        self.put(start);
        let identity = play.session.identity(CallSigning::Own);
        let results = records::about_query(
            "GetQueryResults",
            identity,
            account,
            query,
            6,
            &mut self.chance,
        );
        self.put(results);
        play.truth.call_count += 2;
        play.truth.query_execution_ids.push(query.id.clone());
    }

    /// A call by Athena in the copy of an account: one more call of the session.
    pub(super) fn put_call(&mut self, play: &mut MeshPlay<'_>, record: Value) {
        self.put(record);
        play.truth.call_count += 1;
    }

    /// Both accounts' copies of the access to a producer's table.
    fn give_access(
        &mut self,
        play: &mut MeshPlay<'_>,
        query: &QueryCast<'_>,
        producer: &ProducerCast,
        session_name: &str,
    ) {
        let arn = producer.table_arn(query.region);
        let shared = self.chance.uuid();
        let session = play.session.clone();
        for recipient in [session.account.as_str(), producer.account] {
            let copy = Copy {
                session: &session,
                recipient,
                delay: 1,
            };
            let mut record =
                mesh_records::get_data_access(copy, query, &arn, session_name, &mut self.chance);
            record["sharedEventID"] = shared.clone().into();
            self.put_call(play, record);
        }
    }

    /// Objects that are read in the owner's account, and their bytes.
    fn read_objects(
        &mut self,
        query: &QueryCast<'_>,
        producer: &ProducerCast,
        identity: &Value,
    ) -> u64 {
        let mut sum = 0;
        for number in 0..OBJECTS {
            let key = format!(
                "{}/{}/day={number}/part-0.parquet",
                producer.database, producer.table
            );
            let bytes = 1_000_000 + self.chance.below(9_000_000) as u64;
            let object = ObjectCast {
                bucket: producer.bucket,
                owner: producer.account,
                key: &key,
                bytes,
            };
            let record =
                mesh_records::get_object(identity.clone(), query, object, 2, &mut self.chance);
            self.put(record);
            sum += bytes;
        }
        sum
    }

    fn session_name(&mut self, play: &MeshPlay<'_>) -> String {
        let tail: String = self.chance.uuid().chars().take(8).collect();
        format!("AWSLF-00-AT-{}-{tail}", play.session.account)
    }

    fn lake_formation(
        &mut self,
        play: &mut MeshPlay<'_>,
        query: &QueryCast<'_>,
        producer: &ProducerCast,
    ) {
        let session = play.session.clone();
        // The resource link in the consumer's own catalog.
        let own = Copy {
            session: &session,
            recipient: &session.account,
            delay: 1,
        };
        let names = (producer.database, producer.table);
        let link = mesh_records::get_table(own, query, None, names, &mut self.chance);
        self.put_call(play, link);
        let name = self.session_name(play);
        self.give_access(play, query, producer, &name);
        let identity =
            mesh_records::lake_session(producer.account, &name, None, query, &mut self.chance);
        let bytes = self.read_objects(query, producer, &identity);
        play.truth.reads.push(TrueRead {
            query_execution_id: Some(query.id.clone()),
            objects: Some(OBJECTS),
            bytes: Some(bytes),
            ..true_read(
                producer.account,
                producer.table_name(),
                "lake-formation",
                "proven",
            )
        });
    }

    pub(super) fn glue_policy(&mut self, play: &mut MeshPlay<'_>, query: &QueryCast<'_>) {
        let producer = &PRODUCERS[1];
        let session = play.session.clone();
        let names = (producer.database, producer.table);
        for recipient in [session.account.as_str(), producer.account] {
            let copy = Copy {
                session: &session,
                recipient,
                delay: 1,
            };
            let catalog = Some(producer.account);
            let record = mesh_records::get_table(copy, query, catalog, names, &mut self.chance);
            self.put_call(play, record);
        }
        let identity = mesh_records::caller_in_copy(&session);
        let bytes = self.read_objects(query, producer, &identity);
        play.truth.call_count += OBJECTS;
        play.truth.reads.push(TrueRead {
            query_execution_id: Some(query.id.clone()),
            objects: Some(OBJECTS),
            bytes: Some(bytes),
            ..true_read(producer.account, producer.table_name(), "glue", "probable")
        });
    }

    fn two_queries(&mut self, play: &mut MeshPlay<'_>, query: &QueryCast<'_>, address: &str) {
        let producer = &PRODUCERS[1];
        let id = self.chance.uuid();
        let other = records::quick_query(play.consumer, id, query.time.plus(1), address);
        self.submit(play, &other);
        let session = play.session.clone();
        let own = Copy {
            session: &session,
            recipient: &session.account,
            delay: 3,
        };
        let names = (producer.database, producer.table);
        let catalog = Some(producer.account);
        let record = mesh_records::get_table(own, query, catalog, names, &mut self.chance);
        self.put_call(play, record);
        let mut candidates = vec![query.id.clone(), other.id.clone()];
        candidates.sort();
        play.truth.reads.push(TrueRead {
            candidate_query_ids: candidates,
            ..true_read(producer.account, producer.table_name(), "glue", "ambiguous")
        });
    }

    fn forged_id(&mut self, play: &mut MeshPlay<'_>, query: &QueryCast<'_>) {
        let producer = &PRODUCERS[0];
        let arn = producer.table_arn(query.region);
        let session = play.session.clone();
        let own = Copy {
            session: &session,
            recipient: &session.account,
            delay: 2,
        };
        let mut forged = mesh_records::get_data_access(own, query, &arn, "none", &mut self.chance);
        // The session itself calls, with the id of its query: not Athena.
        forged["userIdentity"] = session.identity(CallSigning::Own);
        forged["sourceIPAddress"] = "198.51.100.77".into();
        forged["userAgent"] = "aws-cli/2.31".into();
        self.put_call(play, forged);
        play.truth.reads.push(TrueRead {
            query_execution_id: Some(query.id.clone()),
            ..true_read(
                producer.account,
                producer.table_name(),
                "lake-formation",
                "ambiguous",
            )
        });
    }

    fn source_identity(&mut self, play: &mut MeshPlay<'_>, query: &QueryCast<'_>) {
        // No call names a table of this bucket.
        let producer = &PRODUCERS[1];
        let unnamed = ProducerCast {
            bucket: "archive-lake",
            ..*producer
        };
        let initiator = format!("V2.{}.{}", play.session.account, play.session.role_id);
        let identity = mesh_records::lake_session(
            producer.account,
            "lake",
            Some(&initiator),
            query,
            &mut self.chance,
        );
        let bytes = self.read_objects(query, &unnamed, &identity);
        play.truth.reads.push(TrueRead {
            query_execution_id: Some(query.id.clone()),
            objects: Some(OBJECTS),
            bytes: Some(bytes),
            ..true_read(
                producer.account,
                format!("s3://{}", unnamed.bucket),
                "s3",
                "probable",
            )
        });
    }

    fn connector(&mut self, play: &mut MeshPlay<'_>, query: &QueryCast<'_>) {
        let owner = PRODUCERS[1].account;
        let function = format!(
            "arn:aws:lambda:{}:{owner}:function:ledger-connector",
            query.region
        );
        let session = play.session.clone();
        let own = Copy {
            session: &session,
            recipient: &session.account,
            delay: 1,
        };
        let record = mesh_records::invoke(own, query, &function, &mut self.chance);
        self.put_call(play, record);
        play.truth.reads.push(TrueRead {
            query_execution_id: Some(query.id.clone()),
            ..true_read(owner, function, "connector", "probable")
        });
    }

    fn denied_read(&mut self, play: &mut MeshPlay<'_>, query: &QueryCast<'_>) {
        let arn = PRODUCERS[0].table_arn(query.region);
        let session = play.session.clone();
        let own = Copy {
            session: &session,
            recipient: &session.account,
            delay: 1,
        };
        let mut denied = mesh_records::get_data_access(own, query, &arn, "none", &mut self.chance);
        denied["errorCode"] = "AccessDeniedException".into();
        denied["errorMessage"] = "Insufficient Lake Formation permission(s) on contracts".into();
        if let Some(record) = denied.as_object_mut() {
            record.shift_remove("additionalEventData");
        }
        self.put_call(play, denied);
    }

    fn shared_access(&mut self, play: &mut MeshPlay<'_>, query: &QueryCast<'_>, address: &str) {
        let producer = &PRODUCERS[0];
        let id = self.chance.uuid();
        let other = records::quick_query(play.consumer, id, query.time.plus(1), address);
        self.submit(play, &other);
        let name = self.session_name(play);
        for one in [query, &other] {
            self.give_access(play, one, producer, &name);
            play.truth.reads.push(TrueRead {
                query_execution_id: Some(one.id.clone()),
                ..true_read(
                    producer.account,
                    producer.table_name(),
                    "lake-formation",
                    "proven",
                )
            });
        }
        let identity =
            mesh_records::lake_session(producer.account, &name, None, &other, &mut self.chance);
        let bytes = self.read_objects(&other, producer, &identity);
        let mut candidates = vec![query.id.clone(), other.id.clone()];
        candidates.sort();
        play.truth.reads.push(TrueRead {
            candidate_query_ids: candidates,
            objects: Some(OBJECTS),
            bytes: Some(bytes),
            ..true_read(producer.account, producer.table_name(), "s3", "ambiguous")
        });
    }

    fn owner_only(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let producer = &PRODUCERS[0];
        let elsewhere = ConsumerCast {
            account: READER_ELSEWHERE,
            role_id: "AROAEXAMPLEELSEWHERE1",
            ..*consumer
        };
        let session = records::consumer_session(&elsewhere, at, &mut self.chance);
        let address = self.chance.address();
        let query = records::quick_query(&elsewhere, self.chance.uuid(), at.plus(9), &address);
        let copy = Copy {
            session: &session,
            recipient: producer.account,
            delay: 1,
        };
        let arn = producer.table_arn(query.region);
        let record = mesh_records::get_data_access(copy, &query, &arn, "none", &mut self.chance);
        self.put(record);
        let story = "only the producer tells who read";
        let mut truth = Self::true_chain(&session, "role-chain", "partial", story);
        truth.consumer_role = None;
        truth.consumer_access_key_id = None;
        truth.started_at = query.time.plus(1).to_string();
        truth.missing = vec!["consumer-session".into()];
        truth.confidence = "probable".into();
        truth.call_count = 1;
        truth.reads.push(TrueRead {
            query_execution_id: Some(query.id.clone()),
            ..true_read(
                producer.account,
                producer.table_name(),
                "lake-formation",
                "probable",
            )
        });
        self.truth.chains.push(truth);
    }
}

/// A call of a producer's administrator: service, name and parameters.
type SetupCall = (&'static str, &'static str, Value);

/// How a producer makes its table and shares it: by Lake Formation and RAM, or by the resource
/// policy of its catalog.
fn setup_calls(producer: &ProducerCast, region: &str, readers: &[&str]) -> Vec<SetupCall> {
    let ProducerCast {
        account,
        database,
        table,
        bucket,
        ..
    } = *producer;
    let arn = producer.table_arn(region);
    let table_input = json!({
        "name": table,
        "storageDescriptor": {"location": format!("s3://{bucket}/{database}/{table}/")},
    });
    let mut calls = vec![(
        "glue.amazonaws.com",
        "CreateTable",
        json!({"databaseName": database, "tableInput": table_input}),
    )];
    if producer.is_lake_formation {
        let name = format!("LakeFormation-V4-{database}");
        let share = json!({"name": name, "principals": readers, "resourceArns": [arn]});
        calls.push(("ram.amazonaws.com", "CreateResourceShare", share));
        for reader in readers {
            let grant = json!({
                "principal": {"dataLakePrincipalIdentifier": reader},
                "resource": {"table": {"catalogId": account, "databaseName": database, "name": table}},
                "permissions": ["DESCRIBE", "SELECT"],
                "permissionsWithGrantOption": [],
            });
            calls.push(("lakeformation.amazonaws.com", "GrantPermissions", grant));
        }
        return calls;
    }
    let principals = readers.iter();
    let principals: Vec<String> = principals
        .map(|reader| format!("arn:aws:iam::{reader}:root"))
        .collect();
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": principals},
            "Action": ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"],
            "Resource": [arn],
        }],
    });
    let put = json!({"policyInJson": policy.to_string(), "enableHybrid": "TRUE"});
    calls.push(("glue.amazonaws.com", "PutResourcePolicy", put));
    calls
}

/// The records of these calls.
fn set_up(
    producer: &ProducerCast,
    region: &str,
    readers: &[&str],
    at: UtcSecond,
    chance: &mut Chance,
) -> Vec<Value> {
    let account = producer.account;
    let administrator = json!({
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLELAKEADMIN1",
        "arn": format!("arn:aws:iam::{account}:user/lake-admin"),
        "accountId": account,
        "accessKeyId": "AKIAEXAMPLELAKEADMIN",
        "userName": "lake-admin",
    });
    let calls = setup_calls(producer, region, readers).into_iter();
    calls
        .map(|(source, name, parameters)| {
            records::Frame {
                time: at,
                region,
                recipient: account,
                source,
                name,
                identity: administrator.clone(),
                from: "198.51.100.14",
                agent: "aws-cli/2.31.0",
                read_only: false,
                parameters,
                response: Value::Null,
            }
            .record(chance)
        })
        .collect()
}
