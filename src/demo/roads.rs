//! Other roads to the data than Quick's role chain, and chains that act for someone.

use super::cast::{self, CATALOG_OWNER, ConsumerCast, HUB, PRODUCERS, QUICK_REGION};
use super::mesh::{MeshPlay, true_read};
use super::mesh_records::{self, Copy, ObjectCast};
use super::records::{self, CallSigning, Frame, HopStyle, QueryCast, SessionCast};
use super::scenes::Stage;
use super::truth::{TrueActing, TrueChain, TrueRead};
use crate::model::time::UtcSecond;
use serde_json::{Value, json};

/// The road of a chain, or for whom it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoadScene {
    /// A connector of another account answers the query and spills.
    SharedConnector,
    /// The query names a registered data catalog of another account; only the consumer logs.
    RegisteredCatalog,
    /// The same, and the owner logs the calls of its catalog and its objects.
    GlueRoad,
    /// A state machine assumes a further role for its task.
    StateMachine,
    /// A function reads as one role and writes as another.
    RoleSwitch,
    /// A job of Glue queries with its own role.
    GlueJob,
    /// An agent of Quick answers a user.
    Agent,
    /// A flow of Quick runs for a user.
    Flow,
    /// A notebook queries for a user of Identity Center.
    IdentityCenterUser,
    /// A session carries a source identity.
    SourceIdentity,
    /// A provider queries under a temporary delegation.
    Delegate,
    /// A portal queries with the context of a Quick user.
    QuickContext,
}

impl RoadScene {
    pub(super) const ALL: [Self; 12] = [
        Self::SharedConnector,
        Self::RegisteredCatalog,
        Self::GlueRoad,
        Self::StateMachine,
        Self::RoleSwitch,
        Self::GlueJob,
        Self::Agent,
        Self::Flow,
        Self::IdentityCenterUser,
        Self::SourceIdentity,
        Self::Delegate,
        Self::QuickContext,
    ];
}

/// The owner of the connector and of the registered data catalog.
const OWNER: &str = PRODUCERS[1].account;
/// The names under which consumers have them.
const CONNECTOR_CATALOG: &str = "rates_connector";
const GLUE_CATALOG: &str = "rates_catalog";
/// The function of the connector, and where it spills.
const CONNECTOR: &str = "rates-connector";
const SPILL_BUCKET: &str = "rates-connector-results";

/// A state machine of an account of its own, with the role that it runs as.
const STATE_MACHINE: &str = "nightly-totals";
const STATE_MACHINE_ROLE: &str = "totals-states";
/// A function of the same account, with its role.
const SYNC_FUNCTION: &str = "account-sync";
const SYNC_ROLE: &str = "account-sync-lambda";
/// A job of each consumer, with its role.
pub(super) const GLUE_JOB: &str = "lake-copy";
const GLUE_JOB_ROLE: &str = "lake-copy-glue";

/// An agent and a flow of Quick, and a user whom the configuration declares for the agent.
pub(super) const AGENT: &str = "sales-helper";
const FLOW: &str = "weekly-digest";
pub(super) const AGENT_USER: &str = "default/gia@example.com";
/// A user whom it does not.
const OTHER_USER: &str = "default/hugo@example.com";

/// The provider of a temporary delegation.
const DELEGATE: &str = "555544443333";

/// An application's call: service, name, parameters.
type RoadCall<'a> = (&'a str, &'a str, Value);

fn service_role_arn(account: &str, role: &str) -> String {
    format!("arn:aws:iam::{account}:role/service-role/{role}")
}

fn acting(kind: &str, id: &str, confidence: &str) -> TrueActing {
    TrueActing {
        kind: kind.into(),
        id: id.into(),
        confidence: confidence.into(),
    }
}

/// A user of an account with a key of its own.
fn user(account: &str, name: &str) -> Value {
    json!({
        "type": "IAMUser",
        "principalId": format!("AIDAEXAMPLE{}", name.to_uppercase().replace('-', "")),
        "arn": format!("arn:aws:iam::{account}:user/{name}"),
        "accountId": account,
        "accessKeyId": "AKIAEXAMPLEROADS0001",
        "userName": name,
    })
}

