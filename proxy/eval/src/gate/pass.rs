//! The way through a flag's gates, in their order.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::join::{Requirement, Resolved};
use super::{Gates, Layer, Pattern, Requires, Stale, Then};
use crate::bucketing::LAYER_SLOTS;
use crate::context::{AttributeId, Context, Value};
use crate::evaluate::{Asked, Decision, ErrorCode, Moment, Reason, by_rule, serve};
use crate::explain::Step;
use crate::flag::{Flag, Targeting};
use crate::limits::MAX_PREREQUISITE_STEPS;

use crate::operator::{Operand, Silent, Tracer, shown_json};
use crate::overrides::Overrides;
use crate::snapshot::FlagIndex;

/// Listens to the gates, too.
pub(crate) trait Watch: Tracer {
    /// A gate was looked at.
    fn gate(&mut self, step: impl FnOnce() -> Step);
    /// What was decided for this reason is stale, and is served as that.
    fn beneath(&mut self, reason: Reason);
}

impl Watch for Silent {
    #[inline]
    fn gate(&mut self, _: impl FnOnce() -> Step) {}
    #[inline]
    fn beneath(&mut self, _: Reason) {}
}

/// Decides a flag that is enabled and has gates.
#[inline(never)]
pub(crate) fn decide_gated<'s, O: Overrides, W: Watch, const COUNT: bool>(
    asked: &Asked<'s, '_, O>,
    index: FlagIndex,
    flag: &'s Flag,
    gates: &Gates,
    watch: &mut W,
) -> Decision<'s> {
    if matches!(flag.targeting, Targeting::Spoiled) {
        return Decision::failed(flag, ErrorCode::ParseError);
    }
    let stale = gates.stale.filter(|stale| {
        let is = stale.is(asked.moment);
        watch.gate(|| stale.step(asked.moment, is));
        is
    });
    if stale.is_some_and(|stale| stale.then == Then::Default) {
        return Decision::of(flag, flag.default_variant, Reason::Stale);
    }
    let decision = match gates.closed(asked, index, watch) {
        Some(reason) => Decision::of(flag, flag.default_variant, reason),
        None => by_rule::<_, _, COUNT>(asked, flag, watch),
    };
    if stale.is_none() || decision.error.is_some() {
        return decision;
    }
    watch.beneath(decision.reason);
    Decision {
        reason: Reason::Stale,
        ..decision
    }
}

impl Gates {
    /// The first of the other gates that is closed, as the reason for what is served then.
    fn closed<O: Overrides, W: Watch>(
        &self,
        asked: &Asked<'_, '_, O>,
        index: FlagIndex,
        watch: &mut W,
    ) -> Option<Reason> {
        if let Some(regions) = &self.regions {
            let region = asked.context.get(AttributeId::REGION);
            let open = is_in(regions, region);
            watch.gate(|| region_step(regions, region, open));
            if !open {
                return Some(Reason::Region);
            }
        }
        if !self.requires.is_empty() && !self.requirements_hold(asked, index, watch) {
            return Some(Reason::Prerequisite);
        }
        if let Some(layer) = &self.layer {
            let slot = layer.slot_of(asked.context);
            let open = slot.is_some_and(|slot| layer.has(slot));
            watch.gate(|| layer.step(slot, open));
            if !open {
                return Some(Reason::Layer);
            }
        }
        None
    }

    /// Whether every prerequisite is served as one of the variants that are wanted of it.
    fn requirements_hold<O: Overrides, W: Watch>(
        &self,
        asked: &Asked<'_, '_, O>,
        index: FlagIndex,
        watch: &mut W,
    ) -> bool {
        let requirements = match asked.snapshot.prerequisites().of(index) {
            Some(Resolved::Each(requirements)) => requirements,
            Some(Resolved::Never { key, why }) => {
                watch.gate(|| {
                    let at = self
                        .requires
                        .iter()
                        .find(|requires| Some(&requires.key) == key.as_ref());
                    never_step(at, why)
                });
                return false;
            }
            // What a flag requires is resolved wherever a snapshot is made.
            None => return false,
        };
        requirements
            .iter()
            .zip(&self.requires)
            .all(|(requirement, requires)| {
                let decision = serve(asked, requirement.flag);
                // Beyond the bound nothing that was seen counts: deeper down, something may have been
                // taken for unmet that is met where it is asked by itself.
                if asked.spent.get() > MAX_PREREQUISITE_STEPS {
                    watch.gate(|| requires.too_many_steps());
                    return false;
                }
                let holds = requirement.is_met_by(&decision);
                watch.gate(|| requires.step(&decision, holds));
                holds
            })
    }
}

