//! Protocols as pure code.