impl Stage {
    /// The state machine, the functions, the jobs and the data catalogs, as they are made.
    pub(super) fn set_up_roads(&mut self, consumers: &[ConsumerCast], at: UtcSecond) {
        for consumer in consumers {
            let (account, region) = (consumer.account, consumer.region);
            let job = json!({"name": GLUE_JOB, "role": GLUE_JOB_ROLE, "command": {"name": "pythonshell"}});
            let catalog = json!({
                "name": GLUE_CATALOG,
                "type": "GLUE",
                "parameters": {"catalog-id": OWNER},
            });
            let administrator = user(account, "platform");
            let calls = [
                ("glue.amazonaws.com", "CreateJob", job),
                ("athena.amazonaws.com", "CreateDataCatalog", catalog),
            ];
            for call in calls {
                self.road_call(&administrator, account, region, at, call);
            }
            let machine = json!({
                "name": STATE_MACHINE,
                "roleArn": service_role_arn(CATALOG_OWNER, STATE_MACHINE_ROLE),
            });
            let function = json!({
                "functionName": SYNC_FUNCTION,
                "role": service_role_arn(CATALOG_OWNER, SYNC_ROLE),
            });
            let administrator = user(CATALOG_OWNER, "platform");
            let calls = [
                ("states.amazonaws.com", "CreateStateMachine", machine),
                ("lambda.amazonaws.com", "CreateFunction20150331", function),
            ];
            for call in calls {
                self.road_call(&administrator, CATALOG_OWNER, region, at, call);
            }
            self.register_connector(consumer, at.plus(5));
        }
    }

    /// The owner of a connector registers it in a consumer, with the role that is made for this.
    fn register_connector(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let role = format!("AthenaCrossAccountCreate-{OWNER}");
        let account = consumer.account;
        let session = SessionCast {
            role_arn: format!("arn:aws:iam::{account}:role/{role}"),
            ..Self::plain_session(
                account,
                &role,
                "AROAEXAMPLEXACCCREATE",
                "share".into(),
                at,
                &mut self.chance,
            )
        };
        let owner = user(OWNER, "lake-admin");
        let [mut own, mut copy] = self.assumed_by(&session, &owner, consumer.region);
        own["recipientAccountId"] = OWNER.into();
        copy["userIdentity"] = json!({
            "type": "AWSAccount",
            "principalId": owner["principalId"],
            "accountId": OWNER,
        });
        self.put(own);
        self.put(copy);
        let function = connector_arn(consumer.region);
        let catalog = json!({
            "name": CONNECTOR_CATALOG,
            "type": "LAMBDA",
            "parameters": {"function": function},
        });
        let call = ("athena.amazonaws.com", "CreateDataCatalog", catalog);
        let identity = session.identity(CallSigning::Own);
        self.road_call(&identity, account, consumer.region, at.plus(2), call);
    }

    fn road_call(
        &mut self,
        identity: &Value,
        account: &str,
        region: &str,
        at: UtcSecond,
        (source, name, parameters): RoadCall<'_>,
    ) {
        let record = Frame {
            time: at,
            region,
            recipient: account,
            source,
            name,
            identity: identity.clone(),
            from: "198.51.100.23",
            agent: "aws-cli/2.31.0",
            read_only: false,
            parameters,
            response: Value::Null,
        }
        .record(&mut self.chance);
        self.put(record);
    }

    /// The AssumeRole call by which a session was made: two records that differ in nothing yet.
    fn assumed_by(&mut self, session: &SessionCast, caller: &Value, region: &str) -> [Value; 2] {
        let style = HopStyle::default();
        let service = "sts.amazonaws.com";
        let mut hop =
            records::assumed_by_service(session, service, region, None, style, &mut self.chance);
        hop["userIdentity"] = caller.clone();
        hop["sourceIPAddress"] = self.chance.address().into();
        hop["userAgent"] = "aws-cli/2.31.0".into();
        let mut copy = hop.clone();
        copy["eventID"] = self.chance.uuid().into();
        [hop, copy]
    }

