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
