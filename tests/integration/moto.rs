//! One run against another implementation of AWS: moto's server.

use crate::cli::{organization, output, program};
use crate::needs;
use crate::s3::program_at;
use crate::s3_server::BUCKET;
use assert_cmd::Command;
use qs_audit::cli::Exit;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

const NOW: &str = "2026-11-05T12:00:00Z";

/// Starts a server that holds a folder's logs, an organization and a trail; prints its
/// port when all is there, and ends with its standard input.
const SERVER: &str = r#"
import os, sys, boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
def client(name):
    return boto3.client(name, endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                        aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="x")
root, bucket = sys.argv[1], sys.argv[2]
s3 = client("s3")
s3.create_bucket(Bucket=bucket)
for folder, _, names in os.walk(root):
    for name in names:
        path = os.path.join(folder, name)
        s3.upload_file(path, bucket, os.path.relpath(path, os.path.dirname(root)))
client("iam").create_role(RoleName="qs-audit", AssumeRolePolicyDocument="{}")
client("organizations").create_organization(FeatureSet="ALL")
account = client("organizations").create_account(AccountName="retail", Email="a@example.com",
    Tags=[{"Key": "business-unit", "Value": "Retail"}])
glue = client("glue")
glue.create_database(DatabaseInput={"Name": "claims"})
for name in ["sales", "rates"]:
    glue.create_table(DatabaseName="claims", TableInput={"Name": name, "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": {"Location": f"s3://lake/{name}/"}, "Parameters": {"note": "secret"}})
client("athena").create_data_catalog(Name="mesh", Type="GLUE",
    Parameters={"catalog-id": "777788889999"})
client("lakeformation").grant_permissions(Permissions=["SELECT"],
    Principal={"DataLakePrincipalIdentifier": "444455556666"},
    Resource={"Table": {"CatalogId": "123456789012", "DatabaseName": "claims", "Name": "sales"}})
trails = client("cloudtrail")
trails.create_trail(Name="org-trail", S3BucketName=bucket, IsMultiRegionTrail=False)
print(port, flush=True)
sys.stdin.read()
"#;

pub(crate) struct Moto {
    child: Child,
    pub(crate) url: String,
}

impl Moto {
    pub(crate) fn start(python: &Path, logs: &Path) -> Self {
        let mut child = std::process::Command::new(python)
            .args(["-c", SERVER])
            .arg(logs)
            .arg(BUCKET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            url: format!("http://127.0.0.1:{}", line.trim()),
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn another_implementation_of_aws_gives_the_same() {
    let Some(python) = needs::python("moto.server") else {
        return;
    };
    let folder = organization();
    let moto = Moto::start(&python, &folder.path().join("AWSLogs"));
    let folder = folder.path();
    let url = format!("s3://{BUCKET}");
    let run = |command: &mut Command, args: &[&str], exit| {
        command.current_dir(folder).args(args).args(["--now", NOW]);
        output(command, exit)
    };
    let chains = [
        "chains",
        "--path",
        "any",
        "--from",
        "2026-11-01",
        "--format",
        "json",
        "--logs",
    ];
    let at = || program_at(&moto.url);
    let (remote, _) = run(&mut at(), &[&chains[..], &[&url]].concat(), Exit::Clean);
    let (local, _) = run(
        &mut program(),
        &[&chains[..], &["AWSLogs"]].concat(),
        Exit::Clean,
    );
    assert!(
        remote.replace(&format!("{url}/"), "") == local,
        "another reading"
    );

    fs::write(
        folder.join("aws.toml"),
        format!(
            "[[logs]]\ns3 = \"{url}\"\nrole_arn = \"arn:aws:iam::123456789012:role/qs-audit\"\n\
             external_id = \"x\"\n[aws]\norganizations = true\nstatistics = false\ncatalogs = true\n\
             [hub]\naccount_id = \"123456789012\"\n[store]\npath = \"store\"\n"
        ),
    )
    .unwrap();
    let document: serde_json::Value = serde_json::from_str(&local).unwrap();
    let chain_count = document["chains"].as_array().unwrap().len();
    through_a_role(folder, &at, chain_count);
}

/// Page by page into a store, with the organization's accounts; then what is amiss.
fn through_a_role(folder: &Path, at: &dyn Fn() -> Command, chain_count: usize) {
    let run = |command: &mut Command, args: &[&str]| {
        command.current_dir(folder).args(args).args(["--now", NOW]);
        output(command, Exit::Clean)
    };
    // What the server cannot do need not be tried again.
    let mut once = at();
    once.env("AWS_MAX_ATTEMPTS", "1");
    let (said, gaps) = run(&mut once, &["collect", "-c", "aws.toml"]);
    let listed = "data catalogs of 123456789012 in us-east-1 listed";
    assert!(said.contains(listed), "{said}{gaps}");
    let never = [
        "query",
        "tables-never-read",
        "--format",
        "csv",
        "-c",
        "aws.toml",
    ];
    let (tables, _) = run(&mut program(), &never);
    for table in ["s3://lake/sales/", "s3://lake/rates/", "cannot tell"] {
        assert!(tables.contains(table), "{tables}{gaps}");
    }
    assert!(
        said.contains("accounts and their tags listed"),
        "{said}{gaps}"
    );
    let chains = [
        "chains",
        "--path",
        "any",
        "--from",
        "2026-11-01",
        "--format",
        "jsonl",
    ];
    let (kept, _) = run(&mut program(), &[&chains[..], &["-c", "aws.toml"]].concat());
    assert_eq!(kept.lines().count(), chain_count);

    // What the server cannot do need not be tried again.
    let mut once = at();
    once.env("AWS_MAX_ATTEMPTS", "1");
    let (said, _) = run(&mut once, &["doctor", "-c", "aws.toml"]);
    assert!(
        said.contains("aws cloudtrail start-logging --name"),
        "{said}"
    );
    assert!(said.contains("--is-multi-region-trail"), "{said}");
    assert!(said.contains("--enable-log-file-validation"), "{said}");
    let url = format!("s3://{BUCKET}");
    let (_, said) = run(
        &mut at(),
        &["init", "--ask-aws", "--logs", &url, "-o", "found.toml"],
    );
    assert!(said.contains("wrote found.toml"), "{said}");
}
