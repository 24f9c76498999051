//! Athena use that is not Quick's, and role use that should not be.

use super::cast::{self, CATALOG_OWNER, CONSUMERS, ConsumerCast, HUB, QUICK_REGION, STRANGER};
use super::chance::Chance;
use super::records::{self, CallSigning, HopStyle, QueryCast, SessionCast};
use super::scenes::Stage;
use super::truth::TrueChain;
use crate::model::time::UtcSecond;
use serde_json::{Value, json};

/// Athena use, and role use, that is not Quick's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SideScene {
    Lambda,
    LambdaAcross,
    StepFunctions,
    Person,
    User,
    Spoof,
    QuickServiceRole,
}

impl SideScene {
    pub(super) const ALL: [Self; 7] = [
        Self::Lambda,
        Self::LambdaAcross,
        Self::StepFunctions,
        Self::Person,
        Self::User,
        Self::Spoof,
        Self::QuickServiceRole,
    ];
}

impl Stage {
    /// Something that is not a Quick chain.
    pub(super) fn side(&mut self, scene: SideScene, consumer: &ConsumerCast, at: UtcSecond) {
        match scene {
            SideScene::Lambda => self.service(
                consumer,
                at,
                "lambda.amazonaws.com",
                "etl-lambda",
                "AROAEXAMPLELAMBDAETL1",
            ),
            SideScene::StepFunctions => self.service(
                consumer,
                at,
                "states.amazonaws.com",
                "etl-states",
                "AROAEXAMPLESTATESETL1",
            ),
            SideScene::QuickServiceRole => {
                let hub = ConsumerCast {
                    account: HUB,
                    region: QUICK_REGION,
                    work_group: "primary",
                    ..CONSUMERS[0]
                };
                let role = "aws-quicksight-service-role-v0";
                self.service(
                    &hub,
                    at,
                    "quicksight.amazonaws.com",
                    role,
                    "AROAEXAMPLEQUICKSVC01",
                );
            }
            SideScene::LambdaAcross => self.lambda_across(consumer, at),
            SideScene::Person => self.person(consumer, at),
            SideScene::User => self.user(consumer, at),
            SideScene::Spoof => self.spoof(consumer, at),
        }
    }

    pub(super) fn plain_session(
        account: &str,
        role: &str,
        role_id: &str,
        name: String,
        at: UtcSecond,
        chance: &mut Chance,
    ) -> SessionCast {
        SessionCast {
            account: account.into(),
            role_arn: format!("arn:aws:iam::{account}:role/service-role/{role}"),
            role: role.into(),
            role_id: role_id.into(),
            name,
            key: chance.temporary_key(),
            created: at,
            compact_date: false,
            skew_seconds: 0,
        }
    }

    /// One query by a session, with its truth.
    pub(super) fn plain_query(
        &mut self,
        identity: Value,
        consumer: &ConsumerCast,
        time: UtcSecond,
        truth: &mut TrueChain,
    ) {
        let address = self.chance.address();
        let query = QueryCast {
            id: self.chance.uuid(),
            time,
            region: consumer.region,
            work_group: None,
            database: consumer.database,
            from: &address,
            agent: "Boto3/1.40.2 md/Botocore#1.40.2",
        };
        let start = records::start_query(identity, consumer.account, &query, &mut self.chance);
        self.put(start);
        truth.query_execution_ids.push(query.id);
        truth.call_count += 1;
    }

    fn service(
        &mut self,
        consumer: &ConsumerCast,
        at: UtcSecond,
        service: &'static str,
        role: &str,
        role_id: &str,
    ) {
        let name = format!("{role}-{}", self.chance.below(3));
        let session =
            Self::plain_session(consumer.account, role, role_id, name, at, &mut self.chance);
        let style = HopStyle::default();
        let hop = records::assumed_by_service(
            &session,
            service,
            consumer.region,
            None,
            style,
            &mut self.chance,
        );
        self.put(hop);
        let mut truth = Self::true_chain(&session, "service-role", "complete", service);
        truth.origin = service.into();
        if service == "lambda.amazonaws.com" {
            let (account, region, name) = (consumer.account, consumer.region, &session.name);
            let arn = format!("arn:aws:lambda:{region}:{account}:function:{name}");
            truth.origin_resource_arn = Some(arn);
        }
        let signed = if service == "states.amazonaws.com" {
            truth.confidence = "probable".into();
            CallSigning::OnBehalf("states.amazonaws.com")
        } else {
            CallSigning::Own
        };
        self.plain_query(session.identity(signed), consumer, at.plus(7), &mut truth);
        self.truth.chains.push(truth);
    }

