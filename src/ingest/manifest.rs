//! What AWS delivers with a bill: manifests, which name the files of an assembly, and other
//! files that hold no lines (docs.aws.amazon.com/cur/latest/userguide/view-cur.html,
//! docs.aws.amazon.com/cur/latest/userguide/dataexports-manifest.html).

use crate::model::bill::BillPeriod;
use jiff::civil::Date;
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// What a file is, by its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillFileKind {
    /// It may hold lines of a bill.
    Bill,
    /// It names the files of an assembly.
    Manifest,
    /// It is delivered with a bill and holds no lines of it.
    Side,
}

/// Returns what a file is, by its name.
#[must_use]
pub fn bill_file_kind(name: &str) -> BillFileKind {
    let parts = parts(name);
    let file = parts.last().copied().unwrap_or_default();
    let lower = file.to_ascii_lowercase();
    let is_of_status = parts.contains(&"cost_and_usage_data_status");
    if lower.ends_with("redshiftmanifest.json") || is_of_status {
        return BillFileKind::Side;
    }
    if lower.ends_with("manifest.json") {
        return BillFileKind::Manifest;
    }
    let is_side = lower.starts_with("_success")
        || lower.starts_with("_committed_")
        || lower.starts_with("_started_")
        || lower == "aws-programmatic-access-test-object"
        || [".sql", ".yml", ".yaml", ".crc", ".md5"]
            .iter()
            .any(|end| lower.ends_with(end));
    if is_side {
        BillFileKind::Side
    } else {
        BillFileKind::Bill
    }
}

/// The days of the billing period that a file stands in the folder of, if any.
#[must_use]
pub fn billing_period(name: &str) -> Option<BillPeriod> {
    let mut folders = parts(name);
    folders.pop();
    folders.into_iter().rev().find_map(period_of_folder)
}

/// The month of the folder of a billing period: `20261001-20261101`, or
/// `BILLING_PERIOD=2026-10`.
fn period_of_folder(name: &str) -> Option<BillPeriod> {
    let (from, told_to) = if let Some(month) = name.strip_prefix("BILLING_PERIOD=") {
        (format!("{month}-01").parse::<Date>().ok()?, None)
    } else {
        let (from, to) = name.split_once('-')?;
        let day = |text: &str| {
            let day = Date::strptime("%Y%m%d", text).ok();
            day.filter(|_| text.len() == 8)
        };
        (day(from)?, Some(day(to)?))
    };
    let to = from.last_of_month().tomorrow().ok()?;
    let is_month = from.day() == 1 && told_to.is_none_or(|told| told == to);
    is_month.then_some(BillPeriod { from, to })
}

/// Returns true for the folder of a billing period.
fn is_period_folder(name: &str) -> bool {
    period_of_folder(name).is_some()
}

fn parts(name: &str) -> Vec<&str> {
    name.split(['/', '\\'])
        .filter(|part| !part.is_empty())
        .collect()
}

/// The members of both kinds of manifests.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
struct RawManifest {
    account: Option<String>,
    bucket: Option<String>,
    assembly_id: Option<String>,
    execution_id: Option<String>,
    report_name: Option<String>,
    export_arn: Option<String>,
    billing_period: Option<RawBillingPeriod>,
    report_keys: Option<Vec<String>>,
    data_files: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct RawBillingPeriod {
    start: Option<String>,
}

/// A report, which has one bill for each billing period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReportId {
    name: String,
    /// The account and bucket, and the folder: reports of two payers, or in two places, may have
    /// one name.
    owner: Vec<String>,
}

/// A manifest: one assembly of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Manifest {
    /// The report, and whose it is.
    report: ReportId,
    /// The billing period, as it is told.
    period: String,
    assembly_id: String,
    /// When the assembly was made, if its id or folder tells.
    made_at: Option<String>,
    /// The folder that it stands in.
    folder: Vec<String>,
    keys: Vec<String>,
}

