//! Limits and thresholds: their defaults, and how they bound each other.

use super::support::*;
use std::panic::catch_unwind;

#[test]
fn defaults_are_as_documented_and_builders_set_what_they_say() {
    let config = WriteHandoffConfig::default();
    assert_eq!((config.max_items(), config.max_pending_bytes()), (1024, 256 * 1024));
    assert_eq!((config.send_at(), config.copy_max()), (16 * 1024, 1024));
    let changed = config
        .with_max_items(7)
        .with_max_pending_bytes(5000)
        .with_send_at(4000)
        .with_copy_max(300)
        .with_inline(Inline::Never);
    assert_eq!((changed.max_items(), changed.max_pending_bytes()), (7, 5000));
    assert_eq!((changed.send_at(), changed.copy_max()), (4000, 300));
    let (handoff, _task) = WriteHandoff::new(ScriptWriter::willing(), changed);
    assert_eq!(*handoff.config(), changed);
    assert_eq!(WriteHandoffConfig::new(1024, 256 * 1024), config);
}

#[test]
fn limits_of_zero_are_refused() {
    let refused = |set: fn() -> WriteHandoffConfig, setting: &str| {
        let panic = catch_unwind(set).unwrap_err();
        assert!(panic.downcast_ref::<&str>().is_some_and(|message| message.contains(setting)));
    };
    refused(|| WriteHandoffConfig::new(0, 1), "max_items must be at least 1");
    refused(|| WriteHandoffConfig::new(1, 0), "max_pending_bytes must be at least 1");
    refused(|| defaults().with_max_items(0), "max_items must be at least 1");
    refused(|| defaults().with_max_pending_bytes(0), "max_pending_bytes must be at least 1");
    assert_eq!(WriteHandoffConfig::new(1, 1).max_items(), 1);
}

#[test]
fn the_largest_limits_can_be_used() {
    let (handoff, mut task, log) = willing(WriteHandoffConfig::new(usize::MAX, usize::MAX));
    let most = isize::MAX as usize;
    put(&handoff, "open block");
    task.run();
    let all = handoff.try_reserve(most).unwrap();
    assert!(matches!(handoff.try_reserve(1).unwrap_err(), RejectReason::Full { .. }));
    assert!(handoff.try_write(text("a")).unwrap_err().is_full());
    all.send(text("a")).unwrap();
    assert_eq!(handoff.available(), most - 1);
    let rest = handoff.try_reserve(most - 1).unwrap();
    assert!(handoff.try_write(text("fits into the block")).unwrap_err().is_full());
    drop(rest);
    task.run();
    assert_eq!(log.written(), b"open blocka");
}

#[test]
fn thresholds_above_the_budget_count_as_the_budget() {
    let config = limits(8, 100);
    assert_eq!(config.with_send_at(101).send_at(), 100);
    assert_eq!(config.with_copy_max(101).copy_max(), 100);
    assert_eq!(config.with_copy_max(usize::MAX).copy_max(), 100);
    assert_eq!(config.with_send_at(99).send_at(), 99);
    assert_eq!(config.with_copy_max(99).copy_max(), 99);
    // The other way round: the budget is lowered below what was set before, and raised again.
    let config = config.with_send_at(60).with_copy_max(80).with_max_pending_bytes(50);
    assert_eq!((config.send_at(), config.copy_max()), (50, 50));
    let config = config.with_max_pending_bytes(1 << 20);
    assert_eq!((config.send_at(), config.copy_max()), (60, 80));
    // At most a block is copied under the lock, however large the budget is.
    assert_eq!(config.with_copy_max(usize::MAX).copy_max(), 16 * 1024);
}

#[test]
fn default_thresholds_follow_a_small_budget() {
    let config = limits(8, 100);
    assert_eq!((config.send_at(), config.copy_max()), (100, 100));
    let config = config.with_max_pending_bytes(1 << 20);
    assert_eq!((config.send_at(), config.copy_max()), (16 * 1024, 1024));
}
