//! Random choices that a seed determines: the same case on every machine, whatever a crate's next
//! version does.

/// `SplitMix64`, and how odd the case is that it makes.
pub(crate) struct Rng {
    state: u64,
    pub(crate) manner: Manner,
}

/// How a document and the contexts for it are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As most people do: the kinds that operators expect, plain numbers and words.
    Orderly,
    /// With odd values among them, and now and then one of a wrong kind.
    Ordinary,
    /// With wrong kinds, too few arguments, and what no schema allows.
    Careless,
}

impl Rng {
    /// A stream of its own for each `index` of a run, so that any case can be made again alone. So
    /// many of 100 are orderly, and a third of the rest careless.
    pub(crate) fn new(seed: u64, index: u64, orderly: usize) -> Self {
        let mut rng = Self {
            state: seed ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03),
            manner: Manner::Ordinary,
        };
        rng.manner = match (rng.percent(orderly), rng.below(3)) {
            (true, _) => Manner::Orderly,
            (false, 0) => Manner::Careless,
            (false, _) => Manner::Ordinary,
        };
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a usize fits");
        usize::try_from(self.next() % bound).expect("below a usize")
    }

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// True in so many of 100.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// True in so many of 100, unless the case is orderly.
    pub(crate) fn oddly(&mut self, percent: usize) -> bool {
        self.manner != Manner::Orderly && self.percent(percent)
    }

    /// True in so many of 100, where the case is careless.
    pub(crate) fn carelessly(&mut self, percent: usize) -> bool {
        self.manner == Manner::Careless && self.percent(percent)
    }

    /// One of a few.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// One of a few, where it is.
    pub(crate) fn choose<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut rng = Rng::new(1, 2, 50);
        let first: Vec<u64> = (0..3).map(|_| rng.next()).collect();
        assert_eq!(
            first,
            [
                12_263_173_775_250_516_379,
                13_231_671_062_125_055_659,
                5_991_738_177_580_281_056
            ]
        );
    }
}
