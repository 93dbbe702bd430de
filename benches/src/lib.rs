//! The flows that someone waits for, measured against peers.
