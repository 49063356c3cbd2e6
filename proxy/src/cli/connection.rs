//! What every verb that talks to the registry takes, and how it answers.

mod contents;

use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use jiff::Timestamp;
use serde::Serialize;

use crate::printable::{printable, printable_json, printable_lines};
use crate::registry::{Junk, Log, Registry, connect_options};
pub(super) use contents::Contents;

/// Which registry.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct Connection {
    /// NATS servers, separated by commas.
    #[arg(
        long,
        env = "BURGEE_NATS_URL",
        value_name = "URL",
        default_value = "nats://127.0.0.1:4222",
        value_delimiter = ','
    )]
    pub server: Vec<String>,
    /// A NATS credentials file.
    #[arg(long, env = "BURGEE_NATS_CREDENTIALS", value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// The JetStream domain, for a leaf node.
    #[arg(long, env = "BURGEE_NATS_DOMAIN", value_name = "NAME")]
    pub domain: Option<String>,
    /// The environment that records are for; proxies of another one refuse them.
    #[arg(
        long,
        env = "BURGEE_ENVIRONMENT",
        value_name = "NAME",
        default_value = "default"
    )]
    pub environment: String,
    /// The region whose log of overrides is meant.
    #[arg(long, env = "BURGEE_REGION", value_name = "NAME")]
    pub region: Option<String>,
}

/// A reason that is one: the record keeps it for ever.
pub(super) fn reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("say why: whoever reads the record later will want to know".into());
    }
    Ok(text.to_owned())
}

/// How to answer.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Output {
    /// Answer in JSON, for programs.
    #[arg(long)]
    pub json: bool,
}

/// Who signs for a change.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Author {
    /// Who makes the change, `$USER@host` where it is not given.
    #[arg(long = "as", env = "BURGEE_WHO", value_name = "NAME")]
    who: Option<String>,
}

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

impl Connection {
    /// Connects once; an operator would rather know than wait.
    pub(super) async fn registry(&self) -> anyhow::Result<Registry> {
        let servers = self.server.join(", ");
        let options = connect_options(self.credentials.as_deref(), CONNECT_WITHIN)
            .await
            .with_context(|| {
                format!(
                    "cannot read the credentials file {}",
                    path(self.credentials.as_ref())
                )
            })?;
        let client = options.connect(self.server.as_slice()).await.with_context(|| {
            format!("cannot connect to {servers}; is the server running? --server or BURGEE_NATS_URL name another")
        })?;
        Ok(Registry::new(
            client,
            self.domain.as_deref(),
            &self.environment,
        ))
    }

    /// The log of overrides of `--region`.
    pub(super) fn overrides(&self) -> anyhow::Result<Log> {
        let region = self
            .region
            .as_deref()
            .context("name the region: --region NAME or BURGEE_REGION")?;
        Ok(Log::overrides(region)?)
    }
}

impl Author {
    /// What goes into the record.
    pub(super) fn name(self) -> String {
        self.who.unwrap_or_else(|| {
            let user = std::env::var("USER").ok().filter(|user| !user.is_empty());
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
                .ok()
                .map(|host| host.trim().to_owned());
            let host = host
                .or_else(|| std::env::var("HOSTNAME").ok())
                .filter(|host| !host.is_empty());
            format!(
                "{}@{}",
                user.as_deref().unwrap_or("unknown"),
                host.as_deref().unwrap_or("unknown")
            )
        })
    }
}

impl Output {
    /// The JSON to programs, the text to people; on standard output. What others wrote is shown, and acts
    /// on no terminal.
    pub(super) fn answer(self, json: &impl Serialize, text: impl Display) -> anyhow::Result<()> {
        let mut stdout = std::io::stdout().lock();
        if self.json {
            writeln!(stdout, "{}", printable_json(&serde_json::to_string(json)?))?;
        } else {
            writeln!(stdout, "{}", printable_lines(&text.to_string()))?;
        }
        Ok(())
    }
}

/// Messages of a log that are no records of this environment; anybody may have written them.
pub(super) fn tell_skipped(junk: &[Junk]) {
    for message in junk {
        let Junk {
            sequence,
            subject,
            rejection,
        } = message;
        let what = format!("message {sequence} on {subject}: {rejection}");
        eprintln!("skipped {}", printable(&what));
    }
}

/// A table for people, without lines around it. No cell can make a row, or hide one.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table.add_rows(
        rows.into_iter()
            .map(|row| row.map(|cell| printable(&cell).into_owned())),
    );
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// This machine's clock, in whole milliseconds: what people have to read need not be finer.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// A time for a table, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn path(path: Option<&PathBuf>) -> String {
    path.map(|path| path.display().to_string())
        .unwrap_or_default()
}
