//! Flag sets as text, short enough to stand in a test.

use serde_json::{Value, json};

/// A flagd document with bucketing pinned, and these flags.
pub fn flag_set(flags: &Value) -> String {
    json!({ "metadata": { "bucketing": "v3" }, "flags": flags }).to_string()
}

/// The same, with an entry in `delivery` for some of them.
pub fn delivered(flags: &Value, delivery: &Value) -> String {
    json!({ "metadata": { "bucketing": "v3" }, "flags": flags, "delivery": delivery }).to_string()
}

/// A flag with variants `on` and `off`, `off` by default.
pub fn on_off(targeting: &Value) -> Value {
    json!({
        "state": "ENABLED",
        "variants": { "on": true, "off": false },
        "defaultVariant": "off",
        "targeting": targeting,
    })
}

/// A flag that is `on` for this share of users, in percent, and `off` for the rest.
pub fn share(percent: u32) -> Value {
    on_off(&json!({ "fractional": [["on", percent], ["off", 100 - percent]] }))
}

/// A flag with variants `on` and `off` that is the same for everyone.
pub fn constant(variant: &str) -> Value {
    json!({
        "state": "ENABLED",
        "variants": { "on": true, "off": false },
        "defaultVariant": variant,
    })
}
