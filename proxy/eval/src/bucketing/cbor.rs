//! Deterministic CBOR (RFC 8949, section 4.2.1), straight into the hash: no buffer in between.

use super::Murmur;

impl Murmur {
    /// Takes the CBOR of a string.
    #[inline]
    pub fn cbor_text(&mut self, text: &str) {
        self.cbor_head(3, text.len() as u64);
        self.update(text.as_bytes());
    }

    /// Takes the CBOR head of an array of `items` items.
    #[inline]
    pub fn cbor_array(&mut self, items: usize) {
        self.cbor_head(4, items as u64);
    }

    /// Takes the CBOR head of a map of `members` members.
    pub fn cbor_map(&mut self, members: usize) {
        self.cbor_head(5, members as u64);
    }

    /// Takes the CBOR of null.
    pub fn cbor_null(&mut self) {
        self.update(&[0xf6]);
    }

    /// Takes the CBOR of a boolean.
    pub fn cbor_bool(&mut self, value: bool) {
        self.update(&[if value { 0xf5 } else { 0xf4 }]);
    }

    /// Takes the CBOR of an integer.
    pub fn cbor_integer(&mut self, value: i64) {
        // -1 - n is !n, and needs no wider type.
        if value < 0 {
            self.cbor_head(1, !value.cast_unsigned());
        } else {
            self.cbor_head(0, value.cast_unsigned());
        }
    }

    /// Takes the CBOR of an integer that is not negative.
    pub fn cbor_unsigned(&mut self, value: u64) {
        self.cbor_head(0, value);
    }

    /// Takes the CBOR of a number: as an integer where it is one in range.
    pub fn cbor_number(&mut self, value: f64) {
        const TWO_63: f64 = 9_223_372_036_854_775_808.0;
        const TWO_64: f64 = 18_446_744_073_709_551_616.0;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // In range, without fraction.
        if value.fract() == 0.0 && (-TWO_63..TWO_64).contains(&value) {
            if value < 0.0 {
                self.cbor_integer(value as i64);
            } else {
                self.cbor_unsigned(value as u64);
            }
        } else {
            self.cbor_float(value);
        }
    }

    /// The shortest of half, single and double precision that holds the value.
    fn cbor_float(&mut self, value: f64) {
        if value.is_nan() {
            return self.update(&[0xf9, 0x7e, 0x00]);
        }
        #[allow(clippy::cast_possible_truncation)] // Compared afterwards.
        let single = value as f32;
        if f64::from(single).to_bits() != value.to_bits() {
            self.update(&[0xfb]);
            return self.update(&value.to_be_bytes());
        }
        if let Some(half) = half(single) {
            self.update(&[0xf9]);
            self.update(&half.to_be_bytes());
        } else {
            self.update(&[0xfa]);
            self.update(&single.to_be_bytes());
        }
    }

    /// The initial byte of a data item, and its argument in the fewest bytes.
    #[inline]
    fn cbor_head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        match u8::try_from(argument) {
            Ok(small) if small < 0x18 => self.push([major | small, 0, 0, 0], 1),
            Ok(small) => self.push([major | 0x18, small, 0, 0], 2),
            // By value, so that the state of a short one need not be in memory.
            Err(_) => *self = self.cbor_long_head(major, argument),
        }
    }

    #[cold]
    fn cbor_long_head(mut self, major: u8, argument: u64) -> Self {
        if let Ok(short) = u16::try_from(argument) {
            let [a, b] = short.to_be_bytes();
            self.push([major | 0x19, a, b, 0], 3);
        } else if let Ok(word) = u32::try_from(argument) {
            self.push([major | 0x1a, 0, 0, 0], 1);
            self.update(&word.to_be_bytes());
        } else {
            self.push([major | 0x1b, 0, 0, 0], 1);
            self.update(&argument.to_be_bytes());
        }
        self
    }
}

/// The half-precision float equal to `value`, if there is one.
fn half(value: f32) -> Option<u16> {
    let bits = value.to_bits();
    let sign = u16::try_from(bits >> 16).ok()? & 0x8000;
    let exponent = i32::try_from((bits >> 23) & 0xff).ok()? - 127;
    let mantissa = bits & 0x007f_ffff;
    let magnitude = match exponent {
        // Zero; single-precision subnormals are far below the smallest half.
        -127 if mantissa == 0 => 0,
        128 if mantissa == 0 => 0x7c00,
        -14..=15 if mantissa.trailing_zeros() >= 13 => {
            (u32::try_from(exponent + 15).ok()? << 10) | (mantissa >> 13)
        }
        -24..=-15 => {
            // A subnormal half counts units of 2^-24.
            let significand = mantissa | 0x0080_0000;
            let drop = u32::try_from(-1 - exponent).ok()?;
            if significand.trailing_zeros() < drop {
                return None;
            }
            significand >> drop
        }
        _ => return None,
    };
    Some(sign | u16::try_from(magnitude).ok()?)
}

#[cfg(test)]
mod tests {
    use super::Murmur;

