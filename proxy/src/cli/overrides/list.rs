//! `burgee override list`.

use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::super::connection::{table, tell_skipped, time};
use super::keys::document;
use super::{List, place};
use crate::envelope::Verified;
use crate::overrides::Scope;
use crate::registry::{Kind, Log};

/// One override, for programs.
#[derive(Serialize)]
struct Listed<'r> {
    flag: &'r str,
    /// `null`: the flag's default.
    variant: Option<&'r str>,
    scope: &'r Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<usize>,
    ends: Timestamp,
    log: &'r str,
    revision: u64,
    who: &'r str,
    why: &'r str,
    when: Timestamp,
}

pub(super) async fn list(args: List) -> anyhow::Result<ExitCode> {
    let records = match &args.local {
        Some(path) => {
            let region = args.connection.region.as_ref();
            let log = region.map(|_| args.connection.overrides()).transpose()?;
            place::read(path, &args.connection.environment, log.as_ref())?.records
        }
        None => from_registry(&args).await?,
    };
    let now = Timestamp::now();
    let mut listed: Vec<Listed<'_>> = records
        .iter()
        .filter_map(describe)
        .filter(|listed| args.all || listed.ends > now)
        .collect();
    listed.sort_by(|a, b| (a.flag, a.scope, a.ends).cmp(&(b.flag, b.scope, b.ends)));
    if listed.is_empty() && !args.output.json {
        eprintln!("no overrides");
        return Ok(ExitCode::SUCCESS);
    }
    let rows = listed.iter().map(|listed| listed.row(now));
    let header = [
        "FLAG", "VARIANT", "SCOPE", "KEYS", "ENDS IN", "SET BY", "AT", "WHY",
    ];
    args.output.answer(&listed, table(header, rows))?;
    Ok(ExitCode::SUCCESS)
}

/// Of one region, or of every region that has a log here.
async fn from_registry(args: &List) -> anyhow::Result<Vec<Verified>> {
    let registry = args.connection.registry().await?;
    let logs: Vec<Log> = match args.connection.region {
        Some(_) => vec![args.connection.overrides()?],
        None => registry
            .logs()
            .await?
            .into_iter()
            .filter(|log| log.kind() == Kind::Overrides)
            .collect(),
    };
    let mut records = Vec::new();
    for log in &logs {
        let (newest, junk) = registry.newest(log).await?;
        records.extend(newest);
        tell_skipped(&junk);
    }
    Ok(records)
}

fn describe(verified: &Verified) -> Option<Listed<'_>> {
    let (record, document) = (verified.record(), document(verified)?);
    Some(Listed {
        flag: &document.flag,
        variant: document.variant.as_deref(),
        scope: &document.scope,
        keys: document.keys.as_ref().map(|keys| keys.sha256.len()),
        ends: document.ends,
        log: &record.log,
        revision: record.revision,
        who: &record.who,
        why: &record.why,
        when: record.when,
    })
}

impl Listed<'_> {
    fn row(&self, now: Timestamp) -> [String; 8] {
        let left = std::time::Duration::from_secs(
            u64::try_from(self.ends.duration_since(now).as_secs()).unwrap_or(0),
        );
        [
            self.flag.into(),
            self.variant.unwrap_or("(default)").into(),
            self.scope.to_string(),
            self.keys
                .map_or_else(|| "everyone".into(), |keys| keys.to_string()),
            if self.ends > now {
                humantime::format_duration(left).to_string()
            } else {
                "over".into()
            },
            self.who.into(),
            time(self.when),
            self.why.into(),
        ]
    }
}
