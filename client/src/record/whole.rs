//! Parts of a record joined into one; who said what is kept, so that a contradiction can be told.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Bytes, Error};

/// What was said so far: dotted field, value, and who said it.
#[derive(Default)]
pub(super) struct Whole {
    fields: BTreeMap<String, (Value, String)>,
}

impl Whole {
    /// Joins `fields`, which stand at `place`.
    pub(super) fn join(
        &mut self,
        place: &str,
        said_by: &str,
        fields: &Map<String, Value>,
    ) -> Result<(), Error> {
        for (name, value) in fields {
            let field = format!("{place}{name}");
            // The two objects of which one may say a part and another the rest.
            let in_parts = matches!(field.as_str(), "source" | "archive");
            match value.as_object().filter(|_| in_parts) {
                Some(inner) => self.join(&format!("{field}."), said_by, inner)?,
                None => self.say(field, value.clone(), said_by)?,
            }
        }
        Ok(())
    }

    fn say(&mut self, field: String, value: Value, said_by: &str) -> Result<(), Error> {
        match self.fields.get(&field) {
            Some((known, _)) if *known == value => Ok(()),
            Some((known, who)) => Err(Error::Contradiction {
                field,
                one: who.clone(),
                one_value: known.to_string(),
                two: said_by.to_owned(),
                two_value: value.to_string(),
            }),
            None => {
                self.fields.insert(field, (value, said_by.to_owned()));
                Ok(())
            }
        }
    }

    /// Joins what the archive itself says.
    ///
    /// A name that was given stays: the file may lie under another one for a while.
    pub(super) fn join_bytes(&mut self, bytes: &Bytes) -> Result<(), Error> {
        let said_by = format!("the file `{}`", bytes.name);
        if let Some((Value::Null, who)) = self.fields.get("archive") {
            return Err(Error::Contradiction {
                field: "archive".to_owned(),
                one: who.clone(),
                one_value: "null".to_owned(),
                two: said_by,
                two_value: format!("\"{}\"", bytes.sha256),
            });
        }
        self.say("archive.sha256".to_owned(), json!(bytes.sha256), &said_by)?;
        if self.fields.contains_key("archive.size") {
            self.say("archive.size".to_owned(), json!(bytes.size), &said_by)?;
        }
        if !self.fields.contains_key("archive.name") {
            self.say("archive.name".to_owned(), json!(bytes.name), &said_by)?;
        }
        Ok(())
    }

    /// Whether somebody said `field`.
    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// All of it, as one object.
    pub(super) fn to_fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        for (field, (value, _)) in &self.fields {
            match field.split_once('.') {
                Some((place, name)) if matches!(place, "source" | "archive") => {
                    let inner = fields.entry(place).or_insert_with(|| json!({}));
                    inner[name] = value.clone();
                }
                _ => {
                    fields.insert(field.clone(), value.clone());
                }
            }
        }
        fields
    }
}
