//! Arguments, one run, a report, and an exit code: 0 when the target held, 1 when it did not, 2 when
//! the run could not start.

use std::process::ExitCode;

use anyhow::Context as _;
use burgee_loadtest::{Options, Report, Stop, Target};
use clap::Parser as _;

fn main() -> ExitCode {
    match start(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("burgee-loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn start(options: &Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let report = runtime.block_on(drive(options))?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    let failures = options.limits().broken_by(&report);
    for failure in &failures {
        eprintln!("burgee-loadtest: {failure}");
    }
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn drive(options: &Options) -> anyhow::Result<Report> {
    let target = Target::resolve(&options.url, options.allow_remote).await?;
    target.probe(options.timeout).await?;
    let stop = Stop::default();
    let on_interrupt = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            on_interrupt.set();
        }
    });
    Ok(burgee_loadtest::run(options, &target, &stop).await)
}
