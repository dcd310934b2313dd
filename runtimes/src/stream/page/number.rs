//! Numbers with units, in the digits that a measurement has.

/// What stands where there is no figure.
pub(super) const MISSING: &str = "n/a";

/// What figures of one kind count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    MibPerSecond,
    NanosPerByte,
    Nanos,
    NanosPerWrite,
    PollsPerWrite,
    Micros,
    Bytes,
    /// Memory that may be little.
    Heap,
    Cores,
    PerMib,
    PerByte,
    /// A plain number.
    Times,
    /// From 0 to 1.
    Share,
}

/// A unit to write figures in that are about as great.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    per: f64,
    /// The unit, or nothing if the figure has none.
    pub(super) suffix: &'static str,
}

impl Unit {
    /// The unit that suits `value`.
    pub(super) fn scale(self, value: f64) -> Scale {
        let (per, suffix) = match self {
            Self::MibPerSecond => (1.0, "MiB/s"),
            Self::NanosPerByte => (1.0, "ns/B"),
            Self::Nanos => (1.0, "ns"),
            Self::NanosPerWrite => (1.0, "ns"),
            Self::PollsPerWrite => (1.0, "polls"),
            Self::Micros if value >= 1e6 => (1e6, "s"),
            Self::Micros if value >= 1e3 => (1e3, "ms"),
            Self::Micros => (1.0, "µs"),
            Self::Bytes => (1024.0 * 1024.0, "MiB"),
            Self::Heap if value >= 1024.0 * 1024.0 => (1024.0 * 1024.0, "MiB"),
            Self::Heap if value >= 1024.0 => (1024.0, "KiB"),
            Self::Heap => (1.0, "B"),
            Self::Cores => (1.0, "cores"),
            Self::PerMib => (1.0, "per MiB"),
            Self::PerByte => (1.0, "B/B"),
            Self::Times => (1.0, ""),
            Self::Share => (0.01, "%"),
        };
        Scale { per, suffix }
    }

    /// The unit, where it is the same for all values.
    pub(super) fn fixed(self) -> Option<&'static str> {
        (!matches!(self, Self::Micros | Self::Heap)).then(|| self.scale(0.0).suffix)
    }
}

impl Scale {
    /// A value in this unit.
    pub(super) fn scaled(self, value: f64) -> f64 {
        value / self.per
    }

    /// A value without its unit.
    pub(super) fn number(self, value: f64) -> String {
        digits(value / self.per)
    }

    /// A round value without its unit, as it stands at an axis.
    pub(super) fn tick(self, value: f64) -> String {
        short(value / self.per)
    }

    /// Where an axis ends that has to show medians and, unless a stray one would squeeze all others, what they are medians
    /// of: at a round number, whose half is round too.
    pub(super) fn end(self, greatest_median: f64, greatest: f64) -> f64 {
        ceiling(greatest.min(1.5 * greatest_median) / self.per) * self.per
    }

    /// A value with its unit.
    pub(super) fn text(self, value: f64) -> String {
        format!("{} {}", self.number(value), self.suffix).trim_end().to_owned()
    }
}

/// A number to three digits, plain where that is short.
pub(super) fn digits(value: f64) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let size = rounded.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if (1e-4..1e9).contains(&size) {
        // At least one digit before the point, and three that count.
        let decimals = (2 - size.log10().floor() as i32).max(0) as usize;
        let text = format!("{rounded:.decimals$}");
        if size < 1000.0 { text } else { grouped(&text) }
    } else {
        format!("{rounded:.2e}")
    }
}

/// The same without zeros that say nothing, for values that were chosen.
pub(super) fn short(value: f64) -> String {
    let text = digits(value);
    match text.split_once('.') {
        Some((_, decimals)) if !decimals.contains('e') => {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => text,
    }
}

/// A ratio, to the hundredth as long as that says something.
pub(super) fn ratio(value: f64) -> String {
    if (0.1..100.0).contains(&value) { format!("{value:.2}") } else { digits(value) }
}

/// A number of things, exactly.
pub(super) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A length, exactly.
pub(super) fn bytes(value: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = units.into_iter().find(|&(unit, _)| value >= unit && value.is_multiple_of(unit));
    match whole {
        Some((unit, name)) => format!("{} {name}", count(value / unit)),
        None => format!("{} B", count(value)),
    }
}

/// Commas between thousands.
fn grouped(integer: &str) -> String {
    let (sign, integer) = integer.strip_prefix('-').map_or(("", integer), |rest| ("-", rest));
    let mut text = sign.to_owned();
    for (index, digit) in integer.chars().enumerate() {
        if index > 0 && (integer.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn ceiling(value: f64) -> f64 {
    if !(value.is_finite() && value > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powi(value.log10().floor() as i32);
    let steps = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|&end| end >= value).unwrap_or(10.0 * power)
}
