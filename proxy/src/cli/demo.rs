//! `burgee demo`: the main job on an embedded default, with nothing to set up.
//!
//! Two example backends, the proxy in front of them with `config/quickstart.yaml` and the flag sets
//! beside it, and, with `--nats`, a broker of its own.

mod backend;
mod broker;
mod hot_override;
mod registry;
mod tour;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::app;
use crate::config::{AccessLog, Config, Source};

/// See it work: two example backends and the proxy in front of them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Also start a nats-server, push the flag sets into it, serve from there, and show a hot override.
    #[arg(long)]
    nats: bool,
    /// Take free ports instead of those in config/quickstart.yaml.
    #[arg(long)]
    free_ports: bool,
}

const EXAMPLES: &str = "\
Examples:
  burgee demo
  burgee demo --nats
  burgee demo --free-ports          when 8080, 9901, 9001 or 9002 is taken

In a checkout it uses ./config/quickstart.yaml and ./config/flags as they are; elsewhere it unpacks
copies of them into a temporary folder. Ctrl-C stops everything that it started.";

/// What a checkout has under `config/`, for a binary that stands alone.
const EMBEDDED: [(&str, &str); 3] = [
    (
        "quickstart.yaml",
        include_str!("../../../config/quickstart.yaml"),
    ),
    (
        "flags/checkout.yaml",
        include_str!("../../../config/flags/checkout.yaml"),
    ),
    (
        "flags/storefront.yaml",
        include_str!("../../../config/flags/storefront.yaml"),
    ),
];

/// Returns when the proxy has left, after Ctrl-C.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = tempfile::Builder::new()
        .prefix("burgee-demo-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    let file = quickstart(folder.path())?;
    let mut config = Config::load(&file).map_err(|findings| {
        let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", findings.join("\n"))
    })?;
    let Source::Files(files) = &config.source else {
        anyhow::bail!("{} must read flag sets from files", file.display());
    };
    let flags = files.flags.clone();

    if args.free_ports {
        take_free_ports(&mut config)?;
    }
    for (name, upstream) in &mut config.upstreams {
        let name: &'static str = if name == "canary" { "canary" } else { "stable" };
        for endpoint in &mut upstream.endpoints {
            *endpoint = backend::start(name, endpoint)?.address.to_string();
        }
    }
    let access_log = folder.path().join("access.log");
    config.access_log = AccessLog::File(access_log.clone());
    config.shutdown.drain = std::time::Duration::from_millis(200);

    let broker = if args.nats {
        Some(broker::start(folder.path())?)
    } else {
        None
    };
    if let Some(broker) = &broker {
        println!(
            "nats-server runs at {} with its store in {}",
            broker.url,
            folder.path().display()
        );
        registry::fill(&broker.url, &config, flags.clone())?;
        config.source = registry::source(&broker.url, &config);
        config.state_dir = Some(folder.path().join("state"));
    }

    let burgee = std::env::current_exe().context("this program cannot find itself")?;
    let nats = broker.as_ref().map(|broker| broker.url.clone());
    let target = nats
        .as_deref()
        .map(|nats| hot_override::Target::new(&burgee, nats, &config));
    let admin = config.admin.address;
    app::run_then(config, move |proxy| {
        if let Some(target) = &target
            && let Err(error) = hot_override::show(proxy, target)
        {
            eprintln!("error: {error:#}");
        }
        let places = tour::Places {
            proxy,
            admin,
            flags: &flags,
            burgee: near(&burgee),
            nats: nats.as_deref(),
            access_log: &access_log,
        };
        print!("{}", tour::text(&places));
    })
}

/// The quickstart configuration of a checkout, or an unpacked copy of it.
fn quickstart(folder: &Path) -> anyhow::Result<PathBuf> {
    let here = Path::new("config/quickstart.yaml");
    if here.is_file() {
        return Ok(here.to_owned());
    }
    for (name, text) in EMBEDDED {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(folder.join("quickstart.yaml"))
}

fn take_free_ports(config: &mut Config) -> anyhow::Result<()> {
    // All are held until each is known, so that no two are the same.
    let mut held = Vec::new();
    let mut free = || -> anyhow::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
        let address = listener.local_addr()?;
        held.push(listener);
        Ok(address)
    };
    for listener in &mut config.listeners {
        listener.address = free()?;
    }
    config.admin.address = free()?;
    for upstream in config.upstreams.values_mut() {
        for endpoint in &mut upstream.endpoints {
            *endpoint = free()?.to_string();
        }
    }
    Ok(())
}

/// A path as a person would type it from here.
fn near(path: &Path) -> &Path {
    std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}
