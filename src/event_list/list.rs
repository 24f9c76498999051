//! The list itself.

use super::entry::{EventListEntry, EventNames, Keeping, ServiceEvents, When};
use super::members::{
    MembersRead, OF_CATALOG_POLICIES, OF_CLOUDTRAIL, OF_DATA_CATALOGS, OF_FUNCTION_POLICIES,
    OF_GRANTS, OF_IAM, OF_S3, OF_SHARES, OF_WORK_GROUPS,
};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The version of the list: it grows when an event is kept, or a member is read, that
/// was not before.
pub const VERSION: u32 = 5;

/// Kept since the first version.
const fn since_1(when: When) -> Keeping {
    Keeping { when, since: 1 }
}

/// Kept since the fourth version.
const fn since_4(when: When) -> Keeping {
    Keeping { when, since: 4 }
}

/// Kept since the fifth version.
const fn since_5(when: When) -> Keeping {
    Keeping { when, since: 5 }
}

/// Calls that start a workload or set its role: a state machine, a function or a job.
const fn workload(names: &'static [&'static str], why: &'static str) -> EventListEntry {
    EventListEntry {
        names: EventNames::Exactly(names),
        kept: Some(since_5(When::Always)),
        reading: MembersRead::Workload,
        why,
        lookup: names,
    }
}

/// All events that matter, by service (docs/cloudtrail-facts.md).
pub static SOURCES: &[ServiceEvents] = &[
    ServiceEvents {
        name: "sts.amazonaws.com",
        entries: STS,
    },
    ServiceEvents {
        name: "athena.amazonaws.com",
        entries: ATHENA,
    },
    ServiceEvents {
        name: "quicksight.amazonaws.com",
        entries: QUICK,
    },
    ServiceEvents {
        name: "lakeformation.amazonaws.com",
        entries: LAKE_FORMATION,
    },
    ServiceEvents {
        name: "iam.amazonaws.com",
        entries: IAM,
    },
    ServiceEvents {
        name: "cloudtrail.amazonaws.com",
        entries: CLOUDTRAIL,
    },
    ServiceEvents {
        name: "s3.amazonaws.com",
        entries: S3,
    },
    ServiceEvents {
        name: "glue.amazonaws.com",
        entries: GLUE,
    },
    ServiceEvents {
        name: "ram.amazonaws.com",
        entries: RAM,
    },
    ServiceEvents {
        name: "lambda.amazonaws.com",
        entries: LAMBDA,
    },
    ServiceEvents {
        name: "kms.amazonaws.com",
        entries: KMS,
    },
    ServiceEvents {
        name: "states.amazonaws.com",
        entries: STEP_FUNCTIONS,
    },
];

static STS: &[EventListEntry] = &[
    EventListEntry {
        names: EventNames::StartingWith("AssumeRo"),
        kept: Some(since_1(When::Always)),
        reading: MembersRead::Credentials,
        why: "the AssumeRole calls of a chain, and denied ones",
        lookup: &[
            "AssumeRole",
            "AssumeRoleWithSAML",
            "AssumeRoleWithWebIdentity",
            "AssumeRoot",
        ],
    },
    EventListEntry {
        names: EventNames::Exactly(&["GetFederationToken", "GetSessionToken"]),
        kept: Some(since_1(When::Always)),
        reading: MembersRead::Credentials,
        why: "sessions of users, which may run queries or assume a role",
        lookup: &["GetFederationToken", "GetSessionToken"],
    },
    EventListEntry {
        names: EventNames::EndingWith("Token"),
        kept: Some(since_1(When::OfSession)),
        reading: MembersRead::Credentials,
        why: "credentials that a relevant session requests",
        lookup: &[],
    },
];