impl Manifest {
    fn of(name: &str, text: &[u8]) -> Result<Self, String> {
        let raw: RawManifest = serde_json::from_slice(text)
            .map_err(|error| format!("a manifest that is not JSON: {error}"))?;
        let keys = raw.report_keys.or(raw.data_files);
        let keys = keys.ok_or("a manifest without reportKeys or dataFiles")?;
        let assembly_id = raw.assembly_id.or(raw.execution_id).unwrap_or_default();
        let mut folder: Vec<String> = parts(name).into_iter().map(str::to_owned).collect();
        folder.pop();
        let place = folder.iter().rev().find(|part| is_period_folder(part));
        let start = raw.billing_period.and_then(|period| period.start);
        // Where neither tells the period, it is told by what the files are called.
        let period = start.or_else(|| place.cloned()).unwrap_or_default();
        let first = keys.first().map_or("", String::as_str);
        let first_folders = parts(first);
        let at = first_folders.iter().position(|part| is_period_folder(part));
        let place = &first_folders[..at.unwrap_or(0)];
        let owner = [raw.account, raw.bucket].into_iter().flatten();
        let in_period = in_assembly(first).map(|(_, assembly)| assembly.to_owned());
        let made_at = moment_of(&assembly_id).or_else(|| moment_of(in_period.as_deref()?));
        Ok(Self {
            report: ReportId {
                name: raw.export_arn.or(raw.report_name).unwrap_or_default(),
                owner: owner.chain([place.join("/")]).collect(),
            },
            period,
            assembly_id,
            made_at,
            folder,
            keys,
        })
    }

    /// The folder that the report was downloaded to.
    fn root(&self) -> String {
        let at = self.folder.iter().position(|part| is_period_folder(part));
        self.folder[..at.unwrap_or(self.folder.len())].join("/")
    }

    /// Returns true if it stands next to the assemblies, and not in one: AWS replaces it.
    fn is_at_top(&self) -> bool {
        let own = self.folder.last();
        own.is_none_or(|own| self.assembly_id.is_empty() || !own.ends_with(&self.assembly_id))
    }
}

/// The export that a file belongs to, as far as names tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Belongs {
    /// A manifest names it. The assembly is told where it is not known which one counts.
    Listed {
        report: ReportId,
        assembly_id: Option<String>,
        /// The folder of a second copy of the same assembly.
        copy: Option<String>,
    },
    /// It stands in the folder of a report; of an assembly where it is not known which one counts.
    Assembled { folder: String },
    /// Nothing tells.
    Alone,
}

/// What names and manifests tell of the files of a bill.
#[derive(Debug, Default)]
pub struct BillFiles {
    belongs: BTreeMap<String, Belongs>,
    replaced: BTreeSet<String>,
    /// Reports, and how many of the files that their manifest names are not there.
    missing: BTreeMap<String, u64>,
    unread: Vec<(String, String)>,
}

impl BillFiles {
    /// Sorts the files of a bill by the assemblies that they are of. `names` are those that may
    /// hold lines; `manifests` come with their text.
    #[must_use]
    pub fn of(names: &[String], manifests: &[(String, Vec<u8>)]) -> Self {
        let mut files = Self::default();
        let mut reports: BTreeMap<(ReportId, String), Vec<Manifest>> = BTreeMap::new();
        for (name, text) in manifests {
            match Manifest::of(name, text) {
                Ok(manifest) => {
                    let of = (manifest.report.clone(), manifest.period.clone());
                    reports.entry(of).or_default().push(manifest);
                }
                Err(why) => files.unread.push((name.clone(), why)),
            }
        }
        let mut by_file: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for name in names {
            let file = parts(name).pop().unwrap_or_default();
            by_file.entry(file).or_default().push(name);
        }
        for manifests in reports.values() {
            files.report(manifests, names, &by_file);
        }
        files.assemblies(names);
        files
    }

