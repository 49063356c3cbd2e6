//! `burgee override set` and `clear`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use burgee_eval::Flag;
use jiff::SignedDuration;

use super::super::connection::Contents;
use super::super::flags::Sets;
use super::keys::{document, hashed};
use super::{Changed, Clear, Place, Set};
use crate::envelope::{Change, Document, Verified};
use crate::finding::did_you_mean;
use crate::overrides::{OverrideDocument, Scope};
use crate::registry::{Draft, Log};

pub(super) async fn set(mut args: Set) -> anyhow::Result<ExitCode> {
    let scope = args.target.resolve(&mut args.connection)?;
    let place = Place::open(&args.connection, args.target.local.as_deref()).await?;
    let variant = variant(&args, &place).await?;
    let contents = place.contents().await?;
    if !args.force {
        contents.same_environment()?;
    }
    let now = place.now().await?;
    let keys = hashed(&args.target.keys, &args.flag, &scope, &contents.records);
    let lasts = SignedDuration::try_from(args.lasts).context("--for is too long")?;
    let ends = now.checked_add(lasts).context("--for is too long")?;
    let document = OverrideDocument {
        flag: args.flag,
        variant,
        scope,
        keys,
        ends,
    };
    document.check(now)?;
    let change = Change::Put(Document::Override(document.clone()));
    let draft = Draft {
        who: args.author.name(),
        why: args.reason,
        when: now,
        change,
    };
    let token = document.token();
    if !args.force {
        contents.not_over_another(&place.log().subject(&token)?)?;
    }
    let unchecked = args.force || matches!(place, Place::Directory { .. });
    let (record, file) = place.change(contents, &token, draft).await?;
    if let (Scope::Region(there), Some(here)) = (&document.scope, &args.connection.region)
        && there != here
    {
        eprintln!(
            "note: recorded in {}; proxies of {there} read it only where their configuration names {here} in source.nats.override_regions",
            place.log()
        );
    }

    let told = document.variant.as_deref().unwrap_or("its default");
    let whom = match args.target.keys.len() {
        0 => String::new(),
        1 => " for 1 key".into(),
        many => format!(" for {many} keys"),
    };
    let text = format!(
        "{} is {told} in {}{whom} until {} ({}){}",
        document.flag,
        document.scope,
        document.ends,
        humantime::format_duration(args.lasts),
        if unchecked {
            " (not checked against any flag set)"
        } else {
            ""
        }
    );
    let mut changed = Changed::new(&record, &place, document.flag, document.scope);
    changed.variant = document.variant;
    changed.ends = Some(document.ends);
    changed.file = file.map(|file| file.to_string_lossy().into_owned());
    args.output.answer(&changed, text)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn clear(mut args: Clear) -> anyhow::Result<ExitCode> {
    let scope = args.target.resolve(&mut args.connection)?;
    let place = Place::open(&args.connection, args.target.local.as_deref()).await?;
    let contents = place.contents().await?;
    contents.same_environment()?;
    let records = &contents.records;
    let keys = hashed(&args.target.keys, &args.flag, &scope, records);
    let now = place.now().await?;
    let wanted = OverrideDocument {
        flag: args.flag.clone(),
        variant: None,
        scope: scope.clone(),
        keys,
        ends: now,
    };
    let token = wanted.token();
    let found = records
        .iter()
        .filter_map(document)
        .any(|document| document.token() == token);
    // A directory may clear what only the log holds. Which keys those were, nobody can tell.
    let blind = matches!(place, Place::Directory { .. }) && wanted.keys.is_none();
    if !found && !blind {
        bail!(nothing_to_clear(&args, &scope, records));
    }
    contents.not_over_another(&place.log().subject(&token)?)?;
    let draft = Draft {
        who: args.author.name(),
        why: args.reason,
        when: now,
        change: Change::Delete,
    };
    let (record, file) = place.change(contents, &token, draft).await?;
    let text = format!("{} is decided by its rules again in {scope}", args.flag);
    let mut changed = Changed::new(&record, &place, args.flag, scope);
    changed.file = file.map(|file| file.to_string_lossy().into_owned());
    args.output.answer(&changed, text)?;
    Ok(ExitCode::SUCCESS)
}

/// `None`: the flag's default. A variant that proxies would ignore is refused here, while someone looks.
async fn variant(args: &Set, place: &Place) -> anyhow::Result<Option<String>> {
    let named = |name: &str| (name != "default").then(|| name.to_owned());
    let Place::Log { registry, .. } = place else {
        return Ok(named(&args.variant));
    };
    if args.force {
        return Ok(named(&args.variant));
    }
    let contents = Contents::of_log(registry, &Log::flags()).await?;
    let snapshot = Sets::of_log(&contents.records).snapshot();
    let Some(index) = snapshot.find(&args.flag) else {
        let known = snapshot.flags().map(|(_, flag)| &*flag.key);
        bail!(
            "no flag set in the log has a flag {:?}{}{} (--force sets it all the same)",
            args.flag,
            did_you_mean(&args.flag, known),
            contents.note()
        );
    };
    let flag = snapshot.flag(index);
    if flag.variant(&args.variant).is_some() {
        return Ok(Some(args.variant.clone()));
    }
    if args.variant == "default" {
        return Ok(None);
    }
    bail!(
        "the flag {:?} has no variant {:?}; it has {} and `default` (--force sets it all the same)",
        args.flag,
        args.variant,
        names(flag)
    );
}

fn names(flag: &Flag) -> String {
    let names: Vec<String> = flag
        .variants
        .iter()
        .map(|variant| format!("{:?}", variant.name))
        .collect();
    names.join(", ")
}

fn nothing_to_clear(args: &Clear, scope: &Scope, records: &[Verified]) -> String {
    let others = records
        .iter()
        .filter_map(document)
        .filter(|document| document.flag == args.flag);
    let others: Vec<String> = others
        .map(|document| match &document.keys {
            None => document.scope.to_string(),
            Some(keys) => format!("{} for {} keys", document.scope, keys.sha256.len()),
        })
        .collect();
    let keys = if args.target.keys.is_empty() {
        ""
    } else {
        " for these keys"
    };
    let there = if others.is_empty() {
        "there is none for this flag".into()
    } else {
        format!("there is: {}", others.join(", "))
    };
    format!("no override of {:?} in {scope}{keys}; {there}", args.flag)
}

impl Changed {
    fn new(record: &Verified, place: &Place, flag: String, scope: Scope) -> Self {
        Self {
            flag,
            variant: None,
            scope,
            log: place.log().name().into(),
            subject: record.record().subject.clone(),
            revision: record.record().revision,
            digest: record.digest().to_string(),
            ends: None,
            file: None,
        }
    }
}