static ATHENA: &[EventListEntry] = &[
    EventListEntry {
        names: EventNames::Exactly(&["StartQueryExecution"]),
        kept: Some(since_1(When::Always)),
        reading: MembersRead::StartQuery,
        why: "the queries",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::Exactly(&["CreateWorkGroup", "DeleteWorkGroup", "UpdateWorkGroup"]),
        kept: Some(since_1(When::Always)),
        reading: MembersRead::Change(&OF_WORK_GROUPS),
        why: "result locations, and changes to them",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::Exactly(&[
            "CreateDataCatalog",
            "DeleteDataCatalog",
            "UpdateDataCatalog",
        ]),
        kept: Some(since_5(When::Always)),
        reading: MembersRead::Change(&OF_DATA_CATALOGS),
        why: "data catalogs of other accounts, and connectors",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::Exactly(&["StopQueryExecution"]),
        kept: Some(since_1(When::Always)),
        reading: MembersRead::QueryIds,
        why: "calls that name queries and link them to sessions",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::All,
        kept: Some(since_1(When::Always)),
        reading: MembersRead::QueryIds,
        why: "calls that name queries and link them to sessions",
        lookup: &[],
    },
];

static QUICK: &[EventListEntry] = &[
    EventListEntry {
        names: EventNames::InAnyCase("QueryDatabase"),
        kept: Some(since_1(When::Always)),
        reading: MembersRead::QueryDatabase,
        why: "the user, dataset and data source of a query",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::All,
        kept: Some(since_1(When::Always)),
        reading: MembersRead::QuickCall,
        why: "user activity in Quick, agents and flows, and changes to its data sources",
        lookup: &[],
    },
];

static LAKE_FORMATION: &[EventListEntry] = &[
    EventListEntry {
        names: EventNames::Exactly(&["GetDataAccess"]),
        kept: Some(since_4(When::Always)),
        reading: MembersRead::DataAccess,
        why: "the tables that a query read",
        lookup: &["GetDataAccess"],
    },
    EventListEntry {
        names: EventNames::Exactly(&[
            "BatchGrantPermissions",
            "BatchRevokePermissions",
            "CreateLakeFormationOptIn",
            "DeleteLakeFormationOptIn",
            "DeregisterResource",
            "GrantPermissions",
            "PutDataLakeSettings",
            "RegisterResource",
            "RevokePermissions",
            "UpdateResource",
        ]),
        kept: Some(since_4(When::Always)),
        reading: MembersRead::Change(&OF_GRANTS),
        why: "permissions on tables, and changes to them",
        lookup: &[
            "BatchGrantPermissions",
            "BatchRevokePermissions",
            "CreateLakeFormationOptIn",
            "DeleteLakeFormationOptIn",
            "DeregisterResource",
            "GrantPermissions",
            "PutDataLakeSettings",
            "RegisterResource",
            "RevokePermissions",
            "UpdateResource",
        ],
    },
];

static IAM: &[EventListEntry] = &[
    EventListEntry {
        names: EventNames::ChangesWith(&["Role", "PolicyVersion"]),
        kept: Some(since_1(When::Always)),
        reading: MembersRead::Change(&OF_IAM),
        why: "trust and permission policies of roles",
        lookup: &[
            "AddRoleToInstanceProfile",
            "AttachRolePolicy",
            "CreatePolicyVersion",
            "CreateRole",
            "CreateServiceLinkedRole",
            "DeletePolicyVersion",
            "DeleteRole",
            "DeleteRolePermissionsBoundary",
            "DeleteRolePolicy",
            "DeleteServiceLinkedRole",
            "DetachRolePolicy",
            "PutRolePermissionsBoundary",
            "PutRolePolicy",
            "RemoveRoleFromInstanceProfile",
            "SetDefaultPolicyVersion",
            "TagRole",
            "UntagRole",
            "UpdateAssumeRolePolicy",
            "UpdateRole",
            "UpdateRoleDescription",
        ],
    },
    EventListEntry {
        names: EventNames::Changes,
        kept: Some(since_1(When::OfSession)),
        reading: MembersRead::Change(&OF_IAM),
        why: "changes by a relevant session",
        lookup: &[],
    },
];

