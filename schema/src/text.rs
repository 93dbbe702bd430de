//! How text goes in and out: bounded, printable text in documents, and typed values in JSON.

use std::fmt;
use std::str::FromStr;

/// `text` as it may stand in a message: control characters escaped, at most 120 characters.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 120;
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == MOST {
            out.push('…');
            break;
        }
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Gives a type its JSON form: the text that `Display` prints and `FromStr` reads.
#[macro_export]
#[doc(hidden)]
macro_rules! text_serde {
    ($name:ident) => {
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }

        #[cfg(feature = "json-schema")]
        impl ::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!({ "type": "string" })
            }
        }
    };
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseTextError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let check: fn(&str) -> bool = $check;
                if text.len() <= MAX_TEXT_BYTES && !text.chars().any(is_unprintable) && check(text)
                {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(ParseTextError { text: shown(text), what: $what })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        crate::text_serde!($name);
    };
}

/// The most bytes that one text of a document may have.
pub const MAX_TEXT_BYTES: usize = 4096;

/// A text is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}")]
pub struct ParseTextError {
    text: String,
    what: &'static str,
}

/// Control characters, and the marks that turn the direction of what a person reads.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

bounded_text!(
    /// A line of text for people: no control characters, at most [`MAX_TEXT_BYTES`] bytes.
    Text,
    "line of text (no control characters, 1 to 4096 bytes)",
    |text| !text.is_empty()
);

bounded_text!(
    /// An address: `http(s)://`, `git://` or `ssh://`, also with `git+` in front.
    Url,
    "address: it begins with `https://`, `http://`, `git://` or `ssh://` and has no spaces or \
     quotes",
    |text| {
        let rest = text.strip_prefix("git+").unwrap_or(text);
        let schemes = ["https://", "http://", "git://", "ssh://"];
        schemes.iter().any(|scheme| rest.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
            && !text.contains([' ', '"', '\'', '<', '>', '`', '\\', '{', '}', '|', '^'])
    }
);

bounded_text!(
    /// A revision of a source repository: 40 or 64 lower-case hex digits.
    Revision,
    "revision: 40 or 64 lower-case hex digits",
    |text| {
        matches!(text.len(), 40 | 64)
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
);

bounded_text!(
    /// A moment in UTC (RFC 3339), such as `2026-11-23T06:00:00Z`.
    Timestamp,
    "time: write it in UTC, such as `2026-11-23T06:00:00Z`",
    |text| {
        let shape = b"dddd-dd-ddTdd:dd:dd";
        let Some(body) = text.strip_suffix('Z') else { return false };
        let (seconds, fraction) = body.split_at_checked(shape.len()).unwrap_or((body, ""));
        let fits = |(byte, shape): (u8, &u8)| match shape {
            b'd' => byte.is_ascii_digit(),
            other => byte == *other,
        };
        seconds.len() == shape.len()
            && seconds.bytes().zip(shape).all(fits)
            && (fraction.is_empty()
                || fraction.strip_prefix('.').is_some_and(|digits| {
                    (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
                }))
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_no_control_characters() {
        assert!("a good summary: «é», $(x) and <b>".parse::<Text>().is_ok());
        for text in ["", "two\nlines", "nul\0", "\u{1b}[31m", "turned \u{202e}"] {
            assert!(text.parse::<Text>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn addresses_are_of_four_schemes() {
        assert!("https://example.org/afw".parse::<Url>().is_ok());
        assert!("git+ssh://git@example.org/afw.git".parse::<Url>().is_ok());
        for text in ["javascript:alert(1)", "file:///etc/passwd", "https://", "https://a b", "x"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_utc() {
        for text in ["2026-11-23T06:00:00Z", "2026-11-23T06:00:00.123456Z"] {
            assert!(text.parse::<Timestamp>().is_ok(), "{text}");
        }
        for text in ["2026-11-23", "2026-11-23T06:00:00+01:00", "2026-11-23T06:00:00.Z", "Z"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn foreign_text_is_shown_short_and_harmless() {
        assert_eq!(shown("a\nb"), "a\\nb");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), 121);
    }
}
