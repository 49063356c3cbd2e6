use burgee_eval::text::Format;
use serde_json::json;

use super::*;
use crate::ingest::metrics::IngestMetrics;
use crate::ingest::refusals::Refusals;
use crate::ingest::sets::Sets;

const SETS: usize = 200;
const FLAGS: usize = 10;

fn file(set: usize) -> String {
    format!("set-{set:03}.json")
}

/// A flag set of which one variant's value is `value`.
fn text(set: usize, value: &str) -> FlagSetText {
    let flags: serde_json::Map<_, _> = (0..FLAGS)
        .map(|flag| {
            let definition = json!({
                "state": "ENABLED",
                "variants": { "on": if flag == 0 { value } else { "on" }, "off": "off" },
                "defaultVariant": "off",
                "targeting": { "fractional": [["on", 10], ["off", 90]] },
            });
            (format!("flag-{set:03}-{flag:02}"), definition)
        })
        .collect();
    FlagSetText {
        format: Format::Json,
        text: json!({ "metadata": { "flagSetId": format!("set-{set:03}") }, "flags": flags })
            .to_string(),
    }
}

/// Compiles what waits, as ingest does, and says how many sets that were and what is served.
fn compile_waiting(
    sets: &mut Sets,
    refusals: &mut Refusals,
    compiler: Compiler,
) -> (usize, Compiled) {
    let jobs = sets.take_jobs();
    let count = jobs.len();
    let mut done = run(Batch {
        compiler,
        jobs,
        served: sets.served(),
    });
    sets.apply(std::mem::take(&mut done.results), refusals);
    (count, done)
}

#[test]
fn changing_one_flag_rebuilds_only_its_own_set() {
    let metrics = IngestMetrics::register(&prometheus::Registry::new()).unwrap();
    let mut refusals = Refusals::new(metrics);
    let mut sets = Sets::default();
    for set in 0..SETS {
        sets.file(file(set), Some(text(set, "before")), &mut refusals);
    }
    let (jobs, before) = compile_waiting(&mut sets, &mut refusals, Compiler::new());
    assert_eq!(jobs, SETS);

    sets.file(file(7), Some(text(7, "after")), &mut refusals);
    let (jobs, after) = compile_waiting(&mut sets, &mut refusals, before.compiler);
    assert_eq!(jobs, 1, "only the set that changed is compiled");

    let (before, after) = (before.snapshot, after.snapshot);
    assert_eq!((before.sets().len(), after.sets().len()), (SETS, SETS));
    for (old, new) in before.sets().iter().zip(after.sets()) {
        assert_eq!(Arc::ptr_eq(old, new), &*new.id != "set-007", "{}", new.id);
    }
    let value = |snapshot: &Snapshot| {
        let flag = snapshot.flag(snapshot.find("flag-007-00").unwrap());
        flag.variants[usize::from(flag.variant("on").unwrap().0)]
            .value
            .clone()
    };
    assert_eq!(value(&before), "before");
    assert_eq!(value(&after), "after");
}

/// A flag set that takes a thousand times `purpose` bytes and little more, for each flag repeats its metadata.
fn large(set: usize, purpose: usize) -> FlagSetText {
    let flag = json!({ "state": "ENABLED", "variants": { "on": true } });
    let flags: serde_json::Map<_, _> = (0..1_000)
        .map(|index| (format!("flag-{set}-{index}"), flag.clone()))
        .collect();
    let metadata = json!({ "flagSetId": format!("set-{set:03}"), "purpose": "x".repeat(purpose) });
    FlagSetText {
        format: Format::Json,
        text: json!({ "metadata": metadata, "flags": flags }).to_string(),
    }
}

#[test]
fn sets_that_take_too_much_together_are_refused_and_what_is_served_stays() {
    let registry = prometheus::Registry::new();
    let metrics = IngestMetrics::register(&registry).unwrap();
    let too_large = metrics.flagset_rejected.with_label_values(&["too_large"]);
    let mut refusals = Refusals::new(metrics);
    let mut sets = Sets::default();
    for set in 0..3 {
        sets.file(file(set), Some(large(set, 60_000)), &mut refusals);
    }
    let (_, done) = compile_waiting(&mut sets, &mut refusals, Compiler::new());
    assert_eq!(done.snapshot.sets().len(), 3);
    let served: usize = done.snapshot.sets().iter().map(|set| set.bytes).sum();
    assert!(served <= MAX_SNAPSHOT_BYTES && served + served / 3 > MAX_SNAPSHOT_BYTES);
    assert_eq!(too_large.get(), 0);

    // A fourth does not fit; nor does a larger version of one of them, the old one of which stays.
    sets.file(file(3), Some(large(3, 60_000)), &mut refusals);
    let (_, done) = compile_waiting(&mut sets, &mut refusals, done.compiler);
    assert_eq!(done.snapshot.sets().len(), 3);
    assert_eq!(too_large.get(), 1);
    sets.file(file(3), Some(large(3, 16_000)), &mut refusals);
    let (_, done) = compile_waiting(&mut sets, &mut refusals, done.compiler);
    assert_eq!(done.snapshot.sets().len(), 4);
    sets.file(file(2), Some(large(2, 65_000)), &mut refusals);
    let (_, done) = compile_waiting(&mut sets, &mut refusals, done.compiler);
    assert_eq!(too_large.get(), 2);
    let status = sets.status();
    let refused: Vec<_> = status.iter().filter(|set| set.rejected.is_some()).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].name, "set-002");
    assert_eq!(refused[0].flags, 1_000, "its last good version is served");
    let message = refused[0].rejected.as_deref().unwrap();
    assert!(message.contains("may take 192 MiB"), "{message}");

    // Another one that goes makes room.
    sets.file(file(0), None, &mut refusals);
    sets.file(file(2), Some(large(2, 65_000)), &mut refusals);
    let (_, done) = compile_waiting(&mut sets, &mut refusals, done.compiler);
    assert_eq!(done.snapshot.sets().len(), 3);
    assert_eq!(too_large.get(), 2);
}