static CLOUDTRAIL: &[EventListEntry] = &[EventListEntry {
    names: EventNames::Changes,
    kept: Some(since_1(When::Always)),
    reading: MembersRead::Change(&OF_CLOUDTRAIL),
    why: "changes to trails and event data stores",
    lookup: &[
        "AddTags",
        "CreateChannel",
        "CreateEventDataStore",
        "CreateTrail",
        "DeleteChannel",
        "DeleteEventDataStore",
        "DeleteResourcePolicy",
        "DeleteTrail",
        "DeregisterOrganizationDelegatedAdmin",
        "DisableFederation",
        "EnableFederation",
        "PutEventConfiguration",
        "PutEventSelectors",
        "PutInsightSelectors",
        "PutResourcePolicy",
        "RegisterOrganizationDelegatedAdmin",
        "RemoveTags",
        "RestoreEventDataStore",
        "StartEventDataStoreIngestion",
        "StartLogging",
        "StopEventDataStoreIngestion",
        "StopLogging",
        "UpdateChannel",
        "UpdateEventDataStore",
        "UpdateTrail",
    ],
}];

static S3: &[EventListEntry] = &[
    EventListEntry {
        names: EventNames::Exactly(&[
            "DeleteBucket",
            "DeleteBucketPolicy",
            // The objects it deletes are not in its record.
            "DeleteObjects",
            "PutBucketLifecycle",
            "PutBucketLifecycleConfiguration",
            "PutBucketPolicy",
            "PutBucketVersioning",
        ]),
        kept: Some(since_1(When::Always)),
        reading: MembersRead::Change(&OF_S3),
        why: "changes that can delete the contents of a log bucket, or open a spill bucket",
        lookup: &[
            "DeleteBucket",
            "DeleteBucketPolicy",
            "PutBucketLifecycle",
            "PutBucketLifecycleConfiguration",
            "PutBucketPolicy",
            "PutBucketVersioning",
        ],
    },
    EventListEntry {
        names: EventNames::Exactly(&[
            "CreateBucket",
            "DeleteBucketPublicAccessBlock",
            "PutBucketAcl",
            "PutBucketPublicAccessBlock",
        ]),
        kept: Some(since_5(When::Always)),
        reading: MembersRead::Change(&OF_S3),
        why: "changes that can open a spill bucket",
        lookup: &[
            "CreateBucket",
            "DeleteBucketPublicAccessBlock",
            "PutBucketAcl",
            "PutBucketPublicAccessBlock",
        ],
    },
    EventListEntry {
        names: EventNames::Exactly(&["DeleteObject"]),
        kept: Some(since_1(When::OnLogs)),
        reading: MembersRead::Change(&OF_S3),
        why: "changes to stored log files",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::Exactly(&["CopyObject", "UploadPartCopy"]),
        kept: Some(since_5(When::OnLogsOrSpill)),
        reading: MembersRead::Change(&OF_S3),
        why: "changes to stored log files, and copies of what connectors spilled",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::Exactly(&["CompleteMultipartUpload", "PutObject"]),
        kept: Some(since_5(When::OnLogsOrSpill)),
        reading: MembersRead::ObjectWrite,
        why: "changes to stored log files, and what connectors spill",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::Exactly(&["GetObject", "SelectObjectContent"]),
        kept: Some(since_5(When::OfReads)),
        reading: MembersRead::ObjectRead,
        why: "objects of tables that were read, and their owners; what connectors spilled",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::Containing(&["Bucket"]),
        kept: Some(since_1(When::OfSession)),
        reading: MembersRead::Change(&OF_S3),
        why: "buckets that a relevant session reads or changes",
        lookup: &[],
    },
];