    /// The order in which files are to be read: what a manifest names is known best.
    #[must_use]
    pub fn order(&self, name: &str) -> u8 {
        match self.belongs(name) {
            Belongs::Listed { .. } => 0,
            Belongs::Assembled { .. } => 1,
            Belongs::Alone => 2,
        }
    }

    /// Takes in what is told of the files of an archive.
    pub(super) fn extend(&mut self, inner: Self) {
        self.belongs.extend(inner.belongs);
        self.replaced.extend(inner.replaced);
    }

    /// Returns true if a later assembly replaces the file.
    pub(super) fn is_replaced(&self, name: &str) -> bool {
        self.replaced.contains(name)
    }

    pub(super) fn belongs(&self, name: &str) -> Belongs {
        self.belongs.get(name).cloned().unwrap_or(Belongs::Alone)
    }

    /// Reports of which files are missing, and how many.
    pub(super) fn missing(&self) -> impl Iterator<Item = (&str, u64)> {
        self.missing
            .iter()
            .map(|(report, count)| (report.as_str(), *count))
    }

    /// Manifests that cannot be read, and why.
    pub(super) fn unread(&self) -> impl Iterator<Item = (&str, &str)> {
        self.unread
            .iter()
            .map(|(name, why)| (name.as_str(), why.as_str()))
    }

    /// Sorts the files of the assemblies of one report and billing period.
    fn report(
        &mut self,
        manifests: &[Manifest],
        names: &[String],
        by_file: &BTreeMap<&str, Vec<&String>>,
    ) {
        let current = current_assembly(manifests);
        let mut own = BTreeSet::new();
        let mut by_key: BTreeMap<(&str, &str), &String> = BTreeMap::new();
        for manifest in manifests {
            let is_current = current.is_none_or(|current| current == manifest.assembly_id);
            let mut missing = 0;
            for key in &manifest.keys {
                let Some(name) = file_of(key, manifest, by_file) else {
                    missing += 1;
                    continue;
                };
                own.insert(name);
                if is_current && !self.belongs.contains_key(name) {
                    let place = (manifest.assembly_id.as_str(), key.as_str());
                    let first = *by_key.entry(place).or_insert(name);
                    let belongs = Belongs::Listed {
                        report: manifest.report.clone(),
                        assembly_id: current.is_none().then(|| manifest.assembly_id.clone()),
                        copy: (first != name).then(|| manifest.root()),
                    };
                    self.belongs.insert(name.clone(), belongs);
                } else if !is_current && !self.belongs.contains_key(name) {
                    self.replaced.insert(name.clone());
                }
            }
            // An older assembly, or a manifest without any of its files, tells nothing of them.
            if is_current && missing > 0 && current.is_some() {
                let report = format!("{} {}", manifest.report.name, manifest.period);
                self.missing.insert(report, missing);
            }
        }
        let of_top = manifests.iter().filter(|manifest| manifest.is_at_top());
        let of_top = of_top.map(|manifest| manifest.folder.join("/"));
        let of_files = own.iter().filter(|_| current.is_some());
        let of_files = of_files.filter_map(|name| Some(in_assembly(name)?.0));
        let periods: BTreeSet<String> = of_top.chain(of_files).collect();
        // Parts that only a longer assembly had, where each overwrites the one before.
        let series: BTreeSet<(String, String)> = own.iter().map(|name| series_of(name)).collect();
        for name in names.iter().filter(|name| !own.contains(name)) {
            let is_older = in_assembly(name).is_some_and(|(period, _)| periods.contains(&period));
            if is_older || (current.is_some() && series.contains(&series_of(name))) {
                self.replaced.insert(name.clone());
            }
        }
        self.replaced
            .retain(|name| !self.belongs.contains_key(name));
    }