    #[track_caller]
    fn check(encode: impl FnOnce(&mut Murmur), bytes: &[u8]) {
        let mut murmur = Murmur::new();
        encode(&mut murmur);
        assert_eq!(murmur.finish(), Murmur::hash(bytes), "not {bytes:02x?}");
    }

    /// RFC 8949, appendix A, as far as JSON goes.
    #[test]
    fn the_examples_of_the_rfc() {
        let integers: [(i64, &[u8]); 12] = [
            (0, &[0x00]),
            (10, &[0x0a]),
            (23, &[0x17]),
            (24, &[0x18, 0x18]),
            (100, &[0x18, 0x64]),
            (1000, &[0x19, 0x03, 0xe8]),
            (1_000_000, &[0x1a, 0x00, 0x0f, 0x42, 0x40]),
            (
                1_000_000_000_000,
                &[0x1b, 0x00, 0x00, 0x00, 0xe8, 0xd4, 0xa5, 0x10, 0x00],
            ),
            (-1, &[0x20]),
            (-10, &[0x29]),
            (-100, &[0x38, 0x63]),
            (-1000, &[0x39, 0x03, 0xe7]),
        ];
        for (value, bytes) in integers {
            check(|murmur| murmur.cbor_integer(value), bytes);
            #[expect(clippy::cast_precision_loss, reason = "all of them are below 2^53")]
            check(|murmur| murmur.cbor_number(value as f64), bytes);
        }
        let floats: [(f64, &[u8]); 11] = [
            (-0.0, &[0x00]),
            (1.0, &[0x01]),
            (1.1, &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]),
            (1.5, &[0xf9, 0x3e, 0x00]),
            (3.402_823_466_385_288_6e38, &[0xfa, 0x7f, 0x7f, 0xff, 0xff]),
            (
                1.0e300,
                &[0xfb, 0x7e, 0x37, 0xe4, 0x3c, 0x88, 0x00, 0x75, 0x9c],
            ),
            (5.960_464_477_539_063e-8, &[0xf9, 0x00, 0x01]),
            (0.000_061_035_156_25, &[0xf9, 0x04, 0x00]),
            (
                -4.1,
                &[0xfb, 0xc0, 0x10, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66],
            ),
            (f64::INFINITY, &[0xf9, 0x7c, 0x00]),
            (f64::NAN, &[0xf9, 0x7e, 0x00]),
        ];
        for (value, bytes) in floats {
            check(|murmur| murmur.cbor_number(value), bytes);
        }
        check(
            |murmur| murmur.cbor_unsigned(u64::MAX),
            &[0x1b, 255, 255, 255, 255, 255, 255, 255, 255],
        );
        check(
            |murmur| murmur.cbor_integer(i64::MIN),
            &[0x3b, 0x7f, 255, 255, 255, 255, 255, 255, 255],
        );
        check(Murmur::cbor_null, &[0xf6]);
        check(|murmur| murmur.cbor_bool(false), &[0xf4]);
        check(|murmur| murmur.cbor_bool(true), &[0xf5]);
        check(
            |murmur| murmur.cbor_text("IETF"),
            &[0x64, 0x49, 0x45, 0x54, 0x46],
        );
        check(
            |murmur| murmur.cbor_text("\u{10151}"),
            &[0x64, 0xf0, 0x90, 0x85, 0x91],
        );
        check(|murmur| murmur.cbor_array(0), &[0x80]);
        check(|murmur| murmur.cbor_array(25), &[0x98, 0x19]);
        check(|murmur| murmur.cbor_map(2), &[0xa2]);
    }

    #[test]
    fn the_range_of_integers_ends_where_64_bits_end() {
        let two_63 = 9_223_372_036_854_775_808.0;
        check(
            |murmur| murmur.cbor_number(-two_63),
            &[0x3b, 0x7f, 255, 255, 255, 255, 255, 255, 255],
        );
        check(
            |murmur| murmur.cbor_number(two_63),
            &[0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0],
        );
        check(
            |murmur| murmur.cbor_number(2.0 * two_63),
            &[0xfa, 0x5f, 0x80, 0x00, 0x00],
        );
    }

    /// Each half, and its neighbours in single precision, which are none.
    #[test]
    fn halves_are_found_and_nothing_else() {
        for bits in 0..0x7c00_u16 {
            let value = if bits < 0x400 {
                f32::from(bits) * 2_f32.powi(-24)
            } else {
                let exponent = i32::from(bits >> 10) - 25;
                f32::from((bits & 0x3ff) | 0x400) * 2_f32.powi(exponent)
            };
            assert_eq!(super::half(value), Some(bits));
            assert_eq!(super::half(-value), Some(bits | 0x8000));
            assert_eq!(
                super::half(f32::from_bits(value.to_bits() + 1)),
                None,
                "after {value}"
            );
        }
        assert_eq!(super::half(65_536.0), None);
        assert_eq!(super::half(2_f32.powi(-25)), None);
    }
}