static GLUE: &[EventListEntry] = &[
    EventListEntry {
        names: EventNames::Exactly(&[
            "BatchGetPartition",
            "GetColumnStatisticsForPartition",
            "GetColumnStatisticsForTable",
            "GetPartition",
            "GetPartitionIndexes",
            "GetPartitions",
            "GetTable",
            "GetTableVersion",
            "GetTableVersions",
            "GetUnfilteredPartitionMetadata",
            "GetUnfilteredPartitionsMetadata",
            "GetUnfilteredTableMetadata",
        ]),
        kept: Some(since_4(When::OfSession)),
        reading: MembersRead::TableCall,
        why: "tables that were read, and their owners",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::Exactly(&["CreateTable", "UpdateTable"]),
        kept: Some(since_4(When::Always)),
        reading: MembersRead::TableCall,
        why: "locations of tables",
        lookup: &["CreateTable", "UpdateTable"],
    },
    EventListEntry {
        names: EventNames::Exactly(&["DeleteResourcePolicy", "PutResourcePolicy"]),
        kept: Some(since_4(When::Always)),
        reading: MembersRead::Change(&OF_CATALOG_POLICIES),
        why: "permissions on data catalogs",
        lookup: &["DeleteResourcePolicy", "PutResourcePolicy"],
    },
    workload(
        &["CreateJob", "StartJobRun", "UpdateJob"],
        "jobs that run queries",
    ),
];

static RAM: &[EventListEntry] = &[EventListEntry {
    names: EventNames::Exactly(&[
        "AcceptResourceShareInvitation",
        "AssociateResourceShare",
        "CreateResourceShare",
        "DeleteResourceShare",
        "DisassociateResourceShare",
        "PromoteResourceShareCreatedFromPolicy",
    ]),
    kept: Some(since_4(When::Always)),
    reading: MembersRead::Change(&OF_SHARES),
    why: "shares of tables with other accounts",
    lookup: &[
        "AcceptResourceShareInvitation",
        "AssociateResourceShare",
        "CreateResourceShare",
        "DeleteResourceShare",
        "DisassociateResourceShare",
        "PromoteResourceShareCreatedFromPolicy",
    ],
}];

static LAMBDA: &[EventListEntry] = &[
    EventListEntry {
        names: EventNames::Exactly(&["Invoke"]),
        kept: Some(since_4(When::OfSession)),
        reading: MembersRead::Invocation,
        why: "connectors of federated queries, and their owners",
        lookup: &[],
    },
    EventListEntry {
        names: EventNames::Exactly(&["AddPermission20150331v2", "RemovePermission20150331v2"]),
        kept: Some(since_5(When::Always)),
        reading: MembersRead::Change(&OF_FUNCTION_POLICIES),
        why: "who may invoke connectors",
        lookup: &["AddPermission20150331v2", "RemovePermission20150331v2"],
    },
    workload(
        &[
            "CreateFunction20150331",
            "UpdateFunctionConfiguration20150331v2",
        ],
        "the roles of functions",
    ),
];

static KMS: &[EventListEntry] = &[EventListEntry {
    names: EventNames::Exactly(&["Decrypt", "GenerateDataKey"]),
    kept: Some(since_5(When::OfSession)),
    reading: MembersRead::KeyUse,
    why: "spilled results of federated queries",
    lookup: &[],
}];

static STEP_FUNCTIONS: &[EventListEntry] = &[workload(
    &[
        "CreateStateMachine",
        "StartExecution",
        "StartSyncExecution",
        "UpdateStateMachine",
    ],
    "state machines that run queries",
)];

/// The services by the length of their names: every record is looked up.
static BY_LENGTH: LazyLock<Vec<Vec<&'static ServiceEvents>>> = LazyLock::new(|| {
    let mut by_length = Vec::new();
    for source in SOURCES {
        let length = source.name.len();
        by_length.resize(by_length.len().max(length + 1), Vec::new());
        by_length[length].push(source);
    }
    by_length
});

/// Returns the entry of an event, given as bytes; `None` where the list does not have it.
#[must_use]
pub fn entry(source: &[u8], name: &[u8]) -> Option<&'static EventListEntry> {
    let of_length = BY_LENGTH.get(source.len())?;
    let known = of_length
        .iter()
        .find(|known| known.name.as_bytes() == source)?;
    known.entries.iter().find(|entry| entry.names.hold(name))
}

/// An attribute that `LookupEvents` is asked for: it takes one for each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lookup {
    /// `EventName`.
    Name(&'static str),
    /// `EventSource`: a service whose management events are all kept.
    Source(&'static str),
}

impl Lookup {
    /// The value of the attribute.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Name(text) | Self::Source(text) => text,
        }
    }
}

