//! The `burgee` program as a user runs it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is inside the repository")
}

/// The binary under test: `BURGEE_BIN`, else built here, once for each process.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("BURGEE_BIN") {
            let path = PathBuf::from(path);
            assert!(
                path.is_file(),
                "BURGEE_BIN names no file: {}",
                path.display()
            );
            return path;
        }
        let status = std::process::Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "burgee"])
            .current_dir(repository())
            .status()
            .expect("cargo");
        assert!(status.success(), "`cargo build --package burgee` failed");
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| PathBuf::from("target"), PathBuf::from);
        // Cargo takes a relative directory from where it runs, which is the repository here.
        repository().join(target).join("debug/burgee")
    })
}

/// One run of `burgee`.
#[derive(Debug)]
pub struct Burgee {
    command: tokio::process::Command,
    input: Vec<u8>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Burgee {
    /// A run with these arguments, in the repository's root, without the environment's `BURGEE_*`.
    pub fn new<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Burgee {
        let mut command = tokio::process::Command::new(binary());
        command
            .args(arguments)
            .current_dir(repository())
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BURGEE_") {
                command.env_remove(name);
            }
        }
        Burgee {
            command,
            input: Vec::new(),
        }
    }

    /// Runs elsewhere.
    #[must_use]
    pub fn directory(mut self, directory: &Path) -> Burgee {
        self.command.current_dir(directory);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Burgee {
        self.command.env(name, value);
        self
    }

    /// What it reads from standard input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Burgee {
        self.input = input.into();
        self
    }

    /// Runs it to its end. Panics after a minute.
    pub async fn run(mut self) -> Outcome {
        let what = format!("{:?}", self.command);
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {what}: {error}"));
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        let feed = async move {
            // A program that ends without reading all of its input is not an error here.
            let _ = stdin.write_all(&self.input).await;
        };
        let run = async { tokio::join!(child.wait_with_output(), feed).0 };
        let output = tokio::time::timeout(Duration::from_mins(1), run)
            .await
            .unwrap_or_else(|_| panic!("not within a minute: {what}"))
            .expect("the output of a child");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs it; panics unless it ends with exit code 0.
    pub async fn succeeds(self) -> Outcome {
        self.ends_with(0).await
    }

    /// Runs it; panics unless it ends with this exit code.
    pub async fn ends_with(self, code: i32) -> Outcome {
        let what = format!("{:?}", self.command);
        let outcome = self.run().await;
        assert_eq!(
            outcome.code,
            Some(code),
            "{what}\n{}\n{}",
            outcome.stdout,
            outcome.stderr
        );
        outcome
    }
}

impl Outcome {
    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}):\n{}", self.stdout))
    }

    /// Standard output as one JSON document a line.
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// Both outputs, for looking for a message wherever it stands.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}
