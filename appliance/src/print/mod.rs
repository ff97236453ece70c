//! Pages as PDF: shaped text in embedded fonts, lines, filled squares. Pure: what is drawn goes in, bytes come out, the same
//! bytes for the same page.
//!
//! `face` knows the fonts and shapes text, `pdf` writes the file. What stands on a page is the matter of the room whose
//! page it is.

pub mod face;
pub mod pdf;