    /// One scene on one of the roads.
    pub(super) fn road(&mut self, scene: RoadScene, consumer: &ConsumerCast, at: UtcSecond) {
        match scene {
            RoadScene::SharedConnector
            | RoadScene::RegisteredCatalog
            | RoadScene::GlueRoad
            | RoadScene::Agent
            | RoadScene::Flow => self.quick_road(scene, consumer, at),
            RoadScene::StateMachine => self.state_machine(consumer, at),
            RoadScene::RoleSwitch => self.role_switch(consumer, at),
            RoadScene::GlueJob => self.glue_job(consumer, at),
            RoadScene::IdentityCenterUser => self.identity_center_user(consumer, at),
            RoadScene::SourceIdentity => self.source_identity_road(consumer, at),
            RoadScene::Delegate => self.delegate(consumer, at),
            RoadScene::QuickContext => self.quick_context(consumer, at),
        }
    }

    /// A chain of Quick with something special about its query.
    fn quick_road(&mut self, scene: RoadScene, consumer: &ConsumerCast, at: UtcSecond) {
        let data_source = consumer.data_sources[0];
        let [run_as, session] = self.two_hops(consumer, data_source, at);
        let story = format!("{scene:?}");
        let name = match scene {
            RoadScene::Agent if self.chance.once_in(4) => OTHER_USER,
            RoadScene::Agent | RoadScene::Flow => AGENT_USER,
            _ => cast::USERS[0],
        };
        let truth = TrueChain {
            data_source_arn: Some(cast::data_source_arn(data_source)),
            quick_user: Some(name.to_owned()),
            ..Self::quick_truth(&run_as, &session, "complete", &story)
        };
        let seen = records::query_database(name, data_source, false, at.plus(8), &mut self.chance);
        self.put(seen);
        let mut play = MeshPlay {
            consumer,
            session,
            truth,
        };
        let address = self.chance.address();
        let id = self.chance.uuid();
        let mut query = records::quick_query(consumer, id, at.plus(9), &address);
        let catalog = match scene {
            RoadScene::SharedConnector => Some(CONNECTOR_CATALOG),
            RoadScene::RegisteredCatalog | RoadScene::GlueRoad => Some(GLUE_CATALOG),
            _ => None,
        };
        if catalog.is_some() {
            query.database = PRODUCERS[1].database;
        }
        self.submit_in(&mut play, &query, catalog);
        match scene {
            RoadScene::SharedConnector => self.shared_connector(&mut play, &query),
            RoadScene::RegisteredCatalog => play.truth.reads.push(catalog_read(&query)),
            RoadScene::GlueRoad => self.glue_policy(&mut play, &query),
            RoadScene::Agent => self.chat(&mut play, name, query.time, "agent", AGENT),
            RoadScene::Flow => self.chat(&mut play, name, query.time, "flow", FLOW),
            _ => {}
        }
        self.truth.chains.push(play.truth);
    }

    /// Submits a query, with the data catalog of its context.
    fn submit_in(
        &mut self,
        play: &mut MeshPlay<'_>,
        query: &QueryCast<'_>,
        catalog: Option<&'static str>,
    ) {
        let first = self.written.len();
        self.submit(play, query);
        if let Some(catalog) = catalog {
            let start = &mut self.written[first].record;
            start["requestParameters"]["queryExecutionContext"]["catalog"] = catalog.into();
        }
    }