    /// Files in folders of assemblies whose manifest is not there: the latest counts, where the
    /// names of the folders tell which that is.
    fn assemblies(&mut self, names: &[String]) {
        let mut periods: BTreeMap<String, BTreeMap<&str, Vec<&String>>> = BTreeMap::new();
        for name in names {
            if self.belongs.contains_key(name) || self.replaced.contains(name) {
                continue;
            }
            if let Some((period, assembly)) = in_assembly(name) {
                let assemblies = periods.entry(period).or_default();
                assemblies.entry(assembly).or_default().push(name);
            } else if let Some(folder) = report_folder(name) {
                self.belongs
                    .insert(name.clone(), Belongs::Assembled { folder });
            }
        }
        for (place, assemblies) in periods {
            let latest = assemblies.keys().copied().reduce(later);
            let is_told = assemblies.keys().all(|name| moment_of(name).is_some());
            let is_one = is_told || assemblies.len() == 1;
            for (assembly, names) in assemblies {
                for name in names {
                    if is_told && Some(assembly) != latest {
                        self.replaced.insert(name.clone());
                    } else {
                        let report = report_folder(name).filter(|_| is_one);
                        let folder = report.unwrap_or_else(|| format!("{place}/{assembly}"));
                        let belongs = Belongs::Assembled { folder };
                        self.belongs.insert(name.clone(), belongs);
                    }
                }
            }
        }
    }
}

/// The assembly that counts; `None` where that cannot be told.
fn current_assembly(manifests: &[Manifest]) -> Option<&str> {
    let has_top = manifests.iter().any(Manifest::is_at_top);
    let candidates = manifests
        .iter()
        .filter(|manifest| !has_top || manifest.is_at_top());
    let candidates: Vec<&Manifest> = candidates.collect();
    let ids: BTreeSet<&str> = candidates
        .iter()
        .map(|manifest| manifest.assembly_id.as_str())
        .collect();
    let are_dated = candidates.iter().all(|manifest| manifest.made_at.is_some());
    let latest = candidates
        .into_iter()
        .max_by_key(|manifest| manifest.made_at.clone())?;
    (ids.len() == 1 || are_dated).then_some(latest.assembly_id.as_str())
}

fn later<'a>(left: &'a str, right: &'a str) -> &'a str {
    match moment_of(left).cmp(&moment_of(right)) {
        Ordering::Less => right,
        _ => left,
    }
}

/// The folder of a file, and its name without the number of a part.
fn series_of(name: &str) -> (String, String) {
    let mut folder = parts(name);
    let file = folder.pop().unwrap_or_default();
    let stem = file.split('.').next().unwrap_or(file);
    let stem = stem.trim_end_matches(|letter: char| letter.is_ascii_digit());
    (folder.join("/"), stem.to_owned())
}

/// The moment that an id starts with, as its digits: `20261006T010203Z`,
/// `2026-10-06T01:02:03.456Z-...`; `None` for an id that tells no time.
fn moment_of(id: &str) -> Option<String> {
    let moment = id
        .split(['Z', 'z'])
        .next()
        .filter(|_| id.contains(['Z', 'z']))?;
    let (day, time) = moment.split_once(['T', 't'])?;
    let digits = |text: &str| -> String {
        let kept = text.chars().filter(char::is_ascii_digit);
        kept.collect()
    };
    let is_spelled = moment
        .chars()
        .all(|letter| letter.is_ascii_digit() || "Tt:.-".contains(letter));
    let (day, time) = (digits(day), digits(time));
    (is_spelled && day.len() == 8 && time.len() >= 6).then(|| format!("{day}{time:0<12}"))
}

/// The file of a key: the one with most of its path, and next to the manifest with its name alone.
fn file_of<'a>(
    key: &str,
    manifest: &Manifest,
    by_file: &BTreeMap<&str, Vec<&'a String>>,
) -> Option<&'a String> {
    let key = key.strip_prefix("s3://").unwrap_or(key);
    // People unpack what they download.
    let unpacked = [".gz", ".zip"].iter().find_map(|end| key.strip_suffix(end));
    let found = |key: &str| file_at(key, manifest, by_file);
    found(key).or_else(|| found(unpacked?))
}