impl Requirement {
    fn is_met_by(&self, decision: &Decision<'_>) -> bool {
        decision
            .variant
            .is_some_and(|variant| self.wanted.contains(&variant))
    }
}

fn is_in(regions: &[Pattern], region: Value<'_>) -> bool {
    match region {
        Value::Str(region) => regions.iter().any(|pattern| pattern.matches(region)),
        _ => false,
    }
}

impl Layer {
    /// The slot of whom the context is about, where the context says that.
    fn slot_of(&self, context: &Context<'_>) -> Option<u32> {
        let key = context.targeting_key().filter(|key| !key.is_empty())?;
        Some(self.slot(key))
    }
}

/// Steps for people. Their paths begin at the flag, as if its entry in `delivery` stood in it.
fn step(path: impl Into<String>, expression: &Json, outcome: String) -> Step {
    Step {
        depth: 0,
        path: path.into(),
        expression: shown_json(expression),
        outcome,
    }
}

impl Stale {
    fn step(self, moment: Moment, is: bool) -> Step {
        let seconds =
            |seconds| humantime::format_duration(Duration::from_secs(seconds)).to_string();
        let expression = json!({ "after": seconds(self.after), "then": self.then.name() });
        let age = match moment.age() {
            Some(age) => format!("known to be current {} ago", seconds(age)),
            None => "never known to be current".to_owned(),
        };
        step("/delivery/stale", &expression, format!("{is} ({age})"))
    }
}

fn region_step(regions: &[Pattern], region: Value<'_>, open: bool) -> Step {
    let patterns: Json = regions.iter().map(Pattern::as_str).collect();
    let region = match Operand::from(region) {
        Operand::Null => "region is absent or null".to_owned(),
        region => format!("region is {}", region.shown()),
    };
    step("/delivery/regions", &patterns, format!("{open} ({region})"))
}

impl Requires {
    fn path(&self) -> String {
        crate::pointer::join_pointer("/delivery/requires", &self.key)
    }

    fn wanted(&self) -> Json {
        self.variants.iter().map(|variant| &**variant).collect()
    }

    fn step(&self, decision: &Decision<'_>, holds: bool) -> Step {
        let key = &decision.flag.key;
        let reason = decision.reason.name();
        let served = match decision.variant_name() {
            Some(variant) => format!("{key} is {variant:?}, {reason}"),
            None => format!("{key} has no variant, {reason}"),
        };
        step(self.path(), &self.wanted(), format!("{holds} ({served})"))
    }

    fn too_many_steps(&self) -> Step {
        let outcome = format!(
            "false (the rules of what is required take more than {MAX_PREREQUISITE_STEPS} steps)"
        );
        step(self.path(), &self.wanted(), outcome)
    }
}

fn never_step(at: Option<&Requires>, why: &str) -> Step {
    let outcome = format!("false ({why})");
    match at {
        Some(requires) => step(requires.path(), &requires.wanted(), outcome),
        None => step("/delivery/requires", &Json::Null, outcome),
    }
}

impl Layer {
    fn step(&self, slot: Option<u32>, open: bool) -> Step {
        let Self { name, from, to, .. } = self;
        let expression = json!({ "name": &**name, "from": from, "to": to });
        let slot = match slot {
            Some(slot) => format!("slot {slot} of {LAYER_SLOTS}"),
            None => "there is no targeting key, so no slot".to_owned(),
        };
        step("/delivery/layer", &expression, format!("{open} ({slot})"))
    }
}
