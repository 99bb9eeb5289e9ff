//! Money as whole minor units of a currency. Never a float, anywhere (W5).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An ISO 4217 alphabetic code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// Why a text is not a currency.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a currency is three letters of ISO 4217, such as GHS, NGN, INR or EUR")]
pub struct CurrencyError;

/// Every active ISO 4217 currency whose minor unit is not two digits, with its digits. All others have two.
const UNUSUAL_MINOR_UNITS: &[(&str, u32)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// The signs that people know a currency by. Where there is none, the code stands in front of the amount.
const SIGNS: &[(&str, &str)] = &[
    ("GHS", "₵"),
    ("NGN", "₦"),
    ("INR", "₹"),
    ("EUR", "€"),
    ("USD", "$"),
    ("GBP", "£"),
    ("JPY", "¥"),
    ("KES", "KSh"),
    ("UGX", "USh"),
    ("TZS", "TSh"),
    ("ZAR", "R"),
    ("XOF", "CFA"),
    ("XAF", "FCFA"),
];

/// The active alphabetic codes of ISO 4217 that name money in circulation.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD \
CAD CDF CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD \
HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA \
MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF \
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYI UYU UYW \
UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG";

impl Currency {
    /// Ghanaian cedi, the default of a new hostel.
    pub const GHS: Self = Self(*b"GHS");
    /// Euro.
    pub const EUR: Self = Self(*b"EUR");

    /// Reads an ISO 4217 code; case does not matter.
    pub fn parse(text: &str) -> Result<Self, CurrencyError> {
        let code = text.to_ascii_uppercase();
        let known = code.len() == 3 && CODES.split(' ').any(|known| known == code);
        match code.as_bytes() {
            &[a, b, c] if known => Ok(Self([a, b, c])),
            _ => Err(CurrencyError),
        }
    }

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// The sign that people know it by, such as `₵` or `€`; its code when it has none.
    #[must_use]
    pub fn sign(&self) -> &str {
        SIGNS.iter().find(|(code, _)| *code == self.code()).map_or_else(|| self.code(), |(_, sign)| sign)
    }

    /// How many digits stand behind the point: 2 for most, 0 for the yen, 3 for the dinar.
    #[must_use]
    pub fn minor_digits(&self) -> u32 {
        UNUSUAL_MINOR_UNITS.iter().find(|(code, _)| *code == self.code()).map_or(2, |(_, digits)| *digits)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// An amount: whole minor units of one currency. 450 cedis are `{"amount_minor": 45000, "currency": "GHS"}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(example = json!({"amount_minor": 45000, "currency": "GHS"})))]
pub struct Money {
    amount_minor: i64,
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "GHS"))]
    currency: Currency,
}

/// Why a sum could not be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MoneyError {
    /// Two currencies cannot be added.
    #[error("{0} and {1} cannot be added")]
    Mixed(Currency, Currency),
    /// The result does not fit 64 bits of minor units.
    #[error("the amount is too large")]
    TooLarge,
}

impl Money {
    /// What is told to somebody who sent a plain number or another shape.
    pub const SHAPE: &'static str = r#"must be an object like {"amount_minor": 45000, "currency": "GHS"}"#;

    /// An amount in whole minor units.
    #[must_use]
    pub const fn new(amount_minor: i64, currency: Currency) -> Self {
        Self { amount_minor, currency }
    }

    /// Nothing, in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Whole minor units, negative for a debt.
    #[must_use]
    pub const fn amount_minor(self) -> i64 {
        self.amount_minor
    }

    /// The currency of the amount.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as it stands on a receipt: sign, groups of thousands (of hundreds above the first thousand in rupees) and
    /// as many digits behind the point as the currency has, such as `₵1,234.50`, `₹12,34,567.00`, `KSh 80.00`, `-€0.05`.
    #[must_use]
    pub fn printed(self) -> String {
        let digits = self.currency.minor_digits();
        let (unit, amount) = (10u64.pow(digits), self.amount_minor.unsigned_abs());
        let minus = if self.amount_minor < 0 { "-" } else { "" };
        let sign = self.currency.sign();
        let gap = if sign.ends_with(|last: char| last.is_ascii_alphabetic()) { " " } else { "" };
        let whole = grouped(amount / unit, if self.currency.code() == "INR" { 2 } else { 3 });
        if digits == 0 {
            return format!("{minus}{sign}{gap}{whole}");
        }
        format!("{minus}{sign}{gap}{whole}.{:0width$}", amount % unit, width = digits as usize)
    }

    /// The sum of two amounts of the same currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let amount = self.amount_minor.checked_add(other.amount_minor).ok_or(MoneyError::TooLarge)?;
        Ok(Self::new(amount, self.currency))
    }

    /// This amount `count` times.
    pub fn checked_mul(self, count: i64) -> Result<Self, MoneyError> {
        let amount = self.amount_minor.checked_mul(count).ok_or(MoneyError::TooLarge)?;
        Ok(Self::new(amount, self.currency))
    }

    /// `numerator / denominator` of this amount, rounded half away from zero once. The denominator is positive.
    pub fn fraction(self, numerator: i64, denominator: i64) -> Result<Self, MoneyError> {
        let product = i128::from(self.amount_minor) * i128::from(numerator);
        let denominator = i128::from(denominator.max(1));
        let half = denominator / 2;
        let rounded = if product >= 0 { (product + half) / denominator } else { (product - half) / denominator };
        let amount = i64::try_from(rounded).map_err(|_overflow| MoneyError::TooLarge)?;
        Ok(Self::new(amount, self.currency))
    }
}

