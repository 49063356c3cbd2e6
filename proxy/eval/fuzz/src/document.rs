//! A text, parsed as JSON and as YAML, and compiled: never a panic, and the same outcome every time.
//!
//! An input is the text of a flag set.

use std::sync::Arc;

use burgee_eval::text::{Format, Parsed, parse};
use burgee_eval::{Compiler, Context, Moment, Severity, Snapshot, evaluate, explain};

/// Panics where the parser or the compiler breaks a promise.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let json = parsed(text, Format::Json);
    let yaml = parsed(text, Format::Yaml);
    if let (Some(json), Some(yaml)) = (&json, &yaml) {
        assert_eq!(json.value, yaml.value, "JSON and YAML differ");
    }
    if let Some(yaml) = &yaml {
        let written = yaml.value.to_string();
        let read = parse(&written, Format::Json).expect("what a text said can be said in JSON");
        assert_eq!(read.value, yaml.value, "after {written}");
    }
    for parsed in [json, yaml].into_iter().flatten() {
        compiled(&parsed);
    }
}

fn parsed(text: &str, format: Format) -> Option<Parsed> {
    let lines = text.lines().count().max(1) + 1;
    match parse(text, format) {
        Ok(parsed) => Some(parsed),
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            for error in &errors {
                assert!(!error.message.is_empty());
                let line = usize::try_from(error.location.line).expect("a line fits");
                // YAML knows other line ends than `\n`.
                let ends = text.matches(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
                let last = lines.max(ends.count() + 2);
                assert!((1..=last).contains(&line), "line {line} of {last}");
                assert!(error.location.column >= 1);
            }
            None
        }
    }
}

fn compiled(parsed: &Parsed) {
    let mut compiler = Compiler::new();
    let outcome = compiler.compile("fuzz", &parsed.value);
    let again = Compiler::new().compile("fuzz", &parsed.value);
    let problems = match (&outcome, &again) {
        (Ok(set), Ok(again)) => {
            assert_eq!(set.problems, again.problems);
            assert_eq!(set.flags.len(), again.flags.len());
            &set.problems
        }
        (Err(problems), Err(again)) => {
            assert_eq!(problems, again);
            problems
        }
        _ => panic!("compiled once, and refused once"),
    };
    for problem in problems {
        let path = &problem.path;
        assert!(path.is_empty() || path.starts_with('/'), "{path:?}");
        assert!(!problem.message.is_empty());
        parsed.locations.find(path);
    }
    let refused = problems
        .iter()
        .any(|problem| problem.severity == Severity::Document);
    if let Ok(set) = outcome {
        assert!(!refused, "served, although it is refused");
        decided(&compiler, Arc::new(set));
    } else {
        assert!(refused, "refused without a reason");
        assert_eq!(
            compiler.attributes().len(),
            Compiler::new().attributes().len(),
            "a document that is refused numbers no attributes"
        );
    }
}

fn decided(compiler: &Compiler, set: Arc<burgee_eval::FlagSet>) {
    let snapshot = Snapshot::new(compiler, [set]);
    let context = Context::new(snapshot.attributes());
    for (index, flag) in snapshot.flags() {
        let decision = evaluate(&snapshot, index, &context, Moment::current(0));
        let explained = explain(&snapshot, index, &context, Moment::current(0)).decision;
        assert_eq!(decision.variant, explained.variant, "{}", flag.key);
        assert_eq!(decision.reason, explained.reason, "{}", flag.key);
        assert_eq!(decision.error, explained.error, "{}", flag.key);
    }
}
