//! Chains that few organizations have, and that are easily told wrong.

use super::cast::{self, CATALOG_OWNER, ConsumerCast, HUB, QUICK_REGION};
use super::records::{self, CallSigning, HopStyle, SessionCast};
use super::scenes::Stage;
use super::truth::TrueChain;
use crate::model::time::UtcSecond;
use serde_json::{Value, json};

/// The data source of these chains: no other scene uses it.
const DATA_SOURCE: &str = "ds-rare-01";

/// The special feature of a rare chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RareScene {
    /// Someone switches to Role B in the console, which signs each call with another key.
    ConsoleSession,
    /// Two sessions submit one query execution.
    RepeatedQuery,
    /// Role B assumes a role of a third account, which queries.
    ThirdHop,
    /// One of two copies of the second hop lacks its parameters.
    ThinCopy,
    /// Role B is a role of the hub account.
    SameAccount,
}

impl RareScene {
    pub(super) const ALL: [Self; 5] = [
        Self::ConsoleSession,
        Self::RepeatedQuery,
        Self::ThirdHop,
        Self::ThinCopy,
        Self::SameAccount,
    ];
}

impl Stage {
    /// One of the rare chains.
    pub(super) fn rare(&mut self, scene: RareScene, consumer: &ConsumerCast, at: UtcSecond) {
        match scene {
            RareScene::ConsoleSession => self.console_session(consumer, at),
            RareScene::RepeatedQuery => {
                let id = self.chance.uuid();
                self.rare_chain(consumer, at, &id, "a query is submitted");
                let story = "the same query execution is submitted again";
                self.rare_chain(consumer, at.plus(25), &id, story);
                if let Some(again) = self.truth.chains.last_mut() {
                    again.query_execution_ids.clear();
                }
            }
            RareScene::ThirdHop => self.third_hop(consumer, at),
            RareScene::ThinCopy => {
                let id = self.chance.uuid();
                self.rare_chain(consumer, at, &id, "one of two copies lacks its parameters");
                let copies = self.written.iter_mut().rev();
                let copy = copies
                    .map(|written| &mut written.record)
                    .find(|record| record["userIdentity"]["type"] == "AWSAccount");
                if let Some(copy) = copy {
                    copy["requestParameters"] = Value::Null;
                }
            }
            RareScene::SameAccount => {
                let hub = ConsumerCast {
                    name: "hub",
                    account: HUB,
                    region: QUICK_REGION,
                    role_path: "",
                    role: "qs-athena-hub-role",
                    role_id: "AROAEXAMPLEHUBROLEB01",
                    work_group: "primary",
                    ..*consumer
                };
                let id = self.chance.uuid();
                self.rare_chain(&hub, at, &id, "Role B is a role of the hub account");
            }
        }
    }

    /// Quick's two hops into a consumer: the sessions of both roles.
    pub(super) fn two_hops(
        &mut self,
        consumer: &ConsumerCast,
        data_source: &str,
        at: UtcSecond,
    ) -> [SessionCast; 2] {
        let style = HopStyle::default();
        let chance = &mut self.chance;
        let run_as = records::run_as_session(at, chance);
        let session = records::consumer_session(consumer, at.plus(1), chance);
        let first = records::hop_one(&run_as, &session.role_arn, style, chance);
        let external_id = cast::data_source_arn(data_source);
        let [hub, copy] = records::hop_two(
            &run_as,
            &session,
            Some(&external_id),
            QUICK_REGION,
            style,
            true,
            chance,
        );
        self.put(first);
        self.put(hub);
        // An account that assumes a role of its own logs one event.
        if run_as.account != session.account {
            self.put(copy);
        }
        [run_as, session]
    }

    fn rare_chain(&mut self, consumer: &ConsumerCast, at: UtcSecond, id: &str, story: &str) {
        let [run_as, session] = self.two_hops(consumer, DATA_SOURCE, at);
        let mut truth = Self::quick_truth(&run_as, &session, "complete", story);
        self.rare_query(&session, consumer, id, at.plus(9), &mut truth);
        self.truth.chains.push(truth);
    }

    pub(super) fn quick_truth(
        run_as: &SessionCast,
        session: &SessionCast,
        status: &str,
        story: &str,
    ) -> TrueChain {
        TrueChain {
            run_as_access_key_id: Some(run_as.key.clone()),
            data_source_arn: Some(cast::data_source_arn(DATA_SOURCE)),
            ..Self::true_chain(session, "quick-role-chain", status, story)
        }
    }

    /// One query of a session, in its truth.
    fn rare_query(
        &mut self,
        session: &SessionCast,
        consumer: &ConsumerCast,
        id: &str,
        time: UtcSecond,
        truth: &mut TrueChain,
    ) {
        let address = self.chance.address();
        let query = records::quick_query(consumer, id.to_owned(), time, &address);
        let identity = session.identity(CallSigning::Own);
        let start = records::start_query(identity, &session.account, &query, &mut self.chance);
        self.put(start);
        truth.query_execution_ids.push(id.to_owned());
        truth.call_count += 1;
    }

    fn console_session(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let mut session = records::consumer_session(consumer, at, &mut self.chance);
        session.name = "ann".into();
        let mut hop = records::assumed_by_service(
            &session,
            "signin.amazonaws.com",
            consumer.region,
            None,
            HopStyle::default(),
            &mut self.chance,
        );
        hop["userIdentity"] = json!({
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLEUSER000002",
            "arn": format!("arn:aws:iam::{}:user/ann", consumer.account),
            "accountId": consumer.account,
            "accessKeyId": self.chance.temporary_key(),
            "userName": "ann",
        });
        self.put(hop);
        let story = "someone switches to Role B in the console";
        let mut truth = Self::true_chain(&session, "role-chain", "complete", story);
        truth.origin = "people".into();
        truth.confidence = "probable".into();
        for wait in [9, 14, 22] {
            let signed = SessionCast {
                key: self.chance.temporary_key(),
                ..session.clone()
            };
            let id = self.chance.uuid();
            self.rare_query(&signed, consumer, &id, at.plus(wait), &mut truth);
            if let Some(call) = self.written.last_mut() {
                call.record["sessionCredentialFromConsole"] = "true".into();
            }
        }
        truth.query_execution_ids.sort();
        self.truth.chains.push(truth);
    }

    fn third_hop(&mut self, consumer: &ConsumerCast, at: UtcSecond) {
        let [run_as, session] = self.two_hops(consumer, DATA_SOURCE, at);
        let producer = ConsumerCast {
            name: "producer",
            account: CATALOG_OWNER,
            role_path: "",
            role: "producer-reader",
            role_id: "AROAEXAMPLEPRODUCER01",
            ..*consumer
        };
        let mut third = records::consumer_session(&producer, at.plus(5), &mut self.chance);
        third.name = "producer".into();
        let copies = records::hop_two(
            &session,
            &third,
            None,
            consumer.region,
            HopStyle::default(),
            false,
            &mut self.chance,
        );
        for copy in copies {
            self.put(copy);
        }
        let story = "Role B assumes a role of a third account";
        let mut truth = Self::quick_truth(&run_as, &session, "idle", story);
        truth.call_count = 1;
        self.truth.chains.push(truth);
        let mut truth = Self::quick_truth(&run_as, &third, "complete", story);
        let id = self.chance.uuid();
        self.rare_query(&third, &producer, &id, at.plus(14), &mut truth);
        self.truth.chains.push(truth);
    }
}