fn file_at<'a>(
    key: &str,
    manifest: &Manifest,
    by_file: &BTreeMap<&str, Vec<&'a String>>,
) -> Option<&'a String> {
    let key = parts(key);
    let alike = |name: &str| {
        let parts = parts(name);
        let pairs = parts.iter().rev().zip(key.iter().rev());
        let alike = pairs.take_while(|(left, right)| left == right).count();
        let folder = &parts[..parts.len().saturating_sub(1)];
        let is_next_to_it = folder
            .iter()
            .copied()
            .eq(manifest.folder.iter().map(String::as_str));
        (alike > 1 || (alike == 1 && is_next_to_it)).then_some(alike)
    };
    // Of two copies, the one that is nearest to the manifest; of equals the first.
    let near = |name: &str| {
        let parts = parts(name);
        let pairs = parts.iter().zip(&manifest.folder);
        pairs.take_while(|(left, right)| *left == right).count()
    };
    let named_so = by_file.get(key.last()?).into_iter().flatten();
    let found = named_so.filter_map(|name| Some((alike(name)?, near(name), *name)));
    let best = found.max_by(|left, right| {
        let [own, other] = [left, right].map(|found| (found.0, found.1));
        own.cmp(&other).then(right.2.cmp(left.2))
    });
    best.map(|(.., name)| name)
}

/// The folder that assemblies stand in, and the name of the assembly, of a file that stands in the
/// folder of an assembly: below a billing period, or named by a moment.
fn in_assembly(name: &str) -> Option<(String, &str)> {
    let parts = parts(name);
    let [.., assembly, _] = parts[..] else {
        return None;
    };
    let place = &parts[..parts.len() - 2];
    let is_of_period = place.last().is_some_and(|place| is_period_folder(place));
    (is_of_period || moment_of(assembly).is_some()).then(|| (place.join("/"), assembly))
}