    /// Athena invokes the connector, which spills; Athena reads what was spilled.
    fn shared_connector(&mut self, play: &mut MeshPlay<'_>, query: &QueryCast<'_>) {
        let function = connector_arn(query.region);
        let session = play.session.clone();
        for recipient in [session.account.as_str(), OWNER] {
            let copy = Copy {
                session: &session,
                recipient,
                delay: 1,
            };
            let record = mesh_records::invoke(copy, query, &function, &mut self.chance);
            self.put_call(play, record);
        }
        let connector = Self::plain_session(
            OWNER,
            "rates-connector-role",
            "AROAEXAMPLECONNECTOR1",
            CONNECTOR.into(),
            query.time.plus(-3),
            &mut self.chance,
        );
        let hop = records::assumed_by_service(
            &connector,
            "lambda.amazonaws.com",
            query.region,
            None,
            HopStyle::default(),
            &mut self.chance,
        );
        self.put(hop);
        let key = format!("athena-federation/{}/{}.0", query.id, self.chance.uuid());
        let bytes = 1_000_000 + self.chance.below(5_000_000) as u64;
        let object = ObjectCast {
            bucket: SPILL_BUCKET,
            owner: OWNER,
            key: &key,
            bytes,
        };
        let own = connector.identity(CallSigning::Own);
        let mut write = mesh_records::get_object(own, query, object, 2, &mut self.chance);
        write["eventName"] = "PutObject".into();
        write["readOnly"] = false.into();
        write["sourceIPAddress"] = "10.0.0.7".into();
        write["userAgent"] = "aws-sdk-java/2.29.45".into();
        write["additionalEventData"] =
            json!({"bytesTransferredIn": bytes, "bytesTransferredOut": 0});
        self.put(write);
        let on_behalf = session.identity(CallSigning::OnBehalf("athena.amazonaws.com"));
        let mut read =
            mesh_records::get_object(on_behalf.clone(), query, object, 3, &mut self.chance);
        read["recipientAccountId"] = session.account.clone().into();
        self.put_call(play, read);
        let decrypt = (
            "kms.amazonaws.com",
            "Decrypt",
            json!({"encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::{SPILL_BUCKET}/{key}")}}),
        );
        let time = query.time.plus(3);
        self.road_call(&on_behalf, &session.account, query.region, time, decrypt);
        play.truth.call_count += 1;
        play.truth.reads.push(TrueRead {
            query_execution_id: Some(query.id.clone()),
            objects: Some(1),
            bytes: Some(bytes),
            ..true_read(OWNER, function, "connector", "probable")
        });
    }

    /// A conversation that is open while the query runs.
    fn chat(&mut self, play: &mut MeshPlay<'_>, name: &str, time: UtcSecond, kind: &str, id: &str) {
        let conversation = self.chance.uuid();
        let user_arn = format!("arn:aws:quicksight:{QUICK_REGION}:{HUB}:user/{name}");
        for delay in [-25, 11] {
            let is_agent = kind == "agent";
            self.chat_log.push(json!({
                "resource_arn": format!("arn:aws:quicksight:{QUICK_REGION}:{HUB}:account"),
                "event_timestamp": time.plus(delay).unix() * 1000 + 250,
                "log_type": "CHAT_LOGS",
                "user_arn": user_arn,
                "agent_id": is_agent.then_some(id),
                "flow_id": (!is_agent).then_some(id),
                "conversation_id": conversation,
                "message_scope": "CHAT",
            }));
        }
        play.truth.acting_for.push(acting(kind, id, "probable"));
    }

    /// One query by a session that is not Quick's.
    fn road_query(
        &mut self,
        identity: Value,
        consumer: &ConsumerCast,
        catalog: Option<&'static str>,
        time: UtcSecond,
        truth: &mut TrueChain,
    ) {
        let owned = ConsumerCast {
            database: PRODUCERS[1].database,
            ..*consumer
        };
        let consumer = if catalog.is_some() { &owned } else { consumer };
        let first = self.written.len();
        self.plain_query(identity, consumer, time, truth);
        if let Some(catalog) = catalog {
            let start = &mut self.written[first].record;
            start["requestParameters"]["queryExecutionContext"]["catalog"] = catalog.into();
            truth.reads.push(TrueRead {
                query_execution_id: truth.query_execution_ids.last().cloned(),
                ..true_read(OWNER, whole_catalog(), "glue", "probable")
            });
        }
    }

    fn state_machine(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        const STATES: &str = "states.amazonaws.com";
        let region = consumer.region;
        let machine =
            format!("arn:aws:states:{region}:{CATALOG_OWNER}:stateMachine:{STATE_MACHINE}");
        let scheduler = user(CATALOG_OWNER, "scheduler");
        let start = json!({"stateMachineArn": machine, "name": self.chance.uuid()});
        let call = (STATES, "StartExecution", start);
        self.road_call(&scheduler, CATALOG_OWNER, region, at, call);
        let name = self.chance.uuid().replace('-', "");
        let execution = Self::plain_session(
            CATALOG_OWNER,
            STATE_MACHINE_ROLE,
            "AROAEXAMPLETOTALSTAT1",
            name,
            at.plus(1),
            &mut self.chance,
        );
        let hop = records::assumed_by_service(
            &execution,
            STATES,
            region,
            None,
            HopStyle::default(),
            &mut self.chance,
        );
        self.put(hop);
        let name = self.chance.uuid().replace('-', "");
        let target = Self::plain_session(
            consumer.account,
            "totals-reader",
            "AROAEXAMPLETOTALREAD1",
            name,
            at.plus(3),
            &mut self.chance,
        );
        for mut copy in self.assumed_from(&execution, &target, region) {
            copy["userIdentity"]["invokedBy"] = STATES.into();
            copy["sourceIPAddress"] = STATES.into();
            copy["userAgent"] = STATES.into();
            self.put(copy);
        }
        let story = "a state machine queries with the credentials of a further role";
        let mut truth = Self::true_chain(&target, "role-chain", "complete", story);
        truth.run_as_access_key_id = Some(execution.key.clone());
        truth.origin = STATES.into();
        truth.origin_resource_arn = Some(machine);
        let identity = target.identity(CallSigning::Own);
        self.road_query(
            identity,
            consumer,
            Some(GLUE_CATALOG),
            at.plus(9),
            &mut truth,
        );
        self.truth.chains.push(truth);
    }

    /// Both copies of a call by which a session assumes a role of another account.
    fn assumed_from(
        &mut self,
        caller: &SessionCast,
        session: &SessionCast,
        region: &str,
    ) -> [Value; 2] {
        let style = HopStyle::default();
        records::hop_two(
            caller,
            session,
            None,
            region,
            style,
            false,
            &mut self.chance,
        )
    }

    fn role_switch(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let region = consumer.region;
        let function = Self::plain_session(
            CATALOG_OWNER,
            SYNC_ROLE,
            "AROAEXAMPLEACCTSYNC01",
            SYNC_FUNCTION.into(),
            at,
            &mut self.chance,
        );
        let hop = records::assumed_by_service(
            &function,
            "lambda.amazonaws.com",
            region,
            None,
            HopStyle::default(),
            &mut self.chance,
        );
        self.put(hop);
        let places = [
            (consumer.account, "sync-source", "AROAEXAMPLESYNCSOURCE", 2),
            (OWNER, "sync-target", "AROAEXAMPLESYNCTARGET", 4),
        ];
        let [source, target] = places.map(|(account, role, role_id, delay)| {
            let name = SYNC_FUNCTION.to_owned();
            let time = at.plus(delay);
            Self::plain_session(account, role, role_id, name, time, &mut self.chance)
        });
        for session in [&source, &target] {
            for copy in self.assumed_from(&function, session, region) {
                self.put(copy);
            }
        }
        let story = "a function reads as one role and writes as another";
        let arn = format!("arn:aws:lambda:{region}:{CATALOG_OWNER}:function:{SYNC_FUNCTION}");
        let truth = |session: &SessionCast, status: &str, other: &SessionCast| TrueChain {
            run_as_access_key_id: Some(function.key.clone()),
            origin: "lambda.amazonaws.com".into(),
            origin_resource_arn: Some(arn.clone()),
            related: vec![other.key.clone()],
            ..Self::true_chain(session, "role-chain", status, story)
        };
        let mut reading = truth(&source, "complete", &target);
        let mut writing = truth(&target, "idle", &source);
        let identity = source.identity(CallSigning::Own);
        self.road_query(identity, consumer, None, at.plus(9), &mut reading);
        let put = (
            "s3.amazonaws.com",
            "PutObject",
            json!({"bucketName": "rates-copies", "key": "sales/part-0.parquet"}),
        );
        let identity = target.identity(CallSigning::Own);
        self.road_call(&identity, OWNER, region, at.plus(15), put);
        writing.call_count = 1;
        self.truth.chains.extend([reading, writing]);
    }

    fn glue_job(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        const GLUE: &str = "glue.amazonaws.com";
        let (account, region) = (consumer.account, consumer.region);
        let start = (GLUE, "StartJobRun", json!({"jobName": GLUE_JOB}));
        self.road_call(&user(account, "scheduler"), account, region, at, start);
        let session = Self::plain_session(
            account,
            GLUE_JOB_ROLE,
            "AROAEXAMPLELAKECOPY01",
            "GlueJobRunnerSession".into(),
            at.plus(4),
            &mut self.chance,
        );
        let hop = records::assumed_by_service(
            &session,
            GLUE,
            region,
            None,
            HopStyle::default(),
            &mut self.chance,
        );
        self.put(hop);
        let mut truth = Self::true_chain(
            &session,
            "service-role",
            "complete",
            "a job of Glue queries",
        );
        truth.origin = GLUE.into();
        truth.origin_resource_arn = Some(format!("arn:aws:glue:{region}:{account}:job/{GLUE_JOB}"));
        let identity = session.identity(CallSigning::Own);
        self.road_query(
            identity,
            consumer,
            Some(GLUE_CATALOG),
            at.plus(9),
            &mut truth,
        );
        self.truth.chains.push(truth);
    }

    /// A session of a person who signed in.
    fn signed_in(&mut self, consumer: &ConsumerCast, role: &str, at: UtcSecond) -> SessionCast {
        let session = Self::plain_session(
            consumer.account,
            role,
            "AROAEXAMPLESIGNEDIN01",
            "ines@example.com".into(),
            at,
            &mut self.chance,
        );
        let caller = json!({
            "type": "SAMLUser",
            "principalId": "exampleidp:ines@example.com",
            "userName": "ines@example.com",
            "identityProvider": "exampleidp",
        });
        let [mut hop, _] = self.assumed_by(&session, &caller, consumer.region);
        hop["eventName"] = "AssumeRoleWithSAML".into();
        self.put(hop);
        session
    }

    fn identity_center_user(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        const USER: &str = "94482488-3041-7042-e4b2-000000000001";
        let first = self.signed_in(consumer, "notebook", at);
        let session = Self::plain_session(
            consumer.account,
            "notebook-reader",
            "AROAEXAMPLENOTEREAD01",
            "notebook".into(),
            at.plus(2),
            &mut self.chance,
        );
        let caller = first.identity(CallSigning::Own);
        let [mut hop, _] = self.assumed_by(&session, &caller, consumer.region);
        hop["requestParameters"]["providedContexts"] = json!([{
            "providerArn": "arn:aws:iam::aws:contextProvider/IdentityCenter",
            "contextAssertion": self.chance.token(),
        }]);
        self.put(hop);
        let story = "a notebook queries for a user of Identity Center";
        let mut truth = Self::true_chain(&session, "role-chain", "complete", story);
        truth.origin = "people".into();
        truth.run_as_access_key_id = Some(first.key.clone());
        truth.acting_for = vec![acting("identity-center-user", USER, "proven")];
        let mut identity = session.identity(CallSigning::Own);
        identity["onBehalfOf"] = json!({
            "userId": USER,
            "identityStoreArn": "arn:aws:identitystore::999988887777:identitystore/d-9067642ac7",
        });
        self.road_query(identity, consumer, None, at.plus(9), &mut truth);
        self.truth.chains.push(truth);
    }

    fn source_identity_road(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        const WHO: &str = "fatima";
        let session = Self::plain_session(
            consumer.account,
            "reporting",
            "AROAEXAMPLEREPORTING2",
            "batch".into(),
            at,
            &mut self.chance,
        );
        let caller = user(consumer.account, "batch-runner");
        let [mut hop, _] = self.assumed_by(&session, &caller, consumer.region);
        hop["requestParameters"]["sourceIdentity"] = WHO.into();
        hop["responseElements"]["sourceIdentity"] = WHO.into();
        self.put(hop);
        let story = "a session carries a source identity";
        let mut truth = Self::true_chain(&session, "role-chain", "complete", story);
        truth.origin = "people".into();
        truth.acting_for = vec![acting("source-identity", WHO, "proven")];
        let mut identity = session.identity(CallSigning::Own);
        identity["sessionContext"]["sourceIdentity"] = WHO.into();
        self.road_query(identity, consumer, None, at.plus(9), &mut truth);
        self.truth.chains.push(truth);
    }

    fn delegate(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let session = self.signed_in(consumer, "support", at);
        let story = "a provider queries under a temporary delegation";
        let mut truth = Self::true_chain(&session, "direct", "complete", story);
        truth.acting_for = vec![acting("delegate", DELEGATE, "proven")];
        let mut identity = session.identity(CallSigning::Own);
        identity["invokedByDelegate"] = json!({"accountId": DELEGATE});
        self.road_query(identity, consumer, None, at.plus(9), &mut truth);
        self.truth.chains.push(truth);
    }

    fn quick_context(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let portal = Self::plain_session(
            HUB,
            "portal-lambda",
            "AROAEXAMPLEPORTALHUB1",
            "portal".into(),
            at,
            &mut self.chance,
        );
        let hop = records::assumed_by_service(
            &portal,
            "lambda.amazonaws.com",
            QUICK_REGION,
            None,
            HopStyle::default(),
            &mut self.chance,
        );
        self.put(hop);
        let user_arn = format!("arn:aws:quicksight:{QUICK_REGION}:{HUB}:user/{AGENT_USER}");
        let context = (
            "quicksight.amazonaws.com",
            "GetIdentityContext",
            json!({"awsAccountId": HUB, "userIdentifier": {"userArn": user_arn}}),
        );
        let identity = portal.identity(CallSigning::Own);
        self.road_call(&identity, HUB, QUICK_REGION, at.plus(2), context);
        let session = Self::plain_session(
            consumer.account,
            "portal-reader",
            "AROAEXAMPLEPORTALREAD",
            "portal".into(),
            at.plus(3),
            &mut self.chance,
        );
        let assertion = self.chance.token();
        for mut copy in self.assumed_from(&portal, &session, consumer.region) {
            copy["requestParameters"]["providedContexts"] = json!([{
                "providerArn": "arn:aws:iam::aws:contextProvider/QuickSight",
                "contextAssertion": assertion,
            }]);
            self.put(copy);
        }
        let story = "a portal queries with the context of a Quick user";
        let mut truth = Self::true_chain(&session, "role-chain", "complete", story);
        truth.run_as_access_key_id = Some(portal.key.clone());
        truth.origin = "lambda.amazonaws.com".into();
        truth.origin_resource_arn = Some(format!(
            "arn:aws:lambda:{QUICK_REGION}:{HUB}:function:portal"
        ));
        truth.acting_for = vec![acting("quick-user", AGENT_USER, "probable")];
        let identity = session.identity(CallSigning::Own);
        self.road_query(identity, consumer, None, at.plus(9), &mut truth);
        self.truth.chains.push(truth);
    }
}

/// The data catalogs that a consumer registered, as `aws athena get-data-catalog` lists them, with the account.
pub(super) fn data_catalogs(consumer: &ConsumerCast) -> [Value; 2] {
    let function = connector_arn(consumer.region);
    let of = |name: &str, kind: &str, parameters: Value| json!({"AccountId": consumer.account, "Name": name, "Type": kind, "Parameters": parameters});
    [
        of(GLUE_CATALOG, "GLUE", json!({"catalog-id": OWNER})),
        of(CONNECTOR_CATALOG, "LAMBDA", json!({"function": function})),
    ]
}

fn connector_arn(region: &str) -> String {
    format!("arn:aws:lambda:{region}:{OWNER}:function:{CONNECTOR}")
}

/// All tables of the owner's database, as far as the context of a query tells.
fn whole_catalog() -> String {
    format!("{}.*", PRODUCERS[1].database)
}

fn catalog_read(query: &QueryCast<'_>) -> TrueRead {
    TrueRead {
        query_execution_id: Some(query.id.clone()),
        ..true_read(OWNER, whole_catalog(), "glue", "probable")
    }
}
