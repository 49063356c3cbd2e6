//! The demo's registry: the logs made, the flag sets pushed, and one hot override shown.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use burgee_eval::Compiler;

use super::super::flags;
use crate::config::{Config, NatsSource, Source};
use crate::finding::Level;
use crate::flag_files;
use crate::registry::{Log, LogOptions, Registry, connect_options};

/// Who the demo's changes are by.
const WHO: &str = "burgee demo";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a proxy of this configuration reads from the broker at `url`.
pub(super) fn source(url: &str, config: &Config) -> Source {
    Source::Nats(Box::new(NatsSource {
        servers: vec![url.to_owned()],
        credentials: None,
        domain: None,
        override_regions: vec![config.region.clone()],
        local_overrides: None,
        connect_timeout: CONNECT_TIMEOUT,
    }))
}

/// Makes the logs and pushes every flag set of a directory.
pub(super) fn fill(url: &str, config: &Config, directory: PathBuf) -> anyhow::Result<()> {
    let (files, findings) = flag_files::read(&[directory], &mut Compiler::new());
    if let Some(finding) = findings
        .iter()
        .find(|finding| finding.level == Level::Error)
    {
        anyhow::bail!("{finding}");
    }
    super::super::block_on(async {
        let started = Instant::now();
        let client = connect_options(None, CONNECT_TIMEOUT)
            .await?
            .connect(url)
            .await
            .with_context(|| format!("cannot connect to {url}"))?;
        let registry = Registry::new(client, None, &config.environment);
        for log in [Log::flags(), Log::overrides(&config.region)?] {
            registry.create(&log, LogOptions { replicas: 1 }).await?;
            println!("made the log {log}");
        }
        for file in files {
            let set = file.set.id.clone();
            flags::append(&registry, file, WHO, "the demo's flag sets").await?;
            println!("pushed the flag set {set}");
        }
        println!(
            "the registry is ready after {} ms",
            started.elapsed().as_millis()
        );
        Ok(std::process::ExitCode::SUCCESS)
    })?;
    Ok(())
}
