//! What the values of an attribute look like.

crate::choice! {
    /// What an attribute's values are.
    pub enum Kind { Text = "text", Number = "number", Color = "color", Boolean = "boolean" }
}

impl Kind {
    /// Why a text is no value of this kind; nothing where it is one.
    pub fn fault_of(self, value: &str) -> Option<&'static str> {
        match self {
            Kind::Text => None,
            Kind::Number => (!is_decimal(value)).then_some("must be a decimal number such as 12.5"),
            Kind::Color => (!is_color(value)).then_some("must be a colour such as #1e90ff"),
            Kind::Boolean => {
                (!matches!(value, "true" | "false")).then_some("must be true or false")
            }
        }
    }
}

fn is_decimal(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(fraction)
}

fn is_color(value: &str) -> bool {
    let digits = value.strip_prefix('#').unwrap_or_default();
    digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_kind() {
        for (kind, value, is_one) in [
            (Kind::Text, "anything", true),
            (Kind::Number, "12", true),
            (Kind::Number, "-0.50", true),
            (Kind::Number, "1e3", false),
            (Kind::Number, ".5", false),
            (Kind::Number, "1.", false),
            (Kind::Number, "--1", false),
            (Kind::Color, "#1e90FF", true),
            (Kind::Color, "#1e9", false),
            (Kind::Color, "1e90ff", false),
            (Kind::Boolean, "true", true),
            (Kind::Boolean, "yes", false),
        ] {
            assert_eq!(kind.fault_of(value).is_none(), is_one, "{kind:?} {value}");
        }
    }
}
