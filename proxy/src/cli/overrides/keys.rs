//! Targeting keys of an override, under the salt that an earlier record of the same keys has.

use crate::envelope::{Change, Document, Verified};
use crate::overrides::{Keys, OverrideDocument, SALT_BYTES, Scope};

/// The override in a record.
pub(super) fn document(record: &Verified) -> Option<&OverrideDocument> {
    match &record.record().change {
        Change::Put(Document::Override(document)) => Some(document),
        _ => None,
    }
}

/// A targeting key as it was meant: `alice, bob` names no user with a blank before the name.
pub(super) fn key(text: &str) -> Result<String, &'static str> {
    let key = text.trim();
    if key.is_empty() {
        return Err("a key is empty");
    }
    Ok(key.to_owned())
}

/// The hashes of `keys`, under the salt of the record of the same flag, scope and keys where there is
/// one, so that the new record replaces it; else under a new, random one. `None`: for everyone.
pub(super) fn hashed(
    keys: &[String],
    flag: &str,
    scope: &Scope,
    records: &[Verified],
) -> Option<Keys> {
    if keys.is_empty() {
        return None;
    }
    let hash = |salt: [u8; SALT_BYTES]| Keys::new(salt, keys.iter().map(String::as_str));
    Some(
        earlier(flag, scope, records)
            .find(|earlier| hash(earlier.salt) == **earlier)
            .cloned()
            .unwrap_or_else(|| hash(rand::random())),
    )
}

fn earlier<'r>(
    flag: &'r str,
    scope: &'r Scope,
    records: &'r [Verified],
) -> impl Iterator<Item = &'r Keys> {
    let documents = records.iter().filter_map(document);
    documents
        .filter(move |document| document.flag == flag && document.scope == *scope)
        .filter_map(|document| document.keys.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Record, seal};
    use crate::registry::Log;

    #[test]
    fn the_same_keys_get_the_same_salt() {
        let document = OverrideDocument {
            flag: "a".into(),
            variant: None,
            scope: Scope::Global,
            keys: Some(Keys::new([7; 16], ["u1", "u2"])),
            ends: "2026-11-23T11:00:00Z".parse().unwrap(),
        };
        let log = Log::overrides("eu").unwrap();
        let record = seal(Record {
            environment: "test".into(),
            log: log.name().into(),
            subject: log.subject(&document.token()).unwrap(),
            revision: 1,
            previous: None,
            who: "ann".into(),
            why: String::new(),
            when: "2026-11-23T10:00:00Z".parse().unwrap(),
            change: Change::Put(Document::Override(document)),
        });
        let records = [record.unwrap()];
        let salt = |keys: &[&str], flag: &str| {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            hashed(&keys, flag, &Scope::Global, &records).map(|keys| keys.salt)
        };
        assert_eq!(salt(&["u2", "u1"], "a"), Some([7; 16]));
        assert_ne!(salt(&["u1"], "a"), Some([7; 16]));
        assert_ne!(salt(&["u1", "u2"], "b"), Some([7; 16]));
        assert_eq!(salt(&[], "a"), None);
    }
}
