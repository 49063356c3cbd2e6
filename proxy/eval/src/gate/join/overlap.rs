//! Slots that two flags of one layer share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Found;
use crate::code;
use crate::flag::Flag;
use crate::gate::Layer;
use crate::pointer::join_pointer;

/// Enabled flags of one layer that share slots. Each is told of one that it shares slots with.
pub(super) fn overlaps<'s>(layers: impl Iterator<Item = (&'s Flag, &'s Layer)>, found: &mut Found) {
    let mut by_name: BTreeMap<&str, Vec<(&Flag, &Layer)>> = BTreeMap::new();
    for (flag, layer) in layers.filter(|(flag, _)| flag.enabled) {
        by_name.entry(&layer.name).or_default().push((flag, layer));
    }
    for members in by_name.values_mut() {
        members.sort_by_key(|(flag, layer)| (layer.from, layer.to, Arc::clone(&flag.key)));
        // The member that reaches furthest among those before.
        let mut furthest: Option<(&Flag, &Layer)> = None;
        for (place, member) in members.iter().enumerate() {
            let before = furthest.filter(|(_, before)| before.to >= member.1.from);
            let after = members.get(place + 1).copied();
            let after = after.filter(|(_, after)| after.from <= member.1.to);
            if let Some(other) = before.or(after) {
                overlap(*member, other, found);
            }
            if furthest.is_none_or(|(_, furthest)| furthest.to < member.1.to) {
                furthest = Some(*member);
            }
        }
    }
}

fn overlap((flag, layer): (&Flag, &Layer), (other, others): (&Flag, &Layer), found: &mut Found) {
    let (from, to) = (layer.from.max(others.from), layer.to.min(others.to));
    let slots = if from == to {
        format!("slot {from}")
    } else {
        format!("slots {from} to {to}")
    };
    let message = format!(
        "{:?} and {:?} (of flag set {:?}) share {slots} of layer {:?}",
        flag.key, other.key, other.set, layer.name
    );
    let path = format!("{}/layer", join_pointer("/delivery", &flag.key));
    let help = "give each of them slots of its own, or another layer";
    found.push(flag, code::OVERLAPPING_LAYERS, path, message, help);
}
