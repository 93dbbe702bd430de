//! Plans on SQLite against the definition, word for word.