/// The folder of a report, of a file that stands in the folder of a billing period.
fn report_folder(name: &str) -> Option<String> {
    let parts = parts(name);
    let at = parts[..parts.len().saturating_sub(1)]
        .iter()
        .rposition(|part| is_period_folder(part))?;
    Some(parts[..at].join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(assembly: &str, keys: &[&str]) -> Vec<u8> {
        serde_json::json!({
            "assemblyId": assembly,
            "reportName": "report",
            "billingPeriod": {"start": "20261001T000000.000Z"},
            "reportKeys": keys,
        })
        .to_string()
        .into_bytes()
    }

    fn files(names: &[&str], manifests: &[(&str, Vec<u8>)]) -> BillFiles {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let manifests: Vec<(String, Vec<u8>)> = manifests
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.clone()))
            .collect();
        BillFiles::of(&names, &manifests)
    }

    #[test]
    fn what_aws_delivers_with_a_bill_is_known_by_its_name() {
        for (name, kind) in [
            (
                "r/20261001-20261101/report-Manifest.json",
                BillFileKind::Manifest,
            ),
            (
                "r/metadata/BILLING_PERIOD=2026-10/x-Manifest.json",
                BillFileKind::Manifest,
            ),
            (
                "r/20261001-20261101/a/report-RedshiftManifest.json",
                BillFileKind::Side,
            ),
            (
                "r/20261001-20261101/a/report-RedshiftCommands.sql",
                BillFileKind::Side,
            ),
            ("r/report-create-table.sql", BillFileKind::Side),
            ("r/crawler-cfn.yml", BillFileKind::Side),
            ("r/_SUCCESS", BillFileKind::Side),
            ("r/cost_and_usage_data_status/x.parquet", BillFileKind::Side),
            ("aws-programmatic-access-test-object", BillFileKind::Side),
            ("r/report-00001.csv.gz", BillFileKind::Bill),
            ("costs.json", BillFileKind::Bill),
        ] {
            assert_eq!(bill_file_kind(name), kind, "{name}");
        }
    }

    #[test]
    fn the_manifest_at_the_top_says_which_assembly_counts() {
        let top = "b/20261001-20261101/report-Manifest.json";
        let (old, new) = (
            "b/20261001-20261101/aa/r-1.csv",
            "b/20261001-20261101/bb/r-1.csv",
        );
        let own = |assembly: &str| {
            manifest(
                assembly,
                &[&format!("p/20261001-20261101/{assembly}/r-1.csv")],
            )
        };
        // Without the old assembly's own manifest, and with it.
        for extra in [
            None,
            Some(("b/20261001-20261101/aa/report-Manifest.json", own("aa"))),
        ] {
            let mut manifests = vec![(top, own("bb"))];
            manifests.extend(extra);
            let files = files(&[old, new], &manifests);
            assert!(files.is_replaced(old) && !files.is_replaced(new));
            assert!(matches!(files.belongs(new), Belongs::Listed { .. }));
            assert_eq!(files.missing().count(), 0);
        }
    }

    #[test]
    fn reports_of_two_payers_may_have_one_name() {
        let of = |account: &str, assembly: &str| {
            let text = String::from_utf8(manifest(
                assembly,
                &[&format!("p/20261001-20261101/{assembly}/r-1.csv")],
            ));
            text.unwrap()
                .replacen('{', &format!("{{\"account\":\"{account}\","), 1)
                .into_bytes()
        };
        let names = [
            "x/20261001-20261101/aa/r-1.csv",
            "y/20261001-20261101/bb/r-1.csv",
        ];
        let manifests = [
            ("x/20261001-20261101/report-Manifest.json", of("1", "aa")),
            ("y/20261001-20261101/report-Manifest.json", of("2", "bb")),
        ];
        let both = files(&names, &manifests);
        assert!(names.iter().all(|name| !both.is_replaced(name)));
    }

    #[test]
    fn months_of_one_report_are_one_export() {
        let of = |assembly: &str, period: &str, start: &str| {
            let key = format!("p/{period}/{assembly}/r-1.csv");
            serde_json::json!({
                "assemblyId": assembly,
                "reportName": "report",
                "billingPeriod": {"start": start},
                "reportKeys": [key],
            })
            .to_string()
            .into_bytes()
        };
        let names = [
            "b/20261001-20261101/aa/r-1.csv",
            "b/20261101-20261201/bb/r-1.csv",
        ];
        let manifests = [
            (
                "b/20261001-20261101/r-Manifest.json",
                of("aa", "20261001-20261101", "20261001T000000.000Z"),
            ),
            (
                "b/20261101-20261201/r-Manifest.json",
                of("bb", "20261101-20261201", "20261101T000000.000Z"),
            ),
        ];
        // With their manifests, and as folders tell.
        for manifests in [&manifests[..], &[]] {
            let both = files(&names, manifests);
            assert!(names.iter().all(|name| !both.is_replaced(name)));
            assert_ne!(both.belongs(names[0]), Belongs::Alone);
            assert_eq!(both.belongs(names[0]), both.belongs(names[1]));
        }
    }

    #[test]
    fn a_report_that_was_downloaded_twice_is_known_by_its_assembly() {
        let of = |assembly: &str| manifest(assembly, &["p/20261001-20261101/r-1.csv"]);
        let names = [
            "late/20261001-20261101/r-1.csv",
            "early/20261001-20261101/r-1.csv",
        ];
        let manifests = [
            (
                "late/20261001-20261101/r-Manifest.json",
                of("20261007T010203Z"),
            ),
            (
                "early/20261001-20261101/r-Manifest.json",
                of("20261006T010203Z"),
            ),
        ];
        let both = files(&names, &manifests);
        assert_eq!(names.map(|name| both.is_replaced(name)), [false, true]);
        assert_eq!(both.missing().count(), 0);
    }

    #[test]
    fn executions_are_dated_by_their_folder_where_their_id_is_not() {
        let of = |id: &str, folder: &str| {
            serde_json::json!({
                "executionId": id,
                "exportArn": "arn:aws:bcm-data-exports:us-east-1:999988887777:export/x",
                "dataFiles": [format!("s3://b/x/data/BILLING_PERIOD=2026-10/{folder}/x-00001.csv")],
            })
            .to_string()
            .into_bytes()
        };
        let folders = [
            "2026-10-06T01:02:03.004Z-0aaa",
            "2026-10-07T01:02:03.004Z-0bbb",
        ];
        let names =
            folders.map(|folder| format!("x/data/BILLING_PERIOD=2026-10/{folder}/x-00001.csv"));
        let names = [names[0].as_str(), names[1].as_str()];
        let place =
            |folder: &str| format!("x/metadata/BILLING_PERIOD=2026-10/{folder}/x-Manifest.json");
        let [old, new] = folders.map(place);
        let manifests = [
            (old.as_str(), of("0aaa", folders[0])),
            (new.as_str(), of("0bbb", folders[1])),
        ];
        let both = files(&names, &manifests);
        assert_eq!(names.map(|name| both.is_replaced(name)), [true, false]);
    }

    #[test]
    fn folders_tell_their_billing_period() {
        let told = |name: &str| billing_period(name).map(|period| period.to_string());
        let october = Some("2026-10-01/2026-11-01".to_owned());
        assert_eq!(told("s3://b/r/20261001-20261101/aa/r-1.csv"), october);
        assert_eq!(told("b/data/BILLING_PERIOD=2026-10/r-1.parquet"), october);
        for other in [
            "20261301-20261401",
            "20261001-20261007",
            "20261005-20261105",
        ] {
            assert_eq!(told(&format!("b/{other}/r-1.csv")), None);
        }
        assert_eq!(told("b/r-1.csv"), None);
    }

    #[test]
    fn two_assemblies_of_which_none_is_known_to_be_later_both_stay() {
        let names = [
            "b/20261001-20261101/aa/r-1.csv",
            "b/20261001-20261101/bb/r-1.csv",
        ];
        let both = files(&names, &[]);
        assert!(names.iter().all(|name| !both.is_replaced(name)));
        assert_ne!(both.belongs(names[0]), both.belongs(names[1]));
        let names = [
            "b/BILLING_PERIOD=2026-10/2026-10-06T01:02:03.004Z-aa/r-1.csv",
            "b/BILLING_PERIOD=2026-10/2026-10-07T01:02:03.004Z-aa/r-1.csv",
        ];
        let told = files(&names, &[]);
        assert!(told.is_replaced(names[0]) && !told.is_replaced(names[1]));
    }

    #[test]
    fn a_file_that_a_manifest_names_and_that_is_not_there_is_missing() {
        let two = manifest("aa", &["p/aa/r-1.csv", "p/aa/r-2.csv"]);
        let flat = files(&["b/r-1.csv"], &[("b/report-Manifest.json", two.clone())]);
        assert_eq!(flat.missing().map(|(_, count)| count).sum::<u64>(), 1);
        // What the longer assembly before had is replaced.
        let three = ["b/r-1.csv", "b/r-2.csv", "b/r-3.csv", "b/other.csv"];
        let flat = files(&three, &[("b/report-Manifest.json", two.clone())]);
        assert_eq!(
            three.map(|name| flat.is_replaced(name)),
            [false, false, true, false]
        );
        // A file of the same name elsewhere is not the one.
        let other = files(&["b/zz/r-1.csv"], &[("b/report-Manifest.json", two)]);
        assert_eq!(other.missing().map(|(_, count)| count).sum::<u64>(), 2);
        let broken = files(&[], &[("x-Manifest.json", b"{".to_vec())]);
        assert_eq!(broken.unread().count(), 1);
    }
}
