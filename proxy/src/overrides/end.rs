//! When an override ends, by this proxy's own clock.

use std::time::Duration;

use jiff::Timestamp;

/// A broker's clock that is further than this from the proxy's own is not believed.
pub const BROKER_CLOCK_TOLERANCE: Duration = Duration::from_mins(15);

/// The end of an override in milliseconds of this proxy's Unix clock, computed once, when the proxy
/// first sees the record.
///
/// `ends` is read on the broker's clock where its distance is known (`ahead_ms`: own clock minus the
/// broker's), else on the own. It is never later than the signed duration after `now_ms`: whatever the
/// clocks say, nobody gets a longer override than was signed for.
pub fn local_end_ms(when: Timestamp, ends: Timestamp, now_ms: u64, ahead_ms: Option<i64>) -> u64 {
    let duration_ms = ends.as_millisecond().saturating_sub(when.as_millisecond());
    let by_duration = now_ms.saturating_add(u64::try_from(duration_ms).unwrap_or(0));
    let by_clock = ends
        .as_millisecond()
        .saturating_add(believed(ahead_ms).unwrap_or(0));
    by_duration.min(u64::try_from(by_clock).unwrap_or(0))
}

/// Whether a record says that it was set later than any clock that is believed: it would then beat what
/// is set today, and outlive its own duration anew with every proxy that starts.
pub fn is_from_the_future(when: Timestamp, now_ms: u64, ahead_ms: Option<i64>) -> bool {
    let when_ms = when
        .as_millisecond()
        .saturating_add(believed(ahead_ms).unwrap_or(0));
    let tolerance = u64::try_from(BROKER_CLOCK_TOLERANCE.as_millis()).unwrap_or(u64::MAX);
    u64::try_from(when_ms).unwrap_or(0) > now_ms.saturating_add(tolerance)
}

fn believed(ahead_ms: Option<i64>) -> Option<i64> {
    ahead_ms.filter(|ahead| u128::from(ahead.unsigned_abs()) <= BROKER_CLOCK_TOLERANCE.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    /// Set at 10:00 for 30 minutes; the result in minutes after 10:00 on the own clock.
    fn end(now: i64, ahead: Option<i64>) -> i64 {
        let when: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let ends: Timestamp = "2026-11-23T10:30:00Z".parse().unwrap();
        let base = when.as_millisecond();
        let now_ms = u64::try_from(base + now * MINUTE).unwrap();
        let end = local_end_ms(when, ends, now_ms, ahead.map(|minutes| minutes * MINUTE));
        (i64::try_from(end).unwrap() - base) / MINUTE
    }

    #[test]
    fn a_record_may_be_as_far_ahead_as_a_clock_may_be_off() {
        let when: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let now = |minutes: i64| u64::try_from(when.as_millisecond() + minutes * MINUTE).unwrap();
        assert!(!is_from_the_future(when, now(-15), None));
        assert!(is_from_the_future(when, now(-16), None));
        // This proxy is ten minutes slow, and knows it.
        assert!(!is_from_the_future(when, now(-25), Some(-10 * MINUTE)));
        assert!(is_from_the_future(when, now(-26), Some(-10 * MINUTE)));
    }

    #[test]
    fn clocks_that_agree() {
        assert_eq!(end(0, Some(0)), 30);
        assert_eq!(end(20, Some(0)), 30, "seen late, ends on time");
    }

    #[test]
    fn a_proxy_that_is_fast_or_slow_follows_the_broker() {
        assert_eq!(end(10, Some(10)), 40, "its 10:40 is the broker's 10:30");
        assert_eq!(end(-10, Some(-10)), 20);
    }

    #[test]
    fn never_longer_than_signed() {
        assert_eq!(end(-20, Some(10)), 10);
        assert_eq!(end(-60, None), -30);
    }

    #[test]
    fn a_broker_too_far_off_is_not_believed() {
        assert_eq!(end(0, Some(16)), 30);
        assert_eq!(end(16, Some(16)), 30, "read on the own clock");
    }
}
