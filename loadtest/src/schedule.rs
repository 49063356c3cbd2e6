//! When each request starts and whose it is: pure functions of its number, so that a run can be repeated.

use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Intended start times: evenly spaced, from the beginning of the warm-up to the end of the run.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    rate: u32,
    warmup: Duration,
    duration: Duration,
}

impl Schedule {
    /// `rate` requests per second, at least 1, for `warmup` unmeasured and then for `duration` measured.
    pub fn new(rate: u32, warmup: Duration, duration: Duration) -> Self {
        Self {
            rate: rate.max(1),
            warmup,
            duration,
        }
    }

    /// Requests per second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// How long requests are sent before that.
    pub fn warmup(&self) -> Duration {
        self.warmup
    }

    /// How long is measured.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// How many requests there are in all.
    pub fn total(&self) -> u64 {
        self.before(self.warmup + self.duration)
    }

    /// How many of them are measured.
    pub fn measured(&self) -> u64 {
        self.total() - self.before(self.warmup)
    }

    /// Whether request `number`, from 0, comes after the warm-up.
    pub fn is_measured(&self, number: u64) -> bool {
        number >= self.before(self.warmup)
    }

    /// When request `number` should start, from the beginning.
    pub fn offset(&self, number: u64) -> Duration {
        let nanos = u128::from(number) * NANOS_PER_SECOND / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many requests start before `end`.
    fn before(&self, end: Duration) -> u64 {
        let count = (end.as_nanos() * u128::from(self.rate)).div_ceil(NANOS_PER_SECOND);
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

/// Which user makes which request.
///
/// A pseudo-random sequence that the seed and the number of the request determine: every user comes up
/// equally often in the long run, and neighbours in time are not neighbours in number.
#[derive(Clone, Copy, Debug)]
pub struct Users {
    seed: u64,
    count: u32,
}

impl Users {
    /// `count` users, at least 1.
    pub fn new(seed: u64, count: u32) -> Self {
        Self {
            seed,
            count: count.max(1),
        }
    }

    /// The user of request `number`, below the count.
    ///
    /// This is `SplitMix64` (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
    /// 2014), whose n-th output needs no state but n.
    pub fn of(&self, number: u64) -> u32 {
        let mut z = self
            .seed
            .wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // The high part of a product is an even split without the bias of a remainder's low bits.
        let scaled = (u128::from(z) * u128::from(self.count)) >> 64;
        u32::try_from(scaled).expect("a 64-bit fraction of a u32 is below that u32")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn requests_are_evenly_spaced() {
        let schedule = Schedule::new(3, Duration::ZERO, seconds(2.0));
        assert_eq!(schedule.total(), 6);
        assert_eq!(schedule.offset(0), Duration::ZERO);
        assert_eq!(schedule.offset(1), Duration::from_nanos(333_333_333));
        assert_eq!(schedule.offset(3), seconds(1.0), "rounding does not add up");
    }

    #[test]
    fn the_last_request_starts_before_the_end() {
        for (rate, duration) in [(1, 0.5), (7, 1.3), (100_000, 600.0)] {
            let schedule = Schedule::new(rate, Duration::ZERO, seconds(duration));
            let total = schedule.total();
            assert!(
                schedule.offset(total - 1) < seconds(duration),
                "{rate}/s for {duration} s"
            );
            // An offset is rounded down to a nanosecond.
            assert!(schedule.offset(total) + Duration::from_nanos(1) >= seconds(duration));
        }
    }

    #[test]
    fn the_warm_up_is_not_measured() {
        let schedule = Schedule::new(10, seconds(1.0), seconds(2.0));
        assert_eq!((schedule.total(), schedule.measured()), (30, 20));
        assert!(!schedule.is_measured(9));
        assert!(schedule.is_measured(10));
    }

    #[test]
    fn a_seed_repeats_its_users_and_another_does_not() {
        let sequence = |seed| {
            (0..100)
                .map(|n| Users::new(seed, 10_000).of(n))
                .collect::<Vec<_>>()
        };
        assert_eq!(sequence(1), sequence(1));
        assert_ne!(sequence(1), sequence(2));
    }

    #[test]
    fn splitmix64_is_the_published_one() {
        // The reference implementation's first output for seed 0 is 0xe220a8397b1dcdaf, whose upper
        // 32 bits remain when there are 2^32 users; one user fewer does not change them here.
        assert_eq!(Users::new(0, u32::MAX).of(0), 0xe220_a838);
    }

    #[test]
    fn users_come_up_equally_often() {
        let users = Users::new(7, 10);
        let mut count = [0_u32; 10];
        for number in 0..100_000 {
            count[users.of(number) as usize] += 1;
        }
        // Five standard deviations of a binomial with n = 100,000 and p = 0.1 are 474.
        assert!(count.iter().all(|&n| n.abs_diff(10_000) < 474), "{count:?}");
    }
}
