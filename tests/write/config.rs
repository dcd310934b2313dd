//! Limits and thresholds are checked when they are set, in any order.

use super::support::*;
use std::io;

#[track_caller]
fn refused<T: std::fmt::Debug>(
    result: Result<T, futures_handoff::ConfigError>,
    setting: &str,
    given: usize,
    bounds: (usize, usize),
) {
    let error = result.unwrap_err();
    assert_eq!((error.setting(), error.given(), (error.min(), error.max())), (setting, given, bounds));
    let (min, max) = bounds;
    assert_eq!(error.to_string(), format!("{setting} must be between {min} and {max}, but is {given}"));
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
}

const BYTES: (usize, usize) = (1, isize::MAX as usize);
const ITEMS: (usize, usize) = (1, u32::MAX as usize);

#[test]
fn defaults_are_named_and_builders_set_what_they_say() {
    let config = WriteHandoffConfig::default();
    assert_eq!((config.max_items(), config.max_pending_bytes()), (1024, 256 * 1024));
    assert_eq!((config.send_at(), config.copy_max(), config.inline()), (16 * 1024, 1024, Inline::SameThread));
    assert_eq!(config.max_items(), WriteHandoffConfig::DEFAULT_MAX_ITEMS);
    assert_eq!(config.max_pending_bytes(), WriteHandoffConfig::DEFAULT_MAX_PENDING_BYTES);
    assert_eq!(config.send_at(), WriteHandoffConfig::DEFAULT_SEND_AT);
    assert_eq!(config.copy_max(), WriteHandoffConfig::DEFAULT_COPY_MAX);
    let changed = config
        .with_max_items(7)
        .and_then(|config| config.with_max_pending_bytes(5000))
        .and_then(|config| config.with_send_at(4000))
        .and_then(|config| config.with_copy_max(300))
        .unwrap()
        .with_inline(Inline::Never);
    assert_eq!((changed.max_items(), changed.max_pending_bytes()), (7, 5000));
    assert_eq!((changed.send_at(), changed.copy_max(), changed.inline()), (4000, 300, Inline::Never));
    let (handoff, _task) = WriteHandoff::new(ScriptWriter::willing(), changed);
    assert_eq!(*handoff.config(), changed);
    assert_eq!(WriteHandoffConfig::new(1024, 256 * 1024).unwrap(), config);
}

#[test]
fn limits_of_zero_are_refused() {
    refused(WriteHandoffConfig::new(0, 1), "max_items", 0, ITEMS);
    refused(WriteHandoffConfig::new(1, 0), "max_pending_bytes", 0, BYTES);
    refused(defaults().with_max_items(0), "max_items", 0, ITEMS);
    refused(defaults().with_max_pending_bytes(0), "max_pending_bytes", 0, BYTES);
    assert!(WriteHandoffConfig::new(1, 1).is_ok());
}

#[test]
fn limits_that_could_overflow_are_refused() {
    // Where `usize` has 32 bits each number of items is allowed.
    if ITEMS.1 < usize::MAX {
        refused(defaults().with_max_items(usize::MAX), "max_items", usize::MAX, ITEMS);
    }
    refused(defaults().with_max_pending_bytes(usize::MAX), "max_pending_bytes", usize::MAX, BYTES);
    let largest = WriteHandoffConfig::new(ITEMS.1, BYTES.1).unwrap();
    refused(largest.with_max_pending_bytes(BYTES.1 + 1), "max_pending_bytes", BYTES.1 + 1, BYTES);
}

#[test]
fn the_largest_limits_can_be_used() {
    let (handoff, mut task, log) = willing(WriteHandoffConfig::new(ITEMS.1, BYTES.1).unwrap());
    let all = handoff.try_reserve(BYTES.1).unwrap();
    assert!(matches!(handoff.try_reserve(1).unwrap_err(), PermitError::Full { .. }));
    assert!(matches!(handoff.try_reserve(usize::MAX).unwrap_err(), PermitError::TooLarge { .. }));
    all.send(text("a")).unwrap();
    assert_eq!(handoff.available(), BYTES.1 - 1);
    task.run();
    assert_eq!(log.written(), b"a");
}

#[test]
fn thresholds_above_the_budget_are_refused() {
    let config = limits(8, 100);
    refused(config.with_send_at(101), "send_at", 101, (0, 100));
    refused(config.with_copy_max(101), "copy_max", 101, (0, 100));
    refused(config.with_copy_max(usize::MAX), "copy_max", usize::MAX, (0, 100));
    assert_eq!(config.with_send_at(100).unwrap().send_at(), 100);
    assert_eq!(config.with_copy_max(100).unwrap().copy_max(), 100);
    // The other way round: the budget is lowered below what was set before.
    let config = config.with_send_at(60).unwrap().with_copy_max(80).unwrap();
    refused(config.with_max_pending_bytes(79), "max_pending_bytes", 79, (80, BYTES.1));
    assert_eq!(config.with_max_pending_bytes(80).unwrap().max_pending_bytes(), 80);
}

#[test]
fn default_thresholds_follow_a_small_budget() {
    let config = limits(8, 100);
    assert_eq!((config.send_at(), config.copy_max()), (100, 100));
    let config = config.with_max_pending_bytes(1 << 20).unwrap();
    assert_eq!((config.send_at(), config.copy_max()), (16 * 1024, 1024));
}

#[test]
fn a_refused_setting_changes_nothing() {
    let config = limits(8, 100);
    assert!(config.with_send_at(101).is_err());
    assert_eq!(config, limits(8, 100));
}