    fn lambda_across(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let chance = &mut self.chance;
        let caller = Self::plain_session(
            CATALOG_OWNER,
            "reporting-lambda",
            "AROAEXAMPLEREPORTING1",
            "reporting".into(),
            at,
            chance,
        );
        let session = Self::plain_session(
            consumer.account,
            "report-reader",
            "AROAEXAMPLEREPREADER1",
            "reporting".into(),
            at.plus(3),
            chance,
        );
        let style = HopStyle::default();
        let first = records::assumed_by_service(
            &caller,
            "lambda.amazonaws.com",
            consumer.region,
            None,
            style,
            chance,
        );
        let copies = records::hop_two(
            &caller,
            &session,
            None,
            consumer.region,
            style,
            false,
            chance,
        );
        self.put(first);
        for copy in copies {
            self.put(copy);
        }
        let mut truth = Self::true_chain(
            &session,
            "role-chain",
            "complete",
            "a Lambda's role assumes a role in another account",
        );
        truth.run_as_access_key_id = Some(caller.key.clone());
        truth.origin = "lambda.amazonaws.com".into();
        let (region, name) = (consumer.region, &caller.name);
        let arn = format!("arn:aws:lambda:{region}:{CATALOG_OWNER}:function:{name}");
        truth.origin_resource_arn = Some(arn);
        self.plain_query(
            session.identity(CallSigning::Own),
            consumer,
            at.plus(9),
            &mut truth,
        );
        self.truth.chains.push(truth);
    }

    fn person(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let session = Self::plain_session(
            consumer.account,
            "analyst",
            "AROAEXAMPLEANALYST001",
            "ana@example.com".into(),
            at,
            &mut self.chance,
        );
        let style = HopStyle::default();
        let mut hop = records::assumed_by_service(
            &session,
            "signin.amazonaws.com",
            consumer.region,
            None,
            style,
            &mut self.chance,
        );
        hop["eventName"] = "AssumeRoleWithSAML".into();
        hop["userIdentity"] = json!({
            "type": "SAMLUser",
            "principalId": "exampleidp:ana@example.com",
            "userName": "ana@example.com",
            "identityProvider": "exampleidp",
        });
        self.put(hop);
        let mut truth = Self::true_chain(
            &session,
            "direct",
            "complete",
            "a person signs in and queries",
        );
        self.plain_query(
            session.identity(CallSigning::Own),
            consumer,
            at.plus(30),
            &mut truth,
        );
        self.truth.chains.push(truth);
    }

    fn user(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let mut session = Self::plain_session(
            consumer.account,
            "",
            "",
            String::new(),
            at,
            &mut self.chance,
        );
        session.key = format!("AKIA{}", &session.key[4..]);
        let identity = json!({
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLEUSER000001",
            "arn": format!("arn:aws:iam::{}:user/batch", consumer.account),
            "accountId": consumer.account,
            "accessKeyId": session.key,
            "userName": "batch",
        });
        let mut truth = Self::true_chain(&session, "direct", "complete", "a user's own key");
        truth.consumer_role = None;
        truth.consumer_session_name = None;
        self.plain_query(identity, consumer, at, &mut truth);
        self.truth.chains.push(truth);
    }

    /// A role of an account that no one knows assumes Role B with the external id
    /// of a data source. Its own logs are not among ours.
    fn spoof(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let chance = &mut self.chance;
        let caller = Self::plain_session(
            STRANGER,
            "unknown",
            "AROAEXAMPLESTRANGER01",
            "probe".into(),
            at.plus(-60),
            chance,
        );
        let mut session = records::consumer_session(consumer, at, chance);
        session.name = "probe".into();
        let external_id = cast::data_source_arn(consumer.data_sources[0]);
        let style = HopStyle::default();
        let [_, copy] = records::hop_two(
            &caller,
            &session,
            Some(&external_id),
            consumer.region,
            style,
            false,
            chance,
        );
        self.put(copy);
        let mut truth = Self::true_chain(
            &session,
            "role-chain",
            "partial",
            "a stranger uses a data source's external id",
        );
        truth.missing = vec!["hub-copy".into(), "run-as-session".into()];
        truth.confidence = "probable".into();
        truth.data_source_arn = Some(external_id);
        self.plain_query(
            session.identity(CallSigning::Own),
            consumer,
            at.plus(20),
            &mut truth,
        );
        self.truth.chains.push(truth);
    }
}
