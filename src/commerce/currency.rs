//! Currencies (ISO 4217) and the digits of their minor units.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::json::{At, Describe, Faults, Raw, Read, Schemas};

/// A currency in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency(&'static str);

impl Currency {
    /// The currency of a code of three capitals.
    pub fn parse(code: &str) -> Option<Currency> {
        let tables = [
            WITH_NO_DIGITS,
            WITH_TWO_DIGITS,
            WITH_THREE_DIGITS,
            WITH_FOUR_DIGITS,
        ];
        let known = tables.into_iter().flat_map(|table| table.split(' '));
        known.into_iter().find(|known| *known == code).map(Currency)
    }

    /// The code.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Digits after the point: an amount of 1 is that fraction of the currency's unit.
    pub fn exponent(self) -> u32 {
        let is_in = |table: &str| table.split(' ').any(|code| code == self.0);
        match () {
            () if is_in(WITH_NO_DIGITS) => 0,
            () if is_in(WITH_THREE_DIGITS) => 3,
            () if is_in(WITH_FOUR_DIGITS) => 4,
            () => 2,
        }
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl Read for Currency {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Currency> {
        let currency = raw.text().and_then(Currency::parse);
        if currency.is_none() {
            faults.add(at, "currency", "must be a currency of ISO 4217 such as EUR");
        }
        currency
    }
}

impl Describe for Currency {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "pattern": "^[A-Z]{3}$" })
    }
}

const WITH_NO_DIGITS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const WITH_THREE_DIGITS: &str = "BHD IQD JOD KWD LYD OMR TND";
const WITH_FOUR_DIGITS: &str = "CLF UYW";
const WITH_TWO_DIGITS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV \
    BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN \
    ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR \
    KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN \
    NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP \
    SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES \
    WST XCD XCG YER ZAR ZMW ZWG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_units_have_the_digits_of_the_standard() {
        let exponents = ["JPY", "KWD", "EUR", "CLF", "USD"]
            .map(|code| Currency::parse(code).map(Currency::exponent));
        assert_eq!(exponents, [Some(0), Some(3), Some(2), Some(4), Some(2)]);
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for code in ["", "eur", "EURO", "XXX", "EUR ", "E R", "EUR USD"] {
            assert_eq!(Currency::parse(code), None, "{code:?}");
        }
    }
}
