//! What an address is, and what one has to have.

use serde_json::{Value, json};

use super::super::fields::Phone;
use super::countries::{is_country, is_postal_code};
use crate::id::Id;
use crate::json::{At, Change, Describe, Faults, Line, Raw, Read, Schemas, Time};

crate::shape! {
    /// An address.
    pub struct Address writes {
        pub id: Id,
        pub version: i64,
        pub label: Option<String>,
        pub recipient: String,
        pub line1: String,
        pub line2: Option<String>,
        pub city: String,
        pub region: Option<String>,
        pub postal_code: String,
        pub country: String,
        pub phone: Option<String>,
        /// One of a user's addresses is.
        pub is_default: bool,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

crate::shape! {
    /// What `POST /api/v1/users/:id/addresses` takes.
    pub struct CreateAddress reads {
        /// What the user calls it.
        pub label: Option<Line<1, 50>>,
        pub recipient: Line<1, 100>,
        pub line1: Line<1, 200>,
        pub line2: Option<Line<1, 200>>,
        pub city: Line<1, 100>,
        pub region: Option<Line<1, 100>>,
        pub postal_code: Line<1, 12>,
        pub country: Country,
        pub phone: Option<Phone>,
        /// The first address is the default in any case.
        pub is_default: Option<bool>,
    }
}

crate::shape! {
    /// What `PUT /api/v1/users/:id/addresses/:addressId` takes; what is absent stays as it is.
    pub struct UpdateAddress reads {
        pub label: Change<Line<1, 50>>,
        pub recipient: Option<Line<1, 100>>,
        pub line1: Option<Line<1, 200>>,
        pub line2: Change<Line<1, 200>>,
        pub city: Option<Line<1, 100>>,
        pub region: Change<Line<1, 100>>,
        pub postal_code: Option<Line<1, 12>>,
        pub country: Option<Country>,
        pub phone: Change<Phone>,
        /// `true` takes it from the address that was it; there is no default only without
        /// addresses, so `false` is refused for the one that is.
        pub is_default: Option<bool>,
    }
}

/// A country by its two capital letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country(String);

impl Country {
    /// The letters on their own.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Read for Country {
    fn read(raw: Raw<'_, '_>, at: &At<'_>, faults: &mut Faults) -> Option<Country> {
        let code = raw.text().filter(|text| is_country(text));
        if code.is_none() {
            faults.add(
                at,
                "country",
                "must be a country's two letters (ISO 3166-1)",
            );
        }
        code.map(|code| Country(code.to_owned()))
    }
}

impl Describe for Country {
    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "pattern": "^[A-Z]{2}$" })
    }
}

/// Why an address is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// The code is none of the country.
    PostalCode,
    /// The default address can only be replaced by another.
    DefaultIsNeeded,
}

/// A fresh address; `is_first` where the user has none.
pub fn created(id: Id, create: CreateAddress, is_first: First) -> Result<Address, AddressFault> {
    let text = |text: Option<Line<1, 200>>| text.map(Line::into_string);
    let address = Address {
        id,
        version: 1,
        label: create.label.map(Line::into_string),
        recipient: create.recipient.into_string(),
        line1: create.line1.into_string(),
        line2: text(create.line2),
        city: create.city.into_string(),
        region: create.region.map(Line::into_string),
        postal_code: create.postal_code.into_string(),
        country: create.country.into_string(),
        phone: create.phone.map(Phone::into_string),
        is_default: is_first == First::Yes || create.is_default.unwrap_or(false),
        created_at: Time(0),
        updated_at: Time(0),
    };
    checked(address)
}

/// Whether it is a user's first address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// The address after an update.
pub fn updated(mut address: Address, update: UpdateAddress) -> Result<Address, AddressFault> {
    if address.is_default && update.is_default == Some(false) {
        return Err(AddressFault::DefaultIsNeeded);
    }
    let set = |field: &mut String, value: Option<String>| {
        if let Some(value) = value {
            *field = value;
        }
    };
    address.label = update.label.map(Line::into_string).over(address.label);
    set(
        &mut address.recipient,
        update.recipient.map(Line::into_string),
    );
    set(&mut address.line1, update.line1.map(Line::into_string));
    address.line2 = update.line2.map(Line::into_string).over(address.line2);
    set(&mut address.city, update.city.map(Line::into_string));
    address.region = update.region.map(Line::into_string).over(address.region);
    set(
        &mut address.postal_code,
        update.postal_code.map(Line::into_string),
    );
    set(
        &mut address.country,
        update.country.map(Country::into_string),
    );
    address.phone = update.phone.map(Phone::into_string).over(address.phone);
    address.is_default = update.is_default.unwrap_or(address.is_default);
    checked(address)
}

fn checked(address: Address) -> Result<Address, AddressFault> {
    if is_postal_code(&address.country, &address.postal_code) {
        Ok(address)
    } else {
        Err(AddressFault::PostalCode)
    }
}

/// Addresses of one user.
pub const ADDRESSES_MAX: i64 = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read_body;

    const WHOLE: &str = r#"{"recipient": "Ada", "line1": "1 Road", "city": "Berlin",
        "postal_code": "10115", "country": "DE"}"#;

    fn create(text: &str) -> CreateAddress {
        read_body(&mut text.as_bytes().to_vec()).unwrap()
    }

    fn update(text: &str) -> UpdateAddress {
        read_body(&mut text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_first_is_the_default() {
        let id = Id::fresh();
        assert!(created(id, create(WHOLE), First::Yes).unwrap().is_default);
        assert!(!created(id, create(WHOLE), First::No).unwrap().is_default);
        let wishes = WHOLE.replace('}', r#", "is_default": true}"#);
        assert!(created(id, create(&wishes), First::No).unwrap().is_default);
    }

    #[test]
    fn code_and_country_go_together_also_after_an_update() {
        let id = Id::fresh();
        let odd = WHOLE.replace("10115", "1011");
        let fault = created(id, create(&odd), First::Yes).unwrap_err();
        assert_eq!(fault, AddressFault::PostalCode);
        let address = created(id, create(WHOLE), First::Yes).unwrap();
        let moved = updated(address.clone(), update(r#"{"country": "GB"}"#));
        assert_eq!(moved.unwrap_err(), AddressFault::PostalCode);
        let text = r#"{"country": "GB", "postal_code": "M1 1AE", "phone": null}"#;
        let moved = updated(address, update(text)).unwrap();
        assert_eq!((&*moved.country, &*moved.city), ("GB", "Berlin"));
    }

    #[test]
    fn the_default_is_replaced_and_not_dropped() {
        let address = created(Id::fresh(), create(WHOLE), First::Yes).unwrap();
        let dropped = updated(address, update(r#"{"is_default": false}"#));
        assert_eq!(dropped.unwrap_err(), AddressFault::DefaultIsNeeded);
    }

    #[test]
    fn every_missing_part_is_told() {
        let mut body = br#"{"country": "Germany"}"#.to_vec();
        let fault = read_body::<CreateAddress>(&mut body).unwrap_err();
        let expected = ["/country", "/recipient", "/line1", "/city", "/postal_code"];
        assert_eq!(fault.pointers(), expected);
    }
}
