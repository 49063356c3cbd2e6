//! `burgee demo`: every command it prints does what it says, and Ctrl-C ends all of it.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use burgee_tests::{PATIENCE, Process, Signal, binary, eventually_within};

/// What the demo printed, and what its commands gave.
struct Tour {
    printed: String,
    /// Title and output of each step.
    outputs: Vec<(String, String)>,
}

impl Tour {
    /// The output of the step whose title has this word.
    fn output(&self, word: &str) -> &str {
        let step = self
            .outputs
            .iter()
            .find(|(title, _)| title.to_lowercase().contains(word));
        &step
            .unwrap_or_else(|| panic!("no step about {word}:\n{}", self.printed))
            .1
    }

    /// Every address that it named.
    fn addresses(&self) -> Vec<SocketAddr> {
        let words = self
            .printed
            .split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
        let mut addresses: Vec<SocketAddr> = words
            .filter_map(|word| word.trim_matches(':').parse().ok())
            .collect();
        addresses.sort();
        addresses.dedup();
        addresses
    }
}

/// Runs the demo in an empty directory and each command that it prints, as one would at a shell,
/// then ends it as a terminal's Ctrl-C does.
async fn take(arguments: &[&str]) -> Tour {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(binary());
    command
        .arg("demo")
        .args(arguments)
        .current_dir(directory.path());
    let mut demo = Process::spawn("demo", &mut command, directory.path());
    let printed = eventually_within(Duration::from_secs(40), "the demo is up", async || {
        assert!(demo.exited().is_none(), "it ended\n{}", demo.logs());
        let printed = demo.stdout();
        printed.contains("Ctrl-C").then_some(printed)
    })
    .await;

    // One shell, because a later command may need what an earlier one exported.
    let mut script = String::new();
    let mut titles: Vec<String> = Vec::new();
    for block in printed
        .split("\n\n")
        .filter(|block| block.starts_with("# "))
    {
        let commands: Vec<_> = block
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        titles.push(
            block
                .lines()
                .next()
                .expect("a title")
                .trim_start_matches("# ")
                .to_owned(),
        );
        let number = titles.len() - 1;
        writeln!(script, "echo '=== {number}'\n{}", commands.join("\n")).expect("a string");
    }
    let run = tokio::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(directory.path())
        .kill_on_drop(true)
        .output();
    let run = tokio::time::timeout(Duration::from_secs(40), run).await;
    let output = run.expect("every command ends").expect("a shell");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let outputs = output.split("=== ").skip(1).map(|part| {
        let (number, rest) = part.split_once('\n').expect("a line for each step");
        (
            titles[number.parse::<usize>().expect("a number")].clone(),
            rest.trim().to_owned(),
        )
    });
    let tour = Tour {
        outputs: outputs.collect(),
        printed,
    };
    assert_eq!(tour.outputs.len(), titles.len(), "{output}");

    let addresses = tour.addresses();
    assert!(addresses.len() >= 2, "{addresses:?}");
    demo.signal_group(Signal::Interrupt);
    let status = demo.wait(Duration::from_secs(10)).await;
    assert!(status.success(), "{status}\n{}", demo.logs());
    for address in addresses {
        eventually_within(PATIENCE, &format!("{address} is closed"), async || {
            TcpStream::connect(address).is_err().then_some(())
        })
        .await;
    }
    tour
}

/// The steps that both demos have.
fn assert_the_main_job(tour: &Tour) {
    let headers = tour.output("decisions, as headers");
    for name in ["new-checkout", "banner", "mobile-layout", "shipping"] {
        assert!(
            headers.contains(&format!("x-flag-{name}: ")),
            "{name}\n{headers}"
        );
    }
    assert!(headers.contains("x-flags-revision: "), "{headers}");

    let same: Vec<_> = tour.output("same user").lines().collect();
    assert!(
        same.len() == 3 && same.iter().all(|line| *line == same[0]),
        "{same:?}"
    );
    assert_eq!(tour.output("country"), "x-flag-new-checkout: off");
    assert_eq!(tour.output("device"), "x-flag-mobile-layout: compact");
    assert_eq!(tour.output("canary"), "backend: canary");
    assert_eq!(tour.output("forged"), "x-flag-new-checkout: off");
    assert!(
        tour.output("structured")
            .starts_with("flags: new-checkout=")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_tour_does_what_it_says() {
    let tour = take(&["--free-ports"]).await;
    assert_the_main_job(&tour);
    assert_eq!(tour.output("edit"), "x-flag-banner: winter");
    assert_eq!(tour.output("and back"), "x-flag-banner: plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nats_it_shows_a_hot_override_and_leaves_no_broker_behind() {
    let tour = take(&["--free-ports", "--nats"]).await;
    assert_the_main_job(&tour);
    let overridden = tour.output("hot override");
    assert_eq!(
        overridden.lines().last(),
        Some("x-flag-new-checkout: off"),
        "{overridden}"
    );
    assert!(
        tour.output("what is overridden")
            .contains("errors on checkout")
    );
    let sets = tour.output("registry holds");
    assert!(
        sets.contains("checkout") && sets.contains("storefront"),
        "{sets}"
    );
    // The broker's own address was among those that are closed now.
    assert!(
        tour.printed.contains("nats://127.0.0.1:"),
        "{}",
        tour.printed
    );
}