/// Returns the attributes that `LookupEvents` is asked for, sorted: a whole source where all of its
/// events are kept, and names elsewhere.
#[must_use]
pub fn lookups() -> BTreeSet<Lookup> {
    let of_source = |source: &'static ServiceEvents| {
        let names = source.entries.iter().flat_map(|entry| entry.lookup);
        let names = names.copied().map(Lookup::Name);
        let whole = source
            .is_kept_whole()
            .then_some(Lookup::Source(source.name));
        names.chain(whole)
    };
    SOURCES.iter().flat_map(of_source).collect()
}

/// Kept events that are data events: `LookupEvents` never has them.
pub const DATA_EVENTS: [&str; 8] = [
    "CompleteMultipartUpload",
    "CopyObject",
    "DeleteObject",
    "DeleteObjects",
    "GetObject",
    "Invoke",
    "PutObject",
    "SelectObjectContent",
];

/// Returns the entries, with their sources, that a version of the list did not keep yet.
pub fn kept_since(
    version: u32,
) -> impl Iterator<Item = (&'static ServiceEvents, &'static EventListEntry)> {
    let all = SOURCES
        .iter()
        .flat_map(|source| source.entries.iter().map(move |entry| (source, entry)));
    all.filter(move |(_, entry)| entry.kept.is_some_and(|kept| kept.since > version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = (&'static ServiceEvents, &'static EventListEntry)> {
        let entries = |source: &'static ServiceEvents| source.entries.iter();
        SOURCES
            .iter()
            .flat_map(move |source| entries(source).map(move |entry| (source, entry)))
    }

    #[test]
    fn each_source_is_listed_once() {
        let names: BTreeSet<&str> = SOURCES.iter().map(|source| source.name).collect();
        assert_eq!(names.len(), SOURCES.len());
    }

    #[test]
    fn what_is_looked_up_is_kept_by_its_own_entry() {
        for (source, listed) in all() {
            assert!(listed.lookup.is_sorted_by(|left, right| left < right));
            for name in listed.lookup {
                let found = entry(source.name.as_bytes(), name.as_bytes()).unwrap();
                assert!(std::ptr::eq(found, listed), "{name}");
                assert!(found.kept.is_some(), "{name}");
            }
        }
    }

    /// Whatever is kept for its own sake can be looked up, unless it is a data event.
    #[test]
    fn lookups_cover_what_is_kept() {
        for (source, listed) in all() {
            let is_always = listed.kept.is_some_and(|kept| kept.when == When::Always);
            if !is_always || source.is_kept_whole() {
                continue;
            }
            match listed.names {
                EventNames::Exactly(names) => {
                    for name in names {
                        let is_asked = listed.lookup.contains(name) || DATA_EVENTS.contains(name);
                        assert!(is_asked, "{} {name}", source.name);
                    }
                }
                _ => assert!(
                    !listed.lookup.is_empty(),
                    "{} {}",
                    source.name,
                    listed.names
                ),
            }
        }
        let whole: Vec<Lookup> = lookups()
            .into_iter()
            .filter(|one| matches!(one, Lookup::Source(_)))
            .collect();
        assert_eq!(
            whole,
            [
                Lookup::Source("athena.amazonaws.com"),
                Lookup::Source("quicksight.amazonaws.com")
            ]
        );
    }

    #[test]
    fn no_name_hides_behind_another_entry() {
        for (source, listed) in all() {
            let EventNames::Exactly(names) = listed.names else {
                continue;
            };
            for name in names {
                let found = entry(source.name.as_bytes(), name.as_bytes()).unwrap();
                assert!(std::ptr::eq(found, listed), "{} {name}", source.name);
            }
        }
    }

    #[test]
    fn no_event_is_of_a_later_version_than_the_list() {
        for (source, listed) in all() {
            let since = listed.kept.map_or(1, |kept| kept.since);
            assert!((1..=VERSION).contains(&since), "{}", source.name);
        }
        assert_eq!(kept_since(VERSION).count(), 0);
        assert!(kept_since(0).count() > 0);
    }
}