/// Digits with commas: the last three together, those before them in groups of `size`.
fn grouped(whole: u64, size: usize) -> String {
    let digits = whole.to_string();
    let count = digits.len();
    let comma = |left: usize| left >= 3 && (left - 3).is_multiple_of(size) && left < count;
    let mut text = String::with_capacity(count * 2);
    for (at, digit) in digits.chars().enumerate() {
        if comma(count - at) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.minor_digits();
        let unit = 10u64.pow(digits);
        let (sign, amount) = (if self.amount_minor < 0 { "-" } else { "" }, self.amount_minor.unsigned_abs());
        if digits == 0 {
            return write!(f, "{} {sign}{amount}", self.currency);
        }
        write!(f, "{} {sign}{}.{:0width$}", self.currency, amount / unit, amount % unit, width = digits as usize)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;

        impl<'de> de::Visitor<'de> for Shape {
            type Value = Money;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Money::SHAPE)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Money, A::Error> {
                let (mut amount, mut currency) = (None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "amount_minor" | "amountMinor" if amount.is_none() => amount = Some(map.next_value::<i64>()?),
                        "currency" if currency.is_none() => currency = Some(map.next_value::<Currency>()?),
                        other => {
                            return Err(de::Error::custom(format!(
                                "`{other}` is unknown or repeated; {}",
                                Money::SHAPE
                            )));
                        }
                    }
                }
                match (amount, currency) {
                    (Some(amount), Some(currency)) => Ok(Money::new(amount, currency)),
                    _ => Err(de::Error::custom(Money::SHAPE)),
                }
            }
        }

        deserializer.deserialize_any(Shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_a_known_code_in_any_case() {
        assert_eq!(Currency::parse("ghs"), Ok(Currency::GHS));
        assert_eq!(Currency::parse("ABC"), Err(CurrencyError));
        assert_eq!(Currency::parse("GH"), Err(CurrencyError));
        assert_eq!(Currency::parse(""), Err(CurrencyError));
        assert_eq!(Currency::parse("G S"), Err(CurrencyError));
    }

    #[test]
    fn money_reads_for_people_by_its_currency() {
        assert_eq!(Money::new(-45_005, Currency::GHS).to_string(), "GHS -450.05");
        assert_eq!(Money::new(450, Currency::parse("JPY").unwrap()).to_string(), "JPY 450");
        assert_eq!(Money::new(1_005, Currency::parse("KWD").unwrap()).to_string(), "KWD 1.005");
    }

    #[test]
    fn money_is_printed_with_the_sign_groups_and_digits_of_its_currency() {
        for (minor, code, printed) in [
            (123_450, "GHS", "₵1,234.50"),
            (99_999, "GHS", "₵999.99"),
            (100_000_000, "NGN", "₦1,000,000.00"),
            (123_456_700, "INR", "₹12,34,567.00"),
            (99_900, "INR", "₹999.00"),
            (-5, "EUR", "-€0.05"),
            (100, "USD", "$1.00"),
            (8_000, "KES", "KSh 80.00"),
            (1_000_000, "ZAR", "R 10,000.00"),
            (25_000, "XOF", "CFA 25,000"),
            (1_005, "KWD", "KWD 1.005"),
            (0, "JPY", "¥0"),
        ] {
            assert_eq!(Money::new(minor, Currency::parse(code).unwrap()).printed(), printed);
        }
        assert_eq!(Money::new(i64::MIN, Currency::GHS).printed(), "-₵92,233,720,368,547,758.08");
    }

    #[test]
    fn a_plain_number_is_refused_and_the_shape_is_shown() {
        let error = serde_json::from_str::<Money>("450.0").unwrap_err().to_string();
        assert!(error.contains("amount_minor"), "{error}");
        assert!(serde_json::from_str::<Money>(r#"{"amount_minor": 1.5, "currency": "GHS"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"amount_minor": 1, "currency": "GHS", "x": 1}"#).is_err());
    }

    #[test]
    fn a_fraction_rounds_half_up_once() {
        let rent = Money::new(45_001, Currency::GHS);
        assert_eq!(rent.fraction(1, 2), Ok(Money::new(22_501, Currency::GHS)));
        assert_eq!(rent.fraction(0, 30), Ok(Money::zero(Currency::GHS)));
        assert_eq!(Money::new(i64::MAX, Currency::GHS).fraction(2, 1), Err(MoneyError::TooLarge));
    }

    proptest::proptest! {
        #[test]
        fn fractions_of_a_whole_never_drift_by_more_than_a_unit_each(amount in -1_000_000_000i64..1_000_000_000, parts in 1i64..400) {
            let whole = Money::new(amount, Currency::EUR);
            let part = whole.fraction(1, parts).unwrap();
            let total = part.checked_mul(parts).unwrap();
            proptest::prop_assert!((total.amount_minor() - amount).abs() <= parts);
        }

        #[test]
        fn money_survives_json(amount in proptest::num::i64::ANY) {
            let money = Money::new(amount, Currency::GHS);
            let text = serde_json::to_string(&money).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<Money>(&text).unwrap(), money);
        }
    }
}
