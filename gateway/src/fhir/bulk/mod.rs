//! Bulk Data Access 2: what an export or an import is asked to do, and how its manifest is written.
//!
//! `export` reads the parameters of `$export`, `import` the manifest of `$import`, `pairs` turns a Parameters resource
//! into names and values, `manifest` writes what a finished export answers. Running the work, keeping its files and
//! deciding who may are left to the server.

pub mod export;
pub mod import;
pub mod later;
pub mod manifest;
mod pairs;

pub use pairs::pairs;
