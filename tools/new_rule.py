#!/usr/bin/env python3
"""Makes all pieces of a new rule: just new-rule ID "what it finds, in a sentence".

The rule builds, and its `fires` fixture fails until it is written.
"""

import json
import re
import sys
from pathlib import Path

USAGE = 'usage: just new-rule ID "A sentence without a full stop"'

RULE = '''//! `{id}`: {lower}.

use super::context::RuleContext;
use super::occurrences::{{Occurrences, plural}};
use super::rule::{{FindingDraft, FindingSink, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed}};
use crate::model::chain::Chain;
use crate::model::finding::{{Severity, Subject}};
use crate::model::ids::AccountId;
use std::collections::BTreeMap;

static META: RuleMeta = RuleMeta {{
    id: "{id}",
    title: "{title}",
    severity: Severity::Medium,
    kind: RuleKind::Condition,
    needs: RuleNeed::Nothing,
    since: "{version}",
    page: include_str!("{snake}.md"),
    options: &[],
    next_step: "see the chains, and say whether they are meant",
    command: "qs-audit show CHAIN",
}};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry {{
    meta: &META,
    build: |_| Ok(Box::new({camel})),
}};

struct {camel};

/// Returns whether something is wrong with a chain.
fn is_wrong(chain: &Chain) -> bool {{
    // What the rule is about goes here.
    chain.chain_id.is_empty()
}}

impl Rule for {camel} {{
    fn meta(&self) -> &'static RuleMeta {{
        &META
    }}

    fn check(&self, facts: &RuleContext<'_>, found: &mut FindingSink<'_>) {{
        let mut groups: BTreeMap<AccountId, Occurrences> = BTreeMap::new();
        for active in facts.reaching().filter(|active| is_wrong(active.chain)) {{
            let Some(account) = &active.chain.consumer_account_id else {{
                continue;
            }};
            groups
                .entry(account.clone())
                .or_default()
                .happened(active.first)
                .seen(active.last)
                .with_chain(&active.chain.chain_id);
        }}
        for (account, group) in &groups {{
            found.add(FindingDraft {{
                title: format!("{title}: {{}}", facts.account(account)),
                detail: format!("{{}} of account {{account}}.", plural(group.count(), "chain")),
                subject: Subject(vec![("consumer_account_id", account.clone().into())]),
                consumer_account_id: Some(account.clone()),
                evidence: Vec::new(),
                next_step: None,
                group,
            }});
        }}
    }}
}}
'''

PAGE = '''# {id}

{title}.

Severity: medium. Since {version}.

## What it finds

{title}.

## Why it matters

What can happen if nobody looks.

## Evidence

The chains.

## False positives

- What looks like it and is meant.

## What to do now

1. `qs-audit show CHAIN_ID` shows the chain.

## Tuning

```toml
[rules.{id}]
enabled = true

[[suppressions]]
rule = "{id}"
subject = "*444455556666*"
reason = "agreed with the owner, ticket 4711"
expires = 2027-06-30
```
'''


def fail(message):
    sys.exit(f"{message}\n{USAGE}")


def insert_sorted(path, pattern, line):
    """Puts a line among those that match a pattern, in their order."""
    lines = path.read_text().splitlines(keepends=True)
    known = [at for at, text in enumerate(lines) if re.match(pattern, text)]
    if not known:
        fail(f"{path} has no line like {pattern!r}")
    later = [at for at in known if lines[at] > line]
    lines.insert(later[0] if later else known[-1] + 1, line)
    path.write_text("".join(lines))


def fixture(path, kind, title, expected):
    """A fixture with the records of a rule's quiet one, to be made its own."""
    known = json.loads(Path("sample-logs/rules/undeclared-role/quiet.json").read_text())
    known["about"] = f"{title}." if kind == "fires" else f"Nothing is wrong: not so that {title.lower()}."
    known["expected"] = expected
    path.write_text(json.dumps(known, indent=2) + "\n")


def main():
    if len(sys.argv) != 3:
        fail("a rule has an id and a sentence")
    rule_id, title = sys.argv[1], sys.argv[2].strip().rstrip(".")
    if not re.fullmatch(r"[a-z]+(-[a-z]+)*", rule_id):
        fail(f"{rule_id!r} is no id: write it like undeclared-role")
    if not title or set('"{}\\\n') & set(title):
        fail("the sentence is shown as it is: without quotes, braces and backslashes")
    snake = rule_id.replace("-", "_")
    source = Path(f"src/rules/{snake}.rs")
    if source.exists():
        fail(f"{source} is there already")
    version = re.search(r'^version = "(.*)"', Path("Cargo.toml").read_text(), re.M)[1]
    names = {
        "id": rule_id,
        "snake": snake,
        "camel": "".join(word.capitalize() for word in rule_id.split("-")),
        "title": title,
        "lower": title[0].lower() + title[1:],
        "version": version,
    }
    insert_sorted(Path("src/rules/mod.rs"), r"mod [a-z_]+;", f"mod {snake};\n")
    insert_sorted(Path("src/rules/registry.rs"), r"    [a-z_]+::ENTRY,", f"    {snake}::ENTRY,\n")
    registry = Path("src/rules/registry.rs")
    text = registry.read_text()
    used = re.search(r"use super::\{([^}]*)\};", text)
    modules = sorted({name.strip() for name in used[1].split(",") if name.strip()} | {snake})
    registry.write_text(text.replace(used[0], "use super::{" + ", ".join(modules) + "};"))
    insert_sorted(
        Path("tests/integration/rules.rs"),
        r'        \("[a-z-]+", Severity::\w+\),',
        f'        ("{rule_id}", Severity::Medium),\n',
    )
    insert_sorted(
        Path("ARCHITECTURE.md"),
        r"\| `rules/(audit_|bytes_|cost_|external|first_|long_|off_|query_|result|role_|run_as|scope|session|undeclared|unexp)",
        f"| `rules/{snake}.rs` | {names['lower']} |\n",
    )
    source.write_text(RULE.format(**names))
    source.with_suffix(".md").write_text(PAGE.format(**names))
    folder = Path("sample-logs/rules") / rule_id
    folder.mkdir(parents=True)
    fires = [{"subject": "consumer_account_id=444455556666", "count": 1}]
    fixture(folder / "fires.json", "fires", title, fires)
    fixture(folder / "quiet.json", "quiet", title, [])
    print(f"made {source}, its page and fixtures; write is_wrong, the page and the fixtures,")
    print("then: cargo fmt && cargo test rules && just update")


main()
