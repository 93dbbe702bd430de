//! Canonical JSON (RFC 8785), over which documents are digested.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::checksum::Digest;

/// A document has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// A number that is no integer below 2^53.
    #[error("the number `{number}` is no integer between 0 and 2^53")]
    Number {
        /// The number as written.
        number: String,
    },
    /// It cannot be written as JSON at all.
    #[error("the document cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// The form of `document` that is digested: RFC 8785, with nulls dropped from objects.
pub fn to_canonical<T: Serialize>(document: &T) -> Result<String, CanonicalError> {
    written(document, Nulls::Dropped)
}

/// The form of `document` that is kept: RFC 8785, nulls and all, so that it reads back.
pub fn to_kept<T: Serialize>(document: &T) -> Result<String, CanonicalError> {
    written(document, Nulls::Kept)
}

#[derive(Clone, Copy, PartialEq)]
enum Nulls {
    Dropped,
    Kept,
}

fn written<T: Serialize>(document: &T, nulls: Nulls) -> Result<String, CanonicalError> {
    let mut text = String::new();
    write(&serde_json::to_value(document)?, nulls, &mut text)?;
    Ok(text)
}

/// The SHA-256 of the canonical form of `document`.
pub fn digest<T: Serialize>(document: &T) -> Result<Digest, CanonicalError> {
    Ok(Digest::of(to_canonical(document)?.as_bytes()))
}

fn write(value: &Value, nulls: Nulls, text: &mut String) -> Result<(), CanonicalError> {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => match number.as_u64().filter(|number| *number < 1 << 53) {
            Some(number) => text.push_str(&number.to_string()),
            None => return Err(CanonicalError::Number { number: number.to_string() }),
        },
        // serde_json escapes just what RFC 8785 (section 3.2.2.2) escapes, and in the same way.
        Value::String(string) => text.push_str(&serde_json::to_string(string)?),
        Value::Array(items) => write_array(items, nulls, text)?,
        Value::Object(fields) => write_object(fields, nulls, text)?,
    }
    Ok(())
}

fn write_array(items: &[Value], nulls: Nulls, text: &mut String) -> Result<(), CanonicalError> {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(item, nulls, text)?;
    }
    text.push(']');
    Ok(())
}

fn write_object(
    fields: &Map<String, Value>,
    nulls: Nulls,
    text: &mut String,
) -> Result<(), CanonicalError> {
    let keeps = |value: &Value| nulls == Nulls::Kept || !value.is_null();
    let mut sorted: Vec<(&String, &Value)> =
        fields.iter().filter(|(_, value)| keeps(value)).collect();
    // RFC 8785, section 3.2.3: by UTF-16 code units.
    sorted.sort_by(|(one, _), (two, _)| one.encode_utf16().cmp(two.encode_utf16()));
    text.push('{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(name)?);
        text.push(':');
        write(value, nulls, text)?;
    }
    text.push('}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_by_utf16_and_nulls_dropped() {
        // The order of RFC 8785, section 3.2.3.
        let document = json!({
            "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6,
            "\u{f6}": 7, "gone": null
        });

        let text = to_canonical(&document).unwrap();

        let expected = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_kept_has_its_nulls() {
        assert_eq!(to_kept(&json!({"b": null, "a": [null]})).unwrap(), r#"{"a":[null],"b":null}"#);
        assert_eq!(to_canonical(&json!({"b": null, "a": [null]})).unwrap(), r#"{"a":[null]}"#);
    }

    #[test]
    fn strings_are_escaped_as_the_rfc_says() {
        let document = json!(["\u{20ac}$\u{f}\nA'B\"\\\\\"/"]);
        assert_eq!(
            to_canonical(&document).unwrap(),
            "[\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"]"
        );
    }

    #[test]
    fn numbers_are_integers_below_two_to_the_53() {
        assert!(to_canonical(&json!(9_007_199_254_740_991_u64)).is_ok());
        assert!(to_canonical(&json!(9_007_199_254_740_992_u64)).is_err());
        assert!(to_canonical(&json!(1.5)).is_err());
        assert!(to_canonical(&json!(-1)).is_err());
    }
}
