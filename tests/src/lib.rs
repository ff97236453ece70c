//! Whole-box tests.
